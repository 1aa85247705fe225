"""How does a test have other rules in force? It writes them there, as if they had been published so before it began."""

from __future__ import annotations

from functools import partial

import pgtrigger

thawed = partial(
    pgtrigger.ignore,
    *(
        f"{row}:frozen_with_its_set"
        for row in (
            "leads.ScoringRule",
            "leads.ScoringCategory",
            "leads.BandRule",
            "leads.NextStepRule",
            "leads.Question",
            "routing.RoutingRule",
        )
    ),
)
