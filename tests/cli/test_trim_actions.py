#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What --trim-with does, for `memgap trim` and for `memgap watch`, against the processes' and the kernel's own figures."""
import errno
import json
import os
import shutil
import signal
import sys
import tempfile
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import (MEMGAP, MIB, QUIET, Cgroup, Program, Python, Watch, Workload, is_alive, memory_hierarchy,  # noqa: E402
                    memory_version, read, run_trim, stat_of, status_of, wait_for)

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
signal.signal(signal.SIGUSR1, lambda *_: (libc.malloc_trim(0), signal.setitimer(signal.ITIMER_REAL, 0.5)))
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


class Now(ActionTest):
    def test_retained(self):
        """memgap trim has what is retained given back, and has said how much: as RSS in /proc falls; then there is no more to ask for"""
        target = self.retain("96MiB")
        before = rss_of(target.pid)
        event = self.trim_one(0, "trimmed", "-p", str(target.pid))
        fallen = before - rss_of(target.pid)
        self.assertGreater(fallen, 90 * MIB)
        self.check_near(event["predicted"], fallen)
        self.assertEqual((event["before"]["rss"], event["pids"], event["by"]), (before, [target.pid], "user"))
        self.assertLess(abs(event["reclaimed"] - fallen), MIB)
        event = self.trim_one(FAILED, "refused", "-p", str(target.pid))
        self.assertEqual((event["verdict"], event["pids"]), ("in-use", []))
        self.assertIn("--force", event["why"])
        event = self.trim_in_vain("--force", "-p", str(target.pid))
        self.assertEqual(event["pids"], [target.pid])

    def test_lines(self):
        """the line format: what is asked with what is expected, then what came back"""
        target = self.retain()
        run = run_trim("-p", str(target.pid))
        name = rf"Trim: workload\[{target.pid}\]"
        self.assertRegex(run.stdout, rf"\A{name} is retained: signal:USR1 to pid {target.pid}, {SIZE} expected back\n"
                         rf"{name} RSS {SIZE} -> {SIZE}, {SIZE} back in \d+ ms, {SIZE} were expected \(\d\.\d % off\)\n\Z")
        run = run_trim("-p", str(target.pid))
        self.assertRegex(run.stdout, rf"\A{name} is in-use: signal:USR1 refused: .*--force.*\n\Z")

    def test_regrowth(self):
        """--regrowth looks again after that time: what the program has allocated since is back"""
        target = Python(self, REGROWS)
        trim, regrowth = self.trim(0, "--regrowth", "2s", "-p", str(target.pid))
        self.assertEqual((trim["outcome"], regrowth["event"], regrowth["pid"]), ("trimmed", "regrowth", target.pid))
        self.assertEqual(target.line(), "grown")
        self.check_near(regrowth["regrown"], 8 * MIB)
        self.assertEqual(regrowth["reclaimed"], trim["reclaimed"])
        self.assertGreaterEqual(regrowth["after_s"], 2)
        self.assertLess(abs(trim["after"]["rss"] + regrowth["regrown"] - rss_of(target.pid)), MIB)

    def test_regrowth_of_one_that_is_gone(self):
        """a program that has ended by the time of the second look: nothing is known of it, and it is done all the same"""
        target = self.retain()
        run = Program(self, MEMGAP, "trim", "--regrowth", "1s", "-p", str(target.pid))
        self.assertRegex((run.line(), run.line())[1], "back in")
        target.kill()
        self.assertRegex(run.line(), r"is gone, 1 s after its trim")
        self.assertEqual(run.end(), 0)

    def test_several(self):
        """each of several pids is trimmed; where one of them is not, the exit status tells"""
        one, other, busy = self.retain(), self.retain("64MiB"), Workload(self, "hold", *QUIET)
        before = {target.pid: rss_of(target.pid) for target in (one, other)}
        events = self.trim(0, "-p", f"{one.pid},{other.pid}")
        self.assertEqual({pid for event in events for pid in event["pids"]}, set(before))
        for event in events:
            pid, = event["pids"]
            self.check_near(event["reclaimed"], before[pid] - rss_of(pid))
        events = self.trim(FAILED, "-p", f"{self.retain().pid},{busy.pid}")
        self.assertEqual(sorted(event["outcome"] for event in events), ["refused", "trimmed"])

    def test_cgroup(self):
        """of a cgroup who has most is asked first, and each is measured before the next; who has nothing is not asked"""
        cgroup = Cgroup(self, "sizes")
        sizes = {self.retain(f"{size}MiB", preexec_fn=cgroup.enter).pid: size * MIB for size in (16, 64, 32)}
        catcher = Python(self, CATCH, preexec_fn=cgroup.enter)
        events = self.trim(0, "-c", cgroup.path)
        self.assertEqual([event["pids"] for event in events], [[pid] for pid in sorted(sizes, key=sizes.get, reverse=True)])
        for event in events:
            self.check_near(event["reclaimed"], sizes[event["pids"][0]])
            self.check_near(event["predicted"], event["reclaimed"])
        for event, following in zip(events, events[1:]):
            self.assertLessEqual(following["before"]["current"], event["after"]["current"] + MIB)
        self.check_not_asked(catcher)

    def test_dies(self):
        """a program that exits when it is asked: failed, and said so; a pid that is gone before: no such target"""
        target = Python(self, EXIT, "32")
        run = run_trim("-o", "json", "-p", str(target.pid))
        self.assertEqual(run.returncode, FAILED)
        self.assertIn(run.stderr, ("", f"memgap: pid {target.pid} (python3) has exited\n"))
        event = json.loads(run.stdout)
        self.assertEqual(event["outcome"], "failed")
        self.assertEqual((event["why"], event["reclaimed"]), (f"pid {target.pid} has exited", None))
        target.end()
        run = run_trim("-p", str(target.pid))
        self.assertEqual((run.returncode, run.stdout), (NO_TARGET, ""))
        self.assertRegex(run.stderr, f"no process with pid {target.pid}")

    def test_interrupted(self):
        """SIGINT in the midst of the measuring: what was seen so far is told, and it is over"""
        target = Python(self, CATCH)
        run = Program(self, MEMGAP, "trim", "-o", "json", "--force", "-p", str(target.pid))
        self.assertEqual(target.line(), "asked")
        run.stop(signal.SIGINT)
        event = json.loads(run.line())
        self.check_in_vain(event)
        self.assertEqual(event["pids"], [target.pid])
        self.assertLess(event["took_ms"], 1000)
        self.assertEqual((run.line(), run.end(), run.stderr()), (None, 0, ""))

    def test_dry_run(self):
        """--dry-run of each action says what would be done, and does nothing at all"""
        cgroup = Cgroup(self, "dry")
        target = Python(self, RETAIN, "32", preexec_fn=cgroup.enter)
        witness, log = f"{self.directory}/witness", f"{self.directory}/log"
        script = self.script(f"#!/bin/sh\n: >{witness}\n")
        before = rss_of(target.pid)
        for action, of in (("signal:USR1", "-p"), ("signal:USR1", "-c"), ("auto", "-p"), (f"exec:{script}", "-p")):
            named = str(target.pid) if of == "-p" else cgroup.path
            with self.subTest(action):
                event = self.trim_one(0, "dry-run", "--dry-run", "--force", "--trim-with", action, "--log", log, of, named)
                self.assertIsNone(event["reclaimed"])
        self.check_near(rss_of(target.pid), before, 1)
        self.assertFalse(os.path.exists(witness))
        self.check_not_asked(target)


