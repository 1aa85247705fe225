"""Who gets which lead, and why?"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from consent import addresses, ledger
from consent.models import Permission
from leads.criteria import condition
from leads.lifecycle import Stage
from leads.models import Lead
from leads.visibility import visible
from medcrm.lib.models import VersionStatus
from routing import router
from routing.models import Agent, Assignment, Clock, Handoff, RouteSet, RoutingRule, Script, Team
from tests.routing.factories import make_call, make_lead, make_leads, reachable
from tests.thawing import thawed

pytestmark = pytest.mark.usefixtures("organisation")


def route(now: datetime, *leads: Lead) -> router.RouteReport:
    report = router.route([lead.pk for lead in leads], at=now)
    for lead in leads:
        lead.refresh_from_db()
    return report


def agent(login: str) -> Agent:
    return Agent.objects.get(user__username=login)


def change(login: str, **values: object) -> None:
    Agent.objects.filter(user__username=login).update(**values)


@pytest.mark.parametrize(
    ("step", "fields", "team"),
    [
        ("appointment", {}, "scheduling"),
        ("documents", {"service_id": "cardio"}, "documents"),
        ("quote", {"request": "price"}, "quotes"),
        ("callback", {}, "qualification"),
        ("discovery", {"lead_type": "b2b", "service_id": "screening"}, "discovery"),
        ("partnership", {"lead_type": "partner", "service_id": "referral_network"}, "partnerships"),
        ("appointment", {"service_id": "bh"}, "sensitive"),
        ("none", {}, "intake"),
    ],
)
def test_each_step_reaches_its_team_and_gets_an_owner(now, step, fields, team):
    lead = make_lead(now, step, **fields)
    route(now, lead)
    assert lead.team == team
    assert lead.owner.agent.team_id == team
    assert lead.next_action
    assert lead.next_action_due_at > now


def test_first_rule_that_holds_wins_over_a_later_one(now):
    rules = RouteSet.objects.get(status=VersionStatus.PUBLISHED)
    with thawed():
        RoutingRule.objects.create(rule_set=rules, name="Everything", position=0, team_id="quotes")
    lead = make_lead(now)
    route(now, lead)
    assert lead.team == "quotes"
    assert lead.assignments.get().rule.name == "Everything"


def test_lead_without_a_rule_goes_to_the_fallback_team_and_says_so(now):
    with thawed():
        RoutingRule.objects.all().delete()
    lead = make_lead(now)
    route(now, lead)
    assert lead.team == "intake"
    assert lead.assignments.get().because == "fallback"


def test_without_a_fallback_team_the_lead_is_reported(now):
    with thawed():
        RoutingRule.objects.all().delete()
    Team.objects.update(is_fallback=False)
    lead = make_lead(now)
    assert route(now, lead).unrouted == [lead.pk]


def test_nobody_eligible_leaves_it_in_the_queue_with_each_reason(now):
    change("scheduling1", open_cap=0)
    change("scheduling2", away_from=now - timedelta(days=1))
    lead = make_lead(now)
    report = route(now, lead)
    given = lead.assignments.get()
    assert (lead.team, lead.owner) == ("scheduling", None)
    assert given.because == "queue"
    assert given.path["not"] == {"scheduling1": "open_cap", "scheduling2": "away"}
    assert lead.next_action_due_at
    assert report.queued == [lead.pk]


def test_queued_lead_is_given_out_as_soon_as_somebody_may_have_it(now):
    Agent.objects.filter(team="scheduling").update(open_cap=0)
    lead = make_lead(now)
    route(now, lead)
    change("scheduling1", open_cap=None)
    route(now, lead)
    assert lead.owner.username == "scheduling1"


def test_the_path_names_rules_tried_and_candidates_passed_over(now):
    lead = make_lead(now)
    route(now, lead)
    path = lead.assignments.get().path
    tried = [RoutingRule.objects.get(pk=pk).name for pk in path["rules"]]
    assert tried[-1] == "Wants an appointment"
    assert "A person must decide" in tried and all(name.startswith("Words of") for name in tried[:2])
    assert list(path["not"].values()) == ["not_their_turn"]


def test_routing_again_with_nothing_changed_writes_nothing(now):
    ids = make_leads(now, 3) + make_leads(now, 2, "documents") + make_leads(now, 1, "nurture")
    router.route(ids, at=now)
    before = {model: list(model.objects.order_by("pk").values()) for model in (Lead, Assignment, Clock, Handoff)}
    with CaptureQueriesContext(
        connection,
    ) as queries:
        router.route(ids, at=now + timedelta(minutes=5))
    assert {model: list(model.objects.order_by("pk").values()) for model in before} == before
    writes = ("UPDATE", "INSERT", "DELETE")
    assert [q["sql"] for q in queries if q["sql"].startswith(writes)] == []


def test_turns_of_equal_agents_differ_by_one_at_most(now):
    for size in (1, 2, 5, 7):
        router.route(make_leads(now, size), at=now)
        given = Counter(Lead.objects.filter(team="scheduling").values_list("owner", flat=True))
        assert max(given.values()) - min([given[a.user_id] for a in Agent.objects.filter(team="scheduling")]) <= 1


def test_least_open_work_levels_what_is_uneven(now):
    router.route(make_leads(now, 6), at=now)
    with thawed():
        RoutingRule.objects.filter(team="scheduling").update(strategy="least_open")
    first = agent("scheduling1").user
    Lead.objects.filter(owner=first).update(owner=None)
    router.route(make_leads(now, 3), at=now)
    assert Lead.objects.filter(owner=first).count() == 3


def test_weighted_gives_each_its_share(now):
    with thawed():
        RoutingRule.objects.filter(team="scheduling").update(strategy="weighted")
    change("scheduling1", weight=3)
    router.route(make_leads(now, 20), at=now)
    assert Lead.objects.filter(owner__username="scheduling1").count() == 15


def test_clinic_staff_come_before_the_rest_of_the_team(now):
    with thawed():
        RoutingRule.objects.filter(team="scheduling").update(strategy="clinic_staff")
    change("scheduling2", clinic="rrk")
    leads = [make_lead(now, preferred_clinic_id="rrk"), make_lead(now, preferred_clinic_id="rrk"), make_lead(now)]
    route(now, *leads)
    assert [lead.owner.username for lead in leads] == ["scheduling2", "scheduling2", "scheduling1"]


def test_caps_of_zero_and_blank_are_different(now):
    change("scheduling1", open_cap=0, daily_cap=None)
    change("scheduling2", open_cap=None, daily_cap=None)
    router.route(make_leads(now, 60), at=now)
    assert Lead.objects.filter(owner__username="scheduling1").count() == 0
    assert Lead.objects.filter(owner__username="scheduling2").count() == 60


def test_caps_are_never_exceeded(now):
    change("scheduling1", open_cap=3)
    change("scheduling2", open_cap=None, daily_cap=5)
    router.route(make_leads(now, 12), at=now)
    owned = Counter(Lead.objects.values_list("owner__username", flat=True))
    assert owned == {"scheduling1": 3, "scheduling2": 5, None: 4}


def test_daily_cap_counts_the_teams_own_day(now):
    Agent.objects.filter(team="scheduling").update(open_cap=None, daily_cap=1)
    router.route(make_leads(now, 3), at=now)
    assert Lead.objects.filter(owner=None).count() == 1
    late = now.replace(hour=5) + timedelta(days=1)  # still 1 December in Austin
    router.route(list(Lead.objects.filter(owner=None).values_list("pk", flat=True)), at=late)
    assert Lead.objects.filter(owner=None).count() == 1
    router.route(list(Lead.objects.filter(owner=None).values_list("pk", flat=True)), at=late + timedelta(hours=2))
    assert Lead.objects.filter(owner=None).count() == 0


def test_sensitive_service_reaches_only_trained_staff(now):
    change("sensitive1", trainings=[])
    ids = make_leads(now, 4, service_id="bh")
    router.route(ids, at=now)
    assert set(Lead.objects.values_list("owner__username", flat=True)) == {"sensitive2"}
    assert Handoff.objects.first().script.requires_consent_step


def test_a_lead_that_asked_for_a_sensitive_service_before_stays_with_trained_staff(now):
    lead = make_lead(now, other_services=["bh", "pt"])
    route(now, lead)
    assert lead.owner.agent.team_id == "sensitive"
    assert lead.handoffs.get().script_id == "behavioral_health"
    plain = make_lead(now, other_services=["pt"])
    route(now, plain)
    assert plain.team == "scheduling"


def test_another_language_goes_to_who_speaks_it(now):
    leads = [make_lead(now, language="es") for _ in range(3)]
    route(now, *leads)
    assert {lead.owner.username for lead in leads} == {"scheduling2"}


def test_a_language_that_nobody_of_the_team_speaks_leaves_no_lead_without_an_owner(now):
    lead = make_lead(now, language="vi")
    route(now, lead)
    assert lead.owner is not None
    owner = lead.owner
    route(now + timedelta(minutes=5), lead)
    assert lead.owner == owner


@pytest.mark.parametrize(("heard", "calls_again"), [("", "scheduling2"), ("es", "scheduling2"), ("vi", "scheduling1")])
def test_after_a_language_barrier_somebody_of_the_bilingual_pool_calls_again(now, heard, calls_again):
    first = Agent.objects.get(user__username="scheduling1").user
    lead = make_lead(now, owner=first, team="scheduling")
    make_call(lead, "language_barrier", at=now, by=first)
    if heard:
        Lead.objects.filter(pk=lead.pk).update(language=heard)
    route(now + timedelta(minutes=1), lead)
    assert lead.owner.username == calls_again
    route(now + timedelta(minutes=2), lead)
    assert lead.owner.username == calls_again


def test_agent_whose_own_hours_begin_after_the_due_time_is_passed_over(now):
    change("scheduling1", hours={"sat": [["08:00", "12:00"]]})
    leads = [make_lead(now), make_lead(now)]
    route(now, *leads)
    assert {lead.owner.username for lead in leads} == {"scheduling2"}


def test_repeat_inquiry_keeps_the_owner_even_at_a_full_cap(now):
    lead = make_lead(now)
    route(now, lead)
    owner = lead.owner
    Agent.objects.filter(user=owner).update(open_cap=1, daily_cap=1)
    Lead.objects.filter(pk=lead.pk).update(question="Is parking free?")
    route(now + timedelta(hours=2), lead)
    assert lead.owner == owner
    assert lead.assignments.count() == 1


def test_stand_in_takes_over_from_an_owner_who_is_away_past_the_due_time(now):
    lead = make_lead(now)
    route(now, lead)
    owner, other = agent(lead.owner.username), Agent.objects.filter(team="scheduling").exclude(user=lead.owner).get()
    owner.away_from, owner.stand_in = now, other
    owner.save()
    route(now + timedelta(minutes=5), lead)
    assert lead.owner == other.user
    assert lead.assignments.first().because == "stand_in"


def test_short_absence_does_not_take_the_lead_away(now):
    lead = make_lead(now)
    route(now, lead)
    owner = lead.owner
    Agent.objects.filter(user=owner).update(away_from=now, away_until=now + timedelta(hours=1))
    route(now + timedelta(minutes=5), lead)
    assert lead.owner == owner


def test_team_changes_with_the_next_step_and_history_keeps_both(now):
    lead = make_lead(now, "documents", service_id="cardio")
    route(now, lead)
    Lead.objects.filter(pk=lead.pk).update(decision="forward", next_step="appointment", stage=Stage.FORWARDED)
    route(now + timedelta(hours=1), lead)
    assert [a.to_team_id for a in lead.assignments.order_by("pk")] == ["documents", "scheduling"]
    assert [c.owed for c in lead.clocks.open()] == ["booking"]
    assert lead.clocks.get(owed="documents").ended_because == "handed_over"
    assert [h.state for h in lead.handoffs.order_by("pk")] == ["closed", "offered"]


def test_lead_that_needs_nobody_keeps_its_owner_but_owes_nothing(now):
    lead = make_lead(now)
    route(now, lead)
    owner = lead.owner
    Lead.objects.filter(pk=lead.pk).update(decision="hold", next_step="nurture", stage=Stage.NURTURING)
    route(now + timedelta(hours=1), lead)
    assert lead.owner == owner
    assert (lead.next_action, lead.next_action_due_at) == ("", None)
    assert not lead.clocks.open()
    assert not lead.handoffs.open()


def test_lead_that_never_needed_anybody_is_with_who_takes_calls_and_owes_nothing(now):
    lead = make_lead(now, "nurture")
    route(now, lead)
    assert (lead.team, lead.owner, lead.next_action) == ("intake", None, "")
    assert not lead.handoffs.exists()
    assert not lead.clocks.exists()
    assert list(Lead.objects.filter(visible(agent("intake1").user))) == [lead]
    assert not Lead.objects.filter(visible(agent("quotes1").user)).exists()
    route(now + timedelta(hours=1), lead)
    assert lead.assignments.count() == 1


def mailbox(value: str = "alpha@example.org") -> int:
    return addresses.lock_addresses([(addresses.EMAIL, value)])[addresses.EMAIL, value].pk


@pytest.mark.parametrize(
    ("step", "owes"),
    [
        ("appointment", "Book the appointment by e-mail: no calls"),
        ("callback", "Write: first attempt by e-mail: no calls"),
    ],
)
def test_withdrawn_calls_change_what_is_owed_to_a_way_that_is_open(now, step, owes):
    lead = reachable(now, step=step, email_id=mailbox())
    route(now, lead)
    assert "no calls" not in lead.next_action
    ledger.record(lead.phone_id, "internal_dnc", occurred_at=now, at=now)
    route(now + timedelta(hours=1), lead)
    assert lead.next_action == owes
    ledger.record(lead.email_id, "email_unsub", occurred_at=now, at=now)
    route(now + timedelta(hours=2), lead)
    assert "no calls" not in lead.next_action  # no way is open: the next-step rules hold it


def test_who_may_only_be_written_to_gets_the_words_for_writing(now):
    lead = reachable(now, step="callback", email_id=mailbox())
    ledger.record(lead.phone_id, "internal_dnc", occurred_at=now, at=now)
    route(now, lead)
    handoff = lead.handoffs.get(state="offered")
    assert (lead.team, handoff.script_id) == ("qualification", "in_writing")


def test_waking_lead_does_not_push_its_old_owner_over_the_cap(now):
    lead = make_lead(now)
    route(now, lead)
    owner = lead.owner
    Lead.objects.filter(pk=lead.pk).update(decision="hold", next_step="none", stage=Stage.HELD)
    route(now, lead)
    Agent.objects.filter(user=owner).update(open_cap=0)
    Lead.objects.filter(pk=lead.pk).update(decision="forward", next_step="appointment", stage=Stage.FORWARDED)
    route(now, lead)
    assert lead.owner != owner


def queries_for(now: datetime, count: int) -> int:
    ids = make_leads(now, count // 2) + make_leads(now, count - count // 2, "documents", service_id="cardio")
    with CaptureQueriesContext(connection) as queries:
        router.route(ids, at=now)
    return len(queries)


def test_five_hundred_leads_take_as_many_queries_as_ten(now):
    Agent.objects.update(open_cap=None, daily_cap=None)
    few, many = queries_for(now, 10), queries_for(now, 500)
    assert many <= 50
    assert many == few


def test_same_state_gives_the_same_owners(now):
    ids = make_leads(now, 9)
    report = router.decide  # the same code decides for real and for show
    leads = list(router.with_place(Lead.objects.filter(pk__in=ids)).order_by("pk"))
    standing = router.clocks.standings(leads, at=now)
    steps = router.steps_of(leads, standing)
    shown, _ = report(leads, steps, standing, router.rule_book(), at=now, is_real=False)
    router.route(ids, at=now)
    assert [r.owner_id for r in shown] == list(Lead.objects.order_by("pk").values_list("owner", flat=True))


def test_sensitive_service_is_spoken_about_with_its_documented_script_whatever_the_rule_says(now):
    with thawed():
        RoutingRule.objects.filter(team="sensitive").update(script=None)
    lead = make_lead(now, service_id="bh")
    route(now, lead)
    assert lead.owner.agent.team_id == "sensitive"
    assert lead.handoffs.get().script_id == "behavioral_health"


def test_sensitive_service_without_a_documented_script_waits_in_the_queue_and_says_why(now):
    Script.objects.filter(pk="behavioral_health").update(requires_consent_step=False)
    lead = make_lead(now, service_id="bh")
    route(now, lead)
    assert (lead.team, lead.owner) == ("sensitive", None)
    assert set(lead.assignments.get().path["not"].values()) == {"no_script"}


@pytest.mark.parametrize(
    ("criteria", "when", "holds"),
    [
        ({"fact": "voice_permission", "op": "is", "value": "granted"}, "2026-12-01T16:00", True),
        ({"fact": "email_permission", "op": "unknown"}, "2026-12-01T16:00", True),  # no address
        ({"fact": "sms_permission", "op": "is", "value": "granted"}, "2026-12-01T16:00", False),
        ({"fact": "local_hour", "op": "gte", "value": 10}, "2026-12-01T16:00", True),  # 10:00 in Austin
        ({"fact": "local_hour", "op": "gte", "value": 10}, "2026-12-01T15:59", False),
        ({"fact": "office_open", "op": "is", "value": True}, "2026-12-01T16:00", True),
        ({"fact": "office_open", "op": "is", "value": True}, "2026-12-25T16:00", False),
    ],
)
def test_rules_may_ask_for_permission_and_hours(now, criteria, when, holds):
    at = datetime.fromisoformat(when).replace(tzinfo=UTC)
    rules = RouteSet.objects.get(status=VersionStatus.PUBLISHED)
    with thawed():
        RoutingRule.objects.create(rule_set=rules, name="Asked", position=0, team_id="quotes", criteria=[[criteria]])
    lead = reachable(at - timedelta(minutes=1))
    route(at, lead)
    assert (lead.team == "quotes") is holds


def test_permission_that_has_lapsed_is_none(now):
    lead = reachable(now)
    Permission.objects.filter(address=lead.phone, channel="voice").update(expires_at=now)
    found = Lead.objects.filter(condition([[{"fact": "voice_permission", "op": "is", "value": "none"}]], at=now))
    assert list(found) == [lead]
