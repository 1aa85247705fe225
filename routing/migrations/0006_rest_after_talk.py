import django.core.validators
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0005_rerouting'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='cadence',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='cadence',
            name='update_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='cadence',
            name='delete_delete',
        ),
        migrations.AddField(
            model_name='cadence',
            name='rest_after_talk_minutes',
            field=models.PositiveSmallIntegerField(db_default=30, default=30, help_text='So long “Call next” leaves out whom the caller spoke with, unless a promise is due.', validators=[django.core.validators.MaxValueValidator(1440)]),
        ),
        migrations.AddField(
            model_name='cadenceevent',
            name='rest_after_talk_minutes',
            field=models.PositiveSmallIntegerField(db_default=30, default=30, help_text='So long “Call next” leaves out whom the caller spoke with, unless a promise is due.', validators=[django.core.validators.MaxValueValidator(1440)]),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='cadence',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "routing_cadenceevent" ("id", "max_attempts", "min_spacing_minutes", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rest_after_talk_minutes", "team_id", "varies_time_of_day") VALUES (NEW."id", NEW."max_attempts", NEW."min_spacing_minutes", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."rest_after_talk_minutes", NEW."team_id", NEW."varies_time_of_day"); RETURN NULL;', hash='5c9ce07ffa6ded4ea1855eb486c9b2b798177513', operation='INSERT', pgid='pgtrigger_insert_insert_dd287', table='routing_cadence', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='cadence',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "routing_cadenceevent" ("id", "max_attempts", "min_spacing_minutes", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rest_after_talk_minutes", "team_id", "varies_time_of_day") VALUES (NEW."id", NEW."max_attempts", NEW."min_spacing_minutes", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."rest_after_talk_minutes", NEW."team_id", NEW."varies_time_of_day"); RETURN NULL;', hash='2bb899b5be1665fa2ede79bf263eaa10149b35c0', operation='UPDATE', pgid='pgtrigger_update_update_38521', table='routing_cadence', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='cadence',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "routing_cadenceevent" ("id", "max_attempts", "min_spacing_minutes", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rest_after_talk_minutes", "team_id", "varies_time_of_day") VALUES (OLD."id", OLD."max_attempts", OLD."min_spacing_minutes", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."rest_after_talk_minutes", OLD."team_id", OLD."varies_time_of_day"); RETURN NULL;', hash='fe26fd0e8aa260f34b43848b08382b1a0e567fea', operation='DELETE', pgid='pgtrigger_delete_delete_5ec85', table='routing_cadence', when='AFTER')),
        ),
    ]
