"""The packages in a Debian that has booted: installed, upgraded, downgraded, removed, purged, with a real agent's runs."""

import glob
import os
import re
import shutil
import threading
import unittest

import pages
from container import Container, as_version, unpack
from labsite import Client, MasterSpec, Site, own_network, until

PACKAGES = os.environ["BUNRAKU_PACKAGES"]
BASE = os.environ["BUNRAKU_ROOT_ARCHIVE"]
ROLES = ("ca", "catalog", "files", "report")
TARGET = "/puppet/v3/file_content/modules/lab/generated/2000"
SSL = "/var/lib/puppet/ssl"
NODE = "agent1.lab.test"
UNITS = ("bunraku.service", "bunraku.socket", "bunraku-ipv6.socket")
# What packages leave behind anywhere, and what systemd and Puppet write of their own accord.
NOISE = re.compile(r"^/(var/lib/(dpkg|apt|systemd|puppet|ucf|dbus|man-db)|var/cache|var/log|var/backups|var/tmp|etc/(puppet|ld\.so\.cache|hosts|resolv|"
                   r"machine-id|hostname|\.pwd\.lock|passwd-?|group-?|shadow-?|gshadow-?|\.updated)|var/\.updated|root|tmp|usr/share/info/dir)")


def deb(name, version="0.1.0"):
    found = glob.glob(f"{PACKAGES}/{name}_{version}_*.deb")
    if len(found) != 1:
        raise AssertionError(f"{name}_{version}_*.deb in {PACKAGES}: {found}; contrib/debian/build makes it")
    return found[0]


class Load(threading.Thread):
    """Agents that come one after the other; whatever goes wrong is a loss."""

    def __init__(self, site):
        super().__init__()
        self.site, self.done, self.lost, self.ending = site, 0, [], threading.Event()

    def run(self):
        context = None
        while not self.ending.is_set():
            try:
                with Client(self.site, "127.0.1.1", 8140, NODE, seconds=120.0, context=context) as client:
                    context = client.context
                    for _ in range(3):
                        answer = client.request("GET", TARGET)
                        if (answer.status, len(answer.body)) != (200, 2000):
                            raise AssertionError(f"status {answer.status}, {len(answer.body)} bytes")
                        self.done += 1
                        if answer.getheader("Connection") == "close":
                            break
            except Exception as error:  # pylint: disable=broad-except
                self.lost.append(repr(error))

    def __enter__(self):
        self.start()
        until(lambda: self.done > 5 or self.lost, "the first requests", 60)
        return self

    def __exit__(self, *_):
        before = self.done
        until(lambda: self.done > before + 5 or self.lost, "the last requests", 60)
        self.ending.set()
        self.join()


