"""Policies and probes in a running daemon: the next run goes to the faster, or the less busy, of two masters."""

import json
import os
import unittest

from control_site import bunraku, candidates_of, control, service_in
from labsite import MasterSpec, Shim, Site, service_requests, until
from plugin_site import install

ALL = ("ca", "catalog", "files", "report")
METRICS = "/status/v1/services/jruby-metrics"


def jruby(free, waiting, borrow):
    return json.dumps({"state": "running", "status": {"experimental": {
        "jruby-pool-lock-status": {"current-state": ":not-in-use"},
        "metrics": {"num-jrubies": 4, "num-free-jrubies": free, "average-borrow-time": borrow,
                    "requested-instances": [{"duration-millis": 9}] * waiting}}}})


class Policy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(masters=[MasterSpec("one", ALL), MasterSpec("two", ALL)], srv={}, key="ec"))
        cls.requests = service_requests(cls.site)
        cls.plugins = install(os.path.join(cls.site.directory, "plugins"), "least_latency", "puppetserver_load")
        cls.one, cls.two = cls.site.masters["one"], cls.site.masters["two"]

    def setUp(self):
        for master in (self.one, self.two):
            master.clear_faults()
            master.forget_log()
        for service in ALL:
            self.site.srv(service, "one", "two")

    def shim(self, text, masters=""):
        connect = '[connect]\ntimeout = "60s"\nrace_delay = "30s"\n'
        extra = f'[plugins]\ndirectory = "{self.plugins}"\n{text}{masters}'
        return self.enterContext(Shim(self.site, connect=connect, extra=extra))

    def answered_by(self, shim, service="catalog"):
        method, target, body, headers = self.requests[service]
        before = len(shim.exchanges())
        self.assertEqual(shim.ask(method, target, body, headers).status, 200)
        return shim.exchanges(before + 1)[before]["master"].split(".")[0]

    def new_run(self, shim):
        self.answered_by(shim, "report")

    def list_of_both(self):
        names = ", ".join(f'"{self.site.fqdn(m)}:{self.site.port}"' for m in ("one", "two"))
        return f"masters = [{names}]\n"

    # ---- least_latency

    def latency(self):
        return self.shim('[plugin.least_latency]\ndeadline = "60s"\n[service.catalog]\npolicy = "least_latency"\n',
                         self.list_of_both())

    def test_least_latency_begins_the_next_run_with_the_faster_master(self):
        shim = self.latency()
        self.one.fault("delay_ms:400", path_prefix="/puppet/v3/catalog")
        self.assertEqual(self.answered_by(shim), "one", "the first of the list, as long as nobody is known to be faster")
        bunraku(shim, "drain", self.site.fqdn("one"))
        self.new_run(shim)
        self.assertEqual(self.answered_by(shim), "two")
        bunraku(shim, "undrain", self.site.fqdn("one"))
        # Both are known now; `one` may come back slowly, and is the first of the list again but for the policy.
        self.new_run(shim)
        self.assertEqual(self.answered_by(shim), "two")
        means = {m["master"].split(".")[0]: m["first_byte_ms"] for p in self.plugins_in(shim)
                 for m in p["status"]["means"] if m["service"] == "catalog" and m["request"] == "catalog"}
        self.assertGreater(means["one"], 300)
        self.assertEqual(service_in(control(shim, "GET", "/v1/status")[1], "catalog")["policy"], "least_latency")

    def test_a_run_stays_with_its_master_however_slow_it_becomes(self):
        shim = self.latency()
        self.assertEqual(self.answered_by(shim), "one")
        self.one.fault("delay_ms:300", path_prefix="/puppet/v3/catalog")
        for _ in range(3):
            self.assertEqual(self.answered_by(shim), "one")

    def plugins_in(self, shim):
        return json.loads(bunraku(shim, "status", "--json").stdout)["plugins"]

    # ---- puppetserver_load

    def load(self):
        return self.shim('[plugin.puppetserver_load]\ndeadline = "60s"\n[service.catalog]\npolicy = "puppetserver_load"\n'
                         'probe = "puppetserver_load"\n', self.list_of_both())

    def say(self, master, body):
        master.fault("status:200", path_prefix=METRICS, body=body, content_type="application/json")

    def test_a_run_begins_with_the_less_busy_of_two(self):
        self.say(self.one, jruby(free=0, waiting=5, borrow=2000))
        self.say(self.two, jruby(free=4, waiting=0, borrow=500))
        shim = self.load()
        self.assertEqual(self.answered_by(shim), "two")
        self.assertEqual({n: c.get("load") for n, c in candidates_of(shim).items()}, {"one": 24000.0, "two": 125.0})
        asked = self.site.requests(METRICS)
        self.assertEqual({name: [one["client"] for one in seen] for name, seen in asked.items()},
                         {"one": [self.site.fqdn("agent1")], "two": [self.site.fqdn("agent1")]},
                         "each was asked once, with the node's own certificate")

    def test_nothing_is_asked_within_a_run_or_without_one(self):
        self.say(self.one, jruby(free=4, waiting=0, borrow=500))
        self.say(self.two, jruby(free=0, waiting=5, borrow=500))
        shim = self.load()
        self.assertEqual(self.site.requests(METRICS), {})
        for _ in range(5):
            self.assertEqual(self.answered_by(shim), "one")
        self.assertEqual(sum(len(seen) for seen in self.site.requests(METRICS).values()), 2)

    def test_a_master_that_does_not_answer_its_status_counts_as_busy(self):
        self.one.fault("hang_before_answer", path_prefix=METRICS)
        self.say(self.two, jruby(free=1, waiting=0, borrow=500))
        shim = self.load()
        self.assertEqual(self.answered_by(shim), "two")

    def test_service_and_plugin_may_go_while_masters_are_asked(self):
        path = self.requests["files"][1]
        self.one.fault("hang_before_answer", path_prefix=METRICS)
        self.say(self.two, jruby(free=1, waiting=0, borrow=500))
        shim = self.shim('[plugin.puppetserver_load]\ndeadline = "60s"\n[service.canary]\npolicy = "puppetserver_load"\n'
                         'probe = "puppetserver_load"\n',
                         self.list_of_both() + f'[[route]]\nservice = "canary"\npath_prefix = "{path}"\n')
        with shim.client() as client:
            client.send_request("GET", path)
            until(lambda: self.one.events("arrived"), "the question to the first master")
            shim.reload(shim.config(extra=""))
            answer = client.read_answer()
            self.assertEqual(answer.status, 503)
            self.assertIn(b"service canary: a reload of bunraku.toml took it away", answer.body)
            self.assertEqual(client.request("GET", path).status, 200)

    def test_masters_without_metrics_are_drawn_by_lot_and_serve(self):
        shim = self.load()
        self.assertIn(self.answered_by(shim), ("one", "two"))
        self.assertEqual(self.plugins_in(shim)[0]["failed"], 0)


if __name__ == "__main__":
    unittest.main()
