"""Whoever asks is answered: a wish for later holds the visit, not the answer; a typed question counts as asked."""

from __future__ import annotations

import pytest

from leads.models import Lead
from medcrm import journey

pytestmark = pytest.mark.usefixtures("organisation")

PARTNER = {"lead_type": "partner", "service": "referral_network", "payer": ""}
FACILITY = {"lead_type": "b2b", "service": "screening", "payer": ""}
LATER = {"timing": "later"}


def walked(submit, now, source: str = "web_consult", **fields: object) -> Lead:
    lead = submit(source, **fields)
    journey.advance([lead.pk], at=now)
    lead.refresh_from_db()
    return lead


@pytest.mark.parametrize(
    ("source", "fields", "step", "team"),
    [
        ("web_consult", {"request": "price"}, "quote", "quotes"),
        ("web_consult", {"request": "question", "question": "Is parking free?"}, "callback", "qualification"),
        ("web_consult", {"request": "callback"}, "callback", "qualification"),
        ("web_consult", {"request": "", "question": "Is parking free?"}, "callback", "qualification"),
        ("facility", {**FACILITY, "request": "quote"}, "discovery", "discovery"),
        ("facility", {**FACILITY, "request": "demo"}, "discovery", "discovery"),
        ("partner", {**PARTNER, "request": "referral"}, "partnership", "partnerships"),
    ],
)
def test_what_is_asked_is_answered_now_by_somebody_though_the_visit_is_for_later(
    submit, now, source, fields, step, team
):
    lead = walked(submit, now, source, **LATER, **fields)
    assert (lead.decision, lead.next_step, lead.team) == ("forward", step, team)
    assert lead.clocks.open().exists()


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ("web_consult", {"request": "appointment"}),
        ("web_consult", {"request": "availability"}),
        ("web_consult", {"request": "info", "question": "Is parking free?"}),
        ("web_consult", {"request": ""}),
        ("facility", {**FACILITY, "request": "info"}),
        ("partner", {**PARTNER, "request": ""}),
    ],
)
def test_who_asks_to_come_later_or_for_nothing_waits(submit, now, source, fields):
    lead = walked(submit, now, source, **LATER, **fields)
    assert (lead.decision, lead.hold_reason_id) == ("hold", "timing_later")


@pytest.mark.parametrize(
    ("source", "fields", "step"),
    [
        ("webinar", {}, "callback"),
        ("facility", FACILITY, "discovery"),
        ("partner", PARTNER, "partnership"),
    ],
)
def test_a_typed_question_is_one_where_no_request_was_chosen(submit, now, source, fields, step):
    lead = walked(submit, now, source, **fields, request="", question="Do you take Medicare?")
    assert (lead.decision, lead.next_step, lead.readiness_check) == ("forward", step, "pass")
    assert lead.score_parts["request_intent"] == 15
    assert lead.readiness in ("high", "medium")


def test_a_question_beside_the_wish_for_information_only_leaves_it_at_that(submit, now):
    lead = walked(submit, now, "guide", timing="not_sure", request="info", question="Do you take Medicare?")
    assert (lead.next_step, lead.score_parts["request_intent"]) == ("nurture", 3)
