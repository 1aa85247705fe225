import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('leads', '0006_results'),
    ]

    operations = [
        pgtrigger.migrations.AddTrigger(
            model_name='scoringmodel',
            trigger=pgtrigger.compiler.Trigger(name='frozen_once_published', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."status" IS DISTINCT FROM \'draft\' AND (NEW."status" = \'draft\' OR OLD."lead_type" IS DISTINCT FROM (NEW."lead_type") OR OLD."version" IS DISTINCT FROM (NEW."version") OR OLD."high_from" IS DISTINCT FROM (NEW."high_from") OR OLD."medium_from" IS DISTINCT FROM (NEW."medium_from")))', func="\nRAISE EXCEPTION 'A published version is frozen; start a draft of it instead'\n    USING ERRCODE = 'integrity_constraint_violation';\n", hash='2e14b7fd67cf52b9ae1989f29df250911445af35', operation='UPDATE', pgid='pgtrigger_frozen_once_published_1d874', table='leads_scoringmodel', when='BEFORE')),
        ),
    ]
