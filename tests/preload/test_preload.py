#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""libmemgap-trim in programs and servers: memory comes back at the signal, and nothing else is as it was not without it.

What comes back is the kernel's figure of the process. target.c does what a line on stdin says; each allocator is Debian's (packages.sh).
"""
import json
import os
import shutil
import signal
import stat
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from heaps import Talker, fetch, find  # noqa: E402
from preload import KEEP, LIBRARY, RTMIN_2, GivesBack, preloaded, rss_of  # noqa: E402
from memgap import BYTES_OF_A_THREAD, MIB, Program, Watch, is_alive, read, wait_for  # noqa: E402

FOLDER = os.path.abspath("build/tests/preload")
ALLOCATORS = {"jemalloc": ("libjemalloc2", "libjemalloc.so.2"), "tcmalloc": ("libtcmalloc-minimal4", "libtcmalloc_minimal.so.4"),
              "mimalloc": ("libmimalloc2.0", "libmimalloc.so.2")}
EEXIST, EINVAL, ENOENT, ENOSPC, EBUSY = 17, 22, 2, 28, 16


def signals_of(text, field=None):
    """The masks in a /proc/PID/status; or the one that is named."""
    masks = {line.split(":")[0]: int(line.split()[1], 16) for line in text.splitlines() if line[:3] in ("Sig", "Shd") and line[:4] != "SigQ"}
    # libc's own for threads (nptl(7)) are no part of what a program sees; it has handlers for them as soon as there are threads
    masks = {name: mask & ~(1 << 32 - 1 | 1 << 33 - 1) for name, mask in masks.items()}
    return masks[field] if field else masks


def catches(pid, number):
    return bool(signals_of(read(f"/proc/{pid}/status"))["SigCgt"] >> number - 1 & 1)


def trimmer_of(pid):
    """The library's thread, as soon as it has its name."""
    def named():
        tasks = [int(task) for task in os.listdir(f"/proc/{pid}/task")]
        return next((task for task in tasks if read(f"/proc/{pid}/task/{task}/comm") == "memgap-trim\n"), None)
    return wait_for(named, "the library's thread")


class PreloadTest(GivesBack):
    def target(self, kind="target", environment=None, **options):
        return Talker(self, f"{FOLDER}/{kind}", env=environment or dict(os.environ), **options)

    def preloaded(self, *libraries, **variables):
        return self.target(environment=preloaded(*libraries, **variables))

    def called(self, target):
        """How often its function was called, by which thread, of what name."""
        count, thread, *name = target.ask("called\n").split()
        return int(count), int(thread), " ".join(name)

    def wait_called(self, target, count):
        wait_for(lambda: self.called(target)[0] >= count, f"the {count}. call of its function")

    def check_default(self, target, number=signal.SIGUSR1):
        target.stop(number)
        self.assertEqual(target.end(), -number)


    def allocators(self):
        whys = [fetch("bookworm", package) for package, _ in ALLOCATORS.values()]
        if any(whys):
            self.skipTest(", ".join(filter(None, whys)))
        return [find("bookworm", library) for _, library in ALLOCATORS.values()]


