#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""memgap serves and watches for SOAK_SECONDS (180) while processes and cgroups come and go: it takes no more at the end than it took
before, and what eight threads hold is known to the byte after a billion bytes."""
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
import tried  # noqa: E402
from bpf_objects import bpf_objects  # noqa: E402
from memgap import LARGENESS, MEMGAP, MIB, WORKLOAD, Cgroup, Program, is_alive, status_of, wait_for  # noqa: E402
from serve import Serve  # noqa: E402

EXERCISE = os.path.abspath("build/tests/programs/exercise")
SECONDS = float(os.environ.get("SOAK_SECONDS") or 180)
SAMPLES = max(8, min(60, round(SECONDS / 6)))
BILLION = 10**9
# More than rings of figures over time still take until they have gone round, less than a leak that would matter: what a process leaves
# behind, of 40 a second, would be seen from 30 bytes on in half an hour.
GROWTH = 2 * MIB if LARGENESS == 1 else 256 * MIB  # ASan keeps as much of what was freed (quarantine_size_mb)
# Processes of many kinds, each for a moment.
COME_AND_GO = "while :; do ls / >/dev/null; (exec sh -c :); sleep 0.05; done"


class Crowd(Program):
    """The exerciser with eight threads (tests/exercise/crowd.c): its totals since its first line."""

    def __init__(self, test, **options):
        super().__init__(test, EXERCISE, stdin=subprocess.PIPE, **options)
        test.assertEqual(self.line(), "ready")
        self.alloc = self.total = self.mallocs = 0
        self.do("crowd_start")

    def do(self, action):
        self.process.stdin.write(f"{action}\n".encode())
        self.process.stdin.flush()
        alloc, total, mallocs, *_ = map(int, self.line().split())
        self.alloc += alloc
        self.total += total
        self.mallocs += mallocs

    def bustle(self, seconds):
        self.do("crowd_go")
        time.sleep(seconds)  # for so long they do it
        self.do("crowd_hold")


class CgroupsComeAndGo(threading.Thread):
    """One with a process in it each second."""

    def __init__(self, test, parent):
        super().__init__()
        self.test, self.parent, self.over, self.n = unittest.TestCase(), parent, threading.Event(), 0
        test.addCleanup(self.end)
        self.start()

    def run(self):
        while not self.over.wait(1):
            self.n += 1
            cgroup = Cgroup(self.test, f"passing{self.n}", self.parent)
            Program(self.test, WORKLOAD, "hold", "--size", "2MiB", "--duration", "500ms", preexec_fn=cgroup.enter, stdout=subprocess.DEVNULL).end()
            self.test.doCleanups()

    def end(self):
        self.over.set()
        self.join()


class Listener(threading.Thread):
    """To Server-Sent Events, for as long as they come."""

    def __init__(self, serve):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection(serve.host, serve.port, timeout=30)
        self.connection.request("GET", "/api/v1/events")
        self.answer, self.n = self.connection.getresponse(), 0
        self.start()

    def run(self):
        try:
            for line in self.answer:
                self.n += line.startswith(b"data:")
        except (OSError, http.client.HTTPException):
            pass


def entries_of_maps(pid):
    """How many entries each of the BPF hash maps of a process has; those that push out the oldest (LRU) are meant to be full."""
    found = {}
    for number in [str(number) for kind, number in bpf_objects(pid) if kind == "map"]:
        shown = json.loads(subprocess.run(["bpftool", "-j", "map", "show", "id", number], capture_output=True, timeout=30, check=True).stdout)
        if "hash" in shown["type"] and "lru" not in shown["type"]:
            dump = subprocess.run(["bpftool", "-j", "map", "dump", "id", number], capture_output=True, timeout=60, check=True).stdout
            found[shown["name"]] = len(json.loads(dump))
    return found


def state_of(pid):
    status = status_of(pid)
    return {"rss": status["RssAnon"], "fds": len(os.listdir(f"/proc/{pid}/fd")), "threads": int(status["Threads"]),
            **{f"entries of {name}": n for name, n in entries_of_maps(pid).items()}}


class SoakTest(unittest.TestCase):
    def assert_same_figures(self, crowd, before):
        """What is held has come to be what it is by a known way: no block is counted wrong, ever."""
        def figures():
            scraped = self.serve.scrape()
            return [scraped.all(name, pid=str(crowd.pid)) for name in ("memgap_alloc_bytes", "memgap_allocated_bytes_total")]
        wanted = [[before[0][0] + crowd.alloc], [before[1][0] + crowd.total]]
        wait_for(lambda: figures() == wanted, f"{wanted}; it has {figures()}")
        return figures()

    def begin(self):
        """What is watched; and who watches, from the time on when the crowd is known."""
        self.cgroup = Cgroup(self, "soak")
        inside = {"preexec_fn": self.cgroup.enter}
        self.crowd = Crowd(self, **inside)
        Program(self, "sh", "-c", COME_AND_GO, stdout=subprocess.DEVNULL, **inside)
        for arguments in (["threads", "--interval", "100ms"], ["seed", "--size", "2MiB", "--interval", "100ms"], ["churn", "--rate", "20000"]):
            Program(self, WORKLOAD, *arguments, stdout=subprocess.DEVNULL, **inside)
        self.record = tempfile.NamedTemporaryFile(suffix=".zst")
        self.addCleanup(self.record.close)
        os.unlink(self.record.name)
        common = ["-c", self.cgroup.path, "--per", "process"]
        self.serve = Serve(self, *common, "-s", "probe", "--trim-at", "rss:30MiB", "--force", "--cooldown", "1s", interval="200ms")
        self.watch = Program(self, MEMGAP, "watch", *common, "-o", "json", "-i", "500ms", "--record", self.record.name, stdout=subprocess.DEVNULL)
        self.come_and_go = CgroupsComeAndGo(self, self.cgroup)
        self.listener = Listener(self.serve)

    def figures_of_crowd(self):
        names = ("memgap_alloc_bytes", "memgap_allocated_bytes_total")
        scraped = self.serve.metrics(lambda m: all(m.all(name, pid=str(self.crowd.pid)) for name in names), "the crowd is counted")
        return [scraped.all(name, pid=str(self.crowd.pid)) for name in names]

    def test_soak(self):
        """memory, file descriptors, threads and entries of maps are steady; what is held is known to the byte all the time"""
        self.begin()
        before = self.figures_of_crowd()
        self.crowd.alloc = self.crowd.total = 0
        states = {"serve": [], "watch": []}
        ends = time.monotonic() + SECONDS
        while time.monotonic() < ends:
            next_at = time.monotonic() + SECONDS / SAMPLES
            self.crowd.bustle(min(1, SECONDS / SAMPLES / 4))
            self.assert_same_figures(self.crowd, before)
            states["serve"].append(state_of(self.serve.pid))
            states["watch"].append(state_of(self.watch.pid))
            while time.monotonic() < next_at:
                self.serve.scrape()
                time.sleep(min(1, max(0, next_at - time.monotonic())))
        self.check(states)

    def check(self, states):
        scraped = self.serve.scrape()
        trims = sum(scraped.all("memgap_trims_total"))
        print(f"# {SECONDS / 60:.0f} min, {self.crowd.total / 1e9:.1f} billion bytes in {self.crowd.mallocs} blocks: alloc is right to the byte "
              f"{len(states['serve'])} times; {self.come_and_go.n} cgroups came and went, {trims:.0f} trims, {self.listener.n} events")
        self.assertGreater(self.crowd.total, BILLION)
        self.assertGreater(trims, 0)
        self.assertGreater(self.listener.n, SECONDS)
        for name, all_states in states.items():
            quarter = len(all_states) // 4
            early, late = all_states[quarter:2 * quarter], all_states[-quarter:]
            for figure in all_states[0]:
                first, last = (statistics.median(state[figure] for state in part) for part in (early, late))
                print(f"# {name}: {figure} {first:.0f}, in the end {last:.0f}")
                # a process or two more may be there at the moment
                self.assertLessEqual(last, first + {"rss": GROWTH, "threads": 0}.get(figure, 8), f"{name}: {figure}")
        for program in self.serve, self.watch:
            self.assertTrue(is_alive(program.pid), program.stderr())
            program.stop()
            self.assertEqual(program.end(), 0, program.stderr())
        self.assertTrue(is_alive(self.crowd.pid))
        tried.say(f"{SECONDS / 60:.0f} min of processes that come and go; billions of bytes", round(self.crowd.total / 1e9))


if __name__ == "__main__":
    tap.main()
