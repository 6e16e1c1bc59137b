#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What deploy/ has for Prometheus, Grafana, Kubernetes and systemd: well-formed, on metrics that are exported, and alerts that fire."""
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.request

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import MEMGAP, MIB, QUIET, TRACED, Cgroup, Program, Workload, read, wait_for  # noqa: E402

PACKAGE = os.path.abspath("build/packages/bookworm/prometheus/usr/bin")
METRIC = r"\bmemgap_[a-z_]+"
# of serve's metrics, each with the labels that queries may ask it for
BOUND = {"memgap_verdict": "verdict", "memgap_trims_total": "outcome"}


def prometheus(name):
    """Debian's own, unpacked and not installed: it would run as a service."""
    if not os.path.exists(f"{PACKAGE}/{name}"):
        subprocess.run(["tests/packages.sh", "bookworm", "prometheus"], check=True, timeout=300)
    return f"{PACKAGE}/{name}"


def promtool(*arguments):
    run = subprocess.run([prometheus("promtool"), *arguments], cwd="deploy/prometheus", capture_output=True, text=True, timeout=60)
    return run.returncode, run.stdout + run.stderr


def expressions():
    """Each query of the dashboard and of the rules."""
    panels = json.loads(read("deploy/grafana/memgap.json"))["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    rules = read("deploy/prometheus/rules.yaml")
    queries += re.findall(r"^ +expr: ([^|\n]+)$", rules, re.M)
    queries += re.findall(r"^ +expr: \|\n((?: {10,}.*\n)+)", rules, re.M)
    return queries


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return None


class Serve(Program):
    """memgap serve, once it answers."""

    def __init__(self, test, *arguments, page="/metrics"):
        self.address = f"127.0.0.1:{free_port()}"
        super().__init__(test, MEMGAP, "serve", "-i", "200ms", "--listen", self.address, *arguments)
        wait_for(lambda: get(f"http://{self.address}{page}") or self.process.poll() is not None, "an answer")

    def metrics(self):
        return get(f"http://{self.address}/metrics") or ""


class DeployTest(unittest.TestCase):
    def test_rules(self):
        """promtool takes rules and configuration, and each alert fires when it should and only then"""
        for arguments in (["check", "rules", "rules.yaml"], ["check", "config", "--syntax-only", "scrape.yaml"], ["test", "rules", "rules-test.yaml"]):
            status, text = promtool(*arguments)
            self.assertEqual(status, 0, text)
        alerts = re.findall(r"- alert: (\w+)", read("deploy/prometheus/rules.yaml"))
        tested = read("deploy/prometheus/rules-test.yaml")
        self.assertGreaterEqual(len(alerts), 9)
        for alert in alerts:
            self.assertRegex(tested, rf"alertname: {alert}\n +exp_alerts:\n", f"{alert} is never seen to fire")

    def test_dashboard(self):
        """the dashboard is one that Grafana can import: panels with an id of their own, that do not overlap, on variables that exist"""
        dashboard = json.loads(read("deploy/grafana/memgap.json"))
        panels = dashboard["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        taken = [(x, y) for at in (panel["gridPos"] for panel in panels)
                 for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])]
        self.assertEqual(len(set(taken)), len(taken))
        self.assertLess(max(x for x, _ in taken), 24)
        known = {variable["name"] for variable in dashboard["templating"]["list"]} | {"__range", "__rate_interval"}
        self.assertLessEqual(set(re.findall(r"\$\{?(\w+)", json.dumps(panels))), known)

    def test_queries(self):
        """PromQL takes each query of the dashboard"""
        with tempfile.TemporaryDirectory() as directory:
            path = f"{directory}/queries.yaml"
            queries = [re.sub(r"\$__\w+", "5m", query).replace("$top", "10") for query in expressions()]
            self.assertGreater(len(queries), 20)
            with open(path, "w") as file:
                json.dump({"groups": [{"name": "q", "rules": [{"record": f"q:{n}", "expr": query} for n, query in enumerate(queries)]}]}, file)
            status, text = promtool("check", "rules", path)
            self.assertEqual(status, 0, text)

    def test_metrics_exist(self):
        """each metric and each label that a query names is exported by a running memgap, but one that only a leak has"""
        cgroup = Cgroup(self, "limited")
        cgroup.limit(100 * MIB)
        Workload(self, "retain", "--size", "48MiB", *QUIET, preexec_fn=cgroup.enter)
        serve = Serve(self, "-c", cgroup.path, "--trim-at", "trimmable:16MiB")
        wait_for(lambda: re.search(r"^memgap_trims_total\{.*\} [1-9]", serve.metrics(), re.M), "a trim")
        exported = {}
        for line in serve.metrics().splitlines():
            sample = re.match(r"(\w+)(?:\{(.*)\})? ", line)
            if sample and not line.startswith("#"):
                exported.setdefault(sample[1], set()).update(re.findall(r'(\w+)="', sample[2] or ""))
        for query in expressions():
            for name in re.findall(METRIC, query):
                # docs/serve.md is compared with what is exported by tests/cli/test_serve.py
                self.assertTrue(name in exported or f"`{name}`" in read("docs/serve.md"), f"{name} in {query}")
        for name, label in BOUND.items():
            self.assertIn(label, exported[name])
        self.assertIn("cgroup", exported["memgap_rss_bytes"])  # namespace, pod and container are those of containers

    def test_options_exist(self):
        """each option that is deployed is one of memgap's"""
        for path, command in (("deploy/kubernetes/daemonset.yaml", "serve"), ("deploy/kubernetes/sidecar.yaml", "watch"),
                              ("deploy/compose.yaml", "serve"), ("deploy/systemd/memgap.service", "serve")):
            text = "\n".join(re.findall(rf"^.*(?:\[{command}|MEMGAP_OPTIONS=).*$", read(path), re.M))
            usage = subprocess.run([MEMGAP, command, "--help"], capture_output=True, text=True, timeout=10).stdout
            options = re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text)
            self.assertTrue(options, path)
            for option in options:
                self.assertRegex(usage, rf"(?<![\w-]){option}(?![\w-])", path)

    def test_probes(self):
        """kubelet's probes ask pages that are there, and that need no password"""
        probes = re.findall(r"^ +(\w+)Probe:\n +httpGet:\n +path: (\S+)\n +port: metrics$", read("deploy/kubernetes/daemonset.yaml"), re.M)
        self.assertEqual(dict(probes), {"readiness": "/readyz", "liveness": "/healthz"})
        users = tempfile.NamedTemporaryFile("w", prefix="memgap-users-")
        self.addCleanup(users.close)
        users.write("anna:secret\n")
        users.flush()
        serve = Serve(self, "-s", "none", "-p", str(os.getpid()), "--auth-file", users.name, page="/healthz")
        self.assertEqual(serve.metrics(), "")
        for _, path in probes:
            wait_for(lambda: get(f"http://{serve.address}{path}"), f"{path} is answered")

    def test_prometheus(self):
        """a real Prometheus scrapes a running memgap, and the alert on a cgroup near its limit fires"""
        cgroup = Cgroup(self, "near")
        cgroup.limit(52 * MIB)
        Workload(self, "hold", "--size", "48MiB", *QUIET, preexec_fn=cgroup.enter)
        serve = Serve(self, "-c", cgroup.path, "-s", "heap")
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        with open(f"{directory.name}/prometheus.yaml", "w") as file:
            file.write(read("deploy/prometheus/scrape.yaml").replace("127.0.0.1:9435", serve.address).replace("15s", "1s")
                       + "global:\n  evaluation_interval: 1s\n  scrape_timeout: 1s\n")
        with open(f"{directory.name}/rules.yaml", "w") as file:
            file.write(re.sub(r"for: \w+", "for: 1s", read("deploy/prometheus/rules.yaml")))
        address = f"127.0.0.1:{free_port()}"
        Program(self, prometheus("prometheus"), f"--config.file={directory.name}/prometheus.yaml", f"--web.listen-address={address}",
                f"--storage.tsdb.path={directory.name}/data", "--log.level=error")

        def firing():
            answer = get(f"http://{address}/api/v1/alerts")
            alerts = json.loads(answer)["data"]["alerts"] if answer else []
            return [alert["labels"] for alert in alerts if alert["state"] == "firing" and alert["labels"]["alertname"] == "MemgapNearLimit"]
        labels = wait_for(firing, "the alert", 60)
        self.assertEqual([label["cgroup"] for label in labels], [cgroup.path])

    def test_unit(self):
        """systemd takes the unit, finds it well confined, and lets every system call through that memgap makes"""
        with tempfile.TemporaryDirectory() as directory:
            path = f"{directory}/memgap.service"
            with open(path, "w") as file:
                file.write(read("deploy/systemd/memgap.service").replace("@PREFIX@/bin/memgap", MEMGAP))
            verified = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True, timeout=30)
            self.assertEqual((verified.returncode, verified.stdout + verified.stderr), (0, ""))
            security = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=35", "--no-pager", path],
                                      capture_output=True, text=True, timeout=30)
            self.assertEqual(security.returncode, 0, security.stdout[-300:])
            trace = f"{directory}/trace"
            subprocess.run(["strace", "-f", "-qq", "-o", trace, MEMGAP, "watch", "-a", "-N", "2", "-i", "200ms"], timeout=60,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, env=TRACED)
            calls = set(re.findall(r"^\d+ +([a-z_0-9]+)\(", read(trace), re.M))
        self.assertGreater(len(calls), 20)
        filters = re.search(r"^SystemCallFilter=(.*)$", read("deploy/systemd/memgap.service"), re.M)[1].split()
        self.assertEqual(calls - allowed(filters), set())
        profile = json.loads(read("deploy/seccomp/memgap.json"))
        self.assertEqual(calls - set(profile["syscalls"][0]["names"]), set())


def allowed(filters):
    """The system calls of a unit's SystemCallFilter; those without which nothing runs are always in it."""
    names, groups = set(), ["@default", *filters]
    while groups:
        group = groups.pop()
        if not group.startswith("@"):
            names.add(group)
            continue
        text = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", group], capture_output=True, text=True, check=True, timeout=10).stdout
        groups += re.findall(r"^ +(@?[a-z_0-9-]+)$", text, re.M)
    return names


if __name__ == "__main__":
    tap.main(together=2)
