#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""memgap watch on memory cgroups: members that come and go, cgroups in cgroups, cgroups that vanish."""
import json
import os
import signal
import sys
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import (BYTES_OF_A_THREAD, LINE, MIB, QUIET, SUMMARY, WORKLOAD, Cgroup, Held, Watch, Workload,  # noqa: E402
                    run_watch, status_of, wait_for)


def of(cgroup, condition=lambda sample: True):
    """Whether a line is this cgroup's, and the condition holds."""
    return lambda sample: sample["target"]["cgroup"] == cgroup.path and condition(sample)


def allocated(size):
    return lambda sample: (sample["allocator"]["alloc"] or 0) >= size  # not known before it is probed


class CgroupTest(unittest.TestCase):
    def held(self, cgroup, *workload):
        """A workload that waits in the cgroup for go()."""
        held = Held(self, WORKLOAD, *workload, "--truth", *QUIET)
        cgroup.add(held.pid)
        return held

    def go(self, held):
        """Lets it run; returns the bytes that it and libc hold once it is quiet."""
        held.go()
        return json.loads(held.line())["held_bytes"] + BYTES_OF_A_THREAD

    def check_alloc(self, watch, cgroup, expected):
        sample = watch.sample(of(cgroup, allocated(expected)))
        self.assertEqual((sample["allocator"]["alloc"], sample["allocator"]["missed"]), (expected, 0))
        return sample


class Members(CgroupTest):
    def test_exact(self):
        """a cgroup's only process, watched from its first instruction: exact, and the baseline is known to be 0"""
        cgroup = Cgroup(self, "one")
        held = self.held(cgroup, "hold", "--size", "20MiB")
        watch = Watch(self, "-s", "probe", "-c", cgroup.directory)
        self.assertIsNone(watch.sample()["allocator"]["baseline"])
        sample = self.check_alloc(watch, cgroup, self.go(held))
        self.assertEqual(sample["allocator"]["baseline"], 0)
        self.assertGreater(sample["kernel"]["cgroup"]["current"], 20 * MIB)

    def test_children(self):
        """processes that a member starts later are counted, and taken off again when they exit"""
        cgroup = Cgroup(self, "children")
        script = f"{WORKLOAD} hold --size 3MiB --interval 1h & {WORKLOAD} hold --size 4MiB --interval 1h & wait"
        held = Held(self, "sh", "-c", script)
        cgroup.add(held.pid)
        watch = Watch(self, "-c", cgroup.path)
        self.assertEqual(watch.sample()["target"]["processes"], 1)
        held.go()
        sample = watch.sample(lambda sample: sample["target"]["processes"] == 3 and allocated(7 * MIB)(sample))
        self.assertLess(sample["allocator"]["alloc"], 8 * MIB)
        # kernels before 6.2 count up to 64 pages a thread late (TASK_RSS_EVENTS_THRESH)
        self.assertGreater(sample["kernel"]["rss_anon"], 7 * MIB - 3 * 64 * os.sysconf("SC_PAGESIZE"))
        for pid in cgroup.pids():
            if pid != held.pid:
                os.kill(pid, signal.SIGTERM)
        sample = watch.sample(lambda sample: not sample["target"]["processes"])
        self.assertEqual((sample["allocator"]["alloc"], sample["kernel"]["rss"]), (0, 0))
        self.assertGreater(sample["allocator"]["total_alloc"], 7 * MIB)

    def test_join_and_leave(self):
        """a process that is moved into the cgroup is counted from then on; moved out, it is taken off again"""
        cgroup, outside = Cgroup(self, "inside"), Cgroup(self, "outside")
        self.go(self.held(cgroup, "hold", "--size", "1MiB"))
        guest = self.held(outside, "hold", "--size", "6MiB")
        watch = Watch(self, "-s", "probe", "-c", cgroup.path)
        self.assertEqual(watch.sample()["target"]["processes"], 1)
        cgroup.add(guest.pid)
        self.assertEqual(watch.sample(lambda sample: sample["target"]["processes"] == 2)["allocator"]["alloc"], 0)
        self.check_alloc(watch, cgroup, self.go(guest))
        outside.add(guest.pid)
        sample = watch.sample(lambda sample: sample["target"]["processes"] == 1)
        self.assertEqual(sample["allocator"]["alloc"], 0)
        guest.process.kill()
        self.assertEqual(watch.sample()["allocator"]["alloc"], 0)

    def test_join_without_probes(self):
        """--source none: members that come and go are followed too; rss is the sum of theirs"""
        cgroup = Cgroup(self, "none")
        one, two = (Workload(self, "hold", "--size", f"{size}MiB", *QUIET) for size in (2, 3))
        cgroup.add(one.pid)
        watch = Watch(self, "-s", "none", "-c", cgroup.path)
        self.assertEqual(watch.sample()["kernel"]["rss"], status_of(one.pid)["VmRSS"])
        cgroup.add(two.pid)
        sample = watch.sample(lambda sample: sample["target"]["processes"] == 2)
        self.assertEqual(sample["kernel"]["rss"], status_of(one.pid)["VmRSS"] + status_of(two.pid)["VmRSS"])
        two.process.kill()
        watch.sample(lambda sample: sample["target"]["processes"] == 1)

    def test_per_process(self):
        """--per process: a line for each process of the cgroup, and for those that come later"""
        cgroup = Cgroup(self, "per-process")
        one, two = (self.held(cgroup, "hold", "--size", f"{size}MiB") for size in (2, 3))
        watch = Watch(self, "-c", cgroup.path, "--per", "process")
        for held in one, two:
            watch.sample(lambda sample: sample["target"]["pid"] == held.pid)
        for held in one, two:
            expected = self.go(held)
            sample = watch.sample(lambda sample: sample["target"]["pid"] == held.pid and allocated(expected)(sample))
            self.assertEqual((sample["allocator"]["alloc"], sample["allocator"]["baseline"]), (expected, 0))
            self.assertEqual((sample["target"]["kind"], sample["target"]["comm"]), ("process", "workload"))
        late = Workload(self, "hold", "--size", "1MiB", *QUIET)
        cgroup.add(late.pid)
        watch.sample(lambda sample: sample["target"]["pid"] == late.pid)
        one.stop()
        two.stop()
        late.stop()
        wait_for(lambda: not cgroup.pids(), "all have exited")
        watch.stop()
        self.assertEqual(watch.finish(), 0)

    def test_pids_per_cgroup(self):
        """--per cgroup: pids are shown as their cgroup, the sum of those that were named"""
        cgroup = Cgroup(self, "per-cgroup")
        pids = [Workload(self, "hold", "--size", "2MiB", *QUIET).pid for _ in range(3)]
        for pid in pids:
            cgroup.add(pid)
        run = run_watch("-s", "none", "-o", "json", "-i", "100ms", "-N", "2", "--per", "cgroup", "-p", f"{pids[0]},{pids[1]}")
        for line in map(json.loads, run.stdout.splitlines()):
            self.assertEqual((line["target"]["kind"], line["target"]["cgroup"], line["target"]["processes"]),
                             ("cgroup", cgroup.path, 2))
            self.assertEqual(line["kernel"]["rss"], sum(status_of(pid)["VmRSS"] for pid in pids[:2]))
        self.assertEqual(len(run.stdout.splitlines()), 2)


