import django.contrib.auth.models
import django.contrib.auth.validators
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import medcrm.lib.migrating
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('account', '0009_emailaddress_unique_primary_email'),
        ('admin', '0003_logentry_add_action_flag_choices'),
        ('auth', '0012_alter_user_first_name_max_length'),
        ('auth', '__first__'),
        ('mfa', '0003_authenticator_type_uniq'),
        ('pghistory', '0007_auto_20250421_0444'),
        ('sessions', '0001_initial'),
        ('socialaccount', '0006_alter_socialaccount_extra_data'),
        ('usersessions', '0001_initial'),
    ]

    operations = [
        medcrm.lib.migrating.Together(
            operations=[
                migrations.CreateModel(
                    name='Login',
                    fields=[
                    ],
                    options={
                        'proxy': True,
                        'indexes': [],
                        'constraints': [],
                    },
                    bases=('auth.user',),
                    managers=[
                        ('objects', django.contrib.auth.models.UserManager()),
                    ],
                ),
                migrations.CreateModel(
                    name='RoleHeld',
                    fields=[
                    ],
                    options={
                        'proxy': True,
                        'indexes': [],
                        'constraints': [],
                    },
                    bases=('auth.user_groups',),
                ),
                migrations.CreateModel(
                    name='Access',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('at', models.DateTimeField()),
                        ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='Who')),
                        ('client', models.CharField(blank=True, help_text='The key of the API, or the name that was tried when signing in.', max_length=80)),
                        ('action', models.CharField(help_text='View, list, search, export, print, history, sign_in…', max_length=40)),
                        ('model', models.CharField(blank=True, help_text='The kind of row, e.g. “leads.lead”.', max_length=60)),
                        ('subjects', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=80), blank=True, default=list, help_text='Everyone shown, e.g. “leads.lead:17”.', size=None)),
                        ('query', models.CharField(blank=True, help_text='What was searched for or filtered by.', max_length=200)),
                        ('method', models.CharField(max_length=8)),
                        ('path', models.CharField(max_length=200)),
                        ('status', models.PositiveSmallIntegerField()),
                        ('outcome', models.CharField(choices=[('shown', 'Done'), ('refused', 'Refused'), ('failed', 'Failed')], max_length=7)),
                        ('address', models.GenericIPAddressField(blank=True, null=True, verbose_name='From')),
                    ],
                    options={
                        'verbose_name': 'access',
                        'verbose_name_plural': 'access log',
                        'ordering': ['-pk'],
                        'indexes': [django.contrib.postgres.indexes.GinIndex(fields=['subjects'], name='audit_subjects'), models.Index(fields=['user', '-id'], name='audit_user'), models.Index(fields=['at'], name='audit_at')],
                        'constraints': [models.CheckConstraint(condition=models.Q(('outcome__in', ['shown', 'refused', 'failed'])), name='audit_outcome_known')],
                    },
                ),
                migrations.CreateModel(
                    name='RoleHeldEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('id', models.IntegerField()),
                        ('user', models.ForeignKey(db_constraint=False, db_tablespace='', on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('group', models.ForeignKey(db_constraint=False, db_tablespace='', on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='auth.group')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='LoginEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='username_first_name_last_name_email_is_active_is_staff_is_superuser_events', to='audit.login')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('username', models.CharField(error_messages={'unique': 'A user with that username already exists.'}, help_text='Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.', max_length=150, validators=[django.contrib.auth.validators.UnicodeUsernameValidator()], verbose_name='username')),
                        ('first_name', models.CharField(blank=True, max_length=150, verbose_name='first name')),
                        ('last_name', models.CharField(blank=True, max_length=150, verbose_name='last name')),
                        ('email', models.EmailField(blank=True, max_length=254, verbose_name='email address')),
                        ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                        ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                        ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='login',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "audit_loginevent" ("email", "first_name", "is_active", "is_staff", "is_superuser", "last_name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "username") VALUES (NEW."email", NEW."first_name", NEW."is_active", NEW."is_staff", NEW."is_superuser", NEW."last_name", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."username"); RETURN NULL;', hash='2370754d9a6a1c8cb3ae7b15faca037f4a2351fa', operation='INSERT', pgid='pgtrigger_insert_insert_e6002', table='auth_user', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='login',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."email" IS DISTINCT FROM (NEW."email") OR OLD."first_name" IS DISTINCT FROM (NEW."first_name") OR OLD."is_active" IS DISTINCT FROM (NEW."is_active") OR OLD."is_staff" IS DISTINCT FROM (NEW."is_staff") OR OLD."is_superuser" IS DISTINCT FROM (NEW."is_superuser") OR OLD."last_name" IS DISTINCT FROM (NEW."last_name") OR OLD."username" IS DISTINCT FROM (NEW."username"))', func='INSERT INTO "audit_loginevent" ("email", "first_name", "is_active", "is_staff", "is_superuser", "last_name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "username") VALUES (NEW."email", NEW."first_name", NEW."is_active", NEW."is_staff", NEW."is_superuser", NEW."last_name", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."username"); RETURN NULL;', hash='595e0bbbefc71340573b1e931252fbabd45f82b3', operation='UPDATE', pgid='pgtrigger_update_update_dc395', table='auth_user', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='login',
                    trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "audit_loginevent" ("email", "first_name", "is_active", "is_staff", "is_superuser", "last_name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "username") VALUES (OLD."email", OLD."first_name", OLD."is_active", OLD."is_staff", OLD."is_superuser", OLD."last_name", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."username"); RETURN NULL;', hash='d35f85b541914eee09b240ef688ae9dcde11b079', operation='DELETE', pgid='pgtrigger_delete_delete_122c2', table='auth_user', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='roleheld',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "audit_roleheldevent" ("group_id", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "user_id") VALUES (NEW."group_id", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."user_id"); RETURN NULL;', hash='cb8e0c90514c7dd8cc95c687bf72d1956b714fee', operation='INSERT', pgid='pgtrigger_insert_insert_a0b30', table='auth_user_groups', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='roleheld',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "audit_roleheldevent" ("group_id", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "user_id") VALUES (NEW."group_id", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."user_id"); RETURN NULL;', hash='4860c6559907f024ae9434875df7d01e5c57fcc8', operation='UPDATE', pgid='pgtrigger_update_update_fe970', table='auth_user_groups', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='roleheld',
                    trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "audit_roleheldevent" ("group_id", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "user_id") VALUES (OLD."group_id", OLD."id", _pgh_attach_context(), NOW(), \'delete\', OLD."user_id"); RETURN NULL;', hash='4e0990f0471d4a9523c7f0ba926d11134dd9e5a8', operation='DELETE', pgid='pgtrigger_delete_delete_e618d', table='auth_user_groups', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='access',
                    trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='00e7d6be01fa15e6cd87a434a3bf37497331d85e', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_7761d', table='audit_access', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='roleheldevent',
                    trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='56316358f5f335189edbbfbb5468c8beb183f408', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_bd57b', table='audit_roleheldevent', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='loginevent',
                    trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='7ec7c78b1118b4aaa15cf63d3b2ae481d6d1a56f', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_cf469', table='audit_loginevent', when='BEFORE')),
                ),
            ],
        ),
    ]
