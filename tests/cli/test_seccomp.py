#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Processes under the seccomp filter of containers are watched with probes, and live; without return probes where they might not."""
import json
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, "tests/lib")
import seccomp  # noqa: E402
import tap  # noqa: E402
from memgap import (BYTES_OF_A_THREAD, MEMGAP, QUIET, SECONDS, TRACED, WORKLOAD, Cgroup, Held, Program, Watch, is_alive,  # noqa: E402
                    read, status_of)

FILTER = [sys.executable, "tests/lib/seccomp.py"]
CHURN = [WORKLOAD, "churn", "--threads", "2", "--rate", "2000", "--interval", "50ms", "--truth"]
# memgap's own child cannot take on the filter under which it tries a return probe: as if it had been killed there
RETURNS_KILL = ["strace", "-f", "-o", "/dev/null", "-e", "trace=prctl", "-e", "inject=prctl:error=EINVAL"]


def setUpModule():
    subprocess.run(["tests/packages.sh", "bookworm", "golang-github-containers-common"], stderr=subprocess.DEVNULL, timeout=300, check=False)
    if not seccomp.profile():
        raise unittest.SkipTest("containers/common's seccomp.json cannot be had")


def return_probes(pid):
    """How many links of memgap's are probes, and how many of them at returns; None where this kernel's bpftool does not tell."""
    links = json.loads(subprocess.run(["bpftool", "-j", "link", "show"], capture_output=True, text=True, timeout=SECONDS, check=True).stdout)
    held = set()
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            held.update(re.findall(r"^link_id:\t(\d+)$", read(f"/proc/{pid}/fdinfo/{fd}"), re.M))
        except FileNotFoundError:
            pass  # it comes and goes
    kinds = [link.get("retprobe") for link in links if str(link["id"]) in held and "retprobe" in link]
    return (len(kinds), sum(kinds)) if kinds else None


class Seccomp(unittest.TestCase):
    def filtered(self):
        target = Program(self, *FILTER, *CHURN)
        self.pid_says(target)
        return target

    def pid_says(self, target):
        self.assertIsNotNone(target.line(), target.stderr())
        self.assertEqual(status_of(target.pid)["Seccomp"], "2")

    def check_lives(self, target, watch):
        """It makes many probed calls, and goes on."""
        def enough(sample):
            return sample["allocator"]["mallocs"] > 1000
        sample = watch.sample(enough)
        self.assertEqual((sample["allocator"]["source"], sample["allocator"]["missed"]), ("probe", 0))
        self.assertTrue(is_alive(target.pid))
        return sample

    def end_well(self, target):
        target.stop()
        while target.line() is not None:
            pass
        self.assertEqual(target.end(), 0)


class DockersProfile(Seccomp):
    def test_is_docker_s(self):
        """the filter lets through what programs need, and refuses what a container may not"""
        script = "import ctypes; libc = ctypes.CDLL(None, use_errno=True); print(libc.swapoff(b'/nothing'), ctypes.get_errno(), libc.getpid() > 0)"
        run = subprocess.run([*FILTER, sys.executable, "-c", script], capture_output=True, text=True, timeout=SECONDS)
        self.assertRegex(run.stdout, r"\A-1 (1|38) True\n\Z", run.stderr)  # EPERM, ENOSYS; else ENOENT

    def test_late(self):
        """a process under it that is attached late lives, and ends well"""
        target = self.filtered()
        self.check_lives(target, Watch(self, "-s", "probe", "-p", str(target.pid)))
        self.end_well(target)

    def test_cgroup(self):
        """one in a cgroup too, whose probes are on the file"""
        cgroup = Cgroup(self, "filtered")
        target = self.filtered()
        cgroup.add(target.pid)
        self.check_lives(target, Watch(self, "-s", "probe", "-c", cgroup.path))
        self.end_well(target)

    def test_command(self):
        """a COMMAND that takes it on lives to its end, counted exactly"""
        watch = Watch(self, "-s", "probe", "--", *FILTER, *CHURN, "--duration", "1s")
        self.assertEqual(watch.finish(), 0, watch.stderr())
        truth, last = watch.truths()[-1], watch.samples()[-1]["allocator"]
        self.assertEqual((last["frees"], last["missed"]), (truth["frees"], 0))
        self.assertEqual(last["total_alloc"], truth["total_alloc"] + 3 * BYTES_OF_A_THREAD)

    def test_check(self):
        """memgap check -p says that it is under a filter, and what return probes do there"""
        target = Program(self, *FILTER, WORKLOAD, "hold", "--size", "1MiB", "--truth", *QUIET)
        self.pid_says(target)
        run = subprocess.run([MEMGAP, "check", "-p", str(target.pid)], capture_output=True, text=True, timeout=SECONDS)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertRegex(run.stdout, r"\n  return probes under seccomp +yes\n")
        self.assertRegex(run.stdout, r"\n  seccomp filter +yes: return probes survive it on this kernel\n")


