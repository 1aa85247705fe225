"""What a person has typed and not yet recorded, and the lists they come back to."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from consent.models import Attempt
from leads.models import Lead


class Draft(models.Model):
    """One person's unfinished record of one call: it outlives a dropped connection and a sign-out.

    It holds the call's reservation too, so that a call that was made is recorded under it whatever happens meanwhile.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="drafts")
    fields = models.JSONField(default=dict, help_text=_("What was typed, as the form sends it."))
    attempt = models.OneToOneField(Attempt, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    is_inbound = models.BooleanField(default=False, help_text=_("The lead called us."))
    began_at = models.DateTimeField()
    saved_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_draft_per_person_and_lead", fields=["user", "lead"]),
            models.CheckConstraint(
                name="draft_call_is_ours_or_theirs", condition=Q(attempt__isnull=True) | Q(is_inbound=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.lead_id} · {self.saved_at:%H:%M}"

    @property
    def has_spoken(self) -> bool:
        return self.is_inbound or self.attempt_id is not None


class SavedView(models.Model):
    """A filtered list of leads under a name of one's own."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000, blank=True, help_text=_("The list's filters, as in its address."))

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(name="one_saved_view_per_name", fields=["user", "name"])]

    def __str__(self) -> str:
        return self.name
