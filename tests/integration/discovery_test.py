"""Discovery against a real Knot DNS: the zone is made here, what must come of it is in discovery/discovery_knot.cpp."""

import os
import socket
import subprocess
import sys
import tempfile
import unittest

from labsite.dns import Knot
from labsite.net import AddressRange

ZONE = "discovery.test"
RECORDS = [
    "_x-puppet._tcp 300 SRV 10 0 8140 c1",
    "_x-puppet._tcp 300 SRV 10 1 8140 c2",
    "_x-puppet._tcp 300 SRV 10 2 8140 C3",
    "_x-puppet._tcp 300 SRV 10 5 8140 c4",
    "_x-puppet._tcp 300 SRV 20 0 8140 d1",
    "_x-puppet._tcp 300 SRV 20 3 8140 d2",
    "_x-puppet._tcp 300 SRV 30 1 8140 e1",
    "_x-puppet._tcp 300 SRV 30 1 8140 e2",
    "_x-puppet._tcp 300 SRV 30 7 8140 e3",
    "_x-puppet-ca._tcp 300 SRV 0 0 0 .",
    "_x-text._tcp 300 TXT \"no SRV here\"",
    "_x-alias._tcp 7 CNAME _x-puppet._tcp",
    "c1 A 192.0.2.1",
    "c1 AAAA 2001:db8::1",
    "c2 A 192.0.2.2",
] + [f"_x-many._tcp 300 SRV 10 {i} 8140 many{i}" for i in range(200)]


class AgainstKnot(unittest.TestCase):
    def test_every_case(self):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        addresses = AddressRange()
        self.addCleanup(addresses.close)
        port = addresses.free_port((53,))
        knot = Knot(os.path.join(directory, "dns"), ZONE, addresses.address(53), port)
        self.addCleanup(knot.stop)
        knot.set_records(RECORDS)
        knot.start()
        silent = self.enterContext(socket.socket(type=socket.SOCK_DGRAM))
        silent.bind((addresses.address(54), 0))
        environment = dict(os.environ, BUNRAKU_TEST_ZONE=ZONE,
                           BUNRAKU_TEST_NAMESERVER=f"{addresses.address(53)}:{port}",
                           BUNRAKU_TEST_SILENT="{}:{}".format(*silent.getsockname()))
        done = subprocess.run([os.environ["BUNRAKU_DISCOVERY_KNOT"]], env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
        sys.stderr.write(done.stdout)
        self.assertEqual(done.returncode, 0, "a case failed: see above")
        self.assertRegex(done.stdout, r"PASSED  \] 1[2-9] tests")


if __name__ == "__main__":
    unittest.main()
