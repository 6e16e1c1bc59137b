# SPDX-License-Identifier: GPL-2.0-only
"""What the suites of --trim-with share: programs that do something at a signal, and how a trim is asked for and judged."""
import json
import os
import shutil
import signal
import tempfile
import unittest

from memgap import QUIET, Workload, memory_version, run_trim, stat_of, status_of

FAILED, USAGE, NO_TARGET = 1, 2, 4
SIZE = r"-?\d+(\.\d)? ([KMGT]i)?B"

START = """import ctypes, mmap, os, select, signal, sys
def say(*words): print(*words, flush=True)
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.memset.argtypes = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
libc.free.argtypes = ctypes.c_void_p,
def touched(): return libc.memset(libc.malloc(32 << 10), 1, 32 << 10)
def retain(mib):
    blocks = [libc.malloc(32 << 10) for _ in range(mib << 5)]
    for block in blocks: libc.memset(block, 1, 32 << 10)
    for block in blocks[:-1]: libc.free(block)
signal.signal(signal.SIGUSR2, lambda *_: say("alive"))
"""
# says so when it is asked
RETAIN = START + """
signal.signal(signal.SIGUSR1, lambda *_: (say("asked"), libc.malloc_trim(0)))
retain(int(sys.argv[1]))
say("ready")
while True: signal.pause()
"""
CATCH = RETAIN.replace(", libc.malloc_trim(0)", "").replace("retain(int(sys.argv[1]))", "")
EXIT = RETAIN.replace('say("asked")', "os._exit(0)")
MAPS = RETAIN.replace("retain(int(sys.argv[1]))", "area = mmap.mmap(-1, 64 << 20, mmap.MAP_PRIVATE); area.write(bytes(64 << 20))")
# has allocated 8 MiB again a while after its trim: when that has been measured
REGROWS = START + """
def grow(*_): say([touched() for _ in range(256)] and "grown")
signal.signal(signal.SIGALRM, grow)
signal.signal(signal.SIGUSR1, lambda *_: (libc.malloc_trim(0), signal.setitimer(signal.ITIMER_REAL, float(sys.argv[1]))))
retain(32)
say("ready")
while True: signal.pause()
"""
# says what it sees at the FIFO; "alive" with what it would see now
LISTEN = START + """
retain(int(sys.argv[1]))
fd = os.open(os.environ["MEMORY_PRESSURE_WATCH"], int(sys.argv[2]) | os.O_NONBLOCK)
def polled():
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return poll
poll = polled()
signal.signal(signal.SIGUSR2, lambda *_: say("alive", polled().poll(0)))
say("ready")
while True:
    for _, event in poll.poll():
        say("told", len(os.read(fd, 64)), "hangup" if event & select.POLLHUP else "")
        libc.malloc_trim(0)
"""


def needs_version(version):
    return unittest.skipUnless(memory_version() == version, f"the memory controller is on cgroup v{3 - version} here, this is for v{version}")


def children_of(pid):
    """Also those that have ended and were not waited for."""
    stats = {int(name): stat_of(name) for name in os.listdir("/proc") if name.isdigit()}
    return [child for child, stat in stats.items() if stat and stat[1] == str(pid)]


def rss_of(pid):
    return status_of(pid)["VmRSS"]


class ActionTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(dir=".", prefix="build-trim-")
        self.directory = os.path.abspath(self.directory)
        self.addCleanup(shutil.rmtree, self.directory)

    def retain(self, size="32MiB", **options):
        return Workload(self, "retain", "--size", size, *QUIET, **options)

    def script(self, text, name="script"):
        path = f"{self.directory}/{name}"
        with open(path, "w", opener=lambda p, flags: os.open(p, flags, 0o755)) as file:
            file.write(text)
        return path

    def trim(self, status, *arguments, **options):
        """The events of `memgap trim` that ends with this exit status and has nothing else to say."""
        run = run_trim("-o", "json", *arguments, **options)
        self.assertEqual((run.returncode, run.stderr), (status, ""), run.stdout)
        return list(map(json.loads, run.stdout.splitlines()))

    def trim_one(self, status, outcome, *arguments, **options):
        """Its only event."""
        events = self.trim(status, *arguments, **options)
        self.assertEqual([event["outcome"] for event in events], [outcome], events)
        return events[0]

    def check_in_vain(self, event):
        """It was asked and gave nothing back; but the kernel's own count of RSS is not exact to the page."""
        self.assertIn(event["outcome"], ("nothing", "trimmed"))
        self.assertLess(event["reclaimed"], 256 << 10)

    def trim_in_vain(self, *arguments):
        event, = self.trim(0, *arguments)
        self.check_in_vain(event)
        return event

    def check_near(self, figure, truth, percent=5):
        self.assertLessEqual(abs(figure - truth), truth * percent / 100)

    def check_not_asked(self, *programs):
        """The next that each of them says is the answer to a signal of our own: the lower one would have come first."""
        for program in programs:
            program.stop(signal.SIGUSR2)
            self.assertEqual(program.line().split()[0], "alive")
