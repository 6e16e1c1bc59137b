#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The manual page and the completions know what memgap's own help knows."""
import glob
import os
import re
import shlex
import subprocess
import sys
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import MEMGAP, Program, memory_hierarchy, read  # noqa: E402

BASH = "deploy/completion/memgap.bash"
ZSH = "deploy/completion/_memgap"
MANUAL = "docs/memgap.1.scd"
ENVIRONMENT = {**os.environ, "PATH": f"{os.path.dirname(MEMGAP)}:{os.environ['PATH']}"}


def usage(*arguments):
    run = subprocess.run([MEMGAP, *arguments], capture_output=True, text=True, timeout=10)
    return run.stdout if run.returncode == 0 else ""


SUBCOMMANDS = re.findall(r"^  (\w+) ", usage("help"), re.M)
WITH_OPTIONS = [name for name in SUBCOMMANDS if usage(name, "--help") and name != "help"]


def options_of(subcommand):
    """[("-o", "--format", "line|json"), …]: the short one, and the value, may be missing."""
    return re.findall(r"^ +(?:(-\w), )?(--[a-z][a-z-]*)(?: (\S+))?(?=$|\s{1,})", usage(subcommand, "--help"), re.M)


def complete(line):
    """What bash offers at the end of the line."""
    script = f'. {BASH}; COMP_LINE=$1 COMP_POINT=${{#1}}; _memgap; printf "%s\\n" "${{COMPREPLY[@]}}"'
    run = subprocess.run(["bash", "-c", script, "bash", line], env=ENVIRONMENT, capture_output=True, text=True, timeout=20)
    if run.stderr:
        raise AssertionError(run.stderr)
    return run.stdout.split()


def zsh():
    """Debian's own, unpacked and not installed."""
    path = "build/packages/bookworm/zsh/bin/zsh"
    if not os.path.exists(path):
        subprocess.run(["tests/packages.sh", "bookworm", "zsh"], check=True, timeout=300)
    return os.path.abspath(path)


def manual_section(subcommand):
    return re.search(rf"^# {subcommand.upper()}\n(.*?)(?=^# |\Z)", read(MANUAL), re.M | re.S)[1]


