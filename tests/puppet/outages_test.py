"""Real puppetservers are full, silent, restarted or lost inside an answer, or DNS is gone, while a real agent runs."""

import re
import subprocess
import threading
import time
import unittest
from pathlib import Path

from every_request_test import CATALOG, CONTENT, REPORT
from real_runs import AS_DAEMON, RealRuns

SIZE = 20 * 1024 * 1024  # of the file "big"


class Saturated(RealRuns):
    """A master works on one request at a time here and has room for three more; who comes then is turned away with 503
    and Retry-After."""

    def setUp(self):
        super().setUp()
        self.held = Path(self.site.env["SITE_DIR"]) / "held"
        self.waiting = []
        self.addCleanup(self.let_go)

    def fill(self, master):
        """Catalogs that are not done before let_go(). Without X-Puppet-Version, so that they are not turned away."""
        self.held.touch()
        url = f"https://{master}.{self.site.domain}:8140/puppet/v3/catalog/{self.site.certname}?environment=held"
        for _ in range(5):
            self.waiting.append(subprocess.Popen(self.curl(master, url, "--max-time", "300"), stdin=subprocess.DEVNULL,
                                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        until = time.monotonic() + 120
        url = f"https://{master}.{self.site.domain}:8140/puppet/v3/node/{self.site.certname}?environment=production"
        command = self.curl(master, url, "--max-time", "5", "--header", "X-Puppet-Version: 8.0.0", "--include")
        while True:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            if done.stdout.startswith("HTTP/1.1 503") and "retry-after:" in done.stdout.lower():
                return
            self.assertLess(time.monotonic(), until, f"{master} is not full: {done.stdout}{done.stderr}")
            time.sleep(0.1)

    def let_go(self):
        self.held.unlink(missing_ok=True)
        for each in self.waiting:
            each.kill()
            each.wait()
        self.waiting = []

    def curl(self, master, url, *more):
        env = self.site.env
        address = env["SITE_" + master.upper()]
        return ["curl", "-sS", "--noproxy", "*", "--cert", env["SITE_CERT"], "--key", env["SITE_KEY"], "--cacert",
                env["SITE_CACERT"], "--connect-to", f"::{address}:8140", *more, url]

    def test_a_full_master_is_left_alone_and_the_agent_does_not_notice(self):
        self.fill("compile1")
        with self.shim() as shim:
            finished = self.run_agent(shim=shim)
            self.assertIn("status 503", shim.output())
            self.assert_good(finished)
        self.assertEqual(finished.masters[finished.k_of(CATALOG) - 1], "compile2")

    def test_when_all_are_full_the_run_waits_until_one_has_room(self):
        for master in ("compile1", "compile2"):
            self.fill(master)
        with self.shim() as shim:
            watch = threading.Thread(target=self.let_go_when, args=(shim, "has room"))
            watch.start()
            finished = self.run_agent(shim=shim)
            watch.join()
            self.assert_good(finished)
        self.assertTrue(any("waited_ms" in line for line in finished.exchanges), finished.exchanges)

    def test_when_all_stay_full_a_daemons_run_goes_on_with_the_catalog_it_has(self):
        self.assert_good(self.run_agent())  # which the agent keeps
        for master in ("compile1", "compile2"):
            self.fill(master)
        with self.shim(more='[limits]\ndeadline = "20s"\n') as shim:
            finished = self.run_agent(shim=shim, command=AS_DAEMON, keep_catalog=True)
        self.assertEqual(finished.returncode, 2, finished.output)
        # Without the Retry-After that a 7.x agent cannot bear ("attempt to read body out of block").
        self.assertIn("Error 503 on SERVER", finished.output)
        self.assertIn("Using cached catalog", finished.output)
        self.assertNotIn("out of block", finished.output)
        self.assert_reported_once(finished)
        self.let_go()
        self.assert_good(self.run_agent())

    def let_go_when(self, shim, line):
        until = time.monotonic() + 300
        while line not in shim.output() and time.monotonic() < until:
            time.sleep(0.1)
        self.let_go()


class Lost(RealRuns):
    def test_a_file_of_20_mb_goes_on_at_another_master_when_its_own_is_killed_in_the_middle(self):
        with self.shim() as shim:
            finished = self.killed_inside(shim)
            self.assert_good(finished)
        line = finished.exchanges[finished.k_of(CONTENT) - 1]
        self.assertRegex(line["continued"], r"^at byte [0-9]+ on compile2\.")
        at = int(line["continued"].split()[2])
        self.assertTrue(SIZE // 4 < at < SIZE, at)

    def killed_inside(self, shim):
        """The agent writes what it gets into a file beside the target: half of it is there when the master dies."""
        watched = []

        def before(_, request):
            if request.startswith(CONTENT):
                watched.append(subprocess.Popen(["/usr/bin/python3", "-c", WATCH, self.target, str(SIZE // 2),
                                                 *map(str, (self.pid_of("files"),))]))

        try:
            return self.run_agent(before, shim)
        finally:
            for each in watched:
                each.kill()
                each.wait()

    def pid_of(self, master):
        return int((Path(self.site.env["SITE_DIR"]) / "run" / f"{master}.pid").read_text().split()[0])

    def test_a_silent_first_master_from_the_begin(self):
        self.site.command("blackhole", "compile1")
        finished = self.run_agent()
        self.assert_good(finished)
        self.assertEqual(finished.masters[finished.k_of(CATALOG) - 1], "compile2")

    def test_a_master_that_is_restarted_in_the_middle_of_its_work(self):
        def before(k, request):
            if k == self.last.k_of(CONTENT):
                self.site.command("restart", "files")

        self.assert_good(self.run_agent())
        self.assert_good(self.run_agent(before))

    def test_the_dns_server_dies_during_the_run_and_the_first_master_after_it(self):
        def before(k, request):
            if k == 1:
                self.site.command("kill", "dns")
            if request.startswith(CATALOG):
                self.site.command("stop", "compile1")

        self.publish(ttl=1)  # the answers are too old by the time of the catalog: facts take longer than they live
        self.addCleanup(self.publish, ttl=60)
        with self.shim(dns='ttl_floor = "1s"\n') as shim:
            self.assert_good(self.run_agent(None, shim))  # from here on it has answers that can grow old
            finished = self.run_agent(before, shim)
            self.site.command("cont", "compile1")
            self.assert_good(finished)
        self.assertEqual(finished.masters[finished.k_of(CATALOG) - 1], "compile2")
        self.assertEqual(finished.masters[finished.k_of(REPORT) - 1], "reports")

    def publish(self, ttl):
        zone = Path(self.site.env["SITE_DIR"]) / f"dns/{self.site.domain}.zone"
        zone.write_text(re.sub(r"^\$TTL \d+", f"$TTL {ttl}", zone.read_text(), flags=re.MULTILINE))
        self.site.attempt("kill", "dns")  # which a test may have done
        self.site.command("start", "dns")


# Kills a process as soon as a file in a directory has so many bytes: argv = directory, bytes, pid.
WATCH = """
import os, signal, sys
directory, size, pid = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
while True:
    for entry in os.scandir(directory):
        try:
            if entry.is_file(follow_symlinks=False) and entry.stat().st_size >= size:
                os.kill(pid, signal.SIGKILL)
                sys.exit()
        except FileNotFoundError:
            pass
"""

if __name__ == "__main__":
    unittest.main()
