"""What would this version do to every lead, were it in force now? A worker looks, and the page tells how far it came.

A row is the question and its answer; who asks again gets a row of their own, because rules and leads have moved on. A
room registers how its kind of version is looked at; looking writes nothing but the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q, QuerySet

from leads.effects import Tell, effect_of
from leads.models import NextStepSet, Preview, ScoringModel
from leads.models.previews import WAITING
from medcrm.lib import bell
from medcrm.lib.models import VersionedSet

log = structlog.get_logger(__name__)

TASK = "leads.tasks.look_ahead"
SHOWN = timedelta(days=1)
PATIENCE = timedelta(minutes=10)  # with a worker that began and says nothing more; ten million leads take half a minute

Look = Callable[[int, datetime, Tell], dict[str, object]]
"""What a version would do, as JSON, by its key; it may raise whatever reading may raise."""

LOOKS: dict[str, Look] = {}


def register(model: type[VersionedSet], look: Look) -> None:
    """Let versions of this kind be previewed so."""
    LOOKS[model._meta.label_lower] = look


def of(version: VersionedSet) -> QuerySet[Preview]:
    """The previews of this version, the latest first."""
    return Preview.objects.filter(kind=version._meta.label_lower, version=version.pk)


@transaction.atomic
def ask(version: VersionedSet, *, by: AbstractBaseUser | None, at: datetime) -> Preview:
    """Keep that somebody wants to know, and ring for a worker; what nobody has begun with is not asked for twice."""
    Preview.objects.filter(asked_at__lt=at - SHOWN).delete()
    waiting = of(version).filter(WAITING, asked_by=by, begun_at=None).first()
    bell.ring(TASK)
    kind = version._meta.label_lower
    return waiting or Preview.objects.create(kind=kind, version=version.pk, asked_by=by, asked_at=at)


def look_ahead(*, clock: Callable[[], datetime]) -> int:
    """Answer what waits and what nobody is at, one after the other; return how many were answered or failed."""
    answered = 0
    while preview := _take(at=clock()):
        _answer(preview, clock)
        answered += 1
    return answered


@transaction.atomic
def _take(*, at: datetime) -> Preview | None:
    free = Q(begun_at=None) | Q(begun_at__lt=at - PATIENCE)
    waiting = Preview.objects.filter(WAITING, free).order_by("pk")
    preview = waiting.select_for_update(of=("self",), skip_locked=True).first()
    if preview is not None:
        preview.begun_at = at
        preview.save(update_fields=["begun_at"])
    return preview


def _answer(preview: Preview, clock: Callable[[], datetime]) -> None:
    """Outside a transaction, so that several sessions read side by side."""

    def tell(done: int, parts: int) -> None:
        Preview.objects.filter(pk=preview.pk).update(done=done, parts=parts)

    answer: dict[str, object]
    try:
        answer = {"found": LOOKS[preview.kind](preview.version, preview.begun_at, tell), "found_at": clock()}
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:  # noqa: BLE001 - who asked must read why, and previews behind it must not wait
        log.exception("preview_failed", preview=preview.pk)
        answer = {"problem": f"{type(error).__name__}: {error}".splitlines()[0][:300]}
    Preview.objects.filter(pk=preview.pk).update(**answer)


def _effect_of(model: type[VersionedSet]) -> Look:
    def look(pk: int, at: datetime, tell: Tell) -> dict[str, object]:
        return effect_of(model.objects.get(pk=pk), at=at, tell=tell).as_json()

    return look


for _model in (ScoringModel, NextStepSet):
    register(_model, _effect_of(_model))
