#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A real Prometheus scrapes memgap serve; a thousand targets; fifty scrapes a second."""
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import MIB, QUIET, Cgroup, Program, Workload, wait_for  # noqa: E402
from serve import PROMETHEUS, PROMTOOL, Serve, fetch_packages  # noqa: E402

TARGETS = 1000
SCRAPED_S = int(os.environ.get("SCRAPED_S") or 8)
TRIES = 4  # for times: this machine may be at other things
FORK = """
import os, signal, sys
for _ in range(int(sys.argv[1])):
    if not os.fork():
        signal.pause()
print("ready", flush=True)
signal.pause()
"""
# Scrapes from elsewhere: what a client takes of these cores comes after all others, as it would take none of them on another host.
SCRAPE = r"""
import http.client, json, os, sys, threading, time
host, port, rate, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
os.nice(19)
THREADS, NAMES = 4, (b"\nmemgap_self_intervals_total ", b"\nmemgap_self_latest_delay_seconds ")
delays, n, start = {}, [0] * THREADS, time.monotonic()
def scrape(i):
    due = start + i / rate
    while due < start + seconds:
        time.sleep(max(0, due - time.monotonic()))
        connection = http.client.HTTPConnection(host, port, timeout=10)
        connection.request("GET", "/metrics")
        body = connection.getresponse().read()
        number, delay = (body[body.index(name) + len(name):].split(b"\n", 1)[0].decode() for name in NAMES)
        delays[number] = delay
        connection.close()
        n[i] += 1
        due += THREADS / rate
threads = [threading.Thread(target=scrape, args=(i,)) for i in range(THREADS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps([delays, sum(n)]), flush=True)
"""
CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: plain
    static_configs: [{{targets: ["127.0.0.1:{plain}"]}}]
  - job_name: guarded
    scheme: https
    tls_config: {{ca_file: {directory}/one.pem}}
    basic_auth: {{username: anna, password: secret}}
    static_configs: [{{targets: ["127.0.0.1:{guarded}"]}}]
  - job_name: stranger
    scheme: https
    tls_config: {{ca_file: {directory}/one.pem}}
    static_configs: [{{targets: ["127.0.0.1:{guarded}"]}}]
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Prometheus(Program):
    def __init__(self, test, directory, **ports):
        with open(f"{directory}/prometheus.yml", "w") as file:
            file.write(CONFIG.format(directory=directory, **ports))
        check = subprocess.run([PROMTOOL, "check", "config", f"{directory}/prometheus.yml"], capture_output=True, text=True, timeout=30)
        test.assertEqual(check.returncode, 0, check.stderr)
        self.port = free_port()
        super().__init__(test, PROMETHEUS, f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/data",
                         f"--web.listen-address=127.0.0.1:{self.port}", stdout=subprocess.DEVNULL)

    def query(self, expression):
        """[(labels, value)]; none as long as it does not answer."""
        address = f"http://127.0.0.1:{self.port}/api/v1/query?query={urllib.parse.quote(expression)}"
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return [(found["metric"], float(found["value"][1])) for found in json.load(answer)["data"]["result"]]
        except urllib.error.URLError:
            return []


