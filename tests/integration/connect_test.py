"""The way in `connect`: CONNECT to a logical name, its refusals, and what a real agent does with it."""

import json
import signal
import socket
import ssl
import subprocess
import unittest

from labsite import Shim
from tunnel_cases import TunnelCases, TunnelTest
from tunnel_site import CA, PUPPET, STATUS, TunnelShim, ask, client_context, ending, hello


class Connect(TunnelCases, TunnelTest):
    way = "connect"

    def refused(self, target, status, *words):
        channel, line, body = self.shim.ask_to_connect(target)
        self.assertEqual(ending(channel), (b"", "fin"))
        channel.close()
        self.assertIn(f" {status} bunraku: ", line)
        said = json.loads(body)
        self.assertEqual(said["issue_kind"], "RUNTIME_ERROR")
        for word in words:
            self.assertIn(word, said["message"])
        return line

    def test_unknown_names_are_refused_with_the_setting_that_would_allow_them(self):
        before = len(self.shim.lines("refused"))
        line = self.refused("evil.example.com:443", 403, "add it to `names` of a [service.NAME]", f"{PUPPET}:")
        self.assertIn("add it to `names`", line)
        audit = self.shim.lines("refused", before + 1)[before:]
        self.assertEqual([(one["way"], one["for"]) for one in audit], [("connect", "evil.example.com:443")])

    def test_other_ports_are_refused(self):
        self.refused(f"{PUPPET}:22", 403, f"on port {self.site.port}")
        self.refused("127.0.0.1:22", 403)
        self.refused("agent1.lab.test:22", 403, "see serverport")

    def test_masters_own_names_are_not_proxied(self):
        self.refused(f"compile1.lab.test:{self.site.port}", 403)

    def test_other_methods_and_malformed_heads_are_refused(self):
        for head, status in ((b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"501"),
                             (b"CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", b"400"),
                             (b"CONNECT a:1 HTTP/1.1\nHost: a\n\n", b"400"), (b"\x16\x03\x01\x02\x00", b"400")):
            with self.shim.dial() as channel:
                channel.sendall(head)
                answer, how = ending(channel)
                self.assertTrue(answer.startswith(b"HTTP/1.1 " + status), answer)
                self.assertEqual(how, "fin")

    def test_an_endless_head_is_cut(self):
        with self.shim.dial() as channel:
            channel.sendall(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nX: " + b"x" * 40000)
            self.assertTrue(ending(channel)[0].startswith(b"HTTP/1.1 431 "))

    def test_a_head_has_its_time(self):
        shim = TunnelShim(self.site, "connect", name="slow-head", limits='header_timeout = "1s"')
        with shim.dial() as silent, shim.dial() as begun:
            begun.sendall(b"CONNECT a:1 HTTP/1.1\r\n")
            self.assertTrue(ending(begun)[0].startswith(b"HTTP/1.1 408 "))
            self.assertEqual(ending(silent), (b"", "fin"))

    def test_a_dripping_head_has_no_more_time_than_a_silent_one(self):
        shim = TunnelShim(self.site, "connect", name="dripping-head", limits='header_timeout = "1s"')
        with shim.dial() as channel:
            channel.settimeout(0.05)  # the drip: a byte each 50 ms, until there is an answer
            answer = b""
            for byte in b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nX: " + b"x" * 20000:
                channel.sendall(bytes([byte]))
                try:
                    answer = channel.recv(100)
                    break
                except TimeoutError:
                    pass
            self.assertTrue(answer.startswith(b"HTTP/1.1 408 "), answer)
        self.assertIn("not complete in time", shim.lines("refused", 1)[0]["reason"])

    def test_a_dead_service_says_who_was_tried(self):
        dead = self.dead_place()
        shim = self.scripted(dead)
        channel, line, body = shim.ask_to_connect(f"{PUPPET}:1")
        channel.close()
        self.assertIn(" 502 bunraku: no master of service catalog answered: " + dead, line)
        self.assertIn("Connection refused", json.loads(body)["message"])

    def test_a_service_nobody_knows_is_503(self):
        shim = TunnelShim(self.site, "connect", name="nobody",
                          extra='[service.files]\nsrv_name = ["_none._tcp.lab.test"]\nnames = ["files.lab.test"]\n')
        channel, line, _ = shim.ask_to_connect("files.lab.test:8140")
        channel.close()
        self.assertIn(" 503 bunraku: service files: ", line)

    def test_who_came_before_a_reload_is_led_to_the_service_that_it_names(self):
        def further(name, master):
            return (f'[service.{name}]\nmasters = ["{master}.lab.test:{self.site.port}"]\nnames = ["{name}.lab.test:1"]\n')
        shim = TunnelShim(self.site, "connect", name="renumbered", extra=further("canary", "compile1"))
        path = shim.process.config_path
        with shim.dial() as early:
            shim.open("canary.lab.test:1").close()  # who came later has been served, so this one was accepted
            with open(path, encoding="utf-8") as file:
                config = file.read()
            with open(path, "w", encoding="utf-8") as file:
                file.write(config.replace("[service.canary]", further("another", "compile2") + "[service.canary]"))
            shim.process.signal(signal.SIGHUP)
            shim.process.wait_for_line(r"\breloaded listen=")
            _, line, body = shim.ask_to_connect("canary.lab.test:1", channel=early)
            self.assertIn(" 200 ", line, body)
            early.sendall(hello())
            self.assertTrue(early.recv(1))
        self.assertEqual([one["master"] for one in shim.lines("tunnel", 1)], [f"compile1.lab.test:{self.site.port}"])

    def test_curl_comes_through(self):
        done = subprocess.run(
            ["curl", "-sS", "--max-time", "60", "--proxy", "http://{}:{}".format(*self.shim.address), "--cacert",
             f"{self.site.ssldir('agent1')}/certs/ca.pem", f"https://{PUPPET}:{self.site.port}{STATUS}"],
            capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, "running"), done.stderr)

    # The node's own name

    def test_the_nodes_own_name_is_terminate(self):
        with self.shim.tls(name="agent1.lab.test") as tls:
            self.assertEqual(ask(tls, "/puppet/v3/file_metadatas/plugins?environment=production").status, 200)
            self.assertEqual(ask(tls, STATUS).body, b"running")
        self.assertEqual({line["client"] for line in self.seen()}, {"agent1.lab.test"})
        self.assertTrue(self.shim.lines("exchange", 2))

    def test_the_nodes_own_name_asks_for_the_nodes_own_certificate(self):
        for node in (None, "agent2"):
            channel = self.shim.open(name="agent1.lab.test")
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                with client_context(self.site, node).wrap_socket(channel, server_hostname="agent1.lab.test") as tls:
                    ask(tls, STATUS)

    def test_bytes_right_behind_the_head_are_not_lost(self):
        channel = self.shim.dial()
        context = client_context(self.site)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname="agent1.lab.test")
        with self.assertRaises(ssl.SSLWantReadError):
            tls.do_handshake()
        target = f"agent1.lab.test:{self.site.port}"
        channel.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode() + outgoing.read())
        data = b""
        while not data.partition(b"\r\n\r\n")[2]:
            data += channel.recv(65536)
        self.assertTrue(data.startswith(b"HTTP/1.1 200 "))
        self.assertEqual(data.partition(b"\r\n\r\n")[2][:1], b"\x16")
        channel.close()

    # Real agents

    def test_an_agent_runs_through_it(self):
        agent = self.site.agent("agent1")
        shim = TunnelShim(self.site, "connect", name="runs")
        run = agent.run(**shim.settings())
        self.assertIn(run.returncode, (0, 2), run)
        self.assertEqual({line["client"] for line in self.seen()}, {"agent1.lab.test"})
        self.assertEqual(set(self.site.requests()), {"compile1"})
        first = self.site.masters["compile1"]
        first.kill()
        self.addCleanup(first.start)
        run = agent.run(**shim.settings())
        self.assertEqual(run.returncode, 0, run)
        self.assertTrue(self.site.masters["compile2"].requests("/puppet/v3/catalog/"))

    def test_the_crl_is_refreshed_without_a_client_certificate(self):
        agent = self.site.agent("agent1")
        run = agent.run(**self.shim.settings(), crl_refresh_interval=0, ca_refresh_interval=0)
        self.assertIn(run.returncode, (0, 2), run)
        self.assertNotIn("Failed to refresh", run.output)
        asked = self.site.masters["ca"].requests("/puppet-ca/v1/certificate_revocation_list/")
        self.assertEqual({line["client"] for line in asked}, {""}, run)

    def test_an_agent_that_asks_for_an_unknown_name_is_told(self):
        settings = self.shim.settings() | {"server": "other.lab.test"}
        run = self.site.agent("agent1").run(**settings)
        self.assertEqual(run.returncode, 1, run)
        self.assertIn("other.lab.test", run.output)
        self.assertIn("add it to `names` of a [service.NAME] in bunraku.toml", run.output)

    def test_no_proxy_goes_past_it(self):
        shim = TunnelShim(self.site, "connect", name="past")
        run = self.site.agent("agent1").run(**shim.settings(), no_proxy="lab.test")
        self.assertIn(run.returncode, (0, 2), run)
        self.assertTrue(self.seen("/puppet/v3/catalog/"))
        shim.process.terminate()
        self.assertEqual(shim.lines("tunnel"), [])

    def test_a_new_agent_enrols_and_runs_with_one_command(self):
        agent = self.site.agent("agent7")
        shim = TunnelShim(self.site, "connect", node="agent7", name="new-connect")
        self.assertIn("has no certificate yet", shim.log())
        run = agent.run("--waitforcert", "1", **shim.settings())
        self.assertEqual(run.returncode, 2, run)
        self.assertEqual({line["client"] for line in self.site.masters["ca"].requests("/puppet-ca/")}, {""})
        self.assertEqual({line["client"] for line in self.seen("/puppet/v3/")}, {"agent7.lab.test"})
        self.assertEqual({(one["service"], one["for"]) for one in shim.lines("tunnel", 2)},
                         {("ca", f"{CA}:{self.site.port}"), ("catalog", f"{PUPPET}:{self.site.port}")})

    def test_a_new_agent_goes_over_to_terminate_in_its_first_run(self):
        agent = self.site.agent("agent8")
        shim = TunnelShim(self.site, "connect", node="agent8", name="new-own", server="agent8.lab.test")
        channel, line, _ = shim.ask_to_connect(f"agent8.lab.test:{self.site.port}")
        channel.close()
        self.assertIn(" 503 bunraku: ", line)
        self.assertIn("has no certificate yet", line)
        run = agent.run("--waitforcert", "1", **shim.settings() | {"server": "agent8.lab.test"})
        self.assertEqual(run.returncode, 2, run)
        self.assertIn("enrolled certname=agent8.lab.test", shim.log())
        self.assertEqual({one["service"] for one in shim.lines("exchange", 5)}, {"catalog", "files", "report"})


