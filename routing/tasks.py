"""What the bell and the beat start: each task calls one plain function."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from routing import notices, versions
from routing import sweep as sweeps


@shared_task
def sweep() -> None:
    sweeps.sweep(at=timezone.now())


@shared_task
def send_notices() -> None:
    notices.send_due(at=timezone.now())


@shared_task
def route_again() -> None:
    versions.route_again(clock=timezone.now)
