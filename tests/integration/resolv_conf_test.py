"""Without name servers of its own bunraku asks those of /etc/resolv.conf, and follows that file while it runs."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest

from labsite import MasterSpec, Shim, Site, own_network, until

FILE = "/puppet/v3/file_content/modules/lab/generated/100"
DNS = """[dns]
hosts_file = ""
srv = true
lookup_deadline = "1s"
try_timeout = "200ms"
ttl_floor = "1s"
"""
# A program whose /etc is a directory of the test's, so that files in it can be replaced as tools do it.
IN_OWN_ETC = """#!/bin/sh
exec unshare -m --propagation private sh -c 'mount --bind "$0" /etc && exec "$@"' {etc} {program} "$@"
"""


class LinkLocalRelay:
    """A name server at fe80::53 on loopback, as a router announces itself, which asks another one."""

    def __init__(self, behind):
        subprocess.run(["ip", "-6", "addr", "add", "fe80::53/64", "dev", "lo", "nodad"], check=True)
        self.channel = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.channel.bind(("fe80::53", 53, 0, socket.if_nametoindex("lo")))
        self.behind = behind
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        while True:
            query, sender = self.channel.recvfrom(4096)
            if not query:
                return
            with socket.socket(type=socket.SOCK_DGRAM) as onward:
                onward.settimeout(10)
                onward.connect(self.behind)
                onward.send(query)
                self.channel.sendto(onward.recv(4096), sender)

    def close(self):
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self.channel.getsockname())
        self.thread.join()
        self.channel.close()


class ResolvConf(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        own_network()
        cls.site = cls.enterClassContext(Site(masters=[MasterSpec("one")], srv={"files": ("one",)}, key="ec"))
        cls.site.dns.ttl = 1
        cls.site.publish()
        if not cls.site.dns.has_port_53:
            raise AssertionError("name servers of resolv.conf are asked at port 53, which only root may serve")
        cls.etc = os.path.join(cls.site.directory, "etc")
        os.mkdir(cls.etc)
        for name in ("passwd", "group", "nsswitch.conf", "ld.so.cache"):
            shutil.copy(f"/etc/{name}", cls.etc)
        wrapper = os.path.join(cls.site.directory, "bunraku-in-own-etc")
        with open(wrapper, "w", encoding="ascii") as file:
            file.write(IN_OWN_ETC.format(etc=cls.etc, program=cls.site.bunraku))
        os.chmod(wrapper, 0o755)
        cls.site.bunraku = wrapper

    def replace(self, *servers):
        """As resolvconf, NetworkManager and dhclient do: another file takes the name."""
        path = os.path.join(self.etc, "resolv.conf")
        with open(path + ".new", "w", encoding="ascii") as file:
            file.writelines(f"nameserver {server}\n" for server in servers)
        os.replace(path + ".new", path)

    def rewrite(self, *servers):
        """As an editor does that keeps the file."""
        with open(os.path.join(self.etc, "resolv.conf"), "w", encoding="ascii") as file:
            file.writelines(f"nameserver {server}\n" for server in servers)

    def status(self, shim):
        return shim.ask("GET", FILE).status

    def test_servers_that_appear_while_it_runs_are_asked_without_a_restart(self):
        nobody = self.site.range.address(77)
        for change in (self.replace, self.rewrite):
            with self.subTest(change.__name__):
                self.replace(nobody)
                with Shim(self.site, dns=DNS) as shim:
                    self.assertGreaterEqual(self.status(shim), 500)
                    change(self.site.dns.address)
                    until(lambda: self.status(shim) == 200, lambda: f"an answer:\n{shim.log()}", seconds=60)

    def test_it_may_be_a_link_to_where_nothing_else_of_ours_is(self):
        elsewhere = tempfile.mkdtemp(prefix="bunraku-elsewhere-")  # as /mnt/wsl/resolv.conf
        self.addCleanup(shutil.rmtree, elsewhere)
        self.replace(self.site.dns.address)
        os.rename(os.path.join(self.etc, "resolv.conf"), f"{elsewhere}/resolv.conf")
        os.symlink(f"{elsewhere}/resolv.conf", os.path.join(self.etc, "resolv.conf"))
        with Shim(self.site, dns=DNS) as shim:
            self.assertEqual(self.status(shim), 200)

    def test_when_the_servers_go_their_last_answer_serves_and_the_next_ones_are_asked(self):
        self.replace(self.site.dns.address)
        with Shim(self.site, dns=DNS) as shim:
            self.assertEqual(self.status(shim), 200)
            self.replace(self.site.range.address(77))
            for _ in range(3):
                self.assertEqual(self.status(shim), 200)
            self.replace()  # no server at all, as before the network is up
            self.assertEqual(self.status(shim), 200)
            self.replace(self.site.dns.address)
            self.assertEqual(self.status(shim), 200)

    def test_a_name_server_with_a_link_local_address_is_asked_on_its_interface(self):
        relay = LinkLocalRelay((self.site.dns.address, self.site.dns.port))
        self.addCleanup(relay.close)
        for interface in ("lo", str(socket.if_nametoindex("lo"))):
            with self.subTest(interface):
                self.replace(f"fe80::53%{interface}")
                with Shim(self.site, dns=DNS) as shim:
                    self.assertEqual(self.status(shim), 200, shim.log())
        nobody = self.site.range.address(77)
        self.replace("fe80::53%lo", nobody)
        config = os.path.join(self.site.directory, "doctor.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(shim.config())
        done = subprocess.run([self.site.bunraku, "doctor", "--json", "--config", config], capture_output=True, text=True, check=False)
        findings = json.loads(done.stdout)["findings"]
        self.assertEqual([one["where"] for one in findings if one["check"] == "name-server-silent"], [nobody], done)


if __name__ == "__main__":
    unittest.main()
