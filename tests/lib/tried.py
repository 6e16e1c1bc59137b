# SPDX-License-Identifier: GPL-2.0-only
"""The table of what was tried against memgap, and what came of it: suites print its rows as comments, tests/run.sh shows them all in the
end. A test fails by itself where a number but the first is not 0, or not what docs/SECURITY.md says that it may be."""

HEAD = "# | fault | times | harmed | left behind | lost uncounted |\n# |---|---|---|---|---|"


def say(fault, times, harmed=0, left=0, lost=0):
    print(f"{HEAD}\n# | {fault} | {times} | {harmed} | {left} | {lost} |", flush=True)
