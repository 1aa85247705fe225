"""What is owed, by when, and what pays it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model

from consent import ledger
from consent.models import Address, Attempt
from leads.models import Appointment, Interaction, Lead, MissingItem, Proposal
from leads.services import events, proposals, reviews
from leads.vocabulary import Outcome
from medcrm import roles
from medcrm.lib.errors import RuleError
from routing import exhausted, router, sweep, worklist
from routing.calendar import DAYS
from routing.models import Agent, Cadence, Goal, Notice, Team
from tests.routing.factories import make_call, make_lead, make_leads, reachable
from tests.rows import make
from tests.thawing import thawed

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
        ("2026-12-01T22:30", "appointment", "high", "2026-12-01T23:00"),  # half an hour before closing: the same day
        ("2026-12-01T22:30", "appointment", "medium", "2026-12-02T17:30"),
        ("2026-12-01T16:00", "discovery", "high", "2026-12-01T23:00"),  # high is the same day, whoever owes it
        ("2026-12-01T16:00", "discovery", "medium", "2026-12-02T23:00"),
        ("2026-12-01T16:00", "callback", "high", "2026-12-02T00:00"),  # the same day, until 18:00
        ("2026-12-01T16:00", "callback", "medium", "2026-12-05T00:00"),  # 3 business days
        ("2026-12-01T16:00", "quote", "low", "2026-12-02T23:00"),  # 1 business day
    ],
)
def test_due_in_the_teams_working_time(at, step, band, due):
    lead = route(make_lead(utc(at), step, score_band=band, source_id="ads"), utc(at))
    assert lead.next_action_due_at == utc(due)


@pytest.mark.parametrize(
    ("source", "band", "due"),
    [
        ("phone", "low", "2026-12-01T16:15"),  # call back in minutes
        ("partner", "low", "2026-12-01T20:00"),  # within four working hours
        ("web_consult", "low", "2026-12-02T00:00"),  # high intent: the same day
        ("webinar", "low", "2026-12-04T00:00"),  # medium intent: two business days
        ("webinar", "high", "2026-12-02T00:00"),  # who ranks high is called the same day all the same
        ("ads", "low", "2026-12-05T00:00"),  # low intent: what the score says
    ],
)
def test_the_source_says_how_soon_a_call_is_due(source, band, due):
    at = utc("2026-12-01T16:00")
    lead = route(make_lead(at, "callback", score_band=band, source_id=source), at)
    assert (lead.team, lead.next_action_due_at) == ("qualification", utc(due))


def test_a_source_proposed_to_be_of_less_intent_makes_its_next_leads_due_later(admin_user):
    at = utc("2026-12-01T16:00")
    asked = Proposal.objects.create(
        kind=Proposal.Kind.INTENT, about="web_consult", title="", old_value="high", new_value="low", made_at=at
    )
    before = route(make_lead(at, "callback", score_band="low"), at)
    proposals.accept(asked.pk, "", by=admin_user, at=at)
    after = route(make_lead(at, "callback", score_band="low"), at)
    assert (before.next_action_due_at, after.next_action_due_at) == (utc("2026-12-02T00:00"), utc("2026-12-05T00:00"))


@pytest.mark.parametrize("step", ["appointment", "callback"])
def test_what_is_urgent_is_due_within_the_hour(now, step):
    """[R30]"""
    assert route(make_lead(now, step, urgency="urgent"), now).next_action_due_at == now + timedelta(hours=1)
    assert route(make_lead(now, step, urgency="soon"), now).next_action_due_at > now + timedelta(hours=1)


def test_clock_starts_when_the_lead_changed_not_when_a_worker_saw_it(now):
    lead = make_lead(now, advance_due_at=now - timedelta(hours=1))
    assert route(lead, now).next_action_due_at == now + timedelta(hours=3)


def test_the_most_specific_goal_wins_and_the_rules_own_over_all(now):
    Goal.objects.create(owed="booking", team_id="scheduling", score_band="high", minutes=30)
    lead = route(make_lead(now), now)
    assert lead.next_action_due_at == now + timedelta(minutes=30)
    assigned = lead.assignments.get().rule
    assigned.goal_minutes = 10
    with thawed():
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


def test_a_pause_for_what_was_missing_ends_when_it_is_here(now):
    """[2.18] Booking is due by what was left of its four hours, not by the day on which we would have asked."""
    lead = route(make_lead(now), now)  # booking due 20:00
    make_call(lead, "missing_information", at=now, by=lead.owner, missing=["payer"], follow_up_on="2026-12-10")
    route(lead, now)
    assert open_clocks(lead) == {"follow_up": utc("2026-12-10T23:00"), "booking": utc("2026-12-11T18:00")}
    MissingItem.objects.update(settled_at=now + timedelta(hours=1))
    route(lead, now + timedelta(hours=1))
    assert open_clocks(lead) == {"booking": now + timedelta(hours=5)}


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


@pytest.mark.parametrize(("step", "owed"), [("appointment", "booking"), ("discovery", "discovery"), ("quote", "quote")])
def test_the_call_that_hands_a_lead_on_pays_nothing_of_what_the_next_team_owes(now, step, owed):
    """[2.18]"""
    lead = route(make_lead(now, "callback"), now)
    later = now + timedelta(minutes=10)
    make_call(lead, "sent_to_team", at=later, by=lead.owner)
    Lead.objects.filter(pk=lead.pk).update(next_step=step, decision="forward", stage="forwarded", advance_due_at=later)
    route(lead, later)
    owes = (open_clocks(lead), lead.next_action, lead.next_action_due_at, lead.owner)
    assert list(owes[0]) == [owed]
    route(lead, later + timedelta(minutes=1))
    assert (open_clocks(lead), lead.next_action, lead.next_action_due_at, lead.owner) == owes


def test_a_booking_is_not_paid_by_saying_so(now):
    """[2.18] A visit is, or a place on the waitlist."""
    lead = route(make_lead(now), now)
    make_call(lead, "appointment_set", at=now + timedelta(minutes=5), by=lead.owner)
    route(lead, now + timedelta(minutes=5))
    assert open_clocks(lead) == {"booking": now + timedelta(hours=4)}


def test_waitlisting_pays_the_booking(now, supervisor):
    lead = route(make_lead(now), now)
    later, until = now + timedelta(minutes=5), date(2026, 12, 20)
    waits = {"reason": "no_capacity", "until": until, "text": "Wants Dr. B alone, who is full."}
    reviews.decide_by_hand(lead.pk, Outcome.HOLD, by=supervisor, at=later, **waits)
    route(lead, later)
    clock = lead.clocks.get(owed="booking")
    assert (clock.met_at, clock.met_by, clock.ended_at) == (later, supervisor, None)


def test_the_result_of_a_visit_is_owed_once_its_day_is_over(now):
    lead = route(make_lead(now), now)
    visit = {"service": "ortho", "clinic": "aus", "on": now.date()}
    events.record_appointment(lead.pk, status="booked", at=now, by=lead.owner, **visit)
    route(lead, now)
    Lead.objects.filter(pk=lead.pk).update(advance_due_at=None)
    assert (open_clocks(lead), sweep.ask_for_results(at=now + timedelta(hours=8))) == ({}, 0)
    morning = utc("2026-12-02T15:00")
    assert sweep.ask_for_results(at=morning) == 1
    lead, handoffs = route(lead, morning), lead.handoffs.count()
    assert open_clocks(lead) == {"visit": utc("2026-12-03T23:00")}
    assert (lead.team, lead.next_action) == ("scheduling", "Record what became of the visit")
    Lead.objects.filter(pk=lead.pk).update(advance_due_at=None)
    assert (sweep.ask_for_results(at=morning), lead.handoffs.count()) == (0, handoffs)
    events.record_appointment(lead.pk, status="attended", at=morning + timedelta(hours=1), by=lead.owner, **visit)
    route(lead, morning + timedelta(hours=1))
    assert lead.clocks.get(owed="visit").met_at == morning + timedelta(hours=1)
    assert (lead.stage, open_clocks(lead)) == ("converted", {})


def test_a_submitted_authorization_is_chased_in_two_days_whatever_is_agreed_with_the_lead(now):
    """[2.18] Asking the payer again is no call with the lead, and starts the next two days."""
    lead = route(make_lead(now, "documents"), now)
    lead_promised = (now + timedelta(days=9)).date()
    make_call(lead, "waiting_on_documents", at=now, by=lead.owner, follow_up_on=str(lead_promised))
    events.record_authorization(lead.pk, "ortho", "submitted", at=now, by=lead.owner)
    route(lead, now)
    assert open_clocks(lead)["chase"] == utc("2026-12-03T23:00")
    assert (lead.team, lead.next_action) == ("documents", "Chase the payer for the authorization")
    assert "chase" in set(worklist.owed_to(lead.owner_id, at=now).values_list("owed", flat=True))
    later = now + timedelta(days=1)
    make_call(lead, "price", at=later, by=lead.owner)
    route(lead, later)
    assert open_clocks(lead)["chase"] == utc("2026-12-03T23:00")
    events.record_authorization(lead.pk, "ortho", "submitted", at=later, by=lead.owner)
    route(lead, later)
    assert lead.clocks.get(owed="chase", met_at__isnull=False).met_at == later
    assert open_clocks(lead)["chase"] == utc("2026-12-04T23:00")
    events.record_authorization(lead.pk, "ortho", "approved", at=later + timedelta(hours=1), by=lead.owner)
    route(lead, later + timedelta(hours=1))
    assert "chase" not in open_clocks(lead)


@pytest.mark.parametrize("has_login", [True, False])
def test_who_does_it_pays_what_a_team_owes_though_nobody_has_the_lead(now, supervisor, has_login):
    """[2.18] Without a login, the entry that a connected system wrote says what paid it."""
    by, at = supervisor if has_login else None, now + timedelta(minutes=1)
    asks, comes = make_lead(now, "documents"), make_lead(now)
    events.record_authorization(asks.pk, "ortho", "submitted", at=now, by=by)
    visit = {"service": "ortho", "clinic": "aus", "on": now.date() - timedelta(days=1)}
    events.record_appointment(comes.pk, status="booked", at=now, by=by, **visit)
    Agent.objects.update(away_from=now)
    for lead in (route(asks, at), route(comes, at)):
        assert (lead.owner, lead.clocks.open().filter(owner=None, owed__in=["chase", "visit"]).count()) == (None, 1)
    later = now + timedelta(hours=1)
    events.record_authorization(asks.pk, "ortho", "approved", at=later, by=by)
    events.record_appointment(comes.pk, status="attended", at=later, by=by, **visit)
    for lead, owed in ((route(asks, later), "chase"), (route(comes, later), "visit")):
        clock = lead.clocks.get(owed=owed)
        assert (clock.met_at, clock.met_by, clock.ended_at) == (later, by, None)
        assert clock.met_act.facts["status"] in ("approved", "attended")


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


def decide(lead: Lead, verdict: str, at: datetime, supervisor: object, **more: object) -> Lead:
    exhausted.decide(lead.pk, verdict, by=supervisor, at=at, **more)
    return route(lead, at)


@pytest.fixture
def used_up(now) -> Lead:
    """Two tries without an answer, and no more allowed."""
    Cadence.objects.update(max_attempts=2)
    lead = route(make_lead(now, "callback"), now)
    for hours in (1, 2):
        make_call(lead, "no_answer", at=now + timedelta(hours=hours), by=lead.owner)
        route(lead, now + timedelta(hours=hours))
    return lead


def test_supervisors_are_told_once_when_attempts_are_used_up(now, supervisor, request):
    roles.sync()
    supervisor.groups.add(roles.Group.objects.get(name="supervisor"))
    lead = request.getfixturevalue("used_up")
    route(lead, now + timedelta(hours=3))
    assert list(Notice.objects.filter(user=supervisor).values_list("kind", "count")) == [("exhausted", 1)]


def test_going_on_counts_tries_afresh_and_owes_the_next_one_in_working_time(now, supervisor, used_up):
    night = utc("2026-12-03T04:00")
    decide(used_up, "try_again", night, supervisor)
    assert used_up.clocks.get(owed="decision").met_by == supervisor
    assert open_clocks(used_up) == {"follow_up": utc("2026-12-03T14:00")}
    make_call(used_up, "no_answer", at=utc("2026-12-03T15:00"), by=used_up.owner)
    route(used_up, utc("2026-12-03T15:00"))
    assert list(open_clocks(used_up)) == ["follow_up"]
    make_call(used_up, "no_answer", at=utc("2026-12-03T20:00"), by=used_up.owner)
    route(used_up, utc("2026-12-03T20:00"))
    assert list(open_clocks(used_up)) == ["decision"]


@pytest.mark.parametrize(
    ("verdict", "stage", "reasons"),
    [
        ("nurture", "nurturing", (None, None)),
        ("pause", "held", ("unreachable_pause", None)),
        ("stop", "stopped", (None, "unreachable")),
    ],
)
def test_other_verdicts_move_the_lead_with_a_reason_and_owe_nothing(now, supervisor, used_up, verdict, stage, reasons):
    at = now + timedelta(days=1)
    decide(used_up, verdict, at, supervisor, until=date(2026, 12, 20), note="Line is dead.")
    assert used_up.stage == stage
    assert (used_up.hold_reason_id, used_up.stop_reason_id) == reasons
    assert open_clocks(used_up) == {}
    assert used_up.qualifications.get(closed_at=None).decided_by == supervisor
    assert used_up.interactions.get(kind="note").by == supervisor


def test_decision_is_refused_where_none_is_owed_and_a_pause_needs_a_date(now, supervisor, used_up):
    with pytest.raises(RuleError, match="until when"):
        exhausted.decide(used_up.pk, "pause", by=supervisor, at=now)
    decide(used_up, "try_again", now + timedelta(days=1), supervisor)
    with pytest.raises(RuleError, match="has attempts left"):
        exhausted.decide(used_up.pk, "stop", by=supervisor, at=now)


def test_clock_is_paused_while_calls_are_held_back_and_keeps_what_was_left_of_it(now):
    """The team works at night; a lead in Texas may not be called before 9:00 there."""
    Team.objects.filter(pk="scheduling").update(hours={day: [["00:00", "24:00"]] for day in DAYS})
    night = utc("2026-12-02T08:00")  # 02:00 in Austin
    lead = route(reachable(night), night)
    assert lead.next_action_due_at == night + timedelta(hours=4)
    report = sweep.sweep(at=night + timedelta(hours=3))  # when it would have warned
    assert (report.warned, report.paused, report.breached) == (0, 1, 0)
    clock = lead.clocks.get()
    morning = utc("2026-12-02T15:00")
    assert (clock.paused_until, clock.not_before, clock.due_at) == (morning, morning, morning + timedelta(hours=1))
    assert clock.held_code.startswith("QUIET_HOURS")
    assert sweep.sweep(at=night + timedelta(hours=5)) == sweep.SweepReport()
    assert route(lead, night + timedelta(hours=5)).next_action_due_at == clock.due_at
    assert sweep.sweep(at=morning).warned == 1
    assert sweep.sweep(at=clock.due_at).breached == 1


def test_refusal_without_an_end_pauses_nothing(now):
    lead = route(reachable(now), now)
    ledger.record(lead.phone_id, "revoke", at=now, occurred_at=now, scope="all", source="call")
    assert sweep.sweep(at=now + timedelta(hours=3)).warned == 1


def test_breach_of_a_queued_lead_is_told_to_its_team(now):
    Agent.objects.filter(team="scheduling").update(open_cap=0)
    lead = route(make_lead(now), now)
    sweep.sweep(at=lead.next_action_due_at)
    assert Notice.objects.get(kind="breach").team_id == "scheduling"


def test_own_day_off_is_no_working_day(now):
    agent = Agent.objects.get(user__username="scheduling1")
    agent.days_off = [date(2026, 12, 1)]
    assert not agent.calendar.is_working_day(date(2026, 12, 1))
    assert agent.team.calendar.is_working_day(date(2026, 12, 1))


PROMISES = [
    ("callback_requested", {"callback_at": "2026-12-03T21:00:00+00:00"}, "2026-12-03T21:00", "call back as promised"),
    (
        "missing_information",
        {"missing": ["payer"], "follow_up_on": "2026-12-03"},
        "2026-12-03T23:00",
        "ask for what is missing",
    ),
    ("needs_to_think", {"follow_up_on": "2026-12-03"}, "2026-12-03T23:00", "ask again as agreed"),
]


@pytest.mark.parametrize(("disposition", "facts", "due", "why"), PROMISES)
@pytest.mark.parametrize("step", ["held", "nurture", "stopped"])
def test_what_was_promised_is_owed_wherever_the_lead_stands(now, step, disposition, facts, due, why):
    states = {
        "held": {"decision": "hold", "next_step": "none", "stage": "held", "hold_reason_id": "no_capacity"},
        "stopped": {"decision": "stop", "next_step": "none", "stage": "stopped", "stop_reason_id": "price"},
    }
    lead = route(make_lead(now, "nurture", **states.get(step, {})), now)
    promiser = Agent.objects.get(user__username="scheduling2")
    make_call(lead, disposition, at=now, by=promiser.user, **facts)
    route(lead, now)
    clock = lead.clocks.open().get()
    assert (clock.owed, clock.due_at, clock.why, clock.is_promise) == ("follow_up", utc(due), why, True)
    assert (clock.team_id, clock.owner) == ("scheduling", promiser.user), "whoever promised it keeps it"
    assert lead.next_action_due_at == utc(due)
    make_call(lead, "price", at=utc("2026-12-03T20:00"), by=promiser.user)
    route(lead, utc("2026-12-03T20:00"))
    clock.refresh_from_db()
    assert (clock.met_by, open_clocks(lead), lead.next_action_due_at) == (promiser.user, {}, None)


def test_a_promise_stays_with_the_team_that_has_the_lead_when_it_must_wait(now):
    lead = route(make_lead(now), now)
    owner, handoffs = lead.owner, lead.handoffs.count()
    promised = now + timedelta(days=2)
    make_call(lead, "callback_requested", at=now, by=owner, callback_at=promised.isoformat())
    Lead.objects.filter(pk=lead.pk).update(decision="hold", next_step="none", stage="held", hold_reason="no_capacity")
    route(lead, now + timedelta(hours=1))
    assert open_clocks(lead) == {"follow_up": promised}
    assert (lead.team, lead.owner, lead.handoffs.count()) == ("scheduling", owner, handoffs)


def test_a_promise_ends_with_the_booking_and_with_a_persons_stop(now, supervisor):
    promised = {"callback_at": (now + timedelta(days=2)).isoformat()}
    booked, stopped = route(make_lead(now), now), route(make_lead(now), now)
    for lead in (booked, stopped):
        make_call(lead, "callback_requested", at=now, by=lead.owner, **promised)
        route(lead, now)
    later = now + timedelta(hours=1)
    Appointment.objects.create(
        lead=booked, service_id="ortho", clinic_id="aus", date=now.date(), created_at=later, changed_at=later
    )
    reviews.decide_by_hand(stopped.pk, Outcome.DISQUALIFIED, reason="spam", text="A robot.", by=supervisor, at=later)
    assert open_clocks(route(booked, later)) == open_clocks(route(stopped, later)) == {}


def write(lead: Lead, at: datetime, *, state: str = "sent", by: object = None) -> None:
    """A mail in a person's own words, as nurture.personal leaves it."""
    attempt = make(Attempt, address=make(Address), state=state)
    Interaction.objects.create(
        lead=lead, kind="note", direction="outbound", at=at, by=by or lead.owner, attempt=attempt, text="Hello"
    )


