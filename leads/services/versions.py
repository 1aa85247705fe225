"""How does a set of rules change? A published version is copied to a draft, edited, and published; the old one retires.

Nothing is edited in place: what decided a lead stays readable in the version that decided it [R60].
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import models, transaction
from django.utils.translation import gettext as _

from leads import effects
from leads.models import Checklist, NextStepSet, Publication, ScoringModel
from leads.services import rollout
from medcrm.lib.errors import RuleError
from medcrm.lib.models import VersionedSet, VersionStatus

KIND: Mapping[type[VersionedSet], str] = {
    ScoringModel: "scoring_model",
    NextStepSet: "next_step_set",
    Checklist: "checklist",
}


@transaction.atomic
def start_draft(version_set: type[VersionedSet], pk: int, *, note: str = "") -> VersionedSet:
    """Copy a version with its rows to a new draft and return it. Raise RuleError while another draft is open."""
    source = version_set.objects.select_for_update().get(pk=pk)
    if source.all_versions().filter(status=VersionStatus.DRAFT).exists():
        raise RuleError("DRAFT_IS_OPEN", _("There is a draft already; publish it or go on editing it."))
    draft = _copy(
        source,
        version=source.next_number(),
        status=VersionStatus.DRAFT,
        note=note,
        published_at=None,
        published_by=None,
    )
    _copy_rows(source, draft)
    return draft


@transaction.atomic
def publish(version_set: type[VersionedSet], pk: int, *, by: AbstractBaseUser, at: datetime) -> VersionedSet:
    """Put a draft in force, retire its predecessor and carry it to the leads it concerns; the preview is kept."""
    draft = version_set.objects.select_for_update().get(pk=pk)
    if draft.status != VersionStatus.DRAFT:
        raise RuleError("NOT_A_DRAFT", _("Only a draft can be published; start one from this version."))
    if draft.is_empty():
        raise RuleError("NO_RULES", _("Nothing in this draft is active, so it would do nothing. Add to it first."))
    return _come_into_force(draft, by=by, at=at)


@transaction.atomic
def go_back(version_set: type[VersionedSet], pk: int, *, by: AbstractBaseUser, at: datetime) -> VersionedSet:
    """Put the version that was in force before this one back in force, as it was, and return it."""
    current = version_set.objects.select_for_update().get(pk=pk)
    if current.status != VersionStatus.PUBLISHED:
        raise RuleError("NOT_IN_FORCE", _("Only from the version in force can one go back."))
    earlier = current.all_versions().filter(status=VersionStatus.RETIRED, published_at__isnull=False)
    previous = earlier.select_for_update().order_by("-published_at", "-version").first()
    if previous is None:
        raise RuleError("NO_PREVIOUS", _("No other version has been in force before this one."))
    return _come_into_force(previous, by=by, at=at, is_return=True)


def _come_into_force(
    version: VersionedSet, *, by: AbstractBaseUser, at: datetime, is_return: bool = False
) -> VersionedSet:
    effect = effects.effect_of(version, at=at)
    version.all_versions().filter(status=VersionStatus.PUBLISHED).update(status=VersionStatus.RETIRED)
    version.status, version.published_at, version.published_by = VersionStatus.PUBLISHED, at, by
    version.save(update_fields=["status", "published_at", "published_by"])
    kind = KIND[type(version)]
    rollout.begin(Publication(**{kind: version}, at=at, by=by, is_return=is_return, effect=effect.as_json()))
    return version


def _copy(row: models.Model, **changes: object) -> models.Model:
    skipped = {"id", "created_at"}
    values = {f.attname: getattr(row, f.attname) for f in row._meta.concrete_fields if f.attname not in skipped}
    values = {name: value for name, value in values.items() if name.removesuffix("_id") not in changes}
    return type(row).objects.create(**values, **changes)


def _copy_rows(source: VersionedSet, draft: VersionedSet) -> None:
    """Copy the rows below a version; scoring rules are led to the copies of their categories."""
    if isinstance(source, ScoringModel):
        categories = {row.pk: _copy(row, model=draft) for row in source.categories.all()}
        for rule in source.rules.all():
            _copy(rule, model=draft, category=categories[rule.category_id])
        for band in source.bands.all():
            _copy(band, model=draft)
    elif isinstance(source, NextStepSet):
        for rule in source.rules.all():
            _copy(rule, rule_set=draft)
    elif isinstance(source, Checklist):
        for question in source.questions.all():
            _copy(question, checklist=draft)
