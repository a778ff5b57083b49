"""An enrolled host plays master under forged DNS, before a real agent, real masters and the real CA whose certificate it
has. What it serves is bunraku-lab's: only who it is matters."""

import json
import os
import re
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from real_site import CATALOG, FILES, REPORT, RealSite, Shim, ShimTest, SiteTest, report_sent

DEMANDS = '[identity]\nmaster_names = ["puppet.{domain}", "puppet-files.{domain}", "reports.{domain}"]\n'


class EnrolledHost:
    """A node with a good certificate of the site's CA in its own name, and everything that a catalog is made of."""

    def __init__(self, site, certname, address):
        self.directory = tempfile.TemporaryDirectory(prefix="impostor-")
        here = Path(self.directory.name)
        self.log, self.target = here / "requests.jsonl", here / "target"
        lab = os.environ["BUNRAKU_LAB"]
        subprocess.run([lab, "code", here / "code"], check=True, timeout=60)
        (here / "state").mkdir()
        config = here / "lab.json"
        config.write_text(json.dumps({
            "masters": [{"name": certname, "ssldir": str(Path(site.env["SITE_KEY"]).parents[1]), "address": address,
                         "port": 8140, "roles": ["catalog", "files", "report"]}],
            "code": str(here / "code"), "state": str(here / "state"), "log": str(self.log), "target": str(self.target)}),
            encoding="utf-8")
        with open(here / "output", "wb") as output:
            self.process = subprocess.Popen([lab, "serve", "--config", config], stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=output)
        until = time.monotonic() + 60
        while not self.listens(address):
            if self.process.poll() is not None or time.monotonic() > until:
                self.end()
                raise AssertionError("the impostor does not listen:\n" + (here / "output").read_text("utf-8"))
            time.sleep(0.05)

    @staticmethod
    def listens(address):
        with socket.socket() as probe:
            return probe.connect_ex((address, 8140)) == 0

    def end(self):
        self.process.terminate()
        self.process.wait(timeout=60)

    def served(self):
        """What it was asked for, as (client, path)."""
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        return [(line["client"], line["target"].split("?")[0]) for line in map(json.loads, lines)
                if line["event"] == "request"]


class Impostor(ShimTest):
    def setUp(self):
        SiteTest.setUp(self)
        short = f"host-{os.getpid()}-{int(time.time())}"
        other = RealSite(short)
        other.command("forget")  # makes its directories and puppet.conf
        self.name = other.certname
        self.shim = Shim(other)
        self.enrol(other, self.shim)
        self.shim.directory.cleanup()
        self.host = EnrolledHost(other, self.name, "127.0.1.9")
        self.addCleanup(self.host.directory.cleanup)
        self.addCleanup(self.host.end)
        self.site.command("forge", short, "127.0.1.9")
        self.addCleanup(self.site.command, "unforge")

    def test_puppet_alone_obeys_it_and_bunraku_goes_to_the_true_masters(self):
        done = self.site.agent("--server", f"compile1.{self.site.domain}", "--ca_server", f"ca.{self.site.domain}",
                               "--use_srv_records")
        SiteTest.assert_run(self, done, (2,))
        self.assertIn((self.site.certname, f"/puppet/v3/catalog/{self.site.certname}"), self.host.served())
        self.assertTrue((self.host.target / "identity").exists())  # its catalog was carried out, as root

        self.site.command("forget")
        seen = len(self.host.served())
        self.start_shim(more=DEMANDS.format(domain=self.site.domain))
        mark = self.site.mark()
        self.assert_run(self.run_agent(), (2,))
        requests = self.site.requests_until(mark, report_sent)
        self.assert_only_the_node(requests)
        self.assert_masters(requests, CATALOG, ["compile1"])
        self.assert_masters(requests, FILES, ["files"])
        self.assert_masters(requests, REPORT, ["ca"])
        self.assertEqual(self.host.served()[seen:], [])
        self.assertRegex(self.shim.output(), rf"attempt failed {re.escape(self.name)}:8140: tls: certificate "
                         rf"CN={re.escape(self.name)} is good, but not a master's: \[identity\] master_names demands ")

    def test_one_that_the_ca_revokes_is_left_once_the_agent_has_the_crl(self):
        self.start_shim()  # demands nothing, so that the host is believed as Puppet believes it
        self.assert_run(self.run_agent(), (0, 2))
        self.assertIn((self.site.certname, f"/puppet/v3/catalog/{self.site.certname}"), self.host.served())
        self.site.command("revoke", self.name)
        # The agent fetches the CRL from the CA and puts it in place, as at the beginning of each run of a site that
        # sets crl_refresh_interval.
        self.site.command("puppet", "ssl", "bootstrap", "--ca_server", f"ca.{self.site.domain}", "--waitforcert", "0",
                          "--crl_refresh_interval", "1s")
        until = time.monotonic() + 60
        while "credentials.reloaded" not in self.shim.output():
            self.assertLess(time.monotonic(), until, self.shim.output())
            time.sleep(0.02)
        self.assertRegex(self.shim.output(), r'credentials\.reloaded certname=\S+ new="2 CRLs with [1-9]\d* revoked')
        seen = len(self.host.served())
        mark = self.site.mark()
        self.assert_run(self.run_agent(), (0, 2))
        requests = self.site.requests_until(mark, report_sent)
        self.assert_masters(requests, CATALOG, ["compile1"])
        self.assertEqual(self.host.served()[seen:], [])
        self.assertRegex(self.shim.output(), rf"attempt failed {re.escape(self.name)}:8140: tls: certificate "
                         rf"CN={re.escape(self.name)} \(serial 0x[0-9A-F]+\) was revoked by ")


if __name__ == "__main__":
    unittest.main()
