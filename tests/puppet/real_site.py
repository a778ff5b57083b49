"""The real site (see ./site) and the shim under test, for the tests beside this file.

ctest starts the site before the first test and ends it after the last one. By hand:
    SITE_DIR=/tmp/s tests/puppet/site up
    export PYTHONPATH=tests/support/py SITE_DIR=/tmp/s BUNRAKU_BIN=build/release/bin/bunraku
    /usr/bin/python3 tests/puppet/agent_run_test.py
"""

import hashlib
import os
import re
import shlex
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent / "site"
MASTERS = ("ca", "compile1", "compile2", "files")
LINE = re.compile(
    r'^"(?P<client>[^"]*)" \S+ "(?P<method>\S+) (?P<target>\S+) HTTP/1\.\d" (?P<status>\d+) \S+ \S+'
    r' "(?P<host>[^"]*)" "(?P<agent>[^"]*)"$'
)


@dataclass(frozen=True)
class Request:
    """One line of a master's access log."""

    master: str
    client: str  # subject of the TLS client's certificate, "-" without one
    method: str
    target: str
    status: int
    host: str
    user_agent: str

    @property
    def kind(self):
        """What is asked for: "catalog", "file_content", "certificate_revocation_list", ..."""
        return self.target.split("?")[0].split("/")[3]


class RealSite:
    """node: who agent() and command() mean, if not the node that the site enrols."""

    def __init__(self, node=None):
        self.node = {"SITE_NODE": node} if node else {}
        if "SITE_DIR" not in os.environ:
            raise RuntimeError("SITE_DIR must say where the site is; see " + str(SCRIPT))
        lines = self.command("env").stdout.splitlines()
        self.env = {k: shlex.split(v)[0] for k, v in (line.split("=", 1) for line in lines)}
        self.certname = self.env["SITE_CERTNAME"]
        self.domain = self.env["SITE_DOMAIN"]

    def command(self, *args, **env):
        """Runs ./site; raises with its output when it fails."""
        done = self.attempt(*args, **env)
        if done.returncode != 0:
            raise RuntimeError(f"site {' '.join(args)}: exit {done.returncode}\n{done.stdout}")
        return done

    def attempt(self, *args, **env):
        return subprocess.run(
            [SCRIPT, *args], env={**os.environ, **self.node, **env}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if args[0] != "env" else None, text=True, timeout=900, check=False)

    def restore(self):
        """Everything runs and answers, whatever an earlier test did to it."""
        self.command("restore")

    def agent(self, *args, hosts=None, rubyopt=None):
        """A real `puppet agent --test`. hosts: lines of its hosts file, as in "127.0.0.1 name"."""
        return self.attempt("agent", "--color=false", *args, SITE_HOSTS=hosts or "", SITE_RUBYOPT=rubyopt or "")

    def start_agent(self, *args, hosts=None):
        """The same in the background, as a Popen."""
        return subprocess.Popen(
            [SCRIPT, "agent", "--color=false", *args], env={**os.environ, **self.node, "SITE_HOSTS": hosts or ""},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def mark(self):
        """Where the access logs end now; for requests_since()."""
        return {m: self._log(m).stat().st_size if self._log(m).exists() else 0 for m in MASTERS}

    def requests_since(self, mark):
        """What the masters have been asked since then, health questions left out. A line that this file cannot read
        is an error: a request must not go unnoticed."""
        found = []
        for master in MASTERS:
            if not self._log(master).exists():
                continue
            with open(self._log(master), encoding="utf-8") as log:
                log.seek(mark[master])
                for line in log:
                    match = LINE.match(line.rstrip("\n"))
                    if not match:
                        raise RuntimeError(f"{self._log(master)}: cannot read {line!r}")
                    fields = match.groupdict()
                    if not fields["target"].startswith("/status/"):
                        found.append(Request(master, fields["client"], fields["method"], fields["target"],
                                             int(fields["status"]), fields["host"], fields["agent"]))
        return found

    def requests_until(self, mark, seen, seconds=20):
        """requests_since(mark) as soon as one of them satisfies seen: a master writes its line after its answer."""
        until = time.monotonic() + seconds
        while True:
            requests = self.requests_since(mark)
            if any(seen(r) for r in requests):
                return requests
            if time.monotonic() > until:
                raise AssertionError(f"no such request within {seconds} s; there were {requests}")
            time.sleep(0.05)

    def _log(self, master):
        return Path(self.env["SITE_LOG"]) / f"access-{master}.log"


class Shim:
    """`bunraku run` for the site's node; its masters are found by SRV from the site's DNS server. `dns`: more lines of
    that part of its configuration."""

    def __init__(self, site, way="terminate", address=("127.0.0.1", 8140), dns="", more=""):
        if "BUNRAKU_BIN" not in os.environ:
            raise RuntimeError("BUNRAKU_BIN must name the program under test")
        self.site = site
        self.address = address
        self.program = os.environ["BUNRAKU_BIN"]
        self.directory = tempfile.TemporaryDirectory(prefix="bunraku-")
        self.config = Path(self.directory.name) / "bunraku.toml"
        self.log = Path(self.directory.name) / "log"
        self.config.write_text(
            f'[puppet]\nconf = "{site.env["SITE_PUPPET_CONF"]}"\n'
            f'[dns]\nnameservers = ["{site.env["SITE_NAMESERVER"]}"]\nsrv_domain = "{site.domain}"\n{dns}'
            f'[[listen]]\nway = "{way}"\naddress = "{self.address[0]}:{self.address[1]}"\n{more}', encoding="utf-8")
        self.process = None

    @property
    def hosts(self):
        """The hosts line that brings the agent here."""
        return f"{self.address[0]} {self.site.certname}"

    def start(self):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(self.address)  # somebody else's listener there would be tested in the shim's place
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.program, "run", "--config", self.config], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "RUNTIME_DIRECTORY": self.directory.name})
        until = time.monotonic() + 60
        while True:
            if self.process.poll() is not None:
                raise AssertionError(f"bunraku run ended with {self.process.returncode}:\n{self.output()}")
            if re.search(r"\bready\b", self.output()):
                return
            if time.monotonic() > until:
                raise AssertionError(f"bunraku does not say that it is ready:\n{self.output()}")
            time.sleep(0.02)

    def stop(self):
        """SIGTERM; returns the exit status."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"bunraku does not end on SIGTERM:\n{self.output()}") from None
        finally:
            self.process = None

    def output(self):
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""


class SiteTest(unittest.TestCase):
    """A test against the site; it begins with everything up."""

    def setUp(self):
        self.site = RealSite()
        self.site.restore()

    def assert_run(self, done, statuses):
        self.assertIn(done.returncode, statuses, f"the agent's run:\n{done.stdout}")
        # Facter's own complaints are about the machine, e.g. a container that hides /proc/1
        complaints = [line for line in done.stdout.splitlines()
                      if re.match("(Error|Warning): (?!Facter:)", line)]
        self.assertEqual(complaints, [], f"the agent complains:\n{done.stdout}")

    def assert_only_the_node(self, requests):
        """Every request came with the node's own certificate."""
        self.assertNotEqual(requests, [])
        for request in requests:
            self.assertEqual(request.client, f"CN={self.site.certname}", request)

    def assert_masters(self, requests, kinds, masters):
        """There were requests of these kinds, each answered well, and masters is exactly who got them."""
        got = [r for r in requests if r.kind in kinds]
        self.assertEqual({r.master for r in got}, set(masters), f"{kinds} in {requests}")
        for request in got:
            self.assertLess(request.status, 400, request)


