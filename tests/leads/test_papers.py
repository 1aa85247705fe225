"""Papers that the payer or the clinic asks for, beside the service [R16]."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from leads import criteria, qualification
from leads.models import Clinic, Document, Lead, MissingKind, Payer, ServiceLine
from leads.services import events
from medcrm import journey


def walk(lead: Lead, at: datetime) -> Lead:
    journey.advance([lead.pk], at=at)
    return Lead.objects.get(pk=lead.pk)


def facts(lead: Lead, at: datetime) -> tuple[object, ...]:
    """How many documents are missing, and whether the referral letter is."""
    query, params = criteria.facts_query(
        Lead.objects.filter(pk=lead.pk), ["documents_missing", "referral_missing"], at=at
    )
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return cursor.fetchone()[-2:]


@pytest.mark.parametrize(("model", "code"), [(Payer, "ppo"), (Clinic, "aus")])
def test_a_visit_waits_for_what_the_payer_or_the_clinic_asks_for(organisation, submit, now, model, code) -> None:
    model.objects.get(pk=code).documents.add("insurance_card")
    lead = walk(submit(), now)
    assert (lead.capacity_check, lead.hold_reason_id, lead.next_step) == ("fail", "awaiting_records", "documents")
    assert list(lead.missing_items.filter(settled_at=None).values_list("kind", flat=True)) == ["insurance_card"]
    assert facts(lead, now) == (1, False)
    events.record_document(lead.pk, "insurance_card", at=now)
    lead = walk(lead, now)
    assert (lead.capacity_check, lead.next_step, facts(lead, now)) == ("pass", "appointment", (0, False))


def test_a_paper_that_several_ask_for_is_missing_once(organisation, submit, now) -> None:
    for asks in (Payer.objects.get(pk="ppo"), Clinic.objects.get(pk="aus")):
        asks.documents.set(["medical_history", "records"])
    lead = submit(service="cardio", documents=["records"])
    assert facts(lead, now) == (2, True)
    assert qualification.documents_required([lead]) == {lead.pk: ["medical_history", "records", "referral_letter"]}
    assert [item.kind_id for item in walk(lead, now).missing_items.order_by("kind")] == [
        "medical_history",
        "referral_letter",
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"payer": "self", "preferred_clinic": "rrk"},
        {"payer": "", "preferred_clinic": ""},
        {"service": ""},
        {"lead_type": "b2b", "service": "screening"},
    ],
)
def test_others_and_who_asks_for_no_visit_are_not_asked(organisation, submit, now, fields) -> None:
    for asks in (Payer.objects.get(pk="ppo"), Clinic.objects.get(pk="aus")):
        asks.documents.set(["referral_letter"])
    lead = submit(**fields)
    assert (facts(lead, now), qualification.documents_required([lead])) == ((0, False), {lead.pk: []})


def test_a_referral_may_be_asked_for_by_the_payer_alone(organisation, submit, now) -> None:
    Payer.objects.get(pk="ppo").documents.add("referral_letter")
    lead = walk(submit(), now)
    assert (facts(lead, now), lead.hold_reason_id) == ((1, True), "awaiting_referral")


def test_what_everybody_is_asked_for_is_one_query(organisation, submit) -> None:
    leads = [submit(first_name=name, service="cardio") for name in ("One", "Two", "Three")]
    with CaptureQueriesContext(connection) as seen:
        qualification.documents_required(leads)
    assert len(seen) == 1


def test_a_new_kind_of_document_can_be_asked_for(organisation, submit, now, client) -> None:
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    answer = client.post("/admin/leads/document/add/", {"code": "xrays", "name": "X-rays", "is_active": "on"})
    assert (answer.status_code, Document.objects.filter(pk="xrays").exists()) == (302, True)
    kind = MissingKind.objects.get(pk="xrays")
    assert (kind.name, kind.document_id) == ("X-rays", "xrays")
    ServiceLine.objects.get(pk="ortho").documents.add("xrays")
    assert walk(submit(), now).missing_items.get().kind_id == "xrays"
