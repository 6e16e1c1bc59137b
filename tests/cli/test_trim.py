#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Trims: when they come, what they bring, and that no process is asked that does not expect it."""
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import (MIB, QUIET, SUMMARY, WORKLOAD, Cgroup, Program, Python, Watch, Workload, is_alive, run_watch,  # noqa: E402
                    status_of, wait_for)

SIZE = r"-?\d+(\.\d)? ([KMGT]i)?B"
EVENT = {"schema", "event", "time", "target", "reason", "verdict", "by", "late_ms", "action", "pids", "predicted", "before", "after",
         "reclaimed", "prediction_error_percent", "took_ms", "outcome", "why"}

# A program that says "ready", then a line for each signal that it takes: its name and when.
START = "import ctypes, os, signal, sys, time\ndef say(*words): print(*words, flush=True)\n"
CATCH = START + """
for number in signal.SIGUSR1, signal.SIGUSR2, signal.SIGRTMIN + 2:
    signal.signal(number, lambda number, frame: say(int(number), time.monotonic()))
say("ready")
while True: signal.pause()
"""
CATCH_LATER = START + "say('ready'); input()\n" + CATCH
EXIT_ON_SIGNAL = START + "signal.signal(signal.SIGUSR1, lambda *_: os._exit(0)); say('ready'); time.sleep(60)"
BLOCK = START + "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1]); say('ready'); time.sleep(60)"
IGNORE = START + "signal.signal(signal.SIGUSR1, signal.SIG_IGN); say('ready'); time.sleep(60)"
DIE = START + "say('ready'); time.sleep(60)"
SIGNALFD = START + """
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
mask = (1 << signal.SIGUSR1 - 1).to_bytes(128, "little")
fd = ctypes.CDLL(None).signalfd(-1, mask, 0)
say("ready")
while True: say(int.from_bytes(os.read(fd, 128)[:4], "little"), time.monotonic())
"""


class TrimTest(unittest.TestCase):
    def python(self, script, **options):
        return Python(self, script, **options)

    def watch(self, target, *options):
        """Past its threshold from the first interval on, if the options do not say otherwise."""
        return Watch(self, "-s", "none", "--trim-at", "rss:1MiB", *options, "-p", str(target.pid))

    def check_trimmed(self, event, metric, threshold, pids, least):
        self.assertEqual(set(event) & EVENT, EVENT)
        self.assertEqual((event["outcome"], event["action"], event["pids"]), ("trimmed", "signal:USR1", pids), event["why"])
        self.assertEqual((event["reason"]["metric"], event["reason"]["threshold"]), (metric, threshold))
        self.assertGreaterEqual(event["reason"]["value"], threshold)
        self.assertGreater(event["reclaimed"], least)
        self.assertEqual(event["reclaimed"], event["before"]["rss"] - event["after"]["rss"])
        self.assertGreater(event["took_ms"], 0)
        self.assertLess(event["took_ms"], 3100)


