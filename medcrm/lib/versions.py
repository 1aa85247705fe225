"""How does a set of rules change? A version is copied to a draft, edited, and put in force; the one before it retires.

Nothing is edited in place: what decided a lead stays readable in the version that decided it [R60]. What a version does
when it comes into force is said by the rooms above, which call these inside one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from django.contrib.auth.models import AbstractBaseUser
from django.db import models, transaction
from django.utils.translation import gettext as _

from medcrm.lib.errors import RuleError
from medcrm.lib.models import VersionedSet, VersionStatus

Version = TypeVar("Version", bound=VersionedSet)


@transaction.atomic
def start_draft(kind: type[Version], pk: int, *, note: str = "") -> Version:
    """Copy a version with its rows to a new draft and return it. Raise RuleError while another draft is open."""
    source = _locked(kind, pk)
    if source.all_versions().filter(status=VersionStatus.DRAFT).exists():
        raise RuleError("DRAFT_IS_OPEN", _("There is already a draft; publish it or keep editing it."))
    return _draft(source, note)


@transaction.atomic
def open_draft(kind: type[Version], pk: int, *, note: str) -> Version:
    """The open draft of what is in force, or else a new one, to add a proposal to. Raise RuleError if it retired."""
    source = _locked(kind, pk)
    if source.status != VersionStatus.PUBLISHED:
        raise RuleError("NOT_IN_FORCE", _("This version is not in force any more; run the review again."))
    return source.all_versions().filter(status=VersionStatus.DRAFT).first() or _draft(source, note)


def take_draft(kind: type[Version], pk: int) -> Version:
    """The draft, locked, to be put in force. Raise RuleError for what is no draft, or would do nothing."""
    draft = _locked(kind, pk)
    if draft.status != VersionStatus.DRAFT:
        raise RuleError("NOT_A_DRAFT", _("Only a draft can be published; start one from this version."))
    if draft.is_empty():
        raise RuleError(
            draft.EMPTY_CODE, _("Nothing in this draft is active, so it would do nothing. Add to it first.")
        )
    return draft


def take_previous(kind: type[Version], pk: int) -> Version:
    """The version, locked, that was in force before this one, to be put in force again. Raise RuleError for none."""
    current = _locked(kind, pk)
    if current.status != VersionStatus.PUBLISHED:
        raise RuleError("NOT_IN_FORCE", _("You can only go back from the version in force."))
    earlier = current.all_versions().filter(status=VersionStatus.RETIRED, published_at__isnull=False)
    previous = earlier.select_for_update(of=("self",)).order_by("-published_at", "-version").first()
    if previous is None:
        raise RuleError("NO_PREVIOUS", _("There is no earlier version to go back to."))
    return previous


def put_in_force(version: VersionedSet, *, by: AbstractBaseUser | None, at: datetime) -> None:
    """Retire the version in force and put this one, taken by one of the two above, in its place."""
    version.all_versions().filter(status=VersionStatus.PUBLISHED).update(status=VersionStatus.RETIRED)
    version.status, version.published_at, version.published_by = VersionStatus.PUBLISHED, at, by
    version.save(update_fields=["status", "published_at", "published_by"])


def _locked(kind: type[Version], pk: int) -> Version:
    return kind.objects.select_for_update(of=("self",)).get(pk=pk)


def _draft(source: Version, note: str) -> Version:
    """A copy of the version and its rows."""
    fresh = {"version": source.next_number(), "status": VersionStatus.DRAFT, "note": note}
    draft = _copy(source, fresh | {"published_at": None, "published_by_id": None})
    draft.save()
    led = {(type(source), source.pk): draft.pk}
    for part in source.PARTS:
        rows = list(getattr(source, part).order_by("pk"))
        made = type(rows[0]).objects.bulk_create(_copy(row, _led(row, led)) for row in rows) if rows else []
        led |= {(type(row), row.pk): copy.pk for row, copy in zip(rows, made, strict=True)}
    return draft


def _led(row: models.Model, led: Mapping[tuple[type[models.Model], object], object]) -> dict[str, object]:
    """The keys of a row that point into the version it is copied from, led to what was copied there."""
    keys = [field for field in row._meta.concrete_fields if isinstance(field, models.ForeignKey)]
    asked = {field.attname: (field.related_model, getattr(row, field.attname)) for field in keys}
    return {name: led[there] for name, there in asked.items() if there in led}


def _copy(row: models.Model, changes: Mapping[str, object]) -> models.Model:
    """A row like this one, not saved yet."""
    names = [field.attname for field in row._meta.concrete_fields if field.attname not in ("id", "created_at")]
    return type(row)(**({name: getattr(row, name) for name in names} | changes))
