"""Another user of the host, uid nobody, tries every way to the host's identity: none leads there, and whom bunraku itself
refuses leaves one line in its log."""

import contextlib
import ctypes
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import unittest

from labsite import Shim, Site, until
from labsite.process import die_with_parent

NOBODY = 65534
TARGET = "/puppet/v3/file_content/modules/lab/generated/100"
NOBODYS_TARGET = "/puppet/v3/file_content/modules/lab/generated/101"
PTRACE_ATTACH, PTRACE_SEIZE = 16, 0x4206  # sys/ptrace.h


# What nobody tries; runs in a process of its own (see as_nobody). Each returns what it got, or the error's name.

def read_file(path):
    return pathlib.Path(path).read_bytes().decode("latin-1")


def list_folder(path):
    return os.listdir(path)


def enter(path):
    os.chdir(path)
    return "entered"


def plain_request(path, target):
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(60)
        channel.connect(path)
        channel.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return channel.recv(4096).split(b"\r\n")[0].decode() or "closed"


def tls_request(address, server_name, authority, certificate, proxy_to, target):
    """An HTTP request over TLS, perhaps through CONNECT: the answer's status line."""
    context = ssl.create_default_context(cafile=authority)
    if certificate:
        context.load_cert_chain(*certificate)
    with socket.create_connection(tuple(address), 60) as channel:
        if proxy_to:
            channel.sendall(f"CONNECT {proxy_to} HTTP/1.1\r\nHost: {proxy_to}\r\n\r\n".encode())
            said = channel.recv(4096).split(b"\r\n")[0].decode()
            if " 200 " not in said:
                return said
        with context.wrap_socket(channel, server_hostname=server_name) as tls:
            tls.sendall(f"GET {target} HTTP/1.1\r\nHost: {server_name}\r\nConnection: close\r\n\r\n".encode())
            return tls.recv(4096).split(b"\r\n")[0].decode() or "closed"


