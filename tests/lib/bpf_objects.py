# SPDX-License-Identifier: GPL-2.0-only
"""The BPF programs, links and maps that a process holds, and which of them the kernel still has when it has ended."""
import ctypes
import os
import platform
import re

from memgap import read

LIBC = ctypes.CDLL(None)


class NextId(ctypes.Structure):
    _fields_ = [("start", ctypes.c_uint32), ("next", ctypes.c_uint32), ("flags", ctypes.c_uint32)]


# BPF_PROG_GET_NEXT_ID and its like; the number of bpf(2)
COMMANDS = {"prog": 11, "map": 12, "link": 31}
BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]


def bpf_objects(pid):
    """The BPF programs, links and maps that a process holds: (kind, id)."""
    found = set()
    try:
        fds = os.listdir(f"/proc/{pid}/fdinfo")
    except OSError:
        return found  # it has ended
    for fd in fds:
        try:
            found |= set(re.findall(r"^(prog|link|map)_id:\t(\d+)$", read(f"/proc/{pid}/fdinfo/{fd}"), re.M))
        except OSError:
            pass  # it is closed, or has ended
    return {(kind, int(number)) for kind, number in found}


def bpf_left(objects):
    """Those of the objects that the kernel still has. Not by `bpftool list`, which opens each: a map of programs that is opened
    while it is being freed is never freed (prog_array_map_clear() in kernel/bpf/arraymap.c takes two references for one work)."""
    left = set()
    for kind in {kind for kind, _ in objects}:
        attr = NextId()
        while not LIBC.syscall(BPF, COMMANDS[kind], ctypes.byref(attr), ctypes.sizeof(attr)):
            attr.start = attr.next
            left.add((kind, attr.next))
    return left & objects
