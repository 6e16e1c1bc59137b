#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""memgap on a host with cgroup v2 alone, with swap: a virtual machine of machine.sh."""
import json
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import (BYTES_OF_A_THREAD, MIB, QUIET, SECONDS, WORKLOAD, Cgroup, Held, Watch, memory_hierarchy,  # noqa: E402
                    read, run_watch, wait_for)

KERNEL = tuple(int(number) for number in re.match(r"(\d+)\.(\d+)", os.uname().release).groups())
HAS_PROBES = KERNEL >= (5, 15)  # attach cookies
needs_probes = unittest.skipUnless(HAS_PROBES, "no probes before Linux 5.15")


def number(text):
    return None if text.strip() == "max" else int(text)


class OnV2(unittest.TestCase):
    def held(self, cgroup, *workload):
        """A workload that waits in the cgroup for go()."""
        held = Held(self, WORKLOAD, *workload, "--truth", *QUIET)
        cgroup.add(held.pid)
        return held

    def file(self, cgroup, name):
        return read(f"{cgroup.directory}/{name}")

    def write(self, cgroup, name, text):
        with open(f"{cgroup.directory}/{name}", "w") as file:
            file.write(str(text))

    def stat(self, cgroup, name):
        return {field: int(value) for field, value in map(str.split, self.file(cgroup, name).splitlines())}

    def kernel_says(self, cgroup):
        """The figures of the JSON, from the cgroup's files."""
        stat = self.stat(cgroup, "memory.stat")
        current = int(self.file(cgroup, "memory.current"))
        return {"current": current, "working_set": max(0, current - stat["inactive_file"]),
                "limit": number(self.file(cgroup, "memory.max")), "high": number(self.file(cgroup, "memory.high")),
                "swap": int(self.file(cgroup, "memory.swap.current")),
                "oom_kills": self.stat(cgroup, "memory.events")["oom_kill"],
                "psi_some_avg10": float(re.match(r"some avg10=(\S+)", self.file(cgroup, "memory.pressure"))[1]),
                **{name: stat[name] for name in ("anon", "file", "shmem", "inactive_file")},
                **({"kernel": stat["kernel"]} if "kernel" in stat else {})}

    def check_figures(self, watch, cgroup):
        """Soon after all in the cgroup is quiet, memgap's figures are the kernel's; returns the kernel's."""
        def agree(sample):
            shown, self.expected = sample["kernel"]["cgroup"], self.kernel_says(cgroup)
            self.differences = {name: (shown[name], value) for name, value in self.expected.items() if shown[name] != value}
            return not self.differences
        try:
            watch.sample(agree)
        except AssertionError as error:
            raise AssertionError(f"memgap's figure, the kernel's: {self.differences}; {watch.stderr()}") from error
        return self.expected


class Host(OnV2):
    def test_hierarchy(self):
        """the memory controller is on v2, and there is no v1 hierarchy"""
        self.assertEqual(memory_hierarchy(), "/sys/fs/cgroup")
        self.assertNotIn(" cgroup ", read("/proc/mounts"))


class Processes(OnV2):
    @needs_probes
    def test_exact(self):
        """watch -p, from the first instruction: exact; its cgroup's figures are there too"""
        cgroup = Cgroup(self, "one")
        held = self.held(cgroup, "hold", "--size", "20MiB")
        watch = Watch(self, "-p", str(held.pid))
        watch.sample()
        held.go()
        truth = json.loads(held.line())
        sample = watch.sample(lambda sample: sample["allocator"]["alloc"] == truth["held_bytes"] + BYTES_OF_A_THREAD)
        self.assertEqual((sample["allocator"]["mallocs"], sample["allocator"]["missed"]), (truth["mallocs"] + 1, 0))
        self.assertEqual(sample["target"]["cgroup"], cgroup.path)
        self.check_figures(watch, cgroup)


