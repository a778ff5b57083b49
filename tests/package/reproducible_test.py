"""A release that is built twice, at two places and the second time with no compiler cache, is the same bytes; and they are those
of the packages that the other tests have tried."""

import glob
import hashlib
import os
import shutil
import subprocess
import tempfile
import unittest

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
PACKAGES = os.environ["BUNRAKU_PACKAGES"]


def sums(directory, pattern="*"):
    return {os.path.basename(path): hashlib.sha256(open(path, "rb").read()).hexdigest()
            for path in sorted(glob.glob(f"{directory}/{pattern}")) if path.endswith((".deb", ".tar.gz"))}


class Reproducible(unittest.TestCase):
    def test_a_release_built_twice_is_the_same_bytes(self):
        with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
            # A clone of what is here, committed or not: contrib/release takes commits alone.
            tree = os.path.join(directory, "some", "where", "tree")
            listed = subprocess.run(["git", "-C", TOP, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                                    stdout=subprocess.PIPE, check=True).stdout.decode().split("\0")
            for name in filter(None, listed):
                source = os.path.join(TOP, name)
                if os.path.lexists(source):
                    os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
                    shutil.copy2(source, os.path.join(tree, name), follow_symlinks=False)
            git = ["git", "-C", tree, "-c", "user.name=a", "-c", "user.email=a@localhost"]
            for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
                subprocess.run([*git, *words], check=True)
            environments = ({}, {"CCACHE_DISABLE": "1", "TZ": "Asia/Tokyo", "LC_ALL": "C", "HOME": directory, "USER": "somebody"})
            built = []
            for number, more in enumerate(environments):
                out = os.path.join(directory, f"out{number}" * (number + 1))
                subprocess.run([f"{tree}/contrib/release", out], env={**os.environ, **more}, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, umask=0o077 if more else 0o022, check=True)
                built.append(sums(out))
            self.assertEqual(len(built[0]), 4, built[0])
            self.assertEqual(built[0], built[1])
            self.assertEqual({name: value for name, value in built[0].items() if name.endswith(".deb")}, sums(PACKAGES, "*.deb"))


if __name__ == "__main__":
    unittest.main()