class Trims(TrimTest):
    def test_rss(self):
        """rss past its threshold: the workload trims; RSS before and after are those of its own /proc status"""
        target = Workload(self, "retain", "--size", "64MiB", *QUIET)
        before = status_of(target.pid)["VmRSS"]
        watch = self.watch(target, "--trim-at", "rss:32MiB")
        event = watch.event()
        self.check_trimmed(event, "rss", 32 * MIB, [target.pid], 60 * MIB)
        self.assertEqual((event["before"]["rss"], event["reason"]["value"]), (before, before))
        self.assertLess(abs(event["after"]["rss"] - status_of(target.pid)["VmRSS"]), MIB)
        self.assertEqual(watch.sample()["trim"],
                         {"count": 1, "last": {"outcome": "trimmed", "reclaimed": event["reclaimed"]}})
        self.assertEqual(event["target"]["pid"], target.pid)
        watch.stop()
        self.assertEqual(watch.finish(), 0)
        self.assertEqual(len([line for line in watch.seen if "event" in line]), 1)

    def test_alloc(self):
        """alloc (the default metric) past its threshold, with --force: the workload collects, and alloc falls by what it freed"""
        watch = Watch(self, "--trim-at", "60MiB", "--force", "--cooldown", "500ms", "--", WORKLOAD, "seed", "--size", "4MiB",
                      "--interval", "100ms", "--truth")
        for _ in range(2):
            event = watch.event()
            self.check_trimmed(event, "alloc", 60 * MIB, [watch.truths()[0]["pid"]], 20 * MIB)
            self.assertLess(watch.sample()["allocator"]["alloc"], 60 * MIB)
        self.assertTrue(all(sample["allocator"]["alloc"] < 80 * MIB for sample in watch.samples()))
        self.assertGreater(watch.truths()[-1]["frees"], 5)

    def test_stopped(self):
        """memgap does not run while alloc passes its threshold: the process is asked all the same, and reclaimed is from then on"""
        watch = Watch(self, "--trim-at", "60MiB", "--force", "--", WORKLOAD, "seed", "--size", "4MiB", "--interval", "100ms", "--truth")
        watch.sample()  # the threshold is known to the kernel side
        watch.stop(signal.SIGSTOP)
        watch.next(lambda line: line.get("frees", 0) > 0)
        watch.stop(signal.SIGCONT)
        event = watch.event()
        self.check_trimmed(event, "alloc", 60 * MIB, [watch.truths()[0]["pid"]], 20 * MIB)
        self.assertEqual(event["by"], "kernel")
        self.assertTrue(54 * MIB < event["before"]["rss"] < 64 * MIB, event)

    def test_gap(self):
        """gap past its threshold: what the allocator retained is trimmed away, and the gap with it"""
        watch = Watch(self, "--trim-at", "gap:16MiB", "--", WORKLOAD, "retain", "--size", "32MiB", "--truth", *QUIET)
        event = watch.event()
        self.check_trimmed(event, "gap", 16 * MIB, [watch.truths()[0]["pid"]], 30 * MIB)
        self.assertLess(event["prediction_error_percent"], 5)
        self.assertLess(watch.sample()["gap"]["bytes"], 4 * MIB)

    def test_cgroup(self):
        """a cgroup past 50 % of its limit: those in it that expect the signal get it, the others live on"""
        cgroup = Cgroup(self, "trim")
        cgroup.limit(100 * MIB)
        bystander, target = self.python(DIE), Workload(self, "retain", "--size", "64MiB", *QUIET, preexec_fn=cgroup.enter)
        cgroup.add(bystander.pid)
        watch = Watch(self, "-s", "none", "--trim-at", "cgroup:50%", "-c", cgroup.path)
        event = watch.event()
        self.check_trimmed(event, "cgroup", 50 * MIB, [target.pid], 50 * MIB)
        self.assertEqual((event["target"]["kind"], event["target"]["cgroup"]), ("cgroup", cgroup.path))
        self.assertGreater(event["before"]["current"], 50 * MIB)
        self.assertLess(event["after"]["current"], 50 * MIB)
        self.assertTrue(is_alive(bystander.pid))

    def test_percent_of_rss(self):
        """a percentage is one of the cgroup's limit, for each metric; without a limit there is no trim, and it is said"""
        cgroup = Cgroup(self, "percent")
        target = Workload(self, "retain", "--size", "32MiB", *QUIET)
        cgroup.add(target.pid)
        watch = self.watch(target, "--trim-at", "rss:10%")
        wait_for(lambda: watch.sample() and "no memory limit" in watch.stderr(), "it is said")
        cgroup.limit(200 * MIB)
        self.check_trimmed(watch.event(), "rss", 20 * MIB, [target.pid], 25 * MIB)
        self.assertEqual(watch.stderr().count("\n"), 1)

    def test_nothing(self):
        """a workload that trims and has nothing to give: said so; below the threshold nothing is done"""
        target = Workload(self, "hold", "--size", "16MiB", *QUIET)
        event = self.watch(target, "--trim-at", "rss:8MiB").event()
        self.assertEqual((event["outcome"], event["reclaimed"], event["pids"]), ("nothing", 0, [target.pid]), event["why"])
        run = run_watch("-s", "none", "-o", "json", "-i", "100ms", "-N", "5", "--trim-at", "rss:1GiB", "-p", str(target.pid))
        self.assertNotIn('"event"', run.stdout)

    def test_lines(self):
        """the line format: a line when the trim is triggered, one when it is measured; -N waits for it"""
        target = Workload(self, "retain", "--size", "32MiB", *QUIET)
        run = run_watch("-s", "none", "-i", "200ms", "-N", "1", "--trim-at", "rss:16MiB", "-p", str(target.pid))
        name = rf"Trim: workload\[{target.pid}\]"
        self.assertRegex(run.stdout, rf"\n{name} has rss = {SIZE}, the threshold is 16 MiB: signal:USR1 to pid {target.pid}\n"
                         rf"{name} RSS {SIZE} -> {SIZE}, {SIZE} back in \d+ ms\n\Z")
        self.assertRegex(run.stderr, r"1 trim, 3\d MiB back")

    def test_cooldown(self):
        """--cooldown is the least time between two signals, and doubles with each that brings nothing"""
        target = self.python(CATCH)
        watch = self.watch(target, "--cooldown", "700ms")
        times = [(watch.event(), float(target.line().split()[1]))[1] for _ in range(4)]
        for i, (first, second) in enumerate(zip(times, times[1:])):
            # measured for a second, in which nobody is asked
            least = max(0.7 * 2 ** (i + 1), 1)
            self.assertGreater(second - first, least - 0.05)
            self.assertLess(second - first, least + 1)

    def test_other_signals(self):
        """--trim-with another signal sends that one"""
        target = self.python(CATCH)
        for name, number in ("USR2", signal.SIGUSR2), ("SIGUSR2", signal.SIGUSR2), ("RTMIN+2", signal.SIGRTMIN + 2):
            watch = self.watch(target, "--trim-with", f"signal:{name}")
            self.assertEqual(target.line().split()[0], str(int(number)))
            watch.kill()

    def test_signalfd(self):
        """a program that takes the signal from a signalfd gets it"""
        target = self.python(SIGNALFD)
        self.watch(target)
        self.assertEqual(target.line().split()[0], str(int(signal.SIGUSR1)))

    def test_exit_on_signal(self):
        """a target that exits when it is asked: the trim's event, its last line, exit status 0"""
        target = self.python(EXIT_ON_SIGNAL)
        watch = self.watch(target)
        self.assertEqual(watch.finish(), 0)
        events = [line for line in watch.seen if "event" in line]
        self.assertEqual([event["pids"] for event in events], [[target.pid]])
        self.assertEqual((events[0]["outcome"], events[0]["reclaimed"]), ("failed", None))
        self.assertIn("exited", events[0]["why"])
        self.assertIsNone(watch.samples()[-1]["kernel"]["rss"])

    def test_one_of_two_exits(self):
        """in a cgroup one exits when it is asked: what its exit gives back is no effect of the trim, and the next is asked"""
        cgroup = Cgroup(self, "one-exits")
        quits = self.python(EXIT_ON_SIGNAL.replace("say('ready')", "ballast = b'x' * (48 << 20); say('ready')"))
        stays = self.python(CATCH)
        cgroup.add(quits.pid)
        cgroup.add(stays.pid)
        watch = Watch(self, "-s", "none", "--trim-at", "rss:1MiB", "-c", cgroup.path)
        first, second = watch.event(), watch.event()
        self.assertEqual((first["pids"], second["pids"]), ([quits.pid], [stays.pid]))
        self.assertEqual((first["outcome"], first["before"]["rss"], first["reclaimed"]), ("failed", None, None))
        self.assertIn("exited", first["why"])
        self.assertLess(second["reclaimed"], 8 * MIB)


