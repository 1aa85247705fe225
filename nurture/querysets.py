"""Chainable reads of enrolments and messages, named as adjectives."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q

from nurture.lifecycle import REACHED, EnrollmentState, MessageState

LEASE = timedelta(minutes=10)  # far longer than one batch takes; a worker that died in between loses its claim


class EnrollmentQuerySet(models.QuerySet):
    def active(self) -> EnrollmentQuerySet:
        return self.filter(state=EnrollmentState.ACTIVE)

    def lock(self) -> EnrollmentQuerySet:
        """Lock in key order; the order of locks is consent, lead, assignment, enrollment."""
        return self.select_for_update(of=("self",), no_key=True).order_by("pk")

    def claimable(self, at: datetime) -> EnrollmentQuerySet:
        """Due, not in another worker's hands, and of a lead that is not itself waiting to walk the road."""
        free = Q(claimed_at__isnull=True) | Q(claimed_at__lt=at - LEASE)
        settled = Q(lead__advance_due_at__isnull=True) | Q(lead__advance_due_at__gt=at)
        return self.active().filter(free, settled, next_due_at__lte=at).order_by("next_due_at")


class MessageQuerySet(models.QuerySet):
    def sent(self) -> MessageQuerySet:
        """What certainly left us, whatever became of it."""
        return self.filter(state__in=REACHED)

    def forgotten(self, before: datetime) -> MessageQuerySet:
        """Reserved and never settled: its worker died between the reservation and the record."""
        return self.filter(state=MessageState.RESERVED, reserved_at__lt=before)
