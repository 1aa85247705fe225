"""Which sequence should a lead be in now? Plain values in, a plan out; nothing here reads a table or a clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Protocol

from leads.timing import day_at
from nurture.vocabulary import ExitCode


class SupportsSequence(Protocol):
    pk: int
    code: str
    name: str
    exits_on_reply: bool
    exits_on_booking: bool
    pause_after_reply_days: int
    ends_on: date | None


@dataclass(frozen=True)
class Current:
    """The enrolment a lead is in."""

    pk: int
    sequence: SupportsSequence
    started_at: datetime


@dataclass(frozen=True)
class Situation:
    """What is known about one lead at the moment its outreach is planned."""

    is_open: bool
    zone: str = ""  # where the lead is
    current: Current | None = None
    matching: frozenset[int] = frozenset()  # sequences whose entry criteria hold
    staying: frozenset[int] = frozenset()  # sequences whose criteria to stay hold
    done: frozenset[str] = frozenset()  # codes that are not entered again in this cycle
    replied_at: datetime | None = None
    talking_since: datetime | None = None  # the last reply that no decision of a person has followed
    is_booked: bool = False
    muted: frozenset[str] = frozenset()  # codes the person does not want to hear about
    closed_channels: Mapping[int, str] = field(default_factory=dict)  # sequence → why no channel of it is open


@dataclass(frozen=True)
class Plan:
    """What to do: leave for a reason, enter a sequence, and which sequences were refused for want of a channel."""

    leave: tuple[ExitCode, str] | None = None
    enter: SupportsSequence | None = None
    refused: tuple[tuple[SupportsSequence, str], ...] = ()


def plan(lead: Situation, sequences: Sequence[SupportsSequence], *, at: datetime) -> Plan:
    """Leave the present sequence when its reason is gone; enter the first that matches and has an open channel."""
    leave = reason_to_leave(lead, at=at) if lead.current else None
    if not lead.is_open or (lead.current and leave is None):
        return Plan(leave)
    left = lead.current.sequence.code if lead.current else ""
    refused: list[tuple[SupportsSequence, str]] = []
    for sequence in sequences:
        if sequence.pk not in lead.matching or not may_enter(lead, sequence, at=at):
            continue
        if left == sequence.code:
            continue
        if why := lead.closed_channels.get(sequence.pk):
            refused.append((sequence, why))
            continue
        return Plan(leave, sequence, tuple(refused))
    return Plan(leave, None, tuple(refused))


def reason_to_leave(lead: Situation, *, at: datetime) -> tuple[ExitCode, str] | None:
    """The first reason, in this order, for which the present enrolment ends."""
    current = lead.current
    if current is None:
        return None
    sequence = current.sequence
    if not lead.is_open:
        return ExitCode.CLOSED, ""
    if lead.is_booked and sequence.exits_on_booking:
        return ExitCode.BOOKED, ""
    if lead.replied_at and lead.replied_at > current.started_at and sequence.exits_on_reply:
        return ExitCode.REPLIED, ""
    if sequence.code in lead.muted:
        return ExitCode.UNWANTED, ""
    if why := lead.closed_channels.get(sequence.pk):
        return ExitCode.NO_CHANNEL, why  # before the next: what was withdrawn is often why it no longer matches
    if sequence.pk not in lead.staying:
        return ExitCode.NO_LONGER_MATCHES, ""
    if has_ended(sequence, on=day_at(lead.zone, at)):
        return ExitCode.ENDED, ""
    return None


def may_enter(lead: Situation, sequence: SupportsSequence, *, at: datetime) -> bool:
    """Not twice in a cycle, unwanted, while booked, in the middle of a conversation, or after its last day."""
    if sequence.code in lead.done or sequence.code in lead.muted or has_ended(sequence, on=day_at(lead.zone, at)):
        return False
    if lead.is_booked and sequence.exits_on_booking:
        return False
    pause = timedelta(days=sequence.pause_after_reply_days)
    return not (sequence.exits_on_reply and lead.talking_since and at < lead.talking_since + pause)


def has_ended(sequence: SupportsSequence, *, on: date) -> bool:
    """Whether the sequence's last day, itself included, is over on this day where the lead is."""
    return sequence.ends_on is not None and on > sequence.ends_on
