"""No run fails while one master of each service lives: a real puppetserver is lost just before each request of a run.

As in lab/every_request_test.py, where each run has every kind of request and takes a second. Here a run takes longer and
a killed JVM a minute to come back, so every request in turn, and masters that are stopped, are for `tests/run --full`;
masters are killed before three kinds of them each time.
"""

import unittest

from labsite.process import until
from real_runs import RealRuns

FIRST = "GET /puppet/v3/"
PLUGIN = "GET /puppet/v3/file_content/plugins/"
CATALOG = "POST /puppet/v3/catalog/"
METADATA = "GET /puppet/v3/file_metadatas/modules/stage/tree"
CONTENT = "GET /puppet/v3/file_content/modules/stage/big"
REPORT = "PUT /puppet/v3/report/"
SERVED_BY = {FIRST: "compile1", PLUGIN: "files", CATALOG: "compile1", METADATA: "files", CONTENT: "files", REPORT: "ca"}


class EveryRequest(RealRuns):
    def setUp(self):
        super().setUp()
        # On a busy machine a JVM that has just begun may look dead once, and another one serves.
        until(self.a_healthy_run, lambda: f"a run by {SERVED_BY}, the last one was by {self.served_by()}", 180)

    def a_healthy_run(self):
        self.healthy = self.run_agent()
        self.assert_good(self.healthy)
        return self.served_by() == SERVED_BY

    def served_by(self):
        # "reports" is the name of the CA's machine for reports
        return {begin: self.healthy.masters[self.healthy.k_of(begin) - 1].replace("reports", "ca") for begin in SERVED_BY}

    def lose_at(self, how, k):
        victim = self.healthy.masters[k - 1].replace("reports", "ca")
        with self.shim() as shim:
            finished = self.run_agent(lambda n, _: self.site.command(how, victim) if n == k else None, shim)
            self.assertEqual(finished.requests, self.healthy.requests)
            self.assertNotEqual(finished.masters[k - 1], self.healthy.masters[k - 1])
            if how == "stop":
                self.site.command("cont", victim)
            self.assert_good(finished)

    def test_killed_one_after_the_other_before_the_catalog_a_file_and_the_report(self):
        for begin in (CATALOG, CONTENT, REPORT):  # nobody comes back: the last run has one master left for all
            with self.subTest(begin):
                self.lose_at("kill", self.healthy.k_of(begin))

    def test_stopped_just_before_a_plugin_the_catalog_and_the_report(self):
        for begin in (PLUGIN, CATALOG, REPORT):
            with self.subTest(begin):
                self.lose_at("stop", self.healthy.k_of(begin))

    def test_every_request_killed_just_before_it(self):
        for k, request in enumerate(self.healthy.requests, 1):
            with self.subTest(k=k, request=request):
                self.lose_at("kill", k)
            self.site.restore()

    def test_every_request_stopped_just_before_it(self):
        for k, request in enumerate(self.healthy.requests, 1):
            with self.subTest(k=k, request=request):
                self.lose_at("stop", k)
            self.site.restore()


if __name__ == "__main__":
    unittest.main()
