"""The words of lists and fields are those that people read; no table changes."""

import django.core.validators
from django.db import migrations, models

import medcrm.lib.migrating


class Migration(migrations.Migration):

    dependencies = [
        ('consent', '0004_policies_to_answer_and_to_stop'),
    ]

    operations = [
        medcrm.lib.migrating.Worded(
            operations=[
                migrations.AlterModelOptions(
                    name='attempt',
                    options={'verbose_name': 'contact attempt', 'verbose_name_plural': 'contact attempts'},
                ),
                migrations.AlterModelOptions(
                    name='emergency',
                    options={'verbose_name': 'state of emergency', 'verbose_name_plural': 'states of emergency'},
                ),
                migrations.AlterModelOptions(
                    name='exportlog',
                    options={'ordering': ['-at'], 'verbose_name': 'evidence file', 'verbose_name_plural': 'evidence files'},
                ),
                migrations.AlterModelOptions(
                    name='listsnapshot',
                    options={'verbose_name': 'do-not-call list', 'verbose_name_plural': 'do-not-call lists'},
                ),
                migrations.AlterField(
                    model_name='callingrule',
                    name='cap_automated_only',
                    field=models.BooleanField(default=False, help_text='Ticked: calls dialled by hand are not counted.', verbose_name='only automated contacts count'),
                ),
                migrations.AlterField(
                    model_name='callingrule',
                    name='cap_spares_relationship',
                    field=models.BooleanField(default=False, help_text='Ticked: who bought from us lately may be contacted beyond the limit, e.g. in Oregon.', verbose_name='no limit for our own customers'),
                ),
                migrations.AlterField(
                    model_name='callingrule',
                    name='has_overlay',
                    field=models.BooleanField(default=False, help_text='Ticked: the channels and hours below count beside those above, and the stricter one wins.', verbose_name='narrower hours for automated contact'),
                ),
                migrations.AlterField(
                    model_name='callingrule',
                    name='manual_needs_pewc',
                    field=models.BooleanField(default=False, help_text='Ticked: a person may not dial to sell either, unless the consumer agreed in writing (PEWC).', verbose_name='written consent for hand-dialled sales'),
                ),
                migrations.AlterField(
                    model_name='callingrule',
                    name='overlay_holiday_as_sunday',
                    field=models.BooleanField(default=False, help_text='On a holiday these narrower Sunday hours count.', verbose_name='holidays like Sundays'),
                ),
                migrations.AlterField(
                    model_name='callingruleevent',
                    name='cap_automated_only',
                    field=models.BooleanField(default=False, help_text='Ticked: calls dialled by hand are not counted.', verbose_name='only automated contacts count'),
                ),
                migrations.AlterField(
                    model_name='callingruleevent',
                    name='cap_spares_relationship',
                    field=models.BooleanField(default=False, help_text='Ticked: who bought from us lately may be contacted beyond the limit, e.g. in Oregon.', verbose_name='no limit for our own customers'),
                ),
                migrations.AlterField(
                    model_name='callingruleevent',
                    name='has_overlay',
                    field=models.BooleanField(default=False, help_text='Ticked: the channels and hours below count beside those above, and the stricter one wins.', verbose_name='narrower hours for automated contact'),
                ),
                migrations.AlterField(
                    model_name='callingruleevent',
                    name='manual_needs_pewc',
                    field=models.BooleanField(default=False, help_text='Ticked: a person may not dial to sell either, unless the consumer agreed in writing (PEWC).', verbose_name='written consent for hand-dialled sales'),
                ),
                migrations.AlterField(
                    model_name='callingruleevent',
                    name='overlay_holiday_as_sunday',
                    field=models.BooleanField(default=False, help_text='On a holiday these narrower Sunday hours count.', verbose_name='holidays like Sundays'),
                ),
                migrations.AlterField(
                    model_name='emergency',
                    name='state',
                    field=models.CharField(help_text='Where it was declared: two capital letters, e.g. “LA”.', max_length=2, validators=[django.core.validators.RegexValidator('^[A-Z]{2}$', 'Two capital letters, e.g. “FL”.')]),
                ),
                migrations.AlterField(
                    model_name='emergencyevent',
                    name='state',
                    field=models.CharField(help_text='Where it was declared: two capital letters, e.g. “LA”.', max_length=2, validators=[django.core.validators.RegexValidator('^[A-Z]{2}$', 'Two capital letters, e.g. “FL”.')]),
                ),
            ],
        ),
    ]