class Trims(PreloadTest):
    def test_glibc(self):
        """a program that retains 64 MiB gives them back, each time"""
        target = self.preloaded()
        for _ in range(3):
            target.ask("fill\n")
            self.check_given_back(target.pid, 60 * MIB)

    def test_without(self):
        """the same program dies of the signal without the library"""
        target = self.target()
        target.ask("fill\n")
        self.check_default(target)

    def test_memgap(self):
        """memgap's own trim: refused without the library, done with it"""
        for environment, outcome in (dict(os.environ), "refused"), (preloaded(), "trimmed"):
            target = self.target(environment=environment)
            target.ask("fill\n")
            event = Watch(self, "-s", "none", "--trim-at", "rss:32MiB", "-p", str(target.pid)).event()
            self.assertEqual(event["outcome"], outcome, event["why"])
            self.assertTrue(is_alive(target.pid))
        self.assertLess(rss_of(target.pid), 8 * MIB)

    def check_allocator(self, name, least):
        path = self.allocators()[list(ALLOCATORS).index(name)]
        for libraries in [LIBRARY, path], [path, LIBRARY]:
            target = self.target(environment={**os.environ, **KEEP, "LD_PRELOAD": " ".join(libraries)})
            target.ask("fill\n")
            before, after = self.check_given_back(target.pid, least)
            print(f"# {name}: {before >> 20} MiB resident, {after >> 20} after the signal")
            # a child has what its parent had, and gives it back on its own
            target.ask("fill\n")
            child = int(target.ask("fork\n").split()[0])
            if name != "mimalloc":  # what is left of a heap whose thread is in another process is not collected
                self.check_given_back(child, least)
            else:
                os.kill(child, signal.SIGUSR1)
                trimmer_of(child)
            self.assertEqual(target.ask("errors\n"), "0")

    def test_jemalloc(self):
        """with jemalloc, preloaded before or after: it gives back what it has free; a child of fork() too"""
        self.check_allocator("jemalloc", 60 * MIB)

    def test_tcmalloc(self):
        """with tcmalloc: the same, but for what its caches keep"""
        self.check_allocator("tcmalloc", 50 * MIB)

    def test_mimalloc(self):
        """with mimalloc: what is no page of a running thread's heap"""
        self.check_allocator("mimalloc", 20 * MIB)

    def test_prefixed_jemalloc(self):
        """a jemalloc that was built with the prefix je_ is asked to purge all arenas, once a signal"""
        target = self.preloaded()
        self.assertEqual(target.ask("purged\n"), "0")
        for count in "1", "2":
            target.stop(signal.SIGUSR1)
            wait_for(lambda count=count: target.ask("purged\n") == count, "the call")

    def test_other_signals(self):
        """MEMGAP_TRIM_SIGNAL: by name, with SIG or without, or number; other signals are as they were"""
        for text, number in (("USR1", 10), ("SIGUSR2", 12), ("USR2", 12), ("RTMIN", 34), ("RTMIN+2", 36), ("SIGRTMIN+30", 64),
                             ("10", 10), ("40", 40)):
            target = self.preloaded(MEMGAP_TRIM_SIGNAL=text)
            target.ask("fill\n")
            self.check_given_back(target.pid, 60 * MIB, number)
            for other in signal.SIGUSR1, signal.SIGUSR2, RTMIN_2:
                self.assertEqual(catches(target.pid, other), other == number)

    def test_bad_signals(self):
        """a MEMGAP_TRIM_SIGNAL that is none, or that is not for this: one line on stderr, and the program runs as without"""
        for text in ("", "KILL", "STOP", "SEGV", "SIGCHLD", "TERM", "9", "11", "17", "32", "33", "65", "0", "-1", "10x", "0x0a", " 10", "usr1",
                     "RTMIN+31", "RTMIN+", "RTMIN+-1", "RTMIN-1", "RTMAX", "SIG", "SIGSIGUSR1", "99999999999999999999", "x" * 5000, "%s%n"):
            target = self.preloaded(MEMGAP_TRIM_SIGNAL=text)
            self.assertEqual(target.ask("start\n"), str(-EINVAL))
            self.assertEqual(os.listdir(f"/proc/{target.pid}/task"), [str(target.pid)])
            self.assertRegex(target.stderr(), r"\Amemgap-trim: MEMGAP_TRIM_SIGNAL=.*: it may be USR1, .*; there will be no trims\n\Z")
            self.check_default(target)

    def test_musl(self):
        """built with musl, whose malloc has no trim: registered functions are called"""
        target = self.target("target-musl", {**os.environ, "LD_PRELOAD": f"{FOLDER}/libmemgap-trim-musl.so", "MEMGAP_TRIM_SIGNAL": "RTMIN+2"})
        self.assertEqual(target.ask("register\n"), "0")
        os.kill(target.pid, RTMIN_2)
        self.wait_called(target, 1)
        self.assertEqual(self.called(target), (1, trimmer_of(target.pid), "memgap-trim"))

    def test_linked(self):
        """linked: with -lmemgap-trim, the archive as a whole or by memgap_trim_start, and into a static program"""
        for kind in "target-linked", "target-whole", "target-static":
            target = self.target(kind)
            target.ask("fill\n")
            self.check_given_back(target.pid, 60 * MIB)
            self.assertEqual(target.ask("register\n"), "0")
            os.kill(target.pid, signal.SIGUSR1)
            self.wait_called(target, 1)


    def test_installed(self):
        """make install: a C and a C++ program that call memgap_trim_start() are built with no option but the library, and are trimmed"""
        directory = tempfile.mkdtemp(prefix="memgap-preload-")
        self.addCleanup(shutil.rmtree, directory)
        make = ["make", "-s", "SANITIZE=", "COVERAGE=", f"DESTDIR={directory}", "PREFIX=/usr"]
        subprocess.run([*make, "install"], stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=400)
        with open(f"{directory}/main.c", "w") as file:
            file.write('#include <memgap-trim.h>\n#include <stdio.h>\n'
                       'int main(void) { printf("%d\\n", memgap_trim_start()); fflush(stdout); return getchar() == 1; }\n')
        for compiler, name in ("gcc", "c"), ("g++", "c++"):
            for library in "-lmemgap-trim", f"{directory}/usr/lib/libmemgap-trim.a":
                subprocess.run([compiler, "-x", name, f"{directory}/main.c", "-x", "none", f"-I{directory}/usr/include",
                                f"-L{directory}/usr/lib", library, "-pthread", "-o", f"{directory}/main"], check=True, timeout=60)
                program = Program(self, f"{directory}/main", stdin=subprocess.PIPE, env={**os.environ, "LD_LIBRARY_PATH": f"{directory}/usr/lib"})
                self.assertEqual(program.line(), "0")
                self.assertTrue(catches(program.pid, signal.SIGUSR1) and trimmer_of(program.pid))
                program.kill()
        subprocess.run([*make, "uninstall"], stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60)
        self.assertEqual([names for _, _, names in os.walk(f"{directory}/usr") if names], [])


