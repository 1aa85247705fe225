"""The words of lists and fields are those that people read; no table changes."""

import datetime
from django.db import migrations, models

import medcrm.lib.migrating


class Migration(migrations.Migration):

    dependencies = [
        ('nurture', '0001_squashed_0004_calls_lapse'),
    ]

    operations = [
        medcrm.lib.migrating.Worded(
            operations=[
                migrations.AlterModelOptions(
                    name='calltask',
                    options={'ordering': ['due_at'], 'verbose_name': 'call to make', 'verbose_name_plural': 'calls to make'},
                ),
                migrations.AlterModelOptions(
                    name='enrollment',
                    options={'ordering': ['-pk'], 'verbose_name': 'lead in a sequence', 'verbose_name_plural': 'leads in sequences'},
                ),
                migrations.AlterModelOptions(
                    name='frequencycap',
                    options={'ordering': ['purpose', 'days'], 'verbose_name': 'limit of contact', 'verbose_name_plural': 'limits of contact'},
                ),
                migrations.AlterModelOptions(
                    name='template',
                    options={'ordering': ['name'], 'verbose_name': 'message template', 'verbose_name_plural': 'message templates'},
                ),
                migrations.AlterField(
                    model_name='step',
                    name='cutoff',
                    field=models.DurationField(default=datetime.timedelta(days=2), help_text='Skipped when it could not go out this long after it fell due, e.g. “2 00:00:00” for two days.'),
                ),
                migrations.AlterField(
                    model_name='step',
                    name='delay',
                    field=models.DurationField(default=datetime.timedelta(0), help_text='After entry, e.g. “4 00:00:00” for four days, “02:30:00” for two and a half hours.'),
                ),
                migrations.AlterField(
                    model_name='stepevent',
                    name='cutoff',
                    field=models.DurationField(default=datetime.timedelta(days=2), help_text='Skipped when it could not go out this long after it fell due, e.g. “2 00:00:00” for two days.'),
                ),
                migrations.AlterField(
                    model_name='stepevent',
                    name='delay',
                    field=models.DurationField(default=datetime.timedelta(0), help_text='After entry, e.g. “4 00:00:00” for four days, “02:30:00” for two and a half hours.'),
                ),
            ],
        ),
    ]
