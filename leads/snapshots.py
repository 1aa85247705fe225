"""What was known of a lead when the rules decided it? Frozen then, so that other rules can be tried on the past.

A back-test evaluates the same compiled conditions over these frozen facts; what was learned later is not in them, so it
cannot be looked at. One row per change of score or decision; a walk that changes nothing keeps nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal

from django.db import connection

from leads import criteria, qualification
from leads.checks import Facts, FailedAnswer
from leads.criteria import FactSource, Kind, Sql
from leads.models import Lead, NextStepSet, Snapshot
from medcrm.lib.models import VersionStatus

OUTPUTS = ("stage", "decision", "next_step", "hold_reason", "stop_reason")
"""Facts that a decision itself writes: what rules read of them is how they stood before."""

COMPARED = (
    "score", "score_band", "fit", "readiness", "scoring_model_id", "next_step_set_id",
    "decision", "next_step", "hold_reason", "stop_reason",
)  # fmt: skip
SQL_TYPES = {Kind.CODE: "text", Kind.NUMBER: "double precision", Kind.YES_NO: "boolean"}

Outputs = Mapping[int, Mapping[str, object]]


def outputs(lead_ids: Sequence[int]) -> Outputs:
    """How the outputs of a decision stand before it, for the leads that rules will decide."""
    rows = qualification.undecided(lead_ids).values("pk", *OUTPUTS)
    return {row.pop("pk"): {name: value or None for name, value in row.items()} for row in rows}


def keep(stood: Outputs, given: Mapping[int, Facts], *, at: datetime) -> int:
    """Freeze what was known of leads whose score or decision differs from their last snapshot; return how many.

    `given` is what the checks were given on this walk.
    """
    if not stood:
        return 0
    rules = NextStepSet.objects.filter(status=VersionStatus.PUBLISHED).values_list("pk", flat=True).first()
    now = {lead.pk: _decided(lead, rules, at) for lead in Lead.objects.filter(pk__in=stood)}
    last = Snapshot.objects.filter(lead__in=stood).order_by("lead_id", "-at", "-pk").distinct("lead_id")
    known = {row["lead_id"]: tuple(row[name] for name in COMPARED) for row in last.values("lead_id", *COMPARED)}
    fresh = {pk: row for pk, row in now.items() if known.get(pk) != tuple(getattr(row, name) for name in COMPARED)}
    if not fresh:
        return 0
    for pk, facts in _facts(list(fresh), at):
        fresh[pk].facts = facts | stood[pk]
        fresh[pk].inputs = _plain(asdict(given[pk]))
    Snapshot.objects.bulk_create(fresh.values(), batch_size=qualification.BATCH)
    return len(fresh)


def _decided(lead: Lead, rules: int | None, at: datetime) -> Snapshot:
    return Snapshot(
        lead=lead, at=at, cycle=lead.cycle, score=lead.score, score_band=lead.score_band, fit=lead.fit,
        readiness=lead.readiness, scoring_model_id=lead.score_model_id, next_step_set_id=rules, decision=lead.decision,
        next_step=lead.next_step, hold_reason=lead.hold_reason_id or "", stop_reason=lead.stop_reason_id or "",
    )  # fmt: skip


def _facts(lead_ids: Sequence[int], at: datetime) -> Iterator[tuple[int, dict[str, object]]]:
    """Every registered fact of each lead, as rules read it."""
    names = [fact.name for fact in criteria.facts()]
    query, params = criteria.facts_query(Lead.objects.filter(pk__in=lead_ids), names, at=at)
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        columns = [column.name for column in cursor.description]
        for row in cursor.fetchall():
            values = dict(zip(columns, row, strict=True))
            yield values["lead"], {name: _plain(values[f"fact_{name}"]) for name in names}


def _plain(value: object) -> object:
    """The value as JSON keeps it."""
    match value:
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case Decimal():
            return float(value)
        case date():
            return value.isoformat()
        case _:
            return value


def inputs_of(snapshot: Snapshot) -> Facts:
    """What the checks were given then."""
    given = dict(snapshot.inputs)
    given["failed_answers"] = [FailedAnswer(**answer) for answer in given.get("failed_answers", [])]
    for name in ("first_open_on", "next_open_on"):
        if given.get(name):
            given[name] = date.fromisoformat(given[name])
    return Facts(**given)


Frozen = Mapping[int, Mapping[str, object]]
"""Key of a snapshot → its facts, as they were or as other rules would have them."""

STORED = {"score": "smallint", "score_band": "text", "fit": "text", "readiness": "text", "stage": "text"}


def source(frozen: Frozen) -> FactSource:
    """Frozen facts as rows that the compiler reads like those of living leads."""
    rows = json.dumps([{"key": key, "facts": facts} for key, facts in frozen.items()])
    kinds = {fact.name: SQL_TYPES[fact.kind] for fact in criteria.facts()}

    def query(names: Sequence[str], stored: Sequence[str]) -> Sql:
        columns = [f"(row->'facts'->>'{name}')::{kinds[name]} AS \"fact_{name}\"" for name in names]
        columns += [f"(row->'facts'->>'{name}')::{STORED[name]} AS {name}" for name in stored]
        listed = "".join(f", {column}" for column in columns)
        return f"SELECT (row->>'key')::bigint AS lead{listed} FROM jsonb_array_elements(%s::jsonb) AS row", [rows]  # noqa: S608

    return query


DECIDED = {
    "decision": "NULLIF(decided.decision, '')",
    "next_step": "NULLIF(decided.next_step, '')",
    "hold_reason": "NULLIF(decided.hold_reason, '')",
    "stop_reason": "NULLIF(decided.stop_reason, '')",
}
"""What a decision wrote, as rules that come after it read it from a snapshot called `decided`."""


def columns_after(names: Sequence[str]) -> str:
    """Facts of a snapshot called `decided` as columns for the compiler, as routing reads them: after the decision."""
    kinds = {fact.name: SQL_TYPES[fact.kind] for fact in criteria.facts()}
    read = {name: DECIDED.get(name, f"(decided.facts->>'{name}')::{kinds[name]}") for name in names}
    return "".join(f', {sql} AS "fact_{name}"' for name, sql in read.items())