def system_call(name, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return "done"


def read_memory(pid, address):
    """process_vm_readv of 16 bytes."""
    class Part(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]
    room = ctypes.create_string_buffer(16)
    here, there = Part(ctypes.addressof(room), 16), Part(address, 16)
    return system_call("process_vm_readv", pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)


def take_descriptor(pid, number):
    process = os.pidfd_open(pid)
    return system_call("pidfd_getfd", process, number, 0)


def send_signal(pid, number):
    os.kill(pid, number)
    return "sent"


TRIES = {f.__name__: f for f in (read_file, list_folder, enter, plain_request, tls_request, system_call, read_memory,
                                 take_descriptor, send_signal)}


def as_nobody(try_name, *arguments):
    """The result of that function of TRIES in a process of uid nobody, which has nothing else of ours."""
    source = pathlib.Path(__file__).read_text(encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", source, "as-nobody", try_name, json.dumps(arguments)], cwd="/",
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=120, check=False, user=NOBODY, group=NOBODY, extra_groups=[], env=dict(os.environ))
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


class OtherUser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise AssertionError("this test needs root, to become somebody else")
        cls.site = cls.enterClassContext(Site(key="ec", agents=("agent1", "agent2")))
        # So that it is not the test's own directory that keeps nobody out: from here on each file stands for itself.
        os.chmod(cls.site.directory, 0o755)
        cls.state = os.path.join(cls.site.directory, "state")
        cls.open_place = os.path.join(cls.site.directory, "open")  # as /tmp
        os.mkdir(cls.state)
        os.mkdir(cls.open_place)
        os.chmod(cls.open_place, 0o1777)
        ca = pathlib.Path(cls.site.ssldir("agent1"), "certs/ca.pem").read_bytes()
        cls.authority = os.path.join(cls.open_place, "ca.pem")
        pathlib.Path(cls.authority).write_bytes(ca)
        cls.shim = cls.enterClassContext(Shim(cls.site, start=False, env={"STATE_DIRECTORY": cls.state}))
        shim = cls.shim
        proxy = cls.site.range.free_port((101,))
        cls.proxy = (cls.site.range.address(101), proxy)
        cls.admin = os.path.join(cls.site.directory, "control.sock")
        cls.wide = os.path.join(cls.site.directory, "wide.sock")
        shim.parts["listen"] += (f'[[listen]]\nway = "connect"\naddress = "{cls.proxy[0]}:{cls.proxy[1]}"\n'
                                 + shim.listen_unix(cls.wide, 'mode = "0666"\n'))
        shim.parts["extra"] = (f'[service.catalog]\nnames = ["puppet.lab.test:{cls.site.port}"]\n'
                               f'[limits]\nreplay_bytes = 0\n[admin]\nsocket = "{cls.admin}"\n')
        shim.start()
        cls.pid = shim.process.pid
        assert shim.ask("GET", TARGET).status == 200  # the way in itself works, and DNS's answers are in the store

    def tearDown(self):
        """Nothing that nobody tried has reached a master as this node."""
        seen = [entry for entries in self.site.requests(NOBODYS_TARGET).values() for entry in entries]
        self.assertEqual([entry for entry in seen if entry["client"] == "agent1.lab.test"], [])

    def refused(self):
        return self.shim.lines(r"\brefused ")

    def assert_one_line(self, before, *patterns):
        until(lambda: len(self.refused()) > before, "a line of who was refused")
        self.assertEqual(self.shim.ask("GET", TARGET).status, 200)  # whatever was to be written has been by now
        lines = self.refused()[before:]
        self.assertEqual(len(lines), 1, lines)
        for pattern in patterns:
            self.assertRegex(lines[0], pattern)

    def tls(self, certificate=None, proxy_to="", server_name="agent1.lab.test", address=None):
        return as_nobody("tls_request", address or (self.proxy if proxy_to else self.shim.address), server_name,
                         self.authority, certificate, proxy_to, NOBODYS_TARGET)

    def certificate_of(self, node):
        """What that node's certificate and key are, where nobody may read them."""
        ssldir = self.site.ssldir(node)
        made = []
        for path in (f"{ssldir}/certs/{node}.lab.test.pem", f"{ssldir}/private_keys/{node}.lab.test.pem"):
            copy = os.path.join(self.open_place, f"{node}-{len(made)}.pem")
            pathlib.Path(copy).write_bytes(pathlib.Path(path).read_bytes())
            os.chown(copy, NOBODY, NOBODY)
            made.append(copy)
        return made

    # The ways in

    def test_terminate_without_a_certificate(self):
        before = len(self.refused())
        self.assertRegex(self.tls(), "SSL|ConnectionReset")
        self.assert_one_line(before, r"reason=\"[^\"]*certificate")

    def test_terminate_with_another_nodes_certificate(self):
        before = len(self.refused())
        self.assertRegex(self.tls(self.certificate_of("agent2")), "SSL|ConnectionReset")
        self.assert_one_line(before, r"agent2\.lab\.test")

    def test_terminate_with_a_certificate_that_nobody_made_in_the_nodes_name(self):
        base = os.path.join(self.open_place, "forged")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "1", "-subj", "/CN=agent1.lab.test", "-keyout", f"{base}.key", "-out", f"{base}.pem"],
                       check=True, stderr=subprocess.DEVNULL)
        os.chown(f"{base}.key", NOBODY, NOBODY)
        before = len(self.refused())
        self.assertRegex(self.tls([f"{base}.pem", f"{base}.key"]), "SSL|ConnectionReset")
        self.assert_one_line(before)

    def test_connect_to_the_nodes_own_name_is_terminate(self):
        before = len(self.refused())
        self.assertRegex(self.tls(proxy_to=f"agent1.lab.test:{self.site.port}"), "SSL|ConnectionReset|403")
        self.assert_one_line(before)

    def test_connect_to_a_master_gives_it_nobodys_identity(self):
        said = self.tls(proxy_to=f"puppet.lab.test:{self.site.port}", server_name="puppet.lab.test")
        self.assertRegex(said, r"^HTTP/1.1 [234]")
        until(lambda: self.shim.lines(r"\btunnel way=connect"), "the tunnel's line")
        seen = [entry for entries in self.site.requests(NOBODYS_TARGET).values() for entry in entries]
        self.assertEqual([entry["client"] for entry in seen], [""])

    def test_connect_to_anything_else(self):
        for name in ("127.0.0.1:22", "agent2.lab.test:8140", "169.254.169.254:80"):
            with self.subTest(name):
                before = len(self.refused())
                self.assertRegex(self.tls(proxy_to=name), "403")
                self.assert_one_line(before)

    def test_the_unix_socket(self):
        self.assertEqual(as_nobody("plain_request", self.shim.socket_path, NOBODYS_TARGET), "PermissionError")

    def test_a_unix_socket_whose_file_is_open_to_all(self):
        before = len(self.refused())
        self.assertIn(as_nobody("plain_request", self.wide, NOBODYS_TARGET), ("closed", "ConnectionResetError", "BrokenPipeError"))
        self.assert_one_line(before, rf"uid {NOBODY} pid \d+")

    def test_the_control_socket(self):
        self.assertEqual(as_nobody("plain_request", self.admin, "/v1/status"), "PermissionError")
        os.chmod(self.admin, 0o666)
        self.addCleanup(os.chmod, self.admin, 0o600)
        self.assertRegex(as_nobody("plain_request", self.admin, "/v1/status"), "^HTTP/1.1 403 ")
        self.assertEqual(len(until(lambda: self.shim.lines(r"control\.refused"), "the refusal in the log")), 1)

    # Files

    def test_nothing_that_it_keeps_can_be_read(self):
        store = os.path.join(self.state, "dns-answers")
        until(lambda: os.path.exists(store), "the store")
        for path in (f"{self.site.ssldir('agent1')}/private_keys/agent1.lab.test.pem", store):
            with self.subTest(path):
                self.assertEqual(as_nobody("read_file", path), "PermissionError")

    def test_an_upload_on_its_way_is_in_no_file_that_has_a_name(self):
        body = os.urandom(300_000)
        go = threading.Event()
        answer = []

        def upload():
            with self.shim.open_unix(self.shim.socket_path, 60) as channel:
                channel.sendall(f"PUT /puppet/v3/facts/agent1.lab.test HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}"
                                "\r\n\r\n".encode() + body[:200_000])
                go.wait(60)
                channel.sendall(body[200_000:])
                answer.append(channel.recv(100))
        uploading = threading.Thread(target=upload)
        uploading.start()
        try:
            nameless = until(lambda: [path for path in self.open_files() if "(deleted)" in path], "the file", 60)
            self.assertTrue(nameless[0].startswith(self.state), nameless)
            self.assertLessEqual(set(os.listdir(self.state)), {"dns-answers", "dns-answers.new"})
            self.assertEqual(as_nobody("list_folder", f"/proc/{self.pid}/fd"), "PermissionError")
        finally:
            go.set()
            uploading.join()
        self.assertRegex(answer[0], rb"^HTTP/1.1 ")

    def open_files(self):
        """What its descriptors lead to; some may close meanwhile."""
        for number in os.listdir(f"/proc/{self.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                yield os.readlink(f"/proc/{self.pid}/fd/{number}")

    def test_no_socket_is_abstract(self):
        """Those have no file whose mode could keep anybody out."""
        ours = set(self.open_files())
        table = pathlib.Path("/proc/net/unix").read_text(encoding="ascii").splitlines()[1:]
        mine = [line for line in table if f"socket:[{line.split()[6]}]" in ours]
        self.assertTrue(mine)
        self.assertEqual([line for line in mine if " @" in line], [])

    # The process

    def test_its_memory(self):
        mapped = pathlib.Path(f"/proc/{self.pid}/maps").read_text(encoding="ascii").split("-")[0]
        for name in ("mem", "maps", "environ", "auxv", "syscall", "stack"):
            with self.subTest(name):
                self.assertEqual(as_nobody("read_file", f"/proc/{self.pid}/{name}"), "PermissionError")
        self.assertEqual(as_nobody("enter", f"/proc/{self.pid}/root"), "PermissionError")
        self.assertEqual(as_nobody("read_memory", self.pid, int(mapped, 16)), "PermissionError")

    def test_a_debugger_and_its_descriptors(self):
        for request in (PTRACE_ATTACH, PTRACE_SEIZE):
            self.assertEqual(as_nobody("system_call", "ptrace", request, self.pid, None, None), "PermissionError")
        self.assertEqual(as_nobody("take_descriptor", self.pid, 0), "PermissionError")

    def test_a_signal_that_would_leave_a_core(self):
        self.assertEqual(as_nobody("send_signal", self.pid, signal.SIGSEGV), "PermissionError")
        self.assertTrue(self.shim.process.is_running())

    # Traps in a directory where everybody may write. The kernel lets nobody remove what is root's there.

    def start_in_open_place(self, name):
        shim = Shim(self.site, name=f"trapped-{name}", start=False)
        path = os.path.join(self.open_place, f"{name}.sock")
        shim.parts["listen"] = shim.listen_unix(path)
        return shim, path

    def nobodys_link(self, path, to):
        os.symlink(to, path)
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)

    def victim(self, name):
        path = os.path.join(self.site.directory, name)
        pathlib.Path(path).write_text("precious\n", encoding="ascii")
        os.chmod(path, 0o600)
        return path

    def assert_untouched(self, path):
        self.assertEqual(pathlib.Path(path).read_text(encoding="ascii"), "precious\n")
        self.assertEqual(os.stat(path).st_mode & 0o7777, 0o600)

    def check_not_started(self, shim, pattern):
        config = os.path.join(self.site.directory, f"{shim.name}.toml")
        pathlib.Path(config).write_text(shim.config(), encoding="utf-8")
        done = subprocess.run([self.site.bunraku, "--config", config, "run"], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertRegex(done.stdout, pattern)

    def test_a_link_in_the_sockets_place_is_not_followed(self):
        shim, path = self.start_in_open_place("link")
        victim = self.victim("victim-of-link")
        for target in (victim, os.path.join(self.site.directory, "does-not-exist")):
            self.nobodys_link(path, target)
            self.check_not_started(shim, rf"Cannot listen on {re.escape(path)}: ")
            os.unlink(path)
        self.assert_untouched(victim)
        self.assertFalse(os.path.exists(os.path.join(self.site.directory, "does-not-exist")))

    def test_a_stranger_who_listens_in_the_sockets_place_stays_a_stranger(self):
        shim, path = self.start_in_open_place("stranger")
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.bind(path)
            stranger.listen(8)
            os.chown(path, NOBODY, NOBODY)
            self.check_not_started(shim, "Another process listens there")

    def test_a_socket_that_was_replaced_by_a_link_has_nothing_changed_behind_it(self):
        """In a directory of nobody's own even root's socket can be replaced. A reload sets the socket's mode."""
        place = os.path.join(self.site.directory, "nobodys-own")
        os.mkdir(place)
        shim = Shim(self.site, name="replaced", start=False)
        path = os.path.join(place, "agent.sock")
        listen = shim.listen_tls()
        shim.parts["listen"] = listen + shim.listen_unix(path, 'mode = "0600"\n')
        victim = self.victim("victim-of-reload")
        with shim.start():
            os.chown(place, NOBODY, NOBODY)
            os.unlink(path)
            self.nobodys_link(path, victim)
            shim.parts["listen"] = listen + shim.listen_unix(path, 'mode = "0666"\n')
            shim.reload(shim.config())
            self.assertRegex(shim.log(), r"is not bunraku's socket any more")
            self.assert_untouched(victim)
        self.assert_untouched(victim)
        self.assertTrue(os.path.islink(path))

    def test_traps_in_the_place_of_dns_answers(self):
        state = os.path.join(self.open_place, "state")
        os.mkdir(state)
        os.chmod(state, 0o1777)
        victim = self.victim("victim-of-store")
        forged = "bunraku-dns-answers 1\n"
        for name, make in (("dns-answers", lambda path: self.nobodys_link(path, victim)),
                           ("dns-answers.new", lambda path: self.nobodys_link(path, victim)),
                           ("dns-answers", lambda path: (pathlib.Path(path).write_text(forged, encoding="ascii"),
                                                         os.chown(path, NOBODY, NOBODY)))):
            with self.subTest(name):
                path = os.path.join(state, name)
                make(path)
                shim = Shim(self.site, name=f"store-{name}", start=False, env={"STATE_DIRECTORY": state})
                with shim.start():
                    self.assertEqual(shim.ask("GET", TARGET).status, 200)
                self.assert_untouched(victim)
                for left in os.listdir(state):
                    os.unlink(os.path.join(state, left))


class SameUser(unittest.TestCase):
    """A daemon that runs as the user that owns Puppet's files: other programs of that user may read the key's file, but
    not the process."""

    def test_no_other_program_of_its_user_reads_its_memory(self):
        site = self.enterContext(Site(key="ec"))
        if site.sanitized:
            return  # whose leak check attaches to its own process
        os.chmod(site.directory, 0o755)
        home = os.path.join(site.directory, "home")
        os.mkdir(home)
        shim = Shim(site, start=False)
        shim.parts["listen"] = shim.listen_unix(f"{home}/agent.sock")
        shim.parts["extra"] = '[admin]\nsocket = ""\n'
        config = os.path.join(home, "bunraku.toml")
        pathlib.Path(config).write_text(shim.config(), encoding="utf-8")
        ssldir = site.ssldir("agent1")
        for folder, names, files in os.walk(ssldir):
            for path in [folder] + [os.path.join(folder, name) for name in names + files]:
                os.chown(path, NOBODY, NOBODY)
        pathlib.Path(site.pki).chmod(0o755)
        os.chown(home, NOBODY, NOBODY)
        with subprocess.Popen([site.bunraku, "--config", config, "run"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, user=NOBODY, group=NOBODY,
                              extra_groups=[]) as process:
            try:
                said = []
                for line in process.stderr:
                    said.append(line)
                    if " ready " in line:
                        break
                self.assertIn(" ready ", said[-1])
                for name in ("mem", "environ", "maps"):
                    self.assertEqual(as_nobody("read_file", f"/proc/{process.pid}/{name}"), "PermissionError", name)
                self.assertEqual(as_nobody("system_call", "ptrace", PTRACE_SEIZE, process.pid, None, None),
                                 "PermissionError")
            finally:
                process.terminate()
                process.communicate(timeout=60)


if __name__ == "__main__":
    if sys.argv[1:2] == ["as-nobody"]:
        die_with_parent()
        try:
            print(json.dumps(TRIES[sys.argv[2]](*json.loads(sys.argv[3]))))
        except OSError as error:  # ssl.SSLError is one
            print(json.dumps(type(error).__name__))
    else:
        unittest.main()
