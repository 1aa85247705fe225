from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from medcrm import backup


class Command(BaseCommand):
    help = "Write a backup with its manifest into a new folder inside FOLDER; docs/operations.md says what else."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *, folder: Path, **options: object) -> None:
        try:
            made = backup.back_up(folder, at=timezone.now())
        except backup.CannotBackUp as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Wrote {made}.")
