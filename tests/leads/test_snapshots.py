"""What the rules knew is frozen with each decision, once per change, and never learns anything later."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from leads import criteria, qualification, snapshots
from leads.models import Lead, Snapshot
from leads.services import events
from medcrm import journey

pytestmark = pytest.mark.django_db


def test_each_decision_keeps_the_facts_it_rested_on(
    organisation: None, submit: Callable[..., Lead], now: datetime
) -> None:
    lead = submit()
    journey.advance([lead.pk], at=now)
    row = Snapshot.objects.get()
    assert (row.decision, row.next_step, row.score, row.readiness) == ("forward", "appointment", row.lead.score, "high")
    assert (row.facts["timing"], row.facts["decision"], row.facts["stage"]) == ("two_weeks", None, "new")
    assert set(row.facts) == {fact.name for fact in criteria.facts()}
    assert snapshots.inputs_of(row).request == "appointment"
    assert qualification.checks.assess(snapshots.inputs_of(row)).verdict("fit") == "pass"


def test_a_walk_that_changes_nothing_keeps_nothing(
    organisation: None, submit: Callable[..., Lead], now: datetime
) -> None:
    lead = submit()
    for hours in range(3):
        journey.advance([lead.pk], at=now + timedelta(hours=hours))
    assert Snapshot.objects.count() == 1


def test_what_is_learned_later_is_not_in_it(organisation: None, submit: Callable[..., Lead], now: datetime) -> None:
    lead = submit()
    journey.advance([lead.pk], at=now)
    events.record_preference(lead.pk, {"timing": "later", "payer": "medicaid"}, at=now + timedelta(days=1))
    journey.advance([lead.pk], at=now + timedelta(days=1))
    first, second = Snapshot.objects.order_by("at")
    assert (first.facts["timing"], first.facts["payer"], first.decision) == ("two_weeks", "ppo", "forward")
    assert second.facts["timing"] == "later" and second.decision != "forward"


def test_frozen_facts_have_the_types_of_living_ones(
    organisation: None, submit: Callable[..., Lead], now: datetime
) -> None:
    lead = submit()
    journey.advance([lead.pk], at=now)
    names = [fact.name for fact in criteria.facts()]
    row = Snapshot.objects.get()
    query, params = snapshots.source({row.pk: row.facts})(names, [])
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(query, params)
        [values] = cursor.fetchall()
    assert values[0] == row.pk and len(values) == len(names) + 1
    assert dict(zip(names, values[1:], strict=True))["miles_to_clinic"] == pytest.approx(row.facts["miles_to_clinic"])
