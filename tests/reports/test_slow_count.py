"""Every number on every report is what a slow, independent count over the raw rows says, whatever the past was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from random import Random
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from leads import summaries
from leads.measures import Figure
from leads.models import ScoringModel
from medcrm.lib.models import VersionStatus
from medcrm.reports import reviewing, weekly
from medcrm.reports.ask import Ask
from medcrm.reports.pages import PAGES
from medcrm.reports.table import Section, span
from tests.reports import raw, slow
from tests.reports.slow import Slow, Table
from tests.reports.test_pages import ask_for
from tests.reports.world import World

pytestmark = pytest.mark.django_db
COUNTED = [slug for slug in PAGES if slug != "rules"]


PASTS = {
    "dice": st.randoms(use_true_random=True),
    "number": st.integers(0, 14),
    "by": st.sampled_from(["source", "service", "clinic", "team", "owner", "type"]),
    "narrowed": st.sampled_from([{}, {}, {}, {"service": "pt"}, {"source": "landing"}, {"team": "intake"}]),
    "days": st.sampled_from([2, 2, 100]),
    "zone": st.sampled_from(["UTC", "America/Chicago", "Asia/Kolkata"]),
}
SEARCH = {
    "deadline": None,
    "phases": [phase for phase in Phase if phase is not Phase.shrink],  # dice have no simpler form
    "suppress_health_check": [HealthCheck.function_scoped_fixture],
}


@settings(max_examples=8, **SEARCH)
@given(**PASTS)
def test_every_number_of_every_report_agrees_with_a_slow_count(organisation: None, now: datetime, **past: Any) -> None:
    agrees_always(now, **past)


@pytest.mark.long
@settings(max_examples=200, **SEARCH)
@given(**PASTS)
def test_every_number_agrees_in_a_long_search(organisation: None, now: datetime, **past: Any) -> None:
    agrees_always(now, **past)


def agrees_always(
    now: datetime, dice: Random, number: int, by: str, narrowed: dict[str, str], days: int, zone: str
) -> None:
    """Also on the days that were added up ahead, and once more after things are told late of them."""
    with transaction.atomic(), timezone.override(zone):
        raw.without_triggers()
        world = World(dice, now)
        world.make(number)
        ask = ask_for(now, by=by, first=str(now.date() - timedelta(days=days)), **narrowed)
        everything_agrees(ask)
        summaries.refresh_all()
        everything_agrees(ask)
        world.go_on()
        everything_agrees(ask)
        summaries.refresh_all()
        agree_on_tallies(ask)
        transaction.set_rollback(True)


TALLIED = ("funnel", "speed", "effort", "reasons", "outcome", "capacity", "permission", "data")


def everything_agrees(ask: Ask) -> None:
    count = Slow(*ask.period.bounds(), ask.at, ask.by, ask.narrowed)
    for slug in COUNTED:
        agree(slug, PAGES[slug].make(ask), getattr(count, slug)(), at=ask.at)
    agree_on_the_period_before(ask)
    agree_on_rules(ask, count)
    agree_on_mail(ask, count)


def agree_on_the_period_before(ask: Ask) -> None:
    start, _end = ask.period.bounds()
    first = datetime.combine(ask.period.first - timedelta(days=ask.period.days), time.min, start.tzinfo)
    count = Slow(first, start, ask.at, ask.by, ask.narrowed)
    for section, table in zip(PAGES["speed"].make(ask.before), count.speed(), strict=True):
        assert values_of(section, 99) == {label: [cell.value for cell in cells] for label, cells in table.items()}


def agree_on_tallies(ask: Ask) -> None:
    count = Slow(*ask.period.bounds(), ask.at, ask.by, ask.narrowed)
    for slug in TALLIED:
        agree(slug, PAGES[slug].make(ask), getattr(count, slug)(), at=ask.at)


def agree(slug: str, sections: Sequence[Section], tables: Sequence[Table], *, at: datetime) -> None:
    """The same tables, rows and values; every link opens exactly the leads that were counted."""
    assert len(sections) == len(tables), slug
    for section, table in zip(sections, tables, strict=True):
        if section.line:
            drawn = {day: n for day, n in section.line if n}
            assert drawn == {day: cells[0].value for day, cells in table.items()}, slug
            continue
        said = {row.label: row.cells for row in section.rows}
        assert len(said) == len(section.rows)
        values = {label: [cell.value for cell in cells] for label, cells in said.items()}
        assert values == {label: [cell.value for cell in cells] for label, cells in table.items()}, (
            slug,
            section.title,
        )
        for label, cells in said.items():
            for cell, wanted in zip(cells, table[label], strict=True):
                if cell.link and wanted.leads is not None:
                    figure = Figure.parse(cell.link.removeprefix("behind="))
                    assert set(figure.rows(at=at).values_list("pk", flat=True)) == wanted.leads, (
                        slug,
                        section.title,
                        label,
                    )


def agree_on_rules(ask: Ask, count: Slow) -> None:
    reviewing.ask_for(ask.period, by=None, at=ask.at)
    assert reviewing.make_waiting(at=ask.at) == 1
    made = PAGES["rules"].make(replace(ask, narrowed={}))
    sections = {str(section.title): section for section in made}
    models = ScoringModel.objects.filter(status=VersionStatus.PUBLISHED)
    for model in models:
        fired, thresholds = count.rules(model) if count.scored(model) else ({}, {})
        place = next(n for n, section in enumerate(made) if str(section.title) == str(model))
        assert values_of(made[place], 3) == {label: [c.value for c in cells] for label, cells in fired.items()}
        if not fired:
            continue
        below = next(s for s in made[place:] if str(s.title) == f"Thresholds: {model}")
        assert values_of(below, 2) == {label: [c.value for c in cells] for label, cells in thresholds.items()}
    for title, table in (
        ("Sources against what their intent promises", count.sources()),
        ("Services: booked within two weeks", count.services()),
    ):
        assert values_of(sections[title], 1) == {label: [c.value for c in cells] for label, cells in table.items()}


def values_of(section: Section, columns: int) -> dict[str, list[object]]:
    return {row.label: [cell.value for cell in row.cells[:columns]] for row in section.rows}


def agree_on_mail(ask: Ask, count: Slow) -> None:
    """The weekly mail says what the pages say of the period, of all leads together."""
    if count.narrowed:
        return
    said = weekly.figures(ask)
    stages = ("Reached", "Qualified", "Booked", "Attended", "Converted")
    assert said["Funnel"] == {"Captured": f"{len(count.counted):,}"} | {
        name: f"{n:,}" for name, n in zip(stages, count.stage_counts(count.counted), strict=True)
    }
    halves = [span(cell.value).text for cell in count.spans(count.counted)[::2]]
    assert list(said["Speed"].values()) == [*halves, in_words(count.goals()[0], 1)]
    offered, *_others = count.handoffs()
    assert list(said["Handoffs"].values()) == [in_words(offered, 1), in_words(offered, 3)]
    entered, *_others = count.nurture()
    assert list(said["Sequences"].values())[1:] == [in_words(entered, place) for place in (1, 2, 3)]
    figures, refused, _coverage = count.permission()
    gate = figures["Not permitted"][0].value, figures["Contacts decided"][0].value
    assert list(said["Permission"].values()) == [str(figures["Made without permission"][0].value), words(*gate)]
    _missing, out, received = count.data()
    assert list(said["Data"].values()) == [str(sum(n[0].value for n in out.values())), in_words(received, 1)]
    assert f"Captured: {len(count.counted):,} (" in weekly._body(ask)


def in_words(table: Table, place: int) -> str:
    """All rows of a table together: of so many (the first column) so many, by a share of each row."""
    parts = [(round(cells[place].value * cells[0].value), cells[0].value) for cells in table.values()]
    return words(sum(hits for hits, _of in parts), sum(of for _hits, of in parts))


def words(hits: int, of: int) -> str:
    return f"{hits} of {of}, {100 * hits / of:.0f} %" if of else "–"


def test_a_percentile_lies_between_its_neighbours() -> None:
    assert [slow.span([10, 20, 30, 40], where).value for where in (0, 0.5, 0.9, 1)] == [10, 25, 37, 40]
