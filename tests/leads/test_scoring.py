"""Scores: points under their caps, bands by their own rules, each change kept with the rules that made it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from consent.models import Attempt, Permission
from leads import scoring
from leads.admin import lead_page
from leads.models import Interaction, Lead, ScoreChange, ScoringModel
from leads.services import events
from leads.vocabulary import InteractionKind
from medcrm.lib.versions import start_draft
from tests import rows
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


BUYER = {"lead_type": "b2b", "service": "screening", "request": "quote", "organisation": "Plant", "payer": ""}
PARTNER = {"lead_type": "partner", "service": "referral_network", "organisation": "Beta Clinic", "payer": ""}


@pytest.mark.parametrize(
    ("source", "fields", "category", "points"),
    [
        ("facility", {**BUYER, "timing": "two_weeks"}, "timing", 20),
        ("facility", {**BUYER, "timing": "month"}, "timing", 14),
        ("partner", {**PARTNER, "timing": "month"}, "timing", 14),
        ("facility", {**BUYER, "contact_role": "decision_maker", "budget": "approved"}, "authority", 10),
        ("facility", {**BUYER, "contact_role": "office_manager"}, "authority", 5),
        ("partner", {**PARTNER, "contact_role": "influencer"}, "authority", 5),
        ("partner", {**PARTNER, "contact_role": "decision_maker", "agreement": "signed"}, "authority", 10),
        ("partner", {**PARTNER, "request": "quote"}, "request_intent", 18),
    ],
)
def test_points_of_organisations_are_those_of_the_table(submit, now, source, fields, category, points) -> None:
    assert scored(submit(source, **fields), now).score_parts[category] == points


@pytest.mark.parametrize(("source", "fields"), [("web_consult", {}), ("facility", BUYER), ("partner", PARTNER)])
def test_no_more_e_mail_costs_the_points_of_engagement_and_no_other(submit, now, source, fields) -> None:
    lead = submit(source, **fields)
    events.record_activity(lead.pk, InteractionKind.PAGE_VISIT, at=now, count=3)
    events.record_activity(lead.pk, InteractionKind.EMAIL_OPEN, at=now, count=3)
    before = scored(lead, now)
    assert before.score_parts["engagement"] == 3
    Permission.objects.update_or_create(address=lead.email, channel="email", defaults={"state": "blocked"})
    after = scored(lead, now)
    assert after.score_parts == before.score_parts | {"engagement": 0}


@pytest.mark.parametrize("reason", ["vendor", "student_or_press"])
def test_who_sells_or_studies_loses_thirty_points(submit, now, reason) -> None:
    lead = submit()
    Lead.objects.filter(pk=lead.pk).update(stage="stopped", decision="stop", stop_reason=reason)
    assert scored(lead, now).score_parts["penalties"] == -30


@pytest.mark.parametrize(
    ("fields", "readiness"),
    [
        ({"request": "price"}, "high"),
        ({"request": "question"}, "high"),
        ({"request": "", "question": "Is parking free?"}, "high"),
        ({"request": "price", "timing": "quarter"}, "medium"),
        ({"request": "appointment", "timing": "not_sure"}, "medium"),
        ({"request": "demo", "timing": "", "zip": ""}, "medium"),
        ({"request": "info", "timing": "quarter", "zip": ""}, "medium"),
        ({"request": "info", "timing": "not_sure", "zip": ""}, "low"),
        ({"request": "info", "documents": ["referral_letter"]}, "high"),
        ({"request": "info", "timing": "", "zip": "", "documents": ["referral_letter"]}, "medium"),
    ],
)
def test_readiness_of_a_patient_follows_what_it_asks_for_and_when(submit, now, fields, readiness) -> None:
    assert scored(submit(**fields), now).readiness == readiness


@pytest.mark.parametrize(("kind", "readiness"), [("email_reply", "medium"), ("webinar_attended", "medium"),
                                                 ("page_visit", "low")])  # fmt: skip
def test_readiness_takes_a_reply_and_a_webinar_but_no_visit_of_pages(submit, now, kind, readiness) -> None:
    lead = submit(request="info", timing="not_sure", zip="")
    events.record_activity(lead.pk, InteractionKind(kind), at=now)
    assert scored(lead, now).readiness == readiness


def test_who_does_not_answer_three_times_is_not_ready_however_it_asked(submit, now) -> None:
    lead = submit()
    assert scored(lead, now).readiness == "high"
    for hours in (1, 2, 3):
        attempt = rows.make(Attempt, address=lead.phone, state="sent")
        at = now + timedelta(hours=hours)
        Interaction.objects.create(lead=lead, kind="call", direction="outbound", at=at, attempt=attempt)
    assert scored(lead, now + timedelta(hours=4)).readiness == "medium"


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
