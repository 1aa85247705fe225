"""Which handoffs come back, from whom and why? And how was the time of one split between sender and receiver?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count

from routing.calendar import working_time_between
from routing.models import Clock, Handoff, ReturnReason


@dataclass(frozen=True)
class Returned:
    """How often a team returned what another sent, for one reason."""

    by_team: str
    sent_by: str
    reason: str
    count: int


def returned(*, since: datetime) -> list[Returned]:
    """Returned handoffs by receiver, sender and reason, most first."""
    rows = (
        Handoff.objects.filter(returned_at__gte=since)
        .order_by()
        .values_list("to_team__name", "from_team__name", "return_reason")
        .annotate(n=Count("pk"))
    )
    named = [Returned(to, sender or "", str(ReturnReason(code).label), n) for to, sender, code, n in rows]
    return sorted(named, key=lambda row: (-row.count, row.by_team, row.reason))


@dataclass(frozen=True)
class Split:
    """Working time of one handoff: with the sender, waiting to be accepted, and with the receiver since."""

    sender: timedelta | None
    waiting: timedelta
    receiver: timedelta | None


def split(row: Handoff, *, at: datetime) -> Split:
    """Take the time of a handoff apart, each part in the working time of the team that had the lead then.

    The sender's part runs from the start of its own clock of that cycle; without one there was no sender.
    """
    ends = row.closed_at or row.returned_at
    accepted, until = row.accepted_at or row.returned_at or ends or at, ends or _met_at(row) or at
    sent = _sender_clock(row)
    sender = working_time_between(sent.started_at, row.offered_at, sent.team.calendar) if sent else None
    calendar = row.to_team.calendar
    return Split(
        sender=sender,
        waiting=working_time_between(row.offered_at, accepted, calendar),
        receiver=working_time_between(accepted, until, calendar) if row.accepted_at else None,
    )


def _sender_clock(row: Handoff) -> Clock | None:
    clocks = Clock.objects.filter(lead=row.lead_id, team=row.from_team_id, started_at__lte=row.offered_at)
    return clocks.select_related("team").order_by("-pk").first() if row.from_team_id else None


def _met_at(row: Handoff) -> datetime | None:
    """When the receiver first did what was owed."""
    met: Sequence[datetime | None] = (
        Clock.objects.filter(lead=row.lead_id, team=row.to_team_id, met_at__gte=row.offered_at)
        .order_by("met_at")
        .values_list("met_at", flat=True)[:1]
    )
    return met[0] if met else None
