"""Let rows say what the code said: what a result answers, and the words of an emergency."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

from leads.reference import read


def answer_by_rows(apps, schema_editor):
    """Results in use go on answering what they answered."""
    rows = apps.get_model("leads", "Disposition").objects
    rows.filter(pk="existing_patient").update(answers_question="existing_patient", answers_with="yes")
    rows.filter(pk="agreement_concluded").update(answers_question="agreement", answers_with="signed")


def install_phrases(apps, schema_editor):
    """An organisation in use keeps the words it had from the file; an empty database gets them with its first load."""
    if not apps.get_model("leads", "Disposition").objects.exists():
        return
    phrase = apps.get_model("leads", "EmergencyPhrase")
    phrase.objects.bulk_create(
        phrase(language=row["language"], words=words)
        for row in read("emergency_words")["words"]
        for words in row["phrases"]
    )


class Migration(migrations.Migration):

    dependencies = [
        ('leads', '0009_referrals_messages_thresholds'),
        ('pghistory', '0007_auto_20250421_0444'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='EmergencyPhrase',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('language', models.CharField(default='en', help_text='A code, e.g. en, es.', max_length=8)),
                ('words', models.CharField(help_text='As people write it, e.g. “chest pain*”; * stands for any ending of the word.', max_length=80)),
                ('is_active', models.BooleanField(default=True, help_text='Untick it and the words count no more.')),
                ('reviewed_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'verbose_name': 'emergency phrase',
                'verbose_name_plural': 'emergency phrases',
                'ordering': ['language', 'words'],
            },
        ),
        migrations.CreateModel(
            name='EmergencyPhraseEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('language', models.CharField(default='en', help_text='A code, e.g. en, es.', max_length=8)),
                ('words', models.CharField(help_text='As people write it, e.g. “chest pain*”; * stands for any ending of the word.', max_length=80)),
                ('is_active', models.BooleanField(default=True, help_text='Untick it and the words count no more.')),
                ('reviewed_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='disposition',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='disposition',
            name='update_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='disposition',
            name='delete_delete',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='nextstepset',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='nextstepset',
            name='update_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='nextstepset',
            name='delete_delete',
        ),
        migrations.AddField(
            model_name='disposition',
            name='answers_question',
            field=models.CharField(blank=True, db_default='', default='', help_text='A question that this result answers by itself, by its code, e.g. “existing_patient”.', max_length=40, verbose_name='answers the question'),
        ),
        migrations.AddField(
            model_name='disposition',
            name='answers_with',
            field=models.CharField(blank=True, db_default='', default='', help_text='As the caller would give it, e.g. “yes”. What the caller says goes before it.', max_length=80, verbose_name='with the answer'),
        ),
        migrations.AddField(
            model_name='disposition',
            name='opts_out_email',
            field=models.BooleanField(db_default=False, default=False, help_text='Like pressing “unsubscribe” in a mail; calls and texts go on, e.g. “No more e-mail”.', verbose_name='stops e-mail that sells'),
        ),
        migrations.AddField(
            model_name='dispositionevent',
            name='answers_question',
            field=models.CharField(blank=True, db_default='', default='', help_text='A question that this result answers by itself, by its code, e.g. “existing_patient”.', max_length=40, verbose_name='answers the question'),
        ),
        migrations.AddField(
            model_name='dispositionevent',
            name='answers_with',
            field=models.CharField(blank=True, db_default='', default='', help_text='As the caller would give it, e.g. “yes”. What the caller says goes before it.', max_length=80, verbose_name='with the answer'),
        ),
        migrations.AddField(
            model_name='dispositionevent',
            name='opts_out_email',
            field=models.BooleanField(db_default=False, default=False, help_text='Like pressing “unsubscribe” in a mail; calls and texts go on, e.g. “No more e-mail”.', verbose_name='stops e-mail that sells'),
        ),
        migrations.AddField(
            model_name='nextstepset',
            name='b2b_step',
            field=models.CharField(choices=[('appointment', 'Appointment'), ('quote', 'Quote'), ('discovery', 'Sales discovery'), ('partnership', 'Partnership'), ('callback', 'Call back')], db_default='discovery', default='discovery', max_length=12, verbose_name="a business's first step"),
        ),
        migrations.AddField(
            model_name='nextstepset',
            name='partner_step',
            field=models.CharField(choices=[('appointment', 'Appointment'), ('quote', 'Quote'), ('discovery', 'Sales discovery'), ('partnership', 'Partnership'), ('callback', 'Call back')], db_default='partnership', default='partnership', max_length=12, verbose_name="a partner's first step"),
        ),
        migrations.AddField(
            model_name='nextstepset',
            name='patient_step',
            field=models.CharField(choices=[('appointment', 'Appointment'), ('quote', 'Quote'), ('discovery', 'Sales discovery'), ('partnership', 'Partnership'), ('callback', 'Call back')], db_default='callback', default='callback', max_length=12, verbose_name="a patient's first step"),
        ),
        migrations.AddField(
            model_name='nextstepsetevent',
            name='b2b_step',
            field=models.CharField(choices=[('appointment', 'Appointment'), ('quote', 'Quote'), ('discovery', 'Sales discovery'), ('partnership', 'Partnership'), ('callback', 'Call back')], db_default='discovery', default='discovery', max_length=12, verbose_name="a business's first step"),
        ),
        migrations.AddField(
            model_name='nextstepsetevent',
            name='partner_step',
            field=models.CharField(choices=[('appointment', 'Appointment'), ('quote', 'Quote'), ('discovery', 'Sales discovery'), ('partnership', 'Partnership'), ('callback', 'Call back')], db_default='partnership', default='partnership', max_length=12, verbose_name="a partner's first step"),
        ),
        migrations.AddField(
            model_name='nextstepsetevent',
            name='patient_step',
            field=models.CharField(choices=[('appointment', 'Appointment'), ('quote', 'Quote'), ('discovery', 'Sales discovery'), ('partnership', 'Partnership'), ('callback', 'Call back')], db_default='callback', default='callback', max_length=12, verbose_name="a patient's first step"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='disposition',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "leads_dispositionevent" ("adds_do_not_call", "answers_question", "answers_with", "code", "disqualifies", "group", "invalidates_number", "is_active", "is_final", "is_for_organisations", "is_for_patients", "is_incident", "is_success", "is_voicemail", "is_wrong_number", "leaves_message", "makes_contact", "name", "needs_callback", "needs_identity", "needs_missing_items", "needs_note", "opts_out_email", "opts_out_text", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "reaches_right_party", "retry_after_minutes", "sets_meeting", "suggested_outcome", "suppresses_everything") VALUES (NEW."adds_do_not_call", NEW."answers_question", NEW."answers_with", NEW."code", NEW."disqualifies", NEW."group", NEW."invalidates_number", NEW."is_active", NEW."is_final", NEW."is_for_organisations", NEW."is_for_patients", NEW."is_incident", NEW."is_success", NEW."is_voicemail", NEW."is_wrong_number", NEW."leaves_message", NEW."makes_contact", NEW."name", NEW."needs_callback", NEW."needs_identity", NEW."needs_missing_items", NEW."needs_note", NEW."opts_out_email", NEW."opts_out_text", _pgh_attach_context(), NOW(), \'insert\', NEW."code", NEW."position", NEW."reaches_right_party", NEW."retry_after_minutes", NEW."sets_meeting", NEW."suggested_outcome", NEW."suppresses_everything"); RETURN NULL;', hash='8f1a76b34164f07a2c0350caa427f5d308804932', operation='INSERT', pgid='pgtrigger_insert_insert_ada87', table='leads_disposition', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='disposition',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "leads_dispositionevent" ("adds_do_not_call", "answers_question", "answers_with", "code", "disqualifies", "group", "invalidates_number", "is_active", "is_final", "is_for_organisations", "is_for_patients", "is_incident", "is_success", "is_voicemail", "is_wrong_number", "leaves_message", "makes_contact", "name", "needs_callback", "needs_identity", "needs_missing_items", "needs_note", "opts_out_email", "opts_out_text", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "reaches_right_party", "retry_after_minutes", "sets_meeting", "suggested_outcome", "suppresses_everything") VALUES (NEW."adds_do_not_call", NEW."answers_question", NEW."answers_with", NEW."code", NEW."disqualifies", NEW."group", NEW."invalidates_number", NEW."is_active", NEW."is_final", NEW."is_for_organisations", NEW."is_for_patients", NEW."is_incident", NEW."is_success", NEW."is_voicemail", NEW."is_wrong_number", NEW."leaves_message", NEW."makes_contact", NEW."name", NEW."needs_callback", NEW."needs_identity", NEW."needs_missing_items", NEW."needs_note", NEW."opts_out_email", NEW."opts_out_text", _pgh_attach_context(), NOW(), \'update\', NEW."code", NEW."position", NEW."reaches_right_party", NEW."retry_after_minutes", NEW."sets_meeting", NEW."suggested_outcome", NEW."suppresses_everything"); RETURN NULL;', hash='60352249b0f4f5f8ba4e3e02f9e3e02dcae6249d', operation='UPDATE', pgid='pgtrigger_update_update_e85de', table='leads_disposition', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='disposition',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "leads_dispositionevent" ("adds_do_not_call", "answers_question", "answers_with", "code", "disqualifies", "group", "invalidates_number", "is_active", "is_final", "is_for_organisations", "is_for_patients", "is_incident", "is_success", "is_voicemail", "is_wrong_number", "leaves_message", "makes_contact", "name", "needs_callback", "needs_identity", "needs_missing_items", "needs_note", "opts_out_email", "opts_out_text", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "reaches_right_party", "retry_after_minutes", "sets_meeting", "suggested_outcome", "suppresses_everything") VALUES (OLD."adds_do_not_call", OLD."answers_question", OLD."answers_with", OLD."code", OLD."disqualifies", OLD."group", OLD."invalidates_number", OLD."is_active", OLD."is_final", OLD."is_for_organisations", OLD."is_for_patients", OLD."is_incident", OLD."is_success", OLD."is_voicemail", OLD."is_wrong_number", OLD."leaves_message", OLD."makes_contact", OLD."name", OLD."needs_callback", OLD."needs_identity", OLD."needs_missing_items", OLD."needs_note", OLD."opts_out_email", OLD."opts_out_text", _pgh_attach_context(), NOW(), \'delete\', OLD."code", OLD."position", OLD."reaches_right_party", OLD."retry_after_minutes", OLD."sets_meeting", OLD."suggested_outcome", OLD."suppresses_everything"); RETURN NULL;', hash='85bd847d5f072eb80145e830a5536018ca3536aa', operation='DELETE', pgid='pgtrigger_delete_delete_19b69', table='leads_disposition', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='nextstepset',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "leads_nextstepsetevent" ("b2b_step", "created_at", "id", "note", "partner_step", "patient_step", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "published_at", "published_by_id", "status", "version") VALUES (NEW."b2b_step", NEW."created_at", NEW."id", NEW."note", NEW."partner_step", NEW."patient_step", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."published_at", NEW."published_by_id", NEW."status", NEW."version"); RETURN NULL;', hash='b48b4f0805739b21343b14407f8dac98aff4ae21', operation='INSERT', pgid='pgtrigger_insert_insert_a4d41', table='leads_nextstepset', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='nextstepset',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "leads_nextstepsetevent" ("b2b_step", "created_at", "id", "note", "partner_step", "patient_step", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "published_at", "published_by_id", "status", "version") VALUES (NEW."b2b_step", NEW."created_at", NEW."id", NEW."note", NEW."partner_step", NEW."patient_step", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."published_at", NEW."published_by_id", NEW."status", NEW."version"); RETURN NULL;', hash='97cee97fd825c5e948995cac42a4942c00e1fa41', operation='UPDATE', pgid='pgtrigger_update_update_784d4', table='leads_nextstepset', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='nextstepset',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "leads_nextstepsetevent" ("b2b_step", "created_at", "id", "note", "partner_step", "patient_step", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "published_at", "published_by_id", "status", "version") VALUES (OLD."b2b_step", OLD."created_at", OLD."id", OLD."note", OLD."partner_step", OLD."patient_step", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."published_at", OLD."published_by_id", OLD."status", OLD."version"); RETURN NULL;', hash='a4b0f532be8d5de746369ca7ac1f0cfb9d1d6efc', operation='DELETE', pgid='pgtrigger_delete_delete_5c722', table='leads_nextstepset', when='AFTER')),
        ),
        migrations.AddField(
            model_name='emergencyphrase',
            name='reviewed_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='emergencyphraseevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='emergencyphraseevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='leads.emergencyphrase'),
        ),
        migrations.AddField(
            model_name='emergencyphraseevent',
            name='reviewed_by',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='emergencyphrase',
            constraint=models.UniqueConstraint(fields=('language', 'words'), name='one_emergency_phrase'),
        ),
        migrations.AddConstraint(
            model_name='emergencyphrase',
            constraint=models.CheckConstraint(condition=models.Q(('reviewed_at__isnull', True), ('reviewed_by__isnull', False), _connector='OR'), name='emergency_phrase_reviewed_by_a_person'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='emergencyphrase',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "leads_emergencyphraseevent" ("id", "is_active", "language", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reviewed_at", "reviewed_by_id", "words") VALUES (NEW."id", NEW."is_active", NEW."language", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."reviewed_at", NEW."reviewed_by_id", NEW."words"); RETURN NULL;', hash='c228cf44f3c16ab9de4d16b28892254cc4b31b64', operation='INSERT', pgid='pgtrigger_insert_insert_cb49e', table='leads_emergencyphrase', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='emergencyphrase',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "leads_emergencyphraseevent" ("id", "is_active", "language", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reviewed_at", "reviewed_by_id", "words") VALUES (NEW."id", NEW."is_active", NEW."language", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."reviewed_at", NEW."reviewed_by_id", NEW."words"); RETURN NULL;', hash='dca321a429917497856e0994ef8e9455efe09108', operation='UPDATE', pgid='pgtrigger_update_update_331a4', table='leads_emergencyphrase', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='emergencyphrase',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "leads_emergencyphraseevent" ("id", "is_active", "language", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reviewed_at", "reviewed_by_id", "words") VALUES (OLD."id", OLD."is_active", OLD."language", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."reviewed_at", OLD."reviewed_by_id", OLD."words"); RETURN NULL;', hash='baf90ca8be9bfc021ef1d2038f5394c0d138a40b', operation='DELETE', pgid='pgtrigger_delete_delete_1af22', table='leads_emergencyphrase', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='emergencyphraseevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='a7c38a2e5ca93f6929e4780ee4cf917d66f4a0c6', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_14bac', table='leads_emergencyphraseevent', when='BEFORE')),
        ),
        migrations.RunPython(answer_by_rows, migrations.RunPython.noop),
        migrations.RunPython(install_phrases, migrations.RunPython.noop),
    ]
