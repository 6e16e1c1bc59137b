#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""watch --record and memgap report: what was seen is kept whole, survives what ends it, and becomes an HTML file."""
import html.parser
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, "tests/lib")
import tap  # noqa: E402
from memgap import MEMGAP, MIB, QUIET, Watch, Workload, read, run_watch  # noqa: E402

HOSTILE = "</td><script>alert(1)</script>\x1b[2J&amp;\""


def unpack(path, whole=True):
    """The text of a recording, by zstd itself; of one that is cut, what can be read."""
    run = subprocess.run(["zstd", "-dc", path], capture_output=True, timeout=30)
    if whole and run.returncode:
        raise AssertionError(f"zstd: {run.stderr}")
    return run.stdout.decode()


def objects(text):
    return [json.loads(line) for line in text.split("\n")[:-1]]


def report(*arguments, **options):
    return subprocess.run([MEMGAP, "report", *arguments], capture_output=True, timeout=60, **{"stdin": subprocess.DEVNULL, **options})


def sample(name="web", alloc=MIB, verdict="in-use", **more):
    """A line as the schema has it, as far as a report needs it."""
    return {"schema": 1, "time": "2026-01-31T12:00:00.123Z", "elapsed_s": 1.0,
            "target": {"kind": "cgroup", "pid": None, "comm": None, "cgroup": f"/{name}", "container": name, "processes": 1},
            "allocator": {"source": "probe", "alloc": alloc}, "kernel": {"rss": 2 * alloc, "cgroup": {"current": 3 * alloc}},
            "gap": {"bytes": alloc, "percent": 50.0, "verdict": verdict, "why": "because"}, "trim": {"count": 0, "last": None}, **more}


