"""`bunraku drill`: failures played inside a daemon of its own, judged and reported; and held in a running one."""

import datetime
import json
import os
import re
import signal
import socket
import subprocess
import time
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path

from control_site import bunraku, control
from labsite import MasterSpec, Shim, Site, service_requests, until
from labsite.browser import Browser
from plugin_site import install

ALL = ("ca", "catalog", "files", "report")
PASSED, FAILED, NOT_PLAYED = 0, 1, 2


class Drill(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(masters=[MasterSpec("one", ALL), MasterSpec("two", ALL)], srv={}, key="ec"))
        cls.requests = service_requests(cls.site)
        cls.plugins = install(os.path.join(cls.site.directory, "plugins"), "fault")

    def setUp(self):
        for master in self.site.masters.values():
            master.forget_log()
            master.clear_faults()
        for service in ALL:
            self.site.srv(service, "one", "two")
        self.directory = Path(self.site.directory, self.id().rsplit(".", 1)[1])
        self.directory.mkdir()

    def config(self, extra=""):
        shim = Shim(self.site, start=False, extra=f'[plugins]\ndirectory = "{self.plugins}"\n' + extra)
        path = self.directory / "bunraku.toml"
        path.write_text(shim.config())
        return path

    def command(self, *words, extra="", plan=None):
        if plan is not None:
            (self.directory / "plan.toml").write_text(plan)
            words += ("--plan", str(self.directory / "plan.toml"))
        return [os.environ["BUNRAKU_BIN"], "drill", "--config", str(self.config(extra)), *words]

    def drill(self, *words, **more):
        done = subprocess.run(self.command(*words, **more), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=300, check=False)
        return done

    @staticmethod
    def plan(*names, more='lasts = "1s"\n'):
        return "".join(f'[[step]]\nscenario = "{name}"\n{more}' for name in names)

    def leftovers(self):
        return [name for name in os.listdir("/tmp") if name.startswith("bunraku-drill-")]

    # What is played

    def test_failures_of_the_first_master_are_served_by_the_other_and_nobody_else_meets_them(self):
        kinds = ("refused", "blackholed", "full", "reset", "bad-certificate")
        done = self.drill("--json", plan=self.plan(*(f"catalog-{kind}" for kind in kinds), "files-refused", "ca-refused", "report-full"))
        self.assertEqual(done.returncode, PASSED, done.stderr)
        document = json.loads(done.stdout)
        self.assertEqual((document["version"], document["passed"], len(document["steps"])), (1, True, 8))
        for step in document["steps"]:
            first, second = step["masters"]
            window = [s for s in step["samples"] if step["fault_from_seconds"] <= s["at_seconds"] < step["fault_to_seconds"]]
            self.assertEqual({s["master"] for s in window}, {second}, step["scenario"])
            self.assertGreater(step["hits"], 0)
            self.assertEqual({s["master"] for s in step["samples"] if s["at_seconds"] < step["fault_from_seconds"]}, {first})
        methods = {line["method"] for name in ("one", "two") for line in self.site.masters[name].requests()}
        self.assertEqual(methods, {"GET"})
        self.assertEqual(self.leftovers(), [])

    def test_a_download_that_breaks_in_its_middle_is_finished_by_another_master_with_every_byte_right(self):
        size = os.path.getsize(os.path.join(self.site.code, "environments/production/modules/lab/files/big"))
        step = '[[step]]\nscenario = "files-reset"\nlasts = "1s"\nfile = "modules/lab/big"\n'
        done = self.drill("--json", plan=step)
        self.assertEqual(done.returncode, PASSED, done.stdout + done.stderr)
        step, = json.loads(done.stdout)["steps"]
        self.assertIn("GET /puppet/v3/file_content/modules/lab/big?", step["asked"])
        self.assertRegex(" ".join(step["words"]), r"finished by another master, at byte \d+ on two\.lab\.test:\d+, and every byte was right\.")
        broken_at = int(step["samples"][2]["continued"].split()[2])
        self.assertTrue(size // 4 < broken_at < size, (broken_at, size))

    def test_bytes_that_are_not_the_files_fail_a_download(self):
        self.site.masters["two"].fault("status:200", "wrong", path_prefix="/puppet/v3/file_content/modules/lab/small1")
        done = self.drill("--json", plan='[[step]]\nscenario = "files-reset"\nfile = "modules/lab/small1"\nlasts = "1s"\n')
        self.assertEqual(done.returncode, FAILED, done.stdout + done.stderr)
        self.assertIn("these are not the bytes whose checksum the masters' metadata tells", done.stdout)

    def test_a_download_of_nothing_is_not_played(self):
        for file, told in (("modules/lab/none", r"say nothing of the file modules/lab/none \(status 404\)"),
                           ("modules/lab/tree", r"modules/lab/tree has no checksum at the masters: a directory, perhaps")):
            done = self.drill("files-reset", "--file", file)
            self.assertEqual(done.returncode, NOT_PLAYED, done.stdout + done.stderr)
            self.assertRegex(done.stdout, told)

    def test_hung_and_slow_masters_dead_and_lying_dns_and_nobody_at_all(self):
        done = self.drill(plan=self.plan("catalog-hung", "files-slow", "catalog-all-gone", "dns-dead", "dns-lies"))
        self.assertEqual(done.returncode, PASSED, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"(?m)^passed +catalog-hung +\d+ requests, +0 unserved")
        self.assertRegex(done.stdout, r"(?m)^passed +catalog-all-gone ")
        self.assertTrue(done.stdout.endswith("5 of 5 passed\n"), done.stdout)

    def test_an_expectation_that_is_not_met_fails_the_drill(self):
        done = self.drill(plan=self.plan("files-slow", more='lasts = "2s"\nwithin = "100ms"\n'))
        self.assertEqual(done.returncode, FAILED, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"failed +files-slow .*The slowest answer took 1\.\d s, more than 100 ms\.")

    def test_one_master_alone_is_said_and_is_no_success(self):
        self.site.srv("report", "one")
        done = self.drill(plan=self.plan("report-refused"))
        self.assertEqual(done.returncode, FAILED, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"alone +report-refused .*one\.lab\.test:\d+ is the only master of report")

    def test_what_does_not_work_anyway_is_not_played(self):
        for name in ("one", "two"):
            self.site.masters[name].fault("status:500", "oops", path_prefix="/puppet/v3/node")
        done = self.drill(plan=self.plan("catalog-refused"))
        self.assertEqual(done.returncode, NOT_PLAYED, done.stdout + done.stderr)
        self.assertIn("It does not work without any fault either: see `bunraku doctor`.", done.stdout)

    # Its reports

    def test_reports_for_pipelines_and_people(self):
        html, junit = self.directory / "r.html", self.directory / "r.xml"
        self.site.srv("report", "one")
        done = self.drill("--html", str(html), "--junit", str(junit),
                          plan=self.plan("catalog-refused", "files-blackholed", "report-refused"))
        self.assertEqual(done.returncode, FAILED, done.stdout + done.stderr)
        suite, = xml.parse(junit).getroot()
        self.assertEqual((suite.get("tests"), suite.get("failures"), suite.get("errors")), ("3", "1", "0"))
        self.assertEqual([case.get("name") for case in suite], ["catalog-refused", "files-blackholed", "report-refused"])
        self.assertIn("only master", suite[2].find("failure").get("message"))
        pictures = os.environ.get("BUNRAKU_PICTURES")
        with Browser() as browser:
            grounds = set()
            for width in (390, 1280):
                for dark in (False, True):
                    browser.look(width, dark=dark)
                    browser.open(html.as_uri())
                    browser.until("document.readyState === 'complete' && document.querySelectorAll('section').length === 4")
                    self.assertLessEqual(browser.value("document.documentElement.scrollWidth"), width)
                    grounds.add(browser.value("getComputedStyle(document.body).backgroundColor"))
                    if pictures:
                        browser.screenshot(f"{pictures}/drill-{width}-{'dark' if dark else 'light'}.png")
            self.assertEqual(len(grounds), 2)
            self.assertEqual({url for url in browser.asked_for() if not url.startswith("data:")}, {html.as_uri()})
            self.assertEqual(browser.complaints(), [])
            self.assertGreater(browser.value("document.querySelectorAll('#catalog-refused svg rect').length"), 10)
            self.assertIn("while it was on", browser.value("document.getElementById('catalog-refused').innerText"))

    def test_a_report_is_written_also_when_nobody_reads_the_lines_on_the_way(self):
        html = self.directory / "r.html"
        drill = subprocess.Popen(self.command("--html", str(html), plan=self.plan("ca-refused", "ca-full")),
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(drill.kill)
        drill.stdout.close()  # as `| head -1` does
        self.assertIn("cannot write to standard output", drill.communicate(timeout=120)[1])
        self.assertEqual(drill.returncode, NOT_PLAYED)
        self.assertIn("2 of 2 passed", html.read_text())

    def test_steps_that_had_no_turn_are_in_the_reports_and_no_success(self):
        junit = self.directory / "r.xml"
        later = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(days=1)
        drill = subprocess.Popen(self.command("--json", "--junit", str(junit), plan=self.plan("ca-refused") + self.plan(
            "catalog-refused", more=f"start = {later.isoformat()}\n") + self.plan("files-refused")),
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(drill.kill)
        while "waiting (Ctrl-C ends it)" not in drill.stderr.readline():
            self.assertIsNone(drill.poll())
        drill.send_signal(signal.SIGTERM)
        told, _ = drill.communicate(timeout=60)
        self.assertEqual(drill.returncode, NOT_PLAYED)
        document = json.loads(told)
        self.assertFalse(document["passed"])
        self.assertEqual([step["result"] for step in document["steps"]], ["passed", "not played", "not played"])
        self.assertEqual(document["steps"][2]["words"], ["It could not be played: the drill was interrupted before its turn."])
        suite, = xml.parse(junit).getroot()
        self.assertEqual((suite.get("tests"), suite.get("errors")), ("3", "2"))

    # When it begins

    def test_a_plan_begins_when_it_says_and_an_interrupt_ends_the_waiting(self):
        at = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(seconds=4)
        plan = f"start = {at.isoformat()}\n" + self.plan("ca-refused")
        done = self.drill("--dry-run", plan=plan)
        self.assertRegex(done.stdout, f"ca-refused: not before {at:%Y-%m-%dT%H:%M:%SZ}, the first master refuses")
        done = self.drill("--json", plan=plan)
        self.assertEqual(done.returncode, PASSED, done.stderr)
        self.assertRegex(done.stderr, "^ca-refused begins at ")
        self.assertGreaterEqual(datetime.datetime.now(datetime.timezone.utc), at)
        waiting = subprocess.Popen(self.command(plan=plan.replace(at.isoformat(), (at + datetime.timedelta(days=1)).isoformat())),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(waiting.kill)
        self.assertIn("waiting (Ctrl-C ends it)", waiting.stdout.readline())
        waiting.send_signal(signal.SIGINT)
        self.assertIn("interrupted", waiting.communicate(timeout=60)[1])
        self.assertEqual(waiting.returncode, NOT_PLAYED)

    def test_under_nohup_it_waits_on_when_the_terminal_has_gone(self):
        later = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(days=1)
        waiting = subprocess.Popen(["nohup", *self.command(plan=f"start = {later.isoformat()}\n" + self.plan("ca-refused"))],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(waiting.kill)
        self.assertIn("waiting (Ctrl-C ends it)", waiting.stdout.readline())
        waiting.send_signal(signal.SIGHUP)
        with self.assertRaises(subprocess.TimeoutExpired):
            waiting.wait(timeout=1)  # five times as long as it needs to notice a signal
        waiting.send_signal(signal.SIGTERM)
        self.assertIn("interrupted", waiting.communicate(timeout=60)[1])

    # What is refused, and how it ends

    def drill_in(self, where, options=None, plan=None):
        """With TMPDIR there; `options`: of a tmpfs that lies over it, for this drill alone."""
        words = self.command(plan=plan or self.plan("ca-refused"))
        if options:
            words = ["unshare", "-m", "--propagation", "private", "bash", "-ec",
                     'mount -t tmpfs -o mode=0700,"$0" drill "$TMPDIR"; exec "$@"', options, *words]
        return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
                              env={**os.environ, "TMPDIR": str(where)})

    def test_where_its_directory_is_may_be_strangely_named_but_not_too_deep(self):
        odd, deep = Path(self.site.directory, 'a "b\\c'), Path(self.site.directory, "x" * 100)
        odd.mkdir()
        deep.mkdir()
        done = self.drill_in(odd)
        self.assertEqual(done.returncode, PASSED, done.stdout + done.stderr)
        done = self.drill_in(deep)
        self.assertEqual(done.returncode, NOT_PLAYED)
        self.assertRegex(done.stdout, f"the path {deep}, from TMPDIR, is too long for sockets below it: set a shorter one\\.\n")
        self.assertEqual(os.listdir(odd) + os.listdir(deep), [])

    def test_that_the_fault_plugin_is_not_there_is_told_with_the_reason(self):
        path = self.config()
        path.write_text(path.read_text().replace(str(self.plugins), "/nowhere"))
        done = subprocess.run([os.environ["BUNRAKU_BIN"], "drill", "--config", str(path), "ca-refused"], capture_output=True,
                              stdin=subprocess.DEVNULL, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, NOT_PLAYED)
        self.assertIn("Plugin `fault` is not used: The directory /nowhere cannot be looked at: No such file", done.stdout)

    def test_a_disk_that_is_full_is_told_and_not_taken_for_a_failover_that_failed(self):
        room = Path(self.site.directory, "room")
        room.mkdir()
        for options, told in (("size=4k", r"cannot write \S+/faults\.json: No space left on device"),
                              ("nr_inodes=2", r"cannot write \S+/log: No space left on device\.\n"),
                              ("nr_inodes=3", r"Cannot listen on \S+/requests\.sock: No space left on device\..*[^.]\.\n"),
                              ("nr_inodes=4", r"No control socket at \S+/control\.sock: No space left on device; ")):
            done = self.drill_in(room, options)
            self.assertEqual(done.returncode, NOT_PLAYED, done.stdout + done.stderr)
            self.assertRegex(done.stdout, told)
        # One page for the log and one for the fault: it begins, and its end needs none.
        done = self.drill_in(room, "size=8k", plan=self.plan("ca-all-gone"))
        self.assertEqual(done.returncode, PASSED, done.stdout + done.stderr)

    def test_bad_orders_are_refused_before_anything_is_played(self):
        for words, plan, told in ((("catalog-refusde",), None, "Did you mean `catalog-refused`?"),
                                  ((), '[[step]]\nscenario = "ca-all-gone"\nserved = true\n', r"plan\.toml:1: error: .*nobody can serve"),
                                  (("ca-refused", "--html", "/proc/none/r.html"), None, "cannot write /proc/none/r.html: No such file"),
                                  (("ca-refused", "--html", str(self.directory / "r"), "--junit", str(self.directory / "r")), None, "name the same file"),
                                  ((), 'step = ["ca-refused"]\n', r"plan\.toml:1: error: This step is no table\."),
                                  (("--html", str(self.directory / "plan.toml")), self.plan("ca-refused"), "a report would overwrite"),
                                  (("--plan", "/tmp"), None, "cannot read /tmp: Is a directory"),
                                  (("--plan", "/dev/zero"), None, "the file is larger than 1 MiB"),
                                  (("ca-refused", "--file", "modules/lab/big"), None, "--file is what the probes of files-reset download"),
                                  (("files-reset", "--file", "../big"), None, "`../big` is no file that masters serve"),
                                  ((), "start = 2020-01-01T00:00:00Z\n" + self.plan("ca-refused"), r"plan\.toml:1: error: .*in the past"),
                                  (("ca-refused", "--end"), None, "--end ends what is held, whatever it is"),
                                  (("ca-refused", "--for", "10m", "--html", "r.html"), None, "--html excludes --for"),
                                  (("ca-refused", "--for", "25h"), None, "from 1s to 24h"),
                                  (("ca", "--for", "10m"), None, "--for holds one scenario")):
            done = self.drill(*words, plan=plan)
            self.assertEqual(done.returncode, NOT_PLAYED, (words, done))
            self.assertRegex(done.stderr, told)
        self.assertEqual(self.site.requests(), {})

    def test_the_list_has_what_its_page_and_its_man_page_explain(self):
        done = self.drill("--list")
        self.assertEqual(done.returncode, PASSED, done.stderr)
        kinds = set(re.findall(r"(?m)^(?:SERVICE-)?([a-z-]+)$", done.stdout))
        self.assertGreater(len(kinds), 8)
        contrib = Path(__file__).parents[2] / "contrib"
        page = (contrib / "doc/drills.md").read_text().partition("## Scenarios")[2].partition("\n## ")[0]
        self.assertEqual(set(re.findall(r"(?m)^\| `([a-z-]+)` \|", page)), kinds)
        man = (contrib / "man/bunraku-drill.1").read_text().partition(".Sh OPTIONS")[0]
        self.assertEqual(set(re.findall(r"(?m)^\.It Cm ([a-z-]+)$", man)), kinds)

    def test_a_host_may_forbid_it(self):
        done = self.drill("ca-refused", extra="[drill]\nallow = false\n")
        self.assertEqual(done.returncode, NOT_PLAYED)
        self.assertRegex(done.stderr, r"\[drill\] allow is false in .*bunraku\.toml: no drills on this host\.")

    def test_a_dry_run_says_what_would_be_done_and_does_nothing(self):
        done = self.drill("catalog-refused", "--dry-run")
        self.assertEqual(done.returncode, PASSED, done.stderr)
        self.assertRegex(done.stdout, r"catalog-refused: the first master refuses connections, for 3s; meanwhile GET /puppet/v3/node/")
        self.assertEqual(self.site.requests(), {})

    def test_two_at_once_are_refused_and_an_interrupt_leaves_nothing(self):
        first = subprocess.Popen(self.command(plan=self.plan("catalog-all-gone", more='lasts = "60s"\n')),
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(first.kill)
        until(self.leftovers, "the first drill's directory", 60)
        second = self.drill("ca-refused")
        self.assertEqual((second.returncode, second.stdout), (NOT_PLAYED, ""))
        self.assertIn("another drill is under way on this host", second.stderr)
        held = self.drill("ca-refused", "--for", "1m")
        self.assertEqual(held.returncode, NOT_PLAYED)
        self.assertIn("another drill is under way on this host", held.stderr)
        first.send_signal(signal.SIGINT)
        _, told = first.communicate(timeout=120)
        self.assertEqual(first.returncode, NOT_PLAYED)
        self.assertIn("interrupted; every fault ended with it.", told)
        self.assertEqual(self.leftovers(), [])

    def test_an_interrupt_is_heeded_at_once_while_the_drills_own_daemon_hangs(self):
        for when in ("as it starts", "in the fault"):
            drill = subprocess.Popen(self.command(plan=self.plan("catalog-all-gone", more='lasts = "60s"\n')),
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.addCleanup(drill.kill)
            children = lambda: Path(f"/proc/{drill.pid}/task/{drill.pid}/children").read_text().split()
            until(children, "the daemon", 60)
            if when == "in the fault":
                until(lambda: any(Path("/tmp", name, "faults.json").exists() for name in self.leftovers()), "the fault", 60)
            os.kill(int(children()[0]), signal.SIGSTOP)
            began = time.monotonic()
            drill.send_signal(signal.SIGINT)
            _, told = drill.communicate(timeout=120)
            self.assertLess(time.monotonic() - began, 5, when)
            self.assertEqual(drill.returncode, NOT_PLAYED)
            self.assertIn("interrupted; every fault ended with it.", told)
            self.assertEqual(self.leftovers(), [])

    def test_a_lock_that_another_user_made_is_told_and_not_taken_for_a_drill(self):
        lock = Path("/run/bunraku-drill.lock")
        lock.touch()
        os.chown(lock, 65534, 65534)
        self.addCleanup(lock.unlink)
        done = self.drill("ca-refused")
        self.assertEqual((done.returncode, done.stdout), (NOT_PLAYED, ""))
        self.assertIn(f"{lock} keeps two drills on one host apart, and belongs to another user: remove it.", done.stderr)

    def test_a_kill_ends_every_fault_and_the_next_drill_clears_up(self):
        first = subprocess.Popen(self.command(plan=self.plan("catalog-all-gone", more='lasts = "60s"\n')),
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(first.kill)
        until(lambda: any(Path("/tmp", name, "faults.json").exists() for name in self.leftovers()), "the fault", 60)
        directory, = self.leftovers()
        first.kill()
        first.wait()
        until(lambda: not self.answers(f"/tmp/{directory}/control.sock"), "the end of the drill's daemon", 60)
        os.utime(f"/tmp/{directory}", (0, 0))  # what is younger might be another drill's that is just about to begin
        self.assertEqual(self.drill(plan=self.plan("ca-refused")).returncode, PASSED)
        self.assertEqual(self.leftovers(), [])

    def test_a_daemon_of_the_drills_own_that_is_lost_is_no_failover_that_failed(self):
        for when in ("before the fault", "after it"):
            drill = subprocess.Popen(self.command(plan=self.plan("ca-all-gone")), stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.addCleanup(drill.kill)
            faults = lambda: [name for name in self.leftovers() if Path("/tmp", name, "faults.json").exists()]
            if when == "after it":
                until(faults, "the fault", 60)
                until(lambda: not faults(), "its end", 60)
            else:
                until(self.leftovers, "the daemon's directory", 60)
            children = lambda: Path(f"/proc/{drill.pid}/task/{drill.pid}/children").read_text().split()
            until(children, "the daemon", 60)
            os.kill(int(children()[0]), signal.SIGKILL)
            told, _ = drill.communicate(timeout=120)
            self.assertEqual(drill.returncode, NOT_PLAYED, (when, told))
            self.assertRegex(told, "the drill's own daemon (does not answer any more|did not start)", when)
            self.assertEqual(self.leftovers(), [])

    @staticmethod
    def answers(path):
        with socket.socket(socket.AF_UNIX) as channel:
            return channel.connect_ex(path) == 0

    # Held in a running daemon

    def test_a_held_fault_is_met_by_runs_shows_in_status_and_survives_a_kill_until_it_is_ended(self):
        state = self.directory / "state"
        state.mkdir(mode=0o700)
        extra = f'[plugins]\ndirectory = "{self.plugins}"\n[plugin.fault]\nstate = "{state}/faults.json"\n'
        shim = Shim(self.site, name="held", extra=extra)
        self.addCleanup(lambda: shim.process.kill())

        def verb(*words):
            return bunraku(shim, "drill", *words, options=("--config", shim.process.config_path))

        def served_by():
            method, target, body, headers = self.requests["files"]
            answer = shim.ask(method, target, body, headers)
            self.assertEqual(answer.status, 200, answer.body)
            return shim.exchanges(1)[-1]["master"].split(".")[0]

        self.assertEqual(served_by(), "one")
        done = verb("files-refused", "--for", "10m")
        self.assertEqual(done.returncode, PASSED, done.stderr)
        self.assertRegex(done.stdout, r"^files-refused is held for 10m \(first master one\.lab\.test:\d+\); it ends by itself")
        self.assertIn("another drill is on: drill-files-refused", verb("ca-full", "--for", "1m").stderr)
        self.assertIn("another drill is on in the running daemon: drill-files-refused", verb("ca-full").stderr)
        shim.process.kill()  # its connections too, so that the next request has to dial
        shim.start()
        self.assertEqual(served_by(), "two")
        _, document = control(shim, "GET", "/v1/status")
        self.assertIn("drill-files-refused", json.dumps(document["plugins"]))
        # What was forbidden meanwhile can be ended all the same, and so with a mistake in the configuration.
        with open(shim.process.config_path, "a", encoding="utf-8") as config:
            config.write("[drill]\nallow = false\n")
        self.assertIn("no drills on this host", verb("files-full", "--for", "1m").stderr)
        with open(shim.process.config_path, "a", encoding="utf-8") as config:
            config.write("[dnss]\n")
        self.assertEqual(verb("--end").stdout, "ended drill-files-refused\n")
        self.assertEqual(verb("--end").stdout, "no drill is on\n")
        shim.process.kill()
        shim.start()
        self.assertEqual(served_by(), "one")

    def test_a_held_fault_can_be_ended_while_the_disk_is_full(self):
        state = Path(self.site.directory, "full")
        state.mkdir(mode=0o700)
        extra = f'[plugins]\ndirectory = "{self.plugins}"\n[plugin.fault]\nstate = "{state}/faults.json"\n'
        shim = self.enterContext(Shim(self.site, name="full-disk", extra=extra))

        def verb(*words):
            return bunraku(shim, "drill", *words, options=("--config", shim.process.config_path))

        self.assertEqual(verb("files-refused", "--for", "10m").returncode, PASSED)
        (state / "faults.json.new" / "full").mkdir(parents=True)  # nothing can be written there, as on a disk that is full
        self.assertEqual(verb("--end").stdout, "ended drill-files-refused\n")
        self.assertEqual(verb("--end").stdout, "no drill is on\n")
        self.assertFalse((state / "faults.json").exists())
        refused = verb("files-refused", "--for", "10m")
        self.assertIn("the fault plugin refuses: cannot write", refused.stderr)

    def test_what_the_plugin_cannot_hold_is_told_in_its_words(self):
        extra = f'[plugins]\ndirectory = "{self.plugins}"\n[plugin.fault]\nstate = "{self.directory}/none/faults.json"\n'
        shim = self.enterContext(Shim(self.site, name="nowhere", extra=extra))
        done = bunraku(shim, "drill", "files-refused", "--for", "10m", options=("--config", shim.process.config_path))
        self.assertEqual(done.returncode, NOT_PLAYED, done.stderr)
        self.assertIn(f"bunraku: the fault plugin refuses: {self.directory}/none: No such file or directory. Its README", done.stderr)

    def test_a_held_fault_ends_by_itself_on_time(self):
        extra = f'[plugins]\ndirectory = "{self.plugins}"\n[plugin.fault]\nstate = "{self.directory}/faults.json"\n'
        os.chmod(self.directory, 0o700)
        shim = self.enterContext(Shim(self.site, name="ending", extra=extra + "[limits]\nidle_connections = 0\n"))
        done = bunraku(shim, "drill", "files-bad-certificate", "--for", "2s", options=("--config", shim.process.config_path))
        self.assertEqual(done.returncode, PASSED, done.stderr)
        until(lambda: control(shim, "POST", "/v1/plugin/fault", {"list": True})[1]["answer"]["faults"] == [],
              "the end of the fault", 60)
        self.assertEqual(bunraku(shim, "drill", "--end", options=("--config", shim.process.config_path)).stdout,
                         "no drill is on\n")


if __name__ == "__main__":
    unittest.main()
