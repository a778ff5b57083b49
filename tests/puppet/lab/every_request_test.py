"""No run fails while one master of each service lives: the master of each single request of a run is lost.

A first run through bunraku, with nothing wrong, tells which requests there are and which master serves each. Then, for
every k, the same run again from nothing, with a bunraku that knows nothing yet, and the master that would serve the
k-th request is lost at that moment:

  killed   (-9) just before it: request k-1 has been answered and k has not left the agent
  stopped  (SIGSTOP) at the same moment: the kernel goes on accepting connections and bytes for it
  killed with the request in its hands: it has read all of it and answers nothing

The moment is exact and no matter of luck, because the agent waits for it: before each of its HTTP requests it asks at a
turnstile (labsite/turnstile.rb, loaded by RUBYOPT into an agent that is otherwise as installed). Counting at the masters
would see the k-th request only when it has come, and killing after answer k-1 would race with the agent. Which master
would serve it is no guess either: the runs are alike up to there, which each of them proves by asking for the same.

A run must end as if nothing had happened: the same exit status, the same requests in the same order, no complaint, the
right files, and one report over all masters. Except that a report which its master had read whole, and may have stored,
must not be sent again: the agent is told so, and the other master does not get it.
"""

import unittest

from agent_runs import AgentRuns, all_in_one, pairs
from labsite import Shim


class EveryRequest:
    """For each request of a run, the run in which its master is lost."""

    def lose_for_each(self, lose, check=None):
        healthy = self.run_agent()
        self.assert_good(healthy)
        self.assert_all_kinds(healthy.requests)
        for k, (request, name) in enumerate(zip(healthy.requests, healthy.masters), 1):
            with self.subTest(k=k, request=request, master=name):
                self.lose_at(k, self.site.masters[name], healthy, lose, check or self.assert_good)

    def lose_at(self, k, victim, healthy, lose, check):
        with Shim(self.site) as shim:
            try:
                finished = self.run_agent(lambda n, _: lose(victim) if n == k else None, shim)
            finally:
                self.restore(victim)
            with self.explained(shim):
                self.assertEqual(finished.requests, healthy.requests)
                self.assertEqual(finished.masters[:k - 1], healthy.masters[:k - 1])
                self.assertNotEqual(finished.masters[k - 1], victim.spec.name)
                check(finished)

    def restore(self, victim):
        if victim.process.is_running():
            victim.resume()
            self.catch_up(victim)
        else:
            victim.start()

    def assert_all_kinds(self, requests):
        kinds = {(request.split("/")[3], "plugin" in request) for request in requests}
        self.assertEqual(kinds, {("node", False), ("catalog", False), ("report", False), ("file_metadata", False),
                                 ("file_metadatas", False), ("file_metadatas", True), ("file_content", False),
                                 ("file_content", True)})


class TwoMastersForAll(EveryRequest, AgentRuns):
    layout = all_in_one("one", "two")

    def test_killed_just_before_each_request(self):
        self.lose_for_each(lambda master: master.kill())

    def test_stopped_just_before_each_request(self):
        self.lose_for_each(lambda master: master.pause())

    def test_killed_with_each_request_in_its_hands(self):
        def check(finished):
            if finished.masters[-1] != "-":
                self.assert_good(finished)
                return
            # It was the report's master: nobody knows what it did with it.
            self.assertEqual(finished.run.returncode, 2)
            self.assertRegex("\n".join(finished.complaints), r"\AError: Could not send report: Error 502 .*one\.lab\.test")
            self.assertEqual(self.stored(), set())
            self.assert_report_came(1)

        self.lose_for_each(lambda master: master.fault("die_before_answer"), check)


class TwoMastersForEachService(EveryRequest, AgentRuns):
    layout = pairs()

    def test_killed_just_before_each_request_with_masters_for_each_service(self):
        self.lose_for_each(lambda master: master.kill())

    def test_stopped_just_before_each_request_with_masters_for_each_service(self):
        self.lose_for_each(lambda master: master.pause())


if __name__ == "__main__":
    unittest.main()
