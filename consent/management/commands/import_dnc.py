"""Load a do-not-call list from a file: one number a line, with or without a comma after the area code."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from consent import lists
from consent.vocabulary import ListKind
from medcrm.lib.errors import RuleError


class Command(BaseCommand):
    help = "Load a do-not-call list as a new version. Streams; a million numbers take some seconds."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--state", default="", help="Two letters for a state's list; the national one otherwise")
        parser.add_argument("--list-version", default="", help="As the registry names it; the file's name otherwise")
        parser.add_argument(
            "--taken-at", type=_instant, required=True, help="The registry's date, e.g. 2026-11-16; its age counts"
        )
        parser.add_argument("--force", action="store_true", help="Load a list that is empty or much shorter")

    def handle(self, *args: object, file: Path, state: str, taken_at: datetime, **options: object) -> None:
        kind = ListKind.STATE_DNC if state else ListKind.NATIONAL_DNC
        try:
            loaded = lists.load(
                file,
                kind=kind,
                state=state.upper(),
                version=str(options["list_version"]),
                taken_at=taken_at,
                force=bool(options["force"]),
            )
        except (RuleError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{loaded.numbers:,} numbers from {loaded.lines:,} lines: {loaded.snapshot}")
        for line, problem in loaded.bad.items():
            self.stderr.write(f"{file}:{line}: {problem}")
        if loaded.bad_count > len(loaded.bad):
            self.stderr.write(f"… and {loaded.bad_count - len(loaded.bad):,} more lines left out")


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
