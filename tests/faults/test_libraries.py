#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A call for memory of a library that memgap uses fails, libc's own among them, or all memory from then on: memgap says so or carries on."""
import collections
import random
import re
import signal
import sys

sys.path.insert(0, "tests/faults")
import faults  # noqa: E402
import scenarios  # noqa: E402
from scenarios import SIZE  # noqa: E402

LIBRARY = 1 << 62  # see faulty.c
# Those that die of it themselves (libtasn1 4.19 writes to what it was not given, in a handshake, too; ncurses 6.4 reads it), end the program with a
# line of their own, or take it for a bad certificate or key. That leaves no more behind than a memgap that is killed, and what is left is looked at.
OWN_DEATHS = {"--tls-key": r"(?m)^died in \S*/lib(gnutls|tasn1|nettle|hogweed|gmp)\.so", "top": r"(?m)^died in \S*/lib(ncursesw|tinfo)\.so"}
OWN_ENDS = {"--tls-key": (2, "in PEM format"), "top": (1, '(?m)^"\\?", line 0, col 0: Out of memory$')}


class Libraries(scenarios.Scenarios):
    tried_places = set()
    ends = collections.Counter()

    @staticmethod
    def calls_of_libraries(called):
        return [call for call in called if call & LIBRARY]

    def faults_of(self, called):
        """The first call of each place that no scenario before came to, and some others; these with all that come after, too."""
        calls = self.calls_of_libraries(called)
        first = {calls.index(place) + 1 for place in set(calls) - self.tried_places}
        self.tried_places.update(calls)
        others = random.sample(range(1, len(calls) + 1), min(len(calls), max(1, round(SIZE))))
        yield from (f"libraries:{n}" for n in sorted(first | set(others)))
        yield from (f"libraries:{n}+" for n in others)

    def what_failed(self, called):
        return f"no memory for one of {len(self.calls_of_libraries(called))} calls of libraries"

    def is_own(self, run, what):
        """The library has ended it."""
        if -run.returncode in (signal.SIGSEGV, signal.SIGABRT) and (death := re.search(OWN_DEATHS[what], run.stderr)):
            self.ends[f"{death[1]} died"] += 1
        elif run.returncode == OWN_ENDS[what][0] and (end := re.search(OWN_ENDS[what][1], run.stderr)):
            self.ends[end[0]] += 1
        else:
            return False
        return True

    def check_run(self, run, arguments, note):
        if not any(what in arguments and self.is_own(run, what) for what in OWN_ENDS):
            super().check_run(run, arguments, note)


if __name__ == "__main__":
    try:
        faults.main()
    finally:
        print(f"# ended by a library itself: {', '.join(f'{n} ({what})' for what, n in Libraries.ends.items()) or 'none'}")
