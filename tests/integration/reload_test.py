"""SIGHUP, SIGTERM and kill -9: what is under way is finished, what is broken is not taken."""

import os
import shlex
import signal
import socket
import sys
import unittest

from control_site import candidates_of, control
from labsite import MasterSpec, Shim, Site, ask_on, until

ROLES = ("ca", "catalog", "files", "report")
TARGET = "/puppet/v3/file_content/modules/lab/generated/100"
SLOW = "/puppet/v3/file_content/modules/lab/generated/200000"


class Reload(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(masters=[MasterSpec("one", ROLES), MasterSpec("two", ROLES)], srv={},
                                              key="ec"))
        cls.one, cls.two = cls.site.masters["one"], cls.site.masters["two"]

    def setUp(self):
        for master in self.site.masters.values():
            master.clear_faults()
            master.forget_log()
        self.shim = self.enterContext(Shim(self.site, extra=self.files_at("one")))

    def files_at(self, name):
        return f'[service.files]\nmasters = ["{name}.lab.test:{self.site.port}"]\n'

    def slow_answer(self, master, client):
        """Asks for something that comes piece by piece; returns when its first bytes are here."""
        master.fault("slow_bps:100000", path_prefix=SLOW)
        client.send_request("GET", SLOW)
        answer = client.start_answer()
        self.assertEqual(answer.status, 200)
        self.assertEqual(len(answer.read(1000)), 1000)
        return answer

    def check_served(self, client, name):
        before = len(self.shim.exchanges())
        self.assertEqual(client.request("GET", TARGET).status, 200)
        until(lambda: any(told["path"] == TARGET for told in self.shim.exchanges()[before:]), "the exchange in the log")
        told, = [told for told in self.shim.exchanges()[before:] if told["path"] == TARGET]
        self.assertEqual(told["master"], f"{name}.lab.test:{self.site.port}")

    def test_a_good_configuration_takes_effect_and_no_exchange_is_cut(self):
        old_port = self.shim.address
        with self.shim.client() as client:
            answer = self.slow_answer(self.one, client)
            self.shim.reload(self.shim.config(listen=self.shim.listen_tls(105) + self.shim.listen_unix(),
                                              extra=self.files_at("two")))
            self.assertEqual(self.shim.address[0], self.site.range.address(105))
            with self.shim.client() as new:
                self.check_served(new, "two")
            self.assertEqual(len(answer.read()), 199000)
            # The connection itself lives on, too.
            self.check_served(client, "two")
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(old_port, 20)
        self.assertEqual(self.shim.ask("GET", TARGET).status, 200)

    def test_an_answer_that_is_kept_is_delivered_whatever_the_limits_are_by_then(self):
        fields = [f"X-Field-{number}: {number}" for number in range(20)]
        self.one.fault("raw", body="\r\n".join(["HTTP/1.1 503 Not Now", *fields, "Content-Length: 4", "", "busy"]))
        self.two.fault("delay_ms:1500,reset_before_answer", path_prefix=TARGET)
        both = f'[service.files]\nmasters = ["one.lab.test:{self.site.port}", "two.lab.test:{self.site.port}"]\n'
        self.shim.reload(self.shim.config(extra=both))
        with self.shim.client() as client:
            client.send_request("GET", TARGET)
            until(lambda: self.two.events("arrived"), "the request at the second master")
            self.shim.reload(self.shim.config(extra=both + "[limits]\nheader_count = 16\n"))
            answer = client.read_answer()
        self.assertEqual((answer.status, answer.reason, answer.body), (503, "Not Now", b"busy"))
        self.assertEqual(answer.getheader("X-Field-19"), "19")

    def test_a_service_may_go_while_its_requests_are_under_way(self):
        canary = ('[service.canary]\nmasters = ["one.lab.test:%d"]\n[[route]]\nservice = "canary"\npath_prefix = "%s"\n'
                  % (self.site.port, SLOW))
        self.shim.reload(self.shim.config(extra=self.files_at("two") + canary))
        with self.shim.client() as slow, self.shim.client() as broken:
            answer = self.slow_answer(self.one, slow)
            self.one.clear_faults()
            self.one.fault("delay_ms:1000,reset_before_answer", path_prefix=SLOW)
            self.one.forget_log()
            broken.send_request("GET", SLOW)
            until(lambda: self.one.events("arrived"), "the request at its master")
            self.shim.reload(self.shim.config(extra=self.files_at("two")))
            self.assertEqual(len(answer.read()), 199000)
            self.assertEqual(broken.read_answer().status, 502)
            # The next one goes by the new rules.
            self.check_served(broken, "two")

    def test_a_request_under_way_meets_no_master_of_another_service_that_has_its_number_now(self):
        def further(name, *lines):
            return f'[service.{name}]\n' + "".join(f"{line}\n" for line in lines) + (
                f'[[route]]\nservice = "{name}"\npath_prefix = "{SLOW}"\n')
        canary = further("canary", f'masters = ["one.lab.test:{self.site.port}"]')
        other = further("other", 'srv_name = ["_none._tcp.lab.test"]', f'masters = ["two.lab.test:{self.site.port}"]')
        self.shim.reload(self.shim.config(extra=self.files_at("one") + canary))
        self.one.fault("delay_ms:1000,reset_before_answer", path_prefix=SLOW)
        with self.shim.client() as client:
            client.send_request("GET", SLOW)
            until(lambda: self.one.events("arrived"), "the request at its master")
            self.shim.reload(self.shim.config(extra=self.files_at("one") + other))
            answer = client.read_answer()
            self.assertEqual((answer.status, self.two.requests(SLOW)), (502, []), answer.body)
            self.assertEqual(client.request("GET", SLOW).status, 200)
        self.assertEqual(len(self.two.requests(SLOW)), 1)

    def test_a_broken_configuration_changes_nothing_and_is_told_with_its_line(self):
        good = self.shim.config()
        with socket.create_server((self.site.range.address(106), 0)) as other:
            taken = self.shim.listen_tls(106, other.getsockname()[1])
            broken = {r"bunraku\.toml:\d+.*mastres": good + 'mastres = ["x"]\n',
                      r"bunraku\.toml:\d+": good + "[listen\n",
                      r"bunraku\.toml:\d+.*Address already in use": self.shim.config(listen=taken)}
            for reason, config in broken.items():
                with self.subTest(reason):
                    self.shim.reload(config, expect=r"reload refused: going on as before")
                    self.assertRegex("\n".join(self.shim.lines(r" error problem ")), reason)
                    self.check_both_ways_in()
        self.shim.reload(good)
        self.check_both_ways_in()

    def test_whatever_a_problem_quotes_its_line_has_the_same_values(self):
        self.shim.reload(self.shim.config().replace('level = "debug"', 'level = "a\\"b c"'), expect=r"reload refused: ")
        line, = self.shim.lines(r" error problem ")
        where, what = shlex.split(line)[-2:]
        self.assertRegex(where, r"^where=.*bunraku\.toml:\d+$")
        self.assertRegex(what, r"^what=.*a'b c")

    def test_broken_credentials_and_a_broken_puppet_conf_change_nothing_either(self):
        certificate = f"{self.site.ssldir('agent1')}/certs/agent1.lab.test.pem"
        os.rename(certificate, f"{certificate}.away")
        try:
            self.shim.reload(expect=r"reload refused: going on as before")
        finally:
            os.rename(f"{certificate}.away", certificate)
        self.assertRegex(self.shim.log(), r"error problem where=\"[^\"]*agent1\.lab\.test\.pem")
        self.check_both_ways_in()
        with open(self.shim.puppet_conf, "a", encoding="ascii") as file:
            file.write("[agnet]\nserver = x\n")
        self.shim.reload(expect=r"reload refused: going on as before")
        self.assertRegex(self.shim.log(), r"error problem where=\"[^\"]*puppet\.conf:\d+")
        self.check_both_ways_in()

    def test_a_file_that_cannot_be_used_is_the_one_thing_that_is_told(self):
        crl = f"{self.site.ssldir('agent1')}/crl.pem"
        os.rename(crl, f"{crl}.away")
        try:
            with open(crl, "w", encoding="ascii") as file:
                file.write("nonsense\n")
            self.shim.reload(expect=r"reload refused: going on as before")
        finally:
            os.rename(f"{crl}.away", crl)
        line, = self.shim.lines(r" problem ")
        self.assertIn(f'where="{crl}" what="there is no PEM CRL in it; remove the file', line)

    def check_both_ways_in(self):
        with self.shim.client() as client:
            self.assertEqual(client.request("GET", TARGET).status, 200)
        self.assertEqual(self.shim.ask("GET", TARGET).status, 200)

    def further(self, name, *masters, path="/none"):
        """A service beside Puppet's own. Its number is its place among them."""
        listed = ", ".join(f'"{m}.lab.test:{self.site.port}"' for m in masters)
        return f'[service.{name}]\nmasters = [{listed}]\n[[route]]\nservice = "{name}"\npath_prefix = "{path}"\n'

    def state(self, service, master="one"):
        return candidates_of(self.shim, service)[master]["state"]

    def test_a_request_under_way_finds_its_services_next_master_although_that_has_another_place_now(self):
        canary = self.further("canary", "one", "two", path=SLOW)
        self.shim.reload(self.shim.config(extra=self.files_at("one") + canary))
        self.one.fault("delay_ms:700,reset_before_answer", path_prefix=SLOW)
        with self.shim.client() as client:
            client.send_request("GET", SLOW)
            until(lambda: self.one.events("arrived"), "the request at its master")
            self.shim.reload(self.shim.config(extra=self.files_at("one") + self.further("another", "one") + canary))
            answer = client.read_answer()
            self.assertEqual((answer.status, len(self.two.requests(SLOW))), (200, 1), answer.body)
        self.assertEqual([self.state(name) for name in ("canary", "another")], ["suspect", "up"])

    def test_a_slow_master_is_not_asked_how_it_is_for_a_service_that_is_gone(self):
        self.shim.reload(self.shim.config(extra=self.files_at("one") + self.further("canary", "one", "two", path=SLOW)))
        self.one.fault("delay_ms:3500", path_prefix=SLOW)
        with self.shim.client() as client:
            client.send_request("GET", SLOW)
            until(lambda: self.one.events("arrived"), "the request at its master")
            self.shim.reload(self.shim.config(extra=self.files_at("one")))
            answer = client.read_answer()
            self.assertEqual((answer.status, len(answer.body)), (200, 200000), answer.body[:500])
        self.assertEqual(self.state("files"), "up")

    def test_what_is_known_of_a_services_masters_follows_its_name(self):
        canary, another = self.further("canary", "one", path=SLOW), self.further("another", "one", path=TARGET)
        self.shim.reload(self.shim.config(extra=self.files_at("one") + canary + another))
        self.one.fault("status:503,retry_after:300", path_prefix=SLOW)
        self.assertEqual(self.shim.ask("GET", SLOW).status, 503)
        self.assertEqual(self.shim.ask("GET", TARGET).status, 200)
        self.shim.reload(self.shim.config(extra=self.files_at("one") + another + self.further("third", "one") + canary))
        self.assertEqual([self.state(name) for name in ("canary", "another", "third", "files")], ["saturated", "up", "up", "up"])
        self.shim.reload(self.shim.config(extra=self.files_at("one")))
        self.shim.reload(self.shim.config(extra=self.files_at("one") + canary))
        self.assertEqual(self.state("canary"), "up", "nobody knew it in between")

    def test_what_becomes_of_a_request_is_not_told_of_the_service_that_has_its_number_now(self):
        self.shim.reload(self.shim.config(extra=self.files_at("one") + self.further("canary", "one", path=SLOW)))
        self.one.fault("delay_ms:700,status:503,retry_after:300", path_prefix=SLOW)
        with self.shim.client() as client:
            client.send_request("GET", SLOW)
            until(lambda: self.one.events("arrived"), "the request at its master")
            self.shim.reload(self.shim.config(extra=self.files_at("one") + self.further("another", "one")))
            self.assertEqual(client.read_answer().status, 503)
        self.assertEqual(self.state("another"), "up")
        self.assertEqual([one["service"] for one in control(self.shim, "GET", "/v1/status")[1]["run"]["used"]], ["unknown"])
        self.assertEqual(self.shim.ask("PUT", "/puppet/v3/report/agent1.lab.test?environment=production", b"{}",
                                       {"Content-Type": "application/json"}).status, 503)
        self.assertRegex(self.shim.lines(r"run over", 1)[0], " unknown=one")

    def test_the_users_of_a_unix_socket_change_while_it_stays(self):
        with self.shim.open_unix() as channel:
            self.assertEqual(ask_on(channel, "GET", TARGET).status, 200)
            listen = self.shim.listen_tls() + self.shim.listen_unix(more='users = [65534]\n')
            self.shim.reload(self.shim.config(listen=listen))
            self.assertEqual(os.stat(self.shim.socket_path).st_mode & 0o777, 0o666)
            self.assertEqual(ask_on(channel, "GET", TARGET).status, 200)
            self.shim.reload(self.shim.config())
            self.assertEqual(os.stat(self.shim.socket_path).st_mode & 0o777, 0o600)
            self.assertEqual(ask_on(channel, "GET", TARGET).status, 200)
        self.assertEqual(self.shim.ask("GET", TARGET).status, 200)

    def test_another_log_level_is_taken(self):
        config = self.shim.config().replace('level = "debug"', 'level = "warning"')
        with open(self.shim.process.config_path, "w", encoding="utf-8") as file:
            file.write(config)
        self.shim.process.signal(signal.SIGHUP)
        # Quiet from now on: what shows that it was taken is that an exchange leaves no line.
        until(self.exchange_is_not_logged, "the log to fall silent")

    def test_that_the_log_goes_on_where_it_went_is_told(self):
        self.shim.reload(self.shim.config().replace('to = "stderr"', 'to = "journal"'))
        self.assertRegex(self.shim.log(), r'what="\[log\] to is another place, and the log goes on where it went\. Restart')
        for same in ("auto", "stderr"):
            self.shim.reload(self.shim.config().replace('to = "stderr"', f'to = "{same}"'))
        self.assertEqual(len(self.shim.lines(r"the log goes on where it went")), 1)

    def test_that_the_sandbox_stays_as_it_is_is_told(self):
        off = self.shim.config() + '[sandbox]\nuse = "off"\n'
        self.shim.reload(off)
        self.assertRegex(self.shim.log(), r"what was given up at the start stays so\. Restart bunraku")
        self.shim.reload(self.shim.config())
        self.assertEqual(len(self.shim.lines(r"at the start")), 1)
        with Shim(self.site, name="open", start=False) as other:
            other.parts["extra"] = '[sandbox]\nuse = "off"\n'
            other.start()
            other.reload(other.config(extra=""))
            self.assertRegex(other.log(), r"nothing was given up at the start\. Restart bunraku")

    def exchange_is_not_logged(self):
        before = len(self.shim.exchanges())
        self.assertEqual(self.shim.ask("GET", TARGET).status, 200)
        self.assertEqual(self.shim.ask("GET", TARGET).status, 200)  # the first one's line would be there by now
        return len(self.shim.exchanges()) == before


