"""What to call next: the most pressing lead that may be called now, for one caller at a time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model

from consent import ledger
from medcrm.lib.errors import RuleError
from routing import router, worklist
from routing.models import Agent, Cadence, Lease
from tests.routing.factories import make_call, make_lead, reachable

pytestmark = pytest.mark.usefixtures("organisation")


@pytest.fixture
def caller(organisation: object):
    Agent.objects.filter(team="scheduling").exclude(user__username="scheduling1").update(open_cap=0)
    return get_user_model().objects.get(username="scheduling1")


def test_the_most_pressing_lead_is_leased(now, caller):
    first, second = reachable(now, 101), reachable(now, 102)
    router.route([second.pk], at=now - timedelta(hours=1))
    router.route([first.pk], at=now)
    offer = worklist.take_next(caller, at=now)
    assert offer.lease.lead == second
    assert offer.clock.owed == "booking"


def test_a_promise_that_is_due_comes_first_and_one_that_is_not_yet_due_is_not_offered(now, caller):
    promised, other = reachable(now, 101), reachable(now, 102)
    router.route([promised.pk, other.pk], at=now)
    at = now + timedelta(hours=2)
    make_call(promised, "callback_requested", at=now, by=caller, callback_at=at.isoformat())
    router.route([promised.pk], at=now)
    assert worklist.take_next(caller, at=now).lease.lead == other
    assert worklist.take_next(caller, at=at).lease.lead == promised


def test_whom_the_caller_just_spoke_with_is_not_offered_to_them_at_once(now, caller):
    spoken, other = reachable(now, 101), reachable(now, 102)
    router.route([spoken.pk, other.pk], at=now)
    make_call(spoken, "sent_to_team", at=now, by=caller)
    assert worklist.take_next(caller, at=now + timedelta(minutes=1)).lease.lead == other
    Lease.objects.all().delete()
    other.clocks.all().delete()
    assert worklist.take_next(caller, at=now + timedelta(minutes=29)).lease is None
    assert worklist.take_next(caller, at=now + timedelta(minutes=31)).lease.lead == spoken


@pytest.mark.parametrize(("rest", "first_at"), [({"scheduling": 5}, 5), ({"quotes": 5}, 30), ({None: 0}, 0)])
def test_how_long_that_is_is_said_for_the_team_or_for_every_other(now, caller, rest, first_at):
    for team, minutes in rest.items():
        Cadence.objects.update_or_create(team_id=team, defaults={"rest_after_talk_minutes": minutes})
    spoken = reachable(now, 101)
    router.route([spoken.pk], at=now)
    make_call(spoken, "sent_to_team", at=now, by=caller)
    offered = [n for n in (0, 4, 5, 29, 30) if worklist.take_next(caller, at=now + timedelta(minutes=n)).lease]
    assert offered[0] == first_at


def test_what_may_not_be_called_now_is_held_back_with_the_time_when_it_may(now, caller):
    lead = reachable(now)
    router.route([lead.pk], at=now)
    night = now + timedelta(hours=16)  # 02:00 in Austin
    offer = worklist.take_next(caller, at=night)
    assert offer.lease is None
    assert offer.held_back == 1
    assert night < offer.next_at <= now + timedelta(days=1)
    assert worklist.take_next(caller, at=offer.next_at).lease.lead == lead


def test_a_lead_that_said_stop_is_not_offered(now, caller):
    lead = reachable(now)
    router.route([lead.pk], at=now)
    ledger.record(lead.phone_id, "revoke", at=now, occurred_at=now, scope="all", source="call")
    assert worklist.take_next(caller, at=now).lease is None


def test_a_lead_without_a_phone_is_not_offered(now, caller):
    lead = make_lead(now)
    router.route([lead.pk], at=now)
    assert worklist.take_next(caller, at=now).held_back == 1


def test_a_lead_of_the_queue_becomes_the_callers(now, caller):
    Agent.objects.filter(user=caller).update(open_cap=0)
    lead = reachable(now)
    router.route([lead.pk], at=now)
    assert worklist.take_next(caller, at=now).lease is None
    Agent.objects.filter(user=caller).update(open_cap=1)
    assert worklist.take_next(caller, at=now).lease.lead == lead
    lead.refresh_from_db()
    assert lead.owner == caller
    assert lead.assignments.first().because == "claimed"


def test_a_leased_lead_is_not_offered_to_another_until_the_lease_ends(now, caller):
    lead = reachable(now)
    router.route([lead.pk], at=now)
    other = get_user_model().objects.get(username="scheduling2")
    Lease.objects.create(lead=lead, user=other, taken_at=now, expires_at=now + worklist.LEASE)
    assert worklist.take_next(caller, at=now).lease is None
    assert worklist.take_next(caller, at=now + worklist.LEASE).lease.lead == lead


def test_only_members_of_a_team_take_calls(now, supervisor):
    with pytest.raises(RuleError, match="members of a team"):
        worklist.take_next(supervisor, at=now)


def test_the_list_of_what_is_owed_is_in_order(now, caller):
    low, high = reachable(now, 101, score=10), reachable(now, 102, score=90)
    router.route([low.pk, high.pk], at=now)
    assert [clock.lead for clock in worklist.owed_to(caller.pk, at=now)] == [high, low]
