"""Of what kind an organisation is: said, checked, and held against what a service is meant for [R14, 2.3]."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.contrib.auth.models import User
from django.db import connection

from leads import criteria
from leads.models import Interaction, Lead, LeadEvent, NextStepRule, ServiceLine
from leads.services import checklist, corrections, merging, retyping
from medcrm import journey
from medcrm.lib.errors import InvalidFields
from medcrm.lib.npi import is_npi
from tests.thawing import thawed

MAIN = {"lead_type": "b2b", "service": "screening", "organisation": "Test Works", "request": "quote", "timing": "month"}
KINDS = [
    ("organisation_type", "organisation_types", "employer", "hospital", "wrong_organisation_type"),
    ("specialty", "specialties", "cardiology", "dermatology", "wrong_specialty"),
    ("care_setting", "care_settings", "workplace", "inpatient", "wrong_care_setting"),
]
STATUS = {"organisation_type": "type_status", "specialty": "specialty_status", "care_setting": "setting_status"}


@pytest.fixture
def staff(organisation) -> User:
    return User.objects.get(username="qualification1")


@pytest.fixture
def asks(organisation, submit, now):
    """An organisation that asks for the screening, as the road leaves it."""

    def walked(**fields: object) -> Lead:
        return walk(submit("facility", **MAIN, **fields), now)

    return walked


def walk(lead: Lead, at: datetime) -> Lead:
    journey.advance([lead.pk], at=at)
    return Lead.objects.get(pk=lead.pk)


def reasons(lead: Lead, check: str = "fit") -> list[str]:
    return [reason["code"] for reason in lead.qualifications.get(closed_at=None).explanation[check]]


def fact(lead: Lead, name: str, at: datetime) -> object:
    query, params = criteria.facts_query(Lead.objects.filter(pk=lead.pk), [name], at=at)
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return cursor.fetchone()[-1]


@pytest.mark.parametrize(
    ("npi", "is_one"),
    [
        ("1234567893", True),
        ("1245319599", True),
        ("1234567890", False),
        ("1234567839", False),
        ("123456789", False),
        ("12345678931", False),
        ("3999999991", False),
        ("１２３４５６７８９３", False),
        ("1234 67893", False),
        ("", False),
    ],
)
def test_an_npi_has_ten_digits_and_its_check_digit_holds(npi: str, is_one: bool) -> None:
    assert is_npi(npi) is is_one


@pytest.mark.parametrize(("field", "of_service", "meant", "other", "code"), KINDS)
def test_who_is_of_none_of_the_kinds_a_service_names_is_stopped_and_wakes_when_that_was_wrong(
    asks, staff, now, field, of_service, meant, other, code
) -> None:
    lead = asks(**{field: other})
    assert (lead.fit_check, lead.next_step, fact(lead, STATUS[field], now)) == ("pass", "discovery", "any")
    getattr(ServiceLine.objects.get(pk="screening"), of_service).add(meant)
    lead = walk(lead, now)
    assert (lead.fit_check, lead.stage, lead.stop_reason_id) == ("fail", "stopped", "wrong_organisation_type")
    assert (reasons(lead), fact(lead, STATUS[field], now)) == ([code], "not_meant")
    corrections.correct_facts(lead.pk, {field: meant}, by=staff, at=now)
    lead = walk(lead, now)
    assert (lead.cycle, lead.fit_check, lead.next_step) == (2, "pass", "discovery")
    assert lead.triggers.get(fired_at__isnull=False).kind_id == "organisation_changed"


@pytest.mark.parametrize(("field", "of_service", "meant", "other", "code"), KINDS)
def test_who_has_not_said_of_which_kind_it_is_is_asked(asks, staff, now, field, of_service, meant, other, code) -> None:
    getattr(ServiceLine.objects.get(pk="screening"), of_service).add(meant)
    lead = asks()
    assert (lead.fit_check, fact(lead, STATUS[field], now)) == ("unknown", None)
    assert field in lead.qualifications.get().unknown
    sheet = checklist.sheet(lead, at=now)
    asked = next(question for part in sheet.parts for question in part.questions if question.code == field)
    assert asked.is_open and asked.settles and {meant, other} <= {code for code, _label in asked.choices}
    checklist.answer_question(lead.pk, field, meant, by=staff, at=now)
    lead = walk(lead, now)
    assert (lead.fit_check, fact(lead, STATUS[field], now)) == ("pass", "meant")


def test_without_the_rule_a_person_decides_about_a_wrong_kind(asks, now) -> None:
    with thawed():
        NextStepRule.objects.filter(stop_reason="wrong_organisation_type").update(is_active=False)
    ServiceLine.objects.get(pk="screening").organisation_types.add("employer")
    lead = asks(organisation_type="school")
    assert (lead.fit_check, lead.decision) == ("fail", "review")


@pytest.mark.parametrize(
    ("limits", "people", "verdict", "status"),
    [
        ({}, 3, "pass", "any"),
        ({"min_people": 20}, 19, "fail", "not_meant"),
        ({"min_people": 20}, 20, "pass", "meant"),
        ({"max_people": 20}, 21, "fail", "not_meant"),
        ({"min_people": 20, "max_people": 20}, 20, "pass", "meant"),
        ({"max_people": 20}, None, "unknown", None),
    ],
)
def test_a_service_may_be_meant_for_some_sizes_and_a_person_decides_about_others(
    asks, now, limits, people, verdict, status
) -> None:
    ServiceLine.objects.filter(pk="screening").update(**limits)
    lead = asks(clinic_size=people)
    assert (lead.fit_check, fact(lead, "size_status", now)) == (verdict, status)
    if verdict == "fail":
        assert (reasons(lead), lead.decision) == (["wrong_size"], "review")


def test_a_patient_is_of_no_kind(organisation, submit, now) -> None:
    ServiceLine.objects.filter(pk="ortho").update(min_people=20)
    ServiceLine.objects.get(pk="ortho").specialties.add("cardiology")
    lead = walk(submit(), now)
    assert (lead.fit_check, fact(lead, "specialty_status", now), fact(lead, "size_status", now)) == (
        "pass",
        "any",
        "any",
    )


SAID = {
    "organisation_type": "hospital",
    "specialty": "cardiology",
    "care_setting": "inpatient",
    "npi": "1234567893",
    "sites": 4,
}


def test_what_is_said_of_an_organisation_is_kept_handed_over_and_goes_with_its_kind(asks, staff, now) -> None:
    lead = asks(**SAID)
    kept = {"organisation_type": lead.organisation_type_id, "specialty": lead.specialty_id}
    kept |= {"care_setting": lead.care_setting_id, "npi": lead.npi, "sites": lead.sites}
    assert kept == SAID
    packet = lead.handoffs.get().packet
    assert {name: packet[name] for name in SAID} == SAID
    retyping.correct_type(lead.pk, "patient", reason="Asks for herself.", by=staff, at=now)
    lead = Lead.objects.get(pk=lead.pk)
    assert (lead.organisation_type, lead.specialty, lead.care_setting, lead.npi, lead.sites) == (
        None,
        None,
        None,
        "",
        None,
    )
    emptied = Interaction.objects.get(lead=lead, facts__has_key="corrected").facts["emptied"]
    assert set(SAID) <= set(emptied)
    before = LeadEvent.objects.filter(pgh_obj=lead.pk, lead_type="b2b").order_by("-pgh_id").first()
    assert (before.npi, before.sites, before.specialty_id) == ("1234567893", 4, "cardiology")


def test_a_merge_brings_what_the_other_says_of_the_organisation(asks, submit, staff, now) -> None:
    lead = asks(npi="1234567893")
    other = submit("facility", **MAIN, specialty="cardiology", sites=2, npi="1245319599", last_name="Beta",
                   phone="512-555-0144", email="beta@example.org")  # fmt: skip
    stays = merging.merge(lead.pk, other.pk, by=staff, at=now)
    assert (stays.pk, stays.npi, stays.specialty_id, stays.sites) == (lead.pk, "1234567893", "cardiology", 2)


@pytest.mark.parametrize(
    ("field", "value"),
    [("npi", "1234567890"), ("sites", -1), ("organisation_type", "cardiology"), ("specialty", "hospital")],
)
def test_what_is_no_npi_and_what_is_in_another_list_is_refused_everywhere(
    asks, submit, staff, now, field, value
) -> None:
    with pytest.raises(InvalidFields) as refused:
        submit("facility", **MAIN, **{field: value})
    assert set(refused.value.errors) == {field}
    lead = asks()
    for answer in (
        lambda: corrections.correct_facts(lead.pk, {field: value}, by=staff, at=now),
        lambda: checklist.answer_question(lead.pk, field, value, by=staff, at=now),
    ):
        with pytest.raises(InvalidFields) as refused:
            answer()
        assert set(refused.value.errors) == {field}
