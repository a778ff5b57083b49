"""Addresses for one site: a /24 inside 127.0.0.0/8 that no other site on this machine uses, and ports free in it. And a
network of a test's own."""

import ctypes
import errno
import os
import random
import socket
import subprocess

_CLONE_NEWNET = 0x40000000
_LOCK_PORT = 47999  # bound on x.254 of each range in use; freed by the kernel when the test ends


class AddressRange:
    def __init__(self):
        for _ in range(1000):
            prefix = f"127.{random.randint(16, 254)}.{random.randint(0, 255)}"
            lock = socket.socket()
            try:
                lock.bind((f"{prefix}.254", _LOCK_PORT))
            except OSError as error:
                lock.close()
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
            self.prefix = prefix
            self._lock = lock
            return
        raise AssertionError("no free range in 127.0.0.0/8")

    def address(self, last):
        return f"{self.prefix}.{last}"

    def free_port(self, last_octets=(1, 2, 3, 4, 53)):
        """A port below the ephemeral range that is free on those addresses, for TCP and UDP."""
        for _ in range(1000):
            port = random.randint(20000, 29999)
            if all(can_bind(self.address(last), port, kind) for last in last_octets
                   for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)):
                return port
        raise AssertionError(f"no free port on {self.prefix}.0/24")

    def close(self):
        self._lock.close()


def can_bind(address, port, kind=socket.SOCK_STREAM):
    with socket.socket(type=kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True


class FullBacklog:
    """A listening socket whose queue is full: the kernel drops every further SYN, as a blackhole does."""

    def __init__(self, address):
        self.listener = socket.socket()
        self.listener.bind((address, 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.waiting = []
        for _ in range(64):
            client = socket.socket()
            client.settimeout(0.3)
            self.waiting.append(client)
            try:
                client.connect((address, self.port))
            except TimeoutError:
                return
        raise AssertionError("64 connections did not fill a queue of none")

    def close(self):
        for one in (self.listener, *self.waiting):
            one.close()


def own_network():
    """From here on this thread, and what it starts, has a network namespace with nothing but loopback. For root."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        raise AssertionError(f"no network namespace of its own, which root may have: {os.strerror(ctypes.get_errno())}")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
