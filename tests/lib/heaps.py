# SPDX-License-Identifier: GPL-2.0-only
"""For the suites in tests/heap: a program that knows what it holds, one that reads it from outside, and packaged libraries."""
import glob
import json
import os
import platform
import struct
import subprocess

from memgap import BUILT, Program

FOLDER = os.path.abspath("build/tests/heap")
READER = f"{BUILT}/tests/heap/reader"
PACKAGES = os.path.abspath("build/packages")
MACHINE = platform.machine()
UNAVAILABLE = 69  # of packages.sh
BUSY_READS = int(os.environ.get("BUSY_READS", "200"))


def fetch(suite, *packages):
    """None, or why the suite or a package cannot be had."""
    if MACHINE != "x86_64":
        return "packages are those of amd64"
    run = subprocess.run(["tests/packages.sh", suite, *packages], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                         timeout=300)
    if run.returncode not in (0, UNAVAILABLE):
        raise AssertionError(f"packages.sh {suite}: exit status {run.returncode}: {run.stderr}")
    return run.stderr.strip().replace("\n", " ") if run.returncode else None


def find(suite, *names, libc="gnu"):
    """The first of these files that the suite has; None."""
    for name in names:
        for folder in f"lib/{MACHINE}-linux-{libc}", f"usr/lib/{MACHINE}-linux-{libc}":
            for path in sorted(glob.glob(f"{PACKAGES}/{suite}/*/{folder}/{name}")):
                return path
    return None


class Talker(Program):
    """A program that answers each line with one."""

    def __init__(self, test, *command, **options):
        super().__init__(test, *command, stdin=subprocess.PIPE, **options)

    def ask(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()
        line = self.line(60)
        if line is None:
            raise AssertionError(f"it ended: {self.end()}: {self.stderr()}")
        return line


class Target(Talker):
    def do(self, *letters):
        """What it holds then, and mallinfo's arena and hblkhd."""
        for letter in letters:
            answer = self.ask(letter)
        return [int(number) for number in answer.split()]


class Reader(Talker):
    """Of a process's heap, whichever allocator's it is."""

    def __init__(self, test, pid):
        super().__init__(test, READER, str(pid))
        self.opened = json.loads(self.line())

    def read(self):
        return json.loads(self.ask("read\n"))

    def other(self):
        return json.loads(self.ask("other\n"))


def held_by_threads(target, address, stride, n):
    with open(f"/proc/{target.pid}/mem", "rb") as memory:
        sum = 0
        for i in range(n):
            memory.seek(address + i * stride)
            sum += struct.unpack("<q", memory.read(8))[0]
        return sum


def read_busy(target, reader, base):
    """Reads while it allocates and frees: how many readings failed, and how far off each other one was, in order.

    An error is the distance from what was held between just before and just after.
    """
    target.do("a", "f")
    _, address, stride, n = target.ask("b").split()
    where = target, int(address, 16), int(stride), int(n)
    failed, errors, times = 0, [], []
    for _ in range(BUSY_READS):
        before = held_by_threads(*where)
        view = reader.read()
        after = held_by_threads(*where)
        if view["result"]:
            failed += 1
            continue
        times.append(view["ms"])
        low, high = sorted((base + before, base + after))
        errors.append(max(low - view["alloc"], view["alloc"] - high, 0) / low)
    errors.sort()
    times.sort()
    print(f"# {n} threads: {failed} of {BUSY_READS} failed; error: median {errors[len(errors) // 2]:.4%}, "
          f"worst {errors[-1]:.4%}; {times[len(times) // 2]:.1f} ms, worst {times[-1]:.1f}")
    return failed, errors


def read_all(test, target, reader, letter):
    """Reads while it does what the letter says, for ever: but for one in a hundred all readings are whole. Returns them."""
    target.ask(letter)
    views = [reader.read() for _ in range(BUSY_READS // 2)]
    failed = [view for view in views if view["result"]]
    times = sorted(view["ms"] for view in views)
    print(f"# {len(failed)} of {len(views)} failed; {times[len(times) // 2]:.1f} ms, worst {times[-1]:.1f}")
    test.assertLessEqual(len(failed), BUSY_READS / 200, failed[:1])
    return views