class Pressure(CgroupTest):
    def test_pressure(self):
        """the pressure of a cgroup is a percentage; on a hybrid host that of the v2 cgroup with the same path"""
        cgroup = Cgroup(self, "pressure")
        with open("/proc/mounts") as mounts:
            where = next(line.split()[1] for line in mounts if line.split()[2] == "cgroup2")
        if not os.path.isdir(where + cgroup.path):
            os.mkdir(where + cgroup.path)
            self.addCleanup(os.rmdir, where + cgroup.path)
        self.held(cgroup, "hold", "--size", "1MiB")
        percent = Watch(self, "-s", "none", "-c", cgroup.path).sample()["kernel"]["cgroup"]["psi_some_avg10"]
        self.assertIsInstance(percent, (int, float))
        self.assertLessEqual(percent, 100)


class Trees(CgroupTest):
    def test_two(self):
        """two cgroups: two lines an interval, each with its own figures, named in the line format"""
        one, two = Cgroup(self, "a"), Cgroup(self, "b")
        first, second = self.held(one, "hold", "--size", "5MiB"), self.held(two, "hold", "--size", "7MiB")
        watch = Watch(self, "-c", one.path, "-c", two.path)
        watch.sample(of(two))
        self.check_alloc(watch, one, self.go(first))
        self.check_alloc(watch, two, self.go(second))
        run = run_watch("-s", "none", "-o", "line", "-i", "100ms", "-N", "1", "-c", one.path, "-c", two.path)
        self.assertRegex(run.stdout, rf"\A{one.path}\t{LINE}\n{two.path}\t{LINE}\n\Z")

    def check_nested(self, order):
        parent = Cgroup(self, "parent")
        child = Cgroup(self, "child", parent)
        above = self.held(parent.for_processes(self), "hold", "--size", "5MiB")
        below = self.held(child, "hold", "--size", "7MiB")
        watch = Watch(self, *(option for cgroup in order(parent, child) for option in ("-c", cgroup.path)))
        watch.sample(of(child))
        sizes = self.go(above), self.go(below)
        self.check_alloc(watch, parent, sum(sizes))
        sample = self.check_alloc(watch, child, sizes[1])
        self.assertEqual(sample["target"]["processes"], 1)
        self.assertEqual(watch.sample(of(parent))["target"]["processes"], 2)

    def test_nested(self):
        """a cgroup and one in it: the parent's figures include the child's, whichever is named first"""
        self.check_nested(lambda parent, child: (parent, child))

    def test_nested_child_first(self):
        """a cgroup and, named before it, one in it: the parent's figures include the child's"""
        self.check_nested(lambda parent, child: (child, parent))

    def test_below(self):
        """processes in cgroups below the watched one, also in those made later, are its own"""
        parent = Cgroup(self, "above")
        deep = Cgroup(self, "deep", Cgroup(self, "between", parent))
        held = self.held(deep, "hold", "--size", "3MiB")
        watch = Watch(self, "-c", parent.path)
        watch.sample()
        size = self.go(held)
        self.check_alloc(watch, parent, size)
        later = Cgroup(self, "later", parent)
        self.check_alloc(watch, parent, size + self.go(self.held(later, "hold", "--size", "4MiB")))

    def test_named_twice(self):
        """a cgroup that is named twice, once as its directory, is one target"""
        cgroup = Cgroup(self, "twice")
        cgroup.add(Workload(self, "hold", "--size", "1MiB", *QUIET).pid)
        run = run_watch("-s", "none", "-i", "100ms", "-N", "1", "-c", cgroup.path, "-c", f"{cgroup.directory}/")
        self.assertRegex(run.stdout, rf"\A{LINE}\n\Z")

    def test_root(self):
        """the root cgroup can be watched: kernel threads are not taken for its processes"""
        run = run_watch("-s", "none", "-o", "json", "-i", "100ms", "-N", "1", "-c", "/")
        self.assertEqual(run.returncode, 0, run.stderr)
        processes = json.loads(run.stdout)["target"]["processes"]
        with_memory = [pid for pid in os.listdir("/proc") if pid.isdigit() and os.path.exists(f"/proc/{pid}/exe")]
        self.assertLess(abs(processes - len(with_memory)), 10)


