"""[[route]]: requests that go to a further service by path, environment or header."""

import subprocess
import unittest

from labsite import MasterSpec, Shim, Site, service_requests

ROLES = ("ca", "catalog", "files", "report")
FILE = "/puppet/v3/file_content/modules/lab/generated/100"
EXTRA = """
[service.canary]
srv_name = ["_x-puppet-canary._tcp.lab.test"]
[service.debug]
masters = ["debug.lab.test:{port}"]
[[route]]
service = "canary"
environment = "canary"
[[route]]
service = "debug"
header = {{ name = "X-Debug", value = "yes" }}
[[route]]
service = "debug"
path_prefix = "/puppet/v3/file_content/modules/lab/generated/77"
"""


class Routes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(masters=[MasterSpec(name, ROLES) for name in ("main", "canary", "debug")],
                                              srv={service: ("main",) for service in ROLES}, key="ec"))
        cls.site.publish(f"_x-puppet-canary._tcp SRV 10 50 {cls.site.port} canary")
        cls.shim = cls.enterClassContext(Shim(cls.site, extra=EXTRA.format(port=cls.site.port)))

    def check_goes_to(self, master, service, method, target, body=None, headers=None):
        before = len(self.shim.exchanges())
        self.shim.ask(method, target, body, headers)
        told = self.shim.exchanges(before + 1)[before]
        self.assertEqual((told["service"], told["master"]), (service, f"{master}.lab.test:{self.site.port}"))

    def test_by_environment_in_the_query(self):
        self.check_goes_to("canary", "canary", "GET", f"{FILE}?environment=canary")

    def test_another_environment_stays(self):
        for query in ("environment=canary2", "environment=production", "other=canary", "xenvironment=canary"):
            with self.subTest(query):
                self.check_goes_to("main", "files", "GET", f"{FILE}?{query}")

    def test_a_catalog_by_environment(self):
        method, target, body, headers = service_requests(self.site)["catalog"]
        self.check_goes_to("canary", "canary", method, target.replace("production", "canary"), body, headers)

    def test_by_header(self):
        self.check_goes_to("debug", "debug", "GET", FILE, headers={"x-debug": "yes"})

    def test_another_value_of_the_header_stays(self):
        self.check_goes_to("main", "files", "GET", FILE, headers={"X-Debug": "no"})

    def test_by_path(self):
        self.check_goes_to("debug", "debug", "GET", "/puppet/v3/file_content/modules/lab/generated/777")

    def test_the_first_route_wins(self):
        self.check_goes_to("canary", "canary", "GET", f"{FILE}?environment=canary", headers={"X-Debug": "yes"})

    def test_the_ca_is_not_routed_by_environment_or_header(self):
        self.check_goes_to("main", "ca", "GET", "/puppet-ca/v1/certificate/ca?environment=canary",
                           headers={"X-Debug": "yes"})

    def test_check_shows_the_effective_table(self):
        done = subprocess.run([self.site.bunraku, "check", "--config", self.shim.process.config_path],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        for pattern in (r"canary.*_x-puppet-canary\._tcp\.lab\.test", rf"debug.*debug\.lab\.test:{self.site.port}",
                        r"environment\W+canary.*canary|canary.*environment\W+canary", r"X-Debug", r"generated/77",
                        r"catalog_v4 +catalog"):
            self.assertRegex(done.stdout, pattern)


if __name__ == "__main__":
    unittest.main()
