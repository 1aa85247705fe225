"""What runs by the clock: sealing, verifying, and settling what a dead worker left behind."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from consent import checkpoints, gate, verify


@shared_task
def seal_ledger() -> None:
    """Seal the chain heads that moved; hourly."""
    checkpoints.seal_all(at=timezone.now())


@shared_task(soft_time_limit=3300, time_limit=3600)
def verify_ledger() -> None:
    """Check the whole ledger; nightly. Some sixteen thousand events a second, hence the long limit."""
    verify.run(at=timezone.now())


@shared_task
def settle_forgotten_attempts() -> None:
    """Mark attempts that nobody settled as unknown; every minute."""
    gate.settle_forgotten(at=timezone.now())
