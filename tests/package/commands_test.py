"""Every command that the READMEs, the pages and the man pages' examples tell is run by some test."""

import os
import re
import subprocess
import tempfile
import unittest

import pages


class Commands(unittest.TestCase):
    def test_each_is_run_by_a_test(self):
        found = list(pages.commands())
        self.assertGreater(len(found), 60)
        for page, command in found:
            with self.subTest(f"{page}: {command}"):
                by = pages.run_by(command)
                self.assertTrue(pages.is_for_the_host(page, command) or by, "say in pages.py what runs this command")
                if by and not pages.is_for_the_host(page, command):
                    with open(os.path.join(pages.TOP, by), encoding="utf-8") as file:
                        text = file.read()
                    for word in pages.words_to_find(command):
                        self.assertTrue(re.search(rf"(?<![\w-]){word}(?![\w-])", text), f"{by} runs no `{word}`")

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
