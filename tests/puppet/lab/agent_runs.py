"""A real agent's runs through bunraku (terminate) to small masters, for the tests beside this file: what a good run is,
and everything that was said when one was not."""

import json
import os
import re
import unittest
from contextlib import contextmanager

from labsite import MasterSpec, Shim, Site, Turnstile

SERVICES = ("ca", "catalog", "files", "report")
# A catalog, files with metadata and content, a directory that is recursed into, plugins, a node and a report: the
# first run has some 17 requests.
FILES = ("small1", "small2", "medium", "tree/d0/f0", "tree/d0/f1")
# Facter's own complaints are about the machine, e.g. a container that hides /proc/1.
COMPLAINT = re.compile(r"^(?:Error|Warning): (?!Facter:).*", re.MULTILINE)


def all_in_one(*names):
    """Masters that do everything, in this order."""
    return {"masters": [MasterSpec(name, SERVICES) for name in names], "srv": {s: names for s in SERVICES}}


def pairs():
    """Two masters for each service, and none for two."""
    specs, srv = [], {}
    for service, role in (("catalog", "catalog"), ("files", "files"), ("report", "report")):
        srv[service] = (f"{service}1", f"{service}2")
        specs += [MasterSpec(name, (role,)) for name in srv[service]]
    return {"masters": specs, "srv": srv}


class Finished:
    """One run that is over: what the agent said, what it asked for, what bunraku did with it."""

    def __init__(self, run, requests, exchanges):
        self.run = run
        self.requests = [re.sub(r"transaction_uuid=[0-9a-f-]+", "transaction_uuid=...", one) for one in requests]
        self.exchanges = exchanges
        self.masters = [line["master"].split(".")[0] for line in exchanges]
        self.complaints = [found[0] for found in COMPLAINT.finditer(run.output)]


class AgentRuns(unittest.TestCase):
    layout = all_in_one("one", "two")

    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(**cls.layout, key="ec", files=FILES))
        cls.agent = cls.site.agent()

    def run_agent(self, before=None, shim=None, first=True, **settings):
        """One run; the agent has forgotten all others when it is the `first`. `before`: see Turnstile."""
        if shim is None:
            with Shim(self.site) as shim:
                return self.run_agent(before, shim, first, **settings)
        if first:
            self.agent.forget_runs()
        for master in self.site.masters.values():
            master.forget_log()
        self.stored_before = self.all_reports()
        told = len(shim.exchanges())
        address, port = shim.address
        with self.explained(shim), Turnstile(os.path.join(self.site.directory, "gate"), before) as gate:
            run = self.agent.run(hosts={self.agent.certname: address}, server=self.agent.certname, ca_server=None,
                                 serverport=port, environment=gate.environment, **settings)
            exchanges = shim.exchanges(told + len(gate.requests))[told:]
            self.last = Finished(run, gate.requests, exchanges)
        return self.last

    @contextmanager
    def explained(self, shim):
        """What fails in here fails with the agent's output, bunraku's log and the masters' logs."""
        try:
            yield
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n{self.evidence(shim)}") from None

    def evidence(self, shim):
        parts = [f"--- the last run\n{self.last.run}" if getattr(self, "last", None) else "",
                 f"--- bunraku's log\n{shim.log()}"]
        for name, master in self.site.masters.items():
            lines = [{k: v for k, v in line.items() if k != "headers"} for line in master.events()]
            parts.append(f"--- log of {name}\n" + "\n".join(json.dumps(line) for line in lines))
        return "\n".join(parts)

    def assert_good(self, finished):
        """The agent noticed nothing, its files are right and its report was stored once."""
        self.assertEqual(finished.run.returncode, 2)
        self.assertEqual(finished.complaints, [])
        self.assertEqual({line["status"] for line in finished.exchanges}, {"200"})
        self.assertEqual(len(self.stored()), 1, self.stored())
        self.assert_report_came(1)
        for name in FILES:
            self.assertEqual(read(os.path.join(self.agent.target, name)), read(os.path.join(self.site.lab_files, name)),
                             name)

    def stored(self):
        """Reports that masters have stored since the last run began: (master, file)."""
        return self.all_reports() - self.stored_before

    def all_reports(self):
        return {(name, file) for name, master in self.site.masters.items() for file in master.reports()}

    def assert_report_came(self, times):
        """To all masters together, whatever became of it there; but not to those that refused to look at it (503)."""
        report = "/puppet/v3/report/"
        came = sum(line["target"].startswith(report) for line in self.events("arrived"))
        refused = sum(line["target"].startswith(report) and line["status"] == 503 for line in self.events("request"))
        self.assertEqual(came - refused, times)

    def events(self, kind):
        return [line for master in self.site.masters.values() for line in master.events(kind)]

    def catch_up(self, master):
        """Returns when a master that was stopped has done what lay before it: what came on other connections before
        this one is older."""
        with master.connect() as client:
            self.assertEqual(client.request("GET", "/status/v1/simple").status, 200)


def read(path):
    with open(path, "rb") as file:
        return file.read()