class UntilItIsEnough(ActionTest):
    def check_stops(self, threshold):
        """The largest of three gets the cgroup below its low mark: the others are never asked."""
        cgroup = Cgroup(self, "mark")
        large, *small = [Python(self, RETAIN, size, preexec_fn=cgroup.enter) for size in ("64", "24", "24")]
        watch = Watch(self, "-s", "heap", "--trim-at", threshold, "--cooldown", "100ms", "-c", cgroup.path)
        self.assertEqual(watch.event()["pids"], [large.pid])
        count = len(watch.samples())
        for _ in range(8):
            sample = watch.sample()
        self.assertGreaterEqual(len(watch.samples()), count + 8)
        self.assertEqual(sample["trim"]["count"], 1)
        self.assertEqual(large.line(), "asked")
        self.check_not_asked(large, *small)

    def test_cgroup(self):
        """past cgroup:SIZE the largest is asked alone, where that gets the cgroup below the low mark"""
        self.check_stops("cgroup:90MiB")

    def test_rss(self):
        """the same past rss:SIZE of a cgroup"""
        self.check_stops("rss:100MiB")

    def test_not_yet_enough(self):
        """where the largest is not enough, the next is asked at once, without a cooldown between, and no more than needed"""
        cgroup = Cgroup(self, "more")
        large, middle, small = [Python(self, RETAIN, size, preexec_fn=cgroup.enter) for size in ("64", "48", "24")]
        rss = sum(rss_of(program.pid) for program in (large, middle, small))
        watch = Watch(self, "-s", "heap", "--trim-at", f"rss:{rss - 80 * MIB}", "-c", cgroup.path)
        self.assertEqual([watch.event()["pids"] for _ in range(2)], [[large.pid], [middle.pid]])
        for _ in range(5):
            watch.sample()
        self.assertEqual([program.line() for program in (large, middle)], ["asked"] * 2)
        self.check_not_asked(small)


