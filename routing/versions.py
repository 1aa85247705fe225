"""What happens when routing rules come into force? Every open lead that somebody owes something is routed again.

By a worker, in batches, as other versions are carried to the leads: a million of them locked by one request would keep
everybody waiting who works.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet

from leads.models import Lead
from leads.services import due, rollout
from medcrm.lib.among import Among
from medcrm.lib.versions import put_in_force, take_draft, take_previous
from routing.models import Rerouting, RouteSet

TASK = "routing.tasks.route_again"


@transaction.atomic
def publish(pk: int, *, by: AbstractBaseUser | None, at: datetime) -> RouteSet:
    """Put a draft in force in place of the version before. Raise RuleError for no draft."""
    return _begin(take_draft(RouteSet, pk), by=by, at=at)


@transaction.atomic
def go_back(pk: int, *, by: AbstractBaseUser, at: datetime) -> RouteSet:
    """Put the version that was in force before this one back in force, as it was, and return it."""
    return _begin(take_previous(RouteSet, pk), by=by, at=at)


def _begin(version: RouteSet, *, by: AbstractBaseUser | None, at: datetime) -> RouteSet:
    put_in_force(version, by=by, at=at)
    rerouting = Rerouting(rule_set=version, at=at, by=by)
    rollout.start(rerouting, leads_of(rerouting), older=Rerouting.objects.all(), task=TASK)
    return version


def route_again(*, clock: Callable[[], datetime]) -> None:
    """Carry what is under way further, and ring for more when there may be more."""
    rollout.in_batches(route_again_batch, clock=clock, task=TASK)


def route_again_batch(*, at: datetime) -> int:
    """Put the next leads back on the road, unless another worker is at it; return how many it looked at."""
    return rollout.next_batch(Rerouting, leads_of, _wake, at=at)


def leads_of(rerouting: Rerouting) -> QuerySet[Lead]:
    """The open leads that somebody owes something, whichever version came into force."""
    return Lead.objects.open().filter(next_action_due_at__isnull=False)


def _wake(rerouting: Rerouting, lead_ids: Sequence[int], at: datetime) -> int:
    return due.mark_due(Lead.objects.filter(Among("pk", lead_ids)), at=at)
