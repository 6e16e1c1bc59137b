#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Each place that memgap probes, proven on a copy of the library that a program of known calls runs with.

The program (caller.c) says of each call where it was made, what with, and what came of it; the probes (prover.bpf.c) say what they
saw. Both have to agree: one hit a call, with the arguments, the caller's address and the result, and the program's memory and
registers as they have to be. The libraries are those of several Debian releases (packages.sh).
"""
import glob
import gzip
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections import defaultdict, namedtuple
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import BUILT, Program, read  # noqa: E402

PROVER, CALLER = f"{BUILT}/tests/proof/prover", os.path.abspath("build/tests/proof/caller")
CALLER_OBJECT = os.path.abspath("build/tests/proof/caller.o")
PACKAGES = os.path.abspath("build/packages")
UNAVAILABLE = 69  # of packages.sh
SECONDS_TO_FETCH = 300
ENTER, RETURN, FREE, EXIT = 1, 2, 3, 4  # enum hit_kind
POSIX_MEMALIGN, CALL_FREE = 8, 14  # enum memgap_call; from CALL_FREE on there is no return probe

OTHERS = ["libc6", "libc6-dev", "libgcc-s1", "libstdc++6", "musl", "musl-dev", "libjemalloc2", "libjemalloc-dev"]
SUITES = {
    "bullseye": ["libc6", "libc6-dev"],
    "bookworm": [*OTHERS, "libtcmalloc-minimal4", "libmimalloc2.0"],
    "trixie": [*OTHERS, "libtcmalloc-minimal4t64", "libmimalloc3"],
    "sid": [*OTHERS, "libtcmalloc-minimal4t64", "libmimalloc3"],
    "experimental": ["libc6", "libc6-dev"],
}
FULL_SUITES = ("bookworm", "trixie", "sid")
# a suite, a library, the name of its file
SHARED = [
    *((suite, "glibc", "libc.so.6") for suite in SUITES),
    *((suite, library, file) for suite in FULL_SUITES for library, file in (
        ("musl", "libc.so"), ("jemalloc", "libjemalloc.so.2"), ("tcmalloc", "libtcmalloc_minimal.so.4"),
        ("mimalloc", "libmimalloc.so.2" if suite == "bookworm" else "libmimalloc.so.3"), ("libstdc++", "libstdc++.so.6"))),
]
# a suite, a library, what of its files is linked into the program; the one that is proven comes first
STATIC = [
    *((suite, "glibc", ["libc.a"]) for suite in SUITES),
    *((suite, library, files) for suite in FULL_SUITES for library, files in (
        ("musl", ["libc.a"]), ("jemalloc", ["libjemalloc.a", "libm-*.a", "libc.a"]))),
]

Site = namedtuple("Site", "names call arguments size entry entry_emulated pushed header at_return return_emulated throws")
Call = namedtuple("Call", "number name function arguments caller result block damage")
Hit = namedtuple("Hit", "kind number call offset ip sp caller arguments result block header before throws")


def fetch(suite):
    """None, or why the suite cannot be had."""
    if platform.machine() != "x86_64":
        return "places are chosen on x86-64 only"
    run = subprocess.run(["tests/packages.sh", suite, *SUITES[suite]], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                         timeout=SECONDS_TO_FETCH)
    if run.returncode not in (0, UNAVAILABLE):
        return AssertionError(f"packages.sh {suite}: exit status {run.returncode}: {run.stderr}")
    return run.stderr.strip().replace("\n", " ") if run.returncode else None


def folders(suite):
    """Where the suite's packages have their libraries."""
    return [path for pattern in ("lib/x86_64-linux-*", "usr/lib/x86_64-linux-*")
            for path in sorted(glob.glob(f"{PACKAGES}/{suite}/*/{pattern}"))]


def find(suite, file, libc):
    return next(path for folder in folders(suite) if folder.endswith(f"-{libc}") for path in glob.glob(f"{folder}/{file}"))


def version_of(suite, path):
    """The version of the package that a file is from, without Debian's part of it."""
    package = os.path.relpath(path, f"{PACKAGES}/{suite}").split("/")[0]
    with gzip.open(f"{PACKAGES}/{suite}/{package}/usr/share/doc/{package}/changelog.Debian.gz", "rt", errors="replace") as log:
        return re.match(r"\S+ \(([0-9]:)?([0-9.]+)", log.readline())[2]


def defined_functions(path):
    """The functions that a file offers, by name; a version after the name is left out."""
    table = "-D" if ".so" in path else "--extern-only"
    run = subprocess.run(["nm", table, "--defined-only", path], capture_output=True, text=True, check=True, timeout=60)
    lines = (line.split() for line in run.stdout.splitlines())
    return {line[2].partition("@")[0] for line in lines if len(line) == 3 and line[1] in "TWi"}


