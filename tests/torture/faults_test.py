"""The n-th system call fails, for a spread of n, or an allocation does: the first one of a place in the program, for a
spread of the places. With BUNRAKU_TORTURE=all: each such place; and each of the first system calls of a kind, and a
spread of those behind them, which are one relay's, over and over."""

import collections
import os
import re
import subprocess
import sys
import unittest

from labsite import MasterSpec, Site

from scenario import Life

# What a kernel may say to each of these. Not in it: errors that only a broken kernel gives.
FAULTS = {
    "socket": ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"),
    "connect": ("ECONNREFUSED", "ENOBUFS", "EADDRNOTAVAIL", "ENETUNREACH", "EINTR", "EAGAIN"),
    "accept,accept4": ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "ECONNABORTED", "EINTR", "EPERM"),
    "read,pread64": ("EINTR", "EIO", "ENOMEM"),
    "write": ("ENOSPC", "EINTR", "EIO", "EPIPE"),
    "sendmsg,sendto": ("ECONNRESET", "ENOBUFS", "ENOMEM", "EINTR", "EAGAIN", "EPIPE"),
    "recvmsg,recvfrom": ("ECONNRESET", "ENOMEM", "EINTR", "EAGAIN", "ETIMEDOUT"),
    "openat": ("EMFILE", "ENFILE", "ENOMEM", "EACCES", "ENOSPC"),
    "epoll_ctl": ("ENOSPC", "ENOMEM"),
    "epoll_wait,epoll_pwait": ("EINTR",),
    "rename,renameat": ("ENOSPC", "EACCES", "EIO"),
    "fsync,fdatasync": ("ENOSPC", "EIO", "EINTR"),
    "ioctl,setsockopt": ("EINVAL", "ENOMEM"),  # not fcntl: that it makes a fresh pipe non-blocking cannot fail
    "pwrite64,ftruncate,fallocate": ("ENOSPC", "EIO", "EINTR"),
}
EACH = 2  # points of a spread for each pair of call and error
ALLOCATIONS = 40
# Where an allocation that failed once led to a crash, or to a question that nobody answered. In each run.
ONCE_FOUND = ("bunraku::engine::dns_answers::begin(", "bunraku::io::tls_sessions::received(")
FIRST, STEP = 100, 50  # of all: every n up to FIRST, and then every STEP-th


def everything():
    return os.environ.get("BUNRAKU_TORTURE") == "all"


def spread(count, points, salt):
    """Of 1 to count: `points` of them, each pair's elsewhere; the first ones more often than the late ones."""
    if everything():
        return [*range(1, min(count, FIRST) + 1), *range(FIRST + 1 + salt % STEP, count + 1, STEP)]
    if count <= points:
        return list(range(1, count + 1))
    found = {1 + int((count - 1) * ((i + (salt % 7) / 7) / points) ** 2) for i in range(points)}
    return sorted(found)


class Torture(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(key="ec", masters=(
            MasterSpec("ca", roles=("ca",)), MasterSpec("compile1"), MasterSpec("compile2"))))
        cls.number = 0

    def live(self, **more):
        type(self).number += 1
        return Life(self.site, f"life{self.number}", **more).live()

    def strace(self, calls, *inject):
        # -D: the daemon stays our child. Only these calls stop for the tracer.
        return ("strace", "-D", "-f", "-qq", "--seccomp-bpf", "-e", f"trace={calls}", "-e", "signal=none", *inject)

    def tell(self, what, outcomes):
        print(f"{what}: {dict(outcomes)}", file=sys.stderr)

    def test_nothing_fails_when_nothing_fails(self):
        self.assertEqual(self.live(), [200, 200, 200, "stopped"])

    def test_the_nth_system_call_fails(self):
        trace = os.path.join(self.site.directory, "calls")
        whole = ",".join(FAULTS)
        self.assertEqual(self.live(wrap=self.strace(whole, "-o", trace)), [200, 200, 200, "stopped"])
        with open(trace, encoding="ascii", errors="replace") as file:
            seen = collections.Counter(re.findall(r"^(?:\d+ +)?(\w+)\(", file.read(), re.MULTILINE))
        salt = 0
        for calls, errors in FAULTS.items():
            count = sum(seen[call] for call in calls.split(","))
            outcomes = collections.Counter()
            for error in errors:
                salt += 3
                for nth in spread(count, EACH, salt):
                    with self.subTest(call=calls, error=error, nth=nth):
                        wrap = self.strace(calls, "-o", "/dev/null", "-e", f"inject={calls}:error={error}:when={nth}")
                        outcomes[str(self.live(wrap=wrap))] += 1
            self.tell(f"{calls} ({count} calls)", outcomes)

    def places(self, environment, **how):
        """Of the whole life: each place's hash and calls, in the order in which they first ask for memory."""
        path = os.path.join(self.site.directory, "places")
        self.assertEqual(self.live(env={**environment, "TORTURE_PLACES": path}, **how), [200, 200, 200, "stopped"])
        with open(path, encoding="ascii") as file:
            rows = sorted((line.split() for line in file), key=lambda row: int(row[1]))
        return [(row[0], [int(each, 16) for each in row[2:]]) for row in rows]

    def inside(self, names):
        """The functions of these names, as ranges of addresses in the program."""
        table = subprocess.run(["nm", "-C", "-S", "--defined-only", self.site.bunraku], check=True, capture_output=True, text=True)
        rows = re.findall(r"^(\w+) (\w+) [tTwW] (.*)$", table.stdout, re.MULTILINE)
        found = {name: [range(int(at, 16), int(at, 16) + int(size, 16)) for at, size, what in rows if what.startswith(name)]
                 for name in names}
        self.assertNotIn([], found.values(), found)
        return found

    def test_an_allocation_fails(self):
        preload = {"LD_PRELOAD": os.environ["BUNRAKU_TORTURE_PRELOAD"], "TORTURE_DEPTH": "16" if everything() else "8"}
        how = {"wrap": ("setarch", "-R")}  # addresses that are not random make a place the same one in each life
        all_of_them = self.places(preload, **how)
        self.assertGreater(len(all_of_them), 1000)
        chosen = {nth: all_of_them[nth - 1][0] for nth in range(1, len(all_of_them) + 1)}
        if not everything():
            known = self.inside(ONCE_FOUND)
            found = {name: [nth for nth, (_, calls) in enumerate(all_of_them, 1)
                            if any(call in where for call in calls for where in known[name])] for name in known}
            self.assertNotIn([], found.values(), found)
            also = {nth for each in found.values() for nth in each}
            chosen = {nth: chosen[nth] for nth in sorted({*spread(len(chosen), ALLOCATIONS, 3), *also})}
        outcomes = collections.Counter()
        for nth, place in chosen.items():
            with self.subTest(nth=nth, of=len(all_of_them), place=place):
                outcomes[str(self.live(env={**preload, "TORTURE_PLACE": place}, **how))] += 1
        self.tell(f"allocations in {len(chosen)} of {len(all_of_them)} places", outcomes)

    def test_no_thread_asks_for_memory_when_it_first_touches_a_variable(self):
        # glibc ends the process when it finds no memory to register the destructor of a thread_local.
        needs = subprocess.run(["nm", "-D", self.site.bunraku], check=True, capture_output=True, text=True).stdout
        self.assertIn("__cxa_atexit", needs)
        self.assertNotIn("__cxa_thread_atexit", needs)


if __name__ == "__main__":
    unittest.main()
