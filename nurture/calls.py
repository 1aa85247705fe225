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
from leads.models import Interaction, Lead
from leads.vocabulary import InteractionKind
from medcrm.lib.errors import RuleError
from medcrm.lib.writing import update_rows
from nurture.models import CallTask
from nurture.vocabulary import SkipCode

CALLS = (InteractionKind.CALL, InteractionKind.VOICEMAIL, InteractionKind.INBOUND_CALL)


def open_tasks(*, at: datetime) -> QuerySet[CallTask]:
    """The calls still to make, those that lapse first before the others."""
    return CallTask.objects.filter(settled_at=None, due_at__gte=at).order_by("due_at", "pk")


@transaction.atomic
def settle(task_id: int, *, at: datetime) -> CallTask:
    """Take a made call off the list. Raise RuleError when it is off already."""
    task = CallTask.objects.select_for_update(of=("self",)).get(pk=task_id)
    if task.settled_at is not None:
        raise RuleError("CALL_TASK_SETTLED", _("This call is off the list already."))
    task.settled_at, task.is_done = at, True
    task.save(update_fields=["settled_at", "is_done"])
    return task


def settle_many(lead_ids: Iterable[int], *, at: datetime) -> int:
    """Take off the list the calls that were made, by whatever call with that lead, those whose time is over, and those
    to whose numbers calls are withdrawn, with the ledger's reason [R47]."""
    spoken = Interaction.objects.filter(
        lead=OuterRef("lead"), kind__in=CALLS, at__gte=OuterRef("opened_at"), disposition__isnull=False
    )
    tasks = CallTask.objects.filter(lead__in=list(lead_ids), settled_at=None).annotate(
        called_at=Subquery(spoken.order_by("at").values("at")[:1]),
        why=Subquery(_refused(address=OuterRef("lead__phone")).values("code")[:1]),
    )
    settled = []
    for task in tasks:
        if task.called_at is not None:
            task.settled_at, task.is_done = task.called_at, True
        elif task.why is not None:
            task.settled_at, task.lapsed_code = at, task.why
        elif task.due_at < at:
            task.settled_at, task.lapsed_code = at, SkipCode.TOO_LATE
        else:
            continue
        settled.append(task)
    update_rows(settled, ["settled_at", "is_done", "lapsed_code"])
    return len(settled)


def lapse_late(*, at: datetime) -> int:
    """Take the calls off the list that nobody made in time."""
    late = CallTask.objects.filter(settled_at=None, due_at__lt=at)
    return late.update(settled_at=at, lapsed_code=SkipCode.TOO_LATE)


def refused(lead_ids: Iterable[int]) -> Mapping[int, str]:
    """Lead → the ledger's reason why nobody may call it; leads that may be called are left out."""
    why = _refused(address=OuterRef("phone")).values("code")[:1]
    leads = Lead.objects.filter(pk__in=list(lead_ids)).annotate(why=Subquery(why)).exclude(why=None)
    return dict(leads.values_list("pk", "why"))


def _refused(**address: object) -> QuerySet[Permission]:
    return Permission.objects.filter(**address, channel=GrantChannel.VOICE, state=PermissionState.BLOCKED)
