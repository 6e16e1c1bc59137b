#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What memgap reads of a heap of musl from outside, against what the program and the kernel say of it.

target.c and the exerciser are linked with this machine's musl, and target.c with that of several Debian releases.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from heaps import BUSY_READS, FOLDER, Reader, Talker, Target, fetch, find, read_all, read_busy  # noqa: E402
from memgap import status_of  # noqa: E402

SUITES = ["bookworm", "trixie", "sid"]
PROGRAMS = os.path.abspath("build/tests/programs")
ESRCH = 3
# of the exerciser: all that it does with blocks and threads; twice, from a heap that is not new
ACTIONS = ["malloc_all_sizes", "aligned_blocks", "free_all", "calloc_blocks", "free_all", "realloc_from_null",
           "realloc_moving", "realloc_mmapped", "realloc_sizes", "realloc_to_zero", "threads_work", "malloc_all_sizes"]


def link(test, suite, static):
    """The target with that suite's musl."""
    directory = tempfile.mkdtemp(prefix="memgap-musl-")
    test.addCleanup(shutil.rmtree, directory)
    start = [find(suite, "crt1.o", libc="musl"), find(suite, "crti.o", libc="musl"), f"{FOLDER}/target-musl.o"]
    library = find(suite, "libc.a" if static else "libc.so", libc="musl")
    how = ["-static"] if static else [f"-Wl,--dynamic-linker={library}"]
    run = subprocess.run(["gcc", "-no-pie", "-nostdlib", *how, *start, library, "-lgcc", find(suite, "crtn.o", libc="musl"),
                          "-o", f"{directory}/target"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    test.assertEqual(run.returncode, 0, run.stderr)
    return f"{directory}/target"


class MuslTest(unittest.TestCase):
    def view(self, reader):
        view = reader.read()
        self.assertEqual(view["result"], 0, view)
        self.assertEqual((view["trimmable"], view["swapped"]), (0, 0))
        self.assertEqual(view["pinned"], view["resident_free"])
        self.assertLessEqual(view["resident"], view["sys"])
        self.assertLessEqual(view["resident_free"], view["resident"])
        return view

    def reader(self, pid):
        reader = Reader(self, pid)
        self.assertEqual(reader.opened["result"], 0, reader.opened)
        return reader

    def start(self, command, threads=8):
        """A target, its reader, and what was allocated before it did anything."""
        target = Target(self, command, str(threads))
        held = target.do("w")[0]
        reader = self.reader(target.pid)
        return target, reader, self.view(reader)["alloc"] - held

    def outside(self, target, view):
        """What of the kernel's figures is not the heap's."""
        status = status_of(target.pid)
        return status["VmData"] - view["sys"], status["RssAnon"] - view["resident"]

    def check_truth(self, command, threads=8):
        target, reader, base = self.start(command, threads)
        target.do("a", "f")
        outside = self.outside(target, self.view(reader))
        for letter in "afrxfaFarFafF":
            held = target.do(letter)[0]
            view = self.view(reader)
            self.assertEqual(view["alloc"], base + held, view)
            self.assertEqual(self.outside(target, view), outside, view)
            if letter == "F":
                self.assertEqual(held, 0)
                self.assertLess(view["sys"], 1 << 20)
            else:
                self.assertGreater(view["mmapped"], 0)
                self.assertLess(view["resident"] - view["resident_free"], view["alloc"] + view["sys"] / 50)

    def skip_without(self, suite):
        if unavailable[suite]:
            self.skipTest(unavailable[suite])


class Truth(MuslTest):
    def test_first_thread_alone(self):
        """one thread, this machine's musl: alloc is the program's own sum; sys and resident move as the kernel's figures do"""
        self.check_truth(f"{FOLDER}/target-musl", threads=1)

    def test_threads(self):
        """eight threads: the same"""
        self.check_truth(f"{FOLDER}/target-musl")

    def test_static(self):
        """linked statically: the same"""
        self.check_truth(f"{FOLDER}/target-musl-static")

    def test_all_functions(self):
        """the exerciser, shared and static: after each thing that it does, alloc is what it expects"""
        for kind in "musl", "musl-static":
            program = Talker(self, f"{PROGRAMS}/exercise-{kind}")
            self.assertEqual(program.line(), "ready")
            program.ask("malloc_all_sizes\n")
            program.ask("free_all\n")
            program.ask("threads_start\n")
            reader = self.reader(program.pid)
            alloc = self.view(reader)["alloc"]
            for action in ACTIONS + ACTIONS:
                alloc += int(program.ask(f"{action}\n").split()[0])
                self.assertEqual(self.view(reader)["alloc"], alloc, f"{kind}: {action}")


class Releases(MuslTest):
    pass


def add_releases():
    for suite in SUITES:
        for static in False, True:
            def test(self, suite=suite, static=static):
                self.skip_without(suite)
                self.check_truth(link(self, suite, static))
            test.__doc__ = f"musl of {suite}, {'linked statically' if static else 'shared'}: the same"
            setattr(Releases, f"test_{suite}{'_static' if static else ''}", test)


class NotThere(MuslTest):
    def test_gone(self):
        """a process that ends between two readings is gone"""
        target, reader, _ = self.start(f"{FOLDER}/target-musl", threads=1)
        target.kill()
        self.assertEqual(reader.read()["result"], -ESRCH)


class Busy(MuslTest):
    def check_busy(self, threads):
        target, reader, base = self.start(f"{FOLDER}/target-musl", threads=threads)
        failed, errors = read_busy(target, reader, base)
        self.assertLessEqual(failed, BUSY_READS / 100)
        self.assertLessEqual(errors[len(errors) // 2], 0.02)

    def test_one_thread(self):
        """a thread that allocates and frees all the time: read whole, and nearly right"""
        self.check_busy(1)

    def test_four_threads(self):
        """four threads that do"""
        self.check_busy(4)

    def test_up_and_down(self):
        """four threads that allocate and free 120 MiB each, all the time: read whole"""
        target, reader, _ = self.start(f"{FOLDER}/target-musl", threads=4)
        views = read_all(self, target, reader, "g")
        self.assertGreater(max(view.get("sys", 0) for view in views), 50 << 20)


if __name__ == "__main__":
    with ThreadPoolExecutor() as executor:
        unavailable = dict(zip(SUITES, executor.map(lambda suite: fetch(suite, "musl", "musl-dev"), SUITES)))
    add_releases()
    tap.main()
