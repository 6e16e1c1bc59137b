#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""memgap in a container with exactly the privileges of deploy/: capabilities, seccomp profile, a root that cannot be written."""
import json
import os
import re
import socket
import subprocess
import sys
import unittest
import urllib.request

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import MIB, QUIET, Program, Workload, read, wait_for  # noqa: E402

ENGINE = "tests/container/engine"
IMAGE = os.environ.get("MEMGAP_IMAGE", "memgap")


def flags(namespace, deployed="kubernetes/sidecar.yaml", profile=os.path.abspath("deploy/seccomp/memgap.json"), network="none"):
    """With the capabilities of a file in deploy/."""
    added = re.findall(r"^ +- ([A-Z_]+)$", read(f"deploy/{deployed}"), re.M)
    # on cgroup v1 every controller is a mount of its own
    mounts = ["/sys/fs/cgroup", "/sys/kernel/tracing"] + [path for path in ["/sys/fs/cgroup/memory"] if os.path.isdir(path)]
    return ["run", "--rm", f"--network={network}", "--pid=host", f"--cgroupns={namespace}", "--read-only", "--security-opt=no-new-privileges",
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

    def test_serve(self):
        """serve -a, which the DaemonSet starts, has a host's process in its metrics"""
        workload = Workload(self, "hold", "--size", "8MiB", *QUIET)
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        serve = Program(self, ENGINE, *flags("host", deployed="kubernetes/daemonset.yaml", network="host"), IMAGE, "serve", "-a", "--per", "process",
                        "-i", "200ms", "--listen", f"127.0.0.1:{port}")

        def alloc():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                    found = re.search(rf'^memgap_alloc_bytes\{{.*pid="{workload.pid}".*\}} (\S+)$', answer.read().decode(), re.M)
            except OSError:
                return None
            return found and float(found[1])
        self.assertGreaterEqual(wait_for(alloc, "it is there with what it has allocated", 40), 8 * MIB)
        serve.stop()
        self.assertEqual(serve.end(), 0, serve.stderr())

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
