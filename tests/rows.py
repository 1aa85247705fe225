"""Rows of any model, made from what its fields ask for: tests over every registered admin need no list of models.

Where constraints tie fields together, `SPECIAL` says what fits.
"""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import models

NOW = datetime(2026, 12, 1, 16, tzinfo=UTC)
_number = itertools.count(1)


def numbered() -> int:
    return next(_number)


SPECIAL: dict[str, dict[str, object]] = {
    "leads.lead": {"service": None},
    "leads.importrun": {"kind": "leads", "reading": lambda: {"header": ["a"], "format": "csv"}, "file": "none.csv"},
    "leads.export": {"what": "leads", "reason": "test", "file": ""},
    "leads.leadlink": {
        "one": lambda: make(apps.get_model("leads.lead")),
        "other": lambda: make(apps.get_model("leads.lead")),
    },
    "leads.duplicatecandidate": {
        "one": lambda: make(apps.get_model("leads.lead")),
        "other": lambda: make(apps.get_model("leads.lead")),
        "verdict": "open",
    },
    "leads.importmapping": {"kind": "leads"},
    "privacy.hold": {"lead": lambda: make(apps.get_model("leads.lead"))},
    "leads.timingwindow": {"kind": "open"},
    "leads.interaction": {"kind": "note", "direction": "internal"},
    "leads.inquiry": {"status": "received"},
    "leads.qualification": {"closed_at": NOW, "decision": "hold"},
    "leads.scoringmodel": {"status": "draft", "high_from": 60, "medium_from": 30, "version": numbered},
    "leads.checklist": {"status": "draft", "version": numbered},
    "leads.nextstepset": {"status": "draft", "version": numbered},
    "leads.scoringrule": {"points": 5},
    "leads.publication": {"scoring_model": lambda: make(apps.get_model("leads.scoringmodel"))},
    "leads.nextsteprule": {"decision": "forward"},
    "leads.serviceline": {"required_training": "", "max_age": None, "min_age": 0},
    "leads.clinic": {"timezone": "America/Chicago", "zip": "78701", "latitude": 30.27, "longitude": -97.74},
    "consent.address": {"kind": "email", "value": lambda: f"person{numbered()}@example.org"},
    "consent.attempt": {"kind": "allow", "state": "reserved"},
    "consent.seller": {"timezone": "America/Chicago"},
    "routing.notice": {"team": lambda: make(apps.get_model("routing.team"))},
    "routing.clock": {"warn_at": NOW, "due_at": NOW},
    "routing.cadence": {"team": lambda: make(apps.get_model("routing.team"))},
    "routing.goal": {"minutes": 5, "warn_percent": 80, "team": lambda: make(apps.get_model("routing.team"))},
    "consent.consentevent": {"kind": "inquiry"},
    "routing.routeset": {"status": "draft", "version": numbered},
    "gateway.subscription": {"url": "https://example.org/hooks", "events": ["lead.created"]},
    "gateway.delivery": {"state": "pending", "due_at": NOW},
    "nurture.enrollment": {"state": "finished", "ended_at": NOW},
    "nurture.skip": {"kind": "skipped"},
    "nurture.sequence": {"status": "draft", "version": numbered},
    "routing.team": {"timezone": "America/Chicago", "is_fallback": False},
}


def make_rows(model: type[models.Model], count: int) -> list[models.Model]:
    return [make(model) for _ in range(count)]


def make(model: type[models.Model], /, **given: object) -> models.Model:
    """Create one row with every required field filled; keys to other rows are made too."""
    special = SPECIAL.get(model._meta.label_lower, {})
    values = {name: value() if callable(value) else value for name, value in special.items()} | given
    for field in model._meta.concrete_fields:
        if field.name in values or not _is_required(field):
            continue
        values[field.name] = _value(field)
    return model._default_manager.create(**values)


def _is_required(field: models.Field) -> bool:
    if isinstance(field, models.AutoField) or field.has_default() or field.has_db_default():
        return False
    if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
        return False
    is_text = isinstance(field, models.CharField | models.TextField)
    return not field.null and not (is_text and field.blank and not field.unique)


def _value(field: models.Field) -> object:
    number = next(_number)
    if isinstance(field, models.ForeignKey):
        return make(field.related_model)
    if field.choices:
        return field.flatchoices[0][0]
    if isinstance(field, ArrayField):
        return []
    if isinstance(field, models.UUIDField):
        return uuid4()
    if isinstance(field, models.DateTimeField):
        return NOW + timedelta(minutes=number)
    if isinstance(field, models.DateField):
        return date(2026, 12, 1) + timedelta(days=number % 1000)
    if isinstance(field, models.TimeField):
        return time(9)
    if isinstance(field, models.BooleanField):
        return False
    if isinstance(field, models.IntegerField | models.FloatField | models.DecimalField):
        return number % 30_000
    if isinstance(field, models.JSONField):
        return {}
    text = f"{field.name[:8]}_{number}"
    length = field.max_length or 40
    return text if len(text) <= length else str(number).zfill(length)[-length:]
