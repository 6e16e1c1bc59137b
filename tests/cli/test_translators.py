#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A program that valgrind runs: a breakpoint in its libc would end it, so there is none, whoever is watched."""
import os
import platform
import subprocess
import sys
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import MEMGAP, SECONDS, WORKLOAD, Cgroup, Held, Watch, Workload, code_is_intact, own_libc, run_watch, wait_for  # noqa: E402

VALGRIND = os.path.abspath("build/packages/bookworm/valgrind/usr")
CHURN = ["churn", "--interval", "50ms", "--truth"]
INTERVALS = 5
REFUSED = r"nothing is probed in pid \d+ \(.*\): it translates the code that it runs"


def setUpModule():
    subprocess.run(["tests/packages.sh", "bookworm", "valgrind"], check=True, timeout=300)


def libc_is_mapped(pid):
    try:
        return code_is_intact(pid)
    except (OSError, TypeError):
        return False


@unittest.skipUnless(platform.machine() == "x86_64", "the package is for x86-64")
class Translated(unittest.TestCase):
    def setUp(self):
        self.environment = {**own_libc(self), "VALGRIND_LIB": f"{VALGRIND}/libexec/valgrind"}
        # memcheck would want debug symbols of libc
        self.command = [f"{VALGRIND}/bin/valgrind.bin", "--tool=none", "--quiet", WORKLOAD, *CHURN]

    def start(self):
        """A program that valgrind will run from go() on."""
        return Held(self, *self.command, env=self.environment)

    def running(self):
        program = self.start()
        program.go()
        self.assertTrue(program.line(), program.stderr())
        return program

    def check_goes_on(self, program, watch):
        """It allocates and frees while it is watched, and after."""
        for _ in range(INTERVALS):
            watch.sample()
        self.assertTrue(program.line(), program.stderr())
        self.assertTrue(libc_is_mapped(program.pid), "a breakpoint")
        watch.stop()
        self.assertEqual(watch.finish(), 0)
        self.assertIsNone(program.process.poll(), program.stderr())

    def test_pid(self):
        """-p: it is watched without probes, and it is said why; --source probe refuses"""
        program = self.running()
        watch = Watch(self, "-p", str(program.pid))
        sample = watch.sample()
        self.assertNotEqual(sample["allocator"]["source"], "probe")
        self.assertRegex(watch.stderr(), REFUSED)
        self.check_goes_on(program, watch)
        run = run_watch("-s", "probe", "-p", str(program.pid))
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertRegex(run.stderr, rf"\Amemgap: {REFUSED}.*\n\Z")

    def test_check(self):
        """memgap check says so, too"""
        program = self.running()
        run = subprocess.run([MEMGAP, "check", "-p", str(program.pid)], capture_output=True, text=True, timeout=SECONDS)
        self.assertRegex(run.stdout, rf"can be probed +no: {REFUSED}")

    def test_becomes(self):
        """a shell that is watched becomes valgrind: its probes go before it has a libc again"""
        program = self.start()
        watch = Watch(self, "-p", str(program.pid))
        watch.sample()
        self.assertFalse(code_is_intact(program.pid), "there are no probes: nothing is proven")
        program.go()
        self.assertTrue(program.line(), program.stderr())
        self.check_goes_on(program, watch)

    def test_command(self):
        """-- valgrind PROGRAM runs to its end"""
        run = subprocess.run([MEMGAP, "watch", "-o", "json", "-i", "100ms", "--", *self.command, "--duration", "1s"], env=self.environment,
                             capture_output=True, text=True, timeout=SECONDS)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertRegex(run.stderr, REFUSED)
        self.assertIn("held_bytes", run.stdout)
        self.assertNotRegex(run.stderr, "signal")

    def test_beside(self):
        """a cgroup whose programs have the same libc is not probed, and it is said why; when valgrind has ended it is"""
        program = self.running()
        wait_for(lambda: libc_is_mapped(program.pid), "its libc")
        cgroup = Cgroup(self, "beside")
        other = Workload(self, *CHURN[:-1], env=self.environment, preexec_fn=cgroup.enter)
        watch = Watch(self, "-c", cgroup.path)
        watch.sample()
        self.assertRegex(watch.stderr(), rf"the glibc \S+ that pid {program.pid} maps is not probed: that is a translator")
        self.check_goes_on(program, watch)
        self.assertTrue(code_is_intact(other.pid))
        program.kill()
        watch = Watch(self, "-s", "probe", "-c", cgroup.path)
        watch.sample(lambda sample: sample["allocator"]["mallocs"])


if __name__ == "__main__":
    tap.main()
