"""A master that dies inside an answer: the rest comes from another one if that has the same, else the client is told."""

import contextlib
import gzip
import hashlib
import http.client
import os
import shutil
import ssl
import threading
import unittest

from labsite import MasterSpec, Shim, Site, until

SIZE = 20 * 1000 * 1000
HALF = SIZE // 2
BIG = "/puppet/v3/file_content/modules/lab/big"
TARGET = BIG + "?environment=production"
FILES = ("catalog", "files", "report")


class Continuation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # `packed` has the same files and another zlib, `changed` has other files.
        masters = [MasterSpec("one", ("ca", *FILES)), MasterSpec("two", FILES),
                   MasterSpec("packed", FILES, options={"gzip_level": 9}), MasterSpec("changed", FILES)]
        cls.site = cls.enterClassContext(Site(masters=masters, srv={}, key="ec", big=SIZE, files=("big",)))
        cls.one, cls.two, cls.packed, cls.changed = cls.site.masters.values()
        cls.original = cls.file_of(cls.site.code)
        with open(cls.original, "rb") as file:
            cls.sum = hashlib.file_digest(file, "sha256").hexdigest()
        cls.other_code = os.path.join(cls.site.directory, "other-code")
        shutil.copytree(cls.site.code, cls.other_code)
        cls.changed.kill()
        code, cls.site.code = cls.site.code, cls.other_code
        try:
            cls.changed.start()
        finally:
            cls.site.code = code

    @staticmethod
    def file_of(code):
        return os.path.join(code, "environments/production/modules/lab/files/big")

    def setUp(self):
        for master in self.site.masters.values():
            master.clear_faults()
            master.forget_log()

    def use(self, *masters):
        for service in ("ca", "catalog", "files", "report"):
            self.site.srv(service, *masters)

    def change(self, at, size=SIZE):
        """What `changed` has is this long, and has another byte than the others at `at`."""
        path = self.file_of(self.other_code)
        shutil.copyfile(self.original, path)
        os.truncate(path, size)
        with open(path, "r+b") as file:
            file.seek(at)
            byte = file.read(1)
            file.seek(at)
            file.write(bytes([byte[0] ^ 1]))
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @contextlib.contextmanager
    def download(self, shim, way, coded):
        """The answer's head; the master that sends it stops in the middle."""
        self.one.fault(f"hang_after_bytes:{HALF}", path_prefix=BIG)
        headers = {"Accept": "application/octet-stream"}
        if coded:
            headers["Accept_Encoding"] = "gzip;q=1.0,deflate;q=0.6,identity;q=0.3"
        if way == "socket":
            with shim.open_unix() as channel:
                lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
                channel.sendall(f"GET {TARGET} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
                answer = http.client.HTTPResponse(channel, method="GET")
                answer.begin()
                yield answer
        else:
            with shim.client() as client:
                client.send_request("GET", TARGET, **headers)
                yield client.start_answer()

    def read_and_kill(self, answer, coded):
        """All of the body that comes, after the first master was killed inside it."""
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.getheader("Content-Encoding"), "gzip" if coded else None)
        self.assertEqual(answer.getheader("Content-Length"), None if coded else str(SIZE))
        self.assertEqual(answer.getheader("Transfer-Encoding"), "chunked" if coded else None)
        body = bytearray()
        while len(body) < HALF - 100_000:
            piece = answer.read(min(1 << 20, HALF - 100_000 - len(body)))
            self.assertTrue(piece, f"ended after {len(body)} bytes")
            body += piece
        self.one.kill()
        self.addCleanup(self.one.start)
        while piece := answer.read(1 << 20):
            body += piece
        if not coded and len(body) < SIZE:  # read(N) says nothing of it
            raise http.client.IncompleteRead(bytes(body), SIZE - len(body))
        return bytes(body)

    def assert_whole(self, body, coded, wanted=None):
        plain = gzip.decompress(body) if coded else body
        self.assertEqual(len(plain), SIZE)
        self.assertEqual(hashlib.sha256(plain).hexdigest(), wanted or self.sum)

    def test_20_mb_survive_a_kill_of_their_master_half_way(self):
        self.use("one", "two")
        for way, coded in (("terminate", False), ("terminate", True), ("socket", False), ("socket", True)):
            with self.subTest(way, gzip=coded), Shim(self.site, name=f"{way}-{coded}") as shim:
                with self.download(shim, way, coded) as answer:
                    self.assert_whole(self.read_and_kill(answer, coded), coded)
                told, = shim.exchanges(1)
                self.assertRegex(told["continued"], r"^at byte \d+ on two\.lab\.test:\d+$")
                self.assertRegex(told["failed"], r"one\.lab\.test:\d+: body: the connection broke inside the answer")
                self.assertNotIn("cut", told)
                self.doCleanups()

    def test_a_connection_that_carried_a_continued_answer_carries_the_next_one(self):
        self.use("one", "two")
        with Shim(self.site) as shim, shim.client() as client:
            self.one.fault(f"close_after_bytes:{HALF}", path_prefix=BIG)
            for _ in range(2):
                self.assert_whole(client.request("GET", TARGET).body, False)

    def test_the_next_master_but_one_goes_on_when_the_next_one_has_something_else(self):
        self.change(at=1000)
        self.use("one", "changed", "two")
        with Shim(self.site) as shim:
            with self.download(shim, "terminate", False) as answer:
                self.assert_whole(self.read_and_kill(answer, False), False)
            told, = shim.exchanges(1)
            self.assertIn("on two.lab.test", told["continued"])
            self.assertRegex(told["failed"], r"changed\.lab\.test:\d+: body: cannot go on with the answer: its answer "
                                             r"begins with other bytes")

    def test_what_differs_only_behind_what_was_given_out_is_the_other_masters_file(self):
        wanted = self.change(at=SIZE - 1000)
        self.use("one", "changed")
        with Shim(self.site) as shim, self.download(shim, "terminate", False) as answer:
            self.assert_whole(self.read_and_kill(answer, False), False, wanted)

    def assert_cut(self, first, second, coded, reason):
        """The client sees that it has not got all."""
        self.use(first, second)
        with Shim(self.site) as shim:
            with self.download(shim, "terminate", coded) as answer:
                with self.assertRaises((http.client.IncompleteRead, ssl.SSLError, ConnectionError)) as broken:
                    body = self.read_and_kill(answer, coded)
                    self.fail(f"{len(body)} bytes as if they were all")
            told, = shim.exchanges(1)
        self.assertEqual(told["cut"], "yes", broken.exception)
        self.assertRegex(told["failed"], rf"{second}\.lab\.test:\d+: body: cannot go on with the answer: {reason}")
        self.assertLess(int(told["down"]), SIZE)

    def test_another_content_breaks_the_connection(self):
        self.change(at=1000)
        self.assert_cut("one", "changed", False, "its answer begins with other bytes")

    def test_another_length_breaks_the_connection(self):
        self.change(at=SIZE - 2000, size=SIZE - 1000)
        self.assert_cut("one", "changed", False, "its Content-Length is 19999000, not 20000000")

    def test_the_same_file_packed_in_another_way_breaks_the_connection(self):
        self.assert_cut("one", "packed", True, "its answer begins with other bytes")

    def test_a_real_agent_gets_its_file_whole(self):
        self.use("one", "two")
        agent = self.site.agent()
        self.one.fault(f"hang_after_bytes:{HALF}", path_prefix=BIG)
        with Shim(self.site) as shim:
            address, port = shim.address
            done = []
            run = threading.Thread(target=lambda: done.append(agent.run(
                hosts={agent.certname: address}, server=agent.certname, ca_server=None, serverport=port)))
            run.start()
            try:
                arrived = lambda: any(line["target"].startswith(BIG) for line in self.one.events("arrived"))
                until(lambda: arrived() or done, "the question for the file")
                self.assertFalse(done, done)
                self.one.kill()
                self.addCleanup(self.one.start)
            finally:
                run.join()
            self.assertEqual(done[0].returncode, 2, done[0])
            told = [line for line in shim.exchanges(1) if line["path"].startswith(BIG)]
            self.assertIn("two.lab.test", told[-1]["master"])
        with open(os.path.join(agent.target, "big"), "rb") as file:
            self.assertEqual(hashlib.file_digest(file, "sha256").hexdigest(), self.sum)


if __name__ == "__main__":
    unittest.main()
