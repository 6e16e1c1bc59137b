#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""--log: what was decided at each look, and each trim, as JSON lines in a file; and what becomes of that file."""
import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import (MEMGAP, MIB, QUIET, Cgroup, Program, Python, Watch, Workload, is_alive, read, run_trim, run_watch,  # noqa: E402
                    wait_for)

FAILED = 1
CATCH = "import signal\nsignal.signal(signal.SIGUSR1, lambda *_: None)\nprint('ready', flush=True)\nwhile True: signal.pause()"
DECISION = {"schema", "event", "time", "target", "reason", "verdict", "decision", "why"}


class LogTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.directory)
        self.log = f"{self.directory}/log"

    def lines(self, path=None):
        text = read(path or self.log)
        self.assertTrue(text.endswith("\n") or not text)
        lines = list(map(json.loads, text.splitlines()))
        self.assertEqual({line["schema"] for line in lines} - {1}, set())
        return lines

    def decisions(self):
        lines = [line for line in self.lines() if line["event"] == "decision"]
        for line in lines:
            self.assertEqual(set(line), DECISION)
        return [line["decision"] for line in lines]

    def watch(self, target, *options, log=None):
        return Watch(self, "--log", log or self.log, *options, "-p", str(target.pid))

    def check_all_looks(self, watch):
        """Ends it; there is a decision for each sample, but for the last line, at the end, which is for nobody to act on."""
        watch.stop()
        self.assertEqual((watch.finish(), watch.stderr().count("\n")), (0, 1), watch.stderr())
        self.assertEqual(len(self.decisions()), len(watch.samples()) - 1)

    def trim(self, target, *options):
        return run_trim("--log", self.log, *options, "-p", str(target.pid))


class Decisions(LogTest):
    def test_below(self):
        """below its threshold: said at each look, with the figures"""
        target = Python(self, CATCH)
        watch = self.watch(target, "-s", "none", "--trim-at", "rss:1GiB")
        for _ in range(4):
            sample = watch.sample()
        self.check_all_looks(watch)
        self.assertEqual(set(self.decisions()), {"below"})
        line = next(line for line in self.lines() if line["time"] == sample["time"])
        self.assertEqual(line["reason"], {"metric": "rss", "value": sample["kernel"]["rss"], "threshold": 1 << 30})
        self.assertEqual((line["target"], line["verdict"]), (sample["target"], sample["gap"]["verdict"]))

    def test_trim_in_vain(self):
        """a trim in vain: no other before the cooldown is over, nor while it is measured, nor in the second, longer cooldown"""
        target = Python(self, CATCH)
        watch = self.watch(target, "-s", "none", "--trim-at", "rss:1MiB", "--cooldown", "600ms")
        first, second = watch.event(), watch.event()
        self.check_all_looks(watch)
        decisions = [decision for decision, _ in itertools.groupby(self.decisions())]
        self.assertEqual(decisions[:5], ["trim", "cooling-down", "busy", "cooling-down", "trim"])
        self.assertEqual([line for line in self.lines() if line["event"] == "trim"], [first, second])
        cooling = [line["why"] for line in self.lines() if line.get("decision") == "cooling-down"]
        self.assertRegex(cooling[0], r"^asked 0 s ago, and not again before 1 s are over$")

    def test_no_help(self):
        """past its threshold where a trim cannot help: said with the verdict at each look, though it is printed once"""
        target = Workload(self, "hold", "--size", "16MiB", *QUIET)
        watch = self.watch(target, "-s", "heap", "--trim-at", "rss:8MiB")
        for _ in range(5):
            watch.sample()
        self.check_all_looks(watch)
        self.assertEqual(set(self.decisions()) - {"awaited"}, {"no-help"})
        self.assertGreater(self.decisions().count("no-help"), 2)
        self.assertRegex(self.lines()[-1]["why"], "it is in-use: .*--force")
        self.assertEqual(len([line for line in self.lines() if line["event"] == "trim"]), 1)

    def test_awaited(self):
        """what it holds has not been looked into yet: the decision waits for that"""
        target = Workload(self, "retain", "--size", "96MiB", *QUIET)
        # a budget that lets the first look begin some time after the first interval
        watch = self.watch(target, "-s", "heap", "-i", "1ms", "--trim-at", "rss:8MiB")
        watch.event()
        watch.stop()
        watch.finish()
        decisions = self.decisions()
        self.assertEqual(decisions[:decisions.index("trim")], ["awaited"] * decisions.index("trim"))
        self.assertGreater(decisions.index("trim"), 0)

    def test_unknown(self):
        """a threshold that means nothing here: unknown, with the reason"""
        cgroup = Cgroup(self, "no-limit")
        target = Python(self, CATCH)
        cgroup.add(target.pid)
        watch = self.watch(target, "-s", "none", "--trim-at", "rss:50%")
        for _ in range(3):
            watch.sample()
        watch.stop()
        self.assertEqual(watch.finish(), 0)
        self.assertEqual(set(self.decisions()), {"unknown"})
        self.assertIn("no memory limit", self.lines()[0]["why"])

    def test_trim(self):
        """memgap trim logs its decision, the trim and the second look, as they were printed"""
        target = Workload(self, "retain", "--size", "32MiB", *QUIET)
        run = self.trim(target, "-o", "json", "--regrowth", "100ms")
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        decision, *events = self.lines()
        self.assertEqual((decision["decision"], decision["verdict"], decision["reason"]["threshold"]), ("trim", "retained", None))
        self.assertEqual(events, list(map(json.loads, run.stdout.splitlines())))
        self.assertEqual([event["event"] for event in events], ["trim", "regrowth"])
        self.assertGreater(events[0]["reclaimed"], 30 * MIB)


