#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The verdict on each pattern of memory use, and on real programs, found within 30 s by a watch that comes late, with a
sentence whose numbers are those of the process itself. Each is a process in a cgroup with a limit, judged as both."""
import datetime
import os
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import MIB, QUIET, SLOWNESS, Cgroup, Program, Watch, Workload, read, status_of, wait_for  # noqa: E402
from sizes import agrees, sizes_in  # noqa: E402

SECONDS = 30 * SLOWNESS
LINES_IT_STAYS = 5
LIMIT = 768 * MIB

# what libc and a program have besides: stacks, the data of libraries, a stdio buffer
REST = 1 * MIB

PYTHON_SMALL = """
import sys
held = [str(i) * 3 for i in range(1000000)]
sys._debugmallocstats()
print("ready", flush=True)
sys.stdin.read()
"""
PYTHON_LARGE = """
import sys
held = [b"x" * (100000 + i) for i in range(1000)]
print(sum(map(sys.getsizeof, held)), flush=True)
sys.stdin.read()
"""
PERL_HOLDS = '$| = 1; @held = map { "x" x 10000 } 1..10000; print "ready\\n"; <STDIN>'
PERL_DROPS = '$| = 1; { my @held = map { "x" x 10000 } 1..10000; $last = "y" x 10000; } print "ready\\n"; <STDIN>'


def held_by(pid):
    status = status_of(pid)
    return status["RssAnon"] + status["VmSwap"]


class Verdicts(unittest.TestCase):
    def setUp(self):
        self.cgroup = Cgroup(self, "verdict")
        self.cgroup.limit(LIMIT)

    def workload(self, *arguments):
        return Workload(self, *arguments, preexec_fn=self.cgroup.enter)

    def program(self, *command):
        """One that says in a line that it is ready, and ends with its stdin."""
        program = Program(self, *command, preexec_fn=self.cgroup.enter, stdin=subprocess.PIPE)
        program.ready = program.line(60)
        return program

    def judge(self, verdict, pid, kinds=("process", "cgroup")):
        """Waits until each line has the verdict; returns the sample of the last kind."""
        watch = Watch(self, "-p", str(pid), "-c", self.cgroup.path, interval="500ms")
        for kind in kinds:
            sample = watch.sample(lambda s, kind=kind: s["target"]["kind"] == kind and s["gap"]["verdict"] == verdict, SECONDS)
            self.assertLessEqual(sample["elapsed_s"], SECONDS)
            self.check_limit(sample)
            for _ in range(LINES_IT_STAYS):
                sample = watch.sample(lambda s, kind=kind: s["target"]["kind"] == kind)
                self.assertEqual(sample["gap"]["verdict"], verdict, sample["gap"]["why"])
        watch.stop()
        self.assertEqual(watch.finish(), 0, watch.stderr())
        return sample

    def check_limit(self, sample):
        cgroup = sample["kernel"]["cgroup"]
        self.assertEqual(cgroup["limit"], LIMIT)
        self.assertEqual(cgroup["working_set"], max(0, cgroup["current"] - cgroup["inactive_file"]))

    def check_sizes(self, sample, *truths):
        """Each: the true bytes, then percent and bytes by which the sentence may differ."""
        sizes = sizes_in(sample["gap"]["why"])
        self.assertGreaterEqual(len(sizes), len(truths), sample["gap"]["why"])
        for size, truth in zip(sizes, truths):
            self.assertTrue(agrees(size, *truth), f"{size[0]:.0f} is not {truth[0]:.0f}: {sample['gap']['why']}")

    def trim(self, workload):
        """Has the program trim itself; returns what its resident memory fell by."""
        before = held_by(workload.pid)
        workload.skip()
        os.kill(workload.pid, signal.SIGUSR1)
        wait_for(lambda: held_by(workload.pid) < before, "a fall of RssAnon", 5)
        return before - wait_for(lambda: self.settled(workload.pid), "that it no longer falls", 5)[0]

    def settled(self, pid):
        values = {held_by(pid) for _ in range(20) if not signal.sigtimedwait([signal.SIGCHLD], 0.005)}
        return [min(values)] if max(values) - min(values) < MIB // 4 else None

    def test_hold(self):
        """hold: in-use"""
        workload = self.workload("hold", *QUIET)
        sample = self.judge("in-use", workload.pid)
        self.check_sizes(sample, (held_by(workload.pid), 0, REST), (workload.first["held_bytes"], 0, 4096))

    def test_leak(self):
        """leak: growing, at its rate"""
        workload = self.workload("leak", "--size", "256KiB", "--interval", "100ms")
        sample = self.judge("growing", workload.pid)
        rate = sizes_in(sample["gap"]["why"])[2]
        self.assertTrue(agrees(rate, 2.5 * MIB, percent=10), sample["gap"]["why"])

    def test_retain(self):
        """retain: retained, as much as its own malloc_trim() then gives back"""
        workload = self.workload("retain", "--interval", "200ms")
        sample = self.judge("retained", workload.pid)
        held = held_by(workload.pid)
        self.check_sizes(sample, (held, 0, REST), (self.trim(workload), 1))

    def test_frag(self):
        """frag: pinned, as much as mallinfo2() has free; a trim brings next to nothing"""
        workload = self.workload("frag", "--interval", "200ms")
        free = workload.first["mallinfo2"]["fordblks"]
        sample = self.judge("pinned", workload.pid)
        self.check_sizes(sample, (held_by(workload.pid), 0, REST), (free, 1))
        self.assertLess(sizes_in(sample["gap"]["why"])[2][0], MIB)

    def test_untouched(self):
        """untouched: as much as is not resident"""
        workload = self.workload("untouched", *QUIET)
        sample = self.judge("untouched", workload.pid)
        held = held_by(workload.pid)
        allocated = workload.first["held_bytes"]
        self.check_sizes(sample, (allocated - held, 0, REST), (allocated, 0, 4096), (held, 0, 64 << 10))

    def test_cache(self):
        """cache: the cgroup's page cache, as memory.stat has it"""
        with tempfile.NamedTemporaryFile(dir=".") as file:
            workload = self.workload("cache", "--size", "128MiB", "--file", file.name, "--interval", "1s")
            sample = self.judge("cache", workload.pid, ["cgroup"])
            stat = dict(line.split() for line in read(f"{self.cgroup.directory}/memory.stat").splitlines())
            cache = int(stat["total_cache"] if "total_cache" in stat else stat["file"])
            self.check_sizes(sample, (cache, 2))

    def test_python_small(self):
        """python3 with a million small strings: other-anon, as much as its own arenas"""
        program = self.program("python3", "-c", PYTHON_SMALL)
        arenas = next(line for line in program.stderr().splitlines() if "bytes/arena" in line)
        sample = self.judge("other-anon", program.pid)
        self.check_sizes(sample, (int(arenas.split("=")[1].replace(",", "")), 2, REST), (held_by(program.pid), 0, REST))

    def test_python_large(self):
        """python3 with 100 MB of large strings: in-use"""
        program = self.program("python3", "-c", PYTHON_LARGE)
        sample = self.judge("in-use", program.pid)
        self.check_sizes(sample, (held_by(program.pid), 0, REST), (int(program.ready), 2, REST))

    def test_perl_holds(self):
        """perl with 100 MB of strings: in-use"""
        program = self.program("perl", "-e", PERL_HOLDS)
        sample = self.judge("in-use", program.pid)
        self.check_sizes(sample, (held_by(program.pid), 0, REST), (10000 * 10000, 2, REST))

    def test_perl_drops(self):
        """perl that has dropped 100 MB of strings: retained"""
        program = self.program("perl", "-e", PERL_DROPS)
        sample = self.judge("retained", program.pid)
        self.check_sizes(sample, (held_by(program.pid), 0, REST), (10000 * 10000, 2, REST))

    def test_redis(self):
        """redis-server with jemalloc, watched from its start: in-use, as much as INFO says"""
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        socket = f"{directory.name}/socket"
        watch = Watch(self, "--max-overhead", "100%", "--", "redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--logfile",
                      f"{directory.name}/log", "--enable-debug-command", "yes", interval="500ms", preexec_fn=self.cgroup.enter)
        pid = watch.sample()["target"]["pid"]
        wait_for(lambda: os.path.exists(socket), "redis-server's socket")
        cli = ["redis-cli", "-s", socket]
        subprocess.run([*cli, "debug", "populate", "100000", "key", "500"], check=True, capture_output=True, timeout=60)
        populated = datetime.datetime.now(datetime.timezone.utc).isoformat()
        sample = watch.sample(lambda s: s["gap"]["verdict"] == "in-use" and s["time"] > populated, SECONDS)
        text = subprocess.run([*cli, "info", "memory"], check=True, capture_output=True, text=True, timeout=10).stdout
        info = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        self.check_sizes(sample, (held_by(pid), 1), (int(info["allocator_allocated"]), 1))
        self.assertEqual(sample["allocator"]["missed"], 0)
        self.check_limit(sample)


class AllOfAHost(unittest.TestCase):
    def test_all(self):
        """--all: each pattern in a cgroup of its own, without a probe"""
        patterns = {"hold": "in-use", "leak": "growing", "retain": "retained", "frag": "pinned", "untouched": "untouched"}
        cgroups = {}
        for pattern in patterns:
            cgroups[pattern] = Cgroup(self, pattern)
            Workload(self, pattern, "--interval", "500ms", preexec_fn=cgroups[pattern].enter)
        watch = Watch(self, "--all", interval="500ms")
        for pattern, verdict in patterns.items():
            sample = watch.sample(lambda s, p=pattern, v=verdict: s["target"]["cgroup"] == cgroups[p].path and
                                  s["gap"]["verdict"] == v, SECONDS)
            self.assertLessEqual(sample["elapsed_s"], SECONDS)
            self.assertEqual(sample["allocator"]["source"], "heap")
        watch.stop()
        self.assertEqual(watch.finish(), 0)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    tap.main(together=3)
