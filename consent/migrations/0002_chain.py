"""Link every event on insert and refuse change, deletion and truncation: consent/sql/chain.sql."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql" / "chain.sql"


class Migration(migrations.Migration):
    dependencies = [("consent", "0001_squashed_0009_kinds_of_line")]

    operations = [migrations.RunSQL(SQL.read_text(), migrations.RunSQL.noop)]
