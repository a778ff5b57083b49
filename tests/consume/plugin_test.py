"""A plugin as others write it: out of the tree, against the installed header, and run by a daemon."""

import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from labsite import MasterSpec, Shim, Site, service_requests

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "contrib/plugin-template"
PAGE = ROOT / "contrib/doc/plugins.md"
ALL = ("ca", "catalog", "files", "report")
QUOTED = re.compile(r"^<!-- (contrib/plugin-template/\S+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run(*command, env=None):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=500, check=False, env=env)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


class Plugin(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(masters=[MasterSpec("far", ALL), MasterSpec("near", ALL)], srv={}, key="ec"))
        cls.requests = service_requests(cls.site)
        cls.prefix = os.path.join(cls.site.directory, "prefix")
        run("cmake", "--install", os.environ["BUNRAKU_BUILD"], "--prefix", cls.prefix, "--component", "library")
        # Out of the tree indeed: a copy, and nothing but the installed prefix.
        source = shutil.copytree(TEMPLATE, os.path.join(cls.site.directory, "template"))
        build = os.path.join(cls.site.directory, "build")
        run("cmake", "-G", "Ninja", "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={cls.prefix}",
            f"-DCMAKE_INSTALL_PREFIX={cls.prefix}", "-DCMAKE_C_COMPILER=gcc-12",
            "-DCMAKE_C_FLAGS=-Wall -Wextra -Wpedantic -Werror")
        run("ninja", "-C", build)
        run("cmake", "--install", build)
        found = run("find", cls.prefix, "-name", "near_first.so").split()
        assert len(found) == 1, found
        cls.plugin, = found
        cls.directory = os.path.dirname(cls.plugin)
        for folder, _, _ in os.walk(cls.prefix):
            os.chmod(folder, 0o755)

    def shim(self, settings):
        names = ", ".join(f'"{self.site.fqdn(m)}:{self.site.port}"' for m in ("far", "near"))
        text = (f'[plugins]\ndirectory = "{self.directory}"\n[plugin.near_first]\ndeadline = "60s"\n{settings}\n'
                f'[service.catalog]\npolicy = "near_first"\nmasters = [{names}]\n')
        return self.enterContext(Shim(self.site, extra=text))

    def answered_by(self, shim):
        method, target, body, headers = self.requests["catalog"]
        self.assertEqual(shim.ask(method, target, body, headers).status, 200)
        return shim.exchanges(1)[0]["master"].split(".")[0]

    def test_the_daemon_asks_it(self):
        self.assertEqual(self.answered_by(self.shim(f'suffix = "{self.site.fqdn("near")}"')), "near")

    def test_check_says_what_it_is(self):
        shim = self.shim('suffix = ".near.test"')
        self.assertIn("tries masters of one's own data centre", run(self.site.bunraku, "check", "--config", shim.process.config_path))

    def test_where_nobody_is_near_the_order_stays(self):
        self.assertEqual(self.answered_by(self.shim('suffix = ".elsewhere.test"')), "far")

    def test_settings_that_it_does_not_know_are_refused_in_its_words(self):
        shim = self.shim("nearness = 3")
        self.assertIn("it needs exactly one key, `suffix`", shim.log())
        self.assertEqual(self.answered_by(shim), "far")

    def test_it_shows_nothing_but_its_entry_and_needs_nothing_of_bunrakus(self):
        symbols = run("nm", "-D", "--defined-only", self.plugin)
        self.assertEqual([line.split()[2] for line in symbols.splitlines() if line.split()[1] in "TDB"],
                         ["bunraku_plugin_entry"])
        self.assertNotIn("bunraku", run("ldd", self.plugin).replace(self.plugin, ""))

    def test_the_page_shows_it_as_it_is(self):
        shown = QUOTED.findall(PAGE.read_text(encoding="utf-8"))
        self.assertEqual(sorted(name for name, _ in shown),
                         ["contrib/plugin-template/CMakeLists.txt", "contrib/plugin-template/near_first.c"])
        for name, text in shown:
            self.assertEqual(text, (ROOT / name).read_text(encoding="utf-8"), name)

    def test_pkg_config_knows_where_plugins_go(self):
        found = run("find", self.prefix, "-name", "pkgconfig").strip()
        said = run("pkg-config", "--variable=plugindir", "bunraku", env={**os.environ, "PKG_CONFIG_PATH": found})
        self.assertEqual(os.path.realpath(said.strip()), os.path.realpath(self.directory))


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
