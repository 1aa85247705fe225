import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import medcrm.lib.migrating
import pgtrigger.compiler
import pgtrigger.migrations
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [('gateway', '0001_initial'), ('gateway', '0002_scope_to_restart'), ('gateway', '0003_clients_have_a_history')]

    initial = True

    dependencies = [
        ('auth', '__first__'),
        ('consent', '0001_squashed_0009_kinds_of_line'),
        ('leads', '0001_squashed_0014_waits_and_stops'),
        ('pghistory', '0007_auto_20250421_0444'),
    ]

    operations = [
        medcrm.lib.migrating.Together(
            operations=[
                migrations.CreateModel(
                    name='Answered',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('client', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='gateway.client')),
                        ('key', models.CharField(max_length=200)),
                        ('request_sha256', models.CharField(help_text='Of method, path and body.', max_length=64)),
                        ('status', models.PositiveSmallIntegerField(default=0)),
                        ('body', models.JSONField(default=dict, help_text='Ids and codes; no answer to a POST holds anything personal.')),
                        ('at', models.DateTimeField()),
                    ],
                    options={
                        'indexes': [models.Index(fields=['at'], name='gateway_answered_at')],
                        'constraints': [models.UniqueConstraint(fields=('client', 'key'), name='gateway_one_answer_per_key')],
                    },
                ),
                migrations.CreateModel(
                    name='Client',
                    fields=[
                        ('code', models.CharField(help_text='Stable, e.g. “ortho”.', max_length=40, primary_key=True, serialize=False, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]*$', 'Lower-case letters, digits and underscores, e.g. “no_answer”.')])),
                        ('name', models.CharField(max_length=120)),
                        ('is_active', models.BooleanField(default=True, help_text='Untick to retire it; history keeps showing it.')),
                        ('user', models.OneToOneField(editable=False, help_text='As whom its acts are written down; it cannot sign in.', on_delete=django.db.models.deletion.PROTECT, related_name='api_client', to=settings.AUTH_USER_MODEL)),
                        ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('inquiries:read', 'Read inquiries'), ('leads:read', 'Read leads'), ('contacts:read', 'See numbers and mailboxes in full'), ('leads:write', 'Correct facts of leads'), ('events:read', 'Read the timeline'), ('events:write', 'Add what a lead did'), ('calls:write', 'Reserve and record calls'), ('documents:read', 'Read documents and authorizations'), ('documents:write', 'Record documents and authorizations'), ('availability:read', 'Read open slots'), ('availability:write', 'Set open slots'), ('appointments:read', 'Read appointments'), ('appointments:write', 'Book and settle appointments'), ('consent:read', 'Read permissions'), ('consent:revoke', 'Record a withdrawal'), ('consent:restart', 'Pass on a START from the carrier, which ends an opt-out'), ('webhooks:manage', 'Keep its own webhooks')], max_length=40), blank=True, default=list, help_text='What it may do.', size=None)),
                        ('teams', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, help_text='Codes of the teams whose leads it sees; unset: all teams; none: no lead.', null=True, size=None)),
                        ('services', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, help_text='Services whose leads it sees; unset: all but sensitive ones; a sensitive one must be named.', null=True, size=None)),
                        ('rate_per_minute', models.PositiveIntegerField(blank=True, default=600, help_text='Requests per minute; blank: no limit; 0: none.', null=True)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                    ],
                    options={
                        'verbose_name': 'API client',
                        'ordering': ['name'],
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='ClientEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='gateway.client')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('code', models.CharField(help_text='Stable, e.g. “ortho”.', max_length=40, serialize=False, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]*$', 'Lower-case letters, digits and underscores, e.g. “no_answer”.')])),
                        ('name', models.CharField(max_length=120)),
                        ('is_active', models.BooleanField(default=True, help_text='Untick to retire it; history keeps showing it.')),
                        ('user', models.ForeignKey(db_constraint=False, editable=False, help_text='As whom its acts are written down; it cannot sign in.', on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('inquiries:read', 'Read inquiries'), ('leads:read', 'Read leads'), ('contacts:read', 'See numbers and mailboxes in full'), ('leads:write', 'Correct facts of leads'), ('events:read', 'Read the timeline'), ('events:write', 'Add what a lead did'), ('calls:write', 'Reserve and record calls'), ('documents:read', 'Read documents and authorizations'), ('documents:write', 'Record documents and authorizations'), ('availability:read', 'Read open slots'), ('availability:write', 'Set open slots'), ('appointments:read', 'Read appointments'), ('appointments:write', 'Book and settle appointments'), ('consent:read', 'Read permissions'), ('consent:revoke', 'Record a withdrawal'), ('consent:restart', 'Pass on a START from the carrier, which ends an opt-out'), ('webhooks:manage', 'Keep its own webhooks')], max_length=40), blank=True, default=list, help_text='What it may do.', size=None)),
                        ('teams', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, help_text='Codes of the teams whose leads it sees; unset: all teams; none: no lead.', null=True, size=None)),
                        ('services', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, help_text='Services whose leads it sees; unset: all but sensitive ones; a sensitive one must be named.', null=True, size=None)),
                        ('rate_per_minute', models.PositiveIntegerField(blank=True, default=600, help_text='Requests per minute; blank: no limit; 0: none.', null=True)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='Delivery',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('event', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='gateway.outboxevent')),
                        ('subscription', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='gateway.subscription')),
                        ('lead', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='leads.lead')),
                        ('state', models.CharField(choices=[('pending', 'Waiting'), ('delivered', 'Delivered'), ('failed', 'Given up'), ('cancelled', 'Subscription ended')], default='pending', max_length=10)),
                        ('due_at', models.DateTimeField(blank=True, help_text='When to try next; blank once it has ended.', null=True)),
                        ('tries', models.PositiveSmallIntegerField(default=0)),
                        ('settled_at', models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        'verbose_name_plural': 'deliveries',
                        'ordering': ['-pk'],
                        'indexes': [models.Index(condition=models.Q(('state', 'pending')), fields=['due_at'], name='gateway_delivery_due'), models.Index(condition=models.Q(('state', 'pending')), fields=['subscription', 'lead', 'event'], name='gateway_delivery_lane')],
                        'constraints': [models.UniqueConstraint(fields=('subscription', 'event'), name='gateway_one_delivery'), models.CheckConstraint(condition=models.Q(models.Q(('due_at__isnull', False), ('state', 'pending')), models.Q(models.Q(('state', 'pending'), _negated=True), ('due_at__isnull', True)), _connector='OR'), name='gateway_pending_is_due')],
                    },
                ),
                migrations.CreateModel(
                    name='Key',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('client', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='keys', to='gateway.client')),
                        ('prefix', models.CharField(help_text='The first characters, to recognise a key by.', max_length=12)),
                        ('key_hash', models.CharField(editable=False, max_length=64, unique=True)),
                        ('label', models.CharField(blank=True, max_length=80)),
                        ('created_at', models.DateTimeField()),
                        ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('expires_at', models.DateTimeField(blank=True, help_text='Blank: until it is revoked.', null=True)),
                        ('last_used_on', models.DateField(blank=True, editable=False, null=True)),
                        ('revoked_at', models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        'verbose_name': 'API key',
                        'ordering': ['-pk'],
                    },
                ),
                migrations.CreateModel(
                    name='OutboxEvent',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('kind', models.CharField(choices=[('lead.created', 'A lead was opened'), ('lead.stage_changed', 'A lead moved to another stage'), ('lead.decided', 'Decision or next step changed'), ('lead.assigned', 'Team or owner changed'), ('lead.merged', 'A lead was merged into another'), ('call.recorded', 'A call was recorded'), ('document.changed', 'A document or authorization moved'), ('appointment.changed', 'An appointment moved'), ('activity.recorded', 'The lead did something'), ('consent.changed', 'A permission changed')], max_length=40)),
                        ('lead', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='leads.lead')),
                        ('data', models.JSONField(default=dict, help_text='Codes and ids only.')),
                        ('at', models.DateTimeField()),
                        ('spread_at', models.DateTimeField(blank=True, help_text='When its deliveries were made.', null=True)),
                    ],
                    options={
                        'ordering': ['-pk'],
                        'indexes': [models.Index(condition=models.Q(('spread_at__isnull', True)), fields=['id'], name='gateway_outbox_due'), models.Index(fields=['at'], name='gateway_outbox_at')],
                    },
                ),
                migrations.CreateModel(
                    name='Subscription',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('client', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='subscriptions', to='gateway.client')),
                        ('url', models.URLField(help_text='https only, reachable from the internet.', max_length=500)),
                        ('events', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('lead.created', 'A lead was opened'), ('lead.stage_changed', 'A lead moved to another stage'), ('lead.decided', 'Decision or next step changed'), ('lead.assigned', 'Team or owner changed'), ('lead.merged', 'A lead was merged into another'), ('call.recorded', 'A call was recorded'), ('document.changed', 'A document or authorization moved'), ('appointment.changed', 'An appointment moved'), ('activity.recorded', 'The lead did something'), ('consent.changed', 'A permission changed')], max_length=40), help_text='What it is told of.', size=None)),
                        ('is_active', models.BooleanField(default=True)),
                        ('salt', models.CharField(editable=False, max_length=64)),
                        ('old_salt', models.CharField(blank=True, editable=False, help_text='Signs too, until it ends.', max_length=64)),
                        ('old_salt_until', models.DateTimeField(blank=True, editable=False, null=True)),
                        ('created_at', models.DateTimeField()),
                        ('ended_at', models.DateTimeField(blank=True, editable=False, null=True)),
                        ('ended_because', models.CharField(blank=True, editable=False, help_text='e.g. GONE.', max_length=40)),
                    ],
                    options={
                        'verbose_name': 'webhook',
                        'ordering': ['-pk'],
                        'indexes': [models.Index(condition=models.Q(('is_active', True)), fields=['id'], name='gateway_subscribed')],
                    },
                ),
                migrations.CreateModel(
                    name='SubscriptionEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='history', to='gateway.subscription')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('id', models.BigIntegerField()),
                        ('public_id', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('client', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='gateway.client')),
                        ('url', models.URLField(help_text='https only, reachable from the internet.', max_length=500)),
                        ('events', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('lead.created', 'A lead was opened'), ('lead.stage_changed', 'A lead moved to another stage'), ('lead.decided', 'Decision or next step changed'), ('lead.assigned', 'Team or owner changed'), ('lead.merged', 'A lead was merged into another'), ('call.recorded', 'A call was recorded'), ('document.changed', 'A document or authorization moved'), ('appointment.changed', 'An appointment moved'), ('activity.recorded', 'The lead did something'), ('consent.changed', 'A permission changed')], max_length=40), help_text='What it is told of.', size=None)),
                        ('is_active', models.BooleanField(default=True)),
                        ('old_salt_until', models.DateTimeField(blank=True, editable=False, null=True)),
                        ('created_at', models.DateTimeField()),
                        ('ended_at', models.DateTimeField(blank=True, editable=False, null=True)),
                        ('ended_because', models.CharField(blank=True, editable=False, help_text='e.g. GONE.', max_length=40)),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='Try',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('delivery', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='log', to='gateway.delivery')),
                        ('at', models.DateTimeField()),
                        ('status', models.PositiveSmallIntegerField(blank=True, help_text='Blank: no answer.', null=True)),
                        ('code', models.CharField(help_text='e.g. OK, TIMEOUT, REFUSED_TARGET.', max_length=40)),
                        ('took_ms', models.PositiveIntegerField(default=0)),
                    ],
                    options={
                        'verbose_name_plural': 'tries',
                        'ordering': ['-pk'],
                    },
                ),
                migrations.CreateModel(
                    name='WatchedConsentEvent',
                    fields=[
                    ],
                    options={
                        'proxy': True,
                        'indexes': [],
                        'constraints': [],
                    },
                    bases=('consent.consentevent',),
                ),
                migrations.CreateModel(
                    name='WatchedInteraction',
                    fields=[
                    ],
                    options={
                        'proxy': True,
                        'indexes': [],
                        'constraints': [],
                    },
                    bases=('leads.interaction',),
                ),
                migrations.CreateModel(
                    name='WatchedLead',
                    fields=[
                    ],
                    options={
                        'proxy': True,
                        'indexes': [],
                        'constraints': [],
                    },
                    bases=('leads.lead',),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='watchedconsentevent',
                    trigger=pgtrigger.compiler.Trigger(name='outbox_consent', sql=pgtrigger.compiler.UpsertTriggerSql(func="IF EXISTS (SELECT 1 FROM gateway_subscription WHERE is_active) THEN \n    INSERT INTO gateway_outboxevent (public_id, kind, lead_id, data, at)\n    SELECT gen_random_uuid(), told.kind, told.lead, told.data, clock_timestamp()\n      FROM (SELECT entry.seq AS place, 'consent.changed' AS kind, lead.id AS lead, jsonb_build_object('event', entry.id, 'what', entry.kind, 'channels', to_jsonb(entry.channels), 'scope', entry.scope) AS data FROM written AS entry JOIN leads_lead AS lead ON lead.phone_id = entry.address_id OR lead.email_id = entry.address_id) AS told\n     WHERE EXISTS (SELECT 1 FROM gateway_subscription s WHERE s.is_active AND told.kind = ANY(s.events))\n     ORDER BY told.place, told.lead;\n     END IF; RETURN NULL;", hash='8fbca1461bf340e7b6809ab154ca2e76a96ccc84', level='STATEMENT', operation='INSERT', pgid='pgtrigger_outbox_consent_1ad87', referencing='REFERENCING NEW TABLE AS written ', table='consent_consentevent', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='watchedinteraction',
                    trigger=pgtrigger.compiler.Trigger(name='outbox_interaction', sql=pgtrigger.compiler.UpsertTriggerSql(func="IF EXISTS (SELECT 1 FROM gateway_subscription WHERE is_active) THEN \n    INSERT INTO gateway_outboxevent (public_id, kind, lead_id, data, at)\n    SELECT gen_random_uuid(), told.kind, told.lead, told.data, clock_timestamp()\n      FROM (SELECT entry.id AS place, \n    CASE WHEN entry.kind IN ('call', 'voicemail', 'inbound_call') THEN 'call.recorded'\n         WHEN entry.kind = 'document' THEN 'document.changed'\n         WHEN entry.kind = 'appointment' THEN 'appointment.changed'\n         WHEN entry.kind IN ('assignment', 'system', 'consent_change', 'note') THEN NULL\n         ELSE 'activity.recorded' END\n AS kind, entry.lead_id AS lead, jsonb_strip_nulls(jsonb_build_object('interaction', entry.id, 'kind', entry.kind, 'direction', entry.direction, 'disposition', entry.disposition_id, 'document', entry.facts->'document', 'authorization', entry.facts->'authorization', 'status', entry.facts->'status', 'service', entry.facts->'service', 'date', entry.facts->'date')) AS data FROM written AS entry) AS told\n     WHERE EXISTS (SELECT 1 FROM gateway_subscription s WHERE s.is_active AND told.kind = ANY(s.events))\n     ORDER BY told.place, told.lead;\n     END IF; RETURN NULL;", hash='6aba8b6f48bc1bea1bc2f866dc40cfadb4c40f9a', level='STATEMENT', operation='INSERT', pgid='pgtrigger_outbox_interaction_da319', referencing='REFERENCING NEW TABLE AS written ', table='leads_interaction', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='watchedlead',
                    trigger=pgtrigger.compiler.Trigger(name='outbox_created', sql=pgtrigger.compiler.UpsertTriggerSql(func="IF EXISTS (SELECT 1 FROM gateway_subscription WHERE is_active) THEN \n    INSERT INTO gateway_outboxevent (public_id, kind, lead_id, data, at)\n    SELECT gen_random_uuid(), told.kind, told.lead, told.data, clock_timestamp()\n      FROM (SELECT entry.id AS place, 'lead.created' AS kind, entry.id AS lead, jsonb_build_object('lead_type', entry.lead_type, 'source', entry.source_id) AS data FROM written AS entry) AS told\n     WHERE EXISTS (SELECT 1 FROM gateway_subscription s WHERE s.is_active AND told.kind = ANY(s.events))\n     ORDER BY told.place, told.lead;\n     END IF; RETURN NULL;", hash='1f8e09180f182b93e2600eec433f41df2b797107', level='STATEMENT', operation='INSERT', pgid='pgtrigger_outbox_created_5aae3', referencing='REFERENCING NEW TABLE AS written ', table='leads_lead', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='watchedlead',
                    trigger=pgtrigger.compiler.Trigger(name='outbox_stage', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."stage" IS DISTINCT FROM (NEW."stage"))', func="\n    INSERT INTO gateway_outboxevent (public_id, kind, lead_id, data, at)\n    SELECT gen_random_uuid(), 'lead.stage_changed', NEW.id, jsonb_build_object('from', OLD.stage, 'to', NEW.stage), clock_timestamp() WHERE EXISTS (SELECT 1 FROM gateway_subscription s WHERE s.is_active AND 'lead.stage_changed' = ANY(s.events)); RETURN NULL;", hash='292fc5c6769b23808410f81c213252b16be5a040', operation='UPDATE OF "stage"', pgid='pgtrigger_outbox_stage_e774a', table='leads_lead', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='watchedlead',
                    trigger=pgtrigger.compiler.Trigger(name='outbox_decided', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."decision" IS DISTINCT FROM (NEW."decision") OR OLD."hold_reason_id" IS DISTINCT FROM (NEW."hold_reason_id") OR OLD."next_step" IS DISTINCT FROM (NEW."next_step") OR OLD."stop_reason_id" IS DISTINCT FROM (NEW."stop_reason_id"))', func="\n    INSERT INTO gateway_outboxevent (public_id, kind, lead_id, data, at)\n    SELECT gen_random_uuid(), 'lead.decided', NEW.id, jsonb_build_object('decision', NEW.decision, 'next_step', NEW.next_step, 'hold_reason', NEW.hold_reason_id, 'stop_reason', NEW.stop_reason_id), clock_timestamp() WHERE EXISTS (SELECT 1 FROM gateway_subscription s WHERE s.is_active AND 'lead.decided' = ANY(s.events)); RETURN NULL;", hash='386158e2e612d6a4749d235ace0bb5d4c722f726', operation='UPDATE OF "decision", "next_step", "hold_reason_id", "stop_reason_id"', pgid='pgtrigger_outbox_decided_1cf79', table='leads_lead', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='watchedlead',
                    trigger=pgtrigger.compiler.Trigger(name='outbox_assigned', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."owner_id" IS DISTINCT FROM (NEW."owner_id") OR OLD."team" IS DISTINCT FROM (NEW."team"))', func="\n    INSERT INTO gateway_outboxevent (public_id, kind, lead_id, data, at)\n    SELECT gen_random_uuid(), 'lead.assigned', NEW.id, jsonb_build_object('team', NEW.team, 'has_owner', NEW.owner_id IS NOT NULL), clock_timestamp() WHERE EXISTS (SELECT 1 FROM gateway_subscription s WHERE s.is_active AND 'lead.assigned' = ANY(s.events)); RETURN NULL;", hash='6955eb5ecf1812474d8d510cdd8285a0ab855412', operation='UPDATE OF "team", "owner_id"', pgid='pgtrigger_outbox_assigned_293cd', table='leads_lead', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='watchedlead',
                    trigger=pgtrigger.compiler.Trigger(name='outbox_merged', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."merged_into_id" IS DISTINCT FROM (NEW."merged_into_id"))', func="\n    INSERT INTO gateway_outboxevent (public_id, kind, lead_id, data, at)\n    SELECT gen_random_uuid(), 'lead.merged', NEW.id, jsonb_build_object('into', (SELECT public_id FROM leads_lead WHERE id = NEW.merged_into_id)), clock_timestamp() WHERE EXISTS (SELECT 1 FROM gateway_subscription s WHERE s.is_active AND 'lead.merged' = ANY(s.events)); RETURN NULL;", hash='12e889002ec689c12ea8cbb56a8236f0afa205b4', operation='UPDATE OF "merged_into_id"', pgid='pgtrigger_outbox_merged_a1452', table='leads_lead', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='client',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "gateway_clientevent" ("code", "created_at", "is_active", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rate_per_minute", "scopes", "services", "teams", "user_id") VALUES (NEW."code", NEW."created_at", NEW."is_active", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."code", NEW."rate_per_minute", NEW."scopes", NEW."services", NEW."teams", NEW."user_id"); RETURN NULL;', hash='1f1ccceb70a4d895ca76d1f41adb49b4f9481107', operation='INSERT', pgid='pgtrigger_insert_insert_928e6', table='gateway_client', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='client',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "gateway_clientevent" ("code", "created_at", "is_active", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rate_per_minute", "scopes", "services", "teams", "user_id") VALUES (NEW."code", NEW."created_at", NEW."is_active", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."code", NEW."rate_per_minute", NEW."scopes", NEW."services", NEW."teams", NEW."user_id"); RETURN NULL;', hash='894647325feda9e9ed1507c370d7a715b056dc7e', operation='UPDATE', pgid='pgtrigger_update_update_4ecb5', table='gateway_client', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='client',
                    trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "gateway_clientevent" ("code", "created_at", "is_active", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "rate_per_minute", "scopes", "services", "teams", "user_id") VALUES (OLD."code", OLD."created_at", OLD."is_active", OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."code", OLD."rate_per_minute", OLD."scopes", OLD."services", OLD."teams", OLD."user_id"); RETURN NULL;', hash='59b336474ff613700520a1a82a81104165f01f60', operation='DELETE', pgid='pgtrigger_delete_delete_d0a84', table='gateway_client', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='clientevent',
                    trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='b3bdd48b87a90707e63082ed188d9d68bc0c446e', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_faf97', table='gateway_clientevent', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='subscription',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "gateway_subscriptionevent" ("client_id", "created_at", "ended_at", "ended_because", "events", "id", "is_active", "old_salt_until", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "url") VALUES (NEW."client_id", NEW."created_at", NEW."ended_at", NEW."ended_because", NEW."events", NEW."id", NEW."is_active", NEW."old_salt_until", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."public_id", NEW."url"); RETURN NULL;', hash='c4d3b25b661811ae01cd4bd86d30843867aff5c3', operation='INSERT', pgid='pgtrigger_insert_insert_2c8ce', table='gateway_subscription', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='subscription',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."client_id" IS DISTINCT FROM (NEW."client_id") OR OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."ended_at" IS DISTINCT FROM (NEW."ended_at") OR OLD."ended_because" IS DISTINCT FROM (NEW."ended_because") OR OLD."events" IS DISTINCT FROM (NEW."events") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."is_active" IS DISTINCT FROM (NEW."is_active") OR OLD."old_salt_until" IS DISTINCT FROM (NEW."old_salt_until") OR OLD."public_id" IS DISTINCT FROM (NEW."public_id") OR OLD."url" IS DISTINCT FROM (NEW."url"))', func='INSERT INTO "gateway_subscriptionevent" ("client_id", "created_at", "ended_at", "ended_because", "events", "id", "is_active", "old_salt_until", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "url") VALUES (NEW."client_id", NEW."created_at", NEW."ended_at", NEW."ended_because", NEW."events", NEW."id", NEW."is_active", NEW."old_salt_until", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."public_id", NEW."url"); RETURN NULL;', hash='970625a98be76d1cd5d22428f081f68fe9d64c12', operation='UPDATE', pgid='pgtrigger_update_update_92336', table='gateway_subscription', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='subscription',
                    trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "gateway_subscriptionevent" ("client_id", "created_at", "ended_at", "ended_because", "events", "id", "is_active", "old_salt_until", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "url") VALUES (OLD."client_id", OLD."created_at", OLD."ended_at", OLD."ended_because", OLD."events", OLD."id", OLD."is_active", OLD."old_salt_until", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."public_id", OLD."url"); RETURN NULL;', hash='71d1cb3a5f37e94035f40ad0ca2c5afc744dc7fa', operation='DELETE', pgid='pgtrigger_delete_delete_bb2a8', table='gateway_subscription', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='subscriptionevent',
                    trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='a7afda6b3f55bb79a62b7cae2f7a79188c455a6f', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_8998c', table='gateway_subscriptionevent', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='try',
                    trigger=pgtrigger.compiler.Trigger(name='tries_are_append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='f98b1265810f061349948aa91f064de1e5b7bf08', operation='UPDATE', pgid='pgtrigger_tries_are_append_only_80b64', table='gateway_try', when='BEFORE')),
                ),
            ],
        ),
    ]
