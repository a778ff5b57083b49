"""libbunraku in Python, and the monitoring check that is made of it."""

import contextlib
import gc
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
import unittest
from pathlib import Path

from labsite import MasterSpec, Shim, Site, Srv

PYTHON = Path(__file__).resolve().parents[2] / "contrib/python"
LIBRARY = os.environ["BUNRAKU_C_LIBRARY"]
sys.path.insert(0, str(PYTHON))

import bunraku  # noqa: E402
from bunraku import Code, Error, Library, Missing, Outcome, Resolver  # noqa: E402

SERVICES = ("ca", "catalog", "files", "report")
FIGURE = re.compile(r"\w+=-?[0-9.]+(s|%|B|c)?(;[0-9.:~@]*){0,2}(;[0-9.]*){0,2}")


class PythonTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        masters = (MasterSpec("one", SERVICES), MasterSpec("two", SERVICES),
                   MasterSpec("expired", SERVICES, ssldir="old.lab.test"), MasterSpec("picky", SERVICES, ssldir="picky.lab.test"))
        cls.site = site = cls.enterClassContext(Site(masters=masters, srv={}, key="ec", files=("small1",),
                                                     pki=["--expired", "old.lab.test,expired.lab.test",
                                                          "--other-ca", "stranger.lab.test", "--name", "picky.lab.test=picky.lab.test"]))
        picky = site.masters["picky"]  # believes in another CA than this site's
        shutil.copy(Path(site.pki, "other-ca/ca_crt.pem"), Path(picky.directory, "ssl/certs/ca.pem"))
        picky.reload()
        cls.conf = cls.write_conf("python.conf", site.fqdn("agent1"), site.ssldir("agent1"))
        cls.name_server = f"{site.dns.address}:{site.dns.port}"

    @classmethod
    def write_conf(cls, name, certname, ssldir):
        path = Path(cls.site.directory, name)
        path.write_text(f"[main]\ncertname = {certname}\nssldir = {ssldir}\nuse_srv_records = true\n"
                        f"srv_domain = {cls.site.domain}\n", encoding="ascii")
        return str(path)

    def setUp(self):
        for master in self.site.masters.values():
            if not master.process.is_running():
                master.start()
            master.forget_log()
        for service in SERVICES:
            self.site.srv(service, "one", "two")


