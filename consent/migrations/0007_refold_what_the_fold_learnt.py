"""Fold again what lists show of mailboxes with a withdrawal and of consents whose proof lacks something."""

from django.db import migrations

from consent import refolding


def refold(apps, schema_editor):
    refolding.refold(refolding.learnt_about)


class Migration(migrations.Migration):
    atomic = False  # batch by batch, so that no address stays locked while the others are folded

    dependencies = [("consent", "0006_words_of_an_attempt_are_frozen")]

    operations = [migrations.RunPython(refold, migrations.RunPython.noop, elidable=True)]
