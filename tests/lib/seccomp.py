#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""seccomp.py COMMAND [ARGUMENT...]: becomes the command, under the seccomp filter that a container without added capabilities gets: the
default profile of Docker and Podman (containers/common's seccomp.json), made into a filter by libseccomp, as runc does it."""
import ctypes
import json
import os
import platform
import sys

PROFILES = ["/usr/share/containers/seccomp.json",
            "build/packages/bookworm/golang-github-containers-common/usr/share/containers/seccomp.json"]
# Docker's default capabilities
CAPABILITIES = {f"CAP_{name}" for name in ("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
                                           "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT")}
ARCHITECTURES = {"x86_64": ("amd64", "x32", "x86"), "aarch64": ("arm64", "arm")}[platform.machine()]
# seccomp.h: what an action is, and how an argument is compared
ALLOW, ERRNO = 0x7fff0000, 0x00050000
COMPARE = {"SCMP_CMP_NE": 1, "SCMP_CMP_LT": 2, "SCMP_CMP_LE": 3, "SCMP_CMP_EQ": 4, "SCMP_CMP_GE": 5, "SCMP_CMP_GT": 6}


class Comparison(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("how", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def profile():
    """The profile's file; None: it is not there."""
    return next(iter(path for path in PROFILES if os.path.exists(path)), None)


def applies(rule):
    def meets(condition, all_of):
        return ("caps" not in condition or all_of(cap in CAPABILITIES for cap in condition["caps"])) and \
               ("arches" not in condition or any(arch in ARCHITECTURES for arch in condition["arches"]))
    excluded = rule.get("excludes") or {}
    return meets(rule.get("includes") or {}, all) and not (excluded and meets(excluded, any))


def action(name, errno):
    return ALLOW if name == "SCMP_ACT_ALLOW" else ERRNO | errno


def install(path):
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    with open(path) as file:
        rules = json.load(file)
    default = action(rules["defaultAction"], rules.get("defaultErrnoRet", 1))
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(default)))
    for rule in filter(applies, rules["syscalls"]):
        comparisons = [Comparison(each["index"], COMPARE[each["op"]], each["value"], each["valueTwo"]) for each in rule.get("args") or []]
        what = action(rule["action"], rule.get("errnoRet", 1))
        for name in rule["names"]:
            number = library.seccomp_syscall_resolve_name(name.encode())
            if number != -1 and what != default:  # one that libseccomp does not know is not allowed
                result = library.seccomp_rule_add_array(context, ctypes.c_uint32(what), number, len(comparisons),
                                                        (Comparison * len(comparisons))(*comparisons))
                if result:
                    sys.exit(f"seccomp: {name}: {os.strerror(-result)}")
    if library.seccomp_load(context):
        sys.exit("seccomp: the filter cannot be loaded")


if __name__ == "__main__":
    install(profile())
    os.execv(sys.argv[1], sys.argv[1:])