class TheCheck(PythonTest):
    def check(self, status, *arguments, conf=None, library=LIBRARY):
        done = subprocess.run([PYTHON / "check_bunraku", "--library", library, "-o", f"puppet_conf={conf or self.conf}",
                               "-o", f"name_servers={self.name_server}", "-o", "hosts_file=", *arguments],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=120, check=False)
        self.assertEqual(done.returncode, status, done.stdout)
        self.assertTrue(done.stdout.startswith(f"BUNRAKU {('OK', 'WARNING', 'CRITICAL', 'UNKNOWN')[status]} - "), done.stdout)
        first, *rest = done.stdout.splitlines()
        text, _, figures = first.partition(" | ")
        for figure in figures.split():
            self.assertRegex(figure, f"^{FIGURE.pattern}$")
        self.assertNotIn("|", "".join(rest))
        return text, dict(figure.split(";")[0].split("=") for figure in figures.split()), rest

    def test_all_well_is_ok_and_says_which_master_and_why(self):
        text, figures, details = self.check(0)
        for service in SERVICES:
            self.assertIn(f"{service}: one.lab.test:{self.site.port}", text)
            self.assertEqual((figures[f"{service}_masters"], figures[f"{service}_passed_over"]), ("2", "0"))
            self.assertLess(float(figures[f"{service}_time"].rstrip("s")), 10)
        self.assertIn(f"catalog: two.lab.test:{self.site.port} by srv, up: healthy", "\n".join(details))
        asked = {line["target"] for lines in self.site.requests().values() for line in lines}
        self.assertEqual(asked, {"/status/v1/simple/server"})

    def test_a_master_that_refuses_this_node_is_critical(self):
        self.site.srv("catalog", "picky")
        text, _, _ = self.check(2, "-s", "catalog")
        self.assertRegex(text, r"catalog: picky\S+: the master refused our certificate with alert 48 \"unknown CA\"")

    def test_a_master_that_does_not_answer_well_is_critical(self):
        one = self.site.masters["one"]
        self.addCleanup(one.clear_faults)
        one.fault("status:503", path_prefix="/status/", body="starting")
        self.assertRegex(self.check(2, "-s", "catalog")[0], r"catalog: one\S+: status 503: starting")
        one.clear_faults()
        one.fault("raw", path_prefix="/status/", body="hello")
        self.assertIn("it does not answer as a master does", self.check(2, "-s", "catalog")[0])

    def test_through_a_daemon_it_says_what_the_daemon_says(self):
        with Shim(self.site) as shim:
            address, _ = shim.address
            self.site.publish(f"agent1 A {address}")
            self.assertIn(f"catalog: agent1.lab.test:{shim.port}", self.check(0, conf=shim.puppet_conf)[0])
            for master in self.site.masters.values():
                master.kill()
            self.assertRegex(self.check(2, "-s", "catalog", conf=shim.puppet_conf)[0],
                             r"catalog: agent1\S+: status 502: .*no master of service catalog answered: one\.lab\.test")

    def test_a_master_that_is_passed_over_is_a_warning_with_its_reason(self):
        self.site.masters["one"].kill()
        text, figures, _ = self.check(1, "-s", "catalog")
        self.assertRegex(text, r"catalog: two\.lab\.test:\d+ \(one\.lab\.test:\d+: connect: Connection refused")
        self.assertEqual(figures["catalog_passed_over"], "1")

    def test_a_bad_certificate_is_a_warning_with_its_reason(self):
        self.site.srv("files", "expired", "one")
        text, _, _ = self.check(1)
        self.assertRegex(text, r"^BUNRAKU WARNING - files: one\S+ \(expired\.lab\.test:\d+: tls: .* expired on ")

    def test_too_few_masters_are_a_warning(self):
        self.assertIn("2 masters known, 3 wanted", self.check(1, "--least", "3", "-s", "ca")[0])

    def test_nobody_to_serve_one_service_is_critical_and_comes_first(self):
        self.site.srv("report", "expired")
        text, _, _ = self.check(2)
        self.assertRegex(text, r"^BUNRAKU CRITICAL - report: every master was tried: expired\.lab\.test")
        self.assertIn("catalog: one.lab.test", text)

    def test_a_service_that_dns_calls_absent_is_no_fault(self):
        self.site.srv("report", Srv(0, 0, 0, "."))
        self.assertIn("report: not offered here, says DNS", self.check(0)[0])

    def test_dns_alone_is_asked_without_the_key(self):
        conf = self.write_conf("nobody.conf", "nobody.lab.test", os.path.join(self.site.directory, "no-ssl"))
        self.assertIn("nobody.lab.test", self.check(3, conf=conf)[0])
        self.site.masters["one"].kill()
        text, figures, _ = self.check(0, "--no-connect", "-s", "catalog", conf=conf)
        self.assertIn("catalog: one.lab.test", text)
        self.assertEqual(figures, {"catalog_masters": "2"})

    def test_what_keeps_it_from_looking_is_unknown(self):
        self.check(3, library="/nowhere/libbunraku.so")
        self.check(3, library="libz.so.1")
        self.check(3, conf="/nowhere/puppet.conf")
        self.check(3, "-o", "no_such_key=1")
        self.check(3, "-o", "srv")
        self.check(3, "--service", "compiler")
        self.check(3, "--timeout", "-1")

    def test_help_tells_the_states(self):
        done = subprocess.run([PYTHON / "check_bunraku", "--help"], stdout=subprocess.PIPE, text=True, timeout=60, check=True)
        for word in ("OK", "WARNING", "CRITICAL", "UNKNOWN", "--least", "--no-connect"):
            self.assertIn(word, done.stdout)


