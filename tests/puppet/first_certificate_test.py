"""A node without a certificate gets one from the site's CA, by bunraku, and has its first run."""

import os
import subprocess
import time
import unittest
from pathlib import Path

from real_site import CATALOG, FILES, REPORT, RealSite, ShimTest, report_sent


class FirstCertificate(ShimTest):
    def setUp(self):
        # The CA remembers the names that it has signed, also those of an earlier run of this test.
        self.site = RealSite(f"new-{os.getpid()}-{int(time.time())}")
        self.site.restore()
        self.site.command("forget")  # makes its directories and puppet.conf
        self.assertFalse(Path(self.site.env["SITE_KEY"]).exists())

    def test_through_connect_one_command_enrols_the_node_and_runs(self):
        self.configure(self.site.certname, "http_proxy_host = 127.0.0.1", "http_proxy_port = 8140")
        self.start_shim("connect")
        requests = self.first_run(hosts="")
        self.assert_masters(requests, CATALOG, ["compile1"])
        self.assert_masters(requests, FILES, ["files"])
        self.assert_masters(requests, REPORT, ["ca"])
        self.assertRegex(self.shim.output(), r"tunnel way=connect .*service=ca .*master=ca\.")
        for service, master in (("catalog", "compile1"), ("file", "files"), ("report", "reports")):
            self.assertRegex(self.shim.output(), rf"exchange service={service}\S* .*status=200 master={master}\.")

    def test_through_passthrough_one_command_enrols_the_node_and_runs(self):
        self.configure(f"puppet.{self.site.domain}")
        self.start_shim("passthrough")
        requests = self.first_run(hosts=f"127.0.0.1 puppet.{self.site.domain} ca.{self.site.domain}")
        # All of it is asked for by one name, which leads to the service catalog.
        self.assert_masters(requests, (*CATALOG, *FILES, *REPORT), ["compile1"])
        for service, master in (("ca", "ca"), ("catalog", "compile1")):
            self.assertRegex(self.shim.output(), rf"tunnel way=passthrough .*service={service} .*master={master}\.")

    def test_the_agent_accepts_what_enroll_wrote(self):
        self.make_shim("terminate")
        self.enrol(self.site, self.shim)
        written = self.credentials()
        self.shim.start()
        self.assert_run(self.run_agent(), (2,))
        self.assert_run(self.run_agent(), (0,))
        self.assertEqual(self.credentials(), written)

    def configure(self, server, *more):
        """puppet.conf as on a host whose agent asks the CA by the CA's own name."""
        conf = Path(self.site.env["SITE_PUPPET_CONF"])
        main = conf.read_text(encoding="utf-8").split("[agent]")[0]
        conf.write_text("\n".join([main, f"server = {server}", f"ca_server = ca.{self.site.domain}", *more, ""]),
                        encoding="utf-8")

    def first_run(self, hosts):
        """The one command, and a second run, which finds nothing to do. Returns what the first asked for after it had
        its certificate."""
        mark = self.site.mark()
        with self.site.start_agent("--waitforcert", "2", hosts=hosts) as agent:
            output = self.sign_when_it_asks(agent, self.site)
        self.assert_run(subprocess.CompletedProcess(agent.args, agent.returncode, output), (2,))
        # Without those of the administrator's `puppetserver ca sign`.
        requests = [r for r in self.site.requests_until(mark, report_sent) if r.user_agent != "PuppetserverCaCli"]
        self.assertEqual({r.master for r in requests if r.client == "-"}, {"ca"})
        signed = [r for r in requests if r.client != "-"]
        self.assert_only_the_node(signed)
        self.assertIn("file_content", {r.kind for r in signed})
        identity = (Path(self.site.env["SITE_TARGET"]) / "identity").read_text(encoding="utf-8")
        self.assertIn(f"certname={self.site.certname} authenticated=remote", identity)
        self.assert_run(self.site.agent(hosts=hosts), (0,))
        return signed

    def credentials(self):
        return [Path(self.site.env[f"SITE_{what}"]).read_bytes() for what in ("KEY", "CERT", "CACERT", "CRL")]


if __name__ == "__main__":
    unittest.main()
