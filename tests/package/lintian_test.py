"""lintian has nothing to say about the packages, not even for information."""

import glob
import os
import re
import subprocess
import tempfile
import unittest

PACKAGES = os.environ["BUNRAKU_PACKAGES"]
# Machine code that reads like a word is in one build and not in the next; what overrides it may be unused.
CODE_AND_COUNTS = re.compile(r"I: \S+: unused-override spelling-error-in-binary |N: \d+ hints? overridden")
YAML_CPP = b"./src/"  # in Debian's archive of it, the same wherever that is linked


class Lintian(unittest.TestCase):
    def test_it_finds_nothing(self):
        changes, = glob.glob(f"{PACKAGES}/bunraku_*.changes")
        done = subprocess.run(["lintian", "--allow-root", "--tag-display-limit", "0", "--display-info", "--fail-on",
                               "error,warning,info", changes], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        said = [line for line in done.stdout.splitlines() if not CODE_AND_COUNTS.match(line)]
        self.assertEqual(said, [])
        self.assertIn(done.returncode, (0, 2), "2: it had something to say")

    def test_build_depends_has_what_a_build_needs(self):
        top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
        with open(f"{top}/tests/packages", encoding="utf-8") as file:
            wanted = set(re.search(r"(?m)^\[build\].*\n((?:[^\[\n].*\n)*)", file.read())[1].split())
        with open(f"{top}/contrib/debian/control", encoding="utf-8") as file:
            given = set(re.findall(r"[a-z0-9.+-]+", file.read().split("Build-Depends:")[1].split("\n\n")[0]))
        self.assertEqual(wanted - given - {"ccache", "libclang-rt-19-dev"}, set(), "see contrib/debian/control")

    def test_what_a_build_needs_can_be_given_to_apt(self):
        build = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../contrib/debian/build")
        needs = subprocess.run([build, "--needs"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        self.assertIn("build-essential", needs, "Debian takes it for granted, a minimal one has it not")
        # All of it is here, since the packages were built here: apt has read it whole if it has nothing to do.
        said = subprocess.run(["apt-get", "--simulate", "satisfy", needs], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              text=True, check=True, env={**os.environ, "LC_ALL": "C"}).stdout
        self.assertNotRegex(said, r"(?m)^(Inst|Remv) ")

    def test_each_package_has_what_it_is_for(self):
        def files(name):
            deb, = glob.glob(f"{PACKAGES}/{name}_*.deb")
            return subprocess.run(["dpkg-deb", "--contents", deb], stdout=subprocess.PIPE, text=True, check=True).stdout

        for wanted in ("./usr/bin/bunraku\n", "/bunraku.service\n", "/bunraku.socket\n", "/bunraku-ipv6.socket\n", "bunraku.1.gz\n",
                       "bunraku-run.1.gz\n", "bunraku-init.1.gz\n", "bunraku.toml.5.gz\n", "/bash-completion/completions/bunraku\n", "/vendor-completions/_bunraku\n",
                       "/vendor_completions.d/bunraku.fish\n", "/plugins/fault/README.md\n", "/drill.png\n",
                       "/examples/grafana/bunraku.json\n", "/examples/prometheus/bunraku.rules.yml\n",
                       "/examples/puppet-module/manifests/init.pp\n"):
            self.assertIn(wanted, files("bunraku"))
        self.assertIn("/libbunraku.so.0 ->", files("libbunraku0"))
        for wanted in ("/bunraku.h\n", "/resolver.hpp\n", "/libbunraku_cpp.a\n", "/bunraku.pc\n", "/bunraku-config.cmake\n",
                       "/examples/plugin-template/near_first.c\n", "/examples/python/bunraku.py\n",
                       "/examples/ruby/lib/bunraku/agent.rb\n"):
            self.assertIn(wanted, files("libbunraku-dev"))

    def test_no_program_holds_where_its_source_was(self):
        """reproducible_test.py builds everything without a compiler cache to see it; this sees the usual cause in a second."""
        with tempfile.TemporaryDirectory() as directory:
            for deb in glob.glob(f"{PACKAGES}/*.deb"):
                subprocess.run(["dpkg-deb", "--extract", deb, directory], check=True)
            programs = 0
            for path in filter(os.path.isfile, glob.glob(f"{directory}/**", recursive=True)):
                with open(path, "rb") as file:
                    content = file.read()
                if not content.startswith((b"\x7fELF", b"!<arch>")):
                    continue
                programs += 1
                paths = {one for one in re.findall(rb"[\w./+-]*/[\w.+-]+\.(?:cpp|hpp|cc|c|h)(?=\0)", content)
                         if not one.startswith((b"/usr/include/", b"/usr/lib/", YAML_CPP))}
                self.assertEqual(paths, set(), f"{path}: does something use __FILE__, as OPENSSL_free does?")
            self.assertGreater(programs, 6)


if __name__ == "__main__":
    unittest.main()
