"""Fold the whole ledger again into the permissions that lists show, and say how many rows were wrong."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.management.base import BaseCommand
from django.db import transaction

from consent import ledger
from consent.models import Address

BATCH = 2000  # addresses per transaction; about ten megabytes of events


class Command(BaseCommand):
    help = "Fold the ledger again into the permissions that lists show."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="Only count rows that differ from the ledger")

    def handle(self, *args: object, check: bool, **options: object) -> None:
        differing = total = last = 0
        while ids := list(Address.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
            last = ids[-1]
            with transaction.atomic():
                list(Address.objects.filter(pk__in=ids).select_for_update(no_key=True).order_by("pk"))
                differing += len(ledger.stale_projections(ids))
                total += len(ids)
                if not check:
                    ledger.project(ids)
        self.stdout.write(f"{total:,} addresses folded, {differing:,} permissions differed")
