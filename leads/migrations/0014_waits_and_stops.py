from django.db import migrations, models
from django.db.models import Q

# A rule that stops without saying why could decide no lead: the row it would write is refused. A person decides then.
STOPS = """
UPDATE leads_nextsteprule SET decision = 'review', next_step = 'none' WHERE decision = 'stop' AND stop_reason_id IS NULL
"""

# A new service, a new place or other dates wake whoever waits [R40]; the leads walk once, which arms what is new.
WAKES = """
INSERT INTO leads_holdreason_default_triggers (holdreason_id, triggerkind_id)
SELECT reason.code, kind.code
  FROM leads_holdreason reason
 CROSS JOIN leads_triggerkind kind
 WHERE kind.code = ANY('{new_service_request,new_location,appointment_window_changed}')
ON CONFLICT DO NOTHING;
UPDATE leads_lead SET advance_due_at = now()
 WHERE hold_reason_id IS NOT NULL AND advance_due_at IS NULL AND merged_into_id IS NULL
   AND stage = ANY('{held,nurturing}')
"""

# A wait that a person decided and a changed fact opened: it stands as it is until something wakes it.
WAITS = """
UPDATE leads_qualification SET decided_at = now() WHERE outcome = 'hold' AND closed_at IS NULL AND decided_at IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("leads", "0013_other_services")]

    operations = [
        migrations.RunSQL(STOPS, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="nextsteprule",
            constraint=models.CheckConstraint(
                condition=~Q(decision="stop") | Q(stop_reason__isnull=False), name="a_stop_has_a_stop_reason"
            ),
        ),
        migrations.RunSQL([WAITS, WAKES], migrations.RunSQL.noop),
    ]
