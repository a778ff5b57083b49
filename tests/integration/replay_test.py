"""Request bodies are kept so that another master can be sent them whole: in memory, in a file without a name, or not."""

import json
import os
import shlex
import stat
import unittest
from urllib.parse import quote

from labsite import MasterSpec, Shim, Site, service_requests, until

ALL = ("ca", "catalog", "files", "report")
JSON = {"Content-Type": "application/json"}


class Replay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(masters=[MasterSpec("one", ALL), MasterSpec("two", ALL)], srv={}, key="ec"))
        cls.one, cls.two = cls.site.masters.values()
        for service in ALL:
            cls.site.srv(service, "one", "two")
        cls.spool = os.path.join(cls.site.directory, "spool")
        os.mkdir(cls.spool)

    def setUp(self):
        for master in (self.one, self.two):
            if not master.process.is_running():
                master.start()
            master.clear_faults()
            master.forget_log()

    def shim(self, memory, file, spool=None):
        return Shim(self.site, env={**os.environ, "TMPDIR": spool or self.spool},
                    extra=f"[limits]\nreplay_bytes = {memory}\nreplay_file_bytes = {file}\n")

    def facts(self, shim, size):
        """A request with a body of about this size that any master may be sent."""
        body = json.dumps({"name": shim.node, "values": {"noise": os.urandom(size // 2).hex()}}).encode()
        return "PUT", f"/puppet/v3/facts/{shim.node}?environment=production", body, JSON

    def catalog(self, size):
        method, target, body, headers = service_requests(self.site)["catalog"]
        padding = quote(quote(json.dumps({"noise": "x" * size})))
        return method, target, body + b"&padding=" + padding.encode(), headers

    def assert_stored(self, master, shim, body):
        with open(os.path.join(master.directory, "state", "facts", f"{shim.node}.json"), "rb") as file:
            self.assertEqual(file.read(), body)

    def spool_files(self, shim):
        """Of the daemon: what it has open in its directory for temporary files."""
        folder = f"/proc/{shim.process.pid}/fd"
        found = []
        for name in os.listdir(folder):
            try:
                path = os.path.join(folder, name)
                if os.readlink(path).startswith(self.spool):
                    found.append((os.readlink(path), stat.S_IMODE(os.stat(path).st_mode)))
            except FileNotFoundError:
                pass  # closed meanwhile
        return found

    def test_a_catalogs_request_whose_master_dies_with_it_arrives_whole_at_the_next(self):
        with self.shim(1 << 20, 0) as shim:
            self.one.fault("die_before_answer", path_prefix="/puppet/v3/catalog")
            request = self.catalog(600_000)
            answer = shim.ask(*request)
            self.assertEqual(answer.status, 200, answer.body)
            sent, = self.two.requests("/puppet/v3/catalog")
            self.assertEqual(sent["bytes_in"], len(request[2]))
            told, = shim.exchanges(1)
            self.assertRegex(told["failed"], r"one\.lab\.test:\d+: first_byte")
            self.assertNotIn("not_kept", told)

    def test_beyond_memory_a_body_is_in_a_file_without_a_name_while_it_may_be_needed(self):
        with self.shim(100_000, 10_000_000) as shim:
            self.one.fault("hang_before_answer", path_prefix="/puppet/v3/facts")
            method, target, body, headers = self.facts(shim, 2_000_000)
            with shim.client() as client:
                client.send_request(method, target, body, Content_Type="application/json")
                until(lambda: self.spool_files(shim), "the daemon's temporary file")
                (path, mode), = self.spool_files(shim)
                self.assertTrue(path.endswith(" (deleted)"), path)
                self.assertEqual(mode, 0o600)
                self.assertEqual(os.listdir(self.spool), [])
                until(lambda: self.one.events("arrived"), "the request at its master")
                self.one.kill()
                self.assertEqual(client.read_answer(method).status, 200)
                self.assert_stored(self.two, shim, body)
                until(lambda: not self.spool_files(shim), "the temporary file to be closed")

    def test_a_file_that_cannot_be_read_back_costs_its_request_and_not_the_next_one(self):
        with self.shim(100_000, 10_000_000) as shim:
            self.one.fault("hang_before_answer", path_prefix="/puppet/v3/facts")
            method, target, body, _ = self.facts(shim, 2_000_000)
            with shim.client(seconds=20.0) as client:
                client.send_request(method, target, body, Content_Type="application/json")
                until(lambda: self.one.events("arrived"), "the request at its master")
                folder = f"/proc/{shim.process.pid}/fd"
                for name in os.listdir(folder):
                    if os.readlink(f"{folder}/{name}").startswith(self.spool):
                        os.truncate(f"{folder}/{name}", 0)
                self.one.kill()
                answer = client.read_answer(method)
                self.assertEqual(answer.status, 500)
                self.assertRegex(json.loads(answer.body)["message"], "could not be read back from its file")
                self.assertIsNone(answer.getheader("Connection"))
                self.assertEqual(client.request("GET", "/puppet/v3/file_content/modules/lab/generated/10").status, 200)

    def test_a_chunked_body_arrives_whole_too(self):
        with self.shim(10_000, 10_000_000) as shim:
            self.one.fault("die_before_answer", path_prefix="/puppet/v3/facts")
            method, target, body, _ = self.facts(shim, 500_000)
            with shim.client() as client:
                client.send(f"{method} {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
                for at in range(0, len(body), 70_000):
                    piece = body[at:at + 70_000]
                    client.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                client.send(b"0\r\n\r\n")
                self.assertEqual(client.read_answer(method).status, 200)
            self.assert_stored(self.two, shim, body)

    def test_what_is_too_large_to_be_kept_is_sent_once_and_that_is_said(self):
        with self.shim(1000, 10_000) as shim:
            self.one.fault("reset_before_answer", path_prefix="/puppet/v3/facts")
            answer = shim.ask(*self.facts(shim, 50_000))
            self.assertEqual(answer.status, 502)
            self.assertRegex(json.loads(answer.body)["message"],
                             r"could not be kept for another master: it is larger than limits\.replay_bytes and "
                             r"replay_file_bytes allow$")
            self.assertEqual(self.two.requests(), [])
            told, = shim.exchanges(1)
            self.assertEqual(told["not_kept"], "it is larger than limits.replay_bytes and replay_file_bytes allow")

    def test_a_report_that_its_master_took_is_not_sent_again_and_the_agent_is_told(self):
        with self.shim(1 << 20, 0) as shim:
            self.one.fault("die_before_answer", path_prefix="/puppet/v3/report")
            answer = shim.ask(*service_requests(self.site)["report"])
            self.assertEqual(answer.status, 502)
            self.assertRegex(json.loads(answer.body)["message"], r"one\.lab\.test:\d+: first_byte: "
                             r".*It may have arrived there, so no other master was sent it$")
            self.assertEqual(self.two.requests(), [])
            self.assertEqual(self.two.reports(), {})
            told, = shim.exchanges(1)
            self.assertEqual((told["status"], told["attempts"]), ("502", "1"))

    def assert_served_without_a_file(self, shim, reason):
        for _ in range(2):
            request = self.facts(shim, 500_000)
            self.assertEqual(shim.ask(*request).status, 200)
            self.assert_stored(self.one, shim, request[2])
        for told in shim.exchanges(2):
            self.assertRegex(told["not_kept"], reason)
        warnings = shim.lines("cannot be sent to another master")
        self.assertEqual(len(warnings), 1, warnings)
        self.assertRegex(warnings[0], rf"warning request bodies larger than limits\.replay_bytes.*{reason}.*fix=")
        # It did not reach the next master, and nobody pretends that it could have.
        self.one.fault("reset_before_answer", path_prefix="/puppet/v3/facts")
        self.assertEqual(shim.ask(*self.facts(shim, 500_000)).status, 502)
        self.assertEqual(self.two.requests(), [])

    def test_without_a_directory_for_files_requests_go_on(self):
        with self.shim(1000, 10_000_000, spool=os.path.join(self.site.directory, "nowhere")) as shim:
            self.assert_served_without_a_file(shim, "nowhere: No such file or directory")

    def test_beyond_the_largest_file_that_a_process_may_write_requests_go_on(self):
        wrapper = os.path.join(self.site.directory, "bunraku-with-small-files")
        with open(wrapper, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/bash\nulimit -f 128\nexec {shlex.quote(self.site.bunraku)} \"$@\"\n")  # KiB
        os.chmod(wrapper, 0o755)
        program, self.site.bunraku = self.site.bunraku, wrapper
        try:
            shim = self.shim(1000, 10_000_000)
        finally:
            self.site.bunraku = program
        with shim:
            self.assert_served_without_a_file(shim, "spool: File too large")

    def test_on_a_full_disk_requests_go_on(self):
        mount_point = os.path.join(self.site.directory, "tiny")
        os.mkdir(mount_point)
        wrapper = os.path.join(self.site.directory, "bunraku-on-a-tiny-disk")
        own_namespace = "unshare -m --propagation private" + (" -r" if os.geteuid() != 0 else "")
        inside = f"mount -t tmpfs -o size=64k tmpfs {shlex.quote(mount_point)} && exec \"$0\" \"$@\""
        with open(wrapper, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\nexec {own_namespace} sh -c {shlex.quote(inside)} "
                       f"{shlex.quote(self.site.bunraku)} \"$@\"\n")
        os.chmod(wrapper, 0o755)
        program, self.site.bunraku = self.site.bunraku, wrapper
        try:
            shim = self.shim(1000, 10_000_000, spool=mount_point)
        finally:
            self.site.bunraku = program
        with shim:
            self.assert_served_without_a_file(shim, "tiny: No space left on device")


if __name__ == "__main__":
    unittest.main()
