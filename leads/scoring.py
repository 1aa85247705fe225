"""How does a lead rank, how well does it fit, how ready is it? Points and bands by the published rules, set-based.

One statement per lead type reads the facts, adds the points under their caps, writes only the leads that changed and
keeps each change in the history. The same statement, without its writes, previews a draft (`leads.effects`). The score
ranks and sets the time goal; it never decides [R5].
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import F, QuerySet

from leads import criteria
from leads.criteria import FENCE, Criteria, FactSource
from leads.lifecycle import OPEN
from leads.models import BandRule, Lead, ScoringModel
from leads.vocabulary import Band
from medcrm.lib.among import Among
from medcrm.lib.later import Param
from medcrm.lib.models import VersionStatus
from medcrm.lib.sessions import Span

QUIET = "quiet_days"  # the fact by which engagement decays


@dataclass(frozen=True)
class Point:
    """One rule of a scoring model, as plain values."""

    pk: int
    category: int
    points: int
    criteria: Criteria


@dataclass(frozen=True)
class Category:
    """A part of the score: the most it may give (None is no limit) and in how many days its points halve."""

    pk: int
    code: str
    cap: int | None
    half_life_days: int | None


@dataclass(frozen=True)
class Kept:
    """What a lead's stored score answers already, because the scale that made it has the same rules.

    `hits` leads from a rule to the rule with the same criteria there, `codes` are the categories that are the same in
    all, `dropped` those that are not any more, `targets` the band rules that are the same.
    """

    hits: Mapping[int, int]
    codes: frozenset[str]
    dropped: frozenset[str]
    targets: frozenset[str]


NOTHING_KEPT = Kept({}, frozenset(), frozenset(), frozenset())


@dataclass(frozen=True)
class Scored:
    """How many leads were written, and how many of them were marked due because a band moved."""

    changed: int = 0
    woken: int = 0


@dataclass(frozen=True)
class Scale:
    """A scoring model ready to be compiled: what one statement needs to know."""

    pk: int
    lead_type: str
    high_from: int
    medium_from: int
    categories: Sequence[Category]
    points: Sequence[Point]
    fit_bands: Sequence[BandRule]
    readiness_bands: Sequence[BandRule]


def score_leads(lead_ids: Sequence[int], *, at: datetime) -> int:
    """Score these leads by the published models of their types; return how many changed."""
    leads = Lead.objects.filter(Among("pk", lead_ids))
    types = set(leads.order_by().values_list("lead_type", flat=True))
    return sum(write_scores(scale, lead_ids, at=at).changed for scale in published_scales(types))


def published_scales(lead_types: Collection[str]) -> list[Scale]:
    """The scales in force for these types, each type at most once."""
    models = ScoringModel.objects.filter(status=VersionStatus.PUBLISHED, lead_type__in=lead_types)
    return [scale(model) for model in models.prefetch_related("categories", "rules", "bands")]


def scale(model: ScoringModel) -> Scale:
    """Read a model's rows, active rules only, in their order."""
    bands = [rule for rule in model.bands.all() if rule.is_active]
    return Scale(
        pk=model.pk,
        lead_type=model.lead_type,
        high_from=model.high_from,
        medium_from=model.medium_from,
        categories=[Category(c.pk, c.code, c.cap, c.half_life_days) for c in model.categories.all()],
        points=[Point(r.pk, r.category_id, r.points, r.criteria) for r in model.rules.all() if r.is_active],
        fit_bands=[rule for rule in bands if rule.target == BandRule.Target.FIT],
        readiness_bands=[rule for rule in bands if rule.target == BandRule.Target.READINESS],
    )


