from django.db import migrations

# The leads that have points for what they did now; from here on each walk notes the day.
SQL = """
INSERT INTO leads_decay (lead_id, due_at)
SELECT lead.id, min(quiet.since + make_interval(hours => 24 * category.half_life_days
           * (1 + GREATEST(0, floor(extract(epoch FROM now() - quiet.since) / 86400 / category.half_life_days))::int)))
  FROM leads_lead lead
  JOIN leads_scoringcategory category
    ON category.model_id = lead.score_model_id AND category.half_life_days > 0
   AND COALESCE((lead.score_parts->>category.code)::int, 0) <> 0
 CROSS JOIN LATERAL (
       SELECT COALESCE(max(entry.at), lead.created_at) AS since
         FROM leads_interaction entry
        WHERE entry.lead_id = lead.id
          AND entry.kind = ANY('{form_submission,guide_download,webinar_attended,page_visit,email_click,email_reply,sms_reply,inbound_call}')
       ) quiet
 WHERE lead.merged_into_id IS NULL
 GROUP BY lead.id
"""


class Migration(migrations.Migration):
    dependencies = [("leads", "0011_halving_days")]

    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
