"""Runs of a real agent through bunraku to real puppetservers, for the tests beside this file: something happens just
before a request of the test's choice (labsite/turnstile.rb), and the run must end as if nothing had."""

import os
import re
import shlex
import shutil
from contextlib import contextmanager
from pathlib import Path

from labsite import Turnstile
from real_site import MASTERS, Shim, SiteTest, report_sent

# As the daemon runs it: `agent --test` never uses the catalog that it has.
AS_DAEMON = ("puppet", "agent", "--onetime", "--no-daemonize", "--no-splay", "--verbose", "--detailed-exitcodes",
             "--color=false")
# What each run has to fetch. The rest of the target stays: it is asked for, found unchanged, and costs no time.
MISSING = ("small1", "small2", "medium", "big", "tree/d3/f3")
COMPLAINT = re.compile(r"^(?:Error|Warning): (?!Facter:).*", re.MULTILINE)


class Finished:
    """One run that is over: what the agent said, what it asked for, what bunraku did with it."""

    def __init__(self, done, requests, exchanges):
        self.returncode, self.output = done.returncode, done.stdout
        self.requests = [re.sub(r"transaction_uuid=[0-9a-f-]+", "transaction_uuid=...", one) for one in requests]
        self.exchanges = exchanges
        self.masters = [line["master"].split(".")[0] for line in exchanges]
        self.complaints = COMPLAINT.findall(done.stdout)

    def k_of(self, begin):
        """The number, from 1, of the first request that begins so."""
        return next(k for k, request in enumerate(self.requests, 1) if request.startswith(begin))


class RealRuns(SiteTest):
    def setUp(self):
        super().setUp()
        self.node = Path(self.site.env["SITE_PUPPET_CONF"]).parent.parent
        self.target = Path(self.site.env["SITE_TARGET"])
        self.served = Path(self.site.env["SITE_DIR"]) / "code/environments/production/modules/stage/files"
        if not (self.target / "tree").exists():
            with self.shim() as shim:
                self.assertEqual(self.site.agent(hosts=shim.hosts).returncode, 2)

    @contextmanager
    def shim(self, **more):
        """One that knows nothing yet, and must end well. What fails in here fails with its log."""
        shim = Shim(self.site, **more)
        try:
            shim.start()
            yield shim
            status = shim.stop()
            self.assertEqual(status, 0, "exit status of bunraku run after SIGTERM")
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n--- bunraku's log:\n{shim.output()}") from None
        finally:
            shim.stop()
            shim.directory.cleanup()

    def forget(self, keep_catalog=False):
        """The node knows no plugin and no catalog any more, and some of its files are gone."""
        if not keep_catalog:
            for name in ("var", "public"):
                shutil.rmtree(self.node / name, ignore_errors=True)
                (self.node / name).mkdir()
        for name in MISSING:
            (self.target / name).unlink(missing_ok=True)
        for master in MASTERS:
            shutil.rmtree(self.reports_of(master), ignore_errors=True)

    def run_agent(self, before=None, shim=None, command=("agent", "--color=false"), keep_catalog=False):
        """`before(k, request)` is called before each request leaves the agent."""
        if shim is None:
            with self.shim() as shim:
                return self.run_agent(before, shim, command, keep_catalog)
        self.forget(keep_catalog)
        self.mark = self.site.mark()
        told = len(exchanges_of(shim))
        with Turnstile(os.path.join(shim.directory.name, "gate"), before) as gate:
            environment = {"SITE_RUBYOPT": gate.environment["RUBYOPT"], "LAB_TURNSTILE": gate.path}
            done = self.site.attempt(*command, SITE_HOSTS=shim.hosts, **environment)
            self.last = Finished(done, gate.requests, exchanges_of(shim)[told:])
        return self.last

    def assert_good(self, finished, status=2):
        """The agent noticed nothing, its files are right and its report was stored once."""
        self.assertEqual(finished.returncode, status, finished.output)
        self.assertEqual(finished.complaints, [], finished.output)
        self.assertEqual({line["status"] for line in finished.exchanges}, {"200"}, finished.output)
        self.assert_reported_once(finished)
        for name in MISSING:
            self.assertEqual((self.target / name).read_bytes(), (self.served / name).read_bytes(), name)

    def assert_reported_once(self, finished):
        """One master has it, and none was sent it besides."""
        stored = [(m, file.name) for m in MASTERS for file in self.reports_of(m).glob("*.yaml")]
        self.assertEqual(len(stored), 1, f"{stored}\n{finished.output}")
        came = [r for r in self.site.requests_until(self.mark, report_sent) if report_sent(r)]
        self.assertEqual([(r.master, r.status) for r in came], [(stored[0][0], 200)], finished.output)

    def reports_of(self, master):
        return Path(self.site.env["SITE_DIR"]) / "nodes" / master / "var/reports" / self.site.certname


def exchanges_of(shim):
    """The access log: dictionaries of its keys."""
    lines = [line for line in shim.output().splitlines() if re.search(r"\bexchange service=", line)]
    return [dict(word.split("=", 1) for word in shlex.split(line) if "=" in word) for line in lines]
