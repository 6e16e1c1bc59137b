#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Real programs made trimmable by libmemgap-trim: what they give back, by a signal and by memgap, and that they serve on."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from heaps import Talker  # noqa: E402
from memgap import MEMGAP, MIB, QUIET, Program, Workload, is_alive, read, stat_of, status_of, wait_for  # noqa: E402
from preload import KEEP, RTMIN_2, GivesBack, preloaded, rss_of  # noqa: E402


class Servers(GivesBack):
    """How they are set up."""

    def directory(self):
        directory = tempfile.mkdtemp(prefix="memgap-preload-")
        self.addCleanup(shutil.rmtree, directory, True)
        os.chmod(directory, 0o755)
        return directory

    def python(self):
        """One that holds 40 MiB, has dropped twice as much, and its answer to a line: then it does so again."""
        script = ("import sys\nheld = [bytes(1000 + i % 3000) for i in range(16000)]\nfor line in sys.stdin:\n blocks = [bytes(1000 + i % 3000) for i in range(40000)]\n last = blocks[-1]\n"
                  " del blocks\n print(len(last), flush=True)")
        python = Talker(self, sys.executable, "-c", script, env=preloaded())
        return python, python.ask("go\n")

    def redis(self):
        directory = self.directory()
        server = Program(self, "redis-server", "--port", "0", "--unixsocket", f"{directory}/socket", "--dir", directory, "--save", "",
                         "--enable-debug-command", "yes", env=preloaded(**KEEP))

        def ask(*words):
            run = subprocess.run(["redis-cli", "-s", f"{directory}/socket", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                 timeout=20, check=False)
            return run.stdout.strip()
        wait_for(lambda: ask("ping") == "PONG", "Redis's answer")
        return server, ask

    def saving(self, ask):
        """The child that saves, slowly."""
        self.assertEqual(ask("config", "set", "rdb-key-save-delay", "1000"), "OK")
        self.assertIn("started", ask("bgsave"))
        info = wait_for(lambda: [line for line in ask("info", "persistence").splitlines() if line.startswith("rdb_bgsave_in_progress:1")], "a save")
        return info

    def emptied_redis(self):
        """It has deleted all but one key."""
        server, ask = self.redis()
        ask("debug", "populate", "200000", "key", "300")
        ask("set", "kept", "value")
        self.assertEqual(ask("eval", "for i = 0, 199999 do redis.call('del', 'key:' .. i) end return 1", "0"), "1")
        return server, ask

    NGINX = """
daemon on; master_process on; worker_processes 1; pid {0}/pid; error_log {0}/error.log; events {{}}
http {{
	access_log {0}/access.log; client_body_temp_path {0}/body; proxy_temp_path {0}/proxy; fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u;
	scgi_temp_path {0}/s; client_max_body_size 64m; client_body_buffer_size 48m;
	server {{ listen unix:{0}/socket; lingering_close off; location / {{ proxy_pass http://unix:{0}/upstream; }} }}
	server {{ listen unix:{0}/upstream; client_body_buffer_size 8k; return 200 "served"; }}
}}
"""

    def post(self, path, size):
        """What nginx answers to so many bytes. When it has closed the connection it has freed the request."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(path)
            connection.sendall(b"POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
            answer = b""
            while part := connection.recv(65536):
                answer += part
            return answer

    def nginx(self):
        """nginx, and its worker's pid. free() of its glibc keeps what it is given."""
        directory = self.directory()
        with open(f"{directory}/conf", "w") as file:
            file.write(self.NGINX.format(directory))
        keep = "glibc.malloc.trim_threshold=1000000000:glibc.malloc.mmap_threshold=1000000000"
        # nginx -p: else it reads what the host has
        subprocess.run(["nginx", "-p", directory, "-c", f"{directory}/conf"], env=preloaded(MEMGAP_TRIM_SIGNAL="RTMIN+2", GLIBC_TUNABLES=keep),
                       stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=20)
        pid = int(wait_for(lambda: os.path.exists(f"{directory}/pid") and read(f"{directory}/pid"), "nginx's pid"))
        self.addCleanup(self.stop_nginx, pid)
        worker = wait_for(lambda: read(f"/proc/{pid}/task/{pid}/children").split(), "the worker")[0]
        return directory, pid, int(worker)

    def stop_nginx(self, pid):
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not is_alive(pid), "nginx's end")