class Commands(ActionTest):
    def watch(self, target, script, *options):
        """Past its threshold from the first interval on."""
        return Watch(self, "-s", "none", "--trim-at", "rss:1MiB", "--trim-with", f"exec:{script}", *options, "-p", str(target.pid))

    def test_figures(self):
        """a command has the figures in its environment, as in /proc, and what it brings is measured"""
        cgroup = Cgroup(self, "figures")
        target = self.retain("64MiB", preexec_fn=cgroup.enter)
        before = status_of(target.pid)
        out = f"{self.directory}/out"
        script = self.script(f"#!/bin/sh\nenv >{out}\nkill -USR1 $MEMGAP_PIDS\n")
        watch = Watch(self, "-s", "heap", "--trim-at", "gap:32MiB", "--trim-with", f"exec:{script}", "-p", str(target.pid),
                      env={**os.environ, "MEMGAP_STRAY": "1", "MEMGAP_ALLOC": "wrong", "KEPT": "yes"})
        event = watch.event()
        fallen = before["VmRSS"] - rss_of(target.pid)
        variables = dict(line.split("=", 1) for line in read(out).splitlines() if "=" in line)
        figures = {name[7:]: text for name, text in variables.items() if name.startswith("MEMGAP_")}
        self.assertEqual(set(figures), {"PIDS", "CGROUP", "METRIC", "VALUE", "THRESHOLD", "ALLOC", "RSS", "GAP", "TRIMMABLE", "VERDICT"})
        self.assertEqual([figures[name] for name in ("PIDS", "CGROUP", "METRIC", "THRESHOLD", "VERDICT")],
                         [str(target.pid), cgroup.path, "gap", str(32 * MIB), "retained"])
        self.assertEqual(int(figures["RSS"]), before["VmRSS"])
        self.assertLess(abs(int(figures["ALLOC"]) - target.first["held_bytes"]), 64 << 10)
        self.assertLess(abs(int(figures["GAP"]) - before["RssAnon"] + target.first["held_bytes"]), 64 << 10)
        self.assertEqual(figures["VALUE"], figures["GAP"])
        self.check_near(int(figures["TRIMMABLE"]), fallen)
        self.assertEqual(variables["KEPT"], "yes")
        self.assertEqual((event["outcome"], event["pids"], event["predicted"]), ("trimmed", [target.pid], None))
        self.assertLess(abs(event["reclaimed"] - fallen), MIB)

    def test_several(self):
        """a command for a cgroup: all of its processes are measured, and looked at again; of one that is gone since nothing is known"""
        cgroup = Cgroup(self, "several")
        sizes = {self.retain(size, preexec_fn=cgroup.enter): size for size in ("64MiB", "48MiB")}
        before = sum(rss_of(target.pid) for target in sizes)
        options = ["--force", "--trim-with", "exec:true", "-c", cgroup.path]
        trim, regrowth = self.trim(0, "--regrowth", "500ms", *options)
        self.assertLess(abs(trim["before"]["rss"] - before), MIB)
        self.assertEqual((set(trim["pids"]), regrowth["pid"]), ({target.pid for target in sizes}, trim["pids"][0]))
        self.assertLess(abs(regrowth["regrown"]), MIB)
        run = Program(self, MEMGAP, "trim", "--regrowth", "1s", *options)
        self.assertRegex((run.line(), run.line())[1], r"in \d+ ms")
        next(iter(sizes)).kill()
        self.assertRegex(run.line(), rf"^Trim: {cgroup.path}: pid {next(iter(sizes)).pid} is gone, 1 s after its trim$")
        self.assertEqual(run.end(), 0)

    def test_words(self):
        """a command is split at blanks, however many, and no shell sees it"""
        out = f"{self.directory}/out"
        script = self.script(f'#!/bin/sh\nprintf "<%s>" "$@" >{out}\n')
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        self.trim_in_vain("--force", "--trim-with", f"exec:  {script} two\t words  $HOME;false 'a b' ", "-p", str(target.pid))
        self.assertEqual(read(out), "<two><words><$HOME;false><'a><b'>")

    def test_failures(self):
        """a command that fails, dies, or is no program: failed with the reason, nothing measured, and no zombie of it"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        for text, why in (("#!/bin/sh\nexit 3\n", "exited with status 3"), ("#!/bin/sh\nkill -SEGV $$\n", "was killed by SIGSEGV"),
                          ("\x7fELF garbage", "cannot execute .*: Exec format error"),
                          ("#!/no/such/interpreter\n", "cannot execute .*: No such file or directory")):
            with self.subTest(why):
                script = self.script(text)
                watch = self.watch(target, script)
                event = watch.event()
                self.assertEqual((event["outcome"], event["reclaimed"]), ("failed", None))
                self.assertRegex(event["why"], rf"^{script} {why}|^{why}")
                wait_for(lambda: not children_of(watch.pid), "it has been waited for")
                watch.stop()
                self.assertEqual(watch.finish(), 0)
        event = self.trim_one(FAILED, "failed", "--force", "--trim-with", "exec:false", "-p", str(target.pid))
        self.assertRegex(event["why"], "/false exited with status 1$")

    def test_removed(self):
        """a command that is gone by the time of the trim: failed, with the reason, and the target is watched on"""
        script = self.script("#!/bin/sh\n")
        target = Held(self)
        watch = self.watch(target, script, "--trim-at", "rss:48MiB")
        watch.sample()
        os.unlink(script)
        target.go()
        event = watch.event()
        self.assertEqual(event["outcome"], "failed")
        self.assertRegex(event["why"], f"{script}: No such file or directory")
        watch.sample()

    def test_hangs(self):
        """a command that does not end is killed after 10 s with all that it started; the target is watched on meanwhile"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        pids = f"{self.directory}/pids"
        script = self.script(f"#!/bin/sh\ntrap '' TERM\nsleep 300 &\necho $$ $! >{pids}.new\nmv {pids}.new {pids}\nwait\n")
        watch = self.watch(target, script)
        wait_for(lambda: os.path.exists(pids), "it runs")
        watch.sample()
        started = list(map(int, read(pids).split()))
        count = len(watch.samples())
        event = watch.event()
        self.assertEqual((event["outcome"], event["why"]), ("failed", f"{script} did not end within 10 s: killed"))
        self.assertLess(abs(event["took_ms"] - 10000), 1000)
        self.assertGreater(len(watch.samples()), count + 50)
        wait_for(lambda: not any(map(is_alive, started)), "they are gone")
        self.assertEqual(children_of(watch.pid), [])

    def test_memgap_ends(self):
        """a command that runs when memgap ends, however that may be, ends too"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        for number, status in (signal.SIGINT, FAILED), (signal.SIGKILL, -signal.SIGKILL):
            with self.subTest(number):
                pid_file = f"{self.directory}/{number}"
                script = self.script(f"#!/bin/sh\necho $$ >{pid_file}.new\nmv {pid_file}.new {pid_file}\nexec sleep 300\n")
                run = Program(self, MEMGAP, "trim", "-o", "json", "--force", "--trim-with", f"exec:{script}", "-p", str(target.pid))
                wait_for(lambda path=pid_file: os.path.exists(path), "it runs")
                run.stop(number)
                self.assertEqual(run.end(), status)
                wait_for(lambda path=pid_file: not is_alive(int(read(path))), "the command is gone")
                if number == signal.SIGINT:
                    event = json.loads(run.line())
                    self.assertEqual((event["outcome"], event["why"]), ("failed", "the end of it was not waited for"))

    def test_interrupted(self):
        """the line format says so, too"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        run = Program(self, MEMGAP, "trim", "--force", "--trim-with", "exec:sleep 300", "-p", str(target.pid))
        self.assertRegex(run.line(), "exec:sleep 300 for pid")
        run.stop(signal.SIGINT)
        self.assertRegex(run.line(), rf"^Trim: workload\[{target.pid}\] failed: the end of it was not waited for$")
        self.assertEqual((run.line(), run.end()), (None, FAILED))