class Functions(PreloadTest):
    def test_thread(self):
        """what is registered is called in the library's thread, at each signal"""
        target = self.preloaded()
        self.assertEqual(target.ask("register\n"), "0")
        for count in range(1, 4):
            os.kill(target.pid, signal.SIGUSR1)
            self.wait_called(target, count)
            self.assertEqual(self.called(target), (count, trimmer_of(target.pid), "memgap-trim"))

    def test_unregister(self):
        """what is not registered any more is not called; a function may unregister itself"""
        target = self.preloaded()
        for ask, answer in (("register", 0), ("register", -EEXIST), ("register thousand", 0), ("register nothing", -EINVAL), ("unregister", 0),
                            ("unregister", -ENOENT), ("register once", 0)):
            self.assertEqual(target.ask(f"{ask}\n"), str(answer), ask)
        os.kill(target.pid, signal.SIGUSR1)
        self.wait_called(target, 1001)
        os.kill(target.pid, signal.SIGUSR1)
        self.wait_called(target, 2001)
        self.assertEqual((self.called(target)[0], target.ask("errors\n")), (2001, "0"))

    def test_unregister_waits(self):
        """unregistering a function that runs waits for its end"""
        target = self.preloaded()
        self.assertEqual(target.ask("register slow\n"), "0")
        os.kill(target.pid, signal.SIGUSR1)
        wait_for(lambda: target.ask("slow\n") == "1", "its begin")
        self.assertEqual((target.ask("unregister slow\n"), target.ask("slow\n")), ("0", "2"))

    def test_merged(self):
        """signals that come during a trim cause one more, not one each"""
        target = self.preloaded()
        target.ask("register held\n")
        target.ask("register\n")
        thread = trimmer_of(target.pid)
        os.kill(target.pid, signal.SIGUSR1)
        wait_for(lambda: target.ask("slow\n") == "1", "its begin")
        for _ in range(50):
            target.stop(signal.SIGUSR1)
            wait_for(lambda: not signals_of(read(f"/proc/{target.pid}/status"), "ShdPnd"), "the signal taken")
        self.assertEqual((target.ask("slow\n"), self.called(target)[0]), ("1", 0))
        target.ask("let go\n")
        self.wait_called(target, 2)
        wait_for(lambda: "futex" in read(f"/proc/{target.pid}/task/{thread}/wchan"), "the thread at rest")
        self.assertEqual(self.called(target)[0], 2)

    def test_many(self):
        """32 can be registered, and no more"""
        target = self.preloaded()
        self.assertEqual([target.ask("register many\n") for _ in range(33)], ["0"] * 32 + [str(-ENOSPC)])
        os.kill(target.pid, signal.SIGUSR1)
        self.wait_called(target, 32)


