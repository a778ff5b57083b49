"""What a master answers and the shim passes on must be read by everybody as one and the same answer: status, fields, body,
and where it ends. Whatever of it the shim does not take is a 502, and such a master's connection is not used again. What
readers do not agree on has to be refused by shim/http. tests/integration/proxy_limits_test.py has the same with a daemon."""

import concurrent.futures
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import unittest

import answer_mutations
import answer_readers
from answer_readers import NEXT, Player
from proxies import start_proxy

# Fields that masters' answers have a meaning by. A proxy writes others anew.
FIELDS = ("content-type", "content-encoding", "x-puppet-version", "etag", "location", "vary", "set-cookie", "x")
BY_PROXIES = FIELDS[:5]


def expected_of(method, result):
    """The case that a reader is given: what was written, and what it has to read."""
    written, body = bytes.fromhex(result["written"]), bytes.fromhex(result["body"])
    fields = {}
    for line in written.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        fields.setdefault(name.decode("ascii").lower(), []).append(value.strip(b" \t").hex())
    return {"method": method, "written": written, "whole": result["whole"],
            "read": {"status": result["status"], "length": len(body), "sha256": hashlib.sha256(body).hexdigest(), "fields": fields,
                     "next": NEXT}}


class Answers(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.directory = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="bunraku-strict-"))
        cls.player = Player()
        cls.addClassCleanup(cls.player.server_close)
        cls.addClassCleanup(cls.player.shutdown)
        cls.readers = {name: getattr(answer_readers, name) for name in ("python", "ruby", "node", "curl")}
        for name in ("nginx", "haproxy"):
            cls.readers[name] = answer_readers.behind(start_proxy(cls, name, cls.directory, cls.player.port))

    @staticmethod
    def passed_on(streams):
        """([case], {why: how many were refused for it}, how many masters' connections are kept)."""
        fed = b"".join(f"{method} {len(s)}\n".encode() + s for method, s in streams)
        lines = subprocess.run([os.environ["BUNRAKU_STRICT_PASS_ON"]], input=fed, stdout=subprocess.PIPE, check=True,
                               timeout=300).stdout.splitlines()
        if len(lines) != len(streams):
            raise AssertionError(f"{len(lines)} results for {len(streams)} inputs")
        cases, refused, kept = {}, {}, 0
        for (method, _), line in zip(streams, lines):
            result = json.loads(line)
            if "refused" in result:
                refused[result["refused"]] = refused.get(result["refused"], 0) + 1
                continue
            kept += result["reused"]
            case = expected_of(method, result)
            cases[(method, case["written"], case["whole"])] = case
        return list(cases.values()), refused, kept

    def disagreements(self, name, cases):
        """What this reader does not read as it should: [(method, bytes, what differs: had to be, is)]."""
        names = BY_PROXIES if name in ("nginx", "haproxy") else FIELDS
        said = self.readers[name](cases, self.player)
        self.assertEqual(len(said), len(cases), name)
        differences = [self.difference(case, one, names) for case, one in zip(cases, said)]
        return [(case["method"], case["written"][:300], difference) for case, difference in zip(cases, differences) if difference]

    @staticmethod
    def difference(case, said, names):
        wanted = case["read"]
        if not case["whole"]:
            # Behind the last chunk nothing is missing but the end of the coding.
            has_all = re.search(rb"\r\n0[\r\n]*\Z", case["written"]) and said.get("sha256") == wanted["sha256"]
            return {} if "error" in said or has_all else {"whole": (False, True)}
        if "error" in said:
            return {"error": (None, said["error"])}
        found = {key: (wanted[key], said[key]) for key in ("status", "length", "sha256", "next") if said.get(key) != wanted[key]}
        # Node asks on a new connection behind an answer to HEAD without a length: then nothing can be shifted.
        if case["method"] == "HEAD" and said.get("next") == answer_readers.ELSEWHERE:
            found.pop("next")
        for name in names:
            if names is BY_PROXIES and len(wanted["fields"].get(name, "")) > 1:
                continue  # they make one of it
            if said["fields"].get(name) != wanted["fields"].get(name):
                found[name] = (wanted["fields"].get(name), said["fields"].get(name))
        return found

    def play(self, cases):
        for number, case in enumerate(cases):
            case["number"] = number
        self.player.cases = cases

    def check(self, streams, fewest_accepted, fewest_refused):
        cases, refused, kept = self.passed_on(streams)
        self.assertGreaterEqual(len(cases), fewest_accepted)
        self.assertGreaterEqual(sum(refused.values()), fewest_refused)
        self.play(cases)
        with concurrent.futures.ThreadPoolExecutor(len(self.readers)) as pool:
            results = list(pool.map(lambda name: self.disagreements(name, cases), self.readers))
        print(f"{len(streams)} answers, {sum(refused.values())} refused for {len(refused)} reasons, {kept} leave the master's "
              f"connection in use; {len(cases)} to each of {len(self.readers)} readers", file=sys.stderr)
        for name, wrong in zip(self.readers, results):
            self.assertEqual(wrong[:3], [], f"{len(wrong)} read otherwise by {name}")

    def test_a_shifted_answer_would_be_noticed(self):
        good = answer_mutations.answer(lines=(b"Content-Length: 3", b"X-Puppet-Version: 7"))
        cases, _, _ = self.passed_on([("GET", good)])
        right, = cases
        others = [{**right, "written": good + answer_mutations.NEXT}, {**right, "written": good.replace(b"abc", b"abd")},
                  {**right, "written": good.replace(b"200", b"201")}, {**right, "written": good.replace(b"n: 7", b"n: 8")},
                  {**right, "whole": False}]
        for name in self.readers:
            self.play([right, *others])
            wrong = self.disagreements(name, self.player.cases)
            # Some drop what comes behind an answer at once, which is right as well.
            drops = name in ("node", "nginx", "haproxy")
            self.assertEqual(len(wrong), 4 if drops else 5, (name, wrong))

    def test_what_the_fuzzers_know(self):
        self.check(answer_mutations.corpora(), 10, 10)

    def test_every_byte_in_every_place(self):
        self.check(answer_mutations.every_byte(), 300, 1000)

    def test_what_could_shift_an_answer(self):
        self.check(answer_mutations.shifting(), 300, 1000)

    def test_random_mutations(self):
        seed = int(os.environ.get("BUNRAKU_SEED", "20261127"))
        count = int(os.environ.get("BUNRAKU_MUTATIONS", "3000"))
        print(f"seed {seed}", file=sys.stderr)
        self.check(answer_mutations.mutated(random.Random(seed), count), count // 20, count // 20)


if __name__ == "__main__":
    unittest.main()
