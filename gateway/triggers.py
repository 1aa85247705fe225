"""How does what happens get into the outbox in its own transaction? By triggers that only look while somebody listens.

Whatever code moves a lead, one row or a million, the database notes it; nobody can forget to. A trigger fires only
for the columns it names, so scoring and re-planning cost nothing, and writes only kinds that an active subscription
wants. The rows hold codes and ids.
"""

from __future__ import annotations

import pgtrigger

KEYS = ("hold_reason", "stop_reason", "owner", "merged_into")  # their columns end in _id
WANTED = "EXISTS (SELECT 1 FROM gateway_subscription s WHERE s.is_active AND {kind} = ANY(s.events))"
INSERT = (
    """
    INSERT INTO gateway_outboxevent (public_id, kind, lead_id, data, at)
    SELECT gen_random_uuid(), {kind}, {lead}, {data}, clock_timestamp() WHERE """
    + WANTED
)


def _note(kind: str, data: str, lead: str = "NEW.id") -> str:
    return INSERT.format(kind=kind, lead=lead, data=data) + ";"


def _on_insert(name: str, kind: str, data: str, *, lead: str, rows: str, order: str = "entry.id") -> pgtrigger.Trigger:
    """Once for all rows of a statement, so that an import of thousands asks once whether anybody listens."""
    noted = f"""
    INSERT INTO gateway_outboxevent (public_id, kind, lead_id, data, at)
    SELECT gen_random_uuid(), told.kind, told.lead, told.data, clock_timestamp()
      FROM (SELECT {order} AS place, {kind} AS kind, {lead} AS lead, {data} AS data FROM {rows}) AS told
     WHERE {WANTED.format(kind="told.kind")}
     ORDER BY told.place, told.lead;
    """  # noqa: S608 - constants of this module
    listened = "EXISTS (SELECT 1 FROM gateway_subscription WHERE is_active)"
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement,
        operation=pgtrigger.Insert,
        when=pgtrigger.After,
        referencing=pgtrigger.Referencing(new="written"),
        func=f"IF {listened} THEN {noted} END IF; RETURN NULL;",
    )


def _on_change(name: str, kind: str, data: str, *columns: str) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name=name,
        operation=pgtrigger.UpdateOf(*(f"{c}_id" if c in KEYS else c for c in columns)),
        when=pgtrigger.After,
        condition=pgtrigger.AnyChange(*columns),
        func=_note(f"'{kind}'", data) + " RETURN NULL;",
    )


LEAD_TRIGGERS = [
    _on_insert(
        "outbox_created",
        "'lead.created'",
        "jsonb_build_object('lead_type', entry.lead_type, 'source', entry.source_id)",
        lead="entry.id",
        rows="written AS entry",
    ),
    _on_change(
        "outbox_stage",
        "lead.stage_changed",
        "jsonb_build_object('from', OLD.stage, 'to', NEW.stage)",
        "stage",
    ),
    _on_change(
        "outbox_decided",
        "lead.decided",
        "jsonb_build_object('decision', NEW.decision, 'next_step', NEW.next_step, 'hold_reason', NEW.hold_reason_id,"
        " 'stop_reason', NEW.stop_reason_id)",
        "decision",
        "next_step",
        "hold_reason",
        "stop_reason",
    ),
    _on_change(
        "outbox_assigned",
        "lead.assigned",
        "jsonb_build_object('team', NEW.team, 'has_owner', NEW.owner_id IS NOT NULL)",
        "team",
        "owner",
    ),
    _on_change(
        "outbox_merged",
        "lead.merged",
        "jsonb_build_object('into', (SELECT public_id FROM leads_lead WHERE id = NEW.merged_into_id))",
        "merged_into",
    ),
]

# NULL is a kind that nobody is told of.
ACTIVITY = """
    CASE WHEN entry.kind IN ('call', 'voicemail', 'inbound_call') THEN 'call.recorded'
         WHEN entry.kind = 'document' THEN 'document.changed'
         WHEN entry.kind = 'appointment' THEN 'appointment.changed'
         WHEN entry.kind IN ('assignment', 'system', 'consent_change', 'note') THEN NULL
         ELSE 'activity.recorded' END
"""
INTERACTION_TRIGGER = _on_insert(
    "outbox_interaction",
    ACTIVITY,
    "jsonb_strip_nulls(jsonb_build_object('interaction', entry.id, 'kind', entry.kind, 'direction', entry.direction,"
    " 'disposition', entry.disposition_id, 'document', entry.facts->'document',"
    " 'authorization', entry.facts->'authorization', 'status', entry.facts->'status',"
    " 'service', entry.facts->'service', 'date', entry.facts->'date'))",
    lead="entry.lead_id",
    rows="written AS entry",
)

CONSENT_TRIGGER = _on_insert(
    "outbox_consent",
    "'consent.changed'",
    "jsonb_build_object('event', entry.id, 'what', entry.kind, 'channels', to_jsonb(entry.channels),"
    " 'scope', entry.scope)",
    lead="lead.id",
    rows="written AS entry"
    " JOIN leads_lead AS lead ON lead.phone_id = entry.address_id OR lead.email_id = entry.address_id",
    order="entry.seq",
)
