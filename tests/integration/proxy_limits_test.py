"""Bad input from clients and masters: a clear error, no crash, no leak, and the daemon goes on."""

import contextlib
import http.client
import os
import resource
import select
import socket
import ssl
import subprocess
import time
import unittest

from labsite import until
from proxy_site import NODE, PLUGINS, REPORT, STATUS, ProxyTest, generated, raw_answer

METADATA = "/puppet/v3/file_metadata/modules/lab/small1"


class Limits(ProxyTest):
    limits = """
header_bytes = 8192
header_count = 40
target_bytes = 4096
header_timeout = "1s"
stall_timeout = "1s"
handshake_timeout = "1s"
connections = 20
idle_connections = 0
"""

    def setUp(self):
        super().setUp()
        self.assert_still_serves()
        self.doCleanups()
        until(lambda: self.connections() == 0, "earlier connections to end")
        self.before = self.descriptors()

    def tearDown(self):
        """Runs before the cleanups: what a test left open is ended here, and must be gone in the shim as well."""
        self.doCleanups()
        self.assert_descriptors_return_to(self.before)
        self.assert_still_serves()

    def connections(self):
        """Established ones of the shim's listening port, as the kernel says."""
        place = socket.inet_aton(self.address)[::-1].hex().upper() + f":{self.site.port:04X}"
        with open(f"/proc/{self.shim.pid}/net/tcp", encoding="ascii") as table:
            return sum(1 for line in table if line.split()[1] == place and line.split()[3] == "01")

    def raw(self, data):
        client = self.connect()
        client.send(data if isinstance(data, bytes) else data.encode("latin-1"))
        return client

    def assert_refused(self, data, status, *words):
        """Answered with an error that says why, closed, and no master saw anything of it."""
        client = self.raw(data)
        answer = client.read_answer()
        self.assert_own_error(answer, status, *words)
        self.assertEqual(answer.getheader("Connection"), "close")
        client.tls.unwrap()  # raises if anything but the shim's own goodbye came
        client.close()
        self.assertEqual([line["target"] for lines in self.seen().values() for line in lines
                          if line["target"] != PLUGINS], [])


