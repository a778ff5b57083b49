"""The shim in front of a site as most tests want it: one TLS address, one Unix socket, short limits."""

import http.client
import json
import os
import re
import shlex
import signal
import socket
from urllib.parse import quote

from .client import Client
from .process import until

DNS = """[dns]
nameservers = ["{name_server}"]
hosts_file = ""
srv = true
lookup_deadline = "3s"
"""
CONNECT = """[connect]
timeout = "1s"
tls_timeout = "2s"
race_delay = "100ms"
"""


class Shim:
    """`bunraku run` for one node. `dns`, `connect`, `listen` and `extra` are parts of its bunraku.toml; `settings` are
    puppet.conf's lines after certname and ssldir."""

    def __init__(self, site, node="agent1", name="bunraku", extra="", dns=DNS, connect=CONNECT, listen=None,
                 settings=("srv_domain = {domain}",), start=True, arguments=(), env=None):
        self.site = site
        self.node = site.fqdn(node)
        self.name = name
        self.arguments = arguments
        self.env = env
        self.socket_path = os.path.join(site.directory, f"{name}.sock")
        self.puppet_conf = os.path.join(site.directory, f"{name}-puppet.conf")
        self.port = site.range.free_port((100,))
        self.write_puppet_conf("[main]", f"certname = {self.node}", f"ssldir = {site.ssldir(self.node)}",
                               f"server = {self.node}", f"serverport = {self.port}", *(line.format(domain=site.domain) for line in settings))
        self.parts = {"listen": self.default_listen() if listen is None else listen,
                      "dns": dns.format(name_server=f"{site.dns.address}:{site.dns.port}"), "connect": connect,
                      "extra": extra}
        self.process = None
        if start:
            self.start()

    def default_listen(self):
        return self.listen_tls() + self.listen_unix()

    def listen_tls(self, last_octet=100, port=None):
        port = self.port if port is None else port
        return f'[[listen]]\naddress = "{self.site.range.address(last_octet)}:{port}"\n'

    def listen_unix(self, path=None, more=""):
        return f'[[listen]]\nway = "socket"\npath = "{path or self.socket_path}"\n{more}'

    def write_puppet_conf(self, *lines):
        with open(self.puppet_conf, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def config(self, **parts):
        parts = {**self.parts, **parts}
        return (f'[puppet]\nconf = "{self.puppet_conf}"\n[log]\nlevel = "debug"\nto = "stderr"\n'
                + "".join(parts[key] for key in ("dns", "connect", "listen", "extra")))

    def start(self):
        self.process = self.site.start_bunraku(self.config(), self.arguments, name=self.name, env=self.env)
        return self

    def stop(self):
        baseline = getattr(self.process, "baseline", None)
        if baseline and self.process.is_running():
            self.process.resume()
            baseline.check(self.log)
        self.process.terminate()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        elif self.process:
            self.process.kill()

    def reload(self, config=None, expect=r"\breloaded listen="):
        """Writes a new configuration, sends SIGHUP and waits for what the log must say then."""
        if config is not None:
            with open(self.process.config_path, "w", encoding="utf-8") as file:
                file.write(config)
        before = len(self.log())
        self.process.signal(signal.SIGHUP)
        return self.process.wait_for_line(rf"(?s)\A.{{{before}}}.*?{expect}")

    def log(self):
        return self.process.stderr()

    def lines(self, pattern, count=0):
        """Of the log, whole ones. Waits for `count` of them: an answer is there before what is told of it, and a line that
        lies across two pages of the file may be seen half written."""
        def found():
            return [line for line in self.log().rpartition("\n")[0].splitlines() if re.search(pattern, line)]

        until(lambda: len(found()) >= count, lambda: f"{count} of {pattern} in the log:\n{self.log()}")
        return found()

    def exchanges(self, count=0):
        """The access log: dictionaries of its keys. Waits for `count` of them."""
        return [dict(word.split("=", 1) for word in shlex.split(line) if "=" in word)
                for line in self.lines(r"\bexchange service=", count)]

    @property
    def address(self):
        """(address, port) of the last TLS listener the log tells of."""
        found = re.findall(r"\blisten=\"[^\"]*?([0-9.]+):(\d+)", self.log())
        return found[-1][0], int(found[-1][1])

    def client(self, node=None, **more):
        address, port = self.address
        return Client(self.site, address, port, more.pop("server_name", self.node), node or self.node, **more)

    def ask(self, method, target, body=None, headers=None, path=None, seconds=60.0):
        """One request over the Unix socket: http.client.HTTPResponse with .body."""
        with self.open_unix(path, seconds) as channel:
            return ask_on(channel, method, target, body, headers)

    def open_unix(self, path=None, seconds=60.0):
        channel = socket.socket(socket.AF_UNIX)
        channel.settimeout(seconds)
        try:
            channel.connect(path or self.socket_path)
        except BaseException:
            channel.close()
            raise
        return channel


def ask_on(channel, method, target, body=None, headers=None):
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    channel.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b""))
    answer = http.client.HTTPResponse(channel, method=method)
    answer.begin()
    answer.body = answer.read()
    return answer


def service_requests(site, node="agent1"):
    """{service: (method, target, body, headers)}: one request that a master of that service answers with 200."""
    name = site.fqdn(node)
    facts = quote(quote(json.dumps({"name": name, "values": {"lab_target": f"{site.directory}/target"}})))
    form = f"environment=production&facts_format=application%2Fjson&facts={facts}".encode()
    return {
        "ca": ("GET", "/puppet-ca/v1/certificate/ca", None, {}),
        "catalog": ("POST", f"/puppet/v3/catalog/{name}?environment=production", form,
                    {"Content-Type": "application/x-www-form-urlencoded"}),
        "files": ("GET", "/puppet/v3/file_content/modules/lab/generated/20000", None, {}),
        "report": ("PUT", f"/puppet/v3/report/{name}?environment=production", b'{"transaction_uuid":"0a-1"}',
                   {"Content-Type": "application/json"}),
    }
