#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The live page and the report in headless Chromium: what they show is what the JSON has. Screenshots are in build/screenshots."""
import json
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path[:0] = ["tests/lib", "tests/page"]
import scene  # noqa: E402
import tap  # noqa: E402
from browser import Browser, missing  # noqa: E402
from memgap import MEMGAP, QUIET, Cgroup, Python, Watch, Workload, read, run_watch, wait_for  # noqa: E402
from serve import Serve  # noqa: E402
from stand_in import MIB, StandIn, State, name_of_cgroup, name_of_process, lines_of  # noqa: E402

PAGE, POLICY = "build/page/page.html", "build/page/csp.txt"
SHOTS = "build/screenshots"
DRAW_MS = 1000
HOSTILE = ["<img src=x onerror=window.hacked=1>", "</script><b>", "\"><svg/onload=window.hacked=1>", "&lt;b&gt;", "javascript:hacked"]
COMES = "return performance.getEntriesByName('drawn').length"
# A row: its cells by their columns, as they are read by people.
ROWS = """return [...document.querySelectorAll('#rows tr')].map(row => ({ id: Number(row.dataset.id), gone: row.classList.contains('gone'),
    name: row.querySelector('.name').textContent, where: row.querySelector('.where').textContent,
    ...Object.fromEntries([...row.cells].map(cell => [cell.className.split(' ')[0].slice(7), cell.textContent])),
    name: row.querySelector('.name').textContent }))"""
FIGURES = "return Object.fromEntries([...document.querySelectorAll('#figures div')].map(d => [d.dataset.figure, d.lastChild.textContent]))"
LEGEND = "return Object.fromEntries([...document.querySelectorAll('#legend button')].map(b => [b.dataset.line, b.querySelector('b').textContent]))"
TRIMS = "return [...document.querySelectorAll(arguments[0] + ' tbody tr')].map(row => [...row.cells].map(cell => cell.textContent))"
WHY = "return document.querySelector('#detail-verdict').lastChild.textContent"
FOCUS = "const e = document.activeElement; return e.id || (e.dataset.id ?? '')"


def size(value):
    """As memgap's format_bytes() has it; round() rounds half to even, as printf() does."""
    if value is None:
        return "-"
    number, unit = float(value), 0
    while abs(number) >= 1023.5 and unit < 6:
        number, unit = number / 1024, unit + 1
    decimals = 1 if unit and abs(number) < 9.95 and number != math.trunc(number) else 0
    return f"{number:.{decimals}f} {['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'][unit]}"


def cgroup_text(cgroup):
    return size(cgroup["current"]) + ("" if cgroup["limit"] is None else f" of {size(cgroup['limit'])}")


def row_of(snapshot):
    """What the table is to say of a snapshot."""
    kernel, gap = snapshot["kernel"], snapshot["gap"]
    return {"verdict": gap["verdict"], "gap": size(gap["bytes"]), "alloc": size(snapshot["allocator"]["alloc"]), "rss": size(kernel["rss"]),
            "cgroup": cgroup_text(kernel["cgroup"])}


def figures_of(snapshot):
    allocator, kernel, gap = snapshot["allocator"], snapshot["kernel"], snapshot["gap"]
    percent = "" if gap["percent"] is None else f" ({gap['percent']:.0f} %)"
    return {"alloc": ("~" if allocator["alloc_error"] else "") + size(allocator["alloc"]), "total alloc": size(allocator["total_alloc"]),
            "sys": size(allocator["sys"]), "rss": size(kernel["rss"]), "pss": size(kernel["pss"]), "gap": size(gap["bytes"]) + percent,
            "trimmable": size(gap["trimmable"]), "pinned": size(gap["pinned"]), "cgroup": size(kernel["cgroup"]["current"]),
            "cgroup limit": size(kernel["cgroup"]["limit"])}


def pick(values, keys):
    return {key: values[key] for key in keys}


class PageTest(unittest.TestCase):
    """Each has a browser; at the end nothing may have been complained of in its console, and nobody else been asked."""
    def setUp(self):
        if missing():
            self.skipTest(f"{missing()} is not installed")

    def browser(self, *arguments, **options):
        browser = Browser(*arguments, **options)
        self.addCleanup(browser.close)
        return browser

    def show(self, browser, url):
        browser.open(url)
        browser.wait_for(COMES, "the page is drawn")

    def check_quiet(self, browser, *bases):
        self.assertEqual(browser.console(), [])
        asked = [url for url in browser.requests() if not url.startswith(("data:", *bases))]
        self.assertEqual(asked, [], "somebody else was asked")

    def rows(self, browser):
        return {row["id"]: row for row in browser.run(ROWS)}

    def open_target(self, browser, number):
        browser.run("location.hash = `target-${arguments[0]}`", number)
        browser.wait_for("return document.querySelector('#chart canvas') && !document.querySelector('#detail').hidden", "the chart")

    def check_row(self, row, snapshot):
        wanted = row_of(snapshot)
        self.assertEqual(pick(row, wanted), wanted)


