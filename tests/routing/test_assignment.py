"""Moves by hand, by absence and by return keep history, clocks and the person's decision."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from leads.models import Lead
from medcrm.lib.errors import RuleError
from routing import absence, assignment, handoff, notices, router
from routing.models import Agent, Assignment, Clock, Notice
from tests.routing.factories import make_lead, make_leads

pytestmark = pytest.mark.usefixtures("organisation")


def user(login: str):
    return get_user_model().objects.get(username=login)


def make_agent(login: str, team: str = "scheduling") -> Agent:
    return Agent.objects.create(
        user=get_user_model().objects.create_user(login, f"{login}@example.org"), team_id=team, languages=["en"]
    )


def test_forty_leads_of_an_absent_agent_go_to_three_others(now, supervisor):
    absent = Agent.objects.get(user__username="scheduling1")
    Agent.objects.filter(pk=absent.pk).update(daily_cap=None)
    Agent.objects.filter(user__username="scheduling2").update(open_cap=0)
    ids = make_leads(now, 40)
    router.route(ids, at=now)
    assert set(Lead.objects.values_list("owner", flat=True)) == {absent.user_id}
    others = [make_agent(f"new{n}") for n in range(3)]
    before = dict(Clock.objects.values_list("lead", "due_at"))
    later = now + timedelta(hours=1)
    with CaptureQueriesContext(connection) as queries:
        report = absence.hand_over(
            absent.pk, to=[agent.user_id for agent in others], reason="ill", by=supervisor, at=later
        )
    assert len(queries) <= 50
    assert len(report.moved) == 40
    owned = Counter(Lead.objects.values_list("owner", flat=True))
    assert sorted(owned.values()) == [13, 13, 14]
    assert dict(Clock.objects.open().values_list("lead", "due_at")) == before
    assert set(Clock.objects.open().values_list("owner", flat=True)) == set(owned)
    assert Assignment.objects.filter(because="absence", by=supervisor, note="ill").count() == 40
    assert Notice.objects.filter(kind="given").count() == 3
    assert Notice.objects.filter(kind="taken", user=absent.user).count() == 1
    assert notices.send_due(at=later) == 4
    assert notices.send_due(at=later) == 0
    assert "Alpha" not in mail.outbox[0].body


def test_what_a_supervisor_decided_the_rules_leave_alone_until_something_else_is_owed(now, supervisor):
    lead = make_lead(now)
    router.route([lead.pk], at=now)
    assignment.reassign([lead.pk], to=[user("quotes1").pk], reason="knows her", by=supervisor, at=now)
    router.route([lead.pk], at=now + timedelta(minutes=5))
    lead.refresh_from_db()
    assert (lead.team, lead.owner) == ("quotes", user("quotes1"))
    Lead.objects.filter(pk=lead.pk).update(next_step="callback")
    router.route([lead.pk], at=now + timedelta(minutes=6))
    lead.refresh_from_db()
    assert lead.team == "qualification"


def test_reassigning_needs_a_reason_and_one_team(now, supervisor, routed):
    with pytest.raises(RuleError, match="why"):
        assignment.reassign([routed.pk], to=[user("quotes1").pk], reason=" ", by=supervisor, at=now)
    with pytest.raises(RuleError, match="one team"):
        both = [user("quotes1").pk, user("intake1").pk]
        assignment.reassign([routed.pk], to=both, reason="x", by=supervisor, at=now)


def test_a_sensitive_lead_is_never_given_to_the_untrained(now, supervisor):
    lead = make_lead(now, service_id="bh")
    router.route([lead.pk], at=now)
    report = assignment.reassign([lead.pk], to=[user("scheduling1").pk], reason="x", by=supervisor, at=now)
    assert report.refused == {lead.pk: "untrained"}
    assert str(report) == "0 moved, 1 refused: UNTRAINED x1"


def test_lead_in_nurture_is_moved_without_clock_or_handoff(now, supervisor):
    lead = make_lead(now, "nurture")
    assignment.reassign([lead.pk], to=[user("intake1").pk], reason="hers", by=supervisor, at=now)
    lead.refresh_from_db()
    assert lead.owner == user("intake1")
    assert not lead.clocks.exists()
    assert not lead.handoffs.exists()


def test_returned_handoff_goes_back_and_is_kept_with_its_reason(now, routed):
    receiver = routed.owner
    row = assignment.give_back(routed.pk, "incomplete", "no phone", by=receiver, at=now)
    routed.refresh_from_db()
    assert (row.state, row.return_reason, row.returned_by) == ("returned", "incomplete", receiver)
    assert routed.team == "intake"
    assert routed.assignments.first().because == "returned"
    assert routed.handoffs.first().to_team_id == "intake"
    router.route([routed.pk], at=now + timedelta(minutes=1))
    routed.refresh_from_db()
    assert routed.team == "intake"


def test_accepting_twice_is_refused(now, routed):
    handoff.accept(routed.pk, by=routed.owner, at=now)
    with pytest.raises(handoff.NotOffered):
        handoff.accept(routed.pk, by=routed.owner, at=now)


def test_new_owner_after_acceptance_gets_a_handoff_of_their_own(now, supervisor, routed):
    handoff.accept(routed.pk, by=routed.owner, at=now)
    other = Agent.objects.filter(team="scheduling").exclude(user=routed.owner).get().user
    assignment.reassign([routed.pk], to=[other.pk], reason="ill", by=supervisor, at=now)
    latest, first = routed.handoffs.all()
    assert (latest.state, latest.to_owner, latest.from_owner) == ("offered", other, routed.owner)
    assert first.state == "closed"


def test_replaying_the_log_gives_the_same_owners(now, supervisor):
    ids = make_leads(now, 12) + make_leads(now, 6, "documents", service_id="cardio")
    router.route(ids, at=now)
    assignment.reassign(ids[:5], to=[user("quotes1").pk, user("quotes2").pk], reason="x", by=supervisor, at=now)
    assignment.give_back(ids[6], "wrong_team", by=user("scheduling1"), at=now)
    Lead.objects.filter(pk__in=ids[12:15]).update(next_step="callback", decision="forward", stage="forwarded")
    router.route(ids, at=now + timedelta(hours=1))
    owners = {lead.pk: (lead.team, lead.owner_id) for lead in Lead.objects.filter(pk__in=ids)}
    assert assignment.replay(ids) == owners


def test_assignments_are_append_only(now, routed):
    with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
        Assignment.objects.update(note="x")
    with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
        Assignment.objects.all()._raw_delete("default")