class ShimTest(SiteTest):
    """With a shim that runs, and must end well."""

    def setUp(self):
        super().setUp()
        self.start_shim()

    def start_shim(self, way="terminate", more=""):
        self.make_shim(way, more)
        self.shim.start()

    def make_shim(self, way, more=""):
        self.shim = Shim(self.site, way, more=more)
        self.addCleanup(self.shim.directory.cleanup)
        self.addCleanup(self.end_shim)

    def stood_in(self):
        """Who took over from a master that stood still for longer than bunraku waits, as one of four JVMs on two cores may, now and
        then."""
        moves = re.findall(r'master=(\w+)\..* failed="[^"]*its status did not come either', self.shim.output())
        self.assertLess(len(moves), 6, self.shim.output())
        return set(moves)

    def assert_masters(self, requests, kinds, masters):
        others = self.stood_in() & {r.master for r in requests if r.kind in kinds}
        try:
            super().assert_masters(requests, kinds, {*masters, *others})
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n--- bunraku's log:\n{self.shim.output()}") from failure

    def end_shim(self):
        output = self.shim.output()
        status = self.shim.stop()
        self.assertEqual(status, 0, f"exit status of bunraku run after SIGTERM; its log:\n{output}")

    def run_agent(self, *args):
        return self.site.agent(*args, hosts=self.shim.hosts)

    def enrol(self, site, shim):
        """The site's node gets its certificate by `bunraku enroll` with the shim's configuration."""
        bundle = (Path(site.env["SITE_DIR"]) / "ca/ca_crt.pem").read_bytes()
        with subprocess.Popen(
                [shim.program, "--config", shim.config, "enroll", "--wait-for-cert", "1",
                 "--ca-fingerprint", f"SHA256:{hashlib.sha256(bundle).hexdigest()}"],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as enrolling:
            output = self.sign_when_it_asks(enrolling, site)
        self.assertEqual(enrolling.returncode, 0, output)

    def sign_when_it_asks(self, process, site):
        """The CA's administrator signs what has come; returns what the process said until its end."""
        request = Path(site.env["SITE_DIR"]) / f"ca/requests/{site.certname}.pem"
        until = time.monotonic() + 120
        try:
            while not request.exists():
                self.assertIsNone(process.poll(), "ended before it had asked for a certificate")
                self.assertLess(time.monotonic(), until, "there is no certificate request at the CA")
                time.sleep(0.05)
            site.command("sign", site.certname)
            return process.communicate(timeout=300)[0]
        except BaseException as failure:
            process.terminate()
            output = process.communicate(timeout=60)[0]
            raise AssertionError(f"{failure}\n{output}\n--- bunraku's log:\n{self.shim.output()}") from failure

    def assert_run(self, done, statuses):
        try:
            super().assert_run(done, statuses)
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n--- bunraku's log:\n{self.shim.output()}") from None


FILES = ("file_metadata", "file_metadatas", "file_content")
CATALOG = ("catalog", "node")
REPORT = ("report",)


def report_sent(request):
    return request.kind == "report"
