"""Many callers at once: who is turned away, who gives way, and that the agent always gets its place."""

import contextlib
import re
import select
import socket
import unittest

from control_site import control
from labsite import MasterSpec, Shim, Site, ask_on, until

CONNECTIONS = 12
HALF, OTHERS = 6, 9  # of one client; of all that do not show the node's own key
SMALL = "/puppet/v3/file_content/modules/lab/generated/1000"
LIMITS = f'[limits]\nconnections = {CONNECTIONS}\nhandshake_timeout = "60s"\nheader_timeout = "60s"\n'
OLDEST = "of those that had shown nothing yet it was the oldest"


class Crowd(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(key="ec", masters=(MasterSpec("ca", roles=("ca",)), MasterSpec("compile1"))))

    def setUp(self):
        name = self.id().rsplit(".", 1)[1]
        self.shim = Shim(self.site, name=name, extra=LIMITS, start=False,
                         settings=("srv_domain = {domain}", f"ca_server = {self.site.fqdn('ca')}"))
        self.places = {way: (self.site.range.address(octet), self.site.range.free_port((octet,)))
                       for octet, way in ((101, "connect"), (102, "passthrough"))}
        self.shim.parts["listen"] += "".join(f'[[listen]]\nway = "{way}"\naddress = "{address}:{port}"\n'
                                             for way, (address, port) in self.places.items())
        self.ca = f"{self.site.fqdn('ca')}:{self.shim.port}"  # as puppet.conf calls it
        self.places["terminate"] = (self.site.range.address(100), self.shim.port)
        self.shim.start()

    def tearDown(self):
        """What came is gone again, and every place is free."""
        self.doCleanups()
        until(lambda: control(self.shim, "GET", "/v1/status")[1]["connections"] == 0, "every place to be free")
        self.shim.stop()

    def agent(self):
        """A connection with the node's own certificate that has served one request."""
        client = self.shim.client()
        self.addCleanup(client.close)
        self.assertEqual(client.request("GET", SMALL).status, 200)
        return client

    def silent(self, way, count, first_words=b""):
        """So many callers that connect and say these words and no more."""
        found = []
        for _ in range(count):
            found.append(socket.create_connection(self.places[way], 30))
            self.addCleanup(found[-1].close)
            found[-1].sendall(first_words)
        return found

    def on_socket(self):
        """A caller on the Unix socket and the answer to its request."""
        channel = self.shim.open_unix()
        self.addCleanup(channel.close)
        return channel, ask_on(channel, "GET", SMALL)

    def tunnel(self):
        """A caller that asked for a tunnel to the CA, and what it was told."""
        caller, = self.silent("connect", 1, f"CONNECT {self.ca} HTTP/1.1\r\nHost: {self.ca}\r\n\r\n".encode())
        return caller, caller.recv(65536)

    def assert_ended(self, caller):
        with contextlib.suppress(ConnectionResetError):
            self.assertEqual(caller.recv(1), b"")

    def assert_open(self, caller):
        self.assertEqual(select.select([caller], [], [], 0)[0], [])

    def test_whoever_says_nothing_gives_way_to_the_agent(self):
        for way, words in (("terminate", b""), ("terminate", b"\x16\x03\x01"), ("connect", b""), ("connect", b"CONNECT "),
                           ("passthrough", b"\x16")):
            with self.subTest(way=way, words=words):
                before = len(self.shim.lines(OLDEST))
                callers = self.silent(way, CONNECTIONS, words)
                self.agent()
                self.assert_ended(callers[0])
                self.assert_open(callers[-1])
                until(lambda n=before: len(self.shim.lines(OLDEST)) > n, lambda: f"a word of it:\n{self.shim.log()}")
                self.doCleanups()

    def test_they_give_way_one_for_one(self):
        callers = self.silent("terminate", CONNECTIONS)
        agents = [self.agent() for _ in range(3)]
        for caller in callers[:3]:
            self.assert_ended(caller)
        for caller in callers[3:]:
            self.assert_open(caller)
        for client in agents:
            self.assertEqual(client.request("GET", SMALL).status, 200)

    def test_who_was_let_in_does_not_give_way(self):
        agents = [self.agent() for _ in range(CONNECTIONS)]
        late, = self.silent("terminate", 1)
        self.assert_ended(late)
        self.shim.process.wait_for_line("refused a connection: limits.connections")
        for client in agents:
            self.assertEqual(client.request("GET", SMALL).status, 200)

    def test_one_user_has_at_most_half(self):
        callers = [self.on_socket() for _ in range(HALF)]
        self.assertEqual({answer.status for _, answer in callers}, {200})
        _, late = self.on_socket()
        self.assertEqual(late.status, 503)
        self.assertIn(b"this client has half of limits.connections", late.body)
        self.agent()
        callers[0][0].close()
        until(lambda: self.on_socket()[1].status == 200, "its place to be free")

    def test_tunnels_have_at_most_half(self):
        callers = [self.tunnel() for _ in range(HALF)]
        for _, said in callers:
            self.assertIn(b" 200 ", said)
        _, said = self.tunnel()
        self.assertRegex(said, rb"\AHTTP/1\.1 503 ")
        self.assertTrue(self.shim.lines("tunnels have half of limits.connections", 1))
        self.agent()

    def test_a_quarter_is_the_agents(self):
        callers = [self.tunnel() for _ in range(HALF)] + [self.on_socket() for _ in range(OTHERS - HALF)]
        self.assertEqual(self.on_socket()[1].status, 503)
        self.assertRegex(self.tunnel()[1], rb"\AHTTP/1\.1 503 ")
        until(lambda: re.search(r"three quarters", self.shim.log()), "a word of it")
        for _ in range(CONNECTIONS - OTHERS):
            self.agent()
        self.assertEqual(len(callers), OTHERS)


if __name__ == "__main__":
    unittest.main()
