#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""memgap in a container with exactly the privileges of deploy/: capabilities, seccomp profile, a root that cannot be written."""
import json
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import MIB, QUIET, Workload, read  # noqa: E402

ENGINE = "tests/container/engine"
IMAGE = os.environ.get("MEMGAP_IMAGE", "memgap")


def flags(namespace, deployed="kubernetes/sidecar.yaml", profile=os.path.abspath("deploy/seccomp/memgap.json")):
    """With the capabilities of a file in deploy/."""
    added = re.findall(r"^ +- ([A-Z_]+)$", read(f"deploy/{deployed}"), re.M)
    # on cgroup v1 every controller is a mount of its own
    mounts = ["/sys/fs/cgroup", "/sys/kernel/tracing"] + [path for path in ["/sys/fs/cgroup/memory"] if os.path.isdir(path)]
    return ["run", "--rm", "--network=none", "--pid=host", f"--cgroupns={namespace}", "--read-only", "--security-opt=no-new-privileges",
            f"--security-opt=seccomp={profile}", "--cap-drop=ALL", *(f"--cap-add={name}" for name in added),
            *(argument for path in mounts for argument in ("-v", f"{path}:{path}:ro"))]


def run(*arguments, namespace="host", **options):
    return subprocess.run([ENGINE, *flags(namespace, **options), IMAGE, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60)


class LeastPrivilegesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if IMAGE == "memgap":
            subprocess.run(["make", "--no-print-directory", "images"], check=True, timeout=800, stdout=subprocess.DEVNULL)

    def test_probes_and_trim(self):
        """a process of the host is probed, its heap looked into, and trimmed, whatever cgroup namespace the container has"""
        for namespace in "host", "private":
            workload = Workload(self, "retain", "--size", "48MiB", *QUIET)
            done = run("watch", "-p", str(workload.pid), "-N", "30", "-i", "100ms", "-o", "json", "--trim-at", "trimmable:16MiB", namespace=namespace)
            lines = [json.loads(line) for line in done.stdout.splitlines()]
            self.assertEqual(done.returncode, 0, done.stderr)
            events = [line for line in lines if line.get("event") == "trim"]
            self.assertEqual([(event["outcome"], event["pids"]) for event in events], [("trimmed", [workload.pid])])
            self.assertGreater(events[0]["reclaimed"], 40 * MIB)
            self.assertEqual(lines[-1]["allocator"]["source"], "probe")

    def test_all(self):
        """-a, as the DaemonSet has it, sees the host's cgroups and looks into heaps"""
        workload = Workload(self, "hold", "--size", "8MiB", *QUIET)
        for namespace in "host", "private":
            done = run("watch", "-a", "--per", "process", "-N", "20", "-i", "100ms", "-o", "json", namespace=namespace,
                       deployed="kubernetes/daemonset.yaml")
            self.assertEqual(done.returncode, 0, done.stderr)
            lines = [line for line in map(json.loads, done.stdout.splitlines()) if line["target"]["pid"] == workload.pid]
            self.assertEqual(lines[-1]["allocator"]["source"], "heap")

    def test_check(self):
        """check says that all is there"""
        done = run("check", "-p", str(os.getpid()))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"watch with probes +yes")

    def test_profile_without_bpf(self):
        """a seccomp profile that knows no bpf() is named"""
        profile = json.loads(read("deploy/seccomp/memgap.json"))
        profile["syscalls"][0]["names"].remove("bpf")
        path = f"/tmp/memgap-test-{os.getpid()}.json"
        self.addCleanup(os.unlink, path)
        with open(path, "w") as file:
            json.dump(profile, file)
        workload = Workload(self, "hold", "--size", "8MiB", *QUIET)
        done = run("watch", "-p", str(workload.pid), "-N", "1", profile=path)
        self.assertEqual(done.returncode, 3)
        self.assertIn("seccomp profile that lets bpf() through", done.stderr)


if __name__ == "__main__":
    tap.main()
