"""Does the product decide worked cases right? Plays a case through the real intake, call, event and clock code.

A case is a list of steps at a clock that starts at its `now` (form: `journey_form`). Compliance staff and
operations keep their own cases and re-run them after a rule change. Nothing here knows any case.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.db.models import Max, Min, Model
from django.utils.dateparse import parse_date, parse_datetime, parse_duration, parse_time

from leads import capacity, contact, timing
from leads.models import (
    Authorization,
    Clinic,
    Decay,
    DocumentStatus,
    HoldReason,
    Inquiry,
    Lead,
    MissingItem,
    MissingKind,
    Qualification,
    Source,
    StopReason,
    Trigger,
    TriggerKind,
)
from leads.outcomes import CallReport
from leads.services import calls, events, intake, rollout
from leads.services.intake import Delivery, KeyReused
from leads.vocabulary import Check, DocumentState, InteractionKind
from medcrm import journey, journey_form, reference, rule_steps
from medcrm.lib.errors import RuleError
from medcrm.lib.worked import Json, MalformedCase, Wrong
from nurture import dispatch, enrollment
from nurture.models import Acknowledgement, Enrollment, Message, VisitNotice
from nurture.models import Sequence as Outreach
from routing import sweep, versions
from routing.models import Clock, Handoff, Team


@dataclass
class Play:
    """One case being played: its clock and its leads in the order they appeared."""

    now: datetime
    leads: list[int] = field(default_factory=list)
    last: int | None = None
    first_inquiry: int = 0
    expected: dict[str, object] = field(default_factory=dict)
    got: dict[str, object] = field(default_factory=dict)

    def lead(self, step: Mapping[str, object]) -> Lead:
        number = step.get("lead")
        if number and int(number) > len(self.leads):
            raise Wrong("lead", f"the case has {len(self.leads)} leads so far, not {number}")
        pk = self.leads[int(number) - 1] if number else self.last
        if pk is None:
            raise Wrong("lead", "the step concerns a lead, and none was submitted yet")
        return Lead.objects.get(pk=pk)

    def check(self, name: str, wanted: object, found: object, holds: bool | None = None) -> None:
        """Note a difference; the first one of each name is enough to understand the case."""
        if not (wanted == found if holds is None else holds):
            self.expected.setdefault(name, wanted)
            self.got.setdefault(name, found)


def run_case(case: Json) -> Json:
    """Play a case in a transaction that is rolled back; return its result. Raise MalformedCase."""
    journey_form.check_case(case)
    try:
        with transaction.atomic():
            play = play_steps(moment(case["now"]), case["steps"])
            transaction.set_rollback(True)
    except Wrong as error:
        raise MalformedCase(case["id"], error.field, error.problem) from error
    return {"id": case["id"], "passed": not play.expected, "expected": play.expected, "got": play.got}


def play_steps(now: datetime, steps: Sequence[Json]) -> Play:
    reference.load(at=now)
    play = Play(now, first_inquiry=Inquiry.objects.aggregate(last=Max("pk"))["last"] or 0)
    for place, step in enumerate(steps):
        kind = next(name for name in PLAYERS if step.get(name) is not None)
        try:
            refused_field = PLAYERS[kind](play, step[kind])
        except Wrong as error:
            raise Wrong(f"steps[{place}].{kind}.{error.field}", error.problem) from error
        except (ObjectDoesNotExist, ValueError, TypeError, KeyError) as error:
            raise Wrong(f"steps[{place}].{kind}", str(error)) from error
        wanted = step.get("expect_error")
        if wanted or (refused_field and kind != "submit"):
            play.check("expect_error", wanted, refused_field)
        settle(play)
    return play


def settle(play: Play) -> None:
    """Everything that is due at this moment runs; what was published reaches its leads first."""
    rollout.roll_out(clock=lambda: play.now)
    versions.route_again(clock=lambda: play.now)
    journey.advance_due(at=play.now)
    sweep.sweep(at=play.now)
    enrollment.revisit(at=play.now)
    journey.advance_due(at=play.now)
    dispatch.dispatch_due(at=play.now)
    journey.advance_due(at=play.now)


def play_submit(play: Play, submit: Mapping[str, object]) -> str:
    """Send an inquiry through the real intake; return the field it was refused for, if it was."""
    fields = {name: value for name, value in submit.items() if name not in ("source", "idempotency_key")}
    source = Source.objects.select_related("disclosure").get(pk=submit["source"])
    delivery = Delivery(idempotency_key=str(submit.get("idempotency_key", "")))
    try:
        inquiry = intake.receive(source, json.dumps(fields).encode(), delivery, at=play.now)
    except KeyReused:
        return "idempotency_key"
    except RuleError as error:
        return error.field or error.code
    play.last = inquiry.lead_id
    if inquiry.lead_id not in play.leads:
        play.leads.append(inquiry.lead_id)
    return ""


def play_event(play: Play, event: Mapping[str, object]) -> str:
    """Let it happen; return the field it was refused for, if it was."""
    try:
        with transaction.atomic():
            happen(play, event)
    except RuleError as error:
        return error.field or error.code
    return ""


def happen(play: Play, event: Mapping[str, object]) -> None:
    kind, at = str(event["kind"]), play.now
    values = {name: value for name, value in event.items() if name not in ("kind", "lead")}
    if kind == "availability":
        on = day(values["date"])
        events.set_availability(str(values["service"]), str(values["clinic"]), on, int(values["slots"]), at=at)
        return
    lead = play.lead(event)
    if kind == "document_received":
        status = str(values.get("status", "received"))
        events.record_document(lead.pk, str(values["document"]), status=status, at=at)
    elif kind == "authorization":
        expires = day(values["expires"]) if values.get("expires") else None
        service = str(values.get("service") or lead.service_id)
        events.record_authorization(lead.pk, service, str(values["status"]), expires_on=expires, at=at)
    elif kind == "appointment":
        booking = {"service": str(values.get("service") or lead.service_id), "on": day(values["date"])}
        clinic = str(values.get("clinic") or lead.preferred_clinic_id)
        booking["starts_at"] = starts_at(clinic, booking["on"], values["time"]) if values.get("time") else None
        events.record_appointment(lead.pk, clinic=clinic, status=str(values["status"]), at=at, **booking)
    elif kind == "preference":
        events.record_preference(lead.pk, values, at=at)
    else:
        values = {name: values[name] for name in ("service", "count", "text") if name in values}
        events.record_activity(lead.pk, InteractionKind(kind), at=at, **values)


def play_call(play: Play, call: Mapping[str, object]) -> str:
    """Record a call as the workspace does: reserved where the gate allows it, else as the lead's own call."""
    lead = play.lead(call)
    try:
        report = CallReport(
            disposition=str(call["disposition"]),
            outcome=str(call.get("outcome", "")),
            reason=str(call.get("reason", "")),
            missing=list(call.get("missing", [])),
            follow_up_on=day(call["follow_up"]) if call.get("follow_up") else None,
            callback_at=moment(call["callback_at"]) if call.get("callback_at") else None,
            answers=dict(call.get("answers", {})),
            fields=dict(call.get("set", {})),
            note=str(call.get("note", "")),
        )
        with transaction.atomic():
            calls.record_call(lead.pk, report, attempt=contact.reserve_call(lead, at=play.now), at=play.now)
    except RuleError as error:
        return error.field or error.code
    return ""


