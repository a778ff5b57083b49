"""What the daemon holds of a master after each way in which a request to it can end."""

import http.client
import unittest

from control_site import candidates_of, control
from labsite import MasterSpec, Shim, Site, service_requests

ALL = ("ca", "catalog", "files", "report")
LATER = ("answered", "failed", "saturated", "cancelled")


class Outcomes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        masters = [MasterSpec(name, ALL) for name in ("one", "two")]
        cls.site = cls.enterClassContext(Site(masters=masters, srv={}, key="ec"))
        cls.requests = service_requests(cls.site)
        cls.one, cls.two = (cls.site.masters[name] for name in ("one", "two"))

    def setUp(self):
        for master in self.site.masters.values():
            self.addCleanup(master.clear_faults)
        for service in ALL:
            self.site.srv(service, "one", "two")

    def ask(self, shim, service):
        return shim.ask(*self.requests[service])

    def leave(self, shim, data):
        """A client sends this, and is gone."""
        with shim.open_unix() as channel:
            channel.sendall(data)

    def counts(self, shim, service, master):
        """How the attempts at it ended, for this service: {word: times}."""
        own = candidates_of(shim, service)[master].get("own", {})
        return {word: own[word] for word in LATER if own.get(word)}

    def test_an_error_or_a_404_for_which_another_is_asked_is_an_answer(self):
        self.two.fault("status:404", path_prefix="/puppet/v3/file_", body="not here yet")
        with Shim(self.site) as shim:
            self.assertEqual(self.ask(shim, "catalog").status, 200)  # the run's master is one
            self.site.srv("files", "two")
            self.assertEqual(self.ask(shim, "files").status, 200)
            self.assertIn("status 404", shim.exchanges(2)[1]["failed"])
            self.assertEqual(self.counts(shim, "files", "two"), {"answered": 1})
        self.one.fault("status:500", body="no")
        self.site.srv("files", "one", "two")
        self.two.clear_faults()
        with Shim(self.site) as shim:
            self.assertEqual(self.ask(shim, "files").status, 200)
            self.assertIn("status 500", shim.exchanges(1)[0]["failed"])
            self.assertEqual(self.counts(shim, "files", "one"), {"answered": 1})

    def test_one_whose_answer_is_not_looked_at_to_its_end_is_held_for_nothing(self):
        self.one.fault("status:500,hang_after_bytes:5", body="x" * 100)
        with Shim(self.site) as shim:
            self.assertEqual(self.ask(shim, "files").status, 200)
            self.assertEqual(self.counts(shim, "files", "one"), {"cancelled": 1})

    def test_a_client_whose_body_is_bad_or_stands_still_says_nothing_of_the_master(self):
        head = b"PUT /puppet/v3/report/x?environment=production HTTP/1.1\r\nHost: x\r\n"
        with Shim(self.site, extra='[limits]\nstall_timeout = "1s"\n') as shim:
            for rest, status in ((b"Content-Length: 100\r\n\r\nx", 408),
                                 (b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcdefg\r\n", 400)):
                with shim.open_unix() as channel:
                    channel.sendall(head + rest)
                    answer = http.client.HTTPResponse(channel)
                    answer.begin()
                    self.assertEqual(answer.status, status)
            self.leave(shim, head + b"Content-Length: 100\r\n\r\nx")
            shim.exchanges(3)
            self.assertEqual(self.counts(shim, "report", "one"), {"cancelled": 3})

    def test_nothing_is_held_of_nobody(self):
        for master in self.site.masters.values():
            master.kill()
            self.addCleanup(master.start)
        with Shim(self.site) as shim:
            self.leave(shim, b"GET /puppet/v3/file_content/modules/lab/x HTTP/1.1\r\nHost: x\r\n\r\n")
            told, = shim.exchanges(1)
            self.assertRegex(told["failed"], r"^one.*; two\.lab\.test:\d+: connect: [^;]*; the client left before the end$")
            masters = {one["master"].split(".")[0] for one in control(shim, "GET", "/v1/status")[1]["masters"]}
            self.assertEqual(masters, {"one", "two"})


if __name__ == "__main__":
    unittest.main()
