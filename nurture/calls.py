"""Which calls do sequences ask staff to make?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _

from consent.models import Permission
from consent.models.ledger import PermissionState
from consent.vocabulary import GrantChannel
from leads.models import Lead
from medcrm.lib.errors import RuleError
from medcrm.lib.writing import update_rows
from nurture.models import CallTask


def open_tasks() -> QuerySet[CallTask]:
    """The calls still to make, the most urgent first."""
    return CallTask.objects.filter(settled_at=None).order_by("due_at")


@transaction.atomic
def settle(task_id: int, *, at: datetime) -> CallTask:
    """Take a made call off the list. Raise RuleError when it is off already."""
    task = CallTask.objects.select_for_update(of=("self",)).get(pk=task_id)
    if task.settled_at is not None:
        raise RuleError("CALL_TASK_SETTLED", _("This call is off the list already."))
    task.settled_at, task.is_done = at, True
    task.save(update_fields=["settled_at", "is_done"])
    return task


def lapse_refused(lead_ids: Iterable[int], *, at: datetime) -> int:
    """Take the calls off the list to whose numbers calls are withdrawn, with the ledger's reason [R47]."""
    why = _refused(address=OuterRef("lead__phone")).values("code")[:1]
    tasks = CallTask.objects.filter(lead__in=list(lead_ids), settled_at=None).annotate(why=Subquery(why))
    lapsed = list(tasks.exclude(why=None))
    for task in lapsed:
        task.settled_at, task.lapsed_code = at, task.why
    update_rows(lapsed, ["settled_at", "lapsed_code"])
    return len(lapsed)


def refused(lead_ids: Iterable[int]) -> Mapping[int, str]:
    """Lead → the ledger's reason why nobody may call it; leads that may be called are left out."""
    why = _refused(address=OuterRef("phone")).values("code")[:1]
    leads = Lead.objects.filter(pk__in=list(lead_ids)).annotate(why=Subquery(why)).exclude(why=None)
    return dict(leads.values_list("pk", "why"))


def _refused(**address: object) -> QuerySet[Permission]:
    return Permission.objects.filter(**address, channel=GrantChannel.VOICE, state=PermissionState.BLOCKED)
