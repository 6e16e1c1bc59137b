# SPDX-License-Identifier: GPL-2.0-only
"""Targets with a past: an hour of a shop's services, each with another verdict."""
import math

from stand_in import MIB, name_of_cgroup, name_of_process

SECOND = 1000


def point(ms, alloc, rss, current, limit=None):
    """Bytes; the gap is what is between the two views, less a MiB that is no anonymous memory."""
    gap = None if alloc is None else rss - MIB - alloc
    return {"time_ms": ms, "alloc": alloc, "rss": rss, "current": current, "limit": limit, "gap": gap}


def series(end_ms, n, shape, limit=None):
    """A point a second, the last at end_ms; shape(i): MiB of (alloc, rss)."""
    made = []
    for i in range(n):
        alloc, rss = (None if value is None else int(value * MIB) + 4321 * (i % 7) for value in shape(i))
        made.append(point(end_ms - (n - 1 - i) * SECOND, alloc, rss, rss + 3 * MIB, limit))
    return made


def retained(i):
    """Works in bursts; what is freed stays with the allocator until a trim takes it, each 900 s."""
    base = 46 + 26 * max(0, math.sin(i / 140)) ** 2 + 3 * math.sin(i / 11)
    since = i % 900
    peak = max(72, 74 + since / 14) if since > 130 else base + 14
    return base, max(base + 8, peak)


def growing(i):
    return 20 + i / 60, 26 + i / 58


def pinned(i):
    return 12 + 2 * math.sin(i / 200), min(96, 30 + i / 30)


def steady(i):
    return 64 + math.sin(i / 30), 67 + math.sin(i / 30)


def untouched(i):
    return 120, 42 + 8 * math.sin(i / 300)


def fill(state, now_ms, n=3600):
    """The shop; returns the entries by name."""
    ids = "4f2a9c0d1b3e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8"
    entries = {
        "web": state.add(name_of_cgroup(f"/system.slice/docker-{ids}.scope", container="shop-web"), series(now_ms, n, retained, 256 * MIB),
                         "retained", "71 MiB are free in the allocator, 64 MiB of them in whole pages: a trim gives them back"),
        "queue": state.add(name_of_process(812, "queue-worker", container="shop-queue"), series(now_ms, n, growing, 128 * MIB),
                           "growing", "alloc has risen by 17 KiB a second for 20 s, and fell nowhere: a leak, or real growth"),
        "report": state.add(name_of_process(913, "python3", pod="report-0", namespace="shop"), series(now_ms, n, pinned),
                            "pinned", "82 MiB are free in the allocator, but 74 MiB of them share pages with what is in use"),
        "db": state.add(name_of_process(114, "postgres"), series(now_ms, n, steady, 4096 * MIB), "in-use", "the gap is 2 MiB, 3 % of what is resident"),
        "files": state.add(name_of_cgroup("/system.slice/files.service"), series(now_ms, n, lambda i: (1.5, 9 + i / 900)), "cache",
                           "61 MiB of 67 MiB are page cache"),
        "jvm": state.add(name_of_process(215, "java"), series(now_ms, n, untouched), "untouched", "78 MiB were asked for and never used"),
        "tool": state.add(name_of_process(316, "statictool"), series(now_ms, n, lambda i: (None, 23)), "unknown",
                          "no allocator was found in it"),
    }
    for i in range(900, n, 900):
        state.trim(entries["web"]["id"], now_ms - (n - 1 - i) * SECOND, 62 * MIB + i * 1000, 61 * MIB + i * 1100)
    return entries
