"""Who has a visit is reminded of it as the rows say, never just after they heard of it, never too late."""

from __future__ import annotations

from datetime import date, datetime, time

import pytest
import time_machine

from leads.models import Lead
from medcrm import journey, reference
from nurture import dispatch, publishing, visits
from nurture.models import Message, Sequence, VisitNotice, VisitReminder
from tests.notices.told import (
    BEGINS,
    DAY,
    HOUR,
    MINUTE,
    MORNING,
    NIGHT,
    entries,
    planned,
    run,
    templates,
    told,
)


def test_they_are_reminded_as_often_as_the_rows_say_by_text_first(book) -> None:
    row = book()
    assert planned() == {72: BEGINS - 3 * DAY, 24: BEGINS - DAY}
    assert run(BEGINS - 3 * DAY - MINUTE).delivered == 0
    assert run(BEGINS - 3 * DAY).delivered == 1
    assert run(BEGINS - DAY).delivered == 1
    assert templates() == ["visit_booked_email", "visit_reminder_text", "visit_reminder_text"]
    body = Message.objects.order_by("-pk")[0].body
    assert "Dec 10, 2026 at 9:30 AM CST" in body and "Reply C to confirm" in body
    assert [facts["told_of_visit"] for facts in entries(row)] == ["booked", "reminder", "reminder"]
    assert planned() == {}


def test_who_books_for_soon_is_not_reminded_of_what_they_just_heard(book, now: datetime) -> None:
    """A visit in 27 hours: the day-before reminder would come three hours after the confirmation."""
    book(on=date(2026, 12, 2), clock=time(13))
    assert told() == [("booked", None, ""), ("reminder", 72, "TOLD_JUST_NOW"), ("reminder", 24, "TOLD_JUST_NOW")]
    assert planned() == {}
    book(2, on=date(2026, 12, 2), clock=time(15))  # five hours after it
    assert list(planned()) == [24]


def test_a_reminder_right_after_a_confirmation_that_waited_is_none(book) -> None:
    """Booked at night for the next afternoon, text alone: both would go out in the morning."""
    VisitReminder.objects.filter(hours_before=24).update(hours_before=6)
    book(at=NIGHT, email="", on=date(2026, 12, 2), clock=time(15))
    assert planned()[6] == MORNING + HOUR
    run(MORNING)
    run(MORNING + HOUR)
    assert templates() == ["visit_booked_text"]
    assert told(kind="reminder") == [("reminder", 72, "TOLD_JUST_NOW"), ("reminder", 6, "TOLD_JUST_NOW")]


def test_rows_decide_and_a_change_is_planned_anew(book, now: datetime) -> None:
    book()
    VisitReminder.objects.filter(hours_before=72).update(is_active=False)
    VisitReminder.objects.create(hours_before=48)
    assert visits.replan(at=now + HOUR) == 1
    run(now + HOUR)
    assert planned() == {24: BEGINS - DAY, 48: BEGINS - 2 * DAY}
    assert ("reminder", 72, "SWITCHED_OFF") in told()
    VisitReminder.objects.filter(hours_before=72).update(is_active=True)
    visits.replan(at=now + 2 * HOUR)
    run(now + 2 * HOUR)
    assert set(planned()) == {24, 48, 72}


@pytest.mark.parametrize("change", [{"is_active": False}, {"status": "retired"}])
def test_without_its_sequence_nothing_is_told_and_the_reason_stands(book, change: dict[str, object]) -> None:
    Sequence.objects.filter(code="visit_booked").update(**change)
    row = book()
    assert not Message.objects.exists()
    assert told(kind="booked") == [("booked", None, "SWITCHED_OFF")]
    journey.advance([row.lead_id], at=row.created_at)
    assert len(told(kind="booked")) == 1


def test_one_switched_off_meanwhile_ends_with_its_reason(book) -> None:
    book()
    Sequence.objects.filter(code="visit_reminder").update(is_active=False)
    dispatch.dispatch_due(at=BEGINS - DAY)
    assert told(kind="reminder") == [("reminder", 72, "SWITCHED_OFF"), ("reminder", 24, "SWITCHED_OFF")]


def test_its_criteria_may_narrow_whom_it_means(ask, book, now: datetime) -> None:
    ask(2, language="es")
    draft = Sequence.objects.get(code="visit_booked")
    steps = list(draft.steps.all())
    draft.pk, draft.version, draft.status = None, 2, "draft"
    draft.criteria = [[{"fact": "language", "op": "is", "value": "es"}]]
    draft.save()
    for step in steps:
        step.pk, step.sequence = None, draft
        step.save()
    publishing.publish_sequence(draft.pk, at=now)
    assert not Lead.objects.filter(advance_due_at__isnull=False).exists()  # nobody is planned anew for it
    book()
    assert told(kind="booked") == [("booked", None, "CONDITION_NOT_MET")]


def test_visits_booked_long_ago_are_reminded_of_and_not_confirmed(book, now: datetime) -> None:
    """What an organisation has booked when it takes this in, or a scheduling system brings along."""
    row = book()
    VisitNotice.objects.all().delete()
    journey.advance([row.lead_id], at=now + DAY)
    assert told() == [("booked", None, "TOO_LATE"), ("reminder", 72, ""), ("reminder", 24, "")]


def test_an_organisation_that_takes_this_in_reminds_of_what_is_booked(book, now: datetime) -> None:
    row = book()
    VisitNotice.objects.all().delete()
    VisitReminder.objects.all().delete()
    with time_machine.travel(now + DAY, tick=False):
        reference.load(at=now + DAY)
        run(now + DAY)
    assert Lead.objects.get(pk=row.lead_id).advance_due_at is None
    assert set(planned()) == {72, 24}


def test_loading_again_keeps_what_staff_changed_and_adds_what_is_new(organisation, now: datetime) -> None:
    VisitReminder.objects.filter(hours_before=72).delete()
    Sequence.objects.filter(code="visit_booked").update(is_active=False)
    reference.load(at=now)
    assert list(VisitReminder.objects.values_list("hours_before", "is_active")) == [(24, True)]
    assert Sequence.objects.filter(code="visit_booked").values_list("is_active", flat=True).get() is False
