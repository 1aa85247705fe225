"""What runs by the clock: telling subscribers, and forgetting answers that nobody can ask for any more.

What subscribers were told is forgotten by `privacy.tasks`, which knows who is on hold.
"""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from gateway import idempotency, outbox


@shared_task
def deliver_due() -> None:
    outbox.deliver_due(clock=timezone.now)


@shared_task
def forget_old() -> None:
    idempotency.forget(at=timezone.now())
