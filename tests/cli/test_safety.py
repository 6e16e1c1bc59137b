#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""memgap ends, cleanly or killed at any moment: no probe is left behind, no target is harmed."""
import json
import os
import resource
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from bpf_objects import bpf_left, bpf_objects  # noqa: E402
from memgap import (BYTES_OF_A_THREAD, MEMGAP, QUIET, TRACED, WORKLOAD, Cgroup, Held, Program, Watch, Workload, code_is_intact,  # noqa: E402
                    is_alive, members_of_group, own_libc, read, status_of, wait_for)

CATCHER = os.path.abspath("build/tests/programs/catches_bad_alloc")
CHURN = ["churn", "--threads", "2", "--interval", "50ms"]

# Kills the process at the system calls of the kernel's return probes, as a filter that does not know them does;
# then becomes the program that the arguments name.
FILTERED = """
import ctypes, os, struct, sys
load, equal, end = 0x20, 0x15, 0x06
code = [(load, 0, 0, 0), (equal, 0, 1, 335), (end, 0, 0, 0x80000000), (equal, 0, 1, 336), (end, 0, 0, 0x80000000),
        (end, 0, 0, 0x7fff0000)]
text = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
program = struct.pack("HxxxxxxP", len(code), ctypes.addressof(text))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""

# What a program finds itself started with.
INHERITED = """
import json, os, resource
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
print(json.dumps({**{name: status[name].strip() for name in ("SigBlk", "SigIgn", "SigCgt", "Umask", "CapEff", "NoNewPrivs",
                                                             "Seccomp", "Cpus_allowed")},
    **{name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")},
    "fds": sorted(set(os.listdir("/proc/self/fd")) - {"3"}), "cwd": os.getcwd(), "env": dict(os.environ),
    "nice": os.nice(0), "oom": open("/proc/self/oom_score_adj").read(), "session": os.getsid(0) == os.getpgid(0),
    "stdin": input()}), flush=True)
"""


class SafetyTest(unittest.TestCase):
    def check_unharmed(self, target, objects):
        """The target goes on, its libc is as the file has it, and the kernel holds nothing of memgap's."""
        self.assertTrue(is_alive(target.pid))
        wait_for(lambda: code_is_intact(target.pid), "libc without probes", seconds=10)
        wait_for(lambda: not bpf_left(objects), "no BPF object left", seconds=10)
        target.skip()
        before = target.truth()
        after = wait_for(lambda: (truth := target.truth())["mallocs"] > before["mallocs"] and truth, "it goes on")  # when it gets a CPU
        # each thread holds one block at most, whatever was counted or not
        self.assertEqual(after["held_blocks"], after["mallocs"] - after["frees"])

    def end_well(self, target):
        target.stop()
        target.skip()
        self.assertEqual(target.end(), 0)


class Killed(SafetyTest):
    def setUp(self):
        self.target = Workload(self, *CHURN, env=own_libc(self))

    def test_while_attaching(self):
        """killed while it loads and attaches, at several moments: the busy target goes on, nothing is left"""
        for delay in 0.01, 0.04, 0.08, 0.16, 0.3:
            watch = Watch(self, "-p", str(self.target.pid))
            time.sleep(delay)  # a moment is what this is about
            objects = bpf_objects(watch.pid)
            watch.kill()
            self.check_unharmed(self.target, objects)
        self.end_well(self.target)

    def test_while_watching(self):
        """killed while it watches a busy target, and again: the target goes on, nothing is left"""
        for lines in 1, 3:
            watch = Watch(self, "-s", "probe", "-p", str(self.target.pid))
            for _ in range(lines):
                watch.sample()
            self.assertFalse(code_is_intact(self.target.pid), "there are no probes: nothing is proven")
            objects = bpf_objects(watch.pid)
            self.assertGreater(sum(kind == "prog" for kind, _ in objects), 3)
            self.assertEqual(status_of(self.target.pid)["TracerPid"], "0")
            watch.kill()
            self.check_unharmed(self.target, objects)
        self.end_well(self.target)

    def test_cgroup(self):
        """killed while it watches a cgroup: its busy process goes on, nothing is left"""
        cgroup = Cgroup(self, "killed")
        cgroup.add(self.target.pid)
        watch = Watch(self, "-c", cgroup.path)
        watch.sample()
        objects = bpf_objects(watch.pid)
        watch.kill()
        self.check_unharmed(self.target, objects)

    def test_terminated(self):
        """ended by SIGTERM: when it has exited all probes are gone already"""
        watch = Watch(self, "-p", str(self.target.pid))
        watch.sample()
        objects = bpf_objects(watch.pid)
        watch.stop()
        self.assertEqual(watch.finish(), 0)
        self.assertTrue(code_is_intact(self.target.pid))
        self.check_unharmed(self.target, objects)

    def test_two_memgaps(self):
        """two memgaps watch one target: one is killed, the other counts on"""
        one, two = (Watch(self, "-p", str(self.target.pid)) for _ in range(2))
        one.sample()
        two.sample()
        one.kill()
        mallocs = two.sample()["allocator"]["mallocs"]
        sample = two.sample(lambda sample: sample["allocator"]["mallocs"] > mallocs + 1000)
        self.assertEqual(sample["allocator"]["missed"], 0)
        two.stop()
        self.assertEqual(two.finish(), 0)
        # those of the one that was killed may take a moment more, on kernels before 6.6
        wait_for(lambda: code_is_intact(self.target.pid), "libc without probes", seconds=10)


class Commands(SafetyTest):
    def test_goes_on(self):
        """COMMAND goes on when memgap is stopped, and when it is killed"""
        for number in signal.SIGTERM, signal.SIGINT, signal.SIGKILL:
            watch = Watch(self, "--", WORKLOAD, *CHURN, "--truth")
            watch.sample()
            watch.stop(number)
            watch.end()
            pid = watch.truths()[0]["pid"]
            watch.next(lambda line: "truth" in line and line["mallocs"] > watch.truths()[0]["mallocs"])
            self.assertTrue(is_alive(pid))
            wait_for(lambda: code_is_intact(pid), "libc without probes")
            os.kill(pid, signal.SIGTERM)
            wait_for(lambda: not is_alive(pid), "it ends")

    def test_killed_before_start(self):
        """memgap killed while it starts COMMAND: no process is left that waits to become it"""
        for delay in 0.005, 0.02, 0.05, 0.1, 0.2:
            watch = Watch(self, "--", WORKLOAD, "hold", "--truth", *QUIET)
            time.sleep(delay)  # a moment is what this is about
            watch.process.kill()
            watch.end()
            wait_for(lambda: all(read(f"/proc/{pid}/comm") == "workload\n" for pid in members_of_group(watch.pid)),
                     "no process that waits to become COMMAND")
            watch.kill()

    def test_inherits(self):
        """COMMAND gets what memgap was started with: signal mask, ignored signals, limits, files, stdin, environment"""
        def prepare():
            signal.pthread_sigmask(signal.SIG_SETMASK, [signal.SIGUSR2])
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_NOFILE, (512, 4096))
            os.umask(0o027)

        def found(*before):
            run = subprocess.run([*before, sys.executable, "-c", INHERITED], capture_output=True, text=True, timeout=30,
                                 input="a line for COMMAND\n", preexec_fn=prepare, restore_signals=False)
            return json.loads(run.stdout.splitlines()[0]), run.stderr

        expected, _ = found()
        for source in "none", "probe":
            inherited, errors = found(MEMGAP, "watch", "-i", "1h", "-s", source, "--")  # no line of memgap's before it
            for name in expected:
                self.assertEqual(inherited[name], expected[name], f"{name}, with --source {source}: {errors}")


