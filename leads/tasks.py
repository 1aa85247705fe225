"""What the bell and the beat start: each task calls one plain function and keeps nothing."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from leads import previews
from leads.services import rollout


@shared_task
def roll_out() -> None:
    rollout.roll_out(clock=timezone.now)


@shared_task
def look_ahead() -> None:
    previews.look_ahead(clock=timezone.now)
