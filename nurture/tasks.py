"""What the bell and the beat start: each task calls one plain function and keeps nothing."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from nurture import carrier, dispatch, enrollment


@shared_task
def dispatch_due() -> None:
    dispatch.dispatch_due(at=timezone.now(), clock=timezone.now)


@shared_task
def tell_carrier() -> None:
    carrier.tell(at=timezone.now())


@shared_task
def revisit() -> None:
    enrollment.revisit(at=timezone.now())
