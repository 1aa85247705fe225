"""Start with the strict state table and policy, verified 2026-11-23 (consent/seed.py)."""

from django.db import migrations

from consent import seed


def install(apps, schema_editor):
    seed.install(apps.get_model("consent", "CallingRule"), apps.get_model("consent", "PolicySetting"))


class Migration(migrations.Migration):
    dependencies = [("consent", "0002_chain")]

    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
