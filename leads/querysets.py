"""Chainable reads of leads, named as adjectives."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models.functions import Coalesce

from leads.lifecycle import OPEN
from leads.vocabulary import AppointmentState

DAY_ENDS_LAST = timedelta(hours=12)  # after midnight UTC, in the last of all zones
LIVE_VISIT = (AppointmentState.BOOKED, AppointmentState.CONFIRMED)


class LeadQuerySet(models.QuerySet):
    def lock(self) -> LeadQuerySet:
        """Lock the lead rows in key order; the order of locks is consent, lead, assignment, enrollment."""
        return self.select_for_update(of=("self",), no_key=True).order_by("pk")

    def due(self, at: datetime) -> LeadQuerySet:
        """Leads that something changed for since they last walked the road."""
        return self.filter(advance_due_at__lte=at).order_by("advance_due_at")

    def open(self) -> LeadQuerySet:
        """Those that somebody may still have to act on; a lead that was merged away is none."""
        return self.filter(stage__in=OPEN, merged_into=None)

    def real(self) -> LeadQuerySet:
        """Without test data and merged rows: what reports count."""
        return self.filter(is_test=False, merged_into=None)


class AnswerQuerySet(models.QuerySet):
    def in_force(self, at: datetime) -> AnswerQuerySet:
        """The newest answer to each question, unless it went stale or its time ran out."""
        return self.filter(
            models.Q(expires_at=None) | models.Q(expires_at__gt=at), is_current=True, stale_since__isnull=True
        )


class IncidentQuerySet(models.QuerySet):
    def holding(self, lead: object) -> IncidentQuerySet:
        """What nobody has reviewed yet of this lead, and of those that were merged into it: they are one person."""
        holds = Coalesce("lead__merged_into", "lead")
        return self.filter(reviewed_at=None).alias(holds=holds).filter(holds=lead)


class AppointmentQuerySet(models.QuerySet):
    def live(self) -> AppointmentQuerySet:
        """Visits that are still to take place as far as anybody said."""
        return self.filter(status__in=LIVE_VISIT)

    def unsettled(self, at: datetime) -> AppointmentQuerySet:
        """Those whose day is over everywhere, and nobody said how they went."""
        return self.live().filter(date__lt=(at - DAY_ENDS_LAST).date())

    def ahead(self, at: datetime) -> AppointmentQuerySet:
        """Those that stand; a day of grace, because the date is the clinic's and the visit may be under way."""
        return self.live().filter(date__gte=at.date() - timedelta(days=1))
