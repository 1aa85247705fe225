"""Abstract models shared by the apps: coded vocabulary rows and versioned sets of rules."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

code_format = RegexValidator(r"^[a-z][a-z0-9_]*$", _("Lower-case letters, digits and underscores, e.g. “no_answer”."))


def given(table: str, key: str) -> models.Index:
    """An index of the rows whose key is not NULL: where most have none, it costs a new row nothing."""
    return models.Index(name=f"{table}_{key}", fields=[key], condition=Q(**{f"{key}__isnull": False}))


def over_time(table: str, instant: str) -> BrinIndex:
    """An index of pages by time, a thousandth of its table: rows come nearly in that order, and reports read a part."""
    return BrinIndex(name=f"{table}_{instant}", fields=[instant], pages_per_range=32, autosummarize=True)


class Coded(models.Model):
    """A vocabulary row whose code never changes, so the code itself is the key.

    Rules, packets and exports speak in codes; labels and wording stay editable.
    """

    code = models.CharField(
        max_length=40, primary_key=True, validators=[code_format], help_text=_("Stable, e.g. “ortho”.")
    )
    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True, help_text=_("Untick to retire it; history keeps showing it."))

    class Meta:
        abstract = True
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class VersionStatus(models.TextChoices):
    DRAFT = "draft", _("Draft")
    PUBLISHED = "published", _("Published")
    RETIRED = "retired", _("Retired")


class VersionedSet(models.Model):
    """A set of rules that is edited as a draft, frozen when published and retired by its successor [R60]."""

    version = models.PositiveIntegerField(default=1)
    status = models.CharField(max_length=10, choices=VersionStatus.choices, default=VersionStatus.DRAFT)
    note = models.CharField(max_length=200, blank=True, help_text=_("Why this version exists, in a sentence."))
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        abstract = True

    PUBLISHED = Q(status=VersionStatus.PUBLISHED)
