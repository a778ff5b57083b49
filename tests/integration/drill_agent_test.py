"""`bunraku drill --agent`: the real agent's noop runs are its traffic. They go through the drill's own daemon, and leave
nothing behind on the node."""

import json
import os
import signal
import subprocess
import unittest
from pathlib import Path

from labsite import MasterSpec, Shim, Site, until
from plugin_site import install

ALL = ("ca", "catalog", "files", "report")
PASSED, FAILED, NOT_PLAYED = 0, 1, 2
# A machine that is busy must not look like a master that is slow.
PATIENT = 'lasts = "1s"\nwithin = "60s"\ntraffic = "agent"\n'


class AgentDrill(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(masters=[MasterSpec("one", ALL), MasterSpec("two", ALL)], srv={}, key="ec",
                                              files=("small1", "big")))
        for service in ALL:
            cls.site.srv(service, "one", "two")
        cls.plugins = install(os.path.join(cls.site.directory, "plugins"), "fault")
        cls.agent = cls.site.agent()
        # What a site may have that would spoil a drill, beside what a node needs.
        cls.agent.write_config(server="one.lab.test", ca_server="one.lab.test", server_list="one.lab.test", use_srv_records="true",
                               http_proxy_host="127.9.9.9", prerun_command=f"/usr/bin/touch {cls.site.directory}/prerun",
                               postrun_command=f"/usr/bin/touch {cls.site.directory}/postrun", show_diff="true", noop="false")
        shim = Shim(cls.site, start=False, extra=f'[plugins]\ndirectory = "{cls.plugins}"\n')
        shim.puppet_conf = os.path.join(cls.agent.directory, "conf", "puppet.conf")
        cls.config = Path(cls.site.directory, "agent-bunraku.toml")
        cls.config.write_text(shim.config())

    def setUp(self):
        for master in self.site.masters.values():
            master.forget_log()

    def command(self, *words, plan=None):
        if plan is not None:
            (Path(self.site.directory) / "plan.toml").write_text(plan)
            words += ("--plan", os.path.join(self.site.directory, "plan.toml"))
        return self.agent.inside(os.environ["BUNRAKU_BIN"], "drill", "--config", str(self.config), *words)

    def drill(self, *words, **more):
        return subprocess.run(self.command(*words, **more), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=500, check=False, env={**os.environ, "FACTER_lab_target": self.agent.target,
                                                             "http_proxy": "http://127.9.9.9:1", "RUBYOPT": "-rnothing"})

    def everything_of_the_node(self):
        """Names, times and sizes of what the node has."""
        found = {}
        for folder, names, files in os.walk(self.agent.directory):
            for name in names + files:
                about = os.stat(os.path.join(folder, name))
                found[os.path.join(folder, name)] = (about.st_mtime_ns if name in files else 0, about.st_size, about.st_mode)
        return found

    def test_runs_meet_the_fault_notice_nothing_and_leave_no_trace(self):
        before = self.everything_of_the_node()
        done = self.drill("--json", plan="".join(f'[[step]]\nscenario = "{name}"\n{PATIENT}' for name in (
            "catalog-reset", "report-full")))
        self.assertEqual(done.returncode, PASSED, done.stdout + done.stderr)
        steps = {step["scenario"]: step for step in json.loads(done.stdout)["steps"]}
        for name, step in steps.items():
            first, second = step["masters"]
            service = name.split("-")[0]
            self.assertEqual([run["status"] for run in step["runs"]], [0, 0, 0], step)
            window = [s for s in step["samples"] if step["fault_from_seconds"] <= s["at_seconds"] < step["fault_to_seconds"]]
            self.assertEqual({s["master"] for s in window if s["service"] == service}, {second}, step)
            self.assertEqual({s["master"] for s in step["samples"] if s["service"] == service} - {second}, {first}, step)
            self.assertGreater(step["hits"], 0)
        self.assertEqual(self.everything_of_the_node(), before)
        self.assertFalse(os.path.exists(f"{self.site.directory}/prerun") or os.path.exists(f"{self.site.directory}/postrun"))
        self.assertFalse(os.path.exists(self.agent.target))
        reports = [line for name in ("one", "two") for line in self.site.masters[name].requests("/puppet/v3/report/")]
        self.assertEqual(len(reports), 3, "report-full's three runs alone report")
        self.assertEqual([name for name in os.listdir("/tmp") if name.startswith("bunraku-drill-")], [])

    def test_a_run_that_fails_is_told_with_the_agents_own_words(self):
        done = self.drill(plan=f'[[step]]\nscenario = "catalog-all-gone"\n{PATIENT}')
        self.assertEqual(done.returncode, PASSED, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"passed +catalog-all-gone")
        for name in ("one", "two"):
            self.site.masters[name].fault("status:500", "oops", path_prefix="/puppet/v3/catalog", method="POST")
            self.addCleanup(self.site.masters[name].clear_faults)
        done = self.drill("catalog-refused", "--agent")
        self.assertEqual(done.returncode, NOT_PLAYED, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"without any fault either: see `bunraku doctor`\. The agent's run ended with exit status 1: "
                                      r"Error: Could not retrieve catalog from remote server: Error 500 on SERVER")

    def test_an_agent_that_is_disabled_stays_so_and_a_run_under_way_is_not_met(self):
        state = Path(self.agent.directory, "var/state")
        state.mkdir(parents=True, exist_ok=True)
        lock = state / "agent_disabled.lock"
        lock.write_text('{"disabled_message":"moving house"}')
        self.addCleanup(lock.unlink, missing_ok=True)
        for words in (("catalog-refused", "--agent"), ("catalog-refused", "--agent", "--dry-run")):
            done = self.drill(*words)
            self.assertEqual((done.returncode, done.stdout), (NOT_PLAYED, ""))
            self.assertIn("the agent is disabled on this host (moving house), and a drill respects that", done.stderr)
        lock.unlink()
        running = state / "agent_catalog_run.lock"
        running.write_text(str(os.getpid()))  # as a run of the node's own would
        self.addCleanup(running.unlink, missing_ok=True)
        done = self.drill(plan=f'[[step]]\nscenario = "catalog-refused"\n{PATIENT}')
        self.assertEqual(done.returncode, PASSED, done.stdout + done.stderr)
        self.assertEqual(running.read_text(), str(os.getpid()))

    def test_an_interrupt_ends_the_agent_too(self):
        first = subprocess.Popen(self.command(plan=f'[[step]]\nscenario = "catalog-hung"\n{PATIENT}'), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(first.kill)
        mine = lambda: [pid for pid in os.listdir("/proc") if pid.isdigit() and
                        "bunraku-drill-" in command_of(pid) and f"--certname\0{self.agent.certname}" in command_of(pid)]
        until(mine, "the drill's agent", 120)
        first.send_signal(signal.SIGINT)
        _, told = first.communicate(timeout=120)
        self.assertEqual(first.returncode, NOT_PLAYED)
        self.assertIn("interrupted; every fault ended with it.", told)
        self.assertEqual(mine(), [])


def command_of(pid):
    try:
        return Path("/proc", pid, "cmdline").read_text(errors="replace")
    except OSError:
        return ""


if __name__ == "__main__":
    unittest.main()
