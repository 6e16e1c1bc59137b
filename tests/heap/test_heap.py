#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What memgap reads of a heap from outside, against what glibc and the program say inside, and what malloc_trim() gives back.

target.c allocates in all ways; it is linked with the glibc of several Debian releases (packages.sh), shared and statically.
"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from heaps import BUSY_READS, FOLDER, PACKAGES, Reader, Talker, Target, fetch, find, read_all, read_busy  # noqa: E402
from memgap import Program, read, wait_for  # noqa: E402

SUITES = ["bullseye", "bookworm", "trixie", "sid", "experimental"]
PAGE = os.sysconf("SC_PAGESIZE")
EAGAIN, ENOENT, EOPNOTSUPP = 11, 2, 95


def link(test, suite, static):
    """The target with that suite's glibc."""
    directory = tempfile.mkdtemp(prefix="memgap-heap-")
    test.addCleanup(shutil.rmtree, directory)
    start = [find(suite, "crt1.o"), find(suite, "crti.o"), f"{FOLDER}/target.o"]
    if static:
        libraries = [path for path in (find(suite, "libpthread.a"), find(suite, "libc.a")) if path]
        # gcc's library for unwinding may want more than an old libc has; it is not used
        libraries = ["-static", "-Wl,--unresolved-symbols=ignore-all", "-Wl,--start-group", *libraries, "-lgcc", "-lgcc_eh",
                     "-Wl,--end-group"]
    else:
        libc, loader = find(suite, "libc.so.6"), find(suite, "ld-linux-x86-64.so.2")
        libraries = [find(suite, "libpthread.so.0"), libc, find(suite, "libc_nonshared.a"), loader,
                     f"-Wl,--dynamic-linker={loader}", f"-Wl,-rpath={os.path.dirname(libc)}"]
    run = subprocess.run(["gcc", "-no-pie", "-nostdlib", *start, *libraries, find(suite, "crtn.o"), "-o", f"{directory}/target"],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    test.assertEqual(run.returncode, 0, run.stderr)
    return f"{directory}/target"


def anonymous(pid):
    """Bytes that are resident. Counted page by page: up to Linux 6.1 RssAnon is up to 64 pages a thread off (mm/memory.c)."""
    return int(re.search(r"^Anonymous: +(\d+) kB", read(f"/proc/{pid}/smaps_rollup"), re.M)[1]) << 10


class HeapTest(unittest.TestCase):
    def view(self, reader):
        view = reader.read()
        self.assertEqual(view["result"], 0, view)
        return view

    def start(self, *command, threads=8, **options):
        """A target, its reader, and what was allocated before it did anything."""
        target = Target(self, *command, str(threads), **options)
        held = target.do("w")[0]
        reader = Reader(self, target.pid)
        self.assertEqual(reader.opened["result"], 0, reader.opened)
        return target, reader, self.view(reader)["alloc"] - held

    def check(self, view, base, held, arena, hblkhd):
        # from 2.43 on, glibc's own sum of mapped chunks grows by 16 with each that is remapped: it is no whole pages then
        hblkhd -= hblkhd % PAGE
        self.assertEqual(view["alloc"], base + held, view)
        self.assertEqual(view["sys"], arena + hblkhd, view)
        self.assertEqual(view["mmapped"], hblkhd, view)
        self.assertEqual(view["resident_free"], view["trimmable"] + view["pinned"])
        self.assertLessEqual(view["resident"], view["sys"])
        self.assertLessEqual(view["resident_free"], view["resident"])

    def check_after(self, target, reader, base, *letters):
        figures = target.do(*letters)
        view = self.view(reader)
        self.check(view, base, *figures)
        return view

    def check_trim(self, target, reader, base, least=1 << 20):
        """What it was said to give back is what is resident no more."""
        expected = self.view(reader)["trimmable"]
        self.assertGreaterEqual(expected, least)
        before = anonymous(target.pid)
        figures = target.do("t")
        dropped = before - anonymous(target.pid)
        self.assertLessEqual(abs(dropped - expected), expected / 100, f"{dropped} came back, {expected} was said")
        view = self.view(reader)
        self.check(view, base, *figures)
        self.assertLessEqual(view["trimmable"], 64 * PAGE)

    def check_truth(self, *command, threads=8):
        target, reader, base = self.start(*command, threads=threads)
        view = self.check_after(target, reader, base, "a", "f")
        self.assertGreater(view["mmapped"], 0)
        self.assertEqual(view["swapped"], 0)
        # no more arenas than threads, or than 8 a CPU
        self.assertTrue(1 <= view["arenas"] <= threads)
        self.check_trim(target, reader, base)
        self.check_after(target, reader, base, "a", "f")
        self.check_after(target, reader, base, "F")
        self.check_trim(target, reader, base, 0)

    def skip_without(self, suite):
        if unavailable[suite]:
            self.skipTest(unavailable[suite])


class Truth(HeapTest):
    def test_first_thread_alone(self):
        """one thread, this machine's glibc: alloc is the program's own sum, sys mallinfo2's, a trim gives back what was said"""
        self.check_truth(f"{FOLDER}/target", threads=1)

    def test_threads(self):
        """eight threads with arenas of their own: the same"""
        self.check_truth(f"{FOLDER}/target")

    def test_static(self):
        """linked statically: the same"""
        self.check_truth(f"{FOLDER}/target-static")

    def test_static_pie(self):
        """linked statically, at any address: the same"""
        self.check_truth(f"{FOLDER}/target-static-pie")

    def test_few_arenas(self):
        """eight threads that share two arenas: the same"""
        self.check_truth("env", "GLIBC_TUNABLES=glibc.malloc.arena_max=2", f"{FOLDER}/target")

    def test_no_cache(self):
        """without caches of threads, so that fastbins are full: the same"""
        self.check_truth("env", "GLIBC_TUNABLES=glibc.malloc.tcache_count=0", f"{FOLDER}/target")

    def test_large_cache(self):
        """with caches of 100 blocks a size: the same"""
        self.check_truth("env", "GLIBC_TUNABLES=glibc.malloc.tcache_count=100", f"{FOLDER}/target")

    def test_no_mapping(self):
        """without chunks in mappings of their own: a heap is full after 64 MiB, an arena has several"""
        target, reader, base = self.start("env", "GLIBC_TUNABLES=glibc.malloc.mmap_threshold=30000000", f"{FOLDER}/target",
                                          threads=4)
        self.check_after(target, reader, base, "a", "f", "a", "f", "a")
        self.check_after(target, reader, base, "f")
        self.check_trim(target, reader, base)

    def test_others_in_brk(self):
        """a program that calls sbrk() itself, in the middle of the main arena's memory: alloc and sys are exact"""
        target, reader, base = self.start(f"{FOLDER}/target", threads=1)
        target.do("a", "s")
        target.do("f", "s")
        self.check_after(target, reader, base, "a", "f")
        self.check_trim(target, reader, base)

    def test_main_arena_in_pieces(self):
        """a program whose brk cannot grow, so that the main arena goes on in mappings: the same"""
        for program, threads in ("target", 1), ("target", 4), ("target-static", 1):
            target, reader, base = self.start(f"{FOLDER}/{program}", threads=threads)
            target.do("m")
            for _ in range(2):
                self.check_after(target, reader, base, "a", "f")
                self.check_trim(target, reader, base)

    def test_first_thread_has_ended(self):
        """a process whose first thread has ended: what another allocates is seen"""
        program = Talker(self, os.path.abspath("build/tests/programs/first_thread_ends"))
        held = json.loads(program.ask("x"))["held"]
        reader = Reader(self, program.pid)
        self.assertEqual(reader.opened["result"], 0, reader.opened)
        time.sleep(0.1)
        base = self.view(reader)["alloc"] - held
        for _ in range(3):
            held = json.loads(program.ask("x"))["held"]
            # it has a buffer to print with, until a moment after it has printed
            wait_for(lambda held=held: self.view(reader)["alloc"] == base + held, "what it holds")


class Releases(HeapTest):
    pass


def add_releases():
    for suite in SUITES:
        for static in False, True:
            def test(self, suite=suite, static=static):
                self.skip_without(suite)
                self.check_truth(link(self, suite, static))
            test.__doc__ = f"glibc of {suite}, {'linked statically' if static else 'shared'}: the same"
            setattr(Releases, f"test_{suite}{'_static' if static else ''}", test)


    def test_large_blocks_in_caches(self):
        """glibc of sid with large blocks in threads' caches (2.42): the same"""
        self.skip_without("sid")
        self.check_truth("env", "GLIBC_TUNABLES=glibc.malloc.tcache_max=200000", link(self, "sid", False))
    Releases.test_large_blocks_in_caches = test_large_blocks_in_caches


class NotThere(HeapTest):
    def test_other_libc(self):
        """glibc or musl, shared or linked statically: each is known for what it is"""
        for kind, name in ("", "glibc"), ("-static", "glibc"), ("-musl", "musl"), ("-musl-static", "musl"):
            target = Target(self, f"{FOLDER}/target{kind}", "1")
            target.do("a")
            opened = Reader(self, target.pid).opened
            self.assertEqual((opened["result"], opened["name"]), (0, name), opened)

    def test_other_allocator(self):
        """jemalloc preloaded: glibc's malloc is not in use"""
        subprocess.run(["tests/packages.sh", "bookworm", "libjemalloc2"], check=True, timeout=300)
        library = glob.glob(f"{PACKAGES}/bookworm/libjemalloc2/usr/lib/*/libjemalloc.so.2")[0]
        target = Target(self, "env", f"LD_PRELOAD={library}", f"{FOLDER}/target", "4")
        target.do("w")
        opened = Reader(self, target.pid).opened
        self.assertEqual(opened["result"], -ENOENT)
        self.assertIn("another allocator is in its place", opened["why"])

    def test_gone(self):
        """a process that ends between two readings is gone"""
        target, reader, _ = self.start(f"{FOLDER}/target", threads=1)
        target.kill()
        self.assertEqual(reader.read()["result"], -3)


class Other(HeapTest):
    def test_heap_is_not_other(self):
        """what is the heap's is not other memory: beside the target's table of blocks, 2.4 MiB, stacks and little else are"""
        target, reader, _ = self.start(f"{FOLDER}/target")
        target.do("a", "f")
        self.view(reader)
        other = reader.other()
        self.assertEqual(other["count"], 1, other)
        self.assertTrue(16 * 160000 <= other["size"] <= 16 * 160000 + 3 * PAGE, other)
        self.assertLess(other["resident"] - other["file"] - other["largest"], 256 << 10, other)

    def test_without_heap(self):
        """without a heap of glibc, only [heap] is not other memory"""
        program = Program(self, os.path.abspath("build/tests/programs/exercise-musl-static"), stdin=subprocess.PIPE)
        self.assertEqual(program.line(), "ready")
        other = Reader(self, program.pid).other()
        self.assertEqual(other["result"], 0)
        self.assertGreater(other["resident"], 0)


class Busy(HeapTest):
    def check_busy(self, threads):
        target, reader, base = self.start(f"{FOLDER}/target", threads=threads)
        failed, errors = read_busy(target, reader, base)
        self.assertLessEqual(failed, BUSY_READS / 1000)
        self.assertLessEqual(errors[len(errors) // 2], 0.02)

    def test_one_thread(self):
        """a thread that allocates and frees all the time: read whole, and nearly right"""
        self.check_busy(1)

    def test_four_threads(self):
        """four threads that do"""
        self.check_busy(4)

    def test_heaps_that_come_and_go(self):
        """four threads whose arenas grow by heaps, and give them back, all the time: read whole"""
        target, reader, _ = self.start(f"{FOLDER}/target", threads=4)
        views = read_all(self, target, reader, "g")
        self.assertGreater(max(view.get("sys", 0) for view in views), 100 << 20)


if __name__ == "__main__":
    with ThreadPoolExecutor() as executor:
        unavailable = dict(zip(SUITES, executor.map(lambda suite: fetch(suite, "libc6", "libc6-dev"), SUITES)))
    add_releases()
    tap.main()
