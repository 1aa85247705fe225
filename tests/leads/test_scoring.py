"""Scores: points under their caps, bands by their own rules, each change kept with the rules that made it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from leads import scoring
from leads.admin import lead_page
from leads.models import Lead, ScoreChange, ScoringModel
from leads.services import events
from leads.vocabulary import InteractionKind
from medcrm.lib.versions import start_draft
from tests.thawing import thawed


def scored(lead: Lead, at) -> Lead:
    scoring.score_leads([lead.pk], at=at)
    return Lead.objects.select_related("score_model").get(pk=lead.pk)


@pytest.mark.parametrize(
    ("source", "fields", "score", "band", "fit", "readiness"),
    [
        ("web_consult", {"payer": ""}, 80, "high", "medium", "high"),
        ("web_consult", {}, 90, "high", "high", "high"),
        ("guide", {"timing": "not_sure", "request": "info", "payer": ""}, 40, "medium", "medium", "medium"),
        ("web_consult", {"zip": "", "timing": "", "request": "", "payer": ""}, 20, "low", "low", "low"),
        (
            "facility",
            {
                "lead_type": "b2b",
                "service": "screening",
                "timing": "next_quarter",
                "request": "quote",
                "organisation": "Plant",
                "contact_role": "office_manager",
                "clinic_size": 120,
            },
            66,
            "high",
            "high",
            "medium",
        ),
    ],
)
def test_the_worked_examples_rank_as_the_requirements_say(
    submit, now, source, fields, score, band, fit, readiness
) -> None:
    lead = scored(submit(source, **fields), now)
    assert (lead.score, lead.score_band, lead.fit, lead.readiness) == (score, band, fit, readiness)


def test_the_explanation_adds_up_to_the_score(submit, now) -> None:
    lead = scored(submit(), now)
    assert sum(lead.score_parts.values()) == lead.score
    assert sum(points for _name, points, _sentence in scoring.explanation(lead)) == lead.score
    assert [name for name, _points, _sentence in scoring.explanation(lead)][0] == "Asks for an appointment or a call"


def test_each_part_of_a_score_says_what_it_leads_to_and_a_draft_keeps_it(submit, now) -> None:
    """[R21]"""
    lead = scored(submit(), now)
    told = {part.name: part.follow_up for part in lead_page.score_parts(lead)}
    assert told["Timing"] == "By when it is done"
    assert all(told.values())
    draft = start_draft(ScoringModel, lead.score_model_id)
    assert {row.name: row.follow_up for row in draft.categories.all()}.items() >= told.items()


def test_activity_alone_stays_under_its_cap_and_out_of_readiness(submit, now) -> None:
    lead = submit("guide", timing="not_sure", request="info")
    before = scored(lead, now)
    events.record_activity(lead.pk, InteractionKind.WEBINAR_ATTENDED, at=now)
    events.record_activity(lead.pk, InteractionKind.PAGE_VISIT, at=now, count=40)
    events.record_activity(lead.pk, InteractionKind.EMAIL_OPEN, at=now, count=40)
    after = scored(lead, now)
    assert after.score_parts["engagement"] <= 10
    assert after.readiness == before.readiness


def test_engagement_halves_after_thirty_quiet_days_and_again(submit, now) -> None:
    lead = submit("guide")
    events.record_activity(lead.pk, InteractionKind.WEBINAR_ATTENDED, at=now)
    parts = [scored(lead, now + timedelta(days=days)).score_parts["engagement"] for days in (0, 29, 30, 60)]
    assert parts == [6, 6, 3, 2]  # 1.5 rounds to the even two


def test_only_what_changed_is_written_and_kept(submit, now) -> None:
    lead = submit()
    assert scoring.score_leads([lead.pk], at=now) == 1
    assert scoring.score_leads([lead.pk], at=now + timedelta(minutes=1)) == 0
    change = ScoreChange.objects.get()
    assert (change.old_score, change.new_score, change.new_band) == (None, 90, "high")
    assert change.hits == Lead.objects.get(pk=lead.pk).score_hits


def test_an_explanation_that_changes_behind_the_same_sum_is_kept(submit, now) -> None:
    lead = scored(submit(), now)
    model = ScoringModel.objects.get(lead_type="patient")
    with thawed():
        model.rules.filter(category__code="completeness").update(category=model.categories.get(code="penalties"))
    after = scored(lead, now + timedelta(minutes=1))
    assert (after.score, after.score_parts == lead.score_parts) == (lead.score, False)
    last, first = ScoreChange.objects.all()
    assert (last.old_score, last.new_score, last.parts) == (lead.score, lead.score, after.score_parts)
    assert first.parts == lead.score_parts
    assert scoring.score_leads([lead.pk], at=now + timedelta(minutes=2)) == 0


def test_a_hundred_leads_take_as_many_queries_as_one(submit, now) -> None:
    def queries(ids: list[int]) -> int:
        with CaptureQueriesContext(connection) as captured:
            scoring.score_leads(ids, at=now)
        return len(captured)

    ids = [submit(phone=f"+151255501{n:02d}", email=f"a{n}@example.org", last_name=f"L{n}").pk for n in range(12)]
    assert queries(ids[:1]) == queries(ids)


def test_an_empty_model_scores_nothing_and_breaks_nothing(submit, now) -> None:
    with thawed():
        ScoringModel.objects.get(lead_type="patient").categories.all().delete()
    assert scored(submit(), now).score == 0
