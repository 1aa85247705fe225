"""The lead's page, the repair of inquiries, drafts of rules and the dashboard do what they say."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consent.models import ConsentEvent
from leads.models import (
    BandRule,
    Document,
    DocumentStatus,
    Inquiry,
    Interaction,
    Lead,
    MissingItem,
    MissingKind,
    Qualification,
    ScoringCategory,
    ScoringModel,
    ScoringRule,
    ServiceLine,
)
from leads.services import intake
from medcrm import dashboard
from medcrm.lib import counts
from medcrm.lib.errors import InvalidFields
from routing.models import Agent, Team
from tests.inquiry import CONSULT
from tests.rows import NOW, make, make_rows

pytestmark = pytest.mark.django_db
MIDNIGHTS = [(1, 7, 59), (1, 8, 0), (2, 7, 59), (2, 8, 0)]  # about both ends of 1 December in Los Angeles


@pytest.fixture
def supervisor(client) -> User:
    user = User.objects.create(username="supervisor", is_staff=True)
    user.groups.add(Group.objects.get(name="supervisor"))
    client.force_login(user)
    return user


def queries(client, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


def test_the_lead_page_says_where_it_stands_and_costs_the_same_with_a_long_history(client, supervisor):
    lead = make(
        Lead, first_name="Ana", decision="forward", next_step="appointment", fit_check="pass", stage="forwarded"
    )
    sentence = "The service is given within reach."
    make(Qualification, lead=lead, closed_at=None, cycle=1, explanation={"fit": [{"code": "x", "sentence": sentence}]})
    path = f"/admin/leads/lead/{lead.pk}/change/"
    page = client.get(path).content.decode()
    assert sentence in page
    assert "Move forward" in page
    make_rows(Interaction, 1)
    few = queries(client, path)
    for _ in range(30):
        make(Interaction, lead=lead)
    assert queries(client, path) == few


def test_a_lead_outside_the_scope_cannot_be_opened_by_its_number(client):
    lead = make(Lead, team="quotes")
    caller = User.objects.create(username="caller", is_staff=True)
    caller.groups.add(Group.objects.get(name="caller"))
    client.force_login(caller)
    assert client.get(f"/admin/leads/lead/{lead.pk}/change/").status_code == 302
    assert client.get(f"/admin/leads/lead/{lead.pk}/correct-facts/").status_code == 404


def test_a_refused_inquiry_is_repaired_field_by_field(client, supervisor):
    body = {"lead_type": "patient", "last_name": "Diaz", "phone": "12345", "consent": ["voice"]}
    inquiry = make(
        Inquiry,
        status="refused",
        raw_body=json.dumps(body),
        errors={"phone": ["Not a number."]},
        received_at=timezone.now(),
    )
    path = f"/admin/leads/inquiry/{inquiry.pk}/repair/"
    assert "Not a number." in client.get(path).content.decode()
    again = client.post(path, {**body, "consent": "voice", "phone": "123"})
    assert again.status_code == 200
    assert Inquiry.objects.get().status == "refused"
    client.post(path, {**body, "consent": "voice", "phone": "512-555-0101"})
    inquiry.refresh_from_db()
    assert inquiry.status == "accepted"
    assert json.loads(inquiry.raw_body) == body
    assert inquiry.repaired["phone"] == "512-555-0101"
    assert inquiry.lead.last_name == "Diaz"


@pytest.mark.parametrize("named", ["bh", " Bh", "Behavioral health"])
def test_a_refused_inquiry_of_a_sensitive_service_is_read_by_the_trained_alone(client, supervisor, submit, named):
    service = ServiceLine.objects.get(pk="bh")
    said = service.name.upper() if named.startswith("Beh") else named
    with pytest.raises(InvalidFields):
        submit(service=said, phone="12345")
    inquiry = Inquiry.objects.get()
    broken = make(Inquiry, status="received", raw_body='{"last_name": "Diaz, "service": "bh"}')
    intake.refuse(broken, {"body": ["Not JSON."]}, at=timezone.now())
    assert client.get(f"/admin/leads/inquiry/{broken.pk}/change/").status_code == 302
    path = f"/admin/leads/inquiry/{inquiry.pk}/change/"
    assert client.get(path).status_code == 302
    team = Team.objects.create(code="sensitive", name="Sensitive")
    Agent.objects.create(user=supervisor, team=team, trainings=[service.required_training])
    assert client.get(path).status_code == 200
    Agent.objects.update(trainings=[])
    intake.replay(inquiry.pk, {**CONSULT, "service": "ortho"}, by=supervisor, at=inquiry.received_at)
    assert client.get(path).status_code == 302, "what was sent stays what it was"


def test_a_published_set_is_read_a_draft_is_edited_and_publishing_retires_the_old(client):
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    published = make(ScoringModel, status="draft", version=1)
    category = make(ScoringCategory, model=published)
    rule = make(ScoringRule, model=published, category=category, criteria=[])
    make(BandRule, model=published, criteria=[])
    ScoringModel.objects.update(status="published")
    assert client.post(f"/admin/leads/scoringrule/{rule.pk}/change/", {"name": "x"}).status_code == 403
    client.post(f"/admin/leads/scoringmodel/{published.pk}/start-draft/", {"note": "Try more for timing."})
    draft = ScoringModel.objects.get(status="draft")
    assert (draft.version, draft.rules.count(), draft.bands.count()) == (2, 1, 1)
    assert draft.rules.get().category.model_id == draft.pk
    assert client.get(f"/admin/leads/scoringrule/{draft.rules.get().pk}/change/").status_code == 200
    client.post(f"/admin/leads/scoringmodel/{draft.pk}/publish/", {})
    published.refresh_from_db()
    draft.refresh_from_db()
    assert (published.status, draft.status, draft.published_by.username) == ("retired", "published", "root")


def test_correcting_facts_notes_who_did_it_and_lets_the_lead_walk_again(client, supervisor):
    lead = make(Lead, team="intake")
    client.post(f"/admin/leads/lead/{lead.pk}/correct-facts/", {"last_name": "Reed", "age": "44"})
    lead.refresh_from_db()
    assert (lead.last_name, lead.age) == ("Reed", 44)
    assert lead.advance_due_at is not None
    assert lead.interactions.get().by == supervisor


def test_staff_record_what_a_lead_did_where_no_system_tells_us(client, supervisor, catalogue):
    lead = make(Lead, team="intake")
    path = f"/admin/leads/lead/{lead.pk}/record-activity/"
    week_ago = timezone.localtime(timezone.now() - timedelta(days=7)).strftime("%Y-%m-%dT%H:%M")
    client.post(path, {"kind": "webinar_attended", "happened_at": week_ago, "text": "Knee pain evening"})
    attended = lead.interactions.get()
    assert (attended.kind, attended.by, attended.text) == ("webinar_attended", supervisor, "Knee pain evening")
    assert 6 <= (attended.recorded_at - attended.at).days <= 7
    lead.refresh_from_db()
    assert lead.advance_due_at is not None
    for wrong in ({"kind": "page_visit", "happened_at": "2199-01-01T09:00"}, {"kind": "email_reply"}, {"kind": "call"}):
        assert client.post(path, wrong).context["form"].errors
    assert lead.interactions.count() == 1


def test_an_answer_that_staff_record_is_heard_by_the_ledger_and_a_start_by_hearsay_is_not(client, supervisor, submit):
    lead = submit()
    path = f"/admin/leads/lead/{lead.pk}/record-activity/"
    client.post(path, {"kind": "sms_reply", "text": "STOP"})
    assert ConsentEvent.objects.filter(address=lead.phone_id, kind="inbound", verdict="revoke").exists()
    assert lead.interactions.filter(kind="sms_reply", by=supervisor).exists()
    assert "text" in client.post(path, {"kind": "sms_reply", "text": "START"}).context["form"].errors
    assert not ConsentEvent.objects.filter(verdict="start").exists()


def test_all_who_attended_are_recorded_at_once(client, supervisor, catalogue):
    leads = [make(Lead, team="intake") for _ in range(3)]
    told = {"action": "record_activity", "_selected_action": [lead.pk for lead in leads], "_confirmed": "1"}
    client.post("/admin/leads/lead/", {**told, "kind": "webinar_attended", "text": "Open day"})
    assert Interaction.objects.filter(kind="webinar_attended", lead__in=leads).count() == 3
    client.post("/admin/leads/lead/", {**told, "kind": "email_reply", "text": "Yes"})
    assert not Interaction.objects.filter(kind="email_reply").exists()


def test_a_note_is_added_without_a_call(client, supervisor):
    lead = make(Lead, team="intake")
    path = f"/admin/leads/lead/{lead.pk}/add-note/"
    empty = client.post(path, {"told": " "})
    assert (empty.status_code, lead.interactions.count()) == (200, 0)
    assert empty.context["form"].errors["requested"]
    parts = {"spoken_with": "The front desk", "fact_source": "Letter of Nov 3", "contact_change": "Rather by text"}
    client.post(path, {**parts, "text": "Left the form at the desk."})
    note = lead.interactions.get()
    assert (note.kind, note.direction, note.by, note.facts) == ("note", "internal", supervisor, parts)
    shown = client.get(f"/admin/leads/lead/{lead.pk}/change/").content.decode()
    assert "Left the form at the desk." in shown
    assert "Letter of Nov 3" in shown


def test_any_document_is_recorded_on_the_leads_page_and_settles_what_a_call_asked_for(client, supervisor):
    card = make(Document, code="insurance_card", is_agreement=False)
    make(Document, code="nda", is_agreement=True)
    asked = make(MissingKind, code="card", document=card)
    lead = make(Lead, team="intake", lead_type="patient")
    item = make(MissingItem, lead=lead, kind=asked, origin="call", follow_up_on=NOW.date())
    path = f"/admin/leads/lead/{lead.pk}/record-document/"
    assert [row.pk for row in client.get(path).context["form"].fields["document"].queryset] == ["insurance_card"]
    client.post(path, {"document": "insurance_card", "status": "requested"})
    item.refresh_from_db()
    assert (lead.documents.get().status, item.settled_at) == ("requested", None)
    client.post(path, {"document": "insurance_card", "status": "received", "expires_on": "2030-01-31"})
    item.refresh_from_db()
    row = lead.documents.get()
    assert (row.document_id, row.status, row.expires_on.isoformat()) == ("insurance_card", "received", "2030-01-31")
    assert item.settled_at is not None


def test_the_days_of_a_filter_are_those_of_the_readers_clock(client, supervisor):
    make(Agent, user=supervisor, team=make(Team, timezone="America/Los_Angeles"))
    moments = [datetime(2026, 12, day, hour, minute, tzinfo=UTC) for day, hour, minute in MIDNIGHTS]
    before, first, last, after = (make(Interaction, lead=make(Lead), at=at) for at in moments)
    days = {
        "at_from=2026-12-01": {first, last, after},
        "at_to=2026-12-01": {before, first, last},
        "at_from=2026-12-01&at_to=2026-12-01": {first, last},
        "at_from=soon": {before, first, last, after},
    }
    for query, found in days.items():
        assert set(client.get(f"/admin/leads/interaction/?{query}").context_data["cl"].result_list) == found, query


def test_the_dashboard_counts_what_its_lists_show_in_few_queries(client, supervisor, own_cache):
    for _ in range(3):
        make(Lead, created_at=timezone.now())
    client.get("/admin/")
    cache.clear()
    few = queries(client, "/admin/")
    cache.clear()
    for _ in range(20):
        make(Lead, created_at=timezone.now(), stage="working", team="intake", next_action_due_at=NOW)
    assert queries(client, "/admin/") == few
    assert few <= 20
    assert queries(client, "/admin/") < few
    cache.clear()
    figures = {str(figure.label): figure for figure in client.get("/admin/").context["owed"]}
    assert figures["New in the last 7 days"].count == 23
    for figure in figures.values():
        assert client.get(figure.link).context["cl"].result_count == figure.count


def test_counts_over_all_leads_come_at_once_and_are_read_again_after_a_minute_the_own_each_time(
    client, supervisor, own_cache
):
    def shown(**headers: str) -> tuple[int, int, datetime, bool]:
        answer = client.get("/admin/", headers=headers)
        page = answer.context
        figures = {str(figure.label): figure.count for figure in page["owed"]}
        fetches_itself = b'data-refresh="1"' in answer.content
        return figures["My open leads"], page["road"][0].count, page["counted_at"], fetches_itself

    make(Lead, owner=supervisor, team="intake")
    mine, new, first, is_old = shown()
    assert (mine, new, is_old) == (1, 1, False)
    make(Lead, owner=supervisor, team="intake")
    assert shown() == (2, 1, first, False)
    key = counts._key(f"dashboard:{counts.scope_key(supervisor)}", dashboard.count)
    cache.delete(f"{key}:fresh")  # a minute later
    assert shown() == (2, 1, first, True)
    mine, new, again, is_old = shown(**{"X-Background": "1"})
    assert (mine, new, is_old) == (2, 2, False) and again > first
    assert shown() == (2, 2, again, False)


def test_after_an_upgrade_no_page_reads_what_other_code_has_kept(client, supervisor, own_cache, monkeypatch):
    make(Lead, team="intake")
    assert client.get("/admin/").context["road"][0].count == 1
    kept = cache.get(counts._key(f"dashboard:{counts.scope_key(supervisor)}", dashboard.count))
    assert kept.value.stages == {"new": 1}
    make(Lead, team="intake")
    monkeypatch.setattr(counts, "_code", lambda _module: "other")
    assert client.get("/admin/").context["road"][0].count == 2


@pytest.mark.parametrize(
    "role", ["caller", "scheduler", "documents", "sales", "compliance", "marketing", "administrator"]
)
def test_every_role_has_a_dashboard(role, client):
    user = User.objects.create(username=role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    assert client.get("/admin/").status_code == 200


def test_signing_in_leads_to_the_dashboard(client):
    User.objects.create_user("ana", password="long enough to pass", is_staff=True)
    answer = client.post("/admin/login/", {"username": "ana", "password": "long enough to pass"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_sales_records_agreements_of_organisations_and_no_other_document(client, organisation, submit, now):
    """[R33]"""
    user = User.objects.get(username="discovery1")
    user.groups.set([Group.objects.get(name="sales")])
    client.force_login(user)
    firm = submit("facility", lead_type="b2b", service="screening", organisation="Test Works")
    patient = submit(first_name="Ana", phone="+15125550177")
    Lead.objects.filter(pk__in=[firm.pk, patient.pk]).update(owner=user, team="discovery")
    path = f"/admin/leads/lead/{firm.pk}/record-agreement/"
    client.post(path, {"document": "referral_letter", "status": "received"})
    client.post(f"/admin/leads/lead/{patient.pk}/record-agreement/", {"document": "nda", "status": "received"})
    assert not DocumentStatus.objects.exists()
    client.post(path, {"document": "nda", "status": "received"})
    assert DocumentStatus.objects.values_list("lead", "document", "status").get() == (firm.pk, "nda", "received")
    other = f"/admin/leads/lead/{firm.pk}/record-document/"
    assert client.post(other, {"document": "baa", "status": "received"}).status_code == 403
    assert f"/admin/leads/lead/{firm.pk}/record-agreement/" in client.get(f"/admin/work/{firm.pk}/").content.decode()
