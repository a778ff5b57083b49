"""What is measured of each peer. A figure is a function (site, peers, leg, scale) that yields (peer's name, values); each
peer is started fresh, and peers take turns, so that whatever else goes on here hits all alike."""

import time

from masters import go
from peers import Running
from processes import Usage, counting_syscalls, forget_peak, peak_rss_kib, pss_kib, rss_kib

MIB = 1 << 20
CONTENT = "/puppet/v3/file_content/bytes/%d"
CATALOG = ["--method", "POST", "--path", "/puppet/v3/catalog/agent.bench.test", "--body", 200_000]
CATALOG_BYTES = 500_000  # both ways
IDLE_SECONDS = 60
SETTLE_SECONDS = 30  # kept connections to masters are closed by then


def _measured(running, warm, *arguments):
    with running.waiting_load("--warm", warm, *arguments) as load:
        before = Usage(running.process.pid)
        got = go(load)
        after = Usage(running.process.pid)
    got["cpu_s"] = after.cpu_since(before)
    got["switches"] = after.switches - before.switches
    return got


def _each(measure):
    """A figure that asks one peer after another."""
    def figure(site, peers, leg, scale):
        for peer in peers:
            yield peer.name, measure(site, peer, leg, scale)
    return figure


def _small(connections, requests, place="proxy"):
    def measure(site, peer, leg, scale):
        count = max(200, int(requests * scale))
        with Running(site, peer, leg, place=place) as running:
            got = _measured(running, max(500, count // 10), "--requests", count, "--connections", connections)
        return {"cpu_s_per_10k": got["cpu_s"] * 10_000 / count, "p50_us": got["p50_us"], "p99_us": got["p99_us"],
                "rps": got["rps"], "switches_per_request": got["switches"] / count, "failed": got["failed"]}
    return _each(measure)


def _new_connections(requests, pool, resume):
    """Each request on a new local connection; without a pool, on a new one to a master too."""
    def measure(site, peer, leg, scale):
        count = max(50, int(requests * scale))
        with Running(site, peer, leg, pool) as running:
            got = _measured(running, max(20, count // 10), "--requests", count, "--fresh", "--connections", 4,
                            *(["--resume"] if resume else []))
        return {"cpu_ms_per_connection": got["cpu_s"] * 1000 / count, "p50_us": got["p50_us"], "rps": got["rps"],
                "resumed_share": got["resumed"] / count, "failed": got["failed"]}
    return _each(measure)


def _bodies(arguments, moved, requests, connections=1):
    """`moved`: bytes of bodies per request."""
    def measure(site, peer, leg, scale):
        count = max(2, int(requests * scale))
        with Running(site, peer, leg) as running:
            got = _measured(running, max(connections, count // 5), "--requests", count, "--connections", connections,
                            *arguments)
        gigabytes = moved * count / 1e9
        return {"cpu_s_per_gb": got["cpu_s"] / gigabytes, "gb_per_s": gigabytes / got["seconds"],
                "p50_us": got["p50_us"], "failed": got["failed"]}
    return _each(measure)


def _memory(site, peer, leg, scale):
    del scale
    with Running(site, peer, leg) as running:
        time.sleep(1.5)
        pid = running.process.pid
        values = {"idle_pss_kib": pss_kib(pid), "idle_rss_kib": rss_kib(pid)}
        with running.waiting_load("--warm", 640, "--requests", 64, "--connections", 64):
            time.sleep(0.3)
            values["c64_pss_kib"] = pss_kib(pid)
    with Running(site, peer, leg) as running:
        running.load("--requests", 20)
        pid = running.process.pid
        forget_peak(pid)
        before = rss_kib(pid)
        running.load("--requests", 2, "--path", CONTENT % (100 * MIB))
        values["streaming_adds_kib"] = max(0, peak_rss_kib(pid) - before)
    return values


def _start(site, peer, leg, scale):
    del scale
    with Running(site, peer, leg) as running:
        return dict(running.soon)


def _syscalls(site, peer, leg, scale):
    del scale
    values = {}
    with Running(site, peer, leg) as running:
        for connections, requests in ((1, 1000), (8, 2000)):
            running.load("--requests", 200, "--connections", connections)
            with counting_syscalls(running.process.pid) as counts:
                running.load("--requests", requests, "--connections", connections)
            values[f"c{connections}_per_request"] = sum(counts.values()) / requests
    return values


def _idle(site, peers, leg, scale):
    """All at once: nobody does anything."""
    del scale
    running = []
    try:
        for peer in peers:
            running.append(Running(site, peer, leg))
            running[-1].load("--requests", 200, "--connections", 4)
        time.sleep(SETTLE_SECONDS)
        before = [Usage(one.process.pid) for one in running]
        time.sleep(IDLE_SECONDS)
        after = [Usage(one.process.pid) for one in running]
        for one, then, now in zip(running, before, after):
            yield one.peer.name, {"wakeups_per_minute": now.wakeups - then.wakeups,
                                  "cpu_ms_per_minute": now.cpu_since(then) * 1000}
    finally:
        for one in running:
            one.__exit__()


FIGURES = {
    # All on one core: no wake-up of another core in the path, so that latency is the sum of the work done.
    "small-c1-onecore": _small(1, 20_000, place="load"),
    "small-c1": _small(1, 10_000),
    "small-c8": _small(8, 30_000),
    "small-c64": _small(64, 30_000),
    "connection-full-pooled": _new_connections(300, pool=True, resume=False),
    "connection-resumed-pooled": _new_connections(2000, pool=True, resume=True),
    "connection-full-fresh": _new_connections(200, pool=False, resume=False),
    "connection-resumed-fresh": _new_connections(1500, pool=False, resume=True),
    "get-64k-c8": _bodies(["--path", CONTENT % (64 * 1024)], 64 * 1024, 8000, 8),
    "get-100m": _bodies(["--path", CONTENT % (100 * MIB)], 100 * MIB, 8),
    "put-100m": _bodies(["--method", "PUT", "--path", "/upload/x", "--body", 100 * MIB], 100 * MIB, 8),
    "catalog-c4": _bodies(CATALOG, CATALOG_BYTES, 1500, 4),
    "memory": _each(_memory),
    "start": _each(_start),
    "syscalls": _each(_syscalls),
    "idle": _idle,
}

# Where the local leg is plain there is no handshake to tell from a resumed one.
TLS_ONLY = {"connection-full-pooled", "connection-full-fresh"}
ONCE = {"idle", "syscalls"}  # long, or not noisy
