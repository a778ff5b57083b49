"""bunraku init on a host of its own: /etc is the test's, in a mount namespace."""

import os
import shutil
import subprocess
import tempfile
import unittest

GOOD, NOT_DONE = 0, 2
# What names are looked up by.
OF_THE_HOST = ("passwd", "group", "nsswitch.conf", "ld.so.cache", "host.conf")
_NAMESPACE = """set -e
d=$1 mounted=$2; shift 2
[ -z "$mounted" ] || mount --bind "$d/etc/$mounted" "$d/etc/$mounted"
mount --rbind "$d/etc" /etc
exec "$@"
"""
CONF = "[main]\ncertname = agent1.lab.test\nserver = puppet.lab.test\n"


class Init(unittest.TestCase):
    def setUp(self):
        self.directory = self.enterContext(tempfile.TemporaryDirectory(prefix="bunraku-init-"))
        self.etc = os.path.join(self.directory, "etc")
        os.makedirs(os.path.join(self.etc, "bunraku"))
        for name in OF_THE_HOST:
            if os.path.exists(f"/etc/{name}"):
                shutil.copy(f"/etc/{name}", self.etc)
        self.write("puppet.conf", CONF)
        self.write("hosts", "127.0.0.1 localhost\n")
        self.write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        self.write("bunraku.toml", '[puppet]\nconf = "/etc/puppet.conf"\n[dns]\nlookup_deadline = "200ms"\ntry_timeout = "100ms"\n')

    def write(self, name, text):
        with open(os.path.join(self.etc, name), "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, name):
        with open(os.path.join(self.etc, name), encoding="utf-8") as file:
            return file.read()

    def init(self, *arguments, mounted=""):
        """`mounted` is a file that cannot be replaced, as /etc/hosts in a container."""
        return subprocess.run(["unshare", "-m", "--propagation", "private", *(["-r"] if os.geteuid() else []), "bash", "-c", _NAMESPACE,
                               "ns", self.directory, mounted, os.environ["BUNRAKU_BIN"], "init", "--config", "/etc/bunraku.toml",
                               *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
                              env={**os.environ, "RUNTIME_DIRECTORY": self.directory})

    def applied(self):
        self.assertIn("\nDone; bunraku init --undo takes it back.", self.init("--apply").stdout)
        self.assertIn("server = agent1.lab.test\n", self.read("puppet.conf"))
        self.assertIn("agent1.lab.test", self.read("hosts"))

    def as_it_was(self):
        self.assertEqual(self.read("puppet.conf"), CONF)
        self.assertEqual(self.read("hosts"), "127.0.0.1 localhost\n")
        self.assertEqual(os.listdir(os.path.join(self.etc, "bunraku")), [])

    def test_what_no_agent_could_use_is_refused(self):
        for option, value in (("--ca-server", "ca.lab.test:8140"), ("--ca-server", "a b"), ("--ca-server", "[::1]"),
                              ("--fallback", "a b"), ("--fallback", "puppet.lab.test:0"), ("--fallback", "[::1]:8140")):
            done = self.init("--apply", option, value)
            self.assertEqual(done.returncode, NOT_DONE, done)
            self.assertIn(f"{option}: error: `{value}` is no ", done.stderr)
            self.as_it_was()
        done = self.init("--ca-server", "ca.lab.test", "--fallback", "puppet.lab.test:8141")
        self.assertEqual(done.returncode, GOOD, done)
        self.assertIn("ca_server = ca.lab.test\n", done.stdout)

    def test_it_is_done_and_taken_back(self):
        self.applied()
        again = self.init("--apply", "--fallback", "other.lab.test")
        self.assertEqual(again.returncode, NOT_DONE, again)
        self.assertIn("an earlier init is recorded", again.stderr)
        self.assertEqual(self.init("--undo").returncode, GOOD)
        self.as_it_was()

    def test_a_name_with_another_address_is_led_once(self):
        self.write("hosts", "127.0.0.1 localhost\n10.9.9.9 agent1.lab.test\n")
        self.applied()
        again = self.init("--unattended")
        self.assertEqual(again.returncode, GOOD, again)
        self.assertIn("Nothing to do", again.stdout)

    def test_the_name_leads_to_where_bunraku_listens(self):
        self.write("bunraku.toml", self.read("bunraku.toml") + '[[listen]]\naddress = "127.0.0.1:8140"\n')
        self.applied()
        self.assertIn("127.0.0.1 agent1.lab.test # bunraku init", self.read("hosts"))
        self.assertEqual(self.init("--unattended").returncode, GOOD)

    def test_a_file_that_cannot_be_replaced_is_told_and_nothing_is_changed(self):
        done = self.init("--apply", mounted="hosts")
        self.assertEqual(done.returncode, NOT_DONE, done)
        self.assertIn("/etc/hosts: error: the file cannot be written, and is as it was: Device or resource busy; a file is mounted there",
                      done.stderr)
        self.as_it_was()

    def test_an_undo_that_came_half_the_way_goes_on(self):
        self.applied()
        done = self.init("--undo", mounted="hosts")
        self.assertEqual(done.returncode, NOT_DONE, done)
        self.assertIn("bunraku: not taken back, because of the errors above.", done.stderr)
        self.assertEqual(self.read("puppet.conf"), CONF)
        self.assertEqual(self.init("--undo").returncode, GOOD)
        self.as_it_was()

    def test_what_somebody_has_changed_is_not_put_back(self):
        self.applied()
        changed = self.read("puppet.conf") + "noop = true\n"
        self.write("puppet.conf", changed)
        done = self.init("--undo")
        self.assertEqual(done.returncode, NOT_DONE, done)
        self.assertIn("/etc/puppet.conf: error: Somebody has changed it meanwhile.", done.stderr)
        self.assertEqual(self.read("puppet.conf"), changed)
        self.assertIn("agent1.lab.test", self.read("hosts"))

    def test_where_nothing_can_be_kept_one_error_is_told(self):
        os.rmdir(os.path.join(self.etc, "bunraku"))
        self.write("bunraku", "")
        done = self.init("--apply")
        self.assertEqual(done.returncode, NOT_DONE, done)
        self.assertEqual(done.stderr.count(": error: "), 1, done.stderr)
        self.assertIn("/etc/bunraku/before-init: error: the directory cannot be made: Not a directory", done.stderr)
        self.assertEqual(self.read("puppet.conf"), CONF)


if __name__ == "__main__":
    unittest.main()
