"""How soon again somebody is told that their inquiry arrived.

For some hours of 29 November 2026 migration 0004 made this column by itself, so it may be there.
"""

import django.core.validators
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


HOURS = models.PositiveSmallIntegerField(
    db_default=24,
    default=24,
    help_text="Who asks again sooner, by whatever source, was told already.",
    validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(720)],
)
ADD = """
ALTER TABLE nurture_{model} ADD COLUMN IF NOT EXISTS again_after_hours smallint DEFAULT 24 NOT NULL
    CHECK (again_after_hours >= 0)
"""
DROP = "ALTER TABLE nurture_{model} DROP COLUMN again_after_hours"
MODELS = ("acknowledgedsource", "acknowledgedsourceevent")


class Migration(migrations.Migration):

    dependencies = [
        ('nurture', '0005_visits'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='acknowledgedsource',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='acknowledgedsource',
            name='update_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='acknowledgedsource',
            name='delete_delete',
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.AddField(model, "again_after_hours", HOURS) for model in MODELS],
            database_operations=[
                migrations.RunSQL(ADD.format(model=model), DROP.format(model=model)) for model in MODELS
            ],
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='acknowledgedsource',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "nurture_acknowledgedsourceevent" ("again_after_hours", "id", "is_active", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "source_id") VALUES (NEW."again_after_hours", NEW."id", NEW."is_active", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."source_id"); RETURN NULL;', hash='aba36feeadb95c91c29e3af0ada3cc3afdd99cc7', operation='INSERT', pgid='pgtrigger_insert_insert_91808', table='nurture_acknowledgedsource', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='acknowledgedsource',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "nurture_acknowledgedsourceevent" ("again_after_hours", "id", "is_active", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "source_id") VALUES (NEW."again_after_hours", NEW."id", NEW."is_active", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."source_id"); RETURN NULL;', hash='e47cd780d8af92af26988cc87446e1bdb59881a5', operation='UPDATE', pgid='pgtrigger_update_update_07935', table='nurture_acknowledgedsource', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='acknowledgedsource',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "nurture_acknowledgedsourceevent" ("again_after_hours", "id", "is_active", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "source_id") VALUES (OLD."again_after_hours", OLD."id", OLD."is_active", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."source_id"); RETURN NULL;', hash='7851bd6330d1f2068d635cc2d4c4a41f0950951a', operation='DELETE', pgid='pgtrigger_delete_delete_672e2', table='nurture_acknowledgedsource', when='AFTER')),
        ),
    ]
