"""Metrics: over the control socket, over loopback and as a textfile; and what contrib makes of them."""

import http.client
import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

from control_site import control
from labsite import MasterSpec, Shim, Site, ask_on, service_requests, until

ALL = ("ca", "catalog", "files", "report")
ROOT = Path(__file__).parents[2]
SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def promtool(*words, text=None):
    if not shutil.which("promtool"):
        raise AssertionError("promtool is missing: apt-get install prometheus")
    return subprocess.run(["promtool", *map(str, words)], input=text, capture_output=True, text=True, timeout=60,
                          check=False)


def samples(text):
    """{(name, frozenset of label pairs): value}"""
    return {(name, frozenset(LABEL.findall(labels or ""))): float(value) for name, labels, value in SAMPLE.findall(text)}


def value(text, name, **labels):
    """The sum of the samples that carry these labels."""
    found = [v for (n, of), v in samples(text).items() if n == name and set(labels.items()) <= of]
    if not found:
        raise AssertionError(f"no {name} with {labels} in:\n{text}")
    return sum(found)


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(masters=[MasterSpec("one", ALL), MasterSpec("two", ALL)],
                                              srv={service: ("one", "two") for service in ALL}, key="ec"))
        cls.requests = service_requests(cls.site)

    def shim(self, **more):
        return self.enterContext(Shim(self.site, **more))

    def ask(self, shim, service, expect=200):
        method, target, body, headers = self.requests[service]
        answer = shim.ask(method, target, body, headers)
        self.assertEqual(answer.status, expect, answer.body)

    def scrape(self, shim):
        with shim.open_unix(shim.process.control_path) as channel:
            answer = ask_on(channel, "GET", "/metrics")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        return answer.body.decode()

    def test_promtool_has_nothing_to_say_against_them_before_and_after_runs(self):
        shim = self.shim()
        for _ in range(2):
            done = promtool("check", "metrics", text=self.scrape(shim))
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
            for service in ("files", "catalog", "report"):
                self.ask(shim, service)

    def test_they_count_exchanges_runs_and_masters(self):
        shim = self.shim()
        one = f"one.lab.test:{self.site.port}"
        for service in ("files", "files", "catalog", "report"):
            self.ask(shim, service)
        text = self.scrape(shim)
        self.assertEqual(value(text, "bunraku_exchanges_total", service="files", code="200"), 2)
        self.assertEqual(value(text, "bunraku_exchanges_total"), 4)
        self.assertEqual(value(text, "bunraku_exchange_duration_seconds_count", service="files"), 2)
        self.assertEqual(value(text, "bunraku_exchange_duration_seconds_bucket", service="files", le="+Inf"), 2)
        self.assertEqual(value(text, "bunraku_exchange_body_bytes_total", service="files", direction="down"), 40000)
        self.assertEqual(value(text, "bunraku_runs_total", end="reported"), 1)
        self.assertEqual(value(text, "bunraku_last_run_requests"), 4)
        self.assertEqual(value(text, "bunraku_master_state", service="catalog", master=one), 1)
        self.assertEqual(value(text, "bunraku_service_usable_masters", service="catalog"), 2)
        self.assertGreater(value(text, "bunraku_certificate_not_after_timestamp_seconds", certificate="node"), 1.7e9)

    def test_a_failover_is_counted_with_its_master_and_what_it_cost(self):
        shim = self.shim()
        self.ask(shim, "catalog")
        before = self.scrape(shim)
        used = next(dict(of)["master"] for (name, of), v in samples(before).items() if name == "bunraku_exchanges_total")
        dead = self.site.masters[used.split(".")[0]]
        dead.kill()
        self.addCleanup(dead.start)
        self.ask(shim, "catalog")
        self.ask(shim, "report")
        text = self.scrape(shim)
        self.assertEqual(value(text, "bunraku_failovers_total", service="catalog"), 1)
        self.assertGreater(value(text, "bunraku_lost_seconds_total", service="catalog"), 0)
        self.assertEqual(value(text, "bunraku_master_outcomes_total", master=used, outcome="failed") >= 1, True)
        self.assertEqual(value(text, "bunraku_last_run_failovers"), 2)  # the report's, too
        line, = shim.lines(r"run over end=report", 1)
        self.assertRegex(line, r"failovers=2 moves=1 .* lost_s=\d+\.\d spared_s=0\.0 catalog=one\.lab\.test:\d+\*1,two\.lab")

    def test_a_silent_master_costs_the_race_delay_and_spares_the_agents_patience(self):
        shim = self.shim(settings=("srv_domain = {domain}", "http_connect_timeout = 60s"),
                         extra="[limits]\nidle_connections = 0\n")
        self.ask(shim, "catalog")
        used = next(dict(of)["master"] for (name, of), _ in samples(self.scrape(shim)).items()
                    if name == "bunraku_exchanges_total")
        silent = self.site.masters[used.split(".")[0]]
        silent.pause()  # the kernel takes connections, and nothing comes of them
        self.addCleanup(silent.resume)
        self.ask(shim, "catalog")
        self.ask(shim, "report")
        line, = shim.lines(r"run over end=report", 1)
        spared = float(re.search(r"spared_s=([\d.]+)", line)[1])
        self.assertGreater(spared, 30, line)
        self.assertGreater(value(self.scrape(shim), "bunraku_run_spared_seconds_total"), 30)

    def test_the_textfile_is_there_from_the_start_and_new_after_each_run(self):
        directory = self.enterContext(tempfile.TemporaryDirectory(prefix="bunraku-textfile-"))
        path = Path(directory, "bunraku.prom")
        shim = self.shim(extra=f'[admin]\ntextfile = "{path}"\n')
        self.assertEqual(value(path.read_text(), "bunraku_runs_total", end="reported"), 0)
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o644)
        for count in (1, 2):
            self.ask(shim, "catalog")
            self.assertEqual(value(path.read_text(), "bunraku_runs_total", end="reported"), count - 1)
            self.ask(shim, "report")
            until(lambda n=count: value(path.read_text(), "bunraku_runs_total", end="reported") == n, "the textfile")
        self.assertEqual(os.listdir(directory), ["bunraku.prom"])
        self.assertEqual(promtool("check", "metrics", text=path.read_text()).returncode, 0)

    def test_a_textfile_that_cannot_be_written_is_told_once_and_is_in_nobodys_way(self):
        shim = self.shim(extra='[admin]\ntextfile = "/proc/none/bunraku.prom"\n')
        for _ in range(2):
            self.ask(shim, "catalog")
            self.ask(shim, "report")
        until(lambda: len(shim.lines("run over")) == 2, "two runs")
        line, = shim.lines("no metrics for the textfile collector")
        self.assertIn("cannot make /proc/none/bunraku.prom.new: No such file or directory", line)
        self.assertRegex(line, r'fix="let bunraku.s unit and user write in its directory, and restart it"')

    def test_over_loopback_anybody_may_look_and_nobody_may_do_anything(self):
        port = self.site.range.free_port((101,))
        address = self.site.range.address(101)
        shim = self.shim(extra=f'[admin]\naddress = "{address}:{port}"\n')
        self.assertEqual(len(shim.lines(rf"status page url=http://{address}:{port}/")), 1)

        def ask(method, target, host=None, body=None):
            channel = http.client.HTTPConnection(address, port, timeout=60)
            channel.request(method, target, body=body, headers={"Host": host or f"{address}:{port}"})
            answer = channel.getresponse()
            text = answer.read().decode()
            channel.close()
            return answer, text

        self.ask(shim, "catalog")
        answer, text = ask("GET", "/metrics")
        self.assertEqual((answer.status, value(text, "bunraku_exchanges_total")), (200, 1))
        answer, text = ask("GET", "/v1/status", "localhost:1")
        self.assertEqual((answer.status, json.loads(text)["exchanges"][0]["endpoint"]), (200, "catalog"))
        answer, text = ask("GET", "/")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertIn("frame-ancestors 'none'", answer.headers["Content-Security-Policy"])
        for method, target, host, status in (("POST", "/v1/reload", None, 403), ("GET", "/v1/explain/files", None, 403),
                                             ("POST", "/v1/drain", None, 400), ("GET", "/v1/status", "evil.test", 421),
                                             ("GET", "/metrics", f"evil.test:{port}", 421), ("GET", "/etc", None, 404),
                                             ("POST", "/", None, 405)):
            with self.subTest(f"{method} {target} {host}"):
                answer, text = ask(method, target, host, b"" if method == "POST" else None)
                self.assertEqual(answer.status, status, text)
        self.assertEqual(shim.lines("reload"), [])
        shim.reload(shim.config(extra=""))
        with self.assertRaises(ConnectionRefusedError):
            ask("GET", "/metrics")

    def test_a_page_of_somebody_else_cannot_use_a_forwarded_control_socket(self):
        shim = self.shim()
        with shim.open_unix(shim.process.control_path) as channel:
            answer = ask_on(channel, "POST", "/v1/reload", b"", {"Origin": "http://evil.test"})
        self.assertEqual(answer.status, 403, answer.body)
        self.assertEqual(control(shim, "GET", "/v1/status")[0], 200)

    def test_an_address_that_is_taken_is_a_warning(self):
        port = self.site.masters["one"].site.port
        address = self.site.masters["one"].address
        shim = self.shim(extra=f'[admin]\naddress = "{address}:{port}"\n')
        self.assertRegex(shim.log(), r"bunraku\.toml:\d+: warning: No status page and metrics at .*already in use")
        self.ask(shim, "files")

    def test_what_alerts_and_dashboard_ask_for_is_there(self):
        shim = self.shim(extra=f'[[listen]]\nway = "connect"\naddress = "{self.site.range.address(100)}:0"\n')
        for service in ("files", "catalog", "report"):
            self.ask(shim, service)
        there = {re.sub(r"_(bucket|sum|count)$", "", name) for name, _ in samples(self.scrape(shim))}
        rules = (ROOT / "contrib/prometheus/bunraku.rules.yml").read_text()
        dashboard = json.loads((ROOT / "contrib/grafana/bunraku.json").read_text())
        expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        self.assertGreater(len(expressions), 10)
        asked = set(re.findall(r"\bbunraku_\w+", rules + " ".join(expressions) + json.dumps(dashboard["templating"])))
        self.assertGreater(len(asked), 10)
        self.assertEqual({name for name in asked if re.sub(r"_bucket$", "", name) not in there}, set())


