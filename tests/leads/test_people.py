"""Who is on the decision path: a row per name with every role, however it is said, and the road hears of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User

from leads import criteria
from leads.models import Lead, Stakeholder, Trigger
from leads.services import checklist, people, reviews
from leads.services.people import Person
from leads.vocabulary import Outcome
from medcrm import journey
from medcrm.lib.errors import InvalidFields


@pytest.fixture
def lead(organisation, submit, now) -> Lead:
    fields = {"organisation": "Test Works", "request": "quote", "timing": "next_quarter"}
    lead = submit("facility", lead_type="b2b", service="screening", **fields)
    journey.advance([lead.pk], at=now)
    lead.refresh_from_db()
    return lead


@pytest.fixture
def caller(organisation) -> User:
    return User.objects.get(username="qualification1")


def test_one_name_given_to_two_questions_is_one_person_with_both_roles(lead, caller, now) -> None:
    """[2.6]"""
    for code in ("approver", "procurement"):
        checklist.answer_question(lead.pk, code, "Pat Test", by=caller, at=now)
    checklist.answer_question(lead.pk, "clinical_lead", "Dr. Sam Test", by=caller, at=now)
    rows = {row.name: (row.roles, row.can_approve) for row in Stakeholder.objects.filter(lead=lead)}
    assert rows == {
        "Pat Test": (["decision_maker", "procurement"], True),
        "Dr. Sam Test": (["clinical_lead"], None),
    }
    asked = {each.code: each for part in checklist.sheet(lead, at=now).parts for each in part.questions}
    assert asked["procurement"].said.value == "Pat Test"
    checklist.answer_question(lead.pk, "approver", "no", by=caller, at=now)
    row = Stakeholder.objects.get(lead=lead, name="Pat Test")
    assert (row.roles, row.can_approve) == (["procurement"], None)


def test_who_could_block_it_is_asked_and_noted(lead, caller, now) -> None:
    """[2.6]"""
    checklist.answer_question(lead.pk, "blocker", "Kim Test", by=caller, at=now)
    row = Stakeholder.objects.get(lead=lead)
    assert (row.roles, row.can_block, row.can_approve) == (["it_security"], True, None)
    checklist.answer_question(lead.pk, "blocker", "No", by=caller, at=now)
    row.refresh_from_db()
    assert (row.roles, row.can_block) == (["unknown"], None)


def test_rules_find_a_scheduler_among_further_roles(lead, now) -> None:
    """[R20]"""
    people.note_person(lead.pk, Person("Pat Test", ["office_manager", "scheduler"]), at=now)
    named = [[{"fact": "scheduler_named", "op": "is", "value": True}]]
    assert Lead.objects.filter(criteria.condition(named, at=now)).get() == lead


def test_a_decision_maker_noted_by_staff_settles_the_path_and_wakes_who_waits_for_approval(lead, caller, now) -> None:
    reason = "awaiting_approval"
    reviews.decide_by_hand(lead.pk, Outcome.HOLD, text="Asks its board.", by=caller, at=now, reason=reason)
    journey.advance([lead.pk], at=now)
    later = now + timedelta(days=1)
    said = Person(
        "Pat Test", ["finance", "decision_maker"], can_block=True, phone="(512) 555-0177", email="P@Example.org"
    )
    row = people.note_person(lead.pk, said, at=later)
    assert (row.phone.value, row.email.value, row.can_approve, row.can_block) == (
        "+15125550177",
        "p@example.org",
        True,
        True,
    )
    lead.refresh_from_db()
    assert (lead.cycle, lead.advance_due_at) == (2, later)
    assert Trigger.objects.get(lead=lead, fired_at__isnull=False).kind_id == "decider_named"
    journey.advance([lead.pk], at=later)
    lead.refresh_from_db()
    assert (lead.decision_path_check, lead.next_step) == ("pass", "discovery")


def test_a_person_said_anew_has_what_is_said_and_keeps_the_number(lead, now) -> None:
    row = people.note_person(lead.pk, Person("Pat Test", ["finance"], can_block=True, phone="5125550177"), at=now)
    again = people.note_person(lead.pk, Person("pat test", ["influencer"]), at=now)
    assert (again.pk, again.roles, again.can_block) == (row.pk, ["finance", "influencer"], True)
    anew = people.note_person(lead.pk, Person("Pat Testing", ["administrator"]), at=now, instead_of=row.pk)
    assert (anew.pk, anew.name, anew.roles, anew.can_block) == (row.pk, "Pat Testing", ["administrator"], None)
    assert anew.phone.value == "+15125550177"


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "Not sure yet"}, "name"),
        ({"phone": "12"}, "phone"),
        ({"email": "nowhere"}, "email"),
    ],
)
def test_a_person_who_cannot_be_noted_is_refused_by_the_field_to_mend(lead, now, said, field) -> None:
    with pytest.raises(InvalidFields) as refused:
        people.note_person(lead.pk, Person(**{"name": "Pat Test", **said}), at=now)
    assert refused.value.field == field
    assert not Stakeholder.objects.filter(lead=lead).exists()


def test_the_page_of_staff_notes_a_person_by_the_same_service(client, lead, caller, now) -> None:
    Lead.objects.filter(pk=lead.pk).update(owner=caller, team="qualification", advance_due_at=None)
    caller.groups.add(Group.objects.get(name="caller"))
    client.force_login(caller)
    said = {
        "lead": lead.pk,
        "name": "Pat Test",
        "role": "decision_maker",
        "other_roles": ["finance"],
        "can_approve": "unknown",
        "can_block": "true",
        "new_phone": "512",
    }
    refused = client.post("/admin/leads/stakeholder/add/", said)
    assert refused.context["adminform"].form.errors.keys() == {"new_phone"}
    client.post("/admin/leads/stakeholder/add/", {**said, "new_phone": "(512) 555-0177"})
    row = Stakeholder.objects.get(lead=lead)
    assert (row.roles, row.can_approve, row.can_block) == (["decision_maker", "finance"], True, True)
    assert row.phone.value == "+15125550177"
    lead.refresh_from_db()
    assert lead.advance_due_at is not None
    page = client.get(f"/admin/leads/stakeholder/{row.pk}/change/").content.decode()
    assert "•••-0177" in page and "5550177" not in page
    changed = {**said, "name": "Pat Testing", "role": "it_security", "other_roles": [], "new_phone": ""}
    client.post(f"/admin/leads/stakeholder/{row.pk}/change/", changed)
    row.refresh_from_db()
    assert (row.name, row.roles, row.phone.value) == ("Pat Testing", ["it_security"], "+15125550177")
