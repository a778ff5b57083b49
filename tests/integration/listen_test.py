"""Where the shim listens: inherited sockets, addresses that are taken, ports of the kernel's choice."""

import fcntl
import os
import socket
import subprocess
import sys
import unittest

from labsite import Shim, Site

TARGET = "/puppet/v3/file_content/modules/lab/generated/100"
# What systemd does for a service with sockets: descriptors from 3 on, and three variables.
# ARGV: ADDRESS PATH NAMES PROGRAM...; descriptor 3 is TCP, 4 is Unix. The port goes to stdout.
ACTIVATE = """
import os, socket, sys
address, path, names, *program = sys.argv[1:]
tcp = socket.create_server((address, 0))
unix = socket.socket(socket.AF_UNIX)
unix.bind(path)
unix.listen()
print(tcp.getsockname()[1], flush=True)
first, second = os.dup(tcp.fileno()), os.dup(unix.fileno())
tcp.close()
unix.close()
os.dup2(first, 103)
os.dup2(second, 104)
os.dup2(103, 3)
os.dup2(104, 4)
os.closerange(5, 200)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2", LISTEN_FDNAMES=names)
os.execv(program[0], program)
"""


class Listening(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(key="ec"))

    def start_fails(self, shim):
        """What `bunraku run` says when it cannot start; nothing of it stays behind."""
        config = os.path.join(self.site.directory, f"{shim.name}.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(shim.config())
        done = subprocess.run([self.site.bunraku, "run", "--config", config], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn("not started", done.stdout)
        return done.stdout

    def check_tls(self, shim):
        with shim.client() as client:
            self.assertEqual(client.request("GET", TARGET).status, 200)

    def test_an_address_in_use_is_told_with_the_way_to_find_its_owner(self):
        with socket.create_server((self.site.range.address(101), 0)) as other:
            port = other.getsockname()[1]
            shim = Shim(self.site, name="late", start=False)
            shim.parts["listen"] = shim.listen_unix() + shim.listen_tls(101, port)
            said = self.start_fails(shim)
            self.assertRegex(said, rf"late\.toml:\d+: error: Cannot listen on \S+:{port}: Address already in use\. .*"
                                   rf"ss -ltnp 'sport = :{port}'")
            self.assertFalse(os.path.exists(shim.socket_path), "the socket file of a start that failed")

    def test_a_reload_to_an_address_that_bunraku_itself_is_in_the_way_of(self):
        with Shim(self.site, name="narrow") as shim:
            address, port = shim.address
            wide = f'[[listen]]\naddress = "0.0.0.0:{port}"\nbeyond_loopback = true\n'
            shim.reload(shim.config(listen=wide), expect=(
                rf"Cannot listen on 0\.0\.0\.0:{port}: bunraku itself is at {address}:{port}, and cannot be at both\. "
                r"Restart bunraku to go from that one to this one\."))
            self.check_tls(shim)

    def test_a_second_daemon_is_refused_and_the_first_one_goes_on(self):
        with Shim(self.site, name="first") as first:
            second = Shim(self.site, name="second", start=False)
            second.parts["listen"] = first.parts["listen"]
            said = self.start_fails(second)
            self.assertRegex(said, r"second\.toml:\d+: error: Cannot listen on \S+:\d+: Address already in use\.")
            self.assertRegex(said, r"error: Cannot listen on \S*/first\.sock: .*Another process listens there")
            self.check_tls(first)
            self.assertEqual(first.ask("GET", TARGET).status, 200)

    def test_a_file_that_is_no_socket_is_left_alone(self):
        shim = Shim(self.site, name="precious", start=False)
        with open(shim.socket_path, "w", encoding="ascii") as file:
            file.write("precious")
        self.assertRegex(self.start_fails(shim), r"precious\.sock: Address already in use\..*ls -l")
        with open(shim.socket_path, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")

    def test_a_socket_whose_owner_takes_no_callers_is_told_and_not_waited_for(self):
        with Shim(self.site, name="patient") as shim, socket.socket(socket.AF_UNIX) as other:
            path = f"{self.site.directory}/hangs.sock"
            other.bind(path)
            other.listen(0)
            self.fill(path)
            shim.reload(shim.config(listen=shim.parts["listen"] + shim.listen_unix(path)),
                        expect=r"reload refused: going on as before")
            self.assertRegex(shim.log(), r"Cannot listen on \S*hangs\.sock: .*Another process listens there")
            self.check_tls(shim)

    def fill(self, path):
        """The queue of callers at that socket."""
        while True:
            caller = self.enterContext(socket.socket(socket.AF_UNIX))
            caller.setblocking(False)
            try:
                caller.connect(path)
            except BlockingIOError:
                return

    def test_a_missing_directory_is_told(self):
        shim = Shim(self.site, name="nodir", start=False)
        shim.parts["listen"] = shim.listen_unix(f"{self.site.directory}/none/a.sock")
        self.assertRegex(self.start_fails(shim), r"No such file or directory\..*directory must exist")

    def test_port_0_is_chosen_by_the_kernel_and_told(self):
        with Shim(self.site, name="any", start=False) as shim:
            shim.parts["listen"] = shim.listen_tls(102, 0)
            shim.start()
            self.assertGreater(shim.address[1], 0)
            self.check_tls(shim)

    def test_an_address_that_others_can_reach_needs_its_own_key(self):
        for address in ("0.0.0.0", "192.0.2.1"):
            shim = Shim(self.site, name="open", start=False)
            shim.parts["listen"] = f'[[listen]]\naddress = "{address}:0"\n'
            said = self.start_fails(shim)
            self.assertRegex(said, rf"open\.toml:\d+: error: {address} can be reached by other hosts\..*beyond_loopback")
        with Shim(self.site, name="open", start=False) as shim:
            shim.parts["listen"] = '[[listen]]\naddress = "0.0.0.0:0"\nbeyond_loopback = true\n'
            shim.start()

    def inherit(self, name, listen, names="agent:local", address=None):
        """`bunraku run` with an inherited TCP socket as its first and a Unix socket as its second."""
        shim = Shim(self.site, name=name, start=False)
        shim.parts["listen"] = listen
        config = os.path.join(self.site.directory, f"{name}.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(shim.config())
        shim.process = self.site.start_process(name, [
            sys.executable, "-c", ACTIVATE, address or self.site.range.address(103), shim.socket_path, names,
            self.site.bunraku, "run", "--config", config])
        shim.process.config_path = config
        return shim

    def check_inherited(self, shim):
        shim.process.wait_for_line(r"\bready listen=")
        port = int(shim.process.stdout().split()[0])
        self.assertEqual(shim.address, (self.site.range.address(103), port))
        self.check_tls(shim)
        self.assertEqual(shim.ask("GET", TARGET).status, 200)
        shim.reload()  # the sockets can be taken again
        self.check_tls(shim)
        self.assertEqual(shim.ask("GET", TARGET).status, 200)
        self.assertEqual(shim.process.terminate(), 0)
        self.assertTrue(os.path.exists(shim.socket_path), "the file of an inherited socket is not ours to remove")

    def test_inherited_sockets_are_taken_by_name(self):
        self.check_inherited(self.inherit("named", '[[listen]]\ninherit = "agent"\n'
                                                   '[[listen]]\nway = "socket"\ninherit = "local"\n'))

    def test_inherited_sockets_are_taken_by_number(self):
        self.check_inherited(self.inherit("numbered", '[[listen]]\nway = "socket"\ninherit = "1"\n'
                                                      '[[listen]]\ninherit = "0"\n'))

    def test_an_inherited_socket_of_another_kind_or_name_is_told(self):
        for listen, reason in (('inherit = "local"', r"the inherited socket is not a listening TCP socket"),
                               ('inherit = "agents"', r"no such socket was inherited \(LISTEN_FDS brought 2"),
                               ('inherit = "2"', r"no such socket was inherited")):
            with self.subTest(listen):
                shim = self.inherit("strange", f"[[listen]]\n{listen}\n")
                self.assertEqual(shim.process.wait(), 2)
                self.assertRegex(shim.process.stderr(), rf"strange\.toml:\d+: error: Cannot listen on .*{reason}")
                os.unlink(shim.socket_path)

    def test_an_inherited_socket_that_takes_no_connections_is_not_taken_for_one_that_does(self):
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            address = (self.site.range.address(104), self.site.range.free_port((104,)))
            udp.bind(address)
            tcp.bind(address)
            tcp.listen()
            shim = Shim(self.site, name="datagrams", start=False)
            shim.parts["listen"] = f'[[listen]]\naddress = "{address[0]}:{address[1]}"\n'
            config = os.path.join(self.site.directory, "datagrams.toml")
            with open(config, "w", encoding="utf-8") as file:
                file.write(shim.config())
            first, second = (fcntl.fcntl(one, fcntl.F_DUPFD, 50) for one in (udp, tcp))
            self.addCleanup(os.close, first)
            self.addCleanup(os.close, second)
            shim.process = self.site.start_process("datagrams", [
                "bash", "-c", f'export LISTEN_PID=$$ LISTEN_FDS=2; exec "$@" 3<&{first} 4<&{second}', "bash",
                self.site.bunraku, "run", "--config", config], pass_fds=(first, second))
            shim.process.wait_for_line(r"\bready listen=")
            self.check_tls(shim)
            self.assertEqual(shim.process.terminate(), 0)

    def test_what_others_can_reach_is_for_the_nodes_own_key_after_a_reload_too(self):
        reason = r"it can be reached by other hosts, and nobody here would ask them who they are"
        for way in ("connect", "passthrough"):
            with self.subTest(way):
                shim = self.inherit(f"{way}-everywhere", f'[[listen]]\nway = "{way}"\ninherit = "agent"\n', address="0.0.0.0")
                self.assertEqual(shim.process.wait(), 2)
                self.assertRegex(shim.process.stderr(), reason)
                os.unlink(shim.socket_path)
                shim = self.inherit(f"{way}-later", '[[listen]]\ninherit = "agent"\n', address="0.0.0.0")
                shim.process.wait_for_line(r"\bready listen=")
                shim.reload(shim.config(listen=f'[[listen]]\nway = "{way}"\ninherit = "agent"\n'),
                            expect=r"reload refused: going on as before")
                self.assertRegex(shim.log(), reason)
                self.check_tls(shim)
                self.assertEqual(shim.process.terminate(), 0)

    def test_without_inherited_sockets_their_names_are_an_error(self):
        shim = Shim(self.site, name="alone", start=False)
        shim.parts["listen"] = '[[listen]]\ninherit = "agent"\n'
        self.assertRegex(self.start_fails(shim), r"no such socket was inherited \(LISTEN_FDS brought 0\)\..*socket unit")


if __name__ == "__main__":
    unittest.main()