class Held(Python):
    """A program that has 64 MiB at go()."""

    def __init__(self, test):
        super().__init__(test, START + "say('ready'); input(); ballast = b'x' * (64 << 20); signal.pause()", stdin=-1)

    def go(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()


class Pressure(ActionTest):
    def setUp(self):
        super().setUp()
        self.fifo = f"{self.directory}/fifo"
        os.mkfifo(self.fifo)

    def listener(self, flags, size="32"):
        return Python(self, LISTEN, size, str(flags), env={**os.environ, "MEMORY_PRESSURE_WATCH": self.fifo})

    def test_told(self):
        """a program that listens at a FIFO is told by one byte, and what it gives back is measured and was expected"""
        manager = os.open(self.fifo, os.O_RDWR | os.O_NONBLOCK)
        self.addCleanup(os.close, manager)
        for flags in os.O_RDONLY, os.O_RDWR:
            target = self.listener(flags)
            before = rss_of(target.pid)
            event = self.trim_one(0, "trimmed", "--trim-with", "pressure", "-p", str(target.pid))
            self.assertEqual(target.line(), "told 1 ")
            self.assertEqual((event["action"], event["pids"]), ("pressure", [target.pid]))
            self.check_near(event["predicted"], before - rss_of(target.pid))
            self.check_near(event["reclaimed"], before - rss_of(target.pid))
            target.kill()

    def test_own_end(self):
        """a program that has opened its FIFO for reading and writing needs nobody else to hold it"""
        target = self.listener(os.O_RDWR)
        self.trim_one(0, "trimmed", "--trim-with", "pressure", "-p", str(target.pid))
        self.assertEqual(target.line(), "told 1 ")

    def test_dry_run(self):
        """--dry-run writes nothing to the FIFO"""
        target = self.listener(os.O_RDWR)
        self.trim_one(0, "dry-run", "--dry-run", "--trim-with", "pressure", "-p", str(target.pid))
        target.stop(signal.SIGUSR2)
        self.assertEqual(target.line(), "alive []")

    def test_refused(self):
        """a program that does not listen is not told, and keeps what it has; the reason says what is missing"""
        target = self.retain()
        before = rss_of(target.pid)
        event = self.trim_one(FAILED, "refused", "--trim-with", "pressure", "-p", str(target.pid))
        self.assertRegex(event["why"], rf"^pid {target.pid} \(workload\) does not listen .*MEMORY_PRESSURE_WATCH")
        self.assertEqual(rss_of(target.pid), before)
        deaf = Python(self, RETAIN, "32", env={**os.environ, "MEMORY_PRESSURE_WATCH": self.fifo})
        event = self.trim_one(FAILED, "refused", "--trim-with", "pressure", "-p", str(deaf.pid))
        self.assertIn("has not opened", event["why"])

    def command(self, *options, **environment):
        """memgap with a listener as its COMMAND, which speaks on stderr; and the listener's pid, once it listens."""
        script = LISTEN.replace("flush=True", "file=sys.stderr, flush=True")
        watch = Watch(self, "-s", "heap", "--trim-at", "gap:24MiB", "--trim-with", "pressure", *options, "--", sys.executable, "-c",
                      script, "32", str(os.O_RDONLY), env={**os.environ, **environment})
        wait_for(lambda: "ready" in watch.stderr(), "COMMAND listens")
        return watch, watch.sample()["target"]["pid"]

    def check_goes_on(self, watch, pid):
        """memgap is gone, and the listener has noticed nothing."""
        self.assertTrue(is_alive(pid))
        os.kill(pid, signal.SIGUSR2)
        wait_for(lambda: "alive []" in watch.stderr(), "it listens on, and sees no hangup")
        self.assertNotIn("hangup", watch.stderr())

    def test_command(self):
        """COMMAND is offered a FIFO, as by a service manager, and told through it; that is removed at the end, and COMMAND goes on"""
        watch, pid = self.command()
        event = watch.event()
        self.assertEqual((event["outcome"], event["action"], event["pids"]), ("trimmed", "pressure", [pid]), event["why"])
        self.check_near(event["reclaimed"], 32 * MIB)
        self.assertIn("told 1", watch.stderr())
        fifo = self.watched_by(pid)
        self.assertEqual(os.stat(fifo).st_mode & 0o777, 0o600)
        watch.stop()
        self.assertEqual(watch.end(), 0)
        self.check_goes_on(watch, pid)
        self.assertFalse(os.path.exists(os.path.dirname(fifo)))

    def test_command_of_one_that_is_killed(self):
        """COMMAND sees no hangup either where memgap is killed"""
        watch, pid = self.command("--dry-run")
        self.addCleanup(shutil.rmtree, os.path.dirname(self.watched_by(pid)))
        self.assertEqual(watch.event()["outcome"], "dry-run")
        watch.stop(signal.SIGKILL)
        watch.end()
        self.check_goes_on(watch, pid)
        self.assertNotIn("told", watch.stderr())

    def test_command_with_its_own(self):
        """what is in memgap's own environment is left to COMMAND as it is"""
        manager = os.open(self.fifo, os.O_RDWR | os.O_NONBLOCK)
        self.addCleanup(os.close, manager)
        watch, pid = self.command(MEMORY_PRESSURE_WATCH=self.fifo)
        self.assertEqual(self.watched_by(pid), self.fifo)
        self.assertEqual(watch.event()["outcome"], "trimmed")

    def watched_by(self, pid):
        variables = dict(text.split("=", 1) for text in read(f"/proc/{pid}/environ").split("\0") if "=" in text)
        return variables["MEMORY_PRESSURE_WATCH"]


class Cached(ActionTest):
    """A cgroup with page cache: a file of 64 MiB, on the disk, and a process that has nothing else."""

    def setUp(self):
        super().setUp()
        self.cgroup = Cgroup(self, "cached")
        self.path = f"{self.directory}/file"
        self.fill(64 * MIB)
        self.target = Workload(self, "hold", "--size", "1MiB", *QUIET, preexec_fn=self.cgroup.enter)

    def fill(self, size, cgroup=None, path=None):
        """By a workload in the cgroup, which ends."""
        cgroup, path = cgroup or self.cgroup, path or self.path
        fills = Workload(self, "cache", "--size", str(size), "--file", path, *QUIET, preexec_fn=cgroup.enter)
        wait_for(lambda: cgroup.stat()["file"] >= size, "it is in the cache")
        with open(path, "rb") as file:
            os.fsync(file.fileno())
        fills.kill()

    def reclaim(self, status, outcome, *options):
        return self.trim_one(status, outcome, "--trim-with", "reclaim", *options, "-c", self.cgroup.path)


class OnBoth(Cached):
    def test_dry_run(self):
        """--dry-run of reclaim says what would be done, and takes nothing"""
        event = self.reclaim(0, "dry-run", "--force", "--dry-run")
        self.assertGreaterEqual(event["predicted"], 64 * MIB)
        self.assertGreaterEqual(self.cgroup.stat()["file"], 64 * MIB)

    def test_command(self):
        """a command for a cgroup that nobody is in any more: what the cgroup is charged tells what came of it"""
        script = self.script(f'#!/bin/sh\n[ "$MEMGAP_PIDS" ] || rm -f {self.path}\n')
        watch = Watch(self, "-s", "none", "--trim-at", "cgroup:32MiB", "--trim-with", f"exec:{script}", "--cooldown", "500ms", "-c",
                      self.cgroup.path)
        self.assertEqual(watch.event()["pids"], [self.target.pid])
        self.target.kill()
        event = watch.event()
        self.assertEqual((event["outcome"], event["pids"]), ("trimmed", []))
        self.check_near(event["reclaimed"], 64 * MIB)
        self.assertEqual(event["reclaimed"], event["before"]["current"] - event["after"]["current"])

    def test_several(self):
        """of several cgroups one is reclaimed from after the other, and all are"""
        other = Cgroup(self, "other")
        self.fill(32 * MIB, other, f"{self.path}.other")
        Workload(self, "hold", "--size", "1MiB", *QUIET, preexec_fn=other.enter)
        events = self.trim(0, "--force", "--trim-with", "reclaim", "-c", self.cgroup.path, "-c", other.path)
        self.assertEqual([(event["outcome"], event["target"]["cgroup"]) for event in events],
                         [("trimmed", self.cgroup.path), ("trimmed", other.path)])
        for event, size in zip(events, (64, 32)):
            self.check_near(event["reclaimed"], size * MIB, 15)

    def test_read_only(self):
        """a cgroup file system that is mounted read-only: refused, with the remedy"""
        where = memory_hierarchy()
        script = f'mount --bind {where} {where} && mount -o remount,bind,ro {where} && exec "$@"'
        run = Program(self, "unshare", "-m", "sh", "-c", script, "sh", MEMGAP, "trim", "--force", "--trim-with", "reclaim", "-c",
                      self.cgroup.path)
        self.assertRegex(run.line(), "reclaim refused: .* is on a read-only mount: .*read-write$")
        self.assertEqual(run.end(), FAILED)
        self.assertGreaterEqual(self.cgroup.stat()["file"], 64 * MIB)


@needs_version(1)
class ReclaimV1(Cached):
    def test_refused(self):
        """cgroup v1: reclaim is refused with the reason, for it takes everything, also by auto, and the page cache stays"""
        for action in "reclaim", "auto":
            event = self.trim_one(FAILED, "refused", "--trim-with", action, "-c", self.cgroup.path)
            self.assertEqual((event["action"], event["verdict"]), ("reclaim", "cache"))
            self.assertRegex(event["why"], "cgroup v1 has no memory.reclaim.*force_empty.*--force does it all the same")
        self.assertGreaterEqual(self.cgroup.stat()["file"], 64 * MIB)

    def test_forced(self):
        """cgroup v1, --force: the page cache is gone, as predicted"""
        before = self.cgroup.current(), self.cgroup.stat()["file"]
        event = self.reclaim(0, "trimmed", "--force")
        after = self.cgroup.current(), self.cgroup.stat()["file"]
        self.assertLess(after[1], MIB)
        self.check_near(event["reclaimed"], before[0] - after[0])
        self.check_near(event["predicted"], before[1] - after[1])
        self.assertEqual((event["pids"], event["before"]["rss"]), ([], None))

    def test_predicted(self):
        """all of the page cache is what is predicted, also where a threshold would need less"""
        watch = Watch(self, "-s", "none", "--trim-at", "cgroup:32MiB", "--trim-with", "reclaim", "--force", "-c", self.cgroup.path)
        event = watch.event()
        self.assertEqual(event["outcome"], "trimmed")
        self.check_near(event["predicted"], event["reclaimed"])


@needs_version(2)
class ReclaimV2(Cached):
    def test_reclaim(self):
        """cgroup v2: the page cache is gone, as predicted; then there is no more to ask for"""
        before = self.cgroup.current(), self.cgroup.stat()["file"]
        event = self.reclaim(0, "trimmed")
        after = self.cgroup.current(), self.cgroup.stat()["file"]
        self.assertLess(after[1], 4 * MIB)
        self.check_near(event["reclaimed"], before[0] - after[0])
        self.check_near(event["predicted"], before[1] - after[1], 10)
        self.check_near(event["predicted"], event["reclaimed"], 10)
        event = self.reclaim(FAILED, "refused")
        self.assertEqual(event["verdict"], "in-use")

    def test_auto(self):
        """cgroup v2: where it is page cache, auto has the kernel take it back"""
        event = self.trim_one(0, "trimmed", "--trim-with", "auto", "-c", self.cgroup.path)
        self.assertEqual((event["action"], event["verdict"]), ("reclaim", "cache"))
        self.assertLess(self.cgroup.stat()["file"], 4 * MIB)

    def test_amount(self):
        """past cgroup:SIZE the kernel is asked for what is above the low mark, and takes no more than a little beyond"""
        self.fill(128 * MIB)
        current = self.cgroup.current()
        threshold = current - 40 * MIB
        wanted = current - threshold + threshold // 20
        watch = Watch(self, "-s", "none", "--trim-at", f"cgroup:{threshold}", "--trim-with", "reclaim", "-c", self.cgroup.path)
        event = watch.event()
        self.assertEqual(event["outcome"], "trimmed", event["why"])
        self.check_near(event["predicted"], wanted)
        self.assertLess(abs(event["reclaimed"] - event["predicted"]), 3 * MIB)
        self.assertEqual(event["reclaimed"], event["before"]["current"] - event["after"]["current"])
        for _ in range(5):
            self.assertEqual(watch.sample()["trim"]["count"], 1)

    def test_partial(self):
        """page cache that a program has locked stays: what came back is told, and that there was no more"""
        self.without_swap()
        locked = Python(self, START + """
with open(sys.argv[1], "r+b") as file:
    area = mmap.mmap(file.fileno(), 32 << 20)
assert not libc.mlock(ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(area))), ctypes.c_size_t(32 << 20))
say("ready")
signal.pause()
""", self.path)
        event = self.reclaim(0, "trimmed", "--force")
        self.check_near(event["reclaimed"], 32 * MIB, 20)
        self.assertGreater(event["predicted"], 64 * MIB - 1)
        self.assertIn("no more", event["why"])
        self.assertTrue(is_alive(locked.pid))

    def test_no_page_cache(self):
        """a cgroup without page cache is not reclaimed from, even when forced: its heap would go to swap"""
        cgroup = Cgroup(self, "bare")
        target = Workload(self, "hold", "--size", "8MiB", *QUIET)
        cgroup.add(target.pid)
        event = self.trim_one(FAILED, "refused", "--force", "--trim-with", "reclaim", "-c", cgroup.path)
        self.assertEqual(event["why"], "it has no page cache")

    def test_swap(self):
        """where the kernel can be told so, nothing is swapped out for page cache"""
        try:
            with open(f"{self.cgroup.directory}/memory.reclaim", "w") as file:
                file.write("4096 swappiness=0")
        except OSError as error:
            self.assertEqual(error.errno, errno.EINVAL)
            self.skipTest("this kernel's memory.reclaim takes no swappiness=")
        Workload(self, "hold", "--size", "32MiB", *QUIET, preexec_fn=self.cgroup.enter)
        for action in "reclaim", "auto":
            self.fill(96 * MIB)
            event = self.trim_one(0, "trimmed", "--trim-with", action, "-c", self.cgroup.path)
            self.assertEqual((event["action"], event["verdict"]), ("reclaim", "cache"))
            self.assertLess(self.cgroup.stat()["file"], 4 * MIB)
        self.assertEqual(int(read(f"{self.cgroup.directory}/memory.swap.current")), 0)

    def without_swap(self):
        with open(f"{self.cgroup.directory}/memory.swap.max", "w") as file:
            file.write("0")


class Auto(ActionTest):
    def trim_auto(self, status, outcome, target):
        event = self.trim_one(status, outcome, "--trim-with", "auto", "-p", str(target.pid))
        return event["action"], event["verdict"], event["why"]

    def test_retained(self):
        """auto sends a signal where the allocator retains memory"""
        target = self.retain()
        before = rss_of(target.pid)
        action, verdict, _ = self.trim_auto(0, "trimmed", target)
        self.assertEqual((action, verdict), ("signal:USR1", "retained"))
        self.check_near(before - rss_of(target.pid), 32 * MIB)

    def test_nothing_to_give(self):
        """auto does nothing where neither helps, and says why; forced it sends the signal"""
        for script, verdict in (MAPS, "other-anon"), (RETAIN.replace("retain(int(sys.argv[1]))", "ballast = b'x' * (64 << 20)"), "in-use"):
            target = Python(self, script)
            action, seen, why = self.trim_auto(FAILED, "refused", target)
            self.assertEqual((action, seen), ("auto", verdict))
            self.assertRegex(why, f"it is {verdict}: .*--force asks all the same")
            self.check_not_asked(target)
            event = self.trim_in_vain("--force", "--trim-with", "auto", "-p", str(target.pid))
            self.assertEqual((event["action"], target.line()), ("signal:USR1", "asked"))


if __name__ == "__main__":
    tap.main()
