"""What the bell and the beat start: each task calls one plain function and keeps nothing."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from leads.services import intake
from medcrm import journey


@shared_task
def advance_due() -> None:
    journey.advance_due(at=timezone.now())


@shared_task
def settle_stranded_inquiries() -> None:
    intake.settle_stranded(at=timezone.now())
