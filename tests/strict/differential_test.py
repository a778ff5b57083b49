"""One request must never be read as two, by nobody: what the shim accepts and writes anew is given to other readers of
HTTP (Jetty, which puppetserver is made of; Node; nginx; HAProxy), and each must read exactly that one request, with the
same method, target, host and body. What they do not agree on has to be refused by shim/http."""

import concurrent.futures
import contextlib
import hashlib
import http.server
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

from labsite import Process

import mutations
from proxies import start_proxy

HERE = os.path.dirname(os.path.abspath(__file__))
MASTER = "master.example.com:8140"
SENTINEL = b"GET /sentinel HTTP/1.1\r\nHost: sentinel\r\n\r\n"
EMPTY = hashlib.sha256(b"").hexdigest()
SENTINEL_READ = {"method": "GET", "target": "/sentinel", "host": "sentinel", "length": 0, "sha256": EMPTY}
JAVA = "/usr/share/java"
CLASS_PATH = ":".join([f"{JAVA}/clojure.jar", *(f"{JAVA}/jetty9-{part}.jar" for part in ("server", "http", "io", "util")),
                       f"{JAVA}/servlet-api.jar"])

# A reader may refuse with a clear error what it does not want: then nobody has read two requests. Each such reason is
# known here; any other refusal is a disagreement. (reader, status, pattern of the target)
REFUSALS = (
    ("jetty", 400, r"/(\.|%2e){2}(;|/|$|\?)"),  # a path that climbs out of its root
    ("nginx", 400, r"/(\.|%2e){2}(/|$|\?)"),
)


def expected_of(request):
    body = bytes.fromhex(request["body"])
    return {"method": request["method"], "target": request["target"], "host": MASTER, "length": len(body),
            "sha256": hashlib.sha256(body).hexdigest()}


