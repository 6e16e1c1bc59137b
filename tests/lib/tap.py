# SPDX-License-Identifier: GPL-2.0-only
"""Runs unittest cases and prints TAP: `import tap; tap.main()` at the end of a suite."""
import concurrent.futures
import os
import sys
import threading
import traceback
import unittest

import sanitized


class TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.failfast = False
        self.told = 0
        self.lock = threading.RLock()

    def startTest(self, test):
        with self.lock:
            super().startTest(test)

    def say(self, ok, test, note=""):
        self.told += 1
        name = test.shortDescription() or test.id().split(".", 1)[-1]
        print(f"{'ok' if ok else 'not ok'} {self.told} - {name}{note}", flush=True)

    def explain(self, error):
        for line in "".join(traceback.format_exception(*error)).splitlines():
            print(f"# {line}", flush=True)

    def addSuccess(self, test):
        with self.lock:
            super().addSuccess(test)
            self.say(True, test)

    def addSubTest(self, test, subtest, err):
        with self.lock:
            super().addSubTest(test, subtest, err)
            if err:
                self.say(False, test, f" {subtest._subDescription()}")
                self.explain(err)

    def addSkip(self, test, reason):
        with self.lock:
            super().addSkip(test, reason)
            self.say(True, test, f" # SKIP {reason}")

    def addFailure(self, test, err):
        with self.lock:
            super().addFailure(test, err)
            self.say(False, test)
            self.explain(err)

    def addError(self, test, err):
        with self.lock:
            super().addError(test, err)
            self.say(False, test)
            self.explain(err)


def run_together(suite, result, n):
    """n tests at a time: for those that mostly wait. After them, one at a time, those of classes with ALONE, which keep the machine busy."""
    tests = [test for tests in suite for test in tests]
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        list(pool.map(lambda test: test.run(result), [test for test in tests if not getattr(test, "ALONE", False)]))
    for test in tests:
        if getattr(test, "ALONE", False):
            test.run(result)


def main(together=1):
    """together: so many tests at a time, unless $TOGETHER says otherwise, as where the machine is emulated."""
    together = int(os.environ.get("TOGETHER", together))
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    if len(sys.argv) > 1:  # names of tests, to run some alone
        suite = unittest.TestSuite(t for s in suite for t in s if any(a in t.id() for a in sys.argv[1:]))
    sanitized.leave_out(suite)
    result = TapResult()
    if together > 1 and len(sys.argv) == 1:
        run_together(suite, result, together)
    else:
        suite.run(result)
    print(f"1..{result.testsRun}")
    sys.exit(0 if result.wasSuccessful() and result.testsRun else 1)
