"""Two compilers, one of them busy: with the plugin puppetserver_load fewer runs begin there."""

import collections
import contextlib
import http.client
import json
import os
import shutil
import socket
import ssl
import threading
import time
import unittest
from pathlib import Path
from urllib.parse import quote

from real_site import ShimTest

RUNS = 6


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=300)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Load(ShimTest):
    def make_shim(self, way, more=""):
        super().make_shim(way, more)
        directory = Path(self.shim.directory.name)
        plugins = directory / "plugins"
        plugins.mkdir(mode=0o755)
        shutil.copyfile(Path(os.environ["BUNRAKU_PLUGINS"]) / "puppetserver_load.so", plugins / "puppetserver_load.so")
        self.socket = str(directory / "agent.sock")
        masters = [f'"{name}.{self.site.domain}:{self.site.env["SITE_PORT"]}"' for name in ("compile1", "compile2")]
        with open(self.shim.config, "a", encoding="utf-8") as config:
            config.write(f'[[listen]]\nway = "socket"\npath = "{self.socket}"\n'
                         f'[plugins]\ndirectory = "{plugins}"\n[plugin.puppetserver_load]\ndeadline = "60s"\n'
                         '[connect]\ntimeout = "10s"\nrace_delay = "10s"\n'
                         '[service.catalog]\npolicy = "puppetserver_load"\nprobe = "puppetserver_load"\n'
                         f'masters = [{", ".join(masters)}]\n')

    def catalog_request(self):
        values = {"stage_target": self.site.env["SITE_TARGET"]}
        facts = quote(quote(json.dumps({"name": self.site.certname, "values": values})))
        return ("POST", f"/puppet/v3/catalog/{self.site.certname}?environment=production",
                f"environment=production&facts_format=application%2Fjson&facts={facts}",
                {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"})

    def ask(self, connection):
        method, target, body, headers = self.catalog_request()
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def keep_busy(self, stop, done):
        """Catalogs from compile1, one after the other, with the node's own certificate."""
        context = ssl.create_default_context(cafile=self.site.env["SITE_CACERT"])
        context.load_cert_chain(self.site.env["SITE_CERT"], self.site.env["SITE_KEY"])
        context.check_hostname = False  # it is dialled by its address
        connection = http.client.HTTPSConnection(self.site.env["SITE_COMPILE1"], int(self.site.env["SITE_PORT"]),
                                                 context=context, timeout=300)
        while not stop.is_set():
            if self.ask(connection) == 200:
                done.append(1)
        connection.close()

    def start_anew(self):
        self.shim.log.unlink()  # start() waits for what it says there
        self.shim.start()

    def test_the_busier_of_two_compilers_gets_fewer_catalogs(self):
        self.shim.stop()
        stop, done = threading.Event(), []
        load = [threading.Thread(target=self.keep_busy, args=(stop, done), daemon=True) for _ in range(4)]
        self.addCleanup(lambda: [stop.set()] + [thread.join(300) for thread in load])
        for thread in load:
            thread.start()
        until = time.monotonic() + 300
        while len(done) < 4:  # its one JRuby works, and the others wait for it
            self.assertLess(time.monotonic(), until, "compile1 answers no catalog")
            time.sleep(0.1)
        served = collections.Counter()
        for _ in range(RUNS):  # a new process has no run yet, and has asked nobody
            self.start_anew()
            with contextlib.closing(UnixConnection(self.socket)) as connection:
                self.assertEqual(self.ask(connection), 200)
            self.shim.stop()
            line, = [line for line in self.shim.output().splitlines() if "exchange service=catalog" in line]
            served[line.split(" master=")[1].split(".")[0]] += 1
        self.assertGreater(served["compile2"], served["compile1"], served)
        self.start_anew()


if __name__ == "__main__":
    unittest.main()
