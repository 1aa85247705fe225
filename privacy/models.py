"""Who asked to be forgotten, what must not be forgotten yet, and how long each kind of data is kept."""

from __future__ import annotations

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from leads.models import Lead
from medcrm.lib import personal
from medcrm.lib.moments import said


def user_key(**kwargs: object) -> models.ForeignKey:
    options = {"null": True, "blank": True, "on_delete": models.PROTECT, "related_name": "+"}
    return models.ForeignKey(settings.AUTH_USER_MODEL, **(options | kwargs))


class Hold(models.Model):
    """A litigation hold: nothing about this lead and these addresses is erased or expires until it is lifted."""

    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    addresses = ArrayField(
        models.CharField(max_length=64), default=list, db_default=[], help_text=_("Keyed hashes of the person's own.")
    )
    reason = models.CharField(max_length=200, help_text=_("A case number, e.g. “Matter 2026-117”; no names."))
    placed_at = models.DateTimeField()
    placed_by = user_key()
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = user_key()

    class Meta:
        verbose_name = _("litigation hold")
        ordering = ["-pk"]
        # read by privacy.holds
        indexes = [models.Index(name="privacy_hold_open", fields=["lead"], condition=Q(lifted_at__isnull=True))]
        constraints = [
            models.CheckConstraint(name="privacy_hold_of_somebody", condition=Q(lead__isnull=False) | ~Q(addresses=[]))
        ]

    def __str__(self) -> str:
        return f"{self.reason} ({self.lead.public_id if self.lead else _('an address without a lead')})"


class Erasure(models.Model):
    """A request to forget a person: first what was found, then the certificate of what was done. Names nobody."""

    class State(models.TextChoices):
        FOUND = "found", _("Found, not yet erased")
        DONE = "done", _("Erased")
        DROPPED = "dropped", _("Dropped")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    state = models.CharField(max_length=8, choices=State.choices, default=State.FOUND)
    reason = models.CharField(max_length=200, help_text=_("Why, e.g. “Request 2026-04 by e-mail”; no names."))
    leads = ArrayField(models.UUIDField(), default=list, help_text=_("Public ids of the person's leads."))
    addresses = ArrayField(models.CharField(max_length=64), default=list, help_text=_("Keyed hashes."))
    found = models.JSONField(default=dict, help_text=_("Table → rows about the person."))
    done = models.JSONField(default=dict, help_text=_("Table → rows emptied or deleted."))
    requested_at = models.DateTimeField()
    requested_by = user_key()
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = user_key()

    class Meta:
        ordering = ["-pk"]
        triggers = [
            pgtrigger.Protect(name="erasures_stay", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="certificate_is_frozen", operation=pgtrigger.Update, condition=pgtrigger.Q(old__state="done")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()} · {said(self.requested_at)}"


@pghistory.track()
class RetentionRule(models.Model):
    """How long one kind of data is kept. Blank: for ever; 0: not longer than it must."""

    code = models.CharField(max_length=40, primary_key=True)
    name = models.CharField(max_length=120)
    days = models.PositiveIntegerField(null=True, blank=True, help_text=_("Blank: for ever; 0: until the next run."))
    basis = models.CharField(max_length=200, blank=True, help_text=_("Law, contract or policy it rests on."))
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        kind = personal.RETAINED.get(self.code)
        if kind and self.days is not None and self.days < kind.least:
            sentence = _("This must be kept for %(least)d days at least.") % {"least": kind.least}
            raise ValidationError({"days": ValidationError(sentence, code="KEPT_TOO_SHORT")})


class RetentionRun(models.Model):
    """One run over the rules: how many rows were due, held back and done, by rule."""

    at = models.DateTimeField()
    is_dry = models.BooleanField(default=False)
    results = models.JSONField(default=dict, help_text=_("Rule → due, on hold, done."))

    class Meta:
        ordering = ["-pk"]
        triggers = [pgtrigger.Protect(name="runs_are_append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{said(self.at)}"
