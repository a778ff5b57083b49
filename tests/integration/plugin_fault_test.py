"""The fault plugin in a running daemon: each kind of fault is met by the exchange as a real one would be, for as long as
it was asked for, restarts or not."""

import json
import os
import subprocess
import tempfile
import time
import unittest
from datetime import datetime, timedelta, timezone

from control_site import bunraku, control
from labsite import MasterSpec, Shim, Site, service_requests, until
from plugin_site import install, write_whole

ALL = ("ca", "catalog", "files", "report")


def stamp(seconds):
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Fault(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(masters=[MasterSpec("one", ALL), MasterSpec("two", ALL)], srv={}, key="ec"))
        cls.requests = service_requests(cls.site)
        cls.plugins = install(os.path.join(cls.site.directory, "plugins"), "fault")
        cls.one, cls.two = cls.site.fqdn("one"), cls.site.fqdn("two")

    def setUp(self):
        for master in self.site.masters.values():
            master.forget_log()
        for service in ALL:
            self.site.srv(service, "one", "two")
        self.state = os.path.join(self.site.directory, f"state-{self.id().rsplit('.', 1)[1]}")
        os.makedirs(self.state, mode=0o700)
        self.faults = os.path.join(self.state, "faults.json")

    def shim(self, extra="", env=None, **more):
        text = f'[plugins]\ndirectory = "{self.plugins}"\n[plugin.fault]\nstate = "{self.faults}"\ndeadline = "60s"\n'
        return self.enterContext(Shim(self.site, extra=text + extra, env=env, **more))

    def ask(self, shim, service="catalog", status=200):
        method, target, body, headers = self.requests[service]
        answer = shim.ask(method, target, body, headers)
        self.assertEqual(answer.status, status, answer.body)
        return answer

    def order(self, shim, order, expect=200):
        status, answer = control(shim, "POST", "/v1/plugin/fault", order)
        self.assertEqual(status, expect, answer)
        return answer

    def add(self, shim, **rule):
        self.order(shim, {"add": {"name": "drill", "for_seconds": 3600, **rule}})

    def keep_state_elsewhere(self):
        """Where nothing else of the daemon's is; an order that would be kept there."""
        elsewhere = self.enterContext(tempfile.TemporaryDirectory(prefix="bunraku-faults-", dir="/tmp"))
        self.faults = f"{elsewhere}/faults.json"
        return elsewhere, {"add": {"name": "drill", "kind": "refuse", "for_seconds": 60}}

    def test_a_state_in_a_place_that_the_daemon_gave_up_is_refused_with_the_way_out(self):
        elsewhere, order = self.keep_state_elsewhere()
        refused = self.order(self.shim(), order, 409)
        self.assertRegex(json.dumps(refused), r"cannot write .*faults\.json: Permission denied; .*\[sandbox\] files")
        self.assertEqual(os.listdir(elsewhere), [])

    def test_a_state_in_a_place_that_the_sandbox_leaves_open_is_written(self):
        elsewhere, order = self.keep_state_elsewhere()
        self.order(self.shim(extra=f'[sandbox]\nfiles = ["{elsewhere}"]\n'), order)
        self.assertEqual(os.listdir(elsewhere), ["faults.json"])

    def served(self, service="catalog"):
        """Which masters saw the request itself."""
        path = self.requests[service][1].split("?")[0]
        return sorted(name for name, seen in self.site.requests(path).items() if seen)

    def check(self, shim):
        done = subprocess.run([os.environ["BUNRAKU_BIN"], "check", "--config", shim.process.config_path],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    # ---- one test for each kind

    def test_refuse_sends_the_request_to_the_next_master_and_says_who_refused(self):
        shim = self.shim()
        self.add(shim, kind="refuse", master=self.one)
        self.ask(shim)
        self.assertEqual(self.served(), ["two"])
        failed = shim.exchanges(1)[0]["failed"]
        self.assertIn("one.lab.test", failed)
        self.assertIn("Connection refused (injected by fault plugin, rule drill)", failed)

    def test_refuse_is_met_on_a_kept_connection_too(self):
        shim = self.shim()
        self.ask(shim, "files")
        self.assertEqual(self.served("files"), ["one"])
        self.add(shim, kind="refuse", master=self.one)
        self.ask(shim, "files")
        self.assertEqual(self.served("files"), ["one", "two"])

    def test_blackhole_costs_the_race_delay(self):
        shim = self.shim(connect='[connect]\ntimeout = "60s"\nrace_delay = "100ms"\n')
        self.add(shim, kind="blackhole", master=self.one)
        self.ask(shim)  # not after 60 s, or the client here would have given up
        self.assertEqual(self.served(), ["two"])

    def test_bad_certificate_takes_the_master_down_with_its_reason(self):
        shim = self.shim()
        self.add(shim, kind="bad_certificate", certificate="revoked", master=self.one)
        self.ask(shim)
        self.assertEqual(self.served(), ["two"])
        self.assertIn("rule drill", shim.exchanges(1)[0]["failed"])
        status = bunraku(shim, "status").stdout
        self.assertRegex(status, r"one\.lab\.test:\d+ +down for .*tls: .*revoked.*injected by fault plugin, rule drill")

    def test_hang_is_found_out_by_asking_and_the_next_master_answers(self):
        shim = self.shim()
        self.add(shim, kind="hang", master=self.one)
        for _ in range(8):  # until the row's patience is learned it is long
            self.ask(shim, "files")
        self.assertEqual(self.served("files"), ["two"])
        self.assertIn("injected", shim.exchanges(1)[0])

    def test_reset_before_the_answer_is_an_unanswered_request(self):
        shim = self.shim()
        self.add(shim, kind="reset", at_byte=0, master=self.one, path="/puppet/v3/file_content/")
        self.ask(shim, "files")
        self.assertEqual(self.served("files"), ["two"])
        record = shim.exchanges(1)[0]
        self.assertIn("first_byte: Connection reset by peer", record["failed"])

    def test_reset_inside_the_answer_is_continued_by_the_next_master(self):
        shim = self.shim()
        self.add(shim, kind="reset", at_byte=5000, master=self.one)
        answer = self.ask(shim, "files")
        self.assertEqual(len(answer.body), 20000)
        self.assertEqual(self.served("files"), ["one", "two"])
        self.assertRegex(shim.exchanges(1)[0]["continued"], r"at byte \d+ on two\.lab\.test")

    def test_delay_holds_the_answer_back_and_nothing_is_lost(self):
        shim = self.shim()
        self.add(shim, kind="delay", delay_ms=700, service="files", master=self.one)
        begun = time.monotonic()
        self.ask(shim, "files")
        self.assertGreaterEqual(time.monotonic() - begun, 0.7)
        self.assertIn("one", self.served("files"))

    def test_a_connection_that_a_fault_had_is_not_kept(self):
        shim = self.shim()
        self.add(shim, kind="delay", delay_ms=1, service="files", master=self.one)
        self.ask(shim, "files")
        self.order(shim, {"clear": True})
        self.ask(shim, "files")
        self.ask(shim, "files")
        faulty, second, third = (line["connection"] for line in self.site.masters["one"].requests())
        self.assertNotEqual(faulty, second)
        self.assertEqual(second, third)

    def test_status_with_headers_is_judged_like_a_masters_own(self):
        shim = self.shim()
        self.add(shim, kind="status", status=503, headers={"Retry-After": "60"}, body="busy", master=self.one)
        self.ask(shim)
        self.assertEqual(self.served(), ["two"], "the master saw a request that it should not have")
        self.assertRegex(bunraku(shim, "status").stdout, r"one\.lab\.test:\d+ +saturated")

    def test_status_of_every_master_reaches_the_agent(self):
        shim = self.shim()
        self.add(shim, kind="status", status=500, headers={"Content-Type": "application/json"},
                 body='{"message":"drill"}', service="catalog")
        self.assertEqual(self.ask(shim, status=500).body, b'{"message":"drill"}')
        self.ask(shim, "files")

    def test_dns_that_is_silent_and_dns_that_lies(self):
        store = f"{self.state}/answers"
        shim = self.shim(dns='[dns]\nnameservers = ["{name_server}"]\nhosts_file = ""\nsrv = true\nlookup_deadline = "200ms"\n'
                             f'try_timeout = "100ms"\nstore = "{store}"\n')
        self.add(shim, kind="dns_silent", master="_x-puppet._tcp.lab.test")
        answer = self.ask(shim, status=503)
        self.assertIn(b"service catalog: ", answer.body)
        self.assertRegex(bunraku(shim, "explain", "catalog").stdout, r"injected by fault plugin, rule drill")
        self.add(shim, kind="dns_lie", master="_x-puppet-report._tcp.lab.test",
                 answer=[f"0 1 {self.site.port} {self.two}"])
        self.ask(shim, "report")
        self.assertEqual(self.served("report"), ["two"])
        self.ask(shim, "files")
        shim.stop()
        with open(store, encoding="ascii") as kept:
            text = kept.read()
        self.assertIn("srv _x-puppet-fileserver._tcp.lab.test found ", text)
        self.assertNotIn("_x-puppet-report._tcp.lab.test", text, "a lie is nothing for the next process")

    # ---- which, and how long

    def test_probability_is_drawn_once_for_an_exchange(self):
        shim = self.shim()
        self.add(shim, kind="status", status=500, service="report", probability=0.5)
        seen = {shim.ask(*self.requests["report"][:2], self.requests["report"][2], self.requests["report"][3]).status
                for _ in range(60)}
        self.assertEqual(seen, {200, 500})  # 60 heads in a row: once in 10^18 runs

    def test_it_outlives_a_restart_and_ends_at_its_time(self):
        write_whole(self.faults, json.dumps({"version": 1, "faults": [
            {"name": "long", "kind": "status", "status": 500, "service": "report", "until": stamp(3600)},
            {"name": "over", "kind": "status", "status": 500, "service": "files", "until": stamp(-1)}]}))
        shim = self.shim()
        self.ask(shim, "report", 500)
        self.ask(shim, "files")
        self.order(shim, {"add": {"name": "short", "kind": "status", "status": 500, "service": "catalog", "for_seconds": 3}})
        self.ask(shim, status=500)
        shim.stop()
        shim.start()
        self.ask(shim, "report", 500)
        until(lambda: shim.ask(*self.requests["catalog"][:2], self.requests["catalog"][2],
                               self.requests["catalog"][3]).status == 200, "the short fault to end")
        self.ask(shim, "report", 500)

    def test_a_file_that_is_replaced_counts_at_once_and_a_bad_one_changes_nothing(self):
        shim = self.shim()
        self.ask(shim, "report")
        rule = {"name": "drill", "kind": "status", "status": 500, "service": "report", "until": stamp(3600)}
        write_whole(self.faults, json.dumps({"version": 1, "faults": [rule]}))
        self.ask(shim, "report", 500)
        write_whole(self.faults, "{")
        self.ask(shim, "report", 500)
        self.assertEqual(len(shim.lines("plugin=fault fault.file .*problem=.*not JSON")), 1)
        write_whole(self.faults, json.dumps({"version": 1, "faults": []}), mode=0o666)
        self.ask(shim, "report", 500)
        self.assertTrue(shim.lines("others may write to it"))
        os.unlink(self.faults)
        self.ask(shim, "report")

    def test_orders_are_checked_and_the_list_says_what_is_on(self):
        shim = self.shim()
        for wrong, word in (({"add": {"name": "x", "kind": "earthquake", "for_seconds": 1}}, "kind"),
                            ({"add": {"name": "x", "kind": "hang"}}, "until"),
                            ({"add": {"name": "x", "kind": "hang", "for_seconds": 90000}}, "for_seconds"),
                            ({"add": {"name": "x", "kind": "hang", "for_seconds": 9, "status": 500}}, "status"),
                            ({"remove": "x"}, "no fault"), ({"break": True}, "say one of")):
            self.assertIn(word, self.order(shim, wrong, expect=409)["error"]["message"])
        self.add(shim, kind="hang", path="/never")
        done = bunraku(shim, "plugin", "fault", '{"list": true}')
        self.assertEqual(done.returncode, 0, done.stderr)
        fault, = json.loads(done.stdout)["faults"]
        self.assertEqual((fault["name"], fault["kind"], fault["hits"]), ("drill", "hang", 0))
        shown = bunraku(shim, "plugin", "fault")
        self.assertRegex(shown.stdout, r'(?s)fault 1\.0: running.*"faults":\[\{"name":"drill"')
        self.assertRegex(bunraku(shim, "status").stdout, r"(?m)^fault +observer +running")
        self.order(shim, {"clear": True})
        self.assertEqual(json.loads(bunraku(shim, "status", "--json").stdout)["plugins"][0]["status"]["faults"], [])

    # ---- the host around it

    def test_a_plugin_that_is_refused_is_told_of_and_the_daemon_runs(self):
        os.chmod(os.path.join(self.plugins, "fault.so"), 0o777)
        self.addCleanup(os.chmod, os.path.join(self.plugins, "fault.so"), 0o755)
        shim = self.shim()
        self.ask(shim)
        self.assertRegex(shim.log(), r"Plugin `fault` is not used: Others than root may write to .*/fault\.so\.")
        self.assertRegex(bunraku(shim, "status").stdout, r"(?m)^fault +refused: Others than root may write")
        self.assertEqual(bunraku(shim, "plugin", "fault").returncode, 1)
        self.assertRegex(self.check(shim), r"Plugin `fault` is not used: Others than root may write to")

    def test_check_names_plugins_and_what_they_are(self):
        self.assertRegex(self.check(self.shim()), r"(?m)^ *fault +1\.0 +observer +injects faults")

    def test_reload_takes_a_plugin_in_and_out(self):
        shim = self.shim()
        self.add(shim, kind="status", status=500, service="report")
        shim.reload(shim.config(extra=""))
        self.ask(shim, "report")
        shim.reload(shim.config())
        self.ask(shim, "report", 500)
        shim.reload(shim.config(extra=shim.parts["extra"] + "nonsense = 1\n"), expect=r"reload refused: going on as before")
        self.ask(shim, "report", 500)
        self.assertRegex(shim.log(), r"Plugin `fault` is not used: It will not work with its settings: it has no key `nonsense`")

    def test_a_reload_that_a_plugin_spoils_leaves_the_listeners_as_they_were(self):
        shim = self.shim()
        elsewhere = f"{shim.socket_path}.new"
        shim.reload(shim.config(listen=shim.listen_unix(elsewhere), extra=shim.parts["extra"] + "nonsense = 1\n"),
                    expect=r"reload refused: going on as before")
        self.assertFalse(os.path.exists(elsewhere))
        self.ask(shim)
        with shim.client() as client:
            self.assertEqual(client.request(*self.requests["files"][:2]).status, 200)


if __name__ == "__main__":
    unittest.main()
