"""Each verb has a man page, with the options that `bunraku VERB --help` has and no other."""

import glob
import os
import re
import subprocess
import unittest

import pages

# Those of `bunraku --help`, which every verb takes.
COMMON = {"config", "puppet-conf"}


def help_of(*verb):
    return subprocess.run([os.environ["BUNRAKU_BIN"], *verb, "--help"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          check=True).stdout


def options_of(help_text):
    """The long names; an option may have several."""
    listed = re.findall(r"(?m)^  (?:-\w,)?(--[a-z-]+(?:,--[a-z-]+)*)", help_text)
    return {name.removeprefix("--") for names in listed for name in names.split(",")} - {"help"}


def section(page, name):
    return page.partition(f".Sh {name}\n")[2].partition("\n.Sh ")[0] + "\n"


def page_of(name):
    with open(os.path.join(pages.TOP, f"contrib/man/{name}.1"), encoding="utf-8") as file:
        return file.read()


class ManPages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.overview = help_of()
        cls.verbs = re.findall(r"(?m)^  ([a-z-]+) ", cls.overview.split("Subcommands:")[1])

    def test_each_verb_has_a_page_and_each_page_a_verb(self):
        self.assertGreater(len(self.verbs), 8)
        found = {os.path.basename(path) for path in glob.glob(f"{pages.TOP}/contrib/man/*.1")}
        self.assertEqual(found, {"bunraku.1"} | {f"bunraku-{verb}.1" for verb in self.verbs})
        listed = re.findall(r"(?m)^\.It Cm (\S+)$", section(page_of("bunraku"), "DESCRIPTION"))
        self.assertEqual(sorted(listed), sorted(self.verbs))

    def test_a_page_has_the_options_that_its_verb_has(self):
        for verb in self.verbs:
            with self.subTest(verb):
                page = page_of(f"bunraku-{verb}")
                self.assertIn(f"\n.Nm bunraku-{verb}\n", page)
                options = options_of(help_of(verb))
                explained = re.findall(r"(?m)^\.It (.*)$", section(page, "OPTIONS"))
                self.assertEqual({name for item in explained for name in re.findall(r"\bFl -([a-z-]+)", item)}, options)
                synopsis = section(page, "SYNOPSIS")
                self.assertIn(f"\n.Cm {verb}\n", synopsis)
                shown = set(re.findall(r"\bFl -([a-z-]+)", synopsis)) | ({"config"} if ".Op Fl c Ar file" in synopsis else set())
                # The agent's spelling of an option is not worth a second word there.
                spelled_twice = {"waitforcert", "maxwaitforcert", "waitforlock", "maxwaitforlock"}
                self.assertEqual(shown, (options | COMMON) - spelled_twice)

    def test_a_page_has_the_arguments_that_its_verb_has(self):
        for verb in self.verbs:
            with self.subTest(verb):
                named = re.findall(r"(?m)^  ([a-z]+) TEXT", help_of(verb).partition("Positionals:")[2].partition("Options:")[0])
                synopsis = section(page_of(f"bunraku-{verb}"), "SYNOPSIS")
                arguments = re.findall(r"(?m)^\.(?:Op )?Ar ([a-z]+)(?: \.\.\.)?$", synopsis)
                self.assertEqual(sorted(set(arguments)), sorted(named))

    def test_the_overview_has_the_options_of_every_verb(self):
        self.assertEqual(options_of(self.overview), COMMON | {"version"})
        explained = re.findall(r"(?m)^\.It Fl (.*)$", section(page_of("bunraku"), "OPTIONS"))
        self.assertEqual({name for item in explained for name in re.findall(r"-([a-z-]{2,})", item)}, COMMON | {"version", "help"})

    def test_each_page_has_exit_statuses_examples_and_a_way_to_the_others(self):
        for verb in self.verbs:
            with self.subTest(verb):
                page = page_of(f"bunraku-{verb}")
                statuses = re.findall(r"(?m)^\.It (\d)$", section(page, "EXIT STATUS"))
                self.assertIn(statuses, (["0", "1", "2"], ["0", "2"]))
                told = re.search(r"Exit status 0: [^;]+; (?:(1): [^;]+)?", " ".join(help_of(verb).split()))
                if told:
                    self.assertEqual("1" in statuses, bool(told[1]), "not the statuses of --help")
                self.assertIn(f"bunraku {verb}", section(page, "EXAMPLES"))
                self.assertIn(".Xr bunraku 1", section(page, "SEE ALSO"))

    def test_references_lead_to_pages_that_are_there(self):
        for path in glob.glob(f"{pages.TOP}/contrib/man/*.[15]"):
            with open(path, encoding="utf-8") as file:
                for name, number in re.findall(r"(?m)^\.Xr (bunraku\S*) (\d)", file.read()):
                    self.assertTrue(os.path.exists(f"{pages.TOP}/contrib/man/{name}.{number}"), f"{path}: {name}({number})")


if __name__ == "__main__":
    unittest.main()
