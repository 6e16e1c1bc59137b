#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The signals of trims at their worst: nobody gets one that should not, whatever it does. The targets count those that they take: that
is the truth."""
import collections
import concurrent.futures
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
import tried  # noqa: E402
from crosses import Crosses, busy, pid_options  # noqa: E402
from freezer import Freezer  # noqa: E402
from memgap import MEMGAP, MIB, WORKLOAD, Cgroup, Program, Watch, wait_for  # noqa: E402

HABITS = os.path.abspath("build/tests/programs/habits")


class Habits(Program):
    """habits.c: processes that do with their signals what they like."""

    def __init__(self, test, cgroup=None, **kinds):
        super().__init__(test, HABITS, *(f"{kind}={n}" for kind, n in kinds.items()), stdin=subprocess.PIPE,
                         preexec_fn=cgroup and cgroup.enter)
        self.kinds = list(kinds)

    def counts(self):
        """What has come of them so far."""
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return json.loads(self.line())

    def taken(self):
        return sum(self.counts()["taken"].values())


class Asking(Program):
    """memgap watch --force, of which only the events are kept: grep is faster than a reader here would be."""

    def __init__(self, test, *options):
        super().__init__(test, MEMGAP, "watch", "-o", "json", "--force", *options)
        self.told = tempfile.TemporaryFile()
        # before all that is watched: lines that nobody reads are lost in the end
        self.grep = subprocess.Popen(["grep", '"event":"trim"'], stdin=self.process.stdout, stdout=self.told, preexec_fn=lambda: os.nice(-10))
        test.addCleanup(self.told.close)
        test.addCleanup(self.grep.wait)
        test.addCleanup(self.stop, signal.SIGKILL)

    def await_probes(self):
        wait_for(lambda: "was running already" in self.stderr(), "what it allocates is counted")

    def finish(self):
        """The events of all trims that asked somebody."""
        self.stop()
        status = self.end()
        assert status == 0, f"exit status {status}: {self.stderr()[-2000:]}"
        self.grep.wait()
        self.told.seek(0)
        return [event for event in map(json.loads, self.told) if event["pids"]]


class AmidAnAllocation(unittest.TestCase):
    def test_another_thread_takes_it(self):
        """where the thread that allocates blocks the signal, and another one takes it, that is asked at once, and not the process"""
        program = Crosses(self, "elsewhere")
        watch = Watch(self, "-s", "probe", "--trim-at", "4MiB", "--force", "-p", str(program.pid), interval="2s")
        watch.sample()
        program.order("fill")
        watch.sample()
        crossed = time.monotonic()
        program.order("cross")
        self.assertEqual(program.take()["signals"], 1)
        self.assertLess(time.monotonic() - crossed, 1)
        event = watch.event()
        self.assertEqual((event["by"], event["outcome"], event["pids"]), ("crossing", "trimmed", [program.pid]))

    def test_handler_removed_after_the_look(self):
        """a handler that goes between memgap's look and the crossing: the kernel side sends nothing, the event has the reason"""
        program = Crosses(self)
        watch = Watch(self, "-s", "probe", "--trim-at", "4MiB", "--force", "-p", str(program.pid), interval="2s")
        watch.sample()
        program.order("fill")
        watch.sample()
        program.order("drop")  # the next look comes in 2 s
        crossed = time.monotonic()
        program.order("cross")
        event = watch.event()
        self.assertLess(time.monotonic() - crossed, 1)
        self.assertEqual((event["by"], event["outcome"], event["pids"]), ("crossing", "refused", []))
        self.assertIn(f"pid {program.pid} (crosses) does not handle USR1 and could die of it", event["why"])
        program.order("fill")  # it lives, and has been told nothing


class Storms(unittest.TestCase):
    SECONDS = 11
    COOLDOWN = 0.3

    def signals_of(self, program):
        """When each came, in seconds."""
        end, seen = time.monotonic() + self.SECONDS, []
        while (left := end - time.monotonic()) > 0 and select.select([program.process.stdout], [], [], left)[0]:
            answer = program.take()
            seen += [answer["seen_ns"] / 1e9] * answer["signals"]
        return seen

    def check_waits(self, name, seen):
        """Each is twice the one before; but an asked one is measured for a second, in which it is not asked again."""
        waits = [second - first for first, second in zip(seen, seen[1:])]
        print(f"# {name}: {', '.join(f'{wait:.2f}' for wait in waits)} s from signal to signal", flush=True)
        self.assertGreaterEqual(len(waits), 3)
        for i, wait in enumerate(waits):
            least = max(1, self.COOLDOWN * 2 ** (i + 1))
            self.assertGreater(wait, least - 0.05)
            self.assertLess(wait, least + 1)

    def test_no_storm(self):
        """a threshold below what the program needs, crossed a thousand times a second or passed for good: the waits double"""
        options = ["-i", "50ms", "--cooldown", f"{self.COOLDOWN * 1000:.0f}ms"]
        crosses, stays = Crosses(self), Crosses(self, "sigwait")
        by_kernel = Asking(self, *options, "-s", "probe", "--trim-at", "4MiB", "-p", str(crosses.pid))
        by_kernel.await_probes()
        crosses.order("fill")
        stays.order("storm")
        by_tick = Asking(self, *options, "-s", "none", "--trim-at", "rss:1MiB", "-p", str(stays.pid))
        crosses.order("storm")
        with concurrent.futures.ThreadPoolExecutor() as both:
            seen = list(both.map(self.signals_of, [crosses, stays]))
        for name, watch, times in ("kernel", by_kernel, seen[0]), ("tick", by_tick, seen[1]):
            self.check_waits(name, times)
            by = collections.Counter(event["by"] for event in watch.finish())
            self.assertEqual(by.total(), len(times))
            self.assertGreater(by[name], by.total() / 2)  # a tick may come while the block is held


