"""Nothing is lost and nothing is done twice when the worker dies: real web server, worker, beat and broker."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep

import pytest
from django.db.models import Count

from leads.models import Inquiry, Lead, Source
from leads.services.source_keys import issue_key
from medcrm.demo import free_port
from medcrm.processes import Processes
from nurture.models import Acknowledgement, Enrollment, Message
from routing.models import Assignment
from tests.conftest import CONSULT
from tests.processes import database_url

POSTED = 200
PATIENCE_SECONDS = 120


@pytest.fixture
def processes(tmp_path: Path, transactional_organisation: None) -> Iterator[Processes]:
    """Processes on this test's own database; the broker is this xdist worker's own already."""
    with Processes(tmp_path, {"DATABASE_URL": database_url()}) as group:
        yield group


def wait_until(done: Callable[[], bool], processes: Processes) -> None:
    deadline = monotonic() + PATIENCE_SECONDS
    while not done():
        assert monotonic() < deadline, "the worker did not catch up"
        processes.check()
        sleep(0.1)


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_killing_the_worker_while_inquiries_arrive_loses_none_and_doubles_none(processes: Processes) -> None:
    """Each of 200 inquiries is routed or enrolled exactly once, though the worker is killed half-way."""
    port = free_port()
    processes.start_web(port)
    processes.start_worker()
    processes.start_beat()
    processes.wait_for_http(f"http://127.0.0.1:{port}/admin/login/")
    keys = {code: issue_key(Source.objects.get(pk=code)) for code in ("web_consult", "guide")}

    def post(number: int) -> int:
        source = "guide" if number % 4 == 0 else "web_consult"
        person = {"phone": f"+1512{200 + number // 100}01{number % 100:02d}", "email": f"p{number}@example.org"}
        wish = {"timing": "not_sure", "request": "info"} if source == "guide" else {}
        request = urllib.request.Request(  # noqa: S310
            f"http://127.0.0.1:{port}/api/v1/inquiries/",
            data=json.dumps({**CONSULT, **person, **wish, "last_name": f"Person{number}"}).encode(),
            headers={"Authorization": f"Bearer {keys[source]}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(post, range(POSTED // 2)))
        processes.kill("worker")
        answers += list(pool.map(post, range(POSTED // 2, POSTED)))
    assert answers == [201] * POSTED
    assert Lead.objects.filter(advanced_at=None).exists(), "the worker was killed before its work was done"

    processes.start_worker()
    wait_until(lambda: not Lead.objects.filter(advance_due_at__isnull=False).exists(), processes)
    assigned = Assignment.objects.exclude(step="").values("lead").annotate(n=Count("pk"))  # somebody owes it something
    enrolled = Enrollment.objects.filter(acknowledgement=None).values("lead").annotate(n=Count("pk"))
    once = {row["lead"] for row in [*assigned, *enrolled] if row["n"] == 1}
    assert len(once) == Lead.objects.count() == POSTED
    assert not Assignment.objects.values("lead").annotate(n=Count("pk")).filter(n__gt=1).exists()
    assert not {row["lead"] for row in assigned} & {row["lead"] for row in enrolled}

    wait_until(lambda: not Acknowledgement.objects.filter(due_at__isnull=False).exists(), processes)
    asked = Inquiry.objects.filter(source="web_consult")
    told = Message.objects.exclude(state="failed").exclude(enrollment__acknowledgement=None).values("enrollment")
    assert Acknowledgement.objects.count() == asked.count() == POSTED * 3 // 4
    assert not told.annotate(n=Count("pk")).filter(n__gt=1).exists()
