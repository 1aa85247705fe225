from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from consent.models import ListSnapshot
from medcrm import reference


class Command(BaseCommand):
    help = "Load the reference organisation (or another file of its form). Runs twice without harm."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--file", type=Path, default=reference.ORGANISATION)
        parser.add_argument(
            "--with-scrub",
            action="store_true",
            help="Note the scrub against the do-not-call registry that the file tells of. For demonstrations only",
        )

    def handle(self, *, file: Path, with_scrub: bool, **options: object) -> None:
        if not file.is_file():
            raise CommandError(
                f"There is no file {file}. Name one with --file, in the form of {reference.ORGANISATION}."
            )
        reference.load(file, at=timezone.now(), with_scrub=with_scrub)
        self.stdout.write(f"Loaded {file.name}.")
        if not ListSnapshot.objects.exists():
            self.stdout.write("No do-not-call list is loaded: nobody is called to sell before import_dnc has run.")
