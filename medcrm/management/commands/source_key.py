from django.core.management.base import BaseCommand, CommandError, CommandParser

from leads.models import Source
from leads.services.source_keys import issue_key


class Command(BaseCommand):
    help = "Issue a key for a source and print it; it cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", help="The source's code, e.g. web_consult.")
        parser.add_argument("--label", default="", help="Who uses it, e.g. “main website”.")

    def handle(self, *, source: str, label: str, **options: object) -> None:
        row = Source.objects.filter(pk=source).first()
        if row is None:
            known = ", ".join(Source.objects.values_list("pk", flat=True))
            raise CommandError(f"There is no source “{source}”. Known: {known or 'none; run load_reference first'}.")
        self.stdout.write(issue_key(row, label=label))
