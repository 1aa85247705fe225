"""Who is the same person: links that staff made, what a merge filled in, and pairs that look alike."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from leads.models.lead import Lead


class LeadLink(models.Model):
    """A person's word that two leads are one. Taken back, it stays as history; what follows is worked out from those
    in force."""

    one = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="links_to")
    other = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="links_from")
    reason = models.CharField(max_length=200, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    linked_at = models.DateTimeField()
    unlinked_at = models.DateTimeField(null=True, blank=True)
    unlinked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        verbose_name = _("merge")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                name="one_link_in_force", fields=["one", "other"], condition=Q(unlinked_at__isnull=True)
            ),
            models.CheckConstraint(name="lead_link_in_order", condition=Q(one__lt=F("other"))),
        ]

    def __str__(self) -> str:
        return f"{self.one} = {self.other}"


class MergedFacts(models.Model):
    """What a merge filled in on the lead that stays, so that it can be emptied again."""

    lead = models.OneToOneField(Lead, primary_key=True, on_delete=models.CASCADE, related_name="merged_facts")
    filled = models.JSONField(default=dict, help_text=_("Field → the value that came from another lead."))

    def __str__(self) -> str:
        return str(self.lead)


class DuplicateCandidate(models.Model):
    """Two leads that may be one person, with how much speaks for it. A person decides; nothing is ever blocked."""

    class Verdict(models.TextChoices):
        OPEN = "open", _("To be looked at")
        MERGED = "merged", _("Merged")
        DIFFERENT = "different", _("Not the same")

    one = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="+")
    other = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="+")
    score = models.PositiveSmallIntegerField(help_text=_("0 to 100, from the reasons."))
    reasons = models.JSONField(default=list, help_text=_("What they have in common, by code."))
    verdict = models.CharField(max_length=10, choices=Verdict.choices, default=Verdict.OPEN)
    found_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        verbose_name = _("look-alike")
        verbose_name_plural = _("look-alikes")
        ordering = ["-score", "pk"]
        constraints = [
            models.UniqueConstraint(name="one_candidate_per_pair", fields=["one", "other"]),
            models.CheckConstraint(name="candidate_in_order", condition=Q(one__lt=F("other"))),
        ]
        indexes = [
            # read by the list of look-alikes: those of one verdict, and all
            models.Index(name="candidate_of_verdict", fields=["verdict", "-score", "id"]),
            models.Index(name="candidate_score", fields=["-score", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.one} / {self.other}"


class DuplicateSearch(models.Model):
    """How far the background search has come; one row."""

    position = models.PositiveBigIntegerField(default=0, help_text=_("The last lead that was compared."))
    looked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return str(self.position)
