"""The compiler: each operator on a fact that matches, misses or is unknown; nothing is true by accident."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Expression, IntegerField, Value
from django.db.models.functions import Cast

from consent.models import Address, Attempt
from leads import criteria
from leads.models import Interaction, Lead
from medcrm.lib.later import MOMENT, bind, told
from tests import rows

MATCH, MISS, UNKNOWN = "match", "miss", "unknown"


@pytest.fixture
def three(submit) -> dict[int, str]:
    """Leads whose age and payer match, miss and are unknown."""
    people = {
        MATCH: {"age": 40, "payer": "ppo"},
        MISS: {"age": 70, "payer": "medicare"},
        UNKNOWN: {"age": None, "payer": ""},
    }
    return {
        submit(phone=f"+1512555010{n}", email=f"{name}@example.org", last_name=name, **fields).pk: name
        for n, (name, fields) in enumerate(people.items())
    }


@pytest.mark.parametrize(
    ("term", "holds"),
    [
        ({"fact": "payer", "op": "is", "value": "ppo"}, {MATCH}),
        ({"fact": "payer", "op": "is_not", "value": "ppo"}, {MISS}),
        ({"fact": "payer", "op": "in", "value": ["ppo", "hmo"]}, {MATCH}),
        ({"fact": "payer", "op": "not_in", "value": ["ppo", "hmo"]}, {MISS}),
        ({"fact": "payer", "op": "known"}, {MATCH, MISS}),
        ({"fact": "payer", "op": "unknown"}, {UNKNOWN}),
        ({"fact": "age", "op": "is", "value": 40}, {MATCH}),
        ({"fact": "age", "op": "lt", "value": 41}, {MATCH}),
        ({"fact": "age", "op": "lt", "value": 40}, set()),
        ({"fact": "age", "op": "lte", "value": 40}, {MATCH}),
        ({"fact": "age", "op": "gt", "value": 40}, {MISS}),
        ({"fact": "age", "op": "gte", "value": 40}, {MATCH, MISS}),
        ({"fact": "age", "op": "unknown"}, {UNKNOWN}),
        ({"fact": "has_grant", "op": "is", "value": True}, {MATCH, MISS, UNKNOWN}),
        ({"fact": "has_grant", "op": "is", "value": False}, set()),
    ],
)
def test_an_operator_on_match_miss_and_unknown(three, term, holds, now: datetime) -> None:
    criteria.validate([[term]])
    found = Lead.objects.filter(criteria.condition([[term]], at=now)).values_list("pk", flat=True)
    assert {three[pk] for pk in found} == holds


def test_groups_are_or_and_conditions_are_and(three, now: datetime) -> None:
    older, ppo = {"fact": "age", "op": "gt", "value": 60}, {"fact": "payer", "op": "is", "value": "ppo"}
    both = Lead.objects.filter(criteria.condition([[older, ppo]], at=now))
    either = Lead.objects.filter(criteria.condition([[older], [ppo]], at=now))
    assert [three[lead.pk] for lead in both] == []
    assert {three[lead.pk] for lead in either} == {MATCH, MISS}


def test_no_condition_is_always_true(three, now: datetime) -> None:
    assert Lead.objects.filter(criteria.condition([], at=now)).count() == 3


def test_every_fact_compiles_and_is_a_column_of_the_lead_query(
    three, now: datetime, django_assert_max_num_queries
) -> None:
    terms = [[{"fact": fact.name, "op": "known"}] for fact in criteria.facts()]
    for term in terms:
        with django_assert_max_num_queries(2):  # whether the office is open is asked of its team once
            assert 0 <= Lead.objects.filter(criteria.condition([term], at=now)).count() <= 3


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("text", "list of groups"),
        ([{"fact": "age"}], "list of groups"),
        ([["age"]], "needs a fact and an operator"),
        ([[{"fact": "shoe_size", "op": "is", "value": 1}]], "no fact called"),
        ([[{"fact": "age", "op": "in", "value": [1]}]], "can be compared with"),
        ([[{"fact": "age", "op": "gt", "value": "old"}]], "a number"),
        ([[{"fact": "age", "op": "gt", "value": True}]], "a number"),
        ([[{"fact": "has_grant", "op": "is", "value": "yes"}]], "yes or no"),
        ([[{"fact": "payer", "op": "in", "value": []}]], "a list of values"),
        ([[{"fact": "payer", "op": "is", "value": "barter"}]], "known are"),
    ],
)
def test_what_cannot_be_compiled_is_explained(catalogue, bad: object, says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        criteria.validate(bad)
    assert says in " ".join(refused.value.messages)


def test_a_rule_reads_as_a_sentence(catalogue) -> None:
    rule = [
        [{"fact": "timing", "op": "in", "value": ["now", "two_weeks"]}, {"fact": "payer", "op": "known"}],
        [{"fact": "has_grant", "op": "is", "value": True}],
    ]
    expected = "(timing is As soon as possible or Within two weeks, and payer is known) or (permission granted is yes)"
    assert criteria.sentence(rule) == expected
    assert criteria.sentence([]) == "always"


@pytest.mark.parametrize("whole", [False, True])
def test_every_fact_says_the_same_read_together_as_read_alone(three, now: datetime, whole: bool) -> None:
    """Facts remembered by the columns they depend on, and facts gathered in one pass, against their own expression.

    Also when all leads there are get read from end to end.
    """
    first, second, _third = sorted(three)
    for lead, kind, direction, days in [
        (first, "guide_download", "inbound", 9),
        (first, "note", "outbound", 8),
        (first, "email_reply", "inbound", 4),
        (first, "call", "outbound", 3),
        (first, "call", "outbound", 0),  # in the very moment of the inquiry, but after it
        (first, "call", "outbound", -1),
        (second, "webinar_attended", "inbound", 0),
        (second, "sms_reply", "inbound", -1),
    ]:
        attempt = rows.make(Attempt, address=rows.make(Address), state="sent") if kind == "call" else None
        at = now - timedelta(days=days)
        Interaction.objects.create(lead_id=lead, kind=kind, direction=direction, at=at, count=days + 2, attempt=attempt)
    facts = [fact for fact in criteria.facts() if fact.per or fact.gathered]
    assert any(fact.entries for fact in facts)
    names = [fact.name for fact in facts]
    sql, params = criteria.facts_query(
        Lead.objects.all(), names, at=now, span=(min(three), max(three)) if whole else None
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        columns = [column.name for column in cursor.description]
        together = {row[0]: dict(zip(columns, row, strict=True)) for row in cursor.fetchall()}
    assert set(together) == set(three)
    for fact in facts:
        alone = dict(Lead.objects.order_by().values_list("pk", fact.expression(now)))
        assert {lead: row[f"fact_{fact.name}"] for lead, row in together.items()} == alone, fact.name
    assert together[first]["fact_unanswered_attempts"] == 2


def test_every_fact_made_once_asks_for_the_moment_it_is_asked_at(organisation: None, now: datetime) -> None:
    for fact in criteria.facts():
        for make in (fact.expression, fact.gathered):
            if make:
                sql, params = _made(make(MOMENT))
                as_told = _made(make(now))
                assert sql == as_told[0], fact.name
                assert str(bind(params, now)) == str(as_told[1]), fact.name  # JSON values equal only themselves


def _made(expression: Expression) -> tuple[str, list[object]]:
    sql, params = Lead.objects.order_by().values(it=expression).query.sql_with_params()
    return sql, list(params)


def test_what_a_fact_reads_of_rows_is_told_by_the_moment(catalogue: None, now: datetime, monkeypatch) -> None:
    def leads_there(at: datetime) -> int:
        return Lead.objects.filter(created_at__lte=at).count()

    fact = criteria.Fact("leads_there", "leads there are", criteria.Kind.NUMBER, lambda at: Value(leads_there(at)))
    monkeypatch.setitem(criteria._facts, fact.name, fact)
    with pytest.raises(RuntimeError, match="made once"):
        criteria.facts_query(Lead.objects.all(), [fact.name], at=now)
    once = replace(fact, expression=lambda at: Cast(Value(told(at, leads_there)), IntegerField()))
    monkeypatch.setitem(criteria._facts, fact.name, once)
    assert criteria.facts_query(Lead.objects.all(), [fact.name], at=now)[1] == [0]


def test_what_is_made_of_a_moment_not_known_yet_follows_it(now: datetime) -> None:
    soon = MOMENT + timedelta(hours=20)
    there = soon.astimezone(ZoneInfo("America/Denver"))
    made = [MOMENT, soon - timedelta(days=2), there.date(), there.date() - timedelta(days=1), "else"]
    assert bind(made, now) == [
        now, now - timedelta(hours=28), date(2026, 12, 2), date(2026, 12, 1), "else"
    ]  # fmt: skip
    with pytest.raises(TypeError, match="not known yet"):
        MOMENT < now  # noqa: B015
