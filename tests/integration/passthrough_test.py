"""The way in `passthrough`: the server name in the client's TLS chooses the service."""

import ssl
import unittest

from tunnel_cases import TunnelCases, TunnelTest
from tunnel_site import (CA, INTERNAL_ERROR, PUPPET, STATUS, UNRECOGNIZED_NAME, ScriptedMaster, TunnelShim, ask,
                         client_context, ending, hello)


class Passthrough(TunnelCases, TunnelTest):
    way = "passthrough"

    @classmethod
    def listener_port(cls):
        return cls.site.port

    def refused(self, shim, first_bytes, alert):
        before = len(shim.lines("refused"))
        with shim.dial() as channel:
            channel.sendall(first_bytes)
            self.assertEqual(ending(channel), (alert, "fin"))
        return shim.lines("refused", before + 1)[before]

    def test_an_unknown_name_hears_an_alert(self):
        audit = self.refused(self.shim, hello("evil.example.com"), UNRECOGNIZED_NAME)
        self.assertEqual((audit["way"], audit["for"]), ("passthrough", "evil.example.com"))
        self.assertIn("add it to `names` of a [service.NAME]", audit["reason"])
        with self.assertRaisesRegex(ssl.SSLError, "(?i)unrecognized.name"):
            client_context(self.site).wrap_socket(self.shim.dial(), server_hostname="evil.example.com")

    def test_without_a_name_it_is_refused(self):
        audit = self.refused(self.shim, hello(None), UNRECOGNIZED_NAME)
        self.assertIn("give `service` in this [[listen]]", audit["reason"])

    def test_without_a_name_it_goes_where_the_listener_says(self):
        shim = TunnelShim(self.site, "passthrough", name="unnamed", listen='service = "ca"')
        context = client_context(self.site, None)
        context.check_hostname = False
        with context.wrap_socket(shim.dial()) as tls:
            self.assertEqual(ask(tls, "/puppet-ca/v1/certificate/ca").status, 200)
        self.assertEqual(set(self.site.requests()), {"ca"})

    def test_a_dead_service_is_an_alert_and_a_line(self):
        dead = self.dead_place()
        audit = self.refused(self.scripted(dead), hello(), INTERNAL_ERROR)
        self.assertIn(f"no master of service catalog answered: {dead}: connect: Connection refused", audit["reason"])

    def test_a_silent_client_is_let_go(self):
        shim = TunnelShim(self.site, "passthrough", name="silent", limits='handshake_timeout = "1s"')
        with shim.dial() as channel:
            self.assertEqual(ending(channel), (b"", "fin"))

    def test_the_nodes_own_name_is_terminate(self):
        with self.shim.tls(name="agent1.lab.test") as tls:
            self.assertEqual(ask(tls, "/puppet/v3/file_metadatas/plugins?environment=production").status, 200)
        self.assertTrue(self.shim.lines("exchange", 1))
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            with self.shim.tls(node="agent2", name="agent1.lab.test") as tls:
                ask(tls, STATUS)

    def test_an_agent_runs_through_it(self):
        run = self.site.agent("agent1").run(**self.shim.settings())
        self.assertEqual(run.returncode, 2, run)
        self.assertEqual({line["sni"] for line in self.seen("/puppet/v3/")}, {PUPPET})
        self.assertTrue(self.shim.lines("tunnel", 1))

    def test_a_new_agent_enrols_and_runs_with_one_command(self):
        agent = self.site.agent("agent7")
        shim = TunnelShim(self.site, "passthrough", node="agent7", name="new", port=self.site.range.free_port((100,)))
        self.assertIn("has no certificate yet", shim.log())
        # The site's port is the other shim's; a name leads to its service on any port of a listener.
        run = agent.run("--waitforcert", "1", **shim.settings() | {"serverport": shim.address[1]})
        self.assertEqual(run.returncode, 2, run)
        self.assertEqual({line["client"] for line in self.site.masters["ca"].requests("/puppet-ca/")}, {""})
        self.assertEqual({line["sni"] for line in self.site.masters["ca"].requests("/puppet-ca/")}, {CA})
        self.assertEqual({line["client"] for line in self.seen("/puppet/v3/")}, {"agent7.lab.test"})


if __name__ == "__main__":
    del TunnelTest
    unittest.main()
