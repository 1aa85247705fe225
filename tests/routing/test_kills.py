"""Workers are killed at random while they route: no lead has two owners or none, no cap is passed, turns stay fair."""

from __future__ import annotations

import multiprocessing
import random
from collections import Counter
from datetime import datetime

import pytest
from django.db import close_old_connections, connection

from leads.models import Lead
from medcrm import journey, reference
from routing import assignment
from routing.models import Agent, Assignment, Clock, Cursor, Handoff
from tests.processes import wait_until
from tests.routing.factories import make_lead

WORKERS = 4
CAP = 5
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


def walk(at: datetime) -> None:
    """A worker: claim what is due, a few leads at a time, until nothing is."""
    while Lead.objects.due(at).exists():
        journey.advance_batch(at=at, limit=3)


class Crew:
    """Worker processes with connections of their own; one is killed and another starts in its place."""

    def __init__(self, at: datetime) -> None:
        self.at, self.context = at, multiprocessing.get_context("fork")
        self.workers = [self.start() for _ in range(WORKERS)]

    def start(self) -> multiprocessing.Process:
        connection.close()  # the child must not speak on the parent's
        worker = self.context.Process(target=walk, args=(self.at,), daemon=True)
        worker.start()
        return worker

    def kill_one(self, number: int) -> None:
        victim = self.workers[number]
        victim.kill()
        victim.join()
        self.workers[number] = self.start()

    def finish(self) -> None:
        for worker in self.workers:
            worker.join()


def due() -> int:
    close_old_connections()
    return Lead.objects.filter(advance_due_at__isnull=False).count()


@pytest.fixture
def organisation(transactional_db: None, now: datetime) -> None:
    reference.load(at=now)
    first, _second = Agent.objects.filter(team="scheduling").order_by("pk")
    Agent.objects.filter(team="scheduling").update(open_cap=None, daily_cap=None, languages=["en"])
    for n in range(2):
        first.pk, first.user = None, type(first.user).objects.create_user(f"scheduling{n + 3}")
        first.open_cap, first.daily_cap, first._state.adding = CAP, None, True
        first.save()


@pytest.mark.parametrize(
    ("leads", "kills"), [(48, 6), pytest.param(1500, 60, marks=pytest.mark.long)], ids=["short", "long"]
)
def test_killed_workers_leave_one_owner_each_full_caps_and_fair_turns(organisation, now, leads, kills):
    dice = random.Random(leads)
    ids = [make_lead(now, timing_id="two_weeks", payer_id="ppo", age=45, advance_due_at=now).pk for _ in range(leads)]
    crew = Crew(now)
    for number in range(kills):
        wait_until(lambda n=number: due() <= leads * (kills - n) / (kills + 1), "the next kill")
        crew.kill_one(dice.randrange(WORKERS))
    crew.finish()
    assert due() == 0
    owners = dict(Lead.objects.values_list("pk", "owner"))
    assert set(owners) == set(ids)
    assert None not in owners.values()
    assert assignment.replay(ids) == {pk: ("scheduling", owner) for pk, owner in owners.items()}
    for model in (Assignment, Clock, Handoff):
        assert Counter(model.objects.values_list("lead", flat=True)) == dict.fromkeys(ids, 1), model
    given = Counter(owners.values())
    capped = list(Agent.objects.filter(open_cap=CAP).values_list("user", flat=True))
    free = list(Agent.objects.filter(team="scheduling", open_cap=None).values_list("user", flat=True))
    assert [given[user] for user in capped] == [CAP] * len(capped)
    assert abs(given[free[0]] - given[free[1]]) <= 1
    assert Cursor.objects.get(team="scheduling").turn == leads
