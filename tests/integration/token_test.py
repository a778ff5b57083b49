"""The node's key in a PKCS#11 token (SoftHSM): both legs sign with it, nothing else has it, and what is wrong is told."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from labsite import MasterSpec, Shim, Site

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
TARGET = "/puppet/v3/file_content/modules/lab/generated/100"
PIN = "2718281828"


class Token:
    """SoftHSM's files in a directory of their own, with the keys of nodes of the site."""

    def __init__(self, *keys):
        self.directory = tempfile.mkdtemp(prefix="bunraku-token-")
        self.tokens = os.path.join(self.directory, "tokens")
        os.mkdir(self.tokens)
        self.conf = os.path.join(self.directory, "softhsm2.conf")
        pathlib.Path(self.conf).write_text(f"directories.tokendir = {self.tokens}\nobjectstore.backend = file\n"
                                           "log.level = ERROR\n", encoding="ascii")
        self.environment = {"SOFTHSM2_CONF": self.conf}
        self.tool("--init-token", "--free", "--label", "host", "--so-pin", "31415926", "--pin", PIN)
        for number, (name, key) in enumerate(keys, 1):
            plain = os.path.join(self.directory, "pkcs8")
            subprocess.run(["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", key, "-out", plain], check=True)
            self.tool("--import", plain, "--token", "host", "--label", name, "--id", f"{number:02}", "--pin", PIN)
            os.unlink(plain)
        self.pin = self.file("pin", f"{PIN}\n")

    def tool(self, *arguments):
        subprocess.run(["softhsm2-util", *arguments], env={**os.environ, **self.environment}, check=True,
                       stdout=subprocess.DEVNULL)

    def file(self, name, text):
        path = os.path.join(self.directory, name)
        pathlib.Path(path).write_text(text, encoding="ascii")
        os.chmod(path, 0o600)
        return path

    def uri(self, key, pin=None, module=MODULE):
        queries = [f"pin-source={pin or self.pin}"] + ([f"module-path={module}"] if module else [])
        return f"pkcs11:token=host;object={key}?{'&'.join(queries)}"

    def remove(self):
        shutil.rmtree(self.directory)


