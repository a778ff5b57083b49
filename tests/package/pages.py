"""The commands that README and contrib/doc tell people, each with where it is run for real. A command that is not here is an
error, so that a page cannot tell what nobody has tried."""

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
)
# Run elsewhere: pattern -> the file that does it.
ELSEWHERE = {
    r"contrib/demo( --puppetserver)?": "contrib/demo",
    r"contrib/debian/build": "tests/package/CMakeLists.txt",
    r"cmake --preset release .*|ninja -C build/release|cmake --install .*": "contrib/debian/rules",
    r"apt install \./.*bunraku_.*\.deb": "tests/package/packages_test.py",
    r"tests/run( unit| --list)?": "tests/run",
    r"tests/bench/run.*": "tests/bench/run",
    r"contrib/release.*": "tests/package/reproducible_test.py",
    r"curl --unix-socket .*": "tests/integration/admin_test.py",
    r"bunraku drill.*": "tests/integration/drill_test.py",
    r"bunraku enroll --ca-fingerprint .*": "tests/integration/enroll_test.py",
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


def commands():
    """(page, command) in the order of the pages; what follows # is for people."""
    for path in ["README.md", *sorted(glob.glob("contrib/doc/*.md", root_dir=TOP))]:
        with open(os.path.join(TOP, path), encoding="utf-8") as page:
            text = page.read()
        for block in re.findall(r"^ *```sh\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
            joined = re.sub(r"\\\n\s*", "", block)
            for line in joined.splitlines():
                command = re.sub(r"\s+#.*$", "", line).strip()
                if command and not command.startswith("#"):
                    yield path, command


def is_for_the_host(page, command):
    return any(page == where and re.fullmatch(pattern, command) for where, pattern in ON_THE_HOST)


def run_by(command):
    return next((file for pattern, file in ELSEWHERE.items() if re.fullmatch(pattern, command)), None)
