"""contrib/doc explains what the daemon says of masters, clients and itself: by message, in the words of the sources.

Problems of configuration and credentials are not of these: each says itself what to do."""

import glob
import os
import re
import unittest

import pages

# Where sentences for the log and for agents are made.
SOURCES = ("resolver/engine/error.cpp", "resolver/engine/kept_answers.cpp", "resolver/io/tls_failure.cpp", "resolver/io/tls_verify.cpp",
           "resolver/plugin_host/loaded.cpp", "shim/daemon/daemon.cpp", "shim/daemon/rotation.cpp", "shim/forward/*.cpp",
           "shim/local/*.cpp", "shim/tunnel/*.cpp")
LITERAL = r'"(?:[^"\\\n]|\\.)*"'
# What is said to the kernel, to systemd or in HTTP; further fields of a line of the log; and a problem's whole sentences.
NO_MESSAGE = re.compile(r" HTTP/1\.1 |HTTP/1\.1 |READY=1|STOPPING=1|/proc/|\s*Content-Type|\"? ?[a-z]+=\"|[A-Z][a-z]")


def sentences(path):
    """What a source says, as far as a person would look for it: the first words of each literal that has three at least."""
    with open(path, encoding="utf-8") as file:
        code = "\n".join(line.partition("//")[0] for line in file if not line.lstrip().startswith("#"))
    for found in re.findall(rf"{LITERAL}(?:\s*{LITERAL})*", code):
        text = "".join(part[1:-1] for part in re.findall(LITERAL, found)).replace('\\"', '"').replace("\\r", " ").replace("\\n", " ")
        words = text.strip(" .,:;()='\"").split()
        if len(words) >= 3 and not NO_MESSAGE.match(text) and re.search(r"[a-z]{3}", text):
            yield " ".join(words[:5])


def plain(text):
    return " ".join(text.replace("`", "").split())


class Messages(unittest.TestCase):
    def test_each_is_explained(self):
        known = ""
        for page in glob.glob(f"{pages.TOP}/contrib/doc/*.md"):
            with open(page, encoding="utf-8") as file:
                known += plain(file.read())
        count = 0
        for pattern in SOURCES:
            found = glob.glob(os.path.join(pages.TOP, pattern))
            self.assertTrue(found, f"{pattern}: no such source")
            for path in sorted(found):
                for words in sentences(path):
                    count += 1
                    with self.subTest(f"{os.path.relpath(path, pages.TOP)}: {words}"):
                        self.assertTrue(plain(words) in known, f"no page says what `{words} ...` means: contrib/doc/troubleshooting.md")
        self.assertGreater(count, 100)


if __name__ == "__main__":
    unittest.main()
