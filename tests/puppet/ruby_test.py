"""An agent that finds its masters by libbunraku in its own process: no proxy, and nothing of Puppet's is changed."""

import os
import re
import unittest
from pathlib import Path

from real_site import CATALOG, FILES, REPORT, SiteTest, report_sent

FILE = Path(__file__).resolve().parents[2] / "contrib/ruby/lib/bunraku/agent"


class InTheAgent(SiteTest):
    def run_agent(self, *args, rubyopt=f"-r{FILE}"):
        done = self.site.agent("--use_srv_records", "--ca_server", f"ca.{self.site.domain}", *args, rubyopt=rubyopt)
        # Facter's own complaints are about the machine, e.g. a container that hides /proc/1
        complaints = [line for line in done.stdout.splitlines()
                      if re.match("(Error|Warning): (?!Facter:)", line)]
        return done, complaints

    def run_well(self, *args):
        """Requests and complaints of a run that does what it shall."""
        mark = self.site.mark()
        done, complaints = self.run_agent("--bunraku_library", os.environ["BUNRAKU_C_LIBRARY"], *args)
        self.assertIn(done.returncode, (0, 2), done.stdout)
        requests = self.site.requests_until(mark, report_sent)
        self.assert_only_the_node(requests)
        return done, requests, complaints

    def test_each_service_is_met_at_its_master_by_srv(self):
        done, requests, complaints = self.run_well("--debug")
        self.assertEqual(complaints, [], done.stdout)
        self.assert_masters(requests, CATALOG, ["compile1"])
        self.assert_masters(requests, FILES, ["files"])
        self.assert_masters(requests, REPORT, ["ca"])
        self.assertNotIn("using Puppet::HTTP::Resolver::", done.stdout)

    def test_a_killed_master_and_a_silent_one_are_passed_over(self):
        self.site.command("kill", "files")
        self.site.command("stop", "compile1")
        done, requests, complaints = self.run_well()
        self.assert_masters(requests, CATALOG + FILES, ["compile2"])
        self.assert_masters(requests, REPORT, ["ca"])
        self.assertTrue(complaints, done.stdout)
        for line in complaints:
            self.assertRegex(line, r"^Warning: bunraku: (files|compile1)\.site\.test:8140: .*; \S+ is used$")

    def test_a_certificate_without_the_name_is_passed_over_and_puppet_alone_gives_up_at_it(self):
        wrong = ("--srv_domain", f"wrong.{self.site.domain}")
        done, requests, complaints = self.run_well(*wrong)
        self.assert_masters(requests, CATALOG + FILES + REPORT, ["compile2"])
        self.assertEqual(len(complaints), 1, done.stdout)
        self.assertRegex(complaints[0], r"^Warning: bunraku: wrong\.site\.test:8140: tls: .*, not for wrong\.site\.test")
        alone, complaints = self.run_agent("--server", f"compile2.{self.site.domain}", *wrong, rubyopt="")
        self.assertEqual(alone.returncode, 1, alone.stdout)
        self.assertTrue(any("did not match server certificate" in line for line in complaints), alone.stdout)


if __name__ == "__main__":
    unittest.main()
