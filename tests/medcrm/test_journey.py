"""The road: walking twice changes nothing, and many leads take as many queries as one."""

from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext

from leads.models import Interaction, Lead, MissingItem, Qualification, ScoreChange, Trigger
from medcrm import journey
from nurture.models import Enrollment
from routing.models import Assignment, Clock, Handoff

EVERYTHING = (
    Lead,
    Qualification,
    ScoreChange,
    MissingItem,
    Trigger,
    Interaction,
    Assignment,
    Handoff,
    Clock,
    Enrollment,
)

KINDS = (
    {"source": "web_consult"},
    {"source": "guide", "timing": "not_sure", "request": "info"},
    {"source": "web_consult", "service": "bh"},
    {"source": "web_consult", "service": "cardio"},
    {"source": "web_consult", "zip": "99501"},
    {"source": "web_consult", "request": "price"},
)


def people(submit, count: int) -> list[int]:
    """Leads of every kind, each a person of its own."""
    return [
        submit(
            phone=f"+1512{210 + n // 100}01{n % 100:02d}",
            email=f"p{n}@example.org",
            last_name=f"P{n}",
            **KINDS[n % len(KINDS)],
        ).pk
        for n in range(count)
    ]


def picture() -> dict[str, list[dict[str, object]]]:
    ignored = {"updated_at", "advanced_at"}
    return {
        model.__name__: [
            {name: value for name, value in row.items() if name not in ignored}
            for row in model.objects.order_by("pk").values()
        ]
        for model in EVERYTHING
    }


def test_walking_twice_changes_nothing_the_second_time(organisation, submit, now) -> None:
    ids = people(submit, 12)
    journey.advance(ids, at=now)
    before = picture()
    journey.advance(ids, at=now)
    journey.advance(ids, at=now + timedelta(minutes=5))
    assert picture() == before


def test_the_leads_spread_over_the_road(organisation, submit, now) -> None:
    journey.advance(people(submit, 6), at=now)
    found = Lead.objects.order_by("pk").values_list("stage", "decision", "next_step")
    assert list(found) == [
        ("forwarded", "forward", "appointment"),
        ("nurturing", "hold", "nurture"),
        ("held", "hold", "none"),
        ("held", "hold", "documents"),
        ("stopped", "stop", "none"),
        ("forwarded", "forward", "quote"),
    ]


def test_many_leads_take_as_many_queries_as_few(organisation, submit, now) -> None:
    def queries(ids: list[int]) -> int:
        with CaptureQueriesContext(connection) as captured:
            journey.advance(ids, at=now)
        return len(captured)

    ids = people(submit, 54)
    few, many = queries(ids[:6]), queries(ids[6:])
    assert many <= few + 4  # the batch of insert statements may split, nothing grows with the leads


def test_a_due_lead_is_walked_once_and_no_longer_due(organisation, submit, now) -> None:
    people(submit, 3)
    assert journey.advance_due(at=now) == 3
    assert journey.advance_due(at=now) == 0
    assert set(Lead.objects.values_list("advance_due_at", "advanced_at")) == {(None, now)}


def test_a_lead_due_later_waits(organisation, submit, now) -> None:
    [pk] = people(submit, 1)
    Lead.objects.filter(pk=pk).update(advance_due_at=now + timedelta(hours=1))
    assert journey.advance_due(at=now) == 0
    assert journey.advance_due(at=now + timedelta(hours=1)) == 1


def test_a_merged_lead_leaves_the_road(organisation, submit, now) -> None:
    first, second = people(submit, 2)
    Lead.objects.filter(pk=second).update(merged_into=first)
    assert journey.advance([second], at=now) == []
    assert Lead.objects.get(pk=second).advance_due_at is None