def play_clock(play: Play, clock: str) -> str:
    """Move the clock, stopping at every instant at which something falls due, in order."""
    target = play.now + duration(clock) if clock.startswith("P") else moment(clock)
    for _ in range(10_000):
        due_at, tomorrow = next_due(play), play.now + timedelta(days=1)
        play.now = min(at for at in (due_at, tomorrow, target) if at is not None)
        if play.now == target:
            break
        # Whom a sequence means by now is no instant of its own: once a day is asked.
        if play.now == due_at or enrollment.revisit(at=play.now):
            settle(play)
    play.now = target
    return ""


def next_due(play: Play) -> datetime | None:
    """The next instant at which anything falls due."""
    clocks = Clock.objects.open().filter(lead__in=play.leads)
    kinds = (
        (Trigger.objects.filter(fired_at=None, disarmed_at=None), "due_at"),
        (Enrollment.objects.active(), "next_due_at"),
        (Acknowledgement.objects.all(), "due_at"),
        (VisitNotice.objects.all(), "due_at"),
        (Lead.objects.all(), "advance_due_at"),
        (Decay.objects.filter(lead__in=play.leads), "due_at"),
        (clocks.filter(warned_at=None), "warn_at"),
        (clocks.filter(breached_at=None), "due_at"),
    )
    firsts = [
        rows.filter(**{f"{column}__gt": play.now}).aggregate(first=Min(column))["first"] for rows, column in kinds
    ]
    return min((at for at in (*firsts, *run_out(play)) if at is not None and at > play.now), default=None)


