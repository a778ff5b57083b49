"""What the proxy_*_test.py have in common: a site with a running shim, and masters that follow a script."""

import contextlib
import json
import os
import re
import socket
import ssl
import threading
import unittest

from labsite import Client, Site, until

NODE = "agent1.lab.test"
PLUGINS = "/puppet/v3/file_metadatas/plugins?environment=production&recurse=true"
CATALOG = f"/puppet/v3/catalog/{NODE}?environment=production"
REPORT = f"/puppet/v3/report/{NODE}?environment=production"
STATUS = "/status/v1/simple/server"


def generated(count):
    """Target of a file_content answer with so many bytes."""
    return f"/puppet/v3/file_content/modules/lab/generated/{count}"


def report_body(run="11111111-2222-3333-4444-555555555555"):
    return json.dumps({"transaction_uuid": run, "host": NODE}).encode()


def raw_answer(*lines, body=b""):
    """An answer as it stands on the wire, as text for Master.fault("raw", body=...)."""
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1").decode("latin-1") + body.decode("latin-1")


class ScriptedMaster:
    """A TLS server with a master's certificate that does what `script(connection, count)` does with each connection;
    `count` is 1 for the first. It is for what a well-behaved HTTP server cannot be told to do."""

    def __init__(self, site, script, name="compile1"):
        master = site.masters[name]
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        folder = site.ssldir(name)
        self.context.load_cert_chain(f"{folder}/certs/{master.name}.pem", f"{folder}/private_keys/{master.name}.pem")
        self.listener = socket.create_server((master.address, 0))
        self.place = f"{master.name}:{self.listener.getsockname()[1]}"
        self.script = script
        self.connections = 0
        self.open = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for one in self.open:
            one.close()
        self.thread.join(10)

    def _serve(self):
        while True:
            try:
                accepted, _ = self.listener.accept()
            except OSError:
                return
            accepted.settimeout(30)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else what is sent may leave much later
            try:
                connection = self.context.wrap_socket(accepted, server_side=True)
            except OSError:
                continue
            self.connections += 1
            self.open.append(connection)
            threading.Thread(target=self._run, args=(connection, self.connections), daemon=True).start()

    def _run(self, connection, count):
        # The shim may leave at any moment: what it makes of the answer is what the tests look at.
        with contextlib.suppress(OSError, ValueError):
            self.script(connection, count)


def read_head(connection):
    """Bytes of a head up to its empty line; what came behind it is returned too."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(16384)
        if not more:
            raise OSError("the connection ended inside a head")
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


class ProxyTest(unittest.TestCase):
    """One site and one shim for the class. Subclasses set `limits` and `more` (lines of bunraku.toml). Each test begins
    without faults and logs, and must leave the shim running and with as many descriptors as it began with."""

    limits = ""
    more = ""
    site_arguments = {}

    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(**{"key": "ec", "agents": ("agent1", "agent2"), **cls.site_arguments}))
        cls.ca, cls.compile1, cls.compile2, cls.files = (cls.site.masters[name]
                                                         for name in ("ca", "compile1", "compile2", "files"))
        cls.prepare()
        cls.address = cls.site.range.address(100)
        conf = os.path.join(cls.site.directory, "puppet.conf")
        with open(conf, "w", encoding="ascii") as file:
            file.write(f"[main]\ncertname = {NODE}\nserver = {NODE}\nssldir = {cls.site.ssldir('agent1')}\n"
                       f"srv_domain = {cls.site.domain}\n")
        dns = cls.site.dns
        cls.shim = cls.site.start_bunraku(f"""
[puppet]
conf = "{conf}"
[dns]
nameservers = ["{dns.address}:{dns.port}"]
srv = true
hosts_file = ""
[[listen]]
way = "terminate"
address = "{cls.address}:{cls.site.port}"
[limits]
{cls.limits}
{cls.more}
""")

    @classmethod
    def prepare(cls):
        """Before the shim starts: scripted masters that its configuration names."""

    def setUp(self):
        for master in self.site.masters.values():
            master.clear_faults()
            master.forget_log()

    def connect(self, node="agent1", **more):
        client = Client(self.site, self.address, self.site.port, NODE, node, **more)
        self.addCleanup(client.close)
        return client

    def descriptors(self):
        """Of the shim, without its idle connections to masters (the pool may keep those)."""
        folder = f"/proc/{self.shim.pid}/fd"
        return len(os.listdir(folder))

    def memory_kib(self, field="RssAnon"):  # of pages of files the kernel maps more or fewer around each touch
        with open(f"/proc/{self.shim.pid}/status", encoding="ascii") as status:
            return int(re.search(rf"^{field}:\s+(\d+)", status.read(), re.MULTILINE)[1])

    def assert_descriptors_return_to(self, count):
        until(lambda: self.descriptors() <= count,
              lambda: f"{count} descriptors; there are {self.descriptors()}", 15)

    def assert_still_serves(self):
        self.assertTrue(self.shim.is_running(), self.shim.stderr()[-2000:])
        answer = self.connect().request("GET", PLUGINS)
        self.assertEqual(answer.status, 200, answer.body)

    def seen(self, path_prefix="", method=None):
        """{short name of a master: its requests}"""
        return self.site.requests(path_prefix, method)

    def assert_own_error(self, answer, status, *words):
        """An answer of the shim itself, in the form in which masters say errors."""
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(answer.getheader("Content-Type"), "application/json")
        said = json.loads(answer.body)
        self.assertEqual(said["issue_kind"], "RUNTIME_ERROR")
        for word in words:
            self.assertIn(word, said["message"])
        return said["message"]
