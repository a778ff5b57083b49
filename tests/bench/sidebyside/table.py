"""Medians over rounds, ratios to the best peer, and the goals."""

import json
import statistics

from goals import GOALS

OURS = "bunraku"
HIGHER_IS_BETTER = {"rps", "gb_per_s", "resumed_share"}
NOT_FIGURES = {"figure", "leg", "peer", "round", "key", "failures", "log", "share_of_lost"}
LAYER_4 = {"stunnel"}


def read(paths):
    rows = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            rows += [json.loads(line) for line in file if line.strip()]
    return rows


class Group:
    """One figure on one leg: its rows of all peers and rounds."""

    def __init__(self, figure, leg, rows):
        self.figure, self.leg, self.rows = figure, leg, rows
        self.peers = list(dict.fromkeys(row["peer"] for row in rows))
        self.columns = [c for c in dict.fromkeys(c for row in rows for c in row) if c not in NOT_FIGURES]

    def values(self, peer, column):
        """{round: value}"""
        return {row["round"]: row[column] for row in self.rows if row["peer"] == peer and column in row}

    def median(self, peer, column):
        found = self.values(peer, column).values()
        return statistics.median(found) if found else None

    def best(self, column, without=frozenset()):
        """The peer, never ourselves, with the best median."""
        medians = {peer: self.median(peer, column) for peer in self.peers if peer != OURS and peer not in without}
        medians = {peer: value for peer, value in medians.items() if value is not None}
        if not medians:
            return None
        return (max if column in HIGHER_IS_BETTER else min)(medians, key=medians.get)

    def ratio(self, peer, column, without=frozenset()):
        """The median, over rounds, of the ratio to the best peer."""
        reference = self.best(column, without)
        if reference is None:
            return None
        of_peer, of_best = self.values(peer, column), self.values(reference, column)
        pairs = [of_peer[n] / of_best[n] for n in of_peer if of_best.get(n)]
        return statistics.median(pairs) if pairs else None


def groups(rows):
    found = {}
    for row in rows:
        found.setdefault((row["figure"], row["leg"]), []).append(row)
    return [Group(figure, leg, members) for (figure, leg), members in found.items()]


def number(value):
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}"


def show(rows):
    """Every figure as a table, in Markdown; in brackets the ratio to the best peer."""
    for group in groups(rows):
        rounds = max(len(group.values(peer, group.columns[0])) for peer in group.peers)
        print(f"\n### {group.figure}, {group.leg} leg (medians of {rounds})\n")
        print("| | " + " | ".join(group.columns) + " |")
        print("|---" * (len(group.columns) + 1) + "|")
        for peer in group.peers:
            cells = []
            for column in group.columns:
                ratio = group.ratio(peer, column)
                cells.append(number(group.median(peer, column)) + (f" ({ratio:.2f})" if ratio is not None else ""))
            print(f"| {peer} | " + " | ".join(cells) + " |")
        for row in group.rows:
            if row.get("failures"):
                print(f"{row['peer']}, round {row['round'] + 1}: {json.dumps(row['failures'])}")


def show_summary(rows):
    """One line per figure that has a goal: medians, and in brackets the ratio to the best peer, in bold."""
    peers = list(dict.fromkeys(row["peer"] for row in rows))
    print("\n### summary\n\n| | " + " | ".join(peers) + " |\n" + "|---" * (len(peers) + 1) + "|")
    for group in groups(rows):
        for column in dict.fromkeys(goal.column for goal in GOALS if goal.applies(group.figure)):
            if column not in group.columns or column == "failed" and not group.figure.startswith("failover-"):
                continue
            cells, best = [], group.best(column)
            for peer in peers:
                ratio = group.ratio(peer, column)
                cell = number(group.median(peer, column))
                if peer == best:
                    cell = f"**{cell}**"
                elif ratio is not None:
                    cell += f" ({ratio:.2f})"
                cells.append(cell)
            print(f"| {group.figure}, {group.leg} leg: {column} | " + " | ".join(cells) + " |")


def show_goals(rows):
    """PASS or FAIL per goal; True when none failed."""
    good = True
    print("\n### goals\n")
    for group in groups(rows):
        if OURS not in group.peers:
            continue
        for goal in GOALS:
            if not goal.applies(group.figure) or goal.column not in group.columns:
                continue
            if goal.relative:
                value = group.ratio(OURS, goal.column, LAYER_4 if goal.layer7 else frozenset())
                best = group.best(goal.column, LAYER_4 if goal.layer7 else frozenset())
                if value is None:
                    continue
                what = f"{number(value)} of {best}'s, at most {goal.most}"
            else:
                value = max(group.values(OURS, goal.column).values())  # in every round
                what = f"{number(value)}, at most {goal.most}"
            passed = value <= goal.most
            good = good and passed
            print(f"{'PASS' if passed else 'FAIL'}  {group.figure} ({group.leg}) {goal.column}: {what}")
    return good
