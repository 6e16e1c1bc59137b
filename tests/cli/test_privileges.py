#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""With exactly the capabilities of deploy/, and no root, memgap sees and does all; what each is for shows without it."""
import json
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import BYTES_OF_A_THREAD, MEMGAP, MIB, QUIET, Cgroup, Held, Watch, Workload, own_libc, read  # noqa: E402

NEEDED = ["bpf", "perfmon", "sys_ptrace", "checkpoint_restore", "dac_read_search", "kill"]
# before uprobe links perf events were the way, which ask for more: kernel/events/core.c, perf_uprobe_event_init()
HAS_LINKS = tuple(int(number) for number in os.uname().release.split("-")[0].split(".")[:2]) >= (6, 6)
PROBES = NEEDED if HAS_LINKS else [*NEEDED, "sys_admin"]
LOOKS = ["sys_ptrace", "checkpoint_restore", "dac_read_search"]  # without probes and trims: -a
PARANOID = "/proc/sys/kernel/perf_event_paranoid"
NOBODY = "65534"


def confined(capabilities, uid=NOBODY):
    """The command line in front of a program: that uid, with these capabilities and never any other."""
    some = ",".join(["-all"] + [f"+{name}" for name in capabilities])
    raised = ["--ambient-caps", some] if uid != "0" else []
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs", "--bounding-set", some, "--inh-caps", some, *raised]


def without(name):
    return [other for other in NEEDED if other != name]


class Confined(Watch):
    """memgap watch -o json as nobody, with these capabilities."""

    def __init__(self, test, *arguments, capabilities=PROBES, uid=NOBODY):
        command = [*confined(capabilities, uid), MEMGAP, "watch", "-o", "json", "-i", "100ms", *arguments]
        super(Watch, self).__init__(test, *command)
        self.seen = []


