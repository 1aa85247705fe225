"""How late is the work that is due? Each kind of due row, its count up to a bound, and the age of the oldest.

The same partial indexes serve this and the workers, so looking costs what a tick costs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from consent.lifecycle import AttemptState
from consent.models import Attempt
from gateway.models import Delivery, OutboxEvent
from leads.models import Decay, Inquiry, Lead, Preview, Trigger
from leads.models.previews import WAITING
from leads.services import due
from nurture import carrier
from nurture.models import Acknowledgement, Enrollment, VisitNotice
from routing import worklist
from routing.models import Clock, Notice

BOUND = 10_000  # nobody needs to know more than “very many”


@dataclass(frozen=True)
class Queue:
    """Rows that are due once `field` has passed; late when the oldest has waited longer than `patience`."""

    name: str
    field: str
    rows: Callable[[datetime], QuerySet]
    patience: timedelta


@dataclass(frozen=True)
class Backlog:
    """How much of a queue is due now, and since when."""

    queue: Queue
    count: int
    age_seconds: float

    @property
    def is_late(self) -> bool:
        return self.age_seconds > self.queue.patience.total_seconds()


MINUTES = timedelta(minutes=1)
QUEUES = (
    Queue("advance", "advance_due_at", lambda at: Lead.objects.exclude(pk__in=worklist.in_hand(at)), 2 * MINUTES),
    # Nobody waits behind them, but each needs somebody to look: its rules or its facts cannot be worked out.
    Queue("put_off", "not_walked_at", lambda at: due.put_off_leads(at=at), timedelta()),
    Queue("inquiries", "received_at", lambda at: Inquiry.objects.filter(status="received"), 5 * MINUTES),
    Queue(
        "triggers",
        "due_at",
        lambda at: Trigger.objects.filter(due_at__isnull=False, fired_at=None, disarmed_at=None),
        5 * MINUTES,
    ),
    Queue("decay", "due_at", lambda at: Decay.objects.all(), 5 * MINUTES),
    Queue("acknowledgements", "due_at", lambda at: Acknowledgement.objects.all(), 5 * MINUTES),
    Queue("visits", "due_at", lambda at: VisitNotice.objects.all(), 5 * MINUTES),
    Queue("outreach", "next_due_at", lambda at: Enrollment.objects.active(), 30 * MINUTES),
    Queue("carrier", "said_at", lambda at: carrier.waiting(), 10 * MINUTES),
    Queue(
        "clocks",
        "due_at",
        lambda at: Clock.objects.filter(met_at=None, ended_at=None, breached_at=None),
        5 * MINUTES,
    ),
    Queue("notices", "at", lambda at: Notice.objects.filter(mailed_at=None), 10 * MINUTES),
    Queue(
        "attempts",
        "at",
        lambda at: Attempt.objects.filter(state__in=[AttemptState.RESERVED, AttemptState.HANDED_OVER]),
        30 * MINUTES,
    ),
    Queue("previews", "asked_at", lambda at: Preview.objects.filter(WAITING), 2 * MINUTES),
    Queue("outbox", "at", lambda at: OutboxEvent.objects.filter(spread_at=None), 2 * MINUTES),
    Queue("webhooks", "due_at", lambda at: Delivery.objects.filter(state="pending"), 10 * MINUTES),
)


def backlogs(*, at: datetime) -> list[Backlog]:
    """Look into every queue. One query each."""
    return [_look(queue, at) for queue in QUEUES]


def _look(queue: Queue, at: datetime) -> Backlog:
    rows = queue.rows(at).filter(**{f"{queue.field}__lte": at}).order_by(queue.field)
    instants = list(rows.values_list(queue.field, flat=True)[:BOUND])
    age = (at - instants[0]).total_seconds() if instants else 0.0
    return Backlog(queue, len(instants), age)
