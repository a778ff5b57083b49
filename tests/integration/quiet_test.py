"""A daemon that nobody asks anything does nothing: no wake-up, not even with connections that are kept for later."""

import re
import time
import unittest

from labsite import Shim, Site, service_requests, until

SECONDS = 8.0


def switches(pid):
    """How often each of its threads gave the processor away, which it does once for each time it was woken."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", file.read(), re.MULTILINE)[1])


class Quiet(unittest.TestCase):
    def assert_sleeps(self, shim):
        """What was still to do (closing what came in last) is given its time; then nothing happens."""
        pid = shim.process.pid
        seen, since = switches(pid), time.monotonic()

        def undisturbed():
            nonlocal seen, since
            now = switches(pid)
            if now != seen:
                seen, since = now, time.monotonic()
            return time.monotonic() - since >= SECONDS

        until(undisturbed, lambda: f"{SECONDS:g} s without a wake-up; the log:\n{shim.log()[-2000:]}", 60)

    def test_it_sleeps_before_and_after_requests(self):
        with Site(key="ec") as site, Shim(site, extra='[limits]\nupstream_idle = "1s"\n') as shim:
            self.assert_sleeps(shim)
            method, target, body, headers = service_requests(site)["files"]
            self.assertEqual(shim.ask(method, target, body, headers).status, 200)
            self.assert_sleeps(shim)

    def test_it_sleeps_while_connections_are_open(self):
        with Site(key="ec") as site, Shim(site) as shim, shim.client() as client:
            _, target, _, _ = service_requests(site)["files"]
            self.assertEqual(client.request("GET", target).status, 200)
            self.assert_sleeps(shim)
            self.assertEqual(client.request("GET", target).status, 200)


if __name__ == "__main__":
    unittest.main()
