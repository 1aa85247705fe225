"""What happened to a lead, or to what it waits for? Each event is kept, and puts back on the road whom it concerns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.translation import gettext as _

from consent import automatic, inbound, ledger, withdrawals, wording
from consent.vocabulary import Verdict
from leads import contact, emergencies, lifecycle, requalification
from leads.lifecycle import OPEN, Stage
from leads.models import (
    Answer,
    Appointment,
    Authorization,
    Availability,
    DocumentStatus,
    Interaction,
    Lead,
    Offering,
    Qualification,
)
from leads.outcomes import CallReport
from leads.services import answers, calls, documents, due, slots
from leads.services.answers import REPEAT_INQUIRY, Given, Origin
from leads.services.documents import write_entry
from leads.vocabulary import Agreement, AppointmentState, Direction, DocumentState, InteractionKind, Outcome
from medcrm.lib.errors import InvalidFields, RuleError

SETS_A_VISIT = (AppointmentState.BOOKED, AppointmentState.CONFIRMED, AppointmentState.ATTENDED)
ENDS_A_BOOKING = {AppointmentState.NO_SHOW: "no_show", AppointmentState.CANCELLED: "appointment_cancelled"}
PHONE = {"voice", "sms"}
REPLIES = {InteractionKind.EMAIL_REPLY: "email", InteractionKind.SMS_REPLY: "sms"}


@transaction.atomic
def record_activity(
    lead_id: int,
    kind: InteractionKind,
    *,
    at: datetime,
    service: str = "",
    count: int = 1,
    text: str = "",
    sender_id: int | None = None,
    written_to_id: int | None = None,
    key: str = "",
    happened_at: datetime | None = None,
    by: AbstractBaseUser | None = None,
    source: str = "",
    is_relayed: bool = False,
    is_automatic: bool = False,
) -> Interaction:
    """Keep something the lead did: a download, visits, a reply. Activity alone never qualifies [R13].

    `sender_id` is the address a reply came from, where it is known: it need not be the one the lead has now.
    `written_to_id` is the address that had got what it answers. With `by` a person or another system writes it down,
    perhaps later than it happened; `is_relayed` says that this system passes on what the carrier brought it. Raise
    RuleError for a time to come, and for a START from hearsay: after an opt-out only what reaches us from the person
    permits again, so it needs the carrier's `key` and time [V10]. What a mailbox or a telephone answered by itself is
    no reply, unless it stops us.
    """
    is_hearsay = by is not None and not (is_relayed and key and happened_at)
    happened_at = happened_at or at
    if happened_at > at:
        raise RuleError("NOT_YET", _("This is still to come. Enter when it happened."), field="happened_at")
    if is_hearsay and kind in REPLIES and wording.understand(text, REPLIES[kind]) == Verdict.START:
        told = _("A START counts only where it arrives by itself, with the carrier's id and time. Send the form.")
        raise RuleError("NOT_HEARSAY", told, field="text")
    if kind in REPLIES and answers_by_itself(text, REPLIES[kind], is_marked=is_automatic):
        facts = {"answered_by_itself": REPLIES[kind]}
        lead = Lead.objects.get(pk=lead_id)
        return write_entry(lead, InteractionKind.SYSTEM, facts, by=by, at=happened_at, text=text)
    withdraws = _hear(lead_id, kind, text, happened_at, sender_id, written_to_id, key, now=at, by=by, source=source)
    emergency = emergencies.noted(text, is_mail=kind == InteractionKind.EMAIL_REPLY)
    if emergency:
        requalification.hear_emergency(lead_id, at=at)
    activity = Interaction.objects.create(
        lead_id=lead_id,
        kind=kind,
        direction=Direction.INBOUND,
        at=happened_at,
        by=by,
        service_id=service or None,
        count=count,
        text=text,
        facts=emergency | ({"withdraws": True} if withdraws else {}),
    )
    if kind in REPLIES and not withdraws and not emergency:
        requalification.hear_reply(lead_id, at=at)
    due.mark_due(Lead.objects.filter(pk=lead_id), at=at)
    return activity


@transaction.atomic
def record_document(
    lead_id: int,
    document: str,
    *,
    at: datetime,
    status: str = DocumentState.RECEIVED,
    expires_on: date | None = None,
    by: AbstractBaseUser | None = None,
) -> DocumentStatus:
    """Note where a document stands; one that arrived wakes who waits for it, or moves its documents step on."""
    lead = Lead.objects.lock().get(pk=lead_id)
    said = [Given(document, status, f"document.{document}")]
    if documents.signs(lead, document, status):
        said.append(Given("agreement", Agreement.SIGNED, "agreement"))
    answers.keep_answers(lead, said, Origin(Answer.Origin.DOCUMENT, by), at=at)
    row = documents.write_document(lead, document, status, expires_on=expires_on, by=by, at=at)
    due.mark_due(Lead.objects.filter(pk=lead_id), at=at)
    return row


@transaction.atomic
def record_authorization(
    lead_id: int,
    service: str,
    status: str,
    *,
    at: datetime,
    expires_on: date | None = None,
    reference: str = "",
    payer: str | None = None,
    by: AbstractBaseUser | None = None,
) -> Authorization:
    """Note where a payer's prior authorization stands, that of the lead's own payer unless another is named; a decision
    wakes who waits for it."""
    lead = Lead.objects.lock().get(pk=lead_id)
    said = {"expires_on": expires_on, "reference": reference, "payer": payer}
    row = documents.write_authorization(lead, service, status, **said, by=by, at=at)
    due.mark_due(Lead.objects.filter(pk=lead_id), at=at)
    return row


@transaction.atomic
def set_availability(service: str, clinic: str, on: date, slots: int, *, at: datetime) -> Availability:
    """Set the number of open slots of one day; slots that were added wake who waits, best score first."""
    offering = Offering.objects.select_related("clinic").get(service=service, clinic=clinic)
    days = Availability.objects.select_for_update()
    before = days.filter(offering=offering, date=on).values_list("open_slots", flat=True).first() or 0
    row, _ = Availability.objects.update_or_create(offering=offering, date=on, defaults={"open_slots": slots})
    if slots > before:
        requalification.slots_opened(offering, on=on, slots=slots - before, at=at)
    return row


@transaction.atomic
def record_appointment(
    lead_id: int,
    *,
    service: str,
    clinic: str,
    on: date,
    status: str,
    at: datetime,
    starts_at: datetime | None = None,
    by: AbstractBaseUser | None = None,
    note: str = "",
) -> Appointment:
    """Book an appointment or note what became of it: a visit that stands holds the lead, attended converts it, a
    no-show re-opens it.

    What a scheduling system books took its slot there, and it tells the day's new number itself.
    """
    is_called_off = status == AppointmentState.CANCELLED
    day = slots.held_by(lead_id, service, on) if is_called_off else None
    lead = Lead.objects.lock().get(pk=lead_id)
    if status in SETS_A_VISIT:
        _set_visit(lead, by=by, at=at)
    live = Appointment.objects.live().filter(lead=lead, service=service, date=on).first()
    row = live or Appointment(lead=lead, service_id=service, date=on, cycle=lead.cycle, by=by, created_at=at)
    row.clinic_id, row.status, row.changed_at, row.note = clinic, status, at, note[:300] or row.note
    row.cycle = lead.cycle if status in SETS_A_VISIT else row.cycle
    row.revision += bool(live)
    row.starts_at = starts_at or row.starts_at
    row.offering = Offering.objects.filter(service=service, clinic=clinic).first()
    row.save()
    note_appointment(row, by=by, at=at, note=note)
    if live and live.holds_slot and is_called_off:
        slots.put_back(day)
    if status in ENDS_A_BOOKING:
        requalification.reopen(lead, ENDS_A_BOOKING[AppointmentState(status)], cause=str(row), at=at)
    elif status == AppointmentState.ATTENDED:
        lifecycle.check(lead.stage, Stage.CONVERTED)
        Lead.objects.filter(pk=lead.pk).update(stage=Stage.CONVERTED)
    due.mark_due(Lead.objects.filter(pk=lead_id), at=at)
    slots.wake(day, at=at)
    return row


def _set_visit(lead: Lead, *, by: AbstractBaseUser | None, at: datetime) -> None:
    """Let a visit that was set be the outcome of the locked lead's open cycle, wherever the lead was: held, in nurture
    or stopped, which starts its next cycle. A visit of a lead that converted already is care, and decides nothing."""
    if lead.stage == Stage.CONVERTED:
        return
    is_set = Qualification.objects.filter(
        lead=lead, closed_at=None, outcome=Outcome.APPOINTMENT_SET, decided_at__isnull=False
    )
    if lead.stage == Stage.FORWARDED and is_set.exists():
        return
    if lead.stage not in OPEN:
        requalification.reopen(lead, REPEAT_INQUIRY, cause="A visit was set.", at=at)
    calls.decide(lead, Outcome.APPOINTMENT_SET, CallReport("appointment_set"), by=by, at=at)
    lead.save()


def note_appointment(
    row: Appointment, *, by: AbstractBaseUser | None, at: datetime, note: str = "", moved_from: date | None = None
) -> None:
    """Tell the timeline what became of an appointment; reports count these entries."""
    facts = {"service": row.service_id, "clinic": row.clinic_id, "date": str(row.date), "status": str(row.status)}
    if moved_from:
        facts["moved_from"] = str(moved_from)
    if note:
        facts["note"] = note  # with the facts, so that a list of them in words says it all
    write_entry(row.lead, InteractionKind.APPOINTMENT, facts, by=by, at=at)


@transaction.atomic
def record_preference(lead_id: int, fields: Mapping[str, object], *, at: datetime) -> Lead:
    """Take in what the lead told us by itself, e.g. in the preference centre; new answers may change its next step."""
    told = dict(fields)
    channels = told.pop("channels", None)
    if channels is not None:
        told |= _choose_channels(Lead.objects.get(pk=lead_id), list(channels), at)
    lead = Lead.objects.lock().get(pk=lead_id)
    given = answers.understand(lead, told)
    write_entry(lead, InteractionKind.SYSTEM, {"preference": sorted(fields)}, at=at, direction=Direction.INBOUND)
    answers.learn(lead, given, Origin(Answer.Origin.EVENT), cause="The lead told us.", at=at)
    due.mark_due(Lead.objects.filter(pk=lead_id), at=at)
    return lead


def answers_by_itself(text: str, channel: str, *, is_marked: bool = False) -> bool:
    """Whether a vacation notice, a receipt or a telephone in a car answered, not the person; a stop is always theirs.

    `is_marked` says that it came marked as such.
    """
    is_notice = is_marked or automatic.reads_so(text)
    return is_notice and wording.understand(text, channel) != Verdict.REVOKE


def _hear(
    lead_id: int,
    kind: InteractionKind,
    text: str,
    at: datetime,
    sender_id: int | None = None,
    written_to_id: int | None = None,
    key: str = "",
    *,
    now: datetime,
    by: AbstractBaseUser | None = None,
    source: str = "",
) -> bool:
    """What a reply says about permission goes to the ledger before anything else; say whether it only withdraws.

    It is about the address that sent it, whoever has that address now [V11]; by mail also about the mailbox that we had
    written to, and the lead's number.
    """
    if kind not in REPLIES:
        return False
    lead = Lead.objects.select_related("source__seller").get(pk=lead_id)
    by_mail = kind == InteractionKind.EMAIL_REPLY
    address_id = sender_id or (lead.email_id if by_mail else lead.phone_id)
    if address_id is None:
        return False
    heard = inbound.receive(
        address_id,
        text,
        channel=REPLIES[kind],
        seller=lead.source.seller,
        occurred_at=at,
        at=now,
        key=key,
        also=[other for other in (lead.phone_id, written_to_id) if by_mail and other],
        source=source or kind,
        by=by,
    )
    return heard.verdict == Verdict.REVOKE


def _choose_channels(lead: Lead, channels: Sequence[str], at: datetime) -> dict[str, object]:
    """Withdraw permission for each channel that was not chosen; naming a channel grants nothing."""
    unknown = sorted(set(channels) - set(contact.CHANNELS))
    if unknown:
        known = ", ".join(contact.CHANNELS)
        raise InvalidFields({"channels": [f"“{name}” is no channel; known are {known}." for name in unknown]})
    closed = set(contact.CHANNELS) - set(channels)
    common = {"occurred_at": at, "source": "preference"}
    entries = []
    if lead.email_id and "email" in closed:
        entries.append(ledger.Entry(lead.email_id, "email_unsub", **common))
    if lead.phone_id and closed & PHONE:
        entries.append(withdrawals.of_number(lead.phone_id, closed & PHONE, **common))
    if entries:
        ledger.record_many(entries, at=at)
    return {"preferred_channel": channels[0]} if len(channels) == 1 else {}
