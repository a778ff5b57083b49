"""A connection to a master carries another request only if everything on it was in order: what is left of an answer would
be the next agent's request's. A master that keeps its connections open, whatever it said, shows which one is asked again."""

import select
import threading
import unittest

from proxy_site import ProxyTest, ScriptedMaster, read_head

METADATA = "/puppet/v3/file_metadata/modules/lab/small1"
FACTS = "/puppet/v3/facts/agent1.lab.test"
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
JUNK = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nnot his"


class ReusedConnections(ProxyTest):
    @classmethod
    def prepare(cls):
        cls.scripted = ScriptedMaster(cls.site, cls.script)
        cls.addClassCleanup(cls.scripted.close)
        cls.more = "".join(f'[service.{each}]\nmasters = ["{cls.scripted.place}"]\n' for each in ("files", "catalog"))

    @classmethod
    def script(cls, connection, count):
        while True:
            read_head(connection)
            cls.asked.append(count)
            answer, cls.answer = cls.answer, GOOD
            connection.sendall(answer)
            if cls.later:
                cls.let_later.wait(30)
                later, cls.later = cls.later, b""
                connection.sendall(later)
                cls.later_sent.set()

    def setUp(self):
        super().setUp()
        cls = type(self)
        cls.asked, cls.answer, cls.later = [], GOOD, b""
        cls.let_later, cls.later_sent = threading.Event(), threading.Event()

    def then_another_gets_his_own(self):
        """The next request is answered with its own answer. Returns whether it had the same connection."""
        got = self.connect().request("GET", METADATA)
        self.assertEqual((got.status, got.body), (200, b"ok"))
        first, second = self.asked
        return first == second

    def first(self, answer, method="GET", status=200):
        type(self).answer = answer
        got = self.connect().request(method, METADATA)
        self.assertEqual(got.status, status, got.body)
        return got

    def test_after_a_clean_answer_of_each_kind_it_is(self):
        for method, status, answer in (
                ("GET", 200, GOOD), ("HEAD", 200, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
                ("GET", 204, b"HTTP/1.1 204 No Content\r\n\r\n"),
                ("GET", 304, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"),
                ("GET", 200, b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD),
                ("GET", 200, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")):
            with self.subTest(answer=answer):
                self.asked.clear()
                self.first(answer, method, status)
                self.assertTrue(self.then_another_gets_his_own())

    def test_with_bytes_behind_the_answer_it_is_not(self):
        for method, status, answer in (
                ("GET", 200, GOOD), ("GET", 200, b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD),
                ("GET", 200, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
                ("HEAD", 200, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
                ("GET", 204, b"HTTP/1.1 204 No Content\r\n\r\n"),
                ("GET", 304, b"HTTP/1.1 304 Not Modified\r\n\r\n")):
            for junk in (JUNK, b"x", b"\r\n"):
                with self.subTest(answer=answer, junk=junk):
                    self.asked.clear()
                    self.first(answer + junk, method, status)
                    self.assertFalse(self.then_another_gets_his_own())

    def test_when_they_come_after_it_was_put_back_it_is_not(self):
        type(self).later = JUNK
        self.first(GOOD)
        self.let_later.set()
        self.later_sent.wait(30)
        self.assertFalse(self.then_another_gets_his_own())

    def test_when_the_answer_says_that_it_is_the_last_one_it_is_not(self):
        for answer in (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
                       b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"):
            with self.subTest(answer=answer):
                self.asked.clear()
                self.assertEqual(self.first(answer).body, b"ok")
                self.assertFalse(self.then_another_gets_his_own())

    def test_after_an_answer_that_is_refused_it_is_not(self):
        for answer in (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
                       b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"):
            with self.subTest(answer=answer):
                self.asked.clear()
                self.first(answer, status=502)
                self.assertFalse(self.then_another_gets_his_own())

    def test_when_the_master_answers_before_it_has_the_request_it_is_not(self):
        client = self.connect()
        client.request("GET", METADATA)  # with the session tickets of the handshake: what is readable now is the answer
        self.asked.clear()
        client.send(f"PUT {FACTS} HTTP/1.1\r\nHost: x\r\nContent-Length: {1 << 40}\r\n\r\n".encode())
        while not select.select([client.tls], [], [], 0)[0]:
            client.send(b"x" * 65536)
        answer = client.read_answer("PUT")
        self.assertEqual((answer.status, answer.body), (200, b"ok"))
        self.assertFalse(self.then_another_gets_his_own())


if __name__ == "__main__":
    unittest.main()
