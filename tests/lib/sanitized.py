# SPDX-License-Identifier: GPL-2.0-only
"""What is left out where memgap is built with SANITIZE=, each with its reason, and what measures where it is with COVERAGE=; nothing in another build."""
import os
import sys
import unittest

MEASURES = "measures what memgap costs, and what this build adds costs more"
KEEPS = "measures whether memory is kept, and ASan keeps what was freed"
OWN = "fails the libraries' calls of glibc's malloc, and ASan has one of its own"
PLAIN = "runs an image or an archive of the plain build"
# suite, or suite.Class.test
LEFT_OUT = {
    "test_machine": "the machine is emulated and runs the plain build",
    "test_suites": "the machine is emulated and runs the plain build",
    "test_speed.Speed.test_first_line_pid": MEASURES,
    "test_speed.Speed.test_first_line_command": MEASURES,
    "test_speed.Speed.test_first_line_cgroup": MEASURES,
    "test_speed.Speed.test_memory_and_cpu": MEASURES,
    "test_speed.Speed.test_a_whole_host": MEASURES,
    "test_speed.Speed.test_does_not_grow": KEEPS,
    "test_speed.Speed.test_many_members": KEEPS,
    "test_speed.Speed.test_allocates_nothing": "counts calls of libc's malloc, and ASan has one of its own",
    "test_record.RecordTest.test_bounded": MEASURES,
    "test_record.RecordTest.test_long_lines": MEASURES,
    "test_serve_prometheus.Speed.test_scrape": MEASURES,
    "test_trim_latency.Latency.test_processes": MEASURES,
    "test_libraries": OWN,
    "test_container": PLAIN,
    "test_container_verdicts": PLAIN,
    "test_least_privileges": PLAIN,
}


def left_out():
    """Of the build that is tested."""
    if os.environ.get("SANITIZE"):
        return LEFT_OUT
    return {case: why for case, why in LEFT_OUT.items() if why == MEASURES} if os.environ.get("COVERAGE") else {}


def suite_left_out():
    """Why the suite that runs is left out; None."""
    return left_out().get(os.path.splitext(os.path.basename(sys.argv[0]))[0])


def leave_out(suite):
    """Skips those of the suite."""
    name = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    for test in tests_of(suite) if left_out() else []:
        kind, method = type(test), test.id().rpartition(".")[2]
        if suite_left_out():
            unittest.skip(suite_left_out())(kind)
        elif (case := f"{name}.{kind.__name__}.{method}") in left_out():
            setattr(kind, method, unittest.skip(left_out()[case])(getattr(kind, method)))


def tests_of(suite):
    for item in suite:
        yield from tests_of(item) if isinstance(item, unittest.TestSuite) else [item]
