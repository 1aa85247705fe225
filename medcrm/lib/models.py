"""Abstract models shared by the apps: coded vocabulary rows and versioned sets of rules."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

code_format = RegexValidator(r"^[a-z][a-z0-9_]*$", _("Lower-case letters, digits and underscores, e.g. “no_answer”."))


def given(table: str, key: str) -> models.Index:
    """An index of the rows whose key is not NULL: where most have none, it costs a new row nothing."""
    return models.Index(name=f"{table}_{key}", fields=[key], condition=Q(**{f"{key}__isnull": False}))


def over_time(table: str, instant: str) -> BrinIndex:
    """An index of pages by time, a thousandth of its table: rows come nearly in that order, and reports read a part."""
    return BrinIndex(name=f"{table}_{instant}", fields=[instant], pages_per_range=32, autosummarize=True)


def refuse(problems: Iterable[tuple[bool, str, Promise]]) -> None:
    """Say beside each field what is wrong with it; without this a form could only name the constraint that says no."""
    found = {field: sentence for is_wrong, field, sentence in problems if is_wrong}
    if found:
        raise ValidationError(found)


def ends(start: object, end: object, field: str) -> list[tuple[bool, str, Promise]]:
    """What is wrong with two ends of a span that are both given or both left empty."""
    is_whole = start is not None and end is not None
    return [
        ((start is None) != (end is None), field, _("Give both the start and the end, or neither.")),
        (is_whole and start >= end, field, _("The end must be later than the start.")),
    ]


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
    PARTS: ClassVar[tuple[str, ...]] = ("rules",)
    """The relations to its rows: those first that others of them point to, and last the rules, without which it does
    nothing. Empty where the version says all by itself."""
    EMPTY_CODE: ClassVar[str] = "NO_RULES"
    """What it is refused with where it would do nothing."""

    def is_empty(self) -> bool:
        """Whether it would do nothing: it has no rules, or none that is active."""
        if not self.PARTS:
            return False
        rules = getattr(self, self.PARTS[-1])
        has_switch = any(field.name == "is_active" for field in rules.model._meta.concrete_fields)
        return not rules.filter(**({"is_active": True} if has_switch else {})).exists()

    def all_versions(self) -> models.QuerySet:
        """All versions of the same thing; the constraint that numbers them says what makes it the same."""
        numbered = next(c.fields for c in self._meta.constraints if "version" in getattr(c, "fields", ()))
        same = [self._meta.get_field(name).attname for name in numbered if name != "version"]
        return type(self).objects.filter(**{name: getattr(self, name) for name in same})

    def next_number(self) -> int:
        return (self.all_versions().aggregate(last=models.Max("version"))["last"] or 0) + 1

    def clean(self) -> None:
        """Refuse a second draft of the same thing beside an open one: one of them would be lost."""
        if self._state.adding and self.all_versions().filter(status=VersionStatus.DRAFT).exists():
            raise ValidationError(_("There is already a draft; publish it or keep editing it."), code="DRAFT_IS_OPEN")


FROZEN = """
IF EXISTS (
    SELECT 1 FROM (SELECT status FROM {sets} WHERE id IN (OLD.{key}, NEW.{key}) FOR SHARE) AS met
     WHERE status <> 'draft'
) THEN
    RAISE EXCEPTION 'A published version is frozen; start a draft of it instead'
        USING ERRCODE = 'integrity_constraint_violation';
END IF;
IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
RETURN NEW;
"""


class FrozenWithItsSet(pgtrigger.Trigger):
    """The rows of a set may come, change and go only while it is a draft, whoever writes them [R60].

    `by` names the key to the set. A row that moves must leave a draft and come to one. The set is locked, so that it is
    not published between the look at it and the end of the transaction.
    """

    name = "frozen_with_its_set"
    when = pgtrigger.Before
    operation = pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete

    def __init__(self, by: str) -> None:
        self.by = by
        super().__init__()

    def get_func(self, model: type[models.Model]) -> str:
        key = model._meta.get_field(self.by)
        return FROZEN.format(sets=key.related_model._meta.db_table, key=key.column)


class FrozenOncePublished(pgtrigger.Trigger):
    """What a version itself says, beside its rows, changes only while it is a draft, whoever writes it; and what was
    published is no draft ever again [R60]."""

    name = "frozen_once_published"
    when = pgtrigger.Before
    operation = pgtrigger.Update
    func = """
RAISE EXCEPTION 'A published version is frozen; start a draft of it instead'
    USING ERRCODE = 'integrity_constraint_violation';
"""

    def __init__(self, *fields: str) -> None:
        changes = [pgtrigger.Q(**{f"old__{name}__df": pgtrigger.F(f"new__{name}")}) for name in fields]
        is_changed = reduce(or_, changes, pgtrigger.Q(new__status=VersionStatus.DRAFT.value))
        super().__init__(condition=pgtrigger.Q(old__status__df=VersionStatus.DRAFT.value) & is_changed)
