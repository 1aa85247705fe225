"""A worker dies on the way of a notice: nobody is told twice, and nobody an old time."""

from __future__ import annotations

from datetime import datetime

from consent import gate
from leads.services import appointments, events
from medcrm import journey
from nurture import dispatch, outbox
from nurture.models import Message, VisitNotice
from nurture.querysets import LEASE
from tests.notices.told import (
    BEGINS,
    DAY,
    HOUR,
    MINUTE,
    ON,
    run,
    templates,
    told,
)


def test_before_the_reservation_the_claim_runs_out(book, dying) -> None:
    book()
    due_at = BEGINS - DAY
    VisitNotice.objects.filter(hours_before=72).update(due_at=None)
    dying(gate, "reserve_many", due_at)
    assert dispatch.dispatch_due(at=due_at + MINUTE) == dispatch.DispatchReport()
    assert dispatch.dispatch_due(at=due_at + LEASE + MINUTE).delivered == 1
    assert templates().count("visit_reminder_text") == 1


def test_between_reservation_and_hand_over_it_is_tried_under_a_new_reservation(book, dying) -> None:
    book()
    due_at = BEGINS - DAY
    VisitNotice.objects.filter(hours_before=72).update(due_at=None)
    dying(outbox, "send_many", due_at)
    later = due_at + outbox.FORGOTTEN_AFTER + MINUTE
    assert dispatch.dispatch_due(at=later) == dispatch.DispatchReport(failed=1)
    assert dispatch.dispatch_due(at=later + outbox.RETRY_AFTER).delivered == 1
    states = Message.objects.filter(step__sequence__code="visit_reminder").values_list("state", flat=True)
    assert sorted(states) == ["delivered", "failed"]
    assert dispatch.dispatch_due(at=BEGINS - 2 * HOUR) == dispatch.DispatchReport()


def test_after_the_hand_over_it_is_unknown_and_never_sent_again(book, dying) -> None:
    book()
    due_at = BEGINS - DAY
    VisitNotice.objects.filter(hours_before=72).update(due_at=None)
    dying(outbox, "_hand_over", due_at)
    assert dispatch.dispatch_due(at=due_at + outbox.FORGOTTEN_AFTER + MINUTE).unknown == 1
    assert dispatch.dispatch_due(at=BEGINS - 2 * HOUR) == dispatch.DispatchReport()
    assert list(Message.objects.order_by("-pk").values_list("state", flat=True)[:1]) == ["unknown"]


def test_one_that_failed_before_the_visit_was_cancelled_is_not_tried_again(book, dying, scheduler) -> None:
    row = book()
    due_at = BEGINS - DAY
    VisitNotice.objects.filter(hours_before=72).update(due_at=None)
    dying(outbox, "send_many", due_at)
    appointments.settle_appointment(row.pk, "cancelled", by=scheduler, at=due_at + MINUTE)
    run(due_at + outbox.FORGOTTEN_AFTER + MINUTE)
    run(due_at + HOUR)
    assert told(hours_before=24) == [("reminder", 24, "VISIT_CANCELLED")]
    delivered = Message.objects.filter(state="delivered").values_list("step__sequence__code", flat=True)
    assert "visit_reminder" not in delivered


def test_what_failed_before_it_was_moved_twice_is_told_once_as_it_is_now(book, dying, now: datetime) -> None:
    """The first move was reserved and never left; the second is planned when the first comes back."""
    row = book()

    def move(hours: int, at: datetime) -> None:
        starts_at = BEGINS + hours * HOUR
        events.record_appointment(
            row.lead_id, service="ortho", clinic="aus", on=ON, status="booked", starts_at=starts_at, at=at
        )
        journey.advance_due(at=at)

    move(1, now + HOUR)
    dying(outbox, "send_many", now + HOUR)
    move(2, now + HOUR + 20 * MINUTE)
    run(now + HOUR + 20 * MINUTE)
    run(now + 2 * HOUR)
    moved = Message.objects.filter(step__sequence__code="visit_moved", state="delivered")
    assert [("11:30 AM" in message.body) for message in moved] == [True]
    assert told(kind="moved") == [("moved", None, ""), ("moved", None, "")]
