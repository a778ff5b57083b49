"""`bunraku doctor` asks DNS and every master: each fault that is planted there it finds, and nothing else."""

import shutil
import time
import unittest
from email.utils import formatdate
from pathlib import Path

from doctor_site import DoctorCase, plants
from labsite import FullBacklog, Srv
from labsite.dns import Knot


class Masters(DoctorCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        picky = cls.site.masters["picky"]  # trusts another CA than the one that this node is of
        shutil.copy(Path(cls.site.pki, "other-ca/ca_crt.pem"), Path(picky.directory, "ssl/certs/ca.pem"))
        picky.reload()

    # DNS

    @plants("dns-fails")
    def test_dns_that_does_not_answer(self):
        self.toml["dns"] = self.toml["dns"].replace(str(self.site.dns.port), str(self.site.range.free_port((53,)))) + \
            'lookup_deadline = "500ms"\n'
        self.check("dns-fails", fix=rf"^dig SRV _x-puppet\S+ @{self.site.dns.address} -p [0-9]+ ", also=["master-no-address"])

    @plants("name-server-silent")
    def test_one_of_two_name_servers_that_is_dead(self):
        dead = f"{self.site.dns.address}:{self.site.range.free_port((53,))}"
        self.two_name_servers(dead)
        self.check("name-server-silent", "warning", where=rf"^{dead}$",
                   fix=rf"^dig @{self.site.dns.address} -p {dead.rpartition(':')[2]} \. NS ")

    @plants("name-servers-differ")
    def test_two_name_servers_that_do_not_say_the_same(self):
        other = Knot(str(self.directory / "dns"), self.site.domain, self.site.range.address(54), self.site.range.free_port((54,)))
        self.addCleanup(other.stop)
        other.set_records([line for line in self.site.dns.lines if "SRV 20" not in line or "_x-puppet-ca" in line])
        other.start()
        self.two_name_servers(f"{other.address}:{other.port}")
        found = self.check("name-servers-differ", "warning", where=r"_x-puppet", what=r"one\.lab\.test.*two\.lab\.test")
        self.assertEqual({one["where"].split(".")[0] for one in found}, {"_x-puppet", "_x-puppet-fileserver", "_x-puppet-report"})

    def two_name_servers(self, other):
        ours = f"{self.site.dns.address}:{self.site.dns.port}"
        self.toml["dns"] = self.toml["dns"].replace(f'"{ours}"', f'"{ours}", "{other}"') + 'try_timeout = "500ms"\n'

    @plants("no-master")
    def test_a_service_without_records(self):
        self.site.srv("report")
        self.site.srv("catalog")
        self.settings["ca_server"] = "one.lab.test"
        found = self.findings()
        self.assertEqual({one["check"] for one in found}, {"no-master"}, found)

    @plants("service-absent")
    def test_a_service_that_dns_calls_absent(self):
        self.site.srv("report", Srv(0, 0, 0, "."))
        self.check("service-absent", "warning", where="_x-puppet-report")

    @plants("master-no-address")
    def test_a_target_without_an_address(self):
        self.site.srv("files", "one", "two", Srv(30, 0, self.site.port, "nowhere"))
        self.check("master-no-address", where=r"^nowhere\.lab\.test")

    @plants("one-master")
    def test_the_only_master_of_a_service_is_worth_a_note(self):
        self.site.srv("report", "one")
        self.check("one-master", "note", where=r"^one\.lab\.test")

    # Masters

    @plants("master-refused")
    def test_a_master_that_refuses_connections(self):
        self.site.srv("files", "one", "two", Srv(30, 0, 1, "two"))
        self.check("master-refused", where=r"^two\.lab\.test:1 \(files\)")

    @plants("master-silent")
    def test_a_master_whose_packets_are_dropped(self):
        hole = FullBacklog(self.site.range.address(60))
        self.addCleanup(hole.close)
        self.site.srv("files", "one", "two", Srv(30, 0, hole.port, "silent"))
        self.site.publish(f"silent A {self.site.range.address(60)}")
        self.check("master-silent", what="^connect: ", where=rf"^silent\.lab\.test:{hole.port} \(files\)$",
                   fix=rf"^nc -vz -w 3 silent\.lab\.test {hole.port}")

    @plants("master-fails")
    def test_a_master_that_breaks_connections_off(self):
        self.site.masters["two"].fault("reset_after_accept")
        self.check("master-fails", what="(?i)^(tls|connect): .*reset", where=r"^two\.lab\.test")

    @plants("master-ourselves")
    def test_a_masters_name_that_leads_to_us(self):
        self.site.srv("files", "one", "two", Srv(30, 0, self.shim.port, "loop"))
        self.site.publish(f"loop A {self.shim.address[0]}")
        self.check("master-ourselves", what="own listener", where=r"^loop\.lab\.test", fix=r"^getent hosts loop\.lab\.test ")

    @plants("master-no-tls")
    def test_a_master_that_hangs_before_tls(self):
        self.site.masters["two"].pause()
        self.addCleanup(self.site.masters["two"].resume)
        self.check("master-no-tls", where=r"^two\.lab\.test")

    def test_something_else_at_the_masters_port(self):
        self.site.srv("files", "one", "two", Srv(30, 0, self.site.dns.port, "ns"))
        found = self.findings()
        self.assertTrue(found and found[0]["where"].startswith("ns.lab.test"), found)

    @plants("master-expired", "master-revoked", "master-untrusted", "master-wrong-purpose", "master-wrong-name",
            "master-no-master")
    def test_each_kind_of_bad_certificate(self):
        for name, check in (("expired", "master-expired"), ("revoked", "master-revoked"),
                            ("stranger", "master-untrusted"), ("client", "master-wrong-purpose"),
                            ("named", "master-wrong-name"), ("plain", "master-no-master")):
            with self.subTest(name):
                self.with_master(name)
                self.check(check, where=rf"^{name}\.lab\.test:\d+ \(catalog\)")

    def test_a_certificate_out_of_its_time_may_be_a_clock_that_is_wrong(self):
        self.with_master("early")
        self.check("master-expired", what=r"is not valid before .* \(local clock: ", fix=r"^timedatectl   # is this node's clock right\?")

    @plants("master-crl")
    def test_a_master_whose_ca_has_no_crl_here(self):
        ssl = self.own_ssldir()
        with open(ssl / "certs/ca.pem", "a", encoding="ascii") as bundle:
            bundle.write((Path(self.site.pki) / "other-ca/ca_crt.pem").read_text())
        self.with_master("stranger")
        found = self.findings()
        self.assertEqual([(one["check"], one["severity"]) for one in found],
                         [("master-crl", "error"), ("credentials", "warning"), ("credentials", "warning")], found)
        self.assertRegex(found[0]["where"], r"^stranger\.lab\.test")
        self.assertRegex(found[0]["what"], "no CRL of CN=Other CA")
        self.assertRegex(found[0]["fix"], r"https://one\.lab\.test:\d+/puppet-ca/v1/certificate_revocation_list/ca ")

    @plants("master-refuses-us")
    def test_a_master_that_does_not_take_our_certificate(self):
        self.with_master("picky")
        self.check("master-refuses-us", what="refused our certificate", where=r"^picky\.lab\.test",
                   fix=rf"puppetserver ca list --certname {self.node} ")

    @plants("master-ends-soon")
    def test_a_masters_certificate_that_ends_soon(self):
        self.with_master("soon")
        self.check("master-ends-soon", "warning", what=r"ends in \d+ days", where=r"^soon\.lab")

    @plants("any-node-a-master")
    def test_masters_that_nobody_vouches_for(self):
        self.toml["identity"] = ""
        self.check("any-node-a-master", "warning", fix=r"^\[identity\] master_names")

    @plants("header-cert-info")
    def test_a_master_that_takes_identity_from_headers(self):
        self.site.masters["two"].fault("status:403", "Forbidden request", path_prefix="/puppet/v3/")
        self.check("header-cert-info", where=r"^two\.lab", fix="allow-header-cert-info: false")

    @plants("status-bad")
    def test_a_master_that_is_starting(self):
        self.site.masters["two"].fault("status:503", "starting", path_prefix="/status/")
        self.check("status-bad", what="503")

    @plants("status-silent")
    def test_a_master_that_takes_requests_and_never_answers(self):
        self.site.masters["two"].fault("close_before_answer", path_prefix="/status/")
        self.check("status-silent")

    @plants("no-environment")
    def test_a_master_without_the_nodes_environment(self):
        self.settings["environment"] = "canary"
        self.check("no-environment", what="canary")

    @plants("environment-fails")
    def test_a_master_that_fails_inside(self):
        self.site.masters["two"].fault("status:500", "oops", path_prefix="/puppet/v3/file_metadatas")
        self.check("environment-fails", what="500")

    @plants("no-ca")
    def test_a_ca_that_is_none(self):
        self.site.masters["two"].fault("status:404", "not here", path_prefix="/puppet-ca/")
        self.check("no-ca", what="404", where=r"^two\.lab")

    @plants("clock")
    def test_a_masters_clock_that_is_wrong(self):
        for seconds, severity, words in ((200, "warning", "ahead of"), (-4000, "error", "behind")):
            with self.subTest(seconds):
                self.site.masters["two"].clear_faults()
                date = formatdate(time.time() + seconds, usegmt=True)
                self.site.masters["two"].fault("raw", self.raw("running", f"Date: {date}\r\n"), path_prefix="/status/")
                self.site.masters["two"].fault("raw", self.raw("[]", f"Date: {date}\r\n"), path_prefix="/puppet/v3/")
                self.site.masters["two"].fault("raw", self.raw("[]", f"Date: {date}\r\n"), path_prefix="/puppet-ca/")
                self.check("clock", severity, what=words, where=r"^two\.lab")


if __name__ == "__main__":
    unittest.main()