class Filtered(SafetyTest):
    def check_survives(self, *command):
        watch = Watch(self, "--", *command, WORKLOAD, *CHURN, "--rate", "5000", "--truth", "--duration", "1s")
        self.assertEqual(watch.finish(), 0, watch.stderr())
        truth, last = watch.truths()[-1], watch.samples()[-1]["allocator"]
        self.assertGreater(truth["t_ms"] - watch.truths()[0]["t_ms"], 900, "it did not live to its end")
        self.assertEqual((last["frees"], last["missed"]), (truth["frees"], 0))
        self.assertEqual(last["total_alloc"], truth["total_alloc"] + 3 * BYTES_OF_A_THREAD)

    def test_command(self):
        """a COMMAND with a seccomp filter that kills at unknown system calls lives, and is counted exactly"""
        self.check_survives(sys.executable, "-c", FILTERED)

    def test_late(self):
        """a process with such a filter that is attached late lives"""
        target = Program(self, sys.executable, "-c", FILTERED, WORKLOAD, *CHURN, "--truth")
        target.line()
        self.assertEqual(status_of(target.pid)["Seccomp"], "2")
        watch = Watch(self, "-p", str(target.pid))
        watch.sample(lambda sample: sample["allocator"]["mallocs"] > 1000)
        self.assertTrue(is_alive(target.pid))

    def test_slow_child(self):
        """on a busy host memgap's own child, that tries a return probe, may run late: no reason to give up"""
        late = ["strace", "-f", "-o", "/dev/null", "-e", "trace=close", "-e", "inject=close:delay_enter=300ms:when=1"]
        run = subprocess.run([*late, MEMGAP, "watch", "-i", "1ms", "-N", "1", "--", "true"], capture_output=True, text=True,
                             timeout=60, env=TRACED)
        self.assertEqual(run.returncode, 0, run.stderr)


class Exceptions(unittest.TestCase):
    def test_bad_alloc(self):
        """C++ programs go on catching std::bad_alloc where the allocator's own operator new throws it; their blocks are counted"""
        subprocess.run(["tests/packages.sh", "bookworm", "libjemalloc2", "libtcmalloc-minimal4"], check=True, timeout=300)
        for package, library in (("libjemalloc2", "libjemalloc.so.2"), ("libtcmalloc-minimal4", "libtcmalloc_minimal.so.4")):
            path = os.path.abspath(f"build/packages/bookworm/{package}/usr/lib/x86_64-linux-gnu/{library}")
            program = Held(self, CATCHER, stdout=subprocess.PIPE, env={**os.environ, "LD_PRELOAD": path})
            watch = Watch(self, "-p", str(program.pid))
            before = watch.sample()["allocator"]["alloc"] or 0
            program.go()
            refused, held = (int(number) for number in program.line().split())
            self.assertEqual(refused, 500)
            watch.sample(lambda sample: held <= (sample["allocator"]["alloc"] or 0) - before < held + 200000)
            program.process.stdin.close()
            self.assertEqual(program.end(), 0)


if __name__ == "__main__":
    tap.main()
