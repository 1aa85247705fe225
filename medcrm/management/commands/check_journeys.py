import json
import sys
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from medcrm import journeys
from medcrm.journeys import Malformed


class Command(BaseCommand):
    help = "Replay worked journeys through the real intake, call, event and clock code; everything is rolled back."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *, file: Path, **options: object) -> None:
        failed = passed = 0
        try:
            for result in journeys.run(read(file)):
                passed, failed = passed + bool(result["passed"]), failed + (not result["passed"])
                self.stdout.write(json.dumps(result, default=str))
        except Malformed as error:
            raise CommandError(str(error), returncode=2) from None
        self.stdout.write(f"{passed} passed, {failed} failed")
        if failed:
            sys.exit(1)


def read(file: Path) -> list[dict[str, object]]:
    """The cases of a file. Raise Malformed."""
    try:
        cases = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise Malformed(f"{file} cannot be read as JSON: {error}") from None
    if not isinstance(cases, list) or not all(isinstance(case, dict) for case in cases):
        raise Malformed(f"{file} is not a list of cases")
    return cases
