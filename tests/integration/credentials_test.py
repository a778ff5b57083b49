"""What is wrong with keys, certificates and puppet.conf is told by `run` and `check` alike, with its place, before
anything listens."""

import os
import shutil
import socket
import subprocess
import unittest

from labsite import MasterSpec, Shim, Site


class Refusals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(masters=[MasterSpec("one")], srv={}, key="ec", agents=("agent1", "agent2"),
                                              pki=["--expired", "expired.lab.test"]))

    def setUp(self):
        self.ssldir = os.path.join(self.site.directory, "ssl")
        shutil.copytree(self.site.ssldir("agent1"), self.ssldir)
        self.addCleanup(shutil.rmtree, self.ssldir)
        self.certificate = f"{self.ssldir}/certs/agent1.lab.test.pem"
        self.key = f"{self.ssldir}/private_keys/agent1.lab.test.pem"
        self.crl = f"{self.ssldir}/crl.pem"
        self.shim = Shim(self.site, name="refused", start=False)
        self.write_puppet_conf()

    def write_puppet_conf(self, *more, server="server = one.lab.test"):
        self.shim.write_puppet_conf("[main]", "certname = agent1.lab.test", f"ssldir = {self.ssldir}",
                                    *([server] if server else []), *more)

    def say(self, verb, **more):
        config = os.path.join(self.site.directory, "refused.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(self.shim.config())
        return subprocess.run([self.site.bunraku, verb, "--config", config], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
                              **more)

    def check_refused(self, *patterns, **more):
        for verb in ("run", "check"):
            with self.subTest(verb):
                done = self.say(verb, **more)
                self.assertEqual(done.returncode, 2, done.stdout)
                for pattern in patterns:
                    self.assertRegex(done.stdout, pattern)
                self.assertFalse(os.path.exists(self.shim.socket_path))
                with self.assertRaises(ConnectionRefusedError):
                    socket.create_connection((self.site.range.address(100), self.shim.port), 20).close()

    def test_the_untouched_ones_are_good(self):
        done = self.say("check")
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_missing_files(self):
        for path in (self.certificate, self.key, f"{self.ssldir}/certs/ca.pem", self.crl):
            with self.subTest(os.path.basename(path)):
                os.rename(path, f"{path}.away")
                self.check_refused(rf"{path}.*error: .*(no such file|does not exist|missing|is not there)")
                os.rename(f"{path}.away", path)

    def test_files_that_this_user_may_not_read(self):
        os.chmod(self.site.directory, 0o755)
        os.chmod(self.key, 0o600)
        self.addCleanup(os.chmod, self.site.directory, 0o700)
        self.check_refused(rf"{self.key}.*error: .*[Pp]ermission|{self.key}.*error: .*may not", user=65534, group=65534,
                           extra_groups=[])

    def test_a_key_that_is_not_the_certificates(self):
        shutil.copy(f"{self.site.ssldir('agent2')}/private_keys/agent2.lab.test.pem", self.key)
        self.check_refused(rf"{self.ssldir}/.*error: .*key")

    def test_an_expired_certificate(self):
        expired = self.site.ssldir("expired")
        shutil.copy(f"{expired}/certs/expired.lab.test.pem", self.certificate)
        shutil.copy(f"{expired}/private_keys/expired.lab.test.pem", self.key)
        self.check_refused(rf"{self.certificate}.*error: .*(expired|ended|out of date|valid)")

    def test_garbage_instead_of_pem(self):
        for path in (self.certificate, self.key, self.crl):
            with self.subTest(os.path.basename(path)):
                shutil.copy(path, f"{path}.good")
                with open(path, "w", encoding="ascii") as file:
                    file.write("-----BEGIN NONSENSE-----\n")
                self.check_refused(rf"{path}.*error: ")
                os.rename(f"{path}.good", path)

    def test_puppet_conf_traps(self):
        traps = {"[agent]\nserver = x ; the old one": r":\d+", "[agent] # ours": r":\d+", "[agnet]\nserver = x": r":\d+",
                 "what is this": r":\d+"}
        for text, place in traps.items():
            with self.subTest(text):
                self.write_puppet_conf(text)
                self.check_refused(rf"{self.shim.puppet_conf}{place}: error: ")

    def test_nobody_named_at_all(self):
        self.write_puppet_conf(server=None)
        self.shim.parts["dns"] = self.shim.parts["dns"].replace("srv = true", "srv = false")
        self.check_refused(r"error: Nothing says who serves .*(srv_domain|\[service)")

    def test_every_problem_is_told_at_once(self):
        os.unlink(self.key)
        self.shim.parts["extra"] = "[limits]\nspeed = 3\n"
        self.check_refused(r"refused\.toml:\d+: error: .*speed", rf"{self.key}.*error: ")


if __name__ == "__main__":
    unittest.main()
