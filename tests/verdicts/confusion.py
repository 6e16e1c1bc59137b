#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""How often the verdict is right: randomly chosen runs of the workload's patterns, of random size, with random noise, each in a
cgroup of its own, watched late; what memgap says of each after 30 s. Prints the confusion table, and each run that was wrong.
Root, from the top of the repository: `make verdicts`, or confusion.py [RUNS [SEED]]."""
import collections
import json
import os
import random
import subprocess
import sys
import time
import unittest

sys.path.insert(0, "tests/lib")
from memgap import MEMGAP, MIB, WORKLOAD, Cgroup  # noqa: E402

AT_ONCE = 20
SECONDS = 30
GOAL = 0.95
VERDICTS = ["in-use", "growing", "retained", "pinned", "cache", "other-anon", "untouched", "unknown"]


def size(low, high):
    return random.randint(low, high) * MIB


def noise(most):
    """Sometimes none."""
    return random.choice([0, random.randint(1, most)])


# Of each: the right verdict; the workload's options; and noise, as much as leaves the verdict right: a fifth of what a program
# holds, or less than 4 MiB, is no large gap when the noise is low and its room stays; so little beside what
# is untouched, too; a leak's noise is less than its rise.
def hold():
    held = size(16, 128)
    return "in-use", ["hold", "--size", str(held), "--blocks", str(random.randint(1, 5000))], noise(held // 5)


def churn():
    return "in-use", ["churn", "--rate", str(random.randint(1000, 20000)), "--threads", str(random.randint(1, 3))], noise(3 * MIB)


def leak():
    rate = random.uniform(0.5, 4) * MIB
    interval = random.randint(50, 1000)
    return ("growing", ["leak", "--size", str(int(rate * interval / 1000)), "--interval", f"{interval}ms"],
            noise(int(rate * SECONDS / 6)))


def retain():
    held = size(32, 192)
    return "retained", ["retain", "--size", str(held)], noise(held // 10)


def frag():
    held = size(32, 128)
    return "pinned", ["frag", "--size", str(held)], noise(held // 10)


def untouched():
    held = size(32, 512)
    return "untouched", ["untouched", "--size", str(held)], noise(8 * MIB)


def cache():
    return "cache", ["cache", "--size", str(size(64, 160)), "--interval", "2s"], noise(8 * MIB)


KINDS = [hold, churn, leak, retain, frag, untouched, cache]


class Run:
    def __init__(self, case, number):
        self.right, self.arguments, noise_bytes = random.choice(KINDS)()
        if noise_bytes:
            self.arguments += ["--noise", str(noise_bytes), "--seed", str(random.randint(1, 10**6))]
        if "--interval" not in self.arguments:
            self.arguments += ["--interval", f"{random.randint(200, 2000)}ms"]
        self.cgroup = Cgroup(case, f"run{number}")
        self.process = subprocess.Popen([WORKLOAD, *self.arguments], stdout=subprocess.DEVNULL, preexec_fn=self.cgroup.enter,
                                        env={**os.environ, "TMPDIR": os.path.abspath("build")})
        self.verdict = self.why = None

    def end(self):
        self.process.kill()
        self.process.wait()


def watch(runs, how):
    """Lets memgap judge all of them; the last line of each counts."""
    targets = {"late, by pid": ["--per", "cgroup", "-p", ",".join(str(run.process.pid) for run in runs)],
               "late, by cgroup": [word for run in runs for word in ("-c", run.cgroup.path)],
               "--all": ["--all"]}[how]
    lines = subprocess.run([MEMGAP, "watch", "-o", "json", "-N", str(SECONDS), *targets], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=SECONDS * 3).stdout.splitlines()
    last = {sample["target"]["cgroup"]: sample["gap"] for sample in map(json.loads, lines) if "gap" in sample}
    grew = {sample["target"]["cgroup"] for sample in map(json.loads, lines) if sample.get("gap", {}).get("verdict") == "growing"}
    for run in runs:
        gap = last.get(run.cgroup.path)
        run.grew = run.cgroup.path in grew
        run.verdict, run.why = (gap["verdict"], gap["why"]) if gap else ("unknown", "no line")


def batch(how, n, number):
    case = unittest.TestCase()
    runs = [Run(case, number + i) for i in range(n)]
    try:
        time.sleep(2)  # they start, as programs that were there long before
        watch(runs, how)
    finally:
        for run in runs:
            run.end()
        case.doCleanups()
    for run in runs:
        if run.verdict != run.right:
            print(f"wrong ({how}): {run.verdict}, not {run.right}: workload {' '.join(run.arguments)}: {run.why}", flush=True)
    return runs


def print_table(runs):
    counts = collections.Counter((run.right, run.verdict) for run in runs)
    print(f"{'is, said':<12}" + "".join(f"{verdict:>11}" for verdict in VERDICTS))
    for right in VERDICTS:
        if any(counts[right, verdict] for verdict in VERDICTS):
            print(f"{right:<12}" + "".join(f"{counts[right, verdict] or '.':>11}" for verdict in VERDICTS))


def main():
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**6)
    random.seed(seed)
    print(f"{total} runs, seed {seed}", flush=True)
    runs = []
    while len(runs) < total:
        how = ["late, by pid", "late, by cgroup", "--all"][len(runs) // AT_ONCE % 3]
        runs += batch(how, min(AT_ONCE, total - len(runs)), len(runs))
    print_table(runs)
    right = sum(run.verdict == run.right for run in runs)
    steady = sum(run.verdict == "growing" and run.right != "growing" for run in runs)
    ever = sum(run.grew and run.right != "growing" for run in runs)
    print(f"{right} of {total} right ({100 * right / total:.1f} %), goal {100 * GOAL:.0f} %; {steady} steady ones said to grow, goal 0 "
          f"({ever} in any line of the {SECONDS} s)")
    return 0 if right >= GOAL * total and not steady else 1


if __name__ == "__main__":
    sys.exit(main())
