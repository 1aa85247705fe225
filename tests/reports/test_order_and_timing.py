"""An order of routing rules or a timing of steps that loses leads is named, others are not, few cases say nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from leads.models import Proposal, ScoringModel
from leads.services import proposals
from medcrm.lib.errors import RuleError
from medcrm.lib.models import VersionStatus
from medcrm.reports import reviewing
from medcrm.reports import rules as page
from nurture.models import Sequence, Step
from nurture.review import judge_timing
from routing.models import RouteSet, RoutingRule
from routing.review import judge_order
from tests.reports import raw

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
QUOTE = {"next_step": "quote", "service_training": None}
PLAIN = {"next_step": "appointment", "service_training": None}


@pytest.fixture
def past(organisation: None, now: datetime) -> datetime:
    """A month ago, and rows may be put there."""
    raw.without_triggers()
    User.objects.get_or_create(pk=1, defaults={"username": "first"})
    return now - 30 * DAY


@pytest.fixture
def routes(past: datetime) -> dict[str, RoutingRule]:
    """The rules in force, where “Wants an appointment” also means who asks for a price, and comes first."""
    rules = {rule.team_id: rule for rule in RoutingRule.objects.filter(rule_set__status=VersionStatus.PUBLISHED)}
    first = rules["scheduling"]
    first.criteria = [[{"fact": "next_step", "op": "in", "value": ["appointment", "quote"]}]]
    first.save()
    return rules


def since(now: datetime) -> datetime:
    return now - 365 * DAY


def test_a_rule_that_is_asked_too_late_is_named_and_no_other(
    routes: dict[str, RoutingRule], past: datetime, now: datetime, admin_user: User
) -> None:
    first, second = routes["scheduling"], routes["quotes"]
    raw.handoffs(raw.leads(300, at=past), first, QUOTE, at=past, returned=120, returned_to="quotes")
    raw.handoffs(raw.leads(900, at=past), first, PLAIN, at=past, returned=20, returned_to="intake")
    trained = {**PLAIN, "service_training": "behavioral"}
    raw.handoffs(raw.leads(300, at=past), routes["sensitive"], trained, at=past, returned=6, returned_to="intake")
    found = {(f.first.team_id, f.second.team_id): f for f in judge_order(since=since(now), at=now)}
    assert set(found) == {("scheduling", "quotes"), ("sensitive", "scheduling")}
    named = found["scheduling", "quotes"]
    assert (named.says, named.both.hits, named.both.of, named.other.of, named.went) == ("too_late", 120, 300, 900, 120)
    assert found["sensitive", "scheduling"].says != "too_late", (
        "all of its leads are meant by both: nothing beside them"
    )

    [row] = [row for row in proposals.propose(since=since(now), at=now) if row.kind == "order"]
    assert "300 leads" in row.evidence and "40.0 %" in row.evidence and "2.2 %" in row.evidence
    proposals.accept(row.pk, by=admin_user, at=now)
    draft = RouteSet.objects.get(status=VersionStatus.DRAFT)
    names = list(draft.rules.order_by("position", "pk").values_list("name", flat=True))
    assert names.index(second.name) == names.index(first.name) - 1 and len(set(names)) == first.rule_set.rules.count()
    in_force = list(RoutingRule.objects.filter(rule_set=first.rule_set).order_by("position", "pk"))
    assert in_force.index(second) > in_force.index(first), "in force until published"


def test_what_was_learned_after_the_handoff_does_not_count(
    routes: dict[str, RoutingRule], past: datetime, now: datetime
) -> None:
    first = routes["scheduling"]
    rows = raw.leads(60, at=past)
    raw.handoffs(rows, first, PLAIN, at=past, returned=30, returned_to="quotes")
    later = [raw.Snapshot(lead=row, at=past + DAY, cycle=1, facts=QUOTE, inputs={}, decision="forward",
                          next_step="quote") for row in rows]  # fmt: skip
    raw.put(later)
    assert judge_order(since=since(now), at=now) == []


def test_few_handoffs_say_how_many_are_missing(routes: dict[str, RoutingRule], past: datetime, now: datetime) -> None:
    raw.handoffs(raw.leads(20, at=past), routes["scheduling"], QUOTE, at=past, returned=20, returned_to="quotes")
    raw.handoffs(raw.leads(200, at=past), routes["scheduling"], PLAIN, at=past)
    [found] = judge_order(since=since(now), at=now)
    assert found.says == "too_few" and found.missing > 30
    assert [row for row in proposals.propose(since=since(now), at=now) if row.kind == "order"] == []
    section = page.sections(reviewing.find(since=since(now), at=now))[-2]
    assert f"{found.missing:,} more needed" in section.rows[0].cells[-1].text


@pytest.fixture
def step(past: datetime) -> Step:
    """The fourth step of the first-visit sequence, on day 4 between eight and eight."""
    return Step.objects.select_related("sequence").get(
        sequence__code="first_visit", sequence__status=VersionStatus.PUBLISHED, template="first_visit_questions"
    )


def entered(past: datetime, hour: int) -> datetime:
    """A day on which the clock in Austin showed this hour."""
    return datetime(past.year, past.month, past.day, tzinfo=UTC) + timedelta(hours=hour + 6)


def test_a_day_on_which_more_people_answer_is_named(
    step: Step, past: datetime, now: datetime, admin_user: User
) -> None:
    assert step.delay == 4 * DAY
    enter = entered(past, 10)
    raw.received(step, raw.leads(600, at=enter), entered=enter, after=4 * DAY, answered=48)
    raw.received(step, raw.leads(400, at=enter), entered=enter, after=3 * DAY, answered=100)
    raw.received(step, raw.leads(300, at=enter), entered=enter, after=5 * DAY, answered=25)
    raw.received(step, raw.leads(300, at=enter), entered=enter, after=30 * DAY - timedelta(hours=1), answered=300)
    found = {f.what: f for f in judge_timing(since=since(now), at=now + 40 * DAY) if f.step == step}
    delay = found["delay"]
    assert (delay.says, delay.planned, delay.other) == ("better_elsewhere", "4", "3"), "day 29 lies past the next step"
    assert (delay.usual.hits, delay.usual.of, delay.best.hits, delay.best.of) == (48, 600, 100, 400)
    assert found["hours"].says == "too_few", "all came in the morning"

    [row] = [row for row in proposals.propose(since=since(now), at=now) if row.kind == "timing"]
    assert (row.about, row.old_value, row.new_value) == (f"{step.pk}:delay", "4", "3")
    assert "25.0 % of 400" in row.evidence and "8.0 % of 600" in row.evidence
    with pytest.raises(RuleError) as refused:
        proposals.accept(row.pk, "9", by=admin_user, at=now)
    assert refused.value.code == "UNFIT_VALUE"
    proposals.accept(row.pk, "2", by=admin_user, at=now)
    row.refresh_from_db()
    assert (row.state, row.new_value, row.taken_value) == ("accepted", "3", "2"), "a person changed it"
    draft = Sequence.objects.get(code="first_visit", status=VersionStatus.DRAFT)
    assert draft.steps.get(template=step.template_id).delay == 2 * DAY
    step.refresh_from_db()
    assert step.delay == 4 * DAY, "in force until published"


def test_hours_at_which_more_people_answer_are_named(
    step: Step, past: datetime, now: datetime, admin_user: User
) -> None:
    for hour, answered in ((9, 90), (13, 20), (17, 22)):
        enter = entered(past, hour)
        raw.received(step, raw.leads(300, at=enter), entered=enter, after=4 * DAY, answered=answered)
    found = {f.what: f for f in judge_timing(since=since(now), at=now) if f.step == step}
    hours = found["hours"]
    assert (hours.says, hours.planned, hours.other) == ("better_elsewhere", "08:00-20:00", "08:00-12:00")
    assert found["delay"].says == "too_few" and found["delay"].missing > 0, "no other day was seen"
    [row] = [row for row in proposals.propose(since=since(now), at=now) if row.kind == "timing"]
    proposals.accept(row.pk, by=admin_user, at=now)
    copy = Step.objects.get(sequence__code="first_visit", sequence__status=VersionStatus.DRAFT, position=step.position)
    assert (copy.window_start.hour, copy.window_end.hour) == (8, 12)


def test_answers_that_differ_by_chance_or_are_few_propose_nothing(step: Step, past: datetime, now: datetime) -> None:
    enter = entered(past, 10)
    raw.received(step, raw.leads(300, at=enter), entered=enter, after=4 * DAY, answered=30)
    raw.received(step, raw.leads(300, at=enter), entered=enter, after=3 * DAY, answered=36)
    raw.received(step, raw.leads(10, at=enter), entered=enter, after=5 * DAY, answered=10)
    found = next(f for f in judge_timing(since=since(now), at=now) if f.step == step and f.what == "delay")
    assert found.says == "unclear" and found.missing > 0
    assert [row for row in proposals.propose(since=since(now), at=now) if row.kind == "timing"] == []


def test_nobody_drafts_rules_that_are_not_theirs(now: datetime, organisation: None) -> None:
    marketing = User.objects.create_user("m", is_staff=True)
    marketing.groups.add(Group.objects.get(name="marketing"))
    rule = RoutingRule.objects.filter(rule_set__status=VersionStatus.PUBLISHED).last()
    row = Proposal.objects.create(
        kind="order", about=str(rule.pk), title="t", evidence="e", old_value="8", new_value="1", made_at=now
    )
    with pytest.raises(RuleError) as refused:
        proposals.accept(row.pk, by=marketing, at=now)
    assert refused.value.code == "NOT_YOURS_TO_CHANGE"
    assert not RouteSet.objects.filter(status=VersionStatus.DRAFT).exists()


@pytest.mark.parametrize(
    ("kind", "about", "value"),
    [
        ("points", "rule", "many"),
        ("threshold", "model", "0"),
        ("threshold", "model", "5"),
        ("intent", "landing", "huge"),
    ],
)
def test_a_value_that_does_not_fit_is_said_beside_its_field(
    organisation: None, now: datetime, admin_user: User, kind: str, about: str, value: str
) -> None:
    model = ScoringModel.objects.get(lead_type="patient", status=VersionStatus.PUBLISHED)
    keys = {"rule": str(model.rules.first().pk), "model": f"{model.pk}:high_from"}
    row = Proposal.objects.create(
        kind=kind, about=keys.get(about, about), title="t", evidence="e", old_value="1", new_value="2", made_at=now
    )
    with pytest.raises(RuleError) as refused:
        proposals.accept(row.pk, value, by=admin_user, at=now)
    assert (refused.value.code, refused.value.field) == ("UNFIT_VALUE", "value")


def test_a_proposal_is_accepted_with_another_value_in_the_admin(
    organisation: None, now: datetime, admin_user: User, client: Client
) -> None:
    row = Proposal.objects.create(
        kind="intent", about="landing", title="t", evidence="e", old_value="medium", new_value="low", made_at=now
    )
    client.force_login(admin_user)
    url = f"/admin/leads/proposal/{row.pk}/accept/"
    assert b'value="low"' in client.get(url).content
    assert b"one of" in client.post(url, {"value": "huge"}).content
    client.post(url, {"value": "high"})
    row.refresh_from_db()
    assert (row.state, row.taken_value) == ("accepted", "high")


def test_a_service_that_is_slow_to_book_gets_a_goal_of_its_own_before_the_rule_it_goes_by(
    routes: dict[str, RoutingRule], past: datetime, now: datetime, admin_user: User
) -> None:
    rule = routes["scheduling"]
    for service, days in (("cardio", 20), ("ortho", 3)):
        rows = raw.leads(200, at=past - 60 * DAY, service_id=service)
        raw.put(raw.Assignment(lead=row, to_team=rule.team, because="rule", rule=rule, step="booking",
                               at=past - 60 * DAY) for row in rows)  # fmt: skip
        raw.put(raw.appointment(row, at=past + (days - 60) * DAY) for row in rows)
        raw.milestones.refresh([row.pk for row in rows])
    [row] = [row for row in proposals.propose(since=since(now), at=now) if row.kind == "goal"]
    assert (row.about, row.old_value, row.new_value) == (f"{rule.pk}:cardio", "240", "120")
    assert "0.0 % of its 200 bookings" in row.evidence and "100.0 % of 200" in row.evidence
    proposals.accept(row.pk, "90", by=admin_user, at=now)
    draft = RouteSet.objects.get(status=VersionStatus.DRAFT)
    order = list(draft.rules.order_by("position", "pk"))
    own = next(copy for copy in order if copy.goal_minutes == 90)
    assert order[order.index(own) + 1].name == rule.name and own.team == rule.team
    assert all({"fact": "service", "op": "is", "value": "cardio"} in group for group in own.criteria)
    assert draft.rules.count() == rule.rule_set.rules.count() + 1


def test_only_who_drafts_routes_takes_the_goal_of_a_service(
    routes: dict[str, RoutingRule], now: datetime, django_user_model: type[User]
) -> None:
    row = Proposal.objects.create(kind="goal", about=f"{routes['scheduling'].pk}:cardio", title="Sooner", evidence="-",
                                  old_value="240", new_value="120", made_at=now)  # fmt: skip
    clerk = django_user_model.objects.create_user("clerk", is_staff=True)
    with pytest.raises(RuleError) as refused:
        proposals.accept(row.pk, by=clerk, at=now)
    assert refused.value.code == "NOT_YOURS_TO_CHANGE"
