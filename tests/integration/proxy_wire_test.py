"""What stands on the wire between a client, the shim and a master: nothing is changed that must not be."""

import gzip
import hashlib
import socket
import unittest

from proxy_site import NODE, PLUGINS, REPORT, STATUS, CATALOG, ProxyTest, ScriptedMaster, generated, raw_answer, \
    read_head, report_body


def header_table(line):
    return {name.lower(): value for name, value in line["headers"]}


class Targets(ProxyTest):
    def test_targets_arrive_byte_for_byte(self):
        client = self.connect()
        targets = ("/puppet/v3/file_bucket_file/sha256/00//tmp/x",
                   "/puppet/v3/file_content/modules/lab/a%2Fb%2f+c?x=%2F+&y=",
                   "/puppet/v3/file_metadata/modules/lab/../x/./y", "/puppet/v3/file_content/m/%C3%A9;p=1?q=a//b?c",
                   "/puppet/v3/node/" + NODE + "?a=b&a=b&&c=%00")
        for target in targets:
            client.request("GET", target)
        arrived = [line["target"] for lines in self.seen().values() for line in lines]
        self.assertEqual(sorted(arrived), sorted(targets))

    def test_each_service_has_its_master_and_host_and_sni_are_that_masters(self):
        client = self.connect()
        client.request("GET", "/puppet-ca/v1/certificate/ca")
        client.request("GET", "/puppet/v3/file_metadata/modules/lab/small1")
        client.request("POST", CATALOG, b"x=1")
        client.request("PUT", REPORT, report_body())
        for path, name in (("/puppet-ca/", "ca"), ("/puppet/v3/file_metadata/", "files"),
                           ("/puppet/v3/catalog/", "compile1"), ("/puppet/v3/report/", "ca")):
            seen = self.seen(path)
            self.assertEqual(list(seen), [name], path)
            line = seen[name][0]
            self.assertEqual(line["sni"], f"{name}.lab.test")
            self.assertEqual(line["host"], f"{name}.lab.test:{self.site.port}")
            self.assertEqual(line["client"], NODE)


class KeepAlive(ProxyTest):
    def test_many_requests_share_one_connection_on_each_leg(self):
        client = self.connect()
        for number in range(30):
            answer = client.request("GET", f"/puppet/v3/file_metadata/modules/lab/small1?n={number}")
            self.assertEqual(answer.status, 200)
            self.assertIsNone(answer.getheader("Connection"))
        lines = self.seen("/puppet/v3/file_metadata/")["files"]
        self.assertEqual(len(lines), 30)
        self.assertEqual(len({line["connection"] for line in lines}), 1)

    def test_pipelined_requests_are_answered_in_order(self):
        client = self.connect()
        request = f"GET {generated(0)[:-1]}{{}} HTTP/1.1\r\nHost: x\r\n\r\n"
        client.send("".join(request.format(count) for count in (10, 2000, 0, 33)).encode())
        self.assertEqual([len(client.read_answer().body) for _ in range(4)], [10, 2000, 0, 33])

    def test_a_client_that_asks_for_the_end_gets_it(self):
        client = self.connect()
        answer = client.request("GET", STATUS, Connection="close")
        self.assertEqual((answer.status, answer.getheader("Connection"), answer.body), (200, "close", b"running"))
        self.assertEqual(client.tls.recv(1), b"")

    def test_an_http_1_0_client_gets_a_body_that_ends_with_the_connection(self):
        client = self.connect()
        client.send(f"GET {PLUGINS} HTTP/1.0\r\n\r\n".encode())
        answer = client.read_answer()
        self.assertEqual(answer.status, 200)
        self.assertIsNone(answer.getheader("Transfer-Encoding"))
        self.assertTrue(answer.body.startswith(b"["), answer.body[:80])
        self.assertTrue(answer.body.endswith(b"]"), answer.body[-80:])
        self.assertEqual(client.tls.recv(1), b"")


