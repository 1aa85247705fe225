"""Give compliance the two settings that had no row: how long a message may be answered, and the stop of all contact."""

from django.db import migrations

from consent import seed


def install(apps, schema_editor):
    seed.install(apps.get_model("consent", "CallingRule"), apps.get_model("consent", "PolicySetting"))


class Migration(migrations.Migration):
    dependencies = [("consent", "0003_rules")]

    operations = [migrations.RunPython(install, migrations.RunPython.noop, elidable=True)]
