"""The next person continues instead of starting from zero."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, transaction
from django.db.models import F

from leads.models import Answer, Availability, DocumentStatus, Lead, MissingItem, Offering, Stakeholder
from leads.services import events, notes
from routing import handoff, packet, router, scripts
from routing.models import Handoff
from tests.routing.factories import make_call, make_inquiry, make_lead

pytestmark = pytest.mark.usefixtures("organisation")


@pytest.fixture
def caller(organisation):
    return get_user_model().objects.create_user("caller1", is_staff=True)


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
    told = route(lead, now).packet
    assert told["service"] == "cardio"
    assert told["clinic"] == "aus"
    assert told["question"] == "Can I drive afterwards?"
    assert told["unknown"] == ["payer"]
    assert told["documents_missing"] == ["referral_letter"]
    assert told["documents_held"] == ["medical_history"]
    assert told["decision_path"][0]["name"] == "Jo Alpha"
    assert told["confirmed"] == {"location": "aus"}
    assert told["attempts"][0]["disposition"] == "no_answer"
    assert told["promised"]["due_at"] == lead.next_action_due_at.isoformat()
    assert told["script"] == "documents"


def test_packet_says_where_the_lead_is_and_what_was_noted_before(now, caller):
    lead = make_lead(now, urgency="soon")
    noted = "Knee MRI done in May; wife arranges visits"
    make_call(lead, "sent_to_team", at=now - timedelta(hours=2), confirmed=noted, callback_at="2026-12-01T10:00+00:00")
    first = notes.add_note(lead.pk, {}, text="Asked by mail for the report.", by=caller, at=now)
    notes.add_addendum(first.pk, "The report is from April.", by=caller, at=now)
    told = route(lead, now).packet
    assert (told["zip"], told["city"], told["state"], told["urgency"]) == ("78704", "Austin", "TX", "soon")
    assert [(note["text"], note["facts"]) for note in told["notes"]] == [
        ("The report is from April.", {}),
        ("Asked by mail for the report.", {}),
        ("", {"confirmed": noted}),
    ]
    assert told["notes"][0]["corrects"] == now.isoformat()
    assert [note["by"] for note in told["notes"]] == ["caller1", "caller1", ""]


def test_a_note_on_an_offered_handoff_issues_it_again_and_on_an_accepted_one_adds_nothing(now, caller):
    lead = make_lead(now)
    assert route(lead, now).issue == 1
    notes.add_note(lead.pk, {"requested": "A morning visit"}, by=caller, at=now)
    row = route(lead, now)
    assert (row.issue, row.packet["notes"][0]["facts"]) == (2, {"requested": "A morning visit"})
    accept(row, now)
    notes.add_note(lead.pk, {"requested": "An evening visit"}, by=caller, at=now)
    assert route(lead, now).additions == []


def test_packet_of_an_organisation_says_budget_rollout_approver_and_agreement(now):
    facts = {"budget": "planned", "rollout": "March", "approver": "The COO", "agreement": "sent", "clinic_size": 12}
    lead = make_lead(now, "discovery", lead_type="b2b", service_id="screening", organisation="Beta", **facts)
    told = route(lead, now).packet
    assert {name: told[name] for name in facts} == facts
    accept(lead.handoffs.get(), now)
    Lead.objects.filter(pk=lead.pk).update(agreement="signed")
    assert route(lead, now).additions == [{"at": now.isoformat(), "facts": {"agreement": "signed"}}]


def test_a_packet_accepted_before_places_were_handed_over_learns_only_what_says_something(now):
    known = {"service": "ortho", "documents_missing": ["referral_letter"]}
    fresh = {"service": "ortho", "documents_missing": [], "zip": "78704", "budget": "", "clinic_size": None}
    assert packet.news(fresh, known) == {"documents_missing": [], "zip": "78704"}


def test_without_a_preferred_clinic_the_nearest_within_reach_is_named(now):
    lead = make_lead(now, preferred_clinic_id=None)
    told = route(lead, now).packet
    assert (told["clinic"], told["clinic_is_preferred"]) == ("aus", False)


@pytest.mark.parametrize("preferred", [None, "aus"])
def test_the_clinic_of_a_packet_and_the_days_of_a_script_are_those_that_are_offered(now, preferred):
    """Neither the clinic that dropped the payer nor one that is too far to come to."""
    Offering.objects.get(service="ortho", clinic="aus").payer_terms.filter(payer="ppo").delete()
    Availability.objects.filter(offering__clinic="rrk").update(date=F("date") + timedelta(days=1))
    lead = make_lead(now, preferred_clinic_id=preferred, payer_id="ppo")
    assert route(lead, now).packet["clinic"] == "rrk"
    assert scripts.open_days(lead, at=now) == [date(2026, 12, 4), date(2026, 12, 7), date(2026, 12, 11)]


def test_days_of_a_script_are_those_of_the_preferred_clinic_where_it_has_any(now, django_assert_num_queries):
    Availability.objects.filter(offering__clinic="rrk").update(date=F("date") + timedelta(days=1))
    lead = make_lead(now, preferred_clinic_id="rrk")
    with django_assert_num_queries(2):
        assert scripts.open_days(lead, at=now)[:2] == [date(2026, 12, 4), date(2026, 12, 7)]
    Availability.objects.filter(offering__clinic="rrk").delete()
    assert scripts.open_days(lead, at=now)[:2] == [date(2026, 12, 3), date(2026, 12, 6)]


@pytest.mark.parametrize(
    ("language", "question", "said"),
    [
        ("en", "", "[aus?]. Wednesday December 2 or Sunday December 6. Bring ID."),
        (
            "es",
            "How long?",
            "[aus?]. You asked: How long? miércoles 2 de diciembre o domingo 6 de diciembre. Bring ID.",
        ),
    ],
)
def test_a_script_asks_for_what_is_not_known_and_leaves_out_what_is_said_only_if_known(now, language, question, said):
    lead = make_lead(now, preferred_clinic_id=None, question=question)
    words = "{clinic}.[ You asked: {question}] {times}. Bring ID[, {documents}]."
    days = [date(2026, 12, 2), date(2026, 12, 6)]
    pieces = scripts.fill(words, lead, caller="Cal", times=days, language=language)
    assert "".join("[aus?]" if piece.kind == "open" else piece.text for piece in pieces) == said


def test_packet_names_the_authorization_of_the_payer_the_lead_has_now_only(now):
    lead = make_lead(now, service_id="pt", payer_id="hmo")
    events.record_authorization(lead.pk, "pt", "approved", at=now)
    assert route(lead, now).packet["authorization"] == "approved"
    Lead.objects.filter(pk=lead.pk).update(payer="wc")
    assert route(lead, now).packet["authorization"] == ""


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
