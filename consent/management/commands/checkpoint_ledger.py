"""Seal the heads of all chains with the key from the environment, and write the checkpoints out as files."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand
from django.utils import timezone

from consent import checkpoints
from consent.models import Checkpoint


class Command(BaseCommand):
    help = "Seal the heads of all chains in a signed checkpoint; with --export write it where the database host cannot."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--export", type=Path, help="Folder for the file of each new checkpoint")
        parser.add_argument("--all", action="store_true", help="Export the older ones too")

    def handle(self, *args: object, export: Path | None, **options: object) -> None:
        made = checkpoints.seal_all(at=timezone.now())
        heads = sum(checkpoint.heads_count for checkpoint in made)
        self.stdout.write(f"{len(made)} checkpoints sealed over {heads:,} chains")
        if export:
            export.mkdir(parents=True, exist_ok=True)
            wanted = Checkpoint.objects.order_by("pk") if options["all"] else made
            for checkpoint in wanted:
                self._write(export / checkpoints.file_name(checkpoint), checkpoint)

    def _write(self, file: Path, checkpoint: Checkpoint) -> None:
        reason = f"checkpoint_ledger --export {file.name}"
        file.write_bytes(checkpoints.take_out(checkpoint, reason=reason, at=timezone.now()))
        self.stdout.write(str(file))
