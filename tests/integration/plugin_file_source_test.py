"""Masters from a file that something else keeps, in a running daemon."""

import os
import subprocess
import unittest

from control_site import bunraku, candidates_of
from labsite import MasterSpec, Shim, Site, service_requests, until
from plugin_site import install, write_whole

ALL = ("ca", "catalog", "files", "report")


class FileSource(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(masters=[MasterSpec("one", ALL), MasterSpec("two", ALL)], srv={}, key="ec"))
        cls.requests = service_requests(cls.site)
        cls.plugins = install(os.path.join(cls.site.directory, "plugins"), "file_source")

    def setUp(self):
        self.file = os.path.join(self.site.directory, self.id().rsplit(".", 1)[1] + ".toml")
        for service in ALL:
            self.site.srv(service, "two")

    def write(self, *masters, mode=0o644):
        write_whole(self.file, "catalog = [" + ", ".join(f'"{self.site.fqdn(m)}:{self.site.port}"' for m in masters) + "]\n",
                    mode)

    def shim(self):
        text = (f'[plugins]\ndirectory = "{self.plugins}"\n[plugin.file_source]\nmasters = "{self.file}"\ndeadline = "60s"\n'
                '[service.catalog]\nsource = "file_source"\n')
        return self.enterContext(Shim(self.site, extra=text))

    def answered_by(self, shim, service="catalog"):
        method, target, body, headers = self.requests[service]
        before = len(shim.exchanges())
        self.assertEqual(shim.ask(method, target, body, headers).status, 200)
        return shim.exchanges(before + 1)[before]["master"].split(".")[0]

    def new_run(self, shim):
        self.answered_by(shim, "report")

    def test_masters_are_tried_in_the_files_order_and_other_services_have_theirs(self):
        self.write("one", "two")
        shim = self.shim()
        self.assertEqual(self.answered_by(shim), "one")
        self.assertEqual(list(candidates_of(shim)), ["one", "two"])
        self.assertEqual(self.answered_by(shim, "report"), "two")
        self.assertRegex(bunraku(shim, "explain", "catalog").stdout, r"(?m)^ +plugin file_source: 2 masters")

    def test_a_file_that_is_replaced_is_used_by_the_next_run(self):
        self.write("one")
        shim = self.shim()
        self.assertEqual(self.answered_by(shim), "one")
        self.write("two")

        def moved():
            self.new_run(shim)
            return self.answered_by(shim) == "two"
        until(moved, "the new file to count")

    def test_a_bad_file_keeps_the_old_masters_and_says_so(self):
        self.write("one")
        shim = self.shim()
        self.assertEqual(self.answered_by(shim), "one")
        write_whole(self.file, "catalog = [\n")

        def told():
            self.assertEqual(self.answered_by(shim), "one")
            return shim.lines(r"plugin=file_source file_source\.kept .*line \d+ is not TOML")
        until(told, "the bad file to be told of")
        self.write("two", mode=0o666)

        def refused():
            self.assertEqual(self.answered_by(shim), "one")
            return shim.lines(r"plugin=file_source file_source\.kept .*others than root may write to it")
        until(refused, "the writable file to be refused")

    def test_a_reload_that_makes_it_anew_keeps_what_it_said_while_its_file_is_bad(self):
        self.write("one")
        shim = self.shim()
        self.assertEqual(self.answered_by(shim), "one")
        self.write("one", mode=0o666)
        shim.reload(shim.config(extra=shim.parts["extra"].replace('deadline = "60s"', 'deadline = "59s"')))
        self.assertEqual(self.answered_by(shim), "one")
        self.assertRegex(bunraku(shim, "explain", "catalog").stdout, r"plugin file_source: 1 master\n.*others than root")
        self.write("two")

        def moved():
            self.new_run(shim)
            return self.answered_by(shim) == "two"
        until(moved, "the mended file to count")

    def test_resolve_asks_it_as_the_daemon_does(self):
        self.write("one", "two")
        shim = self.shim()
        done = subprocess.run([os.environ["BUNRAKU_BIN"], "resolve", "catalog", "--config", shim.process.config_path],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"(?s)plugin.*file_source.*one\.lab\.test.*two\.lab\.test")

    def test_a_source_that_is_not_used_is_not_called_late(self):
        path = os.path.join(self.plugins, "file_source.so")
        os.chmod(path, 0o777)
        self.addCleanup(os.chmod, path, 0o755)
        install(self.plugins, "fault")
        shim = self.shim()
        self.assertEqual(self.answered_by(shim), "two")
        self.assertRegex(bunraku(shim, "explain", "catalog").stdout,
                         rf"plugin file_source is not used: Others than root may write to {path}")
        shim.reload(shim.config(extra=f'[plugins]\ndirectory = "{self.plugins}"\n[plugin.fault]\n'
                                      '[service.catalog]\nsource = "fault"\n'))
        self.assertEqual(self.answered_by(shim), "two")
        self.assertIn("plugin fault is no source", bunraku(shim, "explain", "catalog").stdout)

    def test_without_the_file_the_next_source_is_asked(self):
        shim = self.shim()
        self.assertEqual(self.answered_by(shim), "two")
        self.assertRegex(bunraku(shim, "explain", "catalog").stdout, r"No such file or directory")


if __name__ == "__main__":
    unittest.main()