def run(*arguments, capabilities=PROBES):
    return subprocess.run([*confined(capabilities), MEMGAP, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def set_paranoid(test, level):
    """kernel.perf_event_paranoid, until the test is over."""
    before = read(PARANOID)
    test.addCleanup(write, PARANOID, before)
    write(PARANOID, str(level))


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


class PrivilegesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        before = read(PARANOID)
        cls.addClassCleanup(write, PARANOID, before)
        # as mainline has it; above that some distributions' kernels ask for CAP_SYS_ADMIN
        write(PARANOID, str(min(int(before), 2)))

    def test_manifests(self):
        """what is deployed has exactly the capabilities that are tested here"""
        wanted = sorted(name.upper() for name in LOOKS)
        for path, names in (("daemonset.yaml", LOOKS), ("sidecar.yaml", NEEDED)):
            text = read(f"deploy/kubernetes/{path}")
            lists = re.findall(r"add:\n((?: +- \w+.*\n)+)", text)
            self.assertEqual([sorted(re.findall(r"- (\w+)", found)) for found in lists], [sorted(name.upper() for name in names)], path)
            self.assertIn("drop: [ALL]", text)
        lists = re.findall(r"cap_add:\n((?: +- \w+.*\n)+)", read("deploy/compose.yaml"))
        self.assertEqual([sorted(re.findall(r"- (\w+)", names)) for names in lists], [wanted])
        unit = read("deploy/systemd/memgap.service")
        for key in "CapabilityBoundingSet", "AmbientCapabilities":
            names = re.findall(rf"^{key}=(.*)$", unit, re.M)
            self.assertEqual([sorted(names[0].split())], [sorted(f"CAP_{name}" for name in wanted)], key)

    def test_probes(self):
        """every malloc of a process of root's is counted, exact to the byte, for nobody and for a root that is bounded"""
        for uid in NOBODY, "0":
            workload = Held(self, os.path.abspath("build/workload"), "hold", "--size", "20MiB", "--blocks", "1000", "--truth", *QUIET,
                            env=own_libc(self))
            watch = Confined(self, "-p", str(workload.pid), "-s", "probe", uid=uid)
            watch.sample()
            workload.go()
            truth = json.loads(workload.line())
            line = watch.sample(lambda sample: (sample["allocator"]["alloc"] or 0) > 20 * MIB)
            self.assertEqual(line["allocator"]["alloc"], truth["held_bytes"] + BYTES_OF_A_THREAD)
            self.assertEqual((line["allocator"]["source"], line["allocator"]["missed"]), ("probe", 0))

    def test_cgroup(self):
        """a cgroup is watched with probes, its kernel view is known, and a trim at a threshold gives back what was predicted"""
        cgroup = Cgroup(self, "watched")
        cgroup.limit(100 * MIB)
        workload = Workload(self, "retain", "--size", "48MiB", *QUIET, preexec_fn=cgroup.enter, env=own_libc(self))
        watch = Confined(self, "-c", cgroup.path, "--trim-at", "trimmable:16MiB")
        event = watch.event()
        self.assertEqual((event["outcome"], event["pids"]), ("trimmed", [workload.pid]), event)
        self.assertLess(abs(event["prediction_error_percent"]), 5)
        line = watch.sample()
        self.assertEqual(line["kernel"]["cgroup"]["limit"], 100 * MIB)
        self.assertIsNotNone(line["allocator"]["heap"])

    def test_all(self):
        """-a looks into the heaps of everybody's processes with three of them, whoever memgap is"""
        root = Workload(self, "retain", "--size", "48MiB", *QUIET)
        other = Workload(self, "retain", "--size", "48MiB", *QUIET, user=1234, group=1234, extra_groups=[])
        for uid in NOBODY, "0":
            watch = Confined(self, "-a", "--per", "process", capabilities=LOOKS, uid=uid)
            for workload in root, other:
                line = watch.sample(lambda sample: sample["target"]["pid"] == workload.pid and sample["allocator"]["heap"])
                self.assertEqual(line["gap"]["verdict"], "retained")

    def test_heap(self):
        """a heap is looked into without probes, and one trim is asked for"""
        workload = Workload(self, "retain", "--size", "48MiB", *QUIET)
        done = run("trim", "-p", str(workload.pid), "-o", "json")
        event = json.loads(done.stdout)
        self.assertEqual((done.returncode, event["outcome"], event["verdict"]), (0, "trimmed", "retained"), done.stderr)

    def test_check(self):
        """check says that all is there"""
        done = run("check", "-p", str(os.getpid()))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"watch with probes +yes")

    def test_without(self):
        """without each of them memgap says which it lacks"""
        workload = Workload(self, "hold", "--size", "8MiB", *QUIET)
        if not HAS_LINKS:
            done = run("watch", "-p", str(workload.pid), "-N", "1", capabilities=NEEDED)
            self.assertEqual((done.returncode, done.stdout), (3, ""))
            self.assertIn("before Linux 6.6 that takes CAP_SYS_ADMIN", done.stderr)
            return
        for name, message in (("bpf", "with CAP_BPF and CAP_PERFMON"), ("perfmon", "with CAP_BPF and CAP_PERFMON"),
                              ("sys_ptrace", "with CAP_SYS_PTRACE and CAP_CHECKPOINT_RESTORE"),
                              ("checkpoint_restore", "with CAP_SYS_PTRACE and CAP_CHECKPOINT_RESTORE"),
                              ("dac_read_search", "tracefs is not ours to read: run as root (sudo), or with CAP_DAC_READ_SEARCH")):
            done = run("watch", "-p", str(workload.pid), "-N", "1", "-i", "100ms", capabilities=without(name))
            self.assertEqual((done.returncode, done.stdout), (3, ""), name)
            self.assertIn(message, done.stderr, name)

    def test_paranoid(self):
        """where the kernel keeps perf events to CAP_SYS_ADMIN that is said, with the remedy"""
        workload = Workload(self, "hold", "--size", "8MiB", *QUIET)
        set_paranoid(self, 4)
        done = run("watch", "-p", str(workload.pid), "-N", "1", "-i", "100ms")
        if done.returncode:  # Debian's and Ubuntu's kernels
            self.assertEqual((done.returncode, done.stdout), (3, ""))
            self.assertIn("`sysctl kernel.perf_event_paranoid=2`", done.stderr)
            self.assertRegex(run("check").stdout, r"perf events +no: .*sysctl")
        else:
            self.assertRegex(run("check").stdout, r"perf events +yes")

    def test_without_kill(self):
        """CAP_KILL is for signals that no BPF program sends: with neither nobody is asked, with one of both it is"""
        workload = Workload(self, "retain", "--size", "48MiB", *QUIET)
        rest = [name for name in NEEDED if name not in ("kill", "bpf")]
        done = run("trim", "-p", str(workload.pid), "--force", "-o", "json", capabilities=rest)
        event = json.loads(done.stdout)
        self.assertEqual((done.returncode, event["reclaimed"]), (1, None), event)
        self.assertIn("not permitted", event["why"].lower())
        done = run("trim", "-p", str(workload.pid), "--force", "-o", "json", capabilities=[*rest, "kill"])
        self.assertEqual(json.loads(done.stdout)["outcome"], "trimmed", done.stdout + done.stderr)

    def test_nothing(self):
        """without any capability the kernel's view is shown all the same"""
        workload = Workload(self, "hold", "--size", "8MiB", *QUIET)
        done = run("watch", "-p", str(workload.pid), "-s", "none", "-N", "1", "-i", "100ms", "-o", "json", capabilities=[])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(json.loads(done.stdout)["kernel"]["rss"], 8 * MIB)


if __name__ == "__main__":
    tap.main()
