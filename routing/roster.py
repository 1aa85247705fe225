"""Who in a team may get this lead now, and whose turn is it?

Pure: agents with their loads go in, a choice with everyone's reason comes out. The router keeps one Roster per team
while it deals out a batch, so the hundredth lead of a batch sees the ninety-nine before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from routing.calendar import NeverOpen, WorkingCalendar, next_open
from routing.vocabulary import ANOTHER, Strategy, WhyNot


@dataclass
class Member:
    """One agent as the roster sees it. Loads and turns change while work is dealt out. A cap of None is no limit."""

    user_id: int
    login: str
    calendar: WorkingCalendar
    is_active: bool = True
    clinic: str | None = None
    languages: frozenset[str] = frozenset()
    trainings: frozenset[str] = frozenset()
    skills: frozenset[str] = frozenset()
    weight: int = 1
    open_cap: int | None = None
    daily_cap: int | None = None
    away_from: datetime | None = None
    away_until: datetime | None = None
    stand_in: int | None = None
    open_load: int = 0
    given_today: int = 0
    last_turn: int = 0
    credit: int = 0

    def is_away(self, at: datetime) -> bool:
        return self.away_from is not None and self.away_from <= at and (self.away_until is None or at < self.away_until)


@dataclass(frozen=True)
class Need:
    """What a lead asks of whoever gets it, and when it is due."""

    due_at: datetime
    language: str = ""
    trainings: frozenset[str] = frozenset()
    skills: frozenset[str] = frozenset()
    clinic: str | None = None
    avoid: frozenset[int] = frozenset()
    lacks_script: bool = False  # a sensitive service that nobody may speak about without its documented script


@dataclass(frozen=True)
class Choice:
    """The agent chosen (None: the team's queue) and why each other candidate was not."""

    user_id: int | None
    why_not: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Roster:
    """A team's members in a fixed order, with its turn counter."""

    members: Sequence[Member]
    turn: int = 0
    is_touched: bool = False

    def member(self, user_id: int | None) -> Member | None:
        return next((member for member in self.members if member.user_id == user_id), None)

    def choose(self, need: Need, strategy: str, *, at: datetime) -> Choice:
        """Pick by the strategy among those who may, and count the lead as given."""
        why_not = {m.login: str(code) for m in self.members if (code := why_not_eligible(m, need, at=at))}
        eligible = [m for m in self.members if m.login not in why_not]
        if strategy == Strategy.CLINIC_STAFF:
            eligible = self._of_clinic(eligible, need.clinic, why_not)
        elif strategy == Strategy.WEIGHTED:
            why_not |= {m.login: str(WhyNot.NO_WEIGHT) for m in eligible if m.weight == 0}
            eligible = [m for m in eligible if m.weight]
        if not eligible:
            return Choice(None, why_not)
        chosen = PICK[strategy](eligible)
        self.give(chosen)
        why_not |= {m.login: str(WhyNot.NOT_THEIR_TURN) for m in eligible if m is not chosen}
        return Choice(chosen.user_id, why_not)

    def may_get(self, member: Member, need: Need, *, at: datetime) -> bool:
        """Whether nothing speaks against this member; see `why_not_eligible` for what may."""
        return why_not_eligible(member, need, at=at) is None

    def give(self, member: Member) -> None:
        """Count a lead as given: it adds to the open work and to today's share, and uses up the turn."""
        self.turn += 1
        member.last_turn = self.turn
        member.given_today += 1
        member.open_load += 1
        self.is_touched = True

    @staticmethod
    def _of_clinic(eligible: list[Member], clinic: str | None, why_not: dict[str, str]) -> list[Member]:
        """The clinic's own staff, else those bound to no clinic, else everybody: a lead is never left for this."""
        own = [m for m in eligible if clinic and m.clinic == clinic] or [m for m in eligible if m.clinic is None]
        if own:
            why_not |= {m.login: str(WhyNot.OTHER_CLINIC) for m in eligible if m not in own}
        return own or eligible


def spoken_by(languages: Collection[str]) -> frozenset[str]:
    """What somebody with these languages may be asked for; who has several is of the bilingual pool [2.8]."""
    return frozenset({*languages, ANOTHER} if len(languages) > 1 else languages)


def why_not_eligible(member: Member, need: Need, *, at: datetime, is_counted: bool = False) -> WhyNot | None:
    """The first reason why this member may not have the lead; caps are skipped when it already counts for them."""
    if need.lacks_script:
        return WhyNot.NO_SCRIPT
    if not member.is_active:
        return WhyNot.INACTIVE
    if not need.trainings <= member.trainings:
        return WhyNot.UNTRAINED
    if not need.skills <= member.skills:
        return WhyNot.UNSKILLED
    if need.language and member.languages and need.language not in member.languages:
        return WhyNot.LANGUAGE
    if member.user_id in need.avoid:
        return WhyNot.HAD_IT
    if why := why_not_present(member, need.due_at, at=at):
        return why
    if is_counted:
        return None
    if member.open_cap is not None and member.open_load >= member.open_cap:
        return WhyNot.OPEN_CAP
    if member.daily_cap is not None and member.given_today >= member.daily_cap:
        return WhyNot.DAILY_CAP
    return None


def may_keep(member: Member, need: Need, *, at: datetime, is_counted: bool) -> WhyNot | None:
    """Why an owner may not keep the lead. A short absence does not take it away if they are back before it is due."""
    is_back_in_time = not member.is_away(max(at, need.due_at))
    why = why_not_eligible(member, need, at=at, is_counted=is_counted)
    return None if why is not None and why.is_absence and is_back_in_time else why


def why_not_present(member: Member, due_at: datetime, *, at: datetime) -> WhyNot | None:
    """Whether the member is away, or not at work at all before the lead is due."""
    if member.is_away(at):
        return WhyNot.AWAY
    try:
        starts = next_open(at, member.calendar)
    except NeverOpen:
        return WhyNot.OFF_DUTY
    if member.is_away(starts):
        return WhyNot.AWAY
    # Overdue already: whoever is next at work is right.
    return WhyNot.OFF_DUTY if at < due_at <= starts else None


def _longest_waiting(members: Iterable[Member]) -> Member:
    """Least recently served, so that turns differ by one at most among those who may take the same work."""
    return min(members, key=lambda m: (m.last_turn, m.user_id))


def _least_open(members: Iterable[Member]) -> Member:
    return min(members, key=lambda m: (m.open_load, m.last_turn, m.user_id))


def _by_weight(members: Sequence[Member]) -> Member:
    """Smooth weighted round robin: over any stretch each gets its share, without runs of the heaviest."""
    for member in members:
        member.credit += member.weight
    chosen = max(members, key=lambda m: (m.credit, -m.last_turn, -m.user_id))
    chosen.credit -= sum(m.weight for m in members)
    return chosen


PICK = {
    Strategy.ROUND_ROBIN: _longest_waiting,
    Strategy.CLINIC_STAFF: _longest_waiting,
    Strategy.LEAST_OPEN: _least_open,
    Strategy.WEIGHTED: _by_weight,
}
