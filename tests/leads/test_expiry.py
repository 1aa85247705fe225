"""What runs out is noticed on its day: the lead walks again, and what a person sent on with it is looked at anew."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.contrib.auth.models import User

from leads.models import Authorization, DocumentStatus, Lead, Offering
from leads.services import appointments, calls, events, expiry
from leads.services.appointments import Booking
from leads.services.calls import CallReport
from medcrm import journey

LAST_DAY = date(2026, 12, 5)
OVER = datetime.fromisoformat("2026-12-06T06:00:05Z")  # midnight in Austin


@pytest.fixture
def lead(organisation, submit, now) -> Lead:
    """Waits for nothing: the letter is here, and the payer has approved until the fifth."""
    lead = submit(service="pt", payer="hmo", documents=["referral_letter"], timing="month")
    events.record_authorization(lead.pk, "pt", "approved", at=now, expires_on=LAST_DAY)
    return walk(lead, now)


def walk(lead: Lead, at: datetime) -> Lead:
    journey.advance_due(at=at)
    lead.refresh_from_db()
    return lead


def test_an_authorization_that_ran_out_sends_the_lead_back_to_collect_it(lead, now) -> None:
    assert (lead.next_step, lead.capacity_check) == ("appointment", "pass")
    assert walk(lead, OVER - timedelta(minutes=1)).capacity_check == "pass"
    walk(lead, OVER)
    assert (lead.capacity_check, lead.hold_reason_id, lead.team) == ("fail", "awaiting_authorization", "documents")
    assert Authorization.objects.get().status == "expired"
    entry = lead.interactions.filter(kind="document").first()
    assert entry.facts == {"authorization": "pt", "status": "expired", "expires_on": "2026-12-05"}
    assert expiry.lapse(at=OVER) == 0, "once"


def test_what_a_person_sent_on_is_open_to_the_rules_again(lead, now) -> None:
    calls.record_call(lead.pk, CallReport("sent_to_team"), at=now + timedelta(minutes=5))
    assert walk(lead, now + timedelta(minutes=5)).qualifications.get().decided_at
    assert walk(lead, OVER).hold_reason_id == "awaiting_authorization"


@pytest.mark.parametrize(("day", "hold"), [(4, None), (9, "awaiting_authorization")])
def test_a_visit_before_the_last_day_stays_and_one_after_it_is_asked_about(lead, now, day, hold) -> None:
    booking = Booking(Offering.objects.get(service="pt", clinic="aus").pk, date(2026, 12, day))
    user = User.objects.get(username="scheduling1")
    appointments.book(lead.pk, booking, by=user, at=now, reason="It is renewed." if hold else "")
    walk(lead, now)
    assert walk(lead, OVER).hold_reason_id == hold


def test_a_document_that_ran_out_is_missing_again_and_one_that_nobody_asks_for_moves_nothing(lead, now) -> None:
    calls.record_call(lead.pk, CallReport("sent_to_team"), at=now + timedelta(minutes=5))
    Authorization.objects.update(expires_on=None)
    events.record_document(lead.pk, "insurance_card", at=now, expires_on=LAST_DAY)
    walk(lead, now + timedelta(minutes=5))
    walk(lead, OVER)
    assert DocumentStatus.objects.get(document="insurance_card").status == "expired"
    assert (lead.next_step, lead.qualifications.get().decided_at is None) == ("appointment", False)
    events.record_document(lead.pk, "referral_letter", at=OVER, expires_on=date(2026, 12, 6))
    walk(lead, OVER + timedelta(days=1))
    assert (lead.hold_reason_id, lead.next_step) == ("awaiting_referral", "documents")


def test_batches_keep_what_they_did_and_closed_leads_stay_where_they_are(organisation, submit, now) -> None:
    leads = [
        submit(service="pt", documents=["referral_letter"], phone=f"+1512555013{n}", email=f"n{n}@example.org")
        for n in range(3)
    ]
    journey.advance_due(at=now)
    DocumentStatus.objects.update(expires_on=LAST_DAY)
    calls.record_call(leads[0].pk, CallReport("not_interested"), at=now + timedelta(minutes=5))
    journey.advance_due(at=now + timedelta(minutes=5))
    assert [expiry.lapse(at=OVER, limit=2) for _ in range(3)] == [2, 1, 0]
    assert Lead.objects.filter(advance_due_at__isnull=False).count() == 2
    leads[0].refresh_from_db()
    assert (leads[0].stage, leads[0].advance_due_at) == ("stopped", None)
