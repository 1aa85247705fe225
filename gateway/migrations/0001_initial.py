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

    initial = True

    dependencies = [
        ('auth', '__first__'),
        ('consent', '0001_initial'),
        ('leads', '0001_initial'),
    ]

    operations = [
        medcrm.lib.migrating.Together(
            operations=[
                migrations.CreateModel(
                    name='Client',
                    fields=[
                        ('code', models.CharField(help_text='Stable, e.g. “ortho”.', max_length=40, primary_key=True, serialize=False, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]*$', 'Lower-case letters, digits and underscores, e.g. “no_answer”.')])),
                        ('name', models.CharField(max_length=120)),
                        ('is_active', models.BooleanField(default=True, help_text='Untick to retire it; history keeps showing it.')),
                        ('user', models.OneToOneField(editable=False, help_text='As whom its acts are written down; it cannot sign in.', on_delete=django.db.models.deletion.PROTECT, related_name='api_client', to=settings.AUTH_USER_MODEL)),
                        ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('inquiries:read', 'Read inquiries'), ('leads:read', 'Read leads'), ('contacts:read', 'See numbers and mailboxes in full'), ('leads:write', 'Correct facts of leads'), ('events:read', 'Read the timeline'), ('events:write', 'Add what a lead did'), ('calls:write', 'Reserve and record calls'), ('documents:read', 'Read documents and authorizations'), ('documents:write', 'Record documents and authorizations'), ('availability:read', 'Read open slots'), ('availability:write', 'Set open slots'), ('appointments:read', 'Read appointments'), ('appointments:write', 'Book and settle appointments'), ('consent:read', 'Read permissions'), ('consent:revoke', 'Record a withdrawal'), ('webhooks:manage', 'Keep its own webhooks')], max_length=40), blank=True, default=list, help_text='What it may do.', size=None)),
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
                    model_name='try',
                    trigger=pgtrigger.compiler.Trigger(name='tries_are_append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='f98b1265810f061349948aa91f064de1e5b7bf08', operation='UPDATE', pgid='pgtrigger_tries_are_append_only_80b64', table='gateway_try', when='BEFORE')),
                ),
            ],
        ),
    ]
