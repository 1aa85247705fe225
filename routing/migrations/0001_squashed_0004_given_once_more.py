import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.deletion
import leads.fields
import medcrm.lib.migrating
import medcrm.lib.zones
import pgtrigger.compiler
import pgtrigger.migrations
import routing.models.teams
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [('routing', '0001_initial'), ('routing', '0002_reports_over_time'), ('routing', '0003_indexes_for_lists'), ('routing', '0004_given_once_more')]

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
                    name='Cadence',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('team', models.OneToOneField(blank=True, help_text='Blank: any other.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='cadence', to='routing.team')),
                        ('max_attempts', models.PositiveSmallIntegerField(blank=True, default=6, help_text='Unanswered tries. Blank: no limit; 0: none at all.', null=True)),
                        ('min_spacing_minutes', models.PositiveIntegerField(default=120, help_text='At least so long between two tries.')),
                        ('varies_time_of_day', models.BooleanField(default=True, help_text="The next try falls in another part of the lead's day: morning, afternoon, late day.")),
                    ],
                    options={
                        'verbose_name_plural': 'cadences',
                        'constraints': [models.UniqueConstraint(fields=('team',), name='one_cadence_for_the_rest', nulls_distinct=False)],
                    },
                ),
                migrations.CreateModel(
                    name='Team',
                    fields=[
                        ('code', models.CharField(help_text='Stable, e.g. “ortho”.', max_length=40, primary_key=True, serialize=False, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]*$', 'Lower-case letters, digits and underscores, e.g. “no_answer”.')])),
                        ('name', models.CharField(max_length=120)),
                        ('is_active', models.BooleanField(default=True, help_text='Untick to retire it; history keeps showing it.')),
                        ('timezone', models.CharField(default='America/Chicago', help_text='IANA name.', max_length=40, validators=[medcrm.lib.zones.valid_zone])),
                        ('hours', models.JSONField(default=routing.models.teams.weekday_hours, help_text='Weekday → windows, e.g. {“mon”: [[“08:00”, “17:00”]]}. A day left out is a day off.', validators=[routing.models.teams.valid_hours])),
                        ('observes_federal_holidays', models.BooleanField(default=True)),
                        ('closed_on', django.contrib.postgres.fields.ArrayField(base_field=models.DateField(), blank=True, default=list, help_text="The team's own days off.", size=None)),
                        ('open_on', django.contrib.postgres.fields.ArrayField(base_field=models.DateField(), blank=True, default=list, help_text='Holidays that it works.', size=None)),
                        ('goal', models.CharField(blank=True, help_text='In words, e.g. “booked within 4 working hours”.', max_length=200)),
                        ('required_training', models.CharField(blank=True, help_text='Only trained agents get its leads.', max_length=40)),
                        ('email', models.EmailField(blank=True, help_text='Where notices to the whole team go.', max_length=254)),
                        ('is_fallback', models.BooleanField(default=False, help_text='Gets the leads that no rule claims.')),
                    ],
                    options={
                        'ordering': ['name'],
                        'abstract': False,
                        'constraints': [models.UniqueConstraint(condition=models.Q(('is_fallback', True)), fields=('is_fallback',), name='one_fallback_team'), models.CheckConstraint(condition=models.Q(('is_fallback', False), ('is_active', True), _connector='OR'), name='fallback_team_is_active')],
                    },
                ),
                migrations.CreateModel(
                    name='Goal',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('owed', models.CharField(choices=[('first_attempt', 'First human attempt'), ('follow_up', 'Follow-up'), ('booking', 'Booking'), ('documents', 'Documents'), ('quote', 'Quote'), ('discovery', 'Discovery call'), ('partnership', 'Partnership call'), ('review', 'Review'), ('decision', 'Decision after the last attempt')], max_length=15)),
                        ('team', models.ForeignKey(blank=True, help_text='Blank: any.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='goals', to='routing.team')),
                        ('score_band', models.CharField(blank=True, choices=[('high', 'High'), ('medium', 'Medium'), ('low', 'Low')], help_text='Blank: any.', max_length=6)),
                        ('minutes', models.PositiveIntegerField(blank=True, help_text='Working minutes of the team.', null=True)),
                        ('business_days', models.PositiveSmallIntegerField(blank=True, help_text='End of that many business days on; 0: the same business day.', null=True)),
                        ('warn_percent', models.PositiveSmallIntegerField(default=75, help_text='Warn when so much of it is used up.')),
                        ('on_breach', models.CharField(choices=[('notify', 'Tell the owner, or the team where nobody has it'), ('reassign', 'Give it to somebody else of the team'), ('escalate', 'Give it to the fallback team')], default='notify', max_length=10)),
                        ('marks_away', models.BooleanField(default=False, help_text='A breach marks the silent agent away until a supervisor says otherwise.')),
                    ],
                    options={
                        'ordering': ['owed', 'team', 'score_band'],
                        'constraints': [models.UniqueConstraint(fields=('owed', 'team', 'score_band'), name='one_goal', nulls_distinct=False), models.CheckConstraint(condition=models.Q(models.Q(('business_days__isnull', True), ('minutes__isnull', False)), models.Q(('business_days__isnull', False), ('minutes__isnull', True)), _connector='OR'), name='goal_is_minutes_or_days'), models.CheckConstraint(condition=models.Q(('warn_percent__range', (1, 100))), name='goal_warns_in_time')],
                    },
                ),
                migrations.CreateModel(
                    name='GoalEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='routing.goal')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('id', models.BigIntegerField()),
                        ('owed', models.CharField(choices=[('first_attempt', 'First human attempt'), ('follow_up', 'Follow-up'), ('booking', 'Booking'), ('documents', 'Documents'), ('quote', 'Quote'), ('discovery', 'Discovery call'), ('partnership', 'Partnership call'), ('review', 'Review'), ('decision', 'Decision after the last attempt')], max_length=15)),
                        ('team', models.ForeignKey(blank=True, db_constraint=False, help_text='Blank: any.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='routing.team')),
                        ('score_band', models.CharField(blank=True, choices=[('high', 'High'), ('medium', 'Medium'), ('low', 'Low')], help_text='Blank: any.', max_length=6)),
                        ('minutes', models.PositiveIntegerField(blank=True, help_text='Working minutes of the team.', null=True)),
                        ('business_days', models.PositiveSmallIntegerField(blank=True, help_text='End of that many business days on; 0: the same business day.', null=True)),
                        ('warn_percent', models.PositiveSmallIntegerField(default=75, help_text='Warn when so much of it is used up.')),
                        ('on_breach', models.CharField(choices=[('notify', 'Tell the owner, or the team where nobody has it'), ('reassign', 'Give it to somebody else of the team'), ('escalate', 'Give it to the fallback team')], default='notify', max_length=10)),
                        ('marks_away', models.BooleanField(default=False, help_text='A breach marks the silent agent away until a supervisor says otherwise.')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='Handoff',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('lead', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='handoffs', to='leads.lead')),
                        ('from_team', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='routing.team')),
                        ('from_owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('to_team', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='routing.team')),
                        ('to_owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='handoffs', to=settings.AUTH_USER_MODEL)),
                        ('rule', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='routing.routingrule')),
                        ('script', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='routing.script')),
                        ('state', models.CharField(choices=[('offered', 'Offered'), ('accepted', 'Accepted'), ('returned', 'Returned'), ('closed', 'Closed')], default='offered', max_length=10)),
                        ('packet', models.JSONField()),
                        ('issue', models.PositiveSmallIntegerField(default=1, help_text='How often the packet was issued.')),
                        ('additions', models.JSONField(blank=True, default=list, help_text='What came after acceptance, each dated.')),
                        ('offered_at', models.DateTimeField()),
                        ('issued_at', models.DateTimeField()),
                        ('accepted_at', models.DateTimeField(blank=True, null=True)),
                        ('accepted_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('returned_at', models.DateTimeField(blank=True, null=True)),
                        ('returned_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('return_reason', models.CharField(blank=True, choices=[('wrong_team', 'Belongs to another team'), ('incomplete', 'Something needed is missing'), ('not_reachable', 'No permitted way to reach the lead'), ('no_capacity', 'The team cannot take it in time'), ('other', 'Other, see the note')], max_length=15)),
                        ('note', models.CharField(blank=True, max_length=300)),
                        ('closed_at', models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        'ordering': ['-pk'],
                        'indexes': [models.Index(condition=models.Q(('state', 'offered')), fields=['to_team', 'offered_at'], name='handoff_offered'), models.Index(condition=models.Q(('returned_at__isnull', False)), fields=['returned_at'], name='handoff_returned'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['offered_at'], name='handoff_offered_at', pages_per_range=32), models.Index(fields=['to_team', 'id'], name='handoff_to_team'), models.Index(condition=models.Q(('state', 'closed'), _negated=True), fields=['state', 'id'], name='handoff_in_state'), models.Index(condition=models.Q(('return_reason', ''), _negated=True), fields=['return_reason', 'id'], name='handoff_reason')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('state__in', ['offered', 'accepted'])), fields=('lead',), name='one_open_handoff'), models.CheckConstraint(condition=models.Q(('state__in', ['offered', 'accepted', 'returned', 'closed'])), name='handoff_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'accepted'), _negated=True), models.Q(('accepted_at__isnull', False), ('accepted_by__isnull', False)), _connector='OR'), name='handoff_acceptance_is_signed'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'returned'), _negated=True), models.Q(('returned_at__isnull', False), ('returned_by__isnull', False), models.Q(('return_reason', ''), _negated=True)), _connector='OR'), name='handoff_return_has_reason')],
                    },
                ),
                migrations.CreateModel(
                    name='HandoffEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='routing.handoff')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('id', models.BigIntegerField()),
                        ('lead', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='leads.lead')),
                        ('from_team', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='routing.team')),
                        ('from_owner', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('to_team', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='routing.team')),
                        ('to_owner', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('rule', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='routing.routingrule')),
                        ('script', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='routing.script')),
                        ('state', models.CharField(choices=[('offered', 'Offered'), ('accepted', 'Accepted'), ('returned', 'Returned'), ('closed', 'Closed')], default='offered', max_length=10)),
                        ('packet', models.JSONField()),
                        ('issue', models.PositiveSmallIntegerField(default=1, help_text='How often the packet was issued.')),
                        ('additions', models.JSONField(blank=True, default=list, help_text='What came after acceptance, each dated.')),
                        ('offered_at', models.DateTimeField()),
                        ('issued_at', models.DateTimeField()),
                        ('accepted_at', models.DateTimeField(blank=True, null=True)),
                        ('accepted_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('returned_at', models.DateTimeField(blank=True, null=True)),
                        ('returned_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('return_reason', models.CharField(blank=True, choices=[('wrong_team', 'Belongs to another team'), ('incomplete', 'Something needed is missing'), ('not_reachable', 'No permitted way to reach the lead'), ('no_capacity', 'The team cannot take it in time'), ('other', 'Other, see the note')], max_length=15)),
                        ('note', models.CharField(blank=True, max_length=300)),
                        ('closed_at', models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='Lease',
                    fields=[
                        ('lead', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='lease', serialize=False, to='leads.lead')),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='leases', to=settings.AUTH_USER_MODEL)),
                        ('taken_at', models.DateTimeField()),
                        ('expires_at', models.DateTimeField()),
                    ],
                    options={
                        'indexes': [models.Index(fields=['user', 'expires_at'], name='lease_of_user')],
                    },
                ),
                migrations.CreateModel(
                    name='Notice',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='notices', to=settings.AUTH_USER_MODEL)),
                        ('team', models.ForeignKey(blank=True, help_text='To all of a team.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='notices', to='routing.team')),
                        ('kind', models.CharField(choices=[('given', 'Leads given to you'), ('taken', 'Leads taken over from you'), ('warning', 'Nearly late'), ('breach', 'Late'), ('returned', 'Handoff returned'), ('exhausted', 'All attempts used up'), ('away', 'Marked away after silence')], max_length=10)),
                        ('count', models.PositiveIntegerField(default=1, help_text='Of leads; notices of one kind add up until read.')),
                        ('at', models.DateTimeField()),
                        ('read_at', models.DateTimeField(blank=True, null=True)),
                        ('mailed_at', models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        'ordering': ['-pk'],
                        'indexes': [models.Index(condition=models.Q(('read_at__isnull', True)), fields=['user', '-id'], name='notice_unread'), models.Index(condition=models.Q(('mailed_at__isnull', True)), fields=['user'], name='notice_to_mail')],
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('team__isnull', False), ('user', None)), models.Q(('team', None), ('user__isnull', False)), _connector='OR'), name='notice_is_to_one')],
                    },
                ),
                migrations.CreateModel(
                    name='RouteSet',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('status', models.CharField(choices=[('draft', 'Draft'), ('published', 'Published'), ('retired', 'Retired')], default='draft', max_length=10)),
                        ('note', models.CharField(blank=True, help_text='Why this version exists, in a sentence.', max_length=200)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('published_at', models.DateTimeField(blank=True, null=True)),
                        ('published_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('version',), name='one_route_set_version'), models.UniqueConstraint(condition=models.Q(('status', 'published')), fields=('status',), name='one_published_route_set')],
                    },
                ),
                migrations.CreateModel(
                    name='RouteSetEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='routing.routeset')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('id', models.BigIntegerField()),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('status', models.CharField(choices=[('draft', 'Draft'), ('published', 'Published'), ('retired', 'Retired')], default='draft', max_length=10)),
                        ('note', models.CharField(blank=True, help_text='Why this version exists, in a sentence.', max_length=200)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('published_at', models.DateTimeField(blank=True, null=True)),
                        ('published_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='RoutingRule',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('name', models.CharField(help_text='For people, e.g. “Wants to come within two weeks”.', max_length=120)),
                        ('position', models.PositiveSmallIntegerField(default=100, help_text='Lower comes first.')),
                        ('is_active', models.BooleanField(default=True)),
                        ('criteria', leads.fields.CriteriaField(blank=True, default=list, help_text='AND inside a group, OR between groups; empty: always.')),
                        ('rule_set', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rules', to='routing.routeset')),
                        ('team', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rules', to='routing.team')),
                        ('strategy', models.CharField(choices=[('round_robin', 'Round robin'), ('weighted', 'Weighted'), ('least_open', 'Least open work'), ('clinic_staff', "The clinic's own staff")], default='round_robin', max_length=15)),
                        ('script', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='rules', to='routing.script')),
                        ('required_skills', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, help_text='Skills the agent must have.', size=None)),
                        ('goal_minutes', models.PositiveIntegerField(blank=True, help_text='Working minutes; blank: the goals table decides.', null=True)),
                        ('goal_business_days', models.PositiveSmallIntegerField(blank=True, help_text='End of that many business days on; 0: the same day.', null=True)),
                    ],
                    options={
                        'ordering': ['position', 'pk'],
                        'abstract': False,
                        'constraints': [models.CheckConstraint(condition=models.Q(('goal_minutes__isnull', True), ('goal_business_days__isnull', True), _connector='OR'), name='routing_rule_has_one_goal'), models.CheckConstraint(condition=models.Q(('strategy__in', ['round_robin', 'weighted', 'least_open', 'clinic_staff'])), name='routing_strategy_known')],
                    },
                ),
                migrations.CreateModel(
                    name='RoutingRuleEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='routing.routingrule')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('id', models.BigIntegerField()),
                        ('name', models.CharField(help_text='For people, e.g. “Wants to come within two weeks”.', max_length=120)),
                        ('position', models.PositiveSmallIntegerField(default=100, help_text='Lower comes first.')),
                        ('is_active', models.BooleanField(default=True)),
                        ('criteria', leads.fields.CriteriaField(blank=True, default=list, help_text='AND inside a group, OR between groups; empty: always.')),
                        ('rule_set', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='routing.routeset')),
                        ('team', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='routing.team')),
                        ('strategy', models.CharField(choices=[('round_robin', 'Round robin'), ('weighted', 'Weighted'), ('least_open', 'Least open work'), ('clinic_staff', "The clinic's own staff")], default='round_robin', max_length=15)),
                        ('script', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='routing.script')),
                        ('required_skills', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, help_text='Skills the agent must have.', size=None)),
                        ('goal_minutes', models.PositiveIntegerField(blank=True, help_text='Working minutes; blank: the goals table decides.', null=True)),
                        ('goal_business_days', models.PositiveSmallIntegerField(blank=True, help_text='End of that many business days on; 0: the same day.', null=True)),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='Script',
                    fields=[
                        ('code', models.CharField(help_text='Stable, e.g. “ortho”.', max_length=40, primary_key=True, serialize=False, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]*$', 'Lower-case letters, digits and underscores, e.g. “no_answer”.')])),
                        ('name', models.CharField(max_length=120)),
                        ('is_active', models.BooleanField(default=True, help_text='Untick to retire it; history keeps showing it.')),
                        ('requires_consent_step', models.BooleanField(default=False, help_text='The caller must read the consent step and record the answer first.')),
                        ('required_training', models.CharField(blank=True, help_text='Only agents with this training.', max_length=40)),
                    ],
                    options={
                        'ordering': ['name'],
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='ScriptEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='routing.script')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('code', models.CharField(help_text='Stable, e.g. “ortho”.', max_length=40, serialize=False, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]*$', 'Lower-case letters, digits and underscores, e.g. “no_answer”.')])),
                        ('name', models.CharField(max_length=120)),
                        ('is_active', models.BooleanField(default=True, help_text='Untick to retire it; history keeps showing it.')),
                        ('requires_consent_step', models.BooleanField(default=False, help_text='The caller must read the consent step and record the answer first.')),
                        ('required_training', models.CharField(blank=True, help_text='Only agents with this training.', max_length=40)),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='ScriptText',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('script', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='texts', to='routing.script')),
                        ('language', models.CharField(default='en', max_length=8)),
                        ('words', models.TextField(help_text='What to say, in short lines.')),
                        ('consent_step', models.TextField(blank=True, help_text='What to ask before anything else, word for word.')),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('script', 'language'), name='one_script_text_per_language')],
                    },
                ),
                migrations.CreateModel(
                    name='ScriptTextEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='routing.scripttext')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('id', models.BigIntegerField()),
                        ('script', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='routing.script')),
                        ('language', models.CharField(default='en', max_length=8)),
                        ('words', models.TextField(help_text='What to say, in short lines.')),
                        ('consent_step', models.TextField(blank=True, help_text='What to ask before anything else, word for word.')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='TeamEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='routing.team')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('code', models.CharField(help_text='Stable, e.g. “ortho”.', max_length=40, serialize=False, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]*$', 'Lower-case letters, digits and underscores, e.g. “no_answer”.')])),
                        ('name', models.CharField(max_length=120)),
                        ('is_active', models.BooleanField(default=True, help_text='Untick to retire it; history keeps showing it.')),
                        ('timezone', models.CharField(default='America/Chicago', help_text='IANA name.', max_length=40, validators=[medcrm.lib.zones.valid_zone])),
                        ('hours', models.JSONField(default=routing.models.teams.weekday_hours, help_text='Weekday → windows, e.g. {“mon”: [[“08:00”, “17:00”]]}. A day left out is a day off.', validators=[routing.models.teams.valid_hours])),
                        ('observes_federal_holidays', models.BooleanField(default=True)),
                        ('closed_on', django.contrib.postgres.fields.ArrayField(base_field=models.DateField(), blank=True, default=list, help_text="The team's own days off.", size=None)),
                        ('open_on', django.contrib.postgres.fields.ArrayField(base_field=models.DateField(), blank=True, default=list, help_text='Holidays that it works.', size=None)),
                        ('goal', models.CharField(blank=True, help_text='In words, e.g. “booked within 4 working hours”.', max_length=200)),
                        ('required_training', models.CharField(blank=True, help_text='Only trained agents get its leads.', max_length=40)),
                        ('email', models.EmailField(blank=True, help_text='Where notices to the whole team go.', max_length=254)),
                        ('is_fallback', models.BooleanField(default=False, help_text='Gets the leads that no rule claims.')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='Agent',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('user', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='agent', to=settings.AUTH_USER_MODEL)),
                        ('team', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='agents', to='routing.team')),
                        ('clinic', models.ForeignKey(blank=True, help_text='Blank: works for all.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='agents', to='leads.clinic')),
                        ('languages', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, help_text='Codes, e.g. en, es.', size=None)),
                        ('trainings', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, help_text='Trainings held, e.g. behavioral_health.', size=None)),
                        ('skills', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, help_text='Skills a rule may ask for, e.g. workers_comp.', size=None)),
                        ('weight', models.PositiveSmallIntegerField(default=1, help_text='Share under the weighted strategy; 0 gets nothing by it.')),
                        ('open_cap', models.PositiveSmallIntegerField(blank=True, help_text='Most leads worked at once. Blank: no limit; 0: none.', null=True)),
                        ('daily_cap', models.PositiveSmallIntegerField(blank=True, help_text='Most leads given in one day of the team. Blank: no limit; 0: none.', null=True)),
                        ('hours', models.JSONField(blank=True, help_text="Own hours; blank: the team's.", null=True, validators=[routing.models.teams.valid_hours])),
                        ('days_off', django.contrib.postgres.fields.ArrayField(base_field=models.DateField(), blank=True, default=list, help_text="Own holidays, besides the team's, e.g. 2026-12-28.", size=None)),
                        ('away_from', models.DateTimeField(blank=True, null=True)),
                        ('away_until', models.DateTimeField(blank=True, help_text='Blank: until further notice.', null=True)),
                        ('stand_in', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='stands_in_for', to='routing.agent')),
                    ],
                    options={
                        'ordering': ['team', 'pk'],
                        'indexes': [models.Index(condition=models.Q(('away_from__isnull', False)), fields=['away_from'], name='agent_away')],
                        'constraints': [models.CheckConstraint(condition=models.Q(('away_until__isnull', True), models.Q(('away_from__isnull', False), ('away_until__gt', models.F('away_from'))), _connector='OR'), name='agent_away_in_order'), models.CheckConstraint(condition=models.Q(('stand_in__isnull', True), models.Q(('stand_in', models.F('id')), _negated=True), _connector='OR'), name='agent_no_own_stand_in')],
                    },
                ),
                migrations.CreateModel(
                    name='AgentEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='routing.agent')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('id', models.BigIntegerField()),
                        ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('team', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='routing.team')),
                        ('clinic', models.ForeignKey(blank=True, db_constraint=False, help_text='Blank: works for all.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='leads.clinic')),
                        ('languages', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, help_text='Codes, e.g. en, es.', size=None)),
                        ('trainings', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, help_text='Trainings held, e.g. behavioral_health.', size=None)),
                        ('skills', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, help_text='Skills a rule may ask for, e.g. workers_comp.', size=None)),
                        ('weight', models.PositiveSmallIntegerField(default=1, help_text='Share under the weighted strategy; 0 gets nothing by it.')),
                        ('open_cap', models.PositiveSmallIntegerField(blank=True, help_text='Most leads worked at once. Blank: no limit; 0: none.', null=True)),
                        ('daily_cap', models.PositiveSmallIntegerField(blank=True, help_text='Most leads given in one day of the team. Blank: no limit; 0: none.', null=True)),
                        ('hours', models.JSONField(blank=True, help_text="Own hours; blank: the team's.", null=True, validators=[routing.models.teams.valid_hours])),
                        ('days_off', django.contrib.postgres.fields.ArrayField(base_field=models.DateField(), blank=True, default=list, help_text="Own holidays, besides the team's, e.g. 2026-12-28.", size=None)),
                        ('away_from', models.DateTimeField(blank=True, null=True)),
                        ('away_until', models.DateTimeField(blank=True, help_text='Blank: until further notice.', null=True)),
                        ('stand_in', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='routing.agent')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='Assignment',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('lead', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='assignments', to='leads.lead')),
                        ('from_team', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='routing.team')),
                        ('from_owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('to_team', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='routing.team')),
                        ('to_owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='assignments', to=settings.AUTH_USER_MODEL)),
                        ('because', models.CharField(choices=[('rule', 'A routing rule'), ('fallback', 'No rule held: fallback team'), ('queue', 'Nobody eligible: team queue'), ('stand_in', 'Stand-in of an absent owner'), ('reassigned', 'Reassigned by a person'), ('absence', 'Absence hand-over'), ('returned', 'Handoff returned'), ('breach', 'Clock breached'), ('claimed', 'Taken by “call next”')], max_length=12)),
                        ('rule', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='routing.routingrule')),
                        ('path', models.JSONField(default=dict, help_text='Each rule tried; each candidate and why not.')),
                        ('step', models.CharField(blank=True, choices=[('first_attempt', 'First human attempt'), ('follow_up', 'Follow-up'), ('booking', 'Booking'), ('documents', 'Documents'), ('quote', 'Quote'), ('discovery', 'Discovery call'), ('partnership', 'Partnership call'), ('review', 'Review'), ('decision', 'Decision after the last attempt')], help_text='What was owed then.', max_length=15)),
                        ('cycle', models.PositiveSmallIntegerField(default=1)),
                        ('note', models.CharField(blank=True, help_text='The reason a person gave.', max_length=300)),
                        ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('at', models.DateTimeField()),
                    ],
                    options={
                        'ordering': ['-pk'],
                        'indexes': [models.Index(fields=['lead', 'id'], name='assignment_lead'), models.Index(condition=models.Q(('to_owner__isnull', False)), fields=['to_owner', 'at'], name='assignment_given'), models.Index(fields=['to_team', 'id'], name='assignment_to_team'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['at'], name='assignment_at', pages_per_range=32)],
                        'constraints': [models.CheckConstraint(condition=models.Q(('because__in', ['rule', 'fallback', 'queue', 'stand_in', 'reassigned', 'absence', 'returned', 'breach', 'claimed'])), name='assignment_reason_known'), models.CheckConstraint(condition=models.Q(models.Q(('because', 'reassigned'), _negated=True), models.Q(('by__isnull', False), models.Q(('note', ''), _negated=True)), _connector='OR'), name='assignment_by_hand_says_why')],
                    },
                ),
                migrations.CreateModel(
                    name='CadenceEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='routing.cadence')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('id', models.BigIntegerField()),
                        ('team', models.ForeignKey(blank=True, db_constraint=False, help_text='Blank: any other.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='routing.team')),
                        ('max_attempts', models.PositiveSmallIntegerField(blank=True, default=6, help_text='Unanswered tries. Blank: no limit; 0: none at all.', null=True)),
                        ('min_spacing_minutes', models.PositiveIntegerField(default=120, help_text='At least so long between two tries.')),
                        ('varies_time_of_day', models.BooleanField(default=True, help_text="The next try falls in another part of the lead's day: morning, afternoon, late day.")),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='Clock',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('lead', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='clocks', to='leads.lead')),
                        ('owed', models.CharField(choices=[('first_attempt', 'First human attempt'), ('follow_up', 'Follow-up'), ('booking', 'Booking'), ('documents', 'Documents'), ('quote', 'Quote'), ('discovery', 'Discovery call'), ('partnership', 'Partnership call'), ('review', 'Review'), ('decision', 'Decision after the last attempt')], max_length=15)),
                        ('cycle', models.PositiveSmallIntegerField()),
                        ('team', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='routing.team')),
                        ('owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='clocks', to=settings.AUTH_USER_MODEL)),
                        ('why', models.CharField(blank=True, help_text='What started it, e.g. “promised a call back”.', max_length=120)),
                        ('cause', models.ForeignKey(blank=True, help_text='The act that promised it; blank: the road itself.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='leads.interaction')),
                        ('started_at', models.DateTimeField()),
                        ('due_at', models.DateTimeField()),
                        ('warn_at', models.DateTimeField()),
                        ('on_breach', models.CharField(choices=[('notify', 'Tell the owner, or the team where nobody has it'), ('reassign', 'Give it to somebody else of the team'), ('escalate', 'Give it to the fallback team')], default='notify', max_length=10)),
                        ('marks_away', models.BooleanField(default=False)),
                        ('is_promise', models.BooleanField(default=False, help_text='A person named this time to the lead.')),
                        ('warned_at', models.DateTimeField(blank=True, null=True)),
                        ('breached_at', models.DateTimeField(blank=True, null=True)),
                        ('met_at', models.DateTimeField(blank=True, null=True)),
                        ('met_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('met_act', models.ForeignKey(blank=True, help_text='What met it.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='leads.interaction')),
                        ('ended_at', models.DateTimeField(blank=True, null=True)),
                        ('ended_because', models.CharField(blank=True, choices=[('superseded', 'Something else is owed now'), ('not_needed', 'Nothing is owed any more'), ('handed_over', 'Another team owes it now')], max_length=12)),
                        ('paused_at', models.DateTimeField(blank=True, null=True)),
                        ('paused_until', models.DateTimeField(blank=True, help_text='The due time was moved by the working time of the pause.', null=True)),
                        ('not_before', models.DateTimeField(blank=True, help_text='“Call next” does not offer it earlier: the contact gate said so.', null=True)),
                        ('held_code', models.CharField(blank=True, help_text='What the gate said, e.g. QUIET_HOURS.', max_length=40)),
                    ],
                    options={
                        'ordering': ['due_at'],
                        'indexes': [models.Index(condition=models.Q(('ended_at__isnull', True), ('met_at__isnull', True), ('warned_at__isnull', True)), fields=['warn_at'], name='clock_to_warn'), models.Index(condition=models.Q(('ended_at__isnull', True), ('met_at__isnull', True), ('breached_at__isnull', True)), fields=['due_at'], name='clock_to_breach'), models.Index(condition=models.Q(('ended_at__isnull', True), ('met_at__isnull', True)), fields=['owner', 'due_at'], name='clock_of_owner'), models.Index(condition=models.Q(('ended_at__isnull', True), ('met_at__isnull', True), ('owner__isnull', True)), fields=['team', 'due_at'], name='clock_of_queue'), models.Index(condition=models.Q(('ended_at__isnull', True), ('met_at__isnull', True), ('is_promise', True)), fields=['team', 'owner', 'due_at'], name='clock_promised'), models.Index(condition=models.Q(('ended_at__isnull', True), ('met_at__isnull', True), ('owed', 'follow_up')), fields=['lead', 'due_at'], name='clock_to_follow_up'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['started_at'], name='clock_started_at', pages_per_range=32), models.Index(fields=['team', 'id'], name='clock_of_team'), models.Index(fields=['owed', 'id'], name='clock_owed'), models.Index(condition=models.Q(('ended_because', ''), _negated=True), fields=['ended_because', 'id'], name='clock_ended'), models.Index(condition=models.Q(('ended_at__isnull', True), ('met_at__isnull', True), ('breached_at__isnull', False)), fields=['team', 'breached_at'], name='clock_breached')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True), ('met_at__isnull', True)), fields=('lead', 'owed'), name='one_open_clock_per_owed'), models.CheckConstraint(condition=models.Q(('met_at__isnull', True), ('ended_at__isnull', True), _connector='OR'), name='clock_met_or_ended'), models.CheckConstraint(condition=models.Q(('met_at__isnull', True), ('met_by__isnull', False), ('met_act__isnull', False), _connector='OR'), name='clock_met_by_a_person'), models.CheckConstraint(condition=models.Q(('owed__in', ['first_attempt', 'follow_up', 'booking', 'documents', 'quote', 'discovery', 'partnership', 'review', 'decision'])), name='clock_owed_known'), models.CheckConstraint(condition=models.Q(('warn_at__lte', models.F('due_at'))), name='clock_warns_before_due')],
                    },
                ),
                migrations.CreateModel(
                    name='Cursor',
                    fields=[
                        ('team', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='cursor', serialize=False, to='routing.team')),
                        ('turn', models.PositiveBigIntegerField(default=0)),
                        ('turns', models.JSONField(default=dict, help_text='Agent → the last turn taken and the credit under weights.')),
                    ],
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='team',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "routing_teamevent" ("closed_on", "code", "email", "goal", "hours", "is_active", "is_fallback", "name", "observes_federal_holidays", "open_on", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "required_training", "timezone") VALUES (NEW."closed_on", NEW."code", NEW."email", NEW."goal", NEW."hours", NEW."is_active", NEW."is_fallback", NEW."name", NEW."observes_federal_holidays", NEW."open_on", _pgh_attach_context(), NOW(), \'insert\', NEW."code", NEW."required_training", NEW."timezone"); RETURN NULL;', hash='9393bde975c78439036e2fe5e2289e2b904c2e85', operation='INSERT', pgid='pgtrigger_insert_insert_c9598', table='routing_team', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='team',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "routing_teamevent" ("closed_on", "code", "email", "goal", "hours", "is_active", "is_fallback", "name", "observes_federal_holidays", "open_on", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "required_training", "timezone") VALUES (NEW."closed_on", NEW."code", NEW."email", NEW."goal", NEW."hours", NEW."is_active", NEW."is_fallback", NEW."name", NEW."observes_federal_holidays", NEW."open_on", _pgh_attach_context(), NOW(), \'update\', NEW."code", NEW."required_training", NEW."timezone"); RETURN NULL;', hash='56011cb92c24103a8027626627971b9210c74f08', operation='UPDATE', pgid='pgtrigger_update_update_e1ab6', table='routing_team', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='team',
                    trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "routing_teamevent" ("closed_on", "code", "email", "goal", "hours", "is_active", "is_fallback", "name", "observes_federal_holidays", "open_on", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "required_training", "timezone") VALUES (OLD."closed_on", OLD."code", OLD."email", OLD."goal", OLD."hours", OLD."is_active", OLD."is_fallback", OLD."name", OLD."observes_federal_holidays", OLD."open_on", _pgh_attach_context(), NOW(), \'delete\', OLD."code", OLD."required_training", OLD."timezone"); RETURN NULL;', hash='5a38500d990000e1f3386b621a5453533f289a83', operation='DELETE', pgid='pgtrigger_delete_delete_6d5df', table='routing_team', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='script',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "routing_scriptevent" ("code", "is_active", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "required_training", "requires_consent_step") VALUES (NEW."code", NEW."is_active", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."code", NEW."required_training", NEW."requires_consent_step"); RETURN NULL;', hash='bf717e8bf5fda55570198b974092aeffccf13981', operation='INSERT', pgid='pgtrigger_insert_insert_9e0fe', table='routing_script', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='script',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "routing_scriptevent" ("code", "is_active", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "required_training", "requires_consent_step") VALUES (NEW."code", NEW."is_active", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."code", NEW."required_training", NEW."requires_consent_step"); RETURN NULL;', hash='f7cdc230cb0201f7f502b4b3c81dafbbba02cea0', operation='UPDATE', pgid='pgtrigger_update_update_19a1e', table='routing_script', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='script',
                    trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "routing_scriptevent" ("code", "is_active", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "required_training", "requires_consent_step") VALUES (OLD."code", OLD."is_active", OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."code", OLD."required_training", OLD."requires_consent_step"); RETURN NULL;', hash='36a2ca8cd803ee237723f30f145ee6567bf9a3e2', operation='DELETE', pgid='pgtrigger_delete_delete_a0896', table='routing_script', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='cadenceevent',
                    trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='a6a7d3ccdd96dbee22eb8dfd4f736825a0d02157', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_d0b14', table='routing_cadenceevent', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='cadence',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "routing_cadenceevent" ("id", "max_attempts", "min_spacing_minutes", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "team_id", "varies_time_of_day") VALUES (NEW."id", NEW."max_attempts", NEW."min_spacing_minutes", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."team_id", NEW."varies_time_of_day"); RETURN NULL;', hash='df4b538b91f270d610125419bf3576e3924c9fb2', operation='INSERT', pgid='pgtrigger_insert_insert_dd287', table='routing_cadence', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='cadence',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "routing_cadenceevent" ("id", "max_attempts", "min_spacing_minutes", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "team_id", "varies_time_of_day") VALUES (NEW."id", NEW."max_attempts", NEW."min_spacing_minutes", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."team_id", NEW."varies_time_of_day"); RETURN NULL;', hash='eb4997c07de04fed44187274b1a0c2c0703f7406', operation='UPDATE', pgid='pgtrigger_update_update_38521', table='routing_cadence', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='cadence',
                    trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "routing_cadenceevent" ("id", "max_attempts", "min_spacing_minutes", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "team_id", "varies_time_of_day") VALUES (OLD."id", OLD."max_attempts", OLD."min_spacing_minutes", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."team_id", OLD."varies_time_of_day"); RETURN NULL;', hash='d6d82490267250a7c00a9fe7fd1aee2cffcb243e', operation='DELETE', pgid='pgtrigger_delete_delete_5ec85', table='routing_cadence', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='agentevent',
                    trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='0052e85e1073fbdab8e8aa0457a06bb3591369cc', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_733c2', table='routing_agentevent', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='agent',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "routing_agentevent" ("away_from", "away_until", "clinic_id", "daily_cap", "days_off", "hours", "id", "languages", "open_cap", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "skills", "stand_in_id", "team_id", "trainings", "user_id", "weight") VALUES (NEW."away_from", NEW."away_until", NEW."clinic_id", NEW."daily_cap", NEW."days_off", NEW."hours", NEW."id", NEW."languages", NEW."open_cap", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."skills", NEW."stand_in_id", NEW."team_id", NEW."trainings", NEW."user_id", NEW."weight"); RETURN NULL;', hash='3bbdd9618197272b4c6ab6932fc93a4f62e9698b', operation='INSERT', pgid='pgtrigger_insert_insert_a5316', table='routing_agent', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='agent',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "routing_agentevent" ("away_from", "away_until", "clinic_id", "daily_cap", "days_off", "hours", "id", "languages", "open_cap", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "skills", "stand_in_id", "team_id", "trainings", "user_id", "weight") VALUES (NEW."away_from", NEW."away_until", NEW."clinic_id", NEW."daily_cap", NEW."days_off", NEW."hours", NEW."id", NEW."languages", NEW."open_cap", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."skills", NEW."stand_in_id", NEW."team_id", NEW."trainings", NEW."user_id", NEW."weight"); RETURN NULL;', hash='75e8393a9ee18c8307d9191d4889af3deb79c064', operation='UPDATE', pgid='pgtrigger_update_update_2deca', table='routing_agent', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='agent',
                    trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "routing_agentevent" ("away_from", "away_until", "clinic_id", "daily_cap", "days_off", "hours", "id", "languages", "open_cap", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "skills", "stand_in_id", "team_id", "trainings", "user_id", "weight") VALUES (OLD."away_from", OLD."away_until", OLD."clinic_id", OLD."daily_cap", OLD."days_off", OLD."hours", OLD."id", OLD."languages", OLD."open_cap", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."skills", OLD."stand_in_id", OLD."team_id", OLD."trainings", OLD."user_id", OLD."weight"); RETURN NULL;', hash='5eb7ab71117bd8bb48cd6ea1c95cb926dce310d4', operation='DELETE', pgid='pgtrigger_delete_delete_f0646', table='routing_agent', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='goal',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "routing_goalevent" ("business_days", "id", "marks_away", "minutes", "on_breach", "owed", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "score_band", "team_id", "warn_percent") VALUES (NEW."business_days", NEW."id", NEW."marks_away", NEW."minutes", NEW."on_breach", NEW."owed", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."score_band", NEW."team_id", NEW."warn_percent"); RETURN NULL;', hash='54fec6f4b9f88d877c5d460c56b24312a8ab6147', operation='INSERT', pgid='pgtrigger_insert_insert_0c416', table='routing_goal', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='goal',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "routing_goalevent" ("business_days", "id", "marks_away", "minutes", "on_breach", "owed", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "score_band", "team_id", "warn_percent") VALUES (NEW."business_days", NEW."id", NEW."marks_away", NEW."minutes", NEW."on_breach", NEW."owed", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."score_band", NEW."team_id", NEW."warn_percent"); RETURN NULL;', hash='31c8a40fe287c7bdd46dbdc671ce1543db2366e2', operation='UPDATE', pgid='pgtrigger_update_update_d688a', table='routing_goal', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='goal',
                    trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "routing_goalevent" ("business_days", "id", "marks_away", "minutes", "on_breach", "owed", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "score_band", "team_id", "warn_percent") VALUES (OLD."business_days", OLD."id", OLD."marks_away", OLD."minutes", OLD."on_breach", OLD."owed", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."score_band", OLD."team_id", OLD."warn_percent"); RETURN NULL;', hash='4100e1d757e02a867a68f43bec541cf590062ba8', operation='DELETE', pgid='pgtrigger_delete_delete_56559', table='routing_goal', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='goalevent',
                    trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='b12542825c5364d24b8b730566d64e13e0b09a1f', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_4ec5b', table='routing_goalevent', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='routeset',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "routing_routesetevent" ("created_at", "id", "note", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "published_at", "published_by_id", "status", "version") VALUES (NEW."created_at", NEW."id", NEW."note", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."published_at", NEW."published_by_id", NEW."status", NEW."version"); RETURN NULL;', hash='a8fff020cbbeb7e2bc8a86a0b0921d373b0ec571', operation='INSERT', pgid='pgtrigger_insert_insert_0a10f', table='routing_routeset', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='routeset',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "routing_routesetevent" ("created_at", "id", "note", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "published_at", "published_by_id", "status", "version") VALUES (NEW."created_at", NEW."id", NEW."note", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."published_at", NEW."published_by_id", NEW."status", NEW."version"); RETURN NULL;', hash='b6b44f46cee2802ea9fcd2120f8a837585df1a43', operation='UPDATE', pgid='pgtrigger_update_update_e4937', table='routing_routeset', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='routeset',
                    trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "routing_routesetevent" ("created_at", "id", "note", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "published_at", "published_by_id", "status", "version") VALUES (OLD."created_at", OLD."id", OLD."note", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."published_at", OLD."published_by_id", OLD."status", OLD."version"); RETURN NULL;', hash='2764252bf01e90101a2f989c8010b71a56094a94', operation='DELETE', pgid='pgtrigger_delete_delete_6276b', table='routing_routeset', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='routesetevent',
                    trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='8beb3f32739677c29f9eaeb334afb0fdbc43293b', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_313cd', table='routing_routesetevent', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='assignment',
                    trigger=pgtrigger.compiler.Trigger(name='assignments_are_append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='c28a75a40d9212344cde2b424f6dd59e503746d9', operation='UPDATE OR DELETE', pgid='pgtrigger_assignments_are_append_only_effb7', table='routing_assignment', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='routingruleevent',
                    trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='014c93e940c8edf88e8cd513fa6d6f5c821549b4', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_50235', table='routing_routingruleevent', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='routingrule',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "routing_routingruleevent" ("criteria", "goal_business_days", "goal_minutes", "id", "is_active", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "required_skills", "rule_set_id", "script_id", "strategy", "team_id") VALUES (NEW."criteria", NEW."goal_business_days", NEW."goal_minutes", NEW."id", NEW."is_active", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."position", NEW."required_skills", NEW."rule_set_id", NEW."script_id", NEW."strategy", NEW."team_id"); RETURN NULL;', hash='e3dc46591d34a6d14dfef21153dfd77162895d8e', operation='INSERT', pgid='pgtrigger_insert_insert_dcbc6', table='routing_routingrule', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='routingrule',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "routing_routingruleevent" ("criteria", "goal_business_days", "goal_minutes", "id", "is_active", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "required_skills", "rule_set_id", "script_id", "strategy", "team_id") VALUES (NEW."criteria", NEW."goal_business_days", NEW."goal_minutes", NEW."id", NEW."is_active", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."position", NEW."required_skills", NEW."rule_set_id", NEW."script_id", NEW."strategy", NEW."team_id"); RETURN NULL;', hash='fef190c24a0231bbe5bdf1930e113a68116b585f', operation='UPDATE', pgid='pgtrigger_update_update_caee6', table='routing_routingrule', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='routingrule',
                    trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "routing_routingruleevent" ("criteria", "goal_business_days", "goal_minutes", "id", "is_active", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "required_skills", "rule_set_id", "script_id", "strategy", "team_id") VALUES (OLD."criteria", OLD."goal_business_days", OLD."goal_minutes", OLD."id", OLD."is_active", OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."position", OLD."required_skills", OLD."rule_set_id", OLD."script_id", OLD."strategy", OLD."team_id"); RETURN NULL;', hash='9330abfe6677f05e2f270bb1203804ad1752369b', operation='DELETE', pgid='pgtrigger_delete_delete_8652c', table='routing_routingrule', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='handoffevent',
                    trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='613870db936c25432da181e38522240ed94e70db', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_b58fe', table='routing_handoffevent', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='handoff',
                    trigger=pgtrigger.compiler.Trigger(name='packet_is_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."accepted_at" IS NOT NULL AND (OLD."packet" IS DISTINCT FROM (NEW."packet") OR OLD."accepted_at" IS DISTINCT FROM (NEW."accepted_at") OR OLD."issue" IS DISTINCT FROM (NEW."issue")))', func="RAISE EXCEPTION 'The packet of an accepted handoff is frozen; add to it instead.';", hash='26dc55bde4a835951b14374cea865afa4b10220e', operation='UPDATE', pgid='pgtrigger_packet_is_frozen_6910f', table='routing_handoff', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='handoff',
                    trigger=pgtrigger.compiler.Trigger(name='additions_only_grow', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."additions" IS DISTINCT FROM (NEW."additions"))', func="\n                    IF NEW.accepted_at IS NULL\n                       OR jsonb_array_length(NEW.additions) < jsonb_array_length(OLD.additions)\n                       OR NOT NEW.additions @> OLD.additions\n                    THEN RAISE EXCEPTION 'Additions to a handoff are appended after acceptance, never rewritten.';\n                    END IF;\n                    RETURN NEW;\n                ", hash='7ff29e03d35bf4a563acd02e3b219195a5a6a673', operation='UPDATE', pgid='pgtrigger_additions_only_grow_e6cd5', table='routing_handoff', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='handoff',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "routing_handoffevent" ("accepted_at", "accepted_by_id", "additions", "closed_at", "from_owner_id", "from_team_id", "id", "issue", "issued_at", "lead_id", "note", "offered_at", "packet", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "return_reason", "returned_at", "returned_by_id", "rule_id", "script_id", "state", "to_owner_id", "to_team_id") VALUES (NEW."accepted_at", NEW."accepted_by_id", NEW."additions", NEW."closed_at", NEW."from_owner_id", NEW."from_team_id", NEW."id", NEW."issue", NEW."issued_at", NEW."lead_id", NEW."note", NEW."offered_at", NEW."packet", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."return_reason", NEW."returned_at", NEW."returned_by_id", NEW."rule_id", NEW."script_id", NEW."state", NEW."to_owner_id", NEW."to_team_id"); RETURN NULL;', hash='66bceef3cd93d4b6066af0eb9edb49c5483eab07', operation='INSERT', pgid='pgtrigger_insert_insert_bf978', table='routing_handoff', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='handoff',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "routing_handoffevent" ("accepted_at", "accepted_by_id", "additions", "closed_at", "from_owner_id", "from_team_id", "id", "issue", "issued_at", "lead_id", "note", "offered_at", "packet", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "return_reason", "returned_at", "returned_by_id", "rule_id", "script_id", "state", "to_owner_id", "to_team_id") VALUES (NEW."accepted_at", NEW."accepted_by_id", NEW."additions", NEW."closed_at", NEW."from_owner_id", NEW."from_team_id", NEW."id", NEW."issue", NEW."issued_at", NEW."lead_id", NEW."note", NEW."offered_at", NEW."packet", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."return_reason", NEW."returned_at", NEW."returned_by_id", NEW."rule_id", NEW."script_id", NEW."state", NEW."to_owner_id", NEW."to_team_id"); RETURN NULL;', hash='96e790b950c00a42ce9fb92ef4235f9e2cba7c9b', operation='UPDATE', pgid='pgtrigger_update_update_975c4', table='routing_handoff', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='handoff',
                    trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "routing_handoffevent" ("accepted_at", "accepted_by_id", "additions", "closed_at", "from_owner_id", "from_team_id", "id", "issue", "issued_at", "lead_id", "note", "offered_at", "packet", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "return_reason", "returned_at", "returned_by_id", "rule_id", "script_id", "state", "to_owner_id", "to_team_id") VALUES (OLD."accepted_at", OLD."accepted_by_id", OLD."additions", OLD."closed_at", OLD."from_owner_id", OLD."from_team_id", OLD."id", OLD."issue", OLD."issued_at", OLD."lead_id", OLD."note", OLD."offered_at", OLD."packet", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."return_reason", OLD."returned_at", OLD."returned_by_id", OLD."rule_id", OLD."script_id", OLD."state", OLD."to_owner_id", OLD."to_team_id"); RETURN NULL;', hash='1a13e2973536125d5268779f4f913d0a88e1c0c7', operation='DELETE', pgid='pgtrigger_delete_delete_1c43a', table='routing_handoff', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='scriptevent',
                    trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='74b3e8ccf326231ec0a1edf98f23122c6ab960de', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_3be65', table='routing_scriptevent', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='scripttext',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "routing_scripttextevent" ("consent_step", "id", "language", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "script_id", "words") VALUES (NEW."consent_step", NEW."id", NEW."language", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."script_id", NEW."words"); RETURN NULL;', hash='819db520c3d8ba18f4a2235953e4c680a8410906', operation='INSERT', pgid='pgtrigger_insert_insert_982ce', table='routing_scripttext', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='scripttext',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "routing_scripttextevent" ("consent_step", "id", "language", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "script_id", "words") VALUES (NEW."consent_step", NEW."id", NEW."language", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."script_id", NEW."words"); RETURN NULL;', hash='cabc1a6a3c1d4edccb9c8d835ff03a283443dae1', operation='UPDATE', pgid='pgtrigger_update_update_fc842', table='routing_scripttext', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='scripttext',
                    trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "routing_scripttextevent" ("consent_step", "id", "language", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "script_id", "words") VALUES (OLD."consent_step", OLD."id", OLD."language", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."script_id", OLD."words"); RETURN NULL;', hash='e37b7484fcc3adad40f38036883f45449b405dff', operation='DELETE', pgid='pgtrigger_delete_delete_83158', table='routing_scripttext', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='scripttextevent',
                    trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='653fb64478ad947b38f353c79d45702ea89b21e4', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_ef965', table='routing_scripttextevent', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='teamevent',
                    trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='5e47699cd96077482b3dbb19cd8defccc9490339', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_21a70', table='routing_teamevent', when='BEFORE')),
                ),
            ],
        ),
    ]
