#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
What memgap costs, beside an empty probe and beside other tools. Prints a table, writes build/bench.json. It measures and does
not judge: the exit status is 0 when a goal is missed. QUICK=1 in the environment: once through, coarsely.
"""
import json
import os
import platform
import signal
import sys

sys.path.insert(0, "tests/lib")
import report  # noqa: E402
import scale  # noqa: E402
import views  # noqa: E402
from subject import ALLOCATORS, RUNS, Allocator, Pairs, Refused, Scope  # noqa: E402
from tools import Bpftrace, Floor, Heaptrack, Memgap, Memleak, Untraced  # noqa: E402

QUICK = os.environ.get("QUICK", "") not in ("", "0")
ROUNDS = 1 if QUICK else 3
SECONDS = 0.12 if QUICK else 0.3  # of one measurement
SIZES = [1, 1000] if QUICK else [1, 10, 100, 1000]
WINDOW_S = 3 if QUICK else 10
MANY_CGROUPS = 0 if QUICK else 200
PIDS = 0 if QUICK else 20
ATTACHES = 3 if QUICK else 10
DEADLINE_S = 900  # of the whole; every step has its own
OUTPUT = "build/bench.json"

TOOLS = {"untraced": Untraced(), "floor": Floor("chosen", "floor: empty, memgap's places"), "memgap": Memgap(),
         "first_byte": Floor("first-byte", "empty, on first bytes"), "memleak": Memleak(), "bpftrace": Bpftrace(),
         "heaptrack": Heaptrack()}
IN_TWO_THREADS = "untraced", "floor", "memgap"


def say(what):
    """How far it is, for a person who waits."""
    if sys.stderr.isatty():
        print(f"\r\033[K{what}", end="", file=sys.stderr, flush=True)


def measure_tool(name, pairs, rounds):
    """One round; a tool that refused is not asked again."""
    if rounds.reason:
        return
    try:
        with TOOLS[name].on(pairs) as measured:
            one = measured.ns_per_pair(1, SECONDS)
            two = measured.ns_per_pair(2, SECONDS) if name in IN_TWO_THREADS else None
        rounds.one.append(one)
        if two is not None:
            rounds.two.append(two)
    except (Refused, AssertionError, OSError) as error:
        rounds.reason = str(error).replace(f"{pairs.allocator.directory}/", "")


def measure_allocator(name):
    """{tool: Rounds}. Tools take turns, there and back, so that what changes slowly changes for all."""
    found = {tool: report.Rounds() for tool in TOOLS}
    with Scope() as scope:
        allocator = Allocator(scope, name)
        if not allocator.library:
            for rounds in found.values():
                rounds.reason = "the allocator is not installed"
            return found
        pairs = Pairs(scope, allocator)
        for i in range(ROUNDS):
            for tool in list(TOOLS) if i % 2 == 0 else reversed(TOOLS):
                say(f"{name}, round {i + 1} of {ROUNDS}: {tool}")
                measure_tool(tool, pairs, found[tool])
    return found


def measure_attach():
    """Medians, in ms; what could not be measured is None."""
    floor, memgap, reason = Floor("chosen", ""), [], None
    try:
        with Scope() as scope:
            pairs = Pairs(scope, Allocator(scope, "glibc"))
            memgap = scale.attach_times(pairs, ATTACHES)
            for _ in range(ATTACHES):
                with floor.on(pairs):
                    pass
    except (Refused, AssertionError, OSError) as error:
        reason = str(error)
    return {"floor_ms": report.median(floor.attach_ms), "memgap_ms": report.median([own for own, _ in memgap]),
            "memgap_from_start_ms": report.median([whole for _, whole in memgap]), "reason": reason}


def interrupt(number, _):
    """Everything is cleaned up on the way out, once: the next Ctrl-C does not come in between."""
    for each in signal.SIGINT, signal.SIGTERM, signal.SIGALRM:
        signal.signal(each, signal.SIG_IGN)
    say("")
    sys.exit("bench: it took too long" if number == signal.SIGALRM else 128 + number)


def write(pairs, attach, rows, found, goals):
    host = {"kernel": platform.release(), "machine": platform.machine(), "cpus": os.cpu_count()}
    rounds = {allocator: {name: rounds.as_json() for name, rounds in tools.items()} for allocator, tools in pairs.items()}
    with open(OUTPUT, "w") as file:
        json.dump({"host": host, "quick": QUICK, "rounds": ROUNDS, "runs_in_a_round": RUNS, "pairs": rounds, "attach": attach,
                   "views": found, "scale": rows, "growth": report.growth(rows), "goals": goals}, file, indent=2)
        file.write("\n")


def main():
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGALRM:
        signal.signal(number, interrupt)
    signal.alarm(DEADLINE_S)
    sys.stdout.reconfigure(line_buffering=True)
    pairs = {allocator: measure_allocator(allocator) for allocator in ALLOCATORS}
    say("")
    report.print_pairs(pairs, {name: tool.label for name, tool in TOOLS.items()}, ROUNDS, RUNS)
    attach = measure_attach()
    report.print_attach(attach)
    rows = scale.measure(SIZES, MANY_CGROUPS, PIDS, WINDOW_S, say)
    report.print_scale(rows)
    report.print_growth(rows)
    found, reasons = views.measure(QUICK, say)
    say("")
    report.print_views(found, reasons)
    goals = report.goals(pairs, attach["memgap_ms"], rows, found)
    report.print_goals(goals)
    write(pairs, attach, rows, found, goals)
    print(f"\nall figures: {OUTPUT}")


if __name__ == "__main__":
    main()
