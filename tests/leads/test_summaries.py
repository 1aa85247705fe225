"""What is added up ahead says what the milestones say, also of days that something happened to since."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from leads import milestones, summaries
from leads.measures import Period
from leads.models import Lead, Milestone, StaleDay, Summary
from leads.models.review import STEPS
from privacy import erasure
from tests.conftest import CONSULT
from tests.reports import raw

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = 60, 3600, 86400
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
MONTH = Period(date(2026, 11, 1), date(2026, 11, 30))


def counted(names: tuple[str, ...] = ("captured",), *, by: str = "", period: Period = MONTH, **narrowed: str) -> dict:
    groups = summaries.count(period, narrowed, names, by=by)
    return {group["key"]: tuple(group[f"n_{name}"] for name in names) for group in groups}


def asked_of(query: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(connection) as said:
        query()
    return [entry["sql"] for entry in said]


def test_a_day_added_up_is_not_counted_from_the_leads_again(catalogue: None) -> None:
    raw.leads(3, at=NOON)
    raw.leads(2, at=NOON - timedelta(days=3), source_id="landing")
    assert summaries.refresh_all() == 2 and not StaleDay.objects.exists()
    queries = asked_of(lambda: counted(by="source"))
    assert len(queries) == 2 and not any("leads_milestone" in sql for sql in queries)
    assert counted(by="source") == {"web_consult": (3,), "landing": (2,)}
    assert counted(by="day") == {datetime(2026, 11, day, tzinfo=UTC): (n,) for day, n in ((10, 3), (7, 2))}
    assert counted(source="landing", by="hour") == {12: (2,)}


def test_what_is_told_late_counts_at_once_and_is_added_up_later(catalogue: None) -> None:
    [lead, *_others] = raw.leads(3, at=NOON)
    raw.leads(2, at=NOON + timedelta(days=1))
    summaries.refresh_all()
    raw.put([raw.appointment(lead, at=NOON + timedelta(days=2))])
    milestones.refresh([lead.pk])
    assert [row.day for row in StaleDay.objects.all()] == [NOON.date()]
    queries = asked_of(lambda: counted(("captured", "booked")))
    assert len(queries) == 3, "the one day from the leads, the other from what is kept"
    assert counted(("captured", "booked")) == {"": (5, 1)}
    assert summaries.refresh_all() == 1
    assert counted(("captured", "booked")) == {"": (5, 1)}
    assert milestones.refresh([lead.pk]) == 0 and not StaleDay.objects.exists(), "nothing new is nothing to add up"


def test_a_lead_that_moves_is_counted_where_it_is_and_nowhere_else(catalogue: None) -> None:
    [lead] = raw.leads(1, at=NOON)
    summaries.refresh_all()
    Lead.objects.filter(pk=lead.pk).update(source_id="landing", is_test=False)
    milestones.refresh([lead.pk])
    summaries.refresh_all()
    assert counted(by="source") == {"landing": (1,)}
    Lead.objects.filter(pk=lead.pk).update(is_test=True)
    milestones.refresh([lead.pk])
    assert counted() == {"": (0,)}
    summaries.refresh_all()
    assert counted() == {"": (0,)} and not Summary.objects.exists()


def test_a_lead_that_is_deleted_leaves_the_figures(catalogue: None) -> None:
    one, two = raw.leads(2, at=NOON)
    summaries.refresh_all()
    one.delete()
    assert counted(by="source") == {"web_consult": (1,)}
    summaries.refresh_all()
    assert counted(by="source") == {"web_consult": (1,)}
    two.delete()
    summaries.refresh_all()
    assert counted(by="source") == {} and not Summary.objects.exists()


def test_who_is_forgotten_stays_a_number(organisation: None, submit: Callable[..., Lead], now: datetime) -> None:
    """An erasure empties what says who it was; that somebody came and how far is kept, in the same cell."""
    lead = submit(**CONSULT)
    milestones.refresh([lead.pk])
    summaries.refresh_all()
    period = Period(now.date(), now.date())
    names = ("captured", "no_zip", "may_call")
    assert counted(names, by="service", period=period) == {"ortho": (1, 0, 1)}
    request = erasure.request_erasure(erasure.person_of([lead.pk]), reason="Asked by mail", by=None, at=now)
    erasure.erase(request.pk, by=None, at=now)
    for _added_up in range(2):
        assert counted(names, by="service", period=period) == {"ortho": (1, 1, 0)}
        summaries.refresh_all()


@pytest.mark.parametrize("zone", ["America/Chicago", "America/Denver", "Asia/Kolkata"])
def test_days_and_hours_are_those_of_the_reader(catalogue: None, zone: str) -> None:
    """Leads around midnight of UTC and of the reader, and on the day on which the clocks of the USA go back."""
    moments = [datetime(2026, 11, 1, 5, 30, tzinfo=UTC) + timedelta(hours=n) for n in range(72)]
    for moment in moments:
        raw.leads(1, at=moment)
    summaries.refresh_all()
    period = Period(date(2026, 11, 1), date(2026, 11, 2))
    with timezone.override(zone):
        local = [timezone.localtime(moment) for moment in moments]
        mine = [moment for moment in local if period.first <= moment.date() <= period.last]
        hours = {hour: (sum(m.hour == hour for m in mine),) for hour in {m.hour for m in mine}}
        days = {day: sum(m.date() == day for m in mine) for day in {m.date() for m in mine}}
        assert counted(period=period) == {"": (len(mine),)}
        assert counted(by="hour", period=period) == hours
        assert {key.date(): n for key, (n,) in counted(by="day", period=period).items()} == days


@pytest.mark.parametrize(
    ("by", "narrowed", "is_kept"),
    [
        ("source", {"service": "ortho"}, True),
        ("service", {"service": "ortho"}, True),
        ("hour", {"team": "intake"}, True),
        ("band", {"source": "landing"}, True),
        ("owner", {"type": "patient"}, True),
        ("owner", {"source": "landing"}, False),
        ("source", {"service": "ortho", "team": "intake"}, False),
    ],
)
def test_other_cuts_are_counted_from_the_leads(
    catalogue: None, by: str, narrowed: dict[str, str], is_kept: bool
) -> None:
    raw.leads(2, at=NOON, team="intake", source_id="landing")
    raw.leads(1, at=NOON)
    summaries.refresh_all()
    queries = asked_of(lambda: counted(by=by, **narrowed))
    assert any("leads_milestone" in sql for sql in queries) != is_kept
    values = {"source": "source_id", "service": "service_id", "team": "team", "type": "lead_type"}
    meant = Milestone.objects.filter(**{values[name]: value for name, value in narrowed.items()})
    assert sum(n for (n,) in counted(by=by, **narrowed).values()) == meant.count() > 0


@pytest.mark.parametrize(
    ("waits", "half", "most"),
    [
        ([], None, None),
        ([0], MINUTE, MINUTE),
        ([MINUTE], MINUTE, MINUTE),
        ([MINUTE + 1], 2 * MINUTE, 2 * MINUTE),
        ([60, 120, 180, 240], 2 * MINUTE, 4 * MINUTE),
        ([60] * 9 + [2 * DAY], MINUTE, MINUTE),
        ([60] * 8 + [2 * DAY, 3 * DAY], MINUTE, 2 * DAY),
        ([-60, 5000 * DAY], MINUTE, 36500 * DAY),
    ],
)
def test_a_wait_is_read_as_the_first_step_within_which_it_lies(
    catalogue: None, waits: list[int], half: int | None, most: int | None
) -> None:
    for wait in waits:
        [lead] = raw.leads(1, at=NOON)
        raw.put([raw.appointment(lead, at=NOON + timedelta(seconds=wait))])
        milestones.refresh([lead.pk])
    for _added_up in range(2):
        whole = summaries.total(summaries.count(MONTH, {}, ("booking",)), ("booking",))
        assert (summaries.within(whole["n_booking"], 50), summaries.within(whole["n_booking"], 90)) == (half, most)
        summaries.refresh_all()


def test_each_step_is_at_most_half_as_long_again_as_the_last() -> None:
    pairs = list(zip(STEPS[1:-2], STEPS[2:-1], strict=True))
    assert all(last < step <= 1.5 * last for last, step in pairs) and STEPS[:2] == (MINUTE, 2 * MINUTE)


def test_any_number_of_leads_is_added_up_by_as_many_statements(
    catalogue: None, django_assert_num_queries: Callable[..., object]
) -> None:
    raw.leads(1, at=NOON)
    with django_assert_num_queries(8):
        summaries.refresh()
    raw.leads(9, at=NOON)
    raw.leads(9, at=NOON + timedelta(days=1))
    with django_assert_num_queries(8):
        assert summaries.refresh() == 2


def test_tries_are_added_up_and_those_after_the_fifth_are_one(catalogue: None) -> None:
    """Who got a try and who was reached on it; a lead that is reached gets no more, whatever was called later."""
    for attempts, reached in ((0, None), (1, None), (3, 2), (6, 6), (9, None)):
        [lead] = raw.leads(1, at=NOON)
        Milestone.objects.filter(pk=lead.pk).update(attempts=attempts, reached_on_try=reached)
    tries = tuple(f"try_{k}" for k in range(1, 7)) + ("reached_on_2", "reached_on_5", "reached_on_6")
    for _added_up in range(2):
        assert counted(tries) == {"": (4, 3, 2, 2, 2, 1 + 4, 1, 0, 1)}
        summaries.refresh_all()
    queries = asked_of(lambda: counted(tries, source="web_consult"))
    assert not any("leads_milestone" in sql for sql in queries)


def test_what_is_not_kept_is_counted_in_one_pass_whatever_it_is_cut_by(catalogue: None) -> None:
    for source in ("web_consult", "landing"):
        leads = raw.leads(3, at=NOON, team="intake", source_id=source)
        Milestone.objects.filter(pk=leads[0].pk).update(fit="high")
    summaries.refresh_all()
    bys, narrowed = ("fit", "band", ""), {"source": "landing", "team": "intake"}
    queries = asked_of(lambda: summaries.count_each(MONTH, narrowed, ("captured",), bys))
    assert sum("leads_milestone" in sql for sql in queries) == 1
    found = summaries.count_each(MONTH, narrowed, ("captured",), bys)
    said = {by: {group["key"]: group["n_captured"] for group in groups} for by, groups in found.items()}
    assert said == {"fit": {"high": 1, "": 2}, "band": {"": 3}, "": {"": 3}}


def test_waits_are_not_read_from_what_is_kept_without_them(catalogue: None) -> None:
    [lead] = raw.leads(1, at=NOON)
    raw.put([raw.appointment(lead, at=NOON + timedelta(minutes=5))])
    milestones.refresh([lead.pk])
    summaries.refresh_all()
    for by in ("band", "source"):
        [group] = summaries.count(MONTH, {}, ("captured", "booking"), by=by)
        assert summaries.within(group["n_booking"], 50) == 5 * MINUTE
