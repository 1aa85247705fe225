"""Who looked at the decisions that went against the checks?"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from leads.models import Qualification
from medcrm.lib.errors import RuleError


@transaction.atomic
def review_override(qualification_id: int, *, by: AbstractBaseUser, at: datetime) -> Qualification:
    """Note that a supervisor looked at an override; nobody reviews their own [R5]."""
    cycle = Qualification.objects.select_for_update().get(pk=qualification_id)
    if not cycle.override_reason:
        raise RuleError("NOT_AN_OVERRIDE", "This decision followed the checks; there is nothing to review.")
    if cycle.decided_by_id == by.pk:
        raise RuleError("OWN_OVERRIDE", "Somebody else has to review your own decision.")
    if cycle.override_reviewed_at is None:
        cycle.override_reviewed_by, cycle.override_reviewed_at = by, at
        cycle.save(update_fields=["override_reviewed_by", "override_reviewed_at"])
    return cycle
