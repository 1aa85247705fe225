"""Every look at a person leaves one row: who, what, whom, when, from where, and whether it was let through."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import Access
from consent import addresses
from leads.models import Appointment, Interaction, Lead, Stakeholder
from medcrm import journey
from medcrm.workspace import searching
from nurture.models import Wording
from routing.models import Agent, Assignment, RouteSet
from tests.rows import make

pytestmark = pytest.mark.django_db
LEADS = "/admin/leads/lead/"


def person(role: str) -> User:
    user = User.objects.create(username=f"{role}_{User.objects.count()}", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


@pytest.fixture
def supervisor(client) -> User:
    user = person("supervisor")
    client.force_login(user)
    return user


def last() -> Access:
    return Access.objects.order_by("pk").last()


def test_opening_a_lead_notes_who_whom_and_from_where(client, supervisor):
    lead = make(Lead)
    client.get(f"{LEADS}{lead.pk}/change/", REMOTE_ADDR="10.1.2.3")
    row = last()
    assert (row.user, row.action, row.subjects) == (supervisor, "view", [f"leads.lead:{lead.pk}"])
    assert (row.address, row.outcome, row.method) == ("10.1.2.3", "shown", "GET")


def test_a_list_notes_everyone_it_showed_in_one_row_at_the_same_cost(client, supervisor):
    client.get(LEADS)
    make(Lead)
    costs = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            client.get(LEADS)
        costs.append(len(captured))
        for _ in range(20):
            make(Lead)
    assert costs[0] == costs[1]
    assert len([query for query in captured if "INSERT INTO" in query["sql"]]) == 1
    assert len(last().subjects) == 21


def test_a_search_notes_what_was_looked_for(client, supervisor):
    lead = make(Lead, last_name="Reed")
    client.get(f"{LEADS}?q=reed")
    assert (last().action, last().query, last().subjects) == ("search", "q=reed", [f"leads.lead:{lead.pk}"])


def test_a_row_of_a_lead_is_noted_under_the_lead(client, supervisor):
    entry = make(Interaction)
    client.get(f"/admin/leads/interaction/{entry.pk}/change/")
    assert last().subjects == [f"leads.lead:{entry.lead_id}"]


def test_a_picked_person_is_noted(client, supervisor):
    lead = make(Lead, last_name="Reed")
    picked = {"app_label": "leads", "model_name": "stakeholder", "field_name": "lead", "term": "ree"}
    assert client.get("/admin/autocomplete/", picked).status_code == 200
    assert (last().action, last().query, last().subjects) == ("pick", "ree", [f"leads.lead:{lead.pk}"])


def test_an_action_notes_its_name_and_a_refusal_its_outcome(client, supervisor):
    lead = make(Lead, team="intake")
    client.post(f"{LEADS}{lead.pk}/correct-facts/", {"last_name": "Reed"})
    assert (last().action, last().outcome) == ("correct_facts", "shown")
    client.force_login(person("caller"))
    for path in ("change/", "history/", "correct-facts/"):
        client.get(f"{LEADS}{lead.pk}/{path}")
        assert (last().outcome, last().subjects) == ("refused", [f"leads.lead:{lead.pk}"]), path


def test_a_download_is_an_export(client, catalogue):
    client.force_login(person("compliance"))
    pair = ("phone", "+15125550101")
    held = addresses.lock_addresses([pair])[pair]
    client.post(f"/admin/consent/address/{held.pk}/evidence/", {"reason": "asked"})
    assert (last().action, last().subjects) == ("export", [f"consent.address:{held.pk}"])


def test_printing_notes_whom_the_page_showed(client, supervisor):
    lead = make(Lead)
    client.get(f"{LEADS}{lead.pk}/change/")
    client.post("/admin/account/printed/", {"path": f"{LEADS}{lead.pk}/change/"})
    assert (last().action, last().subjects) == ("print", [f"leads.lead:{lead.pk}"])


def noted(lead: Lead) -> bool:
    return f"leads.lead:{lead.pk}" in last().subjects


def test_the_first_page_notes_whose_names_it_shows(client, organisation, submit, now):
    lead = submit(documents=["referral_letter", "medical_history"])
    journey.advance([lead.pk], at=now)
    owner = User.objects.get(username="scheduling1")
    lead.clocks.update(owner=owner, team="scheduling")
    Lead.objects.update(owner=owner, team="scheduling")
    owner.groups.add(Group.objects.get(name="scheduler"))
    client.force_login(owner)
    assert searching.name_of(lead) in client.get("/admin/").content.decode()
    assert noted(lead)


def test_where_a_lead_would_go_what_it_would_get_and_a_visit_taken_out_are_noted(client, organisation, submit, now):
    lead = submit()
    client.force_login(User.objects.create_superuser("root", is_active=True))
    rules, ask = RouteSet.objects.get(status="published"), {"lead_type": "patient", "source": "web_consult"}
    client.post(reverse("admin:routing_routeset_simulate"), ask | {"rules": rules.pk, "lead": str(lead.public_id)})
    assert noted(lead)
    client.get(f"/admin/nurture/enrollment/lead/{lead.pk}/plan/")
    assert noted(lead)
    wording = Wording.objects.filter(template="first_visit_welcome").first()
    client.post(f"/admin/nurture/wording/{wording.pk}/preview/", {"lead": "512-555-0101"})
    assert (last().action, last().query) == ("search", "512-555-0101")
    assert noted(lead)
    visit = make(Appointment, lead=lead)
    client.get(f"/admin/leads/appointment/{visit.pk}/calendar/person/")
    assert last().action == "export" and noted(lead)


def test_many_at_once_are_noted(client, organisation, submit, now):
    leads = [submit(phone=f"+1512555030{n}", email="", last_name=f"Alpha{n}") for n in range(2)]
    journey.advance([lead.pk for lead in leads], at=now)
    client.force_login(User.objects.create_superuser("root", is_active=True))
    to = Agent.objects.filter(team="quotes").values_list("user", flat=True)[:1]
    form = {"action": "reassign", "_selected_action": [lead.pk for lead in leads], "to": to, "reason": "They asked"}
    client.post(LEADS, {**form, "_confirmed": "1"})
    assert Assignment.objects.filter(because="reassigned").count() == 2
    assert set(last().subjects) == {f"leads.lead:{lead.pk}" for lead in leads}


def test_signing_in_wrongly_is_noted_with_the_name_that_was_tried(client):
    client.post("/admin/login/", {"username": "eve", "password": "no such password"}, REMOTE_ADDR="10.77.1.9")
    assert (last().action, last().outcome, last().client) == ("sign_in", "refused", "eve")


def test_pages_without_people_are_not_noted(client, supervisor):
    before = Access.objects.count()
    client.get("/admin/leads/serviceline/")
    client.get("/admin/")
    assert Access.objects.count() == before


def test_nobody_rewrites_the_log(client, supervisor):
    client.get(LEADS)
    for change in (lambda: Access.objects.update(query=""), lambda: Access.objects.all().delete()):
        with pytest.raises(DatabaseError, match="append_only|Cannot"), transaction.atomic():
            change()


@pytest.mark.parametrize("term", ["(512) 555-0101", "ANA@example.org", "núñ", "leads.lead:{pk}", "{public_id}"])
def test_compliance_finds_who_saw_a_person(client, supervisor, term):
    pairs = [("phone", "+15125550101"), ("email", "ana@example.org")]
    held = addresses.lock_addresses(pairs)
    ana = make(Lead, first_name="Ana", last_name="Núñez", phone=held[pairs[0]], email=held[pairs[1]])
    client.get(f"{LEADS}{ana.pk}/change/")
    client.get(f"{LEADS}{make(Lead).pk}/change/")
    client.force_login(person("compliance"))
    page = client.get("/admin/audit/access/", {"q": term.format(pk=ana.pk, public_id=ana.public_id), "action": "view"})
    assert [row.subjects for row in page.context["cl"].result_list] == [[f"leads.lead:{ana.pk}"]]


def test_a_person_is_found_by_the_index():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "audit_subjects" in Access.objects.filter(subjects__overlap=["leads.lead:1"]).order_by().explain()


@pytest.mark.parametrize("role", ["caller", "supervisor", "marketing", "administrator"])
def test_only_compliance_reads_the_log(client, role):
    client.force_login(person(role))
    assert client.get("/admin/audit/access/").status_code == 403


def test_every_page_about_people_says_whom_it_is_about():
    """A model with a key to a lead, a stakeholder or an address, directly or over one row, must be logged."""
    from django.contrib import admin

    people = {Lead._meta.label_lower, "consent.address"}
    silent = []
    for model, page in admin.site._registry.items():
        direct = {f.related_model._meta.label_lower for f in model._meta.fields if f.is_relation}
        further = {
            f.related_model._meta.label_lower
            for key in model._meta.fields
            if key.is_relation and not key.null
            for f in key.related_model._meta.fields
            if f.is_relation
        }
        if model._meta.label_lower in people or people & (direct | further):
            if not getattr(page, "about", None):
                silent.append(model._meta.label_lower)
    assert silent == []


def test_a_key_that_was_guessed_is_no_choice(client):
    caller = person("caller")
    client.force_login(caller)
    foreign = make(Lead, team="quotes")
    client.post("/admin/leads/stakeholder/add/", {"lead": foreign.pk, "name": "Eve", "role": "patient"})
    assert not Stakeholder.objects.exists()
