"""What a daemon may still hold when nobody wants anything of it: what it held when it was ready, and connections to
masters that it keeps for the next request."""

import collections
import os
import re
import subprocess

from .process import until

_CLOSE_WAIT = "08"
# Beyond what it has when it is ready: kept connections to masters and sessions of TLS, what is remembered of runs and
# exchanges, and what malloc holds of it. A leak of one body, or of a few hundred requests, is more.
_MEMORY_KIB = 8 * 1024


class Baseline:
    """Taken of a daemon that is ready and has served nobody. `measure_memory`: not that of a program under a sanitizer or
    valgrind, which is theirs."""

    def __init__(self, pid, measure_memory=True):
        self.pid = pid
        self.files = self._held()[0]
        self.memory = self._memory_kib() if measure_memory else None

    def check(self, say, seconds=60.0):
        """Fails, with say()'s words, unless all that came since is gone in the end: files, pipes and event sources, and
        connections whose other side has left. Those to masters and to clients that are still there may stay. A kept
        connection that its master has ended is noticed when it is wanted, or when limits.upstream_idle is over."""
        until(lambda: not self.leftovers(), lambda: f"descriptors to be closed: {self.leftovers()}\n{say()}", seconds)
        if self.memory is not None:
            until(lambda: self.memory_grown() <= _MEMORY_KIB,
                  lambda: f"memory to be given back: {self.memory_grown()} KiB more than when it was ready\n{say()}", seconds)

    def memory_grown(self):
        return self._memory_kib() - self.memory

    def _memory_kib(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return int(re.search(r"^RssAnon:\s+(\d+)", status.read(), re.MULTILINE)[1])

    def leftovers(self):
        files, sockets = self._held()
        more = files - self.files
        # What a reload opened in place of another (a log, a directory that is watched) has another name.
        found = [name for name in more if sum(more.values()) > sum((self.files - files).values())]
        return found + self._abandoned(sockets)

    def _held(self):
        """({kind or path: how many}, {inodes of sockets})"""
        files, sockets = collections.Counter(), set()
        folder = f"/proc/{self.pid}/fd"
        for fd in os.listdir(folder):
            try:
                name = os.readlink(f"{folder}/{fd}")
            except FileNotFoundError:
                continue
            socket = re.fullmatch(r"socket:\[(\d+)\]", name)
            if socket:
                sockets.add(socket[1])
            else:
                files[re.sub(r":\[\d+\]$", "", name)] += 1
        return files, sockets

    def _abandoned(self, sockets):
        """Connections among these that the other side has ended, and sockets that are nothing yet."""
        found, known = [], set()
        for table in ("tcp", "tcp6", "udp", "udp6"):
            for words in self._lines(f"net/{table}", 10):
                if words[9] in sockets:
                    known.add(words[9])
                    if words[3] == _CLOSE_WAIT:
                        found.append(f"{table} {words[1]} from {words[2]}, which has ended it")
        known.update(words[6] for words in self._lines("net/unix", 7))
        for line in subprocess.run(["nsenter", "-t", str(self.pid), "-n", "ss", "-xHn"], stdout=subprocess.PIPE,
                                   text=True, check=True).stdout.splitlines():
            words = line.split()
            if words[-3] in sockets and words[-1] == "0" and words[1] == "ESTAB":
                found.append(f"unix {words[4]}, whose other side is gone")
        return found + [f"socket {inode} without an address" for inode in sockets - known - self._others(sockets)]

    def _others(self, sockets):
        """Netlink sockets, by which addresses are looked up."""
        return {words[9] for words in self._lines("net/netlink", 10) if words[9] in sockets}

    def _lines(self, table, least):
        with open(f"/proc/{self.pid}/{table}", encoding="ascii", errors="replace") as file:
            return [words for words in map(str.split, list(file)[1:]) if len(words) >= least]
