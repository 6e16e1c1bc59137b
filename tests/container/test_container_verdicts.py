#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Containers with a memory limit, watched by name: who is meant, and the verdict on each."""
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import MEMGAP, MIB  # noqa: E402

ENGINE = "tests/container/engine"
IMAGE = "docker.io/library/debian:bookworm-slim"
PREFIX = f"memgap-verdicts-{os.getpid()}"
SECONDS = 30
LIMIT = 320 * MIB
PATTERNS = {"hold": "in-use", "leak": "growing", "retain": "retained", "frag": "pinned", "untouched": "untouched", "cache": "cache"}

# with the host's /usr, so that it has the programs that are installed there
PROGRAMS = {
    "python-small": (["python3", "-c", "import time; held = [str(i) * 3 for i in range(1000000)]; time.sleep(600)"], "other-anon"),
    "python-large": (["python3", "-c", "import time; held = [b'x' * (100000 + i) for i in range(1000)]; time.sleep(600)"], "in-use"),
    "perl-drops": (["perl", "-e", '{ my @held = map { "x" x 10000 } 1..10000; $last = "y" x 10000; } sleep 600'], "retained"),
}


def engine(*arguments, check=True):
    run = subprocess.run([ENGINE, *arguments], capture_output=True, text=True, timeout=60)
    if check and run.returncode:
        raise RuntimeError(f"engine {' '.join(arguments)}: {run.stderr}")
    return run.stdout.strip()


