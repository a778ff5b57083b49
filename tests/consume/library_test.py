"""The library as others use it: installed once, then found by CMake and by pkg-config, or taken in as a folder. Each
program is built as its author would build it, and run against a site: it has to reach a master as the agent."""

import os
import re
import shlex
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from labsite import Site

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGE = ROOT / "contrib/doc/embedding.md"
QUOTED = re.compile(r"^<!-- (tests/\S+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BUILD = os.environ["BUNRAKU_BUILD"]


def run(*command, cwd=None, env=None, seconds=500):
    done = subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=seconds, check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


class Library(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site())
        cls.directory = cls.site.directory
        cls.prefix = os.path.join(cls.directory, "prefix")
        # Stripped: Debian's valgrind cannot read what clang 19 says for debuggers.
        run("cmake", "--install", BUILD, "--prefix", cls.prefix, "--component", "library", "--strip")
        site = cls.site
        cls.conf = os.path.join(cls.directory, "consumer-puppet.conf")
        with open(cls.conf, "w", encoding="ascii") as file:
            file.write(f"[main]\ncertname = {site.fqdn('agent1')}\nssldir = {site.ssldir('agent1')}\n"
                       f"use_srv_records = true\nsrv_domain = {site.domain}\n")
        found = run("find", cls.prefix, "-name", "pkgconfig").split()
        cls.env = {**os.environ, "PKG_CONFIG_PATH": ":".join(found)}

    def cmake(self, name, compiler, *arguments, below=None):
        build = os.path.join(below or self.directory, name)
        run("cmake", "-G", "Ninja", "-S", str(HERE / name), "-B", build, f"-DCMAKE_CXX_COMPILER={compiler[0]}",
            f"-DCMAKE_C_COMPILER={compiler[1]}", *arguments)
        run("ninja", "-C", build)
        return build

    def reaches_a_master(self, *program):
        before = len(self.statuses())
        said = run(*program, self.conf, f"{self.site.dns.address}:{self.site.dns.port}", seconds=120)
        masters = [self.site.masters[name].name for name in ("compile1", "compile2")]
        self.assertIn(said.strip(), [f"{master}:{self.site.port} running" for master in masters])
        seen = self.statuses()[before:]
        self.assertEqual([request["client"] for request in seen], [self.site.fqdn("agent1")],
                         "the master did not see the agent's certificate")

    def statuses(self):
        return [request for master in ("compile1", "compile2")
                for request in self.site.requests("/status/").get(master, [])]

    def test_found_by_cmake_in_c_plus_plus(self):
        build = self.cmake("find_package", ("g++-12", "gcc-12"), f"-DCMAKE_PREFIX_PATH={self.prefix}",
                           "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror")
        self.reaches_a_master(os.path.join(build, "catalog_master"))

    def test_found_by_pkg_config_in_c_plus_plus(self):
        flags = shlex.split(run("pkg-config", "--cflags", "--libs", "--static", "bunraku-cpp", env=self.env))
        program = os.path.join(self.directory, "by_pkg_config")
        run("clang++-19", "-std=c++20", "-o", program, str(HERE / "catalog_master.cpp"), *flags)
        self.reaches_a_master(program)

    def test_found_by_pkg_config_in_c_and_clean_of_memory_errors(self):
        flags = shlex.split(run("pkg-config", "--cflags", "--libs", "bunraku", env=self.env))
        program = os.path.join(self.directory, "in_c")
        library = os.path.dirname(self.env["PKG_CONFIG_PATH"])
        run("gcc-12", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o", program,
            str(HERE / "catalog_master.c"), *flags, f"-Wl,-rpath,{library}")
        self.reaches_a_master("valgrind", "-q", "--leak-check=full", "--errors-for-leak-kinds=definite",
                              "--error-exitcode=99", program)

    def test_taken_in_as_a_folder(self):
        # As fast as it compiles: what the compiler makes of the library is other tests' subject. In the tree's build directory
        # ccache has it from the last time.
        with tempfile.TemporaryDirectory(prefix="consume-", dir=BUILD) as below:
            build = self.cmake("add_subdirectory", ("clang++-19", "clang-19"), "-DCMAKE_BUILD_TYPE=Debug",
                               "-DCMAKE_CXX_FLAGS_DEBUG=-O0 -g0", below=below)
            self.reaches_a_master(os.path.join(build, "catalog_master"))

    def test_page_about_it_shows_these_files_as_they_are(self):
        shown = QUOTED.findall(PAGE.read_text(encoding="utf-8"))
        self.assertGreaterEqual(len(shown), 4)
        for name, text in shown:
            self.assertEqual(text, (ROOT / name).read_text(encoding="utf-8"), name)

    def test_installed_tree_has_nothing_of_the_tree_it_was_built_from(self):
        source = str(ROOT)
        for folder, _, files in os.walk(self.prefix):
            for name in files:
                if name.endswith((".cmake", ".pc", ".hpp", ".h")):
                    text = Path(folder, name).read_text(encoding="utf-8")
                    self.assertNotIn(source, text, name)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
