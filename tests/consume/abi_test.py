"""The binary interface of libbunraku.so: what it exports, and that it is what it was (libbunraku.abi, by libabigail).

A change that is meant: a function more, never another one. Then `abi_test.py --write` describes it anew."""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
HEADER = HERE.parents[1] / "resolver/include/bunraku/bunraku.h"
KEPT = HERE / "libbunraku.abi"
LIBRARY = os.environ["BUNRAKU_C_LIBRARY"]


def run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=300, check=False)


def describe(into):
    done = run("abidw", "--exported-interfaces-only", "--headers-dir", str(HEADER.parent), "--drop-private-types",
               "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--no-elf-needed", "--out-file", str(into),
               LIBRARY)
    if done.returncode:
        raise AssertionError(f"abidw: exit {done.returncode}\n{done.stdout}")
    text = Path(into).read_text(encoding="utf-8")
    Path(into).write_text(re.sub(r"path='[^']*/resolver/", "path='resolver/", text), encoding="utf-8")


class Abi(unittest.TestCase):
    def test_exports_the_functions_of_its_header_and_nothing_else(self):
        listed = run("nm", "-D", "--defined-only", "--format=posix", LIBRARY).stdout.splitlines()
        exported = {line.split()[0].split("@")[0] for line in listed if line.split()[1] != "A"}
        declared = set(re.findall(r"BUNRAKU_API [^;(]*?(bunraku_\w+)\(", HEADER.read_text(encoding="utf-8")))
        self.assertGreater(len(declared), 30)
        self.assertEqual(exported, declared)

    def test_interface_is_the_one_that_was_written_down(self):
        with tempfile.TemporaryDirectory() as directory:
            now = os.path.join(directory, "now.abi")
            describe(now)
            compared = run("abidiff", str(KEPT), now)
        self.assertEqual(compared.returncode, 0, f"{compared.stdout}\n{__doc__}")

    def test_comparison_sees_a_function_that_is_gone_or_takes_something_else(self):
        text = KEPT.read_text(encoding="utf-8")
        other = re.search(r"<typedef-decl name='uint32_t' type-id='([^']+)'", text)[1]
        for what, instead in ((r"<elf-symbol name='bunraku_report'.*?/>", ""),
                              (r"(<typedef-decl name='uint16_t' type-id=)'[^']+'", rf"\1'{other}'")):
            changed = re.sub(what, instead, text)
            self.assertNotEqual(changed, text)
            with tempfile.TemporaryDirectory() as directory:
                then = Path(directory, "then.abi")
                then.write_text(changed, encoding="utf-8")
                self.assertNotEqual(run("abidiff", str(then), str(KEPT)).returncode, 0)


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        describe(KEPT)
    else:
        unittest.main()