@pytest.mark.parametrize("step", ["callback", "partnership", "documents"])
def test_a_mail_in_a_persons_own_words_pays_and_owes_a_follow_up(now, step):
    lead = route(make_lead(now, step), now)
    (owed,) = open_clocks(lead)
    write(lead, now + timedelta(minutes=5), state="failed")
    assert list(open_clocks(route(lead, now + timedelta(minutes=5)))) == [owed], "it did not leave"
    write(lead, now + timedelta(minutes=10))
    route(lead, now + timedelta(minutes=10))
    assert lead.clocks.get(owed=owed).met_by == lead.owner
    assert list(open_clocks(lead)) == ["follow_up"]


def test_a_mail_pays_a_quote_only_where_nobody_may_call(now):
    callable_, mailed, blocked = reachable(now, next_step="quote"), make_lead(now, "quote"), reachable(now, 102)
    Lead.objects.filter(pk=blocked.pk).update(next_step="quote")
    ledger.record(blocked.phone_id, "internal_dnc", at=now, occurred_at=now, source="call")
    for lead in (callable_, mailed, blocked):
        route(lead, now)
        write(lead, now + timedelta(minutes=10))
        route(lead, now + timedelta(minutes=10))
    assert [list(open_clocks(lead)) for lead in (callable_, mailed, blocked)] == [
        ["quote"],
        ["follow_up"],
        ["follow_up"],
    ]


