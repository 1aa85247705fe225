from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from medcrm import roles


class Command(BaseCommand):
    help = "Make groups and permissions what medcrm/roles.py says; with --draw also write docs/roles.md."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--draw", action="store_true")

    def handle(self, *, draw: bool, **options: object) -> None:
        roles.sync()
        self.stdout.write(f"{len(roles.ROLES)} roles are up to date.")
        if draw:
            page = Path(settings.BASE_DIR) / "docs" / "roles.md"
            page.write_text(roles.draw())
            self.stdout.write(f"Drew {page}.")
