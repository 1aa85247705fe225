"""Why it went there, and where it would go under a draft."""

from __future__ import annotations

import pytest

from consent.models import Address
from leads.models import Interaction, Lead, Qualification
from routing import explain, router
from routing.models import Assignment, RouteSet, RoutingRule
from tests.routing.factories import make_lead

pytestmark = pytest.mark.usefixtures("organisation")


def test_a_stored_path_is_said_in_words(now, routed):
    told = explain.explain(routed.assignments.get())
    assert told.team == "Scheduling"
    assert told.steps[-1].held
    assert told.steps[-1].sentence == "next step is Appointment"
    assert list(told.passed_over.values()) == ["Somebody else's turn"]


def test_the_simulator_says_what_routing_then_does(now, lead):
    told = explain.simulate(lead.pk, at=now)
    assert not Assignment.objects.exists()
    router.route([lead.pk], at=now)
    lead.refresh_from_db()
    assert (told.team, told.owner) == ("Scheduling", str(lead.owner.agent))
    assert told.due_at == lead.next_action_due_at


def test_a_draft_is_tried_without_being_published(now, lead):
    draft = RouteSet.objects.create(version=2)
    RoutingRule.objects.create(rule_set=draft, name="All to quotes", team_id="quotes")
    assert explain.simulate(lead.pk, at=now, rule_set=draft).team == "Quote desk"
    assert explain.simulate(lead.pk, at=now).team == "Scheduling"


def test_a_lead_that_needs_nobody_goes_nowhere(now):
    assert explain.simulate(make_lead(now, "nurture").pk, at=now) is None


def test_a_typed_in_inquiry_walks_the_road_before_it_is_routed_and_leaves_nothing_behind(now):
    fields = {
        "lead_type": "patient",
        "source": "web_consult",
        "service": "ortho",
        "preferred_clinic": "aus",
        "request": "appointment",
        "timing": "two_weeks",
        "payer": "ppo",
        "age": 45,
        "zip": "78704",
    }
    before = [model.objects.count() for model in (Lead, Interaction, Qualification, Address)]
    answer = explain.simulate_new(fields, phone="+15125550101", at=now)
    assert (answer.lead.next_step, answer.told.team) == ("appointment", "Scheduling")
    assert answer.told.script.pk == "scheduling"
    assert set(answer.told.passed_over) <= {"Scheduling One", "Scheduling Two"}
    assert [model.objects.count() for model in (Lead, Interaction, Qualification, Address)] == before


def test_a_typed_in_inquiry_that_nobody_need_call_says_where_the_road_left_it(now):
    fields = {"lead_type": "patient", "source": "guide", "service": "ortho", "request": "info", "zip": "78704"}
    answer = explain.simulate_new(fields, at=now)
    assert answer.told is None
    assert answer.lead.next_step == "nurture"
