"""Who looked at whom? One row per request that showed or changed something about a person; nobody rewrites it."""

from __future__ import annotations

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Outcome(models.TextChoices):
    SHOWN = "shown", _("Done")
    REFUSED = "refused", _("Refused")
    FAILED = "failed", _("Failed")


class Access(models.Model):
    """What one request did, to whom, by whom and from where [45 CFR 164.312(b)]."""

    at = models.DateTimeField()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("Who"),
    )
    client = models.CharField(
        max_length=80, blank=True, help_text=_("The key of the API, or the name that was tried when signing in.")
    )
    action = models.CharField(max_length=40, help_text=_("View, list, search, export, print, history, sign_in…"))
    model = models.CharField(max_length=60, blank=True, help_text=_("The kind of row, e.g. “leads.lead”."))
    subjects = ArrayField(
        models.CharField(max_length=80), default=list, blank=True, help_text=_("Everyone shown, e.g. “leads.lead:17”.")
    )
    query = models.CharField(max_length=200, blank=True, help_text=_("What was searched for or filtered by."))
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=200)
    status = models.PositiveSmallIntegerField()
    outcome = models.CharField(max_length=7, choices=Outcome.choices)
    address = models.GenericIPAddressField(null=True, blank=True, verbose_name=_("From"))

    class Meta:
        verbose_name = _("access")
        verbose_name_plural = _("access log")
        ordering = ["-pk"]
        indexes = [
            # read by audit.admin: who saw this person
            GinIndex(name="audit_subjects", fields=["subjects"]),
            # read by audit.admin: what this user saw, and by audit.log.note_print
            models.Index(name="audit_user", fields=["user", "-id"]),
            # read by audit.admin: what happened on a day
            models.Index(name="audit_at", fields=["at"]),
        ]
        constraints = [models.CheckConstraint(name="audit_outcome_known", condition=Q(outcome__in=Outcome.values))]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.action} {self.model}".strip()


@pghistory.track(
    fields=["username", "first_name", "last_name", "email", "is_active", "is_staff", "is_superuser"],
    model_name="LoginEvent",
)
class Login(User):
    """A login, watched: who switched it on or off, and who made it what it is."""

    class Meta:
        proxy = True


@pghistory.track(obj_field=None)
class RoleHeld(User.groups.through):  # type: ignore[name-defined]
    """A role of a login, watched: who gave it and who took it."""

    class Meta:
        proxy = True
