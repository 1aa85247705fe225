"""What beat and bell start for the reports."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from leads import milestones, summaries
from medcrm.reports import backtest, reviewing, weekly


@shared_task
def run_back_tests() -> None:
    now = timezone.now()
    backtest.run_waiting(at=now)
    backtest.follow_published(at=now)


@shared_task
def refresh_milestones() -> None:
    milestones.refresh_all()


@shared_task
def review_rules() -> None:
    reviewing.ask_as_usual(at=timezone.now())


@shared_task
def make_reviews() -> None:
    reviewing.make_waiting(at=timezone.now())


@shared_task
def refresh_summaries() -> None:
    summaries.refresh_all()


@shared_task
def mail_the_week() -> None:
    weekly.send(at=timezone.now())
