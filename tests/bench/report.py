# SPDX-License-Identifier: GPL-2.0-only
"""From the rounds to a table, and the goals beside what was measured. What is not known is None, and `-` in the table."""
import statistics

from scale import ONE_CGROUP
from subject import ALLOCATORS

MIB = 1 << 20
OTHERS = ALLOCATORS[1:]
MEMORY_GOAL_MIB, CPU_GOAL_PERCENT, PROCESSES = 64, 5, 1000
CORES_BUSY = 1.3  # untraced, two threads on two idle cores take what one takes


def median(values):
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def ratio(over, under):
    """The median of the ratios within each round: what the machine did meanwhile is in both."""
    return median([a / b for a, b in zip(over, under) if a is not None and b is not None])


def least_ratio(over, under):
    """The ratio of the least ones: two threads need two idle cores, and most rounds on a busy machine have not got them."""
    return min(over) / min(under) if over and under else None


def two_threads(tools):
    """memgap's; None when even the untraced program had not two cores for itself."""
    untraced = least_ratio(tools["untraced"].two, tools["untraced"].one)
    if untraced is None or untraced > CORES_BUSY:
        return None
    return least_ratio(tools["memgap"].two, tools["memgap"].one)


class Rounds:
    """Of one allocator and one tool: ns per pair with one thread and with two, by rounds, or why there are none."""

    def __init__(self):
        self.one, self.two, self.reason = [], [], None

    def as_json(self):
        return {"ns_per_pair": median(self.one), "ns_per_pair_two_threads": median(self.two),
                "two_threads_to_one": least_ratio(self.two, self.one), "rounds_ns": self.one, "rounds_two_threads_ns": self.two,
                "reason": self.reason}


def goal(name, measured, limit, unit="", at_least=False):
    met = None if measured is None else measured >= limit if at_least else measured <= limit
    return {"goal": name, "limit": limit, "at_least": at_least, "unit": unit, "measured": measured, "met": met}


VIEW_GOALS = {"heap: pair loop, read / not": 1.01, "go: allocation loop, read / not": 1.01,
              "auto: a million pairs/s, with / without": 1.05, "walk, ms for a resident MiB": 0.5}


def goals(pairs, attach_ms, scale, views):
    """pairs: {allocator: {tool: Rounds}}; scale: see scale.py."""
    many = next((row for row in scale if row["processes"] == PROCESSES and row["how"] == ONE_CGROUP), {})
    found = []
    for allocator in ALLOCATORS:
        tools = pairs[allocator]
        found.append(goal(f"{allocator}: memgap / floor", ratio(tools["memgap"].one, tools["floor"].one),
                          1.10 if allocator == "glibc" else 1.30))
    found.append(goal("glibc: memleak / memgap", ratio(pairs["glibc"]["memleak"].one, pairs["glibc"]["memgap"].one), 13,
                      at_least=True))
    for allocator in OTHERS:
        tools = pairs[allocator]
        found.append(goal(f"{allocator}: first-byte / memgap", ratio(tools["first_byte"].one, tools["memgap"].one), 25,
                          at_least=True))
    for allocator in ALLOCATORS:
        found.append(goal(f"{allocator}: memgap, two threads / one", two_threads(pairs[allocator]), 1.2))
    return found + [goal("attach to a running process", attach_ms, 50, "ms"),
                    goal("1,000 processes: CPU", many.get("cpu_percent_of_a_core"), CPU_GOAL_PERCENT, "% of a core"),
                    goal("1,000 processes: RSS", in_mib(many.get("rss_bytes")), MEMORY_GOAL_MIB, "MiB"),
                    *(goal(name, views.get(name), limit) for name, limit in VIEW_GOALS.items())]


def figure(value, digits=None):
    if value is None:
        return "-"
    if digits is None:
        digits = 0 if abs(value) >= 100 else 1
    return f"{value:,.{digits}f}"


def in_mib(size):
    return None if size is None else size / MIB


def row(label, cells):
    print(f"{label:<36}" + "".join(f"{cell:>13}" for cell in cells))


