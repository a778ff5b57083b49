"""The status page in a real browser: what it shows, that it goes on, and that it asks nothing while nobody looks."""

import os
import socket
import unittest

from labsite import MasterSpec, Shim, Site, service_requests, until
from labsite.browser import Browser
from tunnel_site import hello

ALL = ("ca", "catalog", "files", "report")
TEXT = "document.body.innerText"


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site(
            masters=[MasterSpec("one", ALL), MasterSpec("two", ALL), MasterSpec("evil", ALL, ssldir="evil.lab.test")],
            srv={service: ("one", "two") for service in ALL}, key="ec", pki=["--name", "evil.lab.test=<img src=x>"]))
        cls.requests = service_requests(cls.site)
        cls.browser = cls.enterClassContext(Browser())

    def setUp(self):
        self.port = self.site.range.free_port((101,))
        # Chromium treats all of 127.0.0.0/8 as loopback.
        self.url = f"http://{self.site.range.address(101)}:{self.port}/"
        self.shim = self.enterContext(Shim(
            self.site, extra=f'[admin]\naddress = "{self.site.range.address(101)}:{self.port}"\n'))

    def ask(self, service):
        method, target, body, headers = self.requests[service]
        self.assertEqual(self.shim.ask(method, target, body, headers).status, 200)

    def open(self):
        self.browser.open(self.url)
        self.browser.until("document.body && document.body.dataset.shown", "the first answer")

    def test_it_shows_masters_runs_and_exchanges_and_goes_on_by_itself(self):
        for service in ("files", "catalog", "report"):
            self.ask(service)
        self.open()
        text = self.browser.value(TEXT)
        self.assertIn("agent1.lab.test", text)
        for master in ("one", "two"):
            self.assertIn(f"{master}.lab.test:{self.site.port}", text)
        self.assertEqual(self.browser.value("document.querySelectorAll('#runs tbody tr').length"), 1)
        self.assertEqual(self.browser.value("document.querySelectorAll('#exchanges tbody tr').length"), 3)
        self.assertEqual(self.browser.value("[...document.querySelectorAll('[data-service=catalog] .state')].map(s => s.innerText)"),
                         ["up", "not tried yet"])
        used = self.shim.exchanges(3)[0]["master"].split(".")[0]
        self.site.masters[used].kill()
        self.addCleanup(self.site.masters[used].start)
        self.ask("catalog")
        self.browser.until("document.querySelectorAll('#exchanges tbody tr').length === 4", "the next exchange")
        self.browser.until(f"{TEXT}.includes('Connection refused')", "the dead master's story")
        self.assertEqual(self.browser.value("document.querySelector('[data-service=catalog] .suspect') !== null"), True)
        self.assertEqual(self.browser.complaints(), [])

    def test_tunnels_are_shown_where_there_is_a_way_in_for_them(self):
        self.open()
        self.assertTrue(self.browser.value("document.getElementById('tunnelled').hidden"))
        self.shim.stop()
        shim = self.enterContext(Shim(
            self.site, name="tunnels", settings=("srv_domain = {domain}",),
            listen=f'[[listen]]\nway = "connect"\naddress = "{self.site.range.address(102)}:0"\n',
            extra=f'[admin]\naddress = "{self.site.range.address(101)}:{self.port}"\n[service.catalog]\nnames = ["puppet.lab.test:8140"]\n'))
        self.open()
        self.browser.until("document.getElementById('tunnels').innerText.includes('No tunnel yet.')")
        channel = socket.create_connection(shim.address, 60)
        self.addCleanup(channel.close)
        channel.sendall(b"CONNECT puppet.lab.test:8140 HTTP/1.1\r\nHost: puppet.lab.test:8140\r\n\r\n")
        self.assertIn(b" 200 ", channel.recv(4096))
        channel.sendall(hello("one.lab.test"))
        self.assertTrue(channel.recv(1))
        pictures = os.environ.get("BUNRAKU_PICTURES")
        for width, dark in ((1280, False), (390, True)):
            self.browser.look(width, dark=dark)
            self.open()
            self.browser.until("document.querySelectorAll('#tunnels tbody tr').length > 0", "tunnels")
            self.assertRegex(self.browser.value("document.getElementById('tunnels').innerText"), r"connect\s+(service\s+)?catalog\s+(open\s+)?1\b")
            self.assertLessEqual(self.browser.value("document.documentElement.scrollWidth"), width)
            if pictures:
                self.browser.screenshot(f"{pictures}/tunnels-{width}.png")
        channel.close()
        self.browser.until("/one\\.lab\\.test:\\d+ × 1/.test(document.getElementById('tunnels').innerText)", "its end")
        self.assertEqual(self.browser.complaints(), [])

    def test_it_needs_nothing_from_anywhere_else(self):
        self.open()
        self.browser.until(f"{TEXT}.includes('No run yet.')")
        self.assertEqual({url for url in self.browser.asked_for() if not url.startswith("data:")},
                         {self.url, f"{self.url}v1/status"})
        self.assertEqual(self.browser.complaints(), [])

    def test_it_says_when_the_daemon_is_gone_and_when_it_is_back(self):
        self.open()
        self.shim.process.kill()
        self.browser.until("document.getElementById('alarm').textContent.includes('does not answer')")
        self.shim.start()
        self.browser.until("document.getElementById('alarm').textContent === ''")

    def test_what_masters_say_is_never_markup(self):
        self.site.srv("catalog", "evil", "one")
        self.addCleanup(self.site.srv, "catalog", "one", "two")
        self.ask("catalog")
        self.open()
        self.browser.until("document.querySelectorAll('#exchanges tbody tr').length === 1")
        self.assertIn("<img src=x>", self.browser.value(TEXT))
        self.assertEqual(self.browser.value("document.querySelectorAll('main img').length"), 0)

    def test_it_fits_phones_and_desks_by_day_and_by_night(self):
        for service in ("files", "catalog", "report"):
            self.ask(service)
        pictures = os.environ.get("BUNRAKU_PICTURES")
        grounds = set()
        for width in (390, 1280):
            for dark in (False, True):
                with self.subTest(width=width, dark=dark):
                    self.browser.look(width, dark=dark)
                    self.open()
                    self.assertLessEqual(self.browser.value("document.documentElement.scrollWidth"), width)
                    grounds.add(self.browser.value("getComputedStyle(document.body).backgroundColor"))
                    if pictures:
                        self.browser.screenshot(f"{pictures}/page-{width}-{'dark' if dark else 'light'}.png")
        self.assertEqual(len(grounds), 2)

    def test_nothing_is_asked_while_nobody_looks(self):
        self.open()
        self.browser.value("Object.defineProperty(document, 'visibilityState', {get: () => 'hidden', configurable: true});"
                           "window.asked = 0; const real = window.fetch;"
                           "window.fetch = (...all) => { ++window.asked; return real(...all); }; true")
        # The look that is due already may still come; after it none is planned.
        self.browser.until("waiting === null || window.asked === 1")
        self.browser.until("new Promise(done => setTimeout(() => done(waiting === null && !asking), 2500))")
        self.assertLessEqual(self.browser.value("window.asked"), 1)
        self.browser.value("Object.defineProperty(document, 'visibilityState', {get: () => 'visible', configurable: true});"
                           "window.asked = 0; document.dispatchEvent(new Event('visibilitychange')); true")
        self.browser.until("window.asked >= 2", "looking again")


if __name__ == "__main__":
    unittest.main()
