"""A person rings or walks in: whoever talks with them enters them by the one intake, and goes on at once."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User

from consent import gate, ledger
from consent.models import ConsentEvent
from leads import contact
from leads.admin.inquiry import InquiryAdmin
from leads.models import Inquiry, Interaction, Lead
from medcrm import journey
from medcrm.workspace.models import Draft

pytestmark = pytest.mark.django_db

NEW = "/admin/new-lead/"
RINGS = {
    "source": "phone",
    "is_here": "on",
    "lead_type": "patient",
    "first_name": "Ana",
    "last_name": "Reed",
    "phone": "512-555-0142",
    "zip": "78704",
    "key": "one",
}


def enter(client, **fields: object):
    return client.post(NEW, {**RINGS, **fields})


def signed_in(client, username: str, role: str) -> User:
    user, _made = User.objects.get_or_create(username=username, defaults={"is_staff": True})
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    return user


def test_who_rings_is_entered_through_the_intake_and_the_call_is_recorded_at_once(client, caller):
    answer = enter(client, service="ortho", request="appointment", timing="two_weeks", payer="ppo", for_whom="self")
    lead = Lead.objects.get()
    assert answer["Location"] == f"/admin/work/{lead.pk}/"
    inquiry = Inquiry.objects.get()
    assert (inquiry.status, inquiry.lead, inquiry.source_id) == ("accepted", lead, "phone")
    assert (lead.first_name, lead.phone.value, lead.service_id) == ("Ana", "+15125550142", "ortho")
    assert Interaction.objects.get(inquiry=inquiry).by == caller
    assert InquiryAdmin(Inquiry, admin.site).entered_by(inquiry) == caller.get_full_name()
    assert ConsentEvent.objects.get(kind="inquiry").by == caller
    assert lead.decision and lead.score is not None  # it walked the road before its page is shown
    page = client.get(answer["Location"])
    assert page.context["ws"].draft.is_inbound
    client.post(f"/admin/work/{lead.pk}/answer/", {"code": "identity", "value": "yes"})
    client.post(
        f"/admin/work/{lead.pk}/record/", {"disposition": "needs_to_think", "note": "Asks her son.", "then": "stay"}
    )
    call = Interaction.objects.get(disposition="needs_to_think")
    assert (call.kind, call.by, call.lead) == ("inbound_call", caller, lead)


def test_a_caller_who_does_not_say_what_for_is_called_back_and_not_nurtured(client, caller):
    enter(client, is_here="")
    lead = Lead.objects.get()
    assert (lead.decision, lead.next_step, lead.stage, lead.team) == (
        "forward", "callback", "forwarded", "qualification",
    )  # fmt: skip
    assert not Draft.objects.exists()  # a voicemail is no talk


@pytest.mark.parametrize(("source", "step"), [("phone", "callback"), ("front_desk", "callback"), ("ads", "nurture")])
def test_only_who_talks_with_us_is_asked_what_for(submit, now, source, step):
    lead = submit(source, request="", timing="")
    journey.advance([lead.pk], at=now)
    lead.refresh_from_db()
    assert lead.next_step == step


def test_a_new_lead_is_of_whoever_talks_with_it_where_the_rules_lead_to_their_team(client, caller):
    enter(client, service="ortho", request="appointment", timing="two_weeks", payer="ppo", for_whom="self")
    lead = Lead.objects.get()
    assert (lead.team, lead.owner) == ("scheduling", caller)
    assert list(lead.assignments.order_by("pk").values_list("because", "to_owner")) == [("claimed", caller.pk)]


def test_who_talks_with_a_lead_records_it_though_the_rules_gave_it_to_another_team(client, caller):
    answer = enter(client)
    lead = Lead.objects.get()
    assert lead.team == "qualification"
    assert client.get(answer["Location"]).status_code == 200
    client.post(f"{answer['Location']}answer/", {"code": "identity", "value": "yes"})
    said = {"disposition": "needs_to_think", "note": "Asks her son.", "then": "stay"}
    recorded = client.post(f"{answer['Location']}record/", said)
    assert recorded["Location"] == "/admin/work/"
    assert Interaction.objects.filter(lead=lead, disposition="needs_to_think").exists()
    assert client.get(answer["Location"]).status_code == 404


def test_a_known_person_gets_the_inquiry_added_and_keeps_the_owner(client, lead, caller):
    owner = User.objects.get(username="scheduling2")
    Lead.objects.filter(pk=lead.pk).update(owner=owner)
    lead.clocks.update(owner=owner)
    answer = enter(client, first_name=lead.first_name, last_name=lead.last_name, phone=str(lead.phone.value))
    assert answer["Location"] == f"/admin/work/{lead.pk}/"
    inquiry = Inquiry.objects.order_by("-pk").first()
    assert (Lead.objects.get().owner, inquiry.is_repeat, inquiry.lead) == (owner, True, lead)


def test_what_is_typed_shows_who_is_known_and_tells_nothing_of_other_teams(client, lead, caller):
    typed = {"phone": "(512) 555-0100", "last_name": lead.last_name}
    page = client.post(f"{NEW}known/", typed)
    known = page.context["known"]
    assert ([row.pk for row in known.leads], known.same, known.elsewhere) == ([lead.pk], lead, 0)
    assert client.post(f"{NEW}known/", {**typed, "last_name": "Somebody"}).context["known"].same is None
    Lead.objects.update(team="quotes", owner=None)
    page = client.post(f"{NEW}known/", typed)
    assert (page.context["known"].leads, page.context["known"].elsewhere) == ([], 1)
    assert lead.last_name not in page.content.decode()
    assert not client.post(f"{NEW}known/", {"phone": "512-555"}).context["known"].elsewhere


def test_a_number_without_a_name_opens_nobody_elses_lead(client, lead_of, caller):
    lead = lead_of(request="price")
    Lead.objects.update(team="quotes", owner=None)
    answer = enter(client, first_name="", last_name="", phone=str(lead.phone.value))
    assert answer["Location"] == "/admin/work/"
    assert not Draft.objects.exists()
    assert Inquiry.objects.filter(lead=lead, is_repeat=True).count() == 1


def test_a_sensitive_service_goes_to_trained_staff_and_is_not_opened(client, caller):
    answer = enter(client, service="bh", request="callback", timing="two_weeks", payer="ppo")
    lead = Lead.objects.get()
    assert (answer["Location"], lead.team) == ("/admin/work/", "sensitive")
    assert not Draft.objects.exists()
    assert client.get(f"/admin/work/{lead.pk}/").status_code == 404


def test_spoken_permission_is_information_only_and_proves_who_said_it(client, caller, now):
    enter(client, permitted=["voice", "sms"], words="Yes, text me about it.")
    lead = Lead.objects.select_related("source").get()
    grant = ConsentEvent.objects.get(kind="grant")
    assert (grant.level, grant.purposes, sorted(grant.channels)) == ("PEC", ["informational"], ["sms", "voice"])
    assert (grant.disclosure, grant.fresh_opt_in, grant.by) == (None, False, caller)
    informs = gate.decide(contact.request_for(lead, "sms", purpose="informational"), at=now)
    sells = gate.decide(contact.request_for(lead, "sms"), at=now)
    assert informs.code == "OK_PEC"
    assert (sells.allowed, sells.code) == (False, "CONSENT_PURPOSE_MISMATCH")


def test_spoken_permission_undoes_no_opt_out(client, lead, caller, now):
    ledger.record(lead.phone_id, "revoke", scope="all", occurred_at=now, at=now, source="sms")
    told = {"first_name": lead.first_name, "last_name": lead.last_name, "phone": str(lead.phone.value)}
    enter(client, **told, permitted=["sms"], words="Go on, text me.")
    lead = Lead.objects.select_related("source").get()
    assert gate.decide(contact.request_for(lead, "sms", purpose="informational"), at=now).code == "REVOKED"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"permitted": ["sms"]}, "words"),
        ({"permitted": ["sms"], "words": "Yes.", "is_here": ""}, "permitted"),
        ({"permitted": ["sms"], "words": "Yes.", "source": "partner"}, "permitted"),
        ({"phone": ""}, "phone"),
        ({"phone": "555"}, "phone"),
        ({"zip": "7"}, "zip"),
        ({"source": "web_consult"}, "source"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_kept(client, caller, change, field):
    page = enter(client, **change)
    assert page.context["form"].errors.keys() == {field}
    assert not Inquiry.objects.exists() and not ConsentEvent.objects.exists()
    assert page.context["form"]["first_name"].value() == "Ana"


def test_the_button_pressed_twice_is_one_inquiry(client, caller):
    first, second = enter(client), enter(client)
    assert Inquiry.objects.count() == 1
    assert first["Location"] == second["Location"]


@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("caller", 200), ("scheduler", 200), ("documents", 200), ("sales", 200), ("supervisor", 200),
        ("compliance", 403), ("marketing", 403), ("administrator", 403),
    ],
)  # fmt: skip
def test_who_enters_leads_stands_in_the_matrix(client, organisation, role, status):
    signed_in(client, f"one-{role}", role)
    assert client.get(NEW).status_code == status
    assert client.post(f"{NEW}known/", {}).status_code == status
    button = b'id="new-lead"' in client.get("/admin/").content
    assert button == (status == 200)
    if status == 403:
        assert enter(client).status_code == 403
        assert not Inquiry.objects.exists()


def test_looking_at_the_form_changes_nothing(client, caller):
    client.get(NEW)
    client.post(f"{NEW}known/", {"phone": "512-555-0142"})
    assert not Inquiry.objects.exists() and not Lead.objects.exists()


def test_the_source_and_what_it_promises_stand_on_the_callers_page(client, lead):
    page = client.get(f"/admin/work/{lead.pk}/")
    facts = {str(label): value for label, value in page.context["page"].facts}
    assert facts["Came by"] == "Consult request form (high intent)"
    assert "usual next step: same-day call" in page.content.decode()
