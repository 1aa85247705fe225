"""The compiler against a direct reading: rules and leads are drawn, and SQL must say what plain Python says.

One lead (`condition`), many leads (`holding`, `match_leads`), scoring and the preview are held to the same reading,
which knows nothing of the compiler.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leads import criteria, effects, scoring
from leads.models import BandRule, Interaction, Lead, ScoringCategory, ScoringModel, ScoringRule
from leads.vocabulary import InteractionKind

NOW = datetime(2026, 12, 1, 16, tzinfo=UTC)
CODES = {
    "request": ["appointment", "price", "info", "question"],
    "payer": ["ppo", "hmo", "self"],
    "timing": ["now", "two_weeks", "not_sure"],
    "zip": ["78704", "78701"],
}
COUNTED = {
    "replies": (InteractionKind.EMAIL_REPLY, InteractionKind.SMS_REPLY),
    "page_visits": (InteractionKind.PAGE_VISIT,),
    "webinars": (InteractionKind.WEBINAR_ATTENDED,),
}
RECENT = {"days_since_reply": COUNTED["replies"]}
OWN_ACTS = (*COUNTED["replies"], *COUNTED["page_visits"], *COUNTED["webinars"])
NUMBERS = ["age", "clinic_size", *COUNTED, *RECENT, "quiet_days", "contact_points"]
YES_NO = ["is_existing_patient"]


@dataclass(frozen=True)
class Person:
    """A lead as drawn: what it said, and what it did when."""

    said: dict[str, object]
    age_days: int
    did: list[tuple[InteractionKind, int, int]] = field(default_factory=list)  # kind, days ago, how often

    def fact(self, name: str) -> object:
        if name in COUNTED:
            return sum(count for kind, _ago, count in self.did if kind in COUNTED[name])
        if name in RECENT:
            return min((ago for kind, ago, _count in self.did if kind in RECENT[name]), default=None)
        if name == "quiet_days":
            return min((ago for kind, ago, _count in self.did if kind in OWN_ACTS), default=self.age_days)
        if name == "contact_points":
            return 0
        return None if self.said[name] in ("", None) else self.said[name]


COMPARE = {
    "is": lambda fact, value: fact == value,
    "is_not": lambda fact, value: fact != value,
    "in": lambda fact, value: fact in value,
    "not_in": lambda fact, value: fact not in value,
    "lt": lambda fact, value: fact < value,
    "lte": lambda fact, value: fact <= value,
    "gt": lambda fact, value: fact > value,
    "gte": lambda fact, value: fact >= value,
}


def holds(rule: list, person: Person) -> bool:
    """What the rule says of this person, read word by word."""
    return not rule or any(all(term_holds(term, person) for term in group) for group in rule)


def term_holds(term: dict, person: Person) -> bool:
    fact = person.fact(term["fact"])
    if term["op"] in ("known", "unknown"):
        return (fact is not None) == (term["op"] == "known")
    return fact is not None and COMPARE[term["op"]](fact, term["value"])


@dataclass(frozen=True)
class Model:
    """A scoring model as drawn: categories (cap, half-life, rules with points), thresholds, bands."""

    high: int
    medium: int
    categories: list[tuple[int | None, int | None, list[tuple[list, int]]]]
    fit: list[tuple[list, str]]
    readiness: list[tuple[list, str]]

    def of(self, person: Person) -> tuple[int, str, str, str, dict[str, int]]:
        """Score, band, fit, readiness and parts of this person, added up by hand."""
        parts = {f"c{number}": self.points(category, person) for number, category in enumerate(self.categories)}
        score = max(0, min(100, sum(parts.values())))
        band = "high" if score >= self.high else "medium" if score >= self.medium else "low"
        fit, readiness = (
            next((band for rule, band in rules if holds(rule, person)), "low") for rules in (self.fit, self.readiness)
        )
        return score, band, fit, readiness, parts

    @staticmethod
    def points(category: tuple, person: Person) -> int:
        cap, half_life, rules = category
        total = sum(points for rule, points in rules if holds(rule, person))
        total = total if cap is None else min(cap, total)
        if half_life:
            halved = Decimal(max(0, total)) / Decimal(2) ** (person.fact("quiet_days") // half_life)
            total = int(halved.quantize(Decimal(1), rounding=ROUND_HALF_UP))
        return total


def terms() -> st.SearchStrategy[dict]:
    code = st.sampled_from(sorted(CODES))
    coded = code.flatmap(
        lambda name: st.one_of(
            st.builds(
                lambda op, value: {"fact": name, "op": op, "value": value},
                st.sampled_from(["is", "is_not"]),
                st.sampled_from(CODES[name]),
            ),
            st.builds(
                lambda op, value: {"fact": name, "op": op, "value": value},
                st.sampled_from(["in", "not_in"]),
                st.lists(st.sampled_from(CODES[name]), min_size=1, max_size=3),
            ),
        )
    )
    numbered = st.builds(
        lambda name, op, value: {"fact": name, "op": op, "value": value},
        st.sampled_from(NUMBERS),
        st.sampled_from(["is", "lt", "lte", "gt", "gte"]),
        st.one_of(st.integers(0, 45), st.sampled_from([0.5, 18.5])),
    )
    answered = st.builds(
        lambda name, value: {"fact": name, "op": "is", "value": value}, st.sampled_from(YES_NO), st.booleans()
    )
    known = st.builds(
        lambda name, op: {"fact": name, "op": op},
        st.sampled_from([*CODES, *NUMBERS, *YES_NO]),
        st.sampled_from(["known", "unknown"]),
    )
    return st.one_of(coded, numbered, answered, known)


RULES = st.lists(st.lists(terms(), max_size=3), max_size=3)
PEOPLE = st.builds(
    Person,
    said=st.fixed_dictionaries(
        {
            **{name: st.sampled_from(["", *values]) for name, values in CODES.items()},
            "age": st.one_of(st.none(), st.integers(0, 45)),
            "clinic_size": st.one_of(st.none(), st.integers(0, 45)),
            "is_existing_patient": st.sampled_from([None, True, False]),
        }
    ),
    age_days=st.integers(0, 80),
    did=st.lists(st.tuples(st.sampled_from(OWN_ACTS), st.integers(0, 80), st.integers(1, 5)), max_size=4),
)
BANDS = st.lists(st.tuples(RULES, st.sampled_from(["high", "medium", "low"])), max_size=2)
CATEGORIES = st.tuples(
    st.one_of(st.none(), st.integers(-5, 30)),
    st.sampled_from([None, 1, 10, 30]),
    st.lists(st.tuples(RULES, st.integers(-40, 60)), max_size=3),
)
MODELS = st.builds(
    lambda high, below, **parts: Model(high=high, medium=max(0, high - below), **parts),
    high=st.integers(1, 100),
    below=st.integers(1, 60),
    categories=st.lists(CATEGORIES, min_size=1, max_size=3),
    fit=BANDS,
    readiness=BANDS,
)


@st.composite
def changed(draw: st.DrawFn) -> tuple[Model, Model]:
    """A model and a draft made from it: some parts are the same, some are not."""
    old, other = draw(MODELS), draw(MODELS)
    categories = [draw(st.sampled_from([was, now])) for was, now in zip(old.categories, other.categories, strict=False)]
    pick = draw(st.tuples(st.booleans(), st.booleans(), st.booleans()))
    return old, Model(
        *((old.high, old.medium) if pick[0] else (other.high, other.medium)),
        categories=[*categories, *old.categories[len(categories) :]],
        fit=old.fit if pick[1] else other.fit,
        readiness=old.readiness if pick[2] else other.readiness,
    )


def stored(people: list[Person]) -> list[int]:
    rows = Lead.objects.bulk_create(
        Lead(
            lead_type="patient",
            source_id="web_consult",
            payer_id=person.said["payer"] or None,
            timing_id=person.said["timing"] or None,
            created_at=NOW - timedelta(days=person.age_days),
            **{name: value for name, value in person.said.items() if name not in ("payer", "timing")},
        )
        for person in people
    )
    Interaction.objects.bulk_create(
        Interaction(lead=row, kind=kind, direction="inbound", at=NOW - timedelta(days=ago), count=count)
        for row, person in zip(rows, people, strict=True)
        for kind, ago, count in person.did
    )
    return [row.pk for row in rows]


def made(model: Model, status: str, version: int) -> ScoringModel:
    row = ScoringModel.objects.create(
        lead_type="patient", version=version, high_from=model.high, medium_from=model.medium
    )
    for number, (cap, half_life, rules) in enumerate(model.categories):
        category = ScoringCategory.objects.create(model=row, code=f"c{number}", cap=cap, half_life_days=half_life)
        ScoringRule.objects.bulk_create(
            ScoringRule(model=row, category=category, axis="fit", points=points, criteria=rule)
            for rule, points in rules
        )
    BandRule.objects.bulk_create(
        BandRule(model=row, target=target, band=band, criteria=rule, position=number)
        for target, rules in (("fit", model.fit), ("readiness", model.readiness))
        for number, (rule, band) in enumerate(rules)
    )
    row.status = status
    row.save()
    return row


def check_rules(people: list[Person], rules: list[list]) -> None:
    with transaction.atomic():
        ids = stored(people)
        expected = {pk: [holds(rule, person) for rule in rules] for pk, person in zip(ids, people, strict=True)}
        for number, rule in enumerate(rules):
            criteria.validate(rule)
            found = Lead.objects.filter(criteria.condition(rule, at=NOW), pk__in=ids).values_list("pk", flat=True)
            assert set(found) == {pk for pk, held in expected.items() if held[number]}
        leads = Lead.objects.filter(pk__in=ids)
        assert criteria.holding(leads, rules, at=NOW) == expected
        assert criteria.holding(leads.filter(pk=ids[0]), rules, at=NOW) == {ids[0]: expected[ids[0]]}
        rows = [ScoringRule(pk=number, criteria=rule) for number, rule in enumerate(rules, 1)]
        first = {pk: held.index(True) + 1 for pk, held in expected.items() if True in held}
        assert criteria.match_leads(leads, rows, at=NOW) == first
        transaction.set_rollback(True)


def check_models(people: list[Person], models: tuple[Model, Model], unscored: int) -> None:
    """Score by the old model, preview the draft, put it in force: each says what adding up by hand says."""
    old, new = models
    with transaction.atomic():
        ScoringModel.objects.filter(lead_type="patient").update(status="retired")
        current, draft = made(old, "published", 101), made(new, "draft", 102)
        ids = stored(people)
        scoring.score_leads(ids[unscored:], at=NOW)
        assert_scored(ids[unscored:], people[unscored:], old)
        said = effects.scoring_effect(draft, at=NOW)
        was = [("", "", "")] * unscored + [old.of(person)[1:4] for person in people[unscored:]]
        will = [new.of(person)[1:4] for person in people]
        for number, name in enumerate(("score_band", "fit", "readiness")):
            pairs = Counter((a[number], b[number]) for a, b in zip(was[:], will, strict=True))
            assert {(a, b): n for a, row in said.tables[name].items() for b, n in row.items()} == pairs
        current.status, draft.status = "retired", "published"
        current.save()
        draft.save()
        scoring.score_leads(ids, at=NOW)
        assert_scored(ids, people, new)
        transaction.set_rollback(True)


def assert_scored(ids: list[int], people: list[Person], model: Model) -> None:
    rows = Lead.objects.in_bulk(ids)
    found = [
        (rows[pk].score, rows[pk].score_band, rows[pk].fit, rows[pk].readiness, rows[pk].score_parts) for pk in ids
    ]
    assert found == [model.of(person) for person in people]


SHORT = settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
LONG = settings(SHORT, max_examples=1500, derandomize=False, print_blob=True)
THREE = st.lists(PEOPLE, min_size=1, max_size=4)
SOME_RULES = st.lists(RULES, min_size=1, max_size=4)


@SHORT
@given(people=THREE, rules=SOME_RULES)
def test_sql_reads_a_rule_as_it_is_written(catalogue, people, rules) -> None:
    check_rules(people, rules)


@SHORT
@given(people=THREE, models=changed(), unscored=st.integers(0, 1))
def test_scores_and_previews_add_up_as_by_hand(catalogue, people, models, unscored) -> None:
    check_models(people, models, unscored)


@pytest.mark.long
@LONG
@given(people=THREE, rules=SOME_RULES)
def test_sql_reads_many_rules_as_they_are_written(catalogue, people, rules) -> None:
    check_rules(people, rules)


@pytest.mark.long
@LONG
@given(people=THREE, models=changed(), unscored=st.integers(0, 1))
def test_many_scores_and_previews_add_up_as_by_hand(catalogue, people, models, unscored) -> None:
    check_models(people, models, unscored)
