"""Import a file from the command line, as the page does: map, check, write, say what was refused."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from leads.importing import kinds, runs
from leads.models import ImportMapping, ImportRun
from medcrm.lib.errors import RuleError
from medcrm.lib.garbage import spare_what_stays

WAIT = 0.2  # seconds, while a worker has the run


class Command(BaseCommand):
    help = "Import a CSV or XLSX file. Interrupt it as you like: with --run it goes on where it was."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=[kind.code for kind in kinds.all_kinds()])
        parser.add_argument("file", type=Path)
        parser.add_argument("--mapping", default="", help="Name of a saved mapping, or JSON: column → field")
        parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="e.g. --set source=guide")
        parser.add_argument("--dry-run", action="store_true", help="Check every row and write nothing")
        parser.add_argument("--release", action="store_true", help="Put the leads on the road when all is in")
        parser.add_argument("--rejects", type=Path, help="Write the rows that were refused to this file")
        parser.add_argument("--run", type=int, help="Go on with this run instead of starting one")

    def handle(self, *args: object, **options: object) -> None:
        spare_what_stays()
        try:
            run = self.started(options)
            self.work(run)
            if options["release"] and run.phase == "imported":
                runs.release(run.pk, at=timezone.now())
                self.work(run)
        except (RuleError, OSError) as error:
            raise CommandError(str(error)) from error
        if options["rejects"]:
            with options["rejects"].open("w", encoding="utf-8", newline="") as out:  # type: ignore[attr-defined]
                out.writelines(runs.rejected_file(run))
        self.stdout.write(f"Run {run.pk}, {run.get_phase_display()}: {json.dumps(run.counts)}")
        if run.phase == "failed":
            raise CommandError(run.problem)

    def started(self, options: dict[str, object]) -> ImportRun:
        if options["run"]:
            run = ImportRun.objects.get(pk=options["run"])
            return run if run.due_at else runs.start(run.pk, is_dry=bool(options["dry_run"]), at=timezone.now())
        file: Path = options["file"]  # type: ignore[assignment]
        given = dict(pair.split("=", 1) for pair in options["set"])  # type: ignore[attr-defined]
        with file.open("rb") as stream:
            run = runs.upload(str(options["kind"]), stream, file.name, at=timezone.now(), options=given)
        mapping = self.mapping(run, str(options["mapping"]))
        return runs.start(run.pk, is_dry=bool(options["dry_run"]), at=timezone.now(), mapping=mapping)

    def mapping(self, run: ImportRun, text: str) -> dict[str, str] | None:
        if text.startswith("{"):
            return json.loads(text)
        if not text:
            return None
        saved = ImportMapping.objects.filter(kind=run.kind, name=text).first()
        if saved is None:
            raise CommandError(f"There is no saved mapping “{text}” for {run.kind}.")
        return saved.columns

    def work(self, run: ImportRun) -> None:
        """Take chunks until the run has nothing due; a worker may take some of them, which is waited for."""
        while run.due_at is not None:
            if not runs.work_on(run.pk, at=timezone.now()):
                time.sleep(WAIT)
            run.refresh_from_db()
            if self.stdout.isatty():
                self.stdout.write(f"\r{run.row:,} rows", ending="")
