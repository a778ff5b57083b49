"""How much of its own code a daemon has in memory. The kernel maps code in 64 KiB around what is touched, so shim/layout.txt
names the functions that a daemon runs, and the linker puts them first. In front are those of each exchange: a processor
keeps few pages and lines of code at hand. Functions that came since, or have other names now, are scattered: when they are
many, this fails. Then have the names found anew, by callgrind:

    BUNRAKU_RECORD=1 ctest --test-dir build/release -R count.layout
    ninja -C build/release"""

import collections
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import tempfile
import unittest

from callgrind import Counted
from instructions_test import CALM, GENERATED, MORE
from labsite import MasterSpec, Shim, Site, service_requests

LAYOUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../shim/layout.txt")
AGENTS = 8  # at once: they wait for each other's handshakes then
TIMES = 3
# 1,130 to 1,250 with the same list, and up to 450 more on a busy machine, since what the kernel maps around a touch depends on
# how the file lies in its cache; 3,600 without an order.
MOST_KIB = 1792
# Numbers and words, which each have code of their own.
VALUES = "[drill]\nallow = false\n[limits]\nreplay_file_bytes = 0\nidle_connections = 256\n"
# What no daemon under valgrind runs: the sandbox, since valgrind makes system calls that it refuses, with the lists of
# numbers and texts that are its own, and what systemd brings with it. And what runs before callgrind names it.
UNSEEN = re.compile(
    r"^_start$|^cap_|7sandbox|sock_filter|6daemon8needs_of|journal|inherited"
    r"|^_ZNK?St\w*(vector|_Vector_base|allocator)I[it]|traitsISaIiE|_Optional_base_implIm"
    r"|(__normal_iterator|__copy_move)\w*PNSt7__cxx1112basic_string"
    r"|(6__sort|9__sort|11__unique|adjacent_find|__(introsort_loop|insertion_sort|move_median|unguarded_linear)).*12basic_string")