class Containers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run(["make", "--no-print-directory", "images"], check=True, timeout=800, stdout=subprocess.DEVNULL)

    def start(self, name, *arguments, limit=LIMIT):
        """A container with this name after the prefix; its id."""
        self.addCleanup(engine, "rm", "-f", "-t", "0", f"{PREFIX}-{name}", check=False)
        return engine("run", "-d", "--name", f"{PREFIX}-{name}", "--network=none", "--memory", str(limit), *arguments)

    def sleeper(self, name):
        return self.start(name, IMAGE, "sleep", "600")

    def judge(self, verdicts, command):
        """Reads memgap's lines until each container has had its verdict."""
        memgap = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(memgap.communicate)
        self.addCleanup(memgap.kill)
        missing, last = dict(verdicts), {}
        while missing:
            text = memgap.stdout.readline()
            self.assertTrue(text, f"memgap has ended; not judged so: {missing}; last: {last}; {memgap.stderr.read() if not text else ''}")
            sample = json.loads(text)
            name = (sample["target"]["container"] or "").removeprefix(f"{PREFIX}-")
            if name not in verdicts:
                continue
            last[name] = sample["gap"]
            self.assertEqual(sample["kernel"]["cgroup"]["limit"], LIMIT)
            if missing.get(name) == sample["gap"]["verdict"]:
                self.assertLessEqual(sample["elapsed_s"], SECONDS)
                del missing[name]

    def options(self, names):
        return [word for name in names for word in ("-n", f"{PREFIX}-{name}")] + ["-o", "json", "-N", str(SECONDS)]

    def test_patterns(self):
        """a sidecar finds six containers by name, and the verdict on each within 30 s"""
        for pattern in PATTERNS:
            self.start(pattern, "memgap-workload", pattern)
        self.addCleanup(engine, "rm", "-f", "-t", "0", f"{PREFIX}-sidecar", check=False)
        self.judge(PATTERNS, [ENGINE, "sidecar", "--rm", "--name", f"{PREFIX}-sidecar", "--network=none",
                              "-v", "/:/host:ro", "memgap", "watch",
                              *self.options(PATTERNS)])

    def test_programs(self):
        """python3 and perl in containers: the verdict on each within 30 s, from the host"""
        for name, (command, _) in PROGRAMS.items():
            self.start(name, "-v", "/usr:/usr:ro", IMAGE, *command)
        verdicts = {name: verdict for name, (_, verdict) in PROGRAMS.items()}
        self.judge(verdicts, [MEMGAP, "watch", *self.options(PROGRAMS)])

    def watch(self, *arguments):
        return subprocess.run([MEMGAP, "watch", "-o", "json", "-N", "1", "-i", "100ms", *arguments], capture_output=True, text=True,
                              timeout=60)

    def test_by_name_and_id(self):
        """a name, a whole id and a few of its digits mean the same container; its name is in the line"""
        container = self.sleeper("web")
        for wanted in f"{PREFIX}-web", container, container[:12], container[:7]:
            run = self.watch("-n", wanted)
            self.assertEqual(run.returncode, 0, run.stderr)
            target = json.loads(run.stdout)["target"]
            self.assertEqual(target["container"], f"{PREFIX}-web")
            self.assertIn(container, target["cgroup"])

    def test_check(self):
        """memgap check finds a container by name too"""
        self.sleeper("checked")
        run = subprocess.run([MEMGAP, "check", "-n", f"{PREFIX}-checked"], capture_output=True, text=True, timeout=60)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertRegex(run.stdout, r"(?m)^Process \d+ \(sleep\)$")

    def test_ambiguous(self):
        """a beginning that two ids share is refused: both are listed"""
        ids, names = {}, 0
        while True:  # 17 of them share a first digit
            container = self.sleeper(f"twin{names}")
            if container[0] in ids:
                break
            ids[container[0]] = (container, f"twin{names}")
            names += 1
        other, other_name = ids[container[0]]
        run = self.watch("-n", container[0])
        self.assertEqual((run.returncode, run.stdout), (4, ""))
        for text in container[:12], other[:12], f"{PREFIX}-twin{names}", f"{PREFIX}-{other_name}":
            self.assertIn(text, run.stderr)

    def test_unknown(self):
        """a name that is none: those that run are listed"""
        container = self.sleeper("only")
        run = self.watch("-n", f"{PREFIX}-nobody")
        self.assertEqual((run.returncode, run.stdout), (4, ""))
        self.assertIn(f"{PREFIX}-only ({container[:12]})", run.stderr)

    def test_stopped(self):
        """a stopped container is not there"""
        self.sleeper("stopped")
        engine("stop", "-t", "0", f"{PREFIX}-stopped")
        self.assertEqual(self.watch("-n", f"{PREFIX}-stopped").returncode, 4)

    def test_all(self):
        """--all: a container that is started meanwhile comes with its name, and goes"""
        memgap = subprocess.Popen([MEMGAP, "watch", "--all", "-o", "json", "-i", "200ms"], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        self.addCleanup(memgap.communicate)
        self.addCleanup(memgap.kill)
        json.loads(memgap.stdout.readline())
        self.sleeper("late")
        self.wait_for_name(memgap, True)
        engine("rm", "-f", "-t", "0", f"{PREFIX}-late")
        self.wait_for_name(memgap, False)

    def wait_for_name(self, memgap, present):
        """Until an interval's lines have the name, or have it not."""
        seen, names, deadline = None, set(), time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            sample = json.loads(memgap.stdout.readline())
            if sample["target"]["cgroup"] == "/" or sample["target"]["cgroup"] == seen:
                if (f"{PREFIX}-late" in names) == present and names:
                    return
                names = set()
            seen = seen or sample["target"]["cgroup"]
            names.add(sample["target"]["container"])
        self.fail(f"present is not {present} in {SECONDS} s")

    def test_hanging_engine(self):
        """an engine that does not answer delays the start by a second, and no line"""
        container = self.sleeper("slow")
        with tempfile.TemporaryDirectory() as directory:
            server = subprocess.Popen([sys.executable, "-c", "import socket, sys, time\n"
                                       "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print(1, flush=True)\n"
                                       "time.sleep(600)", f"{directory}/socket"], stdout=subprocess.PIPE)
            self.addCleanup(server.communicate)
            self.addCleanup(server.kill)
            server.stdout.readline()
            began = time.monotonic()
            run = self.watch("--runtime-socket", f"{directory}/socket", "-n", container[:12])
            self.assertLess(time.monotonic() - began, 6)
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertEqual(json.loads(run.stdout)["elapsed_s"] < 1, True)


if __name__ == "__main__":
    tap.main()
