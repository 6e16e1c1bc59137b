#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""memgap top on a terminal: what it shows, what keys do, and how it leaves the terminal."""
import os
import re
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import MEMGAP, MIB, QUIET, Cgroup, Watch, Workload, cpu_seconds, status_of, wait_for  # noqa: E402
from screen import Screen  # noqa: E402
from sizes import agrees, sizes_in  # noqa: E402

SIZES = {"ALLOC": ("allocator", "alloc"), "RSS": ("kernel", "rss"), "GAP": ("gap", "bytes"), "CGROUP": ("kernel", "cgroup", "current"),
         "LIMIT": ("kernel", "cgroup", "limit"), "TRIMMABLE": ("gap", "trimmable")}
LAYOUT = ["TARGET", "VERDICT", "ALLOC", "RSS", "GAP", "GAP%", "CGROUP", "LIMIT", "TRIMMABLE"]
CELL = r"(-?[\d.]+ [KMGT]?i?B|-)"
ROW = re.compile(rf"^(?P<marks>[> ][-+ ])(?P<TARGET>\S+( \S+)*)\s+(?P<VERDICT>[a-z-]+)\s+(?P<ALLOC>{CELL})\s+(?P<RSS>{CELL})\s+(?P<GAP>{CELL})"
                 rf"\s+(?P<PERCENT>-?\d+|-)\s+(?P<CGROUP>{CELL})\s+(?P<LIMIT>{CELL})\s+(?P<TRIMMABLE>{CELL})(?P<charts>.*)$")


def rows_of(lines):
    return [match for match in map(ROW.match, lines) if match]


def names_of(lines):
    return [row["TARGET"] for row in rows_of(lines)]


def selected_of(lines):
    return next((row["TARGET"] for row in rows_of(lines) if row["marks"][0] == ">"), None)


def figure(sample, path):
    for name in path:
        sample = sample and sample[name]
    return sample


