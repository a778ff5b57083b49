"""DNS may die, lie and come back: masters that it named serve on, and the next process finds them without it."""

import json
import os
import unittest

from control_site import bunraku
from labsite import MasterSpec, Shim, Site, until

FILE = "/puppet/v3/file_content/modules/lab/generated/100"
DNS = """[dns]
nameservers = ["{name_server}"]
hosts_file = ""
srv = true
lookup_deadline = "2s"
try_timeout = "200ms"
ttl_floor = "1s"
"""


class DnsOutlived(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(masters=[MasterSpec("one"), MasterSpec("two")], srv={}, key="ec"))

    def setUp(self):
        self.site.dns.ttl = 1
        self.site.srv("files", "one")
        self.store = os.path.join(self.site.directory, "dns-answers")
        for master in self.site.masters.values():
            master.forget_log()

    def tearDown(self):
        if os.path.exists(self.store):
            os.unlink(self.store)

    def shim(self, more="", **options):
        return self.enterContext(Shim(self.site, dns=DNS + more, **options))

    def keeping_shim(self, **options):
        return self.shim(f'store = "{self.store}"\n', **options)

    def ask(self, shim):
        answer = shim.ask("GET", FILE)
        self.assertEqual(answer.status, 200, answer.body)

    def lose_dns(self):
        self.site.dns.stop()
        self.addCleanup(self.site.dns.start)

    def explained(self, shim):
        return bunraku(shim, "explain", "files").stdout

    def until_stale(self, shim):
        """Until a request has asked DNS in vain: the TTL is over."""
        def stale():
            self.ask(shim)
            return "an old answer" in self.explained(shim)

        until(stale, lambda: f"an answer whose time is over:\n{self.explained(shim)}\n{shim.log()}")

    def test_requests_are_served_while_dns_is_dead_and_explain_says_so(self):
        shim = self.shim()
        self.ask(shim)
        self.lose_dns()
        self.until_stale(shim)
        self.assertRegex(self.explained(shim), r"1 master, an old answer of [\d.]+ \w+ ago: DNS does not say so now")
        document = json.loads(bunraku(shim, "explain", "files", "--json").stdout)
        sources = [each for one in document["services"] for each in one["sources"] if each.get("stale")]
        self.assertEqual(len(sources), 1, document)

    def test_what_dns_says_when_it_is_back_counts_without_a_restart(self):
        shim = self.shim()
        self.ask(shim)
        self.site.dns.stop()
        self.until_stale(shim)
        self.site.dns.start()
        self.site.srv("files", "two")

        def moved():
            self.ask(shim)
            return self.site.masters["two"].requests()

        until(moved, lambda: f"a request at two:\n{self.explained(shim)}", seconds=90)

    def test_records_that_vanish_serve_on_until_their_masters_fail(self):
        shim = self.shim()
        self.ask(shim)
        self.site.srv("files")
        self.until_stale(shim)
        self.site.masters["one"].kill()
        self.addCleanup(self.site.masters["one"].start)

        def believed():
            return shim.ask("GET", FILE).status != 200 and "an old answer" not in self.explained(shim)

        until(believed, lambda: f"the records to be gone:\n{self.explained(shim)}")

    def test_the_next_process_finds_its_masters_without_dns(self):
        with self.keeping_shim() as first:
            self.ask(first)
            until(lambda: os.path.exists(self.store), "the file of answers")
        self.assertEqual(os.stat(self.store).st_mode & 0o777, 0o600)
        self.lose_dns()
        second = self.keeping_shim()
        self.ask(second)
        self.assertIn("(kept on disk by an earlier process)", self.explained(second))
        self.assertEqual(second.lines("warning.*dns.store"), [])

    def test_systemds_state_directory_is_where_it_is_kept_by_itself(self):
        with self.shim(env={**os.environ, "STATE_DIRECTORY": self.site.directory}) as shim:
            self.ask(shim)
        self.assertTrue(os.path.exists(self.store))

    def test_a_torn_file_and_somebody_elses_cost_one_warning(self):
        with self.keeping_shim() as first:
            self.ask(first)
        with open(self.store, "rb") as file:
            whole = file.read()
        for bad, stays in ((whole[:len(whole) // 2], False), (b"precious\n", True)):
            with self.subTest(bad=bad[:10]):
                with open(self.store, "wb") as file:
                    file.write(bad)
                with self.keeping_shim() as shim:
                    self.ask(shim)
                self.assertEqual(len(shim.lines("warning dns.store")), 1, shim.log())
                with open(self.store, "rb") as file:
                    self.assertEqual(file.read() == bad, stays)


if __name__ == "__main__":
    unittest.main()
