import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0003_debts'),
    ]

    operations = [
        pgtrigger.migrations.AddTrigger(
            model_name='routingrule',
            trigger=pgtrigger.compiler.Trigger(name='frozen_with_its_set', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF EXISTS (\n    SELECT 1 FROM (SELECT status FROM routing_routeset WHERE id IN (OLD.rule_set_id, NEW.rule_set_id) FOR SHARE) AS met\n     WHERE status <> 'draft'\n) THEN\n    RAISE EXCEPTION 'A published version is frozen; start a draft of it instead'\n        USING ERRCODE = 'integrity_constraint_violation';\nEND IF;\nIF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\nRETURN NEW;\n", hash='1499bc12dc2aa43a07fd546b8369655a82c42330', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_frozen_with_its_set_240e8', table='routing_routingrule', when='BEFORE')),
        ),
    ]
