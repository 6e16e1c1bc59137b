#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What --trim-with does to processes, for `memgap trim` and for `memgap watch`, against their own and the kernel's figures."""
import json
import os
import shutil
import signal
import sys

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import (MEMGAP, MIB, QUIET, SLOWNESS, Cgroup, Program, Python, Watch,  # noqa: E402
                    Workload, is_alive, read, run_trim, status_of, wait_for)
from trim_action import (ActionTest, CATCH, EXIT, FAILED, LISTEN, NO_TARGET, REGROWS,  # noqa: E402
                         RETAIN, SIZE, START, children_of, rss_of)


class Now(ActionTest):
    def test_retained(self):
        """memgap trim has what is retained given back, and has said how much: as RSS in /proc falls; then there is no more to ask for"""
        target = self.retain("96MiB")
        before = rss_of(target.pid)
        event = self.trim_one(0, "trimmed", "-p", str(target.pid))
        fallen = before - rss_of(target.pid)
        self.assertGreater(fallen, 90 * MIB)
        self.check_near(event["predicted"], fallen)
        self.assertEqual((event["before"]["rss"], event["pids"], event["by"]), (before, [target.pid], "user"))
        self.assertLess(abs(event["reclaimed"] - fallen), MIB)
        event = self.trim_one(FAILED, "refused", "-p", str(target.pid))
        self.assertEqual((event["verdict"], event["pids"]), ("in-use", []))
        self.assertIn("--force", event["why"])
        event = self.trim_in_vain("--force", "-p", str(target.pid))
        self.assertEqual(event["pids"], [target.pid])

    def test_lines(self):
        """the line format: what is asked with what is expected, then what came back"""
        target = self.retain()
        run = run_trim("-p", str(target.pid))
        name = rf"Trim: workload\[{target.pid}\]"
        self.assertRegex(run.stdout, rf"\A{name} is retained: signal:USR1 to pid {target.pid}, {SIZE} expected back\n"
                         rf"{name} RSS {SIZE} -> {SIZE}, {SIZE} back in \d+ ms, {SIZE} were expected \(\d\.\d % off\)\n\Z")
        run = run_trim("-p", str(target.pid))
        self.assertRegex(run.stdout, rf"\A{name} is in-use: signal:USR1 refused: .*--force.*\n\Z")

    def test_regrowth(self):
        """--regrowth looks again after that time: what the program has allocated since is back"""
        target = Python(self, REGROWS, str(SLOWNESS / 2))
        trim, regrowth = self.trim(0, "--regrowth", f"{2 * SLOWNESS}s", "-p", str(target.pid))
        self.assertEqual((trim["outcome"], regrowth["event"], regrowth["pid"]), ("trimmed", "regrowth", target.pid))
        self.assertEqual(target.line(), "grown")
        self.assertGreater(regrowth["regrown"], 7.5 * MIB)  # and what of its files is mapped by then: the truth is below
        self.assertEqual(regrowth["reclaimed"], trim["reclaimed"])
        self.assertGreaterEqual(regrowth["after_s"], 2 * SLOWNESS)
        self.assertLess(abs(trim["after"]["rss"] + regrowth["regrown"] - rss_of(target.pid)), MIB)

    def test_regrowth_of_one_that_is_gone(self):
        """a program that has ended by the time of the second look: nothing is known of it, and it is done all the same"""
        target = self.retain()
        run = Program(self, MEMGAP, "trim", "--regrowth", "1s", "-p", str(target.pid))
        self.assertRegex((run.line(), run.line())[1], "back in")
        target.kill()
        self.assertRegex(run.line(), r"is gone, 1 s after its trim")
        self.assertEqual(run.end(), 0)

    def test_several(self):
        """each of several pids is trimmed; where one of them is not, the exit status tells"""
        one, other, busy = self.retain(), self.retain("64MiB"), Workload(self, "hold", *QUIET)
        before = {target.pid: rss_of(target.pid) for target in (one, other)}
        events = self.trim(0, "-p", f"{one.pid},{other.pid}")
        self.assertEqual({pid for event in events for pid in event["pids"]}, set(before))
        for event in events:
            pid, = event["pids"]
            self.check_near(event["reclaimed"], before[pid] - rss_of(pid))
        events = self.trim(FAILED, "-p", f"{self.retain().pid},{busy.pid}")
        self.assertEqual(sorted(event["outcome"] for event in events), ["refused", "trimmed"])

    def test_cgroup(self):
        """of a cgroup who has most is asked first, and each is measured before the next; who has nothing is not asked"""
        cgroup = Cgroup(self, "sizes")
        sizes = {self.retain(f"{size}MiB", preexec_fn=cgroup.enter).pid: size * MIB for size in (16, 64, 32)}
        catcher = Python(self, CATCH, preexec_fn=cgroup.enter)
        events = self.trim(0, "-c", cgroup.path)
        self.assertEqual([event["pids"] for event in events], [[pid] for pid in sorted(sizes, key=sizes.get, reverse=True)])
        for event in events:
            self.check_near(event["reclaimed"], sizes[event["pids"][0]])
            self.check_near(event["predicted"], event["reclaimed"])
        for event, following in zip(events, events[1:]):
            self.assertLessEqual(following["before"]["current"], event["after"]["current"] + MIB)
        self.check_not_asked(catcher)

    def test_dies(self):
        """a program that exits when it is asked: failed, and said so; a pid that is gone before: no such target"""
        target = Python(self, EXIT, "32")
        run = run_trim("-o", "json", "-p", str(target.pid))
        self.assertEqual(run.returncode, FAILED)
        self.assertIn(run.stderr, ("", f"memgap: pid {target.pid} (python3) has exited\n"))
        event = json.loads(run.stdout)
        self.assertEqual(event["outcome"], "failed")
        self.assertEqual((event["why"], event["reclaimed"]), (f"pid {target.pid} has exited", None))
        target.end()
        run = run_trim("-p", str(target.pid))
        self.assertEqual((run.returncode, run.stdout), (NO_TARGET, ""))
        self.assertRegex(run.stderr, f"no process with pid {target.pid}")

    def test_interrupted(self):
        """SIGINT in the midst of the measuring: what was seen so far is told, and it is over"""
        target = Python(self, CATCH)
        run = Program(self, MEMGAP, "trim", "-o", "json", "--force", "-p", str(target.pid))
        self.assertEqual(target.line(), "asked")
        run.stop(signal.SIGINT)
        event = json.loads(run.line())
        self.check_in_vain(event)
        self.assertEqual(event["pids"], [target.pid])
        self.assertLess(event["took_ms"], 1000)
        self.assertEqual((run.line(), run.end(), run.stderr()), (None, 0, ""))

    def test_dry_run(self):
        """--dry-run of each action says what would be done, and does nothing at all"""
        cgroup = Cgroup(self, "dry")
        target = Python(self, RETAIN, "32", preexec_fn=cgroup.enter)
        witness, log = f"{self.directory}/witness", f"{self.directory}/log"
        script = self.script(f"#!/bin/sh\n: >{witness}\n")
        before = rss_of(target.pid)
        for action, of in (("signal:USR1", "-p"), ("signal:USR1", "-c"), ("auto", "-p"), (f"exec:{script}", "-p")):
            named = str(target.pid) if of == "-p" else cgroup.path
            with self.subTest(action):
                event = self.trim_one(0, "dry-run", "--dry-run", "--force", "--trim-with", action, "--log", log, of, named)
                self.assertIsNone(event["reclaimed"])
        self.check_near(rss_of(target.pid), before, 1)
        self.assertFalse(os.path.exists(witness))
        self.check_not_asked(target)


