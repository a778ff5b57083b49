"""The lab itself: a real agent's runs directly against bunraku-lab, so that other tests may trust it."""

import os
import unittest

from labsite import Site


class AgentAgainstTheLab(unittest.TestCase):
    def test_first_run_changes_and_second_run_changes_nothing(self):
        with Site() as site:
            agent = site.agent()
            first = agent.run()
            self.assertEqual(first.returncode, 2, first)
            second = agent.run()
            self.assertEqual(second.returncode, 0, second)

            self.check_files(site, agent)
            lines = site.masters["compile1"].requests()
            self.assertEqual({line["client"] for line in lines}, {"agent1.lab.test"})
            self.assertEqual({line["status"] for line in lines}, {200})
            self.assertEqual({line["sni"] for line in lines}, {"compile1.lab.test"})
            catalogs = [line["transaction_uuid"] for line in lines if line["target"].startswith("/puppet/v3/catalog/")]
            self.assertEqual(len(catalogs), 2)
            self.assertEqual(sorted(site.masters["compile1"].reports()), sorted(f"{uuid}.1.json" for uuid in catalogs))

    def test_changed_files_reach_the_agent(self):
        with Site() as site:
            agent = site.agent()
            agent.run()
            site.touch_files()
            run = agent.run()
            self.assertEqual(run.returncode, 2, run)
            self.check_files(site, agent)

    def test_srv_records_take_each_service_to_its_master(self):
        with Site() as site:
            self.assertTrue(site.dns.has_port_53, "the agent's resolver needs port 53, and that needs root")
            run = site.run_agent(use_srv_records="true")
            self.assertEqual(run.returncode, 2, run)
            self.assertEqual(set(site.requests("/puppet/v3/catalog/")), {"compile1"})
            self.assertEqual(set(site.requests("/puppet/v3/file_")), {"files"})
            self.assertEqual(set(site.requests("/puppet/v3/report/")), {"ca"})

    def test_a_new_agent_enrols_and_runs(self):
        with Site(autosign=True) as site:
            agent = site.agent("agent9")
            run = agent.run("--waitforcert", "1")
            self.assertEqual(run.returncode, 2, run)
            self.assertEqual({line["client"] for line in site.masters["compile1"].requests()}, {"agent9.lab.test"})
            self.assertEqual({line["client"] for line in site.masters["ca"].requests("/puppet-ca/")}, {""})

    def check_files(self, site, agent):
        source = os.path.join(site.code, "environments/production/modules/lab/files")
        for folder, _, names in os.walk(source):
            for name in names:
                path = os.path.join(folder, name)
                copy = os.path.join(agent.target, os.path.relpath(path, source))
                with open(path, "rb") as wanted, open(copy, "rb") as got:
                    self.assertEqual(wanted.read(), got.read(), copy)


if __name__ == "__main__":
    unittest.main()