class Files(LogTest):
    def target(self):
        return Workload(self, "hold", "--size", "1MiB", *QUIET)

    def test_appended(self):
        """what is in the file stays"""
        target = self.target()
        with open(self.log, "w") as file:
            file.write('{"schema":1,"event":"before"}\n')
        for n in 1, 2:
            self.trim(target)
            lines = self.lines()
            self.assertEqual((lines[0]["event"], len(lines)), ("before", 1 + 2 * n))

    def test_full(self):
        """a full disk is told once, watching goes on, and the exit status tells that lines are missing"""
        run = run_watch("-s", "none", "-i", "20ms", "-N", "5", "--trim-at", "rss:1GiB", "--log", "/dev/full", "-p", str(self.target().pid))
        self.assertEqual((run.returncode, run.stdout.count("\n")), (FAILED, 5))
        self.assertRegex(run.stderr, r"\Amemgap: cannot write /dev/full: No space left on device; .*\n"
                         r"memgap: watched .*\nmemgap: /dev/full: 5 lines are missing\n\Z")

    def test_full_for_a_trim(self):
        """a full disk keeps memgap trim from nothing"""
        target = Workload(self, "retain", "--size", "32MiB", *QUIET)
        run = run_trim("--log", "/dev/full", "-p", str(target.pid))
        self.assertEqual(run.returncode, FAILED)
        self.assertIn("back in", run.stdout)
        self.assertRegex(run.stderr, r"\Amemgap: cannot write .*\nmemgap: /dev/full: 2 lines are missing\n\Z")

    def test_cut_short(self):
        """a disk that is full in the midst of a line, and not any more: the next line is whole again"""
        mount = f"{self.directory}/small"
        script = ('mkdir "$0" && mount -t tmpfs -o size=8k none "$0" && exec "$@"')
        target = self.target()
        watch = Program(self, "unshare", "-m", "sh", "-c", script, mount, MEMGAP, "watch", "-s", "none", "-i", "10ms", "--trim-at",
                        "rss:1GiB", "--log", f"{mount}/log", "-p", str(target.pid))
        wait_for(lambda: "cannot write" in watch.stderr(), "it is full")
        log = f"/proc/{watch.pid}/root{mount}/log"
        size = os.path.getsize(log)
        os.truncate(log, size - 4096)
        wait_for(lambda: os.path.getsize(log) == size, "it is full again")
        text = read(log)
        watch.stop()
        self.assertEqual(watch.end(), FAILED)
        lines = text.split("\n")
        self.assertEqual(len(text), 2 * 4096)
        self.assertGreater(len(lines), 10)
        # one that was cut when the room was made, and the last
        broken = [n for n, line in enumerate(lines) if not self.is_whole(line)]
        self.assertEqual((len(broken), broken[-1]), (2, len(lines) - 1))
        self.assertLess(sum(len(line) + 1 for line in lines[:broken[0]]), 4096)

    def is_whole(self, line):
        try:
            return json.loads(line)["schema"] == 1
        except ValueError:
            return False

    def test_unwritable(self):
        """a file that cannot be written: failed before anything is done, with the reason"""
        target = Workload(self, "retain", "--size", "8MiB", *QUIET)
        for path, why in (f"{self.directory}/no/log", "No such file or directory"), (self.directory, "Is a directory"):
            for run in (run_trim("--log", path, "-p", str(target.pid)),
                        run_watch("-s", "none", "--trim-at", "rss:1MiB", "--log", path, "-p", str(target.pid))):
                self.assertEqual((run.returncode, run.stdout, run.stderr), (FAILED, "", f"memgap: cannot write --log {path}: {why}\n"))

    def test_unwritable_for_a_command(self):
        """and COMMAND is not started then"""
        witness = f"{self.directory}/witness"
        run = run_watch("--trim-at", "1GiB", "--log", self.directory, "--", "touch", witness)
        self.assertEqual((run.returncode, run.stderr), (FAILED, f"memgap: cannot write --log {self.directory}: Is a directory\n"))
        self.assertFalse(os.path.exists(witness))

    def test_rotated(self):
        """a file that is moved away goes on to be written; one that is removed breaks nothing"""
        target = self.target()
        watch = self.watch(target, "-s", "none", "--trim-at", "rss:1GiB")
        watch.sample()
        os.rename(self.log, f"{self.log}.1")
        before = len(self.lines(f"{self.log}.1"))
        for _ in range(3):
            watch.sample()
        wait_for(lambda: len(self.lines(f"{self.log}.1")) > before + 1, "it is written on")
        self.assertFalse(os.path.exists(self.log))
        os.unlink(f"{self.log}.1")
        for _ in range(3):
            watch.sample()
        watch.stop(signal.SIGINT)
        self.assertEqual((watch.finish(), watch.stderr().count("\n")), (0, 1))
        self.assertTrue(is_alive(target.pid))

    def test_dry_run(self):
        """--dry-run is logged as what it is"""
        target = Workload(self, "retain", "--size", "32MiB", *QUIET)
        self.assertEqual(self.trim(target, "--dry-run").returncode, 0)
        self.assertEqual([line.get("outcome") for line in self.lines()], [None, "dry-run"])


if __name__ == "__main__":
    tap.main()
