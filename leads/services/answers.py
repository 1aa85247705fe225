"""What do we know now? Writes what a lead said, on a form, a call or by an event, and says what is news."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from leads import places, requalification, timing
from leads.lifecycle import Stage
from leads.models import Answer, Lead, MissingItem, TimingWindow
from leads.vocabulary import Verdict

TEXT_FIELDS = (
    "first_name",
    "last_name",
    "request",
    "question",
    "urgency",
    "age",
    "is_existing_patient",
    "language",
    "preferred_channel",
    "preferred_time",
    "for_whom",
    "organisation",
    "contact_role",
    "clinic_size",
    "budget",
    "rollout",
    "approver",
    "agreement",
    "is_test",
)
# How a field is called in submissions, answers and events → the attribute of the lead.
ATTRIBUTES = {name: name for name in TEXT_FIELDS} | {
    "service": "service_id",
    "preferred_clinic": "preferred_clinic_id",
    "payer": "payer_id",
}
# What counts as news for a lead that waits or was stopped, and the trigger it fires [R40].
NEWS = {
    "service_id": "new_service_request",
    "zip": "new_location",
    "timing_id": "appointment_window_changed",
    "payer_id": "payer_changed",
}
REPEAT_INQUIRY = "repeat_inquiry"
# A question of the checklist that is asked under another name than the lead's field.
QUESTIONS = {"location": "zip", "appointment_window": "timing", "age_eligible": "age"}


@dataclass(frozen=True)
class Origin:
    """Where an answer came from."""

    kind: Answer.Origin
    by: AbstractBaseUser | None = None
    inquiry_id: int | None = None
    interaction_id: int | None = None


def write_fields(lead: Lead, fields: Mapping[str, object], *, at: datetime) -> list[str]:
    """Set what is given on the locked lead, unsaved, and return the kinds of news in it; blank changes nothing."""
    before = {name: getattr(lead, name) for name in NEWS}
    for name, value in fields.items():
        field = QUESTIONS.get(name, name)
        if value in ("", None):
            continue
        if field == "zip":
            settle(lead, str(value)[:5])
        elif field == "timing":
            row = value if isinstance(value, TimingWindow) else TimingWindow.objects.get(pk=value)
            answer_timing(lead, row, at=at)
        elif field in ATTRIBUTES:
            setattr(lead, ATTRIBUTES[field], value)
    return [kind for name, kind in NEWS.items() if getattr(lead, name) != before[name]]


def answer_timing(lead: Lead, answer: TimingWindow, *, at: datetime) -> None:
    """Note when the lead wants to come, and the dates that means from now on."""
    window = timing.window(answer, asked_on=at.date())
    lead.timing, lead.timing_asked_at = answer, at
    lead.window_opens_on, lead.window_closes_on = window.opens_on, window.closes_on


def settle(lead: Lead, zip_code: str) -> None:
    """Note the ZIP and, where it is known, its place; an unknown ZIP leaves the location an open question."""
    lead.zip = zip_code
    place = places.place(zip_code)
    lead.city, lead.state, lead.timezone = (place.city, place.state, place.timezone) if place else ("", "", "")
    lead.latitude, lead.longitude = (place.latitude, place.longitude) if place else (None, None)


def keep_answers(lead: Lead, answers: Mapping[str, object], origin: Origin, *, at: datetime) -> None:
    """Store each answer with who, when and from where; it supersedes the earlier one and settles a missing item."""
    codes = [code for code, value in answers.items() if value not in ("", None)]
    if not codes:
        return
    Answer.objects.filter(lead=lead, code__in=codes, is_current=True).update(is_current=False)
    Answer.objects.bulk_create(
        Answer(
            lead=lead,
            code=code,
            cycle=lead.cycle,
            value=answers[code],
            verdict=Verdict.UNKNOWN if answers[code] == "unknown" else Verdict.PASS,
            origin=origin.kind,
            by=origin.by,
            inquiry_id=origin.inquiry_id,
            interaction_id=origin.interaction_id,
            answered_at=at,
        )
        for code in codes
    )
    MissingItem.objects.filter(lead=lead, kind__in=codes, settled_at=None).update(settled_at=at)


def tell_news(lead: Lead, news: Sequence[str], *, cause: str, at: datetime) -> None:
    """Fire the first trigger that this news pulls; a decision a person made is open to the rules again."""
    requalification.reconsider([lead.pk])
    waiting = lead.stage in (Stage.HELD, Stage.STOPPED)
    for kind in news if waiting else ():
        if requalification.fire(kind, [lead.pk], cause=cause, at=at):
            return
    if REPEAT_INQUIRY in news and lead.stage in (Stage.CONVERTED, Stage.LOST):
        requalification.reopen(lead, REPEAT_INQUIRY, cause=cause, at=at)
