#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""memgap serve: what it shows, whom it lets ask, and how it starts and ends."""
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest
import warnings

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import BYTES_OF_A_THREAD, MEMGAP, MIB, QUIET, Cgroup, Program, Workload, read, status_of, wait_for  # noqa: E402
from serve import OPENMETRICS, PROMTOOL, Serve, basic, fetch_packages, make_certificate, private_file  # noqa: E402


class Shows(unittest.TestCase):
    def test_figures(self):
        """the figures are the process's own: what it holds, what the kernel has of it, and where they come from"""
        target = Workload(self, "hold", "--size", "10MiB", "--blocks", "1000", *QUIET)
        serve = Serve(self, "-p", str(target.pid))
        of = {"pid": str(target.pid), "comm": "workload"}
        scraped = serve.metrics(lambda m: m.all("memgap_alloc_bytes", **of), "the heap is looked into")
        self.assertLess(abs(scraped.one("memgap_alloc_bytes", **of) - target.first["held_bytes"] - BYTES_OF_A_THREAD), 1024)
        self.assertEqual(scraped.one("memgap_baseline_bytes", **of), scraped.one("memgap_alloc_bytes", **of))
        self.assertEqual(scraped.one("memgap_missed_total", **of), 0)
        self.assertEqual(scraped.one("memgap_rss_anon_bytes", **of), status_of(target.pid)["RssAnon"])
        self.assertEqual(scraped.one("memgap_target_info", kind="process", **of), 1)
        self.assertEqual(sum(scraped.all("memgap_verdict", **of)), 1)
        self.assertEqual(len(scraped.all("memgap_verdict", **of)), 8)

    def test_unknown(self):
        """what is not known is absent, and not 0"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        scraped = Serve(self, "-s", "none", "-p", str(target.pid)).scrape()
        for name in "alloc_bytes", "allocated_bytes_total", "mallocs_total", "missed_total", "gap_bytes", "alloc_error_bytes", "mapped_bytes_total", \
                "target_reclaimed_bytes":
            self.assertEqual(scraped.all(f"memgap_{name}"), [], name)
        self.assertEqual(scraped.one("memgap_verdict", verdict="unknown"), 1)

    def test_counts(self):
        """counters count: those of a process that allocates, and memgap's own"""
        target = Workload(self, "churn", "--rate", "1000")
        serve = Serve(self, "-s", "probe", "-p", str(target.pid))
        first = serve.metrics(lambda m: m.one("memgap_mallocs_total") > 100, "blocks are counted")
        more = serve.metrics(lambda m: m.one("memgap_mallocs_total") > first.one("memgap_mallocs_total") + 100, "more are")
        for name in "frees_total", "allocated_bytes_total", "self_cpu_seconds_total", "self_intervals_total", "self_http_requests_total":
            self.assertGreater(more.one(f"memgap_{name}"), first.one(f"memgap_{name}"), name)

    def test_trims(self):
        """a trim is counted, by what came of it, with what it brought"""
        target = Workload(self, "retain", "--size", "32MiB", *QUIET)
        serve = Serve(self, "-p", str(target.pid), "--trim-at", "trimmable:8MiB")
        scraped = serve.metrics(lambda m: m.one("memgap_trims_total", outcome="trimmed") == 1, "it is trimmed")
        self.assertGreater(scraped.one("memgap_reclaimed_bytes_total"), 8 * MIB)
        scraped = serve.metrics(lambda m: m.one("memgap_target_trims_total") == 1, "the target has it too")
        self.assertEqual(scraped.one("memgap_target_reclaimed_bytes"), scraped.one("memgap_reclaimed_bytes_total"))
        self.assertEqual(scraped.one("memgap_trims_total", outcome="failed"), 0)

    def test_formats(self):
        """promtool passes the text format, Prometheus' own parser OpenMetrics; both have the same series"""
        fetch_packages(self)
        from prometheus_client.openmetrics.parser import text_string_to_metric_families
        target = Workload(self, "churn", "--rate", "100")
        cgroup = Cgroup(self, "formats")
        Workload(self, "hold", "--size", "1MiB", *QUIET, preexec_fn=cgroup.enter)
        serve = Serve(self, "-a", "-p", str(target.pid), interval="1s")
        serve.metrics(lambda m: m.all("memgap_mallocs_total"), "blocks are counted")
        for _ in range(3):
            text, openmetrics = serve.scrape(), serve.scrape(OPENMETRICS)
            if text.one("memgap_self_intervals_total") == openmetrics.one("memgap_self_intervals_total"):
                break
        check = subprocess.run([PROMTOOL, "check", "metrics"], input=text.text, capture_output=True, text=True, timeout=30)
        self.assertEqual((check.returncode, check.stdout, check.stderr), (0, "", ""))
        families = list(text_string_to_metric_families(openmetrics.text))
        self.assertGreater(len(families), 40)
        self.assertEqual(text.series.keys(), openmetrics.series.keys())
        self.assertTrue(openmetrics.text.endswith("\n# EOF\n"))
        status, headers, _ = serve.get("/metrics", {"Accept": OPENMETRICS})
        self.assertEqual((status, headers["Content-Type"]), (200, OPENMETRICS))
        self.assertEqual(serve.get("/metrics")[1]["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")

    def test_documented(self):
        """docs/serve.md has each metric that there is, and none that there is not"""
        documented = set(re.findall(r"^\| `(memgap_\w+)` \|", read("docs/serve.md"), re.M))
        live = {name for name, _ in Serve(self, "-a").scrape().series}
        self.assertEqual(live - documented, set())
        sources = read("user/output/prometheus.c") + read("user/output/prometheus_figures.c")
        known = set(re.findall(r'"(memgap_\w+)"', sources))
        units = r"(_bytes|_ratio|_seconds)?(_total|_info)?$"
        self.assertEqual({name for name in documented if name not in known and re.sub(units, "", name) not in known
                          and re.sub(r"(_total|_info)$", "", name) not in known}, set())

    def test_vanished(self):
        """the series of a cgroup end when it is gone, and those of a new one begin"""
        one, two = Cgroup(self, "one"), Cgroup(self, "two")
        program = Program(self, "sleep", "1h", preexec_fn=one.enter)
        serve = Serve(self, "-a")
        serve.metrics(lambda m: m.all("memgap_processes", cgroup=one.path), "it has series")
        Program(self, "sleep", "1h", preexec_fn=two.enter)
        program.kill()
        one.remove()
        last = serve.metrics(lambda m: not m.all("memgap_processes", cgroup=one.path) and m.all("memgap_processes", cgroup=two.path), "they end")
        self.assertNotIn(one.path, last.text)

    def test_exits(self):
        """a pid that exits: its series end, memgap serves on"""
        target = Workload(self, "hold", "--size", "1MiB", *QUIET)
        serve = Serve(self, "-p", str(target.pid))
        self.assertEqual(serve.scrape().one("memgap_targets"), 1)
        labels = {labels for name, labels in serve.scrape().series if name == "memgap_processes"}
        target.stop()
        last = serve.metrics(lambda m: {have for name, have in m.series if name == "memgap_processes"} != labels, "something is another")
        self.assertEqual(last.one("memgap_targets"), 0)
        self.assertEqual(last.all("memgap_processes"), [])
        self.assertEqual(serve.get("/healthz")[0], 200)

    def test_max_targets(self):
        """--max-targets: those that were seen first have series, the rest is counted, and stays out as others come"""
        targets = [Workload(self, "hold", "--size", "1MiB", *QUIET) for _ in range(5)]
        serve = Serve(self, "-s", "none", "--max-targets", "2", *(f"-p{target.pid}" for target in targets))
        scraped = serve.scrape()
        self.assertEqual((scraped.one("memgap_targets"), scraped.one("memgap_targets_left_out")), (5, 3))
        self.assertEqual({dict(labels)["pid"] for name, labels in scraped.series if name == "memgap_rss_bytes"},
                         {str(target.pid) for target in targets[:2]})
        targets[0].stop()
        scraped = serve.metrics(lambda m: m.one("memgap_targets") == 4, "one is gone")
        self.assertEqual({dict(labels)["pid"] for name, labels in scraped.series if name == "memgap_rss_bytes"},
                         {str(target.pid) for target in targets[1:3]})

    def test_ready(self):
        """/readyz is 503 until the first interval is over; /healthz is 200 meanwhile"""
        serve = Serve(self, "-s", "none", "-p", str(os.getpid()), interval="2s", ready=False)
        self.assertEqual(serve.get("/readyz")[0], 503)
        self.assertEqual(serve.get("/healthz")[0], 200)
        self.assertEqual([name for name, _ in serve.scrape().series if "_self_" not in name], ["memgap_build_info"])
        wait_for(lambda: serve.get("/readyz")[0] == 200, "an interval is over")
        self.assertEqual(serve.scrape().one("memgap_targets"), 1)

    def test_ends(self):
        """SIGTERM and SIGINT end it at once, with status 0, whoever is connected"""
        for number in signal.SIGTERM, signal.SIGINT:
            serve = Serve(self, "-s", "none", "-p", str(os.getpid()), interval="1h", ready=False)
            idle = socket.create_connection((serve.host, serve.port))
            self.assertEqual(serve.get("/healthz")[0], 200)
            serve.stop(number)
            self.assertEqual(serve.end(seconds=5), 0, serve.stderr())
            idle.close()


class Starts(unittest.TestCase):
    def refused(self, status, reason, *arguments):
        run = subprocess.run([MEMGAP, "serve", "-s", "none", "-p", str(os.getpid()), *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                             text=True, timeout=20)
        self.assertEqual((run.returncode, run.stdout), (status, ""), run.stderr)
        self.assertRegex(run.stderr, rf"\Amemgap: [^\n]*{reason}[^\n]*\n\Z")

    def test_usage(self):
        """what is no address, no number, no option or a command is refused, in one line"""
        self.refused(2, "'9435' is no address to listen at", "--listen", "9435")
        self.refused(2, "'0' is no number of targets", "--max-targets", "0")
        self.refused(2, "unknown option '-N'", "-N", "3")
        self.refused(2, "unexpected 'true'", "--", "true")

    def test_port_in_use(self):
        """a port that somebody has: one line with the remedy, status 1"""
        with socket.create_server(("127.0.0.1", 0)) as other:
            self.refused(1, "Address already in use: somebody listens there already; name another with --listen",
                         "--listen", f"127.0.0.1:{other.getsockname()[1]}")

    def test_public(self):
        """an address that others reach is refused without --auth-file, unless that is meant"""
        for address in ":0", "0.0.0.0:0", "[::]:0":
            self.refused(2, "others reach it too: give --auth-file, or say --listen-publicly", "--listen", address)
        with tempfile.TemporaryDirectory() as directory:
            users = private_file(f"{directory}/users", "anna:secret\n")
            for options in ["--listen-publicly"], ["--auth-file", users]:
                serve = Serve(self, "-s", "none", "-p", str(os.getpid()), *options, listen="0.0.0.0:0")
                self.assertEqual(serve.get("/healthz")[0], 200)

    def test_all_addresses(self):
        """:PORT is every address of both families, as far as this host has them"""
        serve = Serve(self, "-s", "none", "-p", str(os.getpid()), "--listen-publicly", listen=":0", ready=False)
        hosts = ["127.0.0.1"] + (["::1"] if os.path.exists("/proc/net/if_inet6") and read("/proc/net/if_inet6") else [])
        for serve.host in hosts:
            self.assertEqual(serve.get("/healthz")[0], 200)

    def test_auth_file(self):
        """a file of users that everybody can read is refused, with the remedy"""
        with tempfile.TemporaryDirectory() as directory:
            users = private_file(f"{directory}/users", "anna:secret\n")
            os.chmod(users, 0o644)
            self.refused(2, "can be read by everyone on this host: chmod o-rwx it", "--auth-file", users)
            self.refused(2, "cannot read .*: No such file", "--auth-file", f"{directory}/nobody")

    def test_certificate(self):
        """a certificate or key that will not do: one line that names it, status 2"""
        with tempfile.TemporaryDirectory() as directory:
            for name in "one", "two":
                make_certificate(directory, name)
            certificate, key = f"{directory}/one.pem", f"{directory}/one.key"
            bad = private_file(f"{directory}/bad", "no certificate\n")
            self.refused(2, "TLS needs both, --tls-cert and --tls-key", "--tls-cert", certificate)
            self.refused(2, "bad is no certificate in PEM format", "--tls-cert", bad, "--tls-key", key)
            self.refused(2, "bad is no key in PEM format", "--tls-cert", certificate, "--tls-key", bad)
            self.refused(2, "two.key is not the key of .*one.pem", "--tls-cert", certificate, "--tls-key", f"{directory}/two.key")
            self.refused(2, "cannot read .*none.pem: No such file", "--tls-cert", f"{directory}/none.pem", "--tls-key", key)


class Asks(unittest.TestCase):
    def start(self, *arguments, **options):
        return Serve(self, "-s", "none", "-p", str(os.getpid()), *arguments, **options)

    def say(self, serve, data):
        """Sends bytes; returns all that comes until the server ends the connection, which it does soon."""
        with socket.create_connection((serve.host, serve.port), timeout=20) as connection:
            received = b""
            try:
                connection.sendall(data)
                while part := connection.recv(65536):
                    received += part
            except (ConnectionResetError, BrokenPipeError):
                pass
            return received

    def test_methods(self):
        """GET and HEAD alone; others are told which; a path that is not there is 404"""
        serve = self.start()
        for method in "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE":
            status, headers, _ = serve.get("/metrics", method=method)
            self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD"), method)
        status, headers, body = serve.get("/metrics", method="HEAD")
        self.assertEqual((status, body), (200, b""))
        self.assertGreater(int(headers["Content-Length"]), 1000)
        self.assertEqual((headers["Cache-Control"], headers["X-Content-Type-Options"]), ("no-store", "nosniff"))
        for path in "/metrics/", "/../etc/passwd", "/%2e%2e/", "//metrics", "*":
            self.assertIn(serve.get(path)[0], (400, 404), path)

    def test_keep_alive(self):
        """two scrapes go over one connection"""
        connection = self.start().connect()
        for _ in range(2):
            connection.request("GET", "/metrics")
            port = connection.sock.getsockname()[1]
            self.assertEqual(connection.getresponse().read()[:7], b"# HELP ")
            self.assertEqual(connection.sock.getsockname()[1], port)
        connection.close()

    def test_malformed(self):
        """what is no request is refused or dropped, and the next one is answered"""
        serve = self.start()
        refused = rb"HTTP/1.1 (400|413|414|431|501|505) "
        for data in (b"\0\xff\xfe\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /metrics HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01",
                     b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nA: " + b"b" * 100000 + b"\r\n\r\n",
                     b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 20000 + b"\r\n",
                     b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc",
                     b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
                     b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n"):
            answer = self.say(serve, data)
            self.assertTrue(not answer or re.match(refused, answer), (data[:40], answer[:200]))
            self.assertEqual(serve.get("/metrics")[0], 200)
        self.assertRegex(self.say(serve, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nA: " + b"b" * 20000 + b"\r\n\r\n"), rb"\AHTTP/1.1 431 ")

    def test_idle_connections(self):
        """1,000 connections that say nothing: a scrape is answered at once, and all but 64 have been ended"""
        serve = self.start()
        idle = [socket.create_connection((serve.host, serve.port), timeout=20) for _ in range(1000)]
        self.assertEqual(serve.get("/metrics")[0], 200)
        for connection in idle[:900]:
            self.assertEqual(connection.recv(1), b"")
        scraped = serve.scrape()
        self.assertLessEqual(scraped.one("memgap_self_http_connections"), 64)
        self.assertGreaterEqual(scraped.one("memgap_self_http_dropped_total"), 900)
        for connection in idle:
            connection.close()

    def test_slow_client(self):
        """a client that reads nothing of a large answer keeps nobody waiting"""
        serve = Serve(self, "-a")
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect((serve.host, serve.port))
        slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
        for _ in range(20):
            self.assertEqual(serve.get("/metrics")[0], 200)
        slow.close()

    def test_auth(self):
        """a password is asked for, plain or hashed; the two that kubelet asks need none"""
        hashed = subprocess.run(["openssl", "passwd", "-6", "other"], check=True, capture_output=True, text=True).stdout.strip()
        with tempfile.TemporaryDirectory() as directory:
            serve = self.start("--auth-file", private_file(f"{directory}/users", f"anna:secret\nbert:{hashed}\n"))
        for credentials in "anna:secret", "bert:other":
            for _ in range(2):
                self.assertEqual(serve.get("/metrics", basic(credentials))[0], 200)
        for credentials in "anna:other", "bert:secret", "carl:secret", "anna:", ":", f"bert:{hashed}":
            self.assertEqual(serve.get("/metrics", basic(credentials))[0], 401, credentials)
        status, headers, _ = serve.get("/metrics")
        self.assertEqual((status, headers["WWW-Authenticate"]), (401, 'Basic realm="memgap", charset="UTF-8"'))
        # nothing is told to those who may not ask
        self.assertEqual((serve.get("/nowhere")[0], serve.get("/metrics", method="POST")[0]), (401, 401))
        self.assertEqual((serve.get("/healthz")[0], serve.get("/readyz")[0]), (200, 200))

    def test_tls(self):
        """HTTPS with the certificate that was given; plain HTTP and old versions of TLS get nowhere"""
        with tempfile.TemporaryDirectory() as directory:
            make_certificate(directory, "one")
            serve = self.start("--tls-cert", f"{directory}/one.pem", "--tls-key", f"{directory}/one.key", ready=False)
            serve.context = ssl.create_default_context(cafile=f"{directory}/one.pem")
        wait_for(lambda: serve.get("/readyz")[0] == 200, "an interval is over")
        self.assertEqual(serve.scrape().one("memgap_targets"), 1)
        self.assertNotIn(b"200", self.say(serve, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            old.maximum_version = old.minimum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection((serve.host, serve.port), timeout=20) as connection:
            self.assertRaises((ssl.SSLError, ConnectionResetError), old.wrap_socket, connection)
        self.assertEqual(serve.get("/metrics")[0], 200)


if __name__ == "__main__":
    tap.main(together=4)
