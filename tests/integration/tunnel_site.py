"""What connect_test.py and passthrough_test.py have in common: a shim with a tunnel, masters that follow a script."""

import contextlib
import http.client
import os
import re
import select
import shlex
import socket
import ssl
import struct
import threading

from labsite import MasterSpec, until

# The CA is asked for by a name of its own, and the compilers share one.
MASTERS = (MasterSpec("ca", ("ca", "report"), alt=("puppetca",)), MasterSpec("compile1", alt=("puppet",)),
           MasterSpec("compile2", alt=("puppet",)))
SRV = {"ca": ("ca",), "catalog": ("compile1", "compile2"), "files": ("compile1", "compile2"),
       "report": ("compile1", "compile2")}
PUPPET, CA = "puppet.lab.test", "puppetca.lab.test"
STATUS = "/status/v1/simple/server"


class TunnelShim:
    """`bunraku run` with one tunnel and a puppet.conf that names the masters as an agent would ask for them."""

    def __init__(self, site, way, node="agent1", name="bunraku", listen="", extra="", limits="",
                 connect='tls_timeout = "2s"', server=PUPPET, ca_server=CA, port=0):
        self.site, self.way, self.node = site, way, site.fqdn(node)
        conf = os.path.join(site.directory, f"{name}-puppet.conf")
        with open(conf, "w", encoding="ascii") as file:
            file.write(f"[main]\ncertname = {self.node}\nssldir = {site.ssldir(self.node)}\nserver = {server}\n"
                       f"ca_server = {ca_server}\nserverport = {site.port}\n")
        self.process = site.start_bunraku(f"""
[puppet]
conf = "{conf}"
[log]
level = "debug"
to = "stderr"
[dns]
nameservers = ["{site.dns.address}:{site.dns.port}"]
hosts_file = ""
srv_domain = "{site.domain}"
[connect]
timeout = "2s"
race_delay = "100ms"
{connect}
[limits]
{limits}
[[listen]]
way = "{way}"
address = "{site.range.address(100)}:{port}"
{listen}
{extra}
""", name=name)
        found = re.search(r"\blisten=\"([0-9.]+):(\d+)", self.log())
        self.address = (found[1], int(found[2]))

    def log(self):
        return self.process.stderr()

    def lines(self, event, count=0):
        """Log lines with that event as dictionaries of their keys. Waits for `count` of them."""
        pattern = re.compile(rf"^\S+ [a-z]+ {event} (.*)")

        def found():
            return [dict(word.split("=", 1) for word in shlex.split(match[1]) if "=" in word)
                    for match in map(pattern.search, self.log().splitlines()) if match]
        until(lambda: len(found()) >= count, lambda: f"{count} lines of {event}:\n{self.log()}", 30)
        return found()

    def settings(self):
        """What the agent sets to come in by this way."""
        if self.way == "connect":
            return {"http_proxy_host": self.address[0], "http_proxy_port": self.address[1], "server": PUPPET,
                    "ca_server": CA}
        return {"hosts": {PUPPET: self.address[0], CA: self.address[0]}, "server": PUPPET, "ca_server": CA}

    def dial(self, seconds=60):
        return socket.create_connection(self.address, seconds)

    def ask_to_connect(self, target, fields="", channel=None):
        """(socket, status line, body) after CONNECT."""
        channel = channel or self.dial()
        channel.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{fields}\r\n".encode())
        return (channel, *read_answer(channel))

    def open(self, target=None, name=PUPPET):
        """A plain socket through which `name`'s master can be reached. With passthrough nothing happens yet."""
        if self.way == "passthrough":
            return self.dial()
        channel, line, body = self.ask_to_connect(target or f"{name}:{self.site.port}")
        if " 200 " not in line:
            raise AssertionError(f"{line}\n{body}\n{self.log()}")
        return channel

    def tls(self, node="agent1", name=PUPPET, target=None):
        """TLS end to end with a master."""
        channel = self.open(target, name)
        try:
            return client_context(self.site, node).wrap_socket(channel, server_hostname=name)
        except BaseException:
            channel.close()
            raise

    @staticmethod
    def open_unix(path):
        channel = socket.socket(socket.AF_UNIX)
        channel.settimeout(60)
        channel.connect(path)
        return channel

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def read_answer(channel):
    """The first line of the answer, and its body if it is not 200."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = channel.recv(1)
        if not more:
            raise AssertionError(f"the connection ended: {data}")
        data += more
    head = data.decode("latin-1")
    line = head.split("\r\n", 1)[0]
    length = re.search(r"Content-Length: (\d+)", head)
    body = b""
    while length and len(body) < int(length[1]):
        more = channel.recv(65536)
        if not more:
            break
        body += more
    return line, body.decode()


def client_context(site, node="agent1"):
    context = ssl.create_default_context(cafile=f"{site.ssldir('agent1')}/certs/ca.pem")
    if node:
        name = site.fqdn(node)
        context.load_cert_chain(f"{site.ssldir(node)}/certs/{name}.pem", f"{site.ssldir(node)}/private_keys/{name}.pem")
    return context


def ask(tls, target, method="GET"):
    tls.sendall(f"{method} {target} HTTP/1.1\r\nHost: {tls.server_hostname or PUPPET}\r\n\r\n".encode())
    answer = http.client.HTTPResponse(tls, method=method)
    answer.begin()
    answer.body = answer.read()
    return answer


def hello(name=PUPPET):
    """A real ClientHello."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    out = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name).do_handshake()
    return out.read()


# What a master's TLS begins with, as far as anybody between the two can tell.
SERVER_HELLO = b"\x16\x03\x03\x00\x04fake"
INTERNAL_ERROR, UNRECOGNIZED_NAME = b"\x15\x03\x01\x00\x02\x02\x50", b"\x15\x03\x01\x00\x02\x02\x70"


class ScriptedMaster:
    """A TCP server that does `script(connection)` with each connection, after the ClientHello in it was read and is in
    `hellos`. For what happens to the bytes of a tunnel: there is no TLS behind its first bytes."""

    def __init__(self, site, script, last_octet=1, reads_hello=True):
        self.listener = socket.create_server((site.range.address(last_octet), 0))
        self.place = "{}:{}".format(*self.listener.getsockname())
        self.script, self.reads_hello = script, reads_hello
        self.hellos, self.open, self.done = [], [], 0
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        for one in [self.listener, *self.open]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(60)
            self.open.append(connection)
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection):
        with contextlib.suppress(OSError):
            if self.reads_hello:
                head = receive(connection, 5)
                self.hellos.append(head + receive(connection, struct.unpack("!H", head[3:])[0]))
            self.script(connection)
        connection.close()
        self.done += 1


def receive(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(min(65536, count - len(data)))
        if not more:
            raise OSError(f"the connection ended after {len(data)} of {count} bytes")
        data += more
    return data


def ending(channel, seconds=60):
    """(bytes that still came, "fin" or "reset")"""
    data = b""
    try:
        while True:
            if not select.select([channel], [], [], seconds)[0]:
                raise AssertionError(f"the connection does not end; {data}")
            more = channel.recv(65536)
            if not more:
                return data, "fin"
            data += more
    except ConnectionResetError:
        return data, "reset"


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
