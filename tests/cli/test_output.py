#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What memgap watch prints: the line format, tables, JSON schema 1, names of all kinds."""
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import LINE, MEMGAP, QUIET, SUMMARY, WORKLOAD, Cgroup, Program, Workload, run_watch  # noqa: E402

INT, REAL, TEXT = int, (int, float), str


def maybe(kind):
    return (*(kind if isinstance(kind, tuple) else (kind,)), type(None))


SCHEMA = {
    "schema": INT, "time": TEXT, "elapsed_s": REAL,
    "target": {"kind": TEXT, "pid": maybe(INT), "comm": maybe(TEXT), "cgroup": maybe(TEXT), "container": maybe(TEXT),
               "pod": maybe(TEXT), "namespace": maybe(TEXT), "processes": INT},
    "allocator": {"name": maybe(TEXT), "source": TEXT, "alloc": maybe(INT), "total_alloc": maybe(INT), "mallocs": maybe(INT),
                  "frees": maybe(INT), "baseline": maybe(INT), "sys": maybe(INT), "num_gc": maybe(INT), "missed": maybe(INT),
                  "overhead_percent": maybe(REAL), "alloc_error": maybe(INT), "total_error": maybe(INT), "heap": maybe(dict),
                  "go": maybe(dict)},
    "kernel": {"rss": maybe(INT), "rss_anon": maybe(INT), "rss_file": maybe(INT), "rss_shmem": maybe(INT), "pss": maybe(INT),
               "swap": maybe(INT), "lazyfree": maybe(INT),
               "flow": {"mapped": maybe(INT), "unmapped": maybe(INT), "brk": maybe(INT), "returned": maybe(INT)},
               "cgroup": {"current": maybe(INT), "limit": maybe(INT), "anon": maybe(INT), "file": maybe(INT),
                          "inactive_file": maybe(INT), "kernel": maybe(INT), "working_set": maybe(INT), "oom_kills": maybe(INT),
                          "psi_some_avg10": maybe(REAL)}},
    "gap": {"bytes": maybe(INT), "percent": maybe(REAL), "trimmable": maybe(INT), "pinned": maybe(INT), "growth_per_s": maybe(INT), "verdict": TEXT,
            "why": TEXT},
    "trim": {"count": INT, "last": maybe(dict)},
}


# those of what is piped
COLUMNS = ["TARGET", "ALLOC", "RSS", "GAP", "GAP%", "CGROUP", "LIMIT", "TRIMMABLE", "SYS", "PROCS", "PSI%", "MISSED",
           "VERDICT"]
ESCAPE = r"\x1b\[\d*m"


