#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Hostile input to each parser: what is known is read again, all that ever was a bug among it; $FUZZ_SECONDS: new input for so long."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import fuzzing
import tap
import tried

SECONDS = int(os.environ.get("FUZZ_SECONDS", 0))
CORE_SECONDS = SECONDS / 12  # at least, however busy the machine is


class Known(unittest.TestCase):
    """One test for each target: seeds and regressions, each under the sanitizers."""


class New(unittest.TestCase):
    """One test for each target."""


def add_replay(target):
    def test(self):
        files = fuzzing.files_of(target)
        self.assertTrue(files, "it has no seeds")
        self.assertEqual(fuzzing.replay(target, files), len(files))
    test.__doc__ = f"{target}: known inputs do no harm"
    setattr(Known, f"test_{target}", test)


def add_fuzzing(target):
    def test(self):
        rounds = [fuzzing.fuzz(target, SECONDS)]
        # beside other suites it has what they leave of the cores, and goes on until it had enough of that
        while sum(each.core_s for each in rounds) < CORE_SECONDS:
            rounds.append(fuzzing.fuzz(target, max(1, SECONDS // 4)))
        executions, core_s = sum(each.executions for each in rounds), sum(each.core_s for each in rounds)
        print(f"# {target}: {executions} executions in {core_s:.1f} s of a core, {rounds[-1].edges} edges, {rounds[-1].inputs} inputs", flush=True)
        self.assertGreater(executions, len(fuzzing.files_of(target)))
        tried.say(f"hostile input to {target}, under ASan and UBSan", executions)
    test.__doc__ = f"{target}: {SECONDS} s of new inputs do no harm"
    setattr(New, f"test_{target}", test)


# in the background of other suites it is built there as well
subprocess.run(["make", "--no-print-directory", "fuzzers"], stdin=subprocess.DEVNULL, check=True)
for name in fuzzing.TARGETS:
    add_replay(name)
    if SECONDS:
        add_fuzzing(name)

tap.main(together=4)
