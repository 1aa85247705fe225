from argparse import RawDescriptionHelpFormatter
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser, DjangoHelpFormatter
from django.utils import timezone

from consent.models import ListSnapshot
from medcrm import reference
from medcrm.lib.errors import RuleError

FORM = reference.ORGANISATION.relative_to(settings.BASE_DIR)


class Formatter(RawDescriptionHelpFormatter, DjangoHelpFormatter):
    """Django's, which keeps the lines of the description."""


class Command(BaseCommand):
    help = f"""\
Load what an organisation starts with: what its file says, and the vocabulary, rules, scripts, sequences and
retention rows that the product brings. Runs twice without harm: what is there stays as it is.

The file is TOML. Copy {FORM} and put your own in its place:
  seller, postal_address, timezone, sms_sender_registered
            the legal entity that people permit to contact them, as forms and mail name it
  service   what you offer; sensitive = true for what only trained staff hear of; adjacent = ["pt"] for what a caller
            offers where no clinic gives it. One for organisations may say for which it is: organisation_types,
            specialties, care_settings, min_people, max_people
  clinic    where, with ZIP and the miles that people come from
  payer     who pays; it and a clinic may want papers of their own: documents = ["insurance_card"]
  offering  which service is given where, and who pays for it there
  team      hours and goals; keep the codes, which the first rules name, with names of your own
  source    where inquiries come from, what that says of their intent, and what the form asks
  agent     logins of staff; leave it out, and make people in the admin or by an import of staff
"""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: object) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=Formatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--file",
            type=Path,
            default=reference.ORGANISATION,
            help="The organisation's file; without it the made-up one of the demo",
        )
        parser.add_argument("--without-people", action="store_true", help="Make none of the logins that the file names")
        parser.add_argument(
            "--with-scrub",
            action="store_true",
            help="Note the scrub against the do-not-call registry that the file tells of. For demonstrations only",
        )

    def handle(self, *, file: Path, with_scrub: bool, without_people: bool, **options: object) -> None:
        if not file.is_file():
            raise CommandError(
                f"There is no file {file}. Name one with --file, in the form of {reference.ORGANISATION}."
            )
        try:
            reference.load(file, at=timezone.now(), with_scrub=with_scrub, with_people=not without_people)
        except RuleError as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(f"Loaded {file.name}.")
        if not ListSnapshot.objects.exists():
            self.stdout.write("No do-not-call list is loaded: nobody is called to sell before import_dnc has run.")
