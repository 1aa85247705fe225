"""A service that is not given, and others that may be offered instead [2.7]."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.contrib.auth.models import User

from leads.models import Lead, Offering, ServiceLine
from leads.services import checklist
from leads.vocabulary import Check
from medcrm import journey


@pytest.fixture(params=["closed", "not given at all"])
def without_pt(organisation, request) -> None:
    offerings = Offering.objects.filter(service="pt")
    offerings.update(accepts_new_patients=False) if request.param == "closed" else offerings.delete()


def walk(lead: Lead, at: datetime) -> Lead:
    journey.advance([lead.pk], at=at)
    return Lead.objects.get(pk=lead.pk)


def offer_instead(*codes: str) -> None:
    ServiceLine.objects.get(pk="pt").adjacent.set(codes)


def test_where_only_another_service_is_given_a_caller_offers_that_one(without_pt, submit, now) -> None:
    offer_instead("ortho", "derm")
    ServiceLine.objects.filter(pk="derm").update(is_active=False)
    lead = walk(submit(service="pt", payer="medicaid"), now)
    assert (lead.fit_check, lead.capacity_check, lead.stage) == ("unknown", "unknown", "forwarded")
    assert (lead.next_step, lead.score_parts["service_fit"]) == ("callback", 5)
    assert min(lead.score_parts.values()) >= 0, (
        "place and payer are those of what it asked for, not of what it is offered"
    )
    cycle = lead.qualifications.get()
    assert cycle.explanation["fit"] == cycle.explanation["capacity"]
    [reason] = cycle.explanation["fit"]
    assert (reason["code"], reason["sentence"].rpartition(": ")[2]) == ("service_adjacent", "Orthopedic consult.")
    assert cycle.unknown[0] == "service"
    assert not lead.missing_items.exists(), "nothing is collected for what is not given"


def test_who_takes_what_is_offered_is_checked_for_it(without_pt, submit, now) -> None:
    offer_instead("ortho")
    lead = walk(submit(service="pt"), now)
    sheet = checklist.sheet(lead, at=now)
    assert (sheet.parts[0].check, sheet.next_question.code) == (Check.FIT, "service")
    by = User.objects.get(username="qualification1")
    checklist.answer_question(lead.pk, "service", "ortho", by=by, at=now, origin="call")
    lead = walk(lead, now)
    assert (lead.fit_check, lead.capacity_check, lead.next_step) == ("pass", "pass", "appointment")


@pytest.mark.parametrize("near", [[], ["derm"]])
def test_where_nothing_near_it_is_given_the_lead_is_stopped(without_pt, submit, now, near) -> None:
    offer_instead(*near)
    Offering.objects.filter(service="derm").update(accepts_new_patients=False)
    lead = walk(submit(service="pt", documents=["referral_letter"]), now)
    assert (lead.fit_check, lead.stop_reason_id) == ("fail", "service_not_offered")


def test_a_service_that_is_given_is_not_replaced(organisation, submit, now) -> None:
    offer_instead("ortho")
    lead = walk(submit(service="pt", documents=["referral_letter"], zip="32801"), now)
    assert (lead.fit_check, lead.stop_reason_id) == ("fail", "outside_area")
    Offering.objects.filter(service="pt").update(accepts_new_patients=False)
    known = submit(service="pt", documents=["referral_letter"], is_existing_patient=True, first_name="Known")
    assert walk(known, now).next_step == "appointment"
