"""Mixed traffic with random faults, long enough for what leaks to show: a minute, or BUNRAKU_SOAK_SECONDS. Every answer is
right or honest, the daemon never ends, and what it holds stays what it was after the first third: memory within 1 MiB
(not measured under sanitizers, which keep what is freed), descriptors within what may be kept."""

import http.client
import json
import os
import random
import re
import ssl
import sys
import threading
import time
import unittest

from labsite import Shim, Site, service_requests, until

SECONDS = float(os.environ.get("BUNRAKU_SOAK_SECONDS", "60"))
CLIENTS = 6
FAULTS = ("status:503,retry_after:1", "status:500", "status:404", "close_before_answer", "reset_before_answer",
          "close_after_bytes:1000", "reset_after_bytes:50000", "delay_ms:200", "close_after_answer", "notify_after_answer",
          "last_answer", "reset_after_handshake")
MEMORY_KIB = 1024


def generated(size):
    return f"/puppet/v3/file_content/modules/lab/generated/{size}"


class Soak(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site(key="ec"))
        self.shim = Shim(self.site, extra='[limits]\nstall_timeout = "5s"\nreplay_bytes = 100000\n'
                         '[service.files]\nfirst_byte_timeout = "5s"\n[service.catalog]\nfirst_byte_timeout = "5s"\n')
        self.over = threading.Event()
        self.counts, self.wrong = {}, []
        self.lock = threading.Lock()

    def note(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def fail_later(self, what):
        with self.lock:
            self.wrong.append(what)

    def watched(self, work, seed):
        try:
            work(seed)
        except Exception as error:  # pylint: disable=broad-except
            self.fail_later(f"{work.__name__}: {error!r}")

    def client(self, seed):
        """Requests of all kinds, over TLS and the socket, some of them left in the middle."""
        chance = random.Random(seed)
        kinds = service_requests(self.site)
        while not self.over.is_set():
            try:
                if chance.random() < 0.5:
                    with self.shim.client() as client:
                        for _ in range(chance.randrange(1, 8)):
                            self.one(chance, kinds, client.request)
                        if chance.random() < 0.2:
                            client.send_request("GET", generated(3_000_000))
                            client.start_answer().read(1000)
                else:
                    self.one(chance, kinds, lambda m, t, b=None, **_: self.shim.ask(m, t, b))
            except (OSError, ssl.SSLError, http.client.HTTPException) as error:
                self.note(type(error).__name__)

    def one(self, chance, kinds, ask):
        if chance.random() < 0.4:
            size = chance.choice((0, 1, 1000, 16384, 70_000, 1_000_000))
            answer, wanted = ask("GET", generated(size)), size
        else:
            method, target, body, _ = kinds[chance.choice(list(kinds))]
            if method == "POST":
                body += b"&padding=" + b"x" * chance.choice((0, 5000, 300_000))
            answer, wanted = ask(method, target, body), None
        self.note(answer.status)
        if answer.status == 200 and wanted is not None and len(answer.body) != wanted:
            self.fail_later(f"{len(answer.body)} bytes of {wanted}")
        if answer.status in (502, 504) and b"message" not in answer.body:  # ours; others may be a master's
            self.fail_later(f"{answer.status} without words: {answer.body[:200]}")

    def trouble(self, seed):
        """A fault at a master now and then, one that dies and comes back, and reloads."""
        chance = random.Random(seed)
        compilers = [self.site.masters[name] for name in ("compile1", "compile2", "files")]
        while not self.over.wait(chance.uniform(0.2, 0.8)):
            master = chance.choice(compilers)
            kind = chance.random()
            if kind < 0.7:
                master.fault(chance.choice(FAULTS), times=chance.randrange(1, 4))
            elif kind < 0.8:
                master.drop_connections()
            elif kind < 0.9:
                self.shim.reload()
            else:
                master.clear_faults()

    def held(self):
        pid = self.shim.process.pid
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            return int(re.search(r"^RssAnon:\s+(\d+)", file.read(), re.MULTILINE)[1])

    def settled(self):
        """What it holds when no client is there: traffic stops, connections end, then it is measured."""
        self.over.set()
        for thread in self.threads:
            thread.join(120)
            self.assertFalse(thread.is_alive(), "a client hangs")
        for master in self.site.masters.values():
            master.clear_faults()
        self.shim.reload()  # lets go of kept connections
        until(lambda: self.shim.process.is_running(), "the daemon")
        return self.held()

    def run_for(self, seconds, seed):
        self.over.clear()
        self.threads = [threading.Thread(target=self.watched, args=(work, f"{seed}-{n}"), daemon=True)
                        for n, work in enumerate([self.client] * CLIENTS + [self.trouble])]
        for thread in self.threads:
            thread.start()
        self.over.wait(seconds)
        return self.settled()

    def test_nothing_grows(self):
        seed = os.environ.get("BUNRAKU_SEED") or str(random.randrange(1 << 32))
        print(f"seed {seed}", file=sys.stderr)
        sizes = [self.run_for(SECONDS / 3, f"{seed}-{part}") for part in range(3)]
        print(f"KiB after each third: {sizes}; answers {json.dumps({str(k): v for k, v in self.counts.items()})}", file=sys.stderr)
        self.assertEqual(self.wrong[:10], [])
        self.assertTrue(self.shim.process.is_running())
        self.assertGreater(self.counts.get(200, 0), 20 * SECONDS / 60)
        if not self.site.sanitized:
            self.assertLessEqual(sizes[2] - sizes[0], MEMORY_KIB, "memory after the last third against the first")
        self.shim.process.baseline.check(self.shim.log)
        self.shim.stop()


if __name__ == "__main__":
    unittest.main()
