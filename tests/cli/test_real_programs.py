#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Real programs, watched from their first instruction, against a preload library that counts inside them."""
import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import MEMGAP  # noqa: E402

PRELOAD = os.path.abspath("build/tests/programs/preload_truth")

PYTHON_THREADS = """
import threading, json
def work():
    for i in range(15):
        json.loads(json.dumps({str(k): [k] * 20 for k in range(100)}))
threads = [threading.Thread(target=work) for _ in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
"""
PERL = 'my %h; for (1..20000) { $h{$_ % 500} .= "x" x ($_ % 100) } print length(join "", values %h), "\\n"'


class RealPrograms(unittest.TestCase):
    def compare(self, *command):
        with tempfile.NamedTemporaryFile() as truth_file:
            truth_file.write(bytes(32))
            truth_file.flush()
            environment = ["env", f"LD_PRELOAD={PRELOAD}", f"TRUTH_FILE={truth_file.name}", "PYTHONMALLOC=malloc"]
            run = subprocess.run([MEMGAP, "watch", "-o", "json", "-s", "probe", "--", *environment, *command],
                                 capture_output=True, text=True, timeout=120)
            with open(truth_file.name, "rb") as file:
                alloc, total_alloc, mallocs, frees = struct.unpack("4q", file.read(32))
        self.assertEqual(run.returncode, 0, run.stderr)
        lines = [line for line in run.stdout.splitlines() if line.startswith('{"schema"')]
        seen = json.loads(lines[-1])["allocator"]
        self.assertGreater(mallocs, 200, "the program hardly allocated: nothing is proven")
        self.assertEqual(seen["missed"], 0)
        self.assertEqual(seen["baseline"], 0)
        self.assertEqual((seen["mallocs"], seen["frees"], seen["total_alloc"], seen["alloc"]),
                         (mallocs, frees, total_alloc, alloc))

    def test_perl(self):
        """perl: every figure exact, to the byte"""
        self.compare("perl", "-e", PERL)

    def test_python_threads(self):
        """python3 with four threads: every figure exact, to the byte"""
        self.compare("python3", "-c", PYTHON_THREADS)

    def test_sort(self):
        """sort of a large file by two threads: every figure exact, to the byte"""
        with tempfile.NamedTemporaryFile("w") as text:
            text.writelines(f"{i * 7919 % 100003}\n" for i in range(100000))
            text.flush()
            self.compare("sort", "--parallel=2", "-S", "1M", "-o", "/dev/null", text.name)

    def test_awk(self):
        """awk: every figure exact, to the byte"""
        self.compare("awk", "BEGIN { for (i = 0; i < 5000; i++) a[i] = a[i % 100] i; print length(a[99]) }")


if __name__ == "__main__":
    tap.main()
