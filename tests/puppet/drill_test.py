"""`bunraku drill` on a node of the real site, while real runs of its agent go on through the daemon that runs."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path

from labsite.browser import Browser
from labsite.process import until
from real_runs import exchanges_of
from real_site import ShimTest

# A few scenarios, the last of which has runs as its traffic; test_every_scenario_... has all. A machine that is busy is no
# slow master.
SPREAD = "".join(f'[[step]]\nscenario = "{name}"\nlasts = "1s"\n{more}' for name, more in (
    ("report-full", ""), ("catalog-hung", ""), ("dns-dead", ""), ("files-reset", 'file = "modules/stage/big"\n'),
    ("catalog-refused", 'traffic = "agent"\nwithin = "60s"\n')))


class Drill(ShimTest):
    def make_shim(self, way, more=""):
        super().make_shim(way, more)
        directory = Path(self.shim.directory.name)
        plugins = directory / "plugins"
        plugins.mkdir(mode=0o755)
        shutil.copyfile(Path(os.environ["BUNRAKU_PLUGINS"]) / "fault.so", plugins / "fault.so")
        state = directory / "state"
        state.mkdir(mode=0o700)
        with open(self.shim.config, "a", encoding="utf-8") as config:
            config.write(f'[plugins]\ndirectory = "{plugins}"\n[plugin.fault]\nstate = "{state}/faults.json"\n'
                         f'[sandbox]\nfiles = ["{state}"]\n')

    def drill(self, *words):
        # The agent of a drill needs the facts that the node's own runs have.
        return subprocess.run([*self.inside(), self.shim.program, "drill", "--config", self.shim.config, "--socket",
                               f"{self.shim.directory.name}/control.sock", *words], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=1500, check=False,
                              env={**os.environ, "FACTER_stage_target": self.site.env["SITE_TARGET"]})

    def inside(self):
        return [str(Path(__file__).resolve().parent / "site"), "ns"]

    @contextlib.contextmanager
    def runs_going_on(self):
        """Runs of the agent through the daemon that runs, one after the other; each must end well."""
        done, over = [], threading.Event()

        def keep_running():
            while not over.is_set():
                done.append(self.run_agent())

        runner = threading.Thread(target=keep_running, daemon=True)
        runner.start()
        try:
            yield done
        finally:
            over.set()
            runner.join(300)
        self.assertGreater(len(done), 1)
        for one in done:
            self.assert_run(one, (0, 2))
        for line in exchanges_of(self.shim):
            self.assertEqual((line["status"], line.get("injected")), ("200", None), "a run has met a fault of the drill's")

    def test_failures_are_served_while_runs_go_on(self):
        self.assert_run(self.run_agent(), (0, 2))
        plan = Path(self.shim.directory.name) / "plan.toml"
        plan.write_text(SPREAD)
        with self.runs_going_on():
            done = self.drill("--plan", str(plan), "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        steps = {step["scenario"]: step for step in json.loads(done.stdout)["steps"]}
        self.assertEqual({step["result"] for step in steps.values()}, {"passed"})
        self.assertRegex(" ".join(steps["files-reset"]["words"]), r"finished by another master, at byte \d{7,} on "
                                                                  r"compile2\.\S+, and every byte was right")
        self.assertEqual([run["status"] for run in steps["catalog-refused"]["runs"]], [0, 0, 0])

    def test_every_scenario_passes_while_runs_go_on_and_its_page_says_so(self):
        self.assert_run(self.run_agent(), (0, 2))
        html, junit = (Path(self.shim.directory.name) / name for name in ("r.html", "r.xml"))
        with self.runs_going_on():
            done = self.drill("--file", "modules/stage/big", "--html", str(html), "--junit", str(junit))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        cases = {case.get("name"): [child.tag for child in case] for case in xml.parse(junit).getroot()[0]}
        self.assertEqual(len(cases), 4 * 8 + 2)
        # The site has one CA, for which nobody can take over: what does not ask for that passes all the same.
        alone = {name for name, tags in cases.items() if tags == ["skipped"]}
        self.assertEqual(alone, {f"ca-{kind}" for kind in ("refused", "blackholed", "hung", "full", "reset", "bad-certificate")})
        self.assertEqual({tag for name, tags in cases.items() if name not in alone for tag in tags}, {"system-out"})
        with Browser() as browser:
            for width in (390, 1280):
                for dark in (False, True):
                    browser.look(width, dark=dark)
                    browser.open(html.as_uri())
                    browser.until("document.readyState === 'complete' && document.querySelectorAll('section').length === 35")
                    self.assertLessEqual(browser.value("document.documentElement.scrollWidth"), width)
                    if pictures := os.environ.get("BUNRAKU_PICTURES"):
                        browser.screenshot(f"{pictures}/drill-{width}-{'dark' if dark else 'light'}.png")
            self.assertEqual(browser.complaints(), [])

    def test_a_held_fault_outlives_its_daemon_and_ends_on_time(self):
        self.shim.stop()
        with open(self.shim.config, "a", encoding="utf-8") as config:
            config.write("[limits]\nidle_connections = 0\n")  # who refuses connections is met by each request
        self.start_anew()
        self.assertEqual(self.catalog_of_a_run(), "compile1")
        done = self.drill("catalog-refused", "--for", "60s")
        began = time.monotonic()  # the fault did, by now
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.catalog_of_a_run(), "compile2")
        self.shim.process.send_signal(signal.SIGKILL)
        self.shim.process.wait()
        self.start_anew()
        left = self.left_seconds()
        # The end is a whole second and so is what is left, both rounded up.
        self.assertTrue(0 < left <= 60 - (time.monotonic() - began) + 2, left)
        served = self.catalog_of_a_run()
        if self.left_seconds():  # it was on all the while, then
            self.assertEqual(served, "compile2")
        until(lambda: not self.left_seconds(), "the end of the fault", left + 10)
        # Down for a while yet, then with less than its weight: it comes back by and by.
        until(lambda: self.catalog_of_a_run() == "compile1", "compile1 to be trusted again", 300)

    def start_anew(self):
        self.shim.log.unlink()  # start() waits for what it says there
        self.shim.start()

    def left_seconds(self):
        """Of the one fault that is held; 0 when none is."""
        done = subprocess.run([self.shim.program, "plugin", "fault", '{"list": true}', "--config", self.shim.config, "--socket",
                               f"{self.shim.directory.name}/control.sock"], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return max((fault["left_seconds"] for fault in json.loads(done.stdout)["faults"]), default=0)

    def catalog_of_a_run(self):
        """Who gave a run its catalog."""
        told = len(exchanges_of(self.shim))
        self.assert_run(self.run_agent(), (0, 2))
        return next(line["master"].split(".")[0] for line in exchanges_of(self.shim)[told:]
                    if line["service"] == "catalog" and line["method"] == "POST")


if __name__ == "__main__":
    unittest.main()
