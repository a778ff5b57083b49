#!/usr/bin/python3
"""Rules about the sources that no compiler checks. lint.py RULE [ROOT]; prints every breach as file:line, exit 1.

layers  who may include whom; what the pure rooms may not touch
format  clang-format-19 with the tree's .clang-format
size    files stay short enough to be read
words   marks of unfinished work, words that name nothing, paths of somebody's own machine
links   links between the documents lead to a file, and to a heading that is in it
man     mandoc finds nothing to say of the man pages, not even of their style
shell   shellcheck
python  every script compiles
tidy    clang-tidy-19 over what ships, not the tests (slow); needs a build directory's compile_commands.json as BUILD
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

MAX_LINES = 600
CPP = {".cpp", ".hpp", ".h", ".c"}
TEXT = CPP | {".py", ".sh", ".cmake", ".txt", ".md", ".toml", ".json", ".clj", ".rb", ".pp", ".yml", ".yaml", ".in", ""}
SKIPPED = {".git", "__pycache__", ".cache", "corpus", "fixtures"}


def sources(root):
    """Files of the tree, what builds make left out."""
    for folder, names, files in os.walk(root):
        top = Path(folder) == root
        names[:] = sorted(n for n in names if n not in SKIPPED and not (top and n.startswith("build")))
        for name in sorted(files):
            path = Path(folder) / name
            if not path.is_symlink() and name not in SKIPPED:  # .git is a file in a further work tree
                yield path


def lines_of(path):
    """Its lines, or none when it is not text."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []


def shebang(path):
    with open(path, "rb") as f:
        first = f.readline(100)
    return first.decode("ascii", "replace") if first.startswith(b"#!") else ""


# ---- layers

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
RESOLVER_ROOMS = ("puppet", "policy", "io", "engine", "capi", "plugin_host")
SHIM_ROOMS = ("cli", "config", "doctor", "drill", "enroll", "examine", "init", "http", "tunnel", "local", "forward",
              "daemon", "admin", "rehearsal", "sandbox")
# folder -> rooms whose headers it may include by "room/name.hpp"
MAY_INCLUDE = {
    "resolver/include/bunraku": (),
    "resolver/puppet": ("puppet", "policy"),
    "resolver/policy": ("puppet", "policy"),
    "resolver/io": ("puppet", "policy", "io"),
    "resolver/engine": ("puppet", "policy", "io", "engine"),
    "resolver/capi": ("puppet", "policy", "io", "engine", "capi"),
    "resolver/plugin_host": ("puppet", "policy", "io", "engine", "plugin_host"),
    "shim/http": ("http", "config"),
    "shim/config": ("http", "config"),
    "shim/tunnel": ("http", "config", "tunnel"),
    "shim/doctor": ("config", "doctor"),
    "shim/init": ("init",),
    "shim/drill": ("config", "drill"),
    "shim": SHIM_ROOMS,
    "plugins": (),
}
PURE = ("resolver/puppet", "resolver/policy", "shim/http", "shim/config", "shim/tunnel", "shim/doctor", "shim/init",
        "shim/drill")
# The pure rooms of the shim may use these parsers (inet_pton is one); the library's use std alone.
PARSERS = {"shim/http": ("boost/beast/", "boost/json", "boost/url", "boost/system/"),
           "shim/config": ("toml++/", "arpa/inet.h"), "shim/doctor": ("fmt/",), "shim/drill": ("boost/json", "fmt/")}
IMPURE_STD = {"fstream", "iostream", "filesystem", "thread", "mutex", "condition_variable", "future", "cstdio", "print"}
IMPURE_WORDS = re.compile(
    r"_clock::now\b|\brandom_device\b|\bgetenv\b|\bstd::(cout|cerr|clog)\b|\bspdlog\b|\btime\(nullptr\)")
