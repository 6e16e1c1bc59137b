#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Where the allocator view comes from when nothing is said: Go's runtime, the heap, the probes; against the program's own figures."""
import json
import re
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, "tests/lib")
sys.path.insert(0, "tests/go")
import tap  # noqa: E402
from memgap import MIB, QUIET, Cgroup, Program, Watch, Workload, run_watch, wait_for  # noqa: E402
from toolchains import Toolchain  # noqa: E402

# allocates on a line of stdin, and says what it holds
GROWS = """
import ctypes, sys
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc_usable_size.argtypes = [ctypes.c_void_p]
held = 0
for line in sys.stdin:
    for _ in range(int(line.split()[1])):
        block = libc.malloc(int(line.split()[0]))
        ctypes.memset(block, 1, int(line.split()[0]))
        held += libc.malloc_usable_size(block)
    print(held, flush=True)
"""


class GoProgram(Program):
    """workload/go with -truth."""

    def __init__(self, test, kind="normal", version="1.24", **options):
        toolchain = Toolchain(version)
        test.assertIsNone(toolchain.why)
        super().__init__(test, toolchain.build(kind), "-truth", stdin=subprocess.PIPE, **options)
        self.ask("")

    def ask(self, what):
        self.process.stdin.write(f"{what}\n".encode())
        self.process.stdin.flush()
        return json.loads(self.line())


def is_of_go(sample):
    return sample["allocator"]["source"] == "go"


