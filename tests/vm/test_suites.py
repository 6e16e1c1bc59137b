#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs the suites of suites.txt in virtual machines and passes their TAP on. $KERNEL says in which: versions of the kernel, `all` of
them, or `check`, what `make check` has of them. $MACHINES (1) run at a time, each of which takes a core. A machine that cannot be had
is a skip in `make check`, and a failure where $KERNEL asks for it."""
import concurrent.futures
import os
import re
import shlex
import subprocess
import sys
import threading
import time

sys.path.insert(0, "tests/lib")
import sanitized  # noqa: E402

MACHINE = "tests/vm/machine.sh"
UNAVAILABLE = 69
SECONDS_PER_SUITE = 200
SLOWNESS = {"x86_64": 3, "aarch64": 4}
# the Debian suites that have them (machine.sh)
DEBIAN = {"5.10": "bullseye", "6.1": "bookworm", "6.12": "bookworm-backports", "newest": "trixie-backports", "check": "bookworm"}
MACHINES = int(os.environ.get("MACHINES") or 1)
MUST = bool(os.environ.get("KERNEL"))
TEST = re.compile(r"(ok|not ok) \d+ (?:- )?(.*)")
# what some suites run with; without it they skip, or say so themselves
LIBRARIES = {
    "bookworm": ["libjemalloc2", "libtcmalloc-minimal4", "libmimalloc2.0", "golang-github-containers-common"],
    "trixie": ["libc6", "libgcc-s1", "libstdc++6", "libtcmalloc-minimal4t64", "libmimalloc3"],
    "sid": ["libc6", "libgcc-s1", "libstdc++6", "libjemalloc2", "libmimalloc3"],
}


def table():
    """The suites, with their arguments, for each kernel, in order."""
    kernels = {}
    with open("tests/vm/suites.txt") as file:
        for line in file:
            suite, _, names = line.partition("#")[0].partition(":")
            for name in names.split():
                kernels.setdefault(name, []).append(suite.strip())
    return kernels


class Tap:
    """Tests of several machines, each of which says a suite's together."""
    def __init__(self):
        self.tests = self.failed = 0
        self.lock = threading.Lock()
        self.counts = {}

    def say(self, kernel, result, text):
        skipped = "# SKIP" in text
        self.tests += 1
        self.failed += result != "ok" and not skipped
        counts = self.counts.setdefault(kernel, {"passed": 0, "failed": 0, "skipped": 0})
        counts["skipped" if skipped else "passed" if result == "ok" else "failed"] += 1
        print(f"{result} {self.tests} - {kernel}: {text}", flush=True)

    def note(self, text):
        print("".join(f"# {line}\n" for line in text.splitlines()), end="", flush=True)

    def pass_on(self, kernel, name, lines, status, seconds):
        """What a suite has said, which ended so. It has failed when it says so in one way only."""
        with self.lock:
            tests, failed = self.tests, self.failed
            for line in lines:
                test = TEST.match(line)
                if test:
                    self.say(kernel, test[1], f"{name}: {test[2]}")
                elif not re.match(r"1\.\.\d", line):
                    self.note(line.removeprefix("# "))
            if status != "0" and failed == self.failed or tests == self.tests:
                self.say(kernel, "not ok", f"{name}: tests that it says have passed (exit status {status})")
            self.note(f"{kernel}: {name}: {self.tests - tests} tests in {seconds:.0f} s")

    def end(self):
        self.note("| kernel | tests | passed | failed | left out |\n|---|---|---|---|---|")
        for kernel, counts in self.counts.items():
            self.note(f"| {kernel} | {sum(counts.values())} | {counts['passed']} | {counts['failed']} | {counts['skipped']} |")
        print(f"1..{self.tests}")
        sys.exit(1 if self.failed else 0)


def run(tap, kernel, debian, suites, arch="x86_64"):
    """All suites, with their arguments, in one machine. Each says its name before, and its exit status after."""
    script = f"export CMOCKA_MESSAGE_OUTPUT=TAP IN_MACHINE=1 TOGETHER=1 SLOWNESS={SLOWNESS[arch]}\n"
    script += "".join(f"echo SUITE {shlex.quote(suite)}; {suite}; echo STATUS $?\n" for suite in suites)
    booted = time.monotonic()
    command = [MACHINE, "--arch", arch, "--kernel", debian, "--seconds", str(SECONDS_PER_SUITE * len(suites)), "sh", "-c", script]
    machine = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors="replace")
    name, ended, lines, began = "a machine", 0, [], booted
    for line in map(str.rstrip, machine.stdout):
        word, _, rest = line.partition(" ")
        if word == "SUITE":
            name, lines, began = next(word for word in rest.split() if "=" not in word).rpartition("/")[2], [], time.monotonic()
        elif word == "STATUS":
            tap.pass_on(kernel, name, lines, rest, time.monotonic() - began)
            ended += 1
            lines = []
        else:
            lines.append(line)
    _, status, usage = os.wait4(machine.pid, 0)
    status = machine.returncode = os.waitstatus_to_exitcode(status)
    with tap.lock:
        tap.note(f"{kernel}: a machine lived for {time.monotonic() - booted:.0f} s, and took {usage.ru_utime + usage.ru_stime:.0f} s of a core")
        if status == UNAVAILABLE:
            why = " ".join(lines)
            tap.say(kernel, *(("not ok", f"a machine can be had: {why}") if MUST else ("ok", f"a machine # SKIP {why}")))
        elif status or ended != len(suites):
            tap.note("\n".join(lines))
            tap.say(kernel, "not ok", f"{name}: the machine lives to the end (exit status {status})")


def wanted(kernels):
    """The kernels that $KERNEL names."""
    names = (os.environ.get("KERNEL") or "check").split()
    if names == ["all"]:
        return [name for name in kernels if name != "check"]
    unknown = [name for name in names if name not in kernels]
    if unknown:
        sys.exit(f"no kernel {' '.join(unknown)}: KERNEL is one of {', '.join(name for name in kernels if name != 'check')}, or all")
    return names


def lots(suites):
    """Two machines for each kernel, so that those that run at a time end at about the same time."""
    return [suites[::2], suites[1::2]] if MACHINES > 1 and len(suites) > 1 else [suites]


def main():
    os.setpriority(os.PRIO_PROCESS, 0, 0)  # the clock in a machine goes on while that waits for a core
    kernels = table()
    names = wanted(kernels)
    if sanitized.suite_left_out():
        print(f"ok 1 - machines # SKIP {sanitized.suite_left_out()}\n1..1")
        return
    for suite, libraries in LIBRARIES.items():
        subprocess.run(["tests/packages.sh", suite, *libraries], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if any(suite.startswith("tests/go/") for name in names for suite in kernels[name]):
        subprocess.run(["tests/go/toolchains.py", "amd64"], stdin=subprocess.DEVNULL, check=True)
    tap = Tap()
    with concurrent.futures.ThreadPoolExecutor(MACHINES) as pool:
        machines = [pool.submit(run, tap, name, DEBIAN[name], suites) for name in names for suites in lots(kernels[name])]
    for machine in machines:
        machine.result()
    tap.end()


if __name__ == "__main__":
    main()
