# SPDX-License-Identifier: GPL-2.0-only
"""What the suites of faults have in common: a target that checks itself, what must hold after each fault, the table of what was tried."""
import collections
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
import tried  # noqa: E402
from bpf_objects import bpf_left, bpf_objects  # noqa: E402
from memgap import MIB, Cgroup, Program, code_is_intact, members_of_group, own_libc, status_of, wait_for  # noqa: E402

CHECKS_ITSELF = os.path.abspath("build/tests/programs/checks_itself")
# how much is tried: less than 1 in `make check`, more for a release
SIZE = float(os.environ.get("FAULTS", 1))
# what is said of a target that is gone, and never of one that could not be looked at
GONE = "has no processes|has exited|is gone|no process with pid|no process is left"


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

    def run_alone(self, arguments, seconds=60, **options):
        """As subprocess.run(), to the end of its last process: what a memgap has in the kernel goes with the processes that hold it."""
        with subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                              start_new_session=True, **options) as process:
            try:
                run = subprocess.CompletedProcess(arguments, None, *process.communicate(timeout=seconds))
            except subprocess.TimeoutExpired as expired:
                os.killpg(process.pid, signal.SIGKILL)
                raise AssertionError(f"{' '.join(arguments)}: did not end in {seconds} s; stderr: {expired.stderr}") from None
            run.returncode = process.returncode
        wait_for(lambda: not members_of_group(process.pid), f"{' '.join(arguments)}: no process left", seconds=10)
        return run

    def end(self, memgap, status=0):
        """Tells a memgap to end, which it does with this status; the kernel has nothing of it any more."""
        objects = bpf_objects(memgap.pid)
        memgap.stop()
        self.assertEqual(memgap.finish(), status, memgap.stderr())
        self.check_objects_gone(objects)

    def check_objects_gone(self, objects):
        wait_for(lambda: not bpf_left(objects), "no BPF object left", seconds=10)

    def check_nothing_left(self, target):
        """The target goes on, untraced, its code is that of the file, and no descriptor is in it."""
        self.check_unharmed(target)
        wait_for(lambda: code_is_intact(target.pid), "libc without a breakpoint", seconds=10)

    def check_unharmed(self, target):
        self.assertIsNone(target.process.poll(), target.stderr())
        self.assertEqual(len(os.listdir(f"/proc/{target.pid}/fd")), target.fds)
        self.assertEqual(status_of(target.pid)["TracerPid"], "0")

    def check_figures(self, line, truth, note):
        """A line of a target that holds since before: what is known is so, and what is not is null."""
        if "event" in line or line["target"]["pid"] != self.target.pid:
            return
        rss = line["kernel"]["rss"]
        # probes cost some pages, and the kernel's counters of each CPU are added up now and then alone
        self.assertTrue(rss is None or abs(rss - status_of(self.target.pid)["VmRSS"]) < MIB, note)
        self.assertIn(line["allocator"]["mallocs"], (None, 0), note)
        # by probes it is what has come since: nothing; from the heap, all blocks; those of the threads' caches are within 10 %
        alloc = line["allocator"]["alloc"]
        if alloc:
            self.assertLess(abs(alloc - truth["live"]), truth["live"] / 2 + 100000, note)

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
