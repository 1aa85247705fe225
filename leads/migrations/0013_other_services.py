import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

# What each lead's story speaks of beside the service it asks for now: services it asked for before (what its fields
# were, what its inquiries name), and those of leads that are merged into it.
FILL = """
WITH asked (lead, service) AS (
    SELECT pgh_obj_id, service_id FROM leads_leadevent WHERE service_id IS NOT NULL
     UNION SELECT lead_id, service_id FROM leads_interaction
            WHERE service_id IS NOT NULL AND inquiry_id IS NOT NULL
     UNION SELECT id, service_id FROM leads_lead WHERE service_id IS NOT NULL
), told AS (
    SELECT lead, service FROM asked
     UNION SELECT merged.merged_into_id, asked.service
      FROM leads_lead merged JOIN asked ON asked.lead = merged.id WHERE merged.merged_into_id IS NOT NULL
), others AS (
    SELECT told.lead, array_agg(told.service ORDER BY told.service) AS services
      FROM told JOIN leads_lead lead ON lead.id = told.lead
     WHERE told.service IS DISTINCT FROM lead.service_id
     GROUP BY told.lead
)
UPDATE leads_lead lead SET other_services = others.services FROM others WHERE lead.id = others.lead
"""
# Those that a merge brought go with it, as what it filled in does.
KEEP = """
WITH brought AS (
    SELECT root.id, jsonb_agg(DISTINCT service) AS services
      FROM leads_lead merged
      JOIN leads_lead root ON root.id = merged.merged_into_id
     CROSS JOIN LATERAL unnest(array_append(merged.other_services, merged.service_id)) AS service
     WHERE service = ANY (root.other_services)
       AND NOT EXISTS (SELECT FROM leads_interaction own
                        WHERE own.lead_id = root.id AND own.service_id = service AND own.inquiry_id IS NOT NULL)
     GROUP BY root.id
)
INSERT INTO leads_mergedfacts AS kept (lead_id, filled)
SELECT id, jsonb_build_object('other_services', services) FROM brought
    ON CONFLICT (lead_id) DO UPDATE SET filled = kept.filled || EXCLUDED.filled
"""

# What a refused submission is about, read in its body as the intake does from now on.
NAME = r"""
UPDATE leads_inquiry inquiry SET service_id = line.code
  FROM leads_serviceline line
 WHERE inquiry.status = 'refused'
   AND lower(btrim(substring(inquiry.raw_body FROM '"service"\s*:\s*"([^"]*)"'))) IN (lower(line.code), lower(line.name))
"""


class Migration(migrations.Migration):
    dependencies = [("leads", "0012_first_halving_days")]

    operations = [
        migrations.AddField(
            model_name="lead",
            name="other_services",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=40),
                default=list,
                editable=False,
                help_text=(
                    "Asked for before, or by a lead merged into this one. Who sees the lead is trained for them too."
                ),
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="inquiry",
            name="service",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                editable=False,
                help_text="Named by a submission that was refused. Who reads it is trained for it.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="leads.serviceline",
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RunSQL(KEEP, migrations.RunSQL.noop),
        migrations.RunSQL(NAME, migrations.RunSQL.noop),
    ]