class Untouched(PreloadTest):
    """Programs that have their own use for the signal, and what all others would notice."""

    def test_handler(self):
        """a program that sets a handler gets its signals; as soon as it gives it up, the library may begin again"""
        target = self.preloaded()
        target.ask("register\n")
        target.ask("handle\n")
        for count in range(1, 4):
            target.stop(signal.SIGUSR1)
            wait_for(lambda count=count: int(target.ask("handled\n")) == count, "its handler")
        self.assertEqual((target.ask("start\n"), self.called(target)[0]), (str(-EBUSY), 0))
        target.ask("default\n")
        self.assertEqual(target.ask("start\n"), "0")
        target.stop(signal.SIGUSR1)
        self.wait_called(target, 1)

    def test_handler_before(self):
        """one that has a handler before the library is there keeps it, and gets no thread"""
        target = self.target("target-early")
        target.ask("register\n")
        target.stop(signal.SIGUSR1)
        wait_for(lambda: target.ask("handled\n") == "1", "its handler")
        self.assertEqual((self.called(target)[0], os.listdir(f"/proc/{target.pid}/task")), (0, [str(target.pid)]))

    def test_default(self):
        """one that wants the default effect dies of the signal"""
        target = self.preloaded()
        target.ask("default\n")
        self.check_default(target)

    def test_ignored(self):
        """one that is started with the signal ignored ignores it"""
        target = self.target(environment=preloaded(), preexec_fn=lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN))
        target.ask("register\n")
        target.stop(signal.SIGUSR1)
        self.assertEqual((self.called(target)[0], target.ask("start\n")), (0, str(-EBUSY)))
        self.assertTrue(signals_of(read(f"/proc/{target.pid}/status"))["SigIgn"] >> signal.SIGUSR1 - 1 & 1)

    def check_awaited(self, how):
        """The signal comes while nobody waits: who takes it later has it."""
        target = self.preloaded()
        target.ask("register\n")
        target.ask("block\n")
        for _ in range(10):
            target.stop(signal.SIGUSR1)
            # another thread has every chance to take it
            for _ in range(10):
                target.ask("errors\n")
            self.assertTrue(signals_of(read(f"/proc/{target.pid}/status"), "ShdPnd") >> signal.SIGUSR1 - 1 & 1)
            self.assertEqual(target.ask(f"{how}\n"), str(int(signal.SIGUSR1)))
        self.assertEqual(self.called(target)[0], 0)

    def test_sigwait(self):
        """one that blocks the signal and takes it by sigwait() now and then gets each"""
        self.check_awaited("sigwait")

    def test_signalfd(self):
        """one that takes it from a signalfd gets each"""
        self.check_awaited("signalfd")

    def test_executed(self):
        """what a preloaded program executes has the signal mask and the dispositions that it has without"""
        def signals(environment, mask):
            run = subprocess.run(["sh", "-c", "exec env -u LD_PRELOAD grep ^Sig /proc/self/status"], env=environment, stdin=subprocess.DEVNULL,
                                 capture_output=True, text=True, timeout=20, check=True,
                                 preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, mask))
            return signals_of(run.stdout)
        for mask in [], [signal.SIGUSR1, signal.SIGTERM]:
            self.assertEqual(signals(preloaded(), mask), signals(dict(os.environ), mask))

    def test_mask(self):
        """the program's thread has no signal blocked; the library's all, but those of faults"""
        target = self.preloaded()
        target.ask("errors\n")
        blocked = signals_of(read(f"/proc/{target.pid}/task/{trimmer_of(target.pid)}/status"))["SigBlk"]
        self.assertEqual(signals_of(read(f"/proc/{target.pid}/status"))["SigBlk"], 0)
        for number in range(1, 65):
            open_ones = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP, signal.SIGSYS, signal.SIGABRT,
                         signal.SIGKILL, signal.SIGSTOP, 32, 33)
            self.assertEqual(blocked >> number - 1 & 1, number not in open_ones, number)

    def test_heap(self):
        """its heap has what libc allocates for the thread, and nothing else"""
        without, with_it = [int(self.target(environment=environment).ask("in use\n")) for environment in (dict(os.environ), preloaded())]
        print(f"# {with_it - without} bytes more in its heap")
        self.assertLessEqual(with_it - without, BYTES_OF_A_THREAD + 8)  # the word before the block counts here

    def test_constructors(self):
        """signals in a constructor of the program's own: it lives, and is trimmed as any other"""
        target = self.preloaded(RAISE="200")
        target.ask("fill\n")
        self.check_given_back(target.pid, 60 * MIB)

    def check_storm(self, number, *libraries):
        target = self.preloaded(*libraries, MEMGAP_TRIM_SIGNAL=str(number))
        target.ask("register\n")
        target.ask("storm\n")
        for _ in range(1000):
            os.kill(target.pid, number)
        self.wait_called(target, 1)
        merged = self.called(target)[0]
        self.assertLess(merged, 1000)
        print(f"# 1,000 signals {number} at full speed: {merged} trims so far")
        while self.called(target)[0] < 20:
            os.kill(target.pid, number)
        self.assertEqual(target.ask("calm\n"), "0")
        wait_for(lambda: signals_of(read(f"/proc/{target.pid}/status"), "ShdPnd") == 0, "all signals taken")
        settled = self.called(target)[0]
        os.kill(target.pid, number)
        self.wait_called(target, settled + 1)
        self.assertEqual(target.ask("errors\n"), "0")

    def test_storm(self):
        """1,000 signals at full speed, then on to 20 trims, while four threads allocate: each block holds what was written to it"""
        for number in int(signal.SIGUSR1), RTMIN_2:  # the latter are queued: the handler runs 1,000 times
            self.check_storm(number)

    def test_storm_allocators(self):
        """the same with jemalloc, tcmalloc and mimalloc"""
        for path in self.allocators():
            self.check_storm(RTMIN_2, path)


