"""`bunraku status` and `explain` say what the daemon knows, and `drain` changes where new runs go."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import tempfile
import termios
import unittest

from control_site import bunraku, candidates_of, control, service_in
from labsite import MasterSpec, Shim, Site, service_requests, until

ALL = ("ca", "catalog", "files", "report")


class Status(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        masters = [MasterSpec("one", ALL), MasterSpec("two", ALL), MasterSpec("revoked", ALL, ssldir="revoked.lab.test")]
        cls.site = cls.enterClassContext(Site(masters=masters, srv={}, key="ec", pki=["--revoked", "revoked.lab.test"]))
        cls.requests = service_requests(cls.site)
        cls.one, cls.two = cls.site.masters["one"], cls.site.masters["two"]

    def setUp(self):
        for master in self.site.masters.values():
            master.clear_faults()
            master.forget_log()
        for service in ALL:
            self.site.srv(service, "one", "two")
        self.shim = self.enterContext(Shim(self.site))

    def ask(self, service):
        method, target, body, headers = self.requests[service]
        answer = self.shim.ask(method, target, body, headers)
        self.assertEqual(answer.status, 200, answer.body)

    def new_run(self):
        """The next request does not belong to the run that was on: its report has come."""
        self.ask("report")

    def explain(self, expect=0):
        done = bunraku(self.shim, "explain", "catalog")
        self.assertEqual(done.returncode, expect, done.stderr)
        return done.stdout

    def test_before_the_first_request_status_sends_nothing_and_explain_asks_dns(self):
        done = bunraku(self.shim, "status")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"(?m)^catalog +not asked yet$")
        self.assertNotIn("dns.answer", self.shim.log())
        text = self.explain()
        self.assertRegex(text, r"srv _x-puppet\._tcp\.lab\.test: 2 masters, asked again in \d+")
        self.assertRegex(text, r"1\. one\.lab\.test:\d+ \(priority 10, weight \d+\)\n +not tried yet")
        self.assertRegex(text, r"Next: the next request goes to one\.lab\.test:\d+; if it fails.*to two\.lab\.test")
        self.assertIn("Run: no run is on.", text)
        self.assertEqual(self.site.requests(), {})

    def test_watch_shows_masters_and_what_goes_on_and_gives_the_screen_back(self):
        self.ask("files")
        terminal, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        watching = subprocess.Popen([os.environ["BUNRAKU_BIN"], "status", "--watch", "--socket",
                                     self.shim.process.control_path], stdin=theirs, stdout=theirs, stderr=theirs)
        self.addCleanup(watching.kill)
        os.close(theirs)
        seen = b""

        def shows(text):
            nonlocal seen
            if select.select([terminal], [], [], 0.1)[0]:
                seen += os.read(terminal, 65536)
            return text in seen

        def last_page():
            return (seen.split(b"\x1b[H")[1:] or [b""])[-1]

        until(lambda: shows(b"GET file_content"), "the first exchange", 60)
        self.assertIn(b"one.lab.test:%d" % self.site.port, seen)
        self.ask("report")
        until(lambda: shows(b"PUT report"), "the next one", 60)
        self.shim.stop()
        until(lambda: shows(b"NO ANSWER: no daemon can be reached"), "that the daemon is gone", 60)
        self.assertIsNone(watching.poll())
        self.shim.start()
        seen = b""
        until(lambda: shows(b"up for ") and b"up for " in last_page() and b"NO ANSWER" not in last_page(), "the new daemon", 60)
        pages = seen.decode().split("\x1b[H")[1:]
        self.assertLessEqual(max(page.count("\n") for page in pages), 30)
        self.assertLessEqual(max(len(re.sub(r"\x1b\[\??\d*[a-zA-Z]|\r", "", line)) for page in pages for line in page.split("\n")), 100)
        watching.send_signal(signal.SIGINT)
        until(lambda: shows(b"\x1b[?1049l"), "the old screen", 60)
        self.assertEqual(watching.wait(60), 0)
        os.close(terminal)

    def test_json_has_the_same_facts_with_times(self):
        self.ask("catalog")
        done = bunraku(self.shim, "status", "--json")
        document = json.loads(done.stdout)
        self.assertEqual((document["version"], document["pid"]), (1, self.shim.process.pid))
        self.assertRegex(document["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        catalog = service_in(document, "catalog")
        self.assertEqual(catalog["pinned"], f"one.lab.test:{self.site.port}")
        first, second = catalog["candidates"]
        self.assertEqual((first["why"], first["state"], first["whole"]["answered"]), ("pinned", "up", 1))
        self.assertNotIn("whole", second)
        self.assertEqual(document["run"]["requests"], 1)
        self.assertEqual(document["open_exchanges"], 0)
        only = json.loads(bunraku(self.shim, "explain", "catalog", "--json").stdout)
        self.assertEqual([one["service"] for one in only["services"]], ["catalog"])

    def test_an_outage_says_what_failed_and_where_requests_go(self):
        self.one.kill()
        self.addCleanup(self.one.start)
        self.ask("catalog")
        text = self.explain()
        self.assertRegex(text, r"1\. two\.lab\.test:\d+ .*\n +up for .*\n +why here: the run is with this master")
        self.assertRegex(text, r"2\. one\.lab\.test:\d+ .*\n +suspect for .*: connect: Connection refused")
        self.assertRegex(text, r"Run: run 1: began .* ago, 1 request, 1 needed another master; it stays with two\.lab")

    def test_a_master_that_is_down_is_said_to_be_so_until_when(self):
        self.site.srv("catalog", "revoked", "two")
        self.ask("catalog")
        self.assertRegex(self.explain(), r"2\. revoked\.lab\.test:\d+ .*\n +down for [\d.]+ s, tried again in [\d.]+ s: "
                                         r"tls: .*revoked")
        down = candidates_of(self.shim)["revoked"]
        self.assertEqual((down["state"], down["why"]), ("down", "down"))
        self.assertGreater(down["until_seconds"], 0)
        self.assertEqual(down["whole"]["failed"], 1)

    def test_all_down_is_bad_news_and_says_that_they_are_tried_all_the_same(self):
        self.site.srv("catalog", "revoked")
        method, target, body, headers = self.requests["catalog"]
        self.assertEqual(self.shim.ask(method, target, body, headers).status, 502)
        self.assertRegex(self.explain(expect=1), r"Next: all are down; still, the next request tries revoked\.lab\.test")
        self.assertEqual(bunraku(self.shim, "status").returncode, 1)

    def test_saturated_is_said_for_its_service_alone_and_until_when(self):
        self.one.fault("status:503,retry_after:200", path_prefix="/puppet/v3/catalog")
        self.ask("catalog")
        self.ask("files")
        self.assertRegex(self.explain(), r"one\.lab\.test:\d+ .*\n +saturated for .*, left alone for .* more: "
                                         r".*503.*; for catalog alone")
        self.assertEqual(candidates_of(self.shim)["one"]["state"], "saturated")
        self.assertLessEqual(candidates_of(self.shim)["one"]["until_seconds"], 200)
        self.assertNotEqual(candidates_of(self.shim, "files")["one"]["state"], "saturated")

    def test_a_drained_master_keeps_its_run_and_gets_no_new_one(self):
        self.ask("catalog")
        done = bunraku(self.shim, "drain", "one.lab.test", "--for", "1h")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^drained one\.lab\.test:\d+ until \d{4}-\d\d-\d\dT")
        self.ask("catalog")
        self.assertEqual(len(self.one.requests("/puppet/v3/catalog")), 2)
        self.assertRegex(self.explain(), r"drained for .*, ends in (1 h|59 min)")
        self.new_run()
        self.ask("catalog")
        self.assertEqual(len(self.two.requests("/puppet/v3/catalog")), 1)
        self.new_run()
        done = bunraku(self.shim, "undrain", f"ONE.lab.test.:{self.site.port}")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.ask("catalog")
        self.assertEqual(len(self.one.requests("/puppet/v3/catalog")), 3)
        self.assertEqual(len(self.shim.lines(r" master\.(un)?drained masters=.*by=\"uid 0 pid")), 2)

    def test_a_drained_master_is_used_when_nobody_else_is_left(self):
        self.site.srv("catalog", "one")
        done = bunraku(self.shim, "drain", "one.lab.test")
        self.assertIn("nobody else is left for catalog", done.stdout)
        self.assertNotIn(" until ", done.stdout.splitlines()[0])
        self.ask("catalog")
        self.assertEqual(len(self.one.requests("/puppet/v3/catalog")), 1)
        self.assertIn("until undrained", self.explain())

    def test_a_drain_ends_by_itself(self):
        self.assertEqual(control(self.shim, "POST", "/v1/drain", {"master": "one.lab.test", "for": "1s"})[0], 200)
        until(lambda: candidates_of(self.shim)["one"]["state"] == "up", "the drain to end")
        self.ask("catalog")
        self.assertEqual(len(self.one.requests("/puppet/v3/catalog")), 1)

    def test_a_name_that_no_source_knows_is_refused_with_those_that_are(self):
        done = bunraku(self.shim, "drain", "onr.lab.test")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"There is no master `onr\.lab\.test`\. Did you mean `one\.lab\.test`\? "
                                      r"Known are .*one\.lab\.test:\d+, two\.lab\.test:\d+")
        done = bunraku(self.shim, "undrain", "one.lab.test")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"`one\.lab\.test` is not being drained")
        done = bunraku(self.shim, "drain", "one.lab.test", "--for", "soon")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"no duration.*\"90s\"")
        done = bunraku(self.shim, "explain", "catalogue")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"Did you mean `catalog`\? There are ca, catalog, files, report\.")

    def test_without_a_daemon_it_is_said_where_it_was_looked_for_and_what_to_do(self):
        path = self.shim.process.control_path
        self.shim.stop()
        for words in (["status"], ["explain", "catalog"], ["drain", "one.lab.test"], ["undrain", "x"], ["reload"]):
            with self.subTest(words):
                done = bunraku(self.shim, *words)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertRegex(done.stderr, rf"^bunraku: no daemon can be reached at {re.escape(path)}: No such file.*"
                                              r"bunraku run.*--socket.*\n$")
        self.shim.start()

    def test_a_configuration_that_cannot_be_read_is_said_where_it_matters(self):
        with tempfile.TemporaryDirectory(prefix="bunraku-half-") as directory:
            half = os.path.join(directory, "half.toml")
            with open(half, "w", encoding="ascii") as file:
                file.write(f'[admin]\nsocket = "{self.shim.process.control_path}')
            for path, problem in ((half, r"half\.toml:2 cannot be read \(This is not TOML"), (f"{directory}/none.toml", r"none\.toml cannot be read")):
                with self.subTest(path):
                    done = subprocess.run([os.environ["BUNRAKU_BIN"], "status", "--config", path], stdin=subprocess.DEVNULL,
                                          env={**os.environ, "RUNTIME_DIRECTORY": directory}, capture_output=True, text=True,
                                          timeout=60, check=False)
                    self.assertEqual((done.returncode, done.stdout), (2, ""))
                    self.assertRegex(done.stderr, rf"^bunraku: no daemon can be reached at {directory}/control\.sock: .* It may have "
                                                  rf"another socket: .*{problem}.*give --socket\.\n$")


if __name__ == "__main__":
    unittest.main()
