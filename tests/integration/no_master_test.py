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

    def test_the_log_warns_of_it_whether_or_not_it_has_each_exchange(self):
        for access in ("true", "false"):
            with self.subTest(access=access), Shim(self.site) as shim:
                shim.reload(shim.config().replace("[log]\n", f"[log]\naccess = {access}\n"))
                for service in ("catalog", "files", "catalog"):
                    shim.ask(*service_requests(self.site)[service])
                for line in shim.lines(r" warning exchange service=catalog ", 2):
                    self.assertRegex(line, r' status=502 .* failed="one\.lab\.test:\d+: first_byte: ')
                self.assertEqual(len(shim.lines(r" info exchange service=files ")), 1 if access == "true" else 0)
                self.assertTrue(shim.lines(r" warning attempt failed old\.lab\.test:\d+: tls: .*expired"))

    def test_the_log_says_why_nobody_was_asked(self):
        dns = '[dns]\nnameservers = ["127.0.0.1:1"]\nhosts_file = ""\nsrv = true\n'
        with Shim(self.site, dns=dns) as shim:
            answer = shim.ask(*service_requests(self.site)["catalog"])
            why = "the name servers answered with an error, or none could be reached"
            self.assertIn(f"service catalog: {why}", json.loads(answer.body)["message"])
            line, = shim.lines(r" warning exchange service=catalog .* status=503 ", 1)
            self.assertIn(" attempts=0 ", line)
            self.assertIn(f'failed="{why}"', line)

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
