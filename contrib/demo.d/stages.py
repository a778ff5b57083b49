"""The two sites the demo plays on: small masters of our own, or real puppetservers. Both have a real agent, a real name
server, and `bunraku run` between them."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2] / "tests"
sys.path[:0] = [str(TESTS / "support/py"), str(TESTS / "puppet")]

from labsite import Site  # noqa: E402 - after sys.path
from real_site import RealSite, Shim, report_sent  # noqa: E402


def version(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    return done.stdout.strip().splitlines()[0] if done.stdout.strip() else "?"


def kind_of(target):
    """"/puppet/v3/catalog/name?..." -> "catalog\""""
    parts = target.split("?")[0].split("/")
    return parts[3] if len(parts) > 3 else target


def describe(certname, address, dns, masters, srv):
    yield f"DNS      Knot {version('knotd', '--version').split()[-1]}, {dns}"
    for service, names in srv.items():
        yield f"           {service:8} {' before '.join(names)}"
    yield f"masters  {masters}"
    yield f"agent    puppet {version('puppet', '--version')}, certname and server = {certname}"
    yield f"bunraku  listens on {address} with the agent's own certificate, and shows it to the masters"


class SmallStage:
    prologue = "(The masters are small ones made for tests; `contrib/demo --puppetserver` does it with real ones.)"

    def __enter__(self):
        self.site = Site()
        self.site.__enter__()
        try:
            self.agent = self.site.agent()
            self.certname = self.agent.certname
            self.address = self.site.range.address(10)
            self.behind = {"server": self.certname, "ca_server": self.certname, "serverport": 8140}
            # writes the puppet.conf that bunraku reads
            self.agent.puppet("config", "print", "certname", **self.behind)
            self.shim = self.site.start_bunraku(
                f'[puppet]\nconf = "{self.agent.directory}/conf/puppet.conf"\n'
                f'[dns]\nnameservers = ["{self.site.dns.address}:{self.site.dns.port}"]\n'
                f'[[listen]]\nway = "terminate"\naddress = "{self.address}:8140"\n')
        except BaseException:
            self.site.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, value, trace):
        if self.shim.is_running():
            self.shim.terminate()
        self.site.__exit__(None, None, None)

    def description(self):
        return describe(self.certname, f"{self.address}:8140", f"{self.site.dns.address} port {self.site.dns.port}",
                        ", ".join(f"{m.spec.name} {m.address}" for m in self.site.masters.values())
                        + f", port {self.site.port}",
                        {"ca": ["ca"], "catalog": ["compile1", "compile2"], "files": ["files", "compile2"],
                         "report": ["ca", "compile2"]})

    def run_through_bunraku(self):
        done = self.agent.run(hosts={self.certname: self.address}, **self.behind)
        return done.returncode, done.output

    def run_directly(self, master):
        done = self.agent.run(server=self.site.fqdn(master))
        return done.returncode, done.output

    def kill(self, master):
        self.site.masters[master].kill()

    def mark(self):
        return {name: len(master.requests()) for name, master in self.site.masters.items()}

    def requests_since(self, mark):
        return [(name, kind_of(line["target"]), line["client"], line["status"])
                for name, master in self.site.masters.items() for line in master.requests()[mark[name]:]
                if not line["target"].startswith("/status/")]

    def shim_log(self):
        return self.shim.stderr()


class PuppetserverStage:
    prologue = "(Four puppetservers boot first; that takes about a minute and a half on two cores.)"
    NET = "127.0.9"  # the tests' site has another one

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="bunraku-demo-")
        os.environ.update(SITE_DIR=os.path.join(self.directory, "site"), SITE_NET=self.NET)
        self.script = TESTS / "puppet/site"
        self.shim = None
        try:
            subprocess.run([self.script, "up"], check=True, stdin=subprocess.DEVNULL)
            self.site = RealSite()
            self.certname = self.site.certname
            self.shim = Shim(self.site, (f"{self.NET}.10", 8140))
            self.shim.start()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, value, trace):
        if self.shim:
            self.shim.stop()
            self.shim.directory.cleanup()
        subprocess.run([self.script, "clean"], check=False, stdin=subprocess.DEVNULL)
        shutil.rmtree(self.directory, ignore_errors=True)

    def description(self):
        names = ("ca", "compile1", "compile2", "files")
        return describe(self.certname, "%s:%d" % self.shim.address,
                        self.site.env["SITE_NAMESERVER"].replace(":", " port "),
                        "puppetserver " + version("puppetserver", "--version").split()[-1] + ": "
                        + ", ".join(f"{n} {self.site.env['SITE_' + n.upper()]}" for n in names) + ", port 8140",
                        {"ca": ["ca"], "catalog": ["compile1", "compile2"], "files": ["files", "compile2"],
                         "report": ["reports (on ca)", "compile2"]})

    def run_through_bunraku(self):
        done = self.site.agent(hosts=self.shim.hosts)
        return done.returncode, done.stdout

    def run_directly(self, master):
        done = self.site.agent("--server", f"{master}.{self.site.domain}")
        return done.returncode, done.stdout

    def kill(self, master):
        self.site.command("kill", master)

    def mark(self):
        return self.site.mark()

    def requests_since(self, mark):
        try:
            found = self.site.requests_until(mark, report_sent, seconds=3)
        except AssertionError:
            found = self.site.requests_since(mark)  # a run that failed need not report
        return [(r.master, r.kind, r.client.removeprefix("CN="), r.status) for r in found]

    def shim_log(self):
        return self.shim.output()
