#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""memgap watch on programs with other allocators than the machine's glibc: its figures against the program's own."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import LINE, MEMGAP, Cgroup, Program, Watch, libc_of, run_watch, wait_for  # noqa: E402

FOLDER = os.path.abspath("build/tests/programs")
JEMALLOC = os.path.abspath("build/packages/bookworm/libjemalloc2/usr/lib/x86_64-linux-gnu/libjemalloc.so.2")
# jemalloc's thread-local storage is of the kind for which a program loaded later has little room (ld.so(8))
ROOM = {**os.environ, "GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=16384"}
FIELDS = ("alloc", "total_alloc", "mallocs", "frees")


def setUpModule():
    subprocess.run(["tests/packages.sh", "bookworm", "libjemalloc2"], check=True, timeout=300)


class Exercise(Program):
    """A program that does one thing for each line, and answers with what that changes (tests/exercise)."""

    def __init__(self, test, program="exercise", *arguments, preload=None, **options):
        command = ["env", f"LD_PRELOAD={preload}"] if preload else []
        super().__init__(test, *command, f"{FOLDER}/{program}", *arguments, stdin=subprocess.PIPE, **options)
        test.assertEqual(self.line(), "ready")

    def tell(self, action):
        self.process.stdin.write(f"{action}\n".encode())
        self.process.stdin.flush()

    def do(self, *actions):
        """What they add, in the order of FIELDS."""
        answers = []
        for action in actions:
            self.tell(action)
            answers.append([int(number) for number in self.line().split()[:4]])
        return tuple(map(sum, zip(*answers)))


def figures(sample):
    return tuple(sample["allocator"][field] for field in FIELDS)


class AllocatorTest(unittest.TestCase):
    def check(self, watch, pid, expected, name="jemalloc 5.3.0", baseline=None):
        """A line that comes soon has these figures, this name of the allocator and this baseline, and nothing is missed."""
        for _ in range(20):
            sample = watch.sample(lambda sample: sample["target"]["pid"] == pid)
            if figures(sample) == expected:
                break
        self.assertEqual(figures(sample), expected, watch.stderr())
        allocator = sample["allocator"]
        self.assertEqual((allocator["name"], allocator["baseline"], allocator["missed"]), (name, baseline, 0), watch.stderr())

    def watched_cgroup(self, name):
        """A cgroup in which cat waits, and memgap watching it, a line for each process."""
        cgroup = Cgroup(self, name)
        keeper = Program(self, "cat", stdin=subprocess.PIPE, preexec_fn=cgroup.enter)
        # on a busy host what a probe costs is measured too high, and the governor would take them away
        watch = Watch(self, "--max-overhead", "100%", "-c", cgroup.path, "--per", "process")
        watch.sample(lambda sample: sample["target"]["pid"] == keeper.pid)
        return cgroup, watch

    def check_late(self, watch, exercise):
        """Blocks from before count nothing when they are freed, all that is new does."""
        self.check(watch, exercise.pid, (0, 0, 0, 0))
        exercise.do("free_all")
        self.check(watch, exercise.pid, exercise.do("calloc_blocks", "realloc_sizes", "jemalloc_calls"))

    def since(self, watch, pid):
        """Its figures as they are once they stay the same."""
        def steady():
            one, two = (watch.sample_from_now(lambda sample: sample["target"]["pid"] == pid) for _ in range(2))
            return figures(one) == figures(two) and one["allocator"]["alloc"] is not None and figures(one)
        return wait_for(steady, "figures that stay")


def plus(before, added):
    return tuple(map(sum, zip(before, added)))


