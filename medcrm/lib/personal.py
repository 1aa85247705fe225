"""Where does each room keep something about a person? Each app declares it once, in its `holdings.py`.

A model has holdings (fields that are emptied when the person is forgotten) or says why its texts are harmless. A test
fails for a text, JSON or address field that is neither, so no table is added without a thought about whom it names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import product

import pgtrigger
from django.apps import apps
from django.db import models
from django.db.models import F, Func, Lookup, Q, QuerySet, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Replace
from django.db.models.lookups import Contains, IContains


@dataclass(frozen=True)
class Holding:
    """One model's personal fields and what is put in their place, and how its rows are reached from a person.

    `lead` and `address` are paths from the row, `about` finds rows in any other way. `mentions` are the fields in which
    a row that belongs to no lead (it was refused, or only looked at or for) may hold an address as somebody wrote it.
    `guards` are the triggers that keep these fields as they are, set aside for the one statement that empties them.
    `kept` names the other texts, and `why` says why they name nobody.
    """

    model: str
    emptied: Mapping[str, object]
    lead: str = ""
    address: str = ""
    about: Callable[[list[int], list[int]], Q] | None = None
    mentions: str = ""
    guards: Sequence[str] = ()
    kept: str = ""
    why: str = ""
    deletes: bool = False

    def rows(
        self, lead_ids: Iterable[int], address_ids: Iterable[int], written: Iterable[tuple[str, str]] = ()
    ) -> QuerySet:
        """The rows about these leads and addresses, or that mention one of the addresses as it is written."""
        found = Q(pk__in=[])
        nobodys = {f"{self.lead}__isnull": True} if self.lead else {}
        for name, (kind, value) in product(self.mentions.split(), list(written)):
            found |= Q(mentioned(name, kind, value), **nobodys)
        if self.lead:
            found |= Q(**{f"{self.lead}__in": list(lead_ids)})
        if self.about:
            found |= self.about(list(lead_ids), list(address_ids))
        if self.address:
            found |= Q(**{f"{self.address}__in": list(address_ids)})
        return apps.get_model(self.model)._base_manager.filter(found)

    def empty(self, rows: QuerySet) -> int:
        """Empty the personal fields of these rows, or delete them; return how many there were."""
        with ExitStack() as stack:
            if guards := [uri for uri in self.guards if _stands(uri)]:
                stack.enter_context(pgtrigger.ignore(*guards))
            if self.deletes:
                return rows.delete()[1].get(apps.get_model(self.model)._meta.label, 0)
            return rows.order_by().update(**self.emptied) if self.emptied else 0


@dataclass(frozen=True)
class Harmless:
    """Models whose texts name nobody whom we contact, and why."""

    models: Sequence[str]
    why: str


@dataclass(frozen=True)
class Retained:
    """A kind of data that need not be kept for ever: its rows, since when they are old, and what becomes of them.

    `age` is a path from the row, or works it out. With `whole` the rows are leads, of whom all goes that goes when
    somebody asks to be forgotten. `least` are the days that a law wants it kept.
    """

    code: str
    label: object
    model: str
    age: str | Combinable
    emptied: Mapping[str, object] = field(default_factory=dict)  # empty: the row is deleted
    condition: Q = field(default_factory=Q)
    lead: str = ""
    guards: Sequence[str] = ()
    source: str = ""
    whole: bool = False
    least: int = 0

    def holding(self) -> Holding:
        deletes = not self.emptied and not self.whole
        return Holding(self.model, self.emptied, lead=self.lead, guards=self.guards, deletes=deletes)

    def rows(self, before: datetime) -> QuerySet:
        """The rows of this kind that are older than this instant."""
        since = F(self.age) if isinstance(self.age, str) else self.age
        kept = apps.get_model(self.model)._base_manager.filter(self.condition)
        return kept.alias(old_since=since).filter(old_since__lt=before)


def mentioned(name: str, kind: str, value: str) -> Lookup:
    """Whether a text or JSON field holds this address: an e-mail in any case, a phone number with any signs in it.

    Also as a URL writes it: “ana%40example.org”, “%28512%29+555-0142”.
    """
    text = Cast(name, TextField())
    if kind != "phone":
        for code, sign in (("%40", "@"), ("%2B", "+")):
            text = Replace(text, Value(code), Value(sign), output_field=TextField())
        return IContains(text, value)
    signs = Value("%[0-9A-Fa-f]{2}|[^0-9]")
    digits = Func(text, signs, Value(""), Value("g"), function="regexp_replace", output_field=TextField())
    return Contains(digits, value.removeprefix("+1").removeprefix("+"))


HOLDINGS: dict[str, Holding] = {}
HARMLESS: dict[str, str] = {}
RETAINED: dict[str, Retained] = {}


def declare(*declared: Holding | Harmless | Retained) -> None:
    """Add what an app says about its own tables, when the apps are ready. What is not there is passed over."""
    for each in declared:
        match each:
            case Holding() if _exists(each.model):
                fields = {field.name for field in apps.get_model(each.model)._meta.concrete_fields}
                emptied = {name: value for name, value in each.emptied.items() if name in fields}
                HOLDINGS[each.model] = replace(each, emptied=emptied)
            case Harmless():
                HARMLESS.update(dict.fromkeys(filter(_exists, each.models), each.why))
            case Retained() if _exists(each.model):
                RETAINED[each.code] = each


def _exists(label: str) -> bool:
    app_label, name = label.split(".")
    return name in apps.all_models[app_label]


def _stands(uri: str) -> bool:
    """Whether there is such a trigger; a table without one needs nothing set aside."""
    try:
        return bool(pgtrigger.registered(uri))
    except KeyError:
        return False


def undeclared(is_text: Callable[[models.Field], bool]) -> list[str]:
    """Fields of any model that could name somebody and that nobody declared."""
    found = []
    for model in apps.get_models(include_auto_created=True):
        label = model._meta.label_lower
        if model._meta.proxy or not model._meta.managed or label in HARMLESS:
            continue
        holding = HOLDINGS.get(label)
        known = {*holding.emptied, *holding.kept.split()} if holding else set()
        whole = holding is not None and holding.deletes
        found += [
            f"{label}.{f.name}" for f in model._meta.concrete_fields if is_text(f) and f.name not in known and not whole
        ]
    return found
