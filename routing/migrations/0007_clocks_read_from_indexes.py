"""Indexes from which the board and the list of teams count; the new one of the queue stands before the old one goes."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

OPEN = models.Q(ended_at__isnull=True, met_at__isnull=True)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("routing", "0006_rest_after_talk")]

    operations = [
        AddIndexConcurrently(
            "clock",
            models.Index(
                name="clock_in_queue",
                fields=["team", "due_at"],
                include=["lead", "breached_at"],
                condition=OPEN & models.Q(owner__isnull=True),
            ),
        ),
        AddIndexConcurrently("clock", models.Index(name="clock_open", fields=["team"], condition=OPEN)),
        RemoveIndexConcurrently("clock", "clock_of_queue"),
    ]
