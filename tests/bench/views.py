# SPDX-License-Identifier: GPL-2.0-only
"""
What it costs a program to be read from outside, and to be probed within a bound: the CPU time that its own unit of work takes, with memgap
at work and with memgap stopped, or not there, in turns.
"""
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, "tests/go")
from memgap import Program, Watch, wait_for  # noqa: E402
from report import median  # noqa: E402
from subject import Refused, Scope  # noqa: E402
from toolchains import Toolchain  # noqa: E402

WORKS = os.path.abspath("build/tests/programs/works")
READER, TARGET = (os.path.abspath(f"build/tests/heap/{name}") for name in ("reader", "target"))
A_MILLION = "700"  # rounds of works between two pairs: about a million of them a second
SETTLED_S = 2      # what the governor has to find out how much there is


class Asked(Program):
    """A program that answers each line."""

    def ask(self, text="", end="\n"):
        self.process.stdin.write(f"{text}{end}".encode())
        self.process.stdin.flush()
        return self.line(60)


def cpu_seconds(pid):
    """clock_getcpuclockid(3)"""
    return time.clock_gettime(~pid << 3 | 2)


class Subject:
    """A program and what it counts."""

    def __init__(self, program, count):
        self.program, self.count = program, count

    def cost(self, seconds):
        """CPU time of a unit, over so long."""
        done, cpu = self.count(), cpu_seconds(self.program.pid)
        time.sleep(seconds)
        return (cpu_seconds(self.program.pid) - cpu) / (self.count() - done)


def start_pairs(scope, work):
    program = Asked(scope, WORKS, work, stdin=subprocess.PIPE)
    return Subject(program, lambda: json.loads(program.ask())["pairs"])


def start_go(scope):
    toolchain = Toolchain("1.19")
    if toolchain.why:
        raise Refused(toolchain.why)
    # one core is memgap's: what is measured is not that they want the same
    program = Asked(scope, toolchain.build("normal"), "-truth", stdin=subprocess.PIPE, env={**os.environ, "GOMAXPROCS": "1"})
    program.ask("loop")
    return Subject(program, lambda: json.loads(program.ask())["total_alloc"])


def read_from_outside(scope, subject, source, rounds, seconds):
    """Ratios: memgap reads in one half of each round, and is stopped in the other."""
    watch = Watch(scope, "-s", source, "-p", str(subject.program.pid), "-N", "1000", interval="200ms", stdout=subprocess.DEVNULL)
    time.sleep(1)
    ratios = []
    for i in range(rounds):
        costs = {}
        for number in (signal.SIGSTOP, signal.SIGCONT) if i % 2 else (signal.SIGCONT, signal.SIGSTOP):
            watch.stop(number)
            costs[number] = subject.cost(seconds)
        ratios.append(costs[signal.SIGCONT] / costs[signal.SIGSTOP])
    watch.stop(signal.SIGCONT)
    return ratios


def probed(scope, subject, options, rounds, seconds):
    """Ratios: with memgap, once it has settled, to without, before and after."""
    ratios = []
    before = subject.cost(seconds)
    for _ in range(rounds):
        watch = Watch(scope, "-p", str(subject.program.pid), *options, interval="1s", stdout=subprocess.DEVNULL)
        wait_for(lambda: options or "taken away" in watch.stderr(), "probes taken away")
        time.sleep(SETTLED_S)
        during = subject.cost(seconds)
        watch.kill()
        time.sleep(0.2)
        after = subject.cost(seconds)
        ratios.append(2 * during / (before + after))
        before = after
    return ratios


def walk(scope, rounds):
    """ms of a walk for each resident MiB of glibc's heap, full of small blocks."""
    target = Asked(scope, TARGET, "1", stdin=subprocess.PIPE)
    for _ in range(20):
        target.ask("a", end="")
    reader = Asked(scope, READER, str(target.pid), stdin=subprocess.PIPE)
    reader.line()
    found = []
    for _ in range(rounds):
        view = json.loads(reader.ask("read"))
        if view["result"]:
            raise Refused(view["why"])
        found.append(view["ms"] / (view["resident"] / (1 << 20)))
    return found


def measure(quick, say):
    """{what: median, or None}, and {what: why not}"""
    rounds, seconds = (4, 0.3) if quick else (20, 0.5)
    steps = {
        "heap: pair loop, read / not": lambda scope: read_from_outside(scope, start_pairs(scope, "0"), "heap", rounds, seconds),
        "go: allocation loop, read / not": lambda scope: read_from_outside(scope, start_go(scope), "go", 2 * rounds, seconds),
        "auto: a million pairs/s, with / without": lambda scope: probed(scope, start_pairs(scope, A_MILLION), [], 1 if quick else 3, 4),
        "probe: a million pairs/s, with / without":
            lambda scope: probed(scope, start_pairs(scope, A_MILLION), ["-s", "probe"], 1, 2),
        "walk, ms for a resident MiB": lambda scope: walk(scope, rounds),
    }
    found, reasons = {}, {}
    for name, step in steps.items():
        say(name)
        try:
            with Scope() as scope:
                found[name] = median(step(scope))
        except (Refused, AssertionError, OSError) as error:
            found[name], reasons[name] = None, str(error)
    return found, reasons