class BadHeads(Limits):
    def test_heads_beyond_the_bounds(self):
        self.assert_refused(f"GET {STATUS} HTTP/1.1\r\nHost: x\r\nX-Long: " + "a" * 9000 + "\r\n\r\n", 431, "larger")
        many = "".join(f"X-{number}: 1\r\n" for number in range(50))
        self.assert_refused(f"GET {STATUS} HTTP/1.1\r\nHost: x\r\n{many}\r\n", 431, "fields")
        self.assert_refused(f"GET {STATUS}?{'a' * 5000} HTTP/1.1\r\nHost: x\r\n\r\n", 414, "target")
        self.assert_refused(f"GET {STATUS}?{'a' * 100000}", 414, "longer")

    def test_what_could_be_read_as_two_requests(self):
        get = f"GET {STATUS} HTTP/1.1\r\n"
        put = f"PUT {REPORT} HTTP/1.1\r\nHost: x\r\n"
        inner = f"GET {METADATA} HTTP/1.1\r\nHost: x\r\n\r\n"
        for request, word in (
                (put + f"Content-Length: {len(inner)}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner, "both"),
                (put + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + inner, "both"),
                (put + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef" + inner, "Content-Length"),
                (put + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde" + inner, "Content-Length"),
                (put + "Content-Length: 5, 5\r\n\r\nabcde" + inner, "Content-Length"),
                (put + "Content-Length: +5\r\n\r\nabcde" + inner, "Content-Length"),
                (put + "Content-Length: 0x5\r\n\r\nabcde" + inner, "Content-Length"),
                (put + "Content-Length : 5\r\n\r\nabcde" + inner, "colon"),
                (put + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + inner, "Transfer-Encoding"),
                (put + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + inner, "Transfer-Encoding"),
                (put + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + inner,
                 "Transfer-Encoding"),
                (put + "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + inner, "control"),
                (f"PUT {REPORT} HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner, "HTTP/1.0"),
                (get + "Host: x\r\nContent-Length: 5\r\n\r\nabcde" + inner, "body"),
                (get + "Host: x\r\nHost: y\r\n\r\n" + inner, "Host"), (get + "\r\n" + inner, "Host"),
                (get + "Host: x y\r\n\r\n" + inner, "Host"), (get + "Host: x\r\n folded: 1\r\n\r\n" + inner, "folded"),
                (get + "Host: x\nX: 1\r\n\r\n" + inner, "LF"), (get + "Host: x\rX: 1\r\n\r\n" + inner, "CR"),
                (get + "Host: x\r\nX: a\0b\r\n\r\n" + inner, "control"),
                (get + "Host: x\r\nno colon\r\n\r\n" + inner, "colon")):
            with self.subTest(request=request[:200]):
                self.assert_refused(request, 400, word)

    def test_request_lines_that_nobody_may_send(self):
        rest = "\r\nHost: x\r\n\r\n"
        for line, status in (("GET http://other/x HTTP/1.1", 400), ("GET * HTTP/1.1", 400), ("GET x HTTP/1.1", 400),
                             ("GET //other/x HTTP/1.1", 400), ("GET /a b HTTP/1.1", 400), ("GET /\xe9 HTTP/1.1", 400),
                             ("GET  / HTTP/1.1", 400), ("GET / HTTP/2.0", 505), ("GET / http/1.1", 400), ("GET /", 400),
                             ("TRACE / HTTP/1.1", 501), ("CONNECT a:1 HTTP/1.1", 501), ("get / HTTP/1.1", 501),
                             ("OPTIONS * HTTP/1.1", 501), ("\x16\x03\x01", 400)):
            with self.subTest(line=line):
                self.assert_refused(line + rest, status)

    def test_garbage_behind_a_good_request_is_refused_after_its_answer(self):
        client = self.raw(f"GET {STATUS} HTTP/1.1\r\nHost: x\r\n\r\n\x00\x01garbage\r\n\r\n")
        self.assertEqual(client.read_answer().body, b"running")
        self.assert_own_error(client.read_answer(), 400, "control")
        self.assertEqual(client.tls.recv(1), b"")

    def test_an_unknown_expectation_is_refused(self):
        self.assert_refused(f"GET {STATUS} HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n", 417, "100-continue")

    def test_a_malformed_chunk_is_refused_and_the_master_gets_no_whole_request(self):
        for chunks in ("5\r\nabcdeX", "zz\r\n", "5 \r\nabcde\r\n", "80000000\r\n", "0\r\nbad trailer\r\n\r\n",
                       "5\nabcde\r\n", "-1\r\n"):
            with self.subTest(chunks=chunks):
                client = self.raw(f"PUT {REPORT} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}" +
                                  "x" * 200000)
                answer = client.read_answer("PUT")
                self.assertIn(answer.status, (400, 413), answer.body)
                self.assertEqual(client.tls.recv(1), b"")
                client.close()
        self.assertEqual([line for line in self.ca.requests() if line["complete"]], [])
        self.assertEqual(self.ca.reports(), {})


class Silence(Limits):
    def test_half_a_head_is_answered_in_the_end(self):
        for part in ("G", f"GET {STATUS} HTTP/1.1\r\nHost: x\r\n"):
            client = self.raw(part)
            self.assert_own_error(client.read_answer(), 408, "in time")
            self.assertEqual(client.tls.recv(1), b"")
        self.shim.wait_for_line(r'warning refused request client="[^"]+" reason="the request\'s head was not complete in time"')

    def test_a_head_that_trickles_is_not_waited_for_forever(self):
        client = self.connect()
        client.request("GET", STATUS)  # with the handshake's session tickets: what comes from now on is an answer
        client.send(b"GET /")
        begin = time.monotonic()
        while not select.select([client.tls], [], [], 0.02)[0]:
            self.assertLess(time.monotonic() - begin, 30, "every byte buys more time")
            client.send(b"a")
        self.assert_own_error(client.read_answer(), 408, "in time")

    def test_half_a_body_is_answered_and_no_master_keeps_waiting(self):
        for framing, part in (("Content-Length: 100", "abc"), ("Transfer-Encoding: chunked", "5\r\nab"),
                              ("Content-Length: 100", "")):
            client = self.raw(f"PUT {REPORT} HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n{part}")
            answer = client.read_answer("PUT")
            self.assert_own_error(answer, 408, "body")
            self.assertEqual(client.tls.recv(1), b"")
            client.close()
        self.assertEqual(self.ca.reports(), {})

    def test_a_client_that_leaves_inside_its_body_is_forgotten(self):
        for _ in range(5):
            self.raw(f"PUT {REPORT} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc").close()
        self.assertEqual(self.ca.reports(), {})

    def test_a_client_that_never_reads_frees_both_connections(self):
        clients = [self.raw(f"GET {generated(1 << 30)} HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(3)]
        until(lambda: self.shim.stderr().count("did not read the answer") >= 3, "the shim to give the clients up")
        until(lambda: self.files.counters().get("open", 0) == 0, "the master's connections to end")
        for client in clients:
            self.assertIn(client.ending(), ("fin", "reset"))

    def test_a_client_that_leaves_inside_an_answer_frees_both_connections(self):
        client = self.raw(f"GET {generated(1 << 30)} HTTP/1.1\r\nHost: x\r\n\r\n")
        client.start_answer().read(100000)
        client.close()

    def test_a_handshake_that_never_ends_is_ended(self):
        with socket.create_connection((self.address, self.site.port), 30) as silent:
            silent.sendall(b"\x16\x03\x01")
            self.assertEqual(silent.recv(100), b"")

    def test_without_descriptors_it_waits_and_takes_callers_again(self):
        client = self.connect()
        self.assertEqual(client.request("GET", STATUS).status, 200)
        pid = self.shim.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        waiting = []

        def without_descriptors():
            highest = max(map(int, os.listdir(f"/proc/{pid}/fd")))
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1, before[1]))  # no number above those in use
            try:
                waiting.extend(socket.create_connection((self.address, self.site.port), 30) for _ in range(8))
                # Who is in already is told why there is no connection to a master for it (none is kept here).
                self.assert_own_error(client.request("GET", STATUS), 502, "Too many open files")
            finally:
                resource.prlimit(pid, resource.RLIMIT_NOFILE, before)

        without_descriptors()
        self.shim.wait_for_line("cannot accept connections for now: Too many open files")
        self.shim.wait_for_line("accepting again")
        self.assertEqual(self.connect().request("GET", STATUS).status, 200)
        without_descriptors()
        self.assertEqual(self.connect().request("GET", STATUS).status, 200)
        for line in ("cannot accept connections for now", "accepting again"):
            self.assertEqual(self.shim.stderr().count(line), 1, "a want that comes and goes is told once a minute")
        for one in waiting:
            one.close()

    def test_no_more_clients_than_allowed(self):
        clients = [self.connect() for _ in range(20)]
        for client in clients:
            client.request("GET", STATUS)
        with socket.create_connection((self.address, self.site.port), 30) as late:
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(late.recv(1), b"")
        self.shim.wait_for_line("refused a connection: limits.connections")
        self.assertEqual(clients[0].request("GET", STATUS).status, 200)
        clients.pop().close()
        until(lambda: self.connections() < 20, "the shim to notice")
        self.assertEqual(self.connect().request("GET", STATUS).status, 200)


class BadMasters(ProxyTest):
    limits = 'header_bytes = 8192\nstall_timeout = "1s"'
    more = '[service.files]\nfirst_byte_timeout = "1s"\n'

    def spoil(self, terms, **more):
        """One bad answer from whichever file server the run is with by now."""
        for master in (self.files, self.compile2):
            master.clear_faults()
            master.fault(terms, times=1, **more)

    def test_malformed_answers_of_every_master_are_502(self):
        ok = "HTTP/1.1 200 OK"
        for answer, word in (
                ("SSH-2.0-OpenSSH\r\n\r\n", "status line"), ("HTTP/2 200 OK\r\n\r\n", "HTTP/1"),
                (raw_answer("HTTP/1.1 99 Low"), "status"), (raw_answer("HTTP/1.1 200OK"), "status"),
                (raw_answer("HTTP/1.1 101 Switching", "Upgrade: h2c"), "protocol"),
                (raw_answer(ok, "Content-Length: 2", "Content-Length: 3", body=b"abc"), "Content-Length"),
                (raw_answer(ok, "Content-Length: 2", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"), "both"),
                (raw_answer(ok, "Transfer-Encoding: gzip"), "Transfer-Encoding"),
                (raw_answer(ok, "X: 1", " folded: 2"), "folded"), (raw_answer(ok, "no colon"), "colon"),
                (ok + "\nX: 1\n\n", "LF"), (raw_answer(ok, "X: a\0b"), "control"),
                (raw_answer(ok, "X: " + "a" * 9000), "larger"), ("\r\n\r\n", "empty line"),
                (raw_answer("HTTP/1.1 100 Continue") + "garbage\r\n\r\n", "status line"), ("", "closed"),
                ("HTTP/1.1 200 O", "closed")):
            with self.subTest(answer=answer[:100]):
                for master in (self.files, self.compile2):
                    master.clear_faults()
                    master.fault("raw", body=answer)
                client = self.connect()
                said = self.assert_own_error(client.request("GET", METADATA), 502, word,
                                             f"files.lab.test:{self.site.port}", f"compile2.lab.test:{self.site.port}")
                self.assertIn("no master of service files answered", said)
                # The client has done nothing wrong: its connection goes on. What becomes of the master's is in
                # reused_connections_test.py.
                for master in (self.files, self.compile2):
                    master.clear_faults()
                self.assertEqual(client.request("GET", METADATA).status, 200)
                client.close()

    def test_one_bad_master_is_passed_over(self):
        self.files.fault("raw", body="garbage\r\n\r\n")
        client = self.connect()
        self.assertEqual(client.request("GET", METADATA).status, 200)
        self.assertEqual(self.seen(METADATA)["compile2"][0]["status"], 200)

    def test_a_body_that_breaks_off_ends_the_clients_connection(self):
        for spoil in ("reset_after_bytes:100000", "close_after_bytes:100000", "hang_after_bytes:100000"):
            with self.subTest(spoil=spoil):
                self.spoil(spoil)
                client = self.connect()
                client.send_request("GET", generated(300000))
                answer = client.start_answer()
                self.assertEqual(answer.getheader("Content-Length"), "300000")
                with self.assertRaises((ssl.SSLEOFError, ConnectionResetError)):  # not IncompleteRead, as at an orderly end
                    answer.read()
                client.close()

    def test_an_agents_own_client_does_not_take_a_part_of_an_answer_for_all(self):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cut_answer.rb")

        def get(size):
            return subprocess.run(["ruby", script, self.site.ssldir("agent1"), NODE, self.address, str(self.site.port),
                                   generated(size)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                  timeout=120, check=True).stdout.strip()

        self.assertEqual(get(300000), "200 300000")
        for spoil in ("close_after_bytes:100000", "reset_after_bytes:100000", "hang_after_bytes:100000"):
            with self.subTest(spoil=spoil):
                for master in (self.files, self.compile2):
                    master.clear_faults()
                    master.fault(spoil)
                self.assertEqual(get(300000), "Errno::ECONNRESET")

    def test_a_bad_chunk_of_every_master_is_never_a_whole_answer(self):
        for master in (self.files, self.compile2):
            master.fault("raw", body=raw_answer("HTTP/1.1 200 OK", "Transfer-Encoding: chunked",
                                                body=b"5\r\nabcde\r\nzz\r\n0\r\n\r\n"))
        # Nothing of it had been passed on yet.
        self.assert_own_error(self.connect().request("GET", METADATA), 502, "files.lab.test", "chunk")

    def test_masters_that_do_not_answer_in_time_are_504(self):
        for master in (self.files, self.compile2):
            master.fault("hang_before_answer")
        before = self.descriptors()
        self.assert_own_error(self.connect().request("GET", METADATA), 504, "files.lab.test", "compile2.lab.test",
                              "its status did not come")
        self.assert_descriptors_return_to(before + 2)


if __name__ == "__main__":
    unittest.main()