class Children(PreloadTest):
    def test_fork(self):
        """a child of fork() has a thread of its own when fork() returns, gives back on its own, and its heap has nothing more"""
        target = self.preloaded()
        target.ask("fill\n")
        child, more = (int(number) for number in target.ask("fork\n").split())
        self.assertEqual((len(os.listdir(f"/proc/{child}/task")), more), (2, 0))
        self.check_given_back(child, 60 * MIB)
        self.assertGreater(rss_of(target.pid), 60 * MIB)
        self.check_given_back(target.pid, 60 * MIB)
        self.assertTrue(is_alive(child))

    def test_fork_with_handler(self):
        """a child of a program with a handler of its own has that, and no thread"""
        target = self.preloaded()
        target.ask("handle\n")
        child = int(target.ask("fork\n").split()[0])
        self.assertEqual(len(os.listdir(f"/proc/{child}/task")), 1)
        self.assertTrue(catches(child, signal.SIGUSR1))

    def limited(self, uid, processes):
        """A target of a user who may have so many threads."""
        directory = tempfile.mkdtemp(prefix="memgap-preload-")
        self.addCleanup(shutil.rmtree, directory)
        os.chmod(directory, stat.S_IRWXU | 0o055)
        for path in LIBRARY, f"{FOLDER}/target":
            shutil.copy(path, directory)
        return Talker(self, "setpriv", f"--reuid={uid}", "--clear-groups", "--inh-caps=-all", "prlimit", f"--nproc={processes}", "env",
                      f"LD_PRELOAD={directory}/libmemgap-trim.so", f"{directory}/target")

    def test_no_thread(self):
        """where no thread can be had the program runs, and the signal has its default effect: memgap does not send it"""
        target = self.limited(54321, 1)
        self.assertEqual(target.ask("errors\n"), "0")
        self.assertFalse(catches(target.pid, signal.SIGUSR1))
        self.check_default(target)

    def test_no_thread_in_child(self):
        """the same in a child: it is not the parent's handler that takes the signal, for nobody"""
        target = self.limited(54322, 3)
        child = int(target.ask("fork\n").split()[0])
        self.assertTrue(catches(target.pid, signal.SIGUSR1))
        self.assertEqual((len(os.listdir(f"/proc/{child}/task")), catches(child, signal.SIGUSR1)), (1, False))
        os.kill(child, signal.SIGUSR1)
        wait_for(lambda: not is_alive(child), "the child's end")

    def test_fork_often(self):
        """a program that forks all the time while signals come, with each allocator: each child allocates, and ends as it should"""
        script = """import os
for _ in range(200):
    pid = os.fork()
    if not pid:
        os._exit(7 if len([bytes(1000 + i) for i in range(500)]) == 500 else 8)
    assert os.waitpid(pid, 0)[1] == 7 << 8
print("done")
"""
        for libraries in [], *([path] for path in self.allocators()):
            program = Program(self, sys.executable, "-c", script, env=preloaded(*libraries))
            wait_for(lambda program=program: catches(program.pid, signal.SIGUSR1), "its start")
            while program.process.poll() is None:
                program.stop(signal.SIGUSR1)
            self.assertEqual((program.end(), program.line()), (0, "done"), program.stderr())


