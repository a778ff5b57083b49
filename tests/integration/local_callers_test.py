"""Who may come in: the node's own key over TLS, listed users over the Unix socket. Everybody else costs one log line."""

import os
import re
import socket
import ssl
import stat
import subprocess
import sys
import unittest

from labsite import Shim, Site, until

TARGET = "/puppet/v3/file_content/modules/lab/generated/100"
NOBODY = 65534
# Says the status line that uid NOBODY gets, or how it failed.
AS_NOBODY = """
import socket, sys
channel = socket.socket(socket.AF_UNIX)
channel.settimeout(20)
try:
    channel.connect(sys.argv[1])
    channel.sendall(b"GET %s HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n" % sys.argv[2].encode())
    print(channel.recv(4096).split(b"\\r\\n")[0].decode() or "closed")
except OSError as error:
    print(type(error).__name__)
"""


class OwnKeyOverTls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(key="ec", agents=("agent1", "agent2")))
        cls.shim = cls.enterClassContext(Shim(cls.site))

    def check_refused(self, context, *patterns):
        """The handshake fails (TLS 1.3 tells the client with its first read), with one line in the log."""
        before = len(self.shim.lines(r"\brefused client="))
        with self.assertRaises((ssl.SSLError, ConnectionResetError)):
            with self.shim.client(context=context) as client:
                client.request("GET", TARGET)
        until(lambda: len(self.shim.lines(r"\brefused client=")) > before, "the refusal in the log")
        self.check_served()
        lines = self.shim.lines(r"\brefused client=")[before:]
        self.assertEqual(len(lines), 1, lines)
        self.assertRegex(lines[0], r"warning refused client=\S*127\.[0-9.]+:\d+\S* reason=\"[^\"]+\"$")
        for pattern in patterns:
            self.assertRegex(lines[0], pattern)

    def check_served(self):
        with self.shim.client() as client:
            self.assertEqual(client.request("GET", TARGET).status, 200)

    def context(self, certificate=None, key=None):
        context = ssl.create_default_context(cafile=f"{self.site.ssldir('agent1')}/certs/ca.pem")
        if certificate:
            context.load_cert_chain(certificate, key)
        return context

    def test_the_nodes_own_certificate_is_let_in(self):
        self.check_served()

    def test_no_certificate_is_refused(self):
        self.check_refused(self.context(), r"no certificate|without a certificate")

    def test_another_nodes_valid_certificate_is_refused(self):
        ssldir = self.site.ssldir("agent2")
        self.check_refused(self.context(f"{ssldir}/certs/agent2.lab.test.pem",
                                        f"{ssldir}/private_keys/agent2.lab.test.pem"), r"agent2\.lab\.test")

    def test_a_self_signed_certificate_is_refused_though_it_has_the_nodes_name(self):
        base = self.self_signed()
        self.check_refused(self.context(f"{base}.pem", f"{base}.key"), r"key|own")

    def self_signed(self):
        base = os.path.join(self.site.directory, "self-signed")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "1", "-subj", "/CN=agent1.lab.test", "-keyout", f"{base}.key", "-out", f"{base}.pem")
        return base

    def test_a_client_that_refuses_our_certificate_is_quoted_within_its_line(self):
        self.check_refused(ssl.create_default_context(cafile=f"{self.self_signed()}.pem"),
                           r"reason=\"the client refused our certificate with alert 48 'unknown CA'")

    def test_garbage_instead_of_tls_is_refused(self):
        before = len(self.shim.lines(r"\brefused client="))
        with socket.create_connection(self.shim.address, 20) as channel:
            channel.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            while channel.recv(4096):
                pass
        until(lambda: len(self.shim.lines(r"\brefused client=")) == before + 1, "one refusal in the log")
        self.check_served()

    def test_a_renewed_certificate_for_the_same_key_is_let_in(self):
        ssldir = self.site.ssldir("agent1")
        key = f"{ssldir}/private_keys/agent1.lab.test.pem"
        renewed = os.path.join(self.site.directory, "renewed.pem")
        ca = os.path.join(self.site.pki, "ca")
        request = os.path.join(self.site.directory, "renewal.csr")
        run("openssl", "req", "-new", "-key", key, "-subj", "/CN=agent1.lab.test", "-out", request)
        ca_certificate, ca_key = f"{ca}/inter.pem", f"{ca}/inter.key"
        run("openssl", "x509", "-req", "-in", request, "-CA", ca_certificate, "-CAkey", ca_key, "-set_serial", "424242",
            "-days", "30", "-out", renewed)
        with self.shim.client(context=self.context(renewed, key)) as client:
            self.assertEqual(client.request("GET", TARGET).status, 200)


class UnixSocketUsers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(key="ec"))
        os.chmod(cls.site.directory, 0o755)  # so that the socket's own rules decide

    def ask_as_nobody(self, path):
        return run(sys.executable, "-c", AS_NOBODY, path, TARGET, user=NOBODY, group=NOBODY, extra_groups=[]).strip()

    def mode_of(self, path):
        return stat.S_IMODE(os.stat(path).st_mode)

    def test_without_users_root_alone_gets_to_the_file(self):
        with Shim(self.site, name="closed") as shim:
            self.assertEqual(self.mode_of(shim.socket_path), 0o600)
            self.assertEqual(shim.ask("GET", TARGET).status, 200)
            self.assertEqual(self.ask_as_nobody(shim.socket_path), "PermissionError")
        self.assertFalse(os.path.exists(shim.socket_path), "left over after a good end")

    def test_a_foreign_uid_is_refused_with_one_line_even_if_the_file_is_open_to_all(self):
        with Shim(self.site, name="wide", start=False) as shim:
            shim.parts["listen"] = shim.listen_unix(more='mode = "0666"\n')
            shim.start()
            self.assertEqual(self.mode_of(shim.socket_path), 0o666)
            self.assertIn(self.ask_as_nobody(shim.socket_path), ("closed", "ConnectionResetError", "BrokenPipeError"))
            until(lambda: shim.lines(r"\brefused client="), "the refusal in the log")
            self.assertEqual(shim.ask("GET", TARGET).status, 200)
            line, = shim.lines(r"\brefused client=")
            self.assertRegex(line, rf"uid {NOBODY} pid \d+.*{re.escape(shim.socket_path)}.*users")

    def test_a_listed_uid_is_let_in(self):
        with Shim(self.site, name="listed", start=False) as shim:
            shim.parts["listen"] = shim.listen_unix(more=f"users = [{NOBODY}]\n")
            shim.start()
            self.assertEqual(self.mode_of(shim.socket_path), 0o666)
            self.assertEqual(self.ask_as_nobody(shim.socket_path), "HTTP/1.1 200 OK")
            self.assertRegex(shim.exchanges(1)[0]["client"], rf"uid {NOBODY} pid \d+")

    def test_curl_speaks_to_it(self):
        with Shim(self.site, name="curled") as shim:
            done = run("curl", "-sS", "--fail", "--unix-socket", shim.socket_path,
                       "http://localhost/puppet-ca/v1/certificate/ca")
            self.assertIn("BEGIN CERTIFICATE", done)
            subprocess.run(["curl", "-sk", "--unix-socket", shim.socket_path, "https://localhost/"], check=False, timeout=60,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            self.assertEqual(len(shim.lines(r"refused request .*reason=\"it is TLS, where plain HTTP is expected\"", 1)), 1)


def run(*command, **more):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, timeout=60, **more)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.stdout}")
    return done.stdout


if __name__ == "__main__":
    unittest.main()
