# SPDX-License-Identifier: GPL-2.0-only
"""What the suites of faults have in common: a target that checks itself, what must hold after each fault, the table of what was tried."""
import collections
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
import tried  # noqa: E402
from bpf_objects import bpf_left  # noqa: E402
from memgap import Cgroup, Program, code_is_intact, is_alive, own_libc, status_of, wait_for  # noqa: E402

CHECKS_ITSELF = os.path.abspath("build/tests/programs/checks_itself")
# how much is tried: less than 1 in `make check`, more for a release
SIZE = float(os.environ.get("FAULTS", 1))


def leaked_uprobes(since=0):
    """When the kernel has said that it could not take a breakpoint of memgap's back, in its log's seconds."""
    run = subprocess.run(["dmesg"], capture_output=True, text=True, timeout=30)
    told = re.findall(r"^\[ *([\d.]+)\] uprobe: (?:memgap|probing):\d+ failed to unregister, leaking uprobe", run.stdout, re.M)
    return [seconds for seconds in map(float, told) if seconds > since]


class Target(Program):
    """checks_itself, with a libc of its own unless it is to share: threads that allocate all the time and look whether their blocks are whole."""

    def __init__(self, test, threads=3, **options):
        super().__init__(test, CHECKS_ITSELF, str(threads), stdin=subprocess.PIPE, **{"env": own_libc(test), **options})
        self.test = test
        test.assertEqual(self.line(), "ready")
        self.fds = len(os.listdir(f"/proc/{self.pid}/fd"))

    def say(self, order):
        self.process.stdin.write(f"{order}\n".encode())
        self.process.stdin.flush()

    def hold(self):
        """Its threads pause; what they have done so far."""
        self.say("hold")
        return json.loads(self.line())

    def go(self):
        self.say("go")

    def finish(self):
        """It looks at all its blocks once more, and ends as it would without memgap."""
        self.process.stdin.close()
        self.test.assertEqual((self.end(), self.stderr()), (0, ""))


Row = collections.namedtuple("Row", "fault times harmed left lost")
table = []


class FaultsTest(unittest.TestCase):
    """What holds after each fault."""

    def run(self, result=None):
        """The rows of a test that has failed, in whatever subtest, do not say that there was no harm."""
        self.rows = []
        super().run(result)
        failed = {getattr(test, "test_case", test) for test, _ in result.failures + result.errors}  # a subtest's is its test
        table.extend(row._replace(harmed="FAILED") if self in failed else row for row in self.rows)

    def begin_in_cgroup(self, name):
        """A directory, a cgroup, and a target in it."""
        self.directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.directory)
        self.cgroup = Cgroup(self, name)
        self.target = Target(self)
        self.cgroup.add(self.target.pid)

    def check_nothing_left(self, target, objects=()):
        """The target goes on, untraced, its code is that of the file, no descriptor is in it, and the kernel holds nothing of memgap's."""
        self.assertTrue(is_alive(target.pid), target.stderr())
        wait_for(lambda: code_is_intact(target.pid), "libc without a breakpoint", seconds=10)
        wait_for(lambda: not bpf_left(set(objects)), "no BPF object left", seconds=10)
        self.assertEqual(len(os.listdir(f"/proc/{target.pid}/fd")), target.fds)
        self.assertEqual(status_of(target.pid)["TracerPid"], "0")

    def check_counts(self, target, watch):
        """A memgap that watches the target with probes counts to the block what it does from here on."""
        before, seen = self.settled(target, watch)
        target.go()
        watch.sample(lambda sample: sample["allocator"]["mallocs"] > seen["mallocs"] + 100)
        after, now = self.settled(target, watch)
        target.go()
        for figure in "mallocs", "frees", "total_alloc":
            self.assertEqual(now[figure] - seen[figure], after[figure] - before[figure], figure)
        self.assertEqual(now["missed"], 0)

    def settled(self, target, watch):
        """The truth of a target that holds, and what memgap says of it."""
        truth = target.hold()
        return truth, watch.sample_from_now()["allocator"]

    def tried(self, fault, times, harmed=0, left=0, lost=0):
        """A row of the table. The tests themselves fail where a number but the first is not 0."""
        self.rows.append(Row(fault, times, harmed, left, lost))


def main(together=1):
    """As tap.main(), with the table of what was tried as comments."""
    try:
        tap.main(together)
    finally:
        for row in table:
            tried.say(*row)
