"""A running daemon keeps the right to read the node's files and gives up everything else, and reloads all the same."""

import os
import resource
import shutil
import socket
import subprocess
import tempfile
import unittest

from labsite import MasterSpec, Shim, Site, until

TARGET = "/puppet/v3/file_content/modules/lab/generated/100"
NOBODY = 65534
READ_FILES, BIND_LOW_PORTS = 1 << 2, 1 << 10
WHOLE = "capabilities no-new-privileges landlock seccomp"


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def capabilities(pid):
    status = status_of(pid)
    return {name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}


class RunningDaemon(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(masters=[MasterSpec("one", ("catalog", "files", "report", "ca"))],
                                              srv={service: ("one",) for service in ("ca", "catalog", "files", "report")},
                                              key="ec"))

    def setUp(self):
        self.ssldir = os.path.join(self.site.directory, "node", "ssl")
        shutil.copytree(self.site.ssldir("agent1"), self.ssldir)
        self.addCleanup(shutil.rmtree, os.path.join(self.site.directory, "node"), True)
        self.key = f"{self.ssldir}/private_keys/agent1.lab.test.pem"

    def shim(self, **more):
        shim = Shim(self.site, name=f"bunraku-{self._testMethodName[5:40]}", start=False, **more)
        self.write_puppet_conf(shim, self.ssldir)
        return shim

    @staticmethod
    def write_puppet_conf(shim, ssldir):
        shim.write_puppet_conf("[main]", "certname = agent1.lab.test", f"ssldir = {ssldir}", f"server = {shim.node}",
                               f"serverport = {shim.port}", "srv_domain = lab.test")

    def assert_serves(self, shim):
        self.assertEqual(shim.ask("GET", TARGET).status, 200)
        with shim.client() as client:
            self.assertEqual(client.request("GET", TARGET).status, 200)

    def test_it_keeps_the_capability_to_read_files_and_no_other(self):
        with self.shim() as shim:
            shim.start()
            self.assertEqual(capabilities(shim.process.pid),
                             {"CapInh": 0, "CapPrm": READ_FILES, "CapEff": READ_FILES, "CapBnd": READ_FILES, "CapAmb": 0})
            self.assert_serves(shim)

    def test_it_is_filtered_and_says_so(self):
        with self.shim() as shim:
            shim.start()
            status = status_of(shim.process.pid)
            self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
            self.assertRegex(shim.log(), rf'ready listen="[^"]*" sandbox="{WHOLE}"')
            self.assertNotIn("sandbox where=", shim.log())

    def test_keys_are_in_locked_memory_of_as_many_connections_as_there_can_be(self):
        usual = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, usual)
        for descriptors, kib in ((1024, 256), (4096, 1024)):
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, usual[1]))
            with self.subTest(descriptors=descriptors), self.shim() as shim:
                shim.start()
                self.assertEqual(int(status_of(shim.process.pid)["VmLck"].split()[0]), kib)
                self.assert_serves(shim)

    def test_a_key_that_became_another_users_is_read_at_a_reload(self):
        with self.shim() as shim:
            shim.start()
            fresh = f"{self.key}.new"
            shutil.copy(self.key, fresh)
            os.chown(fresh, NOBODY, NOBODY)
            os.chmod(fresh, 0o600)
            os.rename(fresh, self.key)
            os.chmod(os.path.dirname(self.key), 0o750)
            os.chown(os.path.dirname(self.key), NOBODY, NOBODY)
            shim.reload()
            self.assert_serves(shim)

    def test_an_ssldir_that_was_removed_and_made_anew_is_read(self):
        with self.shim() as shim:
            shim.start()
            shutil.rmtree(self.ssldir)
            shutil.copytree(self.site.ssldir("agent1"), self.ssldir)
            shim.reload()
            self.assert_serves(shim)

    def test_a_reload_may_open_other_ports_and_sockets(self):
        with self.shim() as shim:
            shim.start()
            other = f"{shim.socket_path}.other"
            shim.parts["listen"] += shim.listen_unix(other) + shim.listen_tls(101)
            shim.reload(shim.config())
            self.assertEqual(shim.ask("GET", TARGET, path=other).status, 200)

    def test_a_reload_that_needs_more_is_refused_and_says_that_a_restart_gives_it(self):
        with self.shim() as shim:
            shim.start()
            elsewhere = tempfile.mkdtemp(prefix="bunraku-elsewhere-")
            self.addCleanup(shutil.rmtree, elsewhere)
            shutil.copytree(self.ssldir, elsewhere, dirs_exist_ok=True)
            shim.parts["extra"] = ('[upstream]\n' + "".join(
                f'{key} = "{elsewhere}/{file}"\n' for key, file in (
                    ("certificate", "certs/agent1.lab.test.pem"), ("key", "private_keys/agent1.lab.test.pem"))))
            shim.reload(shim.config(), expect=r"reload refused: going on as before")
            self.assertRegex(shim.log(), rf'problem where="sandbox" what="[^"]*reading below {elsewhere}/certs[^"]*Restart')
            self.assert_serves(shim)
            shim.stop()
            shim.start()
            self.assert_serves(shim)

    def own_credentials(self, *directories):
        """Above those directories, each with the node's credentials, outside of all that the daemon reads anyway."""
        above = tempfile.mkdtemp(prefix="bunraku-elsewhere-")
        self.addCleanup(shutil.rmtree, above)
        for directory in directories:
            os.makedirs(f"{above}/{directory}")
            shutil.copy(f"{self.ssldir}/certs/agent1.lab.test.pem", f"{above}/{directory}/certificate.pem")
            shutil.copy(self.key, f"{above}/{directory}/key.pem")
        return above

    @staticmethod
    def upstream(directory):
        return f'[upstream]\ncertificate = "{directory}/certificate.pem"\nkey = "{directory}/key.pem"\n'

    def test_a_directory_of_credentials_may_be_replaced_as_a_whole(self):
        above = self.own_credentials("live", "next")
        with self.shim(extra=self.upstream(f"{above}/live")) as shim:
            shim.start()
            os.rename(f"{above}/live", f"{above}/last")
            os.rename(f"{above}/next", f"{above}/live")
            shim.reload()
            self.assert_serves(shim)

    def test_a_directory_of_credentials_may_be_a_link_that_is_turned(self):
        above = self.own_credentials("releases/1", "releases/2")
        link = os.path.join(self.site.directory, "node", "current")
        os.symlink(f"{above}/releases/1", link)
        with self.shim(extra=self.upstream(link)) as shim:
            shim.start()
            os.symlink(f"{above}/releases/2", f"{link}.new")
            os.rename(f"{link}.new", link)
            shim.reload()
            self.assert_serves(shim)

    def test_credentials_that_came_to_lie_where_it_may_not_read_are_told_as_that(self):
        above = self.own_credentials("live")
        with self.shim() as shim:
            shim.start()
            os.symlink(f"{above}/live/key.pem", f"{self.key}.new")
            os.rename(f"{self.key}.new", self.key)
            line, = shim.lines(r"credentials\.refused", 1)
            self.assertRegex(line, rf'where="sandbox" what="[^"]*reading below {above}/live[^"]*" fix="Restart it')
            self.assert_serves(shim)

    def test_ports_below_1024_keep_what_binding_them_takes(self):
        low = self.low_port()
        with self.shim() as shim:
            shim.parts["listen"] += f'[[listen]]\naddress = "{self.site.range.address(101)}:{low}"\n'
            shim.start()
            self.assertEqual(capabilities(shim.process.pid)["CapEff"], READ_FILES | BIND_LOW_PORTS)
            shim.parts["listen"] += f'[[listen]]\naddress = "{self.site.range.address(102)}:{low}"\n'
            shim.reload(shim.config())
            self.assert_serves(shim)

    def test_the_first_port_below_1024_takes_a_restart(self):
        with self.shim() as shim:
            shim.start()
            shim.parts["listen"] += f'[[listen]]\naddress = "{self.site.range.address(101)}:{self.low_port()}"\n'
            shim.reload(shim.config(), expect=r"reload refused: going on as before")
            self.assertRegex(shim.log(), r'where="sandbox" what="[^"]*a port below 1024[^"]*Restart')
            self.assert_serves(shim)

    def low_port(self):
        for port in range(1023, 600, -1):
            with socket.socket() as trial:
                try:
                    for octet in (101, 102):
                        with socket.socket() as one:
                            one.bind((self.site.range.address(octet), port))
                    return port
                except OSError:
                    continue
        self.fail("no free port below 1024")

    def test_as_another_user_it_has_no_capability_and_is_filtered_too(self):
        os.chmod(self.site.directory, 0o755)
        self.addCleanup(os.chmod, self.site.directory, 0o700)
        home = os.path.join(self.site.directory, "nobodys")
        os.mkdir(home)
        shim = self.shim()
        shim.parts["listen"] = shim.listen_unix(f"{home}/agent.sock")
        shim.parts["extra"] = f'[admin]\nsocket = "{home}/control.sock"\n'
        config = os.path.join(home, "bunraku.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(shim.config())
        for folder, names, files in os.walk(os.path.join(self.site.directory, "node")):
            for path in [folder] + [os.path.join(folder, name) for name in names + files]:
                os.chown(path, NOBODY, NOBODY)
        os.chown(home, NOBODY, NOBODY)
        log = os.path.join(self.site.directory, "nobodys.log")
        with open(log, "wb") as out, subprocess.Popen(
                [self.site.bunraku, "--config", config, "run"], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                user=NOBODY, group=NOBODY, extra_groups=[]) as process:
            try:
                def text():
                    with open(log, encoding="utf-8") as file:
                        return file.read()
                until(lambda: " ready " in text() or process.poll() is not None, text, 60)
                self.assertIn(f'sandbox="{WHOLE}"', text())
                self.assertEqual(set(capabilities(process.pid).values()) - {capabilities(process.pid)["CapBnd"]}, {0})
                self.assertEqual(status_of(process.pid)["Seccomp"], "2")
                self.assertEqual(shim.ask("GET", TARGET, path=f"{home}/agent.sock").status, 200)
            finally:
                process.terminate()
        self.assertEqual(process.returncode, 0, text())


if __name__ == "__main__":
    unittest.main()
