"""What the client gets when a master was sent the request and failed: the next master's answer, wherever that is allowed."""

import json
import unittest

from control_site import candidates_of
from labsite import MasterSpec, Shim, Site, service_requests, until

ALL = ("ca", "catalog", "files", "report")


class NextMaster(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        masters = [MasterSpec(name, ALL) for name in ("one", "two", "three")]
        cls.site = cls.enterClassContext(Site(masters=masters, srv={}, key="ec"))
        cls.requests = service_requests(cls.site)
        cls.one, cls.two, cls.three = (cls.site.masters[name] for name in ("one", "two", "three"))

    def setUp(self):
        for master in self.site.masters.values():
            master.forget_log()
            self.addCleanup(master.clear_faults)
        self.use("one", "two")

    def use(self, *masters):
        for service in ALL:
            self.site.srv(service, *masters)

    def ask(self, shim, service):
        method, target, body, headers = self.requests[service]
        return shim.ask(method, target, body, headers)

    def counts(self, *prefix):
        return {name: len(master.requests(*prefix)) for name, master in self.site.masters.items()}

    def test_no_answer_moves_on_but_not_a_report(self):
        for fault in ("reset_before_answer", "close_before_answer"):
            self.one.fault(fault)
            with Shim(self.site) as shim:
                for service in ("catalog", "files", "ca"):
                    with self.subTest(service, fault=fault):
                        self.assertEqual(self.ask(shim, service).status, 200)
                self.two.forget_log()
                with self.subTest("report", fault=fault):
                    self.assertEqual(self.ask(shim, "report").status, 502)
                    self.assertEqual(self.two.requests("/puppet/v3/report"), [])
            self.one.clear_faults()

    def test_a_master_that_is_out_of_order_is_left_for_the_next(self):
        for fault in ("status:502", "status:503", "status:504", "status:503,retry_after:20", "status:429,retry_after:20"):
            with self.subTest(fault), Shim(self.site) as shim:
                self.one.fault(fault, body="no")
                self.assertEqual(self.ask(shim, "catalog").status, 200)
                told, = shim.exchanges(1)
                self.assertIn("two.lab.test", told["master"])
                self.assertRegex(told["failed"], rf"one\.lab\.test:\d+: first_byte: status {fault[7:10]}")
                self.one.clear_faults()

    def test_a_manifests_error_is_the_answer_and_a_file_servers_is_not(self):
        self.one.fault("status:500", body="evaluation error")
        with Shim(self.site) as shim:
            answer = self.ask(shim, "catalog")
            self.assertEqual((answer.status, answer.body), (500, b"evaluation error"))
            self.assertEqual(self.ask(shim, "files").status, 200)

    def test_the_last_answer_of_a_master_is_delivered_when_nobody_has_a_better_one(self):
        self.one.fault("status:503,retry_after:7", body='{"message": "queue full"}', content_type="application/json")
        self.two.fault("status:502", body="second")
        with Shim(self.site) as shim:
            answer = self.ask(shim, "catalog")
            self.assertEqual((answer.status, answer.body), (502, b"second"))
        self.two.clear_faults()
        self.two.fault("reset_before_answer")
        with Shim(self.site) as shim:
            answer = self.ask(shim, "catalog")
            self.assertEqual((answer.status, answer.body), (503, b'{"message": "queue full"}'))
            self.assertEqual(answer.getheader("Content-Type"), "application/json")
            self.assertIsNone(answer.getheader("Retry-After"))
            told, = shim.exchanges(1)
            self.assertIn("one.lab.test", told["master"])

    def test_an_error_that_the_client_gets_counts_against_its_master(self):
        self.use("one")
        self.one.fault("status:502", body="no")
        with Shim(self.site) as shim:
            for state in ("suspect", "suspect", "down", "down"):
                self.assertEqual(self.ask(shim, "catalog").status, 502)
                self.assertEqual(candidates_of(shim)["one"]["state"], state)

    def test_an_answer_that_is_large_or_does_not_come_whole_is_not_kept_for_that(self):
        self.two.fault("reset_before_answer")
        for size, fault, kept in ((65536, "", True), (65537, "", False), (10, ",close_after_bytes:5", False),
                                  (10, ",hang_after_bytes:5", False)):
            with self.subTest(fault, size=size), Shim(self.site) as shim:
                self.one.clear_faults()
                self.one.fault(f"status:503{fault}", body="x" * size)
                answer = self.ask(shim, "catalog")
                self.assertEqual(answer.status, 503 if kept else 502)
                self.assertEqual(answer.body == b"x" * size, kept)

    def test_a_master_is_not_asked_twice_for_one_request(self):
        for master in (self.one, self.two):
            master.fault("reset_before_answer")
        with Shim(self.site) as shim:
            answer = self.ask(shim, "files")
        self.assertEqual(answer.status, 502)
        self.assertRegex(json.loads(answer.body)["message"], r"one\.lab\.test.*two\.lab\.test")
        until(lambda: self.counts()["two"], "the second master's log")
        self.assertEqual(self.counts(), {"one": 1, "two": 1, "three": 0})

    def test_a_signing_request_goes_to_the_same_ca_once_more(self):
        self.one.fault("reset_before_answer", method="PUT")
        with Shim(self.site) as shim:
            target = "/puppet-ca/v1/certificate_request/agent1.lab.test"
            answer = shim.ask("PUT", target, b"x", {"Content-Type": "text/plain"})
        self.assertEqual(answer.status, 502)
        message = json.loads(answer.body)["message"]
        self.assertEqual(message.count("one.lab.test"), 2, f"each time is told: {message}")
        until(lambda: self.counts()["one"] >= 2, "the CA's log")
        self.assertEqual(self.counts(), {"one": 2, "two": 0, "three": 0})

    def test_a_signing_request_and_a_renewal_wait_for_their_ca(self):
        self.one.kill()
        self.addCleanup(self.one.start)
        with Shim(self.site) as shim:
            # Others are asked for what is only read, and by now the first one is known to be down.
            self.assertEqual(shim.ask("GET", "/puppet-ca/v1/certificate/ca").status, 200)
            self.two.forget_log()
            for method, target in (("PUT", "certificate_request/agent1.lab.test"), ("POST", "certificate_renewal")):
                with self.subTest(method):
                    answer = shim.ask(method, f"/puppet-ca/v1/{target}", b"x", {"Content-Type": "text/plain"})
                    self.assertEqual(answer.status, 502)
                    message = json.loads(answer.body)["message"]
                    self.assertRegex(message, r"one\.lab\.test.*refused")
                    self.assertNotIn("two.lab.test", message)
        self.assertEqual([self.counts()[name] for name in ("two", "three")], [0, 0])

    def test_a_hanging_master_is_given_up_once_its_status_does_not_come(self):
        with Shim(self.site) as shim:
            self.assertEqual(self.ask(shim, "files").status, 200)  # a connection to it is idle now
            self.one.pause()
            self.addCleanup(self.one.resume)
            for service in ("files", "catalog"):
                with self.subTest(service):
                    self.assertEqual(self.ask(shim, service).status, 200)
            told = shim.exchanges(3)[1]
            self.assertIn("two.lab.test", told["master"])
            self.assertRegex(told["failed"], r"one\.lab\.test:\d+: first_byte: no answer, and its status did not come")

    def test_a_report_is_given_to_no_master_that_has_not_just_shown_that_it_lives(self):
        with Shim(self.site) as shim:
            self.assertEqual(self.ask(shim, "catalog").status, 200)  # a connection to it is idle now
            self.one.pause()
            self.addCleanup(self.one.resume)
            self.assertEqual(self.ask(shim, "report").status, 200)
            told = shim.exchanges(2)[1]
            self.assertIn("two.lab.test", told["master"])
        self.one.resume()
        with self.one.connect() as client:  # what came before this has been done when it is answered
            self.assertEqual(client.request("GET", "/status/v1/simple").status, 200)
        self.assertEqual(self.counts("/puppet/v3/report"), {"one": 0, "two": 1, "three": 0})

    def test_a_slow_master_that_lives_is_waited_for(self):
        self.one.fault("delay_ms:5000", path_prefix="/puppet/v3/catalog")
        with Shim(self.site) as shim:
            self.assertEqual(self.ask(shim, "catalog").status, 200)
            told, = shim.exchanges(1)
            self.assertEqual((told["attempts"], "one.lab.test" in told["master"]), ("1", True), told)
        until(lambda: self.one.requests("/status/v1/simple"), "a question for its status")
        self.assertEqual(self.counts("/puppet/v3/catalog"), {"one": 1, "two": 0, "three": 0})

    def test_the_deadline_ends_it_all(self):
        for master in (self.one, self.two):
            master.fault("hang_before_answer", path_prefix="/puppet/v3/catalog")
        with Shim(self.site, extra='[limits]\ndeadline = "1s"\n') as shim:
            answer = self.ask(shim, "catalog")
        self.assertEqual(answer.status, 504)
        late = r".lab.test:\d+: first_byte: no answer within the time limit"
        self.assertRegex(json.loads(answer.body)["message"], f"one{late}.*two{late}")

    def test_a_service_that_hangs_in_a_master_that_says_it_lives_does_not_take_all_the_time(self):
        self.one.fault("hang_before_answer", path_prefix="/puppet/v3/catalog")
        with Shim(self.site, extra='[limits]\ndeadline = "8s"\n') as shim:
            self.assertEqual(self.ask(shim, "catalog").status, 200)
            told, = shim.exchanges(1)
            self.assertIn("two.lab.test", told["master"])
            self.assertRegex(told["failed"], r"one\.lab\.test:\d+: first_byte: no answer within the time limit")
        self.assertTrue(self.one.requests("/status/v1/simple"))

    def test_a_404_is_believed_from_the_catalogs_master_only(self):
        self.use("one", "two", "three")
        file, lag = self.requests["files"], "/puppet/v3/file_"
        with Shim(self.site) as shim:
            self.assertEqual(self.ask(shim, "catalog").status, 200)  # from one, which the run stays with
            self.site.srv("files", "two", "three")
            self.two.fault("status:404", path_prefix=lag, body="not here yet")
            answer = shim.ask(*file)
            self.assertEqual(answer.status, 200, answer.body)
        until(lambda: self.counts(lag)["one"], "the question of the catalog's master")

    def test_a_404_that_the_catalogs_master_confirms_is_delivered(self):
        with Shim(self.site) as shim:
            self.assertEqual(self.ask(shim, "catalog").status, 200)
            answer = shim.ask("GET", "/puppet/v3/file_content/modules/lab/nowhere?environment=production")
            self.assertEqual(answer.status, 404)
        self.assertEqual(self.counts("/puppet/v3/file_content"), {"one": 1, "two": 0, "three": 0})

    def test_when_the_catalogs_master_fails_the_others_are_asked_before_a_404_is_believed(self):
        self.use("one", "two", "three")
        lag = "/puppet/v3/file_"
        for fault in ("status:503", "reset_before_answer"):
            with self.subTest(fault), Shim(self.site, name="bunraku-" + fault[:5]) as shim:
                self.site.srv("files", "one", "two", "three")
                self.assertEqual(self.ask(shim, "catalog").status, 200)
                self.site.srv("files", "two", "three")
                self.two.fault("status:404", path_prefix=lag, body="not here yet")
                self.one.fault(fault, path_prefix=lag, body="out of order")
                self.assertEqual(self.ask(shim, "files").status, 200)
                told = shim.exchanges(2)[1]
                self.assertIn("three.lab.test", told["master"])
                self.assertRegex(told["failed"], r"two\.lab\.test:\d+: first_byte: status 404.*one\.lab\.test")
                # Nobody has it: the 404 is the answer, not what went wrong at the catalog's master.
                self.three.fault("reset_before_answer", path_prefix=lag)
                answer = self.ask(shim, "files")
                self.assertEqual((answer.status, answer.body), (404, b"not here yet"))
            for master in self.site.masters.values():
                master.clear_faults()

    def test_what_is_too_large_to_be_kept_gets_a_new_connection(self):
        with Shim(self.site, extra='[limits]\nreplay_bytes = 20480\nreplay_file_bytes = 0\n') as shim:
            for count in (20_000, 21_000, 20_000):
                body = b'{"a": "' + b"x" * count + b'"}'
                answer = shim.ask("PUT", f"/puppet/v3/facts/{shim.node}?environment=production", body,
                                  {"Content-Type": "application/json"})
                self.assertEqual(answer.status, 200)
        until(lambda: self.counts("/puppet/v3/facts")["one"] == 3, "three requests")
        first, large, last = (line["connection"] for line in self.one.requests("/puppet/v3/facts"))
        self.assertNotEqual(large, first)
        self.assertIn(last, (first, large))


if __name__ == "__main__":
    unittest.main()