class Signals(Servers):
    """By a signal from elsewhere."""

    def test_python(self):
        """python3: objects that are dropped come back, and it goes on"""
        python, answer = self.python()
        for _ in range(2):
            before, after = self.check_given_back(python.pid, 60 * MIB)
            self.assertEqual(python.ask("go\n"), answer)
        print(f"# python3: {before >> 20} MiB resident, {after >> 20} after the signal")

    def test_redis(self):
        """a Redis server gives back what was deleted, and serves on"""
        server, ask = self.emptied_redis()
        before, after = self.check_given_back(server.pid, 40 * MIB)
        print(f"# Redis: {before >> 20} MiB resident, {after >> 20} after the signal")
        self.assertEqual(ask("get", "kept"), "value")

    def test_redis_saves(self):
        """its BGSAVE works, before and after signals"""
        server, ask = self.redis()
        ask("debug", "populate", "1000", "key", "300")
        for _ in range(2):
            ask("bgsave")
            wait_for(lambda: "rdb_bgsave_in_progress:0" in ask("info", "persistence"), "the end of the save")
            self.assertIn("rdb_last_bgsave_status:ok", ask("info", "persistence"))
            os.kill(server.pid, signal.SIGUSR1)
        self.assertIn("rdb_saves:2", ask("info", "persistence"))

    def test_redis_kills(self):
        """the child that saves is killed by Redis's own SIGUSR1, as without the library"""
        server, ask = self.redis()
        ask("debug", "populate", "100000", "key", "10")
        self.saving(ask)
        child = wait_for(lambda: read(f"/proc/{server.pid}/task/{server.pid}/children").split(), "the child")[0]
        self.assertEqual(ask("flushall"), "OK")
        wait_for(lambda: not stat_of(child), "the child's end", seconds=5)
        self.assertIn("rdb_bgsave_in_progress:0", ask("info", "persistence"))

    def test_nginx(self):
        """nginx with RTMIN+2: a worker, who has changed his user, gives back what requests took; the master too is none the worse"""
        directory, master, worker = self.nginx()
        self.assertIn(b"served", self.post(f"{directory}/socket", 40 * MIB))
        self.assertNotEqual(status_of(worker)["Uid"].split()[0], "0")
        before, after = self.check_given_back(worker, 30 * MIB, RTMIN_2)
        print(f"# nginx's worker: {before >> 20} MiB resident, {after >> 20} after the signal")
        os.kill(master, RTMIN_2)
        self.assertIn(b"served", self.post(f"{directory}/socket", 1000))
        self.assertEqual(read(f"/proc/{master}/task/{master}/children").split(), [str(worker)])

    def test_nginx_logs(self):
        """its USR1 opens the logs anew, as without the library"""
        directory, master, _ = self.nginx()
        self.post(f"{directory}/socket", 10)
        os.rename(f"{directory}/access.log", f"{directory}/old.log")
        os.kill(master, signal.SIGUSR1)
        wait_for(lambda: os.path.exists(f"{directory}/access.log"), "the new log")
        self.post(f"{directory}/socket", 10)
        wait_for(lambda: "POST" in read(f"{directory}/access.log"), "a line in the new log")


class Trims(Servers):
    """The same by memgap."""

    def check_trim(self, pid, *options, least, predicts=True):
        """It gives back what was predicted, and has nothing left then: the kernel's figures are the truth."""
        before = rss_of(pid)
        run = subprocess.run([MEMGAP, "trim", "-o", "json", "-p", str(pid), *options], stdin=subprocess.DEVNULL, capture_output=True,
                             text=True, timeout=60, check=False)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        event = json.loads(run.stdout)
        back = before - rss_of(pid)
        print(f"# {event['target']['comm']}: {event['predicted'] or 0:,} bytes expected, {back:,} back, {event['took_ms']} ms")
        self.assertGreater(back, least)
        self.assertLess(abs(event["reclaimed"] - back), 0.02 * back)
        if not predicts:
            self.assertIsNone(event["predicted"])
            return
        self.assertEqual(event["verdict"], "retained")
        self.assertLess(abs(back - event["predicted"]), 0.05 * event["predicted"])
        again = subprocess.run([MEMGAP, "trim", "-p", str(pid), *options], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                               timeout=60, check=False)
        self.assertEqual((again.returncode, "is in-use" in again.stdout), (1, True), again.stdout)

    def test_retain(self):
        """the workload that retains gives back what is predicted, and is in-use then"""
        self.check_trim(Workload(self, "retain", *QUIET).pid, least=90 * MIB)

    def test_python(self):
        """python3 gives back what is predicted, and is in-use then"""
        python, _ = self.python()
        self.check_trim(python.pid, least=60 * MIB)

    def test_redis(self):
        """a Redis server gives back what was deleted; what jemalloc has free is not predicted"""
        server, ask = self.emptied_redis()
        self.check_trim(server.pid, least=40 * MIB, predicts=False)
        self.assertEqual(ask("get", "kept"), "value")

    def test_nginx(self):
        """nginx's worker gives back what is predicted, and is in-use then"""
        directory, _, worker = self.nginx()
        self.assertIn(b"served", self.post(f"{directory}/socket", 40 * MIB))
        self.check_trim(worker, "--trim-with", "signal:RTMIN+2", least=30 * MIB)
        self.assertIn(b"served", self.post(f"{directory}/socket", 1000))


if __name__ == "__main__":
    tap.main()