class Layout(unittest.TestCase):
    def setUp(self):
        self.directory = self.enterContext(tempfile.TemporaryDirectory(prefix="bunraku-layout-"))
        self.site = self.enterContext(Site(key="rsa"))

    def daemon(self, extra, command=None, way="both"):
        """One that has served requests of each kind."""
        shim = Shim(self.site, connect=CALM, extra=extra, start=False)
        if way == "socket":  # puppet.conf's server is not this node's own listener then, but one more master
            shim.parts["listen"] = shim.listen_unix()
        if command:
            self.site.bunraku = command
        shim.start()
        if command:
            shim.process.baseline.memory = None  # it is valgrind's
        asked = service_requests(self.site)
        method, path, form, headers = asked["catalog"]
        asked["a large catalog"] = (method, path, form + b"&more=" + b"x" * 200_000, headers)
        asked["a large file"] = ("GET", GENERATED + "3000000", None, {})

        def one_agent(_):
            if way == "socket":
                return [(what, shim.ask(method, path, body, headers, seconds=120.0).status)
                        for what, (method, path, body, headers) in asked.items()]
            with shim.client(seconds=120.0) as client:
                return [(what, client.request(method, path, body, headers=headers).status)
                        for what, (method, path, body, headers) in asked.items()]

        with concurrent.futures.ThreadPoolExecutor(AGENTS) as agents:
            for answers in agents.map(one_agent, range(2 * AGENTS)):
                self.assertEqual(answers, [(what, 200) for what in asked])
        self.assertEqual(shim.ask("GET", GENERATED + "312", seconds=120.0).status, 200)
        return shim

    def plain_daemon(self, counted):
        """One with two masters and no values in its configuration, asked for the same file on one connection. Returns the
        functions that this takes each time."""
        site = self.enterContext(Site(key="ec", masters=(MasterSpec("ca", roles=("ca",)), MasterSpec("compile1"))))
        shim = Shim(site, connect=CALM, extra=MORE, start=False)
        site.bunraku = counted.command
        shim.start()
        shim.process.baseline.memory = None  # it is valgrind's
        with shim.client(seconds=120.0) as client:
            def ask():
                for _ in range(TIMES):
                    self.assertEqual(client.request("GET", GENERATED + "312").status, 200)

            ask()
            counted.zero(shim.process.pid)
            ask()
            calls = functions_in(counted.dump(shim.process.pid, "exchanges"), counted.program)
        shim.stop()
        return {name for name, count in calls.items() if count >= TIMES}

    def served(self, counted, way):
        """The functions of a daemon that no master kept waiting: where one is late it is asked how it is, with 270 more."""
        for _ in range(8):
            shim = self.daemon(MORE.replace("[limits]\n", VALUES), counted.command, way)
            shim.stop()
            run = self.functions_of(counted, shim.process.pid)
            if not any("10ask_status" in name for name in run):
                return run
        self.fail("some master was late each time: record when nothing else runs here")

    def functions_of(self, counted, pid):
        path = f"{self.directory}/{counted.name}.{pid}"
        return {name for dump in glob.glob(path) + glob.glob(path + ".*") for name in functions_in(dump, counted.program)}

    def functions_run(self):
        """Their names as the linker knows them, in today's order, but with those of each exchange in front."""
        counted = Counted(os.environ["BUNRAKU_BIN"], os.environ["BUNRAKU_STRIP"], self.directory, "--demangle=no")
        often = self.plain_daemon(counted)
        run = {*self.functions_of(counted, "[0-9]*"), *self.served(counted, "both"), *self.served(counted, "socket")}
        self.assertGreater(len(run), 1000)
        symbols = subprocess.run(["nm", "-n", "--defined-only", counted.program], stdout=subprocess.PIPE, text=True, check=True)
        names = dict.fromkeys(line.split(" ", 2)[2] for line in symbols.stdout.splitlines() if line.split(" ")[1] in "tTwW")
        listed = [name for name in names if name in run or UNSEEN.search(name)]
        return [name for name in listed if name in often] + [name for name in listed if name not in often]

    def record(self):
        names = self.functions_run()
        with open(LAYOUT, "w", encoding="ascii") as file:
            file.writelines(name + "\n" for name in names)
        print(f"{len(names)} functions recorded: build, and see what this says then", file=sys.stderr)

    def test_what_a_daemon_runs_is_together(self):
        if os.environ.get("BUNRAKU_RECORD"):
            return self.record()
        shim = self.daemon(VALUES)
        resident = resident_code(shim.process.pid, os.environ["BUNRAKU_BIN"])
        shim.stop()
        print(f"{resident} KiB of {MOST_KIB}", file=sys.stderr)
        self.assertGreater(resident, 256, "which mapping is the program's code?")
        self.assertLessEqual(resident, MOST_KIB, "KiB of the program's code are in memory; " + __doc__)


def functions_in(path, program):
    """{name: how often it was called} of the functions of this object that ran, of a file of callgrind's."""
    objects, names, run, calls, ours, called = {}, {}, set(), collections.Counter(), False, None
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("calls="):
                calls[called] += int(re.match(r"calls=(\d+)", line)[1])
            match = re.match(r"(c?)(ob|fn)=\((\d+)\)(?: (.+))?", line)
            if not match:
                continue
            of_callee, kind, number, name = match.groups()
            table = objects if kind == "ob" else names
            if name:
                table[number] = name.strip().split("'")[0]  # 'N: the N-th level of a recursion
            if of_callee:
                called = names[number] if kind == "fn" else None
            elif kind == "ob":
                ours = objects[number] == program
            elif ours:
                run.add(names[number])
    return {name: calls[name] for name in run}


def resident_code(pid, program):
    resident, inside = 0, False
    with open(f"/proc/{pid}/smaps", encoding="utf-8") as file:
        for line in file:
            head = re.match(r"[0-9a-f]+-[0-9a-f]+ (\S+) \S+ \S+ \S+\s*(.*)$", line)
            if head:
                inside = "x" in head[1] and head[2] == os.path.realpath(program)
            elif inside and line.startswith("Rss:"):
                resident += int(line.split()[1])
    return resident


if __name__ == "__main__":
    unittest.main()
