"""Which calls do sequences ask staff to make?"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from medcrm.lib.errors import RuleError
from nurture.models import CallTask


def open_tasks() -> QuerySet[CallTask]:
    """The calls still to make, the most urgent first."""
    return CallTask.objects.filter(settled_at=None).order_by("due_at")


@transaction.atomic
def settle(task_id: int, *, at: datetime) -> CallTask:
    """Take a made call off the list. Raise RuleError when it is off already."""
    task = CallTask.objects.select_for_update(of=("self",)).get(pk=task_id)
    if task.settled_at is not None:
        raise RuleError("CALL_TASK_SETTLED", "This call is off the list already.")
    task.settled_at, task.is_done = at, True
    task.save(update_fields=["settled_at", "is_done"])
    return task
