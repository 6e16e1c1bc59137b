#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What lcov wrote (a tracefile on stdin, see geninfo(1)): lines that ran, by folder of user/ and in all, and the files of which few did."""
import os
import sys
from collections import defaultdict

FEW = 0.6
files, path = defaultdict(lambda: [0, 0]), None  # lines that ran, lines
for line in sys.stdin:
    key, _, value = line.strip().partition(":")
    if key == "SF":
        path = os.path.relpath(value)
    elif key == "LH":
        files[path][0] += int(value)
    elif key == "LF":
        files[path][1] += int(value)

folders = defaultdict(lambda: [0, 0])
for path, counts in files.items():
    for name in os.path.dirname(path), "in all":
        folders[name] = [a + b for a, b in zip(folders[name], counts)]
if not folders["in all"][1]:
    sys.exit("no lines: nothing was built with COVERAGE=1, or nothing of it has run")

print(f"{'lines of user/ that ran':<36}{'ran':>8}{'of':>8}{'%':>8}")
for name, (ran, lines) in sorted(folders.items(), key=lambda item: (item[0] == "in all", item[0])):
    print(f"{name:<36}{ran:>8}{lines:>8}{100 * ran / lines:>8.1f}")
few = {path: counts for path, counts in files.items() if counts[0] < FEW * counts[1]}
print(f"files of which less than {FEW:.0%} ran: {len(few) or 'none'}")
for path, (ran, lines) in sorted(few.items()):
    print(f"{path:<36}{ran:>8}{lines:>8}{100 * ran / lines:>8.1f}")
