# SPDX-License-Identifier: GPL-2.0-only
"""Ways to run memgap in which something fails (see faulty.c): what fails in them, the suites know."""
import functools
import http.client
import http.server
import json
import os
import pty
import random
import re
import select
import socketserver
import ssl
import struct
import subprocess
import sys
import termios
import threading
import time

sys.path[:0] = ["tests/go"]
import heaps  # noqa: E402
from faults import GONE, SIZE, FaultsTest  # noqa: E402
from memgap import BUILT, QUIET, Cgroup, Program, Workload, members_of_group, own_libc, wait_for  # noqa: E402
from serve import basic, make_certificate, parse, private_file  # noqa: E402
from toolchains import Toolchain  # noqa: E402

FAULTY = f"{BUILT}/tests/faults/memgap"
WATCH = ["watch", "-o", "json", "-i", "20ms", "-N", "3"]
TABLE, LINE = (["watch", "-o", form, "-i", "20ms", "-N", "3"] for form in ("table", "line"))
TRIMS = ["--trim-at", "rss:1KiB", "--trim-with", "exec:/bin/true", "--cooldown", "10ms"]
EVENTS = "/api/v1/events"
# an event is there when an interval is over
PAGES = EVENTS, "/metrics", "/", "/api/v1/targets", "/api/v1/series?id=1", "/api/v1/trims", "/healthz", "/readyz", "/none"
# what is pressed at once: help, expanded, sorted, filtered; paused, the messages; a trim, that it is meant, the end
KEYS = "hh\rjk<rs\033[D\r/c\r", "\033", "pplF", "y", "l", "q"
CONTAINER = 64 * "a"
STATUSES = 0, 1, 3, 4
MOST = round(6 * SIZE ** 3) if SIZE < 4 else sys.maxsize  # faults of a command
SECONDS = 60  # within which each run ends
FIRED = 1 << 61  # see faulty.c


class Engine(http.server.BaseHTTPRequestHandler):
    """A container engine that has one container."""

    def do_GET(self):
        answer = json.dumps([{"Id": CONTAINER, "Names": ["/shop"], "Image": "shop:1", "Labels": {}}]).encode()
        self.send_response(200)
        self.send_header("Content-Length", len(answer))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def shown(terminal, seconds):
    """Takes what comes at a terminal for so long; whether anything did. None: the program has ended."""
    deadline, any_came = time.monotonic() + seconds, False
    while select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
        try:
            os.read(terminal, 65536)
        except OSError:
            return None
        any_came = True
    return any_came


