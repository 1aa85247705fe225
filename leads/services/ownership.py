"""Who works these leads, and what do they owe them next? The only place that writes owner, team and next action.

Routing decides and calls these verbs; each writes any number of leads in a constant number of queries. The caller
holds the lead rows' locks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from leads.models import Interaction
from leads.vocabulary import Direction, InteractionKind

BATCH = 500  # one INSERT of this many rows stays well under PostgreSQL's parameter limit

# Three arrays instead of one CASE branch per lead and column: with bulk_update these two took
# more than half of all the time of routing a batch.
OWN = """
UPDATE leads_lead AS lead SET team = change.team, owner_id = change.owner, updated_at = %s
FROM unnest(%s::bigint[], %s::text[], %s::bigint[]) AS change (id, team, owner) WHERE lead.id = change.id
"""
OWE = """
UPDATE leads_lead AS lead SET next_action = change.words, next_action_due_at = change.due_at, updated_at = %s
FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[]) AS change (id, words, due_at) WHERE lead.id = change.id
"""


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
    if not changes:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            OWN, [at, [c.lead_id for c in changes], [c.team for c in changes], [c.owner_id for c in changes]]
        )
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
    if not actions:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            OWE, [at, [a.lead_id for a in actions], [a.text[:120] for a in actions], [a.due_at for a in actions]]
        )