class CompletionTest(unittest.TestCase):
    def test_subcommands(self):
        """bash offers every subcommand"""
        self.assertGreaterEqual(len(WITH_OPTIONS), 4)
        self.assertEqual(sorted(complete("memgap ")), sorted([*SUBCOMMANDS, "--version"]))
        self.assertEqual(complete("memgap wat"), ["watch"])

    def test_options(self):
        """bash offers every option of every subcommand"""
        for subcommand in WITH_OPTIONS:
            options = options_of(subcommand)
            wanted = sorted({name for short, long, _ in options for name in (short, long) if name})
            self.assertIn("--help", wanted)
            self.assertEqual(sorted(set(complete(f"memgap {subcommand} -"))), wanted, subcommand)
        self.assertEqual(complete("memgap watch -a --rec"), ["--record"])

    def test_words(self):
        """bash offers the words that an option takes"""
        for line, words in (("memgap watch -o ", "line table json"), ("memgap watch --format=j", "json"), ("memgap trim -o ", "line json"),
                            ("memgap watch -s ", "auto probe heap go none"), ("memgap watch --per ", "process cgroup"),
                            ("memgap watch -p 1 --trim-at r", "rss:"), ("memgap trim --trim-with signal:R", "RTMIN+2"),
                            ("memgap watch --trim-with a", "auto"), ("memgap report READ", "README.md"), ("memgap report x -o READ", "README.md"),
                            ("memgap watch --log docs/so", "docs/sources.md"), ("memgap watch -i ", "")):
            self.assertEqual(complete(line), words.split(), line)
        self.assertIn("bash", complete("memgap watch -- bas"))

    def test_targets(self):
        """bash offers processes by number and by name, several of them, and cgroups"""
        program = Program(self, "bash", "-c", "printf mg-complete >/proc/self/comm; echo ready; read -r _; :", stdin=subprocess.PIPE)
        program.line()
        self.assertEqual(complete("memgap watch -p mg-comp"), [str(program.pid)])
        self.assertEqual(complete("memgap watch -p 1,mg-comp"), [f"1,{program.pid}"])
        self.assertIn(str(program.pid), complete(f"memgap watch -p {str(program.pid)[:-1]}"))
        directory = f"{memory_hierarchy()}/mg-complete-{os.getpid()}"
        os.mkdir(directory)
        self.addCleanup(os.rmdir, directory)
        self.assertEqual(complete("memgap watch -c mg-complete-"), [os.path.basename(directory)])
        self.assertEqual(complete(f"memgap watch -c {directory[:-1]}"), [directory])

    def test_zsh(self):
        """zsh takes its file, which offers every option with what it takes"""
        self.assertEqual(subprocess.run([zsh(), "-fn", ZSH], capture_output=True, timeout=20).stderr, b"")
        modules, = glob.glob("build/packages/bookworm/zsh/usr/lib/*/zsh/*/")
        # its modules are not where it was built to look for them
        script = f"module_path={shlex.quote(os.path.abspath(modules))}; " '_arguments() { shift 2; print -rl -- "$@" }; _describe() { print -rl -- ${(P)2} }; words=("${@[2,-1]}"); CURRENT=$#words; . $1'
        for subcommand in WITH_OPTIONS:
            run = subprocess.run([zsh(), "-fc", script, "zsh", os.path.abspath(ZSH), "memgap", subcommand, ""], env=ENVIRONMENT, capture_output=True,
                                 text=True, timeout=20)
            self.assertEqual(run.stderr, "")
            for short, long, value in options_of(subcommand):
                for name in filter(None, (short, long)):
                    self.assertRegex(run.stdout, rf"(?m)^(\(.*\))?{name}[=+]?\[.*\]{':' if value else '$'}", subcommand)
            if subcommand == "watch":
                self.assertIn(":(line table json)", run.stdout)
        run = subprocess.run([zsh(), "-fc", script, "zsh", os.path.abspath(ZSH), "memgap", ""], env=ENVIRONMENT, capture_output=True, text=True,
                             timeout=20)
        self.assertEqual(sorted(line.split(":")[0] for line in run.stdout.split("\n") if line), sorted([*SUBCOMMANDS, "--version"]))

    def test_manual(self):
        """the manual page has every option of every subcommand in its section, and none that it has not"""
        for subcommand in WITH_OPTIONS:
            section = manual_section(subcommand)
            # what several subcommands have is in a section of its own, if the section says so
            for shared in re.findall(r"see \*([A-Z ]+)\*", section):
                section += manual_section(shared)
            there = set(re.findall(r"^\*(?:(?:-\w)\*, \*)?(--[a-z-]+)\*", section, re.M))
            wanted = {long for _, long, _ in options_of(subcommand)}
            # the targets' section has one that trim and check do not take, and theirs say so
            self.assertEqual(there - ({"--all"} if "(but no *-a*)" in section else set()), wanted, subcommand)
            for short, long, _ in options_of(subcommand):
                self.assertTrue(not short or f"*{short}*, *{long}*" in section, (subcommand, short))

    def test_manual_reads(self):
        """the manual page is one that man shows without a complaint"""
        run = subprocess.run(["make", "--no-print-directory", "man"], capture_output=True, text=True, timeout=60)
        self.assertEqual(run.returncode, 0, run.stderr)
        shown = subprocess.run(["groff", "-t", "-man", "-ww", "-Tutf8", "-P-c", "build/memgap.1"], capture_output=True, text=True, timeout=60)
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        for heading in "NAME", "SYNOPSIS", "WATCH", "EXIT STATUS", "FILES", "EXAMPLES":
            self.assertRegex(re.sub(".\b", "", shown.stdout), rf"(?m)^{heading}$")


if __name__ == "__main__":
    tap.main()
