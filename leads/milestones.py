"""How far did each lead get? Folds timeline, cycles, appointments and permissions into one row per lead, set-based.

The road refreshes the rows of the leads it walks, and everything that happens to a lead puts it on the road, so an
event that is told late is counted where it belongs. A nightly pass over all leads mends what a bulk change left.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from leads.models import Lead

BATCH = 5000  # leads folded in one statement of the nightly pass

# One pass per table over the leads at hand; every column is the lead's own or an aggregate of what happened to it.
REFRESH = """
WITH chosen AS (
  SELECT lead.*, stop.reporting_class FROM leads_lead AS lead
    LEFT JOIN leads_stopreason AS stop ON stop.code = lead.stop_reason_id
   WHERE lead.id = ANY(%(ids)s)
), calls AS (
  SELECT c.lead_id, count(*) FILTER (WHERE c.direction = 'outbound') AS attempts,
         min(c.at) FILTER (WHERE c.direction = 'outbound') AS first_attempt_at,
         min(c.at) FILTER (WHERE d.makes_contact) AS reached_at
    FROM leads_interaction AS c LEFT JOIN leads_disposition AS d ON d.code = c.disposition_id
   WHERE c.lead_id = ANY(%(ids)s) AND c.kind IN ('call', 'voicemail', 'inbound_call')
   GROUP BY c.lead_id
), tries AS (
  SELECT c.lead_id, count(*) AS reached_on_try
    FROM leads_interaction AS c JOIN calls ON calls.lead_id = c.lead_id AND c.at <= calls.reached_at
   WHERE c.lead_id = ANY(%(ids)s) AND c.kind IN ('call', 'voicemail', 'inbound_call') AND c.direction = 'outbound'
   GROUP BY c.lead_id
), cycles AS (
  SELECT q.lead_id, bool_or(q.decision = 'forward') AS is_qualified, bool_or(q.override_reason <> '') AS is_overridden,
         bool_or(q.outcome = 'concluded') AS is_concluded,
         min(q.fit) FILTER (WHERE q.cycle = 1) AS fit, min(q.readiness) FILTER (WHERE q.cycle = 1) AS readiness,
         min(q.fit_check) FILTER (WHERE q.cycle = 1) AS fit_check,
         min(q.capacity_check) FILTER (WHERE q.cycle = 1) AS capacity_check
    FROM leads_qualification AS q WHERE q.lead_id = ANY(%(ids)s) GROUP BY q.lead_id
), visits AS (
  SELECT a.lead_id, min(a.created_at) AS booked_at,
         min(a.changed_at) FILTER (WHERE a.status = 'attended') AS attended_at,
         (array_agg(a.clinic_id ORDER BY a.created_at DESC, a.id DESC))[1] AS clinic_id
    FROM leads_appointment AS a WHERE a.lead_id = ANY(%(ids)s) GROUP BY a.lead_id
), scores AS (
  SELECT DISTINCT ON (s.lead_id) s.lead_id, s.new_band FROM leads_scorechange AS s
   WHERE s.lead_id = ANY(%(ids)s) ORDER BY s.lead_id, s.at, s.id
), holds AS (
  SELECT t.lead_id, min(t.armed_at) AS held_since FROM leads_trigger AS t
   WHERE t.lead_id = ANY(%(ids)s) AND t.fired_at IS NULL AND t.disarmed_at IS NULL GROUP BY t.lead_id
), folded AS (
  SELECT chosen.id AS lead_id,
         CASE WHEN chosen.is_test THEN 'test' WHEN chosen.merged_into_id IS NOT NULL THEN 'merged'
              WHEN chosen.reporting_class IN ('duplicate', 'invalid') THEN chosen.reporting_class ELSE '' END
           AS left_out,
         chosen.created_at AS captured_at, chosen.lead_type, chosen.source_id, chosen.service_id,
         COALESCE(visits.clinic_id, chosen.preferred_clinic_id) AS clinic_id, chosen.team, chosen.owner_id,
         COALESCE(scores.new_band, '') AS first_band, COALESCE(cycles.fit, '') AS fit,
         COALESCE(cycles.readiness, '') AS readiness, COALESCE(cycles.fit_check, 'unknown') AS fit_check,
         COALESCE(cycles.capacity_check, 'unknown') AS capacity_check,
         COALESCE(calls.attempts, 0) AS attempts, calls.first_attempt_at, calls.reached_at, tries.reached_on_try,
         COALESCE(cycles.is_qualified, FALSE) OR visits.booked_at IS NOT NULL AS is_qualified,
         visits.booked_at, visits.attended_at,
         chosen.stage = 'converted' OR visits.attended_at IS NOT NULL OR COALESCE(cycles.is_concluded, FALSE)
           AS is_converted,
         chosen.cycle AS cycles, chosen.stop_reason_id, chosen.hold_reason_id,
         CASE WHEN chosen.hold_reason_id IS NOT NULL THEN holds.held_since END AS held_since,
         COALESCE(cycles.is_overridden, FALSE) AS is_overridden,
         chosen.phone_id IS NOT NULL AS has_phone, chosen.email_id IS NOT NULL AS has_email,
         chosen.zip <> '' AS has_zip, {may_call}, {may_text}, {may_mail}
    FROM chosen
    LEFT JOIN calls ON calls.lead_id = chosen.id LEFT JOIN tries ON tries.lead_id = chosen.id
    LEFT JOIN cycles ON cycles.lead_id = chosen.id LEFT JOIN visits ON visits.lead_id = chosen.id
    LEFT JOIN scores ON scores.lead_id = chosen.id LEFT JOIN holds ON holds.lead_id = chosen.id
)
INSERT INTO leads_milestone AS old ({columns})
SELECT {columns} FROM folded
ON CONFLICT (lead_id) DO UPDATE SET ({others}) = ROW({fresh})
 WHERE ({stood}) IS DISTINCT FROM ({fresh})
"""

COLUMNS = """lead_id left_out captured_at lead_type source_id service_id clinic_id team owner_id first_band fit
    readiness fit_check capacity_check attempts first_attempt_at reached_at reached_on_try is_qualified booked_at
    attended_at is_converted cycles stop_reason_id hold_reason_id held_since is_overridden has_phone
    has_email has_zip may_call may_text may_mail""".split()
PERMITTED = """
    EXISTS (SELECT FROM consent_permission AS p WHERE p.address_id = chosen.{address}_id AND p.channel = '{channel}'
               AND p.state = 'granted') AS {name}"""
STATEMENT = (
    REFRESH.replace("{columns}", ", ".join(COLUMNS))
    .replace("{others}", ", ".join(COLUMNS[1:]))
    .replace("{fresh}", ", ".join(f"excluded.{name}" for name in COLUMNS[1:]))
    .replace("{stood}", ", ".join(f"old.{name}" for name in COLUMNS[1:]))
    .replace("{may_call}", PERMITTED.format(address="phone", channel="voice", name="may_call"))
    .replace("{may_text}", PERMITTED.format(address="phone", channel="sms", name="may_text"))
    .replace("{may_mail}", PERMITTED.format(address="email", channel="email", name="may_mail"))
)


def refresh(lead_ids: Sequence[int]) -> int:
    """Fold these leads anew with one statement; return how many rows were written."""
    with connection.cursor() as cursor:
        cursor.execute(STATEMENT, {"ids": list(lead_ids)})
        return cursor.rowcount


def refresh_all(*, batch: int = BATCH) -> int:
    """Fold every lead, batch by batch in key order; return how many rows had been out of date."""
    written, last = 0, 0
    while ids := list(Lead.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:batch]):
        written += refresh(ids)
        last = ids[-1]
    return written
