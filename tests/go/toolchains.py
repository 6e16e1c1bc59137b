#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Go of several Debian releases, unpacked (packages.sh), and the workload built with each in several ways; cached in build/go.

toolchains.py amd64|arm64: builds the workload for the machines of tests/vm, in which there is no Go ($IN_MACHINE).
"""
import glob
import os
import platform
import re
import shutil
import subprocess
import sys

PACKAGES = "build/packages"
UNAVAILABLE = 69  # of packages.sh
SOURCES = sorted(glob.glob("workload/go/*"))
# the first that memgap knows; one of each change of what is read (see user/go/layout.c, find.c); and the newest that there is
SUITES = {"1.19": "bookworm", "1.24": "trixie", "newest": "sid"}
EVERYTHING = os.environ.get("GO_VERSIONS") == "all"
if EVERYTHING:
    SUITES = {"1.19": "bookworm", "1.21": "bookworm-backports", "1.22": "bookworm-backports", "1.23": "bookworm-backports",
              "1.24": "trixie", "1.25": "trixie-backports", "1.26": "trixie-backports", "newest": "sid"}
STRIPPED = ["-ldflags", "-s -w"]
PIE = ["-buildmode=pie"]
C = ["-tags", "c_heap"]
# of a version between two that are tested in all ways: what the other tests need, and the way that is found by calls
FEW_KINDS = "normal", "stripped", "stripped-pie", "cgo"
BUILT_BEFORE = bool(os.environ.get("IN_MACHINE"))
KINDS = {"normal": [], "stripped": STRIPPED, "pie": PIE, "stripped-pie": PIE + STRIPPED, "cgo": C, "stripped-cgo": C + STRIPPED,
         "stripped-cgo-pie": C + PIE + STRIPPED}


def kinds_of(name):
    """The ways to build with a version that are tested."""
    return FEW_KINDS if BUILT_BEFORE or name == "1.24" and not EVERYTHING else KINDS


def packages(suite, *names):
    """None, or why they cannot be had."""
    run = subprocess.run(["tests/packages.sh", suite, *names], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                         timeout=300)
    if run.returncode not in (0, UNAVAILABLE):
        raise AssertionError(f"packages.sh {suite}: exit status {run.returncode}: {run.stderr}")
    return run.stderr.strip().replace("\n", " ") if run.returncode else None


def newest(suite):
    """The version that the suite's package golang-go stands for, as it was when that was fetched."""
    with open(f"{PACKAGES}/{suite}/golang-go/.depends") as file:
        return re.search(r"golang-([\d.]+)-go", file.read())[1]


def unpack(suite, version):
    """Debian has Go in two trees that point to each other: joined, without a copy."""
    root = f"build/go/{version}"
    if os.path.isdir(root):
        return
    part = f"{root}.part"
    shutil.rmtree(part, ignore_errors=True)
    os.makedirs(part)
    code, tools = (f"{PACKAGES}/{suite}/golang-{version}-{name}/usr" for name in ("src", "go"))
    own = [path for path in glob.glob(f"{tools}/lib/go-{version}/*") if not os.path.islink(path) and not path.endswith("/pkg")]
    own_packages = [path for path in glob.glob(f"{tools}/lib/go-{version}/pkg/*") if not os.path.islink(path)]
    for sources, to in (([f"{code}/share/go-{version}/src", *own], part), (glob.glob(f"{tools}/share/go-{version}/*"), part),
                        (own_packages, f"{part}/pkg")):
        subprocess.run(["cp", "-a", "-l", "-f", *sources, to], check=True, timeout=120)
    os.rename(part, root)


class Toolchain:
    """why: why it cannot be had, or None."""

    def __init__(self, name):
        self.suite, self.version = SUITES[name], name
        self.why = None
        if BUILT_BEFORE:
            self.find_built()
            return
        if name == "newest":
            self.why = packages(self.suite, "golang-go")
            self.version = name if self.why else newest(self.suite)
        if not self.why:
            self.why = packages(self.suite, f"golang-{self.version}-go", f"golang-{self.version}-src")
        if not self.why:
            unpack(self.suite, self.version)

    def find_built(self):
        """The version of which there are programs that were built elsewhere."""
        others = [f"build/go/workload-{name}-" for name in SUITES]
        built = sorted(path for path in glob.glob("build/go/workload-*-normal")
                       if self.version != "newest" and path.startswith(f"build/go/workload-{self.version}-")
                       or self.version == "newest" and not path.startswith(tuple(others)))
        if built:
            self.version = built[-1].split("-")[1]
        else:
            self.why = f"no workload of Go {self.version} was built for {platform.machine()}"

    def build(self, kind, directory="build/go", **variables):
        """The workload, built anew when its sources have changed."""
        path = os.path.abspath(f"{directory}/workload-{self.version}-{kind}")
        if BUILT_BEFORE or os.path.exists(path) and os.path.getmtime(path) >= max(map(os.path.getmtime, SOURCES)):
            return path
        root = os.path.abspath(f"build/go/{self.version}")
        environment = {**os.environ, "GOROOT": root, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOPROXY": "off",
                       "GOTELEMETRY": "off", "GOPATH": os.path.abspath("build/go/path"),
                       "GOCACHE": os.path.abspath(f"build/go/cache-{self.version}"),
                       "CGO_ENABLED": "1" if "cgo" in kind else "0", **variables}
        run = subprocess.run([f"{root}/bin/go", "build", "-buildvcs=false", *KINDS[kind], "-o", f"{path}.part", "."],
                             cwd="workload/go", env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             timeout=300)
        if run.returncode:
            raise AssertionError(f"go {self.version} {kind}: {run.stderr}")
        os.rename(f"{path}.part", path)
        return path


def main():
    directory, variables = "build/go", {}
    if sys.argv[1] == "arm64":
        directory = "build/aarch64/go"
        variables = {"GOARCH": "arm64", "CC": f"aarch64-linux-gnu-gcc --sysroot={os.path.abspath('build/aarch64/root')}"}
    os.makedirs(directory, exist_ok=True)
    for toolchain in map(Toolchain, SUITES):
        if toolchain.why:
            print(f"Go {toolchain.version}: {toolchain.why}", file=sys.stderr)
            continue
        for kind in FEW_KINDS:
            toolchain.build(kind, directory, **variables)


if __name__ == "__main__":
    main()
