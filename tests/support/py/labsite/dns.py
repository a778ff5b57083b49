"""The site's name server: a real Knot DNS with one zone."""

import os
import secrets
import shutil
import signal
import socket
import struct
from dataclasses import dataclass

from .net import can_bind
from .process import Process, until

OWNERS = {"ca": "_x-puppet-ca._tcp", "catalog": "_x-puppet._tcp", "files": "_x-puppet-fileserver._tcp",
          "report": "_x-puppet-report._tcp"}


@dataclass(frozen=True)
class Srv:
    """One SRV record's data. `target` is relative to the zone when it has no dot at its end; "." is "not offered"."""
    priority: int
    weight: int
    port: int
    target: str


class Knot:
    def __init__(self, directory, domain, address, port):
        if not shutil.which("knotd"):
            raise AssertionError("knotd is missing: apt-get install knot")
        self.directory = directory
        self.domain = domain
        self.address = address
        self.port = port
        self.serial = 0
        self.ttl = 60  # of every record, from the next set_records() on
        self.lines = []
        self.process = None
        # The agent's resolver knows only port 53; nobody but root may bind it.
        self.has_port_53 = can_bind(address, 53) and can_bind(address, 53, socket.SOCK_DGRAM)
        os.makedirs(os.path.join(directory, "run"))
        os.makedirs(os.path.join(directory, "db"))
        self._write_config()

    def set_records(self, lines):
        """Zone file lines (owner, type, data), without SOA and NS. Served when this returns."""
        self.lines = list(lines)
        self.serial += 1
        with open(os.path.join(self.directory, "zone.new"), "w", encoding="ascii") as zone:
            zone.write(f"$ORIGIN {self.domain}.\n$TTL {self.ttl}\n@ SOA ns hostmaster {self.serial} 3600 600 86400 1\n"
                       f"@ NS ns\nns A {self.address}\n")
            zone.writelines(line + "\n" for line in self.lines)
        os.replace(os.path.join(self.directory, "zone.new"), os.path.join(self.directory, "zone"))
        if self.process:
            self.process.signal(signal.SIGHUP)
            self._wait()

    def start(self):
        self.process = Process("knotd", ["knotd", "-c", os.path.join(self.directory, "knot.conf")], self.directory)
        self._wait()

    def stop(self):
        if self.process:
            self.process.resume()
            self.process.kill()
            self.process = None

    def _wait(self):
        def current():
            if not self.process.is_running():
                raise AssertionError(f"knotd ended:\n{self.process.stdout()}{self.process.stderr()}")
            return soa_serial(self.address, self.port, self.domain) == self.serial

        until(current, lambda: f"the zone's serial {self.serial}:\n{self.process.stdout()}{self.process.stderr()}")

    def _write_config(self):
        listen = f"{self.address}@{self.port}" + (f", {self.address}@53" if self.has_port_53 else "")
        with open(os.path.join(self.directory, "knot.conf"), "w", encoding="ascii") as config:
            config.write(f"""server:
    rundir: {self.directory}/run
    listen: [ {listen} ]
    tcp-workers: 1
    udp-workers: 1
    background-workers: 1
database:
    storage: {self.directory}/db
zone:
  - domain: {self.domain}
    storage: {self.directory}
    file: zone
    semantic-checks: off
    zonefile-sync: -1
    journal-content: none
log:
  - target: stdout
    any: info
""")


def soa_serial(address, port, domain, seconds=0.5):
    """The serial a server gives for the zone, None when there is no answer."""
    ident = secrets.randbelow(65536)
    name = b"".join(bytes([len(label)]) + label.encode() for label in domain.split(".")) + b"\0"
    query = struct.pack("!6H", ident, 0, 1, 0, 0, 0) + name + struct.pack("!2H", 6, 1)
    with socket.socket(type=socket.SOCK_DGRAM) as channel:
        channel.settimeout(seconds)
        channel.connect((address, port))
        try:
            channel.send(query)
            answer = channel.recv(4096)
        except OSError:
            return None
    _, flags, _, answers, _, _ = struct.unpack("!6H", answer[:12])
    if flags & 15 or answers != 1:
        return None
    return struct.unpack("!5I", answer[-20:])[0] if len(answer) >= 32 else None