class Top(unittest.TestCase):
    def top(self, *arguments, interval="100ms", **options):
        return Screen(self, MEMGAP, "top", "-i", interval, *arguments, **options)

    def retained(self, *arguments, **options):
        """A program with 48 MiB to give back at a signal."""
        return Workload(self, "retain", "--size", "48MiB", *arguments, *QUIET, **options)

    def three(self):
        """The second has the largest gap, the third the most memory."""
        targets = [Workload(self, "hold", "--size", "2MiB", *QUIET), self.retained(), Workload(self, "hold", "--size", "90MiB", *QUIET)]
        return [f"workload[{target.pid}]" for target in targets], ",".join(str(target.pid) for target in targets)

    def test_figures(self):
        """the figures are those of a JSON watch, rounded"""
        cgroup = Cgroup(self, "figures")
        cgroup.limit(1 << 30)
        targets = [Workload(self, "hold", "--size", "9MiB", *QUIET, preexec_fn=cgroup.enter), self.retained(preexec_fn=cgroup.enter)]
        arguments = ["-p", ",".join(str(target.pid) for target in targets), "-c", cgroup.path]
        watch = Watch(self, *arguments)
        screen = self.top(*arguments, width=200)

        def agree(lines):
            rows = {row["TARGET"]: row for row in rows_of(lines)}
            samples = {}
            while len(samples) < 3:
                sample = watch.sample()
                target = sample["target"]
                samples[f"workload[{target['pid']}]" if target["pid"] else target["cgroup"]] = sample
            if set(rows) != set(samples):
                return False
            for name, sample in samples.items():
                for column, path in SIZES.items():
                    truth, cell = figure(sample, path), rows[name][column]
                    if cell != "-" if truth is None else not sizes_in(cell) or not agrees(sizes_in(cell)[0], truth):
                        return False
                if rows[name]["VERDICT"] != sample["gap"]["verdict"] or rows[name]["PERCENT"] != str(round(sample["gap"]["percent"])):
                    return False
            return any(sample["gap"]["verdict"] == "retained" for sample in samples.values())
        screen.see(agree, "the same figures as JSON has")
        self.assertEqual([name for name in LAYOUT if name in screen.text()], LAYOUT)

    def test_order(self):
        """the largest gap comes first; < > r s sort otherwise, and the heading says by what"""
        (small, retaining, large), pids = self.three()
        screen = self.top("-p", pids)
        screen.see(lambda lines: names_of(lines)[:1] == [retaining] and "▼GAP" in "".join(lines), "by GAP")
        screen.keys("<")  # RSS
        screen.see(lambda lines: names_of(lines) == [large, retaining, small] and "▼RSS" in "".join(lines), "by RSS")
        screen.keys("r")
        screen.see(lambda lines: names_of(lines) == [small, retaining, large] and "▲RSS" in "".join(lines), "the least RSS first")
        screen.keys("s")
        screen.see_text("sort by (Left, Right, Enter): TARGET VERDICT ALLOC [RSS]")
        screen.keys("Left")
        screen.see_text("▼ALLOC")
        screen.see(lambda lines: names_of(lines)[0] == large, "by ALLOC")
        screen.keys("Escape")
        screen.see(lambda lines: "▲RSS" in "".join(lines) and "sort by (" not in "".join(lines), "as it was before")
        screen.keys("F6", "Left", "Left", "Left")
        screen.see_text("[TARGET]")
        screen.keys("Enter")
        screen.see(lambda lines: "TARGET▼" in "".join(lines) and names_of(lines) == sorted([small, retaining, large]), "by name")

    def test_selection(self):
        """the selection moves with arrows, j, k, Home, End, stays with its target when the order changes, and tells why"""
        (small, retaining, large), pids = self.three()
        screen = self.top("-p", pids)
        screen.see(lambda lines: selected_of(lines) == retaining and names_of(lines)[0] == retaining, "the first is selected")
        screen.see_text(f"{retaining}: retained: ")
        screen.keys("<")
        screen.see(lambda lines: selected_of(lines) == large, "not moved yet, it is whichever is first")
        screen.keys("j")
        screen.see(lambda lines: selected_of(lines) == retaining, "one down")
        screen.keys("r", "r", "<")  # by ALLOC: retaining has least
        screen.see(lambda lines: names_of(lines)[-1] == retaining and selected_of(lines) == retaining, "it has moved with its target")
        screen.keys("Home")
        screen.see(lambda lines: selected_of(lines) == large, "the first")
        screen.keys("End", "k")
        screen.see(lambda lines: selected_of(lines) == small, "the last but one")
        screen.keys("Up", "PPage")
        screen.see(lambda lines: selected_of(lines) == large, "a page up")
        screen.keys("NPage")
        screen.see(lambda lines: selected_of(lines) == retaining, "a page down")

    def test_filter(self):
        """a filter is live, by name or verdict; Enter keeps it, Escape clears it"""
        (small, retaining, large), pids = self.three()
        screen = self.top("-p", pids)
        screen.see(lambda lines: len(rows_of(lines)) == 3, "three rows")
        screen.keys("/")
        screen.type(retaining[-4:-1])
        screen.see(lambda lines: names_of(lines) == [retaining], "one row while it is typed")
        screen.keys("Escape")
        screen.see(lambda lines: len(rows_of(lines)) == 3, "three rows again")
        screen.keys("F4")
        screen.type("xRETAINEDé")
        screen.see_text("nothing matches the filter")
        screen.keys("BSpace", *["BSpace"] * 9)
        screen.type("RETAINED")
        screen.keys("Enter")
        screen.see(lambda lines: names_of(lines) == [retaining] and "filter: RETAINED" in lines[0], "kept")
        screen.keys("Escape")
        screen.see(lambda lines: len(rows_of(lines)) == 3 and "filter" not in lines[0], "cleared")

    def test_expand(self):
        """a cgroup is expanded into its processes, which come and go, and is closed again"""
        cgroup = Cgroup(self, "expand")
        first = self.retained(preexec_fn=cgroup.enter)
        screen = self.top("-c", cgroup.path, width=200)
        screen.see(lambda lines: names_of(lines) == [cgroup.path], "the cgroup")
        screen.keys("Enter")
        screen.see(lambda lines: names_of(lines) == [cgroup.path, f"└─workload[{first.pid}]"], "its process below it")
        second = Workload(self, "hold", "--size", "30MiB", *QUIET, preexec_fn=cgroup.enter)
        both = [cgroup.path, f"└─workload[{first.pid}]", f"└─workload[{second.pid}]"]
        screen.see(lambda lines: names_of(lines) == both, "a new one, the larger gap first")
        screen.see(lambda lines: "1 target " in lines[0] and "2 processes" in lines[0], "they are no targets")
        watch = Watch(self, "-p", str(first.pid))
        watch.sample(lambda sample: sample["gap"]["verdict"] == "retained")

        def agrees_with_watch(lines):
            row, sample = rows_of(lines)[1], watch.sample()
            return all(agrees(sizes_in(row[column])[0], figure(sample, SIZES[column])) for column in ("RSS", "ALLOC", "GAP", "TRIMMABLE"))
        screen.see(agrees_with_watch, "its figures are those of a watch of the process")
        second.kill()
        screen.see(lambda lines: names_of(lines) == both[:2], "the one that has ended is gone")
        screen.keys("Down", "-")
        screen.see(lambda lines: names_of(lines) == [cgroup.path] and selected_of(lines) == cgroup.path, "closed from below")
        screen.keys("Space")
        screen.see(lambda lines: len(rows_of(lines)) == 2, "open again")
        screen.keys("Space")
        screen.see(lambda lines: len(rows_of(lines)) == 1, "closed again")

    def test_expanded_is_not_trimmed_by_itself(self):
        """--trim-at is for the cgroup: its processes, when shown, are not asked for themselves"""
        cgroup = Cgroup(self, "guest")
        self.retained(preexec_fn=cgroup.enter)
        screen = self.top("-c", cgroup.path, "--trim-at", "rss:10MiB", "--dry-run", "--cooldown", "100ms", width=200)
        screen.keys("Enter", "l")
        screen.see(lambda lines: len(rows_of(lines)) == 2, "expanded")
        count = len([line for line in screen.lines() if f"Trim: {cgroup.path} " in line])
        screen.see(lambda lines: len([line for line in lines if f"Trim: {cgroup.path} " in line]) > count + 2, "looked at since, and again")
        self.assertNotIn("Trim: workload[", screen.text())

    def wait_for_retained(self, screen, name):
        screen.see(lambda lines: any(row["TARGET"] == name and row["VERDICT"] == "retained" for row in rows_of(lines)), "retained")

    def test_trim(self):
        """t has the target trimmed after a y, and not before; what was expected and what came back are said"""
        target = self.retained()
        screen = self.top("-p", str(target.pid))
        self.wait_for_retained(screen, f"workload[{target.pid}]")
        screen.keys("t")
        screen.see(lambda lines: re.search(r"trim workload\[\d+\]: signal:USR1, 4\d MiB expected back\. Do it\? \(y/N\)", lines[-1]),
                   "the question")
        self.assertGreater(status_of(target.pid)["VmRSS"], 48 * MIB)
        screen.keys("n")
        screen.see_text("not trimmed: it was not confirmed")
        self.assertGreater(status_of(target.pid)["VmRSS"], 48 * MIB)
        screen.keys("t", "y")
        wait_for(lambda: status_of(target.pid)["VmRSS"] < 20 * MIB, "it has given back")
        screen.see(lambda lines: any(re.search(r"Trim: workload\[\d+\] RSS .* -> .*, 4\d MiB back in \d+ ms, 4\d MiB were expected", line)
                                     for line in lines), "what came back")
        screen.keys("l")
        screen.see(lambda lines: "messages" in "".join(lines) and len([line for line in lines if " Trim: workload" in line]) == 2, "the log")
        screen.keys("l")
        screen.see(lambda lines: not any(line.startswith("messages") for line in lines), "the log is closed")

    def test_trim_of_one_in_a_cgroup(self):
        """t on a process below its cgroup trims that one, and no other"""
        cgroup = Cgroup(self, "one")
        targets = [Workload(self, "retain", "--size", size, *QUIET, preexec_fn=cgroup.enter) for size in ("64MiB", "32MiB")]
        screen = self.top("-c", cgroup.path)
        self.wait_for_retained(screen, cgroup.path)
        screen.keys("Enter")
        self.wait_for_retained(screen, f"└─workload[{targets[1].pid}]")
        screen.keys("End")
        screen.see(lambda lines: selected_of(lines) == f"└─workload[{targets[1].pid}]", "the second is selected")
        screen.keys("t")
        screen.see_text(f"trim workload[{targets[1].pid}]")
        screen.keys("y")
        wait_for(lambda: status_of(targets[1].pid)["VmRSS"] < 20 * MIB, "it has given back")
        screen.see_text("back in")
        self.assertGreater(status_of(targets[0].pid)["VmRSS"], 60 * MIB)

    def test_all_trim(self):
        """with -a, what a key asks for is trimmed: it was named by hand"""
        cgroup = Cgroup(self, "byhand")
        target = self.retained(preexec_fn=cgroup.enter)
        screen = self.top("-a", width=180)
        screen.keys("/")
        screen.type(cgroup.path)
        screen.keys("Enter")
        self.wait_for_retained(screen, cgroup.path)
        screen.keys("t")
        screen.see_text("expected back. Do it?")
        screen.keys("y")
        wait_for(lambda: status_of(target.pid)["VmRSS"] < 20 * MIB, "it has given back")

    def test_refused(self):
        """a trim that cannot help is refused with the reason, without a question; F asks and does it"""
        target = Workload(self, "hold", "--size", "20MiB", *QUIET)
        screen = self.top("-p", str(target.pid))
        screen.see(lambda lines: any(row["VERDICT"] == "in-use" for row in rows_of(lines)), "in use")
        screen.keys("t")
        screen.see(lambda lines: any("is in-use: signal:USR1 refused: " in line for line in lines), "the reason")
        self.assertNotIn("(y/N)", screen.text())
        screen.keys("F")
        screen.see(lambda lines: lines[-1].startswith(f"FORCE a trim of workload[{target.pid}]: signal:USR1") and "(y/N)" in lines[-1],
                   "the question")
        screen.keys("y")
        screen.see(lambda lines: any(re.search(r"Trim: workload.*(nothing came back|back in)", line) for line in lines), "it was done")

    def test_unexpected_signal(self):
        """a program that does not expect the signal is not sent it, whatever is confirmed"""
        target = self.retained("--no-trim")
        screen = self.top("-p", str(target.pid))
        self.wait_for_retained(screen, f"workload[{target.pid}]")
        screen.keys("t", "y")
        screen.see_text("does not handle USR1")
        self.assertGreater(status_of(target.pid)["VmRSS"], 48 * MIB)

    def test_dry_run(self):
        """with --dry-run a trim is only said"""
        target = self.retained()
        screen = self.top("-p", str(target.pid), "--dry-run")
        self.wait_for_retained(screen, f"workload[{target.pid}]")
        screen.keys("t", "y")
        screen.see_text("would send signal:USR1")
        self.assertGreater(status_of(target.pid)["VmRSS"], 48 * MIB)

    def test_pause(self):
        """p: what is shown stays as it is; p again: it goes on"""
        target = Workload(self, "leak", "--size", "1MiB", "--interval", "50ms")
        screen = self.top("-p", str(target.pid))
        screen.see(lambda lines: rows_of(lines) and rows_of(lines)[0]["RSS"] != "-", "figures")
        screen.keys("p")
        screen.see(lambda lines: "PAUSED" in lines[0], "paused")
        frozen, rss = rows_of(screen.lines())[0]["RSS"], status_of(target.pid)["VmRSS"]
        wait_for(lambda: status_of(target.pid)["VmRSS"] > rss + 10 * MIB, "it has grown")
        screen.keys("Down")
        self.assertEqual(rows_of(screen.lines())[0]["RSS"], frozen)
        screen.keys("p")
        screen.see(lambda lines: "PAUSED" not in lines[0] and rows_of(lines)[0]["RSS"] != frozen, "it goes on")

    def test_chart(self):
        """both figures are drawn over time: of a leak they rise"""
        target = Workload(self, "leak", "--size", "4MiB", "--interval", "50ms")
        screen = self.top("-p", str(target.pid))
        screen.see(lambda lines: rows_of(lines) and re.search(r"▁.*▂?.*[▄▅].*█", rows_of(lines)[0]["charts"]), "a rising line")

    def test_resize(self):
        """20x5, smaller, larger: drawn anew at once, never a crash"""
        (_, retaining, _), pids = self.three()
        screen = self.top("-p", pids, interval="1h")
        screen.see_text(retaining)
        for width, height in (20, 5), (1, 1), (7, 2), (200, 60), (20, 5), (80, 24):
            screen.resize(width, height)
            screen.see(lambda lines, size=(width, height): self.fits(lines, *size), f"a screen of {width}x{height}")
            screen.keys("h", "x", "l", "l", "j", "/", "x", "Escape", "t", "n")
            self.assertTrue(screen.is_running(), screen.errors())
        screen.keys("q")
        self.assertEqual(screen.status(), 0)

    def fits(self, lines, width, height):
        """What must be there in a size."""
        text = "\n".join(lines)
        if width < 20:
            return text.strip() != "" or width == 1  # the lower right corner alone, which terminals differ in
        if height == 5:
            return "workload" in text or "…" in text and "GAP" in text
        return "GAP" in text and "quit" in text and (width < 120 or "TRIMMABLE" in text)

    def test_small_from_the_start(self):
        """a terminal of 20x5 has names, gaps, and the answer to a question"""
        target = self.retained()
        screen = self.top("-p", str(target.pid), width=20, height=5)
        screen.see(lambda lines: len(lines) <= 5 and re.search(r"^>[ ].*4\d MiB$", "\n".join(lines), re.M), "its gap")
        screen.keys("t")
        screen.see(lambda lines: lines[-1].endswith("(y/N)"), "the question's end")
        screen.keys("y")
        wait_for(lambda: status_of(target.pid)["VmRSS"] < 20 * MIB, "it has given back")

    def test_help(self):
        """h lists the keys; any key ends it"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        screen = self.top("-p", str(target.pid))
        for key in "h", "?", "F1":
            screen.keys(key)
            screen.see_text("have the selected target trimmed once, after a question")
            screen.keys("x")
            screen.see_no_text("after a question")

    def test_hostile_name(self):
        """control characters in a name do nothing, wide ones take their two columns"""
        cgroup = Cgroup(self, "wide-日本語-\x1b[2J-end")
        Workload(self, "hold", "--size", "1MiB", *QUIET, preexec_fn=cgroup.enter)
        screen = self.top("-c", cgroup.path, width=180)
        screen.see(lambda lines: names_of(lines) == [cgroup.path.replace("\x1b", "?")], "the name")
        lines = screen.lines()
        head = next(line for line in lines if "VERDICT" in line)
        self.assertEqual(rows_of(lines)[0].start("VERDICT") + 3, head.index("VERDICT"), "three wide characters before it")

    def check_left(self, screen, status):
        before, after = screen.modes()
        self.assertEqual(screen.status(), status, screen.errors())
        self.assertEqual(after, before)
        self.assertEqual(screen.flags(), ("0", "1", "0"), "the screen of before, with its cursor")

    def started(self, **options):
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        screen = self.top("-p", str(target.pid), **options)
        screen.see_text("workload[")
        self.assertEqual(screen.flags()[:2], ("1", "0"), "the other screen, without a cursor")
        return screen

    def test_quit(self):
        """q and F10 quit: the terminal is as it was"""
        for key in "q", "F10":
            screen = self.started()
            screen.keys(key)
            self.check_left(screen, 0)

    def test_interrupt(self):
        """Ctrl-C quits"""
        screen = self.started()
        screen.keys("C-c")
        self.check_left(screen, 0)

    def test_asked_to_end(self):
        """SIGTERM, SIGINT and SIGHUP: an end as any, the terminal is as it was"""
        for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
            screen = self.started()
            os.kill(screen.pid(), number)
            self.check_left(screen, 0)

    def test_stopped_output(self):
        """Ctrl-S: it does not wait for a terminal that takes nothing; a signal ends it, the terminal is as it was"""
        for number, status in (signal.SIGTERM, 0), (signal.SIGSEGV, 128 + signal.SIGSEGV):
            screen = self.started()
            screen.keys("C-s")
            pid, last = screen.pid(), screen.lines()[0]
            used = cpu_seconds(pid)
            wait_for(lambda: cpu_seconds(pid) > used + 0.02, "it goes on")
            self.assertEqual(screen.lines()[0].split()[0], last.split()[0], "nothing was drawn")
            os.kill(pid, number)
            self.check_left(screen, status)

    def test_crash(self):
        """a crash: the terminal is as it was, and the signal has its way"""
        for number in signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGQUIT:
            screen = self.started()
            os.kill(screen.pid(), number)
            self.check_left(screen, 128 + number)

    def test_suspend(self):
        """Ctrl-Z: the shell has its terminal; fg: the table is there again"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        screen = Screen(self, "bash", "--norc", "-i")
        screen.tmux("send-keys", "-l", f"{MEMGAP} top -i 100ms -p {target.pid}")
        screen.keys("Enter")
        screen.see_text("workload[")
        screen.keys("C-z")
        wait_for(lambda: screen.flags() == ("0", "1", "0"), "the shell's screen")
        screen.type("fg")
        screen.keys("Enter")
        screen.see(lambda lines: len(rows_of(lines)) == 1, "the table")
        screen.keys("q")
        wait_for(lambda: screen.flags() == ("0", "1", "0"), "the shell's screen again")

    def test_terminal_goes(self):
        """the terminal is closed: it ends"""
        screen = self.started()
        pid = screen.pid()
        screen.tmux("kill-server")
        wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "it has ended")

    def test_no_terminal(self):
        """stdin or stdout that is no terminal is a usage error, with what to do"""
        run = subprocess.run([MEMGAP, "top"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual((run.returncode, run.stdout), (2, ""))
        self.assertRegex(run.stderr, r"\Amemgap: stdin is not a terminal, .*`memgap watch -o table`.*\n\Z")
        screen = Screen(self, "sh", "-c", f"{MEMGAP} top | cat")
        screen.status()
        self.assertRegex(screen.errors(), r"\Amemgap: stdout is not a terminal, ")

    def test_unknown_terminal(self):
        """TERM that is not set, not known, or of a terminal that cannot do it is told, with what to do"""
        for term, why in ("", "is not set"), ("dumb", "cannot place text"), ("no-such-terminal", "not known here"):
            screen = Screen(self, "env", f"TERM={term}", MEMGAP, "top")
            self.assertEqual(screen.status(), 3, screen.errors())
            self.assertRegex(screen.errors(), rf"\Amemgap: TERM .*{why}.*`memgap watch`\n\Z")

    def test_bad_options(self):
        """a command, or what watch would not take either, is a usage error"""
        for arguments, why in (["--", "sleep", "1"], "unexpected 'sleep'"), (["-i", "0s"], "is no interval"), (["-x"], "unknown option '-x'"), \
                (["--trim-at", "1MiB"], "-a has nothing trimmed"), (["-s", "probe"], "-a puts no probes"):
            run = subprocess.run([MEMGAP, "top", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual((run.returncode, why in run.stderr), (2, True), run.stderr)

    def test_missing_target(self):
        """no such target: exit status 4, and the terminal was not touched"""
        screen = Screen(self, MEMGAP, "top", "-p", "4194304")
        self.assertEqual(screen.status(), 4)
        self.check_left(screen, 4)

    def test_colour(self):
        """verdicts have colours, but with NO_COLOR, or on a terminal without any, nothing has"""
        colour = r"\x1b\[[\d;]*3[1-6]"
        target = self.retained()
        for environment, coloured in ((), True), (("NO_COLOR=1",), False), (("TERM=vt220",), False):
            screen = self.top("-p", str(target.pid), environment=environment)
            self.wait_for_retained(screen, f"workload[{target.pid}]")
            self.assertEqual(bool(re.search(colour, screen.coloured())), coloured, environment)

    def test_ascii(self):
        """where the locale has no more, all is ASCII"""
        cgroup = Cgroup(self, "ascii-é")
        Workload(self, "leak", "--size", "1MiB", "--interval", "100ms", preexec_fn=cgroup.enter)
        screen = self.top("-c", cgroup.path, environment=("LC_ALL=C",))
        screen.see(lambda lines: names_of(lines) == [cgroup.path.replace("é", "??")] or names_of(lines) == [cgroup.path.replace("é", "?")], "it")
        screen.keys("Enter")
        screen.see(lambda lines: len(rows_of(lines)) == 2 and "#" in rows_of(lines)[0]["charts"], "a chart")
        self.assertTrue(screen.text().isascii(), screen.text())

    def test_target_ends(self):
        """when nothing is left to be watched it says so, and stays"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        screen = self.top("-p", str(target.pid))
        screen.see_text("workload[")
        target.kill()
        screen.see_text("nothing is left to be watched: q quits")
        screen.keys("t", "Enter", "j", "q")
        self.check_left(screen, 0)

    def test_messages(self):
        """what is told on stderr else is a message: nothing writes over the screen"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        screen = self.top("-p", str(target.pid))
        screen.see_text("workload[")
        target.kill()
        screen.see(lambda lines: any(re.search(rf"\d\d:\d\d:\d\d pid {target.pid} \(workload\) ", line) for line in lines), "the message")
        screen.keys("q")
        screen.status()
        self.assertNotIn("killed", screen.errors())


class Cost(unittest.TestCase):
    def test_many(self):
        """500 cgroups: what it costs beside a watch that prints nothing, and a key is answered at once"""
        parent = Cgroup(self, "many")
        for i in range(500):
            cgroup = Cgroup(self, f"c{i}", parent)
            sleeper = subprocess.Popen(["sleep", "1000"], preexec_fn=cgroup.enter)
            self.addCleanup(sleeper.wait)
            self.addCleanup(sleeper.kill)
        screen = Screen(self, MEMGAP, "top", "-a", width=200, height=60)
        screen.see(lambda lines: re.search(r"5\d\d targets", lines[0]), "500 targets")
        with open(os.devnull, "w", encoding="ascii") as nothing:
            watch = subprocess.Popen([MEMGAP, "watch", "-a", "-o", "table"], stdin=subprocess.DEVNULL, stdout=nothing, stderr=nothing)
        self.addCleanup(watch.wait)
        self.addCleanup(watch.kill)
        pid = screen.pid()
        time.sleep(8)  # the looks into the heaps are over
        before, start = (cpu_seconds(pid), cpu_seconds(watch.pid)), time.monotonic()
        time.sleep(10)
        seconds = time.monotonic() - start
        top, other = (cpu_seconds(pid) - before[0]) / seconds, (cpu_seconds(watch.pid) - before[1]) / seconds
        print(f"# 500 cgroups at 1 s: memgap top {100 * top:.2f} % of a core, memgap watch -o table {100 * other:.2f} %", flush=True)
        self.assertLess(top, 1.5 * other + 0.02)
        self.assertLess(top, 0.15)
        start = time.monotonic()
        screen.keys("h")
        screen.see_text("after a question")
        self.assertLess(time.monotonic() - start, 0.5)


if __name__ == "__main__":
    tap.main()
