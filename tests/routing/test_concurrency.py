"""Two and more workers at once: no lead with two owners, no cap exceeded, no lead leased twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction

from leads.models import Lead
from routing import assignment, router, worklist
from routing.models import Agent, Assignment, Clock, Handoff, Lease
from tests.routing.factories import make_leads, reachable

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def people(transactional_db: None, organisation: None) -> None:
    """The reference organisation, committed."""


def together(jobs: Sequence[Callable[[], object]]) -> list[object]:
    """Run the jobs at the same moment, each on its own connection."""
    gate = Barrier(len(jobs))

    def run(job: Callable[[], object]) -> object:
        try:
            gate.wait(timeout=20)
            return job()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


@transaction.atomic
def route_batch(ids: Sequence[int], now: datetime) -> None:
    locked = [lead.pk for lead in Lead.objects.filter(pk__in=ids).only("pk").lock()]
    router.route(locked, at=now)


def test_two_workers_share_the_turns_and_never_pass_a_cap(now):
    Agent.objects.filter(user__username="scheduling1").update(open_cap=7, daily_cap=None)
    Agent.objects.filter(user__username="scheduling2").update(open_cap=None, daily_cap=9)
    ids = make_leads(now, 24)
    together([lambda half=half: route_batch(half, now) for half in (ids[:12], ids[12:])])
    owned = Counter(Lead.objects.values_list("owner__username", flat=True))
    assert owned == {"scheduling1": 7, "scheduling2": 9, None: 8}


def test_the_same_leads_routed_twice_at_once_have_one_owner_and_one_history(now):
    Agent.objects.filter(team="scheduling").update(daily_cap=None)
    ids = make_leads(now, 10)
    together([lambda: route_batch(ids, now)] * 4)
    assert Assignment.objects.count() == Clock.objects.count() == Handoff.objects.count() == 10
    assert assignment.replay(ids) == {
        pk: (team, owner) for pk, team, owner in Lead.objects.values_list("pk", "team", "owner")
    }


def test_four_callers_at_once_never_hold_the_same_lead(now):
    Agent.objects.filter(team="scheduling").update(open_cap=0)
    with transaction.atomic():
        ids = [reachable(now, 101 + n).pk for n in range(6)]
    route_batch(ids, now)
    users = [get_user_model().objects.create_user(f"caller{n}") for n in range(4)]
    for user in users:
        Agent.objects.create(user=user, team_id="scheduling")
    offers = together([lambda user=user: worklist.take_next(user, at=now + timedelta(minutes=1)) for user in users])
    held = [offer.lease.lead_id for offer in offers if offer.lease]
    assert len(held) == len(set(held)) == 4
    assert Lease.objects.count() == 4
    assert {lead.owner_id for lead in Lead.objects.filter(pk__in=held)} == {user.pk for user in users}


def test_one_caller_asking_twice_at_once_is_not_given_more_than_the_cap(now):
    Agent.objects.filter(team="scheduling").update(open_cap=0)
    with transaction.atomic():
        ids = [reachable(now, 101 + n).pk for n in range(4)]
    route_batch(ids, now)
    user = get_user_model().objects.create_user("caller")
    Agent.objects.create(user=user, team_id="scheduling", open_cap=1)
    together([lambda: worklist.take_next(user, at=now + timedelta(minutes=1))] * 3)
    assert Lead.objects.filter(owner=user).count() == 1
    assert Assignment.objects.filter(because="claimed").count() == 1
