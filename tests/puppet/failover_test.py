"""A compile master dies; the agent must not notice."""

import unittest

from real_site import CATALOG, FILES, REPORT, ShimTest, report_sent


class Failover(ShimTest):
    def test_a_run_is_clean_when_the_first_compile_master_was_killed_before_it(self):
        self.assert_run(self.run_agent(), (0, 2))
        self.site.command("kill", "compile1")
        mark = self.site.mark()
        self.assert_run(self.run_agent(), (0, 2))
        requests = self.site.requests_until(mark, report_sent)
        self.assert_only_the_node(requests)
        self.assert_masters(requests, CATALOG, ["compile2"])
        self.assert_masters(requests, FILES, ["files"])
        self.assert_masters(requests, REPORT, ["ca"])


if __name__ == "__main__":
    unittest.main()
