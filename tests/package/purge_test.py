"""What the package's postrm leaves after a purge, in whatever way the daemon was run before. /etc and /var/lib are the test's."""

import os
import pathlib
import subprocess
import tempfile
import unittest

POSTRM = pathlib.Path(__file__).parents[2] / "contrib/debian/bunraku.postrm"
_NAMESPACE = """set -e
mount --bind "$1/etc" /etc
mount --bind "$1/lib" /var/lib
exec sh "$2" purge
"""


class Purge(unittest.TestCase):
    def setUp(self):
        self.top = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="bunraku-purge-")))
        (self.top / "etc/bunraku").mkdir(parents=True)
        (self.top / "lib").mkdir()

    def left(self):
        done = subprocess.run(["unshare", "-m", "--propagation", "private", *(["-r"] if os.geteuid() else []), "bash", "-c", _NAMESPACE,
                               "ns", self.top, POSTRM], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return sorted(str(one.relative_to(self.top)) for one in self.top.rglob("*"))

    def test_a_link_and_the_directory_of_a_user_that_came_and_went(self):
        (self.top / "lib/private/bunraku").mkdir(parents=True)
        (self.top / "lib/private/bunraku/dns-answers").touch()
        (self.top / "lib/bunraku").symlink_to("private/bunraku")
        self.assertEqual(self.left(), ["etc", "lib", "lib/private"])

    def test_a_directory_as_without_systemd(self):
        (self.top / "lib/bunraku").mkdir()
        (self.top / "lib/bunraku/dns-answers").touch()
        self.assertEqual(self.left(), ["etc", "lib"])

    def test_a_daemon_that_never_ran(self):
        self.assertEqual(self.left(), ["etc", "lib"])

    def test_what_the_administrator_wrote_stays(self):
        (self.top / "etc/bunraku/bunraku.toml").touch()
        self.assertEqual(self.left(), ["etc", "etc/bunraku", "etc/bunraku/bunraku.toml", "lib"])


if __name__ == "__main__":
    unittest.main()
