"""What happens to a host: the daemon is killed at any moment and started anew; the clock on the wall is set."""

import mmap
import os
import random
import signal
import struct
import sys
import threading
import time
import unittest

from labsite import MasterSpec, Site, service_requests, until

from scenario import GENERATED, SMALL, Life

HOUR, YEAR = 3600, 365 * 24 * 3600
KILLS = int(os.environ.get("BUNRAKU_KILLS", "12"))


class Sudden(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(key="ec", masters=(
            MasterSpec("ca", roles=("ca",)), MasterSpec("compile1"), MasterSpec("compile2"))))

    def stop(self, life):
        life.process.signal(signal.SIGTERM)
        until(life.ended, lambda: f"the drain to end:\n{life.log()[-3000:]}", 60)
        self.assertEqual(life.process.returncode, 0, life.log()[-3000:])

    def test_killed_at_any_moment_it_starts_again_and_serves(self):
        seed = int(os.environ.get("BUNRAKU_SEED", "7"))
        print(f"seed {seed}", file=sys.stderr)
        chance = random.Random(seed)
        method, target, form, headers = service_requests(self.site)["catalog"]
        for number in range(KILLS):
            life = Life(self.site, "killed")  # the same places each time: what the dead one left is in the way

            def traffic(of=life):
                while of.process.is_running():
                    of.ask(method, target, form, headers)
                    of.ask("GET", GENERATED)
                    of.ask("POST", "/v1/reload", b"{}", path=of.control)

            with self.subTest(number=number):
                client = threading.Thread(target=traffic, daemon=True)
                client.start()
                if number % 3:  # else in the midst of its start
                    self.assertTrue(life.ready())
                time.sleep(chance.uniform(0, 0.3))  # the moment is what is varied here
                life.process.kill()
                client.join(60)
                self.assertFalse(client.is_alive())
        last = Life(self.site, "killed")
        self.assertTrue(last.ready())
        self.assertTrue(last.serves_again())
        self.assertNotIn("problem ", last.log())
        self.assertEqual([name for name in os.listdir(self.site.directory) if ".tmp" in name], [])
        self.stop(last)

    def test_the_clock_is_set(self):
        path = os.path.join(self.site.directory, "clock")
        with open(path, "wb") as file:
            file.write(struct.pack("=q", 0))
        with open(path, "r+b") as file:
            clock = mmap.mmap(file.fileno(), 8)
        self.addCleanup(clock.close)

        def jump(seconds):
            clock[:] = struct.pack("=q", seconds)

        life = Life(self.site, "clock", env={"LD_PRELOAD": os.environ["BUNRAKU_TORTURE_PRELOAD"], "TORTURE_CLOCK": path})
        self.addCleanup(life.process.kill)
        self.assertTrue(life.ready())
        self.assertEqual(life.ask("GET", SMALL), 200)
        # Forward and back, by what a host with a flat battery or a wrong time zone is off: nothing that waits or is kept
        # may go by that clock. Files go on through a change in their midst.
        for offset in (HOUR, -HOUR, 2 * HOUR, 0):
            during = threading.Timer(0.02, jump, (offset,))
            during.start()
            self.assertEqual(life.ask("GET", GENERATED), 200)
            during.join()
            self.assertEqual(life.ask("GET", SMALL), 200, life.log()[-2000:])
        # By years: certificates are not valid then, which is said, and over when the clock is right again.
        for offset in (-10 * YEAR, 30 * YEAR):
            jump(offset)
            self.assertEqual(life.ask("POST", "/v1/reload", b"{}", path=life.control), 200)
            self.assertIn("reload refused", life.log())
            self.assertIn(life.ask("GET", SMALL), (200, 502))
            jump(0)
            self.assertTrue(life.serves_again())
        self.assertEqual(life.ask("POST", "/v1/reload", b"{}", path=life.control), 200)
        self.assertEqual(life.ask("GET", SMALL), 200, life.log()[-2000:])
        self.stop(life)


if __name__ == "__main__":
    unittest.main()
