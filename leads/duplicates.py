"""Which leads may be one person? Pairs found by what they share, each with a stated score, for a person to judge.

The search walks the leads in key order, a slice at a time, and compares each with those before it by the indexes of
address, name and ZIP, name and age, and organisation. It keeps no more than its position; a lead that is reached under
another address since is compared with all others at once.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction
from django.utils.translation import gettext as _

from leads.models import DuplicateCandidate, DuplicateSearch
from leads.services import merging
from medcrm.lib.errors import RuleError

RULES = tomllib.loads((Path(__file__).parent / "data" / "duplicates.toml").read_text())
POINTS = RULES["points"]
SLICE = 2000

NEXT = "SELECT * FROM leads_lead WHERE id > %(position)s AND merged_into_id IS NULL ORDER BY id LIMIT %(limit)s"
NAMED = "SELECT * FROM leads_lead WHERE id = ANY(%(leads)s) AND merged_into_id IS NULL"
BEFORE, OTHER = "b.id < a.id", "b.id <> a.id"
COMPARED = "a.lead_type = b.lead_type AND b.merged_into_id IS NULL"
PAIR = """
SELECT GREATEST(a.id, b.id) AS later, LEAST(a.id, b.id) AS earlier FROM mine a CROSS JOIN LATERAL (
  SELECT b.id FROM leads_lead b WHERE {} AND {} AND {} ORDER BY b.id DESC LIMIT %(per_lead)s) b WHERE {}
"""
BLOCKS = (
    ("b.phone_id = a.phone_id", "a.phone_id IS NOT NULL"),
    ("b.email_id = a.email_id", "a.email_id IS NOT NULL"),
    ("b.zip = a.zip AND upper(b.last_name) = upper(a.last_name) AND b.zip <> '' AND b.last_name <> ''",
     "a.zip <> '' AND a.last_name <> ''"),
    ("upper(b.last_name) = upper(a.last_name) AND upper(b.first_name) = upper(a.first_name) AND b.last_name <> ''"
     " AND b.age BETWEEN a.age - 1 AND a.age + 1", "a.age IS NOT NULL AND a.last_name <> '' AND a.first_name <> ''"),
    ("upper(b.organisation) = upper(a.organisation) AND b.organisation <> ''", "a.organisation <> ''"),
)  # fmt: skip
FIND = """
WITH mine AS MATERIALIZED ({mine}), pairs AS ({pairs}),
alike AS (
  SELECT p.earlier, p.later, array_remove(ARRAY[
    CASE WHEN a.phone_id = b.phone_id THEN 'same_phone' END,
    CASE WHEN a.email_id = b.email_id THEN 'same_email' END,
    CASE WHEN a.zip = b.zip AND a.zip <> '' AND upper(a.last_name) = upper(b.last_name) AND a.last_name <> ''
         THEN 'same_last_name_and_zip' WHEN upper(a.last_name) = upper(b.last_name) AND a.last_name <> ''
         THEN 'same_last_name' END,
    CASE WHEN upper(a.first_name) = upper(b.first_name) AND a.first_name <> '' THEN 'same_first_name' END,
    CASE WHEN abs(a.age - b.age) <= 1 THEN 'same_age' END,
    CASE WHEN upper(a.organisation) = upper(b.organisation) AND a.organisation <> '' THEN 'same_organisation' END
  ], NULL) AS reasons
  FROM pairs p JOIN leads_lead a ON a.id = p.later JOIN leads_lead b ON b.id = p.earlier
), scored AS (
  SELECT earlier, later, reasons,
         (SELECT LEAST(100, sum((%(points)s::jsonb ->> reason)::int)) FROM unnest(reasons) reason) AS score
  FROM alike
), kept AS (
  INSERT INTO leads_duplicatecandidate (one_id, other_id, score, reasons, verdict, found_at)
  SELECT earlier, later, score, to_jsonb(reasons), 'open', %(at)s FROM scored WHERE score >= %(least)s
  ON CONFLICT DO NOTHING RETURNING 1
)
SELECT (SELECT max(id) FROM mine), (SELECT count(*) FROM mine), (SELECT count(*) FROM kept)
"""


def _find(mine: str, which: str) -> str:
    """The search for pairs of these leads with those others; the pieces are constants of this module."""
    pairs = " UNION ".join(PAIR.format(COMPARED, which, same, given) for same, given in BLOCKS)
    return FIND.format(mine=mine, pairs=pairs)


FIND_NEXT, FIND_OF = _find(NEXT, BEFORE), _find(NAMED, OTHER)


@transaction.atomic
def search(*, at: datetime, limit: int = SLICE) -> tuple[int, int]:
    """Compare the next leads with all before them; return how many were compared and how many pairs are new."""
    place, _made = DuplicateSearch.objects.select_for_update().get_or_create(pk=1)
    last, compared, found = _run(FIND_NEXT, at=at, position=place.position, limit=limit)
    if last:
        place.position, place.looked_at = last, at
        place.save()
    return compared, found


def compare(lead_ids: Sequence[int], *, at: datetime) -> int:
    """Compare these leads with all others, as after a new number; return how many pairs are new."""
    _last, _compared, found = _run(FIND_OF, at=at, leads=list(lead_ids))
    return found


def _run(statement: str, *, at: datetime, **values: object) -> tuple[int, int, int]:
    common = {"at": at, "least": RULES["least"], "per_lead": RULES["per_lead"], "points": json.dumps(POINTS)}
    with connection.cursor() as cursor:
        cursor.execute(statement, values | common)
        return cursor.fetchone()


@transaction.atomic
def start_over() -> None:
    """Compare everything again, as after corrections of many names; pairs that were judged stay judged."""
    DuplicateSearch.objects.update_or_create(pk=1, defaults={"position": 0})


@transaction.atomic
def judge(candidate_id: int, *, is_same: bool, by: AbstractBaseUser, at: datetime) -> DuplicateCandidate:
    """Merge the pair, or say that they are two persons. Raise RuleError when it was judged before."""
    pair = DuplicateCandidate.objects.select_for_update().get(pk=candidate_id)
    if pair.verdict != DuplicateCandidate.Verdict.OPEN:
        raise RuleError("JUDGED_ALREADY", _("Somebody has judged this pair meanwhile."))
    if is_same:
        merging.merge(pair.one_id, pair.other_id, by=by, at=at, reason=", ".join(pair.reasons))
    pair.verdict = DuplicateCandidate.Verdict.MERGED if is_same else DuplicateCandidate.Verdict.DIFFERENT
    pair.settled_at, pair.settled_by = at, by
    pair.save()
    return pair


def alternatives(pair: DuplicateCandidate) -> list[tuple[str, object, object]]:
    """What is known of both, side by side: the field, one, other."""
    names = ("name", "phone", "email", "age", "zip", "city", "organisation", "service", "payer", "timing", "stage",
             "owner", "created_at")  # fmt: skip
    one, other = pair.one, pair.other
    rows = [(name, getattr(one, name), getattr(other, name)) for name in names]
    return [(name, a, b) for name, a, b in rows if a not in ("", None) or b not in ("", None)]
