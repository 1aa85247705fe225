"""What happens when routing rules come into force? Every open lead that somebody owes something is routed again."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from leads.models import Lead
from leads.services import due
from medcrm.lib.versions import put_in_force, take_draft, take_previous
from routing.models import RouteSet


@transaction.atomic
def publish(pk: int, *, by: AbstractBaseUser | None, at: datetime) -> RouteSet:
    """Put a draft in force in place of the version before. Raise RuleError for no draft."""
    return _route_again(take_draft(RouteSet, pk), by=by, at=at)


@transaction.atomic
def go_back(pk: int, *, by: AbstractBaseUser, at: datetime) -> RouteSet:
    """Put the version that was in force before this one back in force, as it was, and return it."""
    return _route_again(take_previous(RouteSet, pk), by=by, at=at)


def _route_again(version: RouteSet, *, by: AbstractBaseUser | None, at: datetime) -> RouteSet:
    put_in_force(version, by=by, at=at)
    due.mark_due(Lead.objects.open().filter(next_action_due_at__isnull=False), at=at)
    return version
