#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What memgap reads of a heap of mimalloc from outside, against what the program and the kernel say of it.

target.c and the exerciser run with Debian's library preloaded; versions that are not known have to be refused.
"""
import os
import sys
import unittest
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from heaps import BUSY_READS, FOLDER, Reader, Talker, Target, fetch, find, read_all, read_busy  # noqa: E402
from memgap import status_of  # noqa: E402

PACKAGES = {"bookworm": "libmimalloc2.0", "trixie": "libmimalloc3", "sid": "libmimalloc3"}
EXERCISE = os.path.abspath("build/tests/programs/exercise")
ENOENT, ESRCH = 2, 3
# of the exerciser, without blocks that are aligned
ACTIONS = ["malloc_all_sizes", "free_all", "calloc_blocks", "free_all", "realloc_from_null", "realloc_moving", "realloc_mmapped",
           "realloc_sizes", "realloc_to_zero", "new_and_delete", "threads_work", "threads_work", "malloc_all_sizes"]


def preload(suite="bookworm"):
    return ["env", f"LD_PRELOAD={find(suite, 'libmimalloc.so.2', 'libmimalloc.so.3')}"]


class MimallocTest(unittest.TestCase):
    def setUp(self):
        if unavailable["bookworm"]:
            self.skipTest(unavailable["bookworm"])

    def view(self, reader):
        view = reader.read()
        self.assertEqual(view["result"], 0, view)
        self.assertIsNone(view["trimmable"])
        self.assertLessEqual(view["pinned"], view["resident_free"])
        self.assertLessEqual(view["resident_free"], view["resident"])
        return view

    def reader(self, pid):
        reader = Reader(self, pid)
        self.assertEqual(reader.opened, {"result": 0, "why": "2.0.9", "name": "mimalloc"})
        return reader

    def start(self, threads, *kind):
        """A target, its reader, and what was allocated before it did anything."""
        target = Target(self, *preload(), f"{FOLDER}/target", str(threads), *kind)
        held = target.do("w")[0]
        reader = self.reader(target.pid)
        return target, reader, self.view(reader)["alloc"] - held

    def check_truth(self, threads):
        target, reader, base = self.start(threads, "plain")
        target.do("a")
        outside = status_of(target.pid)["RssAnon"] - self.view(reader)["resident"]
        for letter in "frcatfracFtacF":
            held = target.do(letter)[0]
            view = self.view(reader)
            self.assertEqual(view["alloc"], base + held, view)
            # what it keeps outside of its segments comes and goes
            self.assertLess(abs(status_of(target.pid)["RssAnon"] - view["resident"] - outside), 1 << 20)
            if letter == "F":
                self.assertEqual(held, 0)


class Truth(MimallocTest):
    def test_first_thread_alone(self):
        """one thread, mimalloc 2.0.9: alloc is the program's own sum, resident moves as the kernel's figure does"""
        self.check_truth(1)

    def test_threads(self):
        """eight threads that free each other's blocks: the same"""
        self.check_truth(8)

    def test_all_functions(self):
        """the exerciser: after each thing that it does, alloc is what it expects; blocks of up to 40 MB, threads that have ended"""
        program = Talker(self, *preload(), EXERCISE)
        self.assertEqual(program.line(), "ready")
        for action in "malloc_all_sizes", "free_all", "threads_start", "thread_ends":
            program.ask(f"{action}\n")
        reader = self.reader(program.pid)
        alloc = self.view(reader)["alloc"]
        for action in ACTIONS + ACTIONS:
            alloc += int(program.ask(f"{action}\n").split()[0])
            self.assertEqual(self.view(reader)["alloc"], alloc, action)

    def test_aligned(self):
        """blocks with alignments: each counts whole, so that alloc is more than the program's sum by what lies before them"""
        target, reader, base = self.start(4)
        for letter in "aff":
            held = target.do(letter)[0]
            alloc = self.view(reader)["alloc"] - base
            self.assertGreater(alloc, held)
            self.assertLess(alloc, held * 1.05)
        held = target.do("F")[0]
        self.assertEqual(self.view(reader)["alloc"], base + held)


class NotThere(MimallocTest):
    def refuse(self, *command):
        target = Target(self, *command, f"{FOLDER}/target", "2")
        target.do("a")
        self.assertEqual(Reader(self, target.pid).opened,
                         {"result": -ENOENT, "why": "it has no segment of mimalloc 2.0.9", "name": ""})

    def test_other_versions(self):
        """mimalloc 3 of trixie and sid keeps it in another way: it is refused"""
        for suite in "trixie", "sid":
            if unavailable[suite]:
                self.skipTest(unavailable[suite])
            self.refuse(*preload(suite))

    def test_gone(self):
        """a process that ends between two readings is gone"""
        target, reader, _ = self.start(1)
        target.kill()
        self.assertEqual(reader.read()["result"], -ESRCH)


class Busy(MimallocTest):
    def check_busy(self, threads):
        target, reader, base = self.start(threads, "plain")
        failed, errors = read_busy(target, reader, base)
        self.assertLessEqual(failed, BUSY_READS / 100)
        self.assertLessEqual(errors[len(errors) // 2], 0.02)

    def test_one_thread(self):
        """a thread that allocates and frees all the time: read whole, and nearly right"""
        self.check_busy(1)

    def test_four_threads(self):
        """four threads that do"""
        self.check_busy(4)

    def check_all_read(self, letter, threads):
        target, reader, _ = self.start(threads)
        target.do("a")
        read_all(self, target, reader, letter)

    def test_up_and_down(self):
        """four threads that allocate and free 120 MiB each, all the time: read whole"""
        self.check_all_read("g", 4)

    def test_each_others(self):
        """four threads that free each other's blocks all the time: read whole"""
        self.check_all_read("C", 4)


if __name__ == "__main__":
    with ThreadPoolExecutor() as executor:
        unavailable = dict(zip(PACKAGES, executor.map(fetch, PACKAGES, PACKAGES.values())))
    tap.main()
