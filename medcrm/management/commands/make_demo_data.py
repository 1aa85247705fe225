from django.core.management.base import BaseCommand
from django.utils import timezone

from medcrm import demo_data
from medcrm.reports import reviewing


class Command(BaseCommand):
    help = "Make some hundred synthetic leads in every state, where there are none yet; ask for a review of the rules."

    def handle(self, **options: object) -> None:
        made = demo_data.make(at=timezone.now())
        reviewing.ask_first(at=timezone.now())
        self.stdout.write(f"{made} synthetic leads made." if made else "The leads are there already.")
