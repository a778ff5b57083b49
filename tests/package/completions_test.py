"""What the three shells complete, asked of the shells themselves. bunraku is asked for its verbs and options, so these tests
name few of them."""

import os
import subprocess
import unittest

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../contrib/completions")
ENVIRONMENT = {**os.environ, "PATH": f"{os.path.dirname(os.environ['BUNRAKU_BIN'])}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}

# Runs the function that `complete` registered as readline would.
BASH = """source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
[[ $(complete -p bunraku) == *'-F _bunraku bunraku' ]] || exit 3
_bunraku bunraku "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
# A real zsh at a pseudo-terminal: what Tab offers is listed through the completion system's own hook. It is typed once the line
# editor is at work: before that, the terminal itself would take the C-u and drop the line.
ZSH = """zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; fpath=($1 \\$fpath); autoload -U compinit; compinit -u -D; zstyle ':completion:*' list-separator '=='; zstyle ':completion:*' menu no; zstyle ':completion:*:default' list-prompt ''; setopt zle; LISTMAX=0; bindkey '^I' list-choices; stty cols 300 rows 200; zle-line-init() { print rea''dy }; zle -N zle-line-init"
while zpty -r shell line; do [[ $line == *ready* && $line != *rea\\'* ]] && break; done
zpty -w -n shell "$2"$'\\t'
zpty -w -n shell $'\\C-u'"echo do''ne"$'\\n'
while zpty -r shell line; do print -r -- $line; [[ $line == *done* && $line != *do\\'* ]] && break; done
zpty -d shell
"""


def run(*command):
    done = subprocess.run(command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{command[0]} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def bash(line):
    return run("bash", "--norc", "-c", BASH, "complete", f"{SOURCE}/bunraku.bash", *line.split(" ")).split()


def fish(line):
    said = run("fish", "--no-config", "-c", f"source {SOURCE}/bunraku.fish; complete --do-complete '{line}'")
    return [one.split("\t")[0] for one in said.splitlines()]


def zsh(line):
    return run("zsh", "-f", "-c", ZSH, "complete", SOURCE, line)


class Completions(unittest.TestCase):
    def test_verbs(self):
        for shell in (bash, fish):
            with self.subTest(shell.__name__):
                self.assertEqual(shell("bunraku en"), ["enroll"])
                self.assertLess({"run", "check", "status", "drain", "init"}, set(shell("bunraku ")))
        said = zsh("bunraku en")
        self.assertIn("enroll", said)
        self.assertNotIn("undrain", said)

    def test_options_of_the_verb_and_of_all(self):
        for shell in (bash, fish):
            with self.subTest(shell.__name__):
                offered = set(shell("bunraku enroll --"))
                self.assertLess({"--once", "--trust-first-ca", "--puppet-conf"}, offered)
                self.assertNotIn("--watch", offered)
                self.assertIn("--watch", shell("bunraku status --w"))
        said = zsh("bunraku enroll --")
        for option in ("--once", "--trust-first-ca", "--puppet-conf"):
            self.assertIn(option, said)

    def test_services(self):
        for shell in (bash, fish):
            with self.subTest(shell.__name__):
                self.assertEqual(sorted(shell("bunraku explain c")), ["ca", "catalog"])
        self.assertIn("catalog", zsh("bunraku explain c"))

    def test_scenarios_of_drills(self):
        for shell in (bash, fish):
            with self.subTest(shell.__name__):
                self.assertLessEqual({"catalog-refused", "catalog-hung"}, set(shell("bunraku drill catalog-")))
                self.assertEqual(sorted(shell("bunraku drill dns")), ["dns-dead", "dns-lies"])
        self.assertIn("catalog-refused", zsh("bunraku drill catalog-"))

    def test_values_of_options(self):
        for shell in (bash, fish):
            with self.subTest(shell.__name__):
                self.assertEqual(shell("bunraku verify-chain --revocation l"), ["leaf"])
                self.assertEqual(sorted(shell("bunraku verify-chain --service c")), ["ca", "catalog"])
        self.assertIn("leaf", zsh("bunraku verify-chain --revocation "))

    def test_files_for_config(self):
        self.assertEqual(bash(f"bunraku check --config {SOURCE}/bunraku.f"), [f"{SOURCE}/bunraku.fish"])
        self.assertIn(f"{SOURCE}/bunraku.fish", fish(f"bunraku check --config {SOURCE}/bunraku.f"))
        self.assertEqual(bash(f"bunraku drill --plan {SOURCE}/bunraku.f"), [f"{SOURCE}/bunraku.fish"])
        self.assertIn(f"{SOURCE}/bunraku.fish", fish(f"bunraku drill --plan {SOURCE}/bunraku.f"))


if __name__ == "__main__":
    unittest.main()
