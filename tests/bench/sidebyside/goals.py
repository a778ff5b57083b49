"""What bunraku is held to, row by row."""

from dataclasses import dataclass
from fnmatch import fnmatch


@dataclass(frozen=True)
class Goal:
    figures: str  # pattern
    column: str
    most: float
    relative: bool = True  # to the best peer's, the median over rounds; else a number that no round may exceed
    layer7: bool = False   # compared with those peers alone that read requests

    def applies(self, figure):
        return fnmatch(figure, self.figures)


GOALS = (
    Goal("small-*", "cpu_s_per_10k", 0.75),
    Goal("small-c1-onecore", "p50_us", 0.80),
    Goal("get-*", "cpu_s_per_gb", 0.80),
    Goal("put-*", "cpu_s_per_gb", 0.80),
    Goal("catalog-*", "cpu_s_per_gb", 0.80),
    Goal("connection-*", "cpu_ms_per_connection", 1.0),
    Goal("memory", "idle_pss_kib", 0.75, layer7=True),
    Goal("memory", "c64_pss_kib", 0.75, layer7=True),
    Goal("memory", "streaming_adds_kib", 1024, relative=False),
    Goal("start", "served_ms", 1.0),
    Goal("agent-*", "seconds", 1.0),
    Goal("idle", "wakeups_per_minute", 0, relative=False),
    Goal("[!f]*", "failed", 0, relative=False),
    Goal("failover-*", "failed", 0, relative=False),
    Goal("failover-*", "client_retries", 0, relative=False),
    Goal("failover-*", "longest_gap_ms", 1.0),
    Goal("failover-*", "last_slow_ms", 1000, relative=False),
)
