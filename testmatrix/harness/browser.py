# SPDX-License-Identifier: BSD-2-Clause
"""Debian's Chromium without a screen, driven by its chromedriver (W3C: WebDriver) with nothing but HTTP on this machine."""

import base64
import json
import re
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

STARTED = re.compile(r"successfully on port (\d+)")
LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))      # whatever proxy this machine has
WAIT = 60.0             # seconds for one command
DESKTOP, PHONE = (1280, 900), (390, 844)
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Tab": "\ue004", "Up": "\ue013", "Down": "\ue015", "Left": "\ue012",
        "Right": "\ue014", "Home": "\ue011", "End": "\ue010", "Shift": "\ue008"}
# No screen, no sandbox (tests may run as root), nothing that talks to anybody, and no names that lead anywhere.
ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync",
             "--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--hide-scrollbars",
             "--host-resolver-rules=MAP * ~NOTFOUND"]


class BrowserError(Exception):
    """What the browser, or its driver, says is wrong."""


class Browser:
    """Use as a context manager."""

    def __init__(self) -> None:
        self.profile = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        try:
            self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        except OSError as error:
            raise BrowserError(f"chromedriver does not run ({error}); ci/setup installs it") from error
        self.base = ""
        try:
            self.base = f"http://127.0.0.1:{self._port()}/session"
            options = {"args": [*ARGUMENTS, f"--user-data-dir={self.profile.name}"]}
            session = self.call("", {"capabilities": {"alwaysMatch": {
                "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}})
            self.base += f"/{session['sessionId']}"
        except BaseException:
            self.__exit__()
            raise

    def _port(self) -> int:
        assert self.driver.stdout
        for line in self.driver.stdout:
            if found := STARTED.search(line):
                return int(found[1])
        raise BrowserError("chromedriver ended at once")

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if "/session/" in self.base:
                self.call("", method="DELETE")
        finally:
            self.driver.terminate()
            self.driver.wait()
            self.profile.cleanup()

    def call(self, command: str, values: dict[str, Any] | None = None, method: str = "POST") -> Any:
        body = json.dumps(values or {}).encode() if method == "POST" else None
        request = urllib.request.Request(self.base + command, body, {"Content-Type": "application/json"}, method=method)
        try:
            with LOCAL.open(request, timeout=WAIT) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise BrowserError(f"{command}: {json.load(error)['value']['message']}") from error

    def go(self, url: str) -> None:
        self.call("/url", {"url": url})

    def run(self, script: str, *arguments: object) -> Any:
        """What the JavaScript function body returns."""
        return self.call("/execute/sync", {"script": script, "args": list(arguments)})

    def press(self, *keys: str) -> None:
        """One after the other, where the focus is. A name of KEYS, or a character; Shift+NAME holds Shift."""
        actions: list[dict[str, str]] = []
        for key in keys:
            words = [KEYS.get(word, word) for word in key.split("+")]
            actions += [{"type": "keyDown", "value": word} for word in words]
            actions += [{"type": "keyUp", "value": word} for word in reversed(words)]
        self.call("/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def size(self, width: int, height: int, phone: bool = False) -> None:
        """Of the viewport, in CSS pixels."""
        self.call("/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": {
            "width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}})

    def picture(self, path: Path) -> None:
        """PNG of what the viewport shows."""
        path.write_bytes(base64.b64decode(self.call("/screenshot", method="GET")))

    def complaints(self) -> list[str]:
        """What the page's console says of errors and warnings, since it was asked the last time."""
        return [entry["message"] for entry in self.call("/se/log", {"type": "browser"}) if entry["level"] in ("SEVERE", "WARNING")]
