"""Whoever reads the log may hang: a supervisor that is stopped, a pipe that nobody empties. No agent waits for it."""

import os
import re
import subprocess
import unittest

from labsite import MasterSpec, Shim, Site, until
from labsite.site import with_runtime_directory

SMALL = "/puppet/v3/file_content/modules/lab/generated/1000"
REQUESTS = 400  # at some 400 bytes of log each, with level debug: twice what a pipe holds
PIPE = 65536
LOST = re.compile(rb" warning lines of this log are lost count=(\d+) reason=")


class LogReader(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site(key="ec", masters=(MasterSpec("ca", roles=("ca",)), MasterSpec("compile1"))))
        self.shim = Shim(self.site, start=False)
        self.config = f"{self.site.directory}/bunraku.toml"
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(self.shim.config())

    def daemon(self, *before, **streams):
        """`bunraku run`, as the last words of a command."""
        return subprocess.Popen([*before, self.site.bunraku, "run", "--config", self.config],
                                env=with_runtime_directory(self.site, "bunraku"), **streams)

    def daemon_at_a_pipe(self):
        """Its log goes to a pipe, unbuffered here."""
        return self.daemon(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, bufsize=0)

    @staticmethod
    def await_ready(daemon):
        for line in daemon.stderr:
            if b" ready listen=" in line:
                return

    def test_agents_are_served_while_nobody_reads_the_log(self):
        with self.daemon_at_a_pipe() as daemon:
            try:
                self.await_ready(daemon)
                for _ in range(REQUESTS):
                    self.assertEqual(self.shim.ask("GET", SMALL, seconds=30.0).status, 200)
                text = daemon.stderr.read(PIPE)  # from here on somebody does
                self.assertEqual(self.shim.ask("GET", SMALL, seconds=30.0).status, 200)
            finally:
                daemon.terminate()
            text += daemon.stderr.read()
        self.assertEqual(daemon.returncode, 0, text)
        exchanges = text.count(b" exchange service=")
        self.assertLess(exchanges, REQUESTS + 1, "the pipe took everything: ask for more")
        self.assertGreater(exchanges, 10, text)
        self.assertGreater(sum(int(count) for count in LOST.findall(text)), REQUESTS - exchanges, text[-2000:])

    def test_agents_are_served_when_who_read_the_log_has_gone(self):
        # Python gives its children the usual SIGPIPE, as any supervisor but systemd does.
        with self.daemon_at_a_pipe() as daemon:
            try:
                self.await_ready(daemon)
                daemon.stderr.close()
                for _ in range(3):
                    self.assertEqual(self.shim.ask("GET", SMALL, seconds=30.0).status, 200)
            finally:
                daemon.terminate()
        self.assertEqual(daemon.returncode, 0)

    def answer(self):
        """Nothing while it does not listen yet."""
        try:
            return self.shim.ask("GET", SMALL, seconds=30.0).status
        except OSError:
            return None

    def test_without_standard_error_no_descriptor_of_ours_gets_the_log(self):
        with self.daemon("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh") as daemon:
            try:
                until(lambda: self.answer() == 200, "an answer", 60)
                self.assertEqual({os.readlink(f"/proc/{daemon.pid}/fd/{fd}") for fd in range(3)}, {"/dev/null"})
            finally:
                daemon.terminate()
        self.assertEqual(daemon.returncode, 0)


if __name__ == "__main__":
    unittest.main()
