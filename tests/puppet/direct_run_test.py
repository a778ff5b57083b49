"""The site without the shim: what the other tests compare with. When this fails the site is broken, not bunraku."""

import unittest

from real_site import CATALOG, FILES, REPORT, SiteTest, report_sent


class DirectRun(SiteTest):
    def test_the_agents_own_srv_discovery_meets_each_service_at_its_master(self):
        mark = self.site.mark()
        done = self.site.agent("--server", f"compile1.{self.site.domain}", "--ca_server", f"ca.{self.site.domain}",
                               "--use_srv_records")
        self.assert_run(done, (0, 2))
        requests = self.site.requests_until(mark, report_sent)
        self.assert_only_the_node(requests)
        self.assert_masters(requests, CATALOG, ["compile1"])
        self.assert_masters(requests, FILES, ["files"])
        self.assert_masters(requests, REPORT, ["ca"])


if __name__ == "__main__":
    unittest.main()
