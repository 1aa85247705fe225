import django.contrib.postgres.indexes
import django.db.models.functions.text
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False  # leads are written while the index is built

    dependencies = [
        ('leads', '0008_look_alikes_by_age'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='lead',
            index=models.Index(django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Upper('first_name'), name='text_pattern_ops'), name='lead_first_name'),
        ),
    ]
