"""The words of lists and fields are those that people read; no table changes."""

from django.db import migrations, models

import medcrm.lib.migrating


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0001_squashed_0004_given_once_more'),
    ]

    operations = [
        medcrm.lib.migrating.Worded(
            operations=[
                migrations.AlterModelOptions(
                    name='cadence',
                    options={'verbose_name': 'plan of call attempts', 'verbose_name_plural': 'plans of call attempts'},
                ),
                migrations.AlterModelOptions(
                    name='goal',
                    options={'ordering': ['owed', 'team', 'score_band'], 'verbose_name': 'time goal', 'verbose_name_plural': 'time goals'},
                ),
                migrations.AlterModelOptions(
                    name='routeset',
                    options={'verbose_name': 'version of the routing rules', 'verbose_name_plural': 'versions of the routing rules'},
                ),
                migrations.AlterField(
                    model_name='routingrule',
                    name='goal_minutes',
                    field=models.PositiveIntegerField(blank=True, help_text='Working minutes; blank: as the page “Time goals” says.', null=True),
                ),
                migrations.AlterField(
                    model_name='routingruleevent',
                    name='goal_minutes',
                    field=models.PositiveIntegerField(blank=True, help_text='Working minutes; blank: as the page “Time goals” says.', null=True),
                ),
            ],
        ),
    ]
