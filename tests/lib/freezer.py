# SPDX-License-Identifier: GPL-2.0-only
"""Cgroups in which processes can be frozen."""
import os

from memgap import end_cgroup, read, wait_for


class Freezer:
    """A cgroup that processes can be frozen in: of version 2, or of the freezer of version 1."""

    @classmethod
    def all(cls, test):
        mounts = [line.split() for line in read("/proc/mounts").splitlines()]
        found = [cls(test, where, "cgroup.freeze", "1", "0") for _, where, kind, *_ in mounts if kind == "cgroup2"]
        found += [cls(test, where, "freezer.state", "FROZEN", "THAWED") for _, where, kind, options, *_ in mounts
                  if kind == "cgroup" and "freezer" in options.split(",")]
        assert found
        return found

    def __init__(self, test, mount, file, frozen, thawed):
        self.directory = f"{mount}/memgap-test-{os.getpid()}-freezer"
        self.file, self.frozen, self.thawed = file, frozen, thawed
        os.mkdir(self.directory)
        test.addCleanup(lambda: wait_for(self.is_removed, f"{self.directory} can be removed"))

    def write(self, file, text):
        with open(f"{self.directory}/{file}", "w") as control:
            control.write(text)

    def is_frozen(self):
        if self.file == "cgroup.freeze":
            return "frozen 1" in read(f"{self.directory}/cgroup.events")
        return read(f"{self.directory}/freezer.state") == "FROZEN\n"

    def freeze(self, programs):
        for program in programs:
            self.write("cgroup.procs", str(program.pid))
        self.write(self.file, self.frozen)
        wait_for(self.is_frozen, "frozen")

    def thaw(self, _):
        self.write(self.file, self.thawed)

    def is_removed(self):
        self.write(self.file, self.thawed)
        return end_cgroup(self.directory)
