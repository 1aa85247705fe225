"""Any number of synthetic patients with a past, made inside the database: what the benchmarks of the lead run on."""

from __future__ import annotations

import math
from datetime import datetime

import zipcodes
from django.db import connection

from leads.models import Clinic
from leads.places import place

STATES = ("TX", "OK", "FL")
ADDRESSES = 100_000  # leads share them; only whether there is one matters here

LEADS = """
INSERT INTO leads_lead (public_id, lead_type, source_id, first_name, last_name, phone_id, email_id, preferred_channel,
    preferred_time, language, for_whom, age, is_existing_patient, zip, city, state, timezone, latitude, longitude,
    service_id, other_services, request, question, timing_id, timing_asked_at, urgency, payer_id, organisation,
    contact_role, budget, rollout, approver, agreement, score_band, score_hits, score_parts, fit, readiness, stage,
    cycle, fit_check, capacity_check, readiness_check, decision_path_check, decision, next_step, team, next_action,
    advanced_at, is_test, created_at, updated_at)
SELECT gen_random_uuid(), 'patient', 'web_consult', 'Test', 'Person ' || n,
       CASE WHEN n %% 10 < 9 THEN %(address)s + n %% %(addresses)s END,
       CASE WHEN n %% 10 > 3 THEN %(address)s + n %% %(addresses)s END,
       '', '', 'en', (ARRAY['self', 'caregiver', ''])[1 + n %% 3], CASE WHEN n %% 5 > 0 THEN 15 + n %% 70 END, NULL,
       COALESCE(p.zip, ''), '', COALESCE(p.state, ''), 'America/Chicago', p.latitude, p.longitude,
       (ARRAY['ortho', 'pt', 'derm', 'cardio', 'mri', 'bh', NULL])[1 + n / 3 %% 7], '{}',
       (ARRAY['appointment', 'callback', 'price', 'question', 'info', 'availability', ''])[1 + n / 7 %% 7], '',
       (ARRAY['now', 'two_weeks', 'month', 'quarter', 'not_sure', NULL])[1 + n / 11 %% 6], %(at)s, 'routine',
       (ARRAY['ppo', 'hmo', 'medicare', 'medicaid', 'self', NULL])[1 + n / 13 %% 6], '', '', '', '', '', '', '', '{}',
       '{}', '', '', 'working', 1, 'unknown', 'unknown', 'unknown', 'unknown', '', '',
       (ARRAY['intake', 'qualification', 'scheduling', ''])[1 + n / 17 %% 4], '', %(at)s, false,
       %(at)s - n %% 700 * interval '1 day', %(at)s
  FROM generate_series(1, %(leads)s) AS n
  LEFT JOIN bench_place AS p
    ON n %% 10 > 0 AND p.id = floor(%(places)s * power(n::bigint * 7919 %% 10007 / 10007.0, 3))::int
"""

# About three entries each; calls stand without their attempts here, so the constraint goes first.
HAPPENED = """
INSERT INTO leads_interaction (lead_id, kind, direction, at, recorded_at, count, text, facts)
SELECT lead.id, done.kind, done.direction, lead.created_at + (lead.id * done.step %% 90) * interval '1 day', %(at)s,
       1 + lead.id %% 4, '', '{}'
  FROM leads_lead AS lead,
       (VALUES ('form_submission', 'inbound', 1, 1), ('guide_download', 'inbound', 3, 2),
               ('page_visit', 'inbound', 2, 5), ('email_open', 'inbound', 2, 7), ('email_reply', 'inbound', 10, 11),
               ('webinar_attended', 'inbound', 9, 13), ('call', 'outbound', 4, 17), ('call', 'outbound', 4, 19),
               ('call', 'outbound', 4, 23)) AS done (kind, direction, every, step)
 WHERE lead.id %% done.every = 0
 ORDER BY lead.id
"""


def make_leads(count: int, *, at: datetime) -> None:
    """Fill an empty database that has the reference organisation with this many patients and about 3.3 entries each."""
    with connection.cursor() as cursor:
        places = _make_places(cursor)
        cursor.execute("ALTER TABLE leads_interaction DROP CONSTRAINT outbound_call_was_reserved")
        cursor.execute(
            """INSERT INTO consent_address (kind, value, keyed_hash, created_at)
               SELECT 'phone', '+1' || (2125550000 + n), lpad(n::text, 64, '0'), %s
                 FROM generate_series(1, %s) AS n RETURNING id""",
            [at, ADDRESSES],
        )
        first = min(row[0] for row in cursor.fetchall())
        values = {"leads": count, "at": at, "places": places, "address": first, "addresses": ADDRESSES}
        cursor.execute("ANALYZE consent_address")
        # Every key written below comes from a table that has it; checking two per row is most of the wait.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(LEADS, values)
        cursor.execute(HAPPENED, values)
        cursor.execute("SET session_replication_role = DEFAULT")
        for table in ("leads_lead", "leads_interaction", "consent_address"):
            cursor.execute(f"VACUUM ANALYZE {table}")


def _make_places(cursor: object) -> int:
    """Every ZIP of three states, those near a clinic first; one lead in ten has none."""
    clinics = list(Clinic.objects.values_list("latitude", "longitude"))
    found = [place(row["zip_code"]) for state in STATES for row in zipcodes.filter_by(state=state)]
    found.sort(key=lambda p: min(math.dist((p.latitude, p.longitude), clinic) for clinic in clinics))
    rows = [(n, p.zip, p.state, p.latitude, p.longitude) for n, p in enumerate(found)]
    cursor.execute(
        "CREATE TABLE bench_place (id int PRIMARY KEY, zip text, state text, latitude float, longitude float)"
    )
    cursor.executemany("INSERT INTO bench_place VALUES (%s, %s, %s, %s, %s)", rows)
    cursor.execute("ANALYZE bench_place")
    return len(rows)
