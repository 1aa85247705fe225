"""The road: walking twice changes nothing, and many leads take as many queries as one."""

from datetime import timedelta

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection
from django.test.utils import CaptureQueriesContext

from leads import contact, milestones
from leads.models import Interaction, Lead, MissingItem, Qualification, ScoreChange, Trigger
from leads.services import calls, due
from leads.services.calls import CallReport
from medcrm import journey, queues, tasks
from medcrm.lib import bell
from nurture.models import Enrollment
from routing.models import Assignment, Clock, Handoff, Team

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


@pytest.fixture
def closed_team(organisation) -> None:
    """Scheduling was left without any hours, so that nothing can ever be due there."""
    Team.objects.filter(pk="scheduling").update(hours={})


def test_a_lead_that_cannot_be_walked_is_put_off_alone(closed_team, submit, now) -> None:
    ids = people(submit, 6)
    assert journey.advance_due(at=now) == 6
    [stuck] = due.put_off_leads(at=now)
    assert (stuck.pk, stuck.stage, stuck.not_walked_at) == (ids[0], "new", now)
    assert stuck.advance_due_at == now + due.PUT_OFF
    assert set(Lead.objects.exclude(pk=stuck.pk).values_list("advance_due_at", "advanced_at")) == {(None, now)}


def test_why_a_lead_is_put_off_is_said_once_and_ends_when_it_walks(closed_team, submit, now) -> None:
    [pk, *_others] = people(submit, 2)
    later = now + due.PUT_OFF
    journey.advance_due(at=now)
    journey.advance_due(at=later)
    assert [entry.facts for entry in Interaction.objects.filter(lead=pk, kind="system")] == [
        {"not_walked": "NeverOpen"}
    ]
    [late] = [backlog.queue.name for backlog in queues.backlogs(at=later + timedelta(seconds=1)) if backlog.is_late]
    assert late == "put_off"
    Team.objects.filter(pk="scheduling").update(hours={"tue": [["08:00", "17:00"]]})
    assert journey.advance_due(at=later + due.PUT_OFF) == 1
    assert Lead.objects.get(pk=pk).stage == "forwarded"
    assert not due.put_off_leads(at=later + due.PUT_OFF).exists()


def test_leads_that_are_put_off_are_listed_and_counted_for_who_can_mend_it(
    closed_team, submit, now, admin_client, own_cache
) -> None:
    [pk, *_others] = people(submit, 2)
    journey.advance_due(at=now)
    listed = admin_client.get("/admin/leads/lead/", {"state": "put_off"}).context["cl"].queryset
    assert list(listed.values_list("pk", flat=True)) == [pk]
    figures = {figure.link: figure.count for figure in admin_client.get("/admin/").context["repairs"]}
    assert figures["/admin/leads/lead/?state=put_off"] == 1


def test_a_worker_that_must_stop_puts_nobody_off(organisation, submit, now, monkeypatch) -> None:
    def stop(*args: object, **kwargs: object) -> None:
        raise SoftTimeLimitExceeded

    people(submit, 3)
    monkeypatch.setattr(milestones, "refresh", stop)
    with pytest.raises(SoftTimeLimitExceeded):
        journey.advance_due(at=now)
    assert set(Lead.objects.values_list("advance_due_at", flat=True)) == {now}


def test_a_call_recorded_after_the_walks_moment_keeps_the_lead_due(organisation, submit, now) -> None:
    [pk] = people(submit, 1)
    lead, called_at = Lead.objects.get(pk=pk), now + timedelta(seconds=30)
    attempt = contact.reserve_call(lead, at=called_at)
    report = CallReport("callback_requested", callback_at=now + timedelta(hours=3))
    calls.record_call(pk, report, at=called_at, attempt=attempt)
    journey.advance_due(at=now + timedelta(seconds=2))
    assert Lead.objects.get(pk=pk).advance_due_at == called_at
    journey.advance_due(at=called_at)
    promise = Clock.objects.get(lead=pk, is_promise=True)
    assert (promise.due_at, promise.met_at) == (now + timedelta(hours=3), None)
    assert Lead.objects.get(pk=pk).advance_due_at is None


def test_a_worker_asks_the_clock_before_each_batch_and_gives_way_after_a_while(monkeypatch, now) -> None:
    moments, rung = [], []

    def advance(*, at: object) -> int:
        moments.append(at)
        return 1

    times = (now + timedelta(seconds=4 * n) for n in range(99))
    monkeypatch.setattr(journey, "advance_some", advance)
    monkeypatch.setattr(tasks.timezone, "now", lambda: next(times))
    monkeypatch.setattr(bell, "ring", lambda *args: rung.append(args))
    tasks.advance_due()
    assert moments == [now + timedelta(seconds=s) for s in (4, 12, 20)]
    assert rung == [()]