class GoTest(unittest.TestCase):
    def check(self, sample, truth):
        allocator = sample["allocator"]
        self.assertEqual((allocator["sys"], allocator["num_gc"]), (truth["sys"], truth["num_gc"]))
        self.assertLess(abs(allocator["alloc"] - truth["alloc"]), MIB)
        self.assertLess(abs(allocator["total_alloc"] - truth["total_alloc"]), MIB)
        self.assertEqual(allocator["go"]["heap_released"], truth["heap_released"])
        self.assertAlmostEqual(allocator["go"]["pause_total_s"], truth["pause_total_ns"] / 1e9, places=8)

    def follow(self, watch, program):
        """Whatever it does, what is shown soon is what it says itself."""
        for what in ["grow"] * 7 + ["collect", "free"]:
            truth = program.ask(what)
            # in the background the runtime gives memory back for a moment
            watch.sample(lambda sample: is_of_go(sample) and sample["allocator"]["total_alloc"] >= truth["total_alloc"] - MIB)
            for _ in range(20):
                sample, truth = watch.sample(), program.ask("")
                if sample["allocator"]["sys"] == truth["sys"] and sample["allocator"]["go"]["heap_released"] == truth["heap_released"]:
                    break
            self.check(sample, truth)

    def test_pid(self):
        """a Go program, by its pid: Sys, NumGC, Alloc and TotalAlloc as it says itself, without a probe; the verdict goes with it"""
        program = GoProgram(self)
        watch = Watch(self, "-p", str(program.pid))
        self.follow(watch, program)
        self.assertEqual(watch.stderr(), "")
        self.assertEqual(watch.samples()[-1]["allocator"]["baseline"], 0)

    def test_command(self):
        """a Go program that memgap starts: the same, from the first line on"""
        toolchain = Toolchain("1.19")
        watch = Watch(self, "--", toolchain.build("stripped"), "-interval", "300ms", interval="300ms")
        lines = []
        for _ in range(12):
            line = watch.line()
            (lines if line.startswith("{") else watch.seen).append(json.loads(line) if line.startswith("{") else line)
        own = [line for line in watch.seen if isinstance(line, str)]
        self.assertTrue(all(is_of_go(line) for line in lines), lines[0])
        self.assertGreater(lines[-1]["allocator"]["total_alloc"], lines[0]["allocator"]["total_alloc"])
        self.assertRegex(own[-1], r"\AAlloc = \d+ MiB\tTotalAlloc = \d+ MiB\tSys = \d+ MiB\tNumGC = \d+\Z")
        self.assertNotIn("no malloc", watch.stderr())
        # what it prints itself is what is said of it, but for the block or two between one line and the other
        allocator, printed = lines[-1]["allocator"], [int(number) for number in re.findall(r"= (\d+)", own[-1])]
        for said, number in zip((allocator["alloc"], allocator["total_alloc"], allocator["sys"]), printed):
            self.assertLessEqual(abs(said / MIB - number), 40, own[-1])
        self.assertLessEqual(abs(allocator["num_gc"] - printed[3]), 2)

    def test_c(self):
        """a Go program with C in it shows both heaps, and their sum"""
        program = GoProgram(self, "cgo")
        program.ask("grow")
        watch = Watch(self, "-p", str(program.pid))
        sample = watch.sample(lambda sample: is_of_go(sample) and sample["allocator"]["heap"])
        allocator = sample["allocator"]
        # c_heap.go has C allocate 10 MiB
        self.assertGreaterEqual(allocator["alloc"] - allocator["go"]["alloc"], 10 * MIB)
        self.assertGreaterEqual(allocator["total_alloc"], allocator["alloc"])
        self.assertGreaterEqual(allocator["sys"], program.ask("")["sys"] + 10 * MIB)

    def test_cgroup(self):
        """in a cgroup with others: sums of all; what a program has handed out stays when it ends, or runs another program"""
        cgroup = Cgroup(self, "go")
        go = [GoProgram(self, preexec_fn=cgroup.enter) for _ in range(2)]
        held = Workload(self, "hold", "--size", "8MiB", *QUIET, preexec_fn=cgroup.enter)
        for program in go:
            program.ask("grow")
        for options in [], ["-s", "go"]:
            watch = Watch(self, "-c", cgroup.path, *options)
            truths = [program.ask("") for program in go]
            total = sum(truth["total_alloc"] for truth in truths)
            alloc = sum(truth["alloc"] for truth in truths) + (0 if options else held.first["held_bytes"])
            sample = watch.sample(lambda sample: (sample["allocator"]["total_alloc"] or 0) > total - 2 * MIB)
            self.assertEqual(sample["allocator"]["num_gc"], sum(truth["num_gc"] for truth in truths))
            if not options:
                sample = watch.sample(lambda sample: abs((sample["allocator"]["alloc"] or 0) - alloc) < 2 * MIB)
                self.assertEqual(sample["gap"]["verdict"], "in-use")
        go[0].kill()
        go[1].process.stdin.write(b"exec\n")
        go[1].process.stdin.flush()
        for _ in range(10):
            last = watch.sample()
        self.assertGreater(last["allocator"]["total_alloc"], total - 2 * MIB)

    def test_exec(self):
        """it runs a C program then: that is noticed, by a pid and by -s go as well"""
        for options in [], ["-s", "go"]:
            program = GoProgram(self)
            watch = Watch(self, "-p", str(program.pid), *options)
            watch.sample(is_of_go)
            program.process.stdin.write(b"exec\n")
            program.process.stdin.flush()
            sample = watch.sample(lambda sample: not is_of_go(sample))
            self.assertIsNone(sample["allocator"]["num_gc"])

    def test_trim(self):
        """the original program is trimmed by its own handler of SIGUSR1: what its runtime keeps comes back"""
        program = GoProgram(self)
        for _ in range(9):
            program.ask("grow")
        program.ask("collect")
        watch = Watch(self, "-p", str(program.pid), "--trim-at", "gap:10MiB")
        event = watch.event()
        self.assertEqual((event["outcome"], event["action"], event["pids"]), ("trimmed", "signal:USR1", [program.pid]))
        sample = watch.sample(lambda sample: is_of_go(sample) and sample["gap"]["trimmable"] < 5 * MIB)
        self.assertEqual(sample["gap"]["verdict"], "in-use")

    def test_line(self):
        """the line has NumGC, as the program's own has"""
        program = GoProgram(self)
        run = run_watch("-p", str(program.pid), "-N", "2", "-i", "300ms")
        self.assertRegex(run.stdout.splitlines()[-1], r"\AAlloc = .*\tTotalAlloc = .*\tSys = .*\tNumGC = \d+\tNumTrim = 0\t")


