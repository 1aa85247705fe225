"""Who works these leads, and what do they owe them next? The only place that writes owner, team and next action.

Routing decides and calls these verbs; each writes any number of leads in a constant number of queries. The caller
holds the lead rows' locks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from leads.models import Interaction, Lead
from leads.vocabulary import Direction, InteractionKind

BATCH = 500  # one UPDATE of this many rows stays well under PostgreSQL's parameter limit


@dataclass(frozen=True)
class Ownership:
    """The new owner and team of a lead, and the sentence its timeline shows."""

    lead_id: int
    team: str
    owner_id: int | None
    text: str
    by_id: int | None = None


@dataclass(frozen=True)
class NextAction:
    """What is owed to a lead next; both blank when nothing is."""

    lead_id: int
    text: str = ""
    due_at: datetime | None = None


def set_owners(changes: Sequence[Ownership], *, at: datetime) -> None:
    """Write owner and team of these locked leads and note each change on the timeline."""
    leads = [Lead(pk=change.lead_id, team=change.team, owner_id=change.owner_id, updated_at=at) for change in changes]
    Lead.objects.bulk_update(leads, ["team", "owner", "updated_at"], batch_size=BATCH)
    Interaction.objects.bulk_create(
        [
            Interaction(
                lead_id=change.lead_id,
                kind=InteractionKind.ASSIGNMENT,
                direction=Direction.INTERNAL,
                at=at,
                by_id=change.by_id,
                text=change.text,
                facts={"team": change.team, "owner": change.owner_id},
            )
            for change in changes
        ],
        batch_size=BATCH,
    )


def set_next_actions(actions: Sequence[NextAction], *, at: datetime) -> None:
    """Write what is owed next, and by when, for these locked leads."""
    leads = [
        Lead(pk=action.lead_id, next_action=action.text[:120], next_action_due_at=action.due_at, updated_at=at)
        for action in actions
    ]
    Lead.objects.bulk_update(leads, ["next_action", "next_action_due_at", "updated_at"], batch_size=BATCH)
