#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""No more file descriptors, no room on the disk, a ring of events that nobody empties: memgap says so, or does without; nothing is lost unsaid."""
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, "tests/faults")
import faults  # noqa: E402
from faults import GONE, SIZE, FaultsTest, Target  # noqa: E402
from memgap import MEMGAP, SLOWNESS, Cgroup, Program, Watch, code_is_intact, own_libc, read, wait_for  # noqa: E402

FORKS = os.path.abspath("build/tests/programs/forks")
JEMALLOC = os.path.abspath("build/packages/bookworm/libjemalloc2/usr/lib/x86_64-linux-gnu/libjemalloc.so.2")
ENOUGH = 100  # descriptors, for one target
STEP = max(1, round(4 / SIZE))
STATUSES = 0, 1, 3
INTERVAL = f"{20 * SLOWNESS}ms"  # a heap is looked into after the first line, which may come late: before the third there is a whole one


class Descriptors(FaultsTest):
    """Each command with each limit, from the one with which it cannot even begin until all is well three times in a row; in `make check` some."""

    def setUp(self):
        self.begin_in_cgroup("descriptors")

    def run_with(self, limit, arguments):
        return self.run_alone([MEMGAP, *arguments], preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))

    def check_run(self, limit, run, arguments):
        """Whether all went well; else it was said."""
        note = f"{limit} descriptors: {arguments}: {run.returncode}\n{run.stdout[-2000:]}\n{run.stderr}"
        if "error while loading shared libraries" in run.stderr:
            return False  # ld.so's, before memgap is
        self.assertIn(run.returncode, STATUSES, note)
        self.assertNotRegex(run.stdout + run.stderr, f"no memory cgroup hierarchy|{GONE}", note)
        if "json" in arguments:
            lines = [json.loads(line) for line in run.stdout.splitlines()]
            self.assertTrue(lines or run.returncode, note)
        if arguments[0] == "check" and run.stdout:
            self.assertTrue(not run.returncode or " no: " in run.stdout or run.stderr.startswith("memgap: "), note)
        elif run.returncode and not run.stdout.startswith("Trim: "):  # which says why
            self.assertRegex(run.stderr, r"(?m)^memgap: .{10,}$", note)
        return run.returncode == 0 and ("json" not in arguments or lines[-1].get("allocator", {}).get("alloc") is not None)

    def check_each(self, *arguments):
        well, tries = 0, 0
        for limit in range(3 + random.randrange(STEP), ENOUGH, STEP):
            if well == 3:
                break
            well = well + 1 if self.check_run(limit, self.run_with(limit, arguments), arguments) else 0
            tries += 1
            self.check_nothing_left(self.target)
        self.assertEqual(well, 3, f"{arguments}: {ENOUGH} descriptors are not enough")
        self.target.finish()
        self.tried(f"each limit of descriptors: memgap {arguments[0]}, {arguments[arguments.index('-s') + 1] if '-s' in arguments else 'auto'}", tries)

    def test_probe(self):
        """memgap watch with probes"""
        self.check_each("watch", "-o", "json", "-s", "probe", "-i", "20ms", "-N", "2", "-p", str(self.target.pid))

    def test_cgroup(self):
        """memgap watch of a cgroup"""
        self.check_each("watch", "-o", "json", "-s", "heap", "-i", INTERVAL, "-N", "3", "-c", self.cgroup.path)

    def test_recording(self):
        """memgap watch with a recording and a log"""
        self.check_each("watch", "-o", "json", "-s", "heap", "-i", INTERVAL, "-N", "3", "--trim-at", "rss:1TiB", "--log", f"{self.directory}/log",
                        "-p", str(self.target.pid))

    def test_check(self):
        """memgap check"""
        self.check_each("check", "-p", str(self.target.pid))

    def test_trim(self):
        """memgap trim"""
        self.check_each("trim", "--force", "-p", str(self.target.pid))


