import datetime
import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.deletion
import leads.fields
import medcrm.lib.migrating
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [('nurture', '0001_initial'), ('nurture', '0002_reports_over_time'), ('nurture', '0003_indexes_for_lists'), ('nurture', '0004_calls_lapse')]

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
                    name='FrequencyCapEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='nurture.frequencycap')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('id', models.BigIntegerField()),
                        ('name', models.CharField(help_text='e.g. “Marketing per week”.', max_length=60)),
                        ('purpose', models.CharField(choices=[('marketing', 'Marketing'), ('informational', 'Information')], default='marketing', max_length=20)),
                        ('days', models.PositiveSmallIntegerField(help_text='A contact exactly this many days old no longer counts.')),
                        ('limit', models.PositiveSmallIntegerField(blank=True, help_text='Blank: no limit. 0: none at all.', null=True)),
                        ('counts_calls', models.BooleanField(default=True, help_text='Calls by people count too.')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='Message',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('attempt', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='message', to='consent.attempt')),
                        ('enrollment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='messages', to='nurture.enrollment')),
                        ('step', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='nurture.step')),
                        ('wording', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='nurture.wording')),
                        ('state', models.CharField(choices=[('reserved', 'Reserved'), ('sent', 'Sent'), ('unknown', 'Not known whether it left'), ('failed', 'Did not leave'), ('cancelled', 'Cancelled before it left'), ('delivered', 'Delivered'), ('bounced', 'Bounced'), ('replied', 'Replied to')], default='reserved', max_length=9)),
                        ('subject', models.CharField(blank=True, max_length=200)),
                        ('body', models.TextField()),
                        ('content_sha256', models.CharField(max_length=64)),
                        ('provider', models.CharField(blank=True, max_length=20)),
                        ('provider_id', models.CharField(blank=True, max_length=120)),
                        ('error', models.CharField(blank=True, max_length=300)),
                        ('reserved_at', models.DateTimeField()),
                        ('sent_at', models.DateTimeField(blank=True, null=True)),
                        ('settled_at', models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        'ordering': ['-pk'],
                        'indexes': [models.Index(condition=models.Q(('state', 'reserved')), fields=['reserved_at'], name='message_forgotten'), models.Index(condition=models.Q(('state__in', ['reserved', 'delivered']), _negated=True), fields=['state', 'id'], name='message_in_state'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['reserved_at'], name='message_reserved_at', pages_per_range=32), models.Index(fields=['step', 'id'], name='message_step')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'failed'), _negated=True), fields=('enrollment', 'step'), name='one_message_per_step'), models.UniqueConstraint(condition=models.Q(('provider_id', ''), _negated=True), fields=('provider', 'provider_id'), name='one_message_per_provider_id'), models.CheckConstraint(condition=models.Q(('state__in', ['reserved', 'sent', 'unknown', 'failed', 'cancelled', 'delivered', 'bounced', 'replied'])), name='message_state_known')],
                    },
                ),
                migrations.CreateModel(
                    name='MutedTopic',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('address', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='consent.address')),
                        ('topic', models.CharField(help_text='The code of a sequence.', max_length=40)),
                        ('muted_at', models.DateTimeField()),
                    ],
                    options={
                        'ordering': ['address', 'topic'],
                        'constraints': [models.UniqueConstraint(fields=('address', 'topic'), name='one_muted_topic')],
                    },
                ),
                migrations.CreateModel(
                    name='ProviderEvent',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('provider', models.CharField(max_length=20)),
                        ('key', models.CharField(help_text="The provider's own id of the event.", max_length=200)),
                        ('kind', models.CharField(help_text='e.g. “reply”, “delivered”, “bounced”.', max_length=20)),
                        ('address', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='consent.address')),
                        ('message', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='events', to='nurture.message')),
                        ('received_at', models.DateTimeField()),
                    ],
                    options={
                        'ordering': ['-pk'],
                        'constraints': [models.UniqueConstraint(fields=('provider', 'key'), name='one_provider_event')],
                    },
                ),
                migrations.CreateModel(
                    name='Sequence',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('status', models.CharField(choices=[('draft', 'Draft'), ('published', 'Published'), ('retired', 'Retired')], default='draft', max_length=10)),
                        ('note', models.CharField(blank=True, help_text='Why this version exists, in a sentence.', max_length=200)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('published_at', models.DateTimeField(blank=True, null=True)),
                        ('published_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('name', models.CharField(help_text='For people, e.g. “Wants to come within two weeks”.', max_length=120)),
                        ('position', models.PositiveSmallIntegerField(default=100, help_text='Lower comes first.')),
                        ('is_active', models.BooleanField(default=True)),
                        ('criteria', leads.fields.CriteriaField(blank=True, default=list, help_text='AND inside a group, OR between groups; empty: always.')),
                        ('code', models.CharField(help_text='Stable, e.g. “first_visit”.', max_length=40, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]*$', 'Lower-case letters, digits and underscores, e.g. “no_answer”.')])),
                        ('topic', models.CharField(blank=True, help_text='What it is about, as people read it on their preference page; blank: not offered there.', max_length=80)),
                        ('stay_criteria', leads.fields.CriteriaField(blank=True, default=None, help_text='Who stays; blank: whoever the entry criteria still mean.', null=True)),
                        ('exits_on_reply', models.BooleanField(default=True)),
                        ('exits_on_booking', models.BooleanField(default=True)),
                        ('quiet_days', models.PositiveSmallIntegerField(blank=True, help_text='Ends after so many days without a sign of life; blank: never.', null=True)),
                        ('pause_after_reply_days', models.PositiveSmallIntegerField(default=14, help_text='Not entered while people talk: so many days after a reply; 0: at once.')),
                        ('ends_on', models.DateField(blank=True, help_text='Last day of the sequence for everybody.', null=True)),
                    ],
                    options={
                        'ordering': ['position', 'code', '-version'],
                        'constraints': [models.UniqueConstraint(fields=('code', 'version'), name='one_sequence_version'), models.UniqueConstraint(condition=models.Q(('status', 'published')), fields=('code',), name='one_published_sequence')],
                    },
                ),
                migrations.CreateModel(
                    name='SequenceEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='nurture.sequence')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('id', models.BigIntegerField()),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('status', models.CharField(choices=[('draft', 'Draft'), ('published', 'Published'), ('retired', 'Retired')], default='draft', max_length=10)),
                        ('note', models.CharField(blank=True, help_text='Why this version exists, in a sentence.', max_length=200)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('published_at', models.DateTimeField(blank=True, null=True)),
                        ('published_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('name', models.CharField(help_text='For people, e.g. “Wants to come within two weeks”.', max_length=120)),
                        ('position', models.PositiveSmallIntegerField(default=100, help_text='Lower comes first.')),
                        ('is_active', models.BooleanField(default=True)),
                        ('criteria', leads.fields.CriteriaField(blank=True, default=list, help_text='AND inside a group, OR between groups; empty: always.')),
                        ('code', models.CharField(help_text='Stable, e.g. “first_visit”.', max_length=40, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]*$', 'Lower-case letters, digits and underscores, e.g. “no_answer”.')])),
                        ('topic', models.CharField(blank=True, help_text='What it is about, as people read it on their preference page; blank: not offered there.', max_length=80)),
                        ('stay_criteria', leads.fields.CriteriaField(blank=True, default=None, help_text='Who stays; blank: whoever the entry criteria still mean.', null=True)),
                        ('exits_on_reply', models.BooleanField(default=True)),
                        ('exits_on_booking', models.BooleanField(default=True)),
                        ('quiet_days', models.PositiveSmallIntegerField(blank=True, help_text='Ends after so many days without a sign of life; blank: never.', null=True)),
                        ('pause_after_reply_days', models.PositiveSmallIntegerField(default=14, help_text='Not entered while people talk: so many days after a reply; 0: at once.')),
                        ('ends_on', models.DateField(blank=True, help_text='Last day of the sequence for everybody.', null=True)),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='Skip',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('enrollment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='skips', to='nurture.enrollment')),
                        ('step', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='nurture.step')),
                        ('kind', models.CharField(choices=[('skipped', 'Skipped'), ('held', 'Held')], max_length=7)),
                        ('code', models.CharField(help_text="Our own code, or the gate's.", max_length=40)),
                        ('sentence', models.CharField(max_length=300)),
                        ('at', models.DateTimeField()),
                        ('until', models.DateTimeField(blank=True, help_text='For a held step: when it is tried again.', null=True)),
                    ],
                    options={
                        'ordering': ['-at', '-pk'],
                        'indexes': [models.Index(fields=['code', '-at'], name='skip_code'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['at'], name='skip_at', pages_per_range=32)],
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('kind', 'held'), ('until__isnull', False)), models.Q(('kind', 'skipped'), ('until__isnull', True)), _connector='OR'), name='only_a_held_step_has_an_until')],
                    },
                ),
                migrations.CreateModel(
                    name='Step',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('sequence', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='steps', to='nurture.sequence')),
                        ('position', models.PositiveSmallIntegerField()),
                        ('delay', models.DurationField(default=datetime.timedelta(0), help_text='After entry, e.g. “4 00:00:00” for four days.')),
                        ('template', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='steps', to='nurture.template')),
                        ('conditions', leads.fields.CriteriaField(blank=True, default=list, help_text='Only for leads that meet these then; empty: for all.')),
                        ('window_start', models.TimeField(blank=True, help_text="Lead's own clock; blank: any time the law allows.", null=True)),
                        ('window_end', models.TimeField(blank=True, null=True)),
                        ('is_weekdays_only', models.BooleanField(default=False)),
                        ('cutoff', models.DurationField(default=datetime.timedelta(days=2), help_text='Skipped when it could not go out this long after it fell due.')),
                    ],
                    options={
                        'ordering': ['sequence', 'position'],
                        'constraints': [models.UniqueConstraint(fields=('sequence', 'position'), name='one_step_per_position'), models.CheckConstraint(condition=models.Q(('delay__gte', datetime.timedelta(0))), name='step_delay_not_negative'), models.CheckConstraint(condition=models.Q(('cutoff__gt', datetime.timedelta(0))), name='step_cutoff_positive'), models.CheckConstraint(condition=models.Q(models.Q(('window_end__isnull', True), ('window_start__isnull', True)), models.Q(('window_end__isnull', False), ('window_start__isnull', False), ('window_start__lt', models.F('window_end'))), _connector='OR'), name='step_window_whole')],
                    },
                ),
                migrations.CreateModel(
                    name='StepEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='nurture.step')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('id', models.BigIntegerField()),
                        ('sequence', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='nurture.sequence')),
                        ('position', models.PositiveSmallIntegerField()),
                        ('delay', models.DurationField(default=datetime.timedelta(0), help_text='After entry, e.g. “4 00:00:00” for four days.')),
                        ('template', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='nurture.template')),
                        ('conditions', leads.fields.CriteriaField(blank=True, default=list, help_text='Only for leads that meet these then; empty: for all.')),
                        ('window_start', models.TimeField(blank=True, help_text="Lead's own clock; blank: any time the law allows.", null=True)),
                        ('window_end', models.TimeField(blank=True, null=True)),
                        ('is_weekdays_only', models.BooleanField(default=False)),
                        ('cutoff', models.DurationField(default=datetime.timedelta(days=2), help_text='Skipped when it could not go out this long after it fell due.')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='Template',
                    fields=[
                        ('code', models.CharField(help_text='Stable, e.g. “ortho”.', max_length=40, primary_key=True, serialize=False, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]*$', 'Lower-case letters, digits and underscores, e.g. “no_answer”.')])),
                        ('name', models.CharField(max_length=120)),
                        ('is_active', models.BooleanField(default=True, help_text='Untick to retire it; history keeps showing it.')),
                        ('medium', models.CharField(choices=[('email', 'E-mail'), ('sms', 'Text message'), ('call', 'Call task')], max_length=5)),
                        ('purpose', models.CharField(choices=[('marketing', 'Marketing'), ('informational', 'Information')], default='marketing', help_text='Informational only where it answers what the person asked for, e.g. which documents to bring.', max_length=20)),
                        ('tells_health', models.BooleanField(default=False, help_text='May name the service or other health detail; goes only to who accepted that [H10, H11].')),
                    ],
                    options={
                        'ordering': ['name'],
                        'abstract': False,
                        'constraints': [models.CheckConstraint(condition=models.Q(('medium__in', ['email', 'sms', 'call'])), name='template_medium_known'), models.CheckConstraint(condition=models.Q(('purpose__in', ['marketing', 'informational'])), name='template_purpose_known')],
                    },
                ),
                migrations.CreateModel(
                    name='TemplateEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='nurture.template')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('code', models.CharField(help_text='Stable, e.g. “ortho”.', max_length=40, serialize=False, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]*$', 'Lower-case letters, digits and underscores, e.g. “no_answer”.')])),
                        ('name', models.CharField(max_length=120)),
                        ('is_active', models.BooleanField(default=True, help_text='Untick to retire it; history keeps showing it.')),
                        ('medium', models.CharField(choices=[('email', 'E-mail'), ('sms', 'Text message'), ('call', 'Call task')], max_length=5)),
                        ('purpose', models.CharField(choices=[('marketing', 'Marketing'), ('informational', 'Information')], default='marketing', help_text='Informational only where it answers what the person asked for, e.g. which documents to bring.', max_length=20)),
                        ('tells_health', models.BooleanField(default=False, help_text='May name the service or other health detail; goes only to who accepted that [H10, H11].')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='Wording',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('status', models.CharField(choices=[('draft', 'Draft'), ('published', 'Published'), ('retired', 'Retired')], default='draft', max_length=10)),
                        ('note', models.CharField(blank=True, help_text='Why this version exists, in a sentence.', max_length=200)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('published_at', models.DateTimeField(blank=True, null=True)),
                        ('published_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('template', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='wordings', to='nurture.template')),
                        ('language', models.CharField(default='en', max_length=8)),
                        ('subject', models.CharField(blank=True, help_text='E-mail only, e.g. “Your first visit”.', max_length=120)),
                        ('body', models.TextField(help_text='Plain text. Fields like {{ first_name|default:"there" }}; texts end with how to stop.')),
                    ],
                    options={
                        'ordering': ['template', 'language', '-version'],
                        'constraints': [models.UniqueConstraint(fields=('template', 'language', 'version'), name='one_wording_version'), models.UniqueConstraint(condition=models.Q(('status', 'published')), fields=('template', 'language'), name='one_published_wording')],
                    },
                ),
                migrations.CreateModel(
                    name='WordingEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='nurture.wording')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('id', models.BigIntegerField()),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('status', models.CharField(choices=[('draft', 'Draft'), ('published', 'Published'), ('retired', 'Retired')], default='draft', max_length=10)),
                        ('note', models.CharField(blank=True, help_text='Why this version exists, in a sentence.', max_length=200)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('published_at', models.DateTimeField(blank=True, null=True)),
                        ('published_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('template', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='nurture.template')),
                        ('language', models.CharField(default='en', max_length=8)),
                        ('subject', models.CharField(blank=True, help_text='E-mail only, e.g. “Your first visit”.', max_length=120)),
                        ('body', models.TextField(help_text='Plain text. Fields like {{ first_name|default:"there" }}; texts end with how to stop.')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='CarrierNotice',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('address', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='consent.address')),
                        ('is_stopped', models.BooleanField()),
                        ('said_at', models.DateTimeField()),
                        ('told_at', models.DateTimeField(blank=True, null=True)),
                        ('tries', models.PositiveSmallIntegerField(default=0)),
                        ('error', models.CharField(blank=True, max_length=300)),
                    ],
                    options={
                        'indexes': [models.Index(condition=models.Q(('told_at__isnull', True)), fields=['said_at'], name='carrier_notice_waits')],
                    },
                ),
                migrations.CreateModel(
                    name='Enrollment',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('lead', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='enrollments', to='leads.lead')),
                        ('sequence', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='enrollments', to='nurture.sequence')),
                        ('cycle', models.PositiveSmallIntegerField(help_text="The lead's qualification cycle at entry.")),
                        ('state', models.CharField(choices=[('active', 'Active'), ('finished', 'Finished'), ('exited', 'Left early'), ('refused', 'Not entered')], default='active', max_length=8)),
                        ('step', models.ForeignKey(blank=True, help_text='The one that comes next.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='nurture.step')),
                        ('next_due_at', models.DateTimeField(blank=True, null=True)),
                        ('claimed_at', models.DateTimeField(blank=True, editable=False, null=True)),
                        ('started_at', models.DateTimeField()),
                        ('ended_at', models.DateTimeField(blank=True, null=True)),
                        ('exit_code', models.CharField(blank=True, choices=[('no_longer_matches', 'The lead moved on: decision, next step or facts changed'), ('replied', 'The lead replied'), ('booked', 'An appointment is booked'), ('no_channel', 'No channel of the sequence is permitted'), ('closed', 'The lead is closed'), ('quiet', 'Quiet for too long'), ('ended', "The sequence's end date passed"), ('unwanted', 'The lead does not want to hear about it'), ('removed', 'Taken out by a person')], max_length=20)),
                        ('exit_note', models.CharField(blank=True, max_length=300)),
                        ('by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['-pk'],
                        'indexes': [models.Index(condition=models.Q(('state', 'active')), fields=['next_due_at'], name='enrollment_due'), models.Index(fields=['lead', '-id'], name='enrollment_lead'), models.Index(condition=models.Q(('state', 'active')), fields=['sequence'], name='enrollment_running'), models.Index(condition=models.Q(('exit_code', ''), _negated=True), fields=['exit_code', 'id'], name='enrollment_exit'), models.Index(condition=models.Q(('by__isnull', False)), fields=['by'], name='enrollment_by'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['started_at'], name='enrollment_started_at', pages_per_range=32)],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'active')), fields=('lead',), name='one_active_enrollment_per_lead'), models.UniqueConstraint(condition=models.Q(('state', 'refused')), fields=('lead', 'sequence', 'cycle'), name='one_refusal_per_cycle'), models.CheckConstraint(condition=models.Q(('state__in', ['active', 'finished', 'exited', 'refused'])), name='enrollment_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('next_due_at__isnull', False), ('state', 'active'), ('step__isnull', False)), models.Q(models.Q(('state', 'active'), _negated=True), ('claimed_at__isnull', True), ('ended_at__isnull', False), ('next_due_at__isnull', True)), _connector='OR'), name='enrollment_active_is_due'), models.CheckConstraint(condition=models.Q(models.Q(('exit_code', ''), ('state__in', ['active', 'finished'])), models.Q(('state__in', ['exited', 'refused']), models.Q(('exit_code', ''), _negated=True)), _connector='OR'), name='enrollment_exit_has_code')],
                    },
                ),
                migrations.CreateModel(
                    name='CallTask',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('enrollment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='call_tasks', to='nurture.enrollment')),
                        ('step', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='nurture.step')),
                        ('lead', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='call_tasks', to='leads.lead')),
                        ('text', models.TextField(help_text='What to say or ask.')),
                        ('opened_at', models.DateTimeField()),
                        ('due_at', models.DateTimeField()),
                        ('settled_at', models.DateTimeField(blank=True, null=True)),
                        ('is_done', models.BooleanField(default=False, help_text='Called; otherwise it lapsed with the sequence.')),
                        ('lapsed_code', models.CharField(blank=True, db_default='', help_text='Why nobody may call any more, as the ledger says it, e.g. REVOKED.', max_length=40)),
                    ],
                    options={
                        'ordering': ['due_at'],
                        'indexes': [models.Index(condition=models.Q(('settled_at__isnull', True)), fields=['due_at'], name='call_task_open'), models.Index(condition=models.Q(('settled_at__isnull', True)), fields=['lead'], name='call_task_lead')],
                        'constraints': [models.UniqueConstraint(fields=('enrollment', 'step'), name='one_call_task_per_step')],
                    },
                ),
                migrations.CreateModel(
                    name='EnrollmentEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='nurture.enrollment')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('id', models.BigIntegerField()),
                        ('lead', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='leads.lead')),
                        ('sequence', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='nurture.sequence')),
                        ('cycle', models.PositiveSmallIntegerField(help_text="The lead's qualification cycle at entry.")),
                        ('state', models.CharField(choices=[('active', 'Active'), ('finished', 'Finished'), ('exited', 'Left early'), ('refused', 'Not entered')], default='active', max_length=8)),
                        ('step', models.ForeignKey(blank=True, db_constraint=False, help_text='The one that comes next.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='nurture.step')),
                        ('next_due_at', models.DateTimeField(blank=True, null=True)),
                        ('claimed_at', models.DateTimeField(blank=True, editable=False, null=True)),
                        ('started_at', models.DateTimeField()),
                        ('ended_at', models.DateTimeField(blank=True, null=True)),
                        ('exit_code', models.CharField(blank=True, choices=[('no_longer_matches', 'The lead moved on: decision, next step or facts changed'), ('replied', 'The lead replied'), ('booked', 'An appointment is booked'), ('no_channel', 'No channel of the sequence is permitted'), ('closed', 'The lead is closed'), ('quiet', 'Quiet for too long'), ('ended', "The sequence's end date passed"), ('unwanted', 'The lead does not want to hear about it'), ('removed', 'Taken out by a person')], max_length=20)),
                        ('exit_note', models.CharField(blank=True, max_length=300)),
                        ('by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='FrequencyCap',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('name', models.CharField(help_text='e.g. “Marketing per week”.', max_length=60)),
                        ('purpose', models.CharField(choices=[('marketing', 'Marketing'), ('informational', 'Information')], default='marketing', max_length=20)),
                        ('days', models.PositiveSmallIntegerField(help_text='A contact exactly this many days old no longer counts.')),
                        ('limit', models.PositiveSmallIntegerField(blank=True, help_text='Blank: no limit. 0: none at all.', null=True)),
                        ('counts_calls', models.BooleanField(default=True, help_text='Calls by people count too.')),
                    ],
                    options={
                        'ordering': ['purpose', 'days'],
                        'constraints': [models.UniqueConstraint(fields=('purpose', 'days'), name='one_cap_per_span'), models.CheckConstraint(condition=models.Q(('days__gt', 0)), name='cap_span_positive')],
                    },
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='frequencycap',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "nurture_frequencycapevent" ("counts_calls", "days", "id", "limit", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "purpose") VALUES (NEW."counts_calls", NEW."days", NEW."id", NEW."limit", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."purpose"); RETURN NULL;', hash='8ce55530ebe1c7f83a0a352510418b644e9cb768', operation='INSERT', pgid='pgtrigger_insert_insert_86188', table='nurture_frequencycap', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='frequencycap',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "nurture_frequencycapevent" ("counts_calls", "days", "id", "limit", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "purpose") VALUES (NEW."counts_calls", NEW."days", NEW."id", NEW."limit", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."purpose"); RETURN NULL;', hash='87f9c3e1998f12d991652895741b4677cd9010b9', operation='UPDATE', pgid='pgtrigger_update_update_4cecd', table='nurture_frequencycap', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='frequencycap',
                    trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "nurture_frequencycapevent" ("counts_calls", "days", "id", "limit", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "purpose") VALUES (OLD."counts_calls", OLD."days", OLD."id", OLD."limit", OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."purpose"); RETURN NULL;', hash='b2a2293773e1a276b25ca07654e316b2dadeddc5', operation='DELETE', pgid='pgtrigger_delete_delete_0f56a', table='nurture_frequencycap', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='template',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "nurture_templateevent" ("code", "is_active", "medium", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "purpose", "tells_health") VALUES (NEW."code", NEW."is_active", NEW."medium", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."code", NEW."purpose", NEW."tells_health"); RETURN NULL;', hash='15f33e2367f331b19d730ef36f154a1619e6f38d', operation='INSERT', pgid='pgtrigger_insert_insert_ac09d', table='nurture_template', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='template',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "nurture_templateevent" ("code", "is_active", "medium", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "purpose", "tells_health") VALUES (NEW."code", NEW."is_active", NEW."medium", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."code", NEW."purpose", NEW."tells_health"); RETURN NULL;', hash='ec2408f5418ec1dc4e1d120ce58d28fa64d2f50c', operation='UPDATE', pgid='pgtrigger_update_update_719af', table='nurture_template', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='template',
                    trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "nurture_templateevent" ("code", "is_active", "medium", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "purpose", "tells_health") VALUES (OLD."code", OLD."is_active", OLD."medium", OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."code", OLD."purpose", OLD."tells_health"); RETURN NULL;', hash='269ef503629169a85ffd187a13b747906837fe57', operation='DELETE', pgid='pgtrigger_delete_delete_33203', table='nurture_template', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='frequencycapevent',
                    trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='4bd7dbd8861f8f190d15058ddf68d1076a99dcf7', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_6bf95', table='nurture_frequencycapevent', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='sequence',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "nurture_sequenceevent" ("code", "created_at", "criteria", "ends_on", "exits_on_booking", "exits_on_reply", "id", "is_active", "name", "note", "pause_after_reply_days", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "published_at", "published_by_id", "quiet_days", "status", "stay_criteria", "topic", "version") VALUES (NEW."code", NEW."created_at", NEW."criteria", NEW."ends_on", NEW."exits_on_booking", NEW."exits_on_reply", NEW."id", NEW."is_active", NEW."name", NEW."note", NEW."pause_after_reply_days", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."position", NEW."published_at", NEW."published_by_id", NEW."quiet_days", NEW."status", NEW."stay_criteria", NEW."topic", NEW."version"); RETURN NULL;', hash='94a4652ecc9d2021c7cb9792a27f4e3b22c16f93', operation='INSERT', pgid='pgtrigger_insert_insert_ed912', table='nurture_sequence', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='sequence',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "nurture_sequenceevent" ("code", "created_at", "criteria", "ends_on", "exits_on_booking", "exits_on_reply", "id", "is_active", "name", "note", "pause_after_reply_days", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "published_at", "published_by_id", "quiet_days", "status", "stay_criteria", "topic", "version") VALUES (NEW."code", NEW."created_at", NEW."criteria", NEW."ends_on", NEW."exits_on_booking", NEW."exits_on_reply", NEW."id", NEW."is_active", NEW."name", NEW."note", NEW."pause_after_reply_days", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."position", NEW."published_at", NEW."published_by_id", NEW."quiet_days", NEW."status", NEW."stay_criteria", NEW."topic", NEW."version"); RETURN NULL;', hash='87a9aacd92a9fd0e939807747bf143b3f740db87', operation='UPDATE', pgid='pgtrigger_update_update_354e8', table='nurture_sequence', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='sequence',
                    trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "nurture_sequenceevent" ("code", "created_at", "criteria", "ends_on", "exits_on_booking", "exits_on_reply", "id", "is_active", "name", "note", "pause_after_reply_days", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "published_at", "published_by_id", "quiet_days", "status", "stay_criteria", "topic", "version") VALUES (OLD."code", OLD."created_at", OLD."criteria", OLD."ends_on", OLD."exits_on_booking", OLD."exits_on_reply", OLD."id", OLD."is_active", OLD."name", OLD."note", OLD."pause_after_reply_days", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."position", OLD."published_at", OLD."published_by_id", OLD."quiet_days", OLD."status", OLD."stay_criteria", OLD."topic", OLD."version"); RETURN NULL;', hash='1fd6e9bafbc3468048990ea69ec2a5f16b23f546', operation='DELETE', pgid='pgtrigger_delete_delete_c858a', table='nurture_sequence', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='sequenceevent',
                    trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='ff5ae58b903edcf64e1d00ff2efb8f8fdf30f194', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_07e02', table='nurture_sequenceevent', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='skip',
                    trigger=pgtrigger.compiler.Trigger(name='skips_are_append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='3bbe4e96cdd75f10765736a55a7272941a421e4e', operation='UPDATE', pgid='pgtrigger_skips_are_append_only_13ab8', table='nurture_skip', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='enrollmentevent',
                    trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='3d0cdd7c1409f9e2b4782ac67ea23218933396d9', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_fbcf1', table='nurture_enrollmentevent', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='enrollment',
                    trigger=pgtrigger.compiler.Trigger(name='enrollment_moves', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."state", \':\', NEW."state") = ANY(\'{active:exited,active:finished}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."state" IS DISTINCT FROM NEW."state") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "state" from "%" to "%" on table %\', OLD."state", NEW."state", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='db485322a9d81de2c1f107f158b475b65fce68f3', operation='UPDATE', pgid='pgtrigger_enrollment_moves_fc1ac', table='nurture_enrollment', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='enrollment',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "nurture_enrollmentevent" ("by_id", "claimed_at", "cycle", "ended_at", "exit_code", "exit_note", "id", "lead_id", "next_due_at", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "sequence_id", "started_at", "state", "step_id") VALUES (NEW."by_id", NEW."claimed_at", NEW."cycle", NEW."ended_at", NEW."exit_code", NEW."exit_note", NEW."id", NEW."lead_id", NEW."next_due_at", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."sequence_id", NEW."started_at", NEW."state", NEW."step_id"); RETURN NULL;', hash='d0c143b04f3ca4c6987b52e80ca4949d7e6296dc', operation='INSERT', pgid='pgtrigger_insert_insert_47f26', table='nurture_enrollment', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='enrollment',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."exit_note" IS DISTINCT FROM (NEW."exit_note") OR OLD."sequence_id" IS DISTINCT FROM (NEW."sequence_id") OR OLD."state" IS DISTINCT FROM (NEW."state"))', func='INSERT INTO "nurture_enrollmentevent" ("by_id", "claimed_at", "cycle", "ended_at", "exit_code", "exit_note", "id", "lead_id", "next_due_at", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "sequence_id", "started_at", "state", "step_id") VALUES (NEW."by_id", NEW."claimed_at", NEW."cycle", NEW."ended_at", NEW."exit_code", NEW."exit_note", NEW."id", NEW."lead_id", NEW."next_due_at", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."sequence_id", NEW."started_at", NEW."state", NEW."step_id"); RETURN NULL;', hash='bade9ab7f6da21a5a4bef3f12a43f2e6788d5c32', operation='UPDATE', pgid='pgtrigger_update_update_e77da', table='nurture_enrollment', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='stepevent',
                    trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='36c156dfe87babd0810443da531a827cdf3df49c', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_8880c', table='nurture_stepevent', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='step',
                    trigger=pgtrigger.compiler.Trigger(name='steps_of_a_published_version_are_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                IF EXISTS (SELECT 1 FROM nurture_sequence WHERE status <> 'draft'\n                           AND id = CASE WHEN TG_OP = 'DELETE' THEN OLD.sequence_id ELSE NEW.sequence_id END) THEN\n                    RAISE EXCEPTION 'A published sequence is frozen; make a new version instead'\n                        USING ERRCODE = 'integrity_constraint_violation';\n                END IF;\n                IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n                RETURN NEW;\n                ", hash='e2e5e4d254f41ff00b381a7bf34083f7c6354c05', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_steps_of_a_published_version_are_frozen_c4b34', table='nurture_step', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='step',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "nurture_stepevent" ("conditions", "cutoff", "delay", "id", "is_weekdays_only", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "sequence_id", "template_id", "window_end", "window_start") VALUES (NEW."conditions", NEW."cutoff", NEW."delay", NEW."id", NEW."is_weekdays_only", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."position", NEW."sequence_id", NEW."template_id", NEW."window_end", NEW."window_start"); RETURN NULL;', hash='8e06ee15e81ae20b9505430da79d4512ffbb516d', operation='INSERT', pgid='pgtrigger_insert_insert_223e7', table='nurture_step', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='step',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "nurture_stepevent" ("conditions", "cutoff", "delay", "id", "is_weekdays_only", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "sequence_id", "template_id", "window_end", "window_start") VALUES (NEW."conditions", NEW."cutoff", NEW."delay", NEW."id", NEW."is_weekdays_only", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."position", NEW."sequence_id", NEW."template_id", NEW."window_end", NEW."window_start"); RETURN NULL;', hash='4d85b987b0ac1ff9c4e6cece0cbe15a18f3b81ef', operation='UPDATE', pgid='pgtrigger_update_update_e479e', table='nurture_step', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='step',
                    trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "nurture_stepevent" ("conditions", "cutoff", "delay", "id", "is_weekdays_only", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "sequence_id", "template_id", "window_end", "window_start") VALUES (OLD."conditions", OLD."cutoff", OLD."delay", OLD."id", OLD."is_weekdays_only", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."position", OLD."sequence_id", OLD."template_id", OLD."window_end", OLD."window_start"); RETURN NULL;', hash='02ea6bc0647958fab1530b6e1723c70ea42b1b88', operation='DELETE', pgid='pgtrigger_delete_delete_e6abd', table='nurture_step', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='templateevent',
                    trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='7c9ad0b5465784faac1eeb80e66886bab5d7879e', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_43714', table='nurture_templateevent', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='wording',
                    trigger=pgtrigger.compiler.Trigger(name='published_words_are_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."status" IS DISTINCT FROM \'draft\' AND (OLD."body" IS DISTINCT FROM (NEW."body") OR OLD."subject" IS DISTINCT FROM (NEW."subject") OR OLD."language" IS DISTINCT FROM (NEW."language") OR OLD."template_id" IS DISTINCT FROM (NEW."template_id") OR OLD."version" IS DISTINCT FROM (NEW."version") OR NEW."status" = \'draft\'))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='27710e64f8f40993f57338ee707f9184ff3b2f64', operation='UPDATE', pgid='pgtrigger_published_words_are_frozen_31141', table='nurture_wording', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='wording',
                    trigger=pgtrigger.compiler.Trigger(name='published_words_are_kept', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."status" IS DISTINCT FROM \'draft\')', func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='38b7106c5c93c6b903cf79484a753f371ee334eb', operation='DELETE', pgid='pgtrigger_published_words_are_kept_93e5c', table='nurture_wording', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='wording',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "nurture_wordingevent" ("body", "created_at", "id", "language", "note", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "published_at", "published_by_id", "status", "subject", "template_id", "version") VALUES (NEW."body", NEW."created_at", NEW."id", NEW."language", NEW."note", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."published_at", NEW."published_by_id", NEW."status", NEW."subject", NEW."template_id", NEW."version"); RETURN NULL;', hash='6ac379786529f47919f93e274793cf74601f80f9', operation='INSERT', pgid='pgtrigger_insert_insert_853e8', table='nurture_wording', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='wording',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "nurture_wordingevent" ("body", "created_at", "id", "language", "note", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "published_at", "published_by_id", "status", "subject", "template_id", "version") VALUES (NEW."body", NEW."created_at", NEW."id", NEW."language", NEW."note", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."published_at", NEW."published_by_id", NEW."status", NEW."subject", NEW."template_id", NEW."version"); RETURN NULL;', hash='cb59d6aba3defa5cf11ebc49e8de225309f69490', operation='UPDATE', pgid='pgtrigger_update_update_e0b03', table='nurture_wording', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='wording',
                    trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "nurture_wordingevent" ("body", "created_at", "id", "language", "note", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "published_at", "published_by_id", "status", "subject", "template_id", "version") VALUES (OLD."body", OLD."created_at", OLD."id", OLD."language", OLD."note", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."published_at", OLD."published_by_id", OLD."status", OLD."subject", OLD."template_id", OLD."version"); RETURN NULL;', hash='fe44e66529d43a19756402a58d88ad1f525c18d6', operation='DELETE', pgid='pgtrigger_delete_delete_2c21f', table='nurture_wording', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='message',
                    trigger=pgtrigger.compiler.Trigger(name='message_moves', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."state", \':\', NEW."state") = ANY(\'{delivered:bounced,delivered:replied,reserved:cancelled,reserved:delivered,reserved:failed,reserved:sent,reserved:unknown,sent:bounced,sent:delivered,sent:failed,sent:replied,unknown:bounced,unknown:delivered,unknown:failed,unknown:replied,unknown:sent}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."state" IS DISTINCT FROM NEW."state") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "state" from "%" to "%" on table %\', OLD."state", NEW."state", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='cc6977bb454557f31d21399d9efaa1fc844a4426', operation='UPDATE', pgid='pgtrigger_message_moves_64bf7', table='nurture_message', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='message',
                    trigger=pgtrigger.compiler.Trigger(name='messages_begin_reserved', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."state" IS DISTINCT FROM \'reserved\')', func="RAISE EXCEPTION 'pgtrigger: Cannot insert rows from % table', TG_TABLE_NAME;", hash='e579c0d0ed69bb5e385de4383be7d213cb91f1f5', operation='INSERT', pgid='pgtrigger_messages_begin_reserved_93be9', table='nurture_message', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='message',
                    trigger=pgtrigger.compiler.Trigger(name='message_reservation_is_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."attempt_id" IS DISTINCT FROM (NEW."attempt_id") OR OLD."content_sha256" IS DISTINCT FROM (NEW."content_sha256") OR OLD."enrollment_id" IS DISTINCT FROM (NEW."enrollment_id") OR OLD."step_id" IS DISTINCT FROM (NEW."step_id") OR OLD."wording_id" IS DISTINCT FROM (NEW."wording_id"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='8b5526585dccf5147d83efdd2786b70d84275c6c', operation='UPDATE', pgid='pgtrigger_message_reservation_is_frozen_78065', table='nurture_message', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='wordingevent',
                    trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='ee3831915e674aa00b59288d4884d6667e009a5b', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_6d3e2', table='nurture_wordingevent', when='BEFORE')),
                ),
            ],
        ),
    ]
