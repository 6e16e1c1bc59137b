# SPDX-License-Identifier: GPL-2.0-only
"""memgap, the floor, and other tools: `with tool.on(pairs) as measured:` has one at work on a running `pairs`."""
import contextlib
import os
import shutil
import subprocess

from memgap import Program, Watch
from subject import Pairs, Refused, Scope

FLOOR = os.path.abspath("build/tests/bench/floor")
FETCHED = os.path.abspath("build/tests/bench/fetched")  # see memleak.sh
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin:{FETCHED}"


def find(*names):
    """The first of these programs that is installed."""
    for name in names:
        if path := shutil.which(name, path=PATH):
            return path
    raise Refused("not installed")


def last_words(program, *lines):
    """Why it ended: its last line with a reason in it."""
    said = [line.strip() for line in (*lines, *program.stderr().splitlines()) if line and line.strip()]
    reasons = [line for line in said if "fail" in line.lower() or "error" in line.lower()]
    return (reasons or said or ["it ended without a word"])[0]


class Untraced:
    label = "untraced"

    @contextlib.contextmanager
    def on(self, pairs):
        yield pairs


class Tracer:
    """One that is started with the pid and attaches to it."""

    @contextlib.contextmanager
    def on(self, pairs):
        try:
            with Scope() as scope:
                program = self.start(scope, pairs)
                self.wait_until_ready(program)
                if not pairs.is_probed():
                    raise Refused("it attached no probe")
                yield pairs
                if program.process.poll() is not None:
                    raise Refused(f"it ended while it was measured: {last_words(program)}")
                self.stop(program)
                program.end()
        finally:  # else the next one pays for this one's
            pairs.wait_until_not_probed()

    def wait_until_line(self, program, is_wanted):
        lines = []
        while not lines or not is_wanted(lines[-1]):
            lines.append(program.line())
            if lines[-1] is None:
                program.end()
                raise Refused(last_words(program, *lines[:-1]))
        return lines[-1]

    def stop(self, program):
        program.stop()


class Floor(Tracer):
    """Empty programs; remembers how long each attach took."""

    def __init__(self, mode, label):
        self.mode, self.label = mode, label
        self.attach_ms = []

    def start(self, scope, pairs):
        command = FLOOR, pairs.allocator.library, str(pairs.pid), self.mode
        return Program(scope, *command, stdin=subprocess.PIPE)  # it stays until that is closed

    def wait_until_ready(self, program):
        self.attach_ms.append(float(self.wait_until_line(program, lambda line: True)))

    def stop(self, program):
        program.process.stdin.close()


class Memgap(Tracer):
    label = "memgap"

    def start(self, scope, pairs):
        return Watch(scope, "-s", "probe", "-p", str(pairs.pid), interval="250ms")

    def wait_until_ready(self, program):
        try:
            allocator = program.sample()["allocator"]
        except AssertionError:  # it has ended
            raise Refused(last_words(program)) from None
        if allocator["source"] != "probe":
            raise Refused("it counts nothing there: the allocator is not one that it knows")


class Memleak(Tracer):
    """libbpf-tools' memleak, as its users call it for an allocator that is not the system's libc."""
    label = "memleak (libbpf-tools)"

    def start(self, scope, pairs):
        # a path that is longer than 31 bytes it cuts off: hence the directory
        library = f"./{os.path.basename(pairs.allocator.library)}"
        return Program(scope, "stdbuf", "-oL", find("memleak-libbpf", "memleak"), "-p", str(pairs.pid), "-O", library, "1",
                       cwd=pairs.allocator.directory)

    def wait_until_ready(self, program):
        self.wait_until_line(program, lambda line: "outstanding allocations:" in line)


# The sizes of what is live and of what was handed out: the usual script. The interval's probe is attached last.
BPFTRACE = """
uprobe:{0}:malloc {{ @size[tid] = arg0; }}
uretprobe:{0}:malloc /@size[tid]/ {{ @live[retval] = @size[tid]; @total[pid] = sum(@size[tid]); delete(@size[tid]); }}
uprobe:{0}:free /@live[arg0]/ {{ @freed[pid] = sum(@live[arg0]); delete(@live[arg0]); }}
interval:ms:10 /!@ready/ {{ @ready = 1; printf("ready\\n"); }}
"""


class Bpftrace(Tracer):
    label = "bpftrace script"

    def start(self, scope, pairs):
        script = BPFTRACE.format(pairs.allocator.library)
        return Program(scope, find("bpftrace"), "-q", "-p", str(pairs.pid), "-e", script)

    def wait_until_ready(self, program):
        self.wait_until_line(program, lambda line: line == "ready")


class Heaptrack:
    """It starts the program itself, with a library of its own loaded into it."""
    label = "heaptrack"

    @contextlib.contextmanager
    def on(self, pairs):
        with Scope() as scope:
            own = Pairs(scope, pairs.allocator, find("heaptrack"), "-o", f"{pairs.allocator.directory}/heaptrack")
            yield own
            own.finish()
