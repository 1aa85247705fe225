"""What a lead did counts for less on a day of its own, though nothing else happens to it [R24]."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from leads import decay
from leads.models import Decay, Lead, ScoreChange
from leads.services import calls, events
from leads.services.calls import CallReport
from medcrm import journey

DAY = timedelta(days=1)


@pytest.fixture
def lead(organisation, submit, now) -> Lead:
    """Was at a talk and wrote back: nine points for what it did."""
    lead = submit("guide", request="info", timing="")
    events.record_activity(lead.pk, "webinar_attended", at=now)
    events.record_activity(lead.pk, "email_reply", at=now)
    return walk(lead, now)


def walk(lead: Lead, at: datetime) -> Lead:
    journey.advance_due(at=at)
    lead.refresh_from_db()
    return lead


def test_points_for_what_a_lead_did_halve_on_their_day_and_again(lead, now) -> None:
    points = lead.score_parts["engagement"]
    assert points > 4 and lead.decay.due_at == now + 30 * DAY
    assert walk(lead, now + 30 * DAY - timedelta(minutes=1)).score_parts["engagement"] == points
    walk(lead, now + 30 * DAY)
    assert lead.score_parts["engagement"] == round(points / 2)
    assert ScoreChange.objects.filter(lead=lead).first().at == now + 30 * DAY
    assert Decay.objects.get().due_at == now + 60 * DAY
    walk(lead, now + 60 * DAY)
    assert lead.score_parts["engagement"] == int(points / 4 + 0.5)


def test_whatever_the_lead_does_puts_the_day_off(lead, now) -> None:
    events.record_activity(lead.pk, "page_visit", at=now + 20 * DAY)
    walk(lead, now + 20 * DAY)
    assert Decay.objects.get().due_at == now + 50 * DAY


def test_who_has_no_such_points_waits_for_no_day(organisation, submit, now) -> None:
    walk(submit(), now)
    assert not Decay.objects.exists()


def test_days_are_dealt_with_in_batches_and_a_closed_lead_stays_where_it_is(organisation, submit, now) -> None:
    leads = [submit("guide", phone=f"+1512555013{n}", email=f"n{n}@example.org", at=now) for n in range(3)]
    for lead in leads:
        events.record_activity(lead.pk, "webinar_attended", at=now)
    journey.advance_due(at=now)
    calls.record_call(leads[0].pk, CallReport("not_interested"), at=now)
    journey.advance_due(at=now)
    later = max(Decay.objects.values_list("due_at", flat=True))
    assert [decay.wake(at=later, limit=2) for _ in range(3)] == [2, 1, 0]
    assert set(Lead.objects.filter(advance_due_at=later)) == set(leads[1:])
