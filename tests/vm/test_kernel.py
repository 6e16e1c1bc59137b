#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What a kernel lacks: memgap check states it, and all that does not need it works. In a virtual machine of machine.sh."""
import json
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import MEMGAP, QUIET, SECONDS, WORKLOAD, Cgroup, Held, Watch, Workload, is_alive, run_watch, status_of  # noqa: E402

# From this version on; the first row that is not above the kernel's holds. Each answer begins so.
ALL = {"BPF programs load": "yes", "multi-uprobe links": "yes", "iterator of mapped files": "yes", "return probes under seccomp": "yes",
       "memory.reclaim": "yes", "watch with probes": "yes"}
SAYS = [
    ((6, 12), ALL),
    ((6, 1), {**ALL, "multi-uprobe links": r"no: probes are perf events, one a place \(Linux 6\.6 has the links\)",
              "memory.reclaim": r"yes, but not for page cache alone \(swappiness=0"}),
    ((5, 10), {**{name: "-" for name in ALL},
               "BPF programs load": r"no: this kernel's uprobes have no cookies: memgap's probes need Linux 5\.15 or later; `--source auto`",
               "memory.reclaim": r"no: the cgroup has no memory\.reclaim: that needs Linux 5\.19",
               "watch with probes": r"no: see above; `watch --source none` works"}),
]
KERNEL = tuple(int(number) for number in re.match(r"(\d+)\.(\d+)", os.uname().release).groups())
EXPECTED = next(says for version, says in SAYS if KERNEL >= version)
HAS_PROBES = EXPECTED["watch with probes"] == "yes"


class Heap(unittest.TestCase):
    def check_heap(self, *options, before=(), in_cgroup=False, says=r"\A\Z"):
        """What a program holds, as itself or as its cgroup, is read from outside; it lives on."""
        held = Held(self, *before, WORKLOAD, "hold", "--size", "20MiB", "--truth", *QUIET)
        target = ["-p", str(held.pid)]
        if in_cgroup:
            cgroup = Cgroup(self, "own")
            cgroup.add(held.pid)
            target = ["-c", cgroup.path]
        held.go()
        truth = json.loads(held.line())
        watch = Watch(self, *options, *target)
        sample = watch.sample(lambda sample: sample["allocator"]["alloc"] is not None)
        self.assertEqual(sample["allocator"]["source"], "heap")
        # what libc itself holds is there as well
        self.assertGreaterEqual(sample["allocator"]["alloc"], truth["held_bytes"])
        self.assertLess(sample["allocator"]["alloc"] - truth["held_bytes"], 16384)
        self.assertRegex(watch.stderr(), says)
        watch.kill()
        self.assertTrue(is_alive(held.pid))
        return held


class Kernel(Heap):
    def test_check(self):
        """memgap check says what this kernel lacks, and since which version others have it"""
        run = subprocess.run([MEMGAP, "check"], capture_output=True, text=True, timeout=SECONDS)
        print("".join(f"# {line}\n" for line in run.stdout.splitlines()), end="")
        self.assertEqual((run.returncode, run.stderr), (0 if HAS_PROBES else 3, ""))
        said = {line[2:32].rstrip(): line[33:] for line in run.stdout.splitlines()[1:]}
        for name, answer in EXPECTED.items():
            self.assertRegex(said[name], rf"\A{answer}" + (r"\Z" if answer in ("yes", "-") else ""), name)
        for name in "tracefs", "uprobes", "perf events", "BTF of the kernel":
            self.assertEqual(said[name], "yes", name)
        self.assertRegex(said["memory cgroups"], r"\Ayes: v2 at /sys/fs/cgroup\Z")

    def test_heap(self):
        """the heap view needs no probe: what the program holds is in it"""
        self.check_heap("-s", "heap")

    def test_heap_filtered(self):
        """the same of a process under Docker's seccomp profile"""
        held = self.check_heap("-s", "heap", before=(sys.executable, "tests/lib/seccomp.py"))
        self.assertEqual(status_of(held.pid)["Seccomp"], "2")


class WithoutProbes(Heap):
    def test_no_probes(self):
        """without probes --source probe says in one line why not, and what works"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        run = run_watch("-s", "probe", "-p", str(target.pid))
        self.assertEqual((run.returncode, run.stdout), (3, ""))
        self.assertRegex(run.stderr, r"\Amemgap: this kernel's uprobes have no cookies: memgap's probes need Linux 5\.15 or later; "
                                     r"`--source auto`, heap, go and none work without\n\Z")

    def test_auto(self):
        """what is asked for no source goes on without probes, and says so: a process, and its cgroup"""
        for in_cgroup in False, True:
            self.check_heap(in_cgroup=in_cgroup, says="no cookies.*no probes, only what is read from outside")


if HAS_PROBES:
    del WithoutProbes


if __name__ == "__main__":
    tap.main()
