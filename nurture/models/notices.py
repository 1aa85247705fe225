"""What is told once about one thing that happened, due until it went out."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from nurture.models.enrollments import Enrollment

IS_DUE = Q(due_at__isnull=False)


class Notice(models.Model):
    """One message by the best way open; its enrolment, in a sequence of its own, carries the message and the reasons of
    ways that were not taken."""

    WRITTEN: ClassVar[tuple[str, ...]] = ("due_at", "claimed_at")  # what deciding about it changes

    enrollment = models.OneToOneField(Enrollment, on_delete=models.CASCADE, related_name="%(class)s")
    due_at = models.DateTimeField(null=True, help_text=_("Blank: sent, or no way was open."))
    claimed_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    def give_up(self, code: str, why: str) -> None:
        """Nothing went out, and nothing will; the reasons of its ways stand with its enrolment."""