def write_scores(scale: Scale, lead_ids: Sequence[int], *, at: datetime, wakes: bool = False) -> Scored:
    """Write score, bands and explanation of those leads of the scale's type that changed, and the history of scores.

    The history also keeps an explanation that changed behind the same sum: points in other categories, or by other
    rules of the same version [R24]. The rules of another version are others by key only.

    With `wakes`, open leads whose score band, fit or readiness moved are due to walk the road again; a walk itself asks
    for none. The caller holds the leads' locks.
    """
    stored = ("score_hits", "score_parts", "score_model_id")
    scored, params = scored_sql(scale, Lead.objects.filter(Among("pk", lead_ids)), at, extra=stored)
    due = "LEAST(COALESCE(lead.advance_due_at, %s), %s)"
    statement = f"""
        WITH {scored},
        changed AS (
            UPDATE leads_lead AS lead
               SET score = scored.score, score_band = scored.band, score_model_id = %s, score_hits = scored.hits,
                   score_parts = scored.parts, fit = scored.fit, readiness = scored.readiness,
                   advance_due_at = CASE WHEN scored.wakes THEN {due} ELSE lead.advance_due_at END
              FROM (
                  SELECT *, (%s AND stage = ANY(%s)
                             AND (old_band, old_fit, old_readiness) <> (band, fit, readiness)) AS wakes
                    FROM scored
              ) AS scored
             WHERE lead.id = scored.id
               AND lead.id = ANY(%s::bigint[])  -- known from the join, but the planner would read all leads for it
               AND (lead.score, lead.score_band, lead.score_model_id, lead.score_hits, lead.score_parts, lead.fit,
                    lead.readiness)
                   IS DISTINCT FROM
                   (scored.score, scored.band, %s, scored.hits, scored.parts, scored.fit, scored.readiness)
            RETURNING lead.id, scored.old_score, scored.old_band, scored.score, scored.band, scored.hits, scored.parts,
                      scored.wakes,
                      (scored.score_parts <> scored.parts
                       OR (scored.score_model_id = %s AND scored.score_hits <> scored.hits)) AS is_explained_anew
        ),
        history AS (
            INSERT INTO leads_scorechange (lead_id, model_id, at, old_score, new_score, old_band, new_band, hits, parts)
            SELECT id, %s, %s, old_score, score, old_band, band, hits, parts
              FROM changed
             WHERE old_score IS DISTINCT FROM score OR old_band IS DISTINCT FROM band OR is_explained_anew
        )
        SELECT count(*), count(*) FILTER (WHERE wakes) FROM changed
    """  # noqa: S608 - identifiers are integers of ours, every value is a parameter
    with connection.cursor() as cursor:
        stages = [stage.value for stage in OPEN]
        values: list[Param] = [scale.pk, at, at, wakes, stages, list(lead_ids), scale.pk, scale.pk, scale.pk, at]
        cursor.execute(statement, [*params, *values])
        return Scored(*cursor.fetchone())


def score_frozen(scale: Scale, facts: FactSource, *, at: datetime) -> dict[int, tuple[int, str, str, str]]:
    """Score, band, fit and readiness that this scale gives to facts frozen earlier. Reads only."""
    scored, params = scored_sql(scale, facts, at)
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {scored} SELECT id, score, band, fit, readiness FROM scored", params)  # noqa: S608
        return {row[0]: row[1:] for row in cursor.fetchall()}


def scored_sql(
    scale: Scale,
    leads: QuerySet[Lead] | FactSource,
    at: datetime,
    *,
    kept: Kept = NOTHING_KEPT,
    extra: Sequence[str] = (),
    span: Span | None = None,
) -> criteria.Sql:
    """The common table expressions up to `scored`, one row per lead of the type; of a span, about all of them.

    Each step reads the one before: the facts, which rules hold, the points by category, the score. What is kept is read
    from the stored score, and the facts behind it are not asked for.
    """
    categories = [category for category in scale.categories if category.code not in kept.codes]
    facts, params = _facts_sql(scale, leads, at, categories, kept, extra, span)
    holds, hold_params = _holds_sql(scale, categories, kept)
    totals = "".join(f", {_category_sql(scale, category)} AS c_{category.pk}" for category in categories)
    total, total_params = _total_sql(categories, kept)
    hits = ", ".join(f"CASE WHEN r_{point.pk} THEN {point.pk:d} END" for point in _points(scale, categories))
    parts = ", ".join(f"%s::text, c_{category.pk}" for category in categories)
    passed = "".join(f", {name}" for name in extra)
    sql = f"""
        facts AS ({facts} {FENCE}),
        held AS (SELECT facts.*{holds} FROM facts {FENCE}),
        added AS (SELECT held.*{totals} FROM held {FENCE}),
        totals AS (SELECT added.*, LEAST(100, GREATEST(0, {total}))::smallint AS total FROM added {FENCE}),
        scored AS (
            SELECT lead AS id, stage, score AS old_score, score_band AS old_band, fit AS old_fit,
                   readiness AS old_readiness, fit_band AS fit, readiness_band AS readiness, total AS score,
                   CASE WHEN total >= {scale.high_from:d} THEN '{Band.HIGH}'
                        WHEN total >= {scale.medium_from:d} THEN '{Band.MEDIUM}'
                        ELSE '{Band.LOW}' END AS band,
                   array_remove(ARRAY[{hits}]::int[], NULL) AS hits,
                   jsonb_build_object({parts}) AS parts{passed}
              FROM totals
            {FENCE}
        )
    """  # noqa: S608 - identifiers and numbers are integers of ours, every value is a parameter
    return sql, [*params, *hold_params, *total_params, *(category.code for category in categories)]