class Packages(unittest.TestCase):
    """The tests are the life of one host, in the order of their names."""

    @classmethod
    def setUpClass(cls):
        own_network()
        cls.site = cls.enterClassContext(Site(masters=[MasterSpec("one", ROLES), MasterSpec("two", ROLES)],
                                              srv={"ca": ("one", "two"), "catalog": ("one", "two")}, files=("small1",)))
        cls.host = cls.enterClassContext(Container(unpack(BASE, f"{BASE}.d")))
        cls.prepare()
        cls.host.start()
        cls.before = cls.everything()
        for file in glob.glob(f"{PACKAGES}/*bunraku*_0.1.0_*.deb"):
            shutil.copy(file, cls.host.path("/root"))

    @classmethod
    def prepare(cls):
        """An enrolled node, as the Puppet agent's package and the installer leave it."""
        host, site = cls.host, cls.site
        shutil.copytree(site.ssldir(NODE), host.path(SSL), dirs_exist_ok=True)
        host.run("chown", "-R", "puppet:puppet", SSL)
        host.run("chmod", "-R", "o=", SSL)
        host.write("/etc/hostname", "agent1\n")
        host.write("/etc/hosts", "127.0.0.1 localhost\n")
        host.write("/etc/resolv.conf", f"nameserver {site.dns.address}\n")
        host.write("/etc/puppet/puppet.conf", f"[main]\nssldir = {SSL}\ncertname = {NODE}\nserver = one.lab.test\n"
                   f"serverport = {site.port}\nuse_srv_records = true\nsrv_domain = lab.test\n[agent]\nreport = true\n")
        cls.original = {path: host.read(path) for path in ("/etc/puppet/puppet.conf", "/etc/hosts")}

    @classmethod
    def everything(cls):
        found = cls.host.run("find", "/", "-xdev", "-not", "-type", "d", "-o", "-xdev", "-path", "*bunraku*", check=False)
        return {line for line in found.splitlines() if not NOISE.match(line)}

    def install(self, *files):
        return self.host.run("dpkg", "-i", *(f"/root/{os.path.basename(file)}" for file in files))

    def agent(self, expect):
        status, said = self.host.attempt("puppet", "agent", "--test", "--color=false",
                                         environment={"FACTER_lab_target": "/var/tmp/target"})
        self.assertIn(status, expect, said + self.journal())
        return said

    def journal(self):
        return self.host.run("journalctl", "--no-pager", "-u", "bunraku.*", check=False)

    def show_people(self, *command):
        """Runs it, and keeps what a person would have seen."""
        said = self.host.run(*command)
        self.host.recorded.append(f"# {' '.join(command)}\n{said}")
        return said

    def state(self, unit):
        return self.host.run("systemctl", "is-active", unit, check=False).strip()

    def show(self, what):
        return self.host.run("systemctl", "show", "--value", "-p", what, "bunraku.service").strip()

    def test_01_it_installs_and_waits_for_the_first_agent(self):
        self.show_people("cat", "/etc/debian_version")
        self.show_people("dpkg", "-i", f"/root/{os.path.basename(deb('bunraku'))}")
        self.install(deb("libbunraku0"), deb("libbunraku-dev"))
        self.show_people("systemctl", "--no-pager", "list-units", "bunraku*")
        self.assertEqual([self.state(unit) for unit in UNITS], ["inactive", "active", "active"])
        enabled = self.host.run("systemctl", "is-enabled", *UNITS, check=False).split()
        self.assertEqual(enabled, ["disabled", "enabled", "enabled"])
        for tool in ("man", "bash-completion"):
            self.assertIn("bunraku", self.host.run("find", f"/usr/share/{tool}", "-name", "bunraku*"))
        self.assertEqual({path: self.host.read(path) for path in self.original}, self.original, "installing changes nothing")

    def test_02_the_units_are_sound_and_confined(self):
        # Without --man=no it wants man itself, which a small Debian has not; that the pages are there is test_01's.
        self.host.run("systemd-analyze", "verify", "--man=no", *(f"/lib/systemd/system/{unit}" for unit in UNITS))
        said = self.host.run("systemd-analyze", "security", "--offline=yes", "--threshold=20", "bunraku.service")
        print(said.splitlines()[-1])
        self.assertRegex(said, r"Overall exposure level for bunraku.service: [01]\.\d")

    def test_03_init_says_what_it_would_do_and_does_it_when_told(self):
        self.show_people("cat", "/etc/puppet/puppet.conf")
        said = self.show_people("bunraku", "init")
        for line in (f"[agent] server = {NODE}", f"[agent] server_list = {NODE}:8140,one.lab.test:{self.site.port}",
                     "[agent] ca_server = one.lab.test", f"{NODE} leads to 127.0.1.1", "[dns] srv = true",
                     "start bunraku.service, now and at boot", "Nothing is done yet."):
            self.assertIn(line, said)
        self.assertEqual({path: self.host.read(path) for path in self.original}, self.original, "saying changes nothing")
        said = self.host.run("bunraku", "init", "--apply")
        self.assertRegex(said, r"Done; bunraku init --undo takes it back")
        self.assertEqual([self.state(unit) for unit in UNITS], ["active"] * 3, said + self.journal())
        self.assertEqual(self.host.run("puppet", "config", "print", "server", "server_list", "--section", "agent").split(),
                         ["server", "=", NODE, "server_list", "=", f"{NODE}:8140,one.lab.test:{self.site.port}"])
        self.assertIn("Nothing to do", self.host.run("bunraku", "init"))

    def test_03b_undo_restores_every_byte_and_refuses_where_somebody_else_wrote(self):
        led = {path: self.host.read(path) for path in self.original}
        self.host.write("/etc/hosts", led["/etc/hosts"] + "192.0.2.1 other\n")
        status, said = self.host.attempt("bunraku", "init", "--undo")
        self.assertEqual(status, 2, said)
        self.assertRegex(said, r"/etc/hosts: error: Somebody has changed it meanwhile\..*/etc/bunraku/before-init/\d-hosts")
        self.assertEqual(self.host.read("/etc/puppet/puppet.conf"), led["/etc/puppet/puppet.conf"], "all or nothing")
        self.host.write("/etc/hosts", led["/etc/hosts"])
        self.host.run("bunraku", "init", "--undo")
        self.assertEqual({path: self.host.read(path) for path in self.original}, self.original)
        self.assertFalse(os.path.exists(self.host.path("/etc/bunraku/bunraku.toml")))
        self.assertFalse(os.path.exists(self.host.path("/etc/bunraku/before-init")))
        self.assertEqual(self.state("bunraku.service"), "inactive")
        self.assertEqual(self.host.run("systemctl", "is-enabled", *UNITS, check=False).split(), ["disabled", "enabled", "enabled"])
        self.agent((0, 2))
        self.assertNotIn("exchange service=", self.journal())
        self.show_people("bunraku", "init", "--apply")
        self.host.run("systemctl", "stop", "bunraku.service")

    def test_03c_an_agents_run_starts_it_and_goes_through_it(self):
        self.host.recorded.append("# puppet agent --test\n" + self.agent((0, 2)))
        self.show_people("bunraku", "status")
        self.show_people("journalctl", "--no-pager", "--output=cat", "-u", "bunraku.service", "-n", "4")
        self.assertEqual(self.state("bunraku.service"), "active")
        seen = self.site.requests("/puppet/v3/catalog/")
        self.assertTrue(seen)
        self.assertEqual({line["client"] for lines in seen.values() for line in lines}, {NODE})
        self.assertRegex(self.journal(), r"exchange service=catalog method=POST .*status=200")
        self.assertNotRegex(self.journal(), r"\b(error|warning) (?!problem .*master_names)")

    def test_03d_the_recording_is_written(self):
        """What contrib/doc/recording.md shows, as it was this time; that page has the same commands in the same order."""
        with open(f"{PACKAGES}/recording.txt", "w", encoding="utf-8") as file:
            file.write("\n".join(self.host.recorded))
        self.assertIn("Applied catalog", "".join(self.host.recorded))
        with open(f"{pages.TOP}/contrib/doc/recording.md", encoding="utf-8") as file:
            shown = file.read().partition("```text\n")[2]
        self.assertEqual(re.findall(r"(?m)^# (.*)$", shown), [one[2:].partition("\n")[0] for one in self.host.recorded])

    def test_04_it_is_nobody_who_may_only_read(self):
        pid = self.show("MainPID")
        status = self.host.run("cat", f"/proc/{pid}/status")
        self.assertNotRegex(status, r"(?m)^Uid:\s+0\b")
        capabilities = int(re.search(r"(?m)^CapEff:\s+(\w+)", status)[1], 16)
        self.assertEqual(capabilities & ~(1 << 2), 0, "more than CAP_DAC_READ_SEARCH")
        self.assertRegex(status, r"(?m)^NoNewPrivs:\s+1")
        self.assertRegex(status, r"(?m)^Seccomp:\s+2")
        inside = f"/proc/{pid}/root"
        self.assertIn("root:", self.host.run("cat", "/etc/shadow"))
        self.assertNotIn("root:", self.host.attempt("cat", f"{inside}/etc/shadow")[1])
        self.host.run("sh", "-c", f"test -r {inside}{SSL}/private_keys/{NODE}.pem")

    def test_05_reload_reads_a_new_key_and_tells_what_is_wrong(self):
        key = f"{SSL}/private_keys/{NODE}.pem"
        self.host.run("sh", "-c", f"cp -p {key} {key}.new && chown puppet:puppet {key}.new && chmod 600 {key}.new && mv {key}.new {key}")
        self.host.run("systemctl", "reload", "bunraku")
        self.agent((0, 2))
        good = self.host.read("/etc/bunraku/bunraku.toml")
        self.host.write("/etc/bunraku/bunraku.toml", "[lisen]\n")
        status, _ = self.host.attempt("systemctl", "reload", "bunraku")
        self.assertNotEqual(status, 0)
        self.assertRegex(self.journal(), r"There is no table \[lisen\]\. Did you mean")
        self.assertEqual(self.state("bunraku.service"), "active")
        self.host.write("/etc/bunraku/bunraku.toml", good)
        self.host.run("systemctl", "reload", "bunraku")

    def test_05b_the_textfile_is_written_where_its_page_lets_the_unit_write(self):
        with open(f"{pages.TOP}/contrib/doc/monitoring.md", encoding="utf-8") as file:
            more = re.search(r"(?s)```ini\n(\[Service\]\n.*?)```", file.read())[1]
        directory, group = (re.search(rf"(?m)^{key}=-?(\S+)$", more)[1] for key in ("ReadWritePaths", "SupplementaryGroups"))
        good = self.host.read("/etc/bunraku/bunraku.toml")
        drop_in = "/etc/systemd/system/bunraku.service.d"
        self.host.run("groupadd", "--system", group)
        self.host.run("install", "-d", "-g", group, "-m", "775", directory)
        self.host.write(f"{drop_in}/textfile.conf", more)
        self.host.write("/etc/bunraku/bunraku.toml", f'{good}\n[admin]\ntextfile = "{directory}/bunraku.prom"\n')
        self.host.run("systemctl", "daemon-reload")
        self.host.run("systemctl", "restart", "bunraku")
        self.assertIn("bunraku_runs_total", self.host.read(f"{directory}/bunraku.prom"), self.journal())
        self.host.write("/etc/bunraku/bunraku.toml", good)
        self.host.run("rm", "-r", drop_in, os.path.dirname(directory))
        self.host.run("groupdel", group)
        self.host.run("systemctl", "daemon-reload")
        self.host.run("systemctl", "restart", "bunraku")
        self.host.run("systemctl", "reset-failed", "bunraku")  # of its starts, too, seven are allowed within a minute

    def test_05c_it_starts_after_what_knows_the_users_of_its_sockets(self):
        good = self.host.read("/etc/bunraku/bunraku.toml")
        unit = "/etc/systemd/system/late-users.service"  # as sssd's, at a boot
        self.host.write(unit, "[Unit]\nWants=nss-user-lookup.target\nBefore=nss-user-lookup.target\n[Service]\nType=oneshot\n"
                        "ExecStart=sh -c 'sleep 3; useradd --system late'\n")
        self.host.write("/etc/bunraku/bunraku.toml",
                        f'{good}\n[[listen]]\naddress = "127.0.1.1:8140"\n[[listen]]\nway = "socket"\npath = "/run/bunraku/late.sock"\n'
                        'users = ["late"]\n')
        self.host.run("systemctl", "daemon-reload")
        self.host.run("systemctl", "stop", "bunraku.service")
        self.host.run("systemctl", "start", "late-users.service", "bunraku.service")
        self.assertEqual((self.state("bunraku.service"), self.show("NRestarts")), ("active", "0"), self.journal())
        self.host.write("/etc/bunraku/bunraku.toml", good)
        self.host.run("rm", unit)
        self.host.run("userdel", "late")
        self.host.run("systemctl", "daemon-reload")
        self.host.run("systemctl", "restart", "bunraku")
        self.host.run("systemctl", "reset-failed", "bunraku")

    def test_06_restart_upgrade_and_downgrade_under_load_lose_no_request(self):
        newer = self.host.path("/root/bunraku_0.1.1.deb")
        as_version(deb("bunraku"), "0.1.1", newer)
        steps = {"restart": ("systemctl", "restart", "bunraku"), "upgrade": ("dpkg", "-i", f"/root/{os.path.basename(newer)}"),
                 "downgrade": ("dpkg", "-i", "--force-downgrade", f"/root/{os.path.basename(deb('bunraku'))}")}
        for name, command in steps.items():
            with self.subTest(name):
                pid = self.show("MainPID")
                with Load(self.site) as load:
                    self.host.run(*command)
                    until(lambda: self.show("MainPID") not in (pid, "0"), f"another daemon after the {name}", 60)
                print(f"{name}: {load.done} requests, {len(load.lost)} lost")
                self.assertEqual(load.lost, [])
                self.assertEqual([self.state(unit) for unit in UNITS], ["active"] * 3)
        self.assertRegex(self.host.run("dpkg-query", "-W", "bunraku"), r"\s0\.1\.0\s*$")

    def test_07_a_killed_daemon_is_back_for_the_next_agent(self):
        pid = self.show("MainPID")
        self.host.run("systemctl", "kill", "--kill-whom=main", "--signal=SIGKILL", "bunraku")
        self.agent((0, 2))
        self.assertNotEqual(self.show("MainPID"), pid)

    def test_08_a_daemon_that_hangs_is_replaced_by_the_watchdog(self):
        self.assertEqual(self.show("WatchdogUSec"), "1min")
        self.host.write("/etc/systemd/system/bunraku.service.d/short.conf", "[Service]\nWatchdogSec=1\nTimeoutAbortSec=1\n")
        self.host.run("systemctl", "daemon-reload")
        self.host.run("systemctl", "restart", "bunraku")
        pid = self.show("MainPID")
        self.host.run("kill", "-STOP", pid)
        until(lambda: self.show("MainPID") not in (pid, "0"), lambda: f"another daemon:\n{self.journal()}", 60)
        self.host.run("rm", "-r", "/etc/systemd/system/bunraku.service.d")
        self.host.run("systemctl", "daemon-reload")
        self.host.run("systemctl", "restart", "bunraku")

    def test_09_when_it_is_gone_for_good_the_agent_goes_past_it(self):
        self.assertRegex(self.journal(), r"path=/status/v1/simple")
        for master in self.site.masters.values():
            master.forget_log()
        good = self.host.read("/etc/bunraku/bunraku.toml")
        self.host.write("/etc/bunraku/bunraku.toml", "[lisen]\n")
        self.host.attempt("systemctl", "restart", "bunraku")
        until(lambda: self.state("bunraku.socket") == "failed", lambda: f"systemd to close the sockets:\n{self.journal()}", 120)
        self.agent((0, 2))
        self.assertIn("one", self.site.requests("/puppet/v3/catalog/"))
        # Mended, it is used again; nobody had to touch the agent.
        self.host.write("/etc/bunraku/bunraku.toml", good)
        self.host.run("systemctl", "reset-failed", *UNITS)
        self.host.run("systemctl", "restart", *UNITS[1:])
        self.agent((0, 2))
        self.assertEqual(self.state("bunraku.service"), "active")

    def test_09b_the_commands_of_the_pages_do_as_they_stand(self):
        self.host.run("bunraku", "init", "--undo")
        for page, command in pages.commands():
            if not pages.is_for_the_host(page, command):
                continue
            with self.subTest(f"{page}: {command}"):
                status, said = self.host.attempt("sh", "-c", command, environment={"FACTER_lab_target": "/var/tmp/target"})
                # Nothing but warnings, or news: the agent's 2 are changes, the doctor's 1 is that nobody named the masters.
                good = {"puppet agent --test": (0, 2), "bunraku doctor": (0, 1), "bunraku doctor --json": (0, 1)}.get(command, (0,))
                self.assertIn(status, good, said)
            if command == "bunraku init --undo":
                self.host.run("bunraku", "init", "--apply")

    def test_10_removed_nothing_runs_and_purged_nothing_is_left(self):
        self.host.run("dpkg", "-r", "bunraku", "libbunraku-dev", "libbunraku0")
        self.assertEqual([self.state(unit) for unit in UNITS], ["inactive"] * 3)
        self.assertNotIn(":8140", self.host.run("ss", "-ltn"))
        self.assertEqual({path: self.host.read(path) for path in self.original}, self.original, "init is undone")
        self.agent((0, 2))
        self.host.run("dpkg", "-P", "bunraku", "libbunraku-dev", "libbunraku0")
        self.assertEqual(sorted(self.everything() - self.before), [])


if __name__ == "__main__":
    unittest.main()
