"""Every command that README and the pages tell is run by some test, and every verb and option that they name is there."""

import os
import re
import subprocess
import tempfile
import unittest

import pages


class Commands(unittest.TestCase):
    def test_each_is_run_by_a_test(self):
        found = list(pages.commands())
        self.assertGreater(len(found), 30)
        for page, command in found:
            with self.subTest(f"{page}: {command}"):
                by = pages.run_by(command)
                self.assertTrue(pages.is_for_the_host(page, command) or by, "say in pages.py what runs this command")
                if by and not pages.is_for_the_host(page, command):
                    self.assertTrue(os.path.exists(os.path.join(pages.TOP, by)), by)

    def test_each_verb_and_option_of_bunraku_is_there_and_in_the_man_page(self):
        with open(os.path.join(pages.TOP, "contrib/man/bunraku.1"), encoding="utf-8") as file:
            man = file.read()
        said = subprocess.run([os.environ["BUNRAKU_BIN"], "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
        verbs = re.findall(r"(?m)^  ([a-z-]+) ", said.split("Subcommands:")[1])
        self.assertGreater(len(verbs), 8)
        for verb in verbs:
            with self.subTest(verb):
                for entry in (f".Cm {verb}\n", f".It Cm {verb}\n"):
                    self.assertTrue(entry in man, f"contrib/man/bunraku.1 has no {entry}")
                text = subprocess.run([os.environ["BUNRAKU_BIN"], verb, "--help"], stdout=subprocess.PIPE, text=True,
                                      check=True).stdout
                for option in set(re.findall(r"(?m)^  (?:-\w,)?--([a-z-]+)", text)) - {"help"}:
                    self.assertTrue(re.search(rf"Fl (\w , )?-{option}\b", man), f"contrib/man/bunraku.1 has no --{option} of {verb}")
        for page, command in pages.commands():
            for verb in re.findall(r"^bunraku ([a-z-]+)", command):
                self.assertIn(verb, verbs, f"{page}: {command}")

    def test_the_puppet_code_of_the_pages_is_valid(self):
        for name in os.listdir(os.path.join(pages.TOP, "contrib/doc")):
            if not name.endswith(".md"):
                continue
            with open(os.path.join(pages.TOP, "contrib/doc", name), encoding="utf-8") as page:
                for code in re.findall(r"^```puppet\n(.*?)^```", page.read(), re.MULTILINE | re.DOTALL):
                    with tempfile.NamedTemporaryFile("w", suffix=".pp") as file:
                        file.write(code)
                        file.flush()
                        done = subprocess.run(["puppet", "parser", "validate", file.name], stdin=subprocess.DEVNULL,
                                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
                        self.assertEqual(done.returncode, 0, f"{name}:\n{done.stdout}")


if __name__ == "__main__":
    unittest.main()
