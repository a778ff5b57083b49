"""Each rule of lint.py finds what it is for."""

import tempfile
import unittest
from pathlib import Path

import lint


class Rules(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.write("resolver/include/bunraku/pure.hpp", "#include <string>\n")
        self.write("resolver/include/bunraku/asio.hpp", "#include <boost/asio/any_io_executor.hpp>\n")
        self.write("resolver/include/bunraku/through.hpp", "#include <bunraku/asio.hpp>\n")

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def breaches(self, rule, path, text):
        self.write(path, text)
        return [b for b in lint.RULES[rule](self.root) if str(path) in b]

    def refused(self, path, line):
        self.assertEqual(len(self.breaches("layers", path, line + "\n")), 1, line)

    def allowed(self, path, line):
        self.assertEqual(self.breaches("layers", path, line + "\n"), [], line)

    def test_pure_rooms_include_std_each_other_and_pure_public_headers(self):
        for line in ("#include <vector>", '#include "puppet/conf.hpp"', "#include <bunraku/pure.hpp>"):
            self.allowed("resolver/policy/a.cpp", line)
        for line in ("#include <boost/asio.hpp>", '#include "io/stream.hpp"', "#include <bunraku/asio.hpp>",
                     "#include <bunraku/through.hpp>", "#include <unistd.h>", "#include <fstream>",
                     "  #  include <openssl/ssl.h>"):
            self.refused("resolver/policy/a.cpp", line)

    def test_pure_rooms_take_time_and_chance_as_arguments(self):
        self.refused("resolver/policy/a.cpp", "auto now = std::chrono::steady_clock::now();")
        self.refused("resolver/puppet/a.cpp", "std::random_device device;")
        self.allowed("resolver/puppet/a.cpp", "// not steady_clock::now(): it is an argument")

    def test_the_library_asks_no_locale(self):
        self.refused("resolver/puppet/a.cpp", "c = static_cast<char>(std::tolower(c));")
        self.refused("resolver/io/a.cpp", "const bool same = strcasecmp(a, b) == 0;")
        self.allowed("resolver/io/a.cpp", "c = ascii::lower(c);  // not tolower()")
        self.allowed("shim/init/a.cpp", "return std::tolower(a) == std::tolower(b);")

    def test_io_does_not_know_the_engine(self):
        self.allowed("resolver/io/a.cpp", '#include "policy/srv_order.hpp"')
        self.refused("resolver/io/a.cpp", '#include "engine/discovery.hpp"')

    def test_the_shim_and_plugins_use_what_the_library_offers_everybody(self):
        self.allowed("shim/forward/a.cpp", '#include "http/head.hpp"')
        self.allowed("shim/forward/a.cpp", "#include <bunraku/asio.hpp>")
        self.refused("shim/forward/a.cpp", '#include "engine/discovery.hpp"')
        self.refused("shim/main.cpp", '#include "policy/random.hpp"')
        self.refused("shim/http/a.cpp", '#include "forward/exchange.hpp"')
        self.refused("shim/http/a.cpp", "#include <boost/asio.hpp>")
        self.allowed("plugins/vault/a.c", "#include <bunraku/plugin.h>")
        self.refused("plugins/vault/a.c", "#include <bunraku/pure.hpp>")

    def test_long_files_unfinished_work_and_empty_names_are_found(self):
        self.assertTrue(self.breaches("size", "shim/a.cpp", "\n" * (lint.MAX_LINES + 1)))
        self.assertFalse(self.breaches("size", "shim/a.cpp", "\n" * lint.MAX_LINES))
        self.assertTrue(self.breaches("words", "shim/b.cpp", "// TO" + "DO later\n"))
        self.assertTrue(self.breaches("words", "README.md", "see ../sha" + "red/notes\n"))
        self.assertTrue(self.breaches("words", "shim/string_util.cpp", "\n"))
        self.assertFalse(self.breaches("words", "shim/c.cpp", "int utility = 0;  // XXXXXX is mktemp's\n"))

    def test_links_to_files_or_headings_that_are_not_there_are_found(self):
        self.write("doc/there.md", "# A heading, with `code`\n```\n# no heading\n```\n")
        for target in ("there.md", "there.md#a-heading-with-code", "../doc", "https://example.com/x", "#here"):
            self.assertEqual(self.breaches("links", "doc/a.md", f"# Here\n[x]({target})\n"), [], target)
        for target in ("nowhere.md", "there.md#another", "there.md#no-heading", "#there"):
            self.assertEqual(len(self.breaches("links", "doc/a.md", f"# Here\n[x]({target})\n")), 1, target)
        self.assertEqual(self.breaches("links", "doc/a.md", "`[x](nowhere)`\n```\n[x](nowhere)\n```\n"), [])

    def test_mistakes_in_man_pages_are_found(self):
        page = ".Dd November 1, 2026\n.Dt A 1\n.Os\n.Sh NAME\n.Nm a\n.Nd one\n"
        self.assertTrue(self.breaches("man", "contrib/man/a.1", page + ".Sh DESCRIPTION\n.Bl -tag\n.It x\n"))
        self.assertFalse(self.breaches("man", "contrib/man/a.1", page + ".Sh DESCRIPTION\nNothing.\n"))

    def test_misformatted_code_and_broken_scripts_are_found(self):
        self.write(".clang-format", "BasedOnStyle: Google\n")
        self.assertTrue(self.breaches("format", "shim/a.cpp", "int   a  ;\n"))
        self.assertFalse(self.breaches("format", "shim/a.cpp", "int a;\n"))
        self.assertTrue(self.breaches("shell", "contrib/a", "#!/bin/sh\nrm -rf $UNSET/*\ncd $1\n"))
        self.assertFalse(self.breaches("shell", "contrib/a", "#!/bin/sh\necho a\n"))
        self.assertTrue(self.breaches("python", "tests/a.py", "def broken(:\n"))
        self.assertFalse(self.breaches("python", "tests/a.py", "def whole(): pass\n"))


if __name__ == "__main__":
    unittest.main()
