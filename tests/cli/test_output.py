#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What memgap watch prints: the line format, JSON schema 1, names of all kinds."""
import json
import subprocess
import sys
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
               "processes": INT},
    "allocator": {"name": maybe(TEXT), "source": TEXT, "alloc": maybe(INT), "total_alloc": maybe(INT), "mallocs": maybe(INT),
                  "frees": maybe(INT), "baseline": maybe(INT), "sys": maybe(INT), "num_gc": maybe(INT), "missed": maybe(INT),
                  "overhead_percent": maybe(REAL)},
    "kernel": {"rss": maybe(INT), "rss_anon": maybe(INT), "rss_file": maybe(INT), "rss_shmem": maybe(INT), "pss": maybe(INT),
               "swap": maybe(INT), "lazyfree": maybe(INT),
               "flow": {"mapped": maybe(INT), "unmapped": maybe(INT), "brk": maybe(INT), "returned": maybe(INT)},
               "cgroup": {"current": maybe(INT), "limit": maybe(INT), "anon": maybe(INT), "file": maybe(INT),
                          "inactive_file": maybe(INT), "kernel": maybe(INT), "working_set": maybe(INT), "oom_kills": maybe(INT),
                          "psi_some_avg10": maybe(REAL)}},
    "gap": {"bytes": maybe(INT), "percent": maybe(REAL), "trimmable": maybe(INT), "pinned": maybe(INT), "verdict": TEXT,
            "why": TEXT},
    "trim": {"count": INT, "last": maybe(dict)},
}


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
        """attached late, the gap is not known and shown as -"""
        target = Workload(self, "hold", "--size", "10MiB", *QUIET)
        run = run_watch("-i", "100ms", "-N", "1", "-p", str(target.pid))
        self.assertRegex(run.stdout, rf"\A{LINE}\n\Z")
        self.assertRegex(run.stdout, r"\AAlloc = 0 B\tTotalAlloc = 0 B\t.*\tGap = -\t.*unknown\n\Z")
        self.assertRegex(run.stderr, rf"\Amemgap: pid {target.pid} \(workload\) was running already: .*\n{SUMMARY}\Z")

    def test_line_names(self):
        """two pids: each line begins with its process's name and pid"""
        pids = [Workload(self, "hold", "--size", "1MiB", *QUIET).pid for _ in range(2)]
        run = run_watch("-s", "none", "-i", "100ms", "-N", "2", "-p", f"{pids[0]},{pids[1]}", "-p", str(pids[0]))
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
                                                                   "cgroup": 0, "container": None, "processes": 1})
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
                                              "container": None, "processes": 2})
            self.assertEqual(line["kernel"]["cgroup"]["limit"], 1 << 30)
            self.assertEqual(line["allocator"]["alloc"], None if source == "none" else 0)
            self.assertIsNone(line["allocator"]["baseline"])
            self.assertGreater(line["kernel"]["rss_anon"], 6 << 20)

    def check_name(self, name):
        """No bytes of a process's name may break a line in two, reach the terminal as a command, or spoil UTF-8."""
        harmless = r"[^\x00-\x1f\x7f-\x9f\ufffd]+"
        for form in "line", "json":
            target = Program(self, sys.executable, "-c", f"open('/proc/self/comm', 'wb').write({name!r}); "
                             "print(flush=True); input()", stdin=subprocess.PIPE)
            target.line()
            watch = Program(self, MEMGAP, "watch", "-s", "none", "-o", form, "-i", "100ms", "--per", "process",
                            "-p", str(target.pid))
            line = watch.line()  # it is being watched by then
            target.process.stdin.close()
            self.assertEqual(watch.end(), 0)
            if form == "line":
                self.assertRegex(line, rf"\A{harmless}\[{target.pid}\]\t{LINE}\Z")
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
