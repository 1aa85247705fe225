"""Print the numbers that wait for a check in the Reassigned Numbers Database; its answers come back by an import."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta

from django.core.management.base import BaseCommand
from django.db.models import Exists, OuterRef
from django.utils import timezone

from consent.models import Attempt, ConsentEvent
from consent.vocabulary import EventKind


class Command(BaseCommand):
    help = "Print numbers whose texts were refused for want of a check, one a line, to be looked up."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=90, help="How far back to look")

    def handle(self, *args: object, days: int, **options: object) -> None:
        checked = ConsentEvent.objects.filter(
            address=OuterRef("address"), kind=EventKind.NUMBER_CHECK, recorded_at__gte=OuterRef("at")
        )
        refused = Attempt.objects.filter(code="RND_CHECK_REQUIRED", at__gt=timezone.now() - timedelta(days=days))
        waiting = refused.exclude(Exists(checked)).filter(address__value__isnull=False)
        for number in waiting.order_by("address__value").values_list("address__value", flat=True).distinct():
            self.stdout.write(number)