# The program that embeds the library has a locale, maybe Turkish; names of hosts, numbers and keywords have none. By their
# names: they come with other headers than <cctype>, too.
OF_A_LOCALE = re.compile(r"\b(to(lower|upper)|is(alnum|alpha|digit|lower|print|punct|space|upper|xdigit)|strn?casecmp|strcoll|"
                         r"strto[df]|ato[fi]|sto[df]|setlocale|std::locale)\b")


def room_of(relative):
    for folder in sorted(MAY_INCLUDE, key=len, reverse=True):
        if relative.startswith(folder + "/"):
            return folder
    return None


def includes(path):
    for number, line in enumerate(lines_of(path), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1) == '"', match.group(2)


def is_std(name):
    return "." not in name and "/" not in name


def impure_public_headers(root):
    """Public headers that need more than std, themselves or through another."""
    folder = root / "resolver/include"
    needs = {}
    for path in sorted(folder.glob("bunraku/*")):
        needs[str(path.relative_to(folder))] = [name for _, _, name in includes(path)]
    # error codes are values
    impure = {h for h, names in needs.items()
              if any(not is_std(n) and not n.startswith(("bunraku/", "boost/system/")) for n in names)}
    grown = True
    while grown:
        more = {h for h, names in needs.items() if h not in impure and impure.intersection(names)}
        impure |= more
        grown = bool(more)
    return impure


def breach(room, quoted, name, impure):
    """Why a file of this room may not include that; None when it may."""
    first = name.split("/")[0]
    if first == "bunraku":
        if room == "plugins" and name != "bunraku/plugin.h":
            return "plugins are built against <bunraku/plugin.h> alone"
        return f"<{name}> is not pure, {room} is" if room in PURE and name in impure else None
    if quoted and "/" not in name:
        return None if room in ("plugins", "shim") else 'a header is included by its room: "room/name.hpp"'
    if first in RESOLVER_ROOMS + SHIM_ROOMS and (quoted or name.endswith(".hpp")):
        return None if first in MAY_INCLUDE[room] else f"{room} may not know {first}/"
    if room in PURE:
        if is_std(name):
            return f"<{name}>: no I/O, no threads in {room}" if name in IMPURE_STD else None
        return None if name.startswith(PARSERS.get(room, ("\n",))) else f"{room} is pure: std and its own alone"
    return None


def layers(root):
    impure = impure_public_headers(root)
    for path in sources(root):
        relative = str(path.relative_to(root))
        room = room_of(relative)
        if room is None or path.suffix not in CPP:
            continue
        for number, quoted, name in includes(path):
            why = breach(room, quoted, name, impure)
            if why:
                yield f"{relative}:{number}: {name}: {why}"
        if room.startswith("resolver/"):
            for number, line in enumerate(lines_of(path), 1):
                found = OF_A_LOCALE.search(line.split("//")[0])
                if found:
                    yield (f"{relative}:{number}: {found.group()} depends on the embedding program's locale: "
                           "use puppet/ascii.hpp or std::from_chars")
        if room in PURE:
            for number, line in enumerate(lines_of(path), 1):
                found = IMPURE_WORDS.search(line.split("//")[0])
                if found:
                    yield (f"{relative}:{number}: {found.group()}: {room} gets time and chance as arguments, "
                           "and does no I/O")


# ---- the others

NAMES = re.compile(r"(^|[_-])(util|utils|common|helper|helpers|manager|misc)([_.-]|$)")
# in brackets so that this file does not break its own rule
WORDS = re.compile(r"\b(TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b")
PLACES = re.compile(r"/work/(main|shared|\.)|\.\./[s]hared|\bFACTS[.]md|\bissues [s]how\b|/tmp/[w]/")


def size(root):
    for path in sources(root):
        if path.suffix in TEXT - {".json", ".txt", ".md"} or path.name == "CMakeLists.txt":
            count = len(lines_of(path))
            if count > MAX_LINES and path.name != "LICENSE":
                yield f"{path.relative_to(root)}: {count} lines; {MAX_LINES} are the most that one file may have"


