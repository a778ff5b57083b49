"""Tests of the bytes in a tunnel that hold for connect and for passthrough alike."""

import contextlib
import hashlib
import itertools
import os
import signal
import socket
import threading
import unittest

from labsite import Site, until
from tunnel_site import (CA, INTERNAL_ERROR, MASTERS, PUPPET, SERVER_HELLO, SRV, STATUS, ScriptedMaster, TunnelShim,
                         ask, ending, hello, receive, reset)

BIG = 50 * 1024 * 1024


def echo(connection):
    connection.sendall(SERVER_HELLO)
    while data := connection.recv(65536):
        connection.sendall(data)


class TunnelTest(unittest.TestCase):
    """One site for the class; each test has its masters back and the shim must be well at its end."""

    way = ""
    numbers = itertools.count()  # of the shims

    @classmethod
    def setUpClass(cls):
        if not cls.way:
            raise unittest.SkipTest("only its subclasses are tests")
        cls.site = cls.enterClassContext(Site(masters=MASTERS, srv=SRV, key="ec", autosign=True,
                                              agents=("agent1", "agent2")))
        cls.shim = TunnelShim(cls.site, cls.way, port=cls.listener_port())

    @classmethod
    def listener_port(cls):
        return 0

    def setUp(self):
        for master in self.site.masters.values():
            master.forget_log()

    def tearDown(self):
        self.assertTrue(self.shim.process.is_running(), self.shim.log()[-4000:])

    def seen(self, path_prefix=""):
        """Requests at any master: which of the compilers it is depends on what the tests before have done to them."""
        return [line for lines in self.site.requests(path_prefix).values() for line in lines]

    def scripted(self, *scripts, limits="", connect='tls_timeout = "2s"'):
        """A shim of its own in front of one ScriptedMaster for each script, in that order, all asked for as PUPPET."""
        masters = [one if isinstance(one, str) else ScriptedMaster(self.site, one, 1 + i).place
                   for i, one in enumerate(scripts)]
        places = ", ".join(f'"{place}"' for place in masters)
        return TunnelShim(self.site, self.way, name=f"s{next(self.numbers)}", limits=limits, connect=connect,
                          extra=f'[service.catalog]\nmasters = [{places}]\nnames = ["{PUPPET}:1"]\n')

    def open_scripted(self, shim, greeting=SERVER_HELLO):
        """A channel on which the ClientHello was sent and the first bytes of the master have come."""
        channel = shim.open(f"{PUPPET}:1")
        self.addCleanup(channel.close)
        channel.sendall(hello())
        self.assertEqual(receive(channel, len(greeting)), greeting)
        return channel

    def dead_place(self):
        """An address and port where nobody listens, kept by a socket that is bound."""
        keeper = socket.socket()
        self.addCleanup(keeper.close)
        keeper.bind((self.site.range.address(9), 0))
        return "{}:{}".format(*keeper.getsockname())


