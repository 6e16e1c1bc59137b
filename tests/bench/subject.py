# SPDX-License-Identifier: GPL-2.0-only
"""What is measured on: build/tests/bench/pairs with one of the allocators, from copies of their files that nobody else probes."""
import contextlib
import os
import re
import shutil
import subprocess

from memgap import Program, own_libc, read, wait_for

PAIRS = os.path.abspath("build/tests/bench/pairs")
# how ldconfig lists those of Debian's packages libjemalloc2, libtcmalloc-minimal4, libmimalloc2.0 or libmimalloc3
PRELOADED = {"jemalloc": r"libjemalloc\.so\.\d+", "tcmalloc": r"libtcmalloc_minimal\.so\.\d+", "mimalloc": r"libmimalloc\.so\.\d+"}
ALLOCATORS = ["glibc", *PRELOADED]
RUNS = 3  # of which the quickest counts: what else the machine does only ever adds


class Refused(Exception):
    """Why something could not be measured."""


class Scope(contextlib.ExitStack):
    """What is made within it is gone after it. For the classes of tests/lib it is the test."""

    def addCleanup(self, function, *arguments):
        self.callback(function, *arguments)


class Allocator:
    """A copy of an allocator's library, and the environment in which programs use it. library is None: it is not installed."""

    def __init__(self, scope, name):
        self.name = name
        self.environment = own_libc(scope)
        self.directory = self.environment["LD_LIBRARY_PATH"]
        self.library = f"{self.directory}/libc.so.6"
        if name in PRELOADED:
            self.library = self.preload(PRELOADED[name])

    def preload(self, pattern):
        listed = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, timeout=10, check=True,
                                env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}).stdout
        found = re.search(rf"^\t({pattern}) .*=> (.*)$", listed, re.MULTILINE)
        if not found:
            return None
        copy = f"{self.directory}/{found[1]}"
        shutil.copy(os.path.realpath(found[2]), copy)
        self.environment["LD_PRELOAD"] = copy
        return copy


class Pairs(Program):
    """A running `pairs`; before its own arguments there may be those of a tool that starts it."""

    def __init__(self, scope, allocator, *starter):
        super().__init__(scope, *starter, PAIRS, stdin=subprocess.PIPE, env=allocator.environment)
        self.allocator = allocator
        while (line := self.line()) != "ready":
            if line is None:
                raise Refused(f"{os.path.basename((*starter, PAIRS)[0])} has ended: {self.stderr().strip()}")

    def run(self, threads, pairs):
        self.process.stdin.write(f"{threads} {pairs}\n".encode())
        self.process.stdin.flush()
        line = self.line()
        if line is None:
            raise Refused("the measured program has ended")
        return float(line)

    def ns_per_pair(self, threads, seconds):
        """Of one thread's pairs, when so many threads run at once; takes about that long."""
        rough = self.run(threads, 1000)
        pairs = max(1000, int(seconds * 1e9 / RUNS / rough))
        return min(self.run(threads, pairs) for _ in range(RUNS))

    def finish(self):
        self.process.stdin.close()
        self.end()

    def is_probed(self):
        """Whether the allocator's code in memory differs from the file: there is a breakpoint in it."""
        lines = (line.split() for line in read(f"/proc/{self.pid}/maps").splitlines())
        code = next((fields for fields in lines if fields[-1] == self.allocator.library and fields[1] == "r-xp"), None)
        if not code:
            raise Refused("the measured program does not map the library")
        start, end = (int(address, 16) for address in code[0].split("-"))
        with open(f"/proc/{self.pid}/mem", "rb") as memory, open(self.allocator.library, "rb") as file:
            memory.seek(start)
            file.seek(int(code[2], 16))
            part = file.read(end - start)
            return memory.read(len(part)) != part

    def wait_until_not_probed(self):
        wait_for(lambda: not self.is_probed(), f"{self.allocator.name} without probes")
