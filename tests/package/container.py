"""A throwaway Debian 12 that has booted systemd. It shares the network of whoever makes it, who has one of its own
(labsite.own_network), so that masters on loopback are there for it, too."""

import os
import re
import shutil
import signal
import subprocess
import tempfile

from labsite import until
from labsite.process import die_with_parent

STATES = ("running", "degraded")


class Container:
    """Use as a context manager. `base` is an unpacked root that is left as it is: what is written goes elsewhere."""

    def __init__(self, base):
        self.base = base
        self.nspawn = None
        self.recorded = []  # commands and what they said, for people

    def __enter__(self):
        # Not below /tmp, which may be a tmpfs: an overlay's upper directory has to be on a disk's file system.
        self.directory = tempfile.mkdtemp(prefix="bunraku-root-", dir="/var/tmp")
        self.root = os.path.join(self.directory, "root")
        for name in ("upper", "work", "root"):
            os.mkdir(os.path.join(self.directory, name))
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={self.base},upperdir={self.directory}/upper,"
                        f"workdir={self.directory}/work", self.root], check=True)
        return self

    def __exit__(self, *_):
        if self.nspawn:
            self.stop()
        subprocess.run(["umount", self.root], check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, inside):
        return os.path.join(self.root, inside.lstrip("/"))

    def write(self, inside, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(inside)), exist_ok=True)
        with open(self.path(inside), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(inside), mode)

    def read(self, inside):
        with open(self.path(inside), encoding="utf-8", errors="replace") as file:
            return file.read()

    def start(self):
        """Returns when it has booted."""
        self.log = os.path.join(self.directory, "console")
        with open(self.log, "wb") as console:
            self.nspawn = subprocess.Popen(
                ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--directory", self.root, "--boot",
                 # a name of a host, which ends in no dash and has no underscore
                 f"--machine=bunraku-{os.path.basename(self.directory)[-6:].replace('_', '0')}", "--resolv-conf=off",
                 "--console=pipe", "--kill-signal=SIGRTMIN+3"],
                stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, preexec_fn=die_with_parent)
        self.leader = until(self._find_leader, self._console, 60)
        until(lambda: self.run("systemctl", "is-system-running", check=False).strip() in STATES, self._console, 180)

    def stop(self):
        self.nspawn.send_signal(signal.SIGTERM)
        try:
            self.nspawn.wait(60)
        except subprocess.TimeoutExpired:
            self.nspawn.kill()
            self.nspawn.wait()
        self.nspawn = None

    def run(self, *command, check=True, seconds=300, environment=None):
        """What it says, both streams. Inside, as root; before start() in a mere chroot."""
        return self.attempt(*command, check=check, seconds=seconds, environment=environment)[1]

    def attempt(self, *command, check=False, seconds=300, environment=None):
        """(exit status, what it said)."""
        if self.nspawn:
            enter = ["nsenter", "--target", str(self.leader), "--mount", "--uts", "--ipc", "--pid", "--root", "--wd"]
        else:
            enter = ["chroot", self.root]
        env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8",
               "DEBIAN_FRONTEND": "noninteractive", "SYSTEMD_PAGER": "cat", "TERM": "dumb", **(environment or {})}
        done = subprocess.run([*enter, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=env, timeout=seconds, check=False)
        said = done.stdout.decode(errors="replace")
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: exit status {done.returncode}\n{said}")
        return done.returncode, said

    def _find_leader(self):
        if self.nspawn.poll() is not None:
            raise AssertionError(f"systemd-nspawn ended with {self.nspawn.returncode}: {self._console()}")
        with open(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children", encoding="ascii") as file:
            children = file.read().split()
        for pid in children:
            with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                if file.read().strip() == "systemd":
                    return int(pid)
        return None

    def _console(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return f"the system to be up; its console:\n{file.read()[-4000:]}"


def as_version(deb, version, made):
    """The package `deb` with another version's number: what an upgrade does is in the packages' scripts. It becomes `made`."""
    with tempfile.TemporaryDirectory(prefix="bunraku-deb-") as tree:
        subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
        with open(f"{tree}/DEBIAN/control", encoding="utf-8") as file:
            control = file.read()
        with open(f"{tree}/DEBIAN/control", "w", encoding="utf-8") as file:
            file.write(re.sub(r"(?m)^Version: .*$", f"Version: {version}", control))
        os.chmod(tree, 0o755)
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, made], check=True, stdout=subprocess.DEVNULL)


def unpack(archive, directory):
    """The base root, unpacked once for each archive."""
    stamp = os.path.join(directory, ".unpacked-from")
    of = f"{os.stat(archive).st_mtime_ns}\n"
    if os.path.exists(stamp):
        with open(stamp, encoding="ascii") as file:
            if file.read() == of:
                return directory
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    subprocess.run(["tar", "-C", directory, "-xf", archive], check=True)
    with open(stamp, "w", encoding="ascii") as file:
        file.write(of)
    return directory