class Terminal:
    """A pseudo-terminal that a program writes to."""

    def __init__(self, test, columns):
        self.master, self.slave = pty.openpty()
        test.addCleanup(os.close, self.master)
        test.addCleanup(os.close, self.slave)
        self.resize(columns)

    def resize(self, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


def tables(lines):
    """The tables that lines hold, each a list of lines."""
    return [table.split("\n") for table in "\n".join(lines).rstrip("\n").split("\n\n")]


class Output(unittest.TestCase):
    def check_schema(self, value, schema=SCHEMA, name=""):
        """Every field is there and of its type; more may be."""
        for field, kind in schema.items():
            self.assertIn(field, value, f"in {name or 'the object'}")
            if isinstance(kind, dict):
                self.check_schema(value[field], kind, f"{name}.{field}")
            else:
                self.assertIsInstance(value[field], kind, f"{name}.{field}")

    def test_line(self):
        """a line has the fields of the program it began as, tabs between them; no name for one target"""
        run = run_watch("-i", "100ms", "-N", "2", "--", WORKLOAD, "hold", "--size", "10MiB", "--duration", "1s")
        lines = [line for line in run.stdout.splitlines() if not line.startswith("pattern")]
        self.assertEqual(len(lines), 2)
        for line in lines:
            self.assertRegex(line, rf"\A{LINE}\Z")
            self.assertRegex(line, r"\AAlloc = 10 MiB\tTotalAlloc = 10 MiB\tSys = 1[01] MiB\t.*\tin-use\Z")

    def test_line_late(self):
        """attached late, by probes alone, the gap is not known and shown as -"""
        target = Workload(self, "hold", "--size", "10MiB", *QUIET)
        run = run_watch("-s", "probe", "-i", "100ms", "-N", "1", "-p", str(target.pid))
        self.assertRegex(run.stdout, rf"\A{LINE}\n\Z")
        self.assertRegex(run.stdout, r"\AAlloc = 0 B\tTotalAlloc = 0 B\t.*\tGap = -\t.*unknown\n\Z")
        self.assertRegex(run.stderr, rf"\Amemgap: pid {target.pid} \(workload\) was running already: .*\n{SUMMARY}\Z")

    def test_line_names(self):
        """two pids: each line begins with its process's name and pid"""
        pids = [Workload(self, "hold", "--size", "1MiB", *QUIET).pid for _ in range(2)]
        run = run_watch("-s", "none", "-o", "line", "-i", "100ms", "-N", "2", "-p", f"{pids[0]},{pids[1]}", "-p", str(pids[0]))
        lines = run.stdout.splitlines()
        self.assertEqual([line.split("\t")[0] for line in lines], [f"workload[{pid}]" for pid in pids] * 2)
        for line in lines:
            self.assertRegex(line, rf"\Aworkload\[\d+\]\t{LINE}\Z")

    def test_json_process(self):
        """a process in JSON: every field of schema 1, of its type"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        for source in "probe", "none":
            run = run_watch("-s", source, "-o", "json", "-i", "100ms", "-N", "2", "-p", str(target.pid))
            for line in map(json.loads, run.stdout.splitlines()):
                self.check_schema(line)
                self.assertEqual(line["schema"], 1)
                self.assertRegex(line["time"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
                self.assertEqual({**line["target"], "cgroup": 0}, {"kind": "process", "pid": target.pid, "comm": "workload",
                                                                   "cgroup": 0, "container": None, "pod": None,
                                                                   "namespace": None, "processes": 1})
                self.assertEqual(line["allocator"]["source"], "none" if source == "none" else "probe")
                self.assertEqual(line["trim"], {"count": 0, "last": None})

    def test_json_cgroup(self):
        """a cgroup in JSON: pid and comm are null, its figures are sums, and the limit is its own"""
        cgroup = Cgroup(self, "json")
        cgroup.limit(1 << 30)
        for _ in range(2):
            cgroup.add(Workload(self, "hold", "--size", "3MiB", *QUIET).pid)
        for source in "probe", "none":
            run = run_watch("-s", source, "-o", "json", "-i", "100ms", "-N", "1", "-c", cgroup.path)
            line = json.loads(run.stdout)
            self.check_schema(line)
            self.assertEqual(line["target"], {"kind": "cgroup", "pid": None, "comm": None, "cgroup": cgroup.path,
                                              "container": None, "pod": None, "namespace": None, "processes": 2})
            self.assertEqual(line["kernel"]["cgroup"]["limit"], 1 << 30)
            self.assertEqual(line["allocator"]["alloc"], None if source == "none" else 0)
            self.assertIsNone(line["allocator"]["baseline"])
            self.assertGreater(line["kernel"]["rss_anon"], 6 << 20)

    def two(self):
        return [Workload(self, "hold", "--size", size, *QUIET) for size in ("1MiB", "9MiB")]

    def pids(self, targets):
        return ",".join(str(target.pid) for target in targets)

    def test_table_piped(self):
        """several targets are a table an interval, piped in full: the larger first, a blank line between the tables"""
        small, large = targets = self.two()
        environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
        run = run_watch("-s", "none", "-i", "100ms", "-N", "2", "-p", self.pids(targets), env=environment)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertTrue(run.stdout.endswith("\n"))
        self.assertEqual(len(tables(run.stdout.splitlines())), 2)
        for header, *rows in tables(run.stdout.splitlines()):
            self.assertEqual(header.split(), COLUMNS)
            self.assertEqual([row.split()[0] for row in rows], [f"workload[{large.pid}]", f"workload[{small.pid}]"])
            for row in rows:
                self.assertRegex(row, r"\A\S+ +- +[\d.]+ MiB +- +- .* 1 +\S+ +- unknown\Z")  # without probes
                # a figure ends where its header does
                self.assertEqual(row[header.index("RSS"):header.index("RSS") + 3], "MiB")

    def test_table_default(self):
        """a table is the default for a cgroup's processes too, however many there are; for one target it can be asked for"""
        cgroup = Cgroup(self, "table")
        cgroup.add(Workload(self, "hold", "--size", "1MiB", *QUIET).pid)
        for options in ["--per", "process"], ["-o", "table"]:
            run = run_watch("-s", "none", "-i", "100ms", "-N", "1", "-c", cgroup.path, *options)
            self.assertEqual(run.stdout.split("\n")[0].split(), COLUMNS)
            self.assertRegex(run.stdout.split("\n")[1], r"\Aworkload\[" if "--per" in options else rf"\A{cgroup.path} ")
        run = run_watch("-s", "none", "-i", "100ms", "-N", "1", "-c", cgroup.path)
        self.assertRegex(run.stdout, rf"\A{LINE}\n\Z")

    def test_table_columns(self):
        """what is piped keeps to $COLUMNS where it is exported"""
        run = run_watch("-s", "none", "-i", "100ms", "-N", "1", "-p", self.pids(self.two()),
                        env={**os.environ, "COLUMNS": "60"})
        self.assertEqual(run.stdout.split("\n")[0].split(), ["TARGET", "ALLOC", "RSS", "GAP", "VERDICT"])

    def test_table_exit(self):
        """who exits has a last row in the next table, or, when nobody is left, in one of its own"""
        first, second = (Program(self, "sh", "-c", "echo; read -r _", stdin=subprocess.PIPE) for _ in range(2))
        for program in first, second:
            program.line()
        watch = Program(self, MEMGAP, "watch", "-s", "none", "-i", "2s", "-p", self.pids((first, second)))
        self.assertEqual([bool(watch.line()) for _ in range(3)], [True] * 3)
        for program in first, second:
            program.process.stdin.close()
        self.assertEqual(watch.end(), 0)
        self.assertEqual(watch.line(), "")
        header, *names = [line.split(" ")[0] for line in iter(watch.line, None)]
        self.assertEqual(header, "TARGET")
        self.assertEqual(set(names), {f"sh[{program.pid}]" for program in (first, second)})
        self.assertEqual(len(names), 2)

    def test_table_interrupted(self):
        """SIGINT: a last table"""
        targets = self.two()
        watch = Program(self, MEMGAP, "watch", "-s", "none", "-i", "2s", "-p", self.pids(targets))
        lines = [watch.line() for _ in range(3)]
        watch.stop(signal.SIGINT)
        self.assertEqual(watch.end(), 0)
        first, second = tables([*lines, *iter(watch.line, None)])
        self.assertEqual([line.split()[0] for line in second], [line.split()[0] for line in first])
        self.assertEqual(len(second), 1 + len(targets))

    def watch_terminal(self, columns, *options, **environment):
        """memgap that watches two targets, and its terminal."""
        terminal = Terminal(self, columns)
        watch = Program(self, MEMGAP, "watch", "-s", "none", "-i", "100ms", "-p", self.pids(self.two()), *options,
                        stdout=terminal.slave,
                        env={**os.environ, "TERM": "xterm", "NO_COLOR": "", "COLUMNS": "50", **environment})
        watch.process.stdout = os.fdopen(os.dup(terminal.master), "rb")
        return watch, terminal

    def table_of(self, watch):
        """The next whole table: its lines, without \\r and escape sequences."""
        lines = [watch.line() for _ in range(4)]
        while not re.match(rf"({ESCAPE})?TARGET", lines[0]):
            lines = [*lines[1:], watch.line()]
        return [re.sub(ESCAPE, "", line.rstrip("\r")) for line in lines[:3]]

    def test_table_terminal(self):
        """on a terminal of 80 columns no line is longer, a verdict has colour, and $COLUMNS does not matter"""
        watch, _ = self.watch_terminal(80, "-N", "2")
        self.assertEqual(watch.end(), 0)
        lines = [watch.line() for _ in range(7)]
        self.assertRegex(lines[0], r"\A\x1b\[1mTARGET .* VERDICT\x1b\[0m\r\Z")
        self.assertRegex(lines[1], r"\Aworkload\[\d+\] .* \x1b\[2munknown\x1b\[0m\r\Z")
        self.assertEqual(lines[3], "\r")
        for line in lines:
            self.assertLessEqual(len(re.sub(rf"{ESCAPE}|\r", "", line)), 80)
        self.assertIn(" LIMIT ", lines[0])

    def test_table_colour(self):
        """no escape sequence with NO_COLOR, on a dumb terminal, or where there is no TERM"""
        for environment in {"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": ""}:
            watch, _ = self.watch_terminal(80, "-N", "1", **environment)
            self.assertEqual(watch.end(), 0)
            lines = [watch.line() for _ in range(3)]
            self.assertTrue(lines[0].startswith("TARGET "))
            self.assertNotIn("\x1b", "".join(lines))

    def test_table_resized(self):
        """a terminal that is made wider or narrower has the next tables of its new width"""
        watch, terminal = self.watch_terminal(80)
        narrow = ["TARGET", "ALLOC", "RSS", "GAP", "VERDICT"]
        self.assertNotIn("WHY", self.table_of(watch)[0])
        for width in 200, 60:
            terminal.resize(width)
            titles = [*COLUMNS, "WHY"] if width == 200 else narrow
            for _ in range(20):  # some were printed before
                table = self.table_of(watch)
                if table[0].split() == titles:
                    break
            self.assertEqual(table[0].split(), titles)
            self.assertLessEqual(max(map(len, table)), width)

    def test_table_no_width(self):
        """a terminal that does not know its width has $COLUMNS, or else 80"""
        for environment, width in ({"COLUMNS": "60"}, 60), ({"COLUMNS": "x"}, 80):
            watch, _ = self.watch_terminal(0, "-N", "1", **environment)
            self.assertEqual(watch.end(), 0)
            self.assertEqual(" LIMIT " in watch.line(), width == 80)

    def check_name(self, name):
        """No bytes of a process's name may break a line in two, reach the terminal as a command, or spoil UTF-8."""
        harmless = r"[^\x00-\x1f\x7f-\x9f\ufffd]+"
        for form in "line", "table", "json":
            target = Program(self, sys.executable, "-c", f"open('/proc/self/comm', 'wb').write({name!r}); "
                             "print(flush=True); input()", stdin=subprocess.PIPE)
            target.line()
            watch = Program(self, MEMGAP, "watch", "-s", "none", "-o", form, "-i", "100ms", "--per", "process",
                            "-p", str(target.pid))
            line = watch.line()  # it is being watched by then
            if form == "table":
                line = watch.line()
            target.process.stdin.close()
            self.assertEqual(watch.end(), 0)
            if form == "line":
                self.assertRegex(line, rf"\A{harmless}\[{target.pid}\]\t{LINE}\Z")
            elif form == "table":
                self.assertRegex(line, rf"\A{harmless}\[{target.pid}\]   .* unknown\Z")
            else:
                self.assertEqual(json.loads(line)["target"]["pid"], target.pid)
            self.assertRegex(watch.stderr(), rf"\Amemgap: pid {target.pid} \({harmless}\) has exited\n{SUMMARY}\Z")

    def test_name_newline(self):
        """a process with a newline in its name cannot forge lines, neither on stdout nor on stderr"""
        self.check_name(b"a\nSys = 1")

    def test_name_escapes(self):
        """a process with control characters in its name (C0 and C1) does not reach the terminal with them"""
        self.check_name(b"\x1b[31mred")
        self.check_name("\x9b31mred".encode())

    def test_name_not_utf8(self):
        """a process's name that is not UTF-8 does not make the output so"""
        self.check_name(b"caf\xe9 \x9b1m\xff")

    def test_name_utf8_and_quotes(self):
        """a process's name in UTF-8, or with quotes, is shown as it is"""
        self.check_name('"},{"x":"\\'.encode())
        self.check_name("gedächtnis".encode())


if __name__ == "__main__":
    tap.main()
