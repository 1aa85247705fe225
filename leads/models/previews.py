"""What would a draft do? Asked on a page, found by a worker, shown until the next day."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

WAITING = Q(found_at__isnull=True, problem="")


class Preview(models.Model):
    """One look at what a version of rules would do to every lead: asked for, then begun, then found or failed.

    What a worker began with and died of is begun anew by another.
    """

    kind = models.CharField(max_length=60, help_text=_("Whose version it is, e.g. leads.scoringmodel."))
    version = models.BigIntegerField(help_text=_("The key of the version."))
    asked_at = models.DateTimeField()
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    begun_at = models.DateTimeField(null=True)
    done = models.PositiveIntegerField(default=0, help_text=_("Parts of all leads that were looked at."))
    parts = models.PositiveIntegerField(default=0)
    found_at = models.DateTimeField(null=True)
    found = models.JSONField(default=dict)
    problem = models.CharField(max_length=300, blank=True, help_text=_("Why it could not be worked out."))

    class Meta:
        ordering = ["-pk"]
        indexes = [
            # read by leads.previews.look_ahead
            models.Index(name="preview_waiting", fields=["id"], condition=WAITING),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.version}"

    @property
    def is_waiting(self) -> bool:
        return self.found_at is None and not self.problem