class UntilItIsEnough(ActionTest):
    def check_stops(self, threshold):
        """The largest of three gets the cgroup below its low mark: the others are never asked."""
        cgroup = Cgroup(self, "mark")
        large, *small = [Python(self, RETAIN, size, preexec_fn=cgroup.enter) for size in ("64", "24", "24")]
        watch = Watch(self, "-s", "heap", "--trim-at", threshold, "--cooldown", "100ms", "-c", cgroup.path)
        self.assertEqual(watch.event()["pids"], [large.pid])
        count = len(watch.samples())
        for _ in range(8):
            sample = watch.sample()
        self.assertGreaterEqual(len(watch.samples()), count + 8)
        self.assertEqual(sample["trim"]["count"], 1)
        self.assertEqual(large.line(), "asked")
        self.check_not_asked(large, *small)

    def test_cgroup(self):
        """past cgroup:SIZE the largest is asked alone, where that gets the cgroup below the low mark"""
        self.check_stops("cgroup:90MiB")

    def test_rss(self):
        """the same past rss:SIZE of a cgroup"""
        self.check_stops("rss:100MiB")

    def test_not_yet_enough(self):
        """where the largest is not enough, the next is asked at once, without a cooldown between, and no more than needed"""
        cgroup = Cgroup(self, "more")
        large, middle, small = [Python(self, RETAIN, size, preexec_fn=cgroup.enter) for size in ("64", "48", "24")]
        rss = sum(rss_of(program.pid) for program in (large, middle, small))
        watch = Watch(self, "-s", "heap", "--trim-at", f"rss:{rss - 80 * MIB}", "-c", cgroup.path)
        self.assertEqual([watch.event()["pids"] for _ in range(2)], [[large.pid], [middle.pid]])
        for _ in range(5):
            watch.sample()
        self.assertEqual([program.line() for program in (large, middle)], ["asked"] * 2)
        self.check_not_asked(small)


