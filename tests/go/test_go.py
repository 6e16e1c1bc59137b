#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What memgap reads of Go programs from outside, against what runtime.ReadMemStats() says inside, from Go 1.19 to the newest.

GO_VERSIONS=all: of each that Debian has, not of the few that differ.
"""
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, "tests/lib")
sys.path.insert(0, "tests/go")
import tap  # noqa: E402
from memgap import BUILT, Program, read, wait_for  # noqa: E402
from toolchains import SUITES, Toolchain, kinds_of  # noqa: E402

READER = f"{BUILT}/tests/go/reader"
DISTURB = f"{BUILT}/tests/go/disturb"
MIB = 1 << 20
EPERM, ENOENT, ESRCH, EAGAIN, EACCES, EPROTO = 1, 2, 3, 11, 13, 71
BUSY_READS = 1000
DISTURBANCES = os.environ.get("DISTURBANCES", "1000")  # of each file; the fuzzers have the same, and more of it
# what is read is what the runtime says, to the byte
EXACT = ["sys", "heap_in_use", "heap_released", "num_gc", "pause_total_ns"]


class Talker(Program):
    """A program that answers each line with one."""

    def __init__(self, test, *command, **options):
        super().__init__(test, *command, stdin=subprocess.PIPE, **options)

    def say(self, text):
        self.process.stdin.write(f"{text}\n".encode())
        self.process.stdin.flush()

    def ask(self, text):
        self.say(text)
        line = self.line(60)
        if line is None:
            raise AssertionError(f"it ended: {self.end()}: {self.stderr()}")
        return json.loads(line)


class Reader(Talker):
    def __init__(self, test, pid):
        super().__init__(test, READER, str(pid))
        self.opened = json.loads(self.line())


class GoTest(unittest.TestCase):
    def start(self, name, kind, **environment):
        """A program that waits, and its reader."""
        if toolchains[name].why:
            self.skipTest(toolchains[name].why)
        program = Talker(self, toolchains[name].build(kind), "-truth", env={**os.environ, **environment})
        program.ask("")  # its runtime has started
        reader = Reader(self, program.pid)
        self.assertEqual(reader.opened["result"], 0, reader.opened)
        return program, reader

    def read_quiet(self, program, reader):
        """A reading, and the truth about it: what the program said just before and just after, which was the same."""
        for _ in range(20):
            before, view, after = program.ask(""), reader.ask("read"), program.ask("")
            if all(before[name] == after[name] for name in (*EXACT, "heap_idle")):
                return view, before
            time.sleep(0.05)  # the runtime gives memory back in the background
        raise AssertionError("its figures do not come to rest")

    def check(self, program, reader):
        view, truth = self.read_quiet(program, reader)
        self.assertEqual(view["result"], 0, view)
        self.assertEqual({name: view[name] for name in EXACT}, {name: truth[name] for name in EXACT})
        self.assertEqual(view["heap_idle_kept"] + view["heap_released"], truth["heap_idle"])
        self.assertEqual(view["total_alloc"] - view["alloc"], truth["total_alloc"] - truth["alloc"])
        # but for what the program printed in between
        self.assertLessEqual(abs(view["alloc"] - truth["alloc"]), 64 << 10)
        return view

    def check_all(self, name, kind):
        program, reader = self.start(name, kind, GOGC="50", GOMEMLIMIT="512MiB")
        self.assertEqual(reader.opened["is"], 0)
        self.assertRegex(reader.opened["version"], rf"^go{toolchains[name].version}(\.|$)")
        self.assertEqual(reader.opened["has_c"], "cgo" in kind)
        self.assertEqual(self.check(program, reader)["num_gc"], 0)
        for _ in range(8):
            program.ask("grow")
        program.ask("collect")
        view = self.check(program, reader)
        self.assertGreaterEqual(view["total_alloc"], 80 * MIB)
        self.assertTrue(50 * MIB <= view["alloc"] < 60 * MIB, view)
        self.assertGreater(view["num_gc"], 0)
        self.assertEqual((view["gc_percent"], view["memory_limit"]), (50, 512 * MIB))
        # not asked for MemStats first, a program's figures are without what is new in its caches
        program.ask("small")
        early, truth = reader.ask("read"), program.ask("")
        if early["num_gc"] == truth["num_gc"]:
            errors.append(max(abs(early[figure] - truth[figure]) for figure in ("alloc", "total_alloc")))
            self.assertLessEqual(errors[-1], MIB)
        program.ask("free")
        view = self.check(program, reader)
        self.assertLess(view["alloc"], MIB)
        self.assertGreater(view["heap_released"], 50 * MIB)
        times.append(reader.ask(100)["ns"])


class Truth(GoTest):
    pass


def add_truth():
    for name in SUITES:
        for kind in kinds_of(name):
            def test(self, name=name, kind=kind):
                self.check_all(name, kind)
            version = toolchains[name].version
            test.__doc__ = f"Go {version} {kind.replace('-', ' ')}: what is read is what ReadMemStats() says"
            setattr(Truth, f"test_{version}_{kind}", test)


class Settings(GoTest):
    def test_off(self):
        """a collector that is off, and no limit"""
        for name in SUITES:
            view = self.start(name, "stripped", GOGC="off")[1].ask("read")
            self.assertEqual((view["gc_percent"], view["memory_limit"]), (-1, None))

    def test_one_thread(self):
        """a program on one CPU"""
        for name in SUITES:
            self.check(*self.start(name, "stripped", GOMAXPROCS="1"))


def is_running(pid, comm):
    """In the middle of an exec, by a thread that was not the first, there is nothing to read."""
    try:
        return read(f"/proc/{pid}/comm") == f"{comm}\n" and os.path.lexists(f"/proc/{pid}/exe")
    except (FileNotFoundError, ProcessLookupError):
        return False


class Busy(GoTest):
    def test_busy(self):
        """a program that allocates all the time: each reading, but for 0.1 % at most, is whole, and what only grows never shrinks"""
        for name in SUITES:
            program, reader = self.start(name, "stripped")
            program.ask("busy")
            allocated, collections = 0, 0
            # on a crowded machine it may do little at first
            for _ in range(20):
                many = reader.ask(BUSY_READS)
                print(f"# Go {toolchains[name].version}: {many}")
                self.assertLessEqual(many["failed"], BUSY_READS / 1000)
                self.assertEqual((many["shrank"], many["odd"]), (0, 0))
                allocated, collections = allocated + many["allocated"], collections + many["collections"]
                if allocated > 100 * MIB and collections > 1:
                    break
            self.assertTrue(allocated > 100 * MIB and collections > 1)
            program.kill()  # others want the cores

    def test_opened_while_busy(self):
        """one that does when memgap comes"""
        for name in SUITES:
            program, _ = self.start(name, "stripped-pie")
            program.ask("busy")
            for _ in range(10):
                self.assertEqual(Reader(self, program.pid).opened["result"], 0)
            program.kill()


class Workload(GoTest):
    def start_usual(self):
        if toolchains["1.19"].why:
            self.skipTest(toolchains["1.19"].why)
        return Program(self, toolchains["1.19"].build("normal"), "-interval", "10ms")

    def test_lines(self):
        """it prints what the program that memgap began as printed"""
        self.assertRegex(self.start_usual().line(), r"^Alloc = 10 MiB\tTotalAlloc = 10 MiB\tSys = \d+ MiB\tNumGC = \d+$")

    def test_collects(self):
        """it collects past 100 MiB, and holds its last blocks only"""
        program = self.start_usual()
        lines = [program.line().replace(" MiB", "").split("\t") for _ in range(40)]
        figures = [[int(part.split(" = ")[1]) for part in line] for line in lines]
        self.assertLessEqual(max(line[0] for line in figures), 120)
        self.assertGreaterEqual(figures[-1][1], 400)
        self.assertGreater(figures[-1][3], figures[0][3])

    def test_signal(self):
        """SIGUSR1 makes it give back what is free"""
        program, reader = self.start("1.19", "normal")
        for _ in range(12):
            program.ask("grow")
        before = reader.ask("read")
        program.stop(signal.SIGUSR1)
        wait_for(lambda: reader.ask("read")["heap_released"] > before["heap_released"] + 20 * MIB, "memory given back")
        self.assertLess(reader.ask("read")["heap_idle_kept"], 2 * MIB)


class NotThere(GoTest):
    def test_c(self):
        """a C program is none of Go"""
        opened = Reader(self, Program(self, "sleep", "60").pid).opened
        self.assertEqual((opened["is"], opened["result"], opened["why"]), (-ENOENT, -ENOENT, "it is no Go program"))

    def test_nobody(self):
        """a pid that nobody has, and a zombie"""
        self.assertEqual(Reader(self, 1 << 30).opened["result"], -ESRCH)
        zombie = subprocess.Popen(["true"])
        self.addCleanup(zombie.wait)
        time.sleep(0.2)
        self.assertEqual(Reader(self, zombie.pid).opened["result"], -ESRCH)

    def test_not_ours(self):
        """another user's process is not gone: it may not be looked into"""
        program, _ = self.start("1.19", "stripped")
        directory = tempfile.mkdtemp(prefix="memgap-go-")
        self.addCleanup(shutil.rmtree, directory)
        os.chmod(directory, 0o755)
        shutil.copy(READER, directory)
        nobody = Talker(self, "setpriv", "--reuid=65534", "--clear-groups", f"{directory}/reader", str(program.pid))
        opened = json.loads(nobody.line())
        self.assertIn(opened["result"], (-EACCES, -EPERM), opened)
        self.assertEqual((opened["is"], opened["why"]), (opened["result"], "its memory may not be looked into"))

    def test_gone(self):
        """a process that ends between two readings is gone"""
        program, reader = self.start("1.19", "stripped")
        self.assertEqual(reader.ask("read")["result"], 0)
        program.process.kill()
        wait_for(lambda: reader.ask("read")["result"] == -ESRCH, "the end")
        program.process.wait()
        self.assertEqual(reader.ask("read")["result"], -ESRCH)

    def test_dying(self):
        """processes that die while they are opened and read: gone, no more"""
        for delay in range(0, 30, 3):
            program, _ = self.start("1.19", "stripped")
            program.ask("busy")
            reader = Talker(self, READER, str(program.pid))
            time.sleep(delay / 10000)
            program.process.kill()
            opened = json.loads(reader.line())
            self.assertIn(opened["result"], (0, -ESRCH))
            if not opened["result"]:
                wait_for(lambda reader=reader: reader.ask("read")["result"] == -ESRCH, "the end")

    def test_not_started(self):
        """a program that is still at its first instruction: its runtime has not started, and is not called unknown"""
        for name in SUITES:
            if toolchains[name].why:
                self.skipTest(toolchains[name].why)
            for kind in "normal", "stripped", "stripped-pie":
                trace_me = ctypes.CDLL(None).ptrace  # PTRACE_TRACEME, 0: it stops when it has become that program
                program = Program(self, toolchains[name].build(kind), preexec_fn=lambda trace_me=trace_me: trace_me(0, 0, 0, 0))
                opened = Reader(self, program.pid).opened
                self.assertEqual(opened["result"], -EAGAIN, opened)

    def test_exec(self):
        """a process that runs another program has no figures, whatever is where they were"""
        for kind in "normal", "pie":
            program, reader = self.start("1.19", kind)
            self.assertEqual(reader.ask("read")["result"], 0)
            program.say("exec")
            wait_for(lambda program=program: is_running(program.pid, "cat"), "the other program")
            self.assertEqual(reader.ask("read")["result"], -EAGAIN)
            self.assertEqual(Reader(self, program.pid).opened["result"], -ENOENT)


