"""What the bell and the beat start: each task calls one plain function and keeps nothing."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from leads import duplicates, exporting
from leads.importing import runs
from leads.services import intake
from medcrm import journey
from medcrm.lib import bell
from privacy import holds

SLICE = timedelta(seconds=20)  # of one worker's time; then the bell lets other work come first
# A workbook of a million rows is read or written in one step, which takes minutes: 1,000,000 × 32 cells about 20.
LONG = {"soft_time_limit": 3300, "time_limit": 3600}


@shared_task
def advance_due() -> None:
    began = timezone.now()
    while journey.advance_some(at=timezone.now()):
        if timezone.now() - began > SLICE:
            bell.ring()
            return


@shared_task
def settle_stranded_inquiries() -> None:
    intake.settle_stranded(at=timezone.now())


@shared_task(**LONG)
def import_due() -> None:
    began = timezone.now()
    while runs.work_due(at=timezone.now(), held=lambda: holds.held().lead_ids):
        if timezone.now() - began > SLICE:
            bell.ring(runs.WORK)
            return


@shared_task
def search_duplicates() -> None:
    began = timezone.now()
    while timezone.now() - began < SLICE and duplicates.search(at=timezone.now())[0]:
        pass


@shared_task
def search_duplicates_anew() -> None:
    duplicates.start_over()


@shared_task(**LONG)
def export_due() -> None:
    """Write what waits; each long one gets a worker's whole time."""
    began = timezone.now()
    while exporting.work_due(at=timezone.now()):
        if timezone.now() - began > SLICE:
            bell.ring(exporting.WORK)
            return


@shared_task
def expire_exports() -> None:
    exporting.expire(at=timezone.now())


@shared_task
def expire_import_files() -> None:
    runs.expire_files(at=timezone.now(), kept=holds.held_runs())
