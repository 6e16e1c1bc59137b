#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""memgap for arm64, cross-built (make check-arm64), in an emulated machine."""
import glob
import os
import subprocess
import sys

sys.path.insert(0, "tests/vm")
from test_suites import DEBIAN, LIBRARIES, Tap, run  # noqa: E402

BUILT = "build/aarch64"
KERNELS = os.environ.get("KERNEL", "6.1").split()
LONG = "takes more than a minute there, and what it tests is the same on all architectures"
LEFT_OUT = {"test_hostile_library": LONG, "test_mimalloc_heap": LONG, "test_report": LONG,
            "test_prometheus": "has a bound that is not for emulated machines"}
# What differs between the architectures: the places of probes, what is read of glibc's and Go's memory, and how all this works
# together.
SUITES = [
    "build/tests/integration/test_counting",
    "build/tests/integration/test_allocators",
    "tests/heap/test_heap.py Truth.",
    "tests/go/test_go.py Truth.",
    "tests/cli/test_check.py Host. test_libc test_nothing_attached",
    "tests/cli/test_verdicts.py test_hold test_leak test_retain test_frag test_untouched",
    "tests/cli/test_trim.py test_alloc test_gap test_lines test_default_effect test_ignored",
    "tests/cli/test_seccomp.py DockersProfile. ReturnsKill.test_check",  # the others want a bpftool or musl
    "tests/vm/test_v2.py",
]


def main():
    for suite, libraries in LIBRARIES.items():
        subprocess.run(["tests/packages.sh", "--arch", "arm64", suite, *libraries], stdin=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)
    unit = sorted(path for path in glob.glob(f"{BUILT}/tests/unit/test_*") if not path.endswith(tuple([".d", *LEFT_OUT])))
    tap = Tap()
    for kernel in KERNELS:
        # last: test_pulse needs a clock that has gone for a minute
        run(tap, kernel, DEBIAN[kernel], SUITES + [path.replace(BUILT, "build") for path in unit], "aarch64")
        for name, why in LEFT_OUT.items():
            tap.say(kernel, "ok", f"{name} # SKIP {why}")
    tap.end()


if __name__ == "__main__":
    main()