def callable_functions():
    """What the program can call: its symbols that need not be there."""
    run = subprocess.run(["nm", "-D", "--undefined-only", CALLER], capture_output=True, text=True, check=True, timeout=60)
    return {line.split()[-1] for line in run.stdout.splitlines()}


def parse_site(line):
    names, *numbers = line.split()[1:]
    return Site(names.split(","), *(int(number, 16) for number in numbers))


def parse_call(line):
    number, name, *rest = line.split()[1:]
    function, a, b, c, caller, result, block, damage = (int(word, 16) for word in rest)
    return Call(int(number, 16), name, function, (a, b, c), caller, result, block, damage)


def parse_hit(line):
    kind, number, call, offset, ip, sp, caller, a, b, c, *rest = (int(word, 16) for word in line.split()[1:])
    return Hit(kind, number, call, offset, ip, sp, caller, (a, b, c), *rest)


class Run:
    """The program with the library under it, once, with or without return probes; all that was called and hit."""

    def __init__(self, test, command, names, file, with_returns):
        self.with_returns = with_returns
        program = Program(test, *command, *names, stdin=subprocess.PIPE, env={"LC_ALL": "C"})
        ready = program.line()
        test.assertRegex(ready or program.stderr(), "^ready [0-9a-f]+$")
        prover = Program(test, PROVER, file, str(program.pid), ready.split()[1], "all" if with_returns else "entries",
                         stdin=subprocess.PIPE)
        self.read_prover(test, prover)
        program.process.stdin.write(b"\n")
        program.process.stdin.flush()
        self.read_program(test, program)
        self.trampoline = next((int(line.split("-")[0], 16) for line in read(f"/proc/{program.pid}/maps").splitlines()
                                if line.endswith("[uprobes]")), None)
        program.process.stdin.close()
        program.process.stdin = None
        test.assertEqual(program.end(), 0, program.stderr())
        self.read_hits(test, prover)

    def read_prover(self, test, prover):
        self.sites = []
        while (line := prover.line()) != "attached":
            test.assertIsNotNone(line, prover.stderr())
            if line.startswith("library "):
                self.library = line.partition(" memgap ")[2]
            else:
                self.sites.append(parse_site(line))

    def read_program(self, test, program):
        self.calls = []
        while not (line := program.line() or f"it died: {program.end()}").startswith("end "):
            test.assertTrue(line.startswith("call "), f"after call {len(self.calls)}: {line}")
            self.calls.append(parse_call(line))
        test.assertEqual(int(line.split()[1], 16), len(self.calls))

    def read_hits(self, test, prover):
        prover.process.stdin.close()
        prover.process.stdin = None
        self.hits = defaultdict(list)
        while not (line := prover.line()).startswith("lost "):
            hit = parse_hit(line)
            self.hits[hit.number].append(hit)
        test.assertEqual(line, "lost 0 0")
        test.assertEqual(prover.end(), 0, prover.stderr())

    def site_of(self, name):
        return next((site for site in self.sites if name in site.names), None)


def free_restarts(library):
    """Whether a thread's first free() makes its cache and then jumps to its own start: tcache_free_init() in glibc's malloc.c. None
    when the version is not known, which few programs have that glibc is linked into."""
    name, _, version = library.partition(" ")
    if name != "glibc":
        return False
    return tuple(int(part) for part in version.split(".")) >= (2, 43) if version else None


