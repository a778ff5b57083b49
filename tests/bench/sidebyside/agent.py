"""A real agent's run in which nothing changes, straight to a master and through bunraku, in turns: the price that the node
pays for the shim, in the one unit its owner sees. The masters are bunraku-lab's, which answer at once."""

import os
import time

from masters import BenchError


def _labsite(lab, bunraku):
    """The tests' own site; it finds its programs by the environment."""
    os.environ.update(BUNRAKU_LAB=lab, BUNRAKU_BIN=bunraku)
    import labsite  # pylint: disable=import-outside-toplevel
    return labsite


def _one(run, want):
    begin = time.monotonic()
    done = run()
    seconds = time.monotonic() - begin
    if done.returncode != want:
        raise BenchError(f"the agent's run ended with {done.returncode}, not {want}:\n{done.output[-2000:]}")
    return seconds


def measure(lab, bunraku, pairs):
    """Yields (round, {way: seconds}). The order within a pair changes from pair to pair."""
    labsite = _labsite(lab, bunraku)
    with labsite.Site() as site:
        shim = labsite.Shim(site)
        agent = site.agent()
        address, port = shim.address
        through = {"hosts": {agent.certname: address}, "server": agent.certname, "ca_server": None, "serverport": port}
        ways = {"direct": agent.run, "bunraku": lambda: agent.run(**through)}
        _one(agent.run, 2)  # the first one has files to fetch
        for way in ways.values():
            _one(way, 0)
        for pair in range(pairs):
            order = list(ways) if pair % 2 == 0 else list(ways)[::-1]
            yield pair, {name: _one(ways[name], 0) for name in order}
