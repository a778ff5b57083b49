"""libbunraku in Ruby: by itself, and in a real agent that finds its masters by it, with no proxy anywhere."""

import os
import re
import signal
import subprocess
import unittest
from pathlib import Path

from labsite import MasterSpec, Site, Srv, until

RUBY = Path(__file__).resolve().parents[2] / "contrib/ruby"
LIBRARY = os.environ["BUNRAKU_C_LIBRARY"]
SERVICES = ("ca", "catalog", "files", "report")
# Facter's own complaints are about the machine, e.g. a container that hides /proc/1.
COMPLAINT = re.compile(r"^(?:Error|Warning): (?!Facter:).*", re.MULTILINE)


def rubyopt(*more):
    return {"RUBYOPT": " ".join(f"-r{path}" for path in (RUBY / "lib/bunraku/agent", *more))}


def complaints(run):
    return COMPLAINT.findall(run.output)


class RubyTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        every = {"roles": SERVICES, "alt": ("puppet",)}
        masters = (MasterSpec("one", **every), MasterSpec("two", **every), MasterSpec("ca", ("ca", "report")),
                   MasterSpec("expired", SERVICES, ssldir="old.lab.test"), MasterSpec("host7", SERVICES))
        cls.site = cls.enterClassContext(Site(masters=masters, srv={}, key="ec", files=("small1",), autosign=True,
                                              pki=["--expired", "old.lab.test,expired.lab.test"]))

    def setUp(self):
        self.masters = self.site.masters
        for master in self.masters.values():
            if not master.process.is_running():
                master.start()
            master.forget_log()
        self.all_by("one", "two")

    def all_by(self, *names):
        for service in SERVICES:
            self.site.srv(service, *names)

    def settings(self, **more):
        return {"use_srv_records": "true", "server": None, "ca_server": None, "bunraku_library": LIBRARY, **more}

    def run_agent(self, *arguments, environment=None, node="agent1", **settings):
        return self.site.agent(node).run(*arguments, environment=environment or rubyopt(), **self.settings(**settings))

    def served(self, path="/puppet/v3/"):
        """Who was asked for something."""
        return set(self.site.requests(path))

    def assert_good(self, run, *, warnings=()):
        self.assertIn(run.returncode, (0, 2), run)
        told = complaints(run)
        self.assertEqual(len(told), len(warnings), run)
        for line, pattern in zip(told, warnings):
            self.assertRegex(line, r"^Warning: bunraku: " + pattern, run)


class InTheAgent(RubyTest):
    def test_each_service_is_found_by_srv_and_puppets_own_resolvers_are_not_asked(self):
        self.site.srv("catalog", "two")
        self.site.srv("report", "ca")
        run = self.run_agent("--debug", "--noop")
        self.assert_good(run)
        self.assertEqual(set(self.site.requests("/puppet/v3/catalog/")), {"two"})
        self.assertEqual(set(self.site.requests("/puppet/v3/file_")), {"one"})
        self.assertEqual(set(self.site.requests("/puppet/v3/report/")), {"ca"})
        self.assertIn("bunraku: catalog: two.lab.test", run.output)
        self.assertNotRegex(run.output, r"Searching for SRV records|using Puppet::HTTP::Resolver::")

    def test_a_dead_master_and_one_with_a_bad_certificate_are_passed_over(self):
        self.masters["one"].kill()
        self.all_by("one", "expired", "two")
        run = self.run_agent()
        port = self.site.port
        self.assert_good(run, warnings=[
            rf"one\.lab\.test:{port}: connect: Connection refused .*; two\.lab\.test:{port} is used",
            rf"expired\.lab\.test:{port}: tls: .* expired on .*; two\.lab\.test:{port} is used"])
        self.assertEqual(self.served(), {"two"})

    def test_by_itself_puppet_gives_up_at_a_bad_certificate(self):
        """What the test above is compared with."""
        self.all_by("expired", "two")
        run = self.run_agent("--no-bunraku")
        self.assertEqual(run.returncode, 1, run)
        self.assertIn("certificate has expired", run.output)

    def test_a_silent_master_does_not_cost_puppets_two_minutes(self):
        self.masters["one"].pause()
        try:
            run = self.run_agent("--debug")
        finally:
            self.masters["one"].resume()
        self.assertIn(run.returncode, (0, 2), run)
        self.assertNotIn("Creating new connection for https://one.lab.test", run.output)
        self.assertEqual(self.served(), {"two"})

    def test_the_last_answers_of_dns_serve_while_it_is_away(self):
        self.assert_good(self.run_agent())
        self.site.dns.stop()
        try:
            run = self.run_agent()
        finally:
            self.site.dns.start()
        self.assert_good(run)
        self.assertEqual(len(self.masters["one"].requests("/puppet/v3/report/")), 2)

    def test_a_new_node_enrols_and_runs(self):
        self.masters["two"].kill()
        self.all_by("two", "one")
        run = self.run_agent("--waitforcert", "1", node="agent9")
        self.assertEqual(run.returncode, 2, run)
        self.assertEqual({line["client"] for line in self.masters["one"].requests("/puppet-ca/")}, {""})
        self.assertEqual({line["client"] for line in self.masters["one"].requests("/puppet/v3/")}, {"agent9.lab.test"})

    def test_the_daemon_finds_masters_anew_in_each_child(self):
        command, env = self.site.agent().command(
            "agent", "--no-daemonize", "--debug", "--no-splay", "--runinterval", "1", environment=rubyopt(),
            **self.settings())
        daemon = self.site.start_process("daemon", command, env)
        one, two = self.masters["one"], self.masters["two"]
        until(lambda: one.requests("/puppet/v3/report/"), daemon.stdout, 120)
        one.kill()
        until(lambda: two.requests("/puppet/v3/report/"), daemon.stdout, 120)
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.wait(120), 0, daemon.stdout())
        said = daemon.stdout() + daemon.stderr()
        self.assertRegex(said, r"Warning: bunraku: one\.lab\.test:\d+: connect: Connection refused")
        self.assertNotIn("using Puppet::HTTP::Resolver::", said)


