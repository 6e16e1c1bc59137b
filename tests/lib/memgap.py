# SPDX-License-Identifier: GPL-2.0-only
"""memgap and the programs it watches, for the suites in tests/cli: a deadline on every step, nothing left behind."""
import datetime
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BUILT = os.path.abspath(os.environ.get("MEMGAP_BUILD", "build"))  # what is tested; what is watched is in build/
MEMGAP = f"{BUILT}/memgap"
TRACED = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}  # under strace LeakSanitizer cannot work
WORKLOAD = os.path.abspath("build/workload")
# above 1 where the machine is emulated, and where memgap is built with sanitizers
SLOWNESS = int(os.environ.get("SLOWNESS", "3" if os.environ.get("SANITIZE") else "1"))
SECONDS = 20 * SLOWNESS  # to wait for what should come soon
LARGENESS = 8 if os.environ.get("SANITIZE") else 1  # of memory that memgap takes: ASan keeps for a time what was freed
MIB = 1 << 20
# libc allocates the vector of thread-local storage of each thread but the first: one block, of that usable size
BYTES_OF_A_THREAD = 280
QUIET = ["--interval", "1h"]  # of a workload that does nothing after its start

# what memgap prints
SIZE = r"(-?\d+(\.\d)? ([KMGTPE]i)?B|-)"
LINE = (rf"Alloc = ~?{SIZE}\tTotalAlloc = ~?{SIZE}\tSys = {SIZE}(\tNumGC = \d+)?\tNumTrim = \d+\tRSS = {SIZE}\tGap = {SIZE}( \(-?\d+ %\))?"
        rf"(\tCgroup = {SIZE}( of {SIZE})?)?\t[a-z-]+(\tMissed = \d+)?")
SUMMARY = r"memgap: watched \d+ targets? for [\d.]+ s: \d+ trims?, \S+ \S+ back, \d+ events? missed\n"


def wait_for(condition, what, seconds=SECONDS):
    """Returns the first true value of condition()."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"not seen in {seconds} s: {what}")


def read(path):
    with open(path, errors="replace") as file:
        return file.read()


def stat_of(pid):
    """The fields of /proc/PID/stat from the third on; None when there is no such process."""
    try:
        return read(f"/proc/{pid}/stat").rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def cpu_seconds(pid):
    """The CPU time of a process so far: clock_getcpuclockid(3)."""
    return time.clock_gettime(~pid << 3 | 2)


def is_alive(pid):
    stat = stat_of(pid)
    return stat is not None and stat[0] not in "ZX"


def members_of_group(group):
    """The living processes of a process group."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if is_alive(pid) and (stat_of(pid) or "000")[2] == str(group)]


def status_of(pid):
    """/proc/PID/status; sizes in bytes."""
    lines = (line.split(":", 1) for line in read(f"/proc/{pid}/status").splitlines())
    return {name: int(text.split()[0]) << 10 if text.endswith(" kB") else text.strip() for name, text in lines}


class Program:
    """A program in a process group of its own, which is killed at the end of the test. stdout is read by lines."""

    def __init__(self, test, *command, **options):
        self.errors = tempfile.TemporaryFile("w+", errors="replace")
        self.rest = b""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": self.errors, **options}
        self.process = subprocess.Popen(command, start_new_session=True, **options)
        self.pid = self.process.pid
        test.addCleanup(self.kill)

    def line(self, seconds=SECONDS):
        """The next line of stdout without its end; None at the end of stdout."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self.rest:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise AssertionError(f"no line in {seconds} s: {self.process.args}; stderr: {self.stderr()}")
            part = os.read(self.process.stdout.fileno(), 65536)
            if not part:
                return None
            self.rest += part
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode(errors="replace")

    def stderr(self):
        """What it has written so far; where it writes on is the file's position, which stays."""
        fd = self.errors.fileno()
        return os.pread(fd, os.fstat(fd).st_size, 0).decode(errors="replace")

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def end(self, seconds=SECONDS):
        """Waits for the end; returns the exit status. Lines that were not read before are still there."""
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s: {self.process.args}; stderr: {self.stderr()}") from None

    def kill(self):
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        for file in self.process.stdin, self.process.stdout, self.errors:
            if file:
                file.close()