class Judge:
    """What a run should have been; collects what was not so."""

    def __init__(self, run):
        self.run = run
        self.restarts = 0 if free_restarts(run.library) is False else 1  # still to come
        self.wrong = []
        self.site = {name: run.site_of(name) for name in {call.name for call in run.calls}}
        for call in run.calls:
            for text in self.judge(call, run.hits.pop(call.number, [])):
                self.wrong.append(f"call {call.number}, {call.name}{self.show(call.arguments)}: {text}")
        if run.hits:
            self.wrong.append(f"hits in no call: {[hit for hits in run.hits.values() for hit in hits][:5]}")
        if self.restarts and free_restarts(run.library):
            self.wrong.append("the first free() did not begin anew")
        self.wrong += [f"{'/'.join(site.names)} was never called" for site in run.sites
                       if not any(name in self.site for name in site.names)]

    @staticmethod
    def show(arguments):
        return f"({', '.join(f'{argument:#x}' for argument in arguments)})"

    def judge(self, call, hits):
        if call.damage:
            yield f"registers were not preserved: bits {call.damage:#x}"
        site = self.site[call.name]
        entries, returns = [hit for hit in hits if hit.kind in (ENTER, FREE)], [hit for hit in hits if hit.kind == RETURN]
        gives_back = site.call == CALL_FREE if site else call.name.startswith(("free", "cfree", "_Zd"))
        if gives_back and not call.arguments[0] and not entries:
            return  # need not be seen
        if not entries and not (site is None and not call.result):
            yield "no hit"
        if not entries:
            return
        yield from self.judge_entry(call, site, entries[0])
        yield from self.judge_others(call, entries, gives_back)
        yield from self.judge_returns(call, site, entries, returns)
        yield from self.judge_exits(call, site, entries[0], [hit for hit in hits if hit.kind == EXIT])

    def judge_entry(self, call, site, hit):
        if site is None:  # a function that ends in a jump to another, if it does not fail before: that one is probed
            site = next((s for s in self.run.sites if (s.entry, s.call) == (hit.offset, hit.call)), None)
            if site is None:
                yield f"a hit at no known place: {hit}"
                return
        elif hit.ip - hit.offset != call.function:
            yield f"hit in another function, at {hit.ip - hit.offset:#x} rather than {call.function:#x}"
        if (hit.call, hit.offset) != (site.call, site.entry):
            yield f"the cookie is not the function's: {hit}"
        if hit.arguments[:site.arguments] != self.expected_arguments(call, site)[:site.arguments]:
            yield f"seen with {self.show(hit.arguments[:site.arguments])}"
        if hit.header != hit.before:
            yield f"the word before the block is {hit.before:#x}, seen {hit.header:#x}"
        if hit.caller != self.expected_caller(call, site):
            yield f"the caller seen at {hit.caller:#x} is at {call.caller:#x}"

    @staticmethod
    def expected_arguments(call, site):
        """A libc's reallocarray() ends in realloc()."""
        block, count, size = call.arguments
        return (block, count * size) if call.name == "reallocarray" and "realloc" in site.names else call.arguments

    def expected_caller(self, call, site):
        """A return probe before the entry's place has put its own address there by then."""
        hidden = self.run.with_returns and site.call < CALL_FREE and not site.throws and site.at_return < site.entry
        return self.run.trampoline if hidden else call.caller

    @staticmethod
    def begins_anew(entries):
        return len(entries) == 2 and len({(hit.ip, hit.sp, hit.caller, hit.arguments[0]) for hit in entries}) == 1

    def judge_others(self, call, entries, gives_back):
        """Calls that the allocator makes itself: further down the stack, or by a jump in the same place."""
        first = entries[0]
        if gives_back and self.restarts and self.begins_anew(entries):
            self.restarts -= 1
            return
        for hit in entries[1:]:
            if hit.sp > first.sp:
                yield f"a hit further up the stack: {hit}"
            if hit.sp < first.sp and hit.caller == call.caller:
                yield f"the same call seen again further down: {hit}"
            if gives_back and self.run.library.startswith(("glibc", "musl")):
                yield f"would be counted again: {hit}"

    def judge_returns(self, call, site, entries, returns):
        entered = sorted((hit.sp, hit.call) for hit in entries if hit.kind == ENTER and not hit.throws) if self.run.with_returns else []
        returned = sorted((hit.sp, hit.call) for hit in returns)
        if entered != returned:
            yield f"{len(entered)} calls and {len(returned)} returns do not belong together"
            return
        outer = [hit for hit in returns if hit.sp == entries[0].sp]
        for hit in outer:
            if hit.result != call.result:
                yield f"returned {call.result:#x}, seen {hit.result:#x}"
            if hit.ip != call.caller:
                yield f"seen to return to {hit.ip:#x}"
            if hit.block != call.block and hit.call == POSIX_MEMALIGN:
                yield f"stored {call.block:#x}, seen {hit.block:#x}"
        if outer and site and not any((hit.call, hit.offset) == (site.call, site.at_return) for hit in outer):
            yield f"none of the returns is that of the function: {outer}"


    @staticmethod
    def judge_exits(call, site, first, exits):
        """The first in the call's own place ends it, for memgap; a function that may throw has no other end."""
        own = [hit for hit in exits if hit.sp == first.sp]
        if site and site.throws and not own:
            yield "its end was not seen"
        if own and first.kind == ENTER and own[0].result != call.result:
            yield f"returned {call.result:#x}, seen {own[0].result:#x} at {own[0].ip:#x}"


