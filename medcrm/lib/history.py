"""How did a row come to be what it is? Its history as sentences, newest first, read from what triggers recorded.

Every change is there, whether a page, a task, a command or plain SQL made it; the context says which.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from pghistory.models import Event

from medcrm.lib.access import scope_of
from medcrm.lib.masking import mask

SHOWN = 100
BEFORE = "before"  # the label of events that keep the row as it was, not as it became

Also = Sequence[tuple[str, str]]
Names = Mapping[type[models.Model], Mapping[object, str]]


@dataclass(frozen=True)
class Change:
    field: str
    old: str
    new: str


@dataclass(frozen=True)
class Entry:
    """One change: who made it, where, why, and which fields it moved."""

    at: datetime
    who: str
    where: str
    why: str
    what: str
    changes: Sequence[Change] = ()


@dataclass(frozen=True)
class Move:
    """An event with the row before and after it; None is “not there”."""

    event: Event
    old: models.Model | None
    new: models.Model | None
    leaves_out: tuple[str, ...] = ()

    def fields(self) -> Iterable[models.Field]:
        """Fields that moved; the first event of a row whose past is not recorded moves none."""
        for field in self.event._meta.concrete_fields:
            if field.name.startswith("pgh_") or field.attname in self.leaves_out:
                continue
            if self.value(self.old, field) != self.value(self.new, field):
                yield field

    def value(self, row: models.Model | None, field: models.Field) -> object:
        return None if row is None else getattr(row, field.attname)


def read(obj: models.Model, reader: AbstractBaseUser, *, also: Also = ()) -> list[Entry]:
    """The newest changes and actions of a row, in a fixed number of queries; numbers and mailboxes as the reader may.

    `also` names event tables of rows that belong to it, with the field that points here.
    """
    moves = [move for model in events_of(type(obj)) for move in _moves(_events(model, pgh_obj_id=obj.pk), obj)]
    for label, field in also:
        moves += [_came_or_went(event, field) for event in _events(apps.get_model(label), **{field: obj.pk})]
    kind = ContentType.objects.get_for_model(obj, for_concrete_model=False)
    acted = LogEntry.objects.filter(content_type=kind, object_id=str(obj.pk)).select_related("user")[:SHOWN]
    names = _names(moves)
    entries = [_entry(move, names, reader) for move in moves]
    entries += [Entry(log.action_time, _name(log.user), "", "", log.get_change_message()) for log in acted]
    return sorted(entries, key=lambda entry: entry.at, reverse=True)[:SHOWN]


@cache
def events_of(model: type[models.Model]) -> tuple[type[Event], ...]:
    """The tables in which the changes of this model are recorded."""
    concrete = model._meta.concrete_model
    return tuple(
        event
        for event in apps.get_models()
        if issubclass(event, Event)
        and hasattr(event, "pgh_obj_id")
        and event.pgh_tracked_model._meta.concrete_model is concrete
    )


def _events(model: type[Event], **of: object) -> list[Event]:
    return list(model.objects.filter(**of).select_related("pgh_context").order_by("-pgh_id")[: SHOWN + 1])


def _moves(events: Sequence[Event], obj: models.Model) -> list[Move]:
    """Put each event beside the row before and after it. The oldest one read may only serve as a “before”."""
    found = []
    for index, event in enumerate(events):
        newer = events[index - 1] if index else obj
        older = events[index + 1] if index + 1 < len(events) else None
        if event.pgh_label == BEFORE:
            found.append(Move(event, event, newer))
        elif event.pgh_label == "delete":
            found.append(Move(event, event, None))
        else:
            found.append(Move(event, older or event, event))
    return found[:SHOWN]


def _came_or_went(event: Event, field: str) -> Move:
    old, new = (event, None) if event.pgh_label == "delete" else (None, event)
    return Move(event, old, new, leaves_out=("id", field))


def _entry(move: Move, names: Names, reader: AbstractBaseUser) -> Entry:
    event = move.event
    facts = event.pgh_context.metadata if event.pgh_context else {}
    where = facts.get("url") or facts.get("task") or facts.get("command") or ""
    who = names[get_user_model()].get(facts.get("user"), _("the system") if where else _("unknown"))
    what = {"insert": _("Created"), "delete": _("Deleted")}.get(event.pgh_label, _("Changed"))
    action = str(facts.get("action", "")).replace("_", " ")
    changes = tuple(
        Change(
            capfirst(str(field.verbose_name)),
            _shown(move.event, field, move.value(move.old, field), names, reader),
            _shown(move.event, field, move.value(move.new, field), names, reader),
        )
        for field in move.fields()
    )
    why = str(facts.get("why", ""))
    return Entry(event.pgh_created_at, who, where, why, f"{what}: {action}" if action else what, changes)


def _shown(event: Event, field: models.Field, value: object, names: Names, reader: AbstractBaseUser) -> str:
    if value in (None, ""):
        return "–"
    if field.is_relation:
        text = names[field.related_model].get(value, str(value))
    elif field.choices:
        text = str(dict(field.flatchoices).get(value, value))
    else:
        text = str(value)
    return text if scope_of(reader).sees_contacts else mask(text)


def _names(moves: Iterable[Move]) -> Names:
    """What the keys that moved are called, and who moved them: one query per kind of row."""
    wanted: dict[type[models.Model], set[object]] = defaultdict(set)
    people = wanted[get_user_model()]
    for move in moves:
        if move.event.pgh_context:
            people.add(move.event.pgh_context.metadata.get("user"))
        for field in move.fields():
            if field.is_relation:
                wanted[field.related_model] |= {move.value(move.old, field), move.value(move.new, field)}
    return {
        model: {row.pk: _name(row) for row in model._base_manager.filter(pk__in=keys - {None})}
        for model, keys in wanted.items()
    }


def _name(row: models.Model) -> str:
    return (row.get_full_name() or row.get_username()) if isinstance(row, AbstractBaseUser) else str(row)
