"""What is owed, by when, and what pays it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model

from leads.models import Appointment, Lead
from routing import router, sweep
from routing.models import Agent, Cadence, Goal, Notice
from tests.routing.factories import make_call, make_lead, make_leads

pytestmark = pytest.mark.usefixtures("organisation")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def route(lead: Lead, at: datetime) -> Lead:
    router.route([lead.pk], at=at)
    lead.refresh_from_db()
    return lead


def open_clocks(lead: Lead) -> dict[str, datetime]:
    return dict(lead.clocks.open().values_list("owed", "due_at"))


@pytest.mark.parametrize(
    ("at", "step", "band", "due"),
    [
        ("2026-12-01T16:00", "appointment", "high", "2026-12-01T20:00"),  # J-001: 4 working hours
        ("2026-12-05T03:30", "appointment", "high", "2026-12-07T18:00"),  # J-022: Friday night
        ("2026-12-01T16:00", "callback", "high", "2026-12-02T00:00"),  # the same day, until 18:00
        ("2026-12-01T16:00", "callback", "medium", "2026-12-05T00:00"),  # 3 business days
        ("2026-12-01T16:00", "quote", "low", "2026-12-02T23:00"),  # 1 business day
    ],
)
def test_due_in_the_teams_working_time(at, step, band, due):
    lead = route(make_lead(utc(at), step, score_band=band), utc(at))
    assert lead.next_action_due_at == utc(due)


def test_clock_starts_when_the_lead_changed_not_when_a_worker_saw_it(now):
    lead = make_lead(now, advance_due_at=now - timedelta(hours=1))
    assert route(lead, now).next_action_due_at == now + timedelta(hours=3)


def test_the_most_specific_goal_wins_and_the_rules_own_over_all(now):
    Goal.objects.create(owed="booking", team_id="scheduling", score_band="high", minutes=30)
    lead = route(make_lead(now), now)
    assert lead.next_action_due_at == now + timedelta(minutes=30)
    assigned = lead.assignments.get().rule
    assigned.goal_minutes = 10
    assigned.save()
    assert route(make_lead(now), now).next_action_due_at == now + timedelta(minutes=10)


def test_a_call_pays_the_first_attempt_and_owes_a_follow_up(now):
    lead = route(make_lead(now, "callback"), now)
    make_call(lead, "needs_to_think", at=now + timedelta(minutes=10), by=lead.owner)
    route(lead, now + timedelta(minutes=10))
    paid = lead.clocks.get(owed="first_attempt")
    assert (paid.met_at, paid.met_by) == (now + timedelta(minutes=10), lead.owner)
    assert list(open_clocks(lead)) == ["follow_up"]
    assert lead.next_action.startswith("Follow up")


def test_a_quote_is_paid_only_by_reaching_the_right_person(now):
    lead = route(make_lead(now, "quote"), now)
    make_call(lead, "gatekeeper", at=now + timedelta(minutes=5))
    route(lead, now + timedelta(minutes=5))
    assert "quote" in open_clocks(lead)
    make_call(lead, "price", at=now + timedelta(minutes=50), by=lead.owner)
    route(lead, now + timedelta(minutes=50))
    assert "quote" not in open_clocks(lead)


def test_a_promised_call_back_is_due_as_promised_and_pauses_the_rest(now):
    lead = route(make_lead(now), now)  # booking due 20:00
    promised = now + timedelta(days=1)
    call = {"callback_at": promised.isoformat()}
    make_call(lead, "callback_requested", at=now + timedelta(hours=1), by=lead.owner, **call)
    route(lead, now + timedelta(hours=1))
    assert open_clocks(lead) == {"follow_up": promised, "booking": promised + timedelta(hours=3)}
    assert lead.next_action_due_at == promised
    assert lead.next_action == "Follow up: call back as promised"
    route(lead, now + timedelta(hours=2))
    assert open_clocks(lead) == {"follow_up": promised, "booking": promised + timedelta(hours=3)}


def test_missing_information_is_asked_for_by_the_end_of_its_day(now):
    lead = route(make_lead(now, "callback"), now)
    make_call(lead, "missing_information", at=now, by=lead.owner, follow_up_on="2026-12-03")
    route(lead, now)
    assert lead.next_action_due_at == utc("2026-12-04T00:00")


def test_a_retry_keeps_its_distance_and_takes_another_part_of_the_day(now):
    Cadence.objects.update(min_spacing_minutes=60)
    lead = route(make_lead(now, "callback"), now)
    make_call(lead, "no_answer", at=now, by=lead.owner)  # 10:00 in Austin
    lead.interactions.get(disposition="no_answer").disposition.__class__.objects.filter(pk="no_answer").update(
        retry_after_minutes=30
    )
    route(lead, now)
    assert lead.next_action_due_at == now + timedelta(hours=2)  # noon


def test_used_up_attempts_become_a_decision(now):
    Cadence.objects.update(max_attempts=2)
    lead = route(make_lead(now, "callback"), now)
    for hours in (1, 2):
        make_call(lead, "no_answer", at=now + timedelta(hours=hours), by=lead.owner)
        route(lead, now + timedelta(hours=hours))
    assert list(open_clocks(lead)) == ["decision"]
    assert lead.next_action == "Decide: all attempts are used up"


def test_a_booking_pays_its_clock_and_nothing_is_owed_until_the_visit(now):
    lead = route(make_lead(now), now)
    Appointment.objects.create(
        lead=lead,
        service_id="ortho",
        clinic_id="aus",
        date=now.date() + timedelta(days=2),
        by=lead.owner,
        created_at=now + timedelta(minutes=30),
        changed_at=now,
    )
    route(lead, now + timedelta(minutes=30))
    assert lead.clocks.get(owed="booking").met_at == now + timedelta(minutes=30)
    assert lead.next_action_due_at is None
    assert lead.owner is not None


def test_sweep_warns_once_and_breaches_once(now):
    lead = route(make_lead(now), now)
    owner = lead.owner
    Goal.objects.update(on_breach="notify")
    lead.clocks.update(on_breach="notify")
    assert sweep.sweep(at=now + timedelta(hours=3)).warned == 1
    assert sweep.sweep(at=now + timedelta(hours=3)) == sweep.SweepReport()
    assert sweep.sweep(at=now + timedelta(hours=4)).breached == 1
    assert sweep.sweep(at=now + timedelta(hours=5)) == sweep.SweepReport()
    assert list(Notice.objects.filter(user=owner).order_by("pk").values_list("kind", flat=True)) == [
        "warning",
        "breach",
    ]


def test_breach_gives_it_to_somebody_else_of_the_team_with_the_clock_as_it_was(now):
    lead = route(make_lead(now), now)
    owner, due = lead.owner, lead.next_action_due_at
    assert sweep.sweep(at=due).moved == 1
    lead.refresh_from_db()
    assert lead.owner != owner
    clock = lead.clocks.get()
    assert (clock.owner, clock.due_at, clock.breached_at) == (lead.owner, due, due)
    assert lead.assignments.first().because == "breach"
    route(lead, due + timedelta(minutes=1))
    assert lead.owner != owner


def test_breach_may_escalate_to_the_fallback_team_and_stays_there(now):
    lead = route(make_lead(now), now)
    lead.clocks.update(on_breach="escalate")
    sweep.sweep(at=lead.next_action_due_at)
    lead.refresh_from_db()
    assert lead.team == "intake"
    assert route(lead, now + timedelta(hours=5)).team == "intake"


def test_breach_may_mark_a_silent_agent_away(now):
    lead = route(make_lead(now), now)
    lead.clocks.update(marks_away=True)
    due = lead.next_action_due_at
    sweep.sweep(at=due)
    assert Agent.objects.away(due).get().user == lead.owner


def test_queued_leads_come_back_on_the_road_when_there_is_room(now):
    Agent.objects.filter(team="scheduling").update(open_cap=0)
    ids = make_leads(now, 3)
    router.route(ids, at=now)
    assert sweep.serve_queues(at=now) == 0
    Agent.objects.filter(user__username="scheduling1").update(open_cap=2)
    assert sweep.serve_queues(at=now) == 2
    due = Lead.objects.due(now)
    router.route(list(due.values_list("pk", flat=True)), at=now)
    assert Lead.objects.filter(owner=get_user_model().objects.get(username="scheduling1")).count() == 2
