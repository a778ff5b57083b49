"""One of two masters is lost under a steady load: killed, stopped, or cut off. It is the one that did most of the work so
far, whoever the peer had given it to."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading

import certificates
from masters import BenchError, go
from peers import Running
from processes import which

EVENTS = ("kill", "stop", "blackhole")
METHODS = {"get": [], "post": ["--method", "POST", "--path", "/puppet/v3/catalog/agent.bench.test", "--body", 20000]}
RATE = 200  # requests a second
CONNECTIONS = 32
ANSWER_DELAY_US = 20_000
REQUEST_TIMEOUT_MS = 10_000
OWN_NETWORK = "BUNRAKU_BENCH_OWN_NETWORK"


def in_own_network(argv):
    """Begins this command anew in a network namespace, where packet filters harm nobody; returns in there."""
    if os.environ.get(OWN_NETWORK):
        return
    if os.getuid() != 0 or not which("unshare") or not which("nft"):
        raise BenchError("cutting a master off (blackhole) needs root, unshare and nft; --events kill,stop does not")
    os.environ[OWN_NETWORK] = "1"
    os.execv(which("unshare"), ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable, "-B",
                                *argv])


def _lose(site, name, event):
    if event == "blackhole":
        address = certificates.MASTERS[name]
        subprocess.run([which("nft"), "add table inet bench; add chain inet bench in { type filter hook input priority 0; };"
                        f"add rule inet bench in ip daddr {address} drop; add rule inet bench in ip saddr {address} drop"],
                       check=True)
    else:
        site.masters[name].send_signal(signal.SIGKILL if event == "kill" else signal.SIGSTOP)


def _mend(site, name, event):
    if event == "blackhole":
        subprocess.run([which("nft"), "delete table inet bench"], check=True)
    site.restart_master(name)


class _Loss:
    """Takes a master away some time after `begin`."""

    def __init__(self, site, event, after):
        self.site, self.event = site, event
        self.before = None
        self.name, self.share = None, 0
        self.timer = threading.Timer(after, self._happen)

    def begin(self):
        self.before = self.site.usage()
        self.timer.start()

    def _happen(self):
        self.name, self.share = self.site.busiest(self.before)
        _lose(self.site, self.name, self.event)

    def undo(self):
        self.timer.join()
        _mend(self.site, self.name, self.event)


def measure(site, peer, event, method, before, after):
    """One row. The load has `before` seconds with both masters and `after` with one; the site's masters have to answer
    after ANSWER_DELAY_US, so that requests are under way at any moment."""
    loss = _Loss(site, event, before)
    with Running(site, peer, "tls", access="true") as running:
        running.load("--requests", RATE, "--connections", 8)
        try:
            with running.waiting_load("--rate", RATE, "--connections", CONNECTIONS, "--requests",
                                      int(RATE * (before + after)), "--timeout-ms", REQUEST_TIMEOUT_MS,
                                      "--event-at-ms", int(before * 1000), *METHODS[method]) as load:
                loss.begin()
                got = go(load)
        finally:
            loss.undo()
    kept = None
    if got["failed"]:
        kept = os.path.join(site.work, "lost", f"{event}-{method}-{peer.name}.log")
        os.makedirs(os.path.dirname(kept), exist_ok=True)
        with contextlib.suppress(OSError):
            shutil.copyfile(os.path.join(site.work, "run", peer.name, "log"), kept)
    return {"failed": got["failed"], "failures": got["failures"], "client_retries": got["client_retries"],
            "slow": got["slow"], "longest_gap_ms": got["longest_gap_ms"], "gap_after_loss_ms": got["gap_after_loss_ms"],
            "last_slow_ms": got["last_slow_ms"],
            "max_ms": got["max_us"] / 1000, "share_of_lost": round(loss.share, 2), "log": kept}
