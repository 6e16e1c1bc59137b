# SPDX-License-Identifier: GPL-2.0-only
"""Programs that cross a threshold when they are told to, and others that keep the CPUs busy meanwhile."""
import json
import os
import subprocess

from memgap import MIB, Program

CROSSES = os.path.abspath("build/tests/programs/crosses")


def busy(test, n):
    """Loops that keep so many CPUs busy."""
    for _ in range(n):
        Program(test, "sh", "-c", "while :; do :; done")


def pid_options(programs):
    return [part for program in programs for part in ("-p", str(program.pid))]


class Crosses(Program):
    """crosses.c: crosses the threshold when it is told to."""

    def __init__(self, test, how="handler", retained=2 * MIB, held=3.6 * MIB, block=MIB / 2, threads=0, **options):
        super().__init__(test, CROSSES, how, *(str(int(n)) for n in (retained, held, block, threads)), stdin=subprocess.PIPE, **options)
        assert self.line() == "ready"
        self.how = how

    def order(self, word):
        self.process.stdin.write(f"{word}\n".encode())
        self.process.stdin.flush()
        assert self.line() == word

    def take(self, seconds=20):
        """The answer to the next signal."""
        return json.loads(self.line(seconds))