class Recorder(http.server.BaseHTTPRequestHandler):
    """Behind nginx and HAProxy: says what they made of a request. Trusts them to frame their own."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        if self.headers.get("Transfer-Encoding"):
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline() not in (b"\r\n", b"\n", b""):
                pass
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        words = self.requestline.split(" ")
        read = {"method": words[0], "target": words[1], "host": self.headers["Host"], "length": len(body),
                "sha256": hashlib.sha256(body).hexdigest()}
        self.send_response(200)
        self.send_header("X-Read", json.dumps(read).encode().hex())
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass

    def handle(self):
        with contextlib.suppress(ConnectionError):  # whoever is in front has left
            super().handle()


class Reader:
    """Connections to one reader, and what it says it has read."""

    def __init__(self, name, place):
        self.name = name
        self.place = place

    def read(self, requests):
        """What it read of these bytes, sent on one connection: ([what it read], why it ended or None)."""
        seen = []
        wanted = len(requests)
        with socket.create_connection(self.place, 60) as to:
            sender = threading.Thread(target=self._send, args=(to, b"".join(requests)), daemon=True)
            sender.start()
            answers = to.makefile("rb")
            while len(seen) < wanted:
                try:
                    status, fields = self._answer(answers)
                except OSError:
                    status, fields = 0, {}
                if status != 200 or "x-read" not in fields:
                    return seen, status
                seen.append(json.loads(bytes.fromhex(fields["x-read"])))
            return seen, None

    @staticmethod
    def _send(to, data):
        with contextlib.suppress(OSError):  # it has answered and left
            to.sendall(data)

    @staticmethod
    def _answer(answers):
        """(status, fields) of an answer without a body; (0, {}) when none comes."""
        line = answers.readline()
        found = re.match(rb"HTTP/1\.1 (\d{3})", line)
        if not found:
            return 0, {}
        fields = {}
        while (line := answers.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            fields[name.decode("latin-1").lower()] = value.strip().decode("latin-1")
        return int(found[1]), fields


class Differential(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.directory = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="bunraku-strict-"))
        recorder = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
        recorder.daemon_threads = True
        threading.Thread(target=recorder.serve_forever, daemon=True).start()
        cls.addClassCleanup(recorder.shutdown)
        jetty = cls.start("jetty", "java", "-Xmx256m", "-cp", CLASS_PATH, "clojure.main", f"{HERE}/readers/jetty.clj")
        node = cls.start("node", "node", f"{HERE}/readers/node.js")
        cls.readers = [Reader(name, start_proxy(cls, name, cls.directory, recorder.server_port))
                       for name in ("nginx", "haproxy")]
        for name, process in (("jetty", jetty), ("node", node)):
            port = int(process.wait_for_line(r"^port (\d+)", "stdout", 120)[1])
            cls.readers.append(Reader(name, ("127.0.0.1", port)))

    @classmethod
    def start(cls, name, *command):
        process = Process(name, command, cls.directory)
        cls.addClassCleanup(process.kill)
        return process

    @staticmethod
    def rewritten(streams):
        """{what the shim writes to a master: what it says that this is}, and how many streams it refused."""
        fed = b"".join(b"%d\n" % len(s) + s for s in streams)
        lines = subprocess.run([os.environ["BUNRAKU_STRICT_REWRITE"]], input=fed, stdout=subprocess.PIPE, check=True,
                               timeout=300).stdout.splitlines()
        if len(lines) != len(streams):
            raise AssertionError(f"{len(lines)} results for {len(streams)} inputs")
        found, refused = {}, 0
        for line in lines:
            result = json.loads(line)
            refused += "refused" in result
            for request in result["requests"]:
                found[bytes.fromhex(request["written"])] = expected_of(request)
        return found, refused

    def disagreements(self, reader, cases):
        """What this reader does not read as it should: [(bytes, what it said)]."""
        found, size = [], 40
        for begin in range(0, len(cases), size):
            batch = cases[begin:begin + size]
            requests = [part for written, _ in batch for part in (written, SENTINEL)]
            wanted = [part for _, one in batch for part in (one, SENTINEL_READ)]
            if reader.read(requests) == (wanted, None):
                continue
            for written, one in batch:  # which of them?
                said = reader.read([written, SENTINEL])
                if said != ([one, SENTINEL_READ], None) and not self.is_known(reader.name, one, said):
                    found.append((written[:2000], one, said))
        return found

    @staticmethod
    def is_known(reader, one, said):
        read, status = said
        return not read and any(reader == name and status == code and re.search(pattern, one["target"], re.IGNORECASE)
                                for name, code, pattern in REFUSALS)

    def check(self, streams, fewest_accepted, fewest_refused):
        cases, refused = self.rewritten(streams)
        self.assertGreaterEqual(len(cases), fewest_accepted)
        self.assertGreaterEqual(refused, fewest_refused)
        cases = list(cases.items())
        with concurrent.futures.ThreadPoolExecutor(len(self.readers)) as pool:
            results = list(pool.map(lambda reader: self.disagreements(reader, cases), self.readers))
        print(f"{len(streams)} streams, {refused} refused, {len(cases)} requests to each of {len(self.readers)} readers",
              file=sys.stderr)
        for reader, wrong in zip(self.readers, results):
            self.assertEqual(wrong[:10], [], f"{len(wrong)} read otherwise by {reader.name}")

    def test_a_second_request_would_be_noticed(self):
        body = b"Content-Length: 3\r\n\r\nabc"
        one = {"method": "POST", "target": "/a", "host": MASTER, "length": 3, "sha256": hashlib.sha256(b"abc").hexdigest()}
        good = b"POST /a HTTP/1.1\r\nHost: " + MASTER.encode() + b"\r\n" + body
        smuggled = good + b"GET /b HTTP/1.1\r\nHost: b\r\n\r\n"
        for reader in self.readers:
            self.assertEqual(self.disagreements(reader, [(good, one)]), [], reader.name)
            self.assertEqual(len(self.disagreements(reader, [(good, one), (smuggled, one)])), 1, reader.name)

    def test_what_the_fuzzers_know(self):
        self.check(mutations.corpora(), 20, 10)

    def test_every_byte_in_every_place(self):
        self.check(mutations.every_byte(), 300, 1000)

    def test_every_line_that_ever_smuggled_a_request(self):
        self.check(mutations.smuggling(), 100, 200)

    def test_random_mutations(self):
        seed = int(os.environ.get("BUNRAKU_SEED", "20261127"))
        count = int(os.environ.get("BUNRAKU_MUTATIONS", "6000"))
        print(f"seed {seed}", file=sys.stderr)
        self.check(mutations.mutated(random.Random(seed), count), count // 20, count // 20)


if __name__ == "__main__":
    unittest.main()
