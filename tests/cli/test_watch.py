#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""memgap watch: its figures against the workload's own, its formats, and how it ends."""
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import (BYTES_OF_A_THREAD, LINE, MEMGAP, MIB, QUIET, SUMMARY, WORKLOAD, Cgroup, Held, Program,  # noqa: E402
                    Watch, Workload, is_alive, run_watch, stat_of, status_of, wait_for)

# a library that a loader passes over, and looks in the next directory
OF_ANOTHER_CLASS = b"\x7fELF\1\1\1".ljust(64, b"\0")


class Command(unittest.TestCase):
    def check_exact(self, threads, *workload):
        """The last line has the figures that the workload's last truth has, and libc's blocks for its threads."""
        watch = Watch(self, "-i", "200ms", "--", WORKLOAD, *workload, "--truth", "--duration", "1s")
        self.assertEqual(watch.finish(), 0, watch.stderr())
        truth, last = watch.truths()[-1], watch.samples()[-1]["allocator"]
        self.assertEqual(last["missed"], 0)
        self.assertEqual(last["baseline"], 0)
        extra = threads * BYTES_OF_A_THREAD
        self.assertEqual((last["mallocs"], last["frees"], last["total_alloc"], last["alloc"]),
                         (truth["mallocs"] + threads, truth["frees"], truth["total_alloc"] + extra, truth["held_bytes"] + extra))
        self.assertGreater(len(watch.samples()), 4)
        return watch

    def test_hold(self):
        """COMMAND that holds: the last line is exact"""
        watch = self.check_exact(1, "hold", "--size", "20MiB")
        # and the kernel's view of a dead process is unknown, not 0
        self.assertEqual([watch.samples()[-1]["kernel"][field] for field in ("rss", "rss_anon", "swap")], [None] * 3)

    def test_threads(self):
        """COMMAND with threads that free each other's blocks: the last line is exact"""
        self.check_exact(5, "threads", "--threads", "4", "--interval", "100ms")

    def test_churn(self):
        """COMMAND that mallocs and frees at 20000 pairs a second: the last line is exact"""
        self.check_exact(3, "churn", "--threads", "2", "--rate", "20000")

    def test_script(self):
        """a shell script as COMMAND is watched from its interpreter's first instruction; its output passes through"""
        with tempfile.TemporaryDirectory() as directory:
            with open(f"{directory}/script", "w", opener=lambda path, flags: os.open(path, flags, 0o755)) as file:
                file.write("#!/bin/sh\necho out\necho err >&2\n")
            run = run_watch("-o", "json", "--", f"{directory}/script")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("err\n", run.stderr)
        lines = run.stdout.splitlines()
        self.assertEqual(lines[0], "out")
        self.assertEqual(json.loads(lines[-1])["allocator"]["baseline"], 0)
        self.assertGreater(json.loads(lines[-1])["allocator"]["mallocs"], 10)

    def test_fails(self):
        """a COMMAND that ends with an error or by a signal: a last line, and memgap's own exit status is 0"""
        for script, end in ("exit 7", "has exited with status 7"), ("kill -9 $$", r"was killed by signal 9 \(Killed\)"):
            run = run_watch("-s", "none", "--", "sh", "-c", script)
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertRegex(run.stdout, rf"\A{LINE}\n\Z")
            self.assertRegex(run.stderr, rf"\Amemgap: pid \d+ \(\S+\) {end}\n{SUMMARY}\Z")

    def test_name(self):
        """COMMAND is shown under its own name, not memgap's, with and without probes"""
        for source in "probe", "none":
            watch = Watch(self, "-s", source, "--", WORKLOAD, "hold", "--size", "1MiB", "--truth", *QUIET)
            watch.next(lambda line: "truth" in line)
            self.assertEqual(watch.sample()["target"]["comm"], "workload", f"--source {source}")

    def late_figures(self, *before):
        """Of a COMMAND that is looked at while its loader waits, and has ended before the next look."""
        with tempfile.TemporaryDirectory() as directory:
            program = shutil.copy("build/tests/programs/loads_late", directory)
            os.mkdir(f"{directory}/late")
            os.mkfifo(f"{directory}/late/libc.so.6")
            with open(f"{directory}/late/libc.so.6", "r+b", buffering=0) as fifo:
                if not before:
                    fifo.write(OF_ANOTHER_CLASS)  # memgap asks its loader what it will load
                watch = Watch(self, "--", *before, program)
                sample = watch.sample(lambda sample: sample["allocator"]["mallocs"] is None)
                watch.stop(signal.SIGSTOP)
                wait_for(lambda: stat_of(watch.pid)[0] == "T", "memgap is stopped")
                fifo.write(OF_ANOTHER_CLASS)
                wait_for(lambda: stat_of(sample["target"]["pid"])[0] == "Z", "it has ended")
            watch.stop(signal.SIGCONT)
            self.assertEqual(watch.finish(), 0, watch.stderr())
        return [watch.samples()[-1]["allocator"][name] for name in ("mallocs", "frees", "total_alloc", "alloc")]

    def test_ends_before_second_look(self):
        """a COMMAND seen while it is loaded, and gone before the next look: what it has allocated is known, also where that is 0"""
        self.assertEqual(self.late_figures(), [0] * 4)

    def test_ends_before_first_look(self):
        """the same for a program that COMMAND becomes: nobody knows which allocator it had, so nothing is known"""
        self.assertEqual(self.late_figures("build/tests/programs/loads_late"), [None] * 4)


