"""Manners on both legs: how connections are kept, ended and resumed, and what becomes of a request when a master has
closed the connection it was to take."""

import select
import socket
import ssl
import threading
import time
import unittest

from labsite import until
from proxy_site import CATALOG, REPORT, STATUS, ProxyTest, ScriptedMaster, generated, read_head, report_body

METADATA = "/puppet/v3/file_metadata/modules/lab/small1"
AGENT_KEEPS = 4.0  # seconds: the agent's http_keepalive_timeout


class TappedClient:
    """A client that sees every byte of the connection, encrypted: what comes after an answer must be nothing."""

    def __init__(self, test):
        self.socket = socket.create_connection((test.address, test.site.port), 30)
        test.addCleanup(self.socket.close)
        context = test.connect().context
        self.incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.outgoing = outgoing
        self.tls = context.wrap_bio(self.incoming, outgoing, server_hostname="agent1.lab.test")
        self._drive(self.tls.do_handshake)

    def _drive(self, step):
        while True:
            try:
                result = step()
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                more = self.socket.recv(65536)
                if not more:
                    raise OSError("the connection ended") from None
                self.incoming.write(more)

    def flush(self):
        if data := self.outgoing.read():
            self.socket.sendall(data)

    def request(self, target):
        """One GET of STATUS-like size; returns when the answer's last byte was read."""
        self.tls.write(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        self.flush()
        data = b""
        while b"\r\n\r\nrunning" not in data.replace(b"7\r\nrunning\r\n0\r\n\r\n", b"running"):
            data += self._drive(lambda: self.tls.read(16384))
        return data

    def unread(self):
        """Encrypted bytes that came and belong to no answer."""
        if self.incoming.pending:
            return self.incoming.pending
        ready = select.select([self.socket], [], [], 0)[0]
        return len(self.socket.recv(65536)) if ready else 0


class LocalLeg(ProxyTest):
    def test_an_idle_client_outlives_the_agents_own_patience(self):
        # Other connections come and go meanwhile: what the shim does for them is how the time passes here.
        idle = self.connect()
        self.assertEqual(idle.request("GET", STATUS).status, 200)
        begin = time.monotonic()
        while time.monotonic() < begin + AGENT_KEEPS + 1:
            self.assertEqual(self.connect().request("GET", STATUS).status, 200)
            self.assertFalse(select.select([idle.tls], [], [], 0.2)[0], "the idle connection was ended")
        self.assertEqual(idle.request("GET", STATUS).status, 200)

    def test_nothing_follows_an_answer_not_even_a_session_ticket(self):
        client = TappedClient(self)
        for _ in range(3):
            client.request(STATUS)
            self.assertEqual(client.unread(), 0)
        # A ticket would have been under way before this answer of another connection.
        self.connect().request("GET", STATUS)
        self.assertEqual(client.unread(), 0)

    def test_a_client_can_resume_its_tls_session(self):
        first = self.connect()
        first.request("GET", STATUS)
        session = first.tls.session
        self.assertIsNotNone(session)
        second = self.connect(context=first.context, session=session)
        self.assertTrue(second.tls.session_reused)
        self.assertEqual(second.request("GET", STATUS).status, 200)

    def test_a_master_that_ends_its_connection_does_not_end_the_clients(self):
        client = self.connect()
        for how in ("last_answer", "close_after_answer", "notify_after_answer"):
            self.files.fault(how, times=1)
            for _ in range(3):
                answer = client.request("GET", METADATA)
                self.assertEqual((answer.status, answer.getheader("Connection")), (200, None), how)
        self.assertEqual(len(self.files.requests()), 9)


class UpstreamLeg(ProxyTest):
    limits = 'upstream_idle = "1s"'

    def test_sessions_are_resumed_and_idle_connections_closed_before_the_master_does(self):
        self.connect().request("GET", METADATA)
        until(lambda: self.files.events("close") or self.files.counters().get("open") == 0,
              "the shim to close its idle connection")
        self.connect().request("GET", METADATA)
        lines = self.files.requests()
        self.assertEqual([line["resumed"] for line in lines], [lines[0]["resumed"], True])
        self.assertNotEqual(lines[0]["connection"], lines[1]["connection"])


class ManyAtOnce(ProxyTest):
    more = '[connect]\nrace_delay = "30s"'  # nobody is passed over for being slow on a busy machine

    def test_when_many_need_a_master_at_once_one_handshake_is_whole_and_the_others_resume_its_session(self):
        clients = [self.connect() for _ in range(8)]
        self.files.fault("delay_ms:2000")
        threads = [threading.Thread(target=client.request, args=("GET", METADATA)) for client in clients]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        lines = self.files.requests()
        resumed = {line["connection"]: line["resumed"] for line in lines}
        self.assertGreater(len(resumed), 1)
        self.assertEqual(list(resumed.values()).count(False), 1, resumed)


class StaleConnections(ProxyTest):
    def test_a_connection_that_a_master_closed_meanwhile_is_not_used(self):
        requests = (("GET", METADATA, None, self.files), ("POST", CATALOG, b"x=1", self.compile1),
                    ("PUT", REPORT, report_body(), self.ca))
        client = self.connect()
        for how in ("close", "reset"):
            for method, target, body, master in requests:
                with self.subTest(how=how, method=method):
                    client.request(method, target, body)
                    before = len(master.reports())
                    master.drop_connections(how)
                    answer = client.request(method, target, body)
                    self.assertNotIn(answer.status, (502, 503, 504), answer.body)
                    if method == "PUT":
                        self.assertEqual(len(master.reports()), before + 1)
        self.assertEqual(set(self.seen()), {"files", "compile1", "ca"})  # nobody else had to help

    def test_a_get_that_loses_its_reused_connection_is_asked_again(self):
        client = self.connect()
        client.request("GET", METADATA)
        self.files.fault("reset_before_answer", times=1)
        self.assertEqual(client.request("GET", METADATA).status, 200)
        self.assertEqual(set(self.seen(METADATA)), {"files"})

    def test_a_report_that_a_master_may_have_is_never_sent_again(self):
        client = self.connect()
        for reused in (True, False):
            with self.subTest(reused=reused):
                if reused:
                    client.request("PUT", REPORT, report_body())
                else:
                    self.ca.drop_connections("close")
                self.ca.fault("reset_before_answer", method="PUT", times=1)
                self.compile2.forget_log()
                self.ca.forget_log()
                answer = client.request("PUT", REPORT, report_body())
                self.assert_own_error(answer, 502, "report", "ca.lab.test")
                self.assertEqual([len(master.events("arrived")) for master in (self.ca, self.compile2)], [1, 0])


class Early(ProxyTest):
    """A master that answers before it has the request, and then reads no more of it."""

    @classmethod
    def prepare(cls):
        cls.scripted = ScriptedMaster(cls.site, cls.script)
        cls.addClassCleanup(cls.scripted.close)
        cls.more = f'[service.catalog]\nmasters = ["{cls.scripted.place}"]\n'
        cls.leave = threading.Event()
        cls.resets = False

    @classmethod
    def script(cls, connection, _):
        read_head(connection)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 7\r\nConnection: close\r\n\r\ntoo big")
        if cls.resets:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()
        else:
            cls.leave.wait(30)

    def upload(self, client, size, answered=None):
        piece = b"x" * 65536
        client.send("PUT /puppet/v3/facts/agent1.lab.test HTTP/1.1\r\nHost: x\r\n"
                    f"Content-Length: {size}\r\n\r\n".encode())
        while size > 0 and not (answered and select.select([client.tls], [], [], 0)[0]):
            client.send(piece[:size])
            size -= len(piece)

    def assert_refused(self, client):
        answer = client.read_answer("PUT")
        self.assertEqual((answer.status, answer.body), (413, b"too big"))
        self.assertEqual(answer.getheader("Connection"), "close")

    def test_a_client_that_sends_everything_before_it_reads_gets_the_answer(self):
        client = self.connect()
        self.upload(client, 40 << 20)
        self.assert_refused(client)

    def test_a_client_that_stops_at_the_answer_gets_it_at_once(self):
        client = self.connect()
        client.request("GET", METADATA)  # with the session tickets of the handshake: what is readable now is the answer
        self.upload(client, 1 << 40, answered=True)
        self.assert_refused(client)

    def test_the_same_when_the_master_resets_the_connection(self):
        type(self).resets = True
        client = self.connect()
        self.upload(client, 40 << 20)
        answer = client.read_answer("PUT")
        # The reset may overtake the answer; then the shim has to say so itself.
        self.assertIn(answer.status, (413, 502), answer.body)


if __name__ == "__main__":
    unittest.main()
