"""Reloads while everything else goes on: whatever is added, taken away or made smaller under a request, the daemon lives, and each
request ends."""

import http.client
import os
import random
import socket
import sys
import threading
import time
import unittest

from labsite import MasterSpec, Shim, Site, ask_on, service_requests

SECONDS = float(os.environ.get("BUNRAKU_STORM_SECONDS", "12"))
ROLES = ("ca", "catalog", "files", "report")
FURTHER = "/puppet/v3/file_content/modules/lab/generated/60000"
FAULTS = ("delay_ms:150", "reset_before_answer", "hang_before_answer", "hang_after_headers", "reset_after_bytes:3000", "close_after_bytes:3000",
          "slow_bps:150000", "status:503,retry_after:1", "status:404")
LIMITS = ("header_count = 16", "header_bytes = 2048\ntarget_bytes = 1024", "replay_bytes = 0", "replay_file_bytes = 0",
          "idle_connections = 0", 'upstream_idle = "0s"', "connections = 8")


class ReloadStorm(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site(masters=[MasterSpec("one", ROLES), MasterSpec("two", ROLES)], srv={}, key="ec"))
        self.requests = list(service_requests(self.site).values()) + [("GET", FURTHER, None, {})]
        self.wrong = []
        self.over = threading.Event()

    def service(self, name, chance):
        masters = ", ".join(f'"{m}.lab.test:{self.site.port}"' for m in chance.sample(["one", "two"], chance.randint(1, 2)))
        return f'[service.{name}]\nmasters = [{masters}]\nfirst_byte_timeout = "{chance.choice((200, 500, 2000))}ms"\n'

    def some(self, chance):
        """Tables of a bunraku.toml, with as much in them as luck wants."""
        out = "".join(self.service(name, chance) for name in ROLES)
        for name in chance.sample(("canary", "debug"), chance.randint(0, 2)):
            out += self.service(name, chance)
            out += f'[[route]]\nservice = "{name}"\npath_prefix = "{FURTHER[:chance.randint(40, len(FURTHER))]}"\n'
        return out + '[limits]\nstall_timeout = "2s"\n' + "".join(f"{line}\n" for line in chance.sample(LIMITS, chance.randint(0, 4)))

    def listeners(self, shim, chance):
        more = "".join(shim.listen_unix(f"{shim.socket_path}.{n}") for n in range(chance.randint(0, 2)))
        return shim.default_listen() + more

    def client(self, shim, seed):
        chance = random.Random(seed)
        while not self.over.is_set():
            try:
                with shim.open_unix(seconds=30) as channel:
                    for _ in range(chance.randint(1, 6)):
                        method, target, body, headers = chance.choice(self.requests)
                        if ask_on(channel, method, target, body, headers).will_close:
                            break
            except TimeoutError:
                self.wrong.append(f"no answer and no end within 30 s: {method} {target}")
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)  # cut, or turned away: an honest end

    def test_nothing_that_a_reload_takes_away_ends_the_daemon_or_hangs_a_request(self):
        seed = int(os.environ.get("BUNRAKU_SEED", "11"))
        print(f"seed {seed}", file=sys.stderr)
        chance = random.Random(seed)
        masters = list(self.site.masters.values())
        usual = "".join(f'[service.{name}]\nmasters = ["one.lab.test:{self.site.port}", "two.lab.test:{self.site.port}"]\n'
                        'first_byte_timeout = "2s"\n' for name in ROLES) + '[limits]\nstall_timeout = "2s"\n'
        with Shim(self.site, extra=usual) as shim:
            clients = [threading.Thread(target=self.client, args=(shim, seed + n), daemon=True) for n in range(6)]
            for one in clients:
                one.start()
            end, reloads = time.monotonic() + SECONDS, 0
            while time.monotonic() < end:
                for master in masters:
                    master.clear_faults()
                    master.fault(chance.choice(FAULTS), path_prefix=chance.choice(self.requests)[1][:chance.randint(10, 40)])
                config = shim.config(extra=self.some(chance), listen=self.listeners(shim, chance))
                broken = chance.random() < 0.15
                shim.reload(config + ("[nonsense" if broken else ""), expect="reload refused" if broken else r"\breloaded listen=")
                reloads += 1
                time.sleep(chance.uniform(0, 0.2))  # the moment is what is varied here
            self.over.set()
            for master in masters:
                master.clear_faults()
            for one in clients:
                one.join(60)
                self.assertFalse(one.is_alive(), shim.log()[-3000:])
            self.assertEqual(self.wrong, [], shim.log()[-3000:])
            self.assertGreater(reloads, 3)
            shim.reload(shim.config(extra=usual))
            for method, target, body, headers in self.requests:
                self.assertEqual(shim.ask(method, target, body, headers).status, 200, shim.log()[-3000:])
        print(f"{reloads} reloads", file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