class Children(unittest.TestCase):
    def test_vfork(self):
        """the vfork children of a process take nothing of memgap's, and show in none of its figures"""
        self.parent = Program(self, "build/tests/programs/vfork_waits", stdin=subprocess.PIPE)
        watch = Watch(self, "-p", str(self.parent.pid))
        # what a probe costs is measured first, with file descriptors of its own
        watch.sample(lambda sample: sample["allocator"]["overhead_percent"] is not None)
        before = len(os.listdir(f"/proc/{watch.pid}/fd"))
        for _ in range(3):
            self.say("child")
            for _ in range(3):
                sample = watch.sample()
            self.assertEqual(sample["target"], {**sample["target"], "pid": self.parent.pid, "processes": 1})
            self.say("parent")
        watch.sample()
        self.assertEqual(len(os.listdir(f"/proc/{watch.pid}/fd")), before)

    def say(self, answer):
        self.parent.process.stdin.write(b".")
        self.parent.process.stdin.flush()
        self.assertEqual(self.parent.line(), answer)


class OtherAllocator(unittest.TestCase):
    def test_preloaded(self):
        """an allocator in the place of libc's: what it holds is not known, and not shown as 0"""
        preloaded = os.path.abspath("build/tests/programs/preload_own_malloc")
        watch = Watch(self, "--", "env", f"LD_PRELOAD={preloaded}", WORKLOAD, "hold", "--size", "8MiB", "--truth", *QUIET)
        watch.next(lambda line: "truth" in line)
        for _ in range(3):
            sample = watch.sample()
        self.assertEqual([sample["allocator"][name] for name in ("alloc", "total_alloc", "mallocs", "baseline", "name")], [None] * 5)
        self.assertEqual((sample["allocator"]["source"], sample["gap"]["bytes"]), ("none", None))
        self.assertIn("no malloc that memgap knows in use", watch.stderr())
        self.assertGreater(sample["kernel"]["rss_anon"], 8 * MIB)


HEADLESS = "build/tests/programs/first_thread_ends"


