"""Fold the whole ledger again into the permissions that lists show, and say how many rows were wrong."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.management.base import BaseCommand

from consent import refolding


class Command(BaseCommand):
    help = "Fold the ledger again into the permissions that lists show."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="Only count rows that differ from the ledger")

    def handle(self, *args: object, check: bool, **options: object) -> None:
        total, differing = refolding.refold(only_count=check)
        self.stdout.write(f"{total:,} addresses folded, {differing:,} permissions differed")