def words(root):
    for path in sources(root):
        relative = path.relative_to(root)
        if NAMES.search(path.name) and path.name != "policy_manager":
            yield f"{relative}: this name says nothing about what is in the file"
        if path.suffix not in TEXT:
            continue
        for number, line in enumerate(lines_of(path), 1):
            for pattern, why in ((WORDS, "unfinished"), (PLACES, "a place outside the project")):
                found = pattern.search(line)
                if found:
                    yield f"{relative}:{number}: {found.group()}: {why}"


FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(path):
    """The names that its headings have in links: lower case, dashes for spaces, no punctuation."""
    text = FENCED.sub("", path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ +(.*?) *$", text, re.MULTILINE)}


def links(root):
    for path in sources(root):
        if path.suffix != ".md":
            continue
        blanked = FENCED.sub(lambda m: "\n" * m.group().count("\n"), path.read_text(encoding="utf-8"))
        for number, line in enumerate(blanked.splitlines(), 1):
            for target in LINK.findall(re.sub(r"`[^`]*`", "", line)):
                if re.match(r"[a-z]+:", target):
                    continue
                name, _, anchor = target.partition("#")
                there = path.parent / name if name else path
                if not there.exists():
                    yield f"{path.relative_to(root)}:{number}: {target}: no such file"
                elif anchor and (there.suffix != ".md" or anchor not in anchors(there)):
                    yield f"{path.relative_to(root)}:{number}: {target}: no such heading"


def tool(*command):
    """What a checker complains about, as lines; raises when it is not there."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    if done.returncode == 0:
        return []
    return done.stdout.splitlines() or [f"{command[0]}: exit {done.returncode}"]


def format_(root):
    files = [str(p) for p in sources(root) if p.suffix in CPP]
    complaints = tool("clang-format-19", "--dry-run", "-Werror", "--style=file", *files)
    bad = [f for f in files if any(line.startswith(f + ":") for line in complaints)]
    if bad:
        yield f"{len(bad)} of {len(files)} files are not formatted; this does it:"
        yield "clang-format-19 -i " + " \\\n  ".join(bad)
    elif complaints:
        yield from complaints


def man(root):
    for path in sources(root):
        if path.parent.name == "man":
            # Which pages are installed here is not the question; man_pages_test.py looks where references lead.
            yield from (line for line in tool("mandoc", "-Tlint", "-Wstyle", path)
                        if not re.search("outdated mandoc.db|referenced manual not found", line))


def shell(root):
    for path in sources(root):
        if path.suffix in (".sh", ".bash") or (not path.suffix and re.search(r"\b(ba|da)?sh\b", shebang(path))):
            yield from tool("shellcheck", "--external-sources", "--severity=warning", path)


def python(root):
    for path in sources(root):
        if path.suffix == ".py" or (not path.suffix and "python" in shebang(path)):
            try:
                compile(path.read_bytes(), str(path), "exec")
            except SyntaxError as error:
                yield f"{path.relative_to(root)}:{error.lineno}: {error.msg}"


def tidy(root):
    compiled = json.loads((Path(os.environ["BUILD"]) / "compile_commands.json").read_text(encoding="utf-8"))
    once = {}
    for entry in compiled:  # clang-tidy takes a file as often as it is compiled, and the tests compile many once more
        once.setdefault(entry["file"], entry)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "compile_commands.json").write_text(json.dumps(list(once.values())), encoding="utf-8")
        yield from tool("run-clang-tidy-19", "-quiet", "-j", str(os.cpu_count()), "-p", folder,
                        f"^{re.escape(str(root))}/(resolver|shim|plugins)/")


RULES = {"layers": layers, "format": format_, "size": size, "words": words, "links": links, "man": man, "shell": shell,
         "python": python, "tidy": tidy}


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in RULES:
        print(__doc__, file=sys.stderr)
        return 2
    root = Path(sys.argv[2] if len(sys.argv) == 3 else Path(__file__).parents[2]).resolve()
    breaches = list(RULES[sys.argv[1]](root))
    print("\n".join(breaches))
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