class Cgroups(OnV2):
    source = "probe" if HAS_PROBES else "none"

    def watched(self, *workload, limit=None):
        cgroup = Cgroup(self, "v2")
        if limit:
            cgroup.limit(limit)
        held = self.held(cgroup, *workload)
        watch = Watch(self, "-s", self.source, "-c", cgroup.path)
        watch.sample()
        held.go()
        return cgroup, held, watch

    def test_no_limit(self):
        """watch -c: the figures are those of memory.current, memory.stat and memory.events; no limit is unknown, not 0"""
        cgroup, held, watch = self.watched("hold", "--size", "20MiB")
        held.line()
        figures = self.check_figures(watch, cgroup)
        self.assertIsNone(figures["limit"])
        self.assertGreater(figures["anon"], 20 * MIB)

    def test_limits(self):
        """memory.max and memory.high are shown, and the lower limit of a cgroup above is the one that holds"""
        cgroup, held, watch = self.watched("hold", "--size", "20MiB", limit=200 * MIB)
        held.line()
        self.write(cgroup, "memory.high", 150 * MIB)
        figures = self.check_figures(watch, cgroup)
        self.assertEqual((figures["limit"], figures["high"]), (200 * MIB, 150 * MIB))
        parent = Cgroup(self, "above")
        child = Cgroup(self, "below", parent)
        parent.limit(100 * MIB)
        child.limit(300 * MIB)
        child.add(held.pid)
        sample = Watch(self, "-s", self.source, "-c", child.path).sample()
        self.assertEqual(sample["kernel"]["cgroup"]["limit"], 100 * MIB)

    def test_page_cache(self):
        """what a process reads of a file is in the cgroup's file figures, not in its anon"""
        cgroup, cache, watch = self.watched("hold", "--size", "1MiB")
        cache.line()
        with open("page-cache", "wb") as file:
            file.write(bytes(30 * MIB))
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        self.addCleanup(os.unlink, "page-cache")
        subprocess.run(["cat", "page-cache"], stdout=subprocess.DEVNULL, preexec_fn=cgroup.enter, check=True, timeout=SECONDS)
        figures = self.check_figures(watch, cgroup)
        self.assertGreater(figures["file"], 29 * MIB)  # some pages may have stayed the writer's
        self.assertLess(figures["anon"], 10 * MIB)

    def test_swap(self):
        """memory that was swapped out is in the cgroup's swap, and in that of its processes"""
        cgroup, held, watch = self.watched("hold", "--size", "60MiB")
        held.line()
        self.check_figures(watch, cgroup)
        self.write(cgroup, "memory.high", 20 * MIB)
        wait_for(lambda: int(self.file(cgroup, "memory.current")) <= 20 * MIB, "memory.high holds")
        self.write(cgroup, "memory.high", "max")
        figures = self.check_figures(watch, cgroup)
        self.assertGreater(figures["swap"], 30 * MIB)
        sample = watch.sample()
        self.assertLess(abs(sample["kernel"]["swap"] - figures["swap"]), 5 * MIB)
        if HAS_PROBES:
            self.assertGreater(sample["allocator"]["alloc"], 60 * MIB)

    def test_oom(self):
        """a process that the kernel kills at the limit: counted in oom_kills, and what it held is taken off"""
        cgroup, held, watch = self.watched("hold", "--size", "60MiB", limit=30 * MIB)
        self.write(cgroup, "memory.swap.max", 0)
        self.assertLess(held.end(), 0)
        figures = self.check_figures(watch, cgroup)
        self.assertEqual(figures["oom_kills"], 1)
        sample = watch.sample(lambda sample: sample["target"]["processes"] == 0)
        self.assertEqual(sample["allocator"]["alloc"], 0 if HAS_PROBES else None)

    def test_pressure(self):
        """a process that has to wait for memory: the pressure that memory.pressure shows is the one that memgap shows"""
        cgroup = Cgroup(self, "pressure")
        cgroup.limit(30 * MIB)
        # with pauses: what waits for the disk all the time leaves an emulated machine for nobody else
        script = ("import itertools, time; pages = bytearray(60 << 20)\n"
                  "for at in itertools.cycle(range(0, len(pages), 65536)):\n"
                  "    pages[at:at + 65536:4096] = bytes(16)\n    time.sleep(0.002)")
        held = Held(self, sys.executable, "-c", script)
        cgroup.add(held.pid)
        watch = Watch(self, "-s", "none", "-c", cgroup.path)
        watch.sample()
        held.go()

        def pressure():
            return float(re.match(r"some avg10=(\S+)", self.file(cgroup, "memory.pressure"))[1])

        def agrees(sample):
            self.seen = self.expected, sample["kernel"]["cgroup"]["psi_some_avg10"], pressure()
            self.expected = self.seen[2]
            # the kernel takes it anew every two seconds
            return self.seen[1] > 0 and min(self.seen[::2]) <= self.seen[1] <= max(self.seen[::2])

        self.expected = pressure()
        watch.sample(agrees, seconds=3 * SECONDS)

    def test_no_controller(self):
        """a cgroup without the memory controller is refused, and the remedy is named"""
        parent = Cgroup(self, "without")
        os.mkdir(f"{parent.directory}/child")
        self.addCleanup(os.rmdir, f"{parent.directory}/child")
        run = run_watch("-s", self.source, "-c", f"{parent.path}/child")
        self.assertEqual(run.stdout, "")
        self.assertRegex(run.stderr, r"\Amemgap: the memory controller is not on for cgroup .*subtree_control.*\n\Z")
        self.assertIn(run.returncode, (3, 4))


if __name__ == "__main__":
    tap.main()