class HeapTest(unittest.TestCase):
    def grows(self, *options):
        program = Program(self, "python3", "-c", GROWS, stdin=subprocess.PIPE)
        watch = Watch(self, "-p", str(program.pid), *options)
        watch.sample(lambda sample: sample["allocator"]["source"] == "heap")
        return program, watch

    def grow(self, program, size, n):
        program.process.stdin.write(f"{size} {n}\n".encode())
        program.process.stdin.flush()
        return int(program.line())

    def test_headers(self):
        """between two walks the headers tell: large blocks, and small ones at the heap's end, are there in the next lines"""
        program, watch = self.grows("-s", "heap", "--walk-budget", "0.01%")
        wait_for(lambda: watch.sample()["allocator"]["heap"]["age_s"] > 0.5, "the first walk is over")
        held = self.grow(program, 8, 1)
        before = watch.sample()["allocator"]["alloc"]
        for size, n in (8 * MIB, 4), (1000, 10000):
            grown = self.grow(program, size, n) - held
            for _ in range(10):  # some lines were printed before
                sample = watch.sample()
                if abs(sample["allocator"]["alloc"] - before - grown) < grown // 50 + MIB:
                    break
            # that it is not of a walk is what is tested
            self.assertGreater(sample["allocator"]["heap"]["age_s"], 0.2)
            self.assertLess(abs(sample["allocator"]["alloc"] - before - grown), grown // 50 + MIB)

    def test_arenas(self):
        """each arena is there, the sum of them is the heap's; what threads have cached is told apart"""
        workload = Workload(self, "threads", "--threads", "4", *QUIET)
        watch = Watch(self, "-p", str(workload.pid), "-s", "heap")
        heap = watch.sample(lambda sample: sample["allocator"]["heap"])["allocator"]["heap"]
        self.assertEqual(len(heap["arena"]), heap["arenas"])
        self.assertEqual(sum(arena["sys"] for arena in heap["arena"]) + heap["mmapped"], heap["sys"])

    def test_of_another(self):
        """--source go on a C program, --source heap on a Go program: there is no view, and it is said why"""
        cases = (("go", Workload(self, "hold", "--size", "1MiB", *QUIET)), ("heap", GoProgram(self)))
        for source, program in cases:
            watch = Watch(self, "-s", source, "-p", str(program.pid))
            for _ in range(3):
                sample = watch.sample()
            self.assertEqual((sample["allocator"]["source"], sample["allocator"]["alloc"]), ("none", None))
            self.assertEqual(sample["gap"]["verdict"], "unknown")
            self.assertGreater(len(sample["gap"]["why"]), 30)


class NoView(unittest.TestCase):
    def test_nothing(self):
        """a program in which there is nothing to read is watched by the kernel's view, and it is said why"""
        with tempfile.TemporaryDirectory() as directory:
            source = f"{directory}/lonely.c"
            with open(source, "w") as file:
                file.write('void _start(void) { for (;;) __asm__ volatile("syscall" : : "a"(34L) : "rcx", "r11", "memory"); }')
            subprocess.run(["gcc", "-static", "-nostdlib", source, "-o", f"{directory}/lonely"], check=True, timeout=30)
            program = Program(self, f"{directory}/lonely")
            watch = Watch(self, "-p", str(program.pid))
            sample = watch.sample()
            self.assertEqual((sample["allocator"]["source"], sample["allocator"]["alloc"]), ("none", None))
            self.assertIsNotNone(sample["kernel"]["rss"])
            self.assertRegex(watch.stderr(), rf"nothing to probe in pid {program.pid} \(lonely\): a static executable")
            watch.stop(signal.SIGINT)
            self.assertEqual(watch.end(), 0)


if __name__ == "__main__":
    tap.main()
