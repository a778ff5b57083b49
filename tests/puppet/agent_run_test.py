"""An enrolled agent's runs through the shim: they succeed, and every master meets the agent itself."""

import os
import subprocess
import unittest
from pathlib import Path

from real_site import CATALOG, FILES, REPORT, ShimTest, report_sent


class AgentRun(ShimTest):
    def start_shim(self, way="terminate", more=""):
        # A puppetserver may take longer than race_delay for its side of TLS here: then another one is as good, and not wrong.
        super().start_shim(way, more + '[connect]\ntimeout = "10s"\nrace_delay = "10s"\n')

    def test_first_run_and_unchanged_run_reach_each_service_at_its_master_as_the_agent_itself(self):
        self.site.command("forget")
        first = self.one_run(2)  # 2: there were changes
        target = Path(self.site.env["SITE_TARGET"])
        self.assertIn(f"certname={self.site.certname} authenticated=remote", (target / "identity").read_text())
        served = Path(self.site.env["SITE_DIR"]) / "code/environments/production/modules/stage/files"
        self.assertEqual((target / "big").read_bytes(), (served / "big").read_bytes())
        self.assertIn("file_content", {r.kind for r in first})
        self.assertIn("node", {r.kind for r in first})  # only a first run asks for it

        unchanged = self.one_run(0)
        self.assertNotIn("file_content", {r.kind for r in unchanged})

    def test_changed_files_arrive(self):
        self.assert_run(self.run_agent(), (0, 2))
        self.site.command("touch")
        requests = self.one_run(2)
        self.assertIn("file_content", {r.kind for r in requests})
        served = Path(self.site.env["SITE_DIR"]) / "code/environments/production/modules/stage/files"
        for name in ("small1", "tree/d3/f3", "big"):
            self.assertEqual((Path(self.site.env["SITE_TARGET"]) / name).read_bytes(), (served / name).read_bytes())

    def test_ca_requests_reach_only_the_ca(self):
        mark = self.site.mark()
        for path in ("certificate_revocation_list/ca", "certificate/ca", f"certificate/{self.site.certname}"):
            self.assertIn("-----BEGIN", self.get(f"/puppet-ca/v1/{path}"))
        requests = self.site.requests_until(mark, lambda r: r.target.endswith(self.site.certname))
        self.assertEqual([(r.master, r.host) for r in requests], [("ca", f"ca.{self.site.domain}:8140")] * 3)
        self.assert_only_the_node(requests)

    def test_a_crl_refresh_for_which_the_agent_shows_no_certificate_does_not_cost_the_run(self):
        crl = Path(self.site.env["SITE_CRL"])
        before = crl.read_bytes()
        os.utime(crl, (1, 1))  # its age is what makes the agent ask
        self.addCleanup(os.utime, crl)
        mark = self.site.mark()
        done = self.run_agent("--crl_refresh_interval", "1d")
        self.assertIn(done.returncode, (0, 2), f"{done.stdout}\n--- bunraku's log:\n{self.shim.output()}")
        self.assertIn("Refreshing CRL", done.stdout)
        self.assertEqual(crl.read_bytes(), before)
        self.assert_masters(self.site.requests_until(mark, report_sent), CATALOG, ["compile1"])

    def one_run(self, status):
        mark = self.site.mark()
        self.assert_run(self.run_agent(), (status,))
        requests = self.site.requests_until(mark, report_sent)
        self.assert_only_the_node(requests)
        self.assert_masters(requests, CATALOG, ["compile1"])
        self.assert_masters(requests, FILES, ["files"])
        self.assert_masters(requests, REPORT, ["ca"])
        # Host is the name that SRV gave, and what the agent called itself stays.
        hosts = {r.host.split(".")[0] for r in requests}
        self.assertEqual(hosts - self.stood_in(), {"compile1", "files", "reports"} - self.stood_in())
        self.assertEqual({r.user_agent.split("/")[0] for r in requests}, {"Puppet"})
        return requests

    def get(self, path):
        env = self.site.env
        done = subprocess.run(
            ["curl", "-sS", "--fail-with-body", "--noproxy", "*", "--max-time", "60", "--cert", env["SITE_CERT"],
             "--key", env["SITE_KEY"], "--cacert", env["SITE_CACERT"], "--crlfile", env["SITE_CRL"],
             "--connect-to", f"::{self.shim.address[0]}:{self.shim.address[1]}",
             f"https://{self.site.certname}:8140{path}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual(done.returncode, 0, f"curl {path}: {done.stdout}\n--- bunraku's log:\n{self.shim.output()}")
        return done.stdout


if __name__ == "__main__":
    unittest.main()
