#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""At each place where memgap wants memory, a descriptor, a thread or a process, that fails once, and fails always: it says so or carries on."""
import collections
import http.client
import json
import os
import random
import re
import struct
import subprocess
import sys

sys.path.insert(0, "tests/faults")
import faults  # noqa: E402
from faults import SIZE, FaultsTest  # noqa: E402
from memgap import BUILT, MIB, Program, status_of, wait_for  # noqa: E402

FAULTY = f"{BUILT}/tests/faults/memgap"
WATCH = ["watch", "-o", "json", "-i", "20ms", "-N", "3"]
PAGES = "/metrics", "/", "/api/v1/targets", "/healthz", "/readyz", "/none"
STATUSES = 0, 1, 3, 4
MOST = round(12 * SIZE ** 3)  # faults of a command: all from FAULTS=4 on
SECONDS = 60  # within which each run ends


class Memory(FaultsTest):
    tried_places = set()  # of all scenarios

    def setUp(self):
        self.begin_in_cgroup("memory")
        self.truth = self.target.hold()
        self.pid = str(self.target.pid)

    def run_once(self, arguments, **environment):
        try:
            return subprocess.run([FAULTY, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                                  timeout=SECONDS, env={**os.environ, **environment})
        except subprocess.TimeoutExpired as expired:
            raise AssertionError(f"{environment} {' '.join(arguments)}: did not end in {SECONDS} s; stderr: {expired.stderr}") from None

    def serve_once(self, arguments, **environment):
        """As run_once(), of memgap serve: it is asked for all that there is, and told to end."""
        program = Program(self, FAULTY, *arguments, env={**os.environ, **environment})
        where = wait_for(lambda: program.process.poll() is not None or re.search(r"listening at http://(\S+):(\d+)\n", program.stderr()), "it listens")
        if where is not True:
            for path in PAGES:
                connection = http.client.HTTPConnection(where[1], int(where[2]), timeout=10)
                try:
                    connection.request("GET", path)
                    connection.getresponse().read()
                except (http.client.HTTPException, ConnectionError):
                    pass  # it had no memory for an answer
                finally:
                    connection.close()
            program.stop()
        status = program.end(SECONDS)
        run = subprocess.CompletedProcess(arguments, status, "", program.stderr())
        program.kill()
        return run

    def places(self, run, arguments):
        """Where the command asks for something, and how often."""
        log = f"{self.directory}/places"
        result = run(arguments, FAULT_LOG=log)
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(log, "rb") as file:
            found = collections.Counter(place for place, in struct.iter_unpack("=Q", file.read()))
        os.unlink(log)
        return found

    def faults_of(self, places):
        """(place, n): the first, the last and some between, and all; of the places that were tried in another scenario, some for a release."""
        for place, n in sorted(places.items()):
            if SIZE <= 1 and place in self.tried_places:
                continue
            count = min(n, round(3 * SIZE))
            yield from ((place, nth) for nth in sorted({0, 1, n} | {1 + n * i // count for i in range(count) if SIZE > 1}))

    def check_run(self, run, arguments, note):
        self.assertIn(run.returncode, STATUSES, note)
        self.assertNotIn("AddressSanitizer", run.stderr, note)
        self.assertNotIn("LeakSanitizer", run.stderr, note)
        if arguments[0] == "check" and run.stdout:
            self.assertTrue(not run.returncode or " no: " in run.stdout or run.stderr.startswith("memgap: "), note)
        elif run.returncode and '"why"' not in run.stdout:  # of a trim
            self.assertRegex(run.stderr, r"(?m)^memgap: .{10,}$", note)
        if arguments[0] == "watch" and "json" in arguments:
            self.check_lines([json.loads(line) for line in run.stdout.splitlines()], run, note)

    def check_lines(self, lines, run, note):
        """The target is held: what is known is what it was, and what is not is null."""
        self.assertTrue(lines or run.returncode, note)
        for line in lines:
            if line["target"]["pid"] == self.target.pid and "kernel" in line:
                rss = line["kernel"]["rss"]  # probes cost the target some pages
                self.assertTrue(rss is None or abs(rss - status_of(self.target.pid)["VmRSS"]) < MIB, note)
                self.assertIn(line["allocator"]["mallocs"], (None, 0), note)

    def check_all(self, *arguments, run=None, before=lambda: None):
        run = run or self.run_once
        before()
        places = self.places(run, arguments)
        faults = list(self.faults_of(places))
        faults = random.sample(faults, min(len(faults), MOST))
        self.tried_places.update(place for place, _ in faults)
        for place, nth in faults:
            before()
            fault = f"{place:x}:{nth}"
            result = run(arguments, FAULT=fault)
            note = f"FAULT={fault} {FAULTY} {' '.join(arguments)}: {result.returncode}\n{result.stdout[-1000:]}\n{result.stderr[-3000:]}"
            with self.subTest(fault):
                self.check_run(result, arguments, note)
                self.check_nothing_left(self.target)
        self.target.go()
        self.target.finish()
        name = " ".join(part for part in arguments if not part.startswith("/") and part != self.pid)
        self.tried(f"no memory, descriptor, thread or process at one of {len(places)} places: memgap {name}", len(faults))

    def test_none(self):
        """memgap watch without an allocator's view, as JSON"""
        self.check_all(*WATCH, "-s", "none", "-p", self.pid)

    def test_recording(self):
        """with a recording and a log"""
        def remove():
            for name in "recording", "log":
                if os.path.exists(f"{self.directory}/{name}"):
                    os.unlink(f"{self.directory}/{name}")
        self.check_all(*WATCH, "-s", "none", "--trim-at", "rss:1TiB", "--log", f"{self.directory}/log", "--record", f"{self.directory}/recording",
                       "-p", self.pid, before=remove)

    def test_report(self):
        """memgap report"""
        path = f"{self.directory}/recording"
        run = self.run_once([*WATCH, "-s", "none", "--record", path, "-p", self.pid])
        self.assertEqual(run.returncode, 0, run.stderr)
        self.check_all("report", path, "-o", f"{self.directory}/report.html")

    def test_heap(self):
        """memgap watch of a heap, as a table"""
        self.check_all("watch", "-o", "table", "-i", "20ms", "-N", "3", "-s", "heap", "-p", self.pid)

    def test_line(self):
        """memgap watch, as a line, of a command of its own"""
        self.check_all("watch", "-o", "line", "-i", "20ms", "-N", "3", "-s", "none", "--", "/bin/sleep", "0.1")

    def test_probe(self):
        """memgap watch with probes"""
        self.check_all(*WATCH, "-s", "probe", "-p", self.pid)

    def test_cgroup(self):
        """memgap watch of a cgroup"""
        self.check_all(*WATCH, "-c", self.cgroup.path)

    def test_trim(self):
        """memgap trim"""
        self.target.go()
        self.check_all("trim", "--force", "-o", "json", "-p", self.pid)

    def test_trims(self):
        """memgap watch with trims by a command"""
        self.check_all("watch", "-i", "20ms", "-N", "3", "-s", "none", "--trim-at", "rss:1KiB", "--trim-with", "exec:/bin/true", "--cooldown", "10ms",
                       "-p", self.pid)

    def test_late_trim(self):
        """memgap watch, as its last trim's command ends when there are no intervals any more"""
        self.check_all("watch", "-i", "20ms", "-N", "1", "-s", "none", "--trim-at", "rss:1KiB", "--trim-with", "exec:sleep 0.1", "-p", self.pid)

    def test_check(self):
        """memgap check"""
        self.check_all("check", "-p", self.pid)

    def test_serve(self):
        """memgap serve"""
        self.check_all("serve", "--listen", "127.0.0.1:0", "-i", "20ms", "-s", "none", "-p", self.pid, run=self.serve_once)


if __name__ == "__main__":
    faults.main()
