"""Replay worked contact cases through the real gate: one JSON line each, then how many passed and failed."""

from __future__ import annotations

from dataclasses import asdict

from consent import cases
from medcrm.lib.replaying import ReplayCommand
from medcrm.lib.worked import Json


class Command(ReplayCommand):
    help = "Replay worked contact cases through the real gate. Exits 1 if one fails, 2 if the file is malformed."

    def replay(self, case: Json) -> Json:
        return asdict(cases.replay(case))
