"""`bunraku doctor` on a node of the real site: what it says there is true, and no more."""

import json
import re
import unittest
from pathlib import Path

from real_site import ShimTest

IDENTITY = '[identity]\nmaster_names = ["puppet.{0}", "reports.{0}", "puppet-files.{0}"]\n'


class Doctor(ShimTest):
    def setUp(self):
        super(ShimTest, self).setUp()
        self.start_shim(more=IDENTITY.format(self.site.domain))

    def findings(self, *options):
        """In the order of the answer: (check, severity, where)."""
        done = self.site.attempt("ns", self.shim.program, "--config", str(self.shim.config), *options, "doctor", "--json",
                                 "--socket", f"{self.shim.directory.name}/control.sock", SITE_HOSTS=self.shim.hosts)
        document = json.loads(done.stdout)
        self.assertEqual({name.split(".")[0] for name in document["masters"]}, {"ca", "reports", "compile1", "compile2", "files"})
        self.assertEqual(done.returncode, 2 if document["errors"] else 1 if document["warnings"] else 0, document)
        return [(one["check"], one["severity"], one["where"]) for one in document["findings"]]

    def puppet_conf(self, ca_server):
        """The node's, with the CA's real name in it."""
        text = Path(self.site.env["SITE_PUPPET_CONF"]).read_text(encoding="utf-8")
        path = Path(self.shim.directory.name) / "puppet.conf"
        path.write_text(re.sub(r"(?m)^ca_server = .*", f"ca_server = {ca_server}", text), encoding="utf-8")
        return path

    def test_a_healthy_node_has_nothing_but_what_is_so(self):
        self.assert_run(self.run_agent(), (0, 2))  # now there is a catalog to look at, too
        notes = self.findings("--puppet-conf", self.puppet_conf(f"ca.{self.site.domain}"))
        self.assertEqual({(check, level) for check, level, _ in notes} - {("one-master", "note")}, set(), notes)
        # As the site's own puppet.conf has it: the agent asks us for what the CA alone gives, without a certificate.
        self.assertEqual([(check, level) for check, level, _ in self.findings() if level != "note"],
                         [("ca-server-is-us", "warning")])

    def test_header_mode_is_seen_although_the_master_says_that_it_runs(self):
        rules = Path(self.site.env["SITE_DIR"]) / "nodes/compile1/ps/conf.d/auth.conf"
        before = rules.read_text(encoding="utf-8")
        self.addCleanup(self.site.command, "start", "compile1")
        self.addCleanup(self.site.command, "restart", "compile1")
        self.addCleanup(rules.write_text, before, encoding="utf-8")
        rules.write_text(before.replace("authorization: {", "authorization: {\n    allow-header-cert-info: true", 1), encoding="utf-8")
        self.assertNotEqual(rules.read_text(encoding="utf-8"), before)
        self.site.command("restart", "compile1")
        self.site.command("start", "compile1")
        errors = [one for one in self.findings() if one[1] == "error"]
        self.assertEqual([check for check, _, _ in errors], ["header-cert-info"], errors)
        self.assertRegex(errors[0][2], r"^compile1\.")


if __name__ == "__main__":
    unittest.main()
