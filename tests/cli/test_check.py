#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""memgap check: what it says of this host and of targets, against what other tools say of them; and how it ends."""
import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, "tests/lib")
sys.path.insert(0, "tests/go")
import tap  # noqa: E402
from memgap import (MEMGAP, QUIET, SECONDS, Cgroup, Program, Workload, code_is_intact, libc_of,  # noqa: E402
                    memory_hierarchy, own_libc, read, wait_for)
from toolchains import Toolchain  # noqa: E402

DONE, FAILED, USAGE, HOST, NO_TARGET = range(5)
THREAD_END = "__call_tls_dtors"  # glibc's: seen, not counted
FAMILY = ("malloc", "calloc", "realloc", "memalign", "aligned_alloc", "posix_memalign", "valloc", "pvalloc",
          "free")
SITE = r"\+(\d+) (emulated|single-stepped)"
FUNCTION = re.compile(rf"  (\w+) +{SITE} +(?:{SITE}|none) +(\d+) ns")
HIDE = 'for path in $HIDDEN; do [ ! -e "$path" ] || mount -t tmpfs none "$path" || exit 9; done; exec "$@"'

# a program that waits, and has nothing of libc in it
LONELY = """
%s
void _start(void)
{
	for (;;)
#if defined(__x86_64__)
		__asm__ volatile("syscall" : : "a"(34L) : "rcx", "r11", "memory"); /* pause() */
#else
		__asm__ volatile("wfe");
#endif
}
"""
GO_MARK = '__attribute__((section(".data"), aligned(16), used)) static char mark[32] = "\\xff Go buildinf:";'


