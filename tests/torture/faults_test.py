"""The n-th system call or allocation fails, for a spread of n. With BUNRAKU_TORTURE=all: each place in the program
that allocates, the first time that it does; and each of the first system calls of a kind, and a spread of those behind
them, which are one relay's, over and over."""

import collections
import os
import re
import sys
import unittest

from labsite import MasterSpec, Site

from scenario import Life

# What a kernel may say to each of these. Not in it: errors that only a broken kernel gives.
FAULTS = {
    "socket": ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"),
    "connect": ("ECONNREFUSED", "ENOBUFS", "EADDRNOTAVAIL", "ENETUNREACH", "EINTR", "EAGAIN"),
    "accept,accept4": ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "ECONNABORTED", "EINTR", "EPERM"),
    "read": ("EINTR", "EIO", "ENOMEM"),
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

    def test_the_nth_allocation_fails(self):
        counted, places = (os.path.join(self.site.directory, name) for name in ("count", "places"))
        preload = {"LD_PRELOAD": os.environ["BUNRAKU_TORTURE_PRELOAD"]}
        # libseccomp 2.5.4 frees twice when there is no memory for the filter that it loads at the start.
        calm = '[sandbox]\nuse = "off"\n'
        self.assertEqual(self.live(extra=calm, env={**preload, "TORTURE_COUNT": counted, "TORTURE_PLACES": places}), [200, 200, 200, "stopped"])
        with open(counted, encoding="ascii") as file:
            count = int(file.read())
        with open(places, encoding="ascii") as file:
            first = sorted(map(int, file))
        self.assertGreater(len(first), 1000)
        outcomes = collections.Counter()
        for nth in first if everything() else spread(count, ALLOCATIONS, 3):
            with self.subTest(nth=nth, of=count):
                outcomes[str(self.live(extra=calm, env={**preload, "TORTURE_ALLOCATION": str(nth)}))] += 1
        self.tell(f"{count} allocations in {len(first)} places", outcomes)


if __name__ == "__main__":
    unittest.main()