class ReturnsKill(Seccomp):
    """On a kernel whose return probes kill a process under a filter."""
    def test_check(self):
        """memgap check says so, and that the process gets none: each function ends at its RET instructions"""
        target = Program(self, *FILTER, WORKLOAD, "hold", "--size", "1MiB", "--truth", *QUIET)
        self.pid_says(target)
        run = subprocess.run([*RETURNS_KILL, MEMGAP, "check", "-p", str(target.pid)], capture_output=True, text=True, timeout=SECONDS, env=TRACED)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertRegex(run.stdout, r"\n  return probes under seccomp +no: they kill .* each RET instead")
        self.assertRegex(run.stdout, r"\n  watch with probes +yes\n")
        self.assertRegex(run.stdout, r"\n  seccomp filter +yes: return probes would kill it: it gets none\n")
        self.assertRegex(run.stdout, r"\n  malloc +\+\d+ (emulated|single-stepped) +RET (emulated|single-stepped) ")

    def watch(self, *arguments):
        return Watch(self, "-s", "probe", "--max-overhead", "100%", *arguments, before=RETURNS_KILL, env=TRACED)

    def check_no_returns(self, watch):
        """memgap says what it does, and has no return probe."""
        self.assertRegex(watch.stderr(), r"(?m)^memgap: on this kernel a return probe kills .* at each RET instead")
        memgap, = read(f"/proc/{watch.pid}/task/{watch.pid}/children").split()
        probes = return_probes(memgap)
        if probes:
            self.assertGreater(probes[0], 2)
            self.assertEqual(probes[1], 0)

    def test_exact(self):
        """a process under a filter is counted exactly all the same, without a return probe"""
        held = Held(self, *FILTER, WORKLOAD, "hold", "--size", "20MiB", "--truth", *QUIET)
        watch = self.watch("-p", str(held.pid))
        watch.sample()
        held.go()
        truth = json.loads(held.line())
        sample = watch.sample(lambda sample: sample["allocator"]["alloc"] == truth["held_bytes"] + BYTES_OF_A_THREAD)
        self.assertEqual((sample["allocator"]["mallocs"], sample["allocator"]["missed"]), (truth["mallocs"] + 1, 0))
        self.check_no_returns(watch)
        self.assertEqual(status_of(held.pid)["Seccomp"], "2")

    def test_late(self):
        """one that is busy when it is attached lives, alone and in a cgroup"""
        target = self.filtered()
        cgroup = Cgroup(self, "filtered")
        cgroup.add(target.pid)
        for arguments in ["-p", str(target.pid)], ["-c", cgroup.path]:
            watch = self.watch(*arguments)
            self.check_lives(target, watch)
            self.check_no_returns(watch)
            watch.kill()
        self.end_well(target)

    def test_ends_not_known(self):
        """an allocator where the ends of calls cannot be told is not probed: --source probe says why, auto reads its heap"""
        program = Program(self, os.path.abspath("build/tests/programs/exercise-musl-static"), stdin=subprocess.PIPE)
        program.process.stdin.write(b"malloc_all_sizes\n")
        program.process.stdin.flush()
        program.line()
        run = subprocess.run([*RETURNS_KILL, MEMGAP, "watch", "-s", "probe", "-p", str(program.pid)], capture_output=True, text=True,
                             timeout=SECONDS, env=TRACED)
        self.assertEqual(run.returncode, 1)
        self.assertRegex(run.stderr, r"nothing to probe in .*: without return probes it cannot be told where the calls of its musl end")
        watch = Watch(self, "-p", str(program.pid), before=RETURNS_KILL, env=TRACED)
        watch.sample(lambda sample: sample["allocator"]["source"] == "heap")


if __name__ == "__main__":
    tap.main()
