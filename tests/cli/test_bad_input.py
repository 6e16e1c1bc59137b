#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What memgap cannot do: one line on stderr that names the remedy, the right exit status, nothing else."""
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import (MEMGAP, Cgroup, Program, Workload, members_of_group, memory_hierarchy, stat_of, status_of,  # noqa: E402
                    wait_for)

FAILED, USAGE, HOST, NO_TARGET = 1, 2, 3, 4
PF_KTHREAD = 0x200000
HIDE = 'for path in $HIDDEN; do [ ! -e "$path" ] || mount -t tmpfs none "$path" || exit 9; done; exec "$@"'


class BadInput(unittest.TestCase):
    def refuse(self, status, remedy, *arguments, before=(), memgap=MEMGAP, **options):
        """Runs memgap; it must say one line that matches the remedy."""
        run = Program(self, *before, memgap, *arguments, **options)
        try:
            self.assertEqual(run.end(), status, run.stderr())
            self.assertIsNone(run.line())
            self.assertRegex(run.stderr(), rf"\Amemgap: [^\n]*{remedy}[^\n]*\n\Z")
            wait_for(lambda: not members_of_group(run.pid), "nothing is left of it")
        except AssertionError as error:
            raise AssertionError(f"memgap {' '.join(map(repr, arguments))}: {error}") from None

    def usage(self, remedy, *options):
        """The options of watch are wrong, the target is good."""
        self.refuse(USAGE, remedy, "watch", "-N", "1", "-p", str(os.getpid()), *options)

    def trim_usage(self, remedy, *options):
        """The same of trim."""
        self.refuse(USAGE, remedy, "trim", "-p", str(os.getpid()), *options)

    # targets

    def test_no_such_pid(self):
        """a pid that no process has: no such target, see ps"""
        process = subprocess.Popen(["true"])
        process.wait()
        self.refuse(NO_TARGET, f"no process with pid {process.pid}: see `ps", "watch", "-p", str(process.pid))

    def test_kernel_thread(self):
        """a kernel thread: no such target, it has no memory of its own"""
        threads = [pid for pid in os.listdir("/proc") if pid.isdigit() and int((stat_of(pid) or [0] * 7)[6]) & PF_KTHREAD]
        if not threads:
            self.skipTest("this host shows no kernel threads")
        self.refuse(NO_TARGET, "kernel thread", "watch", "-p", threads[0])

    def test_zombie(self):
        """a zombie: no such target, it waits for its parent"""
        process = subprocess.Popen(["true"])
        self.addCleanup(process.wait)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        self.refuse(NO_TARGET, "zombie", "watch", "-p", str(process.pid))

    def test_thread(self):
        """the id of a thread: no such target, give its process"""
        wait = threading.Event()
        thread = threading.Thread(target=wait.wait, args=(60,))
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(wait.set)
        self.refuse(NO_TARGET, "thread.*give the id of its process", "watch", "-p", str(thread.native_id))

    def test_one_of_two_pids(self):
        """one pid of two is wrong: no such target, and the other is not watched"""
        process = subprocess.Popen(["true"])
        process.wait()
        self.refuse(NO_TARGET, f"no process with pid {process.pid}", "watch", "-N", "1", "-s", "none", "-p",
                    f"{os.getpid()},{process.pid}")

    def test_cgroup_missing(self):
        """a cgroup that is not there: no such target, how to list those that are"""
        for path in "no-such-cgroup", "/no-such-cgroup", f"{memory_hierarchy()}/no-such-cgroup":
            self.refuse(NO_TARGET, "no cgroup.*`find ", "watch", "-N", "1", "-c", path)

    def test_cgroup_is_none(self):
        """a directory or a file that is no cgroup: no such target"""
        for path in "/tmp", "/proc", "/etc/passwd", f"{memory_hierarchy()}/cgroup.procs", "../..":
            self.refuse(NO_TARGET, "cgroup", "watch", "-N", "1", "-c", path)

    def test_cgroup_without_processes(self):
        """an empty cgroup: no such target, start what is to be watched first"""
        cgroup = Cgroup(self, "empty")
        for path in cgroup.path, cgroup.directory:
            self.refuse(NO_TARGET, "no processes: start", "watch", "-N", "1", "-c", path)

    def test_cgroup_path_empty(self):
        """an empty path, as from an unset variable, is not the root cgroup"""
        self.refuse(USAGE, "cgroup", "watch", "-N", "1", "-s", "none", "-c", "")

    def test_command_missing(self):
        """a COMMAND that is not there: no such target, give a path or a name in PATH"""
        for command in "no-such-program", "/no/such/program", "":
            self.refuse(NO_TARGET, "give its path", "watch", "--", command)

    def test_command_no_program(self):
        """a COMMAND that is a directory or cannot be executed is not started"""
        for command in "/tmp", "/etc/passwd":
            self.refuse(NO_TARGET, command, "watch", "--", command)

    def test_command_broken(self):
        """a COMMAND that is executable and no program, or without its interpreter: failed, and said why"""
        with tempfile.TemporaryDirectory() as directory:
            for name, text in ("garbage", "\x7fELF garbage"), ("empty", ""), ("lost", "#!/no/such/interpreter\n"):
                path = f"{directory}/{name}"
                with open(path, "w", opener=lambda p, flags: os.open(p, flags, 0o755)) as file:
                    file.write(text)
                self.refuse(FAILED, name, "watch", "--", path)

    def test_command_static(self):
        """a static COMMAND has nothing to probe: failed, if that is asked for; else it is watched without"""
        if not os.path.exists("/sbin/ldconfig"):
            self.skipTest("no static program at hand (/sbin/ldconfig)")
        self.refuse(FAILED, "nothing to probe in /sbin/ldconfig", "watch", "-s", "probe", "--", "/sbin/ldconfig", "-p")
        run = subprocess.run([MEMGAP, "watch", "--", "/sbin/ldconfig", "-p"], capture_output=True, text=True, timeout=60)
        self.assertEqual(run.returncode, 0, run.stderr)

    # usage

    def test_pids(self):
        """malformed pids are a usage error"""
        for pid in "", "x", "0", "-1", "1,", ",1", "1,,2", "1 2", "99999999999", "0x1", "1.5":
            self.refuse(USAGE, "list of pids: -p 123", "watch", "-N", "1", "-p", pid)

    def test_sizes(self):
        """malformed sizes are a usage error"""
        for size in "10XB", "-5MiB", "", "MiB", "0", "5 MiB", "5mib", "1e9", "99999999999GiB", "alloc:", "rss:x":
            self.usage("threshold.*100MiB", "--trim-at", size)

    def test_percents(self):
        """malformed percentages are a usage error"""
        for percent in "%", "0%", "101%", "-5%", "cgroup:%", "5%%", "5.5%":
            self.usage("threshold.*90%", "--trim-at", percent)

    def test_intervals(self):
        """malformed intervals and cooldowns are a usage error"""
        for duration in "0", "0s", "1x", "", "-1s", "1", "s", "1.5s", "99999999999h", "1s ":
            self.usage("200ms", "-i", duration)
            self.usage("200ms", "--trim-at", "1GiB", "--cooldown", duration)

    def test_counts(self):
        """malformed counts are a usage error"""
        for count in "0", "-1", "x", "", "1.5", "99999999999999999999":
            self.usage("whole number", "-N", count)

    def test_overheads(self):
        """an overhead that is malformed, 0 or above 100 is a usage error"""
        for percent in "0", "0%", "-1%", "x", "", "%", "101%", "5 %", "5%%", ".5", "1e1", "5.", "inf", "nan", "5,5":
            self.usage("is no overhead", "--max-overhead", percent)
        self.usage("is for probes", "-s", "heap", "--max-overhead", "5%")

    def test_signals(self):
        """a signal that is unknown, or that only does harm, is a usage error"""
        for action in "signal:NOSUCH", "signal:", "signal", "signal:0", "signal:999", "signal:RTMIN+99", "USR1":
            self.usage("signal:USR1", "--trim-at", "1GiB", "--trim-with", action)
        for action in "signal:KILL", "signal:STOP", "signal:9", "signal:SIGKILL":
            self.usage("USR1", "--trim-at", "1GiB", "--trim-with", action)

    def test_actions(self):
        """an action that is unknown, has no command, or is not for this kind of target, is a usage error, for a trim by hand too"""
        for action, remedy in (("trim", "'trim' is no action: signal:NAME"), ("", "'' is no action"), ("Auto", "'Auto' is no action"),
                               ("pressure:", "'pressure:' is no action"), ("exec", "'exec' is no action"),
                               ("exec:", "no command after 'exec:'"), ("exec: \t ", "no command after 'exec:'"),
                               ("exec:no-such-program", "'exec:no-such-program': there is no such command"),
                               ("exec:/etc/passwd", "there is no such command"), ("exec:/tmp", "there is no such command"),
                               ("reclaim", "reclaim is for a cgroup.*-c or -n")):
            self.usage(remedy, "--trim-at", "1GiB", "--trim-with", action)
            self.trim_usage(remedy, "--trim-with", action)

    def test_trim_targets(self):
        """memgap trim without a target, for everything, or for a command: a usage error"""
        self.refuse(USAGE, "nothing to trim: give -p PID", "trim")
        self.refuse(USAGE, "-a has nothing trimmed: name a target", "trim", "-a")
        self.refuse(USAGE, "unexpected 'true': targets are given with", "trim", "--", "true")
        self.trim_usage("unexpected 'stray'", "stray")

    def test_trim_options(self):
        """a malformed time, an unknown format, an option of watch: a usage error"""
        for duration in "0", "0s", "1", "", "-1s", "1.5s", "x":
            self.trim_usage("is no time to wait: 10s or 1m", "--regrowth", duration)
        self.trim_usage("unknown format 'table': line or json", "-o", "table")
        for option in "--trim-at", "-i", "-N", "--cooldown", "-s":
            self.trim_usage(f"unknown option '{option}'", option, "1s")
        for option in "--regrowth", "--trim-with", "--log", "-o":
            self.refuse(USAGE, f"'{option}' needs a value", "trim", option)

    def test_trim_of_who_is_gone(self):
        """memgap trim of a pid that no process has: no such target, and who is named beside it is not asked"""
        process = subprocess.Popen(["true"])
        process.wait()
        target = Workload(self, "retain", "--size", "16MiB", "--interval", "1m")
        before = status_of(target.pid)["VmRSS"]
        self.refuse(NO_TARGET, f"no process with pid {process.pid}", "trim", "-p", f"{target.pid},{process.pid}")
        self.assertEqual(status_of(target.pid)["VmRSS"], before)

    def test_unknown_words(self):
        """an unknown option, format, source, metric or --per is named"""
        for options, words in ((["--nosuch"], "option '--nosuch'"), (["-x"], "option '-x'"), (["-o", "xml"], "format 'xml'"),
                               (["-s", "magic"], "source 'magic'"), (["--per", "thread"], "--per 'thread'")):
            self.usage(f"unknown {words}", *options)
        self.usage("unexpected 'stray'", "stray")
        self.usage("'pss:1MiB' is no threshold", "--trim-at", "pss:1MiB")

    def test_missing_values(self):
        """an option without its value is a usage error"""
        for option in "-p", "-c", "-i", "-N", "-o", "-s", "--pid", "--per", "--trim-at", "--trim-with", "--cooldown":
            self.refuse(USAGE, f"'{option}' needs a value", "watch", option)

    def test_contradictions(self):
        """options that need others, or exclude each other, are a usage error"""
        self.usage("--trim-at too", "--dry-run")
        self.usage("--trim-at too", "--cooldown", "1s")
        self.usage("--trim-at too", "--trim-with", "signal:USR2")
        self.usage("--trim-at rss", "-s", "none", "--trim-at", "1GiB")

    def test_nothing_to_do(self):
        """no subcommand, an unknown one, no target, -- without COMMAND: a usage error"""
        self.refuse(USAGE, "memgap watch --help")
        self.refuse(USAGE, "'wacht': try `memgap help`", "wacht")
        self.refuse(USAGE, "-p PID", "watch")
        self.refuse(USAGE, "command", "watch", "--")
        self.refuse(USAGE, "command", "watch", "-p", "1", "--")

    # the host

    def test_no_privilege(self):
        """neither a user nor root without capabilities may: run as root, or --source none"""
        target = Workload(self, "hold", "--size", "1MiB", "--interval", "1m")
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o755)
            shutil.copy(MEMGAP, f"{directory}/memgap")
            for drop in ["--reuid=65534", "--clear-groups", "--inh-caps=-all"], ["--bounding-set=-all", "--inh-caps=-all"]:
                self.refuse(HOST, "run as root.*`--source none`", "watch", "-N", "1", "-p", str(target.pid),
                            before=["setpriv", *drop], memgap=f"{directory}/memgap", cwd="/")

    def without(self, *paths):
        return {"before": ["unshare", "-m", "sh", "-c", HIDE, "sh"], "env": {**os.environ, "HIDDEN": " ".join(paths)}}

    def test_no_btf(self):
        """a kernel without BTF: what it needs to be built with"""
        self.refuse(HOST, "CONFIG_DEBUG_INFO_BTF", "watch", "-N", "1", "-p", str(os.getpid()),
                    **self.without("/sys/kernel/btf"))

    def test_no_tracefs(self):
        """no tracefs: how to mount it"""
        self.refuse(HOST, "mount -t tracefs", "watch", "-N", "1", "-p", str(os.getpid()),
                    **self.without("/sys/kernel/tracing", "/sys/kernel/debug"))

    def test_own_pid_namespace(self):
        """a pid namespace of its own, as in a container by default: run it with the host's"""
        self.refuse(HOST, "--pid=host", "watch", "-N", "1", "-p", "1", before=["unshare", "-pf", "--mount-proc"])


if __name__ == "__main__":
    tap.main()
