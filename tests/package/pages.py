"""The commands that the READMEs, contrib/doc and the man pages' examples tell people, each with where it is run for real. A command
that is not here is an error, so that a page cannot tell what nobody has tried."""

import glob
import os
import re

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")

# Run in the booted Debian of packages_test.py, as they stand: (page, pattern).
ON_THE_HOST = (
    ("README.md", r"bunraku (init|init --apply|status|doctor|init --undo)"),
    ("README.md", r"puppet agent --test"),
    ("contrib/doc/doctor.md", r"bunraku doctor"),
    ("contrib/doc/on-a-host.md", r"bunraku (check|resolve)"),
    ("contrib/doc/on-a-host.md", r'getent hosts "\$\(puppet config print certname\)"'),
    ("contrib/doc/on-a-host.md", r"systemctl (daemon-reload|enable --now bunraku\.socket bunraku-ipv6\.socket bunraku\.service)"),
    ("contrib/doc/on-a-host.md", r"puppet agent --test"),
    (r"contrib/man/.*", r"bunraku (check|resolve catalog( --picks 10000 --seed 1)?|doctor( --json)?|status|explain catalog|reload)"),
    (r"contrib/man/.*", r"bunraku init( --apply| --undo| --fallback \S+ --ca-server \S+)?"),
    (r"contrib/man/.*", r"systemctl (reload bunraku|enable --now bunraku\.socket bunraku-ipv6\.socket bunraku\.service)"),
    (r"contrib/man/bunraku\.1", r"puppet agent --test"),
)
# Run elsewhere: pattern -> the file that does it.
ELSEWHERE = {
    r"contrib/demo( --puppetserver)?": "contrib/demo",
    r"contrib/debian/build": "tests/package/CMakeLists.txt",
    r'apt-get satisfy "\$\(contrib/debian/build --needs\)"': "tests/package/lintian_test.py",
    r"cmake --preset release .*|ninja -C build/release|cmake --install .*": "contrib/debian/rules",
    r"apt install \./.*bunraku_.*\.deb": "tests/package/packages_test.py",
    r"tests/run( unit| --list)?": "tests/run",
    r"tests/bench/run.*": "tests/bench/run",
    r"contrib/release.*": "tests/package/reproducible_test.py",
    r"curl --unix-socket .*": "tests/integration/admin_test.py",
    # To see more of what the test has counted: it writes the same file, and its own reader adds it up.
    r"BUNRAKU_RECORD=1 ctest .*|callgrind_annotate .*": "tests/count/instructions_test.py",
    r"bunraku drill .*--agent": "tests/integration/drill_agent_test.py",
    r"bunraku drill.*": "tests/integration/drill_test.py",
    r"bunraku enroll .*": "tests/integration/enroll_test.py",
    r"bunraku run .*": "tests/support/py/labsite/site.py",
    r"bunraku check --config .*": "tests/integration/cli_test.py",
    # contrib/plugin-template
    r"cmake -S \. -B build .*|cmake --build build|sudo cmake --install build|bunraku check": "tests/consume/plugin_test.py",
    r"bunraku (un)?drain .*": "tests/integration/status_test.py",
    r"bunraku plugin .*": "tests/integration/plugin_fault_test.py",
    r"puppet agent --test": "tests/integration/enroll_test.py",
    r"sha256sum ca_crt\.pem|openssl x509 -in root\.pem .*": "tests/integration/enroll_test.py",
    # What it writes, a chain in PEM, is what verify_chain_test.py gives to verify-chain.
    r"openssl s_client .* >chain\.pem|bunraku verify-chain .*": "tests/integration/verify_chain_test.py",
    # To find a token's name: p11tool itself is run by no test; names of that form are what token_test.py uses.
    r"apt-get install .*pkcs11.*|apt-get install p11-kit-modules|p11tool .*": "tests/integration/token_test.py",
    r"RUBYOPT=.*": "tests/consume/ruby_test.py",
    # Needs a second host; what it leads to is the control socket that admin_test.py asks.
    r"ssh -L .*": "tests/integration/admin_test.py",
    # Does not end by itself; packages_test.py reads the same journal.
    r"journalctl -u bunraku -f": "tests/package/packages_test.py",
}


# A line of an example in a man page is one of these, or it is no command.
PROGRAMS = ("bunraku", "puppet", "systemctl", "curl", "openssl")


def markdown_commands(text):
    for block in re.findall(r"^ *```sh\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        yield from re.sub(r"\\\n\s*", "", block).splitlines()


def man_commands(text):
    examples = text.partition(".Sh EXAMPLES\n")[2].partition("\n.Sh ")[0]
    for block in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", examples, re.MULTILINE | re.DOTALL):
        yield from (line for line in block.splitlines() if line.split(" ")[0] in PROGRAMS)


def commands():
    """(page, command) in the order of the pages; what follows # is for people."""
    found = [path for pattern in ("contrib/doc/*.md", "contrib/*/README.md", "plugins/*/README.md", "contrib/man/*.1")
             for path in glob.glob(pattern, root_dir=TOP)]
    for path in ["README.md", *sorted(found)]:
        with open(os.path.join(TOP, path), encoding="utf-8") as page:
            text = page.read()
        for line in (markdown_commands if path.endswith(".md") else man_commands)(text):
            command = re.sub(r"\s+#.*$", "", line).strip()
            if command and not command.startswith("#"):
                yield path, command


def is_for_the_host(page, command):
    return any(re.fullmatch(where, page) and re.fullmatch(pattern, command) for where, pattern in ON_THE_HOST)


def run_by(command):
    return next((file for pattern, file in ELSEWHERE.items() if re.fullmatch(pattern, command)), None)


def words_to_find(command):
    """The verb and the long options of a bunraku command: what a test that runs it has in its text."""
    words = command.split()
    return [word for word in words[1:] if word.startswith("--") or word == words[1]] if words[0] == "bunraku" else []
