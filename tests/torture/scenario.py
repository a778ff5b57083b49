"""One short life of the daemon, with a fault somewhere in it: start, resolve, a catalog of 300 kB, a file of 20 MB, a
reload, a drain. Whatever fails, each request has an honest answer, or its connection breaks and the log says so, or
the process ends with a line that says why; it does not crash, does not hang, and what comes behind the fault works."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import time

from labsite import Process, ask_on, service_requests, until

GENERATED = "/puppet/v3/file_content/modules/lab/generated/20000000"
SMALL = "/puppet/v3/file_content/modules/lab/generated/1000"
SECONDS = 60.0  # for anything: more than all of the daemon's own limits together


class Broken(AssertionError):
    """What no fault may lead to."""


class Life:
    """`wrap` is what the daemon is started under (strace and its options), `env` is added to its environment,
    `extra` to its bunraku.toml."""

    def __init__(self, site, name, wrap=(), env=None, extra=""):
        self.site = site
        self.socket = os.path.join(site.directory, f"{name}.sock")
        self.config = os.path.join(site.directory, f"{name}.toml")
        conf = os.path.join(site.directory, f"{name}-puppet.conf")
        with open(conf, "w", encoding="ascii") as file:
            file.write(f"[main]\ncertname = {site.fqdn('agent1')}\nssldir = {site.ssldir('agent1')}\n"
                       f"server = {site.fqdn('agent1')}\nsrv_domain = {site.domain}\n")
        with open(self.config, "w", encoding="ascii") as file:
            file.write(f"""
[puppet]
conf = "{conf}"
[log]
to = "stderr"
[dns]
nameservers = ["{site.dns.address}:{site.dns.port}"]
hosts_file = ""
srv = true
try_timeout = "300ms"
store = "{site.directory}/{name}-answers"
[[listen]]
address = "{site.range.address(100)}:0"
[[listen]]
way = "socket"
path = "{self.socket}"
[limits]
stall_timeout = "2s"
deadline = "10s"
drain_timeout = "3s"
replay_bytes = 100000
[service.catalog]
first_byte_timeout = "5s"
[service.files]
first_byte_timeout = "5s"
{extra}""")
        self.control = os.path.join(site.directory, f"{name}-run", "control.sock")
        runtime = os.path.join(site.directory, f"{name}-run")
        self.process = Process(name, [*wrap, site.bunraku, "run", "--config", self.config], site.directory,
                               env={**os.environ, "RUNTIME_DIRECTORY": runtime, **(env or {})})
        self.answers = []

    def log(self):
        return self.process.stderr()

    def ended(self):
        """Has it ended? Then honestly."""
        if self.process.is_running():
            return False
        status, log = self.process.returncode, self.log()
        if status < 0:
            raise Broken(f"it died of signal {-status}:\n{log[-3000:]}")
        # "bunraku: " begins our own words, and those of the dynamic linker
        if status != 0 and not re.search(r"bunraku: .{10,}", log):
            raise Broken(f"it ended with {status} and did not say why:\n{log[-3000:]}")
        return True

    def until(self, condition, what):
        """Waits for it, or for the end of the process. Was it the condition?"""
        def look():
            return "yes" if condition() else "ended" if self.ended() else None
        return until(look, lambda: f"{what}; it said:\n{self.log()[-3000:]}", SECONDS) == "yes"

    def ready(self):
        """By its socket: a line in the log may be what fails."""
        def answers():
            try:
                self._open(self.socket).close()
            except OSError:
                return False
            return True
        return self.until(answers, "the daemon to be ready")

    def ask(self, method, target, body=None, headers=None, path=None):
        """The status of an answer that is whole and true, "broken", or "ended"."""
        try:
            with self._open(path or self.socket) as channel:
                answer = ask_on(channel, method, target, body, headers)
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, TimeoutError):
                raise Broken(f"{method} {target}: neither answer nor end in {SECONDS:g} s:\n{self.log()[-3000:]}") from error
            return "broken"
        if answer.status == 200:
            size = re.search(r"/generated/(\d+)$", target)
            if size and len(answer.body) != int(size[1]):
                raise Broken(f"{method} {target}: {len(answer.body)} bytes, as if that were all")
            if not size:
                json.loads(answer.body)
        else:
            said = json.loads(answer.body)
            if not said.get("message") and not said.get("error"):
                raise Broken(f"{method} {target}: {answer.status} without a reason")
        return answer.status

    def _open(self, path):
        channel = socket.socket(socket.AF_UNIX)
        channel.settimeout(SECONDS)
        try:
            channel.connect(path)
        except BaseException:
            channel.close()
            raise
        return channel

    def serves_again(self):
        """The fault was one, and is over: what comes now works, unless the process ended for it. Of each service that
        was asked before: what is unwell may be what is known of one's masters."""
        asked = (("GET", SMALL), service_requests(self.site)["catalog"])
        return self.until(lambda: all(self.ask(*each) == 200 for each in asked), "requests to be served again")

    def live(self):
        """All of it. Returns what became of each step."""
        try:
            self._steps()
        finally:
            if self.process.is_running():
                self.process.signal(signal.SIGKILL)
                self.process._child.wait()
        self.ended()
        return self.answers

    def _steps(self):
        if not self.ready():
            return self.answers.append("did not start")
        catalog = service_requests(self.site)["catalog"]
        large = catalog[2] + b"&padding=" + b"x" * (300_000 - len(catalog[2]))
        for step in ((*catalog[:2], large, catalog[3]), ("GET", GENERATED)):
            self.answers.append(self.ask(*step))
        if self.ended() or not self.serves_again():
            return self.answers.append("ended")
        self.answers.append(self.ask("POST", "/v1/reload", b"{}", path=self.control))
        if not self.serves_again():
            return self.answers.append("ended")
        self.no_descriptors_are_left()
        self.process.signal(signal.SIGTERM)
        asked = time.monotonic()

        def ended():
            nonlocal asked
            if time.monotonic() - asked > 6:  # what failed may be how the signal reaches the loop: whoever stops it insists
                asked = time.monotonic()
                self.process.signal(signal.SIGTERM)
            return self.ended()

        until(ended, lambda: f"the drain to end:\n{self.log()[-3000:]}", SECONDS)
        return self.answers.append("stopped")

    def no_descriptors_are_left(self):
        """Of clients: they are gone. Connections to masters may be kept."""
        pid = self.process.pid

        def left():
            held = set()
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(FileNotFoundError):  # closed by now
                    held.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
            with open(f"/proc/{pid}/net/unix", encoding="ascii") as table:
                ours = [line.split() for line in table if self.socket in line]
            # Connected ones (state 03) of this path that the daemon still holds.
            return [line for line in ours if line[5] == "03" and f"socket:[{line[6]}]" in held]

        deadline = time.monotonic() + SECONDS
        while left():
            if time.monotonic() > deadline:
                raise Broken(f"connections of clients that are gone: {left()}")
            time.sleep(0.01)
