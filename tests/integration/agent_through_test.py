"""A real agent's runs through the shim, each service found by SRV at a master of its own."""

import os
import unittest

from labsite import Shim, Site

SERVED_BY = {"/puppet/v3/catalog/": {"compile1"}, "/puppet/v3/node/": {"compile1"}, "/puppet/v3/file_metadata": {"files"},
             "/puppet/v3/file_content/": {"files"},
             "/puppet/v3/report/": {"ca"}}
EVERY_PREFIX = ("/puppet-ca/", *SERVED_BY)


class AgentThroughTheShim(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site())
        cls.shim = Shim(cls.site)
        cls.agent = cls.site.agent()
        address, port = cls.shim.address
        # What is needed on a node: server is the node itself, and its name leads to the shim.
        cls.through = {"hosts": {cls.agent.certname: address}, "server": cls.agent.certname, "ca_server": None,
                       "serverport": port}

    def setUp(self):
        for master in self.site.masters.values():
            master.forget_log()

    def test_a_first_run_changes_and_the_next_one_does_not(self):
        before = len(self.shim.exchanges())
        first = self.agent.run(**self.through)
        self.assertEqual(first.returncode, 2, first)
        self.assertEqual(self.copy_of("big"), self.original("big"))
        first_catalogs = self.check_who_served()
        for master in self.site.masters.values():
            master.forget_log()

        second = self.agent.run(**self.through)
        self.assertEqual(second.returncode, 0, second)
        catalogs = first_catalogs + self.check_who_served()
        reports = self.site.masters["ca"].reports()
        self.assertEqual(len(set(catalogs)), 2)
        self.assertEqual(sorted(reports), sorted(f"{uuid}.1.json" for uuid in catalogs))
        told = [(line["status"], line["attempts"]) for line in self.shim.exchanges()[before:]]
        self.assertEqual(set(told), {("200", "1")})

    def test_a_file_goes_to_the_bucket_and_comes_back(self):
        path = os.path.join(self.site.directory, "kept")
        with open(path, "w", encoding="ascii") as file:
            file.write("what was there before\n")
        stored = self.agent.puppet("filebucket", "backup", path, **self.through)
        self.assertEqual(stored.returncode, 0, stored)
        digest = stored.output.split()[-1]
        self.assertRegex(digest, r"\A[0-9a-f]{64}\Z")
        back = self.agent.puppet("filebucket", "get", digest, **self.through)
        self.assertEqual(back.returncode, 0, back)
        self.assertIn("what was there before", back.output)
        self.assertEqual(set(self.site.requests("/puppet/v3/file_bucket_file/")), {"compile1"})

    def test_facts_are_uploaded(self):
        done = self.agent.puppet("facts", "upload", **self.through)
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual([line["status"] for line in self.site.masters["compile1"].requests("/puppet/v3/facts/")],
                         [200], done)

    def check_who_served(self):
        """Every request of the run came to its service's first master as the agent, and to no other. Gives the
        catalogs' transaction_uuids."""
        requests = self.site.requests()
        lines = [line for served in requests.values() for line in served]
        self.assertEqual({line["client"] for line in lines}, {self.agent.certname})
        self.assertEqual({line["status"] for line in lines}, {200})
        for prefix, names in SERVED_BY.items():
            found = set(self.site.requests(prefix))
            self.assertLessEqual(found, names, prefix)
            if prefix not in ("/puppet/v3/node/", "/puppet/v3/file_content/"):  # a first run alone asks for these
                self.assertTrue(found, f"no request for {prefix}")
        for line in lines:
            self.assertTrue(line["target"].startswith(EVERY_PREFIX), line["target"])
        self.assertNotIn("compile2", requests)
        for name, served in requests.items():
            self.assertEqual({line["sni"] for line in served}, {f"{name}.{self.site.domain}"})
        return [line["transaction_uuid"] for line in self.site.masters["compile1"].requests("/puppet/v3/catalog/")]

    def original(self, name):
        return read(os.path.join(self.site.code, "environments/production/modules/lab/files", name))

    def copy_of(self, name):
        return read(os.path.join(self.agent.target, name))


def read(path):
    with open(path, "rb") as file:
        return file.read()


if __name__ == "__main__":
    unittest.main()
