"""Which papers come along when leads are merged? Those that are here, to a lead that stays and still waits for them.

Copied, as facts are, from the oldest lead that has them, and taken back with the merge unless they were changed since.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db import models

from leads.models import Authorization, DocumentStatus, Lead
from leads.vocabulary import AuthorizationState, DocumentState

Paper = DocumentStatus | Authorization
Written = Mapping[str, str]
"""Field → its value as a text, which a JSON column holds."""


@dataclass(frozen=True)
class Kind:
    """One table of papers: what tells a lead's rows apart, what is copied, and the status of what is not here."""

    model: type[models.Model]
    key: str
    copied: tuple[str, ...]
    awaited: str

    def rows_of(self, lead_ids: Collection[int]) -> dict[tuple[int, str], models.Model]:
        """The papers of these leads, by lead and what they are of."""
        rows = self.model._default_manager.filter(lead__in=lead_ids).order_by("pk")
        return {(row.lead_id, getattr(row, self.key)): row for row in rows}

    def written(self, row: models.Model) -> Written:
        """What is copied, as text that JSON keeps."""
        return {name: _field(self.model, name).value_to_string(row) for name in self.copied}

    def write(self, row: models.Model, values: Written) -> None:
        """Put back what `written` kept."""
        for name, value in values.items():
            field = _field(self.model, name)
            setattr(row, name, None if value in ("", "None") and field.null else field.to_python(value))
        row.save()


KINDS = {
    "documents": Kind(
        DocumentStatus, "document_id", ("status", "changed_at", "expires_on"), DocumentState.MISSING.value
    ),
    "authorizations": Kind(
        Authorization,
        "service_id",
        ("status", "reference", "payer_id", "changed_at", "expires_on"),
        AuthorizationState.NEEDED.value,
    ),
}


def _field(model: type[models.Model], name: str) -> models.Field:
    return next(field for field in model._meta.concrete_fields if field.attname == name)


def bring(root: Lead, others: Sequence[Lead]) -> tuple[dict[str, object], list[Paper]]:
    """Copy what the others have to the lead that stays; return what was brought and what stood there, as JSON.

    The rows are returned beside it: whoever waits for them is woken when the merge is written.
    """
    brought: dict[str, object] = {}
    here: list[Paper] = []
    for name, kind in KINDS.items():
        rows = kind.rows_of([root.pk, *(other.pk for other in others)])
        for key, giver in _givers(kind, rows, root, others):
            own = rows.get((root.pk, key))
            had = kind.written(own) if own else None
            row = own or kind.model(lead=root, **{kind.key: key})
            kind.write(row, kind.written(giver))
            brought.setdefault(name, {})[key] = {"brought": kind.written(row), "had": had}  # type: ignore[index]
            here.append(row)  # type: ignore[arg-type]
    return brought, here


def _givers(
    kind: Kind, rows: Mapping[tuple[int, str], models.Model], root: Lead, others: Sequence[Lead]
) -> Iterator[tuple[str, models.Model]]:
    """The papers the root has not got, each with the row of the oldest of the others that has it."""
    here = {key for (lead, key), row in rows.items() if lead == root.pk and row.status != kind.awaited}
    for key in sorted({key for _lead, key in rows} - here):
        held = (rows.get((other.pk, key)) for other in others)
        giver = next((row for row in held if row is not None and row.status != kind.awaited), None)
        if giver is not None:
            yield key, giver


def take_back(lead_id: int, filled: Mapping[str, object]) -> None:
    """Make the papers that a merge brought what they were before, unless they were changed since."""
    for name, kind in KINDS.items():
        known: Mapping[str, Mapping[str, Written | None]] = filled.get(name, {})  # type: ignore[assignment]
        rows = kind.rows_of([lead_id]) if known else {}
        for key, told in known.items():
            row = rows.get((lead_id, key))
            if row is None or kind.written(row) != told["brought"]:
                continue
            if told["had"] is None:
                row.delete()
            else:
                kind.write(row, told["had"])