class Preloaded(AllocatorTest):
    def test_late_pid(self):
        """-p on a program with jemalloc: what is new counts, frees of older blocks count nothing, the baseline is unknown"""
        exercise = Exercise(self, preload=JEMALLOC)
        exercise.do("malloc_all_sizes")
        self.check_late(Watch(self, "-p", str(exercise.pid)), exercise)

    def test_late_member(self):
        """a program with jemalloc that is moved into a watched cgroup: the same"""
        cgroup, watch = self.watched_cgroup("late")
        exercise = Exercise(self, preload=JEMALLOC)
        exercise.do("malloc_all_sizes")
        cgroup.add(exercise.pid)
        self.check_late(watch, exercise)

    def test_command(self):
        """COMMAND that preloads jemalloc: from one line to another exact, and named"""
        with tempfile.TemporaryDirectory() as directory:
            for name in "in", "out":
                os.mkfifo(f"{directory}/{name}")
            script = f"exec env LD_PRELOAD={JEMALLOC} {FOLDER}/exercise <{directory}/in >{directory}/out"
            watch = Watch(self, "--", "sh", "-c", script)
            with open(f"{directory}/in", "w") as commands, open(f"{directory}/out") as answers:
                self.assertEqual(answers.readline(), "ready\n")
                pid = watch.sample(lambda sample: sample["target"]["comm"] == "exercise")["target"]["pid"]
                expected = self.since(watch, pid)
                for action in "malloc_all_sizes", "jemalloc_calls", "free_all", "calloc_blocks":
                    print(action, file=commands, flush=True)
                    expected = plus(expected, [int(number) for number in answers.readline().split()[:4]])
                sample = watch.sample(lambda sample: figures(sample) == expected)
                self.assertEqual((sample["allocator"]["name"], sample["allocator"]["missed"]), ("jemalloc 5.3.0", 0))
            self.assertEqual(watch.finish(), 0)

    def test_member(self):
        """a program with jemalloc started in a watched cgroup in which such programs ran before: complete, baseline 0"""
        cgroup, watch = self.watched_cgroup("member")
        first = Exercise(self, preload=JEMALLOC, preexec_fn=cgroup.enter)
        before = self.since(watch, first.pid)
        second = Exercise(self, preload=JEMALLOC, preexec_fn=cgroup.enter)
        before = self.since(watch, second.pid)
        self.check(watch, second.pid, plus(before, second.do("malloc_all_sizes", "jemalloc_calls")), baseline=0)

    def test_fork_and_exec(self):
        """a child counts what is new for it, frees of what it inherited count nothing; a new program starts anew"""
        cgroup, watch = self.watched_cgroup("fork")
        parent = Exercise(self, preload=JEMALLOC, preexec_fn=cgroup.enter)
        before = self.since(watch, parent.pid)
        before = plus(before, parent.do("malloc_all_sizes"))
        watch.sample(lambda sample: sample["target"]["pid"] == parent.pid and figures(sample) == before)
        parent.tell("fork_child_that_frees")
        pid, *added = (int(number) for number in parent.line().split()[:5])
        self.assertEqual(added[2:], [100, 0])
        self.check(watch, pid, tuple(added))
        baseline = watch.sample(lambda sample: sample["target"]["pid"] == parent.pid)["allocator"]["baseline"]
        self.check(watch, parent.pid, before, baseline=baseline)
        parent.tell("end_child")
        self.assertEqual(parent.line(), "ended")
        self.check(watch, parent.pid, before, baseline=baseline)
        parent.tell("exec")
        self.assertEqual(parent.line(), "ready")
        anew = self.since(watch, parent.pid)
        self.assertLess(anew[2], 10)  # C++'s runtime in it may hold some from the start
        self.check(watch, parent.pid, plus(anew, parent.do("calloc_blocks")), baseline=0)

    def test_full_map(self):
        """--max-blocks 100: what has no room is missed, shown in the line and in JSON, and told at the end"""
        for format, shown in ("line", rf"(?m)^{LINE}$"), ("json", r'"missed": ?\d{3}\b'):
            exercise = Exercise(self, preload=JEMALLOC)
            watch = Program(self, MEMGAP, "watch", "-i", "100ms", "--max-blocks", "100", "-o", format, "-p", str(exercise.pid))
            watch.line()
            exercise.do("malloc_all_sizes")
            for _ in range(20):  # the first ones are from before, perhaps
                line = watch.line()
                told = re.search(r'(Missed = |"missed":\s*)(\d+)', line)
                missed = int(told[2]) if told else 0
                if missed >= 1000 - 256:
                    break
            # room for 100 at least; the table's size is a power of two, at most 256 blocks
            self.assertTrue(1000 - 256 <= missed <= 900, line)
            self.assertRegex(line, shown)
            watch.stop()
            self.assertEqual(watch.end(), 0)
            self.assertRegex(watch.stderr(), rf", {missed} events missed\n\Z")


