"""Who may be served is a query, and it means what the checks mean."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.db import connection

from leads import capacity, criteria
from leads.models import Availability, DocumentStatus, Lead, Offering, ServiceLine
from leads.services import events, expiry
from medcrm import journey
from routing.models import Agent


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
    assert ((lead.fit_check, lead.capacity_check) == ("pass", "pass")) is is_served


def test_an_authorization_serves_until_it_expires(organisation, submit, now) -> None:
    lead = submit(service="pt", documents=["referral_letter"], payer="hmo")
    events.record_authorization(lead.pk, "pt", "approved", at=now, expires_on=now.date())
    for at, verdict in ((now, "pass"), (now.replace(day=2), "fail")):
        journey.advance([lead.pk], at=at)
        lead.refresh_from_db()
        assert lead.capacity_check == verdict


def test_what_another_payer_approved_does_not_count(organisation, submit, now) -> None:
    lead = submit(service="pt", documents=["referral_letter"], payer="hmo")
    events.record_authorization(lead.pk, "pt", "approved", at=now)
    events.record_preference(lead.pk, {"payer": "wc"}, at=now)
    journey.advance([lead.pk], at=now)
    lead.refresh_from_db()
    assert (lead.capacity_check, lead.hold_reason_id, lead.next_step) == ("fail", "awaiting_authorization", "documents")


def test_an_authorization_recorded_before_the_payer_was_known_counts_for_it(organisation, submit, now) -> None:
    lead = submit(service="pt", documents=["referral_letter"], payer="")
    events.record_authorization(lead.pk, "pt", "approved", at=now)
    events.record_preference(lead.pk, {"payer": "wc"}, at=now)
    journey.advance([lead.pk], at=now)
    lead.refresh_from_db()
    assert lead.capacity_check == "pass"


def shut_to(clinic: str, **terms: object) -> None:
    """The clinic no longer gives the consult to these."""
    here = Offering.objects.filter(service="ortho", clinic=clinic)
    here.update(**terms) if terms else here.get().payer_terms.filter(payer="ppo").delete()


def clinics_offered(lead: Lead) -> set[str]:
    return set(Offering.objects.filter(pk__in=capacity.offered_to(lead.pk)).values_list("clinic", flat=True))


def test_a_lead_is_offered_what_is_within_its_reach_or_where_it_asks_to_come(organisation, submit) -> None:
    lead = submit(preferred_clinic="")
    assert clinics_offered(lead) == {"aus", "rrk"}
    Lead.objects.filter(pk=lead.pk).update(preferred_clinic="elp")
    assert clinics_offered(lead) == {"aus", "rrk", "elp"}
    Lead.objects.filter(pk=lead.pk).update(latitude=None, longitude=None)
    assert clinics_offered(lead) == {"elp"}


def test_a_lead_is_offered_no_clinic_that_is_shut_to_its_payer_or_to_new_patients(organisation, submit, now) -> None:
    lead = submit(timing="month", preferred_clinic="aus")
    shut_to("aus")
    assert clinics_offered(lead) == {"rrk"}
    shut_to("rrk", accepts_new_patients=False)
    assert clinics_offered(lead) == set()
    assert Lead.objects.annotate(day=capacity.first_open_date(at=now)).get(pk=lead.pk).day is None
    Lead.objects.filter(pk=lead.pk).update(is_existing_patient=True)
    assert clinics_offered(lead) == {"rrk"}
    Lead.objects.filter(pk=lead.pk).update(payer=None)
    assert clinics_offered(lead) == {"aus", "rrk"}, "who pays is not known: any terms may be theirs"


EVENING = datetime.fromisoformat("2026-12-06T01:30:00Z")  # still the fifth in Austin, 7:30 in the evening


@pytest.mark.parametrize("zip_code", ["78704", ""], ids=["where the lead is", "where its seller is"])
def test_what_runs_out_does_so_at_the_end_of_the_day_on_the_leads_own_calendar(
    organisation, submit, now, zip_code
) -> None:
    lead = submit(service="pt", documents=["referral_letter"], payer="hmo", timing="month", zip=zip_code)
    events.record_authorization(lead.pk, "pt", "approved", at=now, expires_on=date(2026, 12, 5))
    DocumentStatus.objects.update(expires_on=date(2026, 12, 5))
    for at, missing in ((EVENING, 0), (EVENING + timedelta(hours=4, minutes=29), 0), (EVENING + timedelta(hours=5), 1)):
        found = Lead.objects.annotate(n=capacity.missing_documents(at=at), asks=capacity.needs_authorization(at=at))
        assert found.values_list("n", flat=True).get() == missing
        assert expiry.lapse(at=at) == 2 * missing


def test_a_slot_of_today_is_open_until_the_day_ends_at_its_clinic(organisation, submit, now) -> None:
    lead = submit(timing="month")
    Availability.objects.exclude(offering__service="ortho", offering__clinic="aus").delete()
    Availability.objects.update(open_slots=0)
    Availability.objects.create(offering=ortho(), date=date(2026, 12, 5), open_slots=1)
    days = Lead.objects.filter(pk=lead.pk)
    assert days.annotate(day=capacity.first_open_date(at=EVENING)).get().day == date(2026, 12, 5)
    [[_key, until]] = facts_of(lead, "days_until_slot", at=EVENING)
    assert until == 0
    assert days.annotate(day=capacity.first_open_date(at=EVENING + timedelta(hours=5))).get().day is None


def test_a_slot_that_is_freed_in_the_evening_wakes_who_waits_for_today(organisation, submit, now) -> None:
    Availability.objects.update(open_slots=0)
    lead = submit(timing="two_weeks")
    journey.advance_due(at=now)
    lead.refresh_from_db()
    assert lead.hold_reason_id == "no_capacity"
    events.set_availability("ortho", "aus", date(2026, 12, 5), 1, at=EVENING)
    lead.refresh_from_db()
    assert (lead.stage, lead.cycle) == ("working", 2)


def ortho() -> Offering:
    return Offering.objects.get(service="ortho", clinic="aus")


def facts_of(lead: Lead, *names: str, at: datetime) -> list[tuple[object, ...]]:
    query, params = criteria.facts_query(Lead.objects.filter(pk=lead.pk), names, at=at)
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return cursor.fetchall()


def test_a_language_that_nobody_speaks_is_said_and_a_person_decides(organisation, submit, now) -> None:
    lead = submit(language="vi")
    journey.advance([lead.pk], at=now)
    lead.refresh_from_db()
    assert (lead.capacity_check, lead.decision, lead.team) == ("fail", "review", "intake")
    assert [reason["code"] for reason in lead.qualifications.get().explanation["capacity"]] == ["language"]
    Agent.objects.filter(user__username="quotes1").update(languages=["en", "vi"])
    journey.advance([lead.pk], at=now)
    lead.refresh_from_db()
    assert (lead.capacity_check, lead.next_step) == ("pass", "appointment")


def test_a_language_is_spoken_by_whoever_has_the_training_it_takes(organisation, submit, now) -> None:
    lead = submit(service="bh", language="es")
    assert facts_of(lead, "language_spoken", at=now)[0][-1] is True
    Agent.objects.filter(team="sensitive").update(languages=["en"])
    assert facts_of(lead, "language_spoken", at=now)[0][-1] is False
    asks_again = submit(service="ortho", language="es")
    assert (asks_again.pk, asks_again.other_services) == (lead.pk, ["bh"])
    assert facts_of(lead, "language_spoken", at=now)[0][-1] is False, "its story speaks of the other service"
    Agent.objects.all().delete()
    assert facts_of(lead, "language_spoken", at=now)[0][-1] is None, "nothing is known of anybody"


def test_benefits_that_a_service_wants_verified_are_waited_for(organisation, submit, now) -> None:
    ServiceLine.objects.get(pk="ortho").documents.add("eligibility")
    lead = submit()
    journey.advance([lead.pk], at=now)
    lead.refresh_from_db()
    assert (lead.hold_reason_id, lead.next_step, lead.team) == ("awaiting_eligibility", "documents", "documents")
    events.record_document(lead.pk, "eligibility", at=now)
    journey.advance([lead.pk], at=now)
    lead.refresh_from_db()
    assert (lead.next_step, lead.team) == ("appointment", "scheduling")


def test_an_organisation_is_asked_for_its_agreement_too(organisation, submit, now) -> None:
    lead = submit("facility", lead_type="b2b", service="screening", request="quote", timing="quarter")
    journey.advance([lead.pk], at=now)
    assert [item.kind_id for item in lead.missing_items.filter(settled_at=None)] == ["agreement"]