class Leaks(unittest.TestCase):
    """The workload with a line on stderr for each signal that it takes."""
    SECONDS = 12

    def workload(self, *arguments, **options):
        return Program(self, "env", "LD_PRELOAD=" + os.path.abspath("build/tests/programs/preload_tells_sigwait"), WORKLOAD, *arguments,
                       **{"stdout": subprocess.DEVNULL, **options})

    def leak(self, **options):
        return self.workload("leak", "--interval", "50ms", **options)

    def test_leaks_are_left_alone(self):
        """what leaks is never asked, with a threshold for alloc, rss or gap; in a cgroup the one beside it that retains is"""
        cgroup = Cgroup(self, "leak")
        leaks = {at: self.leak() for at in ("alloc:100MiB", "rss:100MiB", "gap:64KiB")}
        watches = {at: Watch(self, "--trim-at", at, "-p", str(leak.pid), interval="1s") for at, leak in leaks.items()}
        beside = self.leak(preexec_fn=cgroup.enter)
        retains = self.workload("retain", "--interval", "1h", preexec_fn=cgroup.enter)
        both = Watch(self, "--trim-at", "gap:50MiB", "-c", cgroup.path, interval="1s")
        end = time.monotonic() + self.SECONDS
        while time.monotonic() < end:
            for watch in both, *watches.values():
                watch.sample()
        for at, watch in watches.items():
            refusal = next(line for line in watch.seen if "event" in line)  # past its threshold, and looked at
            self.assertEqual((refusal["outcome"], refusal["pids"]), ("refused", []))
            self.assertEqual(leaks[at].stderr(), "")
        self.assertEqual((retains.stderr(), beside.stderr()), ("took USR1\n", ""))


class Halted(unittest.TestCase):
    """Processes that do not run when they are asked."""

    def check(self, halt, go_on):
        """What comes of it is told in bounded time; others are asked meanwhile; when it goes on it takes what it was sent, and lives."""
        halted = [Crosses(self), Crosses(self, "sigwait"), Crosses(self, threads=2)]
        other = Crosses(self)
        halt(halted)
        watch = Watch(self, "-s", "none", "--trim-at", "rss:1MiB", "--cooldown", "30s", *pid_options([*halted, other]))
        events = {}
        while len(events) < 4:
            event = watch.event(seconds=5)
            events[event["target"]["pid"]] = event
        self.assertEqual(other.take()["signals"], 1)
        go_on(halted)
        for program in halted:
            event = events[program.pid]
            if event["pids"]:
                # what it retains, 2 MiB, it cannot give back; the kernel may take some of its files' pages meanwhile
                self.assertIn(event["outcome"], ("nothing", "trimmed"))
                self.assertLess(event["reclaimed"], MIB)
                self.assertEqual(program.take()["signals"], 1)
            else:  # other threads could change its handler before it looks; what is frozen in sigwait() may be seen outside of it
                self.assertEqual(event["outcome"], "refused")
                self.assertRegex(event["why"], "is stopped or gets no CPU|blocks USR1, but neither a thread in sigwait")
            program.order("fill")
        self.assertTrue(watch.sample())
        self.assertTrue(any(event["pids"] == [program.pid] for program in halted for event in events.values()))

    def test_stopped(self):
        """a stopped process: what comes of it is told in bounded time, others are asked meanwhile, and it lives when it goes on"""
        self.check(lambda programs: [program.stop(signal.SIGSTOP) for program in programs],
                   lambda programs: [program.stop(signal.SIGCONT) for program in programs])

    def test_frozen(self):
        """and so with one in a frozen cgroup"""
        for freezer in Freezer.all(self):
            with self.subTest(freezer.directory):
                self.check(freezer.freeze, freezer.thaw)


