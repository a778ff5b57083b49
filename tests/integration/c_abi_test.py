"""bunraku.h against real masters: c_abi_cases tries what the header promises; here is what the masters saw of it."""

import os
import re
import subprocess
import unittest

from labsite import Site

CASES = os.environ["BUNRAKU_C_ABI_CASES"]


class CAbi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = site = cls.enterClassContext(Site())
        cls.conf = os.path.join(site.directory, "c-puppet.conf")
        with open(cls.conf, "w", encoding="ascii") as file:
            file.write(f"[main]\ncertname = {site.fqdn('agent1')}\nssldir = {site.ssldir('agent1')}\n"
                       f"use_srv_records = true\nsrv_domain = {site.domain}\n")
        cls.compilers = [site.masters[name] for name in ("compile1", "compile2")]

    def run_case(self, name, conf=None):
        done = subprocess.run([CASES, name, conf or self.conf, f"{self.site.dns.address}:{self.site.dns.port}"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=240, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def clients(self):
        return {request["client"] for master in ("compile1", "compile2")
                for request in self.site.requests("/status/").get(master, [])}

    def test_candidates_are_those_of_dns_in_order_and_say_why(self):
        lines = self.run_case("candidates").splitlines()
        self.assertEqual({line.split()[0] for line in lines},
                         {f"{master.name}:{self.site.port}" for master in self.compilers})
        for line in lines:
            self.assertRegex(line, r"^\S+ srv up healthy; ")

    def test_reports_decide_who_comes_first(self):
        self.run_case("reports")

    def test_hosts_are_known_however_they_are_spelt_and_texts_are_utf8(self):
        said = self.run_case("spelling").splitlines()
        self.assertEqual(sorted(line.split()[0] + " " + line.split()[1] for line in said),
                         ["::1 down", "::ffff:192.0.2.1 up", "a.test down"])
        self.assertIn("a.test down it is down, so it is tried last: no? [31m !", said)

    def test_a_write_to_a_master_that_said_goodbye_is_the_systems_error(self):
        self.run_case("goodbye")

    def test_programs_that_the_host_starts_get_no_descriptor(self):
        self.run_case("exec")

    def test_stream_carries_requests_as_the_agent(self):
        said = self.run_case("get").strip()
        self.assertIn(said, [f"{master.name}:{self.site.port}" for master in self.compilers])
        self.assertEqual(self.clients(), {self.site.fqdn("agent1")})

    def test_event_loop_never_blocks(self):
        self.run_case("event_loop")

    def test_child_of_fork_gets_an_error_and_does_the_parent_no_harm(self):
        self.run_case("fork")

    def test_misuse_is_refused_in_words(self):
        self.run_case("misuse")

    def test_threads_may_share_a_resolver(self):
        self.run_case("threads")

    def test_stream_may_be_reported_on_while_its_resolver_is_freed(self):
        self.run_case("report_while_freed")

    def test_resolver_may_be_freed_whatever_its_requests_have_come_to(self):
        self.run_case("freed_meanwhile")

    def test_process_may_exit_whatever_is_under_way(self):
        self.run_case("exit")

    def test_connection_that_nobody_took_ends_with_its_request(self):
        self.run_case("left_over")

    def test_silent_masters_cost_no_more_than_the_time_given(self):
        for master in self.compilers:
            master.pause()
        try:
            said = self.run_case("silence")
        finally:
            for master in self.compilers:
                master.resume()
        for master in self.compilers:
            self.assertIn(f"{master.name}:{self.site.port}: connect: not ready yet when the caller gave up", said)

    def test_a_stream_tells_who_was_tried_before_its_master(self):
        first = self.run_case("candidates").split(":")[0]
        dead = next(master for master in self.compilers if master.name == first)
        dead.kill()
        try:
            said = self.run_case("tried").splitlines()
        finally:
            dead.start()
        self.assertEqual(len(said), 1)
        self.assertRegex(said[0], rf"^{re.escape(dead.name)}:{self.site.port}: connect: Connection refused \(after ")

    def test_what_puppets_command_line_would_say_wins(self):
        self.assertEqual(self.run_case("settings").splitlines(),
                         ["ca d.test:2", "catalog a.test:3 b.test:1", "report a.test:3 b.test:1"])

    def test_who_may_be_a_master_is_demanded(self):
        said = self.run_case("demands").splitlines()
        self.assertEqual(len(said), 3)
        self.assertIn("not a master's", said[0])
        self.assertIn("elsewhere.test", said[1])
        self.assertIn("its key is none of", said[2])

    def test_dns_answers_outlive_the_process(self):
        self.run_case("store")

    def test_error_names_every_attempt(self):
        conf = os.path.join(self.site.directory, "c-nobody.conf")
        port = self.site.range.free_port((1, 2))
        with open(self.conf, encoding="ascii") as file, open(conf, "w", encoding="ascii") as other:
            other.write(file.read().replace("use_srv_records = true", "use_srv_records = false"))
            other.write("server_list = " + ",".join(f"{master.name}:{port}" for master in self.compilers) + "\n")
        said = self.run_case("refusal", conf)
        for master in self.compilers:
            self.assertRegex(said, re.escape(f"{master.name}:{port}") + r": connect: Connection refused \(after ")


if __name__ == "__main__":
    unittest.main()
