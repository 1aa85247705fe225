"""How does a lead rank, how well does it fit, how ready is it? Points and bands by the published rules, set-based.

One statement per lead type reads the facts, adds the points under their caps, writes only the leads that changed and
keeps each change in the history. The same statement, without its writes, previews a draft. The score ranks and sets the
time goal; it never decides [R5].
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import F, QuerySet

from leads import criteria
from leads.criteria import Criteria
from leads.models import BandRule, Lead, ScoringModel
from leads.vocabulary import Band
from medcrm.lib.models import VersionStatus

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
    pk: int
    code: str
    cap: int | None
    half_life_days: int | None


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
    leads = Lead.objects.filter(pk__in=lead_ids)
    types = set(leads.order_by().values_list("lead_type", flat=True))
    return sum(write_scores(scale, leads, at=at) for scale in published_scales(types))


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


def write_scores(scale: Scale, leads: QuerySet[Lead], *, at: datetime) -> int:
    """Write score, bands and explanation of the leads that changed, and the history of scores that moved."""
    scored, params = _scored_sql(scale, leads, at)
    statement = f"""
        WITH {scored},
        changed AS (
            UPDATE leads_lead AS lead
               SET score = scored.score, score_band = scored.band, score_model_id = %s, score_hits = scored.hits,
                   score_parts = scored.parts, fit = scored.fit, readiness = scored.readiness
              FROM scored
             WHERE lead.id = scored.id
               AND (lead.score, lead.score_band, lead.score_model_id, lead.score_hits, lead.score_parts, lead.fit,
                    lead.readiness)
                   IS DISTINCT FROM
                   (scored.score, scored.band, %s, scored.hits, scored.parts, scored.fit, scored.readiness)
            RETURNING lead.id, scored.old_score, scored.old_band, scored.score, scored.band, scored.hits, scored.parts
        ),
        history AS (
            INSERT INTO leads_scorechange (lead_id, model_id, at, old_score, new_score, old_band, new_band, hits, parts)
            SELECT id, %s, %s, old_score, score, old_band, band, hits, parts
              FROM changed
             WHERE old_score IS DISTINCT FROM score OR old_band IS DISTINCT FROM band
        )
        SELECT count(*) FROM changed
    """  # noqa: S608 - identifiers are integers of ours, every value is a parameter
    with connection.cursor() as cursor:
        cursor.execute(statement, [*params, scale.pk, scale.pk, scale.pk, at])
        return int(cursor.fetchone()[0])


def _scored_sql(scale: Scale, leads: QuerySet[Lead], at: datetime) -> criteria.Sql:
    """The common table expressions up to `scored`, one row per lead of the scale's type.

    Each step reads the one before: the facts, which rules hold, the points by category, the score.
    """
    facts, params = _facts_sql(scale, leads, at)
    holds, hold_params = _holds_sql(scale)
    totals = "".join(f", {_category_sql(scale, category)} AS c_{category.pk}" for category in scale.categories)
    total = " + ".join(f"c_{category.pk}" for category in scale.categories) or "0"
    hits = ", ".join(f"CASE WHEN r_{point.pk} THEN {point.pk:d} END" for point in scale.points)
    parts = ", ".join(f"%s::text, c_{category.pk}" for category in scale.categories)
    sql = f"""
        facts AS ({facts}),
        held AS (SELECT facts.*{holds} FROM facts),
        totals AS (SELECT held.*{totals} FROM held),
        scored AS (
            SELECT lead AS id, score AS old_score, score_band AS old_band, fit_band AS fit, readiness_band AS readiness,
                   LEAST(100, GREATEST(0, {total}))::smallint AS score,
                   CASE WHEN {total} >= {scale.high_from:d} THEN '{Band.HIGH}'
                        WHEN {total} >= {scale.medium_from:d} THEN '{Band.MEDIUM}'
                        ELSE '{Band.LOW}' END AS band,
                   array_remove(ARRAY[{hits}]::int[], NULL) AS hits,
                   jsonb_build_object({parts}) AS parts
              FROM totals
        )
    """  # noqa: S608 - identifiers and numbers are integers of ours, every value is a parameter
    return sql, [*params, *hold_params, *(category.code for category in scale.categories)]


def _facts_sql(scale: Scale, leads: QuerySet[Lead], at: datetime) -> criteria.Sql:
    """One row per lead with its present score and every fact that any rule of the scale asks for."""
    rules = [*scale.points, *scale.fit_bands, *scale.readiness_bands]
    names = criteria.names(rule.criteria for rule in rules)
    if any(category.half_life_days for category in scale.categories) and QUIET not in names:
        names.append(QUIET)
    same_type = leads.filter(lead_type=scale.lead_type)
    return criteria.facts_query(same_type, names, at=at, extra=["score", "score_band"])


def _holds_sql(scale: Scale) -> criteria.Sql:
    """A yes or no per scoring rule, and the first band rule of each target that holds, low when none does."""
    columns, params = [], []
    for point in scale.points:
        sql, values = criteria.condition_sql(point.criteria)
        columns.append(f"{sql} AS r_{point.pk}")
        params += values
    for name, rules in (("fit_band", scale.fit_bands), ("readiness_band", scale.readiness_bands)):
        whens = [(criteria.condition_sql(rule.criteria), rule.band) for rule in rules]
        cases = "".join(f" WHEN {sql} THEN %s" for (sql, _values), _band in whens)
        params += [value for (_sql, values), band in whens for value in (*values, band)]
        columns.append(f"(CASE{cases} ELSE '{Band.LOW}' END) AS {name}" if whens else f"'{Band.LOW}' AS {name}")
    return "".join(f", {column}" for column in columns), params


def _category_sql(scale: Scale, category: Category) -> str:
    terms = [
        f"CASE WHEN r_{point.pk} THEN {point.points:d} ELSE 0 END"
        for point in scale.points
        if point.category == category.pk
    ]
    total = " + ".join(terms) or "0"
    if category.cap is not None:
        total = f"LEAST({category.cap:d}, {total})"
    if category.half_life_days:
        total = f"round(({total}) * power(0.5, fact_{QUIET} / {category.half_life_days:d}))"
    return f"({total})::int"


def explanation(lead: Lead) -> list[tuple[str, int, str]]:
    """Why this score: rule name, points and sentence of each rule that fired, in the frozen version that scored it."""
    if lead.score_model is None:
        return []
    rules = lead.score_model.rules.filter(pk__in=lead.score_hits).order_by(F("points").desc())
    return [(rule.name, rule.points, rule.sentence) for rule in rules]
