"""Check every link of the ledger and every checkpoint; exits 1 and names the first break if one does not hold."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand
from django.utils import timezone

from consent import verify

SHOWN = 20


class Command(BaseCommand):
    help = "Check every link of the ledger and every checkpoint, and keep the result."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--checkpoint", type=Path, nargs="+", default=[], help="Exported checkpoints to hold it to")

    def handle(self, *args: object, checkpoint: list[Path], **options: object) -> None:
        report, kept = verify.run(at=timezone.now())
        breaks = list(report.breaks)
        for file in checkpoint:
            breaks += verify.verify_exported(json.loads(file.read_text()))
        self.stdout.write(
            f"{report.events:,} events in {report.chains:,} chains, {report.checkpoints:,} checkpoints, "
            f"{len(checkpoint)} files: {len(breaks)} breaks ({kept.took_ms / 1000:.1f} s)"
        )
        for found in breaks[:SHOWN]:
            self.stdout.write(str(found))
        if breaks:
            sys.exit(1)
