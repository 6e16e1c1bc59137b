#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Fuzzes each target for some seconds, two at a time, and says what that came to: fuzz.py SECONDS [TARGET...]"""
import concurrent.futures
import sys
import threading

import fuzzing

COLUMNS = "{:<14} {:>12} {:>8} {:>7} {:>7} {:>8}"
telling = threading.Lock()


def tell(target, seconds):
    try:
        result = fuzzing.fuzz(target, seconds)
    except fuzzing.Failed as failure:
        with telling:
            print(COLUMNS.format(target, "-", "-", "-", "-", 1))
            print(failure, flush=True)
        return False
    with telling:
        print(COLUMNS.format(target, result.executions, result.per_second, result.edges, result.inputs, 0), flush=True)
    return True


def main():
    seconds, targets = int(sys.argv[1]), sys.argv[2:] or fuzzing.TARGETS
    unknown = [target for target in targets if target not in fuzzing.TARGETS]
    if unknown or seconds < 1:
        print(f"no such target: {' '.join(unknown)}; there are: {' '.join(fuzzing.TARGETS)}" if unknown else "TIME=1 or more",
              file=sys.stderr)
        return 2
    print(COLUMNS.format("target", "executions", "a second", "edges", "corpus", "crashes"), flush=True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        good = list(pool.map(lambda target: tell(target, seconds), targets))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
