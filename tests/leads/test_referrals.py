"""Who refers a patient: asked where a referral is needed, and at hand for whoever collects the letter [2.1]."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User

from leads import exporting
from leads.models import Lead
from leads.services import checklist, retyping
from medcrm import journey
from medcrm.lib.masking import mask


@pytest.fixture
def caller(organisation) -> User:
    user = User.objects.get(username="documents1")
    user.groups.add(Group.objects.get(name="documents"))
    return user


@pytest.mark.parametrize(
    ("fields", "is_asked"),
    [
        ({"service": "pt"}, True),
        ({"service": "ortho"}, False),
        ({"service": "ortho", "documents": ["referral_letter"]}, True),
        ({"service": "ortho", "referring_provider": "Dr. Gray"}, True),
    ],
)
def test_who_refers_is_asked_where_a_referral_is_needed_or_here(organisation, submit, now, fields, is_asked) -> None:
    sheet = checklist.sheet(submit(**fields), at=now)
    asked = [each for part in sheet.parts for each in part.questions if each.code == "referring_provider"]
    assert [each.is_open for each in asked] == ([not fields.get("referring_provider")] if is_asked else [])


@pytest.mark.parametrize("said", ["no", "Unknown"])
def test_that_nobody_refers_is_no_name(organisation, submit, caller, now, said) -> None:
    lead = submit(service="pt", referring_provider=said)
    assert lead.referring_provider == ""
    checklist.answer_question(lead.pk, "referring_provider", said, by=caller, at=now)
    assert Lead.objects.get(pk=lead.pk).referring_provider == ""


def test_it_is_answered_handed_over_and_shown_beside_the_documents(organisation, submit, caller, now, client) -> None:
    lead = submit(service="pt")
    checklist.answer_question(lead.pk, "referring_provider", "Dr. Gray, Hill Clinic", by=caller, at=now)
    journey.advance([lead.pk], at=now)
    lead = Lead.objects.get(pk=lead.pk)
    assert (lead.team, lead.handoffs.get().packet["referring_provider"]) == ("documents", "Dr. Gray, Hill Clinic")
    Lead.objects.filter(pk=lead.pk).update(owner=caller)
    client.force_login(caller)
    for path in (f"/admin/leads/lead/{lead.pk}/change/", f"/admin/work/{lead.pk}/"):
        assert "Referred by Dr. Gray, Hill Clinic" in client.get(path).content.decode()


def test_a_number_in_it_is_masked_where_others_are(organisation, submit, now) -> None:
    lead = submit(service="pt", referring_provider="Dr. Gray, 512-555-0177")
    columns = exporting.WHATS["leads"].columns
    row = [lead.referring_provider if name == "referring_provider" else None for name in columns]
    [shown] = exporting._shown([row], columns, is_masked=True)
    assert shown[list(columns).index("referring_provider")] == mask("Dr. Gray, 512-555-0177") != lead.referring_provider


def test_an_organisation_is_referred_by_nobody(organisation, submit, caller, now) -> None:
    lead = submit(service="pt", referring_provider="Dr. Gray")
    retyping.correct_type(lead.pk, "b2b", reason="Asks for the clinic.", by=caller, at=now)
    assert Lead.objects.get(pk=lead.pk).referring_provider == ""
