import json

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from medcrm.lib.errors import RuleError
from privacy import erasure


class Command(BaseCommand):
    help = "Show what is known about the person with this lead id, phone or e-mail; with --erase forget it and certify."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("whom")
        parser.add_argument(
            "--lead", action="append", default=[], help="Public id: which of several with this address."
        )
        parser.add_argument("--reason", default="", help="Why, e.g. “Request 2026-04”; needed to erase.")
        parser.add_argument("--erase", action="store_true")

    def handle(self, *, whom: str, lead: list[str], reason: str, erase: bool, **options: object) -> None:
        at = timezone.now()
        try:
            person = erasure.find_person(whom, lead)
            if not erase:
                found = {"leads": len(person.lead_ids), "found": dict(erasure.find(person))}
                self.stdout.write(json.dumps(found, indent=1))
                return
            request = erasure.request_erasure(person, reason=reason, by=None, at=at)
            done = erasure.erase(request.pk, by=None, at=at)
        except RuleError as error:
            raise CommandError(error.message) from None
        self.stdout.write(json.dumps(erasure.certificate(done), indent=1))
