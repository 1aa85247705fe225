"""How did the outreach plan of these leads change? Kept with the open qualification, so that it reads as one story."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import connection

NOTE = """
UPDATE leads_qualification q SET outreach = q.outreach || n.notes
FROM (SELECT lead, jsonb_agg(note ORDER BY place) AS notes
      FROM unnest(%s::bigint[], %s::jsonb[]) WITH ORDINALITY AS t(lead, note, place) GROUP BY lead) n
WHERE q.lead_id = n.lead AND q.closed_at IS NULL
"""


@dataclass(frozen=True)
class Change:
    """One change of a lead's outreach: it entered or left a sequence, or was refused one, and why."""

    lead_id: int
    did: str
    sequence: str
    code: str = ""
    why: str = ""


def note_changes(changes: Sequence[Change], *, at: datetime) -> None:
    """Write these changes to the open qualifications of their leads, in one query. The caller holds the leads."""
    if not changes:
        return
    notes = [{"at": at.isoformat(), **asdict(change)} for change in changes]
    with connection.cursor() as cursor:
        cursor.execute(NOTE, [[note.pop("lead_id") for note in notes], [json.dumps(note) for note in notes]])
