"""What doctor_test.py and doctor_masters_test.py have in common: a site, a node of it that a test may spoil, and
`bunraku doctor` run there."""

import contextlib
import functools
import json
import os
import shutil
import subprocess
import time
import unittest
from pathlib import Path

from labsite import MasterSpec, Shim, Site

ALL = ("ca", "catalog", "files", "report")
BAD = {"expired": "--expired", "soon": "--soon", "revoked": "--revoked", "stranger": "--other-ca", "client": "--client-only",
       "early": "--not-yet"}
IDENTITY = '[identity]\nmaster_names = ["puppet.lab.test"]\n'
_NAMESPACE = """set -e
d=$1; shift
mount --bind "$d/hosts" /etc/hosts
mount --bind "$d/resolv.conf" /etc/resolv.conf
[ ! -d "$d/small" ] || mount -t tmpfs -o size=64k none "$d/small"
exec "$@"
"""

PLANTED = {}  # {check: names of the tests that break something which it must find}


def plants(*checks):
    """For a test that breaks something real: when it is over, these checks must have found it."""
    def around(test):
        for check in checks:
            PLANTED.setdefault(check, []).append(test.__name__)

        @functools.wraps(test)
        def planted(self):
            test(self)
            self.assertLessEqual(set(checks), self.seen)
        return planted
    return around


class DoctorCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        masters = [MasterSpec("one", ALL, alt=("puppet",)), MasterSpec("two", ALL, alt=("puppet",)),
                   MasterSpec("plain", ALL), MasterSpec("named", ALL, ssldir="named.lab.test"),
                   MasterSpec("picky", ALL, ssldir="picky.lab.test")]
        masters += [MasterSpec(name, ALL, ssldir=f"{name}.lab.test") for name in BAD]
        pki = [word for name, flag in BAD.items() for word in (flag, f"{name}.lab.test,puppet.lab.test")]
        pki += ["--name", "named.lab.test=elsewhere.lab.test,puppet.lab.test", "--expired", "old.lab.test,agent1.lab.test",
                "--soon", "ending.lab.test,agent1.lab.test", "--name", "odd.lab.test=odd-name.lab.test",
                "--name", "picky.lab.test=picky.lab.test,puppet.lab.test"]
        cls.site = cls.enterClassContext(Site(masters=masters, srv={}, agents=("agent1", "agent2"), key="ec", pki=pki))
        cls.shim = cls.enterClassContext(Shim(cls.site, extra=IDENTITY, connect='[connect]\ntimeout = "1s"\ntls_timeout = "2s"\n'))
        cls.node = cls.site.fqdn("agent1")
        cls.ssldir = Path(cls.site.ssldir("agent1"))

    def setUp(self):
        site = self.site
        for name in ("one", "two"):
            site.masters[name].clear_faults()
        for service in ALL:
            site.srv(service, "one", "two")
        self.directory = Path(self.enterContext(self.fresh_directory()))
        self.settings = {"certname": self.node, "ssldir": str(self.ssldir), "vardir": str(self.directory / "var"),
                         "server": self.node, "serverport": self.shim.port, "ca_server": "one.lab.test", "ca_port": site.port,
                         "srv_domain": site.domain}
        self.puppet_lines = []
        self.toml = {"dns": f'[dns]\nnameservers = ["{site.dns.address}:{site.dns.port}"]\nhosts_file = ""\nsrv = true\n',
                     "connect": '[connect]\ntimeout = "1s"\ntls_timeout = "2s"\n', "listen": self.shim.default_listen(),
                     "identity": IDENTITY}
        self.hosts = {self.node: self.shim.address[0]}
        self.root = ""
        self.seen = set()  # checks that have found something in this test

    @contextlib.contextmanager
    def fresh_directory(self):
        path = os.path.join(self.site.directory, f"doctor-{time.monotonic_ns()}")
        os.makedirs(path)
        yield path
        shutil.rmtree(path)

    # How a node is described, and examined

    def own_ssldir(self, of="agent1"):
        """A copy of the ssldir that this test may spoil."""
        copy = self.directory / "ssl"
        shutil.copytree(self.site.ssldir(of), copy)
        if of != "agent1":
            for folder in ("certs", "private_keys"):
                os.rename(copy / folder / f"{self.site.fqdn(of)}.pem", copy / folder / f"{self.node}.pem")
        self.settings["ssldir"] = str(copy)
        return copy

    def examine(self, socket=None, json_output=True, program=None):
        d = self.directory
        conf = Path(self.root, "etc/puppetlabs/puppet") if self.root else d
        conf.mkdir(parents=True, exist_ok=True)
        (conf / "puppet.conf").write_text("[main]\n" + "".join(f"{k} = {v}\n" for k, v in self.settings.items() if v is not None)
                                       + "".join(line + "\n" for line in self.puppet_lines))
        puppet = f'[puppet]\nconf = "{conf}/puppet.conf"\n' + (f'root = "{self.root}"\n' if self.root else "")
        (d / "bunraku.toml").write_text(puppet + "".join(self.toml.values()))
        (d / "hosts").write_text("127.0.0.1 localhost\n" + "".join(f"{a} {n}\n" for n, a in self.hosts.items()))
        (d / "resolv.conf").write_text(f"nameserver {self.site.dns.address}\noptions timeout:1 attempts:1\n")
        command = ["unshare", "-m", "--propagation", "private", *(["-r"] if os.geteuid() else []), "bash", "-c",
                   _NAMESPACE, "ns", str(d), program or os.environ["BUNRAKU_BIN"], "doctor", "--config", str(d / "bunraku.toml"),
                   "--socket", socket or self.shim.process.control_path, *(["--json"] if json_output else [])]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)

    def findings(self, **more):
        done = self.examine(**more)
        self.assertEqual(done.stderr, "")
        document = json.loads(done.stdout)
        self.assertEqual(document["version"], 1)
        levels = [one["severity"] for one in document["findings"]]
        self.assertEqual(done.returncode, 2 if "error" in levels else 1 if "warning" in levels else 0, document)
        for one in document["findings"]:
            for key in ("check", "where", "what", "why", "fix"):
                self.assertTrue(one[key], one)
        self.seen |= {one["check"] for one in document["findings"]}
        return document["findings"]

    def write_catalog(self, *resources):
        """What the agent keeps of its last run."""
        place = self.directory / "var/client_data/catalog"
        place.mkdir(parents=True)
        (place / f"{self.node}.json").write_text(json.dumps({"resources": list(resources)}))

    def check(self, check, severity="error", what="", where="", fix="", also=(), **more):
        """Exactly this is found, perhaps at several places; `also` are consequences that are found, too."""
        found = self.findings(**more)
        self.assertEqual({(one["check"], one["severity"]) for one in found},
                         {(check, severity), *((name, "error") for name in also)}, found)
        for key, pattern in (("what", what), ("where", where), ("fix", fix)):
            if pattern:
                self.assertRegex(found[0][key], pattern)
        return found

    def with_master(self, name, service="catalog"):
        self.site.srv(service, "one", "two", name)

    @staticmethod
    def raw(body, headers):
        return f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n{headers}\r\n{body}"