class Threads(unittest.TestCase):
    def test_exec_by_thread(self):
        """a program executed by a thread that is not the first: its figures are not said to be complete"""
        watch = Watch(self, "--", "build/tests/programs/exec_by_thread", WORKLOAD, "hold", "--size", "8MiB", "--truth",
                      "--interval", "100ms")
        watch.next(lambda line: "truth" in line)
        for _ in range(3):
            sample = watch.sample()
        if sample["allocator"]["alloc"] is not None and sample["allocator"]["alloc"] < 8 * MIB:
            self.assertIsNone(sample["allocator"]["baseline"])
            self.assertIsNone(sample["gap"]["bytes"])
        self.assertGreater(sample["kernel"]["rss_anon"], 8 * MIB)
        self.assertNotIn("first thread", watch.stderr())  # which has ended in the exec

    def test_first_thread_ends(self):
        """a COMMAND whose first thread has ended looks like a zombie, but is watched on"""
        # where its probes are lost with the first thread (before Linux 6.6) its heap tells the same, once it was looked into
        watch = Watch(self, "--walk-budget", "50%,1s", "--", HEADLESS, stdin=subprocess.PIPE)
        for _ in range(3):
            watch.process.stdin.write(b".")
            watch.process.stdin.flush()
            held = watch.next(lambda line: "held" in line)["held"]
            sample = watch.sample(lambda sample: (sample["allocator"]["alloc"] or 0) >= held)
            self.assertGreater(sample["kernel"]["rss"], 0)
            self.assertLess(sample["allocator"]["alloc"] - held, 16 << 10)  # libc's own, for the thread

    def test_first_thread_has_ended(self):
        """a process whose first thread has ended already: it cannot be probed, that is said, and its heap is read all the same"""
        headless = Program(self, HEADLESS, stdin=subprocess.PIPE)
        wait_for(lambda: stat_of(headless.pid)[0] == "Z", "the first thread has ended")
        why = r"memgap: cannot probe pid .* its first thread has ended.*\n"
        run = run_watch("-s", "probe", "-p", str(headless.pid))
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertRegex(run.stderr, rf"\A{why}\Z")
        headless.process.stdin.write(b".")
        headless.process.stdin.flush()
        held = json.loads(headless.line())["held"]
        watch = Watch(self, "-p", str(headless.pid))
        sample = watch.sample(lambda sample: sample["allocator"]["alloc"] is not None)
        self.assertRegex(watch.stderr(), rf"\A{why}")
        self.assertEqual((sample["allocator"]["source"], sample["allocator"]["mallocs"]), ("heap", None))
        self.assertTrue(0 <= sample["allocator"]["alloc"] - held < 16 << 10)
        self.assertGreater(sample["kernel"]["rss"], 0)


