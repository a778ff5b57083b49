"""The records that contrib/doc/dns-records.md tells people to publish: each is good for the tool that it is for. And the shapes
of Consul and of Kubernetes, served by real name servers at addresses of their own."""

import json
import os
import re
import subprocess
import tempfile
import unittest

from labsite import MasterSpec, Shim, Site
from labsite.dns import Knot
from labsite.net import can_bind

PAGE = os.path.join(os.path.dirname(__file__), "../../contrib/doc/dns-records.md")
ROLES = ("ca", "catalog", "files", "report")


def blocks(language):
    with open(PAGE, encoding="utf-8") as page:
        found = re.findall(rf"^```{language}\n(.*?)^```$", page.read(), re.MULTILINE | re.DOTALL)
    if not found:
        raise AssertionError(f"{PAGE} has no {language} any more")
    return found


class Snippets(unittest.TestCase):
    def checked(self, *command):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        self.assertEqual(done.returncode, 0, f"{' '.join(command)}\n{done.stdout}")

    def test_zones_are_good_for_bind_and_for_knot(self):
        for zone in blocks("zone"):
            with tempfile.NamedTemporaryFile("w", suffix=".zone") as file:
                file.write(zone)
                file.flush()
                origin = re.search(r"^\$ORIGIN (\S+)\.$", zone, re.MULTILINE)[1]
                self.checked("named-checkzone", origin, file.name)
                self.checked("kzonecheck", "-o", origin, file.name)

    def test_what_consul_and_kubernetes_get_is_json_and_yaml(self):
        for text in blocks("json"):
            self.assertEqual(json.loads(text)["service"]["port"], 8140)
        for text in blocks("yaml"):
            done = subprocess.run(["ruby", "-ryaml", "-rjson", "-e", "puts JSON.dump(YAML.safe_load(STDIN.read))"], input=text,
                                  text=True, stdout=subprocess.PIPE, check=True)
            service = json.loads(done.stdout)
            self.assertEqual((service["kind"], service["spec"]["clusterIP"]), ("Service", "None"))

    def test_bunraku_takes_each_configuration(self):
        with Site(masters=[MasterSpec("one", ROLES)], srv={}, key="ec") as site:
            for number, text in enumerate(blocks("toml")):
                shim = Shim(site, name=f"page{number}", start=False)
                config = os.path.join(site.directory, "page.toml")
                with open(config, "w", encoding="utf-8") as file:
                    file.write(f'[puppet]\nconf = "{shim.puppet_conf}"\n{text}')
                self.checked(site.bunraku, "check", "--config", config)


class Elsewhere(unittest.TestCase):
    """Masters of each service known to a name server of its own."""

    @classmethod
    def setUpClass(cls):
        names = ("compile1.node.dc1.consul", "puppet-0.puppetserver.puppet.svc.cluster.local")
        cls.site = cls.enterClassContext(Site(
            masters=[MasterSpec("consul", ROLES, ssldir="consul"), MasterSpec("kube", ROLES, ssldir="kube")], srv={}, key="ec",
            pki=["--name", f"consul={names[0]}", "--name", f"kube={names[1]}"]))
        consul, kube = (cls.site.masters[name].address for name in ("consul", "kube"))
        port = cls.site.port
        # Consul's own port, at an address of this site.
        cls.consul = cls.serve("consul", cls.site.range.address(86), 8600,
                               [f"puppetserver.service SRV 1 1 {port} {names[0]}.", f"compile1.node.dc1 A {consul}"])
        cls.kube = cls.serve("cluster.local", cls.site.range.address(96), 53 if can_bind("127.0.0.1", 53) else 5353,
                             [f"_https._tcp.puppetserver.puppet.svc SRV 0 100 {port} {names[1]}.",
                              f"puppet-0.puppetserver.puppet.svc A {kube}"])

    @classmethod
    def serve(cls, domain, address, port, records):
        knot = Knot(os.path.join(cls.site.directory, f"dns-{domain}"), domain, address, port)
        cls.addClassCleanup(knot.stop)
        knot.ttl = 0  # as Consul's
        knot.set_records(records)
        knot.start()
        return knot

    def test_each_service_finds_its_masters_at_the_name_server_of_its_domain(self):
        services = "".join(f'[service.{name}]\nsrv_name = ["puppetserver.service.consul"]\n' for name in ("catalog", "report"))
        dns = (f'[dns]\nnameservers = ["{{name_server}}"]\nhosts_file = ""\n'
               f'forward = ["consul {self.consul.address}:8600", "cluster.local {self.kube.address}:{self.kube.port}"]\n')
        with Shim(self.site, name="elsewhere", dns=dns, extra=services + '[service.files]\nsrv_name = '
                  '["_https._tcp.puppetserver.puppet.svc.cluster.local"]\n') as shim:
            for name, master in (("catalog", "consul"), ("files", "kube")):
                target = {"catalog": "/puppet/v3/environments", "files": "/puppet/v3/file_content/modules/lab/generated/100"}[name]
                before = len(self.site.masters[master].requests())
                shim.ask("GET", target)
                self.assertEqual(len(self.site.masters[master].requests()), before + 1, shim.log())
            self.assertEqual({told["service"]: told["master"].split(":")[0] for told in shim.exchanges(2)},
                             {"catalog": "compile1.node.dc1.consul", "files": "puppet-0.puppetserver.puppet.svc.cluster.local"})

    def test_a_name_server_that_is_silent_is_named_with_its_port(self):
        dns = f'[dns]\nnameservers = ["{{name_server}}"]\nforward = ["consul {self.consul.address}:8601"]\nlookup_deadline = "500ms"\n'
        with Shim(self.site, name="silent", dns=dns, extra='[service.files]\nsrv_name = ["puppetserver.service.consul"]\n') as shim:
            answer = shim.ask("GET", "/puppet/v3/file_content/modules/lab/generated/100")
            self.assertIn(answer.status, (502, 503))
            self.assertIn(f"{self.consul.address}:8601", answer.body.decode() + shim.log())


if __name__ == "__main__":
    unittest.main()