class Commands(ActionTest):
    def watch(self, target, script, *options):
        """Past its threshold from the first interval on."""
        return Watch(self, "-s", "none", "--trim-at", "rss:1MiB", "--trim-with", f"exec:{script}", *options, "-p", str(target.pid))

    def test_figures(self):
        """a command has the figures in its environment, as in /proc, and what it brings is measured"""
        cgroup = Cgroup(self, "figures")
        target = self.retain("64MiB", preexec_fn=cgroup.enter)
        before = status_of(target.pid)
        out = f"{self.directory}/out"
        script = self.script(f"#!/bin/sh\nenv >{out}\nkill -USR1 $MEMGAP_PIDS\n")
        watch = Watch(self, "-s", "heap", "--trim-at", "gap:32MiB", "--trim-with", f"exec:{script}", "-p", str(target.pid),
                      env={**os.environ, "MEMGAP_STRAY": "1", "MEMGAP_ALLOC": "wrong", "KEPT": "yes"})
        event = watch.event()
        fallen = before["VmRSS"] - rss_of(target.pid)
        variables = dict(line.split("=", 1) for line in read(out).splitlines() if "=" in line)
        figures = {name[7:]: text for name, text in variables.items() if name.startswith("MEMGAP_")}
        self.assertEqual(set(figures), {"PIDS", "CGROUP", "METRIC", "VALUE", "THRESHOLD", "ALLOC", "RSS", "GAP", "TRIMMABLE", "VERDICT"})
        self.assertEqual([figures[name] for name in ("PIDS", "CGROUP", "METRIC", "THRESHOLD", "VERDICT")],
                         [str(target.pid), cgroup.path, "gap", str(32 * MIB), "retained"])
        self.assertEqual(int(figures["RSS"]), before["VmRSS"])
        self.assertLess(abs(int(figures["ALLOC"]) - target.first["held_bytes"]), 64 << 10)
        self.assertLess(abs(int(figures["GAP"]) - before["RssAnon"] + target.first["held_bytes"]), 64 << 10)
        self.assertEqual(figures["VALUE"], figures["GAP"])
        self.check_near(int(figures["TRIMMABLE"]), fallen)
        self.assertEqual(variables["KEPT"], "yes")
        self.assertEqual((event["outcome"], event["pids"], event["predicted"]), ("trimmed", [target.pid], None))
        self.assertLess(abs(event["reclaimed"] - fallen), MIB)

    def test_several(self):
        """a command for a cgroup: all of its processes are measured, and looked at again; of one that is gone since nothing is known"""
        cgroup = Cgroup(self, "several")
        sizes = {self.retain(size, preexec_fn=cgroup.enter): size for size in ("64MiB", "48MiB")}
        before = sum(rss_of(target.pid) for target in sizes)
        options = ["--force", "--trim-with", "exec:true", "-c", cgroup.path]
        trim, regrowth = self.trim(0, "--regrowth", "500ms", *options)
        self.assertLess(abs(trim["before"]["rss"] - before), MIB)
        self.assertEqual((set(trim["pids"]), regrowth["pid"]), ({target.pid for target in sizes}, trim["pids"][0]))
        self.assertLess(abs(regrowth["regrown"]), MIB)
        run = Program(self, MEMGAP, "trim", "--regrowth", "1s", *options)
        self.assertRegex((run.line(), run.line())[1], r"in \d+ ms")
        next(iter(sizes)).kill()
        self.assertRegex(run.line(), rf"^Trim: {cgroup.path}: pid {next(iter(sizes)).pid} is gone, 1 s after its trim$")
        self.assertEqual(run.end(), 0)

    def test_words(self):
        """a command is split at blanks, however many, and no shell sees it"""
        out = f"{self.directory}/out"
        script = self.script(f'#!/bin/sh\nprintf "<%s>" "$@" >{out}\n')
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        self.trim_in_vain("--force", "--trim-with", f"exec:  {script} two\t words  $HOME;false 'a b' ", "-p", str(target.pid))
        self.assertEqual(read(out), "<two><words><$HOME;false><'a><b'>")

    def test_failures(self):
        """a command that fails, dies, or is no program: failed with the reason, nothing measured, and no zombie of it"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        for text, why in (("#!/bin/sh\nexit 3\n", "exited with status 3"), ("#!/bin/sh\nkill -SEGV $$\n", "was killed by SIGSEGV"),
                          ("\x7fELF garbage", "cannot execute .*: Exec format error"),
                          ("#!/no/such/interpreter\n", "cannot execute .*: No such file or directory")):
            with self.subTest(why):
                script = self.script(text)
                watch = self.watch(target, script)
                event = watch.event()
                self.assertEqual((event["outcome"], event["reclaimed"]), ("failed", None))
                self.assertRegex(event["why"], rf"^{script} {why}|^{why}")
                wait_for(lambda: not children_of(watch.pid), "it has been waited for")
                watch.stop()
                self.assertEqual(watch.finish(), 0)
        event = self.trim_one(FAILED, "failed", "--force", "--trim-with", "exec:false", "-p", str(target.pid))
        self.assertRegex(event["why"], "/false exited with status 1$")

    def test_removed(self):
        """a command that is gone by the time of the trim: failed, with the reason, and the target is watched on"""
        script = self.script("#!/bin/sh\n")
        target = Held(self)
        watch = self.watch(target, script, "--trim-at", "rss:48MiB")
        watch.sample()
        os.unlink(script)
        target.go()
        event = watch.event()
        self.assertEqual(event["outcome"], "failed")
        self.assertRegex(event["why"], f"{script}: No such file or directory")
        watch.sample()

    def test_hangs(self):
        """a command that does not end is killed after 10 s with all that it started; the target is watched on meanwhile"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        pids = f"{self.directory}/pids"
        script = self.script(f"#!/bin/sh\ntrap '' TERM\nsleep 300 &\necho $$ $! >{pids}.new\nmv {pids}.new {pids}\nwait\n")
        watch = self.watch(target, script)
        wait_for(lambda: os.path.exists(pids), "it runs")
        watch.sample()
        started = list(map(int, read(pids).split()))
        count = len(watch.samples())
        event = watch.event()
        self.assertEqual((event["outcome"], event["why"]), ("failed", f"{script} did not end within 10 s: killed"))
        self.assertLess(abs(event["took_ms"] - 10000), 1000)
        self.assertGreater(len(watch.samples()), count + 50)
        wait_for(lambda: not any(map(is_alive, started)), "they are gone")
        self.assertEqual(children_of(watch.pid), [])

    def test_memgap_ends(self):
        """a command that runs when memgap ends, however that may be, ends too"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        for number, status in (signal.SIGINT, FAILED), (signal.SIGKILL, -signal.SIGKILL):
            with self.subTest(number):
                pid_file = f"{self.directory}/{number}"
                script = self.script(f"#!/bin/sh\necho $$ >{pid_file}.new\nmv {pid_file}.new {pid_file}\nexec sleep 300\n")
                run = Program(self, MEMGAP, "trim", "-o", "json", "--force", "--trim-with", f"exec:{script}", "-p", str(target.pid))
                wait_for(lambda path=pid_file: os.path.exists(path), "it runs")
                run.stop(number)
                self.assertEqual(run.end(), status)
                wait_for(lambda path=pid_file: not is_alive(int(read(path))), "the command is gone")
                if number == signal.SIGINT:
                    event = json.loads(run.line())
                    self.assertEqual((event["outcome"], event["why"]), ("failed", "the end of it was not waited for"))

    def test_interrupted(self):
        """the line format says so, too"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        run = Program(self, MEMGAP, "trim", "--force", "--trim-with", "exec:sleep 300", "-p", str(target.pid))
        self.assertRegex(run.line(), "exec:sleep 300 for pid")
        run.stop(signal.SIGINT)
        self.assertRegex(run.line(), rf"^Trim: workload\[{target.pid}\] failed: the end of it was not waited for$")
        self.assertEqual((run.line(), run.end()), (None, FAILED))


