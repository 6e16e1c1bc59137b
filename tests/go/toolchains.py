# SPDX-License-Identifier: GPL-2.0-only
"""Go of several Debian releases, unpacked (packages.sh), and the workload built with each in several ways; cached in build/go."""
import glob
import os
import platform
import re
import shutil
import subprocess

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
KINDS = {"normal": [], "stripped": STRIPPED, "pie": PIE, "stripped-pie": PIE + STRIPPED, "cgo": C, "stripped-cgo": C + STRIPPED,
         "stripped-cgo-pie": C + PIE + STRIPPED}


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
        self.why = None if platform.machine() == "x86_64" else "packages are those of amd64"
        if not self.why and name == "newest":
            self.why = packages(self.suite, "golang-go")
            self.version = name if self.why else newest(self.suite)
        if not self.why:
            self.why = packages(self.suite, f"golang-{self.version}-go", f"golang-{self.version}-src")
        if not self.why:
            unpack(self.suite, self.version)

    def build(self, kind):
        """The workload, built anew when its sources have changed."""
        path = os.path.abspath(f"build/go/workload-{self.version}-{kind}")
        if os.path.exists(path) and os.path.getmtime(path) >= max(map(os.path.getmtime, SOURCES)):
            return path
        root = os.path.abspath(f"build/go/{self.version}")
        environment = {**os.environ, "GOROOT": root, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOPROXY": "off",
                       "GOTELEMETRY": "off", "GOPATH": os.path.abspath("build/go/path"),
                       "GOCACHE": os.path.abspath(f"build/go/cache-{self.version}"),
                       "CGO_ENABLED": "1" if "cgo" in kind else "0"}
        run = subprocess.run([f"{root}/bin/go", "build", "-buildvcs=false", *KINDS[kind], "-o", f"{path}.part", "."],
                             cwd="workload/go", env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             timeout=300)
        if run.returncode:
            raise AssertionError(f"go {self.version} {kind}: {run.stderr}")
        os.rename(f"{path}.part", path)
        return path
