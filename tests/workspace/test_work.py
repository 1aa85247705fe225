"""The caller's page, the list and “call next”: what they say, what they cost, and that looking changes nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from consent.models import Attempt
from leads.models import Answer, Interaction, Lead
from medcrm import homes
from medcrm.workspace.models import Draft, SavedView
from nurture.models import CallTask, Enrollment
from routing.models import Clock, Lease
from tests.nurture.factories import make_sequence
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


def test_the_clock_shown_is_the_one_on_the_leads_wall(client, lead_of):
    """Scheduling works by Austin's clock, where it is ten; in El Paso it is nine, in Orlando eleven."""
    for zip_code, there in (("79901", "9:00 AM"), ("32801", "11:00 AM")):
        lead = lead_of(zip=zip_code)
        page, road = (
            client.get(reverse(name, args=[lead.pk])) for name in ("workspace:lead", "admin:leads_lead_change")
        )
        assert f"Tue {there}, their local time" in page.content.decode()
        assert f"Tue {there}, their local time" in road.content.decode()
    listed = client.get(reverse("workspace:my_work")).content.decode()
    assert "9:00 AM<span" in listed and "10:00 AM<span" not in listed


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


@pytest.fixture
def ask_to_call(now):
    """A sequence asks for a call to a lead, since some minutes."""
    nobody = [[{"fact": "cycle", "op": "is", "value": 99}]]
    sequence = make_sequence("kept_warm", "no_show_call_1", criteria=nobody)
    step = sequence.steps.get()

    def ask(lead: Lead, *, minutes: int = 15) -> CallTask:
        since = now - timedelta(minutes=minutes)
        row = Enrollment.objects.create(
            lead=lead, sequence=sequence, cycle=1, step=step, next_due_at=since, started_at=since
        )
        times = {"opened_at": since, "due_at": since + step.cutoff}
        return CallTask.objects.create(enrollment=row, step=step, lead=lead, text="Ask kindly.", **times)

    return ask


def test_calls_that_sequences_ask_for_are_in_the_list_and_in_what_is_owed(client, lead_of, caller, ask_to_call):
    mine, queued, foreign, late = (lead_of() for _ in range(4))
    Lead.objects.filter(pk=queued.pk).update(owner=None)
    Lead.objects.filter(pk=foreign.pk).update(owner=User.objects.get(username="scheduling2"))
    for lead in (mine, queued, foreign):
        ask_to_call(lead)
    ask_to_call(late, minutes=3 * 24 * 60)  # its time is over
    before = [figure.count for figure in homes.day_of_caller(caller, at=timezone.now()).figures[:2]]
    page = client.get("/admin/work/")
    assert [row.lead for row in page.context["work"].asked] == [mine, queued]
    assert b"Ask kindly." in page.content
    CallTask.objects.update(settled_at=timezone.now())
    after = [figure.count for figure in homes.day_of_caller(caller, at=timezone.now()).figures[:2]]
    assert (before[0] - after[0], before[1] - after[1]) == (0, 2)
    assert client.get("/admin/work/").context["work"].asked == []


def test_what_is_overdue_is_counted_by_lead_as_the_list_shows_it(client, lead_of, caller, now):
    """A lead that is owed two things stands once in the list, under the more pressing one."""
    late, today = lead_of(), lead_of()
    due = now - timedelta(hours=1)
    Clock.objects.filter(lead=late).update(warn_at=due, due_at=due)
    second = Clock.objects.get(lead=late)
    second.pk, second.owed = None, "follow_up"
    second.save()
    rows = client.get("/admin/work/").context["work"].rows
    assert [(row.lead, len(row.also)) for row in rows] == [(late, 1), (today, 0)]
    assert [figure.count for figure in homes.day_of_caller(caller, at=now).figures[:2]] == [1, 1]


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


def test_an_answer_is_kept_at_once_and_the_verdicts_follow(client, lead, caller):
    Lead.objects.update(payer=None)
    page = client.get(f"/admin/work/{lead.pk}/")
    assert "payer" in {asked.code for part in page.context["sheet"].parts for asked in part.open_questions}
    client.post(f"/admin/work/{lead.pk}/called-us/")
    answer = client.post(
        f"/admin/work/{lead.pk}/answer/", {"code": "payer", "value": "ppo"}, headers={"HX-Request": "true"}
    )
    fit = next(part for part in answer.context["sheet"].parts if part.check == "fit")
    assert fit.verdict == "pass" and "payer" not in {asked.code for asked in fit.open_questions}
    kept = Answer.objects.get(lead=lead, code="payer", is_current=True)
    assert (kept.by, kept.origin) == (caller, "call")
    lead.refresh_from_db()
    assert lead.payer_id == "ppo" and lead.advance_due_at is not None


def test_an_answer_that_does_not_fit_is_said_and_not_kept(client, lead):
    answer = client.post(
        f"/admin/work/{lead.pk}/answer/", {"code": "age_eligible", "value": "old"}, headers={"HX-Request": "true"}
    )
    assert answer.context["problems"]
    assert not Answer.objects.filter(lead=lead, code="age_eligible").exists()


def test_the_field_finds_leads_pages_and_lists_in_the_readers_scope(client, lead, caller):
    def found(term: str) -> set[str]:
        return {hit.title for hit in client.get("/admin/search/", {"s": term, "extended": "1"}).context["results"]}

    digits = lead.phone.value[-4:]
    for term in (lead.last_name, lead.phone.value, digits, lead.email.value, str(lead.public_id)):
        assert found(term) == {lead.name}, term
    assert "Handoffs" in found("hando")
    SavedView.objects.create(user=caller, name="Late ones", query="due=overdue")
    assert "Late ones" in found("late")
    Lead.objects.update(team="quotes", owner=None)
    assert lead.name not in found(lead.last_name)


def test_a_filtered_list_is_kept_under_a_name_replaced_and_dropped(client, caller):
    client.post("/admin/work/views/", {"name": "Late ones", "query": "due=overdue&p=3"})
    client.post("/admin/work/views/", {"name": "Late ones", "query": "due=today"})
    view = SavedView.objects.get(user=caller)
    assert view.query == "due=today"
    assert b"Late ones" in client.get("/admin/leads/lead/").content
    other = User.objects.create(username="other", is_staff=True)
    foreign = SavedView.objects.create(user=other, name="Theirs")
    assert client.post(f"/admin/work/views/{foreign.pk}/drop/").status_code == 404
    client.post(f"/admin/work/views/{view.pk}/drop/")
    assert list(SavedView.objects.values_list("name", flat=True)) == ["Theirs"]
