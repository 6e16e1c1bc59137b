#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs the suites of suites.txt in virtual machines and passes their TAP on: one machine for each kernel of KERNELS (Debian suites,
or `all`; bookworm). A machine that cannot be had is a skip."""
import os
import re
import shlex
import subprocess
import sys

sys.path.insert(0, "tests/lib")
import sanitized  # noqa: E402

MACHINE = "tests/vm/machine.sh"
UNAVAILABLE = 69
SECONDS_PER_SUITE = 200
SLOWNESS = {"x86_64": 1, "aarch64": 4}
KERNELS = os.environ.get("KERNELS") or "bookworm"
TEST = re.compile(r"(ok|not ok) \d+ (?:- )?(.*)")
# what some suites run with; without it they skip, or say so themselves
LIBRARIES = {
    "bookworm": ["libjemalloc2", "libtcmalloc-minimal4", "libmimalloc2.0"],
    "trixie": ["libc6", "libgcc-s1", "libstdc++6", "libtcmalloc-minimal4t64", "libmimalloc3"],
    "sid": ["libc6", "libgcc-s1", "libstdc++6", "libjemalloc2", "libmimalloc3"],
}


def table():
    """The suites for each kernel, in order."""
    kernels = {}
    with open("tests/vm/suites.txt") as file:
        for line in file:
            suite, *names = line.partition("#")[0].split() or [None]
            for name in names:
                kernels.setdefault(name, []).append(suite)
    return kernels


class Tap:
    def __init__(self):
        self.tests = self.failed = 0

    def say(self, result, text):
        self.tests += 1
        self.failed += result != "ok" and "# SKIP" not in text
        print(f"{result} {self.tests} - {text}", flush=True)

    def note(self, text):
        print("".join(f"# {line}\n" for line in text.splitlines()), end="", flush=True)

    def pass_on(self, line, prefix):
        test = TEST.match(line)
        if test:
            self.say(test[1], f"{prefix}: {test[2]}")
        elif not re.match(r"1\.\.\d", line):
            self.note(line.removeprefix("# "))


def run(tap, kernel, suites, arch="x86_64"):
    """All suites, with their arguments, in one machine. Each says its name before, and its exit status after."""
    script = f"export CMOCKA_MESSAGE_OUTPUT=TAP TOGETHER=1 SLOWNESS={SLOWNESS[arch]}\n"
    script += "".join(f"echo SUITE {shlex.quote(suite)}; {suite}; echo STATUS $?\n" for suite in suites)
    command = [MACHINE, "--arch", arch, "--kernel", kernel, "--seconds", str(SECONDS_PER_SUITE * len(suites)), "sh", "-c", script]
    machine = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors="replace")
    name, said, before, statuses, lines = kernel, 0, 0, 0, []
    for line in map(str.rstrip, machine.stdout):
        word, _, rest = line.partition(" ")
        if word == "SUITE":
            name, said, before = f"{kernel}: {os.path.basename(rest.split()[0])}", tap.tests, tap.failed
        elif word == "STATUS":
            statuses += 1
            if rest != "0" and tap.failed == before or tap.tests == said:
                tap.say("not ok", f"{name}: tests that it says have passed (exit status {rest})")
        else:
            lines.append(line)
            tap.pass_on(line, name)
    status = machine.wait()
    if status == UNAVAILABLE:
        tap.say("ok", f"{kernel}: a machine # SKIP {' '.join(lines)}")
    elif status or statuses != len(suites):
        tap.say("not ok", f"{name}: the machine lives to the end (exit status {status})")


def main():
    if sanitized.suite_left_out():
        print(f"ok 1 - machines # SKIP {sanitized.suite_left_out()}\n1..1")
        return
    for suite, libraries in LIBRARIES.items():
        subprocess.run(["tests/packages.sh", suite, *libraries], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    kernels = table()
    tap = Tap()
    for kernel in kernels if KERNELS == "all" else KERNELS.split():
        if kernel in kernels:
            run(tap, kernel, kernels[kernel])
        else:
            tap.say("not ok", f"{kernel}: a kernel of suites.txt")
    print(f"1..{tap.tests}")
    sys.exit(1 if tap.failed else 0)


if __name__ == "__main__":
    main()
