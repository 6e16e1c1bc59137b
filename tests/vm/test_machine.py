#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""machine.sh itself: what comes out of a virtual machine, and how one ends that does not end by itself."""
import glob
import os
import subprocess
import sys
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402

MACHINE = "tests/vm/machine.sh"
UNAVAILABLE, DIED = 69, 70
SECONDS_TO_BUILD = 600


class Machine(unittest.TestCase):
    def run_machine(self, *arguments):
        """Its pid is in the name of what it has in build/vm."""
        machine = subprocess.Popen([MACHINE, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        stdout, stderr = (text.decode() for text in machine.communicate(timeout=SECONDS_TO_BUILD))
        self.assertEqual(glob.glob(f"build/vm/run.{machine.pid}.*"), [])
        return machine.returncode, stdout, stderr

    def run_where_there_is_one(self, *arguments):
        status, stdout, stderr = self.run_machine(*arguments)
        if status == UNAVAILABLE and not os.environ.get("KERNEL"):  # which asks for one
            self.skipTest(stderr.strip().replace("\n", " "))
        return status, stdout, stderr

    def test_command(self):
        """a command's arguments, its stdout, its stderr and its exit status pass through, byte by byte"""
        argument = "$HOME 'x' *\\\r\n\tä\x04\x11"
        script = "import sys; print(sys.argv[1] * 5000, end=''); print(sys.argv[1:], file=sys.stderr); sys.exit(7)"
        seen = self.run_where_there_is_one("python3", "-c", script, argument, "", "-x")
        self.assertEqual(seen, (7, argument * 5000, f"{[argument, '', '-x']}\n"))

    def test_too_long(self):
        """a machine that is still running when its time is up is ended; what its command had said by then is there"""
        for seconds in 7, 20, 60:  # within which a machine that shares its core has begun
            status, stdout, stderr = self.run_where_there_is_one("--seconds", str(seconds), "sh", "-c", "echo begun; sleep 1000")
            self.assertEqual(status, DIED)
            self.assertTrue(stderr.endswith(f"machine: still running after {seconds} seconds\n"), stderr)
            if stdout:
                break
        self.assertEqual(stdout, "begun\n")

    def test_dies(self):
        """a machine whose kernel dies is an error, shown with the last that was on its console"""
        status, _, stderr = self.run_where_there_is_one("sh", "-c", "echo c >/proc/sysrq-trigger; sleep 100")
        self.assertEqual(status, DIED)
        self.assertRegex(stderr, r"(?s)Kernel panic - not syncing: sysrq triggered crash.*\nmachine: the machine died\n\Z")

    def test_left_behind(self):
        """a process that the command leaves behind does not keep the machine running"""
        self.assertEqual(self.run_where_there_is_one("sh", "-c", "sleep 1000 & echo done"), (0, "done\n", ""))

    def test_unavailable(self):
        """a suite that is not on the mirror: no such machine, and said so"""
        status, stdout, stderr = self.run_machine("--kernel", "nosuchsuite", "true")
        self.assertEqual((status, stdout), (UNAVAILABLE, ""))
        self.assertRegex(stderr, r"\A(packages: nosuchsuite|machine): ")

    def test_usage(self):
        """no command, an option or an architecture that is not known, or an option without its value: a usage error"""
        for arguments in [], ["--nosuch", "true"], ["--kernel"], ["--kernel", "bookworm"], ["--arch", "nosuch", "true"]:
            status, _, stderr = self.run_machine(*arguments)
            self.assertEqual(status, 2, arguments)
            self.assertRegex(stderr, r"\Amachine: usage: ")


if __name__ == "__main__":
    tap.main()