class Python(Program):
    """A script that says "ready" when it is."""

    def __init__(self, test, script, *arguments, **options):
        super().__init__(test, sys.executable, "-c", script, *arguments, **options)
        test.assertEqual(self.line(), "ready", self.stderr())


class Workload(Program):
    """build/workload with --truth, unless it is to print its usual line; waits for its first line."""

    def __init__(self, test, *arguments, truth=True, **options):
        super().__init__(test, WORKLOAD, *arguments, *(["--truth"] if truth else []), **options)
        self.first = self.line()
        if truth:
            self.first = json.loads(self.first)
        wait_for(self.takes_signals, "its thread for signals waits")

    def takes_signals(self):
        """Whether the thread for signals, its first besides main(), waits for them; or the workload has ended."""
        try:
            thread = sorted(map(int, os.listdir(f"/proc/{self.pid}/task")))[1]
        except (FileNotFoundError, IndexError):
            return True
        return (stat_of(f"{self.pid}/task/{thread}") or "S")[0] != "R"

    def truth(self):
        return json.loads(self.line())

    def skip(self):
        """Leaves out the lines that it has printed so far."""
        while select.select([self.process.stdout], [], [], 0)[0] and (part := os.read(self.process.stdout.fileno(), 65536)):
            self.rest += part
        self.rest = self.rest.rpartition(b"\n")[2]


