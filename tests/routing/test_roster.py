"""Fairness, caps and eligibility as properties of the pure roster."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from routing import calendar
from routing.calendar import WorkingCalendar
from routing.roster import Member, Need, Roster, why_not_eligible
from routing.vocabulary import Strategy, WhyNot

AT = datetime(2026, 12, 1, 16, tzinfo=UTC)
ALWAYS = WorkingCalendar("UTC", calendar.parse_week({day: [["00:00", "24:00"]] for day in calendar.DAYS}), False)
NEED = Need(due_at=AT + timedelta(hours=4))

caps = st.none() | st.integers(0, 6)
languages = st.frozensets(st.sampled_from(["en", "es"]), min_size=1)


@st.composite
def teams(draw: st.DrawFn) -> list[Member]:
    return [
        Member(
            user_id=n,
            login=f"agent{n}",
            calendar=ALWAYS,
            is_active=draw(st.booleans()) or n == 0,
            languages=draw(languages),
            trainings=draw(st.frozensets(st.just("bh"))),
            weight=draw(st.integers(0, 4)),
            open_cap=draw(caps),
            daily_cap=draw(caps),
            away_from=AT if draw(st.integers(0, 4)) == 0 else None,
            last_turn=draw(st.integers(0, 5)),
        )
        for n in range(draw(st.integers(1, 5)))
    ]


needs = st.lists(
    st.builds(
        Need,
        due_at=st.just(NEED.due_at),
        language=st.sampled_from(["", "en", "es"]),
        trainings=st.frozensets(st.just("bh")),
    ),
    max_size=30,
)


@settings(max_examples=40, deadline=None)
@given(teams(), needs, st.sampled_from(Strategy.values))
def test_caps_hold_and_nobody_ineligible_is_chosen(members, wanted, strategy):
    roster, given_to = Roster(members), Counter()
    for need in wanted:
        may = {m.user_id for m in members if why_not_eligible(m, need, at=AT) is None}
        choice = roster.choose(need, strategy, at=AT)
        given_to[choice.user_id] += 1
        assert choice.user_id in (may or {None}) or (strategy == Strategy.WEIGHTED and choice.user_id is None)
        told = {m.login for m in members if m.user_id != choice.user_id}
        assert set(choice.why_not) == told
    for member in members:
        assert member.open_cap is None or given_to[member.user_id] <= member.open_cap
        assert member.daily_cap is None or given_to[member.user_id] <= member.daily_cap


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.lists(st.integers(0, 9), min_size=1, max_size=6))
def test_turns_of_those_who_may_all_differ_by_one_at_most(size, batches):
    """Over any batches, whoever is there all the time gets the same share within one."""
    members = [Member(user_id=n, login=str(n), calendar=ALWAYS) for n in range(size)]
    roster = Roster(members)
    for batch in batches:
        for _ in range(batch):
            roster.choose(NEED, Strategy.ROUND_ROBIN, at=AT)
    shares = [member.given_today for member in members]
    assert max(shares) - min(shares) <= 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=2, max_size=5), st.integers(1, 60))
def test_weighted_shares_stay_within_one_of_their_proportion(weights, leads):
    members = [Member(user_id=n, login=str(n), calendar=ALWAYS, weight=w) for n, w in enumerate(weights)]
    roster = Roster(members)
    for _ in range(leads):
        roster.choose(NEED, Strategy.WEIGHTED, at=AT)
    for member in members:
        assert abs(member.given_today - leads * member.weight / sum(weights)) <= 1


def test_zero_and_no_limit_are_different_caps():
    none, zero = Member(1, "a", ALWAYS, open_cap=None), Member(2, "b", ALWAYS, open_cap=0)
    assert why_not_eligible(none, NEED, at=AT) is None
    assert why_not_eligible(zero, NEED, at=AT) == WhyNot.OPEN_CAP


def test_newcomer_does_not_get_everything_until_they_have_caught_up():
    members = [Member(1, "a", ALWAYS, last_turn=100), Member(2, "b", ALWAYS, last_turn=101), Member(3, "new", ALWAYS)]
    roster = Roster(members, turn=101)
    for _ in range(6):
        roster.choose(NEED, Strategy.ROUND_ROBIN, at=AT)
    assert [member.given_today for member in members] == [2, 2, 2]
