"""Chainable reads of routing's rows, named as adjectives."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from leads.models import Lead


class TeamQuerySet(models.QuerySet):
    def active(self) -> TeamQuerySet:
        return self.filter(is_active=True)

    def fallback(self) -> TeamQuerySet:
        """The team that gets what no rule sends anywhere, where there is one."""
        return self.active().filter(is_fallback=True)


class AgentQuerySet(models.QuerySet):
    def active(self) -> AgentQuerySet:
        """Those who may still get leads: neither the login nor the team was retired."""
        return self.filter(user__is_active=True, team__is_active=True)

    def with_load(self) -> AgentQuerySet:
        """With `open_total`: how many leads of theirs are owed something."""
        owned = Lead.objects.filter(owner=OuterRef("user"), next_action_due_at__isnull=False)
        count = owned.order_by().values("owner").annotate(n=Count("pk")).values("n")
        return self.annotate(open_total=Coalesce(Subquery(count), 0))

    def away(self, at: datetime) -> AgentQuerySet:
        """Those who are away at this instant; an absence without an end goes on."""
        return self.filter(Q(away_until=None) | Q(away_until__gt=at), away_from__lte=at)


class HandoffQuerySet(models.QuerySet):
    def open(self) -> HandoffQuerySet:
        """Offered or accepted: somebody of the other team has it, or is asked to."""
        return self.filter(state__in=["offered", "accepted"])

    def offered(self) -> HandoffQuerySet:
        return self.filter(state="offered")


class ClockQuerySet(models.QuerySet):
    def open(self) -> ClockQuerySet:
        """Neither met nor ended; a paused clock is open."""
        return self.filter(met_at=None, ended_at=None)

    def to_warn(self, at: datetime) -> ClockQuerySet:
        """Whose warning is due and was not given."""
        return self.open().filter(warned_at=None, warn_at__lte=at)

    def to_breach(self, at: datetime) -> ClockQuerySet:
        """Whose time is over and nobody was told."""
        return self.open().filter(breached_at=None, due_at__lte=at)

    def breached(self) -> ClockQuerySet:
        return self.open().filter(breached_at__isnull=False)
