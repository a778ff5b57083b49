"""The control socket: who may use it, what it refuses, and that it is never in the way of the proxy."""

import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
import unittest

from control_site import bunraku, candidates_of, control
from labsite import MasterSpec, Shim, Site, until

NOBODY = 65534
AS_NOBODY = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(sys.argv[1])
    s.sendall(b"GET /v1/status HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
    answer = b""
    while piece := s.recv(65536): answer += piece
    print(answer.decode())
except OSError as error:
    print(type(error).__name__)
"""
TARGET = "/puppet/v3/file_content/modules/lab/generated/100"


class Admin(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(masters=[MasterSpec("one", ("files", "catalog"))],
                                              srv={"files": ("one",), "catalog": ("one",)}, key="ec"))
        os.chmod(cls.site.directory, 0o755)  # so that the socket's own rules decide

    def shim(self, name="bunraku", extra="", **more):
        return Shim(self.site, name=name, extra=extra, **more)

    def send(self, shim, data, seconds=60):
        """What comes back for these bytes, to the end of the connection."""
        with shim.open_unix(shim.process.control_path, seconds) as channel:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                channel.sendall(data)
            answer = b""
            while piece := channel.recv(65536):
                answer += piece
        return answer.decode()

    def check_answers(self, shim):
        status, document = control(shim, "GET", "/v1/status")
        self.assertEqual((status, document["version"]), (200, 1))

    def check_error(self, answer, status, code):
        self.assertRegex(answer, rf"^HTTP/1\.1 {status} ")
        self.assertEqual(json.loads(answer[answer.index("{"):])["error"]["code"], code)

    def test_the_file_is_for_its_owner_alone_and_goes_with_the_daemon(self):
        with self.shim() as shim:
            path = shim.process.control_path
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            self.check_answers(shim)
        self.assertFalse(os.path.exists(path))

    def test_another_user_is_refused_even_if_the_file_is_open_to_all(self):
        with self.shim() as shim:
            path = shim.process.control_path
            ask = [sys.executable, "-c", AS_NOBODY, path]
            as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": [], "text": True, "timeout": 60}
            self.assertEqual(subprocess.check_output(ask, **as_nobody).strip(), "PermissionError")
            os.chmod(path, 0o666)
            self.check_error(subprocess.check_output(ask, **as_nobody), 403, "forbidden")
            self.assertEqual(len(shim.lines(rf"control\.refused client=\"uid {NOBODY} pid \d+\"")), 1)
            self.check_answers(shim)

    def test_curl_can_drive_it(self):
        with self.shim() as shim:
            def curl(*words):
                return json.loads(subprocess.check_output(
                    ["curl", "-sS", "--unix-socket", shim.process.control_path, *words], timeout=60))

            self.assertEqual(curl("http://localhost/v1/explain/files")["services"][0]["service"], "files")
            done = curl("http://localhost/v1/drain", "-d", '{"master": "one.lab.test", "for": "5m"}')
            self.assertEqual((done["drained"], done["until_seconds"]), ([f"one.lab.test:{self.site.port}"], 300))
            self.assertEqual(curl("-X", "POST", "http://localhost/v1/reload")["reloaded"], True)
            self.assertEqual(curl("http://localhost/v1/undrain", "-d", '{"master": "one.lab.test"}')["version"], 1)

    def test_what_is_no_request_is_refused(self):
        with self.shim() as shim:
            for data, status, code in (
                    (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400, "bad_request"),
                    (b"status\r\n\r\n", 400, "bad_request"),
                    (b"GET /v1/status HTTP/1.1\r\n\r\n", 400, "bad_request"),
                    (b"GET /v1/status HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 10000 + b"\r\n\r\n", 431, "bad_request"),
                    (b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "bad_request"),
                    (b"GET /v1/secrets HTTP/1.1\r\nHost: x\r\n\r\n", 404, "unknown_path"),
                    (b"GET /v1/reload HTTP/1.1\r\nHost: x\r\n\r\n", 405, "wrong_method"),
                    (b"POST /v1/drain HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde", 400, "bad_json"),
                    (b"POST /v1/drain HTTP/1.1\r\nHost: x\r\nContent-Length: 4097\r\n\r\n" + b" " * 4097, 413,
                     "too_large"),
                    (b"POST /v1/drain HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411,
                     "length_required")):
                with self.subTest(data[:60]):
                    self.check_error(self.send(shim, data), status, code)
            self.assertIn("\r\nAllow: POST\r\n", self.send(shim, b"GET /v1/reload HTTP/1.1\r\nHost: x\r\n\r\n"))
            self.check_answers(shim)

    def test_the_answer_to_head_has_no_body_and_says_what_is_taken(self):
        with self.shim() as shim:
            for path, status in (("/v1/status", 405), ("/v1/reload", 405), ("/v1/secrets", 404)):
                with self.subTest(path):
                    head, end, rest = self.send(shim, f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).partition("\r\n\r\n")
                    self.assertRegex(head, rf"^HTTP/1\.1 {status} ")
                    self.assertRegex(head, r"\r\nContent-Length: [1-9]")
                    self.assertEqual((end, rest), ("\r\n\r\n", ""))
            self.assertIn("\r\nAllow: GET\r\n", self.send(shim, b"HEAD /v1/status HTTP/1.1\r\nHost: x\r\n\r\n"))
            self.check_answers(shim)

    def test_a_request_that_does_not_come_to_its_end_is_given_up(self):
        with self.shim() as shim, shim.open_unix(shim.process.control_path) as other:
            other.sendall(b"GET /v1/status HTTP/1.1\r\n")
            self.check_error(self.send(shim, b"POST /v1/drain HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"), 408,
                             "too_slow")
            self.assertRegex(other.recv(65536).decode(), r"^HTTP/1\.1 408 ")

    def test_many_clients_at_once_are_refused_and_the_proxy_goes_on(self):
        with self.shim() as shim, contextlib.ExitStack() as waiting:
            for _ in range(8):
                waiting.enter_context(shim.open_unix(shim.process.control_path))
            until(lambda: control(shim, "GET", "/v1/status")[0] == 503, "the ninth client to be refused")
            self.assertEqual(shim.ask("GET", TARGET).status, 200)
            waiting.close()
            until(lambda: control(shim, "GET", "/v1/status")[0] == 200, "room for another client")

    def test_a_file_that_a_killed_daemon_left_is_replaced(self):
        shim = self.shim("killed")
        shim.process.kill()
        path = shim.process.control_path
        self.assertTrue(os.path.exists(path))
        done = bunraku(shim, "status")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"Connection refused\. It was killed, it seems")
        with shim.start():
            self.assertEqual(shim.process.control_path, path)
            self.check_answers(shim)

    def test_two_daemons_do_not_take_it_from_each_other(self):
        with self.shim() as first:
            extra = f'[admin]\nsocket = "{first.process.control_path}"\n'
            with self.shim("second", extra) as second:
                pid = first.process.pid
                line, = [line for line in second.log().splitlines() if "No control socket" in line]
                self.assertRegex(line, rf"second\.toml:\d+: warning: No control socket at .*another process \(pid {pid}\) "
                                       r"listens there; is it another bunraku\?")
                self.assertEqual(second.ask("GET", TARGET).status, 200)
                self.assertEqual(control(first, "GET", "/v1/status")[1]["pid"], pid)
            self.check_answers(first)

    def test_a_place_that_cannot_be_had_is_a_warning(self):
        place = os.path.join(self.site.directory, "a-file")
        with open(place, "w", encoding="ascii") as file:
            file.write("precious")
        for path, reason in ((place, "a file that is no socket"), (f"{place}/x.sock", "Not a directory"),
                             ("/proc/none/x.sock", "No such file or directory")):
            with self.subTest(path), self.shim("nowhere", f'[admin]\nsocket = "{path}"\n') as shim:
                self.assertRegex(shim.log(), rf"nowhere\.toml:\d+: warning: No control socket at .*{reason}")
                self.assertEqual(shim.ask("GET", TARGET).status, 200)
        with open(place, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")

    def test_it_can_be_off_and_moved_by_a_reload(self):
        with self.shim(extra='[admin]\nsocket = ""\n') as shim:
            path = shim.process.control_path
            self.assertFalse(os.path.exists(path))
            shim.reload(shim.config(extra=""))
            self.check_answers(shim)
            other = os.path.join(self.site.directory, "moved.sock")
            shim.reload(shim.config(extra=f'[admin]\nsocket = "{other}"\n'))
            self.assertFalse(os.path.exists(path))
            self.assertEqual(control(shim, "GET", "/v1/status", path=other)[0], 200)
            # The command line finds it by the daemon's own configuration.
            done = subprocess.run([os.environ["BUNRAKU_BIN"], "status", "--config", shim.process.config_path],
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_file_that_was_removed_is_there_again_after_a_reload(self):
        with self.shim() as shim:
            path = shim.process.control_path
            os.unlink(path)
            shim.reload()
            self.check_answers(shim)
            # What somebody has put in its place is left alone, and told.
            os.unlink(path)
            with open(path, "w", encoding="ascii") as file:
                file.write("precious")
            shim.reload()
            self.assertRegex(shim.log(), rf"No control socket at {path}: a file that is no socket is there")
        with open(path, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")
        os.unlink(path)

    def test_reload_tells_its_problems_and_a_bad_configuration_changes_nothing(self):
        with self.shim() as shim:
            self.assertEqual(control(shim, "POST", "/v1/drain", {"master": "one.lab.test"})[0], 200)
            good = shim.config()
            for text in (good + "[limist]\n", good):
                with open(shim.process.config_path, "w", encoding="utf-8") as file:
                    file.write(text)
                done = bunraku(shim, "reload")
                if text == good:
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertRegex(done.stdout, r"^reloaded; listens on ")
                else:
                    self.assertEqual((done.returncode, done.stdout), (2, ""))
                    self.assertRegex(done.stderr, r"bunraku\.toml:\d+: error: There is no table \[limist\]\. Did you "
                                                  r"mean \[limits\]\?\n(?s:.*)goes on as before")
                self.assertEqual(candidates_of(shim)["one"]["state"], "draining")
                self.assertEqual(shim.ask("GET", TARGET).status, 200)

    def test_it_is_closed_while_the_daemon_drains(self):
        with self.shim() as shim:
            path = shim.process.control_path
            shim.stop()
            self.assertFalse(os.path.exists(path))
            with self.assertRaises((FileNotFoundError, ConnectionRefusedError)), socket.socket(socket.AF_UNIX) as late:
                late.connect(path)
            shim.start()


if __name__ == "__main__":
    unittest.main()