class StandInTest(PageTest):
    """Targets that are made up, behind the same API: with a past of an hour, hundreds of them, or with the names of containers."""

    def setUp(self):
        super().setUp()
        self.state = State()
        self.now = int(time.time() * 1000)

    def serve(self, port=0):
        site = StandIn(PAGE, POLICY, self.state, port)
        self.addCleanup(site.stop)
        return site

    def shop(self, n=3600, **options):
        """The scene, on the page: (browser, site, the targets by name)."""
        entries = scene.fill(self.state, self.now, n)
        site = self.serve()
        browser = self.browser(**options)
        self.show(browser, site.url)
        # told of from here on
        wait_for(lambda: self.state.listeners, "the page listens")
        return browser, site, entries


class Names(StandInTest):
    def test_hostile(self):
        """names are text: what looks like markup in a name of a process, a container or a cgroup is shown as it is"""
        for i, name in enumerate(HOSTILE):
            self.state.add(name_of_process(500 + i, name, container=name, cgroup=f"/{name}"), scene.series(self.now, 5, scene.steady), why=name)
            self.state.add(name_of_cgroup(f"/a/{name}"), scene.series(self.now, 5, scene.steady), why=name)
        site = self.serve()
        browser = self.browser()
        self.state.trim(1, self.now - 2000, 9 * MIB, 8 * MIB)
        self.show(browser, site.url)
        names = {row["name"] for row in browser.run(ROWS)}
        self.assertLessEqual({f"{name}[{500 + i}]" for i, name in enumerate(HOSTILE)}, names)
        self.open_target(browser, 1)
        self.assertEqual(browser.text("#detail-title"), f"{HOSTILE[0]}[500]")
        self.assertEqual(browser.run("return document.querySelectorAll('main img, main svg, main b b, main script').length"), 0)
        self.assertIsNone(browser.run("return window.hacked ?? null"))
        self.check_quiet(browser, site.url)


