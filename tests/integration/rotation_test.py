"""New certificates, keys, CAs and CRLs, put in place by a rename as Puppet does: taken at once, nothing in flight is cut,
and what is wrong is not taken."""

import json
import os
import re
import shutil
import ssl
import subprocess
import unittest

from control_site import bunraku
from labsite import MasterSpec, Shim, Site, until

ROLES = ("ca", "catalog", "files", "report")
TARGET = "/puppet/v3/file_content/modules/lab/generated/100"
SLOW = "/puppet/v3/file_content/modules/lab/generated/200000"
NAME = "agent1.lab.test"
RENEWAL = "/puppet-ca/v1/certificate_renewal"


def replace(path, text):
    with open(f"{path}.new", "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(f"{path}.new", os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o640)
    os.rename(f"{path}.new", path)


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def openssl(*arguments, **more):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True, timeout=60, **more).stdout


class Rotation(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site(masters=[MasterSpec("one", ROLES), MasterSpec("two", ROLES)], srv={},
                                           key="ec", renewal=True))
        self.one, self.two = self.site.masters["one"], self.site.masters["two"]
        ssldir = self.site.ssldir("agent1")
        self.certificate, self.key = f"{ssldir}/certs/{NAME}.pem", f"{ssldir}/private_keys/{NAME}.pem"
        self.ca, self.crl = f"{ssldir}/certs/ca.pem", f"{ssldir}/crl.pem"
        self.metrics = os.path.join(self.site.directory, "bunraku.prom")
        self.shim = self.enterContext(Shim(self.site, extra=f'[admin]\ntextfile = "{self.metrics}"\n' + "".join(
            f'[service.{service}]\nmasters = ["one.lab.test:{self.site.port}", "two.lab.test:{self.site.port}"]\n'
            for service in ROLES)))

    def wait_for(self, pattern, count=1):
        until(lambda: len(self.shim.lines(pattern)) >= count, lambda: f"{pattern} in the log:\n{self.shim.log()}", 60)
        return self.shim.lines(pattern)[-1]

    def wait_for_metric(self, line):
        """In node_exporter's file, without any run."""
        until(lambda: f"\n{line}\n" in read(self.metrics), lambda: f"{line} in\n{read(self.metrics)}", 60)

    def served_by(self, client=None):
        """The name of the master that a request goes to now."""
        before = len(self.shim.exchanges())
        if client:
            self.assertEqual(client.request("GET", TARGET).status, 200)
        else:
            self.assertEqual(self.shim.ask("GET", TARGET).status, 200)
        return self.shim.exchanges(before + 1)[-1]["master"].split(".")[0]

    def serial(self, path=None):
        return openssl("x509", "-noout", "-serial", "-in", path or self.certificate).strip().removeprefix("serial=")

    def shown_serial(self):
        """Of the certificate that bunraku shows to a new client."""
        with self.shim.client() as client:
            shown = ssl.DER_cert_to_PEM_cert(client.tls.getpeercert(binary_form=True))
        return openssl("x509", "-noout", "-serial", input=shown).strip().removeprefix("serial=")

    def status(self):
        done = subprocess.run([self.site.bunraku, "status", "--json", "--socket", self.shim.process.control_path],
                              check=False, capture_output=True, text=True, timeout=60)
        return json.loads(done.stdout)

    def test_puppets_own_renewal_goes_through_and_its_certificate_is_used_at_once(self):
        old = self.serial()
        with self.shim.client() as client:
            answer = client.request("POST", RENEWAL, b"", Content_Type="text/plain")
            self.assertEqual(answer.status, 200)
            seen = [line for master in (self.one, self.two) for line in master.requests(RENEWAL)]
            self.assertEqual([line["client"] for line in seen], [NAME])
            self.one.fault("slow_bps:100000", path_prefix=SLOW)
            client.send_request("GET", SLOW)
            slow = client.start_answer()
            self.assertEqual(len(slow.read(1000)), 1000)
            replace(self.certificate, answer.body.decode())
            line = self.wait_for(r"credentials\.reloaded")
            self.assertIn(f"certname={NAME} new=\"certificate with serial 0x", line)
            self.assertNotIn("private key", line)
            self.assertEqual(len(slow.read()), 199000)
            self.shim.exchanges(2)
            self.assertEqual(self.served_by(client), "one")
        self.assertNotEqual(self.serial(), old)
        self.assertEqual(int(self.shown_serial(), 16), int(self.serial(), 16))
        shown, = self.status()["credentials"]
        self.assertEqual(int(shown["certificate"]["serial"], 16), int(self.serial(), 16))
        self.assertEqual(self.shim.lines(r"credentials\.refused"), [])

    def test_a_revoked_master_is_left_at_once(self):
        with self.shim.client() as client:
            self.assertEqual(self.served_by(client), "one")
            old = read(self.crl)
            self.site.run_lab("revoke", self.site.pki, "one.lab.test")
            self.assertNotEqual(read(self.crl), old)
            self.assertIn("with 1 revoked certificate", self.wait_for(r"credentials\.reloaded"))
            until(lambda: len(self.one.events("close")) == len(self.one.events("open")), "idle connections to end", 60)
            self.assertEqual(self.served_by(client), "two")
        self.assertIn("was revoked by", self.shim.log())
        self.assertEqual([request["target"] for request in self.one.requests()].count(TARGET), 1)

    def test_what_was_in_flight_to_a_revoked_master_ends_whole_and_is_not_used_again(self):
        self.one.fault("slow_bps:100000", path_prefix=SLOW)
        with self.shim.client() as client:
            client.send_request("GET", SLOW)
            slow = client.start_answer()
            self.assertEqual(len(slow.read(1000)), 1000)
            self.site.run_lab("revoke", self.site.pki, "one.lab.test")
            self.wait_for(r"credentials\.reloaded")
            self.assertEqual(len(slow.read()), 199000)
            self.shim.exchanges(1)
            self.assertEqual(self.served_by(client), "two")

    def new_pair(self):
        """Files with another key of this node and its certificate."""
        key, request, certificate = (os.path.join(self.site.directory, f"new.{end}") for end in ("key", "csr", "pem"))
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
                "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}", "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", f"{self.site.pki}/ca/inter.pem", "-CAkey",
                f"{self.site.pki}/ca/inter.key", "-set_serial", "0x424242", "-days", "20", "-copy_extensions", "copy",
                "-out", certificate)
        return key, certificate

    def test_a_new_key_and_its_certificate_one_after_the_other_are_waited_for_quietly(self):
        key, certificate = self.new_pair()
        replace(self.key, read(key))
        replace(self.certificate, read(certificate))
        line = self.wait_for(r"credentials\.reloaded")
        self.assertIn("certificate with serial 0x424242", line)
        self.assertIn("private key", line)
        self.assertEqual(self.shim.lines(r"credentials\.refused"), [])
        self.assertRegex(self.shim.log(), r"warning problem where=\"[^\"]*agent1[^\"]*\" what=\"the certificate expires on")
        warnings = self.status()["credentials"][0]["problems"]
        self.assertEqual([one["where"] for one in warnings], [self.certificate])
        done = subprocess.run([self.site.bunraku, "status", "--socket", self.shim.process.control_path], check=False,
                              capture_output=True, text=True, timeout=60)
        self.assertRegex(done.stdout, r"certificate 0x424242 ends in 19 d 23 h; CA ends in .*; CRL ends in ")
        self.assertRegex(done.stdout, r"warning: .*the certificate expires on ")
        self.assertEqual(self.served_by(), "one")

    def holds(self, key):
        """Whether a private key's number, or a piece of its file, is anywhere in the daemon's memory."""
        text = openssl("ec", "-in", key, "-noout", "-text")
        number = bytes.fromhex("".join(re.search(r"priv:([0-9a-f:\s]+)", text).group(1).split()).replace(":", "")[-64:])
        wanted = (number, number[::-1], "".join(read(key).splitlines()[1:-1])[20:60].encode())
        pid = self.shim.process.pid
        with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
            for line in maps:
                begin, end = (int(part, 16) for part in line.split()[0].split("-"))
                if not line.split()[1].startswith("rw") or "[v" in line:
                    continue
                memory.seek(begin)
                part = memory.read(end - begin)
                if any(one in part for one in wanted):
                    return True
        return False

    @unittest.skipIf("BUNRAKU_SANITIZED" in os.environ, "sanitizers keep what was freed")
    def test_a_key_that_was_renewed_is_in_memory_no_more(self):
        old = os.path.join(self.site.directory, "old.key")
        shutil.copy(self.key, old)
        self.assertTrue(self.holds(old))
        key, certificate = self.new_pair()
        replace(self.key, read(key))
        replace(self.certificate, read(certificate))
        self.wait_for(r"credentials\.reloaded")
        self.assertTrue(self.holds(key))
        until(lambda: not self.holds(old), "the old key to be gone from memory", 20)
        self.shim.reload()
        self.assertTrue(self.holds(key))

    def reload_is_held(self, wanted=True):
        """What status says of the last reload."""
        until(lambda: self.status()["reload_failed"] == wanted, lambda: f"reload_failed to be {wanted}:\n{self.shim.log()}", 60)

    def test_a_reload_that_came_between_a_new_key_and_its_certificate_is_done_when_both_are_there(self):
        key, certificate = self.new_pair()
        replace(self.key, read(key))
        turned = self.shim.parts["extra"].replace('"one.', '"x.').replace('"two.', '"one.').replace('"x.', '"two.')
        self.shim.reload(self.shim.config(extra=turned), expect=r"reload refused: .*can be used\n")
        self.reload_is_held()
        replace(self.certificate, read(certificate))
        self.wait_for(r"info reloaded listen=")
        self.reload_is_held(False)
        self.assertRegex(bunraku(self.shim, "status").stdout, r"certificate 0x424242 ends in")
        self.assertEqual(self.shim.lines(r"credentials\.refused"), [])
        self.assertEqual(self.served_by(), "two")

    def test_a_reload_without_an_ssldir_is_done_when_it_is_back(self):
        ssldir = self.site.ssldir("agent1")
        for waits in (False, True):
            os.rename(ssldir, f"{ssldir}.away")
            if waits:
                self.wait_for(r"credentials\.refused")
            before = len(self.shim.lines(r"info reloaded listen="))
            self.shim.reload(expect=r"reload refused: .*can be used\n")
            os.rename(f"{ssldir}.away", ssldir)
            self.wait_for(r"info reloaded listen=", before + 1)
            self.reload_is_held(False)
        self.assertEqual(len(self.shim.lines(r"credentials\.refused")), 1)

    def test_a_reload_that_wants_other_files_than_those_watched_is_refused_for_good(self):
        other = self.shim.config(extra=self.shim.parts["extra"] + f'[upstream]\ncrl = "{self.crl}.none"\n')
        self.shim.reload(other, expect=r"reload refused: going on as before\n")
        os.utime(self.crl)
        replace(self.crl, self.crl_that_revokes("two.lab.test"))
        self.wait_for(r"credentials\.reloaded")
        self.reload_is_held()
        self.assertEqual(len(self.shim.lines(r"reload refused")), 1)

    def test_what_is_wrong_is_told_once_and_the_old_goes_on(self):
        good = {path: read(path) for path in (self.certificate, self.key, self.crl, self.ca)}
        wrong = {self.certificate: ("-----BEGIN CERTIFICATE-----\nQUFB\n-----END CERTIFICATE-----\n", r"certificate"),
                 self.key: (read(f"{self.site.ssldir('one')}/private_keys/one.lab.test.pem"), r"does not belong"),
                 self.crl: ("", r"CRL")}
        client = self.enterContext(self.shim.client())  # it stays the whole time
        self.assertEqual(self.served_by(client), "one")
        for count, (path, (text, reason)) in enumerate(wrong.items(), 1):
            with self.subTest(os.path.basename(path)):
                replace(path, text)
                line = self.wait_for(r"credentials\.refused", count)
                self.assertRegex(line, rf"error credentials\.refused where=\"{path}\" what=\"[^\"]*{reason}[^\"]*\" fix=\"[^\"]+\"")
                self.assertEqual(self.status()["credentials_refused"]["where"], path)
                self.wait_for_metric("bunraku_credentials_refused 1")
                self.assertEqual(self.served_by(), "one")
                self.assertEqual(self.served_by(client), "one")
                replace(path, good[path])
                self.wait_for(r"credentials\.good", count)
                self.assertIsNone(self.status()["credentials_refused"])
                self.wait_for_metric("bunraku_credentials_refused 0")
        self.assertEqual(len(self.shim.lines(r"credentials\.refused")), len(wrong))
        self.assertEqual(self.shim.lines(r"credentials\.reloaded"), [])

    def test_a_certificate_of_another_node_is_no_new_one_of_this_node(self):
        good, file = read(self.certificate), os.path.join(self.site.directory, "other")
        openssl("req", "-new", "-key", self.key, "-subj", "/CN=other.lab.test", "-out", f"{file}.csr")
        openssl("x509", "-req", "-in", f"{file}.csr", "-CA", f"{self.site.pki}/ca/inter.pem", "-CAkey",
                f"{self.site.pki}/ca/inter.key", "-set_serial", "0x434343", "-days", "90", "-out", f"{file}.pem")
        replace(self.certificate, read(f"{file}.pem"))
        said = rf"where=\"{self.certificate}\" what=\"the certificate is that of other\.lab\.test, and the one in use that of {NAME}"
        self.assertRegex(self.wait_for(r"credentials\.refused"), said)
        self.shim.reload(expect=r"reload refused: going on as before")
        self.assertRegex(self.wait_for(r"error problem"), said)
        with self.shim.client() as client:
            self.assertEqual(self.served_by(client), "one")
        replace(self.certificate, good)
        self.wait_for(r"credentials\.good")
        self.shim.reload()

    def test_the_whole_ssldir_may_be_replaced(self):
        ssldir = self.site.ssldir("agent1")
        subprocess.run(["cp", "-a", ssldir, f"{ssldir}.new"], check=True, timeout=60)
        with self.shim.client() as client:
            renewed = client.request("POST", RENEWAL, b"", Content_Type="text/plain")
        replace(f"{ssldir}.new/certs/{NAME}.pem", renewed.body.decode())
        os.rename(ssldir, f"{ssldir}.old")
        os.rename(f"{ssldir}.new", ssldir)
        self.wait_for(r"credentials\.reloaded .*certificate with serial")
        # The new directories are watched, too.
        self.site.run_lab("revoke", self.site.pki, "one.lab.test")
        self.wait_for(r"credentials\.reloaded .*1 revoked")
        self.assertEqual(self.served_by(), "two")

    def test_links_are_followed_wherever_they_lead(self):
        elsewhere = os.path.join(self.site.directory, "elsewhere")
        for name, text in (("a", self.crl_that_revokes("two.lab.test")), ("b", read(self.crl))):
            os.makedirs(f"{elsewhere}/{name}")
            with open(f"{elsewhere}/{name}/crl.pem", "w", encoding="ascii") as file:
                file.write(text)
        os.symlink("a", f"{elsewhere}/now")
        os.symlink(f"{elsewhere}/now/crl.pem", f"{self.crl}.new")
        os.rename(f"{self.crl}.new", self.crl)
        self.wait_for(r"credentials\.reloaded .*1 revoked")
        # What is behind the links is replaced; then one of the links is.
        replace(f"{elsewhere}/now/crl.pem", self.crl_that_revokes("one.lab.test"))
        self.wait_for(r"credentials\.reloaded .*1 revoked", 2)
        self.assertEqual(self.served_by(), "two")
        os.symlink("b", f"{elsewhere}/new")
        os.rename(f"{elsewhere}/new", f"{elsewhere}/now")
        self.wait_for(r"credentials\.reloaded .*0 revoked")

    def test_a_directory_may_be_a_link_to_a_link_that_is_turned(self):
        elsewhere = os.path.join(self.site.directory, "elsewhere")
        for version, text in (("1", read(self.crl)), ("2", self.crl_that_revokes("one.lab.test"))):
            os.makedirs(f"{elsewhere}/{version}")
            with open(f"{elsewhere}/{version}/crl.pem", "w", encoding="ascii") as file:
                file.write(text)
        os.makedirs(f"{elsewhere}/here")
        os.symlink("1", f"{elsewhere}/live")
        os.symlink("../live", f"{elsewhere}/here/current")
        os.symlink(f"{elsewhere}/here/current/crl.pem", f"{self.crl}.new")
        replace(f"{elsewhere}/1/crl.pem", self.crl_that_revokes("two.lab.test"))
        os.rename(f"{self.crl}.new", self.crl)
        self.wait_for(r"credentials\.reloaded .*1 revoked")
        os.symlink("2", f"{elsewhere}/new")
        os.rename(f"{elsewhere}/new", f"{elsewhere}/live")
        self.wait_for(r"credentials\.reloaded .*1 revoked", 2)

    def test_a_relative_link_begins_where_its_directory_really_is(self):
        elsewhere = os.path.join(self.site.directory, "elsewhere")
        for directory in ("real/archive", "real/versions/1", "here"):
            os.makedirs(f"{elsewhere}/{directory}")
        shutil.copy(self.crl, f"{elsewhere}/real/archive/crl.pem")
        os.symlink("../../archive/crl.pem", f"{elsewhere}/real/versions/1/crl.pem")
        os.symlink(f"{elsewhere}/real/versions/1", f"{elsewhere}/here/current")
        os.symlink(f"{elsewhere}/here/current/crl.pem", f"{self.crl}.new")
        os.rename(f"{self.crl}.new", self.crl)
        replace(f"{elsewhere}/real/archive/crl.pem", self.crl_that_revokes("two.lab.test"))
        self.wait_for(r"credentials\.reloaded .*1 revoked")
        replace(f"{elsewhere}/real/archive/crl.pem", self.crl_that_revokes("one.lab.test"))
        self.wait_for(r"credentials\.reloaded .*1 revoked", 2)

    def crl_that_revokes(self, name):
        """The text of it; no node of the site gets it."""
        copy = os.path.join(self.site.directory, f"copy-{name}")
        shutil.copytree(self.site.pki, copy)
        self.site.run_lab("revoke", copy, name)
        return read(f"{copy}/ca/ca_crl.pem")

    def timers(self):
        """The seconds that each of its timers still runs, as Linux says it."""
        found = []
        for fd in os.listdir(f"/proc/{self.shim.process.pid}/fdinfo"):
            try:
                about = read(f"/proc/{self.shim.process.pid}/fdinfo/{fd}")
            except FileNotFoundError:
                continue  # closed meanwhile
            for seconds, nanoseconds in re.findall(r"^it_value: \((\d+), (\d+)\)", about, re.MULTILINE):
                if (seconds, nanoseconds) != ("0", "0"):
                    found.append(int(seconds))
        return found

    def test_it_is_silent_about_files_without_news_and_sleeps_once_it_has_looked(self):
        os.utime(self.crl)  # as an agent does when its CA says that nothing is new
        replace(self.certificate, read(self.certificate))
        # Nobody may have come in the meantime: the CRL's news is the first that it tells.
        replace(self.crl, self.crl_that_revokes("two.lab.test"))
        self.assertRegex(self.wait_for(r"credentials\."), r'new="2 CRLs with 1 revoked certificate until [^,"]*"$')
        # Where no timer is set, Asio has one of five minutes.
        until(lambda: min(self.timers(), default=300) > 60, "its timers to end", 60)
        self.assertEqual(len(self.shim.lines(r"credentials\.")), 1)

    def test_a_node_that_its_ca_has_revoked_serves_nobody_until_it_has_a_new_certificate(self):
        self.site.run_lab("revoke", self.site.pki, NAME)
        self.assertIn(f"where=\"{self.certificate}\"", self.wait_for(r"error credentials\.revoked"))
        self.assertEqual(self.status()["credentials"], [])
        self.wait_for_metric("bunraku_credentials_refused 1")
        with self.assertRaises(OSError):
            with self.shim.client() as client:
                client.request("GET", TARGET)
        answer = self.shim.ask("GET", TARGET)
        self.assertEqual(answer.status, 503)
        self.assertIn("cannot be used. 'bunraku check' says why", json.loads(answer.body)["message"])
        done = bunraku(self.shim, "status")
        self.assertIn("no certificate is in use\n", done.stdout)
        self.assertEqual(done.returncode, 1)
        # It is enrolled anew, and for a moment what is there does not fit. Whoever comes has it looked at.
        key, certificate = self.new_pair()
        replace(self.key, read(key))
        self.assertEqual(self.shim.ask("GET", TARGET).status, 503)
        replace(self.certificate, read(certificate))
        self.wait_for(r"enrolled certname=")
        self.assertEqual(len(self.shim.lines(r"error credentials\.")), 1, self.shim.log())
        with self.shim.client() as client:
            self.assertEqual(self.served_by(client), "one")


if __name__ == "__main__":
    unittest.main()
