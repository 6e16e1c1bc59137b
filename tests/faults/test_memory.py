#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""At each place where memgap wants memory, a descriptor, a thread or a process, that fails once, and fails always: it says so or carries on."""
import collections
import re
import subprocess
import sys

sys.path.insert(0, "tests/faults")
import faults  # noqa: E402
import scenarios  # noqa: E402
from scenarios import FAULTY, SIZE  # noqa: E402

WANTS_NOTHING, LIBRARY = 1 << 63, 1 << 62  # see faulty.c


class Memory(scenarios.Scenarios):
    tried_places = set()  # of all scenarios
    reached = set()
    not_places = set()

    def places(self, called):
        """Where the command asks for something, and how often."""
        return collections.Counter(place for place in called if not place & (WANTS_NOTHING | LIBRARY))

    def faults_of(self, called):
        """Of each place the first, the last and some between, and all; of those that were tried in another scenario, some for a release."""
        places = self.places(called)
        self.reached.update(places)
        self.not_places.update(place & ~WANTS_NOTHING for place in called if place & WANTS_NOTHING)
        for place, n in sorted(places.items()):
            if SIZE <= 1 and place in self.tried_places:
                continue
            count = min(n, round(3 * SIZE))
            yield from (f"{place:x}:{nth}" for nth in sorted({0, 1, n} | {1 + n * i // count for i in range(count) if SIZE > 1}))

    def what_failed(self, called):
        return f"no memory, descriptor, thread or process at one of {len(self.places(called))} places"

    def check_fault(self, run, arguments, fault, after):
        self.tried_places.add(int(fault.partition(":")[0], 16))
        return super().check_fault(run, arguments, fault, after)


def places_of_all():
    """Where the program calls what can be made to fail: where that returns to. Of a function that jumps there, it is where the function was called."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", FAULTY], check=True, capture_output=True, text=True).stdout
    returns, jump, function, called = collections.defaultdict(set), set(), None, None
    for line in text.splitlines():
        if begin := re.fullmatch(r"[0-9a-f]+ <(\S+)>:", line):
            function = begin[1]
        elif instruction := re.match(r" *([0-9a-f]+):\t(\w+)(?:.* <([^+>]*)>)?", line):
            if called:
                returns[called].add(int(instruction[1], 16))
            called = instruction[3] if instruction[2] in ("call", "bl") else None
            if not called and (instruction[3] or "").startswith("__wrap_"):
                jump.add(function)
    return set().union(*(places for name, places in returns.items() if name.startswith("__wrap_") or name in jump))


def tell_places():
    """How many of all places the scenarios came to, and where the others are."""
    places = places_of_all() | Memory.reached  # some of these are where a function that jumps was called by a pointer
    addresses = "".join(f"{place - 1:x}\n" for place in places)
    run = subprocess.run(["addr2line", "-f", "-s", "-e", FAULTY], input=addresses, check=True, capture_output=True, text=True)
    lines = run.stdout.splitlines()
    where = {place: f"{name} ({line.split()[0]})" for place, name, line in zip(places, lines[::2], lines[1::2])}
    no_places = {where.get(place) for place in Memory.not_places}  # of inlined functions there are copies
    places -= {place for place in places - Memory.reached if where[place] in no_places}
    missing = sorted({where[place] for place in places - Memory.reached})
    print(f"# places: {len(Memory.reached)} of {len(places)} reached; not by any scenario: {', '.join(missing)}")


if __name__ == "__main__":
    try:
        faults.main()
    finally:
        tell_places()
