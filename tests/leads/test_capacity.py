"""Who may be served is a query, and it means what the checks mean."""

from __future__ import annotations

import pytest

from leads import capacity
from leads.models import Lead
from leads.services import events
from medcrm import journey


@pytest.mark.parametrize(
    ("fields", "is_served"),
    [
        ({}, True),
        ({"payer": "self"}, True),
        ({"payer": ""}, False),
        ({"payer": "medicaid"}, False),
        ({"zip": "32801"}, False),
        ({"zip": ""}, False),
        ({"service": "bh"}, False),
        ({"service": "pt"}, False),
        ({"service": "pt", "documents": ["referral_letter"]}, True),
        ({"service": "pt", "documents": ["referral_letter"], "payer": "hmo"}, False),
        ({"service": "derm", "zip": "75201", "timing": "month"}, True),
        ({"service": "derm"}, False),
        ({"service": "cardio", "documents": ["referral_letter", "medical_history"], "age": 12}, False),
        ({"service": ""}, False),
    ],
)
def test_who_may_be_served_is_who_passes_fit_and_capacity(organisation, submit, now, fields, is_served) -> None:
    lead = submit(**fields)
    journey.advance([lead.pk], at=now)
    lead.refresh_from_db()
    assert capacity.servable(Lead.objects.all(), at=now).exists() is is_served
    assert ((lead.fit_check, lead.capacity_check) == ("pass", "pass")) is is_served


def test_an_authorization_serves_until_it_expires(organisation, submit, now) -> None:
    lead = submit(service="pt", documents=["referral_letter"], payer="hmo")
    events.record_authorization(lead.pk, "pt", "approved", at=now, expires_on=now.date())
    assert capacity.servable(Lead.objects.all(), at=now).get() == lead
    assert not capacity.servable(Lead.objects.all(), at=now.replace(day=2)).exists()


def test_what_another_payer_approved_does_not_count(organisation, submit, now) -> None:
    lead = submit(service="pt", documents=["referral_letter"], payer="hmo")
    events.record_authorization(lead.pk, "pt", "approved", at=now)
    events.record_preference(lead.pk, {"payer": "wc"}, at=now)
    journey.advance([lead.pk], at=now)
    lead.refresh_from_db()
    assert (lead.capacity_check, lead.hold_reason_id, lead.next_step) == ("fail", "awaiting_authorization", "documents")
    assert not capacity.servable(Lead.objects.all(), at=now).exists()


def test_an_authorization_recorded_before_the_payer_was_known_counts_for_it(organisation, submit, now) -> None:
    lead = submit(service="pt", documents=["referral_letter"], payer="")
    events.record_authorization(lead.pk, "pt", "approved", at=now)
    events.record_preference(lead.pk, {"payer": "wc"}, at=now)
    assert capacity.servable(Lead.objects.all(), at=now).get() == lead
