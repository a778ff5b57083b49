"""All masters of a service are full (503 with Retry-After): agents that can wait are told for how long, for others bunraku
waits, and their request begins anew."""

import signal
import threading
import unittest

from labsite import MasterSpec, Shim, Site, service_requests

ALL = ("ca", "catalog", "files", "report")
OLD, NEW = "7.23.0", "8.10.0"


class FullMasters(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        masters = [MasterSpec(name, ALL) for name in ("one", "two")]
        cls.site = cls.enterClassContext(Site(masters=masters, srv={s: ("one", "two") for s in ALL}, key="ec"))
        cls.requests = service_requests(cls.site)
        cls.one, cls.two = cls.site.masters["one"], cls.site.masters["two"]

    def setUp(self):
        for master in (self.one, self.two):
            master.forget_log()
            self.addCleanup(master.clear_faults)

    def ask(self, shim, version, service="catalog"):
        method, target, body, headers = self.requests[service]
        return shim.ask(method, target, body, {**headers, "X-Puppet-Version": version})

    def fill(self, master, retry_after, **how):
        master.fault(f"status:503,retry_after:{retry_after}", body="queue full", **how)

    def counts(self):
        """Requests that came to each. One that is reset is logged as answered or given up only after that."""
        return tuple(sum(line["target"].startswith("/puppet") for line in master.events("arrived"))
                     for master in (self.one, self.two))

    def test_a_request_of_an_agent_that_cannot_wait_waits_here_and_begins_anew(self):
        for service in ("catalog", "files", "report"):
            with self.subTest(service), Shim(self.site) as shim:
                for master in (self.one, self.two):
                    master.forget_log()
                    self.fill(master, 1, times=1)
                self.assertEqual(self.ask(shim, OLD, service).status, 200)
                self.assertEqual(sum(self.counts()), 3)
                told, = shim.exchanges(1)
                self.assertEqual(told["attempts"], "3")
                self.assertGreaterEqual(int(told["waited_ms"]), 900)
                self.assertEqual(told["failed"].count("status 503"), 2, told)
                self.assertIn(f"no master of service {service} has room", shim.log())

    def test_an_agent_that_waits_itself_is_told_the_shortest_time_of_all_masters(self):
        for first, second in ((30, 7), (7, 30)):
            with self.subTest(first=first, second=second), Shim(self.site) as shim:
                self.fill(self.one, first)
                self.fill(self.two, second)
                answer = self.ask(shim, NEW)
                self.assertEqual((answer.status, answer.body), (503, b"queue full"))
                self.assertIn(answer.getheader("Retry-After"), ("6", "7"))
                self.assertNotIn("waited_ms", shim.exchanges(1)[0])
                self.one.clear_faults()
                self.two.clear_faults()

    def test_a_time_that_is_no_number_counts_as_a_minute(self):
        for said, told in (("Wed, 21 Oct 2026 07:28:00 GMT", ("59", "60")), ("soon", ("59", "60")), ("-7", ("0", "1"))):
            with self.subTest(said), Shim(self.site) as shim:
                for master in (self.one, self.two):
                    master.clear_faults()
                    master.fault("raw", body=f"HTTP/1.1 503 Busy\r\nRetry-After: {said}\r\nContent-Length: 0\r\n\r\n")
                answer = self.ask(shim, NEW)
                self.assertEqual(answer.status, 503)
                self.assertIn(answer.getheader("Retry-After"), told)

    def test_one_that_will_have_room_is_worth_more_than_another_ones_error(self):
        self.fill(self.one, 1, times=1)
        for fault in ("status:502", "reset_before_answer", "refuse"):
            with self.subTest(fault), Shim(self.site) as shim:
                self.one.clear_faults()
                self.fill(self.one, 1, times=1)
                self.two.clear_faults()
                self.two.fault(fault)
                self.assertEqual(self.ask(shim, OLD).status, 200)
        for fault in ("status:502", "reset_before_answer", "refuse"):
            with self.subTest(fault, version=NEW), Shim(self.site) as shim:
                self.one.clear_faults()
                self.fill(self.one, 7)
                self.two.clear_faults()
                self.two.fault(fault)
                answer = self.ask(shim, NEW)
                self.assertEqual((answer.status, answer.body), (503, b"queue full"))
                self.assertIn(answer.getheader("Retry-After"), ("6", "7"))

    def test_a_report_that_another_master_may_have_stored_is_not_sent_again_by_anybody(self):
        for version in (OLD, NEW):
            for fault in ("status:502", "reset_before_answer"):
                with self.subTest(fault, version=version), Shim(self.site) as shim:
                    for master in (self.one, self.two):
                        master.clear_faults()
                        master.forget_log()
                    self.fill(self.one, 1)
                    self.two.fault(fault)
                    answer = self.ask(shim, version, "report")
                    self.assertGreaterEqual(answer.status, 500)
                    self.assertIsNone(answer.getheader("Retry-After"))
                    self.assertEqual(self.counts(), (1, 1))
                    self.assertNotIn("waited_ms", shim.exchanges(1)[0])

    def test_nobody_waits_beyond_the_deadline(self):
        for master in (self.one, self.two):
            self.fill(master, 30)
        with Shim(self.site, extra='[limits]\ndeadline = "30s"\n') as shim:
            answer = self.ask(shim, OLD)
            self.assertEqual((answer.status, answer.getheader("Retry-After")), (503, None))
            self.assertNotIn("waited_ms", shim.exchanges(1)[0])
        self.assertEqual(self.counts(), (1, 1))

    def test_a_signing_request_waits_for_its_own_ca(self):
        self.fill(self.one, 1, times=1)
        with Shim(self.site) as shim:
            answer = shim.ask("PUT", f"/puppet-ca/v1/certificate_request/{self.site.fqdn('agent1')}", b"no request",
                              {"Content-Type": "text/plain", "X-Puppet-Version": OLD})
            self.assertNotEqual(answer.status, 503)
            self.assertIn("waited_ms", shim.exchanges(1)[0])
        self.assertEqual(self.counts(), (2, 0))

    def test_a_daemon_that_is_told_to_end_does_not_wait(self):
        for master in (self.one, self.two):
            self.fill(master, 300)
        with Shim(self.site) as shim:
            answers = []
            asks = threading.Thread(target=lambda: answers.append(self.ask(shim, OLD)))
            asks.start()
            shim.process.wait_for_line("has room")
            shim.process.signal(signal.SIGTERM)
            asks.join(30)
            self.assertEqual([(answer.status, answer.getheader("Connection")) for answer in answers], [(503, "close")])
            self.assertEqual(shim.process.wait(), 0)
        self.assertEqual(self.counts(), (1, 1))


if __name__ == "__main__":
    unittest.main()
