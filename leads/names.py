"""What are the rows called that facts of a timeline name by their codes? Codes are kept, because labels may change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from django.db.models import F, Value

from leads.models import Clinic, Document, MissingKind, Payer, ServiceLine, Source, TimingWindow, TriggerKind
from medcrm.lib.models import Coded

CODED: Mapping[str, type[Coded]] = {
    "service": ServiceLine,
    "clinic": Clinic,
    "payer": Payer,
    "document": Document,
    "missing": MissingKind,
    "timing": TimingWindow,
    "source": Source,
    "trigger": TriggerKind,
}
Names = Mapping[tuple[str, str], str]
"""Fact and code → name."""


def names_in(facts: Iterable[Mapping[str, object]]) -> Names:
    """The names of all codes in these facts, by one query at most."""
    codes: dict[str, set[str]] = defaultdict(set)
    for entry in facts:
        for fact in CODED.keys() & entry.keys():
            said = entry[fact]
            codes[fact].update(map(str, said if isinstance(said, list) else [said]))
    rows = [
        CODED[fact].objects.filter(pk__in=wanted).order_by().values_list(Value(fact), F("pk"), F("name"))
        for fact, wanted in sorted(codes.items())
    ]
    if not rows:
        return {}
    first, *others = rows
    return {(fact, code): name for fact, code, name in first.union(*others, all=True)}
