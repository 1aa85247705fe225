"""A number or a mailbox that the person says, or that staff correct: it is used from then on and permits nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from consent import ledger
from leads import contact
from leads.models import DuplicateCandidate, Interaction, Lead, LeadEvent, MissingItem
from leads.services import calls, corrections
from leads.services.calls import CallReport
from medcrm.lib.errors import InvalidFields, RuleError
from tests.rows import make

OTHER = "+15125550188"


@pytest.fixture
def staff(db) -> User:
    return User.objects.create_user("caller1")


def correct(lead: Lead, staff: User, now, **fields: object) -> Lead:
    corrections.correct_facts(lead.pk, fields, by=staff, at=now)
    return Lead.objects.select_related("phone", "email", "source").get(pk=lead.pk)


def codes(lead: Lead, now) -> dict[str, str]:
    return {way.channel: way.decision.code for way in contact.ways_of([lead], at=now)[lead.pk]}


def test_a_corrected_number_is_used_and_the_old_one_stays_in_history(submit, staff, now) -> None:
    lead = submit()
    old = lead.phone
    after = correct(lead, staff, now, phone="(512) 555-0188", email="New@Example.org")
    assert (after.phone.value, after.email.value) == (OTHER, "new@example.org")
    assert after.advance_due_at == now
    assert old in {event.phone for event in LeadEvent.objects.filter(pgh_obj=lead.pk)}
    entry = Interaction.objects.get(lead=lead, kind="system")
    assert (entry.by, entry.facts) == (staff, {"corrected": ["email", "phone"]})


def test_permission_is_not_carried_over(submit, staff, now) -> None:
    lead = submit()
    assert codes(lead, now)["sms"] != "NO_CONSENT"
    assert codes(correct(lead, staff, now, phone=OTHER), now)["sms"] == "NO_CONSENT"


def test_a_number_that_somebody_withdrew_stays_withdrawn_for_whoever_has_it_now(submit, staff, now) -> None:
    gray = submit(last_name="Gray", phone=OTHER, email="g@example.org")
    ledger.record(gray.phone_id, "internal_dnc", occurred_at=now, at=now, source="call")
    after = correct(submit(), staff, now, phone=OTHER)
    assert after.phone_id == gray.phone_id
    assert codes(after, now)["voice"] == "INTERNAL_DNC"


def test_what_is_no_number_is_refused_beside_its_field_and_changes_nothing(submit, staff, now) -> None:
    lead = submit()
    with pytest.raises(InvalidFields) as refused:
        corrections.correct_facts(lead.pk, {"phone": "12", "email": "ana", "age": 50}, by=staff, at=now)
    assert set(refused.value.errors) == {"phone", "email"}
    assert Lead.objects.get(pk=lead.pk).age == lead.age
    with pytest.raises(RuleError) as refused:
        corrections.correct_facts(lead.pk, {"phone": "", "email": ""}, by=staff, at=now)
    assert refused.value.code == "NOTHING_TO_CORRECT"


@pytest.mark.parametrize("way", ["call", "correction"])
def test_a_new_number_settles_that_a_way_to_reach_the_person_is_missing(way, submit, staff, now) -> None:
    lead = submit()
    reserved = contact.reserve_call(lead, at=now, by=staff)
    calls.record_call(lead.pk, CallReport("invalid_number"), at=now, by=staff, attempt=reserved)
    missing = MissingItem.objects.get(lead=lead, kind="contact_channel")
    assert missing.settled_at is None
    later = now + timedelta(hours=1)
    if way == "call":
        asked = {"missing": ["payer"], "follow_up_on": later.date()}
        report = CallReport("missing_information", **asked, fields={"phone": OTHER})
        call = calls.record_call(lead.pk, report, at=later, by=staff)
        assert call.facts["reached_anew"] == ["phone"]
    else:
        correct(lead, staff, later, phone=OTHER)
    missing.refresh_from_db()
    assert missing.settled_at == later
    assert Lead.objects.get(pk=lead.pk).phone.value == OTHER


def test_a_decision_is_open_to_the_rules_again_when_the_number_is_another(submit, staff, now) -> None:
    lead = submit()
    calls.record_call(lead.pk, CallReport("added_to_nurture", outcome="nurture"), at=now, by=staff)
    cycle = lead.qualifications.get(closed_at=None)
    assert cycle.decided_at == now
    correct(lead, staff, now, phone=lead.phone.value)  # the same: nothing is learned
    cycle.refresh_from_db()
    assert cycle.decided_at == now
    correct(lead, staff, now, phone=OTHER)
    cycle.refresh_from_db()
    assert cycle.decided_at is None


@pytest.mark.parametrize("is_older", [True, False])
def test_whoever_has_the_number_already_is_put_beside_the_lead_for_a_person_to_judge(
    is_older, submit, staff, now
) -> None:
    pair = {"first_name": "Ana", "last_name": "Reed"}
    first = submit(**pair, phone="512-555-0101", email="a@example.org")
    second = submit(**{**pair, "first_name": "Ann"}, phone="512-555-0102", email="b@example.org")
    lead, other = (first, second) if is_older else (second, first)
    correct(lead, staff, now, phone=other.phone.value)
    found = DuplicateCandidate.objects.get()
    assert (found.one_id, found.other_id) == (first.pk, second.pk)
    assert "same_phone" in found.reasons
    assert not Lead.objects.exclude(merged_into=None).exists()


def test_looking_for_others_costs_the_same_whoever_else_there_is(submit, staff, now) -> None:
    lead = submit()
    correct(lead, staff, now, phone="512-555-0187")  # content types are cached now
    counted = []
    for number in (188, 189):
        with CaptureQueriesContext(connection) as queries:
            correct(lead, staff, now, phone=f"512-555-0{number}")
        counted.append(len(queries))
        for _ in range(10):
            make(Lead, lead_type="patient", source_id="guide", created_at=now, last_name=lead.last_name, zip=lead.zip)
    assert counted[0] == counted[1]


def test_the_number_that_just_proved_wrong_is_no_way_to_reach_the_person(submit, staff, now) -> None:
    lead = submit()
    reserved = contact.reserve_call(lead, at=now, by=staff)
    report = CallReport("wrong_number", fields={"phone": lead.phone.value})
    calls.record_call(lead.pk, report, at=now, by=staff, attempt=reserved)
    assert MissingItem.objects.get(lead=lead, kind="contact_channel").settled_at is None