def run_out(play: Play) -> Iterator[datetime]:
    """When the documents and authorizations that are held run out, each at the end of its day where the lead is."""
    documents = DocumentStatus.objects.filter(status=DocumentState.RECEIVED)
    authorizations = Authorization.objects.filter(status__in=capacity.SETTLED)
    for rows in (documents, authorizations):
        for row in rows.filter(lead__in=play.leads, expires_on__isnull=False).select_related("lead__source__seller"):
            yield timing.start_of(row.expires_on + timedelta(days=1), timing.zone_of(row.lead))


def play_rule(play: Play, rule: Mapping[str, object]) -> str:
    """Publish a changed rule as staff would; return the field it was refused for, if it was."""
    try:
        with transaction.atomic():
            rule_steps.apply_change(rule, at=play.now)
    except RuleError as error:
        return error.field or error.code
    return ""


def play_expect(play: Play, expect: Mapping[str, object]) -> str:
    lead = play.lead(expect) if play.leads else None
    for name, wanted in expect.items():
        if name == "lead":
            continue
        if lead is None and name not in ("leads", "inquiries"):
            raise Wrong(name, "this is asked of a lead, and none was submitted yet")
        check_codes(name, wanted)
        LOOKERS[name](play, lead, wanted)
    return ""


def check_codes(name: str, wanted: object) -> None:
    """Raise Wrong for a code that is in no row, which nothing could ever come out as."""
    if name not in CODES or not wanted:
        return
    codes = set(wanted) if isinstance(wanted, list) else {wanted}
    rows = CODES[name]._default_manager.filter(code__in=codes)
    unknown = codes - set(rows.values_list("code", flat=True))
    if unknown:
        raise Wrong(name, f"“{min(unknown)}” is no code of a {CODES[name]._meta.verbose_name}")


def look_attribute(name: str, attribute: str = "") -> Callable[[Play, Lead, object], None]:
    return lambda play, lead, wanted: play.check(name, wanted, getattr(lead, attribute or name))


def look_checks(play: Play, lead: Lead, wanted: Mapping[str, str]) -> None:
    for check, verdict in wanted.items():
        play.check(f"checks.{Check(check)}", verdict, getattr(lead, f"{check}_check"))


def look_outcome(play: Play, lead: Lead, wanted: object) -> None:
    play.check(
        "outcome",
        wanted,
        Qualification.objects.filter(lead=lead, closed_at=None).values_list("outcome", flat=True).first(),
    )


def look_wakes_on(play: Play, lead: Lead, wanted: Sequence[str]) -> None:
    armed = sorted(Trigger.objects.filter(lead=lead, fired_at=None, disarmed_at=None).values_list("kind", flat=True))
    play.check("wakes_on", wanted, armed, holds=set(wanted) <= set(armed))


def look_missing(play: Play, lead: Lead, wanted: Sequence[str]) -> None:
    found = sorted(MissingItem.objects.filter(lead=lead, settled_at=None).values_list("kind", flat=True))
    play.check("missing", sorted(wanted), found)


def look_owner(play: Play, lead: Lead, wanted: bool) -> None:
    play.check("has_owner", wanted, lead.owner_id is not None)


