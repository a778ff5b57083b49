"""Two fake masters, their DNS and certificates, and the load that is sent at whatever stands before them."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import certificates
from labsite.dns import OWNERS, Knot
from processes import Usage, placed, stop, working_at

LEGS = ("tls", "plain")
DNS = "127.0.0.10"
LONGEST_RUN = 240  # seconds; whatever takes longer hangs


class BenchError(Exception):
    """Something did not work that has to, in words for who runs this."""


def free_port(address="127.0.0.1"):
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


class Site:
    """`work`: a folder for all that is written; `tool`: bunraku-bench. Masters hold answers back for `delay_us`."""

    def __init__(self, work, tool, key="rsa4096", delay_us=0):
        self.work, self.tool, self.key, self.delay_us = work, tool, key, delay_us
        self.certificates = os.path.join(work, "certificates-" + key)
        self.masters = {name: None for name in certificates.MASTERS}
        self.places = {}
        self.dns = None

    def __enter__(self):
        certificates.make(self.certificates, self.key)
        self.places = {name: f"{address}:{free_port(address)}" for name, address in certificates.MASTERS.items()}
        for name in self.masters:
            self.start_master(name)
        # An address of its own, since it takes port 53 there too when that is free.
        self.dns = Knot(tempfile.mkdtemp(prefix="dns-", dir=self.work), certificates.DOMAIN, DNS, free_port(DNS))
        self.dns.set_records(
            [f"{name} A {address}" for name, address in certificates.MASTERS.items()] +
            [f"{owner} SRV 0 5 {place.split(':')[1]} {name}"
             for owner in OWNERS.values() for name, place in self.places.items()])
        with working_at("load"):
            self.dns.start()
        return self

    def __exit__(self, *_):
        for process in self.masters.values():
            stop(process)
        if self.dns:
            self.dns.stop()
            shutil.rmtree(self.dns.directory, ignore_errors=True)

    def file(self, name):
        return os.path.join(self.certificates, name)

    # ---- masters

    def start_master(self, name):
        self.masters[name] = subprocess.Popen(
            [self.tool, "master", "--listen", self.places[name], "--name", name, "--delay-us", str(self.delay_us),
             *self._credentials(name)], preexec_fn=placed("load"))
        self.until_served(self.places[name], "tls")

    def restart_master(self, name):
        process = self.masters[name]
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
        self.start_master(name)

    def usage(self):
        return {name: Usage(process.pid) for name, process in self.masters.items()}

    def busiest(self, since):
        """The master that did most of the work since `since`, and its share."""
        now = self.usage()
        spent = {name: now[name].cpu_since(since[name]) for name in now}
        name = max(spent, key=spent.get)
        return name, spent[name] / max(sum(spent.values()), 1e-9)

    # ---- load

    def _credentials(self, who):
        return ["--cert", self.file(who + ".pem"), "--key", self.file(who + ".key"), "--ca", self.file("ca.pem")]

    def _command(self, role, address, leg, *more):
        return [self.tool, role, "--connect", address, *(self._credentials("agent") if leg == "tls" else ["--plain"]),
                *map(str, more)]

    def until_served(self, address, leg, start=lambda: None):
        """What `start` returns, and how long after its call the port was open and a request served."""
        with subprocess.Popen(self._command("ready", address, leg, "--sync"), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              preexec_fn=placed("load")) as gate:
            gate.stdout.readline()
            since = time.monotonic_ns()  # the clock that bunraku-bench reads
            process = start()
            out, complaint = gate.communicate(f"{since}\n", timeout=60)
        if gate.returncode != 0:
            stop(process)
            raise BenchError(complaint.strip())
        return process, json.loads(out)

    def load(self, address, leg, *more):
        done = subprocess.run(self._command("load", address, leg, *more), stdout=subprocess.PIPE, text=True, check=True,
                              timeout=LONGEST_RUN, preexec_fn=placed("load"))
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def waiting_load(self, address, leg, *more):
        """A load that has warmed up; `go` starts it, its connections stay until the block ends."""
        process = subprocess.Popen(self._command("load", address, leg, "--sync", *more), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True, preexec_fn=placed("load"))
        guard = threading.Timer(LONGEST_RUN, process.kill)
        guard.start()
        try:
            if process.stdout.readline() != "READY\n":
                raise BenchError("the load ended before it began")
            yield process
        finally:
            guard.cancel()
            process.stdin.close()
            process.stdout.close()
            process.wait()


def go(load):
    """Starts a waiting load and returns what it says in the end."""
    load.stdin.write("\n")
    load.stdin.flush()
    line = load.stdout.readline()
    if not line:
        raise BenchError("the load ended without a result")
    return json.loads(line)