def print_pairs(pairs, labels, rounds, runs):
    of = f"the median of {rounds} rounds" if rounds > 1 else "one round"
    print(f"\nns per malloc/free pair: {of}, in each round the least of {runs} runs\n")
    row("", ALLOCATORS)
    for tool, label in labels.items():
        row(label, [figure(median(pairs[allocator][tool].one)) for allocator in ALLOCATORS])
    print("\nns per pair of each of two threads, to that of one thread: the least of all rounds\n")
    for tool, label in labels.items():
        if any(pairs[allocator][tool].two for allocator in ALLOCATORS):
            row(label, [figure(least_ratio(pairs[allocator][tool].two, pairs[allocator][tool].one), 2)
                        for allocator in ALLOCATORS])
    print(f"\n(where the untraced one is above {CORES_BUSY}, the machine had no two cores to spare: no goal is judged by it)")
    print_reasons(pairs, labels)


def print_reasons(pairs, labels):
    """Why something is not measured, each reason once."""
    of = {}
    for allocator, tools in pairs.items():
        for tool, rounds in tools.items():
            if rounds.reason:
                of.setdefault((allocator, rounds.reason), []).append(labels[tool])
    for (allocator, reason), names in of.items():
        print(f"not measured on {allocator}: {'; '.join(names)}: {reason}")


def print_attach(attach):
    print("\ntime to attach to a running process, in ms (medians)\n")
    row("floor: three kinds of probes", [figure(attach["floor_ms"])])
    row("memgap: the same", [figure(attach["memgap_ms"])])
    row("memgap: from its start until then", [figure(attach["memgap_from_start_ms"])])
    if attach["reason"]:
        print(f"not measured: {attach['reason']}")


def print_scale(scale):
    print("\nmemgap itself, with idle processes and a line a second for each cgroup or pid\n")
    print(f"{'processes':<22}" + "".join(f"{head:>13}" for head in (
        "% of a core", "CPU ticks", "in s", "RSS MiB", "maps MiB", "first line s", "to end s")))
    for r in scale:
        cells = (figure(r["cpu_percent_of_a_core"], 2), figure(r["cpu_ticks"], 0), figure(r["window_s"], 1),
                 figure(in_mib(r["rss_bytes"]), 1), figure(in_mib(r["bpf_maps_bytes"]), 1),
                 figure(r["first_line_s"], 2), figure(r["end_s"], 2))
        print(f"{r['processes']:,} ({r['how']})".ljust(22) + "".join(f"{cell:>13}" for cell in cells))
        if r["reason"]:
            print(f"  not measured: {r['reason']}")
        elif r["processes_seen"] != r["processes"]:
            print(f"  (it saw {r['processes_seen']:,} of them)")


def growth(scale):
    """From the least to the most processes in one cgroup: what each one more takes."""
    rows = [r for r in scale if r["how"] == ONE_CGROUP and not r["reason"]]
    if len(rows) < 2:
        return None
    few, many = rows[0], rows[-1]
    n = many["processes"] - few["processes"]
    return {"rss_bytes_per_process": (many["rss_bytes"] - few["rss_bytes"]) / n,
            "cpu_percent_of_a_core_per_1000_processes":
                1000 * (many["cpu_percent_of_a_core"] - few["cpu_percent_of_a_core"]) / n}


def print_growth(scale):
    grows = growth(scale)
    if grows:
        print(f"\neach process more takes {grows['rss_bytes_per_process']:,.0f} bytes of RSS; each 1,000 more "
              f"{grows['cpu_percent_of_a_core_per_1000_processes']:.2f} % of a core")


def print_views(views, reasons):
    print("\nread from outside, and within a bound: ratios of the CPU time of a program's own work (medians)\n")
    for name, value in views.items():
        print(f"{name:<44}{figure(value, 3):>13}" + (f"   not measured: {reasons[name]}" if name in reasons else ""))


def print_goals(found):
    print("\ngoals\n")
    for g in found:
        wanted = f"{'>=' if g['at_least'] else '<='} {figure(g['limit'], 2)} {g['unit']}"
        verdict = {None: "not measured", True: "met", False: "MISSED"}[g["met"]]
        print(f"{g['goal']:<42}{figure(g['measured'], 3 if g['limit'] < 1.1 else 2):>9}   {wanted:<22}{verdict}")
    n = sum(g["met"] is True for g in found)
    print(f"\n{n} of {len(found)} met")
