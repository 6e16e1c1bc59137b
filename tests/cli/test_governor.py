#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The governor: probes that a process would pay too much for are taken away and come back, and the figures go on.

The program counts what it does itself (tests/programs/works.c): that is the truth.
"""
import json
import os
import subprocess
import sys
import time
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from crosses import busy  # noqa: E402
from memgap import Cgroup, Program, Watch, cpu_seconds, wait_for  # noqa: E402

WORKS = os.path.abspath("build/tests/programs/works")
JEMALLOC = os.path.abspath("build/packages/bookworm/libjemalloc2/usr/lib/x86_64-linux-gnu/libjemalloc.so.2")
HOT = "700"  # rounds between two pairs: about a million pairs a second
REST = "rest 20000"  # some 5,000 pairs a second


def setUpModule():
    subprocess.run(["tests/packages.sh", "bookworm", "libjemalloc2"], check=True, timeout=300)


class Works(Program):
    def __init__(self, test, *arguments, preload=None, **options):
        command = ["env", f"LD_PRELOAD={preload}"] if preload else []
        super().__init__(test, *command, WORKS, *arguments, stdin=subprocess.PIPE, **options)
        self.done()

    def done(self, order=""):
        self.process.stdin.write(f"{order}\n".encode())
        self.process.stdin.flush()
        return json.loads(self.line())


class GovernorTest(unittest.TestCase):
    def watch_late(self, works, *options):
        watch = Watch(self, "-p", str(works.pid), *options, interval="200ms")
        first = watch.sample()
        return watch, first, works.done()

    def wait_until_gone(self, watch):
        wait_for(lambda: "taken away" in watch.stderr() or not watch.sample(), "probes taken away")

    def wait_until_back(self, watch):
        wait_for(lambda: "probes are back" in watch.stderr() or not watch.sample(), "probes back", seconds=60)

    def check_total(self, sample, first, done, begun, slack=0):
        """What it says was allocated, and how wrong that may be, against what was."""
        said = sample["allocator"]["total_alloc"] - first["allocator"]["total_alloc"]
        true = done["bytes"] - begun["bytes"]
        self.assertLessEqual(abs(said - true), sample["allocator"]["total_error"] + slack + true // 50,
                             f"{said}, not {true}, error {sample['allocator']['total_error']}")

    def test_gone(self):
        """a program that allocates a million times a second loses its probes, which is said; its heap tells what is live"""
        works = Works(self, HOT)
        watch, first, begun = self.watch_late(works)
        self.wait_until_gone(watch)
        self.assertRegex(watch.stderr(), rf"pid {works.pid} \(works\) pays \d+ % of a core for its probes, more than "
                                         rf"--max-overhead 5%: taken away, but for samples")
        for _ in range(15):
            sample = watch.sample()
        done = works.done()
        self.assertEqual(sample["allocator"]["source"], "heap")
        # what is live changes by some KiB all the time
        self.assertLess(abs(sample["allocator"]["alloc"] - done["live"]), 100000)
        self.assertGreater(sample["allocator"]["total_error"], 0)
        self.assertEqual(sample["gap"]["verdict"], "in-use")
        self.assertIsNotNone(sample["allocator"]["baseline"])
        self.check_total(sample, first, done, begun, slack=100 << 20)

    def test_cost(self):
        """after the first two seconds it pays no more than the bound, where all probes would double its time"""
        works = Works(self, HOT)

        def time_of_pair(seconds):
            done, cpu = works.done(), cpu_seconds(works.pid)
            time.sleep(seconds)  # what it does in that time is measured
            return (cpu_seconds(works.pid) - cpu) / (works.done()["pairs"] - done["pairs"])

        ratios = []
        for _ in range(2):
            before = time_of_pair(1)
            watch = Watch(self, "-p", str(works.pid), interval="1s")
            self.wait_until_gone(watch)
            time.sleep(1)
            during = time_of_pair(3)
            watch.stop()
            self.assertEqual(watch.end(), 0)
            ratios.append(during / ((before + time_of_pair(1)) / 2))
        print(f"# the time of a pair with the governor: {', '.join(f'{ratio:.3f}' for ratio in ratios)} times that without", flush=True)
        # others share the machine: what is asserted is that it is nowhere near what all probes cost
        self.assertLess(min(ratios), 1.1)

    def test_forced(self):
        """--source probe has no bound, and counts on; --max-overhead sets another one"""
        works = Works(self, HOT)
        watch, first, begun = self.watch_late(works, "-s", "probe")
        for _ in range(10):
            sample = watch.sample()
        self.assertNotIn("taken away", watch.stderr())
        self.assertGreater(sample["allocator"]["overhead_percent"], 20)
        self.assertEqual(sample["allocator"]["total_error"], 0)
        watch.kill()
        watch = Watch(self, "-p", str(works.pid), "--max-overhead", "90%")
        for _ in range(3):
            sample = watch.sample()
        self.assertNotIn("taken away", watch.stderr())
        self.assertEqual(sample["allocator"]["source"], "probe")

    def test_back(self):
        """when it does less the probes come back; the total never goes back, alloc is exact again"""
        works = Works(self, HOT)
        watch, first, begun = self.watch_late(works)
        self.wait_until_gone(watch)
        totals = [watch.sample()["allocator"]["total_alloc"] for _ in range(15)]
        works.done(REST)
        self.wait_until_back(watch)
        sample = wait_for(lambda: (sample := watch.sample())["allocator"]["source"] == "probe" and sample, "source probe")
        totals.append(sample["allocator"]["total_alloc"])
        self.assertEqual(totals, sorted(totals))
        self.check_total(sample, first, works.done(), begun, slack=100 << 20)
        self.assertLess(abs(sample["allocator"]["alloc"] - works.done()["live"]), 100000)

    def test_other_allocator(self):
        """an allocator whose heap is not read, on a busy host: what is live is an estimate, or not known, the total goes on, nothing is missed"""
        works = Works(self, HOT, preload=JEMALLOC)
        watch, first, begun = self.watch_late(works)
        self.wait_until_gone(watch)
        busy(self, os.cpu_count())
        totals = []
        for _ in range(15):
            sample = watch.sample()
            totals.append(sample["allocator"]["total_alloc"])
            if sample["allocator"]["alloc"] is not None:
                # what was live before is not in it
                self.assertLess(sample["allocator"]["alloc"], works.done()["live"] + sample["allocator"]["alloc_error"] + 100000)
        self.assertEqual(totals, sorted(totals))
        self.check_total(sample, first, works.done(), begun, slack=100 << 20)
        self.assertEqual(sample["allocator"]["missed"], 0)

    def test_cgroup(self):
        """in a cgroup, one that allocates much costs all their probes; the sums go on, also when it ends"""
        cgroup = Cgroup(self, "governor")
        calm = Works(self, HOT, preexec_fn=cgroup.enter)
        calm.done(REST)
        watch = Watch(self, "-c", cgroup.path, interval="200ms")
        watch.sample()
        hot = Works(self, HOT, preexec_fn=cgroup.enter)
        self.wait_until_gone(watch)
        self.assertRegex(watch.stderr(), rf"pid {hot.pid} \(works\) pays .* taken away for all who map the libraries")
        totals = [watch.sample()["allocator"]["total_alloc"] for _ in range(15)]
        sample = watch.sample()
        self.assertLess(abs(sample["allocator"]["alloc"] - hot.done()["live"] - calm.done()["live"]), 300000)
        self.check_total(sample, {"allocator": {"total_alloc": 0}}, hot.done(), {"bytes": 0}, slack=100 << 20)
        hot.kill()
        self.wait_until_back(watch)
        totals += [watch.sample()["allocator"]["total_alloc"] for _ in range(5)]
        self.assertEqual(totals, sorted(totals))

    def test_stranger(self):
        """one outside of the cgroup that maps the same libc, and would pay too much: it loses them as well, and is let alone"""
        cgroup = Cgroup(self, "governor")
        calm = Works(self, HOT, preexec_fn=cgroup.enter)
        calm.done(REST)
        watch = Watch(self, "-c", cgroup.path, interval="200ms")
        first = watch.sample()
        begun = calm.done()
        hot = Works(self, HOT)
        self.wait_until_gone(watch)
        self.assertRegex(watch.stderr(), rf"pid {hot.pid} \(not watched, but maps the same library\) pays \d+ % of a core")
        for _ in range(10):
            sample = watch.sample()
        self.check_total(sample, first, calm.done(), begun, slack=1 << 20)
        self.assertEqual(sample["target"]["processes"], 1)
        hot.kill()
        self.wait_until_back(watch)

    def test_exec(self):
        """a new program begins with nothing, though its probes were away; also one that a thread has begun"""
        for option in "exec", "exec by thread":
            works = Works(self, HOT)
            watch, _, _ = self.watch_late(works)
            self.wait_until_gone(watch)
            # more than the new one comes to before its first line
            before = watch.sample(lambda sample: sample["allocator"]["total_alloc"] > 1 << 30)["allocator"]["total_alloc"]
            works.process.stdin.write(f"{option}\n".encode())
            works.process.stdin.flush()
            sample = watch.sample(lambda sample: sample["allocator"]["total_alloc"] < before)
            # it begins hot as well: what is counted of it is its own, and what is not is estimated when there were some windows
            paid = []
            for _ in range(30):
                sample = watch.sample()
                paid.append(sample["allocator"]["overhead_percent"])
            done = works.done()
            self.assertLess(abs(sample["allocator"]["alloc"] - done["live"]), 200000)
            self.check_total(sample, {"allocator": {"total_alloc": 0}}, done, {"bytes": 0}, slack=done["bytes"] // 2)
            # an interval with a window in it pays more than those without
            self.assertLess(sum(paid[10:]) / len(paid[10:]), 10, paid)

    def test_killed(self):
        """killed while probes are away or in a window, memgap leaves nothing; the program goes on"""
        works = Works(self, "0")
        for delay in 0.35, 0.5, 0.75, 1.1:
            watch = Watch(self, "-p", str(works.pid))
            self.wait_until_gone(watch)
            time.sleep(delay - 0.3)
            watch.kill()
        before = works.done()["pairs"]
        wait_for(lambda: works.done()["pairs"] > before + 100000, "the program goes on")
        # at full speed: without any probe a pair takes far less than a trap
        done, cpu = works.done(), cpu_seconds(works.pid)
        time.sleep(0.5)
        self.assertLess((cpu_seconds(works.pid) - cpu) / (works.done()["pairs"] - done["pairs"]), 400e-9)


if __name__ == "__main__":
    tap.main()
