import json

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from privacy import retention


class Command(BaseCommand):
    help = "Apply the retention rules; with --dry-run only count what they would do."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true")

    def handle(self, *, dry_run: bool, **options: object) -> None:
        run = retention.apply(at=timezone.now(), dry=dry_run)
        self.stdout.write(json.dumps(run.results, indent=1))
