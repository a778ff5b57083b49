"""A name server that misbehaves costs a clear error within the lookup's deadline, or nothing at all."""

import json
import socket
import struct
import threading
import time
import unittest

from labsite import MasterSpec, Shim, Site, Srv

FILE = "/puppet/v3/file_content/modules/lab/generated/100"
DNS = """[dns]
nameservers = [{servers}]
hosts_file = ""
srv = true
lookup_deadline = "2s"
try_timeout = "300ms"
"""
DEADLINE = 2.0
RECURSION, SERVFAIL, NXDOMAIN = 0x80, 2, 3  # of a DNS head's flags


class FakeServer:
    """A UDP name server that answers every query with a bare head: `flags` are those besides QR; None: never answers."""

    def __init__(self, address, flags=None):
        self.channel = socket.socket(type=socket.SOCK_DGRAM)
        self.channel.bind((address, 0))
        self.port = self.channel.getsockname()[1]
        self.address = f'"{address}:{self.port}"'
        self.queries = 0
        self.flags = flags
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        while True:
            query, sender = self.channel.recvfrom(4096)
            if not query:
                return
            self.queries += 1
            if self.flags is None or len(query) < 17:
                continue
            end = query.index(b"\0", 12) + 5
            head = query[:2] + struct.pack("!5H", 0x8000 | self.flags, 1, 0, 0, 0)
            self.channel.sendto(head + query[12:end], sender)

    def close(self):
        with socket.socket(type=socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self.channel.getsockname())
        self.thread.join()
        self.channel.close()


class DnsFaults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(masters=[MasterSpec("one", ("catalog", "files", "report"))],
                                              srv={"files": ("one",)}, key="ec"))
        cls.knot = f'"{cls.site.dns.address}:{cls.site.dns.port}"'

    def fake(self, flags=None):
        server = FakeServer(self.site.range.address(60), flags)
        self.addCleanup(server.close)
        return server

    def ask(self, *servers):
        with Shim(self.site, dns=DNS.replace("{servers}", ", ".join(servers))) as shim:
            began = time.monotonic()
            answer = shim.ask("GET", FILE)
            # Two lookups may follow each other (the special record, the general one); the rest is a slow machine.
            self.assertLess(time.monotonic() - began, 8 * DEADLINE)
            return answer

    def check_error(self, answer, pattern):
        self.assertIn(answer.status, (502, 503, 504), answer.body)
        self.assertIsNone(answer.getheader("Retry-After"))
        message = json.loads(answer.body)["message"]
        self.assertRegex(message, r"bunraku: .*files")
        self.assertRegex(message, pattern)

    def test_silence(self):
        server = self.fake()
        self.check_error(self.ask(server.address), r"no name server answered|name server|DNS")
        self.assertGreater(server.queries, 0)

    def test_a_server_failure(self):
        self.check_error(self.ask(self.fake(SERVFAIL).address), r"name server|DNS|SERVFAIL")

    def test_no_such_name(self):
        self.check_error(self.ask(self.fake(NXDOMAIN).address), r"master")

    def test_an_empty_answer(self):
        self.check_error(self.ask(self.fake(RECURSION).address), r"master")

    def test_the_first_of_two_is_dead(self):
        server = self.fake()
        self.assertEqual(self.ask(server.address, self.knot).status, 200)

    def test_the_first_of_two_fails(self):
        self.assertEqual(self.ask(self.fake(SERVFAIL).address, self.knot).status, 200)

    def test_an_answer_too_long_for_udp_comes_by_tcp(self):
        records = [Srv(10, 50, self.site.port, "one")]
        records += [Srv(20, 1, self.site.port, f"a-long-name-that-fills-the-answer-{n:03}") for n in range(150)]
        self.site.srv("files", *records)
        self.addCleanup(self.site.srv, "files", "one")
        self.assertEqual(self.ask(self.knot).status, 200)


if __name__ == "__main__":
    unittest.main()
