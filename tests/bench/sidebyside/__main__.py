"""The side-by-side benchmark: bunraku and the proxies of Debian that a site could put in its place, in the same duty on
loopback. tests/bench/run builds what is needed and calls this."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time

import agent
import failover
import table
from figures import FIGURES, ONCE, TLS_ONLY
from masters import LEGS, BenchError, Site
from peers import Running, chosen


def words(text):
    return [word for word in text.split(",") if word]


class Results:
    """A file of JSON lines, one per row."""

    def __init__(self, given):
        self.path = given.out or os.path.join(given.work, time.strftime("results-%Y%m%d-%H%M%S.jsonl"))
        self.key = given.key

    def add(self, figure, leg, peer, round_, values):
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"figure": figure, "leg": leg, "peer": peer, "round": round_, "key": self.key,
                                   **values}) + "\n")


def say(text):
    print(text, file=sys.stderr, flush=True)


def check(given):
    good = True
    with Site(given.work, given.tool, given.key) as site:
        for peer in chosen(words(given.peers), given.bunraku):
            for leg in LEGS:
                for pool in (True, False):
                    try:
                        with Running(site, peer, leg, pool) as running:
                            got = [running.load("--requests", 40, "--connections", 4),
                                   running.load("--requests", 8, "--connections", 4, *failover.METHODS["post"])]
                        served = all(one["failed"] == 0 for one in got)
                    except (BenchError, subprocess.SubprocessError) as error:
                        say(str(error))
                        served = False
                    good = good and served
                    print(f"{'ok' if served else 'FAILED':7}{peer.name:9}{leg:6}{'pool' if pool else 'no pool':8}"
                          f"{peer.version()}", flush=True)
    return good


def run(given, results):
    names = words(given.figures) or list(FIGURES)
    for name in names:
        if name not in FIGURES:
            raise BenchError(f"no figure {name}; there are " + ", ".join(FIGURES))
    peers = chosen(words(given.peers), given.bunraku)
    with Site(given.work, given.tool, given.key) as site:
        for round_ in range(given.rounds):
            for name in names:
                for leg in words(given.legs) or LEGS:
                    if (name in ONCE and round_ > 0) or (name in TLS_ONLY and leg != "tls"):
                        continue
                    for peer, values in FIGURES[name](site, peers, leg, given.scale):
                        results.add(name, leg, peer, round_, values)
            say(f"round {round_ + 1} of {given.rounds} done")


def lose(given, results):
    events = words(given.events) or failover.EVENTS
    if not set(events) <= set(failover.EVENTS):
        raise BenchError("events are " + ", ".join(failover.EVENTS))
    if "blackhole" in events:
        failover.in_own_network([*sys.argv, "--out", results.path])
    peers = chosen(words(given.peers), given.bunraku, ("haproxy", "nginx", "bunraku"))
    with Site(given.work, given.tool, given.key, failover.ANSWER_DELAY_US) as site:
        for round_ in range(given.rounds):
            for event in events:
                for method in words(given.methods) or failover.METHODS:
                    for peer in peers:
                        results.add(f"failover-{event}-{method}", "tls", peer.name, round_,
                                    failover.measure(site, peer, event, method, given.before, given.after))
            say(f"round {round_ + 1} of {given.rounds} done")


def agent_runs(given, results):
    for pair, seconds in agent.measure(given.lab, given.bunraku, given.pairs):
        for way, value in seconds.items():
            results.add("agent-no-change", "tls", way, pair, {"seconds": value})
        say(f"pair {pair + 1} of {given.pairs} done")


def report(paths):
    rows = table.read(paths)
    table.show(rows)
    table.show_summary(rows)
    return table.show_goals(rows)


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    parser.add_argument("--bunraku", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--tool", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--lab", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--work", required=True, help=argparse.SUPPRESS)
    verbs = parser.add_subparsers(dest="verb", required=True)

    def verb(name, text):
        made = verbs.add_parser(name, help=text, description=text)
        made.add_argument("--peers", default="", help="names, with commas between them; default: all")
        made.add_argument("--key", default="rsa4096", choices=("rsa4096", "rsa2048", "ec"), help="of all certificates")
        made.add_argument("--out", default="", help="append results here as JSON lines; default: a new file")
        return made

    verb("check", "does everybody serve requests, on both local legs?")
    made = verb("run", "measure figures, then show the table and the goals")
    made.add_argument("--figures", default="", help=", ".join(FIGURES))
    made.add_argument("--legs", default="", help=", ".join(LEGS))
    made.add_argument("--rounds", type=int, default=5)
    made.add_argument("--scale", type=float, default=1.0, help="multiplies the numbers of requests")
    made = verb("failover", "lose one of two masters under load, then show the table and the goals")
    made.add_argument("--events", default="", help=", ".join(failover.EVENTS))
    made.add_argument("--methods", default="", help=", ".join(failover.METHODS))
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--before", type=float, default=2, help="seconds with both masters")
    made.add_argument("--after", type=float, default=8, help="seconds with one")
    made = verbs.add_parser("agent", help="a real agent's run without a change, direct and through bunraku, in turns")
    made.add_argument("--pairs", type=int, default=20)
    made.add_argument("--out", default="", help="append results here as JSON lines; default: a new file")
    made.set_defaults(key="rsa")
    made = verbs.add_parser("table", help="of results measured before")
    made.add_argument("files", nargs="+")
    return parser.parse_args()


def main():
    given = arguments()
    os.makedirs(given.work, exist_ok=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))  # by way of everybody's clean-up
    try:
        if given.verb == "check":
            return 0 if check(given) else 1
        if given.verb == "table":
            return 0 if report(given.files) else 1
        results = Results(given)
        {"run": run, "failover": lose, "agent": agent_runs}[given.verb](given, results)
        say(f"results: {results.path}")
        return 0 if report([results.path]) else 1
    except BenchError as error:
        say(f"tests/bench/run: {error}")
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
