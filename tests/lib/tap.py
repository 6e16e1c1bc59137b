# SPDX-License-Identifier: GPL-2.0-only
"""Runs unittest cases and prints TAP: `import tap; tap.main()` at the end of a suite."""
import sys
import traceback
import unittest


class TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.failfast = False

    def say(self, ok, test, note=""):
        name = test.shortDescription() or test.id().split(".", 1)[-1]
        print(f"{'ok' if ok else 'not ok'} {self.testsRun} - {name}{note}", flush=True)

    def explain(self, error):
        for line in "".join(traceback.format_exception(*error)).splitlines():
            print(f"# {line}", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.say(True, test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.say(True, test, f" # SKIP {reason}")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.say(False, test)
        self.explain(err)

    def addError(self, test, err):
        super().addError(test, err)
        self.say(False, test)
        self.explain(err)


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    if len(sys.argv) > 1:  # names of tests, to run some alone
        suite = unittest.TestSuite(t for s in suite for t in s if any(a in t.id() for a in sys.argv[1:]))
    result = TapResult()
    suite.run(result)
    print(f"1..{result.testsRun}")
    sys.exit(0 if result.wasSuccessful() and result.testsRun else 1)