class Page(html.parser.HTMLParser):
    """A report as a browser reads it: the data it shows, its tags, and what they refer to."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.references, self.inside, self.data = [], [], False, ""
        self.feed(page.decode() if isinstance(page, bytes) else page)
        self.recording = json.loads(self.data)
        self.targets = self.recording["targets"]

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.inside = ("id", "recording") in attributes
        self.references += [value for name, value in attributes if name in ("src", "href", "srcset", "data", "action")]

    def handle_data(self, data):
        if self.inside:
            self.data += data

    def handle_endtag(self, tag):
        self.inside = False

    def names(self):
        return [target["target"]["container"] for target in self.targets]

    def series(self, number):
        """Of the target that has this place in the list: its columns."""
        found = self.recording["series"][number]
        assert found["id"] == self.targets[number]["id"]
        return found


class RecordTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.file = f"{self.directory}/night.zst"

    def write(self, lines, packed=True):
        text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
        with open(self.file, "wb") as file:
            data = text.encode()
            file.write(subprocess.run(["zstd", "-c"], input=data, capture_output=True, check=True).stdout if packed else data)

    def test_same_as_json(self):
        """what is recorded is what -o json prints, trims included, in zstd's own words"""
        workload = Workload(self, "retain", "--size", "48MiB", *QUIET)
        watch = Watch(self, "-p", str(workload.pid), "-s", "heap", "--trim-at", "trimmable:16MiB", "--record", self.file)
        event = watch.event()
        self.assertEqual(event["outcome"], "trimmed", event)
        watch.sample()
        watch.stop()
        self.assertEqual(watch.finish(), 0, watch.stderr())
        self.assertEqual(objects(unpack(self.file)), watch.seen)

    def test_other_formats(self):
        """stdout has its own format, and the recording has every interval"""
        workload = Workload(self, "hold", "--size", "8MiB", *QUIET)
        run = run_watch("-p", str(workload.pid), "-s", "none", "-i", "50ms", "-N", "4", "--record", self.file)
        self.assertEqual(run.returncode, 0, run.stderr)
        recorded = objects(unpack(self.file))
        self.assertEqual(len(run.stdout.splitlines()), 4)
        self.assertEqual([line["target"]["pid"] for line in recorded], [workload.pid] * 4)

    def test_killed(self):
        """memgap is killed: all but the last second can be read"""
        workload = Workload(self, "hold", "--size", "8MiB", *QUIET)
        watch = Watch(self, "-p", str(workload.pid), "-s", "none", "--record", self.file)
        last = watch.sample(lambda sample: sample["elapsed_s"] > 2.5)
        watch.stop(signal.SIGKILL)
        watch.end()
        recorded = objects(unpack(self.file, whole=False))
        self.assertEqual(recorded, watch.seen[:len(recorded)])
        self.assertGreater(recorded[-1]["elapsed_s"], last["elapsed_s"] - 1.3)
        run = report(self.file)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn(b"is cut at its end: what is there is reported", run.stderr)
        page = Page(run.stdout)
        self.assertTrue(page.recording["cut"])
        self.assertEqual([target["snapshot"] for target in page.targets], recorded[-1:])
        self.assertEqual(page.series(0)["rss"], [line["kernel"]["rss"] for line in recorded])

    def test_full_disk(self):
        """a full disk is told once, watching goes on, the exit status is 1, and what fitted can be read"""
        os.mkdir(f"{self.directory}/disk")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", f"{self.directory}/disk"], check=True)
        self.addCleanup(subprocess.run, ["umount", f"{self.directory}/disk"], check=True)
        path = f"{self.directory}/disk/night.zst"
        workload = Workload(self, "churn", "--rate", "2000")
        watch = Watch(self, "-p", str(workload.pid), "-s", "heap", "--record", path, interval="10ms")
        watch.sample(lambda _: "the recording ends here" in watch.stderr())
        for _ in range(300):
            watch.sample()
        watch.stop()
        self.assertEqual(watch.finish(), 1)
        self.assertEqual(watch.stderr().count("cannot write"), 1, watch.stderr())
        self.assertIn("No space left on device", watch.stderr())
        recorded = objects(unpack(path, whole=False))
        self.assertGreater(len(recorded), 5)
        self.assertEqual(recorded, watch.seen[:len(recorded)])

    def test_exists(self):
        """a file that exists is left as it is; one that cannot be made, and a target that is none, leave none behind"""
        with open(self.file, "w") as file:
            file.write("dear")
        run = run_watch("-p", str(os.getpid()), "-s", "none", "-N", "1", "--record", self.file)
        self.assertEqual((run.returncode, run.stdout), (2, ""))
        self.assertIn("it exists, and is not written over: give another name, or remove it", run.stderr)
        self.assertEqual(read(self.file), "dear")
        run = run_watch("-p", str(os.getpid()), "-s", "none", "-N", "1", "--record", f"{self.directory}/none/file")
        self.assertEqual(run.returncode, 1)
        self.assertIn("No such file or directory", run.stderr)
        run = run_watch("-p", "4194304", "-s", "none", "-N", "1", "--record", f"{self.directory}/new")
        self.assertEqual(run.returncode, 4, run.stderr)
        self.assertFalse(os.path.exists(f"{self.directory}/new"))

    def test_report(self):
        """the report has each target's figures over time, its last sample, and each trim with what came of it, and loads nothing"""
        trim = {**sample(), "event": "trim", "action": "signal:USR1", "predicted": 5 * MIB, "reclaimed": 4 * MIB, "took_ms": 3.25,
                "outcome": "trimmed", "why": "4.0 MiB came back"}
        last = sample(alloc=20 * MIB, verdict="retained", time="2026-01-31T12:00:02.500Z")
        self.write([sample(alloc=10 * MIB), sample("db"), sample(alloc=30 * MIB, verdict="growing"), sample("db"), trim, last,
                    {**sample(), "event": "regrowth", "reclaimed": 4 * MIB, "regrown": 4096}])
        out = f"{self.directory}/out.html"
        run = report(self.file, "-o", out)
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, b"", b""))
        text = read(out)
        page = Page(text)
        self.assertEqual(page.names(), ["web", "db"])
        web, db = page.targets
        self.assertEqual((web["first"], web["last"], web["gone"]), (sample()["time"], last["time"], False))
        self.assertEqual(web["snapshot"], last)
        self.assertEqual(web["target"], last["target"])
        self.assertTrue(db["gone"], "it was not in the last interval")
        series = page.series(0)
        for key, factor in ("alloc", 1), ("gap", 1), ("rss", 2), ("current", 3):
            self.assertEqual(series[key], [factor * n * MIB for n in (10, 30, 20)])
        self.assertEqual(series["limit"], [None] * 3)
        self.assertEqual(series["time_ms"], [1769860800123, 1769860800123, 1769860802500])
        self.assertEqual(page.series(1)["alloc"], [MIB] * 2)
        self.assertEqual(page.recording["trims"], [{**trim, "number": 1, "id": web["id"], "regrown": 4096}])
        self.assertEqual(page.recording["file"], "night.zst")
        facts = ("cut", "lost_lines", "bad_lines", "other_lines", "samples", "samples_left_out", "trims_left_out")
        self.assertEqual([page.recording[fact] for fact in facts], [False, 0, 0, 0, 5, 0, 0])
        self.assertEqual([url for url in page.references if not url.startswith(("data:", "#"))], [])
        self.assertIsNone(re.search(r"url\((?!data:)|@import", text))
        self.assertIn("default-src 'none'", text)

    def test_plain_lines(self):
        """plain JSON lines are read as well, from a pipe too"""
        self.write([sample(), sample("db")], packed=False)
        with open(self.file) as file:
            for run in report(self.file), report("-", stdin=file):
                self.assertEqual(run.returncode, 0, run.stderr)
                self.assertEqual(Page(run.stdout).names(), ["web", "db"])

    def test_cut_anywhere(self):
        """wherever a recording is cut, what is before the cut is reported, and that it is cut is said"""
        lines = [sample(f"t{n}", alloc=n * 4096 + 17) for n in range(200)]
        self.write(lines)
        whole = open(self.file, "rb").read()
        plain = "".join(json.dumps(line) + "\n" for line in lines).encode()
        for data in whole, plain:
            for cut in [len(data) * n // 12 for n in range(1, 12)] + [1, 2, 3, 4, 5, 10, len(data) - 4, len(data) - 1]:
                run = self.report_of(data[:cut])
                self.assertIn(run.returncode, (0, 1), (cut, run.stderr))
                self.assertIn(b"is cut", run.stderr, cut)
                whole_lines = data[:cut].count(b"\n") if data is plain else None
                if whole_lines:
                    self.assertEqual(run.returncode, 0, run.stderr)
                if run.returncode == 0:
                    page = Page(run.stdout)
                    self.assertTrue(page.recording["cut"], cut)
                    n = len(page.targets) if whole_lines is None else whole_lines
                    self.assertEqual([target["snapshot"] for target in page.targets], lines[:n])

    def report_of(self, data):
        with open(self.file, "wb") as file:
            file.write(data)
        return report(self.file)

    def test_damaged(self):
        """a wrong byte anywhere ends it there, or leaves lines out; it is never taken for whole"""
        self.write([sample(f"t{n}", alloc=n) for n in range(100)])
        good = open(self.file, "rb").read()
        for at in range(0, len(good), max(1, len(good) // 40)):
            data = bytearray(good)
            data[at] ^= 0x55
            run = self.report_of(bytes(data))
            self.assertIn(run.returncode, (0, 1), (at, run.stderr))
            self.assertRegex(run.stderr.decode(), "is cut|is damaged|left out|nothing of a recording", f"byte {at}")
            if run.returncode == 0:
                recording = Page(run.stdout).recording
                self.assertTrue(recording["cut"] or recording["bad_lines"] or recording["other_lines"], f"byte {at}")

    def test_hostile(self):
        """names, numbers and lines of all kinds do nothing to the page, and are counted"""
        deep = "[" * 100000 + "\n"
        self.write([sample(HOSTILE), {**sample(), "event": "trim", "why": HOSTILE, "outcome": HOSTILE, "action": HOSTILE},
                    "{}\n", "null\n", "\n", "no JSON\n", deep, '{"schema":2,"target":{},"gap":{}}\n', '{"schema":1,"target":[],"gap":7}\n',
                    '{"schema":1,"target":{"pid":"x","comm":7},"gap":{"bytes":1e400}}\n',
                    sample("least", allocator={"source": "probe", "alloc": -2**63}),
                    sample("most", allocator={"source": "probe", "alloc": 2**63 - 1}), "x" * (3 << 20) + "\n"])
        run = report(self.file)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn(b"9 of 13 lines are left out", run.stderr)
        page = Page(run.stdout)
        self.assertEqual(page.names(), [HOSTILE, "least", "most"])
        self.assertEqual([page.recording["trims"][0][key] for key in ("why", "outcome", "action")], [HOSTILE] * 3)
        self.assertEqual([page.recording[fact] for fact in ("lost_lines", "bad_lines", "other_lines")], [1, 5, 3])
        self.assertNotIn(b"\x1b", run.stdout)
        self.write([sample()])
        self.assertEqual(page.tags, Page(report(self.file).stdout).tags)

    def test_bounded(self):
        """a bomb of 2 GiB in one line, and more targets than anyone has, take no more memory than they may"""
        subprocess.run(f"head -c 2G /dev/zero | zstd -qc >{self.file}", shell=True, timeout=60, check=True)
        status, errors, peak = self.peak_of_report()
        self.assertEqual(status, 1)
        self.assertIn("nothing of a recording in it, and is cut at its end", errors)
        self.assertLess(peak, 64 * MIB)
        self.write(sample(f"t{n}") for n in range(12000))
        status, errors, peak = self.peak_of_report()
        self.assertEqual((status, errors), (0, ""))
        page = Page(read(self.html))
        self.assertEqual(page.names(), [f"t{n}" for n in range(4096)])
        self.assertEqual((page.recording["samples"], page.recording["samples_left_out"]), (12000, 12000 - 4096))
        self.assertLess(peak, 96 * MIB)

    def test_long_lines(self):
        """lines of a MiB that are many small things, of targets and of trims: some are kept, all others are counted"""
        filler = "[" + ",".join(["[]"] * 340000) + "]"
        trim = {"event": "trim", "action": "signal:USR1", "outcome": "trimmed"}
        with subprocess.Popen(["zstd", "-qc"], stdin=subprocess.PIPE, stdout=open(self.file, "wb"), text=True) as zstd:
            for n in range(100):
                for line in sample(f"t{n}"), {**sample(f"t{n}"), **trim}:
                    zstd.stdin.write(json.dumps({**line, "filler": 0})[:-2] + filler + "}\n")
        status, errors, peak = self.peak_of_report()
        self.assertEqual((status, errors), (0, ""))
        recording = Page(read(self.html)).recording
        self.assertEqual(len(recording["targets"]) + recording["samples_left_out"], 100)
        self.assertEqual(len(recording["trims"]) + recording["trims_left_out"], 100)
        self.assertGreater(len(recording["targets"]), 2)
        self.assertLess(peak, 256 * MIB)

    def peak_of_report(self):
        """Of a report of the file: the exit status, stderr, and no less than the most that was resident, for the kernel counts in
        what starts it."""
        self.html = f"{self.directory}/out.html"
        with open(self.html, "wb") as page, tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen([MEMGAP, "report", self.file], stdin=subprocess.DEVNULL, stdout=page, stderr=errors)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            errors.seek(0)
            print(f"# | report: at most {usage.ru_maxrss / 1024:.0f} MiB", flush=True)
            return process.returncode, errors.read(), usage.ru_maxrss << 10

    def test_nothing_half(self):
        """no file is left that is no report: without a sample none is touched, and what a full disk cuts is removed"""
        out = f"{self.directory}/out.html"
        self.write([{**sample(), "event": "trim", "action": "signal:USR1", "outcome": "trimmed"}])
        with open(out, "w") as file:
            file.write("dear")
        run = report(self.file, "-o", out)
        self.assertEqual((run.returncode, run.stdout), (1, b""))
        self.assertIn(b"has no sample of any target in it", run.stderr)
        self.assertEqual(read(out), "dear")
        os.mkdir(f"{self.directory}/disk")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", f"{self.directory}/disk"], check=True)
        self.addCleanup(subprocess.run, ["umount", f"{self.directory}/disk"], check=True)
        self.write([sample()])
        run = report(self.file, "-o", f"{self.directory}/disk/out.html")
        self.assertEqual((run.returncode, run.stdout), (1, b""))
        self.assertIn(b"No space left on device", run.stderr)
        self.assertEqual(os.listdir(f"{self.directory}/disk"), [])
        # an older report gives way to the new one, and leaves nothing of itself behind it
        with open(out, "w") as file:
            file.write("x" * (1 << 20))
        self.assertEqual(report(self.file, "-o", out).returncode, 0)
        self.assertEqual(read(out).encode(), report(self.file).stdout)

    def test_usage(self):
        """what is no recording, no file, or no command line is told, and nothing is written"""
        out = f"{self.directory}/out.html"
        self.write([sample()])
        for arguments, status, message in (
                ([], 2, "give one recording"), ([self.file, self.file], 2, "give one recording"), (["-x"], 2, "unknown option '-x'"),
                (["-o"], 2, "needs a value"), ([f"{self.directory}/none", "-o", out], 1, "No such file"),
                ([self.directory, "-o", out], 1, "Is a directory"), (["/dev/null", "-o", out], 1, "nothing of a recording in it"),
                (["README.md", "-o", out], 1, "nothing of a recording in it"), ([self.file, "-o", self.file], 2, "the recording itself"),
                ([self.file, "-o", "/dev/full"], 1, "No space left")):
            run = report(*arguments)
            self.assertEqual((run.returncode, run.stdout), (status, b""), arguments)
            self.assertIn(message, run.stderr.decode(), arguments)
            self.assertEqual(run.stderr.count(b"\n"), 1, run.stderr)
        self.assertFalse(os.path.exists(out))
        self.assertEqual(len(objects(unpack(self.file))), 1)


if __name__ == "__main__":
    tap.main(together=4)
