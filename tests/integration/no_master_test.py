"""When every master fails, the agent is told which ones were asked and what went wrong at each, in Puppet's own form."""

import json
import unittest

from labsite import MasterSpec, Shim, Site, service_requests

ALL = ("ca", "catalog", "files", "report")
CATALOG = "/puppet/v3/catalog"


class NoMaster(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        masters = [MasterSpec("one", ALL), MasterSpec("two", ALL), MasterSpec("old", ALL, ssldir="old.lab.test")]
        cls.site = cls.enterClassContext(Site(masters=masters, srv={}, key="ec", files=("small1",),
                                              pki=["--expired", "old.lab.test"]))
        cls.one, cls.two, _ = cls.site.masters.values()
        for service in ALL:
            cls.site.srv(service, "one", "two", "old")
        for master, fault in ((cls.one, "reset_before_answer"), (cls.two, "close_before_answer")):
            master.fault(fault, path_prefix=CATALOG)

    def assert_names_each(self, text):
        self.assertRegex(text, r"bunraku: no master of service catalog answered: "
                               r"one\.lab\.test:\d+: first_byte: \S.*? \(after \d+\.\d\d s\); "
                               r"two\.lab\.test:\d+: first_byte: \S.*? \(after \d+\.\d\d s\); "
                               r"old\.lab\.test:\d+: tls: \S.*?expired.* \(after \d+\.\d\d s\)")

    def test_the_error_is_what_puppet_makes_of_an_error(self):
        with Shim(self.site) as shim:
            answer = shim.ask(*service_requests(self.site)["catalog"])
            self.assertEqual(answer.status, 502)
            self.assertEqual(answer.getheader("Content-Type"), "application/json")
            self.assertIsNone(answer.getheader("Retry-After"))
            said = json.loads(answer.body)
            self.assertEqual(sorted(said), ["issue_kind", "message"])
            self.assertEqual(said["issue_kind"], "RUNTIME_ERROR")
            self.assert_names_each(said["message"])
            self.assertNotIn("\n", said["message"])

    def test_an_agent_prints_all_of_it(self):
        agent = self.site.agent()
        with Shim(self.site) as shim:
            address, port = shim.address
            done = agent.run(hosts={agent.certname: address}, server=agent.certname, ca_server=None, serverport=port)
        self.assertEqual(done.returncode, 1, done)
        line, = [line for line in done.output.splitlines() if "retrieve catalog from remote server" in line]
        self.assertIn("Error 502 on SERVER: ", line)
        self.assert_names_each(line)


if __name__ == "__main__":
    unittest.main()
