# SPDX-License-Identifier: GPL-2.0-only
"""Headless Chromium, told what to do by the WebDriver protocol (https://www.w3.org/TR/webdriver2/), with nothing but HTTP."""
import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

SECONDS = 60  # to wait for what should come soon, on a machine that is busy
KEYS = {"ArrowUp": "\ue013", "ArrowDown": "\ue015", "ArrowLeft": "\ue012", "ArrowRight": "\ue014", "Enter": "\ue007", "Escape": "\ue00c",
        "Tab": "\ue004", "PageUp": "\ue00e", "PageDown": "\ue00f"}


def missing():
    """The program that is not there, or None."""
    return next((name for name in ("chromium", "chromedriver") if not shutil.which(name)), None)


class Browser:
    """One page of a browser of its own. Ends with close()."""

    def __init__(self, width=1280, height=900, dark=False):
        self.profile = tempfile.TemporaryDirectory(prefix="memgap-browser-", ignore_cleanup_errors=True)
        self.log = tempfile.TemporaryFile("w+", errors="replace")
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL,
                                       text=True, start_new_session=True, env={**os.environ, "HOME": self.profile.name})
        self.session = None
        try:
            self.base = f"http://127.0.0.1:{self._port()}"
            self.session = self._ask("POST", "/session", self._capabilities(width, height))["sessionId"]
            self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
            self.scheme(dark)
            self.open("about:blank")
            self.requests()  # those of the page that a new browser shows
        except BaseException:
            self.close()
            raise

    def _port(self):
        for line in self.driver.stdout:
            if "started successfully on port" in line:
                return int(line.rstrip(".\n").rpartition(" ")[2])
        raise AssertionError("chromedriver has ended")

    def _capabilities(self, width, height):
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
                     "--disable-background-networking", f"--user-data-dir={self.profile.name}", f"--window-size={width},{height}"]
        return {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
                                                 "goog:chromeOptions": {"args": arguments}}}}

    def _ask(self, method, path, body=None):
        data = None if method == "GET" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=2 * SECONDS) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {json.load(error)['value'].get('message')}") from None

    def ask(self, method, path, body=None):
        return self._ask(method, f"/session/{self.session}{path}", body)

    def devtools(self, command, **parameters):
        return self.ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def scheme(self, dark):
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def open(self, url):
        self.ask("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """What a function body of JavaScript returns."""
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait_for(self, script, what, *arguments, seconds=SECONDS):
        """The first true value."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            value = self.run(script, *arguments)
            if value:
                return value
            time.sleep(0.02)
        raise AssertionError(f"not seen in {seconds} s: {what}; console: {self.console()}; page: {self.run('return document.body.innerText')[:800]}")

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0])?.textContent ?? null", selector)

    def press(self, *keys):
        actions = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        self.ask("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def point_at(self, x, y):
        self.ask("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": [
            {"type": "pointerMove", "duration": 0, "x": round(x), "y": round(y)}]}]})

    def console(self):
        """What was written to the console since the last call, but for what is not an error or a warning."""
        return [entry["message"] for entry in self.ask("POST", "/se/log", {"type": "browser"}) if entry["level"] in ("SEVERE", "WARNING")]

    def requests(self):
        """The addresses that the page has asked for since the last call."""
        entries = (json.loads(entry["message"])["message"] for entry in self.ask("POST", "/se/log", {"type": "performance"}))
        return [entry["params"]["request"]["url"] for entry in entries if entry["method"] == "Network.requestWillBeSent"]

    def screenshot(self, path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.ask("GET", "/screenshot")))

    def close(self):
        try:
            if self.session:
                self._ask("DELETE", f"/session/{self.session}")
        except (AssertionError, OSError):
            pass
        self.driver.terminate()
        try:
            self.driver.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.driver.kill()
            self.driver.wait()
        self.driver.stdout.close()
        self.log.close()
        self.profile.cleanup()