def look_sequence(play: Play, lead: Lead, wanted: str | None) -> None:
    found = Enrollment.objects.active().filter(lead=lead).values_list("sequence__code", flat=True).first()
    play.check("sequence", wanted, found)


def look_messages(play: Play, lead: Lead, wanted: int) -> None:
    play.check("messages", wanted, Message.objects.sent().filter(enrollment__lead=lead).count())


def look_may_contact(play: Play, lead: Lead, wanted: Mapping[str, bool]) -> None:
    for channel, allowed in wanted.items():
        play.check(f"may_contact.{channel}", allowed, contact.may_contact(lead, channel, at=play.now))


def look_due(play: Play, lead: Lead, wanted: str) -> None:
    due = lead.next_action_due_at
    play.check("due_by", wanted, due and due.isoformat(), holds=due is not None and due <= moment(wanted))


def look_handoff(play: Play, lead: Lead, wanted: Mapping[str, object] | None) -> None:
    """A subset match on the packet of the last handoff, with what was added to it since."""
    handoff = Handoff.objects.filter(lead=lead).order_by("pk").last()
    if wanted is None or handoff is None:
        play.check("handoff", wanted, handoff and handoff.packet)
        return
    packet = handoff.current_packet()
    for name, value in wanted.items():
        if name not in packet:
            raise Wrong(f"handoff.{name}", f"a packet has no such part; known are {', '.join(sorted(packet))}")
        found = packet.get(name)
        holds = set(value) <= set(found or []) if isinstance(value, list) else found == value
        play.check(f"handoff.{name}", value, found, holds=holds)


def look_leads(play: Play, lead: Lead | None, wanted: int) -> None:
    play.check("leads", wanted, len(play.leads))


def look_inquiries(play: Play, lead: Lead | None, wanted: int) -> None:
    play.check("inquiries", wanted, Inquiry.objects.filter(pk__gt=play.first_inquiry).count())


PLAYERS = {
    "submit": play_submit,
    "event": play_event,
    "call": play_call,
    "clock": play_clock,
    "rule": play_rule,
    "expect": play_expect,
}
LOOKERS: dict[str, Callable[[Play, Lead, object], None]] = {
    **{
        name: look_attribute(name)
        for name in ("stage", "score_band", "fit", "readiness", "decision", "next_step", "team", "cycle")
    },
    "hold_reason": look_attribute("hold_reason", "hold_reason_id"),
    "stop_reason": look_attribute("stop_reason", "stop_reason_id"),
    "checks": look_checks,
    "outcome": look_outcome,
    "wakes_on": look_wakes_on,
    "missing": look_missing,
    "has_owner": look_owner,
    "sequence": look_sequence,
    "messages": look_messages,
    "may_contact": look_may_contact,
    "due_by": look_due,
    "handoff": look_handoff,
    "leads": look_leads,
    "inquiries": look_inquiries,
}


CODES: Mapping[str, type[Model]] = {
    "hold_reason": HoldReason,
    "stop_reason": StopReason,
    "wakes_on": TriggerKind,
    "missing": MissingKind,
    "team": Team,
    "sequence": Outreach,
}
"""Whose codes an expectation speaks in, where they are rows."""


def moment(value: object) -> datetime:
    found = parse_datetime(str(value))
    if found is None or found.tzinfo is None:
        raise ValueError(f"“{value}” is no instant with a zone, e.g. 2026-12-01T16:00:00Z")
    return found.astimezone(UTC)


def day(value: object) -> date:
    found = parse_date(str(value))
    if found is None:
        raise ValueError(f"“{value}” is no date, e.g. 2026-12-03")
    return found


def starts_at(clinic: str, on: date, value: object) -> datetime:
    """The instant of a time of day on the clinic's clock."""
    found = parse_time(str(value))
    if found is None:
        raise ValueError(f"“{value}” is no time of day, e.g. 09:30")
    return datetime.combine(on, found, ZoneInfo(Clinic.objects.get(pk=clinic).timezone))


def duration(value: str) -> timedelta:
    found = parse_duration(value)
    if found is None or not re.match(r"^P", value):
        raise ValueError(f"“{value}” is no duration, e.g. P3D")
    return found
