#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A containerized workload, watched and trimmed by memgap in a privileged sidecar: the images, for real."""
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402

ENGINE = "tests/container/engine"
LIMIT = 200 << 20
PREFIX = f"memgap-test-{os.getpid()}"


def engine(*arguments, timeout=60, check=True):
    run = subprocess.run([ENGINE, *arguments], capture_output=True, text=True, timeout=timeout)
    if check and run.returncode:
        raise RuntimeError(f"engine {' '.join(arguments)}: {run.stderr}")
    return run.stdout


class Container:
    """A workload container whose shell waits for go() and then becomes the workload."""

    def __init__(self, test, name, *workload):
        self.name = f"{PREFIX}-{name}"
        self.directory = tempfile.TemporaryDirectory()
        os.mkfifo(f"{self.directory.name}/go")
        command = f"read -r _ </demo/go; exec workload {' '.join(workload)}"
        test.addCleanup(self.remove)
        engine("run", "-d", "--name", self.name, "--network=none", "--memory", "200m", "--cpus", "0.5",
               "-v", f"{self.directory.name}:/demo", "--entrypoint", "sh", "memgap-workload", "-c", command)
        self.pid = int(self.state("Pid"))

    def go(self):
        with open(f"{self.directory.name}/go", "w") as fifo:
            fifo.write("go\n")

    def state(self, field):
        return engine("inspect", "--format", f"{{{{.State.{field}}}}}", self.name).strip()

    def cgroup(self):
        with open(f"/proc/{self.pid}/cgroup") as file:
            lines = [line.strip().split(":", 2) for line in file]
        paths = {controllers: path for _, controllers, path in lines}
        return next((p for c, p in paths.items() if "memory" in c.split(",")), paths.get(""))

    def truth(self):
        """The last line that `workload --truth` printed, after it has gone quiet."""
        lines = [line for line in engine("logs", self.name).splitlines() if line.startswith('{"truth"')]
        return json.loads(lines[-1])

    def remove(self):
        engine("rm", "-f", self.name, check=False)
        self.directory.cleanup()


