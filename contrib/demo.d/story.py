"""The demo's story: two runs of a real puppet agent through bunraku, a master killed between them. See ../demo."""

import re
import signal
import sys
import time
from collections import Counter

from stages import PuppetserverStage, SmallStage

EXIT = {0: "nothing to change, no failures", 1: "the run failed", 2: "changes applied, no failures",
        4: "failures while applying", 6: "changes and failures while applying"}
SERVICES = {"node": "catalog", "catalog": "catalog", "file_metadata": "files", "file_metadatas": "files",
            "file_content": "files", "report": "report"}


def say(text=""):
    print(text, flush=True)


def plural(count, word):
    return f"{count} {word}" + ("" if count == 1 else "s")


class Run:
    """One agent run, and what the masters' own logs say about it."""

    def __init__(self, stage, run, mark):
        began = time.monotonic()
        self.status, self.output = run()
        self.seconds = time.monotonic() - began
        self.requests = stage.requests_since(mark)  # (master, service, TLS client, HTTP status)
        self.certname = stage.certname

    def served(self, service):
        return Counter(master for master, kind, _, _ in self.requests if SERVICES.get(kind) == service)

    def tell(self):
        say(f"  puppet agent: exit status {self.status} ({EXIT.get(self.status, 'unknown')}), {self.seconds:.1f} s")
        for service in ("catalog", "files", "report"):
            who = ", ".join(f"{plural(n, 'request')} to {m}" for m, n in self.served(service).items())
            say(f"    {service:8} {who or 'nobody was asked'}")
        others = {client for _, _, client, _ in self.requests} - {self.certname}
        if self.requests and not others:
            say(f"  All {len(self.requests)} came to the masters with {self.certname}'s own certificate.")
        elif others:
            say(f"  NOT all came with {self.certname}'s certificate: {', '.join(sorted(others))}")

    def is_clean(self):
        return (self.status in (0, 2) and all(client == self.certname for _, _, client, _ in self.requests)
                and all(self.served(s) for s in ("catalog", "files", "report")))


def story(stage):
    """Tells it; returns whether it went as it should."""
    say()
    say("The site, all of it on loopback")
    for line in stage.description():
        say("  " + line)

    say()
    say("1. A run through bunraku; every master is up")
    first = Run(stage, stage.run_through_bunraku, stage.mark())
    first.tell()
    if not first.is_clean():
        return failed(stage, first)

    victim = next(iter(first.served("catalog")))
    say()
    say(f"2. {victim} is killed (SIGKILL: its port refuses connections), and the agent runs again")
    stage.kill(victim)
    seen = len(stage.shim_log())
    second = Run(stage, stage.run_through_bunraku, stage.mark())
    second.tell()
    for line in failovers(stage.shim_log()[seen:]):
        say("  bunraku says: " + line)
    if not second.is_clean() or victim in {m for m, _, _, _ in second.requests}:
        return failed(stage, second)
    successor = ", ".join(second.served("catalog"))
    say(f"  The agent did not notice: {successor} compiled in {victim}'s place.")

    say()
    say(f"3. For comparison: the agent without bunraku, server = {victim}, still dead")
    third = Run(stage, lambda: stage.run_directly(victim), stage.mark())
    say(f"  puppet agent: exit status {third.status} ({EXIT.get(third.status, 'unknown')}), {third.seconds:.1f} s")
    for line in [text for text in third.output.splitlines() if text.startswith("Error:") and "Facter" not in text][:2]:
        say("    " + (line if len(line) <= 150 else line[:147] + "..."))
    say()
    if third.status in (0, 2):
        say("That should have failed; the comparison is worth nothing.")
        return False
    say(f"Run 1 took {first.seconds:.1f} s (it fetched every file), run 2 {second.seconds:.1f} s with a dead master.")
    return True


def failovers(log):
    """What the shim's log says about attempts that failed, each once."""
    found = (re.search(r'service=(\S+) .*? master=(\S+) .*?failed="([^"]*)"', line) for line in log.splitlines())
    return list(dict.fromkeys(f"{m[1]} served by {m[2]} after {m[3]}" for m in found if m))[:4]


def failed(stage, run):
    say()
    say("This is not what the demo is meant to show. The agent's output and bunraku's log:")
    say(run.output)
    say(stage.shim_log())
    return False


def end(number, _):
    sys.exit(128 + number)  # SystemExit: everything that was started is ended on the way out


def main():
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, end)
    began = time.monotonic()
    stage_class = PuppetserverStage if "--puppetserver" in sys.argv[1:] else SmallStage
    say("bunraku demo: a real Puppet agent, its masters found in DNS, and one of them killed")
    say(stage_class.prologue)
    with stage_class() as stage:
        good = story(stage)
    say(f"Everything that was started has been ended. {time.monotonic() - began:.0f} s in all.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