class Refusals(TrimTest):
    def check_refused(self, target, why, *options):
        """The trim is refused with the reason, once; the target is watched on, and lives."""
        watch = self.watch(target, "--cooldown", "200ms", *options)
        event = watch.event()
        self.assertEqual((event["outcome"], event["pids"], event["reclaimed"]), ("refused", [], None))
        self.assertRegex(event["why"], rf"^pid {target.pid} \([^)]*\) .*{why}")
        for _ in range(6):
            sample = watch.sample()
        self.assertEqual(sample["trim"], {"count": 0, "last": {"outcome": "refused", "reclaimed": None}})
        self.assertTrue(is_alive(target.pid))
        watch.stop()
        self.assertEqual(watch.finish(), 0)
        self.assertEqual(len([line for line in watch.seen if "event" in line]), 1)
        self.assertTrue(is_alive(target.pid))
        pending = int(status_of(target.pid)["SigPnd"], 16) | int(status_of(target.pid)["ShdPnd"], 16)
        self.assertEqual([number for number in (signal.SIGUSR1, signal.SIGUSR2) if pending >> number - 1 & 1], [])
        return watch

    def test_default_effect(self):
        """a process that would die of the signal is not asked"""
        self.check_refused(self.python(DIE), "does not handle USR1 and could die of it")

    def test_workload_without_trim(self):
        """a workload with --no-trim has threads that block other signals: it is not asked, either"""
        self.check_refused(Workload(self, "hold", "--size", "4MiB", "--no-trim", *QUIET), "does not handle USR1")

    def test_other_signal(self):
        """a workload that takes USR1 is not asked with USR2"""
        self.check_refused(Workload(self, "hold", "--size", "4MiB", *QUIET), "does not handle USR2", "--trim-with", "signal:USR2")

    def test_shell(self):
        """a shell that catches all signals to clean up before it dies is not asked"""
        script = "trap 'echo cleaned up' EXIT; echo ready; while :; do sleep 0.1; done"
        program = Program(self, "bash", "-c", script)
        self.assertEqual(program.line(), "ready")
        self.check_refused(program, "catches every signal that ends a process, USR1 too")

    def test_ignored(self):
        """a process that ignores the signal is not asked"""
        self.check_refused(self.python(IGNORE), "ignores USR1")

    def test_blocked(self):
        """a process that blocks the signal, and nothing in it waits for it, is not asked"""
        self.check_refused(self.python(BLOCK), "blocks USR1, but neither .* sigwait.* nor a signalfd")

    def test_later(self):
        """a process that handles the signal later is asked from then on"""
        target = self.python(CATCH_LATER, stdin=subprocess.PIPE)
        watch = self.watch(target, "--cooldown", "200ms")
        self.assertEqual(watch.event()["outcome"], "refused")
        target.process.stdin.write(b"\n")
        target.process.stdin.flush()
        self.assertEqual(target.line(), "ready")
        self.assertEqual(watch.event()["pids"], [target.pid])
        self.assertEqual(target.line().split()[0], str(int(signal.SIGUSR1)))

    def test_dry_run(self):
        """--dry-run says whom it would ask, and asks nobody"""
        target = self.python(CATCH)
        watch = self.watch(target, "--dry-run", "--cooldown", "200ms")
        for _ in range(3):
            event = watch.event()
            self.assertEqual((event["outcome"], event["pids"], event["reclaimed"]), ("dry-run", [target.pid], None))
        self.assertEqual(watch.sample()["trim"]["count"], 0)
        # the only line is that of a signal of our own
        target.stop(signal.SIGUSR2)
        self.assertEqual(target.line().split()[0], str(int(signal.SIGUSR2)))
        run = run_watch("-s", "none", "-i", "100ms", "-N", "1", "--trim-at", "rss:1MiB", "--dry-run", "-p", str(target.pid))
        self.assertRegex(run.stdout, rf"\nTrim: .* would send signal:USR1 to pid {target.pid}\n\Z")
        self.assertRegex(run.stderr, rf"\A{SUMMARY}\Z")

    def test_dry_run_refusal(self):
        """--dry-run says what would be refused, too"""
        target = self.python(DIE)
        event = self.watch(target, "--dry-run").event()
        self.assertEqual((event["outcome"], event["pids"]), ("refused", []))


if __name__ == "__main__":
    tap.main()
