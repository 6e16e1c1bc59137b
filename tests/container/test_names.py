#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The names of real containers, from their engine's API, from its files, and their ids from their cgroups' paths."""
import os
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import BUILT  # noqa: E402

ENGINE = "tests/container/engine"
READER = f"{BUILT}/tests/container/names"
IMAGE = "docker.io/library/debian:bookworm-slim"
PREFIX = f"memgap-names-{os.getpid()}"


def engine(*arguments, check=True):
    run = subprocess.run([ENGINE, *arguments], capture_output=True, text=True, timeout=60)
    if check and run.returncode:
        raise RuntimeError(f"engine {' '.join(arguments)}: {run.stderr}")
    return run.stdout.strip()


def is_podman():
    return engine("--show").startswith("podman")


def names(root, *sockets):
    """What runtime_names_read() finds: a dictionary by id of (name, image), and its note."""
    run = subprocess.run([READER, "--show", root, *sockets], capture_output=True, text=True, timeout=30, check=True)
    rows = [line.split("\t") for line in run.stdout.splitlines()]
    return {row[0]: (row[1], row[4]) for row in rows}, run.stderr


class NamesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run(["tests/container/base-image.sh"], check=True, timeout=600, stdout=subprocess.DEVNULL)

    def start(self, name, *flags):
        """A container that sleeps; its id."""
        self.addCleanup(engine, "rm", "-f", "-t", "0", f"{PREFIX}-{name}", check=False)
        return engine("run", "-d", "--name", f"{PREFIX}-{name}", "--network=none", *flags, IMAGE, "sleep", "600")

    def socket(self):
        """Docker's daemon has one; Podman has no daemon, so that its API is started."""
        if not is_podman():
            return "/var/run/docker.sock"
        directory = tempfile.TemporaryDirectory()
        path = f"{directory.name}/podman.sock"
        service = subprocess.Popen([ENGINE, "system", "service", "--time=0", f"unix://{path}"], stderr=subprocess.PIPE, text=True)
        self.addCleanup(directory.cleanup)
        self.addCleanup(service.communicate)
        self.addCleanup(service.terminate)
        deadline = time.monotonic() + 30
        while not os.path.exists(path):
            self.assertIsNone(service.poll(), "the service has ended")
            self.assertLess(time.monotonic(), deadline, "the service has no socket")
            time.sleep(0.1)
        return path

    def test_names_from_the_api(self):
        """the engine's API names a running container and its image, and no stopped one"""
        running, stopped = self.start("running"), self.start("stopped")
        engine("stop", "-t", "0", f"{PREFIX}-stopped")
        found, note = names("/nonexistent", self.socket())
        self.assertEqual(note, "")
        self.assertEqual(found[running], (f"{PREFIX}-running", IMAGE))
        self.assertNotIn(stopped, found)

    def test_names_from_files(self):
        """without its API, Podman's files name containers that stay and those that go when they end"""
        if not is_podman():
            self.skipTest("Docker's files are not read")
        stays, goes = self.start("stays"), self.start("goes", "--rm")
        found, note = names("/")
        self.assertEqual(note, "")
        self.assertEqual(found[stays], (f"{PREFIX}-stays", IMAGE))
        self.assertEqual(found[goes], (f"{PREFIX}-goes", IMAGE))

    def test_id_from_the_cgroup(self):
        """the path of a container's cgroup has its id, and its monitor's is no container's"""
        container = self.start("cgroup")
        pid = engine("inspect", "--format", "{{.State.Pid}}", f"{PREFIX}-cgroup")
        self.assertEqual(self.containers_of(pid), {container})
        if is_podman():
            with open(f"/proc/{pid}/stat") as stat:
                conmon = stat.read().rpartition(")")[2].split()[1]
            with open(f"/proc/{conmon}/comm") as comm:
                self.assertEqual(comm.read().strip(), "conmon")
            self.assertEqual(self.containers_of(conmon), {""})

    def containers_of(self, pid):
        """The ids in the paths of the hierarchies that may have the memory controller."""
        with open(f"/proc/{pid}/cgroup") as file:
            lines = [line.strip().split(":", 2) for line in file]
        paths = [path for _, controllers, path in lines if not controllers or "memory" in controllers.split(",")]
        self.assertTrue(paths)
        return {subprocess.run([READER, "--parse", path], capture_output=True, text=True, timeout=30, check=True).stdout.strip()
                for path in paths}


if __name__ == "__main__":
    tap.main()
