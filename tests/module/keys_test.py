"""The module's types know bunraku.toml's keys, and what the module writes is what it was given."""

import json
import os
import re
import subprocess
import tempfile
import tomllib
import unittest

from puppet_module import MODULE, apply, puppet_literal

BUNRAKU = os.environ["BUNRAKU_BIN"]
TOP = os.path.join(MODULE, "../..")


def example():
    """contrib/bunraku.toml.example with all that is commented out there: every key that there is. Its prose is left out."""
    lines = []
    with open(f"{TOP}/contrib/bunraku.toml.example", encoding="utf-8") as file:
        for line in file:
            if re.match(r"#(\[{1,2}[\w.]+\]{1,2}$|\w+ = )", line):
                lines.append(line[1:])
    return tomllib.loads("".join(lines))


def written(config):
    """(bunraku.toml as the module writes it, nothing) or (None, what Puppet said)."""
    with tempfile.TemporaryDirectory(prefix="bunraku-keys-") as directory:
        path = f"{directory}/bunraku.toml"
        manifest = (f"$config = {puppet_literal(config)}\nassert_type(Bunraku::Config, $config)\n"
                    f"file {{ '{path}': content => bunraku::to_toml($config) }}\n")
        status, output = apply(manifest, directory)
        if status != 2:
            return None, output
        with open(path, encoding="utf-8") as file:
            return file.read(), ""


def keys_of(type_):
    """The keys of a Struct of the module's types."""
    with open(f"{MODULE}/types/{type_}.pp", encoding="utf-8") as file:
        return set(re.findall(r"(?m)^  (?:Optional\[)?'(\w+)'\]? +=> ", file.read()))


class Keys(unittest.TestCase):
    def test_every_key_of_the_example_is_taken_and_comes_out_as_it_went_in(self):
        config = example()
        self.assertEqual(len(config), 16)
        text, output = written(config)
        self.assertIsNotNone(text, output)
        self.assertEqual(tomllib.loads(text), config)

    def test_the_types_have_no_key_that_bunraku_has_not(self):
        with open(f"{TOP}/contrib/doc/configuration.md", encoding="utf-8") as file:
            page = file.read()
        known = {}
        for table, text in re.findall(r"(?ms)^## \[{1,2}(\w+)(?:\.NAME)?\]{1,2}$(.*?)(?=^## |\Z)", page):
            known[table] = set(re.findall(r"(?m)^\| `(\w+)`", text))
        self.assertEqual(keys_of("config"), set(known))
        for table, keys in known.items():
            with self.subTest(table):
                if table == "plugin":  # the plugin's own
                    continue
                self.assertEqual(keys_of(table), keys)

    def test_what_it_writes_is_what_bunraku_reads(self):
        config = {"dns": {"srv": False}, "service": {"catalog": {"masters": ["c1.example.com:8140"]}, "canary": {
            "masters": ["c2.example.com:8140"]}}, "route": [{"service": "canary", "header": {"name": "X-Canary", "value": 'a "b" \\ c'}}],
            "listen": [{"address": "127.0.0.1:8140"}, {"way": "socket", "path": "/run/bunraku/a.sock", "users": ["root", 1000], "mode": "auto"}]}
        text, output = written(config)
        self.assertIsNotNone(text, output)
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(text)
            file.flush()
            said = subprocess.run([BUNRAKU, "check", "--config", file.name, "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  check=False).stdout
        seen = json.loads(said)
        # Whatever this machine's puppet.conf and certificates are.
        self.assertEqual([one for one in seen["problems"] if one["where"].startswith(file.name)], [])
        self.assertEqual(seen["routes"][0]["header"], config["route"][0]["header"])
        self.assertEqual([one["where"] for one in seen["listen"]], ["127.0.0.1:8140", "/run/bunraku/a.sock"])


if __name__ == "__main__":
    unittest.main()