def run_check(*arguments, before=(), memgap=MEMGAP, **options):
    return subprocess.run([*before, memgap, "check", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=SECONDS, **options)


def sections(text):
    """The facts below each heading; those of functions stay lines."""
    found = {}
    for block in text.split("\n\n"):
        heading, *lines = block.rstrip("\n").split("\n")
        found[heading] = [(line[2:32].rstrip(), line[33:]) if not FUNCTION.fullmatch(line) else line for line in lines]
    return found


def headings_of(text):
    return [block.split("\n")[0] for block in text.split("\n\n")]


def facts(text, heading):
    return dict(line for line in sections(text)[heading] if isinstance(line, tuple))


def nanoseconds(fact):
    return int(re.fullmatch(r"(\d+) ns( more)?", fact).group(1))


def symbols_of(path):
    """Addresses of the functions that a library exports, as readelf has them."""
    lines = subprocess.run(["readelf", "-W", "--dyn-syms", path], capture_output=True, text=True, check=True).stdout.splitlines()
    fields = [line.split() for line in lines]
    return {f[7].split("@")[0]: int(f[1], 16) for f in fields if len(f) > 7 and f[3] == "FUNC" and f[6] != "UND"}


def instructions(path, address):
    """Offset and mnemonic of the instructions of a function, as objdump has them."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", f"--start-address={address}", f"--stop-address={address + 512}",
                           path], capture_output=True, text=True, check=True).stdout
    return {int(at, 16) - address: name for at, name in re.findall(r"^ *([0-9a-f]+):\t(\S+)", text, re.MULTILINE)}


def forbid_nothing():
    """A seccomp filter that allows everything: a filter all the same."""
    class Filter(ctypes.Structure):
        _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]

    class Filters(ctypes.Structure):
        _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.POINTER(Filter))]

    allow = Filter(0x06, 0, 0, 0x7FFF0000)  # BPF_RET | BPF_K, SECCOMP_RET_ALLOW
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    # PR_SET_NO_NEW_PRIVS; PR_SET_SECCOMP, SECCOMP_MODE_FILTER
    if prctl(38, 1, 0, 0, 0) or prctl(22, 2, ctypes.byref(Filters(1, ctypes.pointer(allow)))):
        raise OSError(ctypes.get_errno(), "prctl")


class Host(unittest.TestCase):
    def test_host(self):
        """the host alone: ready, with nothing on stderr; each fact as other tools have it"""
        run = run_check()
        self.assertEqual((run.returncode, run.stderr), (DONE, ""), run.stdout)
        self.assertEqual(headings_of(run.stdout), ["Host"])
        host = facts(run.stdout, "Host")
        self.assertEqual(host["kernel"], os.uname().release)
        for name in ("may load BPF programs", "may look into any process", "BTF of the kernel", "tracefs", "uprobes",
                     "BPF programs load", "return probes under seccomp", "watch with probes"):
            self.assertEqual(host[name], "yes", name)
        self.assertTrue(host["memory cgroups"].endswith(f" at {memory_hierarchy()}"), host["memory cgroups"])
        has_v2 = any(line.split()[2] == "cgroup2" for line in read("/proc/mounts").splitlines())
        is_v1 = os.path.exists(f"{memory_hierarchy()}/memory.usage_in_bytes")
        self.assertRegex(host["memory cgroups"], r"\Ayes: hybrid, " if is_v1 and has_v2 else r"\Ayes: v1 " if is_v1 else r"\Ayes: v2 ")

    def test_cost(self):
        """what a probe's hit costs was measured: single steps cost more than emulated instructions, and nothing is free"""
        host = facts(run_check().stdout, "Host")
        emulated = nanoseconds(host["a probe's hit, emulated"])
        stepped = nanoseconds(host["a probe's hit, single-stepped"])
        self.assertGreater(emulated, 0)
        self.assertGreater(stepped, emulated)
        self.assertGreater(nanoseconds(host["a return probe"]), 0)

    def check_missing(self, names, remedy, **options):
        """The host lacks what is named; the rest is told all the same."""
        run = run_check("-p", str(os.getpid()), **options)
        self.assertEqual(run.returncode, HOST, run.stdout + run.stderr)
        host = facts(run.stdout, "Host")
        for name in names:
            self.assertRegex(host[name], rf"\Ano: .*{remedy}", name)
        self.assertRegex(host["watch with probes"], r"\Ano: .*`watch --source none`")
        for name in "BPF programs load", "a probe's hit, emulated", "a probe's hit, single-stepped", "a return probe":
            self.assertRegex(host[name], r"\A-", name)
        self.assertEqual(host["uprobes"], "yes")
        return facts(run.stdout, next(heading for heading in sections(run.stdout) if heading.startswith("Process")))

    def test_no_privilege(self):
        """a user, root without capabilities, root of a user namespace: what is missing is listed, each with its remedy"""
        names = "may load BPF programs", "may probe and trace", "may look into any process"
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o755)
            shutil.copy(MEMGAP, f"{directory}/memgap")
            for before in (["setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=-all"],
                           ["setpriv", "--bounding-set=-all", "--inh-caps=-all"], ["unshare", "-Ur"]):
                process = self.check_missing(names, "run as root", before=before, memgap=f"{directory}/memgap", cwd="/")
                self.assertRegex(process["can be probed"], r"\Ano: not permitted to look into pid \d+ .*run as root")

    def without(self, *paths):
        return {"before": ["unshare", "-m", "sh", "-c", HIDE, "sh"], "env": {**os.environ, "HIDDEN": " ".join(paths)}}

    def test_no_btf(self):
        """a kernel without BTF: what it needs to be built with; the target is described all the same"""
        process = self.check_missing(["BTF of the kernel"], "CONFIG_DEBUG_INFO_BTF", **self.without("/sys/kernel/btf"))
        self.assertEqual(process["can be probed"], "yes")

    def test_no_tracefs(self):
        """no tracefs: how to mount it; the target is described all the same"""
        process = self.check_missing(["tracefs"], "mount -t tracefs", **self.without("/sys/kernel/tracing", "/sys/kernel/debug"))
        self.assertEqual(process["can be probed"], "yes")

    def test_own_pid_namespace(self):
        """a pid namespace of its own: run it with the host's"""
        run = run_check(before=["unshare", "-pf", "--mount-proc"])
        self.assertEqual(run.returncode, HOST)
        self.assertRegex(facts(run.stdout, "Host")["the host's pid namespace"], r"\Ano: .*--pid=host")


