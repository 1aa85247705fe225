"""Replay worked contact cases through the real gate: one JSON line each, then how many passed and failed."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand

from consent import cases

FAILED, MALFORMED = 1, 2


class Command(BaseCommand):
    help = "Replay worked contact cases through the real gate. Exits 1 if one fails, 2 if the file is malformed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="JSON, e.g. contact.json")

    def handle(self, *args: object, file: Path, **options: object) -> None:
        try:
            results = [self._replay(case) for case in cases.check_form(self._read(file))]
        except cases.MalformedCase as error:
            self.stderr.write(f"{file}: {error}")
            sys.exit(MALFORMED)
        failed = sum(not result.passed for result in results)
        self.stdout.write(f"{len(results) - failed} passed, {failed} failed")
        if failed:
            sys.exit(FAILED)

    def _replay(self, case: cases.Json) -> cases.Result:
        result = cases.replay(case)
        line = {"id": result.id, "passed": result.passed, "expected": result.expected, "got": result.got}
        self.stdout.write(json.dumps(line))
        return result

    def _read(self, file: Path) -> object:
        try:
            return json.loads(file.read_text())
        except OSError as error:
            raise cases.MalformedCase("file", "(path)", error.strerror or str(error)) from None
        except ValueError as error:
            raise cases.MalformedCase("file", "(JSON)", str(error)) from None
