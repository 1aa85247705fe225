from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from medcrm import reference


class Command(BaseCommand):
    help = "Load the reference organisation (or another file of its form). Runs twice without harm."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--file", type=Path, default=reference.ORGANISATION)

    def handle(self, *, file: Path, **options: object) -> None:
        if not file.is_file():
            raise CommandError(
                f"There is no file {file}. Name one with --file, in the form of {reference.ORGANISATION}."
            )
        reference.load(file, at=timezone.now())
        self.stdout.write(f"Loaded {file.name}.")
