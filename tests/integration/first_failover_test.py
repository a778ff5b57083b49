"""A master that cannot be used is passed over for the next one, for every service, before the client notices."""

import json
import shutil
import unittest
from pathlib import Path

from control_site import bunraku, candidates_of
from labsite import FullBacklog, MasterSpec, Shim, Site, Srv, service_requests, until

CATALOG = "/puppet/v3/catalog/agent1.lab.test?environment=production"
ALL = ("ca", "catalog", "files", "report")
# How each bad certificate's master is named, and what the log must say of it.
CERTIFICATES = {"wrong-name": r"certificate .*name|name .*certificate", "other-ca": r"CA|issuer|trust",
                "expired": r"expired", "revoked": r"revoked", "client-only": r"serverAuth|purpose|server"}


class FirstFailover(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        masters = [MasterSpec("good", ALL), MasterSpec("bad", ALL)]
        pki = []
        for kind in CERTIFICATES:
            ssldir = f"{kind}.lab.test"
            pki += ["--name", f"{ssldir}=else.lab.test"] if kind == "wrong-name" else [f"--{kind}", ssldir]
            masters.append(MasterSpec(kind, ALL, ssldir=ssldir))
        picky = {"picky": {}, "picky12": {"tls12_only": True}}
        for name, options in picky.items():
            masters.append(MasterSpec(name, ALL, ssldir=f"{name}.lab.test", options=options))
            pki += ["--name", f"{name}.lab.test={name}.lab.test"]
        cls.site = cls.enterClassContext(Site(masters=masters, srv={}, pki=pki, key="ec"))
        for name in picky:
            master = cls.site.masters[name]  # believes in another CA than this site's
            shutil.copy(Path(cls.site.pki, "other-ca/ca_crt.pem"), Path(master.directory, "ssl/certs/ca.pem"))
            master.reload()
        cls.requests = service_requests(cls.site)
        cls.good, cls.bad = cls.site.masters["good"], cls.site.masters["bad"]

    def setUp(self):
        for master in self.site.masters.values():
            master.forget_log()

    def all_services(self, *records):
        for service in ALL:
            self.site.srv(service, *records)

    def check_every_service(self, reason, first="bad", records=None, **more):
        """Each service's first master fails, the second answers; the client sees nothing but the answer."""
        self.all_services(*(records or (first, "good")))
        for service, (method, target, body, headers) in self.requests.items():
            with self.subTest(service):
                self.good.forget_log()
                # A new shim: it knows nothing of this master yet.
                with Shim(self.site, **more) as shim:
                    with shim.client() as client:
                        answer = client.request(method, target, body, **headers)
                    self.assertEqual(answer.status, 200, answer.body)
                    until(self.good.requests, "the request in the good master's log")
                    self.assertEqual([line["client"] for line in self.good.requests()], ["agent1.lab.test"])
                    self.check_told(shim, service, first, reason)

    def check_told(self, shim, service, first, reason):
        told, = shim.exchanges(1)
        self.assertEqual((told["service"], told["status"], told["attempts"]), (service, "200", "2"))
        self.assertIn("good.lab.test", told["master"])
        self.assertIn(f"{first}.lab.test", told["failed"])
        self.assertRegex(told["failed"], reason)

    def test_refuses(self):
        self.bad.kill()
        self.addCleanup(self.bad.start)
        self.check_every_service(r"connect: Connection refused")

    def test_is_a_blackhole(self):
        full = FullBacklog(self.bad.address)
        self.addCleanup(full.close)
        self.check_every_service(r"connect: .*(within|time|slower|another)",
                                 records=(Srv(10, 0, full.port, "bad"), "good"))

    def test_resets_during_the_handshake(self):
        self.bad.fault("reset_after_accept")
        self.addCleanup(self.bad.clear_faults)
        self.check_every_service(r"(connect|tls): Connection reset")

    def test_hangs_after_accept(self):
        self.bad.pause()
        self.addCleanup(self.bad.resume)
        self.check_every_service(r"(tls|connect): .*(within|time|slower|another)")

    def test_speaks_no_tls(self):
        self.bad.fault("plain_text")
        self.addCleanup(self.bad.clear_faults)
        self.check_every_service(r"tls: .*TLS")

    def test_shows_a_bad_certificate(self):
        for kind, reason in CERTIFICATES.items():
            with self.subTest(kind):
                self.check_every_service(rf"tls: .*({reason})", first=kind)

    def test_does_not_take_our_certificate(self):
        self.check_every_service(r"tls: .*refused our certificate with alert 48", first="picky12")
        # In TLS 1.3 the handshake is over for us when the master judges it.
        self.check_every_service(r"first_byte: the master refused our certificate with alert 48 'unknown CA'", first="picky")

    def test_what_this_node_is_refused_is_its_own_fault_in_every_view(self):
        self.all_services("picky")
        with Shim(self.site) as shim:
            for body in (None, b"x" * 1_000_000):  # a large one is still being written when the refusal comes
                answer = shim.ask("POST" if body else "GET", CATALOG, body)
                self.assertEqual(answer.status, 502)
                self.assertIn("the master refused our certificate with alert 48", json.loads(answer.body)["message"])
            self.assertEqual(len(shim.lines(r" warning exchange .* status=502 .*alert 48 'unknown CA'", 2)), 2)
            for verb in (["status"], ["explain", "catalog"]):
                done = bunraku(shim, *verb)
                self.assertRegex(done.stdout, r"up for \S+ s: this node's own fault: .*: it does not know the CA")
                self.assertEqual(done.returncode, 1)
            metrics = shim.ask("GET", "/metrics", path=shim.process.control_path).body.decode()
            self.assertRegex(metrics, r'bunraku_master_outcomes_total\{master="picky[^}]*outcome="own_fault"\} 2\n')

    def test_that_it_does_not_take_our_certificate_is_not_held_against_it(self):
        method, target, body, headers = self.requests["report"]  # whose masters no run stays with
        for picky in ("picky12", "picky"):
            self.all_services(picky, "good")
            with self.subTest(picky), Shim(self.site) as shim:
                for _ in range(4):
                    self.assertEqual(shim.ask(method, target, body, headers).status, 200)
                self.assertEqual([told["attempts"] for told in shim.exchanges(4)], ["2"] * 4)
                seen = candidates_of(shim, "report")[picky]
                self.assertEqual(seen["state"], "up")
                # Told each time, so that no trial of a master on probation is waited for.
                self.assertEqual(seen["own"]["own_faults"] + seen["own"]["cancelled"], 4, seen)
            self.all_services(picky)
            with self.subTest(picky, alone=True), Shim(self.site) as shim:
                answer = shim.ask(method, target, body, headers)
                self.assertEqual(answer.status, 502)
                self.assertNotIn("may have arrived", json.loads(answer.body)["message"])

    def test_static_lists_and_server_list_fail_over_likewise(self):
        self.all_services()
        self.bad.kill()
        self.addCleanup(self.bad.start)
        port = self.site.port
        extra = "".join(f'[service.{name}]\nmasters = ["bad.lab.test:{port}", "good.lab.test:{port}"]\n'
                        for name in ALL)
        lists = Shim(self.site, name="lists", extra=extra)
        named = Shim(self.site, name="named", settings=(
            f"server_list = bad.lab.test:{port},good.lab.test:{port}", f"ca_server = good.lab.test",
            f"ca_port = {port}"))
        for service, (method, target, body, headers) in self.requests.items():
            for shim in (lists, named):
                with self.subTest(service, shim=shim.name):
                    before = len(shim.exchanges())
                    self.assertEqual(shim.ask(method, target, body, headers).status, 200)
                    told = shim.exchanges(before + 1)[before]
                    self.assertIn("good.lab.test", told["master"])
        for shim in (lists, named):
            self.assertIn("bad.lab.test", " ".join(told.get("failed", "") for told in shim.exchanges()))


class NobodyLeft(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        masters = [MasterSpec("one", ALL), MasterSpec("two", ALL), MasterSpec("revoked", ALL, ssldir="revoked.lab.test")]
        cls.site = cls.enterClassContext(Site(masters=masters, srv={}, key="ec", pki=["--revoked", "revoked.lab.test"]))
        cls.requests = service_requests(cls.site)
        cls.one, cls.two = cls.site.masters["one"], cls.site.masters["two"]

    def check_error(self, answer, status, *patterns):
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(answer.getheader("Content-Type"), "application/json")
        self.assertIsNone(answer.getheader("Retry-After"))
        told = json.loads(answer.body)
        self.assertEqual(told["issue_kind"], "RUNTIME_ERROR")
        for pattern in patterns:
            self.assertRegex(told["message"], pattern)

    def ask_each_service(self, status, *patterns, services=ALL, **more):
        # One connection for all: an error of ours is no reason to end it.
        with Shim(self.site, **more) as shim, shim.client() as client:
            for service in services:
                with self.subTest(service):
                    method, target, body, headers = self.requests[service]
                    self.check_error(client.request(method, target, body, **headers), status, service, *patterns)

    def set_all(self, *records):
        for service in ALL:
            self.site.srv(service, *records)

    def test_each_attempt_is_named_with_its_reason(self):
        self.set_all("one", "two", "revoked")
        self.one.kill()
        self.addCleanup(self.one.start)
        self.two.fault("reset_after_accept")
        self.addCleanup(self.two.clear_faults)
        self.ask_each_service(502, r"one\.lab\.test:\d+: connect: Connection refused",
                              r"two\.lab\.test:\d+: (connect|tls): Connection reset", r"revoked\.lab\.test:\d+: tls: .*revoked")

    def test_silence_is_a_504(self):
        self.set_all("one")
        self.one.pause()
        self.addCleanup(self.one.resume)
        self.ask_each_service(504, r"one\.lab\.test:\d+: tls: ")

    def test_a_dot_means_that_the_service_is_not_offered(self):
        self.set_all("one")
        self.site.srv("report", Srv(0, 0, 0, "."))
        self.ask_each_service(503, r"not offered", services=["report"])
        method, target, body, headers = self.requests["files"]
        with Shim(self.site) as shim:
            self.assertEqual(shim.ask(method, target, body, headers).status, 200)

    def test_no_record_at_all_is_a_503_that_says_where_to_look(self):
        self.set_all()
        self.ask_each_service(503, r"no .*master|knows? a master|no SRV", r"bunraku resolve")

    def test_a_name_without_an_address_is_told(self):
        self.set_all(Srv(10, 0, self.site.port, "nowhere"))
        self.ask_each_service(502, r"nowhere\.lab\.test.* address|nowhere\.lab\.test.*A nor")


if __name__ == "__main__":
    unittest.main()
