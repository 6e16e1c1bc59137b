#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""make install and uninstall, and make deb: what is there afterwards, and that it runs."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402

FILES = {"bin/memgap": 0o755, "lib/libmemgap-trim.so": 0o755, "lib/libmemgap-trim.a": 0o644, "include/memgap-trim.h": 0o644,
         "share/man/man1/memgap.1": 0o644, "share/bash-completion/completions/memgap": 0o644, "share/zsh/site-functions/_memgap": 0o644,
         "lib/systemd/system/memgap.service": 0o644, "share/doc/memgap/copyright": 0o644}

PLAIN = ["SANITIZE=", "COVERAGE="]  # what is installed has neither, whatever the tests run with


def make(*arguments):
    run = subprocess.run(["make", "--no-print-directory", *PLAIN, *arguments], capture_output=True, text=True, timeout=600)
    if run.returncode:
        raise AssertionError(run.stdout + run.stderr)
    return run.stdout


def files_below(root):
    """{path: permissions}"""
    paths = (f"{directory}/{name}" for directory, _, names in os.walk(root) for name in names)
    return {os.path.relpath(path, root): os.lstat(path).st_mode & 0o7777 for path in paths}


def output(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, **options).stdout


def version():
    return output("build/memgap", "--version")


class InstallTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = directory.name

    def test_install(self):
        """what is installed is complete and runs, and uninstall leaves nothing of it, nor takes anything else"""
        prefix = "/opt/memgap"
        os.makedirs(f"{self.root}{prefix}/bin")
        with open(f"{self.root}{prefix}/bin/other", "w"):
            pass
        make("install", f"DESTDIR={self.root}", f"PREFIX={prefix}")
        there = files_below(self.root + prefix)
        self.assertEqual({path: mode for path, mode in there.items() if path != "bin/other"}, FILES)
        self.assertEqual(output(f"{self.root}{prefix}/bin/memgap", "--version"), version())
        output("/bin/true", env={"LD_PRELOAD": f"{self.root}{prefix}/lib/libmemgap-trim.so"})
        with open(f"{self.root}{prefix}/lib/systemd/system/memgap.service") as file:
            self.assertIn(f"ExecStart={prefix}/bin/memgap serve", file.read())
        make("uninstall", f"DESTDIR={self.root}", f"PREFIX={prefix}")
        self.assertEqual(list(files_below(self.root)), ["opt/memgap/bin/other"])

    def test_default_prefix(self):
        """without PREFIX it is /usr/local"""
        make("install", f"DESTDIR={self.root}")
        self.assertEqual(files_below(f"{self.root}/usr/local"), FILES)
        self.assertEqual(os.listdir(self.root), ["usr"])

    def test_deb(self):
        """the package has what install has, the right dependencies, and runs where it is unpacked"""
        make("deb")
        packages = glob.glob("build/deb/*.deb")
        self.assertEqual(len(packages), 1)
        subprocess.run(["dpkg-deb", "-x", packages[0], self.root], check=True, timeout=60)
        libraries = "lib/" + output("dpkg-architecture", "-qDEB_HOST_MULTIARCH").strip()
        wanted = {path.replace("lib/libmemgap", f"{libraries}/libmemgap").replace("memgap.1", "memgap.1.gz").replace("site-functions", "vendor-completions")
                  for path in FILES}
        there = set(files_below(f"{self.root}/usr"))
        self.assertLessEqual(wanted, there)
        self.assertEqual({path for path in there - wanted if not path.startswith(("share/doc/memgap/", "share/lintian/"))}, set())
        self.assertEqual(output(f"{self.root}/usr/bin/memgap", "--version"), version())
        for library in "libbpf1", "libelf1", "libzstd1", "libjansson4", "libzydis", "libc6":
            self.assertRegex(output("dpkg-deb", "-f", packages[0], "Depends"), rf"\b{library}\S* ?\(>=")
        number = output("dpkg-deb", "-f", packages[0], "Version").strip()
        self.assertRegex(number, r"\A\d+\.\d[\w.+~]*\Z")
        sums = subprocess.run(["md5sum", "-c", "--quiet", "-"], input=output("dpkg-deb", "-I", packages[0], "md5sums"), cwd=self.root,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual((sums.returncode, sums.stdout), (0, ""))
        self.assertEqual(set(re.findall(r" (\w+)/\w+ ", output("dpkg-deb", "-c", packages[0]))), {"root"})

    def test_lintian(self):
        """lintian has nothing to say of the package"""
        if not shutil.which("lintian"):
            self.skipTest("lintian is not installed: tests/deps.sh has it on Debian 12")
        make("deb")
        lintian = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", *glob.glob("build/deb/*.deb")], capture_output=True, text=True,
                                 timeout=300)
        self.assertEqual((lintian.returncode, lintian.stdout), (0, ""))

    def test_version(self):
        """the version is git's; of a source without git that of the file VERSION"""
        for name in "Makefile", "VERSION", *glob.glob("tests/*.mk"):
            os.makedirs(os.path.dirname(f"{self.root}/{name}"), exist_ok=True)
            shutil.copy(name, f"{self.root}/{name}")
        ask = ["make", "-s", "--eval", "version: ; @echo $(VERSION)", "version"]
        with open("VERSION") as file:
            self.assertEqual(output(*ask, cwd=self.root), file.read())
        for command in (["init", "-q"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "x"],
                        ["-c", "user.name=a", "-c", "user.email=a@b", "tag", "-a", "v1.2.3", "-m", "x"]):
            subprocess.run(["git", *command], cwd=self.root, check=True, timeout=20)
        self.assertEqual(output(*ask, cwd=self.root), "v1.2.3\n")


if __name__ == "__main__":
    tap.main()
