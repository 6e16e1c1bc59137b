#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The time of day jumps to and fro by years, for memgap: intervals, cooldowns and waits are not by it."""
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, "tests/faults")
import faults  # noqa: E402
from faults import FaultsTest, Target  # noqa: E402
from memgap import MEMGAP, Watch  # noqa: E402

JUMPING = {**os.environ, "LD_PRELOAD": os.path.abspath("build/tests/programs/preload_clock")}
LINES = 30


class Clock(FaultsTest):
    def setUp(self):
        self.target = Target(self)
        self.directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.directory)

    def watch(self, *arguments):
        return Watch(self, "-p", str(self.target.pid), *arguments, env=JUMPING)

    def years(self, watch):
        return {line["time"][:4] for line in watch.seen}

    def test_intervals(self):
        """lines come on time, elapsed_s runs on, and all is counted; memgap ends when it is told to"""
        watch = self.watch("-s", "probe")
        watch.sample()
        start = time.monotonic()
        for _ in range(LINES):
            watch.sample()
        self.assertAlmostEqual(time.monotonic() - start, LINES * 0.1, delta=1.5)
        self.assertGreater(len(self.years(watch)), 2, "its clock does not jump")
        elapsed = [sample["elapsed_s"] for sample in watch.samples()]
        self.assertLess(max(b - a for a, b in zip(elapsed, elapsed[1:])), 1)
        self.assertGreater(min(b - a for a, b in zip(elapsed, elapsed[1:])), 0)
        truth, last = self.target.hold(), watch.sample()["elapsed_s"]
        before = watch.sample(lambda sample: sample["elapsed_s"] > last + 0.15)["allocator"]
        self.target.go()
        time.sleep(0.2)
        after, last = self.target.hold(), watch.samples()[-1]["elapsed_s"]
        now = watch.sample(lambda sample: sample["elapsed_s"] > last + 0.35)["allocator"]
        self.target.go()
        for figure in "mallocs", "frees", "total_alloc":
            self.assertEqual(now[figure] - before[figure], after[figure] - truth[figure])
        start = time.monotonic()
        self.end(watch)
        self.assertLess(time.monotonic() - start, 2)
        self.check_nothing_left(self.target)
        self.target.finish()
        self.tried("lines, at each of which memgap's time of day jumps by up to ten years", len(watch.seen))

    def test_trims(self):
        """the cooldown is a second, whatever the time of day"""
        watch = self.watch("-s", "none", "--trim-at", "rss:1KiB", "--cooldown", "1s")
        watch.event()
        start = time.monotonic()
        for _ in range(3):
            watch.event()
        self.assertAlmostEqual(time.monotonic() - start, 3, delta=1.2)
        self.end(watch)
        self.check_nothing_left(self.target)
        self.target.finish()
        self.tried("lines while the time of day jumps, with trims", len(watch.seen))

    def test_recording(self):
        """a recording keeps all lines, and makes a report"""
        path = f"{self.directory}/jumps.zst"
        watch = self.watch("-s", "heap", "--record", path)
        for _ in range(LINES):
            watch.sample()
        self.end(watch)
        unpacked = subprocess.run(["zstd", "-dc", path], capture_output=True, timeout=30, check=True).stdout
        self.assertEqual(unpacked.count(b'"elapsed_s"'), len(watch.samples()))
        report = subprocess.run([MEMGAP, "report", path], capture_output=True, timeout=30)
        self.assertEqual((report.returncode, report.stderr), (0, b""))
        self.assertGreater(len(report.stdout), 10000)
        self.target.finish()
        self.tried("lines while the time of day jumps, in a recording", len(watch.seen))


if __name__ == "__main__":
    faults.main()
