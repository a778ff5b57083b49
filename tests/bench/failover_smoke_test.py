"""The benchmark's load, masters and loss of a master work, and bunraku loses no request when a master is killed."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "sidebyside"))
import failover  # noqa: E402
from masters import Site  # noqa: E402
from peers import Bunraku  # noqa: E402


class FailoverSmoke(unittest.TestCase):
    def test_no_request_is_lost_with_the_master_that_had_them_all(self):
        # On a busy machine the kill may meet an answer half way. A catalog's is cut then, since no other master has the
        # rest of it; a GET's answer is short, and whatever has not begun is another master's.
        may_be_cut = {"get": set(), "post": {"truncated"}}
        for method in failover.METHODS:
            with self.subTest(method), tempfile.TemporaryDirectory() as work, \
                    Site(work, os.environ["BUNRAKU_BENCH"], "ec", failover.ANSWER_DELAY_US) as site:
                got = failover.measure(site, Bunraku(os.environ["BUNRAKU_BIN"]), "kill", method, before=1, after=1)
                self.assertGreater(got["share_of_lost"], 0.4)
                self.assertLessEqual(set(got["failures"]), may_be_cut[method])
                self.assertEqual(got["client_retries"], 0)


if __name__ == "__main__":
    unittest.main()
