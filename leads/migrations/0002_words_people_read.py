"""The words of lists and fields are those that people read; no table changes."""

from django.db import migrations, models

import medcrm.lib.migrating


class Migration(migrations.Migration):

    dependencies = [
        ('leads', '0001_squashed_0014_waits_and_stops'),
    ]

    operations = [
        medcrm.lib.migrating.Worded(
            operations=[
                migrations.AlterModelOptions(
                    name='backtest',
                    options={'ordering': ['-pk'], 'verbose_name': 'back-test', 'verbose_name_plural': 'back-tests'},
                ),
                migrations.AlterModelOptions(
                    name='disposition',
                    options={'ordering': ['group', 'position'], 'verbose_name': 'call result', 'verbose_name_plural': 'call results'},
                ),
                migrations.AlterModelOptions(
                    name='document',
                    options={'ordering': ['name'], 'verbose_name': 'kind of document', 'verbose_name_plural': 'kinds of document'},
                ),
                migrations.AlterModelOptions(
                    name='documentstatus',
                    options={'verbose_name': 'document', 'verbose_name_plural': 'documents'},
                ),
                migrations.AlterModelOptions(
                    name='duplicatecandidate',
                    options={'ordering': ['-score', 'pk'], 'verbose_name': 'look-alike', 'verbose_name_plural': 'look-alikes'},
                ),
                migrations.AlterModelOptions(
                    name='missingkind',
                    options={'ordering': ['name'], 'verbose_name': 'missing thing', 'verbose_name_plural': 'missing things'},
                ),
                migrations.AlterModelOptions(
                    name='nextstepset',
                    options={'verbose_name': 'version of the next steps', 'verbose_name_plural': 'versions of the next steps'},
                ),
                migrations.AlterModelOptions(
                    name='qualification',
                    options={'ordering': ['-cycle'], 'verbose_name': 'decision', 'verbose_name_plural': 'decisions'},
                ),
                migrations.AlterModelOptions(
                    name='serviceline',
                    options={'ordering': ['name'], 'verbose_name': 'service', 'verbose_name_plural': 'services'},
                ),
                migrations.AlterModelOptions(
                    name='timingwindow',
                    options={'ordering': ['position'], 'verbose_name': 'timing answer', 'verbose_name_plural': 'timing answers'},
                ),
                migrations.AlterModelOptions(
                    name='triggerkind',
                    options={'ordering': ['name'], 'verbose_name': 'reason to wake a lead', 'verbose_name_plural': 'reasons to wake a lead'},
                ),
                migrations.AlterField(
                    model_name='disposition',
                    name='adds_do_not_call',
                    field=models.BooleanField(default=False, help_text='Nobody calls it to sell any more, e.g. “Do not call”.', verbose_name='puts the number on our do-not-call list'),
                ),
                migrations.AlterField(
                    model_name='disposition',
                    name='disqualifies',
                    field=models.BooleanField(default=False, help_text='Disqualified unless the caller says otherwise, e.g. “Chose another provider”.', verbose_name='closes the lead'),
                ),
                migrations.AlterField(
                    model_name='disposition',
                    name='invalidates_number',
                    field=models.BooleanField(default=False, help_text='It is not called again, and another one is asked for, e.g. “Disconnected or invalid number”.', verbose_name='the number does not work'),
                ),
                migrations.AlterField(
                    model_name='disposition',
                    name='is_final',
                    field=models.BooleanField(default=False, help_text='The caller must say what comes of the lead, e.g. “Not interested”.', verbose_name='ends the conversation'),
                ),
                migrations.AlterField(
                    model_name='disposition',
                    name='is_incident',
                    field=models.BooleanField(default=False, help_text='Who reviews incidents is told at once, and outreach waits for them, e.g. “Emergency: directed to 911”.', verbose_name='is an incident'),
                ),
                migrations.AlterField(
                    model_name='disposition',
                    name='is_success',
                    field=models.BooleanField(default=False, help_text='It is shown as one in this list; what is owed is paid by what was done, such as the visit booked, e.g. “Appointment set”.', verbose_name='is a success'),
                ),
                migrations.AlterField(
                    model_name='disposition',
                    name='is_voicemail',
                    field=models.BooleanField(default=False, help_text='Stands on the timeline as a voicemail, e.g. “Voicemail not left”.', verbose_name='reached a voicemail'),
                ),
                migrations.AlterField(
                    model_name='disposition',
                    name='is_wrong_number',
                    field=models.BooleanField(default=False, help_text='It is not called again, and another one is asked for, e.g. “Wrong number”.', verbose_name="the number is somebody else's"),
                ),
                migrations.AlterField(
                    model_name='disposition',
                    name='makes_contact',
                    field=models.BooleanField(default=False, help_text='It counts as reached, and no longer as an unanswered try, e.g. “Wrong number”; not “Voicemail left”.', verbose_name='somebody answered'),
                ),
                migrations.AlterField(
                    model_name='disposition',
                    name='needs_callback',
                    field=models.BooleanField(default=False, help_text='Date and time of the call-back are mandatory, e.g. “Call-back requested”.', verbose_name='asks when to call back'),
                ),
                migrations.AlterField(
                    model_name='disposition',
                    name='needs_missing_items',
                    field=models.BooleanField(default=False, help_text='Item and follow-up date are mandatory, e.g. “Missing information requested”.', verbose_name='asks what is missing'),
                ),
                migrations.AlterField(
                    model_name='disposition',
                    name='opts_out_text',
                    field=models.BooleanField(default=False, help_text='Like the answer STOP to a text; a person may still call about the request, e.g. “No more texts”.', verbose_name='stops texts, and whatever sells or dials by itself'),
                ),
                migrations.AlterField(
                    model_name='disposition',
                    name='reaches_right_party',
                    field=models.BooleanField(default=False, help_text='Or with who speaks for them: a conversation, e.g. “Needs to think”; not “Somebody else answered”.', verbose_name='we spoke with the person themselves'),
                ),
                migrations.AlterField(
                    model_name='disposition',
                    name='suppresses_everything',
                    field=models.BooleanField(default=False, help_text='Every number and mailbox of the lead, by hand too; nobody can lift it. For “Deceased”.', verbose_name='stops all contact for good'),
                ),
                migrations.AlterField(
                    model_name='dispositionevent',
                    name='adds_do_not_call',
                    field=models.BooleanField(default=False, help_text='Nobody calls it to sell any more, e.g. “Do not call”.', verbose_name='puts the number on our do-not-call list'),
                ),
                migrations.AlterField(
                    model_name='dispositionevent',
                    name='disqualifies',
                    field=models.BooleanField(default=False, help_text='Disqualified unless the caller says otherwise, e.g. “Chose another provider”.', verbose_name='closes the lead'),
                ),
                migrations.AlterField(
                    model_name='dispositionevent',
                    name='invalidates_number',
                    field=models.BooleanField(default=False, help_text='It is not called again, and another one is asked for, e.g. “Disconnected or invalid number”.', verbose_name='the number does not work'),
                ),
                migrations.AlterField(
                    model_name='dispositionevent',
                    name='is_final',
                    field=models.BooleanField(default=False, help_text='The caller must say what comes of the lead, e.g. “Not interested”.', verbose_name='ends the conversation'),
                ),
                migrations.AlterField(
                    model_name='dispositionevent',
                    name='is_incident',
                    field=models.BooleanField(default=False, help_text='Who reviews incidents is told at once, and outreach waits for them, e.g. “Emergency: directed to 911”.', verbose_name='is an incident'),
                ),
                migrations.AlterField(
                    model_name='dispositionevent',
                    name='is_success',
                    field=models.BooleanField(default=False, help_text='It is shown as one in this list; what is owed is paid by what was done, such as the visit booked, e.g. “Appointment set”.', verbose_name='is a success'),
                ),
                migrations.AlterField(
                    model_name='dispositionevent',
                    name='is_voicemail',
                    field=models.BooleanField(default=False, help_text='Stands on the timeline as a voicemail, e.g. “Voicemail not left”.', verbose_name='reached a voicemail'),
                ),
                migrations.AlterField(
                    model_name='dispositionevent',
                    name='is_wrong_number',
                    field=models.BooleanField(default=False, help_text='It is not called again, and another one is asked for, e.g. “Wrong number”.', verbose_name="the number is somebody else's"),
                ),
                migrations.AlterField(
                    model_name='dispositionevent',
                    name='makes_contact',
                    field=models.BooleanField(default=False, help_text='It counts as reached, and no longer as an unanswered try, e.g. “Wrong number”; not “Voicemail left”.', verbose_name='somebody answered'),
                ),
                migrations.AlterField(
                    model_name='dispositionevent',
                    name='needs_callback',
                    field=models.BooleanField(default=False, help_text='Date and time of the call-back are mandatory, e.g. “Call-back requested”.', verbose_name='asks when to call back'),
                ),
                migrations.AlterField(
                    model_name='dispositionevent',
                    name='needs_missing_items',
                    field=models.BooleanField(default=False, help_text='Item and follow-up date are mandatory, e.g. “Missing information requested”.', verbose_name='asks what is missing'),
                ),
                migrations.AlterField(
                    model_name='dispositionevent',
                    name='opts_out_text',
                    field=models.BooleanField(default=False, help_text='Like the answer STOP to a text; a person may still call about the request, e.g. “No more texts”.', verbose_name='stops texts, and whatever sells or dials by itself'),
                ),
                migrations.AlterField(
                    model_name='dispositionevent',
                    name='reaches_right_party',
                    field=models.BooleanField(default=False, help_text='Or with who speaks for them: a conversation, e.g. “Needs to think”; not “Somebody else answered”.', verbose_name='we spoke with the person themselves'),
                ),
                migrations.AlterField(
                    model_name='dispositionevent',
                    name='suppresses_everything',
                    field=models.BooleanField(default=False, help_text='Every number and mailbox of the lead, by hand too; nobody can lift it. For “Deceased”.', verbose_name='stops all contact for good'),
                ),
            ],
        ),
    ]