class Removed(CgroupTest):
    def test_removed(self):
        """a cgroup that is removed while it is watched: said so, a summary, exit status 0"""
        for source in "probe", "none":
            cgroup = Cgroup(self, "removed")
            member = Workload(self, "hold", "--size", "1MiB", *QUIET)
            cgroup.add(member.pid)
            watch = Watch(self, "-s", source, "-c", cgroup.path)
            watch.sample()
            member.process.kill()
            cgroup.remove()
            self.assertEqual(watch.finish(), 0)
            self.assertRegex(watch.stderr(), rf"memgap: cgroup {cgroup.path} is gone\n{SUMMARY}\Z")

    def test_moves(self):
        """a process that is moved to and fro while it allocates leaves nothing of it in the figures of the others"""
        cgroups = [Cgroup(self, "left"), Cgroup(self, "right")]
        quiet = [self.held(cgroup, "hold", "--size", "1MiB") for cgroup in cgroups]
        restless = self.held(cgroups[0], "churn", "--threads", "2")
        watch = Watch(self, "-c", cgroups[0].path, "-c", cgroups[1].path)
        watch.sample()
        expected = [self.go(held) for held in quiet]
        restless.go()
        restless.line()
        for i in range(400):
            cgroups[i % 2].add(restless.pid)
        restless.process.kill()
        restless.end()
        for cgroup, bytes_held in zip(cgroups, expected):
            sample = watch.sample(of(cgroup, lambda sample: sample["target"]["processes"] == 1))
            self.assertEqual((sample["allocator"]["alloc"], sample["allocator"]["missed"]), (bytes_held, 0))

    def test_command_inside(self):
        """memgap and its COMMAND in the cgroup that it watches: COMMAND has a line of its own, and is in the cgroup's once"""
        cgroup = Cgroup(self, "inside-out")
        watch = Watch(self, "-s", "probe", "-c", cgroup.path, "--", WORKLOAD, "hold", "--size", "8MiB", "--truth", *QUIET,
                      preexec_fn=cgroup.enter)
        truth = watch.next(lambda line: "truth" in line)
        held = truth["held_bytes"] + BYTES_OF_A_THREAD
        own = watch.sample(lambda sample: sample["target"]["comm"] == "workload" and allocated(held)(sample))
        self.assertEqual((own["allocator"]["alloc"], own["allocator"]["baseline"]), (held, 0))
        # at first there may be a child of memgap's own, on which it tries what the kernel can do
        both = watch.sample(of(cgroup, lambda sample: sample["target"]["kind"] == "cgroup" and allocated(held)(sample) and
                               sample["target"]["processes"] == 2))
        self.assertLess(both["allocator"]["alloc"], held + MIB)
        os.kill(truth["pid"], signal.SIGTERM)
        watch.sample(of(cgroup, lambda sample: sample["target"]["processes"] == 1))
        wait_for(lambda: "has exited with status 0" in watch.stderr(), "COMMAND's end is told")
        self.assertNotIn("goes on", watch.stderr())

    def test_pid_inside(self):
        """-p and -c for one process: a line for each"""
        cgroup = Cgroup(self, "twice")
        member = Workload(self, "hold", "--size", "2MiB", *QUIET)
        cgroup.add(member.pid)
        watch = Watch(self, "-c", cgroup.path, "-p", str(member.pid))
        self.assertEqual(watch.sample(lambda sample: sample["target"]["kind"] == "process")["target"]["pid"], member.pid)
        self.assertEqual(watch.sample(of(cgroup, lambda sample: sample["target"]["kind"] == "cgroup"))["target"]["processes"], 1)

    def test_nothing_probed(self):
        """a cgroup in which nothing can be probed: what it holds is not known, and not shown as 0"""
        cgroup = Cgroup(self, "unprobed")
        preloaded = os.path.abspath("build/tests/programs/preload_own_malloc")
        member = Workload(self, "hold", "--size", "2MiB", *QUIET, env={**os.environ, "LD_PRELOAD": preloaded})
        cgroup.add(member.pid)
        sample = Watch(self, "-c", cgroup.path).sample()
        self.assertEqual((sample["allocator"]["alloc"], sample["allocator"]["source"], sample["gap"]["bytes"]), (None, "none", None))
        self.assertGreater(sample["kernel"]["rss_anon"], 2 * MIB)

    def test_other_controller(self):
        """--per cgroup for a pid: a move in another controller's hierarchy changes nothing"""
        other = "/sys/fs/cgroup/cpu"
        if not os.path.isdir(other):
            self.skipTest("no cpu controller of its own: one hierarchy for all")
        cgroup = Cgroup(self, "home")
        member = self.held(cgroup, "hold", "--size", "3MiB")
        watch = Watch(self, "--per", "cgroup", "-p", str(member.pid))
        watch.sample()
        expected = self.go(member)
        self.check_alloc(watch, cgroup, expected)
        directory = f"{other}{cgroup.path}"
        os.mkdir(directory)
        self.addCleanup(os.rmdir, directory)
        self.addCleanup(member.kill)
        with open(f"{directory}/cgroup.procs", "w") as file:
            file.write(str(member.pid))
        for _ in range(3):
            self.assertEqual(watch.sample()["allocator"]["alloc"], expected)

    def test_removed_per_process(self):
        """--per process: watching a cgroup ends with it, too"""
        cgroup = Cgroup(self, "removed-per-process")
        member = Workload(self, "hold", "--size", "1MiB", *QUIET)
        cgroup.add(member.pid)
        watch = Watch(self, "--per", "process", "-c", cgroup.path)
        watch.sample()
        member.process.kill()
        cgroup.remove()
        self.assertEqual(watch.finish(seconds=10), 0)

    def test_one_of_two_removed(self):
        """of two cgroups one is removed: the other goes on"""
        gone, kept = Cgroup(self, "gone"), Cgroup(self, "kept")
        members = [Workload(self, "hold", "--size", "1MiB", *QUIET) for _ in range(2)]
        gone.add(members[0].pid)
        kept.add(members[1].pid)
        watch = Watch(self, "-s", "none", "-c", gone.path, "-c", kept.path)
        watch.sample(of(kept))
        members[0].process.kill()
        gone.remove()
        wait_for(lambda: watch.sample() and f"cgroup {gone.path} is gone" in watch.stderr(), "the end of one is told")
        for _ in range(4):
            self.assertEqual(watch.sample()["target"]["cgroup"], kept.path)
        watch.stop()
        self.assertEqual(watch.finish(), 0)


if __name__ == "__main__":
    tap.main()
