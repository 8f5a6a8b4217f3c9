"""
A browser without a window, for tests that ask how a page is laid out: Debian's chromium, told what to do through a pair of pipes.
It starts once, and many pages and questions follow; nothing of it needs a port, a library or a fixed folder.
"""
import base64
import contextlib
import fcntl
import json
import os
import subprocess

import machine

# Seconds for one answer. On a busy machine the first page takes a while.
PATIENCE = 120


class Browser:
    """Answers come in order of commands, with events between them; one page at a time."""

    def __init__(self, process, to, back):
        self.process, self.to, self.back, self.last, self.rest, self.events = process, to, back, 0, b"", []
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def receive(self):
        while b"\0" not in self.rest:
            part = os.read(self.back, 1 << 20)
            assert part, "the browser ended"
            self.rest += part
        line, self.rest = self.rest.split(b"\0", 1)
        message = json.loads(line)
        if "method" in message:
            self.events.append(message)
        return message

    def call(self, method, **params):
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            found = self.receive()
            if found.get("id") == self.last:
                assert "error" not in found, (method, found["error"])
                return found["result"]

    def open(self, page, width=1400, height=900, dark=False):
        """A page, a path or an address, when it is there with all that its script adds. @return what it said on its console"""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.events.clear()
        self.call("Page.navigate", url=page if isinstance(page, str) else page.as_uri())
        self.wait()
        return [event for event in self.events if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown",
                                                                      "Runtime.consoleAPICalled")]

    def wait(self):
        """Until a page is there, since the events were last cleared."""
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.receive()

    def go(self, script):
        """Do what leads to another page."""
        self.events.clear()
        self.ask(f"{script}; 0")
        self.wait()

    def ask(self, script):
        """The value of an expression; a promise is waited for."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key, code=None):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code or key)

    def picture(self, path, whole=False):
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))


@contextlib.contextmanager
def browser(folder):
    """One browser, whose profile is in a folder. None: there is no chromium here."""
    chromium = machine.which("chromium")
    if not chromium:
        yield None
        return
    low_in, to = os.pipe()
    back, low_out = os.pipe()
    # What it reads from is to be 3, what it writes to 4: neither may be one of them before.
    theirs_in, theirs_out = (fcntl.fcntl(low, fcntl.F_DUPFD, 10) for low in (low_in, low_out))
    os.close(low_in)
    os.close(low_out)
    command = ["/bin/bash", "-c", f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}', "bash", chromium, "--headless=new", "--no-sandbox",
               "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
               "--remote-debugging-pipe", "--hide-scrollbars", f"--user-data-dir={folder}", "about:blank"]
    process = subprocess.Popen(command, pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Browser(process, to, back)
    finally:
        os.close(to)
        os.close(back)
        process.terminate()
        process.wait(PATIENCE)
