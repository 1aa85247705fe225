"""Rows written together are what bulk_update would have made of them, and what is there is not written again."""

from __future__ import annotations

from datetime import date, timedelta

import pghistory
import pytest
from django.db import DataError, transaction

from medcrm import reference
from medcrm.lib.writing import create_missing, update_rows
from routing.models import Agent, Team

pytestmark = pytest.mark.django_db


def test_every_kind_of_field_is_written_as_bulk_update_writes_it_and_history_sees_it(organisation, now) -> None:
    changes = {
        "languages": (["en", "es"], [], ['a "b", {c}']),
        "days_off": ([date(2026, 12, 28)], [], [date(2026, 1, 1), date(2026, 1, 2)]),
        "hours": (None, {"mon": [["08:00", "12:00"]]}, {}),
        "open_cap": (None, 0, 7),
        "clinic_id": (None, "aus", None),
        "away_from": (None, now, now),
        "away_until": (None, None, now + timedelta(hours=1)),
    }
    agents = list(Agent.objects.order_by("pk")[:3])
    agents[1].stand_in = agents[0]
    for name, values in changes.items():
        for agent, value in zip(agents, values, strict=True):
            setattr(agent, name, value)
    names = [*(name.removesuffix("_id") for name in changes), "stand_in"]
    found, events = [], Agent.pgh_event_model.objects
    for write in (Agent.objects.bulk_update, update_rows):
        with transaction.atomic(), pghistory.context(action="test"):  # as a request writes
            before = events.count()
            write(agents, names)
            rows = list(Agent.objects.filter(pk__in=[agent.pk for agent in agents]).order_by("pk").values())
            found.append((rows, events.count() - before))
            transaction.set_rollback(True)
    assert found[0] == found[1]
    assert found[1][0][1]["stand_in_id"] == agents[0].pk and found[1][1] == 3


def test_more_rows_than_a_batch_are_written_and_none_is_no_statement(organisation, django_assert_num_queries) -> None:
    agents = list(Agent.objects.all())
    for agent in agents:
        agent.open_cap = 41
    with django_assert_num_queries(0):
        update_rows([], ["open_cap"])
    update_rows(agents, ["open_cap"], batch_size=2)
    assert set(Agent.objects.values_list("open_cap", flat=True)) == {41} and len(agents) > 4


def test_a_text_that_is_too_long_is_refused_and_not_cut_off(organisation) -> None:
    team = Team.objects.first()
    team.name = "x" * 200
    with pytest.raises(DataError):
        update_rows([team], ["name"])


def test_what_is_there_is_left_alone_and_loading_twice_writes_nothing(organisation, now) -> None:
    Team.objects.filter(pk="scheduling").update(name="Front desk")
    missing = Team(code="newcomers", name="Newcomers", timezone="UTC", hours={})
    made = create_missing([Team(code="scheduling", name="Scheduling"), missing], "code")
    assert made == [missing] and Team.objects.filter(pk="newcomers").exists()
    before = {model: model.pgh_event_model.objects.count() for model in (Agent, Team)}
    reference.load(at=now)
    assert Team.objects.get(pk="scheduling").name == "Front desk"
    assert {model: model.pgh_event_model.objects.count() for model in (Agent, Team)} == before