def print_table(run, suite, library):
    """What was chosen; offsets from the function's start, in bytes."""
    known = callable_functions()
    for site in sorted(run.sites, key=lambda site: sorted(known.intersection(site.names))):
        names = "/".join(sorted(known.intersection(site.names), key=lambda name: (len(name), name)))
        at_return = "-" if site.call >= CALL_FREE else "RET" if site.throws else f"+{site.at_return}"
        emulated = site.entry_emulated and (site.return_emulated or site.call >= CALL_FREE) and not site.throws
        print(f"# | {suite:<12} | {library:<18} | {names:<70.70} | {f'+{site.entry}':<5} | {at_return:<6} | "
              f"{'yes' if emulated else 'no':<8} | {site.pushed:>6} | {'yes' if site.header else '-':<6} |")


class ProofTest(unittest.TestCase):
    def prove(self, prepare, suite, library, files):
        if isinstance(unavailable[suite], Exception):
            raise unavailable[suite]
        if unavailable[suite]:
            self.skipTest(unavailable[suite])
        with ThreadPoolExecutor() as executor:  # most of the time is the kernel's, waiting for probes to be gone
            _, run = executor.map(lambda with_returns: self.prove_once(*prepare(self, suite, library, files), with_returns),
                                  (False, True))
        if prepare is ProofTest.load:
            self.check_name(run.library, suite, library, files)
        print_table(run, suite, f"{run.library or library}{', static' if prepare is ProofTest.link else ''}")

    def check_name(self, name, suite, library, file):
        """memgap knows it for what it is; libstdc++ is no allocator, its operators end in malloc and free."""
        if library == "libstdc++":
            self.assertEqual(name, "")
            return
        version = version_of(suite, find(suite, file, "musl" if library == "musl" else "gnu"))
        self.assertIn(name, (f"{library} {version}", f"{library} {'.'.join(version.split('.')[:2])}"))

    def prove_once(self, file, command, with_returns):
        run = Run(self, command, sorted(defined_functions(file) & callable_functions()), file, with_returns)
        wrong = Judge(run).wrong
        if wrong:
            self.fail(f"{len(wrong)} faults in {len(run.calls)} calls, the first:\n" + "\n".join(wrong[:20]))
        return run

    def directory(self):
        path = tempfile.mkdtemp(prefix="memgap-proof-")
        self.addCleanup(shutil.rmtree, path)
        return path

    def load(self, suite, library, file):
        """A copy of the library that no other process maps, and the command that runs the program with it."""
        libc, directory = "musl" if library == "musl" else "gnu", self.directory()
        copy = f"{directory}/{file}"
        shutil.copy(find(suite, file, libc), copy)
        loader = copy if libc == "musl" else find(suite, "ld-linux-x86-64.so.2", libc)
        libraries = ":".join([directory, *(folder for folder in folders(suite) if folder.endswith(f"-{libc}"))])
        preload = "libc.so.6" if library in ("musl", "glibc") else f"{copy} libc.so.6"
        return copy, [loader, "--library-path", libraries, "--preload", preload, CALLER]

    def link(self, suite, library, files):
        """The program with the library linked into it. The C functions alone: the operators need a libstdc++ beside it."""
        libc, program = "musl" if library == "musl" else "gnu", f"{self.directory()}/static"
        start, archives = [find(suite, file, libc) for file in ("crt1.o", "crti.o")], [find(suite, file, libc) for file in files]
        offered = defined_functions(archives[0]) & callable_functions()
        wanted = [f"-Wl,-u,{name}" for name in offered if not name.startswith("_Z")]
        # gcc's library for unwinding may want more than an old libc has; it is not used
        run = subprocess.run(["gcc", "-static", "-nostdlib", "-Wl,--unresolved-symbols=ignore-all", *wanted, *start, CALLER_OBJECT,
                              "-Wl,--start-group", *archives, "-lgcc", "-lgcc_eh", "-Wl,--end-group", find(suite, "crtn.o", libc),
                              "-o", program], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        self.assertEqual(run.returncode, 0, run.stderr)
        return program, [program]


def add_tests():
    for prepare, what, cases in (ProofTest.load, "", SHARED), (ProofTest.link, " linked into a program", STATIC):
        for case in cases:
            def test(self, prepare=prepare, case=case):
                self.prove(prepare, *case)
            test.__doc__ = f"{case[1]} of {case[0]}{what}: one hit a call, with the right arguments, caller and result"
            setattr(ProofTest, f"test_{case[0]}_{case[1]}_{prepare.__name__}", test)


if __name__ == "__main__":
    add_tests()
    with ThreadPoolExecutor() as executor:
        unavailable = dict(zip(SUITES, executor.map(fetch, SUITES)))
    print(f"# | {'suite':<12} | {'library':<18} | {'function':<70} | entry | return | emulated | pushed | header |")
    tap.main()
