from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from medcrm import backup


class Command(BaseCommand):
    help = "Restore a backup into the empty database that DATABASE_URL names, then read everything again and compare."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *, folder: Path, **options: object) -> None:
        try:
            done = backup.restore(folder, at=timezone.now())
        except backup.CannotBackUp as error:
            raise CommandError(str(error)) from None
        if not done.is_whole:
            raise CommandError("\n".join(["It came back, but not whole:", *done.differences]))
        self.stdout.write(
            f"{done.tables} tables and {done.rows} rows came back as kept; {done.events} events verified."
        )
        self.stdout.write("All contact is stopped until compliance lifts it; docs/operations.md says what to do first.")