class WhenSomethingIsWrong(RubyTest):
    def check_steps_aside(self, why, environment=None, **settings):
        run = self.run_agent(environment=environment, **settings)
        self.assert_good(run, warnings=[why + r".*; this run goes by Puppet's own resolvers$"])
        self.assertEqual(self.served(), {"one"})

    def test_without_the_library_there_is_one_warning_and_puppets_own_resolvers(self):
        self.check_steps_aside(r".*/nowhere/libbunraku\.so.*No such file", bunraku_library="/nowhere/libbunraku.so")

    def test_another_library_is_no_libbunraku(self):
        self.check_steps_aside(r"libbunraku is too old: it has no bunraku_abi_version", bunraku_library="libz.so.1")

    def test_a_fault_of_our_own_does_not_fail_the_run(self):
        fault = Path(self.site.directory, "fault.rb")
        fault.write_text("Bunraku::Resolver.class_eval { def candidates(*) = nil.no_such_method }\n", encoding="ascii")
        self.check_steps_aside("undefined method `no_such_method'", environment=rubyopt(fault))

    def test_a_puppet_that_is_built_otherwise_is_left_alone(self):
        later = Path(self.site.directory, "later.rb")
        later.write_text("require 'puppet'\n"
                         "Puppet::HTTP::Client.class_eval { alias_method :later, :build_resolvers\n"
                         "  def create_session = Puppet::HTTP::Session.new(self, later)\n"
                         "  undef build_resolvers }\n", encoding="ascii")
        run = self.run_agent(environment={"RUBYOPT": f"-r{later} {rubyopt()['RUBYOPT']}"})
        self.assertEqual(run.returncode & ~2, 0, run)
        self.assertRegex(run.output, r"(?m)^bunraku: Puppet \d+\.\S+ is not one that this was written for; the agent goes on")

    def test_other_ruby_programs_that_inherit_rubyopt_notice_nothing(self):
        done = subprocess.run(["ruby", "-e", "puts defined?(Bunraku).inspect, $LOADED_FEATURES.grep(/puppet/).size"],
                              env={**os.environ, **rubyopt()}, stdout=subprocess.PIPE, text=True, timeout=60, check=True)
        self.assertEqual(done.stdout.split(), ["nil", "0"])

    def test_an_enrolled_host_that_plays_master_is_refused_and_puppet_is_not_let_go_to_it(self):
        self.all_by("host7", "one")
        self.assert_good(self.run_agent(bunraku_master_names="puppet.lab.test"),
                         warnings=[r"host7\.lab\.test:\d+: tls: .*is good, but not a master's.*; one\.lab\.test"])
        self.all_by("host7")
        run = self.run_agent(bunraku_master_names="puppet.lab.test")
        self.assertEqual(run.returncode, 1, run)
        self.assertEqual(self.served(), {"one"})

    def test_a_demand_that_cannot_be_understood_is_not_done_without(self):
        for setting, value in (("bunraku_within", "a..b"), ("bunraku_master_names", "puppet.lab.test,*.")):
            run = self.run_agent(**{setting: value})
            self.assertEqual(run.returncode, 1, run)
            self.assertIn(f'Warning: bunraku: catalog: {setting} = "{value}": names such as puppet.example.com, ', run.output)
            self.assertIn("No more routes to puppet", run.output)
            self.assertEqual(self.served(), set())

    def test_a_service_that_dns_calls_absent_is_not_looked_for_elsewhere(self):
        self.site.srv("report", Srv(0, 0, 0, "."))
        run = self.run_agent()
        self.assertIn("Warning: bunraku: report: DNS says that this service is not offered here", run.output)
        self.assertIn("No more routes to report", run.output)
        self.assertEqual(self.site.requests("/puppet/v3/report/"), {})