class Loaded(AllocatorTest):
    def check_dlopen(self, watch, program, name):
        """Nothing is told of it before; then exact to the byte, beside what the libc counts: the difference from the load on."""
        program.tell("load")
        self.assertEqual(program.line(), "0 0 0 0")
        watch.sample(lambda sample: sample["target"]["pid"] == program.pid and sample["allocator"]["name"] == name)
        before = self.since(watch, program.pid)
        for _ in range(3):
            program.tell("allocate")
            expected = plus(before, [int(number) for number in program.line().split()])
            sample = watch.sample(lambda sample: sample["target"]["pid"] == program.pid and figures(sample) == expected)
            self.assertEqual(sample["allocator"]["missed"], 0)

    def test_dlopen_pid(self):
        """-p: an allocator that is loaded with dlopen(), and called by the plug-in alone, counts from then on, and is named"""
        program = Exercise(self, "dlopen_allocator", JEMALLOC, env=ROOM)
        watch = Watch(self, "-p", str(program.pid))
        self.assertRegex(watch.sample()["allocator"]["name"], r"\Aglibc 2")
        self.check_dlopen(watch, program, "jemalloc 5.3.0")

    def test_dlopen_member(self):
        """-c: an allocator that a member loads with dlopen(): the same"""
        cgroup, watch = self.watched_cgroup("dlopen")
        program = Exercise(self, "dlopen_allocator", JEMALLOC, env=ROOM, preexec_fn=cgroup.enter)
        self.check_dlopen(watch, program, "jemalloc 5.3.0")

    def test_replaced_library(self):
        """-p on a process whose libc was replaced, and another's was deleted, by an upgrade: probed all the same, exact"""
        for replace in os.unlink, lambda path: os.replace(shutil.copy(JEMALLOC, f"{path}.new"), path):
            with tempfile.TemporaryDirectory() as directory:
                library = shutil.copy(os.path.realpath(libc_of("self")[5]), f"{directory}/libc.so.6")
                exercise = Exercise(self, env={**os.environ, "LD_LIBRARY_PATH": directory})
                self.assertEqual(libc_of(exercise.pid)[5], library)
                replace(library)
                watch = Watch(self, "-p", str(exercise.pid))
                name = watch.sample()["allocator"]["name"]
                self.assertRegex(name, r"\Aglibc 2")
                self.check(watch, exercise.pid, exercise.do("malloc_all_sizes", "realloc_sizes"), name)


