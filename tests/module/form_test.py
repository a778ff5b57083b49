"""What tools and people read of the Puppet module: valid, clean, and true."""

import glob
import json
import os
import re
import subprocess
import unittest

from puppet_module import MODULE, modules


def said(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


def read(name):
    with open(os.path.join(MODULE, name), encoding="utf-8") as file:
        return file.read()


class Form(unittest.TestCase):
    def test_the_parser_takes_every_manifest(self):
        files = glob.glob(f"{MODULE}/**/*.pp", recursive=True)
        self.assertGreater(len(files), 20)
        self.assertEqual(said("puppet", "parser", "validate", *files), (0, ""))

    def test_puppet_lint_has_nothing_to_say(self):
        with modules() as directory:
            self.assertEqual(said("puppet-lint", "--relative", "--fail-on-warnings", f"{directory}/bunraku"), (0, ""))
            # It does read the types and the manifests there, through the link.
            with self.subTest("it finds what is wrong"):
                os.mkdir(f"{directory}/wrong")
                os.mkdir(f"{directory}/wrong/manifests")
                with open(f"{directory}/wrong/manifests/init.pp", "w", encoding="utf-8") as file:
                    file.write('class wrong { $x = "plain" }\n')
                status, output = said("puppet-lint", "--fail-on-warnings", f"{directory}/wrong")
                self.assertEqual(status, 1)
                self.assertIn("double quoted string", output)

    def test_the_metadata_say_what_it_is_for(self):
        metadata = json.loads(read("metadata.json"))
        for key in ("name", "version", "author", "license", "summary", "source", "dependencies"):
            self.assertIn(key, metadata)
        self.assertEqual(metadata["name"].split("-")[1], "bunraku")
        self.assertEqual(metadata["dependencies"], [])
        self.assertEqual({one["name"] for one in metadata["requirements"]}, {"puppet", "openvox"})

    def test_the_version_is_the_packages(self):
        with open(f"{MODULE}/../debian/changelog", encoding="utf-8") as file:
            package = re.match(r"bunraku \((\d[\w.]*)", file.read())[1]
        self.assertEqual(json.loads(read("metadata.json"))["version"], package)

    def test_the_reference_has_each_parameter_with_its_type_and_default(self):
        manifest, data, reference = read("manifests/init.pp"), read("data/defaults.yaml"), read("REFERENCE.md")
        parameters = re.findall(r"(?m)^  (\S.*?) \$(\w+),$", manifest)
        self.assertEqual(len(parameters), 7)
        for type_, name in parameters:
            with self.subTest(name):
                self.assertRegex(manifest, rf"(?m)^# @param {name}$")
                default = re.search(rf"(?m)^bunraku::{name}: (.*)$", data)[1].replace("~", "undef")
                self.assertIn(f"| `{name}` | `{type_}` | `{default}` |", reference)

    def test_the_reference_has_each_type(self):
        reference = read("REFERENCE.md")
        for path in glob.glob(f"{MODULE}/types/*.pp"):
            with open(path, encoding="utf-8") as file:
                text = file.read()
            name = re.search(r"(?m)^type (Bunraku::\w+) = ", text)[1]
            about = re.match(r"# @summary (.*)\n", text)[1]
            with self.subTest(name):
                self.assertEqual(name.split("::")[1].lower() + ".pp", os.path.basename(path))
                self.assertIn(f"| `{name}` | {about} |", reference)


if __name__ == "__main__":
    unittest.main()
