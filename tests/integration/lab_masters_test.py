"""The lab's masters answer as puppetservers do, and misbehave exactly as they are told."""

import gzip
import hashlib
import json
import os
import ssl
import struct
import time
import unittest

from labsite import MasterSpec, Site, until

PLUGINS = "/puppet/v3/file_metadatas/plugins?environment=production&recurse=true"
# The ssl module shows RST and a bare FIN as the same error; Client.ending tells them apart.
BROKEN = (ssl.SSLEOFError, ConnectionResetError)
STATUS = "/status/v1/simple/server"


def splitmix64(index):
    mask = (1 << 64) - 1
    mixed = (index + 1) * 0x9E3779B97F4A7C15 & mask
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 & mask
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB & mask
    return mixed ^ (mixed >> 31)


class OneSite(unittest.TestCase):
    """One site for the whole class; faults and logs are cleared before each test."""

    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(key="ec", agents=("agent1", "agent2")))
        cls.compile1 = cls.site.masters["compile1"]
        cls.ca = cls.site.masters["ca"]

    def setUp(self):
        for master in self.site.masters.values():
            master.clear_faults()
            master.forget_log()


class Answers(OneSite):
    def test_small_json_is_gzipped_and_chunked(self):
        with self.compile1.connect() as client:
            answer = client.request("GET", PLUGINS, Accept_Encoding="gzip;q=1.0,deflate;q=0.6,identity;q=0.3")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.getheader("Content-Encoding"), "gzip")
        self.assertEqual(answer.getheader("Transfer-Encoding"), "chunked")
        self.assertEqual(answer.getheader("X-Puppet-Version"), "7.23.0")
        names = [entry["relative_path"] for entry in json.loads(gzip.decompress(answer.body))]
        self.assertEqual(names, [".", "facter", "facter/lab_synced.rb"])

    def test_file_content_has_a_length_when_small_and_is_chunked_when_big(self):
        files = os.path.join(self.site.code, "environments/production/modules/lab/files")
        with self.compile1.connect() as client:
            for name, header in (("small1", "Content-Length"), ("big", "Transfer-Encoding")):
                answer = client.request("GET", f"/puppet/v3/file_content/modules/lab/{name}?environment=production",
                                        Accept_Encoding="gzip")
                self.assertIsNotNone(answer.getheader(header), name)
                with open(os.path.join(files, name), "rb") as file:
                    self.assertEqual(gzip.decompress(answer.body), file.read(), name)

    def test_generated_content_has_a_length_and_can_be_checked_anywhere(self):
        with self.compile1.connect() as client:
            answer = client.request("GET", "/puppet/v3/file_content/modules/lab/generated/1000003",
                                    Accept_Encoding="gzip")
        self.assertEqual(answer.getheader("Content-Length"), "1000003")
        self.assertIsNone(answer.getheader("Content-Encoding"))
        for index in (0, 1, 2047, 2048, 125000 - 1):
            self.assertEqual(struct.unpack_from("<Q", answer.body, index * 8)[0], splitmix64(index))

    def test_paths_outside_a_masters_roles_are_404(self):
        def status(master, method, target):
            with self.site.masters[master].connect() as client:
                return client.request(method, target, body=b"" if method != "GET" else None).status

        self.assertEqual(status("ca", "GET", "/puppet-ca/v1/certificate/ca"), 200)
        self.assertEqual(status("compile1", "GET", "/puppet-ca/v1/certificate/ca"), 404)
        self.assertEqual(status("ca", "GET", PLUGINS), 404)
        self.assertEqual(status("files", "GET", PLUGINS), 200)
        self.assertEqual(status("files", "POST", "/puppet/v3/catalog/agent1.lab.test"), 404)
        self.assertEqual(status("files", "PUT", "/puppet/v3/report/agent1.lab.test"), 404)

    def test_only_a_client_certificate_makes_an_identity(self):
        with self.compile1.connect(node=None) as client:
            refused = client.request("GET", PLUGINS, X_Client_DN="CN=agent1.lab.test", X_Client_Verify="SUCCESS")
            self.assertEqual(refused.status, 403)
            self.assertIn(b"Forbidden request: /puppet/v3/file_metadatas/plugins (method :get)", refused.body)
            self.assertEqual(client.request("GET", STATUS).body, b"running")
        with self.compile1.connect("agent2") as client:
            self.assertEqual(client.request("POST", "/puppet/v3/catalog/agent1.lab.test", b"a=b").status, 403)
        self.assertEqual([line["client"] for line in self.compile1.requests()], ["", "", "agent2.lab.test"])

    def test_host_must_fit_sni(self):
        with self.compile1.connect() as client:
            self.assertEqual(client.request("GET", STATUS, host="puppet.lab.test:1").status, 200)
            refused = client.request("GET", STATUS, host="agent1.lab.test:8140")
        self.assertEqual(refused.status, 400)
        self.assertIn(b"Host does not match SNI", refused.body)

    def test_head_of_a_missing_bucket_file_is_chunked_without_a_body(self):
        body = b"bucket" * 5000
        path = f"/puppet/v3/file_bucket_file/sha256/{hashlib.sha256(body).hexdigest()}//tmp/x?environment=production"
        with self.compile1.connect() as client:
            missing = client.request("HEAD", path)
            self.assertEqual((missing.status, missing.getheader("Transfer-Encoding")), (404, "chunked"))
            self.assertEqual(client.request("PUT", path, body).status, 200)
            self.assertEqual(client.request("HEAD", path).status, 200)
            self.assertEqual(client.request("GET", path).body, body)
        self.assertEqual(self.compile1.requests()[0]["target"], path)

    def test_crl_is_not_modified_since_it_was_fetched(self):
        with self.ca.connect(node=None) as client:
            first = client.request("GET", "/puppet-ca/v1/certificate_revocation_list/ca")
            again = client.request("GET", "/puppet-ca/v1/certificate_revocation_list/ca",
                                   If_Modified_Since=first.getheader("Last-Modified"))
        self.assertEqual(first.body.count(b"BEGIN X509 CRL"), 2)
        self.assertEqual((again.status, again.body), (304, b""))

    def test_a_report_is_stored_each_time_it_comes(self):
        body = json.dumps({"transaction_uuid": "0a-1"}).encode()
        with self.compile1.connect() as client:
            for _ in range(2):
                answer = client.request("PUT", "/puppet/v3/report/agent1.lab.test?environment=production", body)
                self.assertEqual(answer.body, b'["store"]')
        self.assertEqual(list(self.compile1.reports()), ["0a-1.1.json", "0a-1.2.json"])

    def test_a_request_that_is_no_http_is_refused(self):
        with self.compile1.connect() as client:
            client.send(b"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(client.read_answer().status, 400)
        self.assertEqual(len(self.compile1.events("bad_request")), 1)

    def test_sessions_are_resumed_with_the_clients_identity(self):
        with self.compile1.connect() as first:
            first.request("GET", PLUGINS)
            session, context = first.tls.session, first.context
        with self.compile1.connect(context=context, session=session) as second:
            second.request("GET", PLUGINS)
        lines = self.compile1.requests()
        self.assertEqual([line["resumed"] for line in lines], [False, True])
        self.assertEqual({line["client"] for line in lines}, {"agent1.lab.test"})


class Faults(OneSite):
    def assert_works(self):
        with self.compile1.connect() as client:
            self.assertEqual(client.request("GET", STATUS).status, 200)

    def test_refuse_ends_with_clear(self):
        self.compile1.fault("refuse")
        with self.assertRaises(ConnectionRefusedError):
            self.compile1.connect()
        self.compile1.clear_faults()
        self.assert_works()

    def test_faults_at_the_connection(self):
        for terms, error in (("reset_after_accept", ConnectionResetError), ("plain_text", ssl.SSLError),
                             ("hang_after_accept", TimeoutError)):
            with self.subTest(terms):
                self.compile1.fault(terms, times=1)
                with self.assertRaises(error):
                    self.compile1.connect(seconds=0.5)
                self.assert_works()

    def test_faults_after_the_handshake(self):
        for terms, error in (("hang_after_handshake", TimeoutError), ("reset_after_handshake", BROKEN)):
            with self.subTest(terms):
                self.compile1.fault(terms, times=1)
                with self.assertRaises(error):
                    with self.compile1.connect(seconds=0.5) as client:
                        client.request("GET", STATUS)
                self.assert_works()

    def test_faults_instead_of_an_answer(self):
        for terms, ending in (("reset_before_answer", "reset"), ("close_before_answer", "fin")):
            with self.subTest(terms):
                self.compile1.fault(terms, times=1)
                with self.compile1.connect() as client:
                    client.send_request("GET", STATUS)
                    self.assertEqual(client.ending(), ending)
                self.assertEqual(len(self.compile1.events("arrived")), 1)
                self.assert_works()
                self.compile1.forget_log()
        self.compile1.fault("hang_before_answer", times=1)
        with self.compile1.connect(seconds=0.5) as client, self.assertRaises(TimeoutError):
            client.request("GET", STATUS)
        self.assertEqual(len(self.compile1.events("arrived")), 1)

    def test_faults_inside_a_body(self):
        target = "/puppet/v3/file_content/modules/lab/generated/300000"
        for term in ("reset_after_bytes", "hang_after_bytes", "close_after_bytes"):
            with self.subTest(term), self.compile1.connect(seconds=0.5) as client:
                self.compile1.fault(f"{term}:100000", times=1)
                client.send_request("GET", target)
                answer = client.start_answer()
                got, end = 0, "broken"
                try:
                    while piece := answer.read1(10000):
                        got += len(piece)
                except BROKEN:
                    pass
                except TimeoutError:
                    end = "silent"
                self.assertEqual(end, "silent" if term == "hang_after_bytes" else "broken")
                self.assertLessEqual(got, 100000)
                if term != "reset_after_bytes":  # RST may overtake what was sent
                    self.assertEqual(got, 100000)
            self.assert_works()
        until(lambda: len(self.compile1.requests(target)) == 3, "three lines")
        self.assertEqual({line["complete"] for line in self.compile1.requests(target)}, {False})

    def test_head_without_a_body_following(self):
        self.compile1.fault("hang_after_headers", times=1)
        with self.compile1.connect(seconds=0.5) as client:
            client.send_request("GET", STATUS)
            answer = client.start_answer()
            self.assertEqual(answer.status, 200)
            with self.assertRaises(TimeoutError):
                answer.read()

    def test_status_with_retry_after_for_the_second_match_only(self):
        self.compile1.fault("status:503,retry_after:5", body="busy", path_prefix="/puppet/v3/", method="GET", nth=2)
        with self.compile1.connect() as client:
            self.assertEqual(client.request("GET", PLUGINS).status, 200)
            self.assertEqual(client.request("GET", STATUS).status, 200)
            answer = client.request("GET", PLUGINS)
            self.assertEqual((answer.status, answer.getheader("Retry-After"), answer.body), (503, "5", b"busy"))
            self.assertEqual(client.request("GET", PLUGINS).status, 200)

    def test_raw_bytes(self):
        self.compile1.fault("raw", body="HTTP/1.1 299 Odd\r\nContent-Length: 2\r\n\r\nhi", times=1)
        with self.compile1.connect() as client:
            answer = client.request("GET", STATUS)
            self.assertEqual((answer.status, answer.body), (299, b"hi"))

    def test_slow_and_late_answers(self):
        # Lower bounds only: they are the master's own timers.
        self.compile1.fault("delay_ms:300", times=1)
        began = time.monotonic()
        self.assert_works()
        self.assertGreater(time.monotonic() - began, 0.29)
        self.compile1.fault("slow_bps:20000", times=1)
        with self.compile1.connect() as client:
            began = time.monotonic()
            answer = client.request("GET", "/puppet/v3/file_content/modules/lab/generated/10000")
            self.assertEqual(len(answer.body), 10000)
            self.assertGreater(time.monotonic() - began, 0.4)

    def test_ends_after_a_whole_answer(self):
        for terms in ("close_after_answer", "notify_after_answer", "last_answer"):
            with self.subTest(terms), self.compile1.connect() as client:
                self.compile1.fault(terms, times=1)
                answer = client.request("GET", STATUS)
                self.assertEqual(answer.body, b"running")
                self.assertEqual(answer.getheader("Connection"), "close" if terms == "last_answer" else None)
                if terms == "close_after_answer":
                    self.assertEqual(client.ending(), "fin")
                else:
                    self.assertEqual(client.tls.read(1), b"")

    def test_dropped_connections_and_counters(self):
        before = self.compile1.counters()
        with self.compile1.connect() as client:
            client.request("GET", STATUS)
            self.compile1.drop_connections("reset")
            self.assertEqual(client.ending(), "reset")
        after = self.compile1.counters()
        self.assertEqual(after["connections"] - before["connections"], 1)
        self.assertEqual(after["requests"] - before["requests"], 1)
        until(lambda: self.compile1.counters()["open"] == 0, "no open connection")

    def test_a_misspelt_fault_is_an_error(self):
        for terms in ("hang_up", "delay_ms", "refuse:3", "delay_ms:fast", ""):
            with self.subTest(terms), self.assertRaises(AssertionError):
                self.compile1.fault(terms)
        self.assert_works()


class Processes(OneSite):
    def test_kill_pause_and_start_again(self):
        compile2 = self.site.masters["compile2"]
        compile2.pause()
        with self.assertRaises(TimeoutError):
            compile2.connect(seconds=0.5)
        compile2.resume()
        compile2.connect().close()
        compile2.kill()
        with self.assertRaises(ConnectionRefusedError):
            compile2.connect()
        compile2.start()
        compile2.connect().close()

    def test_a_2_gib_answer_costs_no_memory(self):
        process = self.compile1.process
        with self.compile1.connect() as client:
            client.request("GET", STATUS)
            before = process.rss_kib()
            client.send_request("GET", f"/puppet/v3/file_content/modules/lab/generated/{1 << 31}")
            answer = client.start_answer()
            buffer, got = bytearray(1 << 20), 0
            while count := answer.readinto(buffer):
                got += count
        self.assertEqual(got, 1 << 31)
        # A sanitizer keeps freed memory aside: then only the order of magnitude says something.
        allowed = 600 * 1024 if self.site.sanitized else 4096
        self.assertLess(process.rss_kib() - before, allowed)


class Certificates(unittest.TestCase):
    KINDS = ("--expired", "--not-yet", "--revoked", "--client-only", "--other-ca")

    def test_bad_masters_are_bad_in_the_way_they_are_told(self):
        pki, masters = [], []
        for kind in self.KINDS:
            name = kind.strip("-")
            pki += [kind, f"{name}.lab.test"]
            masters.append(MasterSpec(name, ssldir=f"{name}.lab.test"))
        pki += ["--name", "stranger=else.lab.test"]
        masters.append(MasterSpec("wrong-name", ssldir="stranger"))
        expected = {"expired": "certificate has expired", "not-yet": "certificate is not yet valid",
                    "revoked": "certificate revoked", "client-only": "unsuitable certificate purpose",
                    "other-ca": "unable to get local issuer certificate", "wrong-name": "Hostname mismatch"}
        with Site(masters=masters, srv={}, pki=pki, key="ec") as site:
            context = ssl.create_default_context(cafile=f"{site.ssldir('agent1')}/certs/ca.pem")
            context.load_verify_locations(f"{site.ssldir('agent1')}/crl.pem")
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
            for name, message in expected.items():
                with self.subTest(name), self.assertRaises(ssl.SSLCertVerificationError) as caught:
                    site.masters[name].connect(context=context)
                self.assertIn(message, str(caught.exception), name)

    def test_a_client_that_was_revoked_is_refused_from_then_on(self):
        with Site(masters=[MasterSpec("compile1")], key="ec") as site:
            master = site.masters["compile1"]
            with master.connect() as client:
                self.assertEqual(client.request("GET", PLUGINS).status, 200)
            site.revoke("agent1")
            with self.assertRaises(ssl.SSLError), master.connect() as client:
                client.request("GET", PLUGINS)
            until(lambda: master.events("handshake_failed"), "the refusal in the log")

    def test_a_ticket_after_the_answer_as_a_jvm_sends_it(self):
        with Site(masters=[MasterSpec("compile1", options={"tickets": "after_answer"}),
                           MasterSpec("compile2", options={"tickets": "never"})], key="ec") as site:
            with site.masters["compile1"].connect() as client:
                client.request("GET", STATUS)
                self.assertFalse(client.tls.session.has_ticket)
                client.request("GET", STATUS)
                self.assertTrue(client.tls.session.has_ticket)
            with site.masters["compile2"].connect() as client:
                for _ in range(3):
                    client.request("GET", STATUS)
                self.assertFalse(client.tls.session.has_ticket)


if __name__ == "__main__":
    unittest.main()
