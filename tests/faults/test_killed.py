#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""memgap killed by SIGKILL at random moments under load, and started again at once. SEED=n repeats a run's moments."""
import operator
import os
import random
import signal
import sys
import time

sys.path.insert(0, "tests/faults")
import faults  # noqa: E402
from bpf_objects import bpf_objects  # noqa: E402
from faults import SIZE, FaultsTest, Target, leaked_uprobes  # noqa: E402
from memgap import MEMGAP, Cgroup, Program, Watch, libc_of  # noqa: E402

SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))
KILLS = round(8 * SIZE)  # of each kind
MOST_KILLS = KILLS + 40


class Killed(FaultsTest):
    """Each kind of moment: a memgap is begun, and killed with its process group; another one takes its place at once (in `make check` every other
    time)."""

    def setUp(self):
        self.random = random.Random(f"{SEED} {self.id()}")
        self.cgroup = Cgroup(self, "killed")
        self.target = Target(self)
        self.cgroup.add(self.target.pid)
        self.leaked = max(leaked_uprobes(), default=0)

    def watch(self, *arguments, **options):
        return Watch(self, "-p", str(self.target.pid), *arguments, interval="50ms", **options)

    def sleep(self, seconds):
        time.sleep(self.random.uniform(0, seconds))  # a moment is what this is about

    def time_to_probes(self, *arguments):
        """Seconds from a memgap's start to its first sample with probes."""
        start = time.monotonic()
        watch = Watch(self, *arguments, interval="50ms")
        watch.sample(lambda sample: sample["allocator"]["mallocs"])
        seconds = time.monotonic() - start
        watch.stop()
        self.assertEqual(watch.finish(), 0, watch.stderr())
        return seconds

    def probed_places(self):
        """Addresses in the target, and the bytes that are there without probes."""
        fields = libc_of(self.target.pid)
        start, end = (int(address, 16) for address in fields[0].split("-"))
        with open(f"/proc/{self.target.pid}/mem", "rb") as memory:
            memory.seek(start)
            bare = memory.read(end - start)
            watch = self.watch("-s", "probe")
            watch.sample()
            memory.seek(start)
            probed = memory.read(end - start)
        watch.stop()
        self.assertEqual(watch.finish(), 0, watch.stderr())
        return {start + i: bare[i:i + 1] for i in range(len(bare)) if probed[i] != bare[i]}

    def breakpoints(self, places):
        """How many are in place."""
        with open(f"/proc/{self.target.pid}/mem", "rb", buffering=0) as memory:
            return sum(memory.seek(address) and memory.read(1) != byte for address, byte in places.items())

    def check(self, fault, begin, strike=Program.kill, is_hit=lambda: True, may_leave=False):
        """begin(): a memgap, at a random moment of its life; strike(): it is killed. Again, until one was hit of the moments that this is about.
        may_leave: breakpoints, of which the kernel tells from 6.12 on, until the next one that places and takes away its own."""
        leaks = kills = 0
        while kills < KILLS or (not is_hit() and kills < MOST_KILLS):
            kills += 1
            victim = begin()
            objects = bpf_objects(victim.pid)
            strike(victim)
            if kills % 2 == 0 or SIZE > 1 or may_leave:
                watch = self.watch("-s", "probe")
                self.check_counts(self.target, watch)
                self.end(watch)
            left = leaked_uprobes(self.leaked)
            self.leaked = max(left, default=self.leaked)
            leaks += bool(left)
            self.check_objects_gone(objects)
            self.check_unharmed(self.target)
            if may_leave or not left:  # else it is told, below
                self.check_nothing_left(self.target)
        self.target.finish()
        self.tried(f"SIGKILL {fault}", kills, left=leaks)
        if not may_leave:
            self.assertEqual(leaks, 0, f"breakpoints that the kernel could not take back; SEED={SEED}")

    def test_attaching(self):
        """killed while it loads and attaches to a process"""
        arguments = "-s", "probe", "-p", str(self.target.pid)
        seconds = self.time_to_probes(*arguments)

        def begin():
            watch = Watch(self, *arguments)
            self.sleep(seconds)
            return watch
        self.check("while attaching to a process", begin)

    def test_attaching_to_files(self):
        """killed while it attaches to the files that the processes of a cgroup map"""
        arguments = "-s", "probe", "-c", self.cgroup.path
        seconds = self.time_to_probes(*arguments)

        def begin():
            watch = Watch(self, *arguments)
            self.sleep(seconds)
            return watch
        self.check("while attaching to files", begin)

    def check_amid(self, fault, begin, prompt, reached, kill=lambda victim: victim.process.kill(), **options):
        """prompt() has it change its breakpoints; it is killed when so many as are drawn have been reached. Some moments are hit."""
        places, hits = self.probed_places(), 0

        def strike(victim):
            nonlocal hits
            n = self.random.randrange(1, len(places))
            prompt(victim)
            while not reached(self.breakpoints(places), n):
                if victim.process.poll() is not None:
                    break
            kill(victim)
            hits += 0 < self.breakpoints(places) < len(places)
            victim.kill()
        self.check(fault, begin, strike, lambda: hits, **options)
        print(f"# {fault}: some were in place, and others not, right after {hits} kills")
        self.assertGreater(hits, 0, f"no moment was hit; SEED={SEED}")

    def begin_to_attach(self, **options):
        watch = self.watch("-s", "probe", **options)
        while not bpf_objects(watch.pid):
            self.assertIsNone(watch.process.poll(), watch.stderr())
        return watch

    def test_amid_attaching(self):
        """killed when some of its breakpoints are in place, and others are not"""
        self.check_amid("when some probes are in place, and others not yet", self.begin_to_attach, lambda _: None, operator.ge)

    def test_whole_cgroup(self):
        """killed at that moment with all processes of its cgroup, that which places its probes too: a breakpoint may stay, and harms nothing"""
        own = Cgroup(self, "memgap")
        self.check_amid("with all of its cgroup, when some probes are in place, and others not yet", lambda: self.begin_to_attach(preexec_fn=own.enter), lambda _: None,
                        operator.ge, lambda _: own.kill(), may_leave=True)

    def test_detaching(self):
        """killed while it ends, when some of its breakpoints are gone"""
        def begin():
            watch = self.watch("-s", "probe")
            watch.sample()
            return watch

        def prompt(watch):
            watch.stop(self.random.choice((signal.SIGTERM, signal.SIGINT)))
        self.check_amid("when some probes are gone, and others not yet", begin, prompt, operator.le)

    def test_sampling(self):
        """killed while the governor takes the probes away and puts them back"""
        def begin():
            watch = self.watch("--max-overhead", "1%")
            watch.sample()
            self.sleep(1)
            return watch
        self.check("while probes come and go", begin)

    def test_reading(self):
        """killed while it reads the heap"""
        def begin():
            watch = Watch(self, "-p", str(self.target.pid), "-s", "heap", "--walk-budget", "50%,1s", interval="10ms")
            watch.sample()
            self.sleep(0.2)
            return watch
        self.check("while reading the heap", begin)

    def test_trimming(self):
        """killed while it has the target trimmed"""
        def begin():
            if self.random.random() < 0.5:
                program = Program(self, MEMGAP, "trim", "-p", str(self.target.pid))
                self.sleep(0.3)
                return program
            watch = self.watch("--trim-at", "alloc:1KiB", "--cooldown", "20ms")
            watch.event()
            self.sleep(0.2)
            return watch
        self.check("while trimming", begin)


if __name__ == "__main__":
    print(f"# SEED={SEED}")
    faults.main()
