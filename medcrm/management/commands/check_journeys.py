"""Replay worked journeys through the real code: one JSON line each, then how many passed and failed."""

from __future__ import annotations

from medcrm import journeys
from medcrm.lib.replaying import ReplayCommand
from medcrm.lib.worked import Json


class Command(ReplayCommand):
    help = (
        "Replay worked journeys through the real intake, call, event and clock code; everything is rolled back. "
        "Exits 1 if one fails, 2 if the file is malformed."
    )

    def replay(self, case: Json) -> Json:
        return journeys.run_case(case)
