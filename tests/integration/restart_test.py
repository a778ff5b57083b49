"""What a supervisor (systemd) is told, and what it makes possible: it holds the sockets, so that a restart loses nobody."""

import os
import signal
import socket
import threading
import time
import unittest

from labsite import Client, MasterSpec, Shim, Site, until

ROLES = ("ca", "catalog", "files", "report")
TARGET = "/puppet/v3/file_content/modules/lab/generated/2000"
LAUNCH = 'exec 3<&"$1"; shift; LISTEN_FDS=1 LISTEN_PID=$$ LISTEN_FDNAMES=bunraku.socket exec "$@"'


class Supervisor:
    """The least of systemd: one socket that outlives the daemon, and an ear for its notifications."""

    def __init__(self, shim, watchdog_seconds=0.0):
        self.shim = shim
        self.watchdog_seconds = watchdog_seconds
        self.listening = socket.create_server((shim.site.range.address(107), 0))
        self.address = self.listening.getsockname()
        path = os.path.join(shim.site.directory, f"{shim.name}.notify")
        self.notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notified.bind(path)
        self.notified.setblocking(False)
        self.news = []
        self.env = dict(os.environ, NOTIFY_SOCKET=path)
        if watchdog_seconds:
            self.env["WATCHDOG_USEC"] = str(int(watchdog_seconds * 1e6))
        self.config = os.path.join(shim.site.directory, f"{shim.name}.toml")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(shim.config(listen=f'[[listen]]\naddress = "{self.address[0]}:{self.address[1]}"\n'))

    def start(self):
        descriptor = self.listening.fileno()
        command = ["bash", "-c", LAUNCH, "launch", str(descriptor), self.shim.site.bunraku, "run", "--config", self.config]
        self.shim.process = self.shim.site.start_process(self.shim.name, command, env=self.env, pass_fds=(descriptor,))
        self.shim.process.config_path = self.config

    def hear(self):
        while True:
            try:
                self.news.append(self.notified.recv(65536).decode())
            except BlockingIOError:
                return self.news

    def await_news(self, words, count=1):
        until(lambda: sum(words in one.splitlines() for one in self.hear()) >= count,
              lambda: f"{count} times {words}; told was {sorted(set(self.news))}; the log:\n{self.shim.log()}", 60)

    def restart(self):
        status = self.shim.process.terminate()
        self.news.clear()
        self.start()
        self.await_news("READY=1")
        return status

    def close(self):
        self.listening.close()
        self.notified.close()


class Load(threading.Thread):
    """One agent after the other: a new connection, some requests, and the next. Whatever goes wrong is a loss."""

    def __init__(self, shim, address, requests):
        super().__init__()
        self.shim, self.address, self.requests = shim, address, requests
        self.done, self.longest, self.lost = 0, 0.0, []
        self.ending = threading.Event()

    def run(self):
        context = None
        while not self.ending.is_set():
            began = time.monotonic()
            try:
                with Client(self.shim.site, *self.address, self.shim.node, seconds=120.0, context=context) as client:
                    context = client.context
                    for _ in range(self.requests):
                        answer = client.request("GET", TARGET)
                        if answer.status != 200 or len(answer.body) != 2000:
                            raise AssertionError(f"status {answer.status}, {len(answer.body)} bytes")
                        self.done += 1
                        self.longest = max(self.longest, time.monotonic() - began)
                        began = time.monotonic()
                        if answer.getheader("Connection") == "close":
                            break
            except Exception as error:  # pylint: disable=broad-except
                self.lost.append(repr(error))