class ByItself(RubyTest):
    def ruby(self, program, *arguments):
        done = subprocess.run(["ruby", "-w", f"-I{RUBY}/lib", "-rbunraku", "-e", program, *arguments],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout.splitlines()

    def resolver(self):
        site = self.site
        self.conf = conf = Path(site.directory, "ruby-puppet.conf")
        conf.write_text(f"[main]\ncertname = {site.fqdn('agent1')}\nssldir = {site.ssldir('agent1')}\n"
                        f"use_srv_records = true\nsrv_domain = {site.domain}\n", encoding="ascii")
        return (f"r = Bunraku::Resolver.new({{puppet_conf: '{conf}', name_servers: '{site.dns.address}:{site.dns.port}', "
                f"hosts_file: ''}}, library: Bunraku::Library.load('{LIBRARY}'))\n")

    def test_candidates_tell_why(self):
        port = self.site.port
        self.assertEqual(self.ruby(self.resolver() + "r.candidates('catalog').each { |c| puts \"#{c} #{c.source} #{c.health}\" }"),
                         [f"one.lab.test:{port} srv up", f"two.lab.test:{port} srv up"])

    def test_what_is_reported_decides_who_is_reached(self):
        said = self.ruby(self.resolver() + """
first = r.reach('catalog')
r.report('catalog', first, Bunraku::Resolver::BAD_CERTIFICATE, 'because')
puts first.host, r.reach('catalog').host, r.candidates('catalog').last.why
r.close
r.close
begin r.reach('catalog'); rescue Bunraku::Error => e; puts e.message; end
""")
        self.assertEqual(said[:2], ["one.lab.test", "two.lab.test"])
        self.assertIn("because", said[2])
        self.assertEqual(said[3], "the resolver is closed")

    def test_what_nobody_closes_is_given_back(self):
        said = self.ruby(self.resolver() + """
held = -> { GC.start; GC.start; Dir.children('/proc/self/task').size }
r.reach('catalog')
before = held.call
20.times { """ + self.resolver() + """ }
puts held.call < before + 5
""")
        self.assertEqual(said, ["true"])

    def test_times_are_what_they_seem(self):
        said = self.ruby(self.resolver() + """
puts [nil, 30, 0.5, 5_000_000, 1e30, Float::INFINITY].map { |s| r.candidates(:catalog, seconds: s).size }.uniq
puts r.candidates('catalog', seconds: -1).size
""")
        self.assertEqual(said, ["2", "2"])

    def test_a_collection_at_any_moment_does_no_harm(self):
        said = self.ruby(self.resolver() + """
GC.stress = true
puts r.candidates('catalog').size, r.reach('catalog').host
begin r.candidates('x'); rescue Bunraku::Error => e; puts e.code; end
""")
        self.assertEqual(said, ["2", "one.lab.test", "1"])

    def test_process_ends_well_with_a_search_under_way(self):
        for name in ("one", "two"):
            self.masters[name].pause()
        try:
            self.ruby(self.resolver() + "Thread.new { r.reach('catalog', seconds: 60) }\nsleep 0.3\n")
        finally:
            for name in ("one", "two"):
                self.masters[name].resume()

    def test_example_of_the_page_about_it_runs_as_it_stands_there(self):
        self.masters["one"].kill()
        self.resolver()
        done = subprocess.run(["ruby", "-w", f"-I{RUBY}/lib", Path(__file__).with_name("masters.rb"), self.conf,
                               f"{self.site.dns.address}:{self.site.dns.port}"],
                              env={**os.environ, "LD_LIBRARY_PATH": os.path.dirname(LIBRARY)}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=120, check=True)
        port = self.site.port
        for service in SERVICES:
            self.assertIn(f"{service}: two.lab.test:{port}\n", done.stdout)
        self.assertRegex(done.stdout, rf"(?m)^  not one\.lab\.test:{port}: connect: Connection refused")

    def test_waiting_is_rubys_own(self):
        for name in ("one", "two"):
            self.masters[name].pause()
        try:
            said = self.ruby(self.resolver() + """
require 'timeout'
begin Timeout.timeout(0.5) { r.reach('catalog', seconds: 60) }; rescue Timeout::Error => e; puts e.class; end
begin r.reach('catalog', seconds: 0.5); rescue Bunraku::Error => e; puts e.code; end
""")
        finally:
            for name in ("one", "two"):
                self.masters[name].resume()
        self.assertEqual(said, ["Timeout::Error", "901"])

    def test_a_child_of_fork_makes_its_own(self):
        said = self.ruby(self.resolver() + """
puts r.reach('catalog').host
pid = fork do
  begin r.reach('catalog'); rescue Bunraku::Error => e; puts e.code; end
  $stdout.flush
  r.close
""" + self.resolver() + """
  puts r.reach('catalog').host
  r.close
end
Process.wait(pid)
puts $?.exitstatus, r.reach('catalog').host
""")
        self.assertEqual(sorted(said), ["0", "2", "one.lab.test", "one.lab.test", "one.lab.test"])


if __name__ == "__main__":
    unittest.main()
