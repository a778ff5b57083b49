"""The benchmark of decisions runs, and what it promises that is no matter of time holds: a pick allocates nothing."""

import json
import os
import subprocess
import unittest


class Decisions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        done = subprocess.run([os.environ["BUNRAKU_DECISIONS"], "--benchmark_min_time=0.01", "--benchmark_format=json"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=200, check=True)
        cls.rows = {row["name"].split("/iterations")[0].split("/real_time")[0]: row
                    for row in json.loads(done.stdout)["benchmarks"]}

    def test_each_of_them_ran(self):
        self.assertEqual(sorted(self.rows), sorted([
            "pick/2", "pick/16", "pick/1000", "srv_answer/200", "c_interface/resolve", "c_interface/candidate_host",
            "resolver_memory"]))
        for name, row in self.rows.items():
            self.assertFalse(row.get("error_occurred", False), f"{name}: {row.get('error_message')}")

    def test_a_pick_allocates_nothing(self):
        for name in ("pick/2", "pick/16", "pick/1000"):
            self.assertEqual(self.rows[name]["allocations"], 0, name)

    def test_a_resolver_is_small(self):
        self.assertLess(self.rows["resolver_memory"]["bytes_each"], 64 * 1024)


if __name__ == "__main__":
    unittest.main()
