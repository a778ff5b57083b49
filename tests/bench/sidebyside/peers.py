"""The proxies under test, in the same duty: TLS with the agent's certificate on both legs (or a plain local leg), one
thread, requests routed by path, another master when one is lost. conf/ has how each is set up."""

import os
import re
import shutil
import string
import subprocess

import certificates
from masters import BenchError, free_port
from processes import placed, stop, text_of, which

CONF = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "conf")
MARK = re.compile(r"@(tls|plain|pool|nopool) ?")


class Peer:
    """One of Debian's proxies. Subclasses say its program, its template in conf/ and its command line."""

    name = program = template = ""
    version_option = "-v"
    is_layer7 = True

    def path(self):
        return which(self.program)

    def version(self):
        done = subprocess.run([self.path(), self.version_option], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)
        return next((line for line in done.stdout.splitlines() if re.search(r"\d\.\d", line)), "").strip()

    def address(self, work, leg, port):
        """Where it takes requests; `work` is its own folder."""
        del work, leg
        return f"127.0.0.1:{port}"

    def command(self, config):
        raise NotImplementedError

    def values(self, site, work, port):
        """What templates may name."""
        values = {"listen": f"127.0.0.1:{port}", "listen_port": port, "middle": f"127.0.0.1:{free_port()}", "dir": work,
                  "dns": f"{site.dns.address}:{site.dns.port}", "domain": certificates.DOMAIN, "certname": certificates.AGENT,
                  "ca": site.file("ca.pem"), "cert": site.file("agent.pem"), "key": site.file("agent.key"),
                  "both": site.file("agent-both.pem"), "access": "false"}
        for number, place in enumerate(site.places.values(), 1):
            values[f"master{number}"] = place
            values[f"master{number}_comma"] = place.replace(":", ",")
        return values

    def render(self, template, values, marks):
        """Fills conf/TEMPLATE in. A line that begins with @tls, @plain, @pool or @nopool is kept only then."""
        kept = []
        for line in text_of(os.path.join(CONF, template)).splitlines(keepends=True):
            mark = MARK.match(line)
            if not mark:
                kept.append(line)
            elif mark[1] in marks:
                kept.append(line[mark.end():])
        path = os.path.join(values["dir"], template.removesuffix(".in"))
        with open(path, "w", encoding="utf-8") as file:
            file.write(string.Template("".join(kept)).substitute(values))
        return path

    def prepare(self, site, values, marks):
        """Writes all its files, returns the configuration's."""
        del site
        return self.render(self.template, values, marks)

    def start(self, site, leg, pool=True, place="proxy", **more):
        """The process, its address, and how soon it listened and served. `more`: further values for templates."""
        work = os.path.join(site.work, "run", self.name)
        shutil.rmtree(work, ignore_errors=True)
        os.makedirs(work)
        port = free_port()
        config = self.prepare(site, {**self.values(site, work, port), **more}, {leg, "pool" if pool else "nopool"})
        address = self.address(work, leg, port)
        with open(os.path.join(work, "log"), "w", encoding="utf-8") as log:
            try:
                process, soon = site.until_served(address, leg, lambda: subprocess.Popen(
                    self.command(config), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=work,
                    preexec_fn=placed(place)))
            except BenchError as error:
                raise BenchError(f"{self.name}: {error}\n{text_of(log.name)[-2000:]}") from None
        return process, address, soon


class Haproxy(Peer):
    name, program, template = "haproxy", "haproxy", "haproxy.cfg.in"

    def command(self, config):
        return [self.path(), "-db", "-f", config]


class Nginx(Peer):
    name, program, template = "nginx", "nginx", "nginx.conf.in"

    def command(self, config):
        return [self.path(), "-p", os.path.dirname(config), "-c", config]


class Stunnel(Peer):
    name, program, template, version_option = "stunnel", "stunnel4", "stunnel.conf.in", "-version"
    is_layer7 = False

    def command(self, config):
        return [self.path(), config]


class Nghttpx(Peer):
    name, program, template, version_option = "nghttpx", "nghttpx", "nghttpx.conf.in", "--version"

    def command(self, config):
        return [self.path(), "--conf=" + config]


class Bunraku(Peer):
    """Given puppet.conf and an ssldir like any agent's; its plain local leg is the Unix socket."""

    name, program, template, version_option = "bunraku", "bunraku", "bunraku.toml.in", "--version"

    def __init__(self, path):
        self._path = path

    def path(self):
        return self._path

    def address(self, work, leg, port):
        return f"unix:{work}/agent.sock" if leg == "plain" else super().address(work, leg, port)

    def prepare(self, site, values, marks):
        for source, place in (("ca.pem", "certs/ca.pem"), ("agent.pem", f"certs/{certificates.AGENT}.pem"),
                              ("agent.key", f"private_keys/{certificates.AGENT}.pem")):
            target = os.path.join(values["dir"], "ssl", place)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(site.file(source), target)
            os.chmod(target, 0o600)
        self.render("puppet.conf.in", values, marks)
        return super().prepare(site, values, marks)

    def command(self, config):
        return [self._path, "run", "--config", config]


def chosen(names, bunraku, everybody=("haproxy", "nginx", "stunnel", "nghttpx", "bunraku")):
    """The peers named, in this order, or `everybody`; one that is not installed is an error, never left out."""
    known = {peer.name: peer for peer in (Haproxy(), Nginx(), Stunnel(), Nghttpx(), Bunraku(bunraku))}
    found = []
    for name in names or everybody:
        if name not in known:
            raise BenchError(f"no peer {name}; there are " + ", ".join(known))
        if not known[name].path():
            raise BenchError(f"{known[name].program} is not installed")
        found.append(known[name])
    return found


class Running:
    """A peer at work between `with` and its end."""

    def __init__(self, site, peer, leg, pool=True, place="proxy", **more):
        self.site, self.peer, self.leg = site, peer, leg
        self.process, self.address, self.soon = peer.start(site, leg, pool, place, **more)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        stop(self.process)

    def load(self, *more):
        return self.site.load(self.address, self.leg, *more)

    def waiting_load(self, *more):
        return self.site.waiting_load(self.address, self.leg, *more)
