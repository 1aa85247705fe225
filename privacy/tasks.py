"""What runs by the clock: forgetting what need not be kept; nightly."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from gateway import outbox
from privacy import holds, retention


@shared_task(soft_time_limit=3300, time_limit=3600)
def apply_retention() -> None:
    retention.apply(at=timezone.now())


@shared_task
def forget_events() -> None:
    """Forget what other systems were told, except about leads on hold."""
    outbox.forget(at=timezone.now(), kept_leads=holds.held().lead_ids)
