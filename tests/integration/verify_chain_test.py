"""`bunraku verify-chain` says of a chain, without a network, what a connection to its master says."""

import json
import os
import re
import subprocess
import unittest

from labsite import MasterSpec, Shim, Site, until

GOOD, REFUSED, WRONG = 0, 1, 2
TARGET = "/puppet/v3/file_content/modules/lab/generated/100"
KINDS = {"expired": "--expired", "early": "--not-yet", "revoked": "--revoked", "client": "--client-only",
         "stranger": "--other-ca"}


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


class VerifyChain(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        masters = [MasterSpec("good", ("files",), alt=("puppet",))]
        masters += [MasterSpec(name, ("files",), ssldir=f"{name}.lab.test") for name in KINDS]
        masters.append(MasterSpec("alias", ("files",), ssldir="good.lab.test"))
        pki = [word for name, option in KINDS.items() for word in (option, f"{name}.lab.test")]
        cls.site = cls.enterClassContext(Site(masters=masters, srv={}, key="ec", pki=pki))
        cls.ssldir = cls.site.ssldir("agent1")
        cls.ca, cls.crl = f"{cls.ssldir}/certs/ca.pem", f"{cls.ssldir}/crl.pem"

    def chain(self, name):
        return f"{self.site.ssldir(name)}/certs/{name}.lab.test.pem"

    def file(self, name, text):
        return write(os.path.join(self.site.directory, name), text)

    def ask(self, *arguments):
        return subprocess.run([self.site.bunraku, "verify-chain", *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, check=False)

    def verdict(self, name, *more):
        return self.ask("--ca", self.ca, "--crl", self.crl, "--chain", self.chain(name), *more)

    def check(self, done, status, pattern):
        self.assertEqual(done.returncode, status, done)
        self.assertRegex(done.stderr if status == WRONG else done.stdout, pattern)
        if status == WRONG:
            self.assertEqual(done.stdout, "")

    def test_each_kind_of_chain_has_its_verdict(self):
        other_ca = f"{self.site.ssldir('stranger')}/certs/ca.pem"
        leaf_crl = self.file("leaf-crl.pem", read(self.crl).split("-----END X509 CRL-----")[0] + "-----END X509 CRL-----\n")
        garbage, empty = self.file("garbage.pem", "no certificate\n"), self.file("empty.pem", "")
        for arguments, status, pattern in (
                (("good",), GOOD, r"^good: a master with this chain would be accepted, under each of its names\n"),
                (("good", "--name", "good.lab.test"), GOOD, r"^good: .* as good\.lab\.test\n\n1  CN=good\.lab\.test\n"),
                (("good", "--name", "PUPPET.lab.test."), GOOD, r"^good: .* as puppet\.lab\.test\n"),
                (("good", "--name", "files.lab.test"), REFUSED, r"^refused: .* not for files\.lab\.test\n"),
                (("expired",), REFUSED, r"^refused: certificate CN=expired\.lab\.test expired on .*\(local clock: "),
                (("early",), REFUSED, r"^refused: .* is not valid before .*\(local clock: "),
                (("revoked",), REFUSED, r"^refused: .* was revoked by "),
                (("client",), REFUSED, r"^refused: .* lacks serverAuth\n"),
                (("stranger",), REFUSED, r"^refused: .* was signed by .*, "),
                (("good", "--ca", other_ca), WRONG, r"--ca"),  # given twice
                (("good", "--time", "2099-01-01"), REFUSED, r"^refused: .* expired on .* \(the time asked for: 2099-"),
                (("good", "--time", "1999-12-31T23:59:59Z"), REFUSED, r"is not valid before .* asked for: 1999-12-31 23:59:59"),
                (("revoked", "--revocation", "none"), GOOD, r"^good"),
        ):
            with self.subTest(arguments):
                self.check(self.verdict(*arguments), status, pattern)
        with self.subTest("missing CRL"):
            done = self.ask("--ca", self.ca, "--crl", leaf_crl, "--chain", self.chain("good"))
            self.check(done, REFUSED, r"^refused: .*leaf-crl\.pem holds no CRL of .*certificate_revocation = chain asks")
            self.check(self.ask("--ca", self.ca, "--crl", leaf_crl, "--revocation", "leaf", "--chain", self.chain("good")),
                       GOOD, "^good")
        for arguments, pattern in (
                (("--chain", garbage), r"garbage\.pem: error: .*no PEM certificate"),
                (("--chain", empty), r"empty\.pem: error: .*no PEM certificate"),
                (("--chain", "/nowhere.pem"), r"/nowhere\.pem: error: .*does not exist"),
                (("--chain", self.chain("good"), "--time", "2099-02-30"), r"--time: error: `2099-02-30` is no time"),
                (("--chain", self.chain("good"), "--name", "a b"), r"a b: error: this is no host name")):
            with self.subTest(arguments):
                self.check(self.ask("--ca", self.ca, "--crl", self.crl, *arguments), WRONG, pattern)
        with self.subTest("no CRL named"):
            self.check(self.ask("--ca", self.ca, "--chain", self.chain("good")), WRONG, r"--crl: error: .*--revocation none")

    def test_a_connection_to_that_master_fails_with_the_same_words(self):
        masters = ", ".join(f'"{name}.lab.test:{self.site.port}"' for name in (*KINDS, "alias", "good"))
        connect = '[connect]\ntls_timeout = "30s"\nrace_delay = "10s"\n'  # one after the other
        with Shim(self.site, connect=connect, extra=f"[service.files]\nmasters = [{masters}]\n") as shim:
            self.assertEqual(shim.ask("GET", TARGET).status, 200)
            config = shim.process.config_path
            for name, shown in (*((name, name) for name in KINDS), ("alias", "good")):
                with self.subTest(name):
                    line = until(lambda: shim.lines(rf"attempt failed {name}\.lab\.test:\d+: tls: "), "the failed attempt")[0]
                    # As this node asks, whose files and demands bunraku.toml and puppet.conf name.
                    done = self.ask("--config", config, "--chain", self.chain(shown), "--name", f"{name}.lab.test")
                    self.assertEqual(done.returncode, REFUSED, done)
                    reason = done.stdout.splitlines()[0].removeprefix("refused: ")
                    without_clock = re.sub(r" \(local clock: .*\)", "", reason)
                    self.assertIn(f": tls: {without_clock}", line)

    def test_demands_are_those_of_bunraku_toml(self):
        config = self.file("demands.toml", '[identity]\nmaster_names = ["puppet.lab.test"]\nwithin = ["lab.test"]\n'
                           f'[service.ca]\npins = ["{"0" * 64}"]\n')
        on = ("--config", config, "--name")
        self.check(self.verdict("good", *on, "good.lab.test"), GOOD, "^good")
        self.check(self.verdict("good", *on, "good.example.com"), REFUSED, r"^refused: DNS names it .*within lab\.test")
        self.check(self.verdict("good", *on, "good.lab.test", "--service", "ca"), REFUSED, r"\[service\.ca\] pins: it is ")
        self.check(self.verdict("good", "--config", config, "--service", "cas"), WRONG, "there is no service `cas`")
        agent = f"{self.ssldir}/certs/agent1.lab.test.pem"
        done = self.ask("--ca", self.ca, "--crl", self.crl, "--chain", agent, "--config", config)
        self.check(done, REFUSED, r"CN=agent1\.lab\.test is good, but not a master's: \[identity\] master_names demands")
        broken = self.file("broken.toml", "[identity]\nwithin = [7]\n")
        self.check(self.verdict("good", "--config", broken), WRONG, r"broken\.toml:2: error")

    def test_programs_get_one_json_object(self):
        done = self.verdict("revoked", "--json", "--name", "revoked.lab.test", "--time", "2026-12-01")
        self.assertEqual(done.returncode, REFUSED, done)
        told = json.loads(done.stdout)
        self.assertEqual((told["accepted"], told["verdict"], told["name"], told["time"]),
                         (False, "certificate_revoked", "revoked.lab.test", "2026-12-01T00:00:00Z"))
        self.assertIn("was revoked by", told["reason"])
        self.assertEqual(told["chain"][0]["names"], ["revoked.lab.test"])
        self.assertRegex(told["chain"][0]["spki_sha256"], "^[0-9a-f]{64}$")
        told = json.loads(self.verdict("good", "--json").stdout)
        self.assertEqual((told["accepted"], told["verdict"], told["reason"], told["time"]), (True, "good", "", None))


if __name__ == "__main__":
    unittest.main()
