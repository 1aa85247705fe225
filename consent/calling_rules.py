"""How does a state's rule change? A new version takes the place of the old one, which stays readable."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from consent.models import CallingRule
from medcrm.lib.errors import RuleError

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

KEPT_BY_VERSION = ("id", "version", "created_at", "created_by_id", "starts_at", "retired_at")


@transaction.atomic
def amend(rule_id: int, changes: Mapping[str, object], *, by: AbstractBaseUser | None, at: datetime) -> CallingRule:
    """Put a changed copy in the place of the newest row, at once or from its start on. Locks the rows of the state.

    The row before it counts until then; one that never began never counts. Raise RuleError if it was replaced in the
    meantime.
    """
    asked = CallingRule.objects.get(pk=rule_id)
    rows = list(CallingRule.objects.select_for_update(of=("self",)).filter(state=asked.state).order_by("-version"))
    old = rows[0]
    if old.pk != rule_id or old.retired_at is not None:
        raise RuleError("RULE_REPLACED", _("This version was replaced in the meantime. Open the newest one."))
    begins_at = max(changes.get("starts_at") or at, at)
    kept = {f.attname: getattr(old, f.attname) for f in CallingRule._meta.concrete_fields}
    for name in KEPT_BY_VERSION:
        kept.pop(name)
    if old.starts_at is not None and old.starts_at > at:
        for before in rows[1:]:
            if before.retired_at == old.starts_at:
                _retire(before, begins_at)
        _retire(old, at)
    else:
        _retire(old, begins_at)
    made = CallingRule(**{**kept, **changes, "starts_at": begins_at}, version=old.version + 1, created_by=by)
    made.full_clean(exclude=["created_by"])
    made.save()
    return made


def _retire(rule: CallingRule, at: datetime) -> None:
    rule.retired_at = at
    rule.save(update_fields=["retired_at"])
