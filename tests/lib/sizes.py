# SPDX-License-Identifier: GPL-2.0-only
"""Sizes as memgap writes them in its sentences ("1.5 MiB"), compared with numbers of bytes."""
import re

UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def sizes_in(text):
    """Of each size in a text: bytes, and by how many it may have been rounded."""
    found = []
    for number, unit in re.findall(r"(-?\d+(?:\.\d)?) (B|[KMG]iB)\b", text):
        rounded = UNITS[unit] * (0.05 if "." in number else 0.5) if unit != "B" else 0
        found.append((float(number) * UNITS[unit], rounded))
    return found


def agrees(size, truth, percent=0.0, slack=0):
    """Whether a size is the true number of bytes, but for its rounding, a part of the truth, and some bytes."""
    value, rounded = size
    return abs(value - truth) <= rounded + abs(truth) * percent / 100 + slack