def _points(scale: Scale, categories: Sequence[Category]) -> list[Point]:
    wanted = {category.pk for category in categories}
    return [point for point in scale.points if point.category in wanted]


def _facts_sql(
    scale: Scale,
    leads: QuerySet[Lead] | FactSource,
    at: datetime,
    categories: Sequence[Category],
    kept: Kept,
    extra: Sequence[str],
    span: Span | None,
) -> criteria.Sql:
    """One row per lead with its present score and every fact that a rule asks for which is not kept."""
    points = [point for point in _points(scale, categories) if point.pk not in kept.hits]
    bands = [rule for target, rules in bands_of(scale) if target not in kept.targets for rule in rules]
    names = criteria.names([*(point.criteria for point in points), *(rule.criteria for rule in bands)])
    if any(category.half_life_days for category in categories) and QUIET not in names:
        names.append(QUIET)
    stored = ["score", "score_band", "fit", "readiness", "stage"]
    if kept is not NOTHING_KEPT:
        stored += ["score_hits", "score_parts"]
    if callable(leads):
        return leads(names, [*stored, *extra])
    same_type = leads.filter(lead_type=scale.lead_type)
    return criteria.facts_query(same_type, names, at=at, extra=[*stored, *extra], span=span)


def bands_of(scale: Scale) -> list[tuple[str, Sequence[BandRule]]]:
    """The band rules by what they give a band to."""
    return [(BandRule.Target.FIT, scale.fit_bands), (BandRule.Target.READINESS, scale.readiness_bands)]


def _holds_sql(scale: Scale, categories: Sequence[Category], kept: Kept) -> criteria.Sql:
    """A yes or no per scoring rule, and the first band rule of each target that holds, low when none does."""
    columns: list[str] = []
    params: list[Param] = []
    for point in _points(scale, categories):
        if point.pk in kept.hits:
            columns.append(f"score_hits @> ARRAY[{kept.hits[point.pk]:d}] AS r_{point.pk}")
            continue
        sql, values = criteria.condition_sql(point.criteria)
        columns.append(f"{sql} AS r_{point.pk}")
        params += values
    for target, rules in bands_of(scale):
        whens = [(criteria.condition_sql(rule.criteria), rule.band) for rule in rules]
        if target in kept.targets:
            columns.append(f"{target} AS {target}_band")
        elif not whens:
            columns.append(f"'{Band.LOW}' AS {target}_band")
        else:
            cases = "".join(f" WHEN {sql} THEN %s" for (sql, _values), _band in whens)
            params += [value for (_sql, values), band in whens for value in (*values, band)]
            columns.append(f"(CASE{cases} ELSE '{Band.LOW}' END) AS {target}_band")
    return "".join(f", {column}" for column in columns), params


def _total_sql(categories: Sequence[Category], kept: Kept) -> criteria.Sql:
    """All points: those added now, and those that the stored score keeps.

    A stored score between its ends is the sum of its parts, so only the parts that changed are looked up.
    """
    added = " + ".join(f"c_{category.pk}" for category in categories) or "0"
    if kept is NOTHING_KEPT:
        return added, []
    part = "COALESCE((score_parts->>%s)::int, 0)"
    gone, same = (" + ".join(part for _code in codes) or "0" for codes in (kept.dropped, kept.codes))
    stored = f"CASE WHEN score BETWEEN 1 AND 99 THEN score - ({gone}) ELSE {same} END"
    return f"{stored} + {added}", [*kept.dropped, *kept.codes]


def _category_sql(scale: Scale, category: Category) -> str:
    """Points of one category under its cap; what fades with quiet days can be used up, but is never owed [2.7]."""
    terms = [
        f"CASE WHEN r_{point.pk} THEN {point.points:d} ELSE 0 END"
        for point in scale.points
        if point.category == category.pk
    ]
    total = " + ".join(terms) or "0"
    if category.cap is not None:
        total = f"LEAST({category.cap:d}, {total})"
    if category.half_life_days:
        total = f"round(GREATEST(0, {total}) * power(0.5, fact_{QUIET} / {category.half_life_days:d}))"
    return f"({total})::int"


def explanation(lead: Lead) -> list[tuple[str, int, str]]:
    """Why this score: rule name, points and sentence of each rule that fired, in the frozen version that scored it."""
    if lead.score_model is None:
        return []
    rules = lead.score_model.rules.filter(pk__in=lead.score_hits).order_by(F("points").desc())
    return [(rule.name, rule.points, rule.sentence) for rule in rules]
