"""A real Chromium without a window, driven over its debugging pipe: pages are looked at as a person's browser does."""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

from .process import die_with_parent


class Browser:
    """Use as a context manager. One tab; `width` and `dark` may be changed at any time."""

    def __init__(self):
        if not shutil.which("chromium"):
            raise AssertionError("chromium is missing: apt-get install chromium")
        self._number = 0
        self._received = b""
        self.events = []  # what the tab told without being asked

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="bunraku-chromium-")
        to_child, self._to = os.pipe()
        self._from, from_child = os.pipe()

        def prepare():
            die_with_parent()
            os.dup2(to_child, 3)
            os.dup2(from_child, 4)

        # fds 3 and 4 may be ends of these pipes: move them out of the way first
        to_child, from_child = os.dup(to_child), os.dup(from_child)
        while min(to_child, from_child) < 5:
            to_child, from_child = os.dup(to_child), os.dup(from_child)
        self._child = subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
             "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.* , EXCLUDE localhost", "--remote-debugging-pipe",
             f"--user-data-dir={self.directory}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False,
            preexec_fn=prepare)
        os.close(to_child)
        os.close(from_child)
        targets = self._until(lambda: [t for t in self._call("Target.getTargets")["targetInfos"] if t["type"] == "page"],
                              "a tab")
        self._session = None
        self._session = self._call("Target.attachToTarget", targetId=targets[0]["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._call(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self._child.kill()
        self._child.wait()
        os.close(self._to)
        os.close(self._from)
        shutil.rmtree(self.directory, ignore_errors=True)

    def open(self, url):
        self.events.clear()
        told = self._call("Page.navigate", url=url)
        if told.get("errorText"):
            raise AssertionError(f"{url}: {told['errorText']}")

    def look(self, width, height=900, dark=False):
        """From now on as such a screen: a phone is 390 wide."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                   mobile=width < 700)
        self._call("Emulation.setEmulatedMedia",
                   features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def value(self, expression):
        told = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in told:
            raise AssertionError(f"{expression}: {told['exceptionDetails']}")
        return told["result"].get("value")

    def until(self, expression, what=None, seconds=60.0):
        """Waits until the expression is true in the page."""
        return self._until(lambda: self.value(expression), what or expression, seconds)

    def screenshot(self, path, whole=True):
        picture = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        with open(path, "wb") as file:
            file.write(base64.b64decode(picture["data"]))

    def complaints(self):
        """What the page did wrong: exceptions, errors of its console, and what its own policy refused."""
        return [event for event in self.events if event["method"] in ("Runtime.exceptionThrown",) or
                (event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] == "error") or
                (event["method"] == "Runtime.consoleAPICalled" and event["params"]["type"] == "error")]

    def asked_for(self):
        """The URLs that the page wanted."""
        return [event["params"]["request"]["url"] for event in self.events
                if event["method"] == "Network.requestWillBeSent"]

    def _until(self, condition, what, seconds=60.0):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"waited {seconds:g} s for {what}")

    def _call(self, method, **parameters):
        self._number += 1
        order = {"id": self._number, "method": method, "params": parameters}
        if getattr(self, "_session", None):
            order["sessionId"] = self._session
        os.write(self._to, json.dumps(order).encode() + b"\0")
        while True:
            told = self._receive()
            if told.get("id") == self._number:
                if "error" in told:
                    raise AssertionError(f"{method}: {told['error']}")
                return told["result"]
            self.events.append(told)

    def _receive(self):
        while b"\0" not in self._received:
            if not select.select([self._from], [], [], 120)[0]:
                raise AssertionError("chromium says nothing")
            piece = os.read(self._from, 1 << 20)
            if not piece:
                raise AssertionError(f"chromium ended: {self._child.poll()}")
            self._received += piece
        message, self._received = self._received.split(b"\0", 1)
        return json.loads(message)
