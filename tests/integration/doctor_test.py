"""`bunraku doctor`: on a healthy node it finds nothing; each fault that is planted it finds, and nothing else."""

import contextlib
import json
import os
import shutil
import subprocess
import time
import unittest
from email.utils import formatdate
from pathlib import Path

from labsite import MasterSpec, Shim, Site, Srv

ALL = ("ca", "catalog", "files", "report")
BAD = {"expired": "--expired", "soon": "--soon", "revoked": "--revoked", "stranger": "--other-ca", "client": "--client-only"}
IDENTITY = '[identity]\nmaster_names = ["puppet.lab.test"]\n'
_NAMESPACE = """set -e
d=$1; shift
mount --bind "$d/hosts" /etc/hosts
mount --bind "$d/resolv.conf" /etc/resolv.conf
exec "$@"
"""
VERSION_RB = "opt/puppetlabs/puppet/lib/ruby/vendor_ruby/puppet/version.rb"


class Doctor(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        masters = [MasterSpec("one", ALL, alt=("puppet",)), MasterSpec("two", ALL, alt=("puppet",)),
                   MasterSpec("plain", ALL), MasterSpec("named", ALL, ssldir="named.lab.test")]
        masters += [MasterSpec(name, ALL, ssldir=f"{name}.lab.test") for name in BAD]
        pki = [word for name, flag in BAD.items() for word in (flag, f"{name}.lab.test,puppet.lab.test")]
        pki += ["--name", "named.lab.test=elsewhere.lab.test,puppet.lab.test", "--expired", "old.lab.test,agent1.lab.test",
                "--soon", "ending.lab.test,agent1.lab.test", "--name", "odd.lab.test=odd-name.lab.test"]
        cls.site = cls.enterClassContext(Site(masters=masters, srv={}, key="ec", pki=pki))
        cls.shim = cls.enterClassContext(Shim(cls.site, extra=IDENTITY, connect='[connect]\ntimeout = "1s"\ntls_timeout = "2s"\n'))
        cls.node = cls.site.fqdn("agent1")
        cls.ssldir = Path(cls.site.ssldir("agent1"))

    def setUp(self):
        site = self.site
        for name in ("one", "two"):
            site.masters[name].clear_faults()
        for service in ALL:
            site.srv(service, "one", "two")
        self.directory = Path(self.enterContext(self.fresh_directory()))
        self.settings = {"certname": self.node, "ssldir": str(self.ssldir), "vardir": str(self.directory / "var"),
                         "server": self.node, "serverport": self.shim.port, "ca_server": "one.lab.test", "ca_port": site.port,
                         "srv_domain": site.domain}
        self.puppet_lines = []
        self.toml = {"dns": f'[dns]\nnameservers = ["{site.dns.address}:{site.dns.port}"]\nhosts_file = ""\nsrv = true\n',
                     "connect": '[connect]\ntimeout = "1s"\ntls_timeout = "2s"\n', "listen": self.shim.default_listen(),
                     "identity": IDENTITY}
        self.hosts = {self.node: self.shim.address[0]}
        self.root = ""

    @contextlib.contextmanager
    def fresh_directory(self):
        path = os.path.join(self.site.directory, f"doctor-{time.monotonic_ns()}")
        os.makedirs(path)
        yield path
        shutil.rmtree(path)

    # How a node is described, and examined

    def own_ssldir(self, of="agent1"):
        """A copy of the ssldir that this test may spoil."""
        copy = self.directory / "ssl"
        shutil.copytree(self.site.ssldir(of), copy)
        if of != "agent1":
            for folder in ("certs", "private_keys"):
                os.rename(copy / folder / f"{self.site.fqdn(of)}.pem", copy / folder / f"{self.node}.pem")
        self.settings["ssldir"] = str(copy)
        return copy

    def examine(self, socket=None, json_output=True):
        d = self.directory
        conf = Path(self.root, "etc/puppetlabs/puppet") if self.root else d
        conf.mkdir(parents=True, exist_ok=True)
        (conf / "puppet.conf").write_text("[main]\n" + "".join(f"{k} = {v}\n" for k, v in self.settings.items() if v is not None)
                                       + "".join(line + "\n" for line in self.puppet_lines))
        puppet = f'[puppet]\nconf = "{conf}/puppet.conf"\n' + (f'root = "{self.root}"\n' if self.root else "")
        (d / "bunraku.toml").write_text(puppet + "".join(self.toml.values()))
        (d / "hosts").write_text("127.0.0.1 localhost\n" + "".join(f"{a} {n}\n" for n, a in self.hosts.items()))
        (d / "resolv.conf").write_text(f"nameserver {self.site.dns.address}\noptions timeout:1 attempts:1\n")
        command = ["unshare", "-m", "--propagation", "private", *(["-r"] if os.geteuid() else []), "bash", "-c",
                   _NAMESPACE, "ns", str(d), os.environ["BUNRAKU_BIN"], "doctor", "--config", str(d / "bunraku.toml"),
                   "--socket", socket or self.shim.process.control_path, *(["--json"] if json_output else [])]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)

    def findings(self, **more):
        done = self.examine(**more)
        self.assertEqual(done.stderr, "")
        document = json.loads(done.stdout)
        self.assertEqual(document["version"], 1)
        levels = [one["severity"] for one in document["findings"]]
        self.assertEqual(done.returncode, 2 if "error" in levels else 1 if "warning" in levels else 0, document)
        for one in document["findings"]:
            for key in ("check", "where", "what", "why", "fix"):
                self.assertTrue(one[key], one)
        return document["findings"]

    def check(self, check, severity="error", what="", where="", fix="", also=(), **more):
        """Exactly this is found, perhaps at several places; `also` are consequences that are found, too."""
        found = self.findings(**more)
        self.assertEqual({(one["check"], one["severity"]) for one in found},
                         {(check, severity), *((name, "error") for name in also)}, found)
        for key, pattern in (("what", what), ("where", where), ("fix", fix)):
            if pattern:
                self.assertRegex(found[0][key], pattern)
        return found

    def with_master(self, name, service="catalog"):
        self.site.srv(service, "one", "two", name)

    # A healthy node

    def test_nothing_is_found_on_a_healthy_node(self):
        self.assertEqual(self.findings(), [])
        done = self.examine(json_output=False)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^looked at 4 services and 2 masters: 0 errors, 0 warnings, 0 notes\n$")

    def test_it_asks_nothing_that_changes_anything(self):
        for name in ("one", "two"):
            self.site.masters[name].forget_log()
        self.assertEqual(self.findings(), [])
        for name in ("one", "two"):
            asked = [(line["method"], line["target"].split("?")[0]) for line in self.site.masters[name].requests()]
            self.assertEqual(asked, [("GET", "/status/v1/simple/server"), ("GET", "/puppet/v3/file_metadatas/plugins"),
                                     ("GET", "/puppet-ca/v1/certificate/ca")])

    def test_what_it_prints_for_people_says_where_why_and_how(self):
        self.settings["server_list"] = "one.lab.test:8140"
        done = self.examine(json_output=False)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stdout, r"(?m)^error: .*/puppet\.conf:\d+\n +puppet\.conf has a server_list that does not begin with this node\.\n"
                                      r" +why:  The agent chooses .*\n +fix:  bunraku init --apply, or remove the line .*\n +\(server-list\)\n")

    # puppet.conf and bunraku.toml

    def test_a_semicolon_comment_that_drops_the_whole_file(self):
        self.puppet_lines = ["; the master"]
        self.check("configuration", what="not a line of puppet.conf", where=r"puppet\.conf:\d+$")

    def test_an_unknown_section(self):
        self.puppet_lines = ["[agnet]", "runinterval = 30m"]
        self.check("configuration", what=r"no section \[agnet\]", where=r"puppet\.conf:\d+$")

    def test_a_comment_behind_a_value(self):
        self.settings["ca_server"] = "one.lab.test # the CA"
        found = self.findings()
        self.assertEqual([(one["check"], one["severity"]) for one in found],
                         [("configuration", "error"), ("configuration", "warning")], found)
        self.assertRegex(found[1]["what"], "no comments behind a value: 'ca_server'")

    def test_a_misspelt_setting(self):
        self.settings["serverprot"] = "8140"
        self.check("configuration", "warning", what="serverprot", fix="did you mean")

    def test_a_misspelt_table_of_bunraku_toml(self):
        self.toml["more"] = "[limist]\n"
        self.check("configuration", what=r"no table \[limist\]", fix=r"\[limits\]", where=r"bunraku\.toml:\d+$")

    def test_a_setting_twice(self):
        self.puppet_lines = [f"server = one.lab.test"]
        self.check("configuration", "warning", what="'server' is already set in line 5", where=r"puppet\.conf:\d+$")

    def test_a_server_list(self):
        self.settings["server_list"] = f"one.lab.test:{self.site.port}"
        self.check("server-list", where=r"puppet\.conf:\d+$")

    def test_use_srv_records(self):
        self.settings["use_srv_records"] = "true"
        self.check("srv-records")

    def test_a_report_server_elsewhere(self):
        self.settings.update(report_server="two.lab.test", report_port=self.site.port)
        self.check("report-server")

    def test_a_server_elsewhere(self):
        self.settings.update(server="one.lab.test", serverport=self.site.port)
        self.hosts["one.lab.test"] = self.site.masters["one"].address
        self.check("server-elsewhere", fix=r"^server = \$certname$")

    def test_a_ca_server_that_is_us(self):
        self.settings.update(ca_server=self.node, ca_port=self.shim.port)
        self.check("ca-server-is-us", "warning")

    def test_a_port_where_nobody_listens(self):
        self.settings["serverport"] = 8141
        self.check("port", what="8141", fix="8141", also=["master-no-address"])

    def test_a_proxy_that_swallows_the_agents_requests(self):
        self.settings["http_proxy_host"] = "proxy.lab.test"
        self.check("http-proxy", fix=rf"no_proxy = .*{self.node}")
        self.settings["no_proxy"] = f"localhost, {self.node}"
        self.assertEqual(self.findings(), [])

    def test_a_source_address(self):
        self.settings["sourceaddress"] = "192.0.2.1"
        self.check("source-address")

    def test_revocation_switched_off(self):
        self.settings["certificate_revocation"] = "false"
        self.check("revocation-off", "warning")

    def test_a_keepalive_as_long_as_ours(self):
        self.settings["http_keepalive_timeout"] = "2m"
        self.check("keepalive", "warning")

    def test_an_agent_less_patient_than_we_are(self):
        self.settings["http_read_timeout"] = "1m"
        self.check("read-timeout", "warning")

    # The agent and its host

    def test_openvox_9_without_a_server(self):
        self.root = str(self.directory / "root")
        path = Path(self.root, VERSION_RB)
        path.parent.mkdir(parents=True)
        path.write_text("module Puppet\n  PUPPETVERSION = '9.0.0'\nend\n")
        for key in ("server", "ssldir", "vardir"):
            del self.settings[key]
        found = self.findings()
        self.assertIn(("server-unset", "error"), {(one["check"], one["severity"]) for one in found}, found)
        self.root = ""

    def test_an_agent_newer_than_its_master(self):
        for path in ("/puppet/v3/", "/puppet-ca/"):
            self.site.masters["two"].fault("raw", self.raw("[]", "X-Puppet-Version: 6.4.0\r\n"), path_prefix=path)
        self.check("older-than-agent", "warning", what=r"Puppet 6\.4\.0, and the agent is 7", where=r"^two\.lab")

    def test_a_name_that_has_no_address(self):
        self.hosts.clear()
        self.check("name-unknown", fix=f"127.0.1.1 {self.node}", where=self.node)

    def test_a_name_that_leads_elsewhere(self):
        self.hosts[self.node] = "127.9.9.9"
        self.check("name-elsewhere", what="127.9.9.9")

    def test_files_of_the_catalog_with_a_host_of_their_own(self):
        place = self.directory / "var/client_data/catalog"
        place.mkdir(parents=True)
        catalog = {"resources": [
            {"type": "File", "title": "/etc/a", "file": "/code/a.pp", "line": 7, "parameters": {"source": "puppet://old.lab.test/modules/a"}},
            {"type": "File", "title": "/etc/b", "parameters": {"source": ["puppet:///modules/b", "puppet://old.lab.test:8140/b"]}},
            {"type": "File", "title": "/etc/c", "parameters": {"source": "puppet:///modules/c"}},
            {"type": "File", "title": "/etc/d", "parameters": {"content": "puppet://x/y"}}]}
        (place / f"{self.node}.json").write_text(json.dumps(catalog))
        self.check("explicit-source", "warning", what=r"^2 files .* puppet://old\.lab\.test/: /etc/a, /etc/b\.$",
                   where=r"^/code/a\.pp:7$")

    def test_a_daemon_that_does_not_run(self):
        self.check("not-running", socket=str(self.directory / "none.sock"), what="no daemon can be reached")

    def test_a_daemon_that_refused_its_last_reload(self):
        with Shim(self.site, name="reloading", extra=IDENTITY) as shim:
            good = shim.config()
            shim.reload(good + "[limist]\n", expect="reload refused")
            self.check("reload-failed", "warning", socket=shim.process.control_path)
            shim.reload(good)
            self.assertEqual(self.findings(socket=shim.process.control_path), [])

    # Credentials

    def test_a_certificate_that_ended(self):
        self.own_ssldir("old")
        self.check("credentials", what="(?i)ended|expired")

    def test_a_certificate_that_ends_soon(self):
        self.own_ssldir("ending")
        self.check("credentials", "warning", what="expires on", fix="renew it in time")

    def test_a_key_of_another_certificate(self):
        ssl = self.own_ssldir()
        shutil.copy(Path(self.site.ssldir("one"), "private_keys/one.lab.test.pem"), ssl / f"private_keys/{self.node}.pem")
        self.check("credentials", what="key")

    def test_a_missing_crl(self):
        (self.own_ssldir() / "crl.pem").unlink()
        self.check("credentials", where=r"crl\.pem$")

    def test_a_key_that_everybody_may_read(self):
        (self.own_ssldir() / f"private_keys/{self.node}.pem").chmod(0o644)
        self.check("key-open", fix="^chmod 0600 ")

    def test_a_ca_bundle_that_everybody_may_change(self):
        (self.own_ssldir() / "certs/ca.pem").chmod(0o666)
        self.check("file-writable", what="CA bundle", fix="^chmod o-w")

    def test_a_certificate_without_the_nodes_name(self):
        self.own_ssldir("odd")
        found = self.findings()
        self.assertIn(("own-name", "error"), {(one["check"], one["severity"]) for one in found}, found)

    # DNS

    def test_dns_that_does_not_answer(self):
        self.toml["dns"] = self.toml["dns"].replace(str(self.site.dns.port), str(self.site.range.free_port((53,)))) + \
            'lookup_deadline = "500ms"\n'
        self.check("dns-fails", fix="^dig SRV _x-puppet", also=["master-no-address"])

    def test_a_service_without_records(self):
        self.site.srv("report")
        self.site.srv("catalog")
        self.settings["ca_server"] = "one.lab.test"
        found = self.findings()
        self.assertEqual({one["check"] for one in found}, {"no-master"}, found)

    def test_a_service_that_dns_calls_absent(self):
        self.site.srv("report", Srv(0, 0, 0, "."))
        self.check("service-absent", "warning", where="_x-puppet-report")

    def test_a_target_without_an_address(self):
        self.site.srv("files", "one", "two", Srv(30, 0, self.site.port, "nowhere"))
        self.check("master-no-address", where=r"^nowhere\.lab\.test")

    def test_the_only_master_of_a_service_is_worth_a_note(self):
        self.site.srv("report", "one")
        self.check("one-master", "note", where=r"^one\.lab\.test")

    # Masters

    def test_a_master_that_refuses_connections(self):
        self.site.srv("files", "one", "two", Srv(30, 0, 1, "two"))
        self.check("master-refused", where=r"^two\.lab\.test:1 \(files\)")

    def test_a_master_that_hangs_before_tls(self):
        self.site.masters["two"].pause()
        self.addCleanup(self.site.masters["two"].resume)
        self.check("master-no-tls", where=r"^two\.lab\.test")

    def test_something_else_at_the_masters_port(self):
        self.site.srv("files", "one", "two", Srv(30, 0, self.site.dns.port, "ns"))
        found = self.findings()
        self.assertTrue(found and found[0]["where"].startswith("ns.lab.test"), found)

    def test_each_kind_of_bad_certificate(self):
        for name, check in (("expired", "master-expired"), ("revoked", "master-revoked"),
                            ("stranger", "master-untrusted"), ("client", "master-wrong-purpose"),
                            ("named", "master-wrong-name"), ("plain", "master-no-master")):
            with self.subTest(name):
                self.with_master(name)
                self.check(check, where=rf"^{name}\.lab\.test:\d+ \(catalog\)")

    def test_a_masters_certificate_that_ends_soon(self):
        self.with_master("soon")
        self.check("master-ends-soon", "warning", what=r"ends in \d+ days", where=r"^soon\.lab")

    def test_masters_that_nobody_vouches_for(self):
        self.toml["identity"] = ""
        self.check("any-node-a-master", "warning", fix=r"^\[identity\] master_names")

    def test_a_master_that_takes_identity_from_headers(self):
        self.site.masters["two"].fault("status:403", "Forbidden request", path_prefix="/puppet/v3/")
        self.check("header-cert-info", where=r"^two\.lab", fix="allow-header-cert-info: false")

    def test_a_master_that_is_starting(self):
        self.site.masters["two"].fault("status:503", "starting", path_prefix="/status/")
        self.check("status-bad", what="503")

    def test_a_master_that_takes_requests_and_never_answers(self):
        self.site.masters["two"].fault("close_before_answer", path_prefix="/status/")
        self.check("status-silent")

    def test_a_master_without_the_nodes_environment(self):
        self.settings["environment"] = "canary"
        self.check("no-environment", what="canary")

    def test_a_master_that_fails_inside(self):
        self.site.masters["two"].fault("status:500", "oops", path_prefix="/puppet/v3/file_metadatas")
        self.check("environment-fails", what="500")

    def test_a_ca_that_is_none(self):
        self.site.masters["two"].fault("status:404", "not here", path_prefix="/puppet-ca/")
        self.check("no-ca", what="404", where=r"^two\.lab")

    def test_a_masters_clock_that_is_wrong(self):
        for seconds, severity, words in ((200, "warning", "ahead of"), (-4000, "error", "behind")):
            with self.subTest(seconds):
                self.site.masters["two"].clear_faults()
                date = formatdate(time.time() + seconds, usegmt=True)
                self.site.masters["two"].fault("raw", self.raw("running", f"Date: {date}\r\n"), path_prefix="/status/")
                self.site.masters["two"].fault("raw", self.raw("[]", f"Date: {date}\r\n"), path_prefix="/puppet/v3/")
                self.site.masters["two"].fault("raw", self.raw("[]", f"Date: {date}\r\n"), path_prefix="/puppet-ca/")
                self.check("clock", severity, what=words, where=r"^two\.lab")

    @staticmethod
    def raw(body, headers):
        return f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n{headers}\r\n{body}"


if __name__ == "__main__":
    unittest.main()