class Process(unittest.TestCase):
    def build(self, source, *options):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        path = f"{directory.name}/program"
        subprocess.run([os.environ.get("CC", "gcc"), "-x", "c", "-", "-o", path, *options], input=source, text=True, check=True)
        return path

    def start(self, path):
        """A program without a word: it is there once the kernel has its file."""
        program = Program(self, path)
        wait_for(lambda: os.path.realpath(f"/proc/{program.pid}/exe") == os.path.realpath(path), f"{path} runs")
        return program

    def describe(self, program, status):
        run = run_check("-p", str(program.pid))
        self.assertEqual((run.returncode, run.stderr), (status, ""), run.stdout)
        comm = read(f"/proc/{program.pid}/comm").strip()
        return run.stdout, facts(run.stdout, f"Process {program.pid} ({comm})")

    def test_libc(self):
        """the libc of a process: its path and version, each function of the family, and places that are instructions"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        text, process = self.describe(target, DONE)
        path = libc_of(target.pid)[5]
        gnu_get_libc_version = ctypes.CDLL(None).gnu_get_libc_version
        gnu_get_libc_version.restype = ctypes.c_char_p
        name = f"glibc {gnu_get_libc_version().decode()}"
        heap, source = process.pop("its heap"), process.pop("source")
        self.assertEqual(process, {"seccomp filter": "no", "program": "dynamically linked", "allocator": f"{name}: {path}",
                                   "can be probed": "yes"})
        self.assertRegex(heap, r"\Ayes: glibc 2\.\d+")
        pairs = int(re.fullmatch(r"probe as long as it makes less than (\d+) pairs .*--max-overhead 5%\); then heap, and samples .*", source)[1])
        lines = sections(text)[f"Allocator {name}: {path}"]
        functions = {match.group(1): match.groups()[1:] for match in map(FUNCTION.fullmatch, lines[1:]) if match}
        self.assertEqual(len(functions), len(lines) - 1, lines)
        # 5 % of a second, by what a malloc and a free cost
        self.assertAlmostEqual(pairs * (int(functions["malloc"][-1]) + int(functions["free"][-1])), 5e7, delta=5e5)
        addresses = symbols_of(path)
        listed = {addresses[symbol] for symbol in functions}
        self.assertEqual(len(listed), len(functions), "an alias is there once")
        self.assertEqual({addresses[symbol] for symbol in FAMILY} - listed, set())
        for symbol, (*sites, cost) in functions.items():
            self.check_function(path, symbol, addresses[symbol], sites)
            self.check_cost(facts(text, "Host"), symbol, sites, int(cost))

    def check_function(self, path, symbol, address, sites):
        code = instructions(path, address)
        self.assertEqual(sites[2] is None, symbol.startswith("free") or symbol == THREAD_END, symbol)
        for offset, kind in zip(sites[::2], sites[1::2]):
            if offset is None:
                continue
            self.assertIn(int(offset), code, f"{symbol}+{offset} is not the start of an instruction")
            if os.uname().machine == "x86_64":
                self.assertEqual(kind == "emulated", bool(re.match(r"push|j", code[int(offset)])), f"{symbol}+{offset}")
            if kind == "single-stepped":
                self.assertEqual(offset, "0", symbol)

    def check_cost(self, host, symbol, sites, cost):
        hit = {kind: nanoseconds(host[f"a probe's hit, {kind}"]) for kind in ("emulated", "single-stepped")}
        expected = hit[sites[1]]
        if sites[2] is not None:
            expected += nanoseconds(host["a return probe"]) + (hit[sites[3]] if sites[2] != sites[0] else 0)
        self.assertEqual(cost, expected, symbol)

    def test_nothing_attached(self):
        """the target's code is untouched, all the time that it is looked at"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET, env=own_libc(self))
        check = Program(self, MEMGAP, "check", "-p", str(target.pid))
        looks = 0
        while check.process.poll() is None:
            self.assertTrue(code_is_intact(target.pid))
            looks += 1
        self.assertEqual(check.end(), DONE, check.stderr())
        self.assertGreater(looks, 3)

    def test_seccomp(self):
        """a process under a seccomp filter is said to be so"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET, preexec_fn=forbid_nothing)
        _, process = self.describe(target, DONE)
        self.assertEqual(process["seccomp filter"], "yes: return probes survive it on this kernel")

    def refused(self, program, kind, reason, status=FAILED, source="none"):
        """Nothing in it can be probed: check says why, and watch the same, if it is asked to. What can be read of it all the same is said."""
        _, process = self.describe(program, status)
        self.assertEqual(process["program"], kind)
        self.assertRegex(process["can be probed"], rf"\Ano: {reason}")
        self.assertRegex(process["source"], rf"\A{source}: ")
        for target in ["-p", str(program.pid)], ["--", program.process.args[0]]:
            watch = subprocess.run([MEMGAP, "watch", "-s", "probe", *target], capture_output=True, text=True, timeout=SECONDS)
            self.assertEqual((watch.returncode, watch.stdout), (FAILED, ""))
            self.assertRegex(watch.stderr, rf"\Amemgap: nothing to probe in .*: {reason}.*\n\Z")
        watch = subprocess.run([MEMGAP, "watch", "-N", "1", "-p", str(program.pid)], capture_output=True, text=True, timeout=SECONDS)
        self.assertEqual(watch.returncode, DONE, watch.stderr)

    def test_go(self):
        """a Go program has no malloc to probe, its runtime is read; one that only looks like one has none"""
        path = self.build(LONELY % GO_MARK, "-static", "-nostdlib")
        self.refused(self.start(path), "Go", "a Go program: it has no malloc")
        toolchain = Toolchain("1.19")
        self.assertIsNone(toolchain.why)
        for kind in "normal", "stripped":
            self.refused(self.start(toolchain.build(kind)), "Go", "a Go program: it has no malloc", DONE, "go")

    def test_static(self):
        """a stripped static program: its malloc cannot be found; one without any malloc is another case"""
        stripped = self.build("#include <unistd.h>\nint main(void) { for (;;) pause(); }", "-static", "-s")
        self.refused(self.start(stripped), "static, stripped", "a stripped static executable", DONE, "heap")
        lonely = self.build(LONELY % "", "-static", "-nostdlib")
        self.refused(self.start(lonely), "static", "a static executable, in which there is no malloc that memgap knows")

    def test_other_allocator(self):
        """an allocator that memgap does not know is named, next to the libc that it stands before"""
        preloaded = os.path.abspath("build/tests/programs/preload_own_malloc")
        target = Workload(self, "hold", "--size", "1MiB", *QUIET, env={**os.environ, "LD_PRELOAD": preloaded})
        text, _ = self.describe(target, DONE)
        self.assertIn(f"unknown, not probed: {preloaded}\n", text)
        self.assertRegex(text, r"allocator +glibc [\d.]+: ")

    def test_deleted_file(self):
        """a libc that was replaced on disk is described as it is mapped"""
        environment = own_libc(self)
        target = Workload(self, "hold", "--size", "1MiB", *QUIET, env=environment)
        os.unlink(f"{environment['LD_LIBRARY_PATH']}/libc.so.6")
        _, process = self.describe(target, DONE)
        self.assertRegex(process["allocator"], r"\Aglibc [\d.]+: .*/libc\.so\.6 \(deleted\)\Z")

    def test_several(self):
        """several targets of one libc: each is there, the libc is described once; one that is not there is said so"""
        targets = [Workload(self, "hold", "--size", "1MiB", *QUIET) for _ in range(2)]
        gone = subprocess.Popen(["true"])
        gone.wait()
        run = run_check("-p", f"{targets[0].pid},{gone.pid}", "-p", str(targets[1].pid))
        self.assertEqual(run.returncode, NO_TARGET)
        self.assertRegex(run.stderr, rf"\Amemgap: no process with pid {gone.pid}: see `ps [^\n]*\n\Z")
        headings = headings_of(run.stdout)
        self.assertEqual(headings[:3], ["Host"] + [f"Process {target.pid} (workload)" for target in targets])
        self.assertEqual([heading[:16] for heading in headings[3:]], ["Allocator glibc "])


class InCgroup(unittest.TestCase):
    def test_members(self):
        """a cgroup: each process in it and below; one without a malloc is no failure"""
        outer = Cgroup(self, "check")
        inner = Cgroup(self, "inner", outer)
        members = [Workload(self, "hold", "--size", "1MiB", *QUIET) for _ in range(2)]
        outer.for_processes(self).add(members[0].pid)
        inner.add(members[1].pid)
        with tempfile.TemporaryDirectory() as directory:
            path = f"{directory}/lonely"
            subprocess.run([os.environ.get("CC", "gcc"), "-x", "c", "-", "-o", path, "-static", "-nostdlib"], input=LONELY % "",
                           text=True, check=True)
            lonely = Program(self, path)
            inner.add(lonely.pid)
            run = run_check("-c", outer.path)
        self.assertEqual((run.returncode, run.stderr), (DONE, ""))
        headings = headings_of(run.stdout)
        self.assertEqual(set(headings[1:4]), {f"Process {pid} ({comm})" for pid, comm in
                                              ((members[0].pid, "workload"), (members[1].pid, "workload"), (lonely.pid, "lonely"))})
        self.assertEqual([heading[:16] for heading in headings[4:]], ["Allocator glibc "])

    def test_none(self):
        """an empty cgroup, and one that is not there: no such target"""
        for path, words in (Cgroup(self, "empty").path, "no processes"), ("/no-such-cgroup", "no cgroup"):
            run = run_check("-c", path)
            self.assertEqual(run.returncode, NO_TARGET)
            self.assertRegex(run.stderr, rf"\Amemgap: [^\n]*{words}[^\n]*\n\Z")
            self.assertEqual(facts(run.stdout, "Host")["watch with probes"], "yes")


class CommandLine(unittest.TestCase):
    def test_help(self):
        """--help says what there is, and the main help names the subcommand"""
        for option in "--help", "-h":
            run = run_check(option)
            self.assertEqual((run.returncode, run.stderr), (DONE, ""))
            self.assertRegex(run.stdout, r"\Ausage: memgap check \[TARGET\.\.\.\]\n(.*\n)+  -p, --pid ")
        self.assertRegex(subprocess.run([MEMGAP, "help"], capture_output=True, text=True).stdout, r"\n  check \[TARGET\.\.\.\] ")

    def test_usage(self):
        """bad options are a usage error that names the remedy, and nothing is printed"""
        for words, remedy in ((["-p", "x"], "-p 123"), (["-c", ""], "-c PATH"), (["-p"], "`memgap check --help`"),
                              (["--nosuch"], "`memgap check --help`"), (["-n", ""], "-n NAME"), (["-a"], "-p, -c or -n"), (["stray"], "-p or -c"),
                              (["--", "true"], "-p or -c")):
            run = run_check(*words)
            self.assertEqual((run.returncode, run.stdout), (USAGE, ""), words)
            self.assertRegex(run.stderr, rf"\Amemgap: [^\n]*{remedy}[^\n]*\n\Z")

    def test_stdout_full(self):
        """a full disk behind stdout is a failure, and said to be one"""
        with open("/dev/full", "w") as full:
            run = subprocess.run([MEMGAP, "check"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=SECONDS)
        self.assertEqual(run.returncode, FAILED)
        self.assertRegex(run.stderr, r"\Amemgap: cannot write to stdout: [^\n]*\n\Z")


if __name__ == "__main__":
    tap.main()
