"""The caller's page, the list and “call next”: what they say, what they cost, and that looking changes nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from consent.models import Attempt
from leads.models import Interaction, Lead
from medcrm.workspace.models import Draft
from routing.models import Clock, Lease
from tests.rows import make

pytestmark = pytest.mark.django_db


def queries(client, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


def test_the_page_says_why_now_what_to_say_and_what_is_allowed(client, lead):
    answer = client.get(f"/admin/work/{lead.pk}/")
    ws = answer.context["ws"]
    assert [owed.clock.owed for owed in ws.owed] == ["booking"]
    assert ws.handoff["handoff"].to_team_id == "scheduling"
    facts = {piece.text for piece in ws.script if piece.kind == "fact"}
    assert {str(lead.service), str(lead.preferred_clinic)} <= facts
    assert {contact.channel: contact.is_allowed for contact in ws.page.contacts} == dict.fromkeys(
        ("voice", "sms", "email"), True
    )
    assert ws.emergency[1].startswith("1. Location first")


def test_looking_changes_nothing(client, lead):
    client.get(f"/admin/work/{lead.pk}/")
    client.get("/admin/work/")
    assert not Attempt.objects.exists() and not Lease.objects.exists() and not Draft.objects.exists()
    for path in ("call/", "called-us/", "draft/", "record/", "write/email/"):
        assert client.get(f"/admin/work/{lead.pk}/{path}").status_code == 405
    assert client.get("/admin/work/next/").status_code == 405


def test_the_page_costs_the_same_with_a_long_history(client, lead):
    client.get(f"/admin/work/{lead.pk}/")
    few = queries(client, f"/admin/work/{lead.pk}/")
    for _ in range(30):
        make(Interaction, lead=lead)
    assert queries(client, f"/admin/work/{lead.pk}/") == few


def test_the_list_costs_the_same_for_3_and_for_30_leads(client, lead, caller):
    def owe(count: int) -> None:
        for _ in range(count):
            other = make(Lead, team="scheduling", owner=caller, source=lead.source, phone=lead.phone, email=lead.email)
            make(Clock, lead=other, team_id="scheduling", owner=caller, owed="booking")

    owe(2)
    client.get("/admin/work/")
    few = queries(client, "/admin/work/")
    owe(27)
    assert queries(client, "/admin/work/") == few
    assert len(client.get("/admin/work/").context["work"].rows) == 30


def test_the_list_is_paged_and_an_empty_one_says_what_to_do(client, caller):
    page = client.get("/admin/work/")
    assert page.context["work"].rows == []
    assert b"Call next" in page.content
    assert client.get("/admin/work/?page=99").context["work"].rows == []


def test_call_next_leads_to_the_lead_and_says_when_nobody_may_be_called(client, lead, now):
    answer = client.post("/admin/work/next/")
    assert answer["Location"] == f"/admin/work/{lead.pk}/"
    assert Lease.objects.get().lead_id == lead.pk
    Lease.objects.all().delete()
    client.post(f"/admin/work/{lead.pk}/called-us/")
    Lead.objects.update(timezone="")
    lead.clocks.update(not_before=now + timedelta(hours=2), held_code="QUIET_HOURS")
    assert client.post("/admin/work/next/")["Location"] == "/admin/work/"


def test_a_lead_of_another_team_is_not_there(client, lead):
    Lead.objects.update(team="quotes", owner=None)
    for path in ("", "call/", "draft/", "record/"):
        way = client.post if path else client.get
        assert way(f"/admin/work/{lead.pk}/{path}").status_code == 404
    assert not Attempt.objects.exists()


@pytest.mark.parametrize(("role", "status"), [("compliance", 200), ("marketing", 403), ("supervisor", 200)])
def test_who_may_only_read_sees_no_buttons(role, status, client, lead):
    user = User.objects.create(username=role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    answer = client.get(f"/admin/work/{lead.pk}/")
    assert answer.status_code == status
    if role == "compliance":
        assert b'id="ws-form"' not in answer.content
        assert client.post(f"/admin/work/{lead.pk}/call/").status_code == 403
