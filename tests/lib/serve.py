# SPDX-License-Identifier: GPL-2.0-only
"""memgap serve and those who ask it, for the suites in tests/cli and tests/faults."""
import base64
import http.client
import os
import re
import subprocess
import sys

from memgap import MEMGAP, Program, wait_for

UNAVAILABLE = 69  # of packages.sh
PACKAGES = "build/packages/bookworm"
PROMETHEUS = f"{PACKAGES}/prometheus/usr/bin/prometheus"
PROMTOOL = f"{PACKAGES}/prometheus/usr/bin/promtool"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def make_certificate(directory, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{directory}/{name}.key", "-out", f"{directory}/{name}.pem"],
                   check=True, stderr=subprocess.DEVNULL)


def private_file(path, text):
    with open(path, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(text)
    return path


def basic(credentials):
    return {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}


def fetch_packages(test):
    """Debian's Prometheus, and its own parser of OpenMetrics; the test is skipped where they cannot be had."""
    run = subprocess.run(["tests/packages.sh", "bookworm", "prometheus", "python3-prometheus-client"], stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, timeout=600)
    if run.returncode == UNAVAILABLE:
        test.skipTest(run.stderr.strip())
    test.assertEqual(run.returncode, 0, run.stderr)
    path = f"{PACKAGES}/python3-prometheus-client/usr/lib/python3/dist-packages"
    if path not in sys.path:
        sys.path.append(path)


def unescape(text):
    return re.sub(r"\\(.)", lambda match: {"n": "\n"}.get(match[1], match[1]), text)


def parse(text):
    """{(name, ((label, value), ...)): value} of either format; each series once, each family in one piece and after its TYPE."""
    series, families, current = {}, set(), None
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            current = line.split()[2]
            assert current not in families, f"{current} in two pieces"
            families.add(current)
        if line.startswith("#"):
            continue
        match = re.fullmatch(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)', line)
        assert match, line
        assert match[1] in (current, f"{current}_total", f"{current}_info"), line
        labels = tuple(sorted((name, unescape(value)) for name, value in re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', match[2] or "")))
        assert (match[1], labels) not in series, f"twice: {line}"
        series[match[1], labels] = float(match[3])
    return series


class Metrics:
    """What a scrape has brought."""

    def __init__(self, text):
        self.text = text
        self.series = parse(text)

    def all(self, name, **labels):
        """The series of that name that have these labels, among others."""
        return [value for (other, have), value in self.series.items() if other == name and labels.items() <= dict(have).items()]

    def one(self, name, **labels):
        found = self.all(name, **labels)
        assert len(found) == 1, f"{name} {labels}: {found}"
        return found[0]


class Serve(Program):
    """memgap serve at a port of its own; it listens, and with ready an interval is over."""

    def __init__(self, test, *arguments, interval="100ms", ready=True, listen="127.0.0.1:0", **options):
        super().__init__(test, MEMGAP, "serve", "--listen", listen, "-i", interval, *arguments, **options)
        where = wait_for(lambda: re.search(r"listening at https?://(\S+):(\d+)\n", self.stderr()) or self.process.poll() is not None,
                         "memgap listens")
        assert where is not True, self.stderr()
        self.host, self.port = where[1].strip("[]"), int(where[2])
        self.context = None  # of TLS
        if ready:
            wait_for(lambda: self.get("/readyz")[0] == 200, "an interval is over")

    def connect(self):
        if self.context:
            return http.client.HTTPSConnection(self.host, self.port, timeout=10, context=self.context)
        return http.client.HTTPConnection(self.host, self.port, timeout=10)

    def get(self, path, headers=None, method="GET"):
        """Status, headers, body."""
        connection = self.connect()
        assert self.process.poll() is None, f"memgap has ended with status {self.process.returncode}: {self.stderr()}"
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def scrape(self, accept="text/plain", **headers):
        status, _, body = self.get("/metrics", {"Accept": accept, **headers})
        assert status == 200, body
        return Metrics(body.decode())

    def metrics(self, condition, what, seconds=20):
        """The first scrape for which the condition holds."""
        def look():
            scraped = self.scrape()
            return condition(scraped) and scraped
        return wait_for(look, what, seconds)
