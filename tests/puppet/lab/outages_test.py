"""A real agent's runs through bunraku while masters are full, restarted or unreachable, or while there is no DNS."""

import subprocess
import unittest

from agent_runs import AgentRuns, all_in_one
from labsite import Shim, own_network
from labsite.shim import DNS


class Outages(AgentRuns):
    layout = all_in_one("one", "two")

    def setUp(self):
        self.one, self.two = self.site.masters["one"], self.site.masters["two"]
        for master in (self.one, self.two):
            self.addCleanup(self.restore, master)

    @staticmethod
    def restore(master):
        if master.process.is_running():
            master.resume()
            master.clear_faults()
        else:
            master.start()

    def good_run(self, before=None, shim=None, **settings):
        if shim is None:
            with Shim(self.site) as shim:
                return self.good_run(before, shim, **settings)
        finished = self.run_agent(before, shim, **settings)
        with self.explained(shim):
            self.assert_good(finished)
        return finished


class Saturated(Outages):
    def test_one_master_that_is_full_is_left_alone(self):
        self.one.fault("status:503,retry_after:600", body="queue full")
        finished = self.good_run()
        self.assertEqual(set(finished.masters), {"two"})
        asked = [line["target"] for line in self.one.requests("/puppet/v3/")]
        self.assertLessEqual(len(asked), 3, asked)  # it said so once for each service

    def test_when_all_are_full_for_a_while_the_run_waits_and_does_not_notice(self):
        for path in ("file_metadatas/plugins", "catalog/", "report/"):
            for master in (self.one, self.two):
                master.fault("status:503,retry_after:1", body="queue full", path_prefix=f"/puppet/v3/{path}", times=1)
        finished = self.good_run()
        self.assertEqual(sum("waited_ms" in line for line in finished.exchanges), 3, finished.exchanges)

    def test_when_all_are_full_for_long_the_agent_is_told_so_and_the_next_run_finds_them_again(self):
        for master in (self.one, self.two):
            master.fault("status:503,retry_after:600", body="queue full", path_prefix="/puppet/v3/catalog/")
        with Shim(self.site) as shim:
            finished = self.run_agent(shim=shim)
            with self.explained(shim):
                # Without the Retry-After that a 7.x agent cannot bear ("attempt to read body out of block").
                self.assertEqual(finished.run.returncode, 1)
                self.assertIn("Error 503 on SERVER: queue full", finished.run.output)
                self.assertNotIn("Sleeping", finished.run.output)
                self.assertNotIn("out of block", finished.run.output)
                self.assertEqual([len(m.requests("/puppet/v3/catalog/")) for m in (self.one, self.two)], [1, 1])
                self.assertEqual(len(self.stored()), 1)
                self.assert_report_came(1)
            for master in (self.one, self.two):
                master.clear_faults()
            self.good_run(shim=shim)


class Restarted(Outages):
    def test_a_master_that_is_restarted_before_each_request_keeps_its_run(self):
        def restart(*_):
            self.one.kill()
            self.one.start()

        finished = self.good_run(restart)
        self.assertEqual(set(finished.masters), {"one"})

    def test_masters_that_live_by_turns_serve_a_run_together(self):
        def swap(k, _):
            up, down = (self.one, self.two) if k % 2 else (self.two, self.one)
            if not up.process.is_running():
                up.start()
            down.kill()

        finished = self.good_run(swap)
        self.assertEqual(finished.masters, [("one", "two")[k % 2] for k in range(len(finished.requests))])

    def test_a_run_does_not_go_back_to_the_master_that_it_left(self):
        def restart(k, _):
            if k == 5:
                self.one.kill()
            if k == 9:
                self.one.start()

        finished = self.good_run(restart)
        with_pin = [line["master"].split(".")[0] for line in finished.exchanges if line["service"] != "report"]
        self.assertEqual(with_pin, ["one"] * 4 + ["two"] * (len(with_pin) - 4))


class WithoutDns(Outages):
    """The answers are too old by the time of the catalog, for facts take longer than they live."""

    def setUp(self):
        super().setUp()
        self.site.dns.ttl = 1
        self.site.publish()

    def lose_dns(self, lose):
        def before(k, request):
            if k == 2:
                lose()
            if request.startswith("POST /puppet/v3/catalog/"):
                self.one.kill()

        with Shim(self.site, dns=DNS + 'ttl_floor = "1s"\n') as shim:
            finished = self.good_run(before, shim)
            with self.explained(shim):
                self.assertEqual(finished.masters[-1], "two")

    def test_the_dns_server_dies_during_the_run_and_a_master_too(self):
        self.addCleanup(self.site.dns.start)
        self.lose_dns(self.site.dns.stop)

    def test_the_dns_server_falls_silent_during_the_run_and_a_master_dies(self):
        self.addCleanup(self.site.dns.process.resume)
        self.lose_dns(self.site.dns.process.pause)


class Blackholed(Outages):
    """In a network namespace of its own, where packets from and to a master vanish."""

    @classmethod
    def setUpClass(cls):
        own_network()
        super().setUpClass()
        nft("add table inet lab", "add chain inet lab out { type filter hook output priority 0; }")

    def setUp(self):
        super().setUp()
        self.addCleanup(nft, "flush chain inet lab out")

    def swallow(self, master):
        nft(*(f"add rule inet lab out ip {end} {master.address} drop" for end in ("saddr", "daddr")))

    def test_the_first_master_is_a_black_hole_from_the_begin(self):
        self.swallow(self.one)
        finished = self.good_run()
        self.assertEqual(set(finished.masters), {"two"})

    def test_the_first_master_becomes_a_black_hole_before_the_catalog(self):
        self.swallow_at("POST /puppet/v3/catalog/")

    def test_the_first_master_becomes_a_black_hole_before_the_report(self):
        self.swallow_at("PUT /puppet/v3/report/")

    def swallow_at(self, begin):
        finished = self.good_run(lambda _, request: self.swallow(self.one) if request.startswith(begin) else None)
        at = [request.startswith(begin) for request in finished.requests].index(True)
        self.assertEqual(finished.masters, ["one"] * at + ["two"] * (len(finished.masters) - at))


def nft(*commands):
    for command in commands:
        done = subprocess.run(["nft", *command.split()], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"nft {command}: {done.stderr}")


if __name__ == "__main__":
    unittest.main()