class Hostile(GoTest):
    def claim(self, **sections):
        """A C program with sections that are Go's by their names."""
        directory = tempfile.mkdtemp(prefix="memgap-go-")
        self.addCleanup(shutil.rmtree, directory)
        command = ["objcopy"]
        for name, content in sections.items():
            with open(f"{directory}/{name}", "wb") as file:
                file.write(content)
            command += ["--add-section", f".{name.replace('_', '.')}={directory}/{name}"]
        subprocess.run([*command, shutil.which("sleep"), f"{directory}/claims"], check=True, timeout=20)
        return Program(self, f"{directory}/claims", "60")

    def check_refused(self, program):
        opened = Reader(self, program.pid).opened
        self.assertEqual((opened["is"], opened["result"]), (0, -EPROTO), opened)
        self.assertNotEqual(opened["why"], "")

    def test_empty(self):
        """a program that says it is Go, and is not: refused"""
        self.check_refused(self.claim(go_buildinfo=b"x"))

    def test_nonsense(self):
        """one with a table of functions that is nonsense: refused"""
        head = b"\xff Go buildinf:\x08\x02" + bytes(16) + b"\x08go1.22.3"
        self.check_refused(self.claim(go_buildinfo=head, gopclntab=os.urandom(1 << 20)))
        table = bytes.fromhex("f1ffffff00000108") + (130000).to_bytes(8, "little") + bytes(56)
        self.check_refused(self.claim(go_buildinfo=head, gopclntab=table + os.urandom(1 << 20)))
        self.check_refused(self.claim(go_buildinfo=head, gopclntab=table + b"\xff" * (1 << 20)))

    def test_disturbed(self):
        """a Go program's file with odd values in its headers, its table of functions and its code: neither crash nor hang"""
        for name in SUITES:
            for kind in "normal", "stripped", "stripped-cgo-pie":
                if toolchains[name].why:
                    self.skipTest(toolchains[name].why)
                run = subprocess.run([DISTURB, toolchains[name].build(kind), DISTURBANCES], stdin=subprocess.DEVNULL, capture_output=True,
                                     text=True, timeout=120)
                self.assertEqual(run.returncode, 0, run.stdout + run.stderr)


if __name__ == "__main__":
    toolchains = {name: Toolchain(name) for name in SUITES}
    errors, times = [], []
    add_truth()
    try:
        tap.main()
    finally:
        if errors:
            print(f"# figures not asked for: off by {sum(errors) // len(errors) >> 10} KiB, at most {max(errors) >> 10} KiB; "
                  f"{sorted(times)[len(times) // 2]} ns a reading")