class Sidecar:
    """memgap in a privileged container with the host's pid namespace; reads its JSON lines one by one."""

    def __init__(self, test, name, *arguments):
        self.name = f"{PREFIX}-{name}"
        test.addCleanup(self.stop)
        self.process = subprocess.Popen(
            [ENGINE, "sidecar", "--rm", "--name", self.name, "--network=none", "memgap", "watch", "-o", "json", "-i", "200ms",
             *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def lines_until(self, condition, seconds=60):
        """All lines up to the first for which condition holds."""
        lines, deadline = [], time.monotonic() + seconds
        while time.monotonic() < deadline:
            text = self.process.stdout.readline()
            if not text:
                raise RuntimeError(f"memgap has ended: {self.process.stderr.read()}")
            lines.append(json.loads(text))
            if condition(lines[-1]):
                return lines
        raise RuntimeError(f"not seen in {seconds} s; the last line was {lines[-1]}")

    def stop(self):
        engine("rm", "-f", "-t", "2", self.name, check=False)
        self.process.kill()
        self.process.communicate()


class ContainerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run(["make", "--no-print-directory", "images"], check=True, timeout=800, stdout=subprocess.DEVNULL)

    def test_alloc_is_exact(self):
        """alloc of a containerized workload is exact to the byte, next to its cgroup's limit"""
        container = Container(self, "hold", "hold", "--size", "50MiB", "--blocks", "1000", "--truth")
        # a line for the process: the counts of the cgroup would hold the shell's too
        sidecar = Sidecar(self, "watch", "-c", container.cgroup(), "--per", "process")
        sidecar.lines_until(lambda line: True)
        container.go()
        last = sidecar.lines_until(lambda line: line["allocator"]["alloc"] > 50 << 20)[-1]
        truth = container.truth()
        # the workload's signal thread costs libc one block of 280 usable bytes
        self.assertEqual(last["allocator"]["alloc"], truth["held_bytes"] + 280)
        self.assertEqual(last["allocator"]["mallocs"], truth["mallocs"] + 1)
        self.assertEqual((last["allocator"]["baseline"], last["allocator"]["missed"]), (0, 0))
        self.assertEqual(last["kernel"]["cgroup"]["limit"], LIMIT)
        self.assertGreater(last["kernel"]["cgroup"]["current"], 50 << 20)
        self.assertEqual((last["target"]["pid"], last["target"]["cgroup"]), (container.pid, container.cgroup()))

    def test_two_containers_of_one_image(self):
        """two containers share the image's libc: neither counts twice, nor for the other"""
        first = Container(self, "first", "hold", "--size", "10MiB", "--truth")
        second = Container(self, "second", "hold", "--size", "20MiB", "--truth")
        sidecar = Sidecar(self, "both", "-c", first.cgroup(), "-c", second.cgroup())
        sidecar.lines_until(lambda line: True)
        first.go()
        second.go()
        for container, size in (first, 10 << 20), (second, 20 << 20):
            cgroup = container.cgroup()
            line = sidecar.lines_until(lambda line: line["target"]["cgroup"] == cgroup and
                                       line["allocator"]["alloc"] > size)[-1]
            self.assertEqual(line["allocator"]["alloc"], container.truth()["held_bytes"] + 280)
            self.assertEqual(line["allocator"]["missed"], 0)

    def test_the_other_container_of_the_image(self):
        """of two containers that share the image's libc only one is watched: the other counts nothing and never shows up"""
        watched = Container(self, "watched", "hold", "--size", "10MiB", "--truth")
        other = Container(self, "other", "hold", "--size", "20MiB", "--truth")
        sidecar = Sidecar(self, "one", "-c", watched.cgroup(), "--per", "process")
        lines = sidecar.lines_until(lambda line: True)
        other.go()
        deadline = time.monotonic() + 30
        while '{"truth"' not in engine("logs", other.name) and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertGreater(other.truth()["held_bytes"], 20 << 20)
        lines += sidecar.lines_until(lambda line: line["elapsed_s"] > lines[-1]["elapsed_s"] + 0.5)
        self.assertLess(lines[-1]["allocator"]["alloc"], 1 << 20)  # the shell's
        watched.go()
        lines += sidecar.lines_until(lambda line: line["allocator"]["alloc"] > 10 << 20)
        self.assertEqual(lines[-1]["allocator"]["alloc"], watched.truth()["held_bytes"] + 280)
        self.assertEqual({(line["target"]["pid"], line["target"]["cgroup"]) for line in lines}, {(watched.pid, watched.cgroup())})

    def test_trim_keeps_it_alive(self):
        """trimmed past 100 MiB, the seed workload lives where it would be killed at its limit"""
        watched = Container(self, "watched", "seed", "--interval", "200ms")
        alone = Container(self, "alone", "seed", "--interval", "200ms")
        sidecar = Sidecar(self, "trim", "-c", watched.cgroup(), "--trim-at", "100MiB", "--force", "--cooldown", "1s")
        sidecar.lines_until(lambda line: True)
        watched.go()
        alone.go()
        lines = sidecar.lines_until(lambda line: (line.get("allocator") or {}).get("total_alloc", 0) > 2 * LIMIT)
        trims = [line for line in lines if line.get("event") == "trim"]
        self.assertGreaterEqual(len(trims), 2)
        for trim in trims:
            self.assertEqual(trim["outcome"], "trimmed", trim["why"])
            self.assertEqual(trim["pids"], [watched.pid])
            self.assertGreaterEqual(trim["reason"]["value"], 100 << 20)
            self.assertGreater(trim["reclaimed"], 30 << 20)
        self.assertEqual(watched.state("Status"), "running")
        engine("wait", alone.name)
        self.assertEqual(alone.state("ExitCode"), "137")

    def test_the_sidecar_leaves_nothing(self):
        """when the sidecar is killed the container goes on, and its libc is as it was"""
        container = Container(self, "churn", "churn", "--rate", "2000")
        sidecar = Sidecar(self, "killed", "-c", container.cgroup())
        sidecar.lines_until(lambda line: True)
        container.go()
        sidecar.lines_until(lambda line: line["allocator"]["mallocs"] > 1000)
        engine("kill", "-s", "KILL", sidecar.name)
        sidecar.process.wait(timeout=30)
        self.assertEqual(container.state("Status"), "running")
        self.assertTrue(self.is_unprobed(container.pid))

    def is_unprobed(self, pid, seconds=10):
        """Whether the code of libc in memory equals the file's, within a few seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with open(f"/proc/{pid}/maps") as maps:
                code = next(line.split() for line in maps if "libc.so.6" in line and "r-xp" in line)
            start, end = (int(x, 16) for x in code[0].split("-"))
            with open(f"/proc/{pid}/mem", "rb") as memory, open(f"/proc/{pid}/root{code[5]}", "rb") as file:
                memory.seek(start)
                file.seek(int(code[2], 16))
                if memory.read(end - start) == file.read(end - start):
                    return True
            time.sleep(0.1)
        return False


if __name__ == "__main__":
    tap.main()
