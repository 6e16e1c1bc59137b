#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""/proc read-only, hidden, or with holes in it: memgap says what it cannot know, and never says what is not so."""
import json
import random
import re
import sys

sys.path.insert(0, "tests/faults")
import faults  # noqa: E402
from faults import SIZE, FaultsTest, Target  # noqa: E402
from memgap import MEMGAP, Cgroup, Program, Watch  # noqa: E402

# what memgap reads of a process, of itself and of the host
OF_PROCESS = ("cgroup", "comm", "cmdline", "exe", "maps", "mem", "map_files", "pagemap", "root", "smaps_rollup", "stat", "statm", "status",
              "task", "environ")
OF_HOST = ("/proc/self/mountinfo", "/proc/self/mounts", "/proc/self/status", "/proc/self/maps", "/proc/meminfo", "/proc/stat", "/proc/sys/kernel", "/proc/sys",
           "/proc/version", "/proc/cgroups", "/sys/kernel/btf", "/sys/fs/cgroup", "/sys/kernel/tracing", "/sys")
STATUSES = 0, 1, 3, 4
NO_NAME = re.compile(r"(?m)^==\d+==WARNING: reading executable name .*\n")  # ASan's, where /proc/self/exe is hidden


def inside(script):
    """A command before a program: it has mounts of its own, as the script makes them."""
    return ["unshare", "--mount", "sh", "-ec", f'{script}\nexec "$@"', "sh"]


class WatchInside(Watch):
    def __init__(self, test, script, *arguments):
        Program.__init__(self, test, *inside(script), MEMGAP, "watch", "-o", "json", "-i", "50ms", *arguments)
        self.seen = []


def cover(path):
    """Shell: nothing can be seen at the path; without an error where there is no such path."""
    return f'if [ -d {path} ]; then mount -t tmpfs -o ro none {path}; elif [ -e {path} ]; then mount --bind /dev/null {path}; fi'


class Proc(FaultsTest):
    def setUp(self):
        self.cgroup = Cgroup(self, "proc")
        self.target = Target(self)
        self.cgroup.add(self.target.pid)

    def tearDown(self):
        self.check_nothing_left(self.target)
        self.target.finish()

    def check_works(self, fault, script):
        tries = 0
        for target in ("-p", str(self.target.pid)), ("-c", self.cgroup.path):
            watch = WatchInside(self, script, "-s", "probe", *target)
            watch.sample(lambda sample: sample["allocator"]["mallocs"])
            self.check_counts(self.target, watch)
            self.end(watch)
            tries += 1
        self.tried(fault, tries)

    def test_read_only(self):
        """/proc is read-only: all works"""
        self.check_works("/proc read-only", "mount -o remount,ro,bind /proc")

    def test_hidepid(self):
        """/proc hides the processes of others: with its privileges memgap sees them"""
        self.check_works("/proc with hidepid=2", "mount -t proc -o hidepid=2 proc /proc")

    def check_honest(self, run, arguments):
        """It works, or says in one line why not; what it prints is so, or null."""
        note = f"{arguments}: {run.returncode}\n{run.stdout[-2000:]}\n{run.stderr}"
        self.assertIn(run.returncode, STATUSES, note)
        lines = [json.loads(line) for line in run.stdout.splitlines()] if "json" in arguments else []
        if arguments[0] == "check" and run.stdout:
            self.assertTrue(not run.returncode or " no: " in run.stdout or run.stderr.startswith("memgap: "), note)
        elif run.returncode and not any("event" in line for line in lines):  # which says why
            self.assertRegex(run.stderr, r"(?m)\Amemgap: .{10,}$", note)
        elif "-N" in arguments:
            self.assertTrue(lines, note)
        for line in lines:
            self.check_figures(line, self.truth, note)

    def check_tries(self, script):
        target = "-p", str(self.target.pid)
        commands = [["watch", "-o", "json", "-i", "20ms", "-N", "2", "-s", source, *target] for source in ("auto", "probe", "heap", "none")]
        commands += [["watch", "-o", "json", "-i", "20ms", "-N", "2", "-c", self.cgroup.path], ["check", *target], ["trim", "--force", "-o", "json", *target]]
        commands = random.sample(commands, min(len(commands), round(2 * SIZE)))
        for arguments in commands:
            with self.subTest(f"{script}: {' '.join(arguments)}"):
                run = self.run_alone([*inside(script), MEMGAP, *arguments], seconds=30)
                run.stderr = NO_NAME.sub("", run.stderr)
                self.check_honest(run, arguments)
        return len(commands)

    def check_hidden(self, fault, scripts):
        self.truth = self.target.hold()
        tries = sum(self.check_tries(script) for script in scripts)
        self.target.go()
        self.tried(fault, tries)

    def test_subset(self):
        """/proc has processes alone, or is empty, or hides the target"""
        self.check_hidden("/proc with processes alone, empty, without the target",
                          ["mount -t proc -o subset=pid proc /proc", "mount -t tmpfs none /proc", cover(f"/proc/{self.target.pid}")])

    def test_holes_in_process(self):
        """of what /proc has of the target one thing cannot be seen"""
        self.check_hidden("one thing in /proc/PID hidden", [cover(f"/proc/{self.target.pid}/{name}") for name in OF_PROCESS])

    def test_holes_in_host(self):
        """of what /proc and /sys have of the host and of memgap one thing cannot be seen"""
        self.check_hidden("one thing in /proc or /sys hidden", [cover(path) for path in OF_HOST])


if __name__ == "__main__":
    faults.main()