class Linked(AllocatorTest):
    PROGRAMS = {"exercise-static": r"glibc\b.*", "exercise-static-pie": r"glibc\b.*", "exercise-musl": r"musl 1\.2\.\d+",
                "exercise-musl-static": r"musl"}
    ACTIONS = "malloc_all_sizes", "free_all", "calloc_blocks", "realloc_sizes", "aligned_blocks"

    def test_pid(self):
        """-p on static, static-PIE and musl programs: exact, and named"""
        for program, name in self.PROGRAMS.items():
            exercise = Exercise(self, program)
            watch = Watch(self, "-s", "probe", "-p", str(exercise.pid))
            found = watch.sample()["allocator"]["name"]
            self.assertRegex(found, rf"\A{name}\Z", program)
            self.check(watch, exercise.pid, exercise.do(*self.ACTIONS), found)

    def test_member(self):
        """static, static-PIE and musl programs, and their children, in a watched cgroup: exact; the second of each is complete"""
        cgroup, watch = self.watched_cgroup("linked")
        for program, name in self.PROGRAMS.items():
            first = Exercise(self, program, preexec_fn=cgroup.enter)
            self.since(watch, first.pid)
            exercise = Exercise(self, program, preexec_fn=cgroup.enter)
            before = self.since(watch, exercise.pid)
            expected = plus(before, exercise.do(*self.ACTIONS))
            sample = watch.sample(lambda sample: sample["target"]["pid"] == exercise.pid and figures(sample) == expected)
            self.assertRegex(sample["allocator"]["name"], rf"\A{name}\Z", program)
            self.assertEqual((sample["allocator"]["baseline"], sample["allocator"]["missed"]), (0, 0), program)
            exercise.tell("fork_child")
            pid, *added = (int(number) for number in exercise.line().split()[:5])
            self.check(watch, pid, plus(expected, added), sample["allocator"]["name"], 0)

    def run_command(self, program, actions):
        """What it answers to these, added up, and the last line of memgap, which started it."""
        with tempfile.TemporaryFile("w+") as file:
            file.write("".join(f"{action}\n" for action in actions))
            file.seek(0)
            run = subprocess.run([MEMGAP, "watch", "-o", "json", "-i", "1h", "--", f"{FOLDER}/{program}"], stdin=file,
                                 capture_output=True, text=True, timeout=30)
        self.assertEqual(run.returncode, 0, run.stderr)
        answers = [[int(number) for number in line.split()[:4]] for line in run.stdout.splitlines() if line[0] not in "{r"]
        self.assertEqual(len(answers), len(actions), run.stdout)
        return tuple(map(sum, zip(*answers))), json.loads(run.stdout.splitlines()[-1])

    def test_command(self):
        """static, static-PIE and musl programs as COMMAND: exact from the first instruction, and named"""
        for program, name in self.PROGRAMS.items():
            _, start = self.run_command(program, [])  # a libc may allocate for itself before the program begins
            self.assertLess(start["allocator"]["mallocs"], 10, program)
            added, last = self.run_command(program, self.ACTIONS)
            self.assertEqual(figures(last), plus(figures(start), added), program)
            self.assertEqual((last["allocator"]["baseline"], last["allocator"]["missed"]), (0, 0), program)
            self.assertRegex(last["allocator"]["name"], rf"\A{name}\Z", program)

    def test_stripped(self):
        """a stripped static program: what is asked to be probed is refused with the reason, told of in a cgroup; its heap alone tells its Alloc"""
        with tempfile.TemporaryDirectory() as directory:
            stripped = f"{directory}/stripped"
            subprocess.run(["strip", "-o", stripped, f"{FOLDER}/exercise-static"], check=True, timeout=30)
            cgroup = Cgroup(self, "stripped")
            program = Program(self, stripped, stdin=subprocess.PIPE, preexec_fn=cgroup.enter)
            self.assertEqual(program.line(), "ready")
            run = run_watch("-s", "probe", "-p", str(program.pid))
            self.assertEqual((run.returncode, run.stdout), (1, ""))
            self.assertRegex(run.stderr, rf"\Amemgap: nothing to probe in pid {program.pid} \(stripped\): [^\n]*stripped[^\n]*\n\Z")
            watch = Watch(self, "-s", "probe", "-c", cgroup.path)
            wait_for(lambda: watch.sample() and f"in pid {program.pid} (stripped)" in watch.stderr(), "it is told of")
            self.assertEqual((watch.sample()["allocator"]["alloc"], watch.samples()[-1]["allocator"]["name"]), (None, None))
            for target in ["-c", cgroup.path], ["-p", str(program.pid)]:
                watch = Watch(self, *target)
                sample = watch.sample(lambda sample: sample["allocator"]["source"] == "heap")
                self.assertGreater(sample["allocator"]["alloc"], 0)


if __name__ == "__main__":
    tap.main()
