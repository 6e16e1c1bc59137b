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
ROUNDS = 5


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
        # one that gets no core for a minute is ended by that: it begins again when the others need less
        for _ in range(ROUNDS):
            result = fuzzing.fuzz(target, SECONDS)
            if result.executions > len(fuzzing.files_of(target)):
                break
        print(f"# {target}: {result.executions} executions, {result.per_second} a second, {result.edges} edges, {result.inputs} inputs",
              flush=True)
        self.assertGreater(result.executions, len(fuzzing.files_of(target)))
        tried.say(f"hostile input to {target}, under ASan and UBSan", result.executions)
    test.__doc__ = f"{target}: {SECONDS} s of new inputs do no harm"
    setattr(New, f"test_{target}", test)


# in the background of other suites it is built there as well
subprocess.run(["make", "--no-print-directory", "fuzzers"], stdin=subprocess.DEVNULL, check=True)
for name in fuzzing.TARGETS:
    add_replay(name)
    if SECONDS:
        add_fuzzing(name)

tap.main(together=4)