class Contrib(unittest.TestCase):
    def setUp(self):
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="bunraku-promtool-")))

    def test_alert_rules_fire_when_they_should_and_only_then(self):
        rules = ROOT / "contrib/prometheus/bunraku.rules.yml"
        done = promtool("check", "rules", rules)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        cases = self.directory / "cases.yml"
        cases.write_text((ROOT / "tests/monitoring/rules_test.yml").read_text().replace("RULES", str(rules)))
        done = promtool("test", "rules", cases)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for alert in re.findall(r"alert: (\w+)", rules.read_text()):
            self.assertEqual(cases.read_text().count(f"alertname: {alert}"), 2, alert)

    def test_every_expression_of_the_dashboard_is_promql(self):
        dashboard = json.loads((ROOT / "contrib/grafana/bunraku.json").read_text())
        lines = ["groups:", "- name: dashboard", "  rules:"]
        for panel in dashboard["panels"]:
            for i, target in enumerate(panel["targets"]):
                expression = target["expr"].replace("$__rate_interval", "5m").replace("$instance", "a")
                lines += [f"  - record: p{panel['id']}_{i}", f"    expr: {json.dumps(expression)}"]
        path = self.directory / "dashboard.yml"
        path.write_text("\n".join(lines) + "\n")
        done = promtool("check", "rules", path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