class TunnelCases:
    """Mixed into TunnelTest."""

    # End to end

    def test_the_masters_tls_is_the_clients(self):
        with self.shim.tls() as tls:
            self.assertEqual(ask(tls, STATUS).body, b"running")
        line = self.seen(STATUS)[0]
        self.assertEqual((line["client"], line["sni"]), ("agent1.lab.test", PUPPET))

    def test_it_gives_nobody_an_identity(self):
        with self.shim.tls(node=None) as tls:
            self.assertEqual(ask(tls, STATUS).body, b"running")
            self.assertEqual(ask(tls, "/puppet/v3/file_metadatas/plugins?environment=production").status, 403)
        self.assertEqual({line["client"] for line in self.seen()}, {""})

    def test_each_name_has_its_service(self):
        with self.shim.tls(node=None, name=CA) as tls:
            self.assertEqual(ask(tls, "/puppet-ca/v1/certificate/ca").status, 200)
        self.assertEqual(set(self.site.requests()), {"ca"})

    # Failover

    def test_a_dead_first_master_is_not_noticed(self):
        self.site.masters["compile1"].kill()
        self.addCleanup(self.site.masters["compile1"].start)
        with self.shim.tls() as tls:
            self.assertEqual(ask(tls, STATUS).body, b"running")
        self.assertEqual(set(self.site.requests()), {"compile2"})

    def test_a_master_that_hangs_after_accept_is_left(self):
        self.site.masters["compile1"].pause()
        self.addCleanup(self.site.masters["compile1"].resume)
        with self.shim.tls() as tls:
            self.assertEqual(ask(tls, STATUS).body, b"running")
        self.assertEqual([line["sni"] for line in self.site.masters["compile2"].requests()], [PUPPET])

    def test_the_clients_first_bytes_reach_the_next_master_as_they_were(self):
        silent = ScriptedMaster(self.site, lambda c: c.recv(1), 1)
        closing = ScriptedMaster(self.site, lambda c: c.close(), 2)
        breaking = ScriptedMaster(self.site, reset, 3)
        other = ScriptedMaster(self.site, lambda c: c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), 4)
        good = ScriptedMaster(self.site, echo, 5)
        shim = self.scripted(self.dead_place(), silent.place, closing.place, breaking.place, other.place, good.place)
        sent = hello()
        channel = shim.open(f"{PUPPET}:1")
        channel.sendall(sent)
        self.assertEqual(receive(channel, len(SERVER_HELLO)), SERVER_HELLO)
        for master in (silent, closing, breaking, other, good):
            self.assertEqual(master.hellos, [sent])
        channel.sendall(b"on it goes")
        self.assertEqual(receive(channel, 10), b"on it goes")
        channel.close()
        told = shim.lines("tunnel", 1)[0]
        self.assertEqual((told["master"], told["attempts"]), (good.place, "6"))
        for what in ("refused", "in time", "closed the connection", "reset", "not TLS"):
            self.assertIn(what, told["failed"])

    def test_a_master_that_is_silent_again_and_again_is_given_up(self):
        silent = ScriptedMaster(self.site, lambda c: c.recv(1), 1)
        shim = self.scripted(silent.place, echo, connect='tls_timeout = "1s"')
        for _ in range(4):
            self.open_scripted(shim)
        self.assertEqual(len(silent.hellos), 3)

    def test_an_alert_is_the_last_word_when_nobody_has_another(self):
        alert = b"\x15\x03\x03\x00\x02\x02\x28"
        shim = self.scripted(lambda c: c.sendall(alert), lambda c: c.sendall(alert))
        channel = shim.open(f"{PUPPET}:1")
        channel.sendall(hello())
        self.assertEqual(ending(channel), (alert, "fin"))
        channel.close()
        good = self.scripted(lambda c: c.sendall(alert), echo)
        self.open_scripted(good)

    def test_when_no_master_speaks_tls_the_client_hears_an_alert(self):
        shim = self.scripted(lambda c: c.close())
        channel = shim.open(f"{PUPPET}:1")
        channel.sendall(hello())
        self.assertEqual(ending(channel), (INTERNAL_ERROR, "fin"))
        channel.close()
        self.assertIn("closed the connection before its TLS began", shim.lines("refused", 1)[0]["reason"])

    # What the client sends first

    def test_a_client_that_speaks_no_tls_is_refused(self):
        channel = self.shim.open()
        channel.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        ending(channel)
        channel.close()
        self.assertEqual(self.shim.lines("refused", 1)[-1]["reason"], "it does not begin with TLS")

    def test_a_client_hello_may_come_in_pieces(self):
        shim = self.scripted(echo)
        channel = shim.open(f"{PUPPET}:1")
        channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in hello():
            channel.sendall(bytes([byte]))
        self.assertEqual(receive(channel, len(SERVER_HELLO)), SERVER_HELLO)
        channel.close()

    def test_an_endless_client_hello_is_cut(self):
        channel = self.shim.open()
        channel.sendall(b"\x16\x03\x01\x40\x00\x01\x00\xff\xff" + bytes(16380))
        self.assertEqual(ending(channel)[0], b"")
        channel.close()
        self.assertIn("larger than any real one", self.shim.lines("refused", 1)[-1]["reason"])

    def test_a_dripping_client_hello_has_its_time(self):
        shim = self.scripted(echo, limits='handshake_timeout = "1s"')
        channel = shim.open(f"{PUPPET}:1")
        data = hello()
        with contextlib.suppress(OSError):
            for byte in data:
                channel.sendall(bytes([byte]))
                if shim.lines("refused"):
                    break
                channel.settimeout(0.05)  # the drip: a byte each 50 ms, unless the shim has closed meanwhile
                try:
                    if channel.recv(1) == b"":
                        break
                except TimeoutError:
                    pass
        self.assertIn("not complete in time", shim.lines("refused", 1)[0]["reason"])
        channel.close()

    # The bytes in between

    def test_50_mb_go_both_ways_at_once_in_bounded_memory(self):
        shim = self.scripted(echo)
        channel = self.open_scripted(shim)
        block = os.urandom(1 << 20)

        def send():
            for _ in range(BIG >> 20):
                channel.sendall(block)
            channel.shutdown(socket.SHUT_WR)
        sender = threading.Thread(target=send)
        sender.start()
        wanted, got, count = hashlib.sha256(), hashlib.sha256(), 0
        for _ in range(BIG >> 20):
            wanted.update(block)
        while data := channel.recv(1 << 20):
            got.update(data)
            count += len(data)
        sender.join()
        self.assertEqual((count, got.digest()), (BIG, wanted.digest()))
        if not self.site.sanitized:
            with open(f"/proc/{shim.process.pid}/status", encoding="ascii") as status:
                peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
            self.assertLess(peak, 64 * 1024)
        told = shim.lines("tunnel", 1)[0]
        self.assertEqual((int(told["up"]), int(told["down"]), "cut" in told),
                         (len(hello()) + BIG, BIG + len(SERVER_HELLO), False))

    def test_a_side_that_does_not_read_holds_the_other_up(self):
        sent = [0]

        def pour(connection):
            connection.sendall(SERVER_HELLO)
            connection.settimeout(2)
            with contextlib.suppress(TimeoutError):
                while True:
                    sent[0] += connection.send(bytes(65536))
        master = ScriptedMaster(self.site, pour)
        shim = self.scripted(master.place)
        channel = self.open_scripted(shim)
        until(lambda: master.done, "the master to be held up", 60)
        self.assertGreater(sent[0], 0)
        got = 0
        while got < sent[0]:
            got += len(channel.recv(1 << 20))
        if not self.site.sanitized:
            with open(f"/proc/{shim.process.pid}/status", encoding="ascii") as status:
                peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
            self.assertLess(peak, 64 * 1024)

    def test_the_client_may_end_its_side_first(self):
        def answer_at_the_end(connection):
            connection.sendall(SERVER_HELLO)
            data = b""
            while more := connection.recv(65536):
                data += more
            connection.sendall(b"got " + data)
            connection.close()
        channel = self.open_scripted(self.scripted(answer_at_the_end))
        channel.sendall(b"all")
        channel.shutdown(socket.SHUT_WR)
        self.assertEqual(ending(channel), (b"got all", "fin"))

    def test_the_master_may_end_its_side_first(self):
        got = []

        def end_first(connection):
            connection.sendall(SERVER_HELLO)
            connection.shutdown(socket.SHUT_WR)
            while more := connection.recv(65536):
                got.append(more)
        channel = self.open_scripted(self.scripted(end_first))
        self.assertEqual(channel.recv(1), b"")
        channel.sendall(b"still heard")
        channel.close()
        until(lambda: b"".join(got) == b"still heard", "the rest at the master")

    def test_a_broken_master_breaks_the_client(self):
        go = threading.Event()

        def break_later(connection):
            connection.sendall(SERVER_HELLO)
            go.wait(60)
            reset(connection)
        shim = self.scripted(break_later)
        channel = self.open_scripted(shim)
        go.set()
        self.assertEqual(ending(channel), (b"", "reset"))
        self.assertIn("master: ", shim.lines("tunnel", 1)[0]["cut"])

    def test_a_broken_client_breaks_the_master(self):
        seen = []

        def watch(connection):
            connection.sendall(SERVER_HELLO)
            seen.append(ending(connection)[1])
        shim = self.scripted(watch)
        reset(self.open_scripted(shim))
        until(lambda: seen == ["reset"], "a reset at the master")
        self.assertIn("client: ", shim.lines("tunnel", 1)[0]["cut"])

    def test_one_that_outlasts_a_drain_is_broken_off_for_both_sides(self):
        """Without TLS's goodbye, an end is all that tells a part of an answer from the whole; not every OpenSSL minds."""
        for stop_again in (False, True):
            seen = []

            def begin_to_answer(connection, seen=seen):
                connection.sendall(SERVER_HELLO)
                connection.sendall(b"a part")
                seen.append(ending(connection)[1])
            shim = self.scripted(begin_to_answer, limits=f'drain_timeout = "{"60s" if stop_again else "200ms"}"')
            channel = self.open_scripted(shim)
            self.assertEqual(receive(channel, 6), b"a part")
            shim.process.signal(signal.SIGTERM)
            shim.process.wait_for_line(r"draining connections=1")
            if stop_again:
                shim.process.signal(signal.SIGTERM)
            self.assertEqual(ending(channel), (b"", "reset"))
            self.assertEqual(shim.process.wait(), 0)
            until(lambda seen=seen: seen == ["reset"], "a reset at the master")

    def test_a_killed_master_is_seen_at_once(self):
        with self.shim.tls() as tls:
            ask(tls, STATUS)
            self.site.masters["compile1"].kill()
            self.addCleanup(self.site.masters["compile1"].start)
            self.assertIn(end_of(tls), ("fin", "reset"))
        with self.shim.tls() as tls:
            self.assertEqual(ask(tls, STATUS).body, b"running")

    def test_silence_is_allowed_until_tunnel_idle_is_over(self):
        shim = self.scripted(echo, limits='tunnel_idle = "1s"')
        channel = self.open_scripted(shim)
        self.assertEqual(ending(channel), (b"", "fin"))
        told = shim.lines("tunnel", 1)[0]
        self.assertEqual(told["cut"], "limits.tunnel_idle is over")
        self.assertGreaterEqual(int(told["ms"]), 1000)

    def test_a_long_silence_is_not_an_end(self):
        """None of the limits on other ways in counts here."""
        shim = self.scripted(echo, limits='\n'.join(f'{key} = "1s"' for key in ("handshake_timeout", "header_timeout",
                                                                              "stall_timeout")))
        channel = self.open_scripted(shim)
        channel.settimeout(3)
        with self.assertRaises(TimeoutError):
            channel.recv(1)
        channel.settimeout(60)
        channel.sendall(b"still there")
        self.assertEqual(receive(channel, 11), b"still there")
        channel.close()

    def test_several_at_once_do_not_mix(self):
        shim = self.scripted(echo)
        channels = [self.open_scripted(shim) for _ in range(8)]
        for i, channel in enumerate(channels):
            channel.sendall(bytes([i]) * 100000)
        for i, channel in reversed(list(enumerate(channels))):
            self.assertEqual(receive(channel, 100000), bytes([i]) * 100000)

    def test_everything_is_closed_afterwards(self):
        shim = self.scripted(echo)
        before = shim.descriptors()
        for _ in range(5):
            self.open_scripted(shim).close()
        until(lambda: shim.descriptors() <= before, lambda: f"{before} descriptors: {shim.descriptors()}", 30)


def end_of(tls):
    """How the plain connection below a TLS one ends."""
    plain = socket.socket(fileno=tls.detach())
    plain.settimeout(60)
    try:
        return ending(plain)[1]
    finally:
        plain.close()
