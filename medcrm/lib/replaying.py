"""A command that replays a file of worked cases: one JSON line each, then how many passed and failed."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand

from medcrm.lib.worked import Json, MalformedCase, check_cases, noting_passed_over

FAILED, MALFORMED = 1, 2


class ReplayCommand(BaseCommand):
    """Exits 1 if a case failed, 2 if the file is malformed; a malformed case is named and hides no other's verdict.

    What a case tells beside the form is named too, and changes nothing.
    """

    def replay(self, case: Json) -> Json:
        """Return `id`, `passed`, `expected` and `got`. Raise MalformedCase."""
        raise NotImplementedError

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="JSON: a list of cases")

    def handle(self, *args: object, file: Path, **options: object) -> None:
        try:
            cases = check_cases(read(file))
        except MalformedCase as error:
            self.stderr.write(f"{file}: {error}")
            sys.exit(MALFORMED)
        verdicts = [self._verdict(file, case) for case in cases]
        passed, failed = verdicts.count(True), verdicts.count(False)
        self.stdout.write(f"{passed} passed, {failed} failed")
        if passed + failed < len(verdicts):
            sys.exit(MALFORMED)
        if failed:
            sys.exit(FAILED)

    def _verdict(self, file: Path, case: Json) -> bool | None:
        """Print what came out and say whether it passed; a malformed case has no verdict."""
        with noting_passed_over() as passed_over:
            try:
                result = self.replay(case)
            except MalformedCase as error:
                self.stderr.write(f"{file}: {error}")
                return None
        for name in passed_over:
            self.stderr.write(f"{file}: {case['id']}: {name}: not a field of the form, so it was not read")
        self.stdout.write(json.dumps(result, default=str))
        return bool(result["passed"])


def read(file: Path) -> object:
    """What the file holds. Raise MalformedCase where it is not there or no JSON."""
    try:
        return json.loads(file.read_text())
    except OSError as error:
        raise MalformedCase("file", "(path)", error.strerror or str(error)) from None
    except (ValueError, RecursionError) as error:
        raise MalformedCase("file", "(JSON)", str(error)) from None
