"""The next person continues instead of starting from zero."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from leads.models import Answer, DocumentStatus, Lead, MissingItem, Stakeholder
from routing import handoff, router
from routing.models import Handoff
from tests.routing.factories import make_call, make_inquiry, make_lead

pytestmark = pytest.mark.usefixtures("organisation")


def route(lead: Lead, now) -> Handoff:
    router.route([lead.pk], at=now)
    lead.refresh_from_db()
    return lead.handoffs.first()


def accept(row: Handoff, now) -> Handoff:
    return handoff.accept(row.lead_id, by=row.to_owner, at=now)


def test_packet_says_what_is_asked_known_and_open(now):
    lead = make_lead(now, "documents", service_id="cardio", unknown=["payer"], question="Can I drive afterwards?")
    MissingItem.objects.create(lead=lead, kind_id="referral_letter", origin="check", opened_at=now)
    DocumentStatus.objects.create(lead=lead, document_id="medical_history", status="received", changed_at=now)
    Stakeholder.objects.create(lead=lead, name="Jo Alpha", role="caregiver", may_be_told=True)
    Answer.objects.create(lead=lead, code="location", cycle=1, value="aus", origin="call", answered_at=now)
    make_call(lead, "no_answer", at=now - timedelta(hours=1))
    packet = route(lead, now).packet
    assert packet["service"] == "cardio"
    assert packet["clinic"] == "aus"
    assert packet["question"] == "Can I drive afterwards?"
    assert packet["unknown"] == ["payer"]
    assert packet["documents_missing"] == ["referral_letter"]
    assert packet["documents_held"] == ["medical_history"]
    assert packet["decision_path"][0]["name"] == "Jo Alpha"
    assert packet["confirmed"] == {"location": "aus"}
    assert packet["attempts"][0]["disposition"] == "no_answer"
    assert packet["promised"]["due_at"] == lead.next_action_due_at.isoformat()
    assert packet["script"] == "documents"


def test_without_a_preferred_clinic_the_nearest_within_reach_is_named(now):
    lead = make_lead(now, preferred_clinic_id=None)
    packet = route(lead, now).packet
    assert (packet["clinic"], packet["clinic_is_preferred"]) == ("aus", False)


def test_new_inquiry_before_acceptance_issues_the_packet_again(now):
    lead = make_lead(now)
    first = route(lead, now)
    Lead.objects.filter(pk=lead.pk).update(question="Is parking free?")
    make_inquiry(lead, at=now + timedelta(hours=2))
    again = route(lead, now + timedelta(hours=2))
    assert (again.pk, again.issue, again.state) == (first.pk, 2, "offered")
    assert again.packet["question"] == "Is parking free?"


def test_new_inquiry_after_acceptance_is_added_and_dated(now):
    lead = make_lead(now)
    accept(route(lead, now), now)
    later = now + timedelta(hours=2)
    Lead.objects.filter(pk=lead.pk).update(question="Is parking free?")
    inquiry = make_inquiry(lead, at=later)
    row = route(lead, later)
    assert row.packet["question"] == ""
    assert row.additions == [
        {"at": later.isoformat(), "facts": {"question": "Is parking free?", "inquiry": str(inquiry.public_id)}}
    ]
    assert row.current_packet()["question"] == "Is parking free?"
    assert route(lead, later + timedelta(hours=1)).additions == row.additions


def test_accepted_packet_is_frozen_by_the_database(now):
    row = accept(route(make_lead(now), now), now)
    row.packet["question"] = "Something else"
    with pytest.raises(DatabaseError, match="frozen"), transaction.atomic():
        row.save()


def test_additions_are_never_rewritten(now):
    lead = make_lead(now)
    accept(route(lead, now), now)
    make_inquiry(lead, at=now)
    row = route(lead, now)
    with pytest.raises(DatabaseError, match="appended"), transaction.atomic():
        Handoff.objects.filter(pk=row.pk).update(additions=[])
    with pytest.raises(DatabaseError, match="appended"), transaction.atomic():
        Handoff.objects.filter(pk=row.pk).update(additions=[{"at": "x", "facts": {}}])
