"""The supervisor's pages: the board, moving work in one action, the simulator, notices."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from smtplib import SMTPServerDisconnected

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from leads.models import Lead
from medcrm import roles
from medcrm.lib import actions
from routing import assignment, board, neglected, notices, returns, router
from routing.board import Owed
from routing.models import Agent, Assignment, Clock, Notice, RouteSet, RoutingRule, Team
from routing.neglected import Neglect
from tests.routing.factories import make_call, make_lead, make_leads

pytestmark = pytest.mark.usefixtures("organisation")

BOARD, SIMULATOR = "admin:routing_team_board", "admin:routing_routeset_simulate"


@pytest.fixture
def boss(supervisor) -> object:
    roles.sync()
    supervisor.groups.add(Group.objects.get(name="supervisor"))
    return supervisor


@pytest.fixture
def client(boss) -> Client:
    client = Client()
    client.force_login(boss)
    return client


def agent(login: str) -> Agent:
    return Agent.objects.get(user__username=login)


def line_of(team: str, at) -> board.TeamLine:
    return next(line for line in board.read(at=at) if line.team.pk == team)


def test_the_board_says_what_is_open_due_late_and_in_the_queue(now):
    Agent.objects.filter(user__username="scheduling1").update(open_cap=3)
    Agent.objects.filter(user__username="scheduling2").update(away_from=now, away_until=now + timedelta(days=2))
    router.route(make_leads(now, 5), at=now)
    later = now + timedelta(hours=4, minutes=1)  # the four working hours of a booking are over
    Clock.objects.filter(owner=agent("scheduling1").user).update(breached_at=later)
    line = line_of("scheduling", later)
    first, second = line.agents
    assert (first.owed, first.given_today, first.is_full) == (Owed(3, 3, 3, 3), 3, True)
    assert (second.is_away, second.is_at_work, second.owed) == (True, False, Owed())
    assert line.queue == Owed(2, 2, 2, 0)
    assert line.owed == Owed(5, 5, 5, 3)
    assert (line.cap, line.present, line.offered) == (3, 1, 5)


def test_a_lead_owed_two_things_counts_once(now):
    lead = make_lead(now, "quote")
    router.route([lead.pk], at=now)
    lead.refresh_from_db()
    make_call(lead, "gatekeeper", at=now, by=lead.owner, callback_at=(now + timedelta(hours=2)).isoformat())
    router.route([lead.pk], at=now)
    assert lead.clocks.open().count() == 2
    assert line_of("quotes", now).owed.leads == 1


def test_the_board_takes_the_same_queries_for_three_and_thirty_leads(client, now):
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert client.get(reverse(BOARD)).status_code == 200
        return len(seen)

    router.route(make_leads(now, 3), at=now)
    queries()
    few = queries()
    router.route(make_leads(now, 27), at=now)
    assert queries() == few


def test_the_page_fetches_its_body_alone_and_strangers_get_neither(client, now):
    body = client.get(reverse(BOARD) + "?body").content.decode()
    assert "<html" not in body
    assert "Scheduling" in body
    caller = Client()
    user = agent("scheduling1").user
    user.groups.add(Group.objects.get(name="caller"))
    caller.force_login(user)
    assert caller.get(reverse(BOARD)).status_code == 403
    assert caller.get(reverse(SIMULATOR)).status_code == 403


def test_each_neglect_finds_its_leads_and_no_others(now):
    Agent.objects.filter(team="scheduling").update(open_cap=0)
    queued, held = make_lead(now), make_lead(now, "quote")
    called, lost, waiting = make_lead(now, "callback"), make_lead(now), make_lead(now, "nurture")
    router.route([queued.pk, held.pk, called.pk], at=now)
    held.clocks.update(breached_at=now)
    called.clocks.update(owed="decision")
    Lead.objects.filter(pk=waiting.pk).update(advance_due_at=now)
    at = now + timedelta(hours=5)
    expected = {
        Neglect.QUEUE_LATE: [queued],
        Neglect.UNTAKEN: [held],
        Neglect.EXHAUSTED: [called],
        Neglect.NO_TEAM: [lost],
        Neglect.NOT_WALKED: [waiting],
    }
    for kind, leads in expected.items():
        assert list(Lead.objects.filter(neglected.condition(kind, at=at))) == leads, kind


def test_figures_of_the_board_are_what_their_lists_show(client, now):
    make_lead(now)
    page = client.get(reverse("admin:leads_lead_changelist") + f"?neglect={Neglect.NO_TEAM}")
    assert page.context["cl"].result_count == neglected.count(Lead.objects.all(), Neglect.NO_TEAM, at=now) == 1


def test_forty_leads_of_an_absent_agent_go_to_three_others_in_one_action(client, boss, now):
    absent = agent("scheduling1")
    Agent.objects.filter(team="scheduling").update(open_cap=0)
    Agent.objects.filter(pk=absent.pk).update(open_cap=None, daily_cap=None)
    ids = make_leads(now, 40)
    router.route(ids, at=now)
    users = [get_user_model().objects.create_user(f"new{n}", f"new{n}@example.org") for n in range(3)]
    for user in users:
        Agent.objects.create(user=user, team_id="scheduling")
    before = list(Clock.objects.order_by("pk").values_list("pk", "lead", "started_at", "due_at", "warn_at"))
    url = reverse("admin:routing_agent_hand_over", args=[absent.pk])
    assert client.get(url).status_code == 200
    assert not Assignment.objects.filter(because="absence").exists()
    answer = client.post(url, {"reason": "ill", "to": [user.pk for user in users], "is_away": "on"}, follow=True)
    assert "40 moved" in answer.content.decode()
    owners = dict(Lead.objects.values_list("pk", "owner"))
    assert sorted(Counter(owners.values()).values()) == [13, 13, 14]
    assert set(owners.values()) == {user.pk for user in users}
    assert list(Clock.objects.order_by("pk").values_list("pk", "lead", "started_at", "due_at", "warn_at")) == before
    assert dict(Clock.objects.open().values_list("lead", "owner")) == owners
    assert Assignment.objects.filter(because="absence", by=boss, note="ill").count() == 40
    assert assignment.replay(ids) == {pk: ("scheduling", owner) for pk, owner in owners.items()}
    told = dict(Notice.objects.values_list("user__username", "count"))
    assert sorted(told.values()) == [13, 13, 14, 40]
    assert told["scheduling1"] == 40
    absent.refresh_from_db()
    assert absent.away_until is None
    assert absent.away_from is not None


def test_many_leads_are_reassigned_at_once_and_the_untrained_refused(client, now):
    plain, sensitive = make_leads(now, 6), make_lead(now, service_id="bh")
    router.route([*plain, sensitive.pk], at=now)
    targets = [agent("quotes1").user_id, agent("quotes2").user_id]
    data = {"action": "reassign", "_selected_action": plain, "to": targets, "reason": "campaign"}
    url = reverse("admin:leads_lead_changelist")
    client.post(url, data)
    assert not Lead.objects.filter(team="quotes").exists()
    with CaptureQueriesContext(connection) as seen:
        page = client.post(url, data | {"_confirmed": "1"}, follow=True).content.decode()
    assert "6 done" in page
    assert Counter(Lead.objects.filter(pk__in=plain).values_list("owner", flat=True)) == dict.fromkeys(targets, 3)
    assert len(seen) < 110  # both pages and the move, where one service per row took 30 each
    sensitive.refresh_from_db()
    assert sensitive.team == "sensitive"


def test_more_rows_than_one_request_can_do_are_refused_with_what_to_do(client, now, monkeypatch):
    monkeypatch.setattr(actions, "MOST_ROWS", 3)
    ids = make_leads(now, 4)
    router.route(ids, at=now)
    data = {"action": "reassign", "_selected_action": ids[:1], "select_across": "1", "reason": "x",
            "to": [agent("quotes1").user_id], "_confirmed": "1"}  # fmt: skip
    page = client.post(reverse("admin:leads_lead_changelist"), data, follow=True).content.decode()
    assert "At most 3 rows at once, so nothing was done. Narrow the list" in page
    assert not Lead.objects.filter(team="quotes").exists()
    client.post(reverse("admin:leads_lead_changelist"), data | {"select_across": "0", "_selected_action": ids[:3]})
    assert Lead.objects.filter(team="quotes").count() == 3


def test_a_bulk_move_without_a_target_shows_why_and_moves_nothing(client, now):
    ids = make_leads(now, 2)
    router.route(ids, at=now)
    data = {"action": "reassign", "_selected_action": ids, "reason": "x", "_confirmed": "1"}
    page = client.post(reverse("admin:leads_lead_changelist"), data).content.decode()
    assert "Choose" in page
    assert not Assignment.objects.filter(because="reassigned").exists()


def test_the_simulator_shows_rules_candidates_and_a_draft_and_keeps_nothing(client, now):
    published = RouteSet.objects.get()
    draft = RouteSet.objects.create(version=2)
    RoutingRule.objects.create(rule_set=draft, name="All to quotes", team_id="quotes")
    typed = {
        "lead_type": "patient", "source": "web_consult", "service": "ortho", "preferred_clinic": "aus", "zip": "78704",
        "timing": "two_weeks", "request": "appointment", "payer": "ppo", "age": "45", "phone": "512-555-0101",
    }  # fmt: skip
    today = client.post(reverse(SIMULATOR), {**typed, "rules": published.pk})
    assert today.context["answer"].told.team == "Scheduling"
    assert "Wants an appointment" in today.content.decode()
    tried = client.post(reverse(SIMULATOR), {**typed, "rules": draft.pk})
    assert tried.context["answer"].told.team == "Quote desk"
    assert not Lead.objects.exists()
    lead = make_lead(now)
    found = client.post(reverse(SIMULATOR), {**typed, "lead": str(lead.public_id), "rules": published.pk})
    assert found.context["answer"].lead == lead
    missing = client.post(reverse(SIMULATOR), {**typed, "lead": "nobody@example.org", "rules": published.pk})
    assert "No such lead" in missing.content.decode()


def test_returned_handoffs_are_counted_by_team_and_reason_and_their_time_is_split(now):
    lead = make_lead(now, "documents", service_id="cardio")
    router.route([lead.pk], at=now)
    Lead.objects.filter(pk=lead.pk).update(decision="forward", next_step="appointment", stage="forwarded")
    router.route([lead.pk], at=now + timedelta(hours=1))
    lead.refresh_from_db()
    assignment.give_back(lead.pk, "incomplete", by=lead.owner, at=now + timedelta(hours=3))
    [row] = returns.returned(since=now)
    assert (row.by_team, row.sent_by, row.count) == ("Scheduling", "Benefits and documents", 1)
    assert returns.returned(since=now + timedelta(hours=4)) == []
    handoff = lead.handoffs.get(state="returned")
    part = returns.split(handoff, at=now + timedelta(days=1))
    assert (part.sender, part.waiting, part.receiver) == (timedelta(hours=1), timedelta(hours=2), None)


def test_team_is_told_when_nobody_of_it_has_the_lead_and_mailed_at_its_own_address(client, now, mailoutbox):
    notices.tell_teams({"scheduling": 2}, Notice.Kind.BREACH, at=now)
    notices.tell_teams({"scheduling": 1}, Notice.Kind.BREACH, at=now)
    member, stranger = agent("scheduling1").user, agent("quotes1").user
    assert [row.count for row in notices.of(member)] == [3]
    assert not notices.of(stranger).exists()
    assert notices.send_due(at=now) == 1
    assert mailoutbox[0].to == ["scheduling@example.org"]
    assert notices.mark_read(stranger, at=now) == 0
    assert notices.mark_read(member, at=now) == 1


def test_a_mail_that_fails_is_tried_again_and_holds_up_no_other(now, mailoutbox, monkeypatch):
    send_mail = notices.send_mail

    def break_down(subject: str, body: str, sender: None, to: list[str], **kwargs: object) -> int:
        if to == ["scheduling@example.org"]:
            raise SMTPServerDisconnected
        return send_mail(subject, body, sender, to, **kwargs)

    notices.tell_teams({"scheduling": 2, "quotes": 1}, Notice.Kind.BREACH, at=now)
    Team.objects.filter(pk="quotes").update(email="quotes@example.org")
    with monkeypatch.context() as patch:
        patch.setattr(notices, "send_mail", break_down)
        assert notices.send_due(at=now) == 1
    assert dict(Notice.objects.values_list("team", "mailed_at")) == {"scheduling": None, "quotes": now}
    assert notices.send_due(at=now) == 1
    assert [mail.to for mail in mailoutbox] == [["quotes@example.org"], ["scheduling@example.org"]]


def test_only_ones_own_notices_are_marked_read_from_the_list(client, boss, now):
    notices.tell({boss.pk: 2, agent("quotes1").user_id: 1}, Notice.Kind.EXHAUSTED, at=now)
    keys = list(Notice.objects.values_list("pk", flat=True))
    data = {"action": "mark_read", "_selected_action": keys, "_confirmed": "1"}
    page = client.get(reverse("admin:routing_notice_changelist")).content.decode()
    assert f"?neglect={Neglect.EXHAUSTED}" in page
    client.post(reverse("admin:routing_notice_changelist"), data)
    assert dict(Notice.objects.values_list("user__username", "read_at")).pop("quotes1") is None
    assert Notice.objects.get(user=boss).read_at is not None
