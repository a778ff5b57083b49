"""The hot paths in instructions, counted by callgrind, which does not mind what else the machine does. More than 5 %
above tests/count/baseline is a failure: find out why (callgrind_annotate) before you record anew what there is:

    BUNRAKU_RECORD=1 ctest --test-dir build/release -R count.instructions

Fewer is no failure; the test says then that the baseline may be lowered. Counted are the instructions of our own
program, with what is compiled into it (Boost, templates of the standard library), not those of OpenSSL, libc and
libstdc++, which choose theirs by the processor. Another compiler than the baseline's is judged all the same; the
message names both then."""

import os
import subprocess
import sys
import tempfile
import unittest

from callgrind import Counted
from labsite import MasterSpec, Shim, Site

HERE = os.path.dirname(os.path.abspath(__file__))
BASELINE = os.path.join(HERE, "baseline")
TOLERANCE = 0.05
TIMES = 1000  # as in hot_paths.cpp
EXCHANGES = 50
CHUNKS, CHUNK = 64, 65536
FILES = 8
RECORDS = bool(os.environ.get("BUNRAKU_RECORD"))
GENERATED = "/puppet/v3/file_content/modules/lab/generated/"
CALM = '[connect]\ntimeout = "60s"\ntls_timeout = "60s"\nrace_delay = "30s"\n'
# The sandbox's filter would be valgrind's, too, which makes other system calls. An access log is a line for each
# exchange, and of the daemon's as it ships; it goes where nothing waits for it.
MORE = '[limits]\nstall_timeout = "120s"\nhandshake_timeout = "120s"\nheader_timeout = "120s"\nidle = "300s"\n' \
       '[sandbox]\nuse = "off"\n'


class Instructions(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.directory = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="bunraku-count-"))

    def counted(self, variable):
        return Counted(os.environ[variable], os.environ["BUNRAKU_STRIP"], self.directory)

    def decisions(self):
        """What is decided for a request, in a program without a daemon around it."""
        paths = self.counted("BUNRAKU_HOT_PATHS")
        with subprocess.Popen([paths.command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as run:
            said = run.communicate(timeout=300)[0]
        self.assertEqual(run.returncode, 0, said)
        return {name: cost / TIMES for name, cost in paths.marks(run.pid).items()}

    def daemon(self):
        """Through the whole daemon, with TLS on both sides, on kept connections."""
        site = self.enterContext(Site(key="ec", masters=(MasterSpec("ca", roles=("ca",)), MasterSpec("compile1"))))
        daemon = self.counted("BUNRAKU_BIN")
        found = {}
        shim = Shim(site, connect=CALM, extra=MORE, start=False)
        site.bunraku = daemon.command
        shim.start()
        pid = shim.process.pid
        shim.process.baseline.memory = None  # it is valgrind's
        with shim.client(seconds=120.0) as client:
            self.ask(client, 312, 20)
            daemon.zero(pid)
            self.ask(client, 312, EXCHANGES)
            found["small_request"] = daemon.count(pid, "small_request") / EXCHANGES
            self.ask(client, CHUNKS * CHUNK, 1)
            # How many steps it takes depends on how much has come each time: the least of several is judged, by their mean.
            several = [self.file(daemon, pid, client, number) for number in range(FILES)]
            found["64_kib_of_a_file"] = sum(several) / FILES if RECORDS else min(several)
        with shim.client(seconds=120.0) as client:
            self.ask(client, 312, 1)
        return found

    def file(self, daemon, pid, client, number):
        daemon.zero(pid)
        self.ask(client, CHUNKS * CHUNK, 1)
        return daemon.count(pid, f"file-{number}") / CHUNKS

    def ask(self, client, size, count):
        for _ in range(count):
            answer = client.request("GET", GENERATED + str(size))
            self.assertEqual((answer.status, len(answer.body)), (200, size), answer.body[:300])

    @staticmethod
    def recorded():
        """({name: instructions}, compiler) of the baseline."""
        with open(BASELINE, encoding="ascii") as file:
            lines = file.read().splitlines()
        compiler = next(line.removeprefix("# Compiler: ") for line in lines if line.startswith("# Compiler: "))
        return {name: int(cost) for name, cost in (line.split() for line in lines if not line.startswith("#"))}, compiler

    def test_no_hot_path_takes_more_than_recorded(self):
        found = {name: round(cost) for name, cost in {**self.decisions(), **self.daemon()}.items()}
        ours = os.environ["BUNRAKU_COMPILER"]
        if RECORDS:
            with open(BASELINE, "w", encoding="ascii") as file:
                file.write(f"# Instructions of our own, recorded by instructions_test.py, which says how.\n# Compiler: {ours}\n")
                file.writelines(f"{name} {cost}\n" for name, cost in found.items())
        recorded, theirs = self.recorded()
        self.assertEqual(sorted(found), sorted(recorded), "other paths than recorded; record them as this file says")
        for name, cost in found.items():
            print(f"{name} {cost}, recorded {recorded[name]} ({100 * (cost / recorded[name] - 1):+.1f} %)", file=sys.stderr)
        slower = [f"{name}: {found[name]}, {100 * (found[name] / was - 1):.1f} % more than {was}"
                  for name, was in recorded.items() if found[name] > was * (1 + TOLERANCE)]
        why = "find out why; if it has to be, record it as this file says"
        if ours != theirs:
            why += f". The baseline is {theirs}'s and this is {ours}: record it with this one at the last good commit first"
        self.assertEqual(slower, [], why)
        if lower := [name for name, was in recorded.items() if found[name] < was * (1 - TOLERANCE)]:
            print(f"more than 5 % below the baseline, which may be lowered: {', '.join(lower)}", file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