def test_a_mail_is_no_call_that_was_promised_and_no_try(now):
    lead = route(make_lead(now, "callback"), now)
    promised = now + timedelta(hours=2)
    make_call(lead, "callback_requested", at=now, by=lead.owner, callback_at=promised.isoformat())
    write(lead, now + timedelta(hours=1))
    assert open_clocks(route(lead, now + timedelta(hours=1))) == {"follow_up": promised}
    other = route(make_lead(now, "callback"), now)
    Cadence.objects.update(max_attempts=2)
    make_call(other, "no_answer", at=now, by=other.owner)
    write(other, now + timedelta(minutes=5))
    assert list(open_clocks(route(other, now + timedelta(minutes=5)))) == ["follow_up"]


def test_a_mail_takes_the_place_of_a_promise_from_its_day_on_where_the_lead_is(now):
    lead = route(make_lead(now, "callback", timezone="America/Chicago"), now)
    make_call(lead, "missing_information", at=now, by=lead.owner, follow_up_on="2026-12-03", missing=["payer"])
    evening = datetime.fromisoformat("2026-12-03T01:00:00Z")  # the second, seven in the evening
    write(lead, evening)
    route(lead, evening)
    assert lead.clocks.get(owed="follow_up", ended_at=None, met_at=None).cause.kind == "inbound_call"
    write(lead, evening + timedelta(hours=12))
    route(lead, evening + timedelta(hours=12))
    assert lead.clocks.get(owed="follow_up", ended_at=None, met_at=None).cause.kind == "note"
