# SPDX-License-Identifier: GPL-2.0-only
"""A server with the API of `memgap serve` (user/http/api.h) and targets that the test makes up: hundreds of them, and of any name."""
import http.server
import json
import queue
import threading
import time
import urllib.parse

MIB = 1 << 20
COLUMNS = ["time_ms", "alloc", "rss", "current", "limit", "gap"]


def text_of_time(ms):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + f".{ms % 1000:03d}Z"


def name_of_process(pid, comm, **others):
    return {"kind": "process", "pid": pid, "comm": comm, "cgroup": "/system.slice/test.service", "container": None, "pod": None,
            "namespace": None, "processes": 1, **others}


def name_of_cgroup(path, **others):
    return {"kind": "cgroup", "pid": None, "comm": None, "cgroup": path, "container": None, "pod": None, "namespace": None, "processes": 3, **others}


def snapshot_of(target, point, verdict, why):
    """Schema 1, with the figures of a point."""
    ms, alloc, rss, current, limit, gap = (point[column] for column in COLUMNS)
    trimmable = gap * 9 // 10 if verdict == "retained" else 0
    return {
        "schema": 1, "time": text_of_time(ms), "elapsed_s": 60.0, "target": target,
        "allocator": {"name": "glibc 2.36", "source": "probe" if alloc is not None else "none", "alloc": alloc,
                      "total_alloc": alloc and alloc * 4, "mallocs": 1001, "frees": 1, "baseline": 0, "sys": rss + 3 * MIB, "num_gc": None,
                      "missed": 0, "overhead_percent": 0.42, "alloc_error": 0, "total_error": 0, "heap": None, "go": None},
        "kernel": {"rss": rss, "rss_anon": rss - MIB, "rss_file": MIB, "rss_shmem": 0, "pss": rss - 123456, "swap": 0, "lazyfree": 0,
                   "flow": {"mapped": 0, "unmapped": 0, "brk": 0, "returned": 0},
                   "cgroup": {"current": current, "limit": limit, "high": None, "swap": 0, "anon": rss, "file": 0, "shmem": 0,
                              "inactive_file": 0, "kernel": 0, "working_set": current, "oom_kills": 0, "psi_some_avg10": 0.0}},
        "gap": {"bytes": gap, "percent": None if gap is None else round(100 * gap / rss, 1), "trimmable": trimmable, "pinned": 12345,
                "growth_per_s": None, "verdict": verdict, "why": why},
        "trim": {"count": 0, "last": None},
    }


def trim_of(number, entry, ms, predicted, reclaimed):
    return {"number": number, "id": entry["id"], "time": text_of_time(ms), "target": entry["target"],
            "reason": {"metric": "gap", "value": predicted, "threshold": MIB}, "verdict": "retained", "by": "tick", "late_ms": None,
            "action": "signal:USR1", "pids": [entry["target"]["pid"] or 1], "predicted": predicted, "before": {"rss": 200 * MIB, "current": None},
            "after": {"rss": 200 * MIB - reclaimed, "current": None}, "reclaimed": reclaimed,
            "prediction_error_percent": round(100 * abs(reclaimed - predicted) / predicted, 1), "took_ms": 12.5, "outcome": "trimmed",
            "why": f"{reclaimed // MIB} MiB came back", "regrown": None}


def lines_of(state, number, every):
    """Each of so many points of a target's past as a line of JSON, schema 1."""
    entry = state.targets[number]
    gap = entry["snapshot"]["gap"]
    return [json.dumps(snapshot_of(entry["target"], point, gap["verdict"], gap["why"])) for point in state.series[number][::every]]


class State:
    """What the API answers from; add() and the others change it, tick() tells those who listen."""

    def __init__(self):
        self.lock = threading.RLock()
        self.targets, self.series, self.trims, self.listeners, self.interval = {}, {}, [], [], 0

    def add(self, target, points, verdict="in-use", why="the gap is small next to alloc"):
        with self.lock:
            number = len(self.targets) + 1
            self.targets[number] = {"id": number, "gone": False, "first": text_of_time(points[0]["time_ms"]),
                                    "last": text_of_time(points[-1]["time_ms"]), "target": target,
                                    "snapshot": snapshot_of(target, points[-1], verdict, why)}
            self.series[number] = list(points)
            return self.targets[number]

    def end(self, number):
        with self.lock:
            self.targets[number].update(gone=True, snapshot=None)

    def trim(self, number, ms, predicted, reclaimed):
        with self.lock:
            self.trims.append(trim_of(len(self.trims) + 1, self.targets[number], ms, predicted, reclaimed))

    def tick(self):
        with self.lock:
            self.interval += 1
            present = [entry for entry in self.targets.values() if not entry["gone"]]
            told = {"interval": self.interval, "time": text_of_time(int(time.time() * 1000)), "last_trim": len(self.trims),
                    "targets": [{"id": entry["id"], "name": "-", "verdict": entry["snapshot"]["gap"]["verdict"],
                                 "point": [self.series[entry["id"]][-1][column] for column in COLUMNS]} for entry in present],
                    "trims": self.trims[-8:]}
            for listener in self.listeners:
                listener.put(f"event: interval\nid: {self.interval}\ndata: {json.dumps(told)}\n\n")

    def end_connections(self):
        with self.lock:
            for listener in self.listeners:
                listener.put(None)


def answer(state, path, query):
    """(status, object); None: no such path."""
    with state.lock:
        if path == "/api/v1/targets":
            shown = [entry for entry in state.targets.values() if "id" not in query or entry["id"] == int(query["id"])]
            return 200, {"interval": state.interval, "time": None, "trims": {}, "reclaimed": 0, "without_series": 0, "targets": shown}
        if path == "/api/v1/series":
            points = [point for point in state.series[int(query["id"])] if point["time_ms"] >= int(query.get("from", 0))]
            points = points[-int(query.get("points", 3600)):]
            return 200, {"id": int(query["id"]), **{column: [point[column] for point in points] for column in COLUMNS}}
        if path == "/api/v1/trims":
            return 200, {"trims": [trim for trim in state.trims if trim["number"] > int(query.get("after", 0))], "more": False}
    return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def give(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", self.server.policy)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if url.path == "/":
            return self.give(200, "text/html; charset=utf-8", self.server.page)
        if url.path == "/api/v1/events":
            return self.stream()
        found = answer(self.server.state, url.path, dict(urllib.parse.parse_qsl(url.query)))
        if not found:
            return self.give(404, "text/plain", b"no such path\n")
        return self.give(found[0], "application/json", json.dumps(found[1]).encode())

    def stream(self):
        events = queue.Queue()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True
        self.server.state.listeners.append(events)
        try:
            while (event := events.get()) is not None:
                self.wfile.write(event.encode())
                self.wfile.flush()
        except OSError:
            pass
        finally:
            self.server.state.listeners.remove(events)


class StandIn(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, page, policy, state, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        with open(page, "rb") as file:
            self.page = file.read()
        with open(policy, encoding="ascii") as file:
            self.policy = file.read()
        self.state = state
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self.state.end_connections()
        self.shutdown()
        self.server_close()
