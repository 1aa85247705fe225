"""Races, with two threads and committed data."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import pytest
from django.db import IntegrityError, connection

from nurture import dispatch, enrollment
from nurture.lifecycle import EnrollmentState
from nurture.models import Enrollment, Message
from tests.nurture.factories import walk

pytestmark = pytest.mark.django_db(transaction=True)


def together(*works: Callable[[], object]) -> list[object]:
    """Run the works in threads that start at the same moment; return what each returned or raised."""
    results: list[object] = [None] * len(works)
    gate = threading.Barrier(len(works))

    def run(index: int, work: Callable[[], object]) -> None:
        try:
            gate.wait()
            results[index] = work()
        except IntegrityError as error:
            results[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_two_workers_send_each_step_once(guide, now: datetime) -> None:
    ids = [guide(number).pk for number in range(1, 13)]
    walk(ids, at=now)
    reports = together(*[lambda: dispatch.dispatch_due(at=now)] * 2)
    assert sum(report.delivered for report in reports) == 12
    assert Message.objects.count() == 12


def test_two_claims_of_the_same_step_have_one_winner(guide, now: datetime) -> None:
    walk([guide().pk], at=now)
    ids = dispatch.claim_due(at=now)
    loaded = [dispatch.batches.load(ids, at=now) for _ in range(2)]
    results = together(*[lambda batch=batch: dispatch.take_many(batch, at=now) for batch in loaded])
    assert sorted(len(messages) for messages, _tally in results) == [0, 1]
    assert Message.objects.count() == 1


def test_two_plans_of_one_lead_leave_one_active_enrollment(guide, now: datetime) -> None:
    lead = guide()
    walk([lead.pk], at=now)
    Enrollment.objects.all().delete()
    together(*[lambda: enrollment.plan([lead.pk], at=now)] * 2)
    assert Enrollment.objects.filter(lead=lead, state=EnrollmentState.ACTIVE).count() == 1
