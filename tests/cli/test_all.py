#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""memgap watch --all: a host whose cgroups, processes and programs come and go."""
import resource
import subprocess
import sys
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import MIB, QUIET, Cgroup, Program, Watch, Workload, status_of  # noqa: E402

EXECS = """
import os, sys
held = b"x" * (int(sys.argv[1]) << 20)
print("ready", flush=True)
sys.stdin.readline()
os.execv(sys.executable, [sys.executable, "-c", sys.argv[2], "16", ""])
"""


def of(cgroup, condition=lambda sample: True):
    return lambda sample: sample["target"]["cgroup"] == cgroup.path and condition(sample)


class All(unittest.TestCase):
    def test_exec(self):
        """a process that executes another program: the figures are that one's, soon, and never the old one's next to its"""
        cgroup = Cgroup(self, "exec")
        program = Program(self, sys.executable, "-c", EXECS, "64", EXECS, stdin=subprocess.PIPE, preexec_fn=cgroup.enter)
        self.assertEqual(program.line(), "ready")
        watch = Watch(self, "--all", interval="200ms")
        watch.sample(of(cgroup, lambda sample: (sample["allocator"]["alloc"] or 0) > 64 * MIB), 30)
        program.process.stdin.write(b"\n")
        program.process.stdin.flush()
        self.assertEqual(program.line(), "ready")
        anonymous = status_of(program.pid)["RssAnon"]
        seen = len(watch.seen)
        watch.sample(of(cgroup, lambda sample: 16 * MIB < (sample["allocator"]["alloc"] or 0) < 32 * MIB), 10)
        wrong = [sample for sample in watch.seen[seen:] if of(cgroup)(sample) and sample["kernel"]["rss_anon"] <= anonymous + MIB and
                 (sample["allocator"]["alloc"] or 0) > 64 * MIB]
        self.assertEqual(wrong, [])

    def test_come_and_go(self):
        """fifty cgroups come and go while it watches: each has its line, and none stays"""
        watch = Watch(self, "--all", interval="50ms")
        watch.sample()
        cgroups = [Cgroup(self, f"brief{i}") for i in range(50)]
        programs = [Program(self, "sleep", "1h", preexec_fn=cgroup.enter) for cgroup in cgroups]
        missing = {cgroup.path for cgroup in cgroups}
        while missing:
            missing.discard(watch.sample()["target"]["cgroup"])
        for program, cgroup in zip(programs, cgroups):
            program.kill()
            cgroup.remove()
        last = watch.seen[-1]["elapsed_s"]
        samples = [watch.sample(lambda sample: sample["elapsed_s"] > last + 1) for _ in range(20)]
        self.assertFalse({sample["target"]["cgroup"] for sample in samples} & {cgroup.path for cgroup in cgroups})
        watch.stop()
        self.assertEqual(watch.finish(), 0, watch.stderr())

    def test_few_file_descriptors(self):
        """more cgroups than file descriptors: some are left out, and said to be; the others are watched on"""
        root = Cgroup(self, "few")
        for i in range(90):
            Program(self, "sleep", "1h", preexec_fn=Cgroup(self, str(i), root).enter)
        watch = Watch(self, "--all", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100)))
        for _ in range(100):
            watch.sample()
        self.assertIn("some are left out", watch.stderr())
        watch.stop()
        self.assertEqual(watch.finish(), 0, watch.stderr())

    def test_with_a_pid(self):
        """together with -p and --per cgroup: the cgroup of the pid has one line, and stays when the process has exited"""
        cgroup = Cgroup(self, "both")
        target, other = (Workload(self, "hold", "--size", "4MiB", *QUIET, preexec_fn=cgroup.enter) for _ in range(2))
        watch = Watch(self, "--all", "-p", str(target.pid), "--per", "cgroup")
        sample = watch.sample(of(cgroup, lambda sample: sample["target"]["processes"] == 2))
        target.kill()
        watch.sample(of(cgroup, lambda sample: sample["target"]["processes"] == 1))
        for _ in range(3):
            sample = watch.sample(of(cgroup))
            self.assertEqual(sample["target"]["processes"], 1)
            self.assertEqual(sample["kernel"]["rss"], status_of(other.pid)["VmRSS"])

    def test_a_moving_program(self):
        """a -p target that loads libraries all the time stays in the sums of its cgroup, in the last line too"""
        cgroup = Cgroup(self, "moving")
        script = "import mmap, time\nlibrary = open('/usr/bin/true', 'rb')\nwhile True:\n" \
                 "    mmap.mmap(library.fileno(), 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC).close(); time.sleep(0.01)\n"
        program = Program(self, "python3", "-c", script, preexec_fn=cgroup.enter)
        watch = Watch(self, "--all", "-p", str(program.pid), interval="1s")
        watch.sample(of(cgroup, lambda sample: sample["target"]["kind"] == "cgroup"))
        watch.stop()
        self.assertEqual(watch.finish(), 0)
        rows = [sample for sample in watch.samples() if of(cgroup)(sample) and sample["target"]["kind"] == "cgroup"]
        self.assertEqual({sample["target"]["processes"] for sample in rows}, {1})

    def test_one_line(self):
        """-N 1: what is small has been looked into by then"""
        cgroup = Cgroup(self, "once")
        Workload(self, "hold", "--size", "8MiB", *QUIET, preexec_fn=cgroup.enter)
        watch = Watch(self, "--all", "-N", "1", interval="1s")
        self.assertEqual(watch.sample(of(cgroup))["gap"]["verdict"], "in-use")


if __name__ == "__main__":
    tap.main()
