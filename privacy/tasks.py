"""What runs by the clock: forgetting what need not be kept; nightly."""

from __future__ import annotations

from celery import shared_task
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone

from gateway import outbox
from privacy import holds, retention


@shared_task(soft_time_limit=3300, time_limit=3600)
def apply_retention() -> None:
    retention.load_rules()  # of kinds that a new version brought
    retention.apply(at=timezone.now())


@shared_task
def forget_sessions() -> None:
    """Delete the sessions of staff that ended: nobody signs out of most of them."""
    SessionStore.clear_expired()


@shared_task
def forget_events() -> None:
    """Forget what other systems were told, except about leads on hold."""
    outbox.forget(at=timezone.now(), kept_leads=holds.held().lead_ids)