class Held(Python):
    """A program that has 64 MiB at go()."""

    def __init__(self, test):
        super().__init__(test, START + "say('ready'); input(); ballast = b'x' * (64 << 20); signal.pause()", stdin=-1)

    def go(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()


class Pressure(ActionTest):
    def setUp(self):
        super().setUp()
        self.fifo = f"{self.directory}/fifo"
        os.mkfifo(self.fifo)

    def listener(self, flags, size="32"):
        return Python(self, LISTEN, size, str(flags), env={**os.environ, "MEMORY_PRESSURE_WATCH": self.fifo})

    def test_told(self):
        """a program that listens at a FIFO is told by one byte, and what it gives back is measured and was expected"""
        manager = os.open(self.fifo, os.O_RDWR | os.O_NONBLOCK)
        self.addCleanup(os.close, manager)
        for flags in os.O_RDONLY, os.O_RDWR:
            target = self.listener(flags)
            before = rss_of(target.pid)
            event = self.trim_one(0, "trimmed", "--trim-with", "pressure", "-p", str(target.pid))
            self.assertEqual(target.line(), "told 1 ")
            self.assertEqual((event["action"], event["pids"]), ("pressure", [target.pid]))
            self.check_near(event["predicted"], before - rss_of(target.pid))
            self.check_near(event["reclaimed"], before - rss_of(target.pid))
            target.kill()

    def test_own_end(self):
        """a program that has opened its FIFO for reading and writing needs nobody else to hold it"""
        target = self.listener(os.O_RDWR)
        self.trim_one(0, "trimmed", "--trim-with", "pressure", "-p", str(target.pid))
        self.assertEqual(target.line(), "told 1 ")

    def test_dry_run(self):
        """--dry-run writes nothing to the FIFO"""
        target = self.listener(os.O_RDWR)
        self.trim_one(0, "dry-run", "--dry-run", "--trim-with", "pressure", "-p", str(target.pid))
        target.stop(signal.SIGUSR2)
        self.assertEqual(target.line(), "alive []")

    def test_refused(self):
        """a program that does not listen is not told, and keeps what it has; the reason says what is missing"""
        target = self.retain()
        before = rss_of(target.pid)
        event = self.trim_one(FAILED, "refused", "--trim-with", "pressure", "-p", str(target.pid))
        self.assertRegex(event["why"], rf"^pid {target.pid} \(workload\) does not listen .*MEMORY_PRESSURE_WATCH")
        self.assertEqual(rss_of(target.pid), before)
        deaf = Python(self, RETAIN, "32", env={**os.environ, "MEMORY_PRESSURE_WATCH": self.fifo})
        event = self.trim_one(FAILED, "refused", "--trim-with", "pressure", "-p", str(deaf.pid))
        self.assertIn("has not opened", event["why"])

    def command(self, *options, **environment):
        """memgap with a listener as its COMMAND, which speaks on stderr; and the listener's pid, once it listens."""
        script = LISTEN.replace("flush=True", "file=sys.stderr, flush=True")
        watch = Watch(self, "-s", "heap", "--trim-at", "gap:24MiB", "--trim-with", "pressure", *options, "--", sys.executable, "-c",
                      script, "32", str(os.O_RDONLY), env={**os.environ, **environment})
        wait_for(lambda: "ready" in watch.stderr(), "COMMAND listens")
        return watch, watch.sample()["target"]["pid"]

    def check_goes_on(self, watch, pid):
        """memgap is gone, and the listener has noticed nothing."""
        self.assertTrue(is_alive(pid))
        os.kill(pid, signal.SIGUSR2)
        wait_for(lambda: "alive []" in watch.stderr(), "it listens on, and sees no hangup")
        self.assertNotIn("hangup", watch.stderr())

    def test_command(self):
        """COMMAND is offered a FIFO, as by a service manager, and told through it; that is removed at the end, and COMMAND goes on"""
        watch, pid = self.command()
        event = watch.event()
        self.assertEqual((event["outcome"], event["action"], event["pids"]), ("trimmed", "pressure", [pid]), event["why"])
        self.check_near(event["reclaimed"], 32 * MIB)
        self.assertIn("told 1", watch.stderr())
        fifo = self.watched_by(pid)
        self.assertEqual(os.stat(fifo).st_mode & 0o777, 0o600)
        watch.stop()
        self.assertEqual(watch.end(), 0)
        self.check_goes_on(watch, pid)
        self.assertFalse(os.path.exists(os.path.dirname(fifo)))

    def test_command_of_one_that_is_killed(self):
        """COMMAND sees no hangup either where memgap is killed"""
        watch, pid = self.command("--dry-run")
        self.addCleanup(shutil.rmtree, os.path.dirname(self.watched_by(pid)))
        self.assertEqual(watch.event()["outcome"], "dry-run")
        watch.stop(signal.SIGKILL)
        watch.end()
        self.check_goes_on(watch, pid)
        self.assertNotIn("told", watch.stderr())

    def test_command_with_its_own(self):
        """what is in memgap's own environment is left to COMMAND as it is"""
        manager = os.open(self.fifo, os.O_RDWR | os.O_NONBLOCK)
        self.addCleanup(os.close, manager)
        watch, pid = self.command(MEMORY_PRESSURE_WATCH=self.fifo)
        self.assertEqual(self.watched_by(pid), self.fifo)
        self.assertEqual(watch.event()["outcome"], "trimmed")

    def watched_by(self, pid):
        variables = dict(text.split("=", 1) for text in read(f"/proc/{pid}/environ").split("\0") if "=" in text)
        return variables["MEMORY_PRESSURE_WATCH"]


if __name__ == "__main__":
    tap.main()