class Restart(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(masters=[MasterSpec("one", ROLES)], srv={}, key="ec"))

    def supervised(self, name, **more):
        shim = self.enterContext(Shim(self.site, name=name, start=False,
                                      extra=f'[service.files]\nmasters = ["one.lab.test:{self.site.port}"]\n'))
        supervisor = Supervisor(shim, **more)
        self.addCleanup(supervisor.close)
        return shim, supervisor

    def test_who_connects_while_the_daemon_is_away_is_served_when_it_is_back(self):
        shim, supervisor = self.supervised("away")
        early = socket.create_connection(supervisor.address, 60)
        self.addCleanup(early.close)
        supervisor.start()
        supervisor.await_news("READY=1")
        # By the very address that its configuration names: no `inherit` is needed.
        self.assertEqual(shim.address, supervisor.address)
        with shim.client() as client:
            self.assertEqual(client.request("GET", TARGET).status, 200)
        self.assertEqual(shim.process.terminate(), 0)
        late = []
        waiting = threading.Thread(target=lambda: late.append(self.ask(shim, supervisor)))
        waiting.start()
        self.addCleanup(waiting.join)
        supervisor.start()
        until(lambda: late, lambda: f"the one that connected while nobody ran:\n{shim.log()}", 60)
        self.assertEqual(late, [200])

    def ask(self, shim, supervisor, seconds=60.0):
        with Client(self.site, *supervisor.address, shim.node, seconds=seconds) as client:
            return client.request("GET", TARGET).status

    def test_restarts_under_load_lose_no_request(self):
        shim, supervisor = self.supervised("load")
        supervisor.start()
        supervisor.await_news("READY=1")
        loads = [Load(shim, supervisor.address, requests) for requests in (1, 1, 3, 20)]
        for load in loads:
            load.start()
        try:
            for _ in range(4):
                reached = [load.done for load in loads]
                until(lambda: all(load.done > before + 20 or load.lost for load, before in zip(loads, reached)),
                      "each of the clients to be served 20 times", 60)
                self.assertEqual(supervisor.restart(), 0)
        finally:
            for load in loads:
                load.ending.set()
            for load in loads:
                load.join()
        print(f"4 restarts, {sum(load.done for load in loads)} requests, longest wait "
              f"{max(load.longest for load in loads):.2f} s, {sum(len(load.lost) for load in loads)} lost")
        self.assertEqual([lost for load in loads for lost in load.lost], [])
        self.assertTrue(all(load.done for load in loads))

    def test_the_supervisor_hears_of_ready_reload_and_stop_and_that_the_loop_turns(self):
        shim, supervisor = self.supervised("news", watchdog_seconds=0.2)
        supervisor.start()
        supervisor.await_news("READY=1")
        supervisor.await_news(f"STATUS=listening on {supervisor.address[0]}:{supervisor.address[1]}")
        supervisor.await_news("WATCHDOG=1", 3)
        shim.process.signal(signal.SIGHUP)
        supervisor.await_news("RELOADING=1")
        supervisor.await_news("READY=1", 2)
        self.assertEqual(shim.process.terminate(), 0)
        supervisor.await_news("STOPPING=1")
        supervisor.await_news("EXTEND_TIMEOUT_USEC=40000000")

    def test_a_daemon_that_hangs_says_nothing_to_the_watchdog(self):
        shim, supervisor = self.supervised("hang", watchdog_seconds=0.2)
        supervisor.start()
        supervisor.await_news("WATCHDOG=1", 2)
        shim.process.pause()
        supervisor.hear()
        before = len(supervisor.news)
        with self.assertRaises(AssertionError):
            until(lambda: len(supervisor.hear()) > before, "", 1.0)
        shim.process.resume()
        supervisor.await_news("WATCHDOG=1", 3)

    def test_agents_are_served_while_the_supervisor_hears_nothing_any_more(self):
        shim, supervisor = self.supervised("deaf", watchdog_seconds=0.002)
        supervisor.start()
        supervisor.await_news("READY=1")
        # From here on nobody reads: the kernel keeps a few datagrams for it (net.unix.max_dgram_qlen), and takes no more.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            other.connect(supervisor.env["NOTIFY_SOCKET"])
            until(lambda: self.is_full(other), "the supervisor's queue to be full", 60)
        for _ in range(3):
            self.assertEqual(self.ask(shim, supervisor, 20.0), 200)
        shim.reload()
        self.assertEqual(self.ask(shim, supervisor, 20.0), 200)
        self.assertEqual(shim.process.terminate(20.0), 0)

    def is_full(self, to):
        try:
            to.send(b"X_FILLED=1")
        except BlockingIOError:
            return True
        return False

    def test_a_socket_that_nobody_takes_is_told(self):
        shim, supervisor = self.supervised("unused")
        with open(supervisor.config, "w", encoding="utf-8") as file:
            file.write(shim.config())
        supervisor.start()
        supervisor.await_news("READY=1")
        self.assertRegex(shim.log(), rf"warning: No \[\[listen\]\] takes {supervisor.address[0]}:{supervisor.address[1]}, "
                                     r"which was opened for bunraku: who connects there waits in vain\.")


if __name__ == "__main__":
    unittest.main()
