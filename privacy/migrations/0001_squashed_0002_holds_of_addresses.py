import django.contrib.postgres.fields
import django.db.models.deletion
import medcrm.lib.migrating
import pgtrigger.compiler
import pgtrigger.migrations
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [('privacy', '0001_initial'), ('privacy', '0002_holds_of_addresses')]

    initial = True

    dependencies = [
        ('auth', '__first__'),
        ('leads', '0001_squashed_0014_waits_and_stops'),
        ('pghistory', '0007_auto_20250421_0444'),
    ]

    operations = [
        medcrm.lib.migrating.Together(
            operations=[
                migrations.CreateModel(
                    name='RetentionRule',
                    fields=[
                        ('code', models.CharField(max_length=40, primary_key=True, serialize=False)),
                        ('name', models.CharField(max_length=120)),
                        ('days', models.PositiveIntegerField(blank=True, help_text='Blank: for ever; 0: until the next run.', null=True)),
                        ('basis', models.CharField(blank=True, help_text='Law, contract or policy it rests on.', max_length=200)),
                        ('note', models.CharField(blank=True, max_length=200)),
                    ],
                    options={
                        'ordering': ['name'],
                    },
                ),
                migrations.CreateModel(
                    name='RetentionRuleEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='privacy.retentionrule')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('code', models.CharField(max_length=40, serialize=False)),
                        ('name', models.CharField(max_length=120)),
                        ('days', models.PositiveIntegerField(blank=True, help_text='Blank: for ever; 0: until the next run.', null=True)),
                        ('basis', models.CharField(blank=True, help_text='Law, contract or policy it rests on.', max_length=200)),
                        ('note', models.CharField(blank=True, max_length=200)),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='RetentionRun',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('at', models.DateTimeField()),
                        ('is_dry', models.BooleanField(default=False)),
                        ('results', models.JSONField(default=dict, help_text='Rule → due, on hold, done.')),
                    ],
                    options={
                        'ordering': ['-pk'],
                    },
                ),
                migrations.CreateModel(
                    name='Erasure',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('public_id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, unique=True)),
                        ('state', models.CharField(choices=[('found', 'Found, not yet erased'), ('done', 'Erased'), ('dropped', 'Dropped')], default='found', max_length=8)),
                        ('reason', models.CharField(help_text='Why, e.g. “Request 2026-04 by e-mail”; no names.', max_length=200)),
                        ('leads', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, help_text="Public ids of the person's leads.", size=None)),
                        ('addresses', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), default=list, help_text='Keyed hashes.', size=None)),
                        ('found', models.JSONField(default=dict, help_text='Table → rows about the person.')),
                        ('done', models.JSONField(default=dict, help_text='Table → rows emptied or deleted.')),
                        ('requested_at', models.DateTimeField()),
                        ('requested_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('settled_at', models.DateTimeField(blank=True, null=True)),
                        ('settled_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['-pk'],
                    },
                ),
                migrations.CreateModel(
                    name='Hold',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('lead', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='leads.lead')),
                        ('addresses', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), db_default=[], default=list, help_text="Keyed hashes of the person's own.", size=None)),
                        ('reason', models.CharField(help_text='A case number, e.g. “Matter 2026-117”; no names.', max_length=200)),
                        ('placed_at', models.DateTimeField()),
                        ('placed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('lifted_at', models.DateTimeField(blank=True, null=True)),
                        ('lifted_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'verbose_name': 'litigation hold',
                        'ordering': ['-pk'],
                        'indexes': [models.Index(condition=models.Q(('lifted_at__isnull', True)), fields=['lead'], name='privacy_hold_open')],
                        'constraints': [models.CheckConstraint(condition=models.Q(('lead__isnull', False), models.Q(('addresses', []), _negated=True), _connector='OR'), name='privacy_hold_of_somebody')],
                    },
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='retentionrule',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "privacy_retentionruleevent" ("basis", "code", "days", "name", "note", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."basis", NEW."code", NEW."days", NEW."name", NEW."note", _pgh_attach_context(), NOW(), \'insert\', NEW."code"); RETURN NULL;', hash='baa2f177e6101b0b2ce588a9ec77fb017b6f93aa', operation='INSERT', pgid='pgtrigger_insert_insert_aad6c', table='privacy_retentionrule', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='retentionrule',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "privacy_retentionruleevent" ("basis", "code", "days", "name", "note", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."basis", NEW."code", NEW."days", NEW."name", NEW."note", _pgh_attach_context(), NOW(), \'update\', NEW."code"); RETURN NULL;', hash='4997511771dc53d07e9d8c55857d43780c159a55', operation='UPDATE', pgid='pgtrigger_update_update_a5b91', table='privacy_retentionrule', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='retentionrule',
                    trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "privacy_retentionruleevent" ("basis", "code", "days", "name", "note", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (OLD."basis", OLD."code", OLD."days", OLD."name", OLD."note", _pgh_attach_context(), NOW(), \'delete\', OLD."code"); RETURN NULL;', hash='fe2816bbe41df2555fd78ceada094ccdd88c00cd', operation='DELETE', pgid='pgtrigger_delete_delete_aa3be', table='privacy_retentionrule', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='retentionrun',
                    trigger=pgtrigger.compiler.Trigger(name='runs_are_append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='dd68fe91c8a80c9335394e88a6d599cc3b66cbcf', operation='UPDATE OR DELETE', pgid='pgtrigger_runs_are_append_only_b86b2', table='privacy_retentionrun', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='erasure',
                    trigger=pgtrigger.compiler.Trigger(name='erasures_stay', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='469b19c3b6c7210bf36e712b7671c968a1c9d3d0', operation='DELETE', pgid='pgtrigger_erasures_stay_21122', table='privacy_erasure', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='erasure',
                    trigger=pgtrigger.compiler.Trigger(name='certificate_is_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."state" = \'done\')', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='c9755bc648ae3cec9a59070f6aa8e43fe3f7cd82', operation='UPDATE', pgid='pgtrigger_certificate_is_frozen_c5fe9', table='privacy_erasure', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='retentionruleevent',
                    trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='8b1602e84e4dfa99012fa07c9aaf9ac0db4fb6af', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_e8de0', table='privacy_retentionruleevent', when='BEFORE')),
                ),
            ],
        ),
    ]
