"""`bunraku doctor` on a host: on a healthy one it finds nothing; each fault that is planted it finds, and nothing else."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import doctor_masters_test
from control_site import bunraku
from doctor_site import IDENTITY, PLANTED, DoctorCase, plants
from labsite import Shim

VERSION_RB = "opt/puppetlabs/puppet/lib/ruby/vendor_ruby/puppet/version.rb"
ROOT = Path(__file__).parents[2]


class Doctor(DoctorCase):
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

    @plants("configuration")
    def test_a_semicolon_comment_that_drops_the_whole_file(self):
        self.puppet_lines = ["; the master"]
        self.check("configuration", what="not a line of puppet.conf", where=r"puppet\.conf:\d+$")

    @plants("configuration")
    def test_an_unknown_section(self):
        self.puppet_lines = ["[agnet]", "runinterval = 30m"]
        self.check("configuration", what=r"no section \[agnet\]", where=r"puppet\.conf:\d+$")

    @plants("configuration")
    def test_a_comment_behind_a_value(self):
        self.settings["ca_server"] = "one.lab.test # the CA"
        found = self.findings()
        self.assertEqual([(one["check"], one["severity"]) for one in found],
                         [("configuration", "error"), ("configuration", "warning")], found)
        self.assertRegex(found[1]["what"], "no comments behind a value: 'ca_server'")

    @plants("configuration")
    def test_a_misspelt_setting(self):
        self.settings["serverprot"] = "8140"
        self.check("configuration", "warning", what="serverprot", fix="did you mean")

    @plants("configuration")
    def test_a_misspelt_table_of_bunraku_toml(self):
        self.toml["more"] = "[limist]\n"
        self.check("configuration", what=r"no table \[limist\]", fix=r"\[limits\]", where=r"bunraku\.toml:\d+$")

    @plants("configuration")
    def test_a_setting_twice(self):
        self.puppet_lines = [f"server = one.lab.test"]
        self.check("configuration", "warning", what="'server' is already set in line 5", where=r"puppet\.conf:\d+$")

    @plants("server-list")
    def test_a_server_list(self):
        self.settings["server_list"] = f"one.lab.test:{self.site.port}"
        self.check("server-list", where=r"puppet\.conf:\d+$")

    @plants("srv-records")
    def test_use_srv_records(self):
        self.settings["use_srv_records"] = "true"
        self.check("srv-records")

    @plants("report-server")
    def test_a_report_server_elsewhere(self):
        self.settings.update(report_server="two.lab.test", report_port=self.site.port)
        self.check("report-server")

    @plants("server-elsewhere")
    def test_a_server_elsewhere(self):
        self.settings.update(server="one.lab.test", serverport=self.site.port)
        self.hosts["one.lab.test"] = self.site.masters["one"].address
        self.check("server-elsewhere", fix=r"^server = \$certname$")

    @plants("ca-server-is-us")
    def test_a_ca_server_that_is_us(self):
        self.settings.update(ca_server=self.node, ca_port=self.shim.port)
        self.check("ca-server-is-us", "warning")

    @plants("ca-port")
    def test_a_ca_port_that_follows_ours(self):
        del self.settings["ca_port"]
        self.site.srv("ca", "one", "two")
        found = self.findings()
        said, = [one for one in found if one["check"] == "ca-port"]
        self.assertEqual(said["severity"], "error")
        self.assertRegex(said["what"], rf"one\.lab\.test is asked at port {self.shim.port}, which is bunraku's")
        self.assertEqual(said["fix"], "ca_port = 8140")

    @plants("port")
    def test_a_port_where_nobody_listens(self):
        self.settings["serverport"] = 8141
        self.check("port", what="8141", fix="8141", also=["master-no-address"])

    @plants("http-proxy")
    def test_a_proxy_that_swallows_the_agents_requests(self):
        self.settings["http_proxy_host"] = "proxy.lab.test"
        self.check("http-proxy", fix=rf"no_proxy = .*{self.node}")
        self.settings["no_proxy"] = f"localhost, {self.node}"
        self.assertEqual(self.findings(), [])

    @plants("source-address")
    def test_a_source_address(self):
        self.settings["sourceaddress"] = "192.0.2.1"
        self.check("source-address")

    @plants("revocation-off")
    def test_revocation_switched_off(self):
        self.settings["certificate_revocation"] = "false"
        self.check("revocation-off", "warning")

    @plants("keepalive")
    def test_a_keepalive_as_long_as_ours(self):
        self.settings["http_keepalive_timeout"] = "2m"
        self.check("keepalive", "warning")

    @plants("read-timeout")
    def test_an_agent_less_patient_than_we_are(self):
        self.settings["http_read_timeout"] = "1m"
        self.check("read-timeout", "warning")

    @plants("cached-catalog")
    def test_an_agent_that_asks_for_no_catalog(self):
        self.settings["use_cached_catalog"] = "true"
        self.check("cached-catalog", "note", where=r"puppet\.conf:\d+$")

    # The agent and its host

    @plants("server-unset")
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

    @plants("older-than-agent")
    def test_an_agent_newer_than_its_master(self):
        for path in ("/puppet/v3/", "/puppet-ca/"):
            self.site.masters["two"].fault("raw", self.raw("[]", "X-Puppet-Version: 6.4.0\r\n"), path_prefix=path)
        self.check("older-than-agent", "warning", what=r"Puppet 6\.4\.0, and the agent is 7", where=r"^two\.lab")

    @plants("name-unknown")
    def test_a_name_that_has_no_address(self):
        self.hosts.clear()
        self.check("name-unknown", fix=f"{self.shim.address[0]} {self.node}", where=self.node)

    @plants("name-elsewhere")
    def test_a_name_that_leads_elsewhere(self):
        self.hosts[self.node] = "127.9.9.9"
        self.check("name-elsewhere", what="127.9.9.9")

    @plants("explicit-source")
    def test_files_of_the_catalog_with_a_host_of_their_own(self):
        self.write_catalog(
            {"type": "File", "title": "/etc/a", "file": "/code/a.pp", "line": 7, "parameters": {"source": "puppet://old.lab.test/modules/a"}},
            {"type": "File", "title": "/etc/b", "parameters": {"source": ["puppet:///modules/b", "puppet://old.lab.test:8140/b"]}},
            {"type": "File", "title": "/etc/c", "parameters": {"source": "puppet:///modules/c"}},
            {"type": "File", "title": "/etc/d", "parameters": {"content": "puppet://x/y"}})
        self.check("explicit-source", "warning", what=r"^2 files .* puppet://old\.lab\.test/: /etc/a, /etc/b\.$",
                   where=r"^/code/a\.pp:7$")

    @plants("explicit-bucket")
    def test_a_filebucket_at_a_host_of_its_own(self):
        self.write_catalog(
            {"type": "Filebucket", "title": "main", "file": "/code/site.pp", "line": 1, "parameters": {"server": "old.lab.test", "path": False}},
            {"type": "Filebucket", "title": "ours", "parameters": {"server": self.node}},
            {"type": "Filebucket", "title": "local", "parameters": {"path": "/var/bucket"}})
        self.check("explicit-bucket", "warning", what=r"filebucket main .* at old\.lab\.test\.$", where=r"^/code/site\.pp:1$",
                   fix=r"^filebucket \{ 'main': path => false \}")

    @plants("agent-disabled")
    def test_an_agent_that_somebody_disabled(self):
        state = self.directory / "var/state"
        state.mkdir(parents=True)
        (state / "agent_disabled.lock").write_text('{"disabled_message":"until monday"}')  # as puppet agent --disable does
        self.check("agent-disabled", "warning", what=r"^The agent was disabled: until monday$", fix="^puppet agent --enable$")

    @plants("disk-full")
    def test_a_full_disk(self):
        (self.directory / "small").mkdir()
        self.settings["vardir"] = str(self.directory / "small/var")
        self.check("disk-full", where=r"/small$", what=r"^64 kB are left where what the agent keeps is\.$", fix="^df -h ")

    @plants("http-proxy")
    def test_a_proxy_in_the_agents_environment(self):
        self.root = str(self.directory / "root")
        etc = Path(self.root, "etc")
        etc.mkdir(parents=True)
        for key in ("ssldir", "vardir"):
            del self.settings[key]
        for text, found in (('# none\nexport http_proxy="http://user:word@proxy.lab.test:3128/"\n', True),
                            ("# another one on this host\nhttp_proxy=http://127.0.0.1:3128\n", True),
                            (f"HTTP_PROXY=http://proxy.lab.test\nno_proxy={self.node}\n", False)):
            with self.subTest(text):
                (etc / "environment").write_text(text)
                said = [one for one in self.findings() if one["check"] == "http-proxy"]
                self.assertEqual(bool(said), found, said)
                if found:
                    self.assertRegex(said[0]["where"], r"/etc/environment:2$")
                    self.assertRegex(said[0]["what"], r"^http_proxy sends the agent through the proxy (proxy\.lab\.test|127\.0\.0\.1),")
                    self.assertNotIn("word", json.dumps(said))
        self.root = ""

    @plants("not-running")
    def test_a_daemon_that_does_not_run(self):
        self.check("not-running", socket=str(self.directory / "none.sock"), what="no daemon can be reached")

    @plants("daemon-hangs")
    def test_a_daemon_that_hangs(self):
        with Shim(self.site, name="hanging", extra=IDENTITY) as shim:
            shim.process.pause()
            self.addCleanup(shim.process.resume)
            self.hosts[self.node] = self.shim.address[0]
            self.check("daemon-hangs", socket=shim.process.control_path, what="does not answer", fix="^systemctl restart bunraku")
            shim.process.resume()

    @plants("not-root")
    def test_somebody_who_is_not_root(self):
        with tempfile.TemporaryDirectory(prefix="bunraku-nobody-") as directory:
            os.chmod(directory, 0o755)
            program = shutil.copy(os.environ["BUNRAKU_BIN"], directory)
            Path(directory, "bunraku.toml").write_text(f'[puppet]\nconf = "{directory}/puppet.conf"\n')
            Path(directory, "puppet.conf").write_text(f"[main]\ncertname = {self.node}\nssldir = {directory}/ssl\n")
            done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "doctor", "--json",
                                   "--config", f"{directory}/bunraku.toml", "--socket", self.shim.process.control_path],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.stderr, "")
        said, = [one for one in json.loads(done.stdout)["findings"] if one["check"] in ("not-root", "not-running")]
        self.assertEqual((said["check"], said["fix"]), ("not-root", "sudo bunraku doctor"))
        self.assertIn("Only root and the daemon's own user may", said["what"])
        self.seen.add("not-root")

    @plants("reload-failed")
    def test_a_daemon_that_refused_its_last_reload(self):
        with Shim(self.site, name="reloading", extra=IDENTITY) as shim:
            good = shim.config()
            shim.reload(good + "[limist]\n", expect="reload refused")
            self.check("reload-failed", "warning", socket=shim.process.control_path)
            shim.reload(good)
            self.assertEqual(self.findings(socket=shim.process.control_path), [])

    @plants("old-daemon")
    def test_a_daemon_of_the_version_before(self):
        version = subprocess.run([os.environ["BUNRAKU_BIN"], "--version"], capture_output=True, check=True).stdout.split()[1]
        newer = self.directory / "bunraku"
        newer.write_bytes(Path(os.environ["BUNRAKU_BIN"]).read_bytes().replace(version + b"\0", b"9" + version[1:] + b"\0"))
        newer.chmod(0o755)
        self.check("old-daemon", "warning", what=rf"daemon is bunraku {version.decode()}, and this program is 9",
                   fix="^systemctl restart bunraku ", program=str(newer))

    @plants("drained")
    def test_a_drain_that_somebody_forgot(self):
        two = f"two.lab.test:{self.site.port}"
        self.addCleanup(bunraku, self.shim, "undrain", two)
        for options, severity, what in ((("--for", "1h"), "note", r"alone until \d{4}-.*Z\.$"), ((), "warning", "without an end")):
            with self.subTest(severity):
                self.assertEqual(bunraku(self.shim, "drain", two, options=options).returncode, 0)
                self.check("drained", severity, where=rf"^{two}$", what=what, fix=rf"^bunraku undrain {two}$")

    @plants("other-certname")
    def test_a_daemon_that_runs_as_another_node(self):
        other = self.site.fqdn("agent2")
        self.settings.update(certname=other, server=other, ssldir=self.site.ssldir(other))
        self.hosts[other] = self.shim.address[0]
        self.check("other-certname", "warning", what=rf"runs as {self.node}, and this node is {other}\.$",
                   where=r"puppet\.conf$", fix="^systemctl restart bunraku$")

    # Credentials

    @plants("credentials")
    def test_a_certificate_that_ended(self):
        self.own_ssldir("old")
        self.check("credentials", what="(?i)ended|expired")

    @plants("credentials")
    def test_a_certificate_that_ends_soon(self):
        self.own_ssldir("ending")
        self.check("credentials", "warning", what="expires on", fix="renew it in time")

    @plants("credentials")
    def test_a_key_of_another_certificate(self):
        ssl = self.own_ssldir()
        shutil.copy(Path(self.site.ssldir("one"), "private_keys/one.lab.test.pem"), ssl / f"private_keys/{self.node}.pem")
        self.check("credentials", what="key")

    @plants("credentials")
    def test_a_missing_crl(self):
        (self.own_ssldir() / "crl.pem").unlink()
        self.check("credentials", where=r"crl\.pem$")

    @plants("key-open")
    def test_a_key_that_everybody_may_read(self):
        (self.own_ssldir() / f"private_keys/{self.node}.pem").chmod(0o644)
        self.check("key-open", fix="^chmod 0600 ")

    @plants("file-writable")
    def test_a_ca_bundle_that_everybody_may_change(self):
        (self.own_ssldir() / "certs/ca.pem").chmod(0o666)
        self.check("file-writable", what="CA bundle", fix="^chmod o-w")

    @plants("file-writable")
    def test_a_directory_in_which_everybody_may_put_another_key(self):
        (self.own_ssldir() / "private_keys").chmod(0o777)
        self.check("file-writable", what="directory of the private key", where="private_keys$")

    @plants("file-owner")
    def test_a_certificate_that_belongs_to_some_user(self):
        os.chown(self.own_ssldir() / f"certs/{self.node}.pem", 65534, -1)
        self.check("file-owner", what="certificate belongs to the user nobody", fix="^chown root: ")

    @plants("own-name")
    def test_a_certificate_without_the_nodes_name(self):
        self.own_ssldir("odd")
        found = self.findings()
        self.assertIn(("own-name", "error"), {(one["check"], one["severity"]) for one in found}, found)


class Everything(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        done = subprocess.run([os.environ["BUNRAKU_BIN"], "doctor", "--list", "--json"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, check=True)
        cls.rows = json.loads(done.stdout)["checks"]

    def test_each_check_of_the_program_has_a_planted_fault_that_it_finds(self):
        self.assertTrue(doctor_masters_test.Masters)  # its faults are planted, too
        names = [row["check"] for row in self.rows]
        self.assertEqual(len(names), len(set(names)), names)
        self.assertEqual(set(PLANTED), set(names))
        self.assertGreaterEqual(len(names), 25)

    def test_each_is_in_the_documentation_in_the_programs_own_words(self):
        text = (ROOT / "contrib/doc/doctor.md").read_text()
        for row in self.rows:
            self.assertIn(f"| `{row['check']}` | {row['finds']} |", text)


if __name__ == "__main__":
    unittest.main()