class Costs(PreloadTest):
    def lines(self, *command, environment):
        run = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=True)
        return [json.loads(line) for line in run.stdout.splitlines()]

    def test_stall(self):
        """how long a thread waits in malloc() and free() while a heap is trimmed: each signal is a trim, and all comes back"""
        for threads, arenas in (1, 1), (4, 1), (4, 64):
            for size in 64, 256:
                without, with_it = self.lines(f"{FOLDER}/stall", str(size), "5", str(threads), str(arenas), environment=preloaded())
                self.assertEqual((without["trims"], with_it["trims"]), (0, 5))
                longest = [f"{statistics.median(figures) / 1e6:.1f} ({max(figures) / 1e6:.1f} at most)"
                           for figures in (without["without"], with_it["with"])]
                print(f"# longest wait, {size} MiB in {'one arena' if arenas == 1 else 'arenas'}, {threads} threads: {longest[0]} ms without "
                      f"trims, {longest[1]} ms with")

    def test_standing(self):
        """what it costs a program that gets no signal"""
        for name, environment in ("without", dict(os.environ)), ("with", preloaded()):
            [costs] = self.lines(f"{FOLDER}/costs", environment=environment)
            self.assertGreater(costs["fork"], 0)
            print(f"# {name} the library: malloc and free {costs['pair_64']} ns (64 bytes), {costs['pair_4000']} ns (4,000 bytes); fork() and its "
                  f"child's end {costs['fork'] / 1000:.0f} us")


if __name__ == "__main__":
    tap.main()