class FullDisk(FaultsTest):
    def setUp(self):
        self.directory = tempfile.mkdtemp()
        self.addCleanup(os.rmdir, self.directory)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", self.directory], check=True)
        self.addCleanup(subprocess.run, ["umount", self.directory], check=True)

    def test_all_files(self):
        """a disk that becomes full under a recording and a log: each is told once, all lines go on to stdout, the exit status tells"""
        target = Target(self)
        log, recording = f"{self.directory}/log", f"{self.directory}/recording.zst"
        watch = Watch(self, "-s", "heap", "--trim-at", "rss:1TiB", "--log", log, "--record", recording, "-p", str(target.pid), interval="10ms")
        watch.sample(lambda _: len(re.findall("[Nn]o space", watch.stderr())) == 2, seconds=60)
        before = len(watch.samples())
        for _ in range(50):
            watch.sample()
        self.end(watch, 1)
        said = watch.stderr()
        self.assertEqual(len(re.findall("[Nn]o space", said)), 2, said)
        missing = next(int(line.split()[2]) for line in said.splitlines() if line.endswith("lines are missing"))
        kept = [json.loads(line) for line in read(log).splitlines() if line.endswith("}")]
        # a decision for each sample but the last line: in the log, or counted as missing
        self.assertEqual(len(kept) + missing, len(watch.samples()) - 1, said)
        unpacked = subprocess.run(["zstd", "-dcq", recording], capture_output=True, timeout=30).stdout.split(b"\n")[:-1]
        self.assertGreater(len(unpacked), 5)
        self.assertEqual([json.loads(line) for line in unpacked], watch.seen[:len(unpacked)])
        self.assertGreater(before, 5)
        self.check_nothing_left(target)
        target.finish()
        self.tried("a full disk under a recording and a log", 1)

    def test_stdout(self):
        """a disk that becomes full under stdout: one line says so, the exit status is 1, what was written is whole lines"""
        target = Target(self)
        with open(f"{self.directory}/lines", "wb") as lines:
            watch = Program(self, MEMGAP, "watch", "-o", "json", "-s", "probe", "-i", "5ms", "-p", str(target.pid), stdout=lines)
            self.assertEqual(watch.end(60), 1)
        self.assertRegex(watch.stderr(), r"(?m)^memgap: .*No space left on device")
        kept = read(f"{self.directory}/lines").split("\n")
        self.assertTrue(all(json.loads(line) for line in kept[:-1]))
        self.check_nothing_left(target)
        target.finish()
        self.tried("a full disk under stdout", 1)


class FullMap(FaultsTest):
    def test_blocks(self):
        """there is no room for most blocks of a program with jemalloc: what is not counted is missed, and said to be"""
        subprocess.run(["tests/packages.sh", "bookworm", "libjemalloc2"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300, check=True)
        target = Target(self, env={**own_libc(self), "LD_PRELOAD": JEMALLOC})
        watch = Watch(self, "-s", "probe", "--max-blocks", "100", "-p", str(target.pid))
        before, seen = self.settled(target, watch)
        self.assertFalse(code_is_intact(target.pid, os.path.basename(JEMALLOC)), "there are no probes: nothing is proven")
        target.go()
        watch.sample(lambda sample: sample["allocator"]["missed"] > seen["missed"] + 1000)
        after, now = self.settled(target, watch)
        missed = now["missed"] - seen["missed"]
        # a block that was there before is none of its own when it is freed
        for figure, others in ("mallocs", 0), ("frees", before["mallocs"] - before["frees"]):
            lost = after[figure] - before[figure] - (now[figure] - seen[figure])
            self.assertTrue(0 <= lost <= missed + others, f"{figure}: {lost} are lost, {missed} said to be missed")
        self.assertGreater(now["mallocs"], seen["mallocs"])
        target.go()
        self.end(watch)
        self.check_nothing_left(target)
        self.assertTrue(code_is_intact(target.pid, os.path.basename(JEMALLOC)))
        target.finish()
        self.tried("blocks for which there was no room", f"{missed:,}")


class FullRing(FaultsTest):
    def test_events(self):
        """memgap gets no CPU while processes come and go by the thousand: its ring of events overflows, and its figures are right all the same"""
        cgroup, n = Cgroup(self, "ring"), 10000  # of two events each: the ring has room for 16,384
        forks = Program(self, FORKS, str(n), stdin=subprocess.PIPE, preexec_fn=cgroup.enter, env=own_libc(self))
        self.assertEqual(forks.line(), "ready")
        watch = Watch(self, "-s", "probe", "-c", cgroup.path)
        before = watch.sample()["allocator"]
        watch.stop(signal.SIGSTOP)
        wait_for(lambda: read(f"/proc/{watch.pid}/stat").rpartition(") ")[2][0] == "T", "it is stopped")
        forks.process.stdin.write(b"\n")
        forks.process.stdin.flush()
        truth = json.loads(forks.line(120))
        watch.stop(signal.SIGCONT)
        sample = watch.sample_from_now(lambda sample: sample["target"]["processes"] == 1)
        for figure in "mallocs", "frees", "total_alloc":
            self.assertEqual(sample["allocator"][figure] - before[figure], truth[figure], figure)
        self.assertEqual(sample["allocator"]["missed"], 0)
        self.end(watch)
        forks.fds = len(os.listdir(f"/proc/{forks.pid}/fd"))
        self.check_nothing_left(forks)
        self.tried("events of processes, while nobody takes them", f"{2 * n:,}")


if __name__ == "__main__":
    faults.main()
