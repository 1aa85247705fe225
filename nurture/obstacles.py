"""What is in the way of a step, short of the law? Our own reasons, in order; the gate is asked after all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from consent.sentences import sentence
from consent.vocabulary import Purpose
from leads.lifecycle import OPEN
from leads.timing import day_at, start_of, zone_of
from nurture import caps, rules, windows
from nurture.batch import Batch
from nurture.caps import Contact
from nurture.models import Enrollment, Step, Wording
from nurture.vocabulary import ExitCode, Medium, SkipCode


@dataclass(frozen=True)
class Obstacle:
    """Why a step does not go out now; with `until` it is only held until then."""

    code: str
    sentence: str
    until: datetime | None = None


def reason_to_end(row: Enrollment, batch: Batch, *, at: datetime) -> ExitCode | None:
    """Why the whole enrolment is over, found when its next step fell due."""
    if row.lead.stage not in OPEN or row.lead.merged_into_id is not None:
        return ExitCode.CLOSED
    if rules.has_ended(row.sequence, on=day_at(zone_of(row.lead), at)):
        return ExitCode.ENDED
    return ExitCode.QUIET if row.pk in batch.quiet else None


def timing(row: Enrollment, batch: Batch, *, at: datetime) -> Obstacle | None:
    """Too late, not for this lead, not the way it wants, or outside the step's own hours."""
    if at > latest(row):
        return own(SkipCode.TOO_LATE)
    if row.pk in batch.unmet:
        return own(SkipCode.CONDITION_NOT_MET)
    if row.pk in batch.prefer_other:
        return own(SkipCode.PREFERS_OTHER)
    if row.step.template.medium == Medium.CALL and (code := batch.refused_calls.get(row.lead_id)):
        return Obstacle(code, sentence(code))
    opens_at = windows.next_open(row.step, at, zone=zone_of(row.lead))
    return own(SkipCode.OUTSIDE_WINDOW, until=opens_at) if opens_at > at else None


def sending(row: Enrollment, batch: Batch, past: Sequence[Contact], *, at: datetime) -> Obstacle | Wording:
    """The words it goes out with; or no address, no words, enough contacts, or a person is due today.

    `past` is read under the addresses' locks.
    """
    if address_of(row) is None:
        return own(SkipCode.NO_ADDRESS)
    if (wording := batch.wording(row)) is None:
        return own(SkipCode.NO_WORDING)
    cap = caps.full(batch.caps, past, purpose=row.step.template.purpose, at=at)
    if cap is None:
        return _until_tomorrow(row, at) or wording
    return Obstacle(SkipCode.FREQUENCY_LIMIT, _("%(cap)s: at most %(n)s.") % {"cap": cap.name, "n": cap.limit})


def _until_tomorrow(row: Enrollment, at: datetime) -> Obstacle | None:
    """Nothing that sells goes out on the day on which one of us is to speak with them, by their calendar [2.15].

    What answers their own request is a part of that work and goes out all the same.
    """
    due_at, zone = row.lead.next_action_due_at, zone_of(row.lead)
    today = day_at(zone, at)
    if due_at is None or row.step.template.purpose != Purpose.MARKETING or day_at(zone, due_at) != today:
        return None
    return own(SkipCode.PERSON_DUE_TODAY, until=start_of(today + timedelta(days=1), zone))


def latest(row: Enrollment) -> datetime:
    """The last instant at which the step may still go out."""
    zone = zone_of(row.lead)
    nominal = windows.due_at(row.step, entered_at=row.started_at, not_before=row.started_at, zone=zone)
    return nominal + row.step.cutoff


def address_of(row: Enrollment) -> int | None:
    """Where the present step of this enrolment goes; None where the lead has no such address."""
    return address_in(row, row.step)


def address_in(row: Enrollment, step: Step) -> int | None:
    """Where a step of this enrolment goes."""
    return row.lead.email_id if step.template.medium == Medium.EMAIL else row.lead.phone_id


def own(code: SkipCode, *, until: datetime | None = None) -> Obstacle:
    """A reason of ours, beside those of the gate; with `until` the step waits instead of being skipped."""
    return Obstacle(code, f"{code.label}.", until)