class RealPrometheus(unittest.TestCase):
    def test_scrapes(self):
        """Prometheus scrapes memgap, also by HTTPS with a password, has its figures, and sees the end of a target's series"""
        fetch_packages(self)
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        directory = temporary.name
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{directory}/one.key", "-out",
                        f"{directory}/one.pem"], check=True, stderr=subprocess.DEVNULL)
        with open(f"{directory}/users", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write("anna:secret\n")
        target = Workload(self, "hold", "--size", "10MiB", *QUIET)
        plain = Serve(self, "-p", str(target.pid))
        guarded = Serve(self, "-s", "none", "-p", str(target.pid), "--auth-file", f"{directory}/users", "--tls-cert", f"{directory}/one.pem",
                        "--tls-key", f"{directory}/one.key", ready=False)
        prometheus = Prometheus(self, directory, plain=plain.port, guarded=guarded.port)

        def up():
            found = {labels["job"]: value for labels, value in prometheus.query("up")}
            return found.get("plain") == 1 and found.get("guarded") == 1 and found
        self.assertEqual(wait_for(up, "both are up", 30).get("stranger", 0), 0)
        wait_for(lambda: prometheus.query('up{job="stranger"} == 0'), "who has no password gets nothing", 10)
        (labels, value), = wait_for(lambda: prometheus.query('memgap_alloc_bytes{job="plain"}'), "it has the figure", 10)
        self.assertEqual((labels["pid"], labels["comm"]), (str(target.pid), "workload"))
        self.assertEqual(value, plain.scrape().one("memgap_alloc_bytes"))
        # it negotiates OpenMetrics by itself: units and types are known
        with urllib.request.urlopen(f"http://127.0.0.1:{prometheus.port}/api/v1/targets/metadata?metric=memgap_alloc_bytes", timeout=10) as answer:
            metadata = json.load(answer)["data"]
        self.assertEqual({(item["type"], item["unit"]) for item in metadata}, {("gauge", "bytes")})
        target.stop()
        wait_for(lambda: prometheus.query('memgap_targets{job="plain"} == 0'), "the target is gone", 10)
        self.assertEqual(prometheus.query('memgap_alloc_bytes{job="plain"}'), [])
        prometheus.stop()
        prometheus.end()


class Speed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tests = unittest.TestCase()
        cls.addClassCleanup(cls.tests.doCleanups)
        cgroup = Cgroup(cls.tests, "thousand")
        program = Program(cls.tests, sys.executable, "-c", FORK, str(TARGETS), preexec_fn=cgroup.enter)
        assert program.line(60) == "ready"
        cls.serve = Serve(cls.tests, "-s", "none", "-c", cgroup.path, "--per", "process", "--max-targets", "2000", interval="1s")
        cls.serve.metrics(lambda m: m.one("memgap_targets") == TARGETS + 1, "all are there")

    def fresh(self):
        """ms that a scrape takes that is the first of its interval, and its bytes."""
        number = self.serve.scrape().one("memgap_self_intervals_total")
        while True:
            connection = self.serve.connect()
            started = time.monotonic()
            connection.request("GET", "/metrics", headers={"Accept": "text/plain"})
            body = connection.getresponse().read()
            took = (time.monotonic() - started) * 1000
            connection.close()
            if f"\nmemgap_self_intervals_total {number:.0f}\n".encode() not in body:
                return took, len(body)
            time.sleep(0.02)

    def test_scrape(self):
        """a scrape of 1,000 targets takes less than 50 ms and 5 MiB, rendering included"""
        for _ in range(TRIES):
            scrapes = [self.fresh() for _ in range(5)]
            took = statistics.median(ms for ms, _ in scrapes)
            size = max(size for _, size in scrapes)
            print(f"# {TARGETS} targets: {took:.1f} ms, {size / MIB:.2f} MiB")
            self.assertLess(size, 5 * MIB)
            if took < 50:
                return
        self.fail(f"{took} ms")

    def delays(self, rate, seconds):
        """By how many ms each interval was longer, as memgap has it; and how many scrapes a second there were."""
        scraper = Program(self, sys.executable, "-c", SCRAPE, self.serve.host, str(self.serve.port), str(rate), str(seconds))
        delays, n = json.loads(scraper.line(seconds + 30))
        scraper.end()
        # the first one may have begun before
        return [float(delays[number]) * 1000 for number in sorted(delays, key=int)[1:]], n / seconds

    def test_many_scrapes(self):
        """fifty scrapes a second change no interval by more than 10 ms"""
        for _ in range(TRIES):
            (quiet, _), (loaded, rate) = self.delays(2, SCRAPED_S / 2), self.delays(50, SCRAPED_S)
            print(f"# intervals of 1 s are at most {max(quiet):.1f} ms late, with {rate:.0f} scrapes/s for {SCRAPED_S} s {max(loaded):.1f} ms, "
                  f"the median {statistics.median(loaded):.1f} ms")
            if max(loaded) < max(quiet) + 10 and rate > 45:
                return
        self.fail(f"{max(loaded)} ms, without scrapes {max(quiet)} ms, {rate} scrapes/s")


if __name__ == "__main__":
    tap.main()
