#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Programs that valgrind or QEMU run: a breakpoint in their libc would end them, so there is none, whoever is watched."""
import os
import platform
import subprocess
import sys
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import MEMGAP, SECONDS, WORKLOAD, Cgroup, Held, Watch, Workload, code_is_intact, own_libc, run_watch, wait_for  # noqa: E402

PACKAGES = os.path.abspath("build/packages/bookworm")
VALGRIND = f"{PACKAGES}/valgrind/usr"
QEMU = f"{PACKAGES}/qemu-user-static/usr/bin/qemu-x86_64-static"
CHURN = ["churn", "--interval", "50ms", "--truth"]
INTERVALS = 5
REFUSED = r"nothing is probed in pid \d+ \(.*\): it translates the code that it runs"


def setUpModule():
    subprocess.run(["tests/packages.sh", "bookworm", "valgrind", "qemu-user-static"], check=True, timeout=300)


def libc_is_intact(pid):
    """It has one, without a breakpoint."""
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

    def check_beside(self, *command):
        """A cgroup whose programs have the same libc is not probed, and it is said why; when the translator has ended it is."""
        program = Held(self, *command, env=self.environment)
        program.go()
        self.assertTrue(program.line(), program.stderr())
        cgroup = Cgroup(self, "beside")
        other = Workload(self, *CHURN[:-1], env=self.environment, preexec_fn=cgroup.enter)
        watch = Watch(self, "-c", cgroup.path)
        for _ in range(INTERVALS):
            self.assertNotEqual(watch.sample()["allocator"]["source"], "probe")
        self.assertRegex(watch.stderr(), rf"the glibc \S+ is not probed while pid {program.pid} runs, which translates a program")
        self.assertTrue(program.line(), program.stderr())
        self.assertTrue(code_is_intact(other.pid))
        self.assertIsNone(program.process.poll(), program.stderr())
        program.kill()
        watch.sample(lambda sample: sample["allocator"]["source"] == "probe" and sample["allocator"]["mallocs"])

    def test_beside_valgrind(self):
        """a cgroup whose programs have the same libc as one under valgrind is not probed, and it is said why; when valgrind has ended it is"""
        self.check_beside(*self.command)

    def test_beside_qemu(self):
        """so it is with QEMU's user mode, which maps libc as data"""
        self.check_beside(QEMU, *self.command[3:])

    def test_comes(self):
        """valgrind begins when its libc is probed for a cgroup: the probes go before it has one, and come back when it has ended"""
        program = self.start()
        cgroup = Cgroup(self, "before")
        other = Workload(self, *CHURN[:-1], env=self.environment, preexec_fn=cgroup.enter)
        watch = Watch(self, "-c", cgroup.path)
        first = watch.sample(lambda sample: sample["allocator"]["source"] == "probe" and sample["allocator"]["mallocs"])
        self.assertFalse(code_is_intact(other.pid), "there are no probes: nothing is proven")
        program.go()
        for _ in range(INTERVALS):
            self.assertTrue(program.line(), program.stderr())
        self.assertRegex(watch.stderr(), rf"pid {program.pid} translates the code of a program \(valgrind, qemu\), .* until it has ended")
        self.assertTrue(code_is_intact(other.pid))
        self.assertIsNone(program.process.poll(), program.stderr())
        program.kill()
        wait_for(lambda: "the probes are back" in watch.stderr() or not watch.sample(), "the probes are back")
        self.assertFalse(code_is_intact(other.pid))
        totals = [sample["allocator"]["total_alloc"] for sample in watch.samples() if sample["time"] >= first["time"]]
        self.assertEqual(totals, sorted(totals))
        self.assertEqual(watch.sample()["allocator"]["missed"], 0)

    def test_command_in_cgroup(self):
        """-c CGROUP -- valgrind PROGRAM is refused: what is probed for everyone would end it"""
        cgroup = Cgroup(self, "inside")
        run = run_watch("-c", cgroup.path, "--", *self.command, env=self.environment)
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertRegex(run.stderr, r"\Amemgap: \S+/valgrind\.bin would have probes in what it runs, .*--source heap.*\n\Z")


if __name__ == "__main__":
    tap.main()