class Chart(StandInTest):
    def test_more_trims_than_an_event_has(self):
        """of 20 trims in one interval none is missing"""
        browser, site, entries = self.shop(60)
        for i in range(20):
            self.state.trim(entries["web"]["id"], self.now - 20000 + i * 1000, (i + 1) * MIB, MIB)
        self.state.tick()
        browser.wait_for("return document.querySelectorAll('#trims tbody tr').length === 20", "20 trims")
        self.assertEqual([row[3] for row in browser.run(TRIMS, "#trims")], [f"{20 - i} MiB" for i in range(20)])
        self.check_quiet(browser, site.url)

    def test_crosshair(self):
        """what the mouse is over is in the legend: the values of the point there"""
        browser, site, entries = self.shop(600)
        self.open_target(browser, entries["report"]["id"])
        box = browser.run("const r = document.querySelector('#chart canvas').getBoundingClientRect(); return [r.left, r.top, r.width, r.height]")
        browser.point_at(box[0] + box[2] / 2, box[1] + box[3] / 2)
        browser.wait_for("return !document.querySelector('#crosshair').hidden", "the crosshair")
        shown, series = browser.run(LEGEND), self.state.series[entries["report"]["id"]]
        moment = browser.text("#moment")
        point = next(p for p in series if time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(p["time_ms"] // 1000)) == moment)
        self.assertEqual(shown, {key: size(point[key]) for key in ("alloc", "rss", "gap", "current", "limit")})
        self.assertTrue(200 < series.index(point) < 400)
        self.check_quiet(browser, site.url)

    def test_ranges_and_lines(self):
        """range buttons change what is drawn, a pressed line is hidden, an area is drawn between alloc and rss"""
        browser, site, entries = self.shop()
        self.open_target(browser, entries["web"]["id"])
        image = "return document.querySelector('#chart canvas').toDataURL()"
        hour = browser.run(image)
        browser.run("document.querySelector('#ranges button').click()")
        self.assertNotEqual(browser.run(image), hour)
        self.assertEqual(browser.run("return [...document.querySelectorAll('#ranges [aria-pressed=true]')].map(b => b.textContent)"), ["10 min"])
        browser.run("document.querySelectorAll('#ranges button')[1].click()")
        self.assertEqual(browser.run(image), hour)
        pixels = self.colours(browser)
        browser.run("document.querySelector('#legend [data-line=gap]').click()")
        self.assertEqual(browser.run("return document.querySelector('#legend [data-line=gap]').getAttribute('aria-pressed')"), "false")
        self.assertLess(self.colours(browser), pixels / 2, "the area is there still")
        self.check_quiet(browser, site.url)

    def colours(self, browser):
        """How many pixels of the plot have something on them."""
        return browser.run("""return [...document.querySelectorAll('#chart canvas')].reduce((sum, canvas) => {
            const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
            copy.drawImage(canvas, 0, 0);
            const data = copy.getImageData(0, 0, canvas.width, canvas.height).data;
            for (let i = 3; i < data.length; i += 4) sum += data[i] > 20 ? 1 : 0;
            return sum; }, 0)""")


# The ratio of WCAG 2, of two colours as "rgb(…)".
CONTRAST = """
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const back = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if ((c[3] ?? 1) === 1) return c; }
    return [255, 255, 255]; };
return [...document.querySelectorAll('.verdict, .name, .where, .muted, td, dt, dd, button, h2, h3, #summary, #status')]
    .filter(e => e.textContent.trim() && e.offsetParent && !e.closest('[aria-pressed=false]'))
    .map(e => { const [a, b] = [light(parse(getComputedStyle(e).color)), light(back(e))].sort((x, y) => y - x);
        return [(a + 0.05) / (b + 0.05), e.className, e.textContent.slice(0, 30)]; })
    .filter(([ratio]) => ratio < 4.5)"""


class Looks(StandInTest):
    def shots(self, dark, width, height, name):
        browser, site, entries = self.shop(dark=dark, width=width, height=height)
        gone = self.state.add(name_of_process(77, "worker-old"), scene.series(self.now - 600000, 1000, scene.steady))
        self.state.end(gone["id"])
        browser.open(site.url)
        browser.wait_for(COMES, "the page is drawn")
        browser.screenshot(f"{SHOTS}/targets-{name}.png")
        self.check_width(browser, width)
        self.assertEqual(browser.run(CONTRAST), [])
        self.open_target(browser, entries["web"]["id"])
        box = browser.run("const r = document.querySelector('#chart').getBoundingClientRect(); return [r.left, r.top, r.width, r.height]")
        browser.point_at(box[0] + box[2] * 0.74, box[1] + box[3] / 2)
        browser.wait_for("return !document.querySelector('#crosshair').hidden", "the crosshair")
        browser.screenshot(f"{SHOTS}/target-{name}.png")
        self.check_width(browser, width)
        self.assertEqual(browser.run(CONTRAST), [])
        self.check_quiet(browser, site.url)
        return browser

    def check_width(self, browser, width):
        self.assertLessEqual(browser.run("return document.documentElement.scrollWidth"), width)

    def test_light(self):
        """light: legible by WCAG's ratio of 4.5, a screenshot"""
        browser = self.shots(False, 1440, 1000, "light")
        self.assertEqual(browser.run("return getComputedStyle(document.body).backgroundColor"), "rgb(244, 246, 248)")

    def test_dark(self):
        """dark: likewise"""
        browser = self.shots(True, 1440, 1000, "dark")
        self.assertEqual(browser.run("return getComputedStyle(document.body).backgroundColor"), "rgb(14, 17, 22)")

    def test_scheme_changes(self):
        """the chart is drawn anew when light becomes dark"""
        browser, site, entries = self.shop(60)
        self.open_target(browser, entries["web"]["id"])
        image = "return document.querySelector('#chart canvas').toDataURL()"
        light = browser.run(image)
        browser.scheme(dark=True)
        browser.wait_for(f"{image} !== arguments[0]", "other colours", light)
        self.check_quiet(browser, site.url)

    def test_phone(self):
        """360 pixels wide: nothing to be scrolled sideways, light and dark"""
        self.shots(False, 360, 780, "phone-light")

    def test_phone_dark(self):
        """likewise in the dark"""
        self.shots(True, 360, 780, "phone-dark")


class Speed(StandInTest):
    def test_200_targets(self):
        """200 targets and an hour of history each: drawn within a second, with the chart of one of them"""
        for i in range(200):
            shape = [scene.retained, scene.growing, scene.pinned, scene.steady][i % 4]
            self.state.add(name_of_process(1000 + i, f"service-{i}"), scene.series(self.now, 3600, shape), "retained")
        for i in range(20):
            self.state.trim(7, self.now - i * 180000, 60 * MIB, 59 * MIB)
        site = self.serve()
        browser = self.browser(1440, 1000)
        took = []
        # what else runs on the machine takes its share: the best of some
        while len(took) < 5 and not (took and min(took) < DRAW_MS):
            browser.open("about:blank")
            self.show(browser, f"{site.url}#target-7")
            took.append(browser.run("return performance.getEntriesByName('drawn')[0].startTime"))
        print(f"# | 200 targets, 3600 points each: drawn {min(took):.0f} ms after the page was asked for, of {len(took)} times", flush=True)
        self.assertEqual(browser.run("return document.querySelectorAll('#rows tr').length"), 200)
        self.assertTrue(browser.run("return document.querySelector('#chart canvas') !== null"))
        self.assertLess(min(took), DRAW_MS)
        browser.screenshot(f"{SHOTS}/200-targets.png")
        self.check_quiet(browser, site.url)


def record(test, path):
    """A real recording: a workload that retains memory and is trimmed, one that ends, one that stays. What it has, by lines, and the two."""
    quick = Workload(test, "hold", "--size", "8MiB", *QUIET)
    retains = Workload(test, "retain", "--size", "64MiB", *QUIET)
    stays = Workload(test, "hold", "--size", "16MiB", *QUIET)
    watch = Watch(test, "--record", path, "-s", "heap", "--trim-at", "trimmable:16MiB", "-p", f"{quick.pid},{retains.pid},{stays.pid}",
                  interval="200ms")
    watch.event(lambda event: event["outcome"] == "trimmed")
    quick.kill()
    since = len(watch.seen)
    # gone is who was not there in the last interval
    watch.sample(lambda sample: sample["target"]["pid"] == stays.pid and
                 quick.pid not in [line["target"]["pid"] for line in watch.seen[since:][-3:]] and len(watch.seen) > since + 8)
    watch.stop()
    test.assertEqual(watch.finish(), 0, watch.stderr())
    return watch.seen, quick, retains


class Report(PageTest):
    """memgap report, by which what memgap watch has recorded becomes the page."""

    def make(self, recorded):
        """memgap report, into build/tests; returns its path."""
        path = os.path.abspath(f"build/tests/{os.path.basename(recorded)}.html")
        subprocess.run([MEMGAP, "report", recorded, "-o", path], stdin=subprocess.DEVNULL, check=True, timeout=60)
        return path

    def file(self, name):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        return f"{directory.name}/{name}"

    def test_report(self):
        """a real recording as a file: its numbers, verdicts and trims are those of the lines, the file asks nobody"""
        recorded = self.file("night.jsonl.zst")
        lines, quick, retains = record(self, recorded)
        path = self.make(recorded)
        browser = self.browser(1440, 1000)
        self.show(browser, f"file://{path}")
        self.assertEqual(browser.text("#status"), "recording night.jsonl.zst")
        last = {}
        for line in lines:
            if "allocator" in line and line["kernel"]["rss"] is not None:
                last[line["target"]["pid"]] = line
        rows = {int(re.search(r"\[(\d+)\]$", row["name"])[1]): row for row in browser.run(ROWS)}
        self.assertEqual(set(rows), set(last))
        self.assertEqual([pid for pid, row in rows.items() if row["gone"]], [quick.pid])
        self.check_row(rows[retains.pid], last[retains.pid])
        self.assertEqual(rows[quick.pid]["rss"], size(last[quick.pid]["kernel"]["rss"]))
        trim = next(line for line in lines if line.get("outcome") == "trimmed")
        shown = browser.run(TRIMS, "#trims")[-1]
        self.assertEqual(shown[1:5], [f"workload[{retains.pid}]", trim["action"], size(trim["predicted"]), size(trim["reclaimed"])])
        self.open_target(browser, rows[retains.pid]["id"])
        wanted = figures_of(last[retains.pid])
        self.assertEqual(pick(browser.run(FIGURES), wanted), wanted)
        self.assertEqual(browser.run(WHY), last[retains.pid]["gap"]["why"])
        browser.screenshot(f"{SHOTS}/report.png")
        self.check_quiet(browser, f"file://{path}")

    def test_long(self):
        """an hour of 200 targets: some MB, drawn within a second; a recording that was cut and damaged says so"""
        state, now = State(), int(time.time() * 1000)
        pages = []
        for i in range(200):
            entry = state.add(name_of_process(1000 + i, HOSTILE[i % 5]), scene.series(now, 3600, scene.retained), "retained")
            pages.append(lines_of(state, entry["id"], 20))
        # each second all targets, as memgap writes them
        lines = ["no JSON"] + [line for together in zip(*pages) for line in together] + ["{\"schema\":1,\"ti"]
        recorded = self.file("long.jsonl")
        with open(recorded, "w", encoding="utf-8") as file:
            file.write("\n".join(lines))
        path = self.make(recorded)
        size_mb = os.path.getsize(path) / 1e6
        browser = self.browser(1440, 1000)
        took = []
        while len(took) < 5 and not (took and min(took) < DRAW_MS):
            browser.open("about:blank")
            self.show(browser, f"file://{path}#target-7")
            took.append(browser.run("return performance.getEntriesByName('drawn')[0].startTime"))
        print(f"# | report of {len(lines)} lines: {size_mb:.1f} MB, drawn after {min(took):.0f} ms, of {len(took)} times", flush=True)
        self.assertLess(size_mb, 8)
        self.assertLess(min(took), DRAW_MS)
        notice = browser.text("#notice")
        self.assertIn("ends amidst", notice)
        self.assertIn("1 line of it was not JSON", notice)
        self.assertEqual(browser.run("return document.querySelectorAll('#rows tr').length"), 200)
        self.assertIsNone(browser.run("return window.hacked ?? null"))
        self.check_quiet(browser, f"file://{path}")


class LiveTest(PageTest):
    """memgap itself behind the page."""

    def serve(self, *arguments, **options):
        """Its address, with a slash at the end, is in url."""
        self.server = Serve(self, "-s", "heap", *arguments, interval="200ms", **options)
        self.url = f"http://{self.server.host}:{self.server.port}/"

    def ask(self, path):
        status, _, body = self.server.get(f"/api/v1/{path}")
        self.assertEqual(status, 200, body)
        return json.loads(body)

    def targets(self):
        """By their pids."""
        return {target["target"]["pid"]: target for target in self.ask("targets")["targets"]}

    def shop(self, *arguments, **options):
        """Programs of several verdicts, and the page that shows them: the browser. The largest gap is what `retains` has."""
        self.retains = Workload(self, "retain", "--size", "64MiB", *QUIET)
        self.pins = Workload(self, "frag", "--size", "32MiB", *QUIET)
        self.holds = Workload(self, "hold", "--size", "16MiB", *QUIET)
        self.untouched = Workload(self, "untouched", "--size", "48MiB", *QUIET)
        programs = self.retains, self.pins, self.holds, self.untouched
        self.serve(*arguments, "-p", ",".join(str(program.pid) for program in programs))
        browser = self.browser(**options)
        self.show(browser, self.url)
        return browser

    def number_of(self, program):
        return self.targets()[program.pid]["id"]

    def wait_for_row(self, browser, program, verdict):
        number = self.number_of(program)
        wait_for(lambda: self.rows(browser)[number]["verdict"] == verdict, f"{verdict} on the page")

    def check_rows(self, browser):
        """Figures may change between two looks: once they have to be the same."""
        def same():
            rows = self.rows(browser)
            targets = self.ask("targets")["targets"]
            return len(rows) == len(targets) and all(row_of(t["snapshot"]).items() <= rows[t["id"]].items() for t in targets if t["snapshot"])
        wait_for(same, "the rows are those of the JSON")

    def check_figures(self, browser, number):
        def same():
            snapshot = self.ask(f"targets?id={number}")["targets"][0]["snapshot"]
            cgroup = snapshot["kernel"]["cgroup"]
            latest = {"alloc": snapshot["allocator"]["alloc"], "rss": snapshot["kernel"]["rss"], "gap": snapshot["gap"]["bytes"],
                      "current": cgroup["current"], "limit": cgroup["limit"]}
            return (figures_of(snapshot).items() <= browser.run(FIGURES).items() and browser.run(WHY) == snapshot["gap"]["why"] and
                    browser.run(LEGEND) == {key: size(value) for key, value in latest.items()})
        wait_for(same, "the figures are those of the JSON")


class Live(LiveTest):
    def test_numbers(self):
        """the table and each target's figures are those of the JSON; the largest gap stands first; nobody else is asked"""
        browser = self.shop()
        self.wait_for_row(browser, self.retains, "retained")
        self.check_rows(browser)
        gaps = {target["id"]: target["snapshot"]["gap"]["bytes"] for target in self.ask("targets")["targets"]}
        shown = [gaps[row["id"]] for row in browser.run(ROWS)]
        self.assertEqual(shown, sorted(shown, reverse=True))
        for program in self.retains, self.holds, self.untouched:
            self.open_target(browser, self.number_of(program))
            browser.wait_for("return document.querySelector('#detail-title').textContent === arguments[0]", "its name", f"workload[{program.pid}]")
            self.check_figures(browser, self.number_of(program))
        # what has ended keeps what it was
        number, rss = self.number_of(self.holds), self.targets()[self.holds.pid]["snapshot"]["kernel"]["rss"]
        self.holds.kill()
        wait_for(lambda: self.rows(browser)[number]["gone"], "it is gone")
        self.assertEqual(self.rows(browser)[number]["rss"], size(rss))
        self.check_quiet(browser, self.url)

    def test_policy(self):
        """the policy is in the header, and in force: no script that is not the page's, no frame around it"""
        self.serve("-p", str(os.getpid()))
        _, headers, _ = self.server.get("/")
        self.assertEqual(headers["Content-Security-Policy"], read(POLICY))
        browser = self.browser()
        self.show(browser, self.url)
        self.check_quiet(browser, self.url)
        browser.run("const s = document.createElement('script'); s.textContent = 'window.hacked = 1'; document.head.append(s)")
        self.assertIsNone(browser.run("return window.hacked ?? null"))
        self.assertIn("script-src", "\n".join(browser.console()))
        # which the page itself cannot forbid: it is the header's alone
        browser.open("about:blank")
        browser.run("""window.loaded = false; const f = document.createElement('iframe'); f.onload = () => { window.loaded = true; };
            f.src = arguments[0]; document.body.append(f)""", self.url)
        browser.wait_for("return window.loaded", "what is in the frame")
        browser.ask("POST", "/frame", {"id": 0})
        self.assertEqual(browser.run("return location.href"), "chrome-error://chromewebdata/")

    def test_new_figures(self):
        """what changes is on the page without being asked for: table, figures, verdict; the row that has the focus keeps it"""
        browser = self.shop()
        self.wait_for_row(browser, self.retains, "retained")
        number = self.number_of(self.retains)
        browser.press("ArrowDown")
        self.assertEqual(browser.run(FOCUS), str(number))
        before = self.rows(browser)[number]
        self.retains.stop(signal.SIGUSR1)
        browser.wait_for("return document.querySelector('#rows tr').dataset.id !== arguments[0]", "another order", str(number))
        self.assertEqual(browser.run(FOCUS), str(number))
        self.check_rows(browser)
        self.assertNotEqual(self.rows(browser)[number]["rss"], before["rss"])
        self.open_target(browser, number)
        self.check_figures(browser, number)
        self.assertEqual(browser.text("#detail-verdict .verdict"), self.rows(browser)[number]["verdict"])
        self.check_quiet(browser, self.url)

    def test_trim(self):
        """a trim appears: in the list of all, in its target's, and under the crosshair, with predicted and reclaimed"""
        browser = self.shop("--trim-at", "trimmable:16MiB", width=1440, height=1000)
        number = self.number_of(self.retains)
        browser.wait_for("return document.querySelectorAll('#trims tbody tr').length === 1", "the trim")
        trim = self.ask("trims")["trims"][0]
        figures = [trim["action"], size(trim["predicted"]), size(trim["reclaimed"])]
        self.assertEqual(browser.run(TRIMS, "#trims")[0][1:5], [f"workload[{self.retains.pid}]", *figures])
        self.open_target(browser, number)
        self.assertEqual([row[1:4] for row in browser.run(TRIMS, "#detail-trims")], [figures])
        browser.run("document.querySelector('#chart-frame').focus()")
        # a look at the point nearest to it: from the first one on, to the last
        wanted = f"{figures[1]} predicted, {figures[2]} back"
        browser.press("ArrowLeft", *["PageUp"] * 5)
        for _ in range(500):
            if wanted in browser.text("#readout"):
                break
            browser.press("ArrowRight")
        self.assertIn(wanted, browser.text("#readout"))
        browser.screenshot(f"{SHOTS}/serve.png")
        self.check_quiet(browser, self.url)

    def test_comes_and_goes(self):
        """what comes is in the table; what vanishes stays there, as gone, with its last figures, below all others, also for who comes later"""
        group = Cgroup(self, "shop")
        stays = Workload(self, "hold", "--size", "16MiB", *QUIET, preexec_fn=group.enter)
        ends = Workload(self, "hold", "--size", "24MiB", *QUIET, preexec_fn=group.enter)
        self.serve("-c", group.path, "--per", "process")
        browser = self.browser()
        self.show(browser, self.url)
        self.check_rows(browser)
        number, last = self.number_of(ends), self.targets()[ends.pid]["snapshot"]
        ends.kill()
        browser.wait_for("return document.querySelectorAll('#rows tr.gone').length", "one that is gone")
        comes = Workload(self, "hold", "--size", "8MiB", *QUIET, preexec_fn=group.enter)
        browser.wait_for("return document.querySelectorAll('#rows tr').length === 3", "a third one")
        self.check_rows(browser)
        for _ in range(2):
            rows = browser.run(ROWS)
            self.assertEqual([row["id"] for row in rows if row["gone"]], [number])
            self.assertEqual((rows[-1]["id"], rows[-1]["verdict"], rows[-1]["rss"]), (number, "gone", size(last["kernel"]["rss"])))
            self.assertRegex(rows[-1]["where"], r"^gone since \d\d:\d\d:\d\d")
            self.assertEqual({row["name"] for row in rows}, {f"workload[{program.pid}]" for program in (stays, ends, comes)})
            self.assertIn("1 gone", browser.text("#summary"))
            browser.open("about:blank")
            self.show(browser, self.url)
        self.open_target(browser, number)
        self.assertEqual(browser.text("#detail-verdict .verdict"), "gone")
        self.check_quiet(browser, self.url)

    def test_hostile(self):
        """what looks like markup in the name of a process or a cgroup is shown as it is"""
        script = "import ctypes, sys; ctypes.CDLL(None).prctl(15, sys.argv[1].encode()); print('ready', flush=True); sys.stdin.read()"
        programs, groups = [], []
        for name in HOSTILE:
            group = None
            for part in name.split("/"):
                group = Cgroup(self, part, group)
            program = Python(self, script, name, stdin=subprocess.PIPE)
            group.for_processes(self).add(program.pid)
            programs.append(program)
            groups.append(group)
        self.serve("-p", ",".join(str(program.pid) for program in programs), *[word for group in groups for word in ("-c", group.path)])
        browser = self.browser()
        self.show(browser, self.url)
        wait_for(lambda: len(browser.run(ROWS)) == 2 * len(HOSTILE), "all rows")
        rows = browser.run(ROWS)
        self.assertLessEqual({f"{read(f'/proc/{program.pid}/comm')[:-1]}[{program.pid}]" for program in programs}, {row["name"] for row in rows})
        for name in HOSTILE:
            end = name.rpartition("/")[2]
            self.assertTrue(any(row["name"].endswith(end) for row in rows if "[" not in row["name"]), (name, rows))
        self.open_target(browser, rows[0]["id"])
        self.assertEqual(browser.text("#detail-title"), rows[0]["name"])
        self.assertEqual(browser.run("return document.querySelectorAll('main img, main svg, main b b, main script').length"), 0)
        self.assertIsNone(browser.run("return window.hacked ?? null"))
        self.check_quiet(browser, self.url)

    def test_lost(self):
        """a connection that is lost is said to be; the page comes back by itself, and knows nothing of who was there before"""
        browser = self.shop()
        self.wait_for_row(browser, self.retains, "retained")
        self.open_target(browser, self.number_of(self.retains))
        self.server.stop()
        self.assertEqual(self.server.end(), 0, self.server.stderr())
        browser.wait_for("return document.querySelector('#status').textContent.startsWith('connection lost at ')", "that it is lost")
        browser.screenshot(f"{SHOTS}/lost.png")
        # the same program has the same number, and a gap no more
        self.retains.stop(signal.SIGUSR1)
        self.serve("-p", str(self.retains.pid), listen=f"127.0.0.1:{self.server.port}")
        browser.wait_for("return document.querySelector('#status').textContent === 'live'", "live again")
        browser.wait_for("return document.querySelectorAll('#rows tr').length === 1", "one row")
        self.check_rows(browser)
        self.check_figures(browser, self.number_of(self.retains))
        self.assertEqual([line for line in browser.console() if not re.search(r"net::ERR_|Failed to load resource", line)], [])


class Keys(LiveTest):
    def test_keys(self):
        """/ filters, Escape clears and leaves, arrows move, Enter opens, Escape closes and is back in the row"""
        browser = self.shop()
        self.wait_for_row(browser, self.retains, "retained")
        browser.press("/")
        self.assertEqual(browser.run(FOCUS), "filter")
        browser.press(*"retained")
        browser.wait_for("return document.querySelectorAll('#rows tr').length === 1", "one row")
        self.assertEqual(browser.run(ROWS)[0]["id"], self.number_of(self.retains))
        browser.press("Escape")
        browser.wait_for("return document.querySelectorAll('#rows tr').length === 4", "all rows")
        browser.press("Escape")
        order = [str(row["id"]) for row in browser.run(ROWS)]
        browser.press("ArrowDown")
        self.assertEqual(browser.run(FOCUS), order[0])
        browser.press("ArrowDown", "ArrowDown", "ArrowUp")
        self.assertEqual(browser.run(FOCUS), order[1])
        browser.press("Enter")
        browser.wait_for("return !document.querySelector('#detail').hidden && document.querySelector('#chart canvas')", "the target is open")
        self.assertEqual(browser.run("return location.hash"), f"#target-{order[1]}")
        browser.wait_for(f"{FOCUS.replace('return', 'return (')}) === 'detail'", "it has the focus")
        browser.press("Escape")
        browser.wait_for("return document.querySelector('#detail').hidden", "it is closed")
        self.assertEqual(browser.run(FOCUS), order[1])
        self.check_quiet(browser, self.url)

    def test_roles(self):
        """table, rows, buttons and what changes have their roles and names; all is legible, on a phone, too"""
        browser = self.shop(width=360, height=780, dark=True)
        browser.screenshot(f"{SHOTS}/serve-phone-dark.png")
        self.open_target(browser, self.number_of(self.retains))
        nameless = browser.run("""return [...document.querySelectorAll('button, input, [role=img], [role=group], section')]
            .filter(e => e.offsetParent && !(e.getAttribute('aria-label') || e.getAttribute('aria-labelledby') || e.textContent.trim())).map(e => e.outerHTML)""")
        self.assertEqual(nameless, [])
        self.assertEqual(browser.run("return document.querySelector('#targets').getAttribute('role')"), "grid")
        self.assertEqual(browser.run("return document.querySelectorAll('#rows [aria-selected=true]').length"), 1)
        self.assertEqual(browser.run("return document.querySelectorAll('#columns [aria-sort=descending]').length"), 1)
        self.assertEqual(browser.run("return document.querySelectorAll('#rows [tabindex=\"0\"]').length"), 1)
        self.assertEqual(browser.run(CONTRAST), [])
        self.assertLessEqual(browser.run("return document.documentElement.scrollWidth"), 360)
        browser.screenshot(f"{SHOTS}/serve-phone-dark-target.png")
        self.check_quiet(browser, self.url)


class Numbers(PageTest):
    def test_sizes(self):
        """sizes are written as memgap writes them"""
        values = [0, 1, 1023, 1024, 1025, 1536, 2304, 10188, 10189, 10240, 10752, 1047552, 1048063, 1048064, 1048576, 9 * MIB + 943718,
                  9 * MIB + 996147, 96 * MIB, 96 * MIB + MIB // 2, 97 * MIB + MIB // 2, 1 << 40, (1 << 50) + 7, -5, -1536, -10 * MIB - 1]
        with open("build/page/page.js", encoding="utf-8") as file:
            source = file.read()
        unit = source[source.index("const UNITS"):source.index("function formatNumber")]
        browser = self.browser()
        browser.open("about:blank")
        self.assertEqual(browser.run(f"{unit}; return arguments[0].map(formatBytes)", values), [size(value) for value in values])
        self.assertEqual(browser.run(f"{unit}; return formatBytes(null)"), "-")
        # and this suite's own idea of it is memgap's: the resident memory of a line is that of its JSON
        target = Workload(self, "hold", "--size", "16MiB", *QUIET)
        text = run_watch("-s", "none", "-N", "1", "-p", str(target.pid)).stdout
        bytes_ = json.loads(run_watch("-o", "json", "-s", "none", "-N", "1", "-p", str(target.pid)).stdout)["kernel"]["rss"]
        self.assertIn(f"RSS = {size(bytes_)}", text)


if __name__ == "__main__":
    tap.main()