def run_watch(*arguments, seconds=SECONDS, **options):
    """memgap watch from start to end, as subprocess.run() has it."""
    return subprocess.run([MEMGAP, "watch", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=seconds, **options)


def run_trim(*arguments, seconds=SECONDS, **options):
    """memgap trim from start to end."""
    return subprocess.run([MEMGAP, "trim", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=seconds, **options)


class Held(Program):
    """A program that a shell becomes at go(): to be watched from its first instruction."""

    def __init__(self, test, *command, **options):
        super().__init__(test, "sh", "-c", 'read -r _ && exec "$@"', "sh", *command, stdin=subprocess.PIPE, **options)

    def go(self):
        self.process.stdin.write(b"go\n")
        self.process.stdin.flush()


class Watch(Program):
    """memgap watch -o json. What it has printed so far, and COMMAND's JSON, is in seen."""

    def __init__(self, test, *arguments, interval="100ms", before=(), **options):
        super().__init__(test, *before, MEMGAP, "watch", "-o", "json", "-i", interval, *arguments, **options)
        self.seen = []

    def next(self, condition=lambda line: True, seconds=SECONDS):
        """The next line for which the condition holds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            text = self.line(max(0, deadline - time.monotonic()))
            if text is None:
                raise AssertionError(f"memgap has ended: {self.stderr()}")
            self.seen.append(json.loads(text))
            if condition(self.seen[-1]):
                return self.seen[-1]
        raise AssertionError(f"not seen in {seconds} s; the last line was {self.seen[-1:]}; stderr: {self.stderr()}")

    def sample(self, condition=lambda sample: True, seconds=SECONDS):
        return self.next(lambda line: "allocator" in line and condition(line), seconds)

    def sample_from_now(self, condition=lambda sample: True, seconds=SECONDS):
        """The next sample that was not begun before this, as those that lie in the pipe were."""
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(milliseconds=1)  # to which lines tell their time
        return self.sample(lambda sample: datetime.datetime.fromisoformat(sample["time"].replace("Z", "+00:00")) > now and condition(sample), seconds)

    def event(self, condition=lambda event: True, seconds=SECONDS):
        return self.next(lambda line: line.get("event") == "trim" and condition(line), seconds)

    def finish(self, seconds=SECONDS):
        """Reads to the end of stdout, waits; returns the exit status."""
        deadline = time.monotonic() + seconds
        while (text := self.line(max(0, deadline - time.monotonic()))) is not None:
            self.seen.append(json.loads(text))
        return self.end(max(1, deadline - time.monotonic()))

    def samples(self):
        return [line for line in self.seen if "allocator" in line]

    def truths(self):
        return [line for line in self.seen if "truth" in line]


def memory_hierarchy():
    """The mount point of the memory controller's hierarchy: v1's where there is one, else v2's."""
    mounts = [line.split() for line in read("/proc/mounts").splitlines()]
    for _, where, kind, options, *_ in mounts:
        if kind == "cgroup" and "memory" in options.split(","):
            return where
    where = next(where for _, where, kind, *_ in mounts if kind == "cgroup2")
    with open(f"{where}/cgroup.subtree_control", "w") as file:
        file.write("+memory")
    return where


def memory_version():
    """Of the cgroup hierarchy that has the memory controller: 1 or 2."""
    return 2 if os.path.exists(f"{memory_hierarchy()}/cgroup.controllers") else 1


def kill_all(pids):
    for pid in pids:
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            pass


def end_cgroup(directory):
    """Kills what is in it, and removes it; whether it is gone."""
    try:
        kill_all(read(f"{directory}/cgroup.procs").split())
        os.rmdir(directory)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


numbers = itertools.count(1)


class Cgroup:
    """A memory cgroup, removed at the end of the test with all that is in it."""

    def __init__(self, test, name, parent=None):
        self.root = parent.root if parent else memory_hierarchy()
        self.path = f"{parent.path}/{name}" if parent else f"/memgap-test-{os.getpid()}-{next(numbers)}-{name}"
        self.directory = self.root + self.path
        if parent:
            parent.share()
        os.mkdir(self.directory)
        test.addCleanup(self.remove)

    def share(self):
        """Lets the cgroups in it have the memory controller. With v2 no process may be in it then, with v1 nothing is to be done."""
        control = f"{self.directory}/cgroup.subtree_control"
        if os.path.exists(control):
            with open(control, "w") as file:
                file.write("+memory")

    def for_processes(self, test):
        """Where a process can be that is to be its own and not in a named cgroup in it: itself with v1, one of its own with v2."""
        return Cgroup(test, "own", self) if os.path.exists(f"{self.directory}/cgroup.subtree_control") else self

    def add(self, pid):
        with open(f"{self.directory}/cgroup.procs", "w") as file:
            file.write(str(pid))

    def enter(self):
        """A new process's first step, as preexec_fn: all its memory is charged here."""
        self.add(os.getpid())

    def pids(self):
        return [int(pid) for pid in read(f"{self.directory}/cgroup.procs").split()]

    def kill(self):
        """All processes in it, at once or nearly so."""
        if os.path.exists(f"{self.directory}/cgroup.kill"):
            with open(f"{self.directory}/cgroup.kill", "w") as file:
                file.write("1")
            return
        kill_all(self.pids())

    def stat(self):
        """memory.stat, of those below too: v1's "total_" figures by v2's names."""
        stat = {name: int(number) for name, number in map(str.split, read(f"{self.directory}/memory.stat").splitlines())}
        return {"file": stat["total_cache"], "anon": stat["total_rss"]} if "total_cache" in stat else stat

    def current(self):
        version_1 = f"{self.directory}/memory.usage_in_bytes"
        return int(read(version_1 if os.path.exists(version_1) else f"{self.directory}/memory.current"))

    def limit(self, size):
        version_1 = f"{self.directory}/memory.limit_in_bytes"
        with open(version_1 if os.path.exists(version_1) else f"{self.directory}/memory.max", "w") as file:
            file.write(str(size))

    def remove(self):
        wait_for(lambda: end_cgroup(self.directory), f"{self.directory} can be removed")


def libc_of(pid, name="libc.so.6"):
    """The line of /proc/PID/maps with libc's code, or another library's, in fields; None as long as there is none."""
    lines = (line.split() for line in read(f"/proc/{pid}/maps").splitlines())
    return next((fields for fields in lines if fields[-1].endswith(f"/{name}") and fields[1] == "r-xp"), None)


def code_is_intact(pid, name="libc.so.6"):
    """Whether the code of libc, or another library, in memory is that of the file: no breakpoint of a probe in it."""
    fields = libc_of(pid, name)
    start, end = (int(address, 16) for address in fields[0].split("-"))
    with open(f"/proc/{pid}/mem", "rb") as memory, open(fields[5], "rb") as file:
        memory.seek(start)
        file.seek(int(fields[2], 16))
        return memory.read(end - start) == file.read(end - start)


def own_libc(test):
    """An environment in which programs load a copy of libc that no other memgap on this machine probes."""
    directory = tempfile.TemporaryDirectory()
    test.addCleanup(directory.cleanup)
    shutil.copy(os.path.realpath(libc_of("self")[5]), f"{directory.name}/libc.so.6")
    return {**os.environ, "LD_LIBRARY_PATH": directory.name}