class Bodies(ProxyTest):
    def bucket(self, data):
        return f"/puppet/v3/file_bucket_file/sha256/{hashlib.sha256(data).hexdigest()}//tmp/x"

    def test_answers_with_length_and_chunked_are_whole(self):
        client = self.connect()
        with self.files.connect() as straight:
            for count in (0, 1, 7, 16383, 16384, 16385, 300000):
                self.assertEqual(client.request("GET", generated(count)).body,
                                 straight.request("GET", generated(count)).body)
        answer = client.request("GET", PLUGINS, Accept_Encoding="gzip")
        self.assertEqual(answer.getheader("Transfer-Encoding"), "chunked")
        self.assertEqual(answer.getheader("Content-Encoding"), "gzip")
        self.assertIn(b"relative_path", gzip.decompress(answer.body))

    def test_uploads_with_length_and_chunked_are_whole(self):
        client = self.connect()
        for count in (1, 16384, 70000, 3000000):
            data = hashlib.sha256(str(count).encode()).digest() * (count // 32 + 1)
            self.assertEqual(client.request("PUT", self.bucket(data), data).status, 200)
            self.assertEqual(client.request("GET", self.bucket(data)).body, data)
            data += b"!"
            client.send(f"PUT {self.bucket(data)} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            for begin in range(0, len(data), 50001):
                piece = data[begin:begin + 50001]
                client.send(f"{len(piece):x};ext=1\r\n".encode() + piece + b"\r\n")
            client.send(b"0\r\nTrailer: dropped\r\n\r\n")
            self.assertEqual(client.read_answer("PUT").status, 200)
            self.assertEqual(client.request("GET", self.bucket(data)).body, data)

    def test_a_put_without_body_says_so(self):
        self.connect().request("PUT", "/puppet/v3/facts/" + NODE)
        self.assertEqual(header_table(self.seen("/puppet/v3/facts/")["compile1"][0])["content-length"], "0")

    def test_head_has_no_body_even_when_the_answer_says_chunked(self):
        client = self.connect()
        target = self.bucket(b"nobody has this")
        with self.compile1.connect() as straight:  # the point of this test: the master does say it
            self.assertEqual(straight.request("HEAD", target).getheader("Transfer-Encoding"), "chunked")
        for _ in range(3):
            answer = client.request("HEAD", target)
            self.assertEqual((answer.status, answer.body), (404, b""))
        self.assertEqual(client.request("GET", STATUS).body, b"running")
        lines = self.compile1.requests()
        self.assertEqual([line["method"] for line in lines], ["HEAD"] * 4 + ["GET"])
        self.assertEqual(len({line["connection"] for line in lines[1:]}), 1)

    def test_head_keeps_the_length_it_announces(self):
        data = b"12345" * 100
        client = self.connect()
        client.request("PUT", self.bucket(data), data)
        answer = client.request("HEAD", self.bucket(data))
        self.assertEqual((answer.getheader("Content-Length"), answer.body), ("500", b""))
        self.assertEqual(client.request("GET", STATUS).body, b"running")

    def test_204_and_304_have_no_body_and_keep_the_connection(self):
        client = self.connect()
        for status in (204, 304):
            self.files.fault(f"status:{status}", times=1)
            answer = client.request("GET", "/puppet/v3/file_metadata/modules/lab/small1")
            self.assertEqual((answer.status, answer.body), (status, b""))
        self.assertEqual(client.request("GET", "/puppet/v3/file_metadata/modules/lab/small1").status, 200)
        self.assertEqual(len({line["connection"] for line in self.files.requests()}), 1)


class Interim(ProxyTest):
    def test_a_client_that_expects_100_gets_it_from_the_shim(self):
        client = self.connect()
        data = report_body()
        client.send(f"PUT {REPORT} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                    f"Content-Length: {len(data)}\r\n\r\n".encode())
        self.assertEqual(client.tls.recv(1000), b"HTTP/1.1 100 Continue\r\n\r\n")
        client.send(data)
        self.assertEqual(client.read_answer("PUT").status, 200)
        self.assertNotIn("expect", header_table(self.seen("/puppet/v3/report/")["ca"][0]))

    def test_a_body_that_was_never_asked_for_ends_the_connection(self):
        # No master can be reached, so no 100: whether the client sends its body now, nobody can know.
        client = self.connect()
        self.ca.kill()
        self.compile2.kill()
        self.addCleanup(self.ca.start)
        self.addCleanup(self.compile2.start)
        client.send(f"PUT {REPORT} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 50\r\n\r\n".encode())
        answer = client.read_answer("PUT")
        self.assertIn(answer.status, (502, 503, 504), answer.body)
        self.assertEqual(answer.getheader("Connection"), "close")
        self.assertEqual(client.tls.recv(1), b"")

    def test_interim_answers_of_a_master_are_not_passed_on(self):
        self.files.fault("raw", times=1, body=raw_answer("HTTP/1.1 103 Early Hints", "Link: </x>") +
                         raw_answer("HTTP/1.1 100 Continue") +
                         raw_answer("HTTP/1.1 200 OK", "Content-Length: 2", body=b"ok"))
        answer = self.connect().request("GET", generated(5))
        self.assertEqual((answer.status, answer.body), (200, b"ok"))

    def test_a_master_that_only_says_interim_answers_is_given_up(self):
        for master in (self.files, self.compile2):
            master.fault("raw", body=raw_answer("HTTP/1.1 103 Early Hints") * 200)
        answer = self.connect().request("GET", generated(5))
        self.assert_own_error(answer, 502, "files.lab.test", "compile2.lab.test", "interim")


class UntilClose(ProxyTest):
    def test_a_body_that_ends_with_the_connection_is_chunked_for_the_client(self):
        body = bytes(range(256)) * 400
        self.files.fault("raw", times=1, body=raw_answer("HTTP/1.0 200 OK", "Content-Type: x/y", body=body))
        client = self.connect()
        answer = client.request("GET", generated(5))
        self.assertEqual(answer.getheader("Transfer-Encoding"), "chunked")
        self.assertEqual(hashlib.sha256(answer.body).digest(), hashlib.sha256(body.decode("latin-1").encode()).digest())
        self.assertEqual(client.request("GET", generated(5)).status, 200)  # the client's connection lives on

    def test_an_empty_one_is_empty(self):
        self.files.fault("raw", times=1, body=raw_answer("HTTP/1.1 200 OK"))
        self.assertEqual(self.connect().request("GET", generated(5)).body, b"")


class Headers(ProxyTest):
    def test_identity_and_hop_by_hop_headers_never_reach_a_master(self):
        client = self.connect()
        client.send(f"GET {STATUS} HTTP/1.1\r\nHost: {client.host}\r\n".encode() + b"\r\n".join((
            b"X-Client-DN: CN=other", b"x-client-verify: SUCCESS", b"X-Client-Cert: abc", b"X-SSL-Subject: CN=other",
            b"SSL_CLIENT_S_DN: x", b"X-Forwarded-For: 1.2.3.4", b"Forwarded: for=1.2.3.4", b"X-Real-IP: 1.2.3.4",
            b"Client-Cert: :abc:", b"Connection: keep-alive, X-Mine", b"X-Mine: 1", b"Keep-Alive: timeout=5",
            b"Proxy-Authorization: Basic abc", b"Proxy-Connection: keep-alive", b"Proxy: http://evil", b"TE: trailers",
            b"Trailer: X-T", b"Upgrade: h2c", b"HTTP2-Settings: abc", b"X_Client_DN: CN=other",
            b"X-Puppet-Version: 7.23.0", b"Accept: text/pson, */*", b"X-Extra: a\tb", b"X-Twice: 1",
            b"X-Twice: 2", b"", b"")))
        self.assertEqual(client.read_answer().status, 200)
        sent = self.seen("/status/")["compile1"][0]["headers"]
        self.assertEqual(sent[0], ["Host", f"compile1.lab.test:{self.site.port}"])
        self.assertEqual([name for name, _ in sent[1:]],
                         ["X-Puppet-Version", "Accept", "X-Extra", "X-Twice", "X-Twice"])

    def test_an_answers_headers_come_as_they_are_but_for_the_hop(self):
        self.files.fault("raw", times=1, body=raw_answer(
            "HTTP/1.1 200 Fine", "Set-Cookie: a=1", "Set-Cookie: b=2", "X-Puppet-Version: 7.23.0", "Retry-After: 7",
            "Connection: X-Mine, keep-alive", "X-Mine: 1", "Keep-Alive: timeout=5", "Content-Length: 2", body=b"ok"))
        answer = self.connect().request("GET", generated(5))
        self.assertEqual((answer.reason, answer.body), ("Fine", b"ok"))
        self.assertEqual(answer.getheaders(), [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"),
                                               ("X-Puppet-Version", "7.23.0"), ("Content-Length", "2")])

    def test_retry_after_never_reaches_the_agent(self):
        for master in (self.compile1, self.compile2):
            master.fault("status:503,retry_after:2", body="busy")
        client = self.connect()
        answer = client.request("POST", CATALOG, b"x=1")
        self.assertEqual(answer.status, 503)
        self.assertIsNone(answer.getheader("Retry-After"))


class HalfWritten(ProxyTest):
    """What a well-behaved HTTP server cannot be told to do."""

    @classmethod
    def prepare(cls):
        cls.scripted = ScriptedMaster(cls.site, cls.script)
        cls.addClassCleanup(cls.scripted.close)
        cls.more = f'[service.files]\nmasters = ["{cls.scripted.place}"]\n'
        cls.heads = []

    @classmethod
    def script(cls, connection, _):
        while True:
            head, _ = read_head(connection)
            cls.heads.append(head)
            for piece in (b"HTTP/1.1 20", b"0 OK\r\nTransfer-", b"Encoding: chunked\r", b"\n\r\n4\r", b"\nabcd",
                          b"\r\n0", b"\r\n\r", b"\n"):
                connection.sendall(piece)  # a TLS record each

    def test_an_answer_in_splinters_is_one_answer(self):
        client = self.connect()
        for _ in range(3):
            self.assertEqual(client.request("GET", generated(5)).body, b"abcd")
        self.assertEqual(self.scripted.connections, 1)

    def test_a_request_in_splinters_is_one_request(self):
        client = self.connect()
        client.tls.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in f"GET {generated(5)} HTTP/1.1\r\nHost: x\r\nAccept: a/b\r\n\r\n".encode():
            client.send(bytes([byte]))
        self.assertEqual(client.read_answer().body, b"abcd")
        self.assertEqual(self.heads[-1], f"GET {generated(5)} HTTP/1.1\r\nHost: {self.scripted.place}\r\n"
                                         "Accept: a/b".encode())


if __name__ == "__main__":
    unittest.main()
