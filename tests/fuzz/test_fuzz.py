#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Hostile input to each parser: what is known is read again, all that ever was a bug among it; $FUZZ_SECONDS: new input for so long."""
import os
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import fuzzing
import tap
import tried

SECONDS = int(os.environ.get("FUZZ_SECONDS", 0))
CORE_SECONDS = SECONDS / 12  # at least, however busy the machine is, within
LONGEST = 12 * SECONDS


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
        began, seconds, new, core_s = time.monotonic(), SECONDS, 0, 0
        # beside other suites it has what they leave of the cores, and goes on until it had enough of that
        while (not new or core_s < CORE_SECONDS) and time.monotonic() - began < LONGEST:
            known = len(fuzzing.files_of(target)) + len(fuzzing.corpus_of(target))
            result = fuzzing.fuzz(target, seconds)
            seconds, new, core_s = max(1, SECONDS // 4), new + max(0, result.executions - known), core_s + result.core_s
        print(f"# {target}: {new} new inputs in {core_s:.1f} s of a core, {result.edges} edges, {result.inputs} of them kept", flush=True)
        self.assertTrue(new and core_s >= CORE_SECONDS, f"the machine had only {core_s:.1f} s of a core for it in {LONGEST} s")
        tried.say(f"hostile input to {target}, under ASan and UBSan", new)
    test.__doc__ = f"{target}: {SECONDS} s of new inputs do no harm"
    setattr(New, f"test_{target}", test)


# in the background of other suites it is built there as well
subprocess.run(["make", "--no-print-directory", "fuzzers"], stdin=subprocess.DEVNULL, check=True)
for name in fuzzing.TARGETS:
    add_replay(name)
    if SECONDS:
        add_fuzzing(name)

tap.main(together=4)
