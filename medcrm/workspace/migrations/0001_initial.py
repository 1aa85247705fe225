import django.db.models.deletion
import medcrm.lib.migrating
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '__first__'),
        ('consent', '0001_squashed_0009_kinds_of_line'),
        ('leads', '0001_squashed_0014_waits_and_stops'),
    ]

    operations = [
        medcrm.lib.migrating.Together(
            operations=[
                migrations.CreateModel(
                    name='Draft',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('lead', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='drafts', to='leads.lead')),
                        ('fields', models.JSONField(default=dict, help_text='What was typed, as the form sends it.')),
                        ('attempt', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='consent.attempt')),
                        ('is_inbound', models.BooleanField(default=False, help_text='The lead called us.')),
                        ('began_at', models.DateTimeField()),
                        ('saved_at', models.DateTimeField()),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('user', 'lead'), name='one_draft_per_person_and_lead'), models.CheckConstraint(condition=models.Q(('attempt__isnull', True), ('is_inbound', False), _connector='OR'), name='draft_call_is_ours_or_theirs')],
                    },
                ),
                migrations.CreateModel(
                    name='SavedView',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('name', models.CharField(max_length=60)),
                        ('query', models.CharField(blank=True, help_text="The list's filters, as in its address.", max_length=1000)),
                    ],
                    options={
                        'ordering': ['name'],
                        'constraints': [models.UniqueConstraint(fields=('user', 'name'), name='one_saved_view_per_name')],
                    },
                ),
            ],
        ),
    ]
