"""class Site: everything one test needs, in one temporary directory, gone when the test ends."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from dataclasses import dataclass, field

from .agent import Agent
from .client import Client
from .dns import OWNERS, Knot, Srv
from .leftovers import Baseline
from .net import AddressRange
from .process import Process, until

COMPILER_ROLES = ("catalog", "files", "report")


@dataclass
class MasterSpec:
    """What a master is before it is started. `name` is short; `alt` are further short names in its certificate.
    `ssldir` names another ssldir of the PKI (an expired certificate, ...) to serve with."""
    name: str
    roles: tuple = COMPILER_ROLES
    alt: tuple = ()
    ssldir: str = ""
    options: dict = field(default_factory=dict)  # idle_seconds, tickets, tls12_only


# A master for each service, so that a request at the wrong one is a 404, and a second compiler that does everything.
DEFAULT_MASTERS = (MasterSpec("ca", ("ca", "report")), MasterSpec("compile1", alt=("puppet",)),
                   MasterSpec("compile2", alt=("puppet",)), MasterSpec("files", ("files",)))
DEFAULT_SRV = {"ca": ("ca",), "catalog": ("compile1", "compile2"), "files": ("files", "compile2"),
               "report": ("ca", "compile2")}


class Master:
    """One bunraku-lab process."""

    def __init__(self, site, spec, address):
        self.site = site
        self.spec = spec
        self.address = address
        self.name = f"{spec.name}.{site.domain}"
        self.names = [self.name] + [f"{alt}.{site.domain}" for alt in spec.alt]
        self.directory = os.path.join(site.directory, "masters", spec.name)
        self.log_path = os.path.join(self.directory, "requests.jsonl")
        self.process = None
        os.makedirs(self.directory)

    def start(self):
        """Returns when it accepts connections."""
        site, spec = self.site, self.spec
        ssldir = os.path.join(site.pki, spec.ssldir or self.name)
        if spec.ssldir:  # the certificate's file has the ssldir's name
            ssldir = self._borrow(ssldir, spec.ssldir)
        master = {"name": self.name, "address": self.address, "port": site.port, "roles": list(spec.roles),
                  "ssldir": ssldir, **spec.options}
        config = {"masters": [master], "log": self.log_path, "control": self._control_path(), "code": site.code,
                  "state": os.path.join(self.directory, "state"), "log_headers": True, "autosign": site.autosign,
                  "renewal": site.renewal}
        if "ca" in spec.roles:
            config["ca"] = os.path.join(site.pki, "ca")
        path = os.path.join(self.directory, "site.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        if os.path.exists(self._control_path()):
            os.unlink(self._control_path())
        lines = self._output_length()
        self.process = Process(spec.name, [site.lab, "serve", "--config", path], self.directory)
        until(lambda: self._is_ready(lines), lambda: f"{self.name} to listen:\n{self.process.stderr()}")

    def kill(self):
        """Connections are refused afterwards."""
        self.process.kill()

    def pause(self):
        """Connections are accepted and nothing is answered afterwards."""
        self.process.pause()

    def resume(self):
        self.process.resume()

    def fault(self, terms, body=None, content_type=None, **match):
        """Orders a fault (tests/support/lab/fault.hpp lists them): fault("status:503,retry_after:5", nth=2)."""
        order = {"do": "fault", "master": self.name, "fault": terms}
        if match:
            order["match"] = match
        if body is not None:
            order["body"] = body
        if content_type is not None:
            order["content_type"] = content_type
        return self.order(**order)["id"]

    def clear_faults(self):
        self.order(do="clear", master=self.name)

    def counters(self):
        return self.order(do="counters", master=self.name)

    def drop_connections(self, how="reset"):
        """Ends all open connections: "reset" or "close" (a bare FIN)."""
        self.order(do="drop", master=self.name, how=how)

    def reload(self):
        """After a change of certificates or CRLs."""
        self.order(do="reload")

    def order(self, **order):
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(10)
            channel.connect(self._control_path())
            channel.sendall(json.dumps(order).encode() + b"\n")
            with channel.makefile("rb") as reader:
                reply = json.loads(reader.readline())
        if not reply.pop("ok"):
            raise AssertionError(f"{self.name}: {reply['error']}")
        return reply

    def events(self, *kinds):
        """What it has logged, as dictionaries: open, handshake_failed, arrived, request, bad_request, close."""
        if not os.path.exists(self.log_path):
            return []
        with open(self.log_path, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file if line.endswith("\n")]
        return [line for line in lines if not kinds or line["event"] in kinds]

    def requests(self, path_prefix="", method=None):
        """Requests it has answered or given up."""
        return [line for line in self.events("request")
                if line["target"].startswith(path_prefix) and method in (None, line["method"])]

    def forget_log(self):
        """Starts the log anew (it is kept open for appending by the master)."""
        if os.path.exists(self.log_path):
            os.truncate(self.log_path, 0)

    def reports(self):
        """Bodies of the reports it has stored, by file name TRANSACTION.COUNT.json."""
        directory = os.path.join(self.directory, "state", "reports")
        if not os.path.isdir(directory):
            return {}
        found = {}
        for name in sorted(os.listdir(directory)):
            with open(os.path.join(directory, name), encoding="utf-8") as file:
                found[name] = json.load(file)
        return found

    def connect(self, node="agent1", **more):
        """A Client straight to this master."""
        return Client(self.site, self.address, self.site.port, more.pop("server_name", self.name), node, **more)

    def _control_path(self):
        return os.path.join(self.directory, "control")

    def _output_length(self):
        path = os.path.join(self.directory, f"{self.spec.name}.out")
        return os.path.getsize(path) if os.path.exists(path) else 0

    def _is_ready(self, since):
        if not self.process.is_running():
            raise AssertionError(f"{self.name} ended:\n{self.process.stderr()}")
        return '"ready"' in self.process.stdout()[since:]

    def _borrow(self, ssldir, node):
        borrowed = os.path.join(self.directory, "ssl")
        if not os.path.isdir(borrowed):
            shutil.copytree(ssldir, borrowed)
            for folder in ("certs", "private_keys"):
                os.rename(os.path.join(borrowed, folder, f"{node}.pem"),
                          os.path.join(borrowed, folder, f"{self.name}.pem"))
        return borrowed


def with_runtime_directory(site, name, env=None):
    """What is not said otherwise is made in the site's own directory, not in /run."""
    directory = os.path.join(site.directory, f"{name}-run")
    return {**os.environ, "RUNTIME_DIRECTORY": directory} if env is None else {"RUNTIME_DIRECTORY": directory, **env}


