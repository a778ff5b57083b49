"""The module in a directory of its name, as Puppet and puppet-lint want it."""

import contextlib
import os
import subprocess
import tempfile

MODULE = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../contrib/puppet-module"))


@contextlib.contextmanager
def modules():
    """A directory of modules with this one in it."""
    with tempfile.TemporaryDirectory(prefix="bunraku-modules-") as directory:
        os.symlink(MODULE, os.path.join(directory, "bunraku"))
        yield directory


def apply(manifest, directory):
    """What `puppet apply` does with it: (exit status, output). 0: no changes, 2: changes."""
    with tempfile.TemporaryDirectory(prefix="bunraku-apply-") as state, modules() as modulepath:
        path = os.path.join(state, "site.pp")
        with open(path, "w", encoding="utf-8") as file:
            file.write(manifest)
        done = subprocess.run(
            ["puppet", "apply", "--detailed-exitcodes", "--color=false", "--modulepath", modulepath, "--confdir", state, "--vardir", f"{state}/var",
             "--rundir", f"{state}/run", "--logdir", f"{state}/log", "--publicdir", f"{state}/public", "--codedir", directory, path],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return done.returncode, done.stdout


def puppet_literal(value):
    """A value of JSON or TOML in Puppet's language."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{puppet_literal(key)} => {puppet_literal(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(puppet_literal, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    return str(value)
