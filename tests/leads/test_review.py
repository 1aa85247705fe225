"""The review names what was planted, says nothing else, and claims nothing on few cases."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from leads import review
from leads.models import Lead, Milestone, Proposal, ScoringModel, ScoringRule, Source
from leads.services import proposals, versions
from medcrm import synthetic_year
from medcrm.lib.errors import RuleError
from medcrm.lib.models import VersionStatus
from medcrm.lib.stats import Share, cases_needed, difference, holm, wilson
from medcrm.lib.versions import start_draft
from medcrm.synthetic_year import FAILING_SOURCE, PLANTED, SAME_THING, SLOW_SERVICE

pytestmark = pytest.mark.django_db
ENOUGH = 14_000


@pytest.mark.long
def test_the_planted_rules_source_and_service_are_named_and_no_others(organisation: None, now: datetime, admin_user):
    model = synthetic_year.make(ENOUGH, at=now)
    since = now - timedelta(days=365)
    found = review.review(model, since=since, at=now)
    assert {f.rule.name: f.says for f in found.rules} == {name: truth for name, (_p, _c, truth) in PLANTED.items()}
    assert [{pair.one.name, pair.other.name} for pair in found.pairs] == [SAME_THING]
    sources = review.judge_sources(since=since, at=now)
    assert [f.key for f in sources if f.says in ("under", "over")] == [FAILING_SOURCE]
    services = review.judge_services(since=since, at=now)
    assert [f.key for f in services if f.says in ("slow", "fast")] == [SLOW_SERVICE]

    made = proposals.propose(since=since, at=now)
    points = {row.title.split("”")[0].strip("“"): row for row in made if row.kind == "points"}
    assert set(points) == {"Speaks Spanish", "Asks for somebody else", "Window closes within two weeks"}
    assert [row.about for row in made if row.kind == "intent"] == [FAILING_SOURCE]
    assert proposals.propose(since=since, at=now) == [], "what is proposed already is not proposed again"

    proposals.accept(points["Asks for somebody else"].pk, by=admin_user, at=now)
    draft = ScoringModel.objects.get(lead_type="patient", status=VersionStatus.DRAFT)
    assert ScoringRule.objects.get(model=draft, name="Asks for somebody else").points == 0
    assert ScoringRule.objects.get(model=model, name="Asks for somebody else").points == 10, "in force until published"
    with pytest.raises(RuleError, match="decided already"):
        proposals.accept(points["Asks for somebody else"].pk, by=admin_user, at=now)
    with pytest.raises(RuleError, match="why not"):
        proposals.reject(points["Speaks Spanish"].pk, " ", by=admin_user, at=now)
    proposals.reject(points["Speaks Spanish"].pk, "We want to hear from them all the same.", by=admin_user, at=now)
    again = proposals.propose(since=since, at=now)
    assert "Speaks Spanish" not in {row.title.split("”")[0].strip("“") for row in again}, "a rejection is remembered"


def test_a_source_is_judged_by_others_of_its_kind_of_lead(organisation: None, now: datetime) -> None:
    """[R58] Few agreements are won where many visits are kept: that speaks against no form for facilities."""
    captured, many = now - timedelta(days=90), 300
    planted = [("facility", "b2b", 15), ("webinar", "b2b", 15), ("webinar", "patient", 150), ("web_consult", "b2b", 15)]
    leads = Lead.objects.bulk_create(
        Lead(lead_type=kind, source_id=source, created_at=captured)
        for source, kind, _won in planted
        for _number in range(many)
    )
    Milestone.objects.bulk_create(
        Milestone(
            lead=lead, captured_at=captured, lead_type=lead.lead_type, source_id=lead.source_id,
            is_converted=place % many < planted[place // many][2],
        )
        for place, lead in enumerate(leads)
    )  # fmt: skip
    found = {(f.key, f.lead_type): f.says for f in review.judge_sources(since=now - timedelta(days=365), at=now)}
    assert found.keys() == {(source, kind) for source, kind, _won in planted}
    assert not {review.Says.UNDER, review.Says.OVER} & set(found.values())


def test_few_cases_claim_nothing_and_say_how_many_are_missing(organisation: None, now: datetime) -> None:
    model = synthetic_year.make(60, at=now)
    found = review.review(model, since=now - timedelta(days=365), at=now)
    assert {f.says for f in found.rules} == {review.Says.TOO_FEW}
    assert all(f.missing > 100 for f in found.rules)
    assert proposals.propose(since=now - timedelta(days=365), at=now) == []


def test_an_accepted_intent_changes_the_source_and_wakes_its_leads(submit, now: datetime, admin_user) -> None:
    lead = submit(source="landing")
    type(lead).objects.update(advance_due_at=None)
    row = Proposal.objects.create(
        kind="intent", about="landing", title="t", evidence="e", old_value="medium", new_value="low", made_at=now
    )
    proposals.accept(row.pk, by=admin_user, at=now)
    lead.refresh_from_db()
    assert (Source.objects.get(pk="landing").intent, lead.advance_due_at) == ("low", now)


@pytest.mark.parametrize(("kind", "value"), [("points", "0"), ("threshold", "70")])
def test_a_proposal_about_a_model_no_longer_in_force_is_refused(
    organisation: None, now: datetime, admin_user, kind: str, value: str
) -> None:
    model = ScoringModel.objects.get(lead_type="patient", status=VersionStatus.PUBLISHED)
    about = {"points": str(model.rules.first().pk), "threshold": f"{model.pk}:high_from"}[kind]
    row = Proposal.objects.create(
        kind=kind, about=about, title="t", evidence="e", old_value="1", new_value=value, made_at=now
    )
    draft = start_draft(ScoringModel, model.pk)
    versions.publish(ScoringModel, draft.pk, by=admin_user, at=now)
    with pytest.raises(RuleError) as refused:
        proposals.accept(row.pk, by=admin_user, at=now)
    assert refused.value.code == "NOT_IN_FORCE"
    assert not model.all_versions().filter(status=VersionStatus.DRAFT).exists()


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    # Brown, Cai, DasGupta, Statistical Science 16 (2001): the Wilson interval of 0/10, 5/10 and 10/10 at 95 %.
    [(0, 10, 0.0, 0.278), (5, 10, 0.237, 0.763), (10, 10, 0.722, 1.0)],
)
def test_wilson_interval_is_the_published_one(hits: int, of: int, low: float, high: float) -> None:
    interval = wilson(Share(hits, of))
    assert (round(interval.low, 3), round(interval.high, 3)) == (low, high)


def test_newcombe_interval_is_the_published_one() -> None:
    """Newcombe (1998), table II, case (a): 56/70 against 48/80."""
    interval = difference(Share(56, 70), Share(48, 80))
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.0524, 0.3339)


def test_holm_stops_at_the_first_that_does_not_stand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005], 0.95) == [True, False, False, True]


def test_a_smaller_gap_needs_more_cases() -> None:
    assert cases_needed(0.2, 0.05) < cases_needed(0.2, 0.02) < cases_needed(0.2, 0.01)


@pytest.mark.parametrize("base", [0.0, 0.5, 0.99, 1.0])
def test_any_share_says_how_many_cases_it_needs(base: float) -> None:
    assert 0 < cases_needed(base, max(base * 0.15, 0.01)) < 10**6
