"""An enrolled host plays master under forged DNS: who takes it, who refuses it, and what a reload with more demands does."""

import hashlib
import ssl
import subprocess
import unittest

from labsite import MasterSpec, Shim, Site

ROLES = ("ca", "catalog", "files", "report")
TARGET = "/puppet/v3/file_content/modules/lab/generated/100"
BY_NAME = '[identity]\nmaster_names = ["puppet.lab.test"]\n'


class Impostor(unittest.TestCase):
    """host7 has what any node has: a good certificate of the CA with its own name. DNS puts it first."""

    @classmethod
    def setUpClass(cls):
        masters = [MasterSpec("host7", ROLES), MasterSpec("compile1", ROLES, alt=("puppet",))]
        cls.site = cls.enterClassContext(Site(masters=masters, srv={}, key="ec"))
        for service in ROLES:
            cls.site.srv(service, "host7", "compile1")
        cls.host7, cls.compile1 = cls.site.masters["host7"], cls.site.masters["compile1"]

    def setUp(self):
        for master in self.site.masters.values():
            master.forget_log()

    def pin(self, master):
        certificate = f"{self.site.ssldir(master.name)}/certs/{master.name}.pem"
        key = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"], check=True, timeout=60,
                             stdout=subprocess.PIPE, text=True).stdout
        # The same armour as a certificate's, with other words.
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(key.replace("PUBLIC KEY", "CERTIFICATE"))).hexdigest()

    def served_by(self, shim):
        before = len(shim.exchanges())
        self.assertEqual(shim.ask("GET", TARGET).status, 200)
        told = shim.exchanges(before + 1)[-1]
        return told["master"].partition(".")[0], told.get("failed", "")

    def test_without_demands_it_serves(self):
        with Shim(self.site) as shim:
            self.assertEqual(self.served_by(shim)[0], "host7")

    def check_refused(self, shim, reason):
        master, failed = self.served_by(shim)
        self.assertEqual(master, "compile1")
        self.assertRegex(failed, rf"host7\.lab\.test:\d+: tls: certificate CN=host7\.lab\.test is good, but {reason}")
        self.assertEqual(self.host7.requests(), [])

    def test_the_name_that_only_masters_have_keeps_it_out(self):
        with Shim(self.site, extra=BY_NAME) as shim:
            self.check_refused(shim, r"not a master's: \[identity\] master_names demands puppet\.lab\.test")

    def test_pins_keep_it_out(self):
        with Shim(self.site, extra=f'[service.files]\npins = ["{self.pin(self.compile1)}"]\n') as shim:
            self.check_refused(shim, r"its key is none of the 1 in \[service\.files\] pins: it is " + self.pin(self.host7))

    def test_a_reload_with_more_demands_uses_neither_its_kept_connection_nor_its_session(self):
        with Shim(self.site) as shim:
            self.assertEqual(self.served_by(shim)[0], "host7")
            self.host7.forget_log()
            shim.reload(shim.config(extra=BY_NAME))
            self.check_refused(shim, "not a master's")


if __name__ == "__main__":
    unittest.main()