class Ends(unittest.TestCase):
    def test_target_exits(self):
        """a pid that exits while watched: a last line with the final figures, exit status 0"""
        target = Workload(self, "hold", "--size", "5MiB", *QUIET)
        watch = Watch(self, "-p", str(target.pid))
        watch.sample()
        target.stop()
        self.assertEqual(watch.finish(), 0)
        self.assertIsNone(watch.samples()[-1]["kernel"]["rss"])
        self.assertEqual(watch.samples()[-1]["allocator"]["source"], "probe")
        self.assertRegex(watch.stderr(), rf"pid {target.pid} \(workload\) has exited\n{SUMMARY}\Z")

    def test_last_cgroup(self):
        """the last line of an exited process does not show the root cgroup in place of its own"""
        cgroup = Cgroup(self, "home")
        target = Workload(self, "hold", "--size", "5MiB", *QUIET)
        cgroup.add(target.pid)
        watch = Watch(self, "-s", "none", "-p", str(target.pid))
        self.assertEqual(watch.sample()["target"]["cgroup"], cgroup.path)
        target.stop()
        self.assertEqual(watch.finish(), 0)
        last = watch.samples()[-1]
        self.assertIsNone(last["kernel"]["rss"])
        self.assertIn(last["target"]["cgroup"], (None, cgroup.path))

    def test_one_of_two_exits(self):
        """of two pids one exits: its last line, then the other goes on alone"""
        one, two = (Workload(self, "hold", "--size", "1MiB", *QUIET) for _ in range(2))
        watch = Watch(self, "-s", "none", "-p", f"{one.pid},{two.pid}")
        watch.sample(lambda line: line["target"]["pid"] == two.pid)
        one.stop()
        watch.sample(lambda line: line["target"]["pid"] == one.pid and line["kernel"]["rss"] is None)
        for _ in range(4):
            self.assertEqual(watch.sample()["target"]["pid"], two.pid)
        two.stop()
        self.assertEqual(watch.finish(), 0)

    def test_count(self):
        """-N 3: three lines at the interval's pace, then the end with a summary; COMMAND goes on"""
        watch = Watch(self, "-s", "none", "-N", "3", "--", WORKLOAD, "hold", "--truth", *QUIET, interval="300ms")
        watch.next(lambda line: len(watch.samples()) == 3)
        self.assertEqual(watch.end(), 0)
        elapsed = [line["elapsed_s"] for line in watch.samples()]
        for i, seconds in enumerate(elapsed):
            self.assertGreaterEqual(seconds, 0.3 * (i + 1) - 0.005)
            self.assertLess(seconds, 0.3 * (i + 1) + 0.25)
        pid = watch.truths()[0]["pid"]
        self.assertRegex(watch.stderr(), rf"\A{SUMMARY}memgap: pid {pid} [^\n]* goes on\n\Z")
        self.assertTrue(is_alive(pid))

    def test_signals(self):
        """SIGINT and SIGTERM: a last line at once, a summary on stderr, exit status 0"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        for number, source, interval, before in ((signal.SIGINT, "probe", "100ms", 2), (signal.SIGTERM, "probe", "1h", 0),
                                                 (signal.SIGINT, "none", "1h", 0), (signal.SIGTERM, "none", "100ms", 2)):
            watch = Watch(self, "-s", source, "-p", str(target.pid), interval=interval)
            for _ in range(before):
                watch.sample()
            # SIGINT or SIGTERM is taken by the event loop, whose timer is there by then
            wait_for(lambda: self.has_timer(watch.pid), "memgap watches")
            watch.stop(number)
            self.assertEqual(watch.finish(), 0)
            self.assertGreater(len(watch.samples()), before)
            self.assertRegex(watch.stderr(), rf"(\A|\n){SUMMARY}\Z")
        self.assertTrue(is_alive(target.pid))

    def has_timer(self, pid):
        links = (f"/proc/{pid}/fd/{fd}" for fd in os.listdir(f"/proc/{pid}/fd"))
        return any(os.path.lexists(link) and "timerfd" in os.readlink(link) for link in links)

    def test_signal_at_start(self):
        """SIGTERM while it attaches: it ends all the same, without an error"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        watch = Watch(self, "-p", str(target.pid), interval="1h")
        blocked = 1 << (signal.SIGTERM - 1)
        wait_for(lambda: int(status_of(watch.pid)["SigBlk"], 16) & blocked, "memgap takes signals")
        watch.stop()
        self.assertEqual(watch.finish(), 0)

    def test_closed_pipe(self):
        """a reader that goes away, as head -1 does: a quiet end, no word of a broken pipe"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        watch = Watch(self, "-s", "none", "-p", str(target.pid))
        watch.sample()
        watch.process.stdout.close()
        self.assertEqual(watch.end(), 0)
        self.assertRegex(watch.stderr(), rf"\A({SUMMARY})?\Z")

    def test_stopped_reader(self):
        """a reader that has stopped reading, as less does: SIGTERM and SIGINT end memgap soon, and that is told"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        for number, source in (signal.SIGTERM, "probe"), (signal.SIGINT, "none"):
            watch = Watch(self, "-s", source, "-p", str(target.pid), interval="1ms", pipesize=4096)
            watch.sample()
            wait_for(lambda: self.is_full(watch.process.stdout), "the pipe is full")
            watch.stop(number)
            self.assertEqual(watch.end(seconds=3), 1)
            self.assertRegex(watch.stderr(), rf"memgap: stdout is not being read: the last lines are lost\n{SUMMARY}\Z")
        self.assertTrue(is_alive(target.pid))

    def test_stopped_reader_of_both(self):
        """the same where stderr goes to that reader, too, and COMMAND keeps the pipe full"""
        command = "trap '' PIPE; while :; do echo 'a line of COMMAND'; done"
        watch = Program(self, MEMGAP, "watch", "-s", "none", "-i", "1ms", "--", "sh", "-c", command, stderr=subprocess.STDOUT)
        watch.line()
        wait_for(lambda: self.is_full(watch.process.stdout), "the pipe is full")
        watch.stop()
        self.assertEqual(watch.end(seconds=3), 1)

    def test_slow_reader(self):
        """a reader that reads on after SIGTERM gets the last line, whole"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        watch = Watch(self, "-s", "none", "-p", str(target.pid), interval="1ms", pipesize=4096)
        wait_for(lambda: self.is_full(watch.process.stdout), "the pipe is full")
        watch.stop()
        self.assertEqual(watch.finish(), 0)
        self.assertRegex(watch.stderr(), rf"\A{SUMMARY}\Z")

    def is_full(self, pipe):
        """Whether a writer would have to wait."""
        fd = os.open(f"/proc/self/fd/{pipe.fileno()}", os.O_WRONLY | os.O_NONBLOCK)
        try:
            return not select.select([], [fd], [], 0)[1]
        finally:
            os.close(fd)

    def test_full_disk(self):
        """stdout on a full disk: one clear error, exit status 1"""
        with open("/dev/full", "w") as full:
            watch = Program(self, MEMGAP, "watch", "-s", "none", "-i", "100ms", "-p", str(os.getpid()), stdout=full)
            self.assertEqual(watch.end(), 1)
        self.assertRegex(watch.stderr(), rf"\Amemgap: cannot write to stdout: No space left on device\n({SUMMARY})?\Z")

    def test_no_stdout(self):
        """stdout that was closed before the start: exit status 1, and nothing is written anywhere else"""
        watch = Program(self, "sh", "-c", 'exec "$@" >&-', "sh", MEMGAP, "watch", "-s", "none", "-i", "100ms", "-N", "3",
                        "-p", str(os.getpid()))
        self.assertEqual(watch.end(), 1)
        self.assertRegex(watch.stderr(), rf"\Amemgap: [^\n]*stdout[^\n]*\n({SUMMARY})?\Z")


class Figures(unittest.TestCase):
    def check_kernel_view(self, watch, pid):
        """The sample between two equal readings of /proc/PID/status has just those figures."""
        def steady():
            before = status_of(pid)
            _, next_sample = watch.sample(), watch.sample()
            # the second was taken after `before` was read
            fields = ("VmRSS", "RssAnon", "RssFile", "RssShmem", "VmSwap", "VmData")
            after = status_of(pid)
            return all(before[f] == after[f] for f in fields) and (next_sample, [after[f] for f in fields])
        sample, expected = wait_for(steady, "a moment without changes")
        self.assertEqual([*(sample["kernel"][f] for f in ("rss", "rss_anon", "rss_file", "rss_shmem", "swap")),
                          sample["allocator"]["sys"]], expected)

    def test_source_none(self):
        """--source none: the kernel's figures exactly, the allocator's all null"""
        target = Workload(self, "hold", "--size", "10MiB", *QUIET)
        watch = Watch(self, "-s", "none", "-p", str(target.pid))
        self.check_kernel_view(watch, target.pid)
        for sample in watch.samples():
            self.assertEqual([sample["allocator"][f] for f in ("alloc", "total_alloc", "mallocs", "frees", "baseline", "missed")],
                             [None] * 6)
            self.assertEqual(set(sample["kernel"]["flow"].values()), {None})
            self.assertEqual((sample["gap"]["bytes"], sample["gap"]["verdict"]), (None, "unknown"))

    def test_late(self):
        """a pid that ran already, by probes alone: baseline and gap null, nothing allocated since, the kernel's figures exactly"""
        target = Workload(self, "hold", "--size", "10MiB", *QUIET)
        watch = Watch(self, "-s", "probe", "-p", str(target.pid))
        self.check_kernel_view(watch, target.pid)
        for sample in watch.samples():
            self.assertEqual([sample["allocator"][f] for f in ("alloc", "total_alloc", "mallocs", "frees", "baseline", "missed")],
                             [0, 0, 0, 0, None, 0])
            self.assertIsNone(sample["gap"]["bytes"])

    def test_late_heap(self):
        """a pid that ran already: what was live before is in alloc, and is the baseline, from the first line on"""
        target = Workload(self, "hold", "--size", "10MiB", "--blocks", "1000", *QUIET)
        allocator = Watch(self, "-p", str(target.pid), interval="1s").sample()["allocator"]
        # libc's own: the vector of a thread, a thread's cache that is still empty
        self.assertLess(abs(allocator["alloc"] - target.first["held_bytes"] - BYTES_OF_A_THREAD), 1024)
        self.assertEqual(allocator["baseline"], allocator["alloc"])
        self.assertEqual((allocator["mallocs"], allocator["missed"]), (0, 0))

    def test_heap_alone(self):
        """--source heap: alloc as the heap has it, and no probe"""
        target = Workload(self, "hold", "--size", "10MiB", "--blocks", "1000", *QUIET)
        watch = Watch(self, "-s", "heap", "-p", str(target.pid), interval="1s")
        allocator = watch.sample()["allocator"]
        self.assertLess(abs(allocator["alloc"] - target.first["held_bytes"] - BYTES_OF_A_THREAD), 1024)
        self.assertEqual((allocator["source"], allocator["total_alloc"], allocator["missed"]), ("heap", None, None))
        files = [os.readlink(f"/proc/{watch.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{watch.pid}/fd")]
        self.assertEqual([file for file in files if "bpf" in file or "perf" in file], [])

    def test_late_frees(self):
        """blocks from before that are freed while watched never make alloc negative, and are counted as frees"""
        target = Workload(self, "seed", "--size", "2MiB", "--interval", "50ms")
        wait_for(lambda: target.truth()["held_blocks"] >= 12, "blocks are held")
        watch = Watch(self, "-s", "probe", "-p", str(target.pid))
        watch.sample(lambda sample: sample["allocator"]["mallocs"] >= 2)
        target.stop(signal.SIGUSR1)
        after = watch.sample(lambda sample: sample["allocator"]["frees"] > 0)
        more = watch.sample(lambda sample: sample["allocator"]["mallocs"] >= after["allocator"]["mallocs"] + 4)
        for sample in watch.samples():
            self.assertGreaterEqual(sample["allocator"]["alloc"], 0)
            self.assertLessEqual(sample["allocator"]["alloc"], sample["allocator"]["total_alloc"])
        self.assertGreater(more["allocator"]["alloc"], after["allocator"]["alloc"])
        self.assertGreater(after["allocator"]["frees"], after["allocator"]["mallocs"] // 2)

    def test_flows(self):
        """what is fetched from and given back to the kernel is counted: mmap, brk, madvise"""
        held = Held(self, WORKLOAD, "retain", "--size", "32MiB", "--truth", *QUIET)
        cgroup = Cgroup(self, "flows")
        cgroup.add(held.pid)
        watch = Watch(self, "-c", cgroup.path)
        watch.sample()
        held.go()
        truth = json.loads(held.line())
        sample = watch.sample(lambda sample: sample["allocator"]["mallocs"] > truth["mallocs"])
        self.assertGreaterEqual(sample["kernel"]["flow"]["brk"], 32 * MIB)
        self.assertGreater(sample["gap"]["bytes"], 30 * MIB)
        held.stop(signal.SIGUSR1)
        watch.sample(lambda sample: sample["kernel"]["flow"]["returned"] > 30 * MIB or sample["kernel"]["flow"]["brk"] < 2 * MIB)

    def test_untouched(self):
        """memory that is allocated and never touched: a negative gap, said to be untouched"""
        watch = Watch(self, "--", WORKLOAD, "untouched", "--size", "64MiB", "--truth", *QUIET)
        sample = watch.sample(lambda sample: (sample["allocator"]["alloc"] or 0) > 64 * MIB)
        self.assertLess(sample["gap"]["bytes"], -60 * MIB)
        self.assertEqual(sample["gap"]["verdict"], "untouched")


if __name__ == "__main__":
    tap.main()