class Scenarios(FaultsTest):
    """Each of its tests is a way to run memgap. A suite's class has faults_of() and what_failed()."""

    def setUp(self):
        self.begin_in_cgroup("memory")
        self.truth = self.target.hold()
        self.pid = str(self.target.pid)
        self.other = None  # another target

    def run_once(self, arguments, **environment):
        return self.run_alone([FAULTY, *arguments], seconds=SECONDS, env={**os.environ, **environment})

    def end_of(self, program, arguments):
        status = program.end(SECONDS)
        wait_for(lambda: not members_of_group(program.pid), "no process of memgap's left", seconds=10)
        run = subprocess.CompletedProcess(arguments, status, "", program.stderr())
        program.kill()
        return run

    def serve_once(self, arguments, connect=http.client.HTTPConnection, headers=None, **environment):
        """As run_once(), of memgap serve: it is asked for all that there is, and told to end."""
        program = Program(self, FAULTY, *arguments, env={**os.environ, **environment})
        where = wait_for(lambda: program.process.poll() is not None or re.search(r"listening at https?://(\S+):(\d+)\n", program.stderr()), "it listens")
        if where is not True:
            for path in PAGES:
                connection = connect(where[1], int(where[2]), timeout=1 if path == EVENTS else 10)
                try:
                    connection.request("GET", path, headers=headers or {})
                    self.check_answer(path, connection.getresponse(), environment)
                except (http.client.HTTPException, ConnectionError, ssl.SSLError):
                    pass  # it had no memory for an answer
                except TimeoutError:  # nor for events, which are left out then
                    self.assertEqual(path, EVENTS, f"{environment} {' '.join(arguments)}: no answer; stderr: {program.stderr()}")
                finally:
                    connection.close()
            program.stop()
        return self.end_of(program, arguments)

    def check_answer(self, path, answer, environment):
        """What there is no memory for is no answer, or one that says so: never half of one."""
        body = answer.read(1 if path == EVENTS else None)
        if answer.status == 200 and path.startswith("/api/") and path != EVENTS:
            with self.subTest(path, **environment):
                json.loads(body)
        elif answer.status == 200 and path == "/metrics":
            with self.subTest(path, **environment):
                self.assertIn(("memgap_self_http_connections", ()), parse(body.decode()))  # its last series

    def top_once(self, arguments, **environment):
        """As run_once(), of memgap top on a terminal, with its keys pressed."""
        terminal, its_end = pty.openpty()
        termios.tcsetwinsize(its_end, (30, 160))
        modes, path = termios.tcgetattr(its_end), os.ttyname(its_end)
        program = Program(self, FAULTY, *arguments, stdin=its_end, stdout=its_end, env={**os.environ, "TERM": "xterm", **environment})
        os.close(its_end)
        deadline = time.monotonic() + SECONDS
        while shown(terminal, 0.03) is False and time.monotonic() < deadline:
            pass
        for keys in KEYS:
            try:
                os.write(terminal, keys.encode())
            except OSError:
                break
            shown(terminal, 0.05)
        while shown(terminal, 0.1) is not None and time.monotonic() < deadline:
            pass
        run = self.end_of(program, arguments)
        its_end = os.open(path, os.O_RDWR | os.O_NOCTTY)
        self.assertEqual(termios.tcgetattr(its_end), modes, f"{environment}: the terminal is not as it was; stderr: {run.stderr}")
        os.close(its_end)
        os.close(terminal)
        return run

    def logged(self, run, arguments, **environment):
        """The run, and what has been called in it: a number for each call, as faulty.c has it."""
        log = f"{self.directory}/calls"
        result = run(arguments, FAULT_LOG=log, **environment)
        with open(log, "rb") as file:
            called = [call for call, in struct.iter_unpack("=Q", file.read())]
        os.unlink(log)
        return result, called

    def faults_of(self, called):
        """Those that are to be tried, for $FAULT, of the calls that there are."""
        raise NotImplementedError

    def what_failed(self, called):
        raise NotImplementedError

    def check_run(self, run, arguments, note):
        self.assertIn(run.returncode, STATUSES, note)
        self.assertNotIn("AddressSanitizer", run.stderr, note)
        self.assertNotIn("LeakSanitizer", run.stderr, note)
        if "--" not in arguments and "-a" not in arguments:  # the targets live
            self.assertNotRegex(run.stdout + run.stderr, GONE, note)
        if arguments[0] == "check" and run.stdout:
            self.assertTrue(not run.returncode or " no: " in run.stdout or run.stderr.startswith("memgap: "), note)
        elif run.returncode and '"why"' not in run.stdout:  # of a trim
            self.assertRegex(run.stderr, r"(?m)^memgap: .{10,}$", note)
        if arguments[0] == "watch" and "json" in arguments:
            self.check_lines([json.loads(line) for line in run.stdout.splitlines()], run, note)

    def check_lines(self, lines, run, note):
        """What they say of the target, which is held, is so."""
        self.assertTrue(lines or run.returncode or re.search("(?m)^memgap: (?!watched )", run.stderr), note)
        for line in lines:
            self.assertNotIn("is gone", line.get("gap", {}).get("why") or "", note)
            self.check_figures(line, self.truth, note)

    def check_fault(self, run, arguments, fault, after):
        """Whether it came to that."""
        result, called = self.logged(run, arguments, FAULT=fault)
        note = f"FAULT={fault} {FAULTY} {' '.join(arguments)}: {result.returncode}\n{result.stdout[-1000:]}\n{result.stderr[-3000:]}"
        self.check_run(result, arguments, note)
        self.check_nothing_left(self.target)
        if self.other:
            self.check_unharmed(self.other)
        after(result)
        return FIRED in called

    def check_all(self, *arguments, run=None, before=lambda: None, after=lambda run: None):
        run = run or self.run_once
        before()
        result, called = self.logged(run, arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        after(result)
        faults = list(self.faults_of(called))
        faults = random.sample(faults, min(len(faults), MOST))
        fired = 0
        for fault in faults:
            before()
            with self.subTest(fault):
                fired += self.check_fault(run, arguments, fault, after)
        self.target.go()
        self.target.finish()
        name = " ".join(part for part in arguments if not part.startswith("/") and part not in (self.pid, str(self.other and self.other.pid)))
        self.tried(f"{self.what_failed(called)}: memgap {name}", fired)

    def test_none(self):
        """memgap watch without an allocator's view, as JSON"""
        self.check_all(*WATCH, "-s", "none", "-p", self.pid)

    def test_recording(self):
        """with a recording and a log"""
        def remove():
            for name in "recording", "log":
                if os.path.exists(f"{self.directory}/{name}"):
                    os.unlink(f"{self.directory}/{name}")

        def check(run):
            """What is in them are whole lines; those that are missing are said to be."""
            if not os.path.exists(log := f"{self.directory}/log"):
                return
            with open(log, encoding="utf-8") as file:
                lines = [json.loads(line) for line in file]
            if run.returncode == 0 and "missing" not in run.stderr:
                self.assertGreaterEqual(len(lines), len(run.stdout.splitlines()) - 1, run.stderr)  # of the last there may be none
        self.check_all(*WATCH, "-s", "none", "--trim-at", "rss:1TiB", "--log", f"{self.directory}/log", "--record", f"{self.directory}/recording",
                       "-p", self.pid, before=remove, after=check)

    def test_report(self):
        """memgap report"""
        path = f"{self.directory}/recording"
        run = self.run_once([*WATCH, "-s", "none", *TRIMS, "--record", path, "-p", self.pid])
        self.assertEqual(run.returncode, 0, run.stderr)

        def check(run):
            """The page has the whole recording in it."""
            if run.returncode == 0:
                with open(page, encoding="utf-8") as file:
                    recording = json.loads(re.search('<script type="application/json" id="recording">(.*?)</script>', file.read(), re.S)[1])
                self.assertEqual([target["target"]["pid"] for target in recording["targets"]], [self.target.pid])
                self.assertEqual(len(recording["series"]), 1)
        page = f"{self.directory}/report.html"
        self.check_all("report", path, "-o", page, after=check)

    def test_heap(self):
        """memgap watch of a heap, as a table"""
        self.check_all(*TABLE, "-s", "heap", "-p", self.pid)

    def test_line(self):
        """memgap watch, as a line, of a command of its own"""
        self.check_all(*LINE, "-s", "none", "--", "/bin/sleep", "0.1")

    def test_probe(self):
        """memgap watch with probes"""
        self.check_all(*WATCH, "-s", "probe", "-p", self.pid)

    def test_cgroup(self):
        """memgap watch of a cgroup"""
        self.check_all(*WATCH, "-c", self.cgroup.path)

    def test_trim(self):
        """memgap trim"""
        self.target.go()
        self.check_all("trim", "--force", "-o", "json", "-p", self.pid)

    def test_trims(self):
        """memgap watch with trims by a command"""
        self.check_all(*LINE, "-s", "none", *TRIMS, "-p", self.pid)

    def test_late_trim(self):
        """memgap watch, as its last trim's command ends when there are no intervals any more"""
        self.check_all("watch", "-i", "20ms", "-N", "1", "-s", "none", "--trim-at", "rss:1KiB", "--trim-with", "exec:sleep 0.1", "-p", self.pid)

    def test_check(self):
        """memgap check"""
        self.check_all("check", "-p", self.pid)

    def test_serve(self):
        """memgap serve"""
        self.check_all("serve", "--listen", "127.0.0.1:0", "-i", "20ms", "-s", "none", "-p", self.pid, run=self.serve_once)

    def test_serve_private(self):
        """memgap serve by HTTPS, for those with a password"""
        make_certificate(self.directory, "one")
        hashed = subprocess.run(["openssl", "passwd", "-6", "other"], check=True, capture_output=True, text=True).stdout.strip()
        users = private_file(f"{self.directory}/users", f"anna:secret\nbert:{hashed}\n")
        context = ssl.create_default_context(cafile=f"{self.directory}/one.pem")
        self.check_all("serve", "--listen", "127.0.0.1:0", "-i", "20ms", "-s", "none", "--auth-file", users,
                       "--tls-cert", f"{self.directory}/one.pem", "--tls-key", f"{self.directory}/one.key", "-p", self.pid,
                       run=functools.partial(self.serve_once, connect=functools.partial(http.client.HTTPSConnection, context=context),
                                             headers=basic("bert:other")))

    def test_top(self):
        """memgap top, with keys pressed and a trim"""
        self.check_all("top", "-i", "20ms", "-s", "none", "-c", self.cgroup.path, "--trim-with", "exec:/bin/true", run=self.top_once)

    def test_container(self):
        """memgap watch of a container by its name"""
        server = socketserver.ThreadingUnixStreamServer(f"{self.directory}/engine", Engine)
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.below(f"docker-{CONTAINER}.scope")
        self.check_all(*WATCH, "-s", "none", "--runtime-socket", server.server_address, "-n", "shop")

    def below(self, name):
        """The target is in a cgroup of this name, and that in the one that is returned."""
        outer = Cgroup(self, "outer")
        Cgroup(self, name, outer).add(self.target.pid)
        return outer

    def check_other(self, source, *command):
        """With a target whose heap is another allocator's."""
        self.other = Program(self, *command, stdin=subprocess.PIPE)
        self.other.process.stdin.write(b"a\n")
        self.other.process.stdin.flush()
        self.other.line()
        self.other.fds = len(os.listdir(f"/proc/{self.other.pid}/fd"))
        self.check_all(*WATCH, "-s", source, "-p", str(self.other.pid))

    def test_musl(self):
        """memgap watch of a heap of musl"""
        self.check_other("heap", f"{heaps.FOLDER}/target-musl", "2")

    def test_mimalloc(self):
        """memgap watch of a heap of mimalloc"""
        if why := heaps.fetch("bookworm", "libmimalloc2.0"):
            self.skipTest(why)
        self.check_other("heap", "env", f"LD_PRELOAD={heaps.find('bookworm', 'libmimalloc.so.2')}", f"{heaps.FOLDER}/target", "2")

    def test_first_thread_ends(self):
        """memgap watch of a heap of a process whose first thread has ended"""
        self.check_other("heap", "build/tests/programs/first_thread_ends")

    def test_go(self):
        """memgap watch of a Go program"""
        toolchain = Toolchain("1.24")
        if toolchain.why:
            self.skipTest(toolchain.why)
        self.check_other("auto", toolchain.build("stripped-pie"), "-truth")

    def test_everything(self):
        """memgap watch of every cgroup"""
        self.check_all(*TABLE, "--walk-budget", "1%,50ms", "-a")

    def test_alloc(self):
        """memgap watch of a heap, with trims at what is allocated"""
        self.check_all(*LINE, "-s", "heap", *TRIMS[2:], "--trim-at", "alloc:1KiB", "-p", self.pid)

    def test_per_process(self):
        """memgap watch of the processes of a cgroup and of one in it"""
        self.check_all(*WATCH, "-s", "heap", "--per", "process", "-c", self.below("inner").path)

    def test_reclaim(self):
        """memgap watch of a cgroup, with trims by the kernel"""
        self.check_all(*LINE, "-s", "none", "--force", "--trim-at", "cgroup:1KiB", "--trim-with", "reclaim", *TRIMS[4:], "-c", self.cgroup.path)

    def test_signal(self):
        """memgap trim by a signal"""
        self.other = Workload(self, "retain", "--size", "2MiB", *QUIET)
        self.other.fds = len(os.listdir(f"/proc/{self.other.pid}/fd"))
        self.check_all("trim", "--force", "-o", "json", "-p", str(self.other.pid))

    def test_pressure(self):
        """memgap watch of a command that is told of memory pressure"""
        self.check_all(*LINE, "-s", "none", *TRIMS[:2], "--trim-with", "pressure", "--",
                       "/bin/sh", "-c", 'exec 3<"$MEMORY_PRESSURE_WATCH" && sleep 0.1')

    def test_first_instruction(self):
        """memgap watch of a command with probes from its first instruction"""
        run = functools.partial(self.run_once, LD_LIBRARY_PATH=own_libc(self)["LD_LIBRARY_PATH"])
        self.check_all(*LINE, "-s", "probe", "--", "/bin/sleep", "0.1", run=run)

    def test_overhead(self):
        """memgap watch with probes that may cost little, of a target that allocates all the time"""
        self.target.go()
        self.check_all("watch", "-o", "line", "-i", "100ms", "-N", "8", "--max-overhead", "1%", "-s", "probe", "-p", self.pid)
