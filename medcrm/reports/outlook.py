"""How soon would leads be tried, and how many would convert, if they were decided otherwise?

Leads decided alike (same team, score band, decision and next step) are one group. What really became of a group in the
period is expected of whoever would be decided so; more work than a team had then is not foretold to slow it down.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from leads.models import Interaction, Milestone, Snapshot
from leads.vocabulary import Direction, InteractionKind
from routing.models import Assignment

SPOKEN = (InteractionKind.CALL, InteractionKind.VOICEMAIL)
LEAST_CASES = 30  # alike, before a group says anything of another lead decided so
HOUR, DAY = 3600, 86400


@dataclass
class Tally:
    """What became of leads that were decided alike: tried after how long, and converted since."""

    n: float = 0
    tried: float = 0
    converted: float = 0
    waits: dict[int, float] = field(default_factory=dict)  # seconds, rounded as they are read → leads

    def add(self, other: Tally, weight: float = 1) -> None:
        self.n += weight * other.n
        self.tried += weight * other.tried
        self.converted += weight * other.converted
        for seconds, count in other.waits.items():
            self.waits[seconds] = self.waits.get(seconds, 0) + weight * count

    def within(self, part: float) -> int | None:
        """Seconds in which this part of those who were tried had been tried; None where nobody was."""
        passed, wanted = 0.0, part * sum(self.waits.values())
        for seconds, count in sorted(self.waits.items()):
            passed += count
            if passed >= wanted - 1e-9:
                return seconds
        return None

    def as_json(self) -> dict[str, object]:
        waits = {str(seconds): count for seconds, count in self.waits.items()}
        return {"n": self.n, "tried": self.tried, "converted": self.converted, "waits": waits}

    @classmethod
    def read(cls, kept: Mapping[str, object]) -> Tally:
        return cls(kept["n"], kept["tried"], kept["converted"], {int(s): n for s, n in kept["waits"].items()})


Groups = Mapping[str, Tally]


@dataclass(frozen=True)
class Outlook:
    """What is expected of all decisions together; `owed` are those that somebody must act upon."""

    everybody: Tally
    owed: Tally
    thin: int = 0  # decisions of which too few alike were seen to say anything


def group(team: str, band: str, step: str) -> str:
    return f"{team}|{band}|{step}"


def rounded(seconds: float) -> int:
    """A wait as exactly as it is read: minutes in the first hour, quarter hours in two days, then half days."""
    unit = 60 if seconds < HOUR else HOUR // 4 if seconds < 2 * DAY else DAY // 2
    return round(seconds / unit) * unit


def gather(rows: Sequence[Snapshot], owed: Mapping[int, bool]) -> Groups:
    """What really became of these decisions, by group; three queries for any number."""
    leads = {row.lead_id for row in rows}
    converted = set(Milestone.objects.filter(lead__in=leads, is_converted=True).values_list("pk", flat=True))
    tries, moves = _tries(leads, rows), _moves(leads)
    groups: dict[str, Tally] = defaultdict(Tally)
    for row in rows:
        team = _last(moves[row.lead_id], row.at) if owed[row.pk] else ""
        tally = groups[group(team, row.score_band, f"{row.decision}:{row.next_step}")]
        tally.n += 1
        tally.converted += row.lead_id in converted
        place = bisect_left(tries[row.lead_id], row.at)
        if team and place < len(tries[row.lead_id]):
            tally.tried += 1
            wait = rounded((tries[row.lead_id][place] - row.at) / timedelta(seconds=1))
            tally.waits[wait] = tally.waits.get(wait, 0) + 1
    return groups


def _tries(leads: set[int], rows: Sequence[Snapshot]) -> Mapping[int, list[datetime]]:
    """Lead → when people called it, in order."""
    calls = Interaction.objects.filter(
        lead__in=leads, kind__in=SPOKEN, direction=Direction.OUTBOUND, at__gte=min(row.at for row in rows)
    )
    tries: dict[int, list[datetime]] = defaultdict(list)
    for lead, at in calls.order_by("at").values_list("lead", "at"):
        tries[lead].append(at)
    return tries


def _moves(leads: set[int]) -> Mapping[int, list[tuple[datetime, str]]]:
    """Lead → the teams it went to, in order."""
    moves: dict[int, list[tuple[datetime, str]]] = defaultdict(list)
    for lead, at, team in Assignment.objects.filter(lead__in=leads).order_by("pk").values_list("lead", "at", "to_team"):
        moves[lead].append((at, team))
    return moves


def _last(moves: Sequence[tuple[datetime, str]], at: datetime) -> str:
    """The team that had it after the walk of that moment."""
    return next((team for moved, team in reversed(moves) if moved <= at), "")


def merged(groups: Mapping[str, Mapping[str, object]], more: Groups) -> dict[str, dict[str, object]]:
    """Groups as they are kept with these added."""
    whole = {key: Tally.read(kept) for key, kept in groups.items()}
    for key, tally in more.items():
        whole.setdefault(key, Tally()).add(tally)
    return {key: tally.as_json() for key, tally in whole.items()}


def happened(groups: Mapping[str, Mapping[str, object]]) -> Outlook:
    """What really became of all of them."""
    everybody, owed = Tally(), Tally()
    for key, kept in groups.items():
        tally = Tally.read(kept)
        everybody.add(tally)
        if not key.startswith("|"):
            owed.add(tally)
    return Outlook(everybody, owed)


def foretold(would: Mapping[str, int], groups: Mapping[str, Mapping[str, object]]) -> Outlook:
    """What is expected where so many would be decided so: each as those who really were, or as nearly alike."""
    seen = {key: Tally.read(kept) for key, kept in groups.items()}
    everybody, owed, thin = Tally(), Tally(), 0
    for key, n in would.items():
        own = seen.get(key, Tally())
        # Those who were decided so anyway need no likeness.
        like = own if own.n >= n else next((t for t in _alike(key, seen) if t.n >= LEAST_CASES), None)
        if like is None:
            thin += n
            continue
        everybody.add(like, n / like.n)
        if not key.startswith("|"):
            owed.add(like, n / like.n)
    return Outlook(everybody, owed, thin)


def _alike(key: str, seen: Groups) -> Iterator[Tally]:
    """The group itself, then the same step of the team in any band, then whatever the team did."""
    yield seen.get(key, Tally())
    team, _band, step = key.split("|")
    for fits in (lambda t, s: (t, s) == (team, step), lambda t, _s: t == team):
        pooled = Tally()
        for other, tally in seen.items():
            other_team, _other_band, other_step = other.split("|")
            if fits(other_team, other_step):
                pooled.add(tally)
        yield pooled


def loads(groups: Mapping[str, int]) -> Counter[str]:
    """Team → decisions it must act upon."""
    found: Counter[str] = Counter()
    for key, n in groups.items():
        if team := key.partition("|")[0]:
            found[team] += n
    return found
