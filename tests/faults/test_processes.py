#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Processes by the thousand, a fork bomb, targets that are stopped or frozen: all that they do is counted, or counted as missed."""
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, "tests/faults")
import faults  # noqa: E402
from bpf_objects import bpf_objects  # noqa: E402
from faults import SIZE, FaultsTest, Target  # noqa: E402
from freezer import Freezer  # noqa: E402
from memgap import LARGENESS, MIB, Cgroup, Program, Watch, end_cgroup, own_libc, read, status_of, wait_for  # noqa: E402

FORKS = os.path.abspath("build/tests/programs/forks")
PROCESSES = round(10000 * SIZE)
BOMB_SECONDS = 5 * SIZE
BOMB_PROCESSES = 64


class Forks(Program):
    """forks.c in a cgroup of its own, with a libc of its own."""

    def __init__(self, test, cgroup, what):
        super().__init__(test, FORKS, str(what), stdin=subprocess.PIPE, preexec_fn=cgroup.enter, env=own_libc(test))
        test.assertEqual(self.line(), "ready")

    def say(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()


class Pids:
    """A limit on how many processes a cgroup has: by version 1's controller, or by version 2's in the memory cgroup itself."""

    def __init__(self, test, cgroup, most):
        mounts = [line.split() for line in read("/proc/mounts").splitlines()]
        mount = next((where for _, where, kind, options, *_ in mounts if kind == "cgroup" and "pids" in options.split(",")), None)
        self.directory = f"{mount}/memgap-test-{os.getpid()}-pids" if mount else cgroup.directory
        if mount:
            os.mkdir(self.directory)
            test.addCleanup(wait_for, lambda: end_cgroup(self.directory), f"{self.directory} can be removed")
        else:
            with open(f"{cgroup.root}/cgroup.subtree_control", "w") as file:
                file.write("+pids")
        with open(f"{self.directory}/pids.max", "w") as file:
            file.write(str(most))

    def add(self, pid):
        with open(f"{self.directory}/cgroup.procs", "w") as file:
            file.write(str(pid))


class Many(FaultsTest):
    def begin(self, name, what):
        self.cgroup = Cgroup(self, name)
        self.forks = Forks(self, self.cgroup, what)
        self.watch = Watch(self, "-s", "probe", "-c", self.cgroup.path)
        return self.watch.sample()["allocator"]

    def check_all_counted(self, before):
        """What the program has done is in the figures; what is not is in `missed`. Returns how many calls were missed."""
        truth = json.loads(self.forks.line(120))
        now = self.watch.sample_from_now(lambda sample: sample["target"]["processes"] == 1, seconds=60)["allocator"]
        missed = now["missed"] - before["missed"]
        for figure in "mallocs", "frees":
            lost = truth[figure] - (now[figure] - before[figure])
            self.assertGreaterEqual(lost, 0, f"{figure}: more than there were")
            self.assertLessEqual(lost, missed, f"{figure}: lost, and not said to be")
        if not missed:
            self.assertEqual(now["total_alloc"] - before["total_alloc"], truth["total_alloc"])
            self.assertEqual(now["alloc"], before["alloc"], "those that have ended hold nothing")
        return truth, missed

    def finish(self):
        self.assertLess(len(os.listdir(f"/proc/{self.watch.pid}/fd")), 200)
        self.assertLess(status_of(self.watch.pid)["VmHWM"], 40 * MIB * LARGENESS)
        self.end(self.watch)
        self.forks.fds = len(os.listdir(f"/proc/{self.forks.pid}/fd"))
        self.check_nothing_left(self.forks)
        self.forks.say()
        self.assertEqual((self.forks.end(), self.forks.stderr()), (0, ""))

    def test_short_processes(self):
        """a target forks short processes by the thousand, which each allocate: every call is counted"""
        before = self.begin("short", PROCESSES)
        self.forks.say()
        truth, missed = self.check_all_counted(before)
        self.assertEqual(truth["processes"], PROCESSES)
        self.assertEqual(missed, 0)
        self.finish()
        self.tried("short processes forked", f"{PROCESSES:,}")

    def test_fork_bomb(self):
        """a fork bomb in a cgroup with a limit: its lines come on time, and what it did is counted"""
        before = self.begin("bomb", "bomb")
        limit = Pids(self, self.cgroup, BOMB_PROCESSES)
        limit.add(self.forks.pid)
        self.forks.say()
        start = self.watch.sample(lambda sample: sample["target"]["processes"] > BOMB_PROCESSES / 2)["elapsed_s"]
        late, last = 0, start
        while last < start + BOMB_SECONDS:
            now = self.watch.sample()["elapsed_s"]
            late, last = max(late, now - last), now
        self.forks.say()
        truth, missed = self.check_all_counted(before)
        self.assertGreater(truth["refused"], 0, "the bomb has never come to its limit")
        self.assertLess(late, 2, "a line came too late")
        self.finish()
        print(f"# fork bomb: {truth['processes']:,} processes, {truth['mallocs']:,} calls of malloc, {missed} missed, "
              f"the longest interval of 0.1 s took {late:.2f} s")
        self.tried(f"processes of a fork bomb at its limit of {BOMB_PROCESSES}", f"{truth['processes']:,}")


class Halted(FaultsTest):
    def check(self, fault, halt, go_on):
        target = Target(self)
        # halted while it is watched
        watch = Watch(self, "-s", "probe", "-p", str(target.pid))
        watch.sample()
        halt(target)
        for _ in range(3):
            watch.sample()
        go_on(target)
        self.check_counts(target, watch)
        # at its end
        halt(target)
        began = time.monotonic()
        self.end(watch)
        self.assertLess(time.monotonic() - began, 5)
        self.check_nothing_left(target)
        # from the start, and killed
        for sources in ["-s", "probe"], ["-s", "heap"], []:
            watch = Watch(self, *sources, "-p", str(target.pid))
            for _ in range(3):
                watch.sample()
            objects = bpf_objects(watch.pid)
            watch.kill()
            self.check_objects_gone(objects)
            self.check_nothing_left(target)
        watch = Watch(self, "-s", "probe", "-p", str(target.pid))
        watch.sample()
        go_on(target)
        self.check_counts(target, watch)
        self.end(watch)
        self.check_nothing_left(target)
        target.finish()
        self.tried(fault, 6)

    def test_stopped(self):
        """a target is stopped before, while and after it is watched: lines come on, probes come and go, and it goes on exactly counted"""
        def halt(target):
            target.stop(signal.SIGSTOP)
            wait_for(lambda: status_of(target.pid)["State"].startswith("T"), "it is stopped")
        self.check("watched while stopped (SIGSTOP)", halt, lambda target: target.stop(signal.SIGCONT))

    def test_frozen(self):
        """and so in a frozen cgroup"""
        for freezer in Freezer.all(self):
            with self.subTest(freezer.directory):
                self.check(f"watched while frozen ({freezer.file})", lambda target, f=freezer: f.freeze([target]), freezer.thaw)


if __name__ == "__main__":
    faults.main()
