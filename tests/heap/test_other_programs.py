#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The heaps of real programs, read from outside, against what mallinfo2() says inside (tests/programs/preload_mallinfo.c)."""
import os
import shutil
import signal
import socket
import sys
import tempfile
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from heaps import Reader  # noqa: E402
from memgap import Program, read, wait_for  # noqa: E402

PRELOAD = os.path.abspath("build/tests/programs/preload_mallinfo")
PYTHON = "import time; kept = [str(i) * (i % 50) for i in range(100000)]; del kept[::3]; print('ready', flush=True); time.sleep(600)"
PERL = "$| = 1; my %h = map { $_ => 'x' x ($_ % 999) } 1 .. 30000; delete $h{$_ * 2} for 1 .. 9999; print \"ready\\n\"; sleep 600 while 1"
NODE = "const kept = []; for (let i = 0; i < 1000; i++) kept.push(Buffer.alloc(100000 + i)); console.log('ready'); setTimeout(() => kept, 600000)"
JAVA = """
public class Rest {
    public static void main(String[] arguments) throws Exception {
        java.nio.ByteBuffer[] kept = new java.nio.ByteBuffer[200];
        for (int i = 0; i < kept.length; i++)
            kept[i] = java.nio.ByteBuffer.allocateDirect(10000 + i);
        System.out.println("ready");
        Thread.sleep(600000);
        System.out.println(kept.length);
    }
}
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class RealPrograms(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="memgap-mallinfo-")
        os.chmod(self.directory, 0o777)  # a daemon may change its user
        self.addCleanup(shutil.rmtree, self.directory)

    def start(self, *command):
        if not shutil.which(command[0]):
            self.skipTest(f"{command[0]} is not installed")
        return Program(self, "env", f"LD_PRELOAD={PRELOAD}", f"MALLINFO_DIRECTORY={self.directory}", "PYTHONMALLOC=malloc", *command)

    def truth(self, pid):
        """arena, hblkhd, fordblks"""
        path = f"{self.directory}/{pid}"
        os.kill(pid, signal.SIGRTMAX)
        numbers = wait_for(lambda: os.path.exists(path) and read(path).endswith("\n") and read(path).split(), "mallinfo2()")
        os.unlink(path)
        return [int(number) for number in numbers]

    def check(self, pid, least):
        """What is read is what the program says before and after, which is the same."""
        reader = Reader(self, pid)
        self.assertEqual(reader.opened["result"], 0, reader.opened)
        for _ in range(20):
            before, view, after = self.truth(pid), reader.read(), self.truth(pid)
            if before == after and view["result"] == 0:
                break
        self.assertEqual(before, after, "it does not come to rest")
        arena, hblkhd, fordblks = before
        self.assertEqual((view["sys"], view["mmapped"], view["unused"]), (arena + hblkhd, hblkhd, fordblks))
        # a chunk has 8 bytes besides its block; what threads have cached is no block
        self.assertLessEqual(view["alloc"], arena + hblkhd - fordblks)
        self.assertGreater(view["alloc"], least)

    def test_python(self):
        """python3: every figure equal to mallinfo2, to the byte"""
        program = self.start("python3", "-c", PYTHON)
        self.assertEqual(program.line(), "ready")
        self.check(program.pid, 4 << 20)

    def test_perl(self):
        """perl: the same"""
        program = self.start("perl", "-e", PERL)
        self.assertEqual(program.line(), "ready")
        self.check(program.pid, 10 << 20)

    def test_node(self):
        """node, with its threads: the same"""
        program = self.start("node", "-e", NODE)
        self.assertEqual(program.line(), "ready")
        self.check(program.pid, 50 << 20)

    def test_java(self):
        """java, with an arena for many of its threads: the same"""
        source = f"{self.directory}/Rest.java"
        with open(source, "w") as file:
            file.write(JAVA)
        program = self.start("java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", source)
        self.assertEqual(program.line(60), "ready")
        self.check(program.pid, 2 << 20)

    def test_memcached(self):
        """memcached after 20,000 sets: the same"""
        port = free_port()
        program = self.start("memcached", "-p", str(port), "-U", "0", "-l", "127.0.0.1", "-u", "root", "-m", "64")

        def connect():
            try:
                return socket.create_connection(("127.0.0.1", port))
            except ConnectionRefusedError:
                return None

        with wait_for(connect, "memcached answers") as client:
            for i in range(20000):
                client.sendall(b"set %d 0 0 %d noreply\r\n%s\r\n" % (i, i % 1000, b"x" * (i % 1000)))
            client.sendall(b"get 1\r\n")
            answer = b""
            while not answer.endswith(b"END\r\n"):
                answer += client.recv(4096)
        self.check(program.pid, 4 << 20)

    def test_nginx(self):
        """nginx's worker after 2,000 requests: the same"""
        port, home = free_port(), f"{self.directory}/nginx"
        os.makedirs(home)
        with open(f"{home}/nginx.conf", "w") as file:
            file.write(f"""
                daemon off; worker_processes 1; user root; pid {home}/pid; error_log {home}/error;
                env MALLINFO_DIRECTORY;
                events {{ worker_connections 64; }}
                http {{ access_log off; server {{ listen 127.0.0.1:{port}; location / {{ return 200 "ok"; }} }} }}""")
        program = self.start("nginx", "-p", home, "-c", f"{home}/nginx.conf")

        def children():
            pids = read(f"/proc/{program.pid}/task/{program.pid}/children").split()
            return pids and [int(pid) for pid in pids]

        worker = wait_for(children, "a worker", 10)[0]
        wait_for(lambda: self.connected(port), "nginx answers")
        for _ in range(2000):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                self.assertIn(b"200 OK", client.recv(4096))
        self.check(worker, 50 << 10)

    @staticmethod
    def connected(port):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        except ConnectionRefusedError:
            return False


if __name__ == "__main__":
    tap.main()
