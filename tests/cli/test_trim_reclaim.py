#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What memory.reclaim brings back, what memory.force_empty does, and what auto chooses, against the kernel's own figures."""
import errno
import os
import sys

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import (MEMGAP, MIB, QUIET, Cgroup, Program, Python, Watch,  # noqa: E402
                    Workload, is_alive, memory_hierarchy, read, wait_for)
from trim_action import ActionTest, FAILED, MAPS, RETAIN, START, needs_version, rss_of  # noqa: E402


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

    def check_kept(self):
        """All of its page cache is there, but for what CPUs have not told the cgroup's figure of yet."""
        self.assertGreaterEqual(self.cgroup.stat()["file"], 63 * MIB)

    def reclaim(self, status, outcome, *options):
        return self.trim_one(status, outcome, "--trim-with", "reclaim", *options, "-c", self.cgroup.path)


class OnBoth(Cached):
    def test_dry_run(self):
        """--dry-run of reclaim says what would be done, and takes nothing"""
        event = self.reclaim(0, "dry-run", "--force", "--dry-run")
        self.assertGreaterEqual(event["predicted"], 64 * MIB)
        self.check_kept()

    def test_command(self):
        """a command for a cgroup that nobody is in any more: what the cgroup is charged tells what came of it"""
        script = self.script(f'#!/bin/sh\n[ "$MEMGAP_PIDS" ] || rm -f {self.path}\n')
        watch = Watch(self, "-s", "none", "--trim-at", "cgroup:32MiB", "--trim-with", f"exec:{script}", "--cooldown", "500ms", "-c",
                      self.cgroup.path)
        self.assertEqual(watch.event()["pids"], [self.target.pid])
        self.target.kill()
        event = watch.event(lambda event: not event["pids"])  # one of before may still come
        self.assertEqual(event["outcome"], "trimmed")
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
        self.check_kept()


@needs_version(1)
class ReclaimV1(Cached):
    def test_refused(self):
        """cgroup v1: reclaim is refused with the reason, for it takes everything, also by auto, and the page cache stays"""
        for action in "reclaim", "auto":
            event = self.trim_one(FAILED, "refused", "--trim-with", action, "-c", self.cgroup.path)
            self.assertEqual((event["action"], event["verdict"]), ("reclaim", "cache"))
            self.assertRegex(event["why"], "cgroup v1 has no memory.reclaim.*force_empty.*--force does it all the same")
        self.check_kept()

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
