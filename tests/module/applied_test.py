"""The module's life on one host: applied by a real agent's runs from real puppetservers, first directly, then through the bunraku
that the first run put there. The host is a Debian that has booted; its package comes from an apt repository of its own."""

import glob
import json
import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

from container import Container, as_version, unpack
from labsite import until
from puppet_module import MODULE
from real_site import CATALOG, FILES, REPORT, RealSite, report_sent

PACKAGES = os.environ["BUNRAKU_PACKAGES"]
BASE = os.environ["BUNRAKU_ROOT_ARCHIVE"]
SSL = "/var/lib/puppet/ssl"
CONF, HOSTS, TOML = "/etc/puppet/puppet.conf", "/etc/hosts", "/etc/bunraku/bunraku.toml"
RECORD = "/etc/bunraku/before-init/record.json"
UNITS = ("bunraku.service", "bunraku.socket", "bunraku-ipv6.socket")
# The site has 127.0.1.1:8140 for its CA; bunraku's own addresses without that one.
GOOD = {"bunraku::config": {"dns": {"srv": True, "srv_domain": "site.test"}, "listen": [{"address": "127.0.0.1:8140"}]}}


def with_config(**tables):
    return {"bunraku::config": {**GOOD["bunraku::config"], **tables}}


class Applied(unittest.TestCase):
    """The tests are the life of one host, in the order of their names."""

    @classmethod
    def setUpClass(cls):
        cls.site = RealSite()
        cls.site.restore()
        cls.node = cls.site.certname
        cls.environment = Path(cls.site.env["SITE_DIR"]) / "code/environments/fleet"
        shutil.rmtree(cls.environment, ignore_errors=True)
        cls.addClassCleanup(shutil.rmtree, cls.environment, ignore_errors=True)
        shutil.copytree(MODULE, cls.environment / "modules/bunraku")
        cls.write_code("manifests/site.pp", "include bunraku\n")
        cls.write_code("hiera.yaml", "version: 5\nhierarchy:\n  - name: site\n    path: site.json\n    data_hash: json_data\n")
        cls.say(GOOD)
        cls.host = cls.enterClassContext(Container(unpack(BASE, f"{BASE}.d")))
        cls.prepare()
        cls.host.start()
        cls.host.run("apt-get", "update")

    @classmethod
    def write_code(cls, name, text):
        path = cls.environment / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    @classmethod
    def say(cls, parameters):
        """What the masters' Hiera has from now on."""
        cls.write_code("data/site.json", json.dumps(parameters))

    @classmethod
    def prepare(cls):
        """An enrolled node whose agent goes to one of the masters."""
        host, env = cls.host, cls.site.env
        for name, inside in (("CERT", f"certs/{cls.node}.pem"), ("KEY", f"private_keys/{cls.node}.pem"), ("CACERT", "certs/ca.pem"),
                             ("CRL", "crl.pem")):
            os.makedirs(os.path.dirname(host.path(f"{SSL}/{inside}")), exist_ok=True)
            shutil.copy(env[f"SITE_{name}"], host.path(f"{SSL}/{inside}"))
        host.run("chown", "-R", "puppet:puppet", SSL)
        host.write("/etc/hostname", "agent1\n")
        host.write(HOSTS, f"127.0.0.1\tlocalhost\n127.0.0.1   {cls.node}  agent1 # by hand\n")
        host.write("/etc/resolv.conf", f"nameserver {env['SITE_NAMESERVER'].split(':')[0]}\n")
        host.write("/etc/facter/facter.conf", 'facts : { blocklist : [ "EC2", "GCE", "azure", "cloud" ] }\n')
        host.write(CONF, f"# by hand\n[main]\nssldir = {SSL}\ncertname = {cls.node}\n[agent]\n  server=compile1.site.test \n"
                   "ca_server = ca.site.test\nenvironment = fleet\n# the end, without a newline")
        cls.original = {path: host.read(path) for path in (CONF, HOSTS)}
        for deb in glob.glob(f"{PACKAGES}/*.deb"):
            os.makedirs(host.path("/srv/packages"), exist_ok=True)
            shutil.copy(deb, host.path("/srv/packages"))
        cls.publish()
        host.write("/etc/apt/sources.list", "deb [trusted=yes] file:/srv/packages ./\n")

    @classmethod
    def publish(cls):
        """The repository's list of what is in it."""
        listed = subprocess.run(["dpkg-scanpackages", "--multiversion", "."], cwd=cls.host.path("/srv/packages"), check=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        cls.host.write("/srv/packages/Packages", listed)

    def run_agent(self, status, *options):
        """One run; what the agent said, and what it asked the masters, as nobody but the node itself."""
        mark = self.site.mark()
        got, said = self.host.attempt("puppet", "agent", "--test", "--color=false", *options)
        self.assertEqual(got, status, said + self.journal())
        requests = self.site.requests_until(mark, report_sent)
        self.assertEqual({request.client for request in requests}, {f"CN={self.node}"})
        # `bunraku init` has its doctor look at the masters, too.
        return said, [request for request in requests if request.user_agent.startswith("Puppet/")]

    def run_through(self, status):
        """A run that meets each service at masters that only SRV names, and whose requests the daemon has told of."""
        told = self.asked()
        said, requests = self.run_agent(status)
        # compile2 is the second one for each, and is asked where the first one is slow today.
        for kinds, master in ((CATALOG, "compile1"), (FILES, "files"), (REPORT, "ca")):
            self.assertLessEqual({request.master for request in requests if request.kind in kinds}, {master, "compile2"}, f"{kinds}\n{said}")
        self.assertGreaterEqual(self.asked() - told, len(requests), self.journal())
        return said

    def run_directly(self, status, master="compile1"):
        told = self.asked()
        said, requests = self.run_agent(status)
        self.assertEqual({request.master for request in requests}, {master}, said)
        self.assertEqual(self.asked(), told, "the daemon had no part in it")
        return said

    def wait_for_undo(self):
        until(lambda: not os.path.exists(self.host.path(RECORD)), lambda: f"the undo:\n{self.journal()}", 60)
        journal = self.journal()
        self.assertLess(journal.rindex("exchange service=report"), journal.rindex("All files are as they were"), journal)

    def journal(self):
        return self.host.run("journalctl", "--no-pager", "-o", "cat", "-u", "bunraku*", check=False)

    def asked(self):
        """How often the daemon has asked a master for what it then answered the agent, whose questions for the status are left
        out. A master that was too slow has logged the request as well as the one that served it."""
        return sum(map(int, re.findall(r"(?m)exchange service=.* path=/puppet/.* status=200 .* attempts=(\d+)", self.journal())))

    def states(self):
        return [self.host.run("systemctl", "is-active", unit, check=False).strip() for unit in UNITS]

    def pid(self):
        return self.host.run("systemctl", "show", "--value", "-p", "MainPID", "bunraku.service").strip()

    def setting(self, name):
        return self.host.run("puppet", "config", "print", name, "--section", "agent").strip()

    def test_01_trying_it_changes_nothing_and_complains_of_nothing(self):
        said, _ = self.run_agent(0, "--noop")
        self.assertNotIn("Error:", said)
        for resource in ("Package[bunraku]/ensure", f"File[{TOML}]/ensure", "Service[bunraku]/ensure", "Exec[bunraku init]/returns"):
            self.assertRegex(said, rf"{re.escape(resource)}: .*\(noop\)")
        self.assertEqual({path: self.host.read(path) for path in self.original}, self.original)

    def test_02_the_run_that_brings_it_goes_directly(self):
        said = self.run_directly(2)
        self.assertNotIn("Error:", said)
        self.assertEqual(self.states(), ["active", "active", "inactive"], said + self.journal())
        self.assertEqual(self.setting("server"), self.node)
        self.assertEqual(self.setting("server_list"), f"{self.node}:8140,compile1.site.test:8140")

    def test_03_the_next_run_goes_through_it_and_finds_nothing_to_do(self):
        for _ in range(2):
            said = self.run_through(0)
            self.assertNotRegex(said, r"(?m)^(Error|Warning): (?!Facter)")

    def test_04_another_parameter_arrives_in_a_run_through_it_without_a_restart(self):
        pid = self.pid()
        self.say(with_config(log={"level": "debug"}))
        self.run_through(2)
        self.assertIn('[log]\nlevel = "debug"\n', self.host.read(TOML))
        self.assertEqual(self.pid(), pid)
        self.run_through(0)

    def test_04b_what_the_running_daemon_has_given_up_is_had_by_a_restart_that_the_run_makes(self):
        pid, told = self.pid(), self.journal().count("reload refused")
        before = {"log": {"level": "debug"}}
        self.say(with_config(**before, plugin={"least_latency": {}}))
        said = self.run_through(2)
        self.assertEqual(self.journal().count("reload refused"), told + 1, said + self.journal())
        self.assertNotEqual(self.pid(), pid)
        self.assertIn("least_latency", self.host.run("bunraku", "status"))
        self.run_through(0)
        self.say(with_config(**before))
        self.run_through(2)

    def test_05_a_parameter_that_is_wrong_never_gets_to_the_daemon(self):
        pid, good = self.pid(), self.host.read(TOML)
        with self.subTest("of a wrong type: the master refuses it"):
            self.say(with_config(dns={"nameserver": "192.0.2.53"}))
            got, said = self.host.attempt("puppet", "agent", "--test", "--color=false")
            self.assertEqual(got, 1, said)
            self.assertIn("parameter 'config' entry 'dns' unrecognized key 'nameserver'", said)
            self.assertEqual((self.host.read(TOML), self.pid()), (good, pid))
        with self.subTest("of a good type: bunraku check refuses it"):
            self.say(with_config(dns={"srv": True, "srv_domain": "site.test", "lookup_deadline": "1s", "try_timeout": "2s"}))
            said = self.run_through(4)
            self.assertRegex(said, r"Error: .*bunraku check")
            self.assertIn("try_timeout", said)
            self.assertEqual((self.host.read(TOML), self.pid()), (good, pid))
        self.say(GOOD)
        self.run_through(2)
        self.assertEqual(self.pid(), pid)

    def test_06_a_valid_configuration_that_no_master_fits_costs_one_report_and_no_run(self):
        self.say(with_config(identity={"master_names": ["nobody.site.test"]}))
        got, said = self.host.attempt("puppet", "agent", "--test", "--color=false")
        self.assertEqual(got, 2, said)
        self.assertIn("Could not send report: Error 502 on SERVER: bunraku: no master of service report answered", said)
        self.run_directly(0)
        self.say(GOOD)
        self.run_directly(2)
        self.run_through(0)

    def test_07_another_way_out_is_taken(self):
        self.say({**GOOD, "bunraku::fallback": ["compile2.site.test"]})
        self.run_through(2)
        self.assertEqual(self.setting("server_list"), f"{self.node}:8140,compile2.site.test:8140")
        self.run_through(0)

    def test_08_a_daemon_that_was_stopped_is_started_by_a_run_past_it(self):
        self.host.run("systemctl", "stop", *UNITS)
        self.run_directly(2, "compile2")
        self.run_through(0)

    def test_08b_an_upgrade_in_a_run_through_it_loses_none_of_its_requests(self):
        pid = self.pid()
        as_version(glob.glob(f"{PACKAGES}/bunraku_*.deb")[0], "0.1.1", self.host.path("/srv/packages/bunraku_0.1.1_amd64.deb"))
        self.publish()
        self.host.run("apt-get", "update")
        self.say({**GOOD, "bunraku::package_ensure": "latest"})
        said = self.run_through(2)
        self.assertIn("Package[bunraku]/ensure: ensure changed '0.1.0' to '0.1.1'", said)
        self.assertNotEqual(self.pid(), pid)
        self.run_through(0)

    def test_08c_an_undo_that_cannot_be_done_is_the_next_runs_error(self):
        led = self.host.read(CONF)
        self.host.write(CONF, f"{led}\n# by somebody else\n")
        self.say({**GOOD, "bunraku::lead": False})
        self.run_through(2)
        until(lambda: self.host.run("systemctl", "is-failed", "bunraku-undo", check=False).strip() == "failed", self.journal, 60)
        self.assertIn("Somebody has changed it meanwhile.", self.run_through(4))
        self.host.write(CONF, led)
        # By the agent's daemon, which lives on: each of its runs is a process of its own.
        self.host.run("systemd-run", "--quiet", "--unit=agent", "puppet", "agent", "--no-daemonize", "--no-splay", "--runinterval=1d")
        self.wait_for_undo()
        self.assertEqual(self.host.run("systemctl", "is-active", "agent").strip(), "active")
        self.host.run("systemctl", "stop", "agent")
        self.assertEqual(self.states()[:2], ["active"] * 2)
        self.run_directly(0)
        self.say(GOOD)
        self.run_directly(2)

    def test_09_absent_takes_it_back_when_the_run_is_over_and_then_removes_it(self):
        self.say({**GOOD, "bunraku::ensure": "absent"})
        self.run_through(2)
        self.wait_for_undo()
        self.assertEqual({path: self.host.read(path) for path in self.original}, self.original, "byte for byte")
        self.run_directly(2)
        self.assertEqual(self.states(), ["inactive"] * 3)
        self.assertNotRegex(self.host.run("dpkg-query", "-W", "-f", "${Status}", "bunraku", check=False), "installed$")
        self.run_directly(0)
        found = self.host.run("find", "/etc", "/run", "/usr", "/lib", "/var/lib", "-xdev", "-path", "*bunraku*", "-not", "-path",
                              "/var/lib/puppet/*", "-not", "-path", "/var/lib/apt/*")
        self.assertEqual(found, "")

    def test_10_an_agent_that_would_have_no_way_out_is_left_as_it_is(self):
        without = self.host.read(CONF).replace("server=compile1.site.test", "")
        self.host.write(CONF, without)
        self.say(GOOD)
        said, _ = self.run_agent(6, "--server", "compile1.site.test")
        self.assertIn("No way out: without bunraku this agent finds no master.", said)
        self.assertEqual({path: self.host.read(path) for path in self.original}, {**self.original, CONF: without})
        self.say({**GOOD, "bunraku::fallback": ["compile1.site.test"]})
        self.run_agent(2, "--server", "compile1.site.test")
        self.run_through(0)


if __name__ == "__main__":
    unittest.main()