class KeyInToken(unittest.TestCase):
    kind = "ec"

    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(masters=[MasterSpec("one", ("catalog", "files", "report", "ca"))],
                                              srv={service: ("one",) for service in ("ca", "catalog", "files", "report")},
                                              key=cls.kind, agents=("agent1", "agent2")))
        keys = [(node, f"{cls.site.ssldir(node)}/private_keys/{node}.lab.test.pem") for node in ("agent1", "agent2")]
        cls.token = Token(*keys)
        cls.addClassCleanup(cls.token.remove)
        # The node as it would be: without a key in any file. What the tests' own client shows stays where it was.
        cls.ssldir = os.path.join(cls.site.directory, "node")
        shutil.copytree(cls.site.ssldir("agent1"), cls.ssldir)
        shutil.rmtree(f"{cls.ssldir}/private_keys")

    def shim(self, uri, sandbox=None, legs=("upstream", "local")):
        certificate = f"{self.ssldir}/certs/agent1.lab.test.pem"
        shim = Shim(self.site, name=f"bunraku-{self._testMethodName[5:30]}", start=False,
                    env=self.token.environment)
        shim.write_puppet_conf("[main]", "certname = agent1.lab.test", f"ssldir = {self.ssldir}", f"server = {shim.node}",
                               f"serverport = {shim.port}", "srv_domain = lab.test")
        shim.parts["extra"] = "".join(f'[{leg}]\ncertificate = "{certificate}"\nkey = "{uri}"\n' for leg in legs)
        shim.parts["extra"] += sandbox or f'[sandbox]\nfiles = ["{self.token.tokens}"]\n'
        return shim

    def assert_serves(self, shim):
        before = len(self.site.requests(TARGET).get("one", ()))
        self.assertEqual(shim.ask("GET", TARGET).status, 200)
        with shim.client() as client:
            self.assertEqual(client.request("GET", TARGET).status, 200)
        seen = self.site.requests(TARGET)["one"][before:]
        self.assertEqual([entry["client"] for entry in seen], ["agent1.lab.test"] * 2)

    def test_both_legs_sign_with_it_inside_the_sandbox_and_after_a_reload(self):
        shim = self.shim(self.token.uri("agent1"))
        with shim.start():
            self.assertIn('sandbox="capabilities no-new-privileges landlock seccomp"', shim.log())
            self.assert_serves(shim)
            shim.reload()
            self.assert_serves(shim)
            self.assertNotIn(PIN, shim.log())

    def test_p11_kit_finds_the_module(self):
        shim = self.shim(self.token.uri("agent1", module=None))
        with shim.start():
            self.assert_serves(shim)

    def test_without_the_sandbox_too(self):
        shim = self.shim(self.token.uri("agent1"), sandbox='[sandbox]\nuse = "off"\n')
        with shim.start():
            self.assertIn('sandbox="none"', shim.log())
            self.assert_serves(shim)

    # What is wrong

    def say(self, verb, shim):
        config = os.path.join(self.site.directory, "refused.toml")
        pathlib.Path(config).write_text(shim.config(), encoding="utf-8")
        return subprocess.run([self.site.bunraku, verb, "--config", config], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
                              env={**os.environ, **self.token.environment})

    def check_refused(self, uri, *patterns, secret=PIN):
        shim = self.shim(uri)
        for verb in ("run", "check"):
            with self.subTest(verb):
                done = self.say(verb, shim)
                self.assertEqual(done.returncode, 2, done.stdout)
                for pattern in patterns:
                    self.assertRegex(done.stdout, pattern)
                self.assertNotIn(secret, done.stdout)
                self.assertFalse(os.path.exists(shim.socket_path))

    def test_a_wrong_pin(self):
        wrong = self.token.file("wrong", "16180339\n")
        self.check_refused(self.token.uri("agent1", pin=wrong),
                           rf"pkcs11:token=host;object=agent1: error: .*does not take the PIN in {wrong}.*",
                           secret="16180339")

    def test_no_pin_at_all(self):
        self.check_refused(f"pkcs11:token=host;object=agent1?module-path={MODULE}", r"error: .*asks for a PIN.*pin-source")

    def test_a_pin_file_that_is_not_there(self):
        self.check_refused(self.token.uri("agent1", pin="/no/such/pin"), r"/no/such/pin: error: .*PIN.*does not exist")

    def test_a_pin_in_the_configuration(self):
        self.check_refused(f"pkcs11:token=host;object=agent1?pin-value={PIN}", r"refused\.toml:\d+: error: .*holds a PIN.*pin-source")

    def test_a_missing_module(self):
        self.check_refused(self.token.uri("agent1", module="/no/such/module.so"),
                           r"error: .*PKCS#11 module /no/such/module\.so cannot be loaded")

    def test_a_missing_key_or_token(self):
        for uri in (self.token.uri("agent7"), self.token.uri("agent1").replace("token=host", "token=ghost")):
            with self.subTest(uri):
                self.check_refused(uri, r"error: .*no token has such a private key.*p11tool")

    def test_a_key_that_is_not_the_certificates(self):
        self.check_refused(self.token.uri("agent2"), r"error: .*does not belong to the certificate")

    def test_no_key_is_named(self):
        self.check_refused("pkcs11:token=host", r"refused\.toml:\d+: error: .*which key is meant")

    def test_a_token_is_not_taken_up_at_a_reload(self):
        """Then its module would come into a process that gave up what modules need."""
        shim = self.shim(self.token.uri("agent1"))
        token = shim.parts["extra"]
        shim.parts["extra"] = ""
        os.mkdir(f"{self.ssldir}/private_keys")
        self.addCleanup(shutil.rmtree, f"{self.ssldir}/private_keys")
        shutil.copy(f"{self.site.ssldir('agent1')}/private_keys/agent1.lab.test.pem", f"{self.ssldir}/private_keys/")
        with shim.start():
            shim.parts["extra"] = token
            shim.reload(shim.config(), expect=r"reload refused: going on as before")
            self.assertRegex(shim.log(), r"a key in a PKCS#11 token.*Restart")
            self.assert_serves(shim)


class RsaKeyInToken(KeyInToken):
    kind = "rsa"


if __name__ == "__main__":
    unittest.main()