class Churn(unittest.TestCase):
    ALONE = True
    BY_KERNEL = ["-s", "probe", "--trim-at", "alloc:1792KiB", "-i", "20ms", "--cooldown", "5ms"]
    BY_TICK = ["-s", "none", "--trim-at", "rss:1536KiB", "-i", "20ms", "--cooldown", "5ms"]
    # by a tick, some are safe from there on (user/allocator/gate.h)
    HAS_GATE = tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) >= (6, 18)
    SIGNALS = int(os.environ.get("SIGNALS", 10000))
    SECONDS = 120  # for all of them: more than twice what two slow CPUs need

    def watch_cgroup(self, name, options, **kinds):
        cgroup = Cgroup(self, name)
        habits = Habits(self, cgroup, **kinds)
        return habits, Asking(self, "--per", "process", *options, "-c", cgroup.path)

    def watch_pids(self, options, **kinds):
        habits = Habits(self, **kinds)
        return habits, Asking(self, *options, *(part for pid in habits.counts()["pids"] for part in ("-p", str(pid))))

    def await_signals(self, habits, signals):
        end = time.monotonic() + self.SECONDS
        while sum(one.taken() for one in habits) < signals and time.monotonic() < end:
            time.sleep(0.2)

    def total(self, counts, what):
        return sum((collections.Counter(one[what]) for one in counts), collections.Counter())

    def test_nobody_is_harmed(self):
        """10,000 signals to processes that come, go, change what they are and how they take them: nobody dies of one"""
        fickle = dict(handles=12, awaits=8, reads=8, ends=4, becomes=4, forks=4, reuses=4, bare=2, blocks=2)
        steady = dict(handles=24, awaits=8, reads=8, bare=1, blocks=1)
        pairs = [self.watch_cgroup("kernel", self.BY_KERNEL, toggles=4, **fickle),
                 self.watch_cgroup("tick", self.BY_TICK, toggles=4 * self.HAS_GATE, **fickle),
                 self.watch_pids(self.BY_KERNEL, toggles=2, **steady),
                 self.watch_pids(self.BY_TICK, toggles=2 * self.HAS_GATE, **steady)]
        began = time.monotonic()
        self.await_signals([habits for habits, _ in pairs], self.SIGNALS)
        took = time.monotonic() - began
        sent = [watch.finish() for _, watch in pairs]
        counts = [habits.counts() for habits, _ in pairs]
        taken, killed, failed, ended = (self.total(counts, what) for what in ("taken", "killed", "failed", "ended"))
        by = collections.Counter(event["by"] for events in sent for event in events)
        print(f"# {sum(taken.values())} signals in {took:.0f} s: {dict(+taken)}; sent {dict(by)}; processes that ended: {dict(+ended)}",
              flush=True)
        self.assertEqual((+killed, +failed), ({}, {}))
        self.assertEqual([one["pending"] for one in counts], [0, 0, 0, 0])
        for kind in "bare", "blocks":
            self.assertEqual((taken[kind], ended[kind]), (0, 0))
        for one, events in zip(counts, sent):  # each is told, if not of one that has ended before memgap came to it
            self.assertLessEqual(sum(one["taken"].values()), len(events) + sum(one["ended"].values()))
        for kind in set(fickle) - {"bare", "blocks"}:
            self.assertGreater(taken[kind], 0)
        self.assertGreater(sum(one["reused"] for one in counts), 100)
        self.assertGreater(by["kernel"], 1000 * self.SIGNALS / 10000)
        self.assertGreaterEqual(sum(taken.values()), self.SIGNALS)
        tried.say("signals to processes that come, go, change their minds and their pids", sum(taken.values()))

    @unittest.skipUnless(HAS_GATE, "a tick may come in that moment: safe from Linux 6.18 on")
    def test_other_program(self):
        """where another thread executes a program in the moment in which the signal comes, the one that it was not for does not get it"""
        habits, watch = self.watch_cgroup("races", self.BY_KERNEL, races=8)
        self.await_signals([habits], 500)
        counts, events = habits.counts(), watch.finish()
        print(f"# {counts['ended']['races']} processes, {len(events)} signals sent, {counts['taken']['races']} taken", flush=True)
        self.assertEqual((counts["killed"]["races"], counts["failed"]["races"]), (0, 0))
        self.assertGreaterEqual(counts["taken"]["races"], 500)
        tried.say("signals to processes that execute a program in that moment", len(events))

    def test_other_threads(self):
        """where another thread changes the handler a hundred times a second, hardly a signal kills, however busy the machine"""
        busy(self, 2 * os.cpu_count())
        pairs = [self.watch_cgroup(name, options, flickers=8, flutters=2)
                 for name, options in (("kernel", self.BY_KERNEL), ("tick", self.BY_TICK))]
        for habits, _ in pairs:
            self.await_signals([habits], 150)
        for name, (habits, watch) in zip(("kernel", "tick"), pairs):
            watch.finish()
            self.assertGreaterEqual(habits.taken(), 150, name)
            counts = habits.counts()
            for kind, what in ("flickers", "100 changes a second"), ("flutters", "changes without a rest"):
                print(f"# {name}, {what}: {counts['killed'][kind]} kills, {counts['taken'][kind]} signals taken", flush=True)
            self.assertLessEqual(counts["killed"]["flickers"], 2 + counts["taken"]["flickers"] / 50)


if __name__ == "__main__":
    tap.main(together=4)