class Ending(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(masters=[MasterSpec("one", ROLES)], srv={}, key="ec"))
        cls.one = cls.site.masters["one"]

    def setUp(self):
        self.one.clear_faults()
        self.one.forget_log()
        self.shim = self.enterContext(
            Shim(self.site, extra=f'[service.files]\nmasters = ["one.lab.test:{self.site.port}"]\n'))

    def test_a_sighup_before_it_listens_is_a_reload_as_soon_as_it_does(self):
        early = Shim(self.site, name="early", start=False)
        path = os.path.join(self.site.directory, "early.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(early.config())
        # Held back until the program blocks it itself: nobody can hit the moment in between from outside.
        hup_then_run = ("import os, signal, sys\n"
                        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})\n"
                        "os.kill(os.getpid(), signal.SIGHUP)\n"
                        "os.execv(sys.argv[1], sys.argv[1:])\n")
        daemon = self.site.start_process("early", [sys.executable, "-c", hup_then_run, self.site.bunraku, "run",
                                                   "--config", path])
        daemon.wait_for_line(r"(?s)\bready listen=.*\breloaded listen=")
        self.assertTrue(daemon.is_running())

    def test_sigterm_lets_the_exchange_under_way_end_with_connection_close(self):
        self.one.fault("delay_ms:700", path_prefix=TARGET)
        with self.shim.client() as client, self.shim.client() as idle:
            self.assertEqual(idle.request("GET", "/puppet/v3/file_content/modules/lab/generated/1").status, 200)
            client.send_request("GET", TARGET)
            until(lambda: self.one.events("arrived")[1:], "the request at its master")
            self.shim.process.signal(signal.SIGTERM)
            self.shim.process.wait_for_line(r"draining connections=2")
            with self.assertRaises((ConnectionRefusedError, FileNotFoundError)):
                self.shim.open_unix()
            with self.assertRaises(ConnectionRefusedError):
                self.shim.client()
            answer = client.read_answer()
            self.assertEqual((answer.status, len(answer.body)), (200, 100))
            self.assertEqual(answer.getheader("Connection"), "close")
            # An idle one is no bare close: its agent may be sending just now, and that request is still answered.
            answer = idle.request("GET", TARGET)
            self.assertEqual((answer.status, answer.getheader("Connection")), (200, "close"))
        self.assertEqual(self.shim.process.wait(), 0)
        self.assertRegex(self.shim.log(), r"info stopped\s*\Z")
        self.assertFalse(os.path.exists(self.shim.socket_path))

    def test_a_second_sigterm_does_not_wait(self):
        self.one.fault("hang_before_answer", path_prefix=TARGET)
        with self.shim.client() as client, self.shim.client() as idle, self.shim.open_unix() as half:
            self.assertEqual(idle.request("GET", "/puppet/v3/file_content/modules/lab/generated/1").status, 200)
            half.sendall(b"GET / HT")
            client.send_request("GET", TARGET)
            until(lambda: self.one.events("arrived")[1:], "the request at its master")
            self.shim.process.signal(signal.SIGTERM)
            self.shim.process.wait_for_line(r"draining connections=3")
            self.shim.process.signal(signal.SIGHUP)
            self.shim.process.wait_for_line(r"reload refused: stopping already")
            self.shim.process.signal(signal.SIGTERM)
            self.assertEqual(self.shim.process.wait(), 0)
        self.assertIn("asked again to stop", self.shim.log())

    def test_drain_timeout_cuts_what_does_not_end(self):
        self.one.fault("hang_before_answer", path_prefix=TARGET)
        with Shim(self.site, name="short", extra=self.shim.parts["extra"] + '[limits]\ndrain_timeout = "200ms"\n') as shim:
            with shim.client() as client:
                client.send_request("GET", TARGET)
                until(lambda: self.one.events("arrived"), "the request at its master")
                shim.process.signal(signal.SIGTERM)
                self.assertEqual(shim.process.wait(), 0)
            self.assertRegex(shim.log(), r"warning limits\.drain_timeout is over: cutting connections=1")

    def test_sigterm_without_anybody_ends_at_once(self):
        self.assertEqual(self.shim.process.terminate(), 0)

    def test_a_killed_daemon_starts_again_over_its_own_socket_file(self):
        self.shim.process.kill()
        self.assertTrue(os.path.exists(self.shim.socket_path))
        self.shim.start()
        self.assertEqual(self.shim.ask("GET", TARGET).status, 200)


if __name__ == "__main__":
    unittest.main()
