"""How far a lead got is the same whether folded by one statement or read slowly from what happened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from consent.models import Address
from leads import contact, milestones
from leads.models import Interaction, Lead, Milestone, StopReason
from leads.services import calls, events
from leads.services.calls import CallReport
from medcrm import journey
from tests.conftest import CONSULT

pytestmark = pytest.mark.django_db


def slowly(lead: Lead) -> dict[str, object]:
    """The same facts read one by one from the raw rows, in Python."""
    spoken = [row for row in lead.interactions.all() if row.kind in ("call", "voicemail", "inbound_call")]
    out = sorted(row.at for row in spoken if row.direction == "outbound")
    reached = min((r.at for r in spoken if r.disposition and r.disposition.makes_contact), default=None)
    visits = list(lead.appointments.order_by("created_at", "pk"))
    cycles = list(lead.qualifications.order_by("cycle"))
    attended = min((v.changed_at for v in visits if v.status == "attended"), default=None)
    first = lead.score_changes.order_by("at", "pk").first()
    stop = lead.stop_reason.reporting_class if lead.stop_reason else ""
    left_out = (
        "test"
        if lead.is_test
        else "merged"
        if lead.merged_into_id
        else stop
        if stop in ("duplicate", "invalid")
        else ""
    )
    armed = [t.armed_at for c in cycles for t in c.triggers.all() if not t.fired_at and not t.disarmed_at]
    tries = sum(at <= reached for at in out) if reached else 0
    return {
        "left_out": left_out,
        "captured_at": lead.created_at,
        "source_id": lead.source_id,
        "service_id": lead.service_id,
        "clinic_id": visits[-1].clinic_id if visits else lead.preferred_clinic_id,
        "team": lead.team,
        "owner_id": lead.owner_id,
        "first_band": first.new_band if first else "",
        "fit": cycles[0].fit if cycles else "",
        "readiness": cycles[0].readiness if cycles else "",
        "attempts": len(out),
        "first_attempt_at": out[0] if out else None,
        "reached_at": reached,
        "reached_on_try": tries or None,
        "is_qualified": any(c.decision == "forward" for c in cycles) or bool(visits),
        "booked_at": visits[0].created_at if visits else None,
        "attended_at": attended,
        "is_converted": lead.stage == "converted"
        or attended is not None
        or any(c.outcome == "concluded" for c in cycles),
        "cycles": lead.cycle,
        "stop_reason_id": lead.stop_reason_id,
        "hold_reason_id": lead.hold_reason_id,
        "held_since": min(armed, default=None) if lead.hold_reason_id else None,
        "is_overridden": any(c.override_reason for c in cycles),
        "has_phone": lead.phone is not None,
        "has_email": lead.email is not None,
        "has_zip": bool(lead.zip),
        "may_call": permits(lead.phone, "voice"),
        "may_text": permits(lead.phone, "sms"),
        "may_mail": permits(lead.email, "email"),
    }


def permits(address: Address | None, channel: str) -> bool:
    return address is not None and any(
        permission.channel == channel and permission.state == "granted" for permission in address.permissions.all()
    )


def test_lives_are_folded_as_they_are_read_slowly(
    organisation: None, submit: Callable[..., Lead], now: datetime
) -> None:
    """Booked and attended, booked and missed, held, stopped, reached on the third try, decided against the checks."""
    lives = [submit(phone=f"+151255501{n:02d}", email=f"p{n}@example.org", last_name=f"P{n}") for n in range(6)]
    late = submit(phone="+15125550190", email="late@example.org", last_name="Late", timing="later")
    ids = [lead.pk for lead in (*lives, late)]
    journey.advance(ids, at=now)
    day = (now + timedelta(days=2)).date()
    visit = {"service": "ortho", "clinic": "rrk", "on": day}
    for hours, lead, report in (
        (1, lives[0], CallReport("appointment_set", outcome="appointment_set")),
        (1, lives[1], CallReport("no_answer")),
        (26, lives[1], CallReport("no_answer")),
        (50, lives[1], CallReport("appointment_set", outcome="appointment_set")),
        (2, lives[2], CallReport("not_interested", outcome="disqualified", reason="not_interested")),
        (2, lives[3], CallReport("wrong_number", outcome="disqualified", reason="spam")),
        (3, lives[4], CallReport("needs_to_think", outcome="hold", reason="awaiting_family")),
    ):
        at = now + timedelta(hours=hours)
        attempt = contact.reserve_call(Lead.objects.get(pk=lead.pk), at=at)
        calls.record_call(lead.pk, report, attempt=attempt, at=at)
    for lead, end in ((lives[0], "attended"), (lives[1], "no_show")):
        events.record_appointment(lead.pk, status="booked", at=now + timedelta(hours=51), **visit)
        events.record_appointment(lead.pk, status=end, at=now + timedelta(days=3), **visit)
    later = now + timedelta(days=4)
    journey.advance(ids, at=later)
    assert milestones.refresh_all(batch=3) == 0, "the road had folded every lead already"
    leads = Lead.objects.select_related("stop_reason", "milestone")
    for lead in leads:
        wanted = slowly(lead)
        assert {name: getattr(lead.milestone, name) for name in wanted} == wanted, lead.pk
    seen = Milestone.objects
    assert seen.filter(is_converted=True).count() == 1 and seen.filter(booked_at__isnull=False).count() == 2
    missed = seen.get(lead=lives[1])
    assert (missed.attempts, missed.reached_on_try, missed.cycles) == (3, 3, 2), "a no-show opens the next cycle"
    assert seen.filter(held_since__isnull=False).count() == 2 and seen.get(lead=lives[3]).left_out == "invalid"


def test_an_event_told_late_counts_where_it_happened(
    organisation: None, submit: Callable[..., Lead], now: datetime
) -> None:
    lead = submit()
    journey.advance([lead.pk], at=now)
    calls.record_call(lead.pk, CallReport("callback_requested", callback_at=now + timedelta(days=1)), at=now)
    journey.advance([lead.pk], at=now)
    assert Milestone.objects.get().reached_at == now
    earlier = now - timedelta(hours=3)
    calls.record_call(lead.pk, CallReport("needs_to_think"), at=earlier)
    journey.advance([lead.pk], at=now + timedelta(hours=1))
    assert Milestone.objects.get().reached_at == earlier
    events.record_appointment(lead.pk, service="ortho", clinic="elp", on=now.date(), status="booked", at=now)
    journey.advance([lead.pk], at=now + timedelta(hours=2))
    row = Milestone.objects.get()
    assert (row.booked_at, row.clinic_id, Interaction.objects.filter(kind="appointment").count()) == (now, "elp", 1)


@pytest.mark.parametrize(
    ("change", "left_out"),
    [
        ({"is_test": True}, "test"),
        ({"stage": "stopped", "decision": "stop", "stop_reason_id": "spam"}, "invalid"),
        ({"stage": "stopped", "decision": "stop", "stop_reason_id": "duplicate"}, "duplicate"),
        ({"stage": "stopped", "decision": "stop", "stop_reason_id": "price"}, ""),
    ],
)
def test_what_no_denominator_counts_says_why(
    submit: Callable[..., Lead], now: datetime, change: dict[str, object], left_out: str
) -> None:
    lead = submit(**CONSULT)
    Lead.objects.filter(pk=lead.pk).update(**change)
    milestones.refresh([lead.pk])
    assert Milestone.objects.get().left_out == left_out
    assert StopReason.objects.filter(pk="price").exists()


def test_any_number_of_leads_is_one_statement(
    submit: Callable[..., Lead], django_assert_num_queries: Callable[..., object]
) -> None:
    ids = [submit(phone=f"+151255501{n:02d}", email=f"p{n}@example.org").pk for n in range(5)]
    with django_assert_num_queries(1):
        assert milestones.refresh(ids) == 5
    with django_assert_num_queries(1):
        assert milestones.refresh(ids) == 0
