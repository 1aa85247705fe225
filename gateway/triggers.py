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


def _on_change(name: str, kind: str, data: str, *columns: str) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name=name,
        operation=pgtrigger.UpdateOf(*(f"{c}_id" if c in KEYS else c for c in columns)),
        when=pgtrigger.After,
        condition=pgtrigger.AnyChange(*columns),
        func=_note(f"'{kind}'", data) + " RETURN NULL;",
    )


LEAD_TRIGGERS = [
    pgtrigger.Trigger(
        name="outbox_created",
        operation=pgtrigger.Insert,
        when=pgtrigger.After,
        func=_note("'lead.created'", "jsonb_build_object('lead_type', NEW.lead_type, 'source', NEW.source_id)")
        + " RETURN NULL;",
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

INTERACTION_TRIGGER = pgtrigger.Trigger(
    name="outbox_interaction",
    operation=pgtrigger.Insert,
    when=pgtrigger.After,
    declare=[("told", "text")],
    func="""
        told := CASE
            WHEN NEW.kind IN ('call', 'voicemail', 'inbound_call') THEN 'call.recorded'
            WHEN NEW.kind = 'document' THEN 'document.changed'
            WHEN NEW.kind = 'appointment' THEN 'appointment.changed'
            WHEN NEW.kind IN ('assignment', 'system', 'consent_change', 'note') THEN NULL
            ELSE 'activity.recorded' END;
        IF told IS NOT NULL THEN
    """
    + _note(
        "told",
        "jsonb_strip_nulls(jsonb_build_object('interaction', NEW.id, 'kind', NEW.kind, 'direction', NEW.direction,"
        " 'disposition', NEW.disposition_id, 'document', NEW.facts->'document',"
        " 'authorization', NEW.facts->'authorization', 'status', NEW.facts->'status',"
        " 'service', NEW.facts->'service', 'date', NEW.facts->'date'))",
        "NEW.lead_id",
    )
    + " END IF; RETURN NULL;",
)

EACH_LEAD = """
    IF NOT EXISTS (SELECT 1 FROM gateway_subscription WHERE is_active) THEN RETURN NULL; END IF;
    FOR told IN SELECT id FROM leads_lead WHERE phone_id = NEW.address_id OR email_id = NEW.address_id ORDER BY id
    LOOP {note} END LOOP;
    RETURN NULL;
"""
CHANGED = (
    "jsonb_build_object('event', NEW.id, 'what', NEW.kind, 'channels', to_jsonb(NEW.channels), 'scope', NEW.scope)"
)
CONSENT_TRIGGER = pgtrigger.Trigger(
    name="outbox_consent",
    operation=pgtrigger.Insert,
    when=pgtrigger.After,
    declare=[("told", "bigint")],
    func=EACH_LEAD.format(note=_note("'consent.changed'", CHANGED, "told")),
)
