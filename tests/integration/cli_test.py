"""The command line: check and resolve as an administrator uses them, against a real site on loopback."""

import itertools
import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import unittest

from labsite import Site, Srv

GOOD, BAD_NEWS, NOT_DONE = 0, 1, 2


def bunraku(*arguments, program=None):
    program = program or os.environ["BUNRAKU_BIN"]
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=120)


class Arguments(unittest.TestCase):
    def test_help_and_version_are_good(self):
        for arguments in (["--help"], ["run", "--help"], ["check", "--help"], ["resolve", "--help"], ["status", "--help"], ["doctor", "--help"], ["drill", "--help"],
                          ["enroll", "--help"], ["explain", "--help"], ["drain", "--help"], ["undrain", "--help"], ["reload", "--help"],
                          ["--version"]):
            done = bunraku(*arguments)
            self.assertEqual(done.returncode, GOOD, done)
            self.assertIn("bunraku", done.stdout)
        self.assertRegex(bunraku("--version").stdout, r"^bunraku \d+\.\d+\.\d+\n$")

    def test_what_is_not_understood_is_told_on_stderr(self):
        for arguments in ([], ["frobnicate"], ["check", "--frobnicate"], ["resolve", "--picks", "many"],
                          ["resolve", "--picks", "0"], ["resolve", "--seed", "-1"], ["check", "--config"]):
            done = bunraku(*arguments)
            self.assertEqual(done.returncode, NOT_DONE, (arguments, done))
            self.assertEqual(done.stdout, "", arguments)
            self.assertNotEqual(done.stderr, "", arguments)

    def test_a_verb_or_option_that_is_not_there_is_named(self):
        for arguments, says in ((["statsu"], "there is no verb `statsu`. Did you mean `status`?"),
                                (["-c", "x.toml", "frobnicate", "x"], "there is no verb `frobnicate`. `bunraku --help`"),
                                (["--frobnicate"], "there is no option `--frobnicate`.")):
            done = bunraku(*arguments)
            self.assertEqual(done.returncode, NOT_DONE, (arguments, done))
            self.assertIn(f"bunraku: {says}", done.stderr)

    def test_a_full_disk_is_noticed(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([os.environ["BUNRAKU_BIN"], "check"], stdout=full, stderr=subprocess.PIPE, text=True,
                                  check=False, stdin=subprocess.DEVNULL, timeout=120)
        self.assertEqual(done.returncode, NOT_DONE)
        self.assertIn("standard output", done.stderr)


class WithASite(unittest.TestCase):
    """One site for all tests of this class; they change only DNS."""

    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site())
        cls.directory = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="bunraku-cli-"))
        cls.nameserver = f"{cls.site.dns.address}:{cls.site.dns.port}"
        cls.node = cls.site.fqdn("agent1")
        cls.ssldir = cls.site.ssldir("agent1")

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def puppet_conf(self, more=""):
        return self.write("puppet.conf", f"[main]\ncertname = {self.node}\nssldir = {self.ssldir}\n"
                                         f"vardir = {self.directory}/var\nsrv_domain = {self.site.domain}\n"
                                         f"server = {self.node}\n{more}")

    def config(self, more="", dns=""):
        return self.write("bunraku.toml", f'[puppet]\nconf = "{self.puppet_conf()}"\n'
                                          f'[dns]\nnameservers = ["{self.nameserver}"]\nhosts_file = ""\n{dns}{more}')

    # check

    def test_check_of_a_good_site_shows_what_is_in_effect(self):
        done = bunraku("check", "--config", self.config())
        self.assertEqual(done.returncode, GOOD, done)
        self.assertRegex(done.stdout, r"(?m)^0 errors, \d+ warnings?$")
        for expected in (f"certname +{self.node}", r"terminate +127\.0\.0\.1:8140 \(default\)",
                         r"terminate +127\.0\.1\.1:8140 \(default\)", r"valid until \d{4}-\d\d-\d\d",
                         rf"ca +1m +srv +_x-puppet-ca\._tcp\.{self.site.domain}",
                         rf"files +1m +srv +_x-puppet-fileserver\._tcp\.{self.site.domain}, else _x-puppet\._tcp"):
            self.assertRegex(done.stdout, expected)

    def test_check_as_json_says_the_same(self):
        done = bunraku("check", "--json", "--config", self.config(
            '[service.canary]\nmasters = ["c:1"]\n[[route]]\nservice = "canary"\nenvironment = "canary"\n'))
        self.assertEqual(done.returncode, GOOD, done)
        said = json.loads(done.stdout)
        self.assertEqual([p for p in said["problems"] if p["severity"] == "error"], [])
        self.assertEqual(said["certname"], self.node)
        self.assertEqual([s["name"] for s in said["services"]], ["ca", "catalog", "files", "report", "canary"])
        self.assertEqual(said["services"][4]["sources"][0]["masters"], ["c:1"])
        self.assertEqual(said["routes"][0]["service"], "canary")
        self.assertEqual(said["upstream"], said["local"])
        self.assertGreater(said["upstream"]["not_after"], 1_600_000_000)
        self.assertIn({"name": "file_content", "service": "files"}, said["endpoints"])

    def test_check_as_json_is_json_wherever_a_long_word_is_cut(self):
        done = bunraku("check", "--json", "--config", self.config(f'[service.catalog]\nmasters = ["{"x" * 255}\u00e4b"]\n'))
        self.assertEqual(done.returncode, NOT_DONE, done)
        self.assertIn("x?\" is no master.", json.loads(done.stdout)["problems"][0]["what"])

    def test_check_tells_every_problem_of_every_file_at_once(self):
        config = self.config("[limits]\nidel = \"60s\"\n[[listen]]\nway = \"socket\"\npath = \"/s\"\n"
                             "users = [\"no-such-user\"]\n[upstream]\nca = \"/nowhere/ca.pem\"\n")
        done = bunraku("check", "--config", config)
        self.assertEqual(done.returncode, NOT_DONE, done)
        self.assertRegex(done.stdout, r"bunraku\.toml:7: error: .*`idel`.*Did you mean `idle`\?")
        self.assertRegex(done.stdout, r"bunraku\.toml:8: error: There is no user `no-such-user`")
        self.assertRegex(done.stdout, r"/nowhere/ca\.pem: error: ")
        self.assertRegex(done.stdout, r"(?m)^3 errors, ")

    def test_a_file_that_bunraku_toml_names_and_that_is_not_there_is_no_reason_to_enrol(self):
        done = bunraku("check", "--config", self.config('[upstream]\ncertificate = "/no/cert"\nkey = "/no/key"\n'
                                                        '[local]\ncrl = "/no/crl"\n'))
        self.assertEqual(done.returncode, NOT_DONE, done)
        for file, key in (("cert", "certificate` in [upstream]"), ("key", "key` in [upstream]"), ("crl", "crl` in [local]")):
            self.assertRegex(done.stdout, rf"(?m)^/no/{file}: error: .* does not exist; put it there, or correct `{re.escape(key)}$")
        self.assertNotIn("enrol", done.stdout)
        token = "pkcs11:token=none;object=none"
        done = bunraku("check", "--config", self.config(f'[upstream]\ncertificate = "{self.ssldir}/certs/{self.node}.pem"\nkey = "{token}"\n'))
        self.assertEqual(done.returncode, NOT_DONE, done)
        self.assertIn(f"{token}: error: ", done.stdout)
        self.assertNotIn("put it there", done.stdout)

    def test_a_log_that_goes_nowhere_is_told(self):
        config = self.config('[log]\nto = "journal"\n')
        done = subprocess.run(["unshare", "-m", "--propagation", "private", *(["-r"] if os.geteuid() else []), "bash", "-c",
                               'mount -t tmpfs none /run; exec "$@"', "ns", os.environ["BUNRAKU_BIN"], "check", "--config", config],
                              capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=120)
        self.assertEqual(done.returncode, GOOD, done)
        self.assertIn(f"{config}: warning: [log] to is \"journal\", and no journal listens at ", done.stdout)

    def test_what_is_no_file_is_told_as_such(self):
        pipe = os.path.join(self.directory, "pipe")
        os.mkfifo(pipe)
        done = bunraku("check", "--config", pipe)
        self.assertEqual(done.returncode, NOT_DONE, done)
        self.assertIn(f"{pipe}: error: It is a pipe.", done.stdout)
        done = bunraku("check", "--config", self.config(), "--puppet-conf", self.directory)
        self.assertEqual(done.returncode, NOT_DONE, done)
        self.assertIn(f"{self.directory}: error: puppet.conf is not a regular file; name the file itself", done.stdout)
        config = self.config()
        with open(config, encoding="ascii") as file:
            text = file.read().replace('hosts_file = ""', f'hosts_file = "{self.directory}"')
        with open(config, "w", encoding="ascii") as file:
            file.write(text)
        done = bunraku("check", "--config", config)
        self.assertEqual(done.returncode, GOOD, done)
        self.assertIn(f"{self.directory}: warning: It is a directory, so no master's address comes from a hosts file.", done.stdout)

    def test_problems_of_puppet_conf_are_told_with_those_of_bunraku_toml(self):
        puppet_conf = self.write("dropped.conf", "[main]\ncertname = a\nthis line means nothing\n")
        config = self.write("both.toml", f'[puppet]\nconf = "{puppet_conf}"\n[log]\nlevel = "loud"\n')
        done = bunraku("check", "--config", config)
        self.assertEqual(done.returncode, NOT_DONE)
        self.assertRegex(done.stdout, r"both\.toml:4: error: ")
        self.assertRegex(done.stdout, r"dropped\.conf:3: error: ")

    def test_a_given_config_must_exist_and_be_readable(self):
        for path in (os.path.join(self.directory, "missing.toml"), self.directory):
            done = bunraku("check", "--config", path)
            self.assertEqual(done.returncode, NOT_DONE)
            self.assertIn(f"{path}: error: Cannot read it", done.stdout)

    def test_a_config_that_everybody_may_write_is_refused(self):
        config = self.config()
        os.chmod(config, 0o666)
        self.addCleanup(os.remove, config)
        done = bunraku("check", "--config", config)
        self.assertEqual(done.returncode, NOT_DONE)
        self.assertIn("chmod o-w", done.stdout)

    def test_puppet_conf_on_the_command_line_wins(self):
        other = self.write("other.conf", f"[main]\ncertname = {self.node}\nssldir = {self.ssldir}\n"
                                         "server = other.example.com\n")
        done = bunraku("--puppet-conf", other, "check", "--json", "--config", self.config())
        said = json.loads(done.stdout)
        self.assertEqual(said["puppet_conf"], other)
        self.assertEqual(said["services"][1]["sources"][0]["masters"], ["other.example.com:8140"])

    def test_a_site_that_names_nobody_is_told_so(self):
        puppet_conf = self.write("nobody.conf", f"[main]\ncertname = {self.node}\nssldir = {self.ssldir}\n")
        config = self.write("nobody.toml", f'[puppet]\nconf = "{puppet_conf}"\n[dns]\nsrv = false\n')
        done = bunraku("check", "--config", config)
        self.assertEqual(done.returncode, NOT_DONE, done)
        self.assertIn("Nothing says who serves ca, catalog, files, report", done.stdout)

    def test_run_refuses_what_check_refuses(self):
        config = self.config("[limits]\nidel = \"60s\"\n")
        done = bunraku("run", "--config", config)
        self.assertEqual(done.returncode, NOT_DONE)
        self.assertRegex(done.stderr, r"bunraku\.toml:7: error: .*`idel`")

    def test_what_keeps_it_from_its_start_has_its_priority_in_the_journal(self):
        config = self.config("[limits]\nidel = \"60s\"\n")
        os.chmod(config, 0o644)
        with tempfile.TemporaryFile("w+", dir=self.directory) as journal:
            about = os.fstat(journal.fileno())
            done = subprocess.run([os.environ["BUNRAKU_BIN"], "run", "--config", config], stderr=journal, check=False,
                                  stdin=subprocess.DEVNULL, timeout=120,
                                  env={**os.environ, "JOURNAL_STREAM": f"{about.st_dev}:{about.st_ino}"})
            journal.seek(0)
            said = journal.read()
        self.assertEqual(done.returncode, NOT_DONE)
        self.assertRegex(said, r"(?m)^<3>\S+bunraku\.toml:7: error: .*`idel`")
        self.assertRegex(said, r"(?m)^<3>bunraku: not started")

    def test_what_must_not_be_read_is_told_with_its_remedy(self):
        with tempfile.TemporaryDirectory(prefix="bunraku-cli-") as place:
            os.chmod(place, 0o755)
            secret = os.path.join(place, "secret.toml")
            with open(secret, "w", encoding="utf-8") as file:
                file.write("")
            os.chmod(secret, 0o000)
            # Root may read everything, so root's test is done by somebody else, who must be able to reach the program.
            program, other = shutil.copy(os.environ["BUNRAKU_BIN"], place), {}
            if os.geteuid() == 0:
                nobody = pwd.getpwnam("nobody")
                other = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            done = subprocess.run([program, "check", "--config", secret], capture_output=True, text=True, check=False,
                                  stdin=subprocess.DEVNULL, timeout=120, cwd="/", **other)
        self.assertEqual(done.returncode, NOT_DONE, done)
        self.assertIn("Permission denied", done.stdout)
        self.assertIn("Run as root, or let this user read", done.stdout)

    # resolve

    def test_resolve_shows_what_dns_said_and_the_order(self):
        done = bunraku("resolve", "catalog", "--config", self.config())
        self.assertEqual(done.returncode, GOOD, done)
        self.assertRegex(done.stdout, rf"(?m)^  srv _x-puppet\._tcp\.{self.site.domain}, asked again in \d+ s at the earliest$")
        self.assertRegex(done.stdout, rf"1 +compile1\.{self.site.domain}:{self.site.port} +SRV priority 10")
        self.assertRegex(done.stdout, rf"2 +compile2\.{self.site.domain}:{self.site.port} +SRV priority 20")
        self.assertIn(f"this node's certname ({self.node})", done.stdout)

    def test_resolve_without_a_name_shows_every_service(self):
        done = bunraku("resolve", "--json", "--config", self.config())
        self.assertEqual(done.returncode, GOOD, done)
        said = {one["service"]: one for one in json.loads(done.stdout)["services"]}
        self.assertEqual(list(said), ["ca", "catalog", "files", "report"])
        self.assertEqual(said["ca"]["order"][0]["host"], self.site.fqdn("ca"))
        self.assertEqual(said["catalog"]["answers"][0]["state"], "answered")
        self.assertLessEqual(said["catalog"]["answers"][0]["ttl_left"], 60)

    def test_resolve_needs_no_credentials(self):
        puppet_conf = self.write("new.conf", f"[main]\ncertname = new.{self.site.domain}\nssldir = /nowhere\n"
                                             f"srv_domain = {self.site.domain}\n")
        config = self.write("new.toml", f'[puppet]\nconf = "{puppet_conf}"\n[dns]\nnameservers = ["{self.nameserver}"]\n')
        done = bunraku("resolve", "catalog", "--config", config)
        self.assertEqual(done.returncode, GOOD, done)

    def test_a_service_that_is_not_offered_is_bad_news(self):
        self.addCleanup(self.site.srv, "report", "compile1")
        self.site.srv("report", Srv(0, 0, 0, "."))
        done = bunraku("resolve", "report", "--config", self.config())
        self.assertEqual(done.returncode, BAD_NEWS, done)
        self.assertIn("decidedly not offered", done.stdout)
        self.assertIn("order: nobody", done.stdout)

    def test_a_name_server_that_is_silent_is_told_as_such(self):
        config = self.write("silent.toml", f'[puppet]\nconf = "{self.puppet_conf()}"\n'
                                           f'[dns]\nnameservers = ["{self.site.dns.address}:1"]\n'
                                           'lookup_deadline = "300ms"\ntry_timeout = "100ms"\n')
        done = bunraku("resolve", "catalog", "--json", "--config", config)
        self.assertEqual(done.returncode, BAD_NEWS, done)
        answer = json.loads(done.stdout)["services"][0]["answers"][0]
        self.assertEqual(answer["state"], "failed")
        self.assertNotEqual(answer["error"], "")

    def test_name_servers_that_nobody_can_reach_are_told_as_such(self):
        self.nameserver, right = f"{self.site.dns.address}:1", self.nameserver
        config = self.config()
        self.nameserver = right
        done = bunraku("resolve", "catalog", "--config", config)
        self.assertEqual(done.returncode, BAD_NEWS, done)
        self.assertIn("no answer: the name servers answered with an error, or none could be reached\n", done.stdout)
        self.assertIn("no name server could be reached about _x-puppet._tcp.", done.stdout)

    def test_an_unknown_service_names_those_there_are(self):
        done = bunraku("resolve", "catalogue", "--config", self.config())
        self.assertEqual(done.returncode, NOT_DONE)
        self.assertIn("Did you mean `catalog`?", done.stderr)
        self.assertIn("ca, catalog, files, report", done.stderr)

    def test_a_static_list_comes_after_srv(self):
        done = bunraku("resolve", "catalog", "--json", "--config", self.config(
            f'[service.catalog]\nsrv_name = "_x-puppet._tcp.{self.site.domain}"\nmasters = ["spare.example.com:8141"]\n'))
        said = json.loads(done.stdout)["services"][0]
        self.assertEqual([a["source"] for a in said["answers"]], ["srv", "list"])
        self.assertEqual(said["order"][-1]["host"], "spare.example.com")
        self.assertIn("after the sources before it", said["order"][-1]["why"])

    def test_a_seed_gives_the_same_order_every_time(self):
        self.addCleanup(self.site.srv, "catalog", "compile1", "compile2")
        self.site.srv("catalog", *(Srv(10, 10, 8140 + i, "compile1") for i in range(8)))
        config = self.config()
        orders = [bunraku("resolve", "catalog", "--json", "--seed", seed, "--config", config).stdout
                  for seed in (7, 7, 8)]
        orders = [json.loads(one)["services"][0]["order"] for one in orders]
        self.assertEqual(orders[0], orders[1])
        self.assertNotEqual(orders[0], orders[2])

    def test_orders_of_many_draws_follow_rfc_2782(self):
        """Three priorities, mixed weights, a zero among them: 10,000 seeded draws, each place of each tier inside the
        99 % bound of chi-square. The seed is fixed, so this fails always or never."""
        tiers = {10: [("a", 0), ("b", 1), ("c", 3), ("d", 6)], 20: [("e", 5), ("f", 15)],
                 30: [("g", 0), ("h", 0), ("i", 2)]}
        self.addCleanup(self.site.srv, "catalog", "compile1", "compile2")
        self.site.srv("catalog", *(Srv(priority, weight, 8140, name)
                                   for priority, tier in tiers.items() for name, weight in tier))
        draws = 10_000
        done = bunraku("resolve", "catalog", "--json", "--picks", draws, "--seed", 42, "--config", self.config())
        self.assertEqual(done.returncode, GOOD, done)
        picks = json.loads(done.stdout)["services"][0]["picks"]
        self.assertEqual((picks["count"], picks["seed"]), (draws, 42))
        places = {line["master"].split(".")[0]: line["places"] for line in picks["masters"]}
        first = {line["master"].split(".")[0]: line["expected"] for line in picks["masters"]}
        self.assertEqual(len(places), 9)
        before = 0
        for tier in tiers.values():
            shares = place_shares(tier)
            for place in range(len(tier)):
                counted = {name: places[name][before + place] for name, _ in tier}
                self.assertEqual(sum(counted.values()), draws)
                statistic = sum((counted[name] - draws * share[place]) ** 2 / (draws * share[place])
                                for name, share in shares.items())
                self.assertLess(statistic, CHI_SQUARE_99[len(tier) - 1], (place, counted, shares))
            if before == 0:
                for name, share in shares.items():
                    self.assertAlmostEqual(first[name], share[0])
            before += len(tier)


# Upper 1 % points of chi-square by degrees of freedom.
CHI_SQUARE_99 = {1: 6.635, 2: 9.210, 3: 11.345}


def place_shares(tier):
    """{name: [chance of each place]} by RFC 2782's draw, over every order: zero weights first, a number from 0 to the
    sum, the first running sum that reaches it; what stands first among equals is arranged by chance."""
    shares = {name: [0.0] * len(tier) for name, _ in tier}
    for order in itertools.permutations(tier):
        left, chance = list(tier), 1.0
        for one in order:
            total = sum(weight for _, weight in left)
            zeros = sum(weight == 0 for _, weight in left)
            if one[1] == 0:
                chance *= 1 / (zeros * (total + 1))
            else:
                chance *= (one[1] + (0 if zeros else 1 / len(left))) / (total + 1)
            left.remove(one)
        for place, (name, _) in enumerate(order):
            shares[name][place] += chance
    return shares


if __name__ == "__main__":
    unittest.main()