class WithoutCertificate(TunnelTest):
    way = "connect"

    def test_check_says_so_and_what_to_set(self):
        shim = TunnelShim(self.site, "connect", node="agent6", name="check")
        done = subprocess.run([self.site.bunraku, "check", "--config", shim.process.config_path], capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("This node has no certificate yet", done.stdout)
        self.assertIn("http_proxy_host = ", done.stdout)
        self.assertRegex(done.stdout, rf"{PUPPET}:{self.site.port} +catalog +server in puppet.conf")

    def test_a_socket_waits_for_it(self):
        path = f"{self.site.directory}/waits.sock"
        TunnelShim(self.site, "connect", node="agent6", name="waits",
                   extra=f'[[listen]]\nway = "socket"\npath = "{path}"\n')
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(60)
            channel.connect(path)
            channel.sendall(f"GET {STATUS} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            self.assertTrue(ending(channel)[0].startswith(b"HTTP/1.1 503 "))

    def test_with_terminate_alone_the_daemon_does_not_start(self):
        shim = Shim(self.site, node="agent6", name="alone", start=False)
        path = f"{self.site.directory}/alone.toml"
        with open(path, "w", encoding="ascii") as file:
            file.write(shim.config())
        done = subprocess.run([self.site.bunraku, "run", "--config", path], capture_output=True, text=True, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("not started", done.stderr)


if __name__ == "__main__":
    del TunnelTest
    unittest.main()
