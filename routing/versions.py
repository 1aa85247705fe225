"""How do routing rules change? A version is copied to a draft, edited, tried out and published; the old one retires."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.translation import gettext as _

from leads.models import Lead
from leads.services import due
from medcrm.lib.errors import RuleError
from medcrm.lib.models import VersionStatus
from routing.models import RouteSet, RoutingRule


@transaction.atomic
def start_draft(pk: int, *, note: str = "") -> RouteSet:
    """Copy a version with its rules to a new draft. Raise RuleError while another draft is open."""
    source = RouteSet.objects.select_for_update().get(pk=pk)
    if RouteSet.objects.filter(status=VersionStatus.DRAFT).exists():
        raise RuleError("DRAFT_IS_OPEN", _("There is a draft already; publish it or go on editing it."))
    draft = RouteSet.objects.create(version=source.next_number(), note=note)
    copies = list(source.rules.order_by("position", "pk"))
    for rule in copies:
        rule.pk, rule.rule_set, rule._state.adding = None, draft, True
    RoutingRule.objects.bulk_create(copies)
    return draft


@transaction.atomic
def publish(pk: int, *, by: AbstractBaseUser, at: datetime) -> RouteSet:
    """Put a draft in force, retire its predecessor, and let every open lead that somebody owes something be routed."""
    draft = RouteSet.objects.select_for_update().get(pk=pk)
    if draft.status != VersionStatus.DRAFT:
        raise RuleError("NOT_A_DRAFT", _("Only a draft can be published; start one from this version."))
    if draft.is_empty():
        raise RuleError("NO_RULES", _("Nothing in this draft is active, so it would do nothing. Add to it first."))
    RouteSet.objects.filter(status=VersionStatus.PUBLISHED).update(status=VersionStatus.RETIRED)
    draft.status, draft.published_at, draft.published_by = VersionStatus.PUBLISHED, at, by
    draft.save(update_fields=["status", "published_at", "published_by"])
    due.mark_due(Lead.objects.open().filter(next_action_due_at__isnull=False), at=at)
    return draft