class TheModule(PythonTest):
    def resolver(self, **more):
        return self.enterContext(self.unmanaged(**more))

    def unmanaged(self, **more):
        options = {"puppet_conf": self.conf, "name_servers": self.name_server, "hosts_file": "", **more}
        return Resolver(options, Library(LIBRARY))

    def test_example_of_the_page_about_it_runs_as_it_stands_there(self):
        done = subprocess.run([sys.executable, "-B", "-W", "error", Path(__file__).with_name("master_status.py"), self.conf,
                               self.name_server],
                              env={**os.environ, "PYTHONPATH": str(PYTHON), "LD_LIBRARY_PATH": os.path.dirname(LIBRARY)},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
        self.assertEqual(done.stdout.strip(), f"one.lab.test:{self.site.port} running")
        self.assertEqual([line["client"] for line in self.site.requests("/status/")["one"]], ["agent1.lab.test"])

    def test_example_of_the_module_itself_has_an_answer(self):
        example = textwrap.dedent("\n".join(line for line in bunraku.__doc__.splitlines() if line.startswith("    ")))
        self.assertIn("master.receive()", example)
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(example, {"Resolver": self.resolver})  # noqa: S102: it is ours
        self.assertRegex(said.getvalue(), r"one\.lab\.test.*\nb'HTTP/1\.1 200 ")

    def test_a_time_beyond_what_the_interface_can_hold_is_a_long_one(self):
        for seconds in (2**32 / 1000, 1e30, float("inf")):
            with self.resolver() as resolver:
                self.assertEqual(len(resolver.candidates("catalog", seconds)), 2)

    def test_what_nobody_closes_is_given_back(self):
        def held():
            return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))
        self.unmanaged().connect("catalog")
        gc.collect()
        before = held()
        for _ in range(3):
            self.unmanaged().connect("catalog")
        gc.collect()
        self.assertEqual(held(), before)

    def test_closed_means_closed(self):
        resolver = self.resolver()
        stream = resolver.connect("catalog")
        for each in (resolver, stream, resolver, stream):
            each.close()
        for call in (lambda: resolver.candidates("catalog"), resolver.reload, lambda: stream.send(b"x"), stream.receive):
            with self.assertRaisesRegex(Error, "is closed"):
                call()

    def test_may_be_closed_while_threads_search(self):
        codes = []

        def search():
            with self.assertRaises(Error) as caught:
                while True:
                    resolver.connect("catalog").close()
            codes.append(caught.exception.code)
        for _ in range(10):
            resolver = self.resolver()
            threads = [threading.Thread(target=search) for _ in range(3)]
            for thread in threads:
                thread.start()
            time.sleep(0.01)
            resolver.close()
            for thread in threads:
                thread.join(60)
        self.assertEqual((len(codes), set(codes) - {Code.ARGUMENT, 900}), (30, set()))

    def test_signals_are_handled_during_a_search(self):
        self.site.masters["one"].pause()
        previous = signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(InterruptedError("a signal")))
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            began = time.monotonic()
            with self.assertRaisesRegex(InterruptedError, "a signal"):
                self.resolver(catalog=f"one.lab.test:{self.site.port}").connect("catalog", seconds=60)
            self.assertLess(time.monotonic() - began, 30)
        finally:
            signal.signal(signal.SIGALRM, previous)
            self.site.masters["one"].resume()

    def test_child_of_fork_makes_its_own(self):
        resolver = self.resolver()
        stream = resolver.connect("catalog")
        child = os.fork()
        if child == 0:
            codes = []
            for call in (lambda: resolver.candidates("catalog"), stream.receive):
                try:
                    call()
                except Error as why:
                    codes.append(why.code)
            stream.close()
            resolver.close()
            own = str(self.resolver().connect("catalog"))
            os._exit(0 if codes == [Code.FORKED] * 2 and own == str(stream) else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        stream.send(b"GET /status/v1/simple HTTP/1.0\r\nHost: %s\r\n\r\n" % str(stream).encode())
        self.assertIn(b" 200 ", stream.receive())

    def test_an_ipv6_address_is_one_with_and_without_brackets(self):
        for given, host, port in (("2001:db8::1", "2001:db8::1", 8140), ("[2001:db8::1]:81", "2001:db8::1", 81),
                                  ("::1", "::1", 8140)):
            first = self.resolver(catalog=given).candidates("catalog")[0]
            self.assertEqual((first.host, first.port), (host, port))
        for key, given in (("catalog", "a:b:1"), ("catalog", "1:2:3"), ("name_servers", "fe80::1%"),
                           ("name_servers", "1.2.3.4%lo"), ("srv_domain", "::1")):
            with self.assertRaisesRegex(Error, "is expected"):
                self.resolver(**{key: given})
        self.name_servers_are_taken("::1", "fe80::1%lo", "[fe80::1%lo]:5353", "2001:db8::1:53")

    def name_servers_are_taken(self, *given):
        for each in given:
            resolver = self.enterContext(Resolver({"puppet_conf": self.conf, "name_servers": each, "lookup_deadline_ms": "100"},
                                                  Library(LIBRARY)))
            with self.assertRaises(Error) as caught:
                resolver.candidates("catalog")
            self.assertIn(caught.exception.code, (Code.DNS_FAILED, Code.DNS_TIMEOUT, Code.TIMEOUT))

    def test_a_port_that_cannot_be_is_refused(self):
        for port in (-1, 0, 65536 + self.site.port):
            with self.assertRaisesRegex(Error, "is no port"):
                self.resolver().report("catalog", "one.lab.test", port, Outcome.ANSWERED)

    def test_reports_change_the_order(self):
        resolver = self.resolver()
        first = resolver.candidates("catalog")[0]
        resolver.report("catalog", first.host, first.port, Outcome.BAD_CERTIFICATE, "of a test")
        last = resolver.candidates("catalog")[-1]
        self.assertEqual((last.host, last.health), (first.host, "down"))
        self.assertIn("of a test", last.why)

    def test_errors_have_code_and_text(self):
        with self.assertRaises(Error) as caught:
            self.resolver(catalog=f"one.lab.test:{self.site.range.free_port((1,))}").connect("catalog")
        self.assertEqual(caught.exception.code, Code.ALL_TRIED)
        self.assertIn("Connection refused", str(caught.exception))
        self.site.masters["one"].pause()
        try:
            with self.assertRaises(Error) as caught:
                self.resolver(catalog=f"one.lab.test:{self.site.port}").connect("catalog", seconds=0.3)
        finally:
            self.site.masters["one"].resume()
        self.assertEqual(caught.exception.code, Code.TIMEOUT)
        with self.assertRaises(Missing):
            Library("/nowhere/libbunraku.so")


if __name__ == "__main__":
    unittest.main()