class Bunraku(Process):
    """`bunraku run` on a configuration."""

    def __init__(self, site, config_text, arguments=(), name="bunraku", env=None):
        self.config_path = os.path.join(site.directory, f"{name}.toml")
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(config_text)
        env = with_runtime_directory(site, name, env)
        self.control_path = os.path.join(env["RUNTIME_DIRECTORY"], "control.sock")
        super().__init__(name, [site.bunraku, "run", "--config", self.config_path, *arguments], site.directory,
                         env=env)


class Site:
    """Use as a context manager. Short names ("compile1") everywhere; the domain is added."""

    domain = "lab.test"

    def __init__(self, masters=DEFAULT_MASTERS, srv=None, agents=("agent1",), pki=(), key="rsa", big=2 * 1024 * 1024,
                 files=None, autosign=False, renewal=False):
        self.lab = os.environ.get("BUNRAKU_LAB") or self._missing("BUNRAKU_LAB", "the bunraku-lab program")
        self.bunraku = os.environ.get("BUNRAKU_BIN", "")
        self.sanitized = bool(os.environ.get("BUNRAKU_SANITIZED"))  # the programs are built with a sanitizer
        self.autosign = autosign
        self.renewal = renewal
        self.masters = {}
        self.agents = {}
        self._specs = masters
        self._srv = srv
        self._agent_names = agents
        self._pki_arguments = list(pki)
        self._key = key
        self._big = big
        self._files = files
        self._others = []

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="bunraku-")
        try:
            self._build()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            self._explain()
        problems = []
        for process in self._others + [master.process for master in self.masters.values() if master.process]:
            try:
                self._end(process)
            except (AssertionError, OSError):
                problems.append(traceback.format_exc())
        if hasattr(self, "dns"):
            self.dns.stop()
        if hasattr(self, "range"):
            self.range.close()
        if kind is not None and os.environ.get("BUNRAKU_KEEP"):
            print(f"kept: {self.directory}", file=sys.stderr)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)
        if problems and kind is None:
            raise AssertionError("\n".join(problems))

    # Names and certificates

    def fqdn(self, name):
        return name if "." in name else f"{name}.{self.domain}"

    def ssldir(self, name):
        return os.path.join(self.pki, self.fqdn(name))

    def run_lab(self, *arguments):
        done = subprocess.run([self.lab, *map(str, arguments)], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise AssertionError(f"bunraku-lab {' '.join(map(str, arguments))}: {done.stderr}")
        return done.stdout

    def revoke(self, name):
        """The node's certificate is on every node's CRL, and masters that run know it."""
        self.run_lab("revoke", self.pki, self.fqdn(name))
        for master in self.masters.values():
            if master.process and master.process.is_running():
                master.reload()

    def sign(self, name):
        self.run_lab("sign", self.pki, self.fqdn(name))

    # DNS

    def srv(self, service, *records):
        """Sets one service's SRV set: names ("compile1": priorities 10, 20, ... in that order) or Srv values. None at
        all takes the set away."""
        self._srv_lines[service] = self._srv_set(service, records)
        self.publish()

    def publish(self, *more):
        """Serves the zone: masters' addresses, the SRV sets, and further zone lines."""
        lines = [f"{name.removesuffix('.' + self.domain)} A {master.address}"
                 for master in self.masters.values() for name in master.names]
        for service_lines in self._srv_lines.values():
            lines += service_lines
        self.dns.set_records([*lines, *more])

    # Agents and the shim

    def agent(self, name="agent1"):
        """The node with that name; made when it is new (without a certificate unless the site was told of it)."""
        name = self.fqdn(name)
        if name not in self.agents:
            self.agents[name] = Agent(self, name, os.path.join(self.pki, name))
        return self.agents[name]

    def run_agent(self, *arguments, **more):
        return self.agent().run(*arguments, **more)

    def start_bunraku(self, config_text, arguments=(), ready=r"\bready listen=", name="bunraku", env=None):
        """Starts the shim and waits for the line that says it is ready."""
        if not self.bunraku:
            self._missing("BUNRAKU_BIN", "the bunraku program")
        shim = Bunraku(self, config_text, arguments, name, env)
        self._others.append(shim)
        shim.wait_for_line(ready)
        shim.baseline = Baseline(shim.pid, not self.sanitized)
        return shim

    def start_process(self, name, command, env=None, pass_fds=()):
        """Any other process that must end with the site."""
        process = Process(name, command, self.directory, env=with_runtime_directory(self, name, env), pass_fds=pass_fds)
        self._others.append(process)
        return process

    @property
    def lab_files(self):
        """Where the files are that agents get."""
        return os.path.join(self.code, "environments/production/modules/lab/files")

    def touch_files(self):
        """Changes some of the files that the masters serve, the big one too."""
        for name in ("small1", "small2", "big", "tree/d3/f3", "tree/d7/f7"):
            with open(os.path.join(self.lab_files, name), "ab") as file:
                file.write(os.urandom(16).hex().encode() + b"\n")

    def requests(self, path_prefix="", method=None):
        """{short master name: its requests}, without those that had none."""
        found = {name: master.requests(path_prefix, method) for name, master in self.masters.items()}
        return {name: lines for name, lines in found.items() if lines}

    def _build(self):
        self.range = AddressRange()
        self.pki = os.path.join(self.directory, "pki")
        self.code = os.path.join(self.directory, "code")
        arguments = ["pki", self.pki, "--key", self._key]
        for name in self._agent_names:
            arguments += ["--agent", self.fqdn(name)]
        for spec in self._specs:
            arguments += ["--master", ",".join(self.fqdn(name) for name in (spec.name, *spec.alt))]
        self.run_lab(*arguments, *self._pki_arguments)
        self.run_lab("code", self.code, "--big", self._big)
        if self._files is not None:
            self._keep_files()
        octets = range(1, len(self._specs) + 1)
        self.port = self.range.free_port(octets)
        for last, spec in zip(octets, self._specs):
            self.masters[spec.name] = Master(self, spec, self.range.address(last))
        self.dns = Knot(os.path.join(self.directory, "dns"), self.domain, self.range.address(53),
                        self.range.free_port((53,)))
        self._srv_lines = {}
        wanted = self._srv if self._srv is not None else DEFAULT_SRV
        for service, names in wanted.items():
            present = [name for name in names if isinstance(name, Srv) or name in self.masters]
            self._srv_lines[service] = self._srv_set(service, present)
        self.publish()
        self.dns.start()
        for master in self.masters.values():
            master.start()

    def _keep_files(self):
        """Of the files that the catalog holds these alone: a run has as many requests as the test has time for."""
        for folder, folders, names in os.walk(self.lab_files, topdown=False):
            for name in names:
                if os.path.relpath(os.path.join(folder, name), self.lab_files) not in self._files:
                    os.unlink(os.path.join(folder, name))
            for name in folders:
                if not os.listdir(os.path.join(folder, name)):
                    os.rmdir(os.path.join(folder, name))

    def _srv_set(self, service, records):
        filled = [record if isinstance(record, Srv) else Srv(10 * (index + 1), 50, self.port, record)
                  for index, record in enumerate(records)]
        return [f"{OWNERS[service]} SRV {one.priority} {one.weight} {one.port} {one.target}" for one in filled]

    @staticmethod
    def _end(process):
        """What a test has not ended itself must end well when it is told to, and say nothing of a sanitizer."""
        if process.is_running():
            baseline = getattr(process, "baseline", None)
            if baseline:
                process.resume()
                baseline.check(process.stderr)
            status = process.terminate()
            if status != 0 and status != -signal.SIGTERM:
                raise AssertionError(f"{process.name} ended with {status}\n{process.stderr()}")
        if "Sanitizer" in process.stderr() or "runtime error:" in process.stderr():
            raise AssertionError(f"{process.name}: {process.stderr()}")

    def _explain(self):
        """On failure: the last words of everybody, for ctest's log."""
        for process in self._others:
            print(f"--- {process.name} (stderr)\n{process.stderr()[-8000:]}", file=sys.stderr)
        for name, master in self.masters.items():
            if master.process:
                print(f"--- {name}\n{master.process.stderr()[-2000:]}", file=sys.stderr)
                for line in master.events("request", "handshake_failed", "bad_request")[-15:]:
                    line.pop("headers", None)
                    print(json.dumps(line), file=sys.stderr)

    @staticmethod
    def _missing(variable, what):
        raise AssertionError(f"{variable} must name {what} (ctest sets it)")
