"""What happens when scoring, next steps or checklists come into force? They are carried to the leads they concern."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from leads import effects
from leads.models import Checklist, NextStepSet, Publication, ScoringModel
from leads.services import rollout
from medcrm.lib.models import VersionedSet
from medcrm.lib.versions import put_in_force, take_draft, take_previous

KIND: Mapping[type[VersionedSet], str] = {
    ScoringModel: "scoring_model",
    NextStepSet: "next_step_set",
    Checklist: "checklist",
}


@transaction.atomic
def publish(version_set: type[VersionedSet], pk: int, *, by: AbstractBaseUser | None, at: datetime) -> VersionedSet:
    """Put a draft in force and carry it to the leads it concerns; the preview is kept. Raise RuleError for no draft."""
    return _carry(take_draft(version_set, pk), by=by, at=at)


@transaction.atomic
def go_back(version_set: type[VersionedSet], pk: int, *, by: AbstractBaseUser, at: datetime) -> VersionedSet:
    """Put the version that was in force before this one back in force, as it was, and return it."""
    return _carry(take_previous(version_set, pk), by=by, at=at, is_return=True)


def _carry(
    version: VersionedSet, *, by: AbstractBaseUser | None, at: datetime, is_return: bool = False
) -> VersionedSet:
    effect = effects.effect_of(version, at=at)
    put_in_force(version, by=by, at=at)
    kind = KIND[type(version)]
    rollout.begin(Publication(**{kind: version}, at=at, by=by, is_return=is_return, effect=effect.as_json()))
    return version
