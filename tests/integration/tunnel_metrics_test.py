"""What goes through tunnels is counted: for Prometheus, for the textfile, for the status page and for `bunraku status`."""

import itertools
import re
import socket
import tempfile
import unittest
from pathlib import Path

from control_site import bunraku, control
from labsite import Site, ask_on, until
from metrics_test import promtool, value
from tunnel_site import MASTERS, PUPPET, SERVER_HELLO, SRV, ScriptedMaster, TunnelShim, ending, hello, receive, reset


def echo(connection):
    connection.sendall(SERVER_HELLO)
    while data := connection.recv(65536):
        connection.sendall(data)


def break_off(connection):
    connection.sendall(SERVER_HELLO)
    connection.recv(1)
    reset(connection)


class Counted:
    """Mixed into a TestCase with a `way`."""

    way = ""
    numbers = itertools.count()  # of the shims

    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(masters=MASTERS, srv=SRV, key="ec", agents=("agent1",)))

    def shim(self, *scripts, **more):
        """With these masters of `catalog`, in that order: scripts, or places."""
        self.masters = [one if isinstance(one, str) else ScriptedMaster(self.site, one, 1 + i).place
                        for i, one in enumerate(scripts)]
        places = ", ".join(f'"{place}"' for place in self.masters)
        extra = more.pop("extra", "") + f'[service.catalog]\nmasters = [{places}]\nnames = ["{PUPPET}:1"]\n'
        return TunnelShim(self.site, self.way, name=f"s{next(self.numbers)}", extra=extra, **more)

    def dead_place(self):
        keeper = socket.socket()
        self.addCleanup(keeper.close)
        keeper.bind((self.site.range.address(9), 0))
        return "{}:{}".format(*keeper.getsockname())

    def scrape(self, shim):
        with shim.open_unix(shim.process.control_path) as channel:
            return ask_on(channel, "GET", "/metrics").body.decode()

    def number(self, shim, name, **labels):
        return value(self.scrape(shim), f"bunraku_{name}", way=self.way, **labels)

    def ended(self, shim, outcome, count=1, **labels):
        """Waits for so many tunnels to have ended so."""
        def there():
            found = re.findall(r"^bunraku_tunnels_total\{(.*)\} (\S+)$", self.scrape(shim), re.MULTILINE)
            wanted = {f'outcome="{outcome}"', f'way="{self.way}"', *(f'{k}="{v}"' for k, v in labels.items())}
            return sum(float(n) for of, n in found if wanted <= set(of.split(",")))
        until(lambda: there() == count, lambda: f"{outcome} {labels}:\n{self.scrape(shim)}")

    def open(self, shim):
        channel = shim.open(f"{PUPPET}:1")
        self.addCleanup(channel.close)
        channel.sendall(self.hello)
        self.assertEqual(receive(channel, len(SERVER_HELLO)), SERVER_HELLO)
        return channel

    def setUp(self):
        self.hello = hello()

    def test_their_numbers_are_there_before_the_first_one_is(self):
        shim = self.shim(echo)
        for name, labels in (("open_tunnels", {}), ("tunnel_failovers_total", {}), ("tunnels_total", {"outcome": "unserved"}),
                             ("tunnel_bytes_total", {"direction": "up"}), ("tunnel_bytes_total", {"direction": "down"})):
            self.assertEqual(self.number(shim, name, service="catalog", **labels), 0)
        self.assertRegex(bunraku(shim, "status").stdout, rf"(?m)^{self.way} +catalog +0 +0$")

    def test_one_that_stands_is_open_and_its_bytes_are_counted_as_they_go(self):
        shim = self.shim(echo)
        channel = self.open(shim)
        self.assertEqual(self.number(shim, "open_tunnels", service="catalog"), 1)
        channel.sendall(b"x" * 5000)
        receive(channel, 5000)
        self.assertEqual(self.number(shim, "tunnel_bytes_total", direction="up"), len(self.hello) + 5000)
        self.assertEqual(self.number(shim, "tunnel_bytes_total", direction="down"), len(SERVER_HELLO) + 5000)
        channel.shutdown(socket.SHUT_WR)
        self.assertEqual(ending(channel), (b"", "fin"))
        self.ended(shim, "closed", master=self.masters[0], service="catalog")
        told, = shim.lines("tunnel", 1)  # the same as the numbers above
        self.assertEqual((int(told["up"]), int(told["down"])), (len(self.hello) + 5000, len(SERVER_HELLO) + 5000))
        self.assertEqual(self.number(shim, "open_tunnels"), 0)
        self.assertEqual(self.number(shim, "tunnel_failovers_total"), 0)
        done = promtool("check", "metrics", text=self.scrape(shim))
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_how_each_ended_is_told_apart(self):
        shim = self.shim(break_off, limits='tunnel_idle = "1s"\nhandshake_timeout = "1s"')
        self.open(shim).sendall(b"x")
        self.ended(shim, "cut", master=self.masters[0])
        self.open(shim)
        self.ended(shim, "idle", master=self.masters[0])
        with shim.dial() as channel:
            channel.sendall(b"CONNECT other.test:1 HTTP/1.1\r\nHost: other.test:1\r\n\r\n" if self.way == "connect"
                            else hello("other.test"))
            ending(channel)
        self.ended(shim, "refused", master="", service="")
        shim.dial().close()
        self.ended(shim, "left", master="", service="")
        self.assertEqual(self.number(shim, "open_tunnels"), 0)
        text = bunraku(shim, "status").stdout
        self.assertRegex(text, rf"(?m)^{self.way} +catalog +0 +2 +1 cut, 1 silent for too long$")
        self.assertRegex(text, rf"(?m)^{self.way} +- +0 +2 +1 refused, 1 left before a master was found$")

    def test_one_that_finds_no_master_and_one_that_needs_the_second(self):
        shim = self.shim(self.dead_place())
        with shim.dial() as channel:
            channel.sendall(f"CONNECT {PUPPET}:1 HTTP/1.1\r\nHost: {PUPPET}:1\r\n\r\n".encode() if self.way == "connect"
                            else self.hello)
            ending(channel)
        self.ended(shim, "unserved", master="", service="catalog")
        shim = self.shim(lambda c: c.close(), echo)
        self.open(shim).close()
        self.ended(shim, "closed", master=self.masters[1])
        self.assertEqual(self.number(shim, "tunnel_failovers_total", service="catalog"), 1)
        status, document = control(shim, "GET", "/v1/status")
        self.assertEqual(status, 200)
        one, = [t for t in document["tunnels"] if t["service"] == "catalog"]
        self.assertEqual((one["way"], one["open"], one["closed"], one["failovers"]), (self.way, 0, 1, 1))
        self.assertEqual(one["masters"], [{"master": self.masters[1], "tunnels": 1}])
        self.assertEqual((one["bytes_up"], one["bytes_down"]), (len(self.hello), len(SERVER_HELLO)))

    def test_the_textfile_follows_them(self):
        directory = self.enterContext(tempfile.TemporaryDirectory(prefix="bunraku-textfile-"))
        path = Path(directory, "bunraku.prom")
        shim = self.shim(echo, extra=f'[admin]\ntextfile = "{path}"\n')
        self.assertEqual(value(path.read_text(), "bunraku_tunnel_bytes_total", direction="up", service="catalog"), 0)
        self.open(shim).close()
        until(lambda: value(path.read_text(), "bunraku_tunnel_bytes_total", direction="up", service="catalog") != 0, "the textfile")
        self.assertEqual(value(path.read_text(), "bunraku_tunnels_total", outcome="closed", master=self.masters[0]), 1)


class ByConnect(Counted, unittest.TestCase):
    way = "connect"


class ByServerName(Counted, unittest.TestCase):
    way = "passthrough"


if __name__ == "__main__":
    unittest.main()
