"""How does a state's rule change? A new version takes the place of the old one, which stays readable."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from consent.models import CallingRule
from medcrm.lib.errors import RuleError

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

KEPT_BY_VERSION = ("id", "version", "created_at", "created_by_id", "retired_at")


@transaction.atomic
def amend(rule_id: int, changes: Mapping[str, object], *, by: AbstractBaseUser | None, now: datetime) -> CallingRule:
    """Retire the row in force and put a changed copy in its place. Locks the row.

    Raise RuleError if it was replaced in the meantime.
    """
    old = CallingRule.objects.select_for_update(of=("self",)).get(pk=rule_id)
    if old.retired_at is not None:
        raise RuleError("RULE_REPLACED", "This version was replaced in the meantime. Open the one in force.")
    kept = {f.attname: getattr(old, f.attname) for f in CallingRule._meta.concrete_fields}
    for name in KEPT_BY_VERSION:
        kept.pop(name)
    old.retired_at = now
    old.save(update_fields=["retired_at"])
    made = CallingRule(**{**kept, **changes}, version=old.version + 1, created_by=by)
    made.full_clean(exclude=["created_by"])
    made.save()
    return made
