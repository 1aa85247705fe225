"""Probes, metrics and logs: what they say, to whom, and what they never say."""

from __future__ import annotations

import io
import json
import logging
from datetime import timedelta

import pytest
import structlog
from django.conf import settings as configured
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from consent.models import Address
from leads.models import Inquiry, Lead, Source
from leads.services.source_keys import issue_key
from medcrm import queues
from medcrm.lib.redaction import redacted, scrub_event
from tests.conftest import CONSULT

pytestmark = pytest.mark.django_db


def test_live_answers_without_the_database(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert client.get("/health/live").json() == {"status": "ok"}


def test_ready_says_how_old_each_queue_is(client, submit):
    lead = submit(at=timezone.now() - timedelta(minutes=10))
    body = client.get("/health/ready").json()
    assert set(body["queues"]) == {queue.name for queue in queues.QUEUES}
    assert (body["status"], body["late"], body["queues"]["advance"]["due"]) == ("late", ["advance"], 1)
    assert 590 < body["queues"]["advance"]["age_seconds"] < 700
    Lead.objects.filter(pk=lead.pk).update(advance_due_at=None)
    assert client.get("/health/ready").json()["status"] == "ok"


def test_ready_is_503_without_the_database(client, monkeypatch):
    def away(*, at: object) -> None:
        raise OperationalError

    monkeypatch.setattr(queues, "backlogs", away)
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["database"]) == (503, "away")


def test_looking_into_the_queues_costs_one_query_each(django_assert_num_queries, submit):
    submit()
    with django_assert_num_queries(len(queues.QUEUES)):
        queues.backlogs(at=timezone.now())


def test_metrics_hold_the_queues_and_the_requests_by_route(client, submit):
    submit(at=timezone.now())
    client.get("/health/live")
    text = client.get("/metrics").content.decode()
    assert 'medcrm_queue_due{queue="advance"} 1.0' in text
    assert 'medcrm_request_seconds_count{method="GET",route="health/live",status="200"}' in text
    assert "medcrm_ledger_breaks 0.0" in text


def test_made_up_methods_make_no_series_of_their_own(client):
    client.generic("BREW", "/health/live")
    text = client.get("/metrics").content.decode()
    assert "BREW" not in text
    assert 'medcrm_request_seconds_count{method="other"' in text


@pytest.mark.parametrize(
    ("token", "headers", "address", "status"),
    [
        ("", {}, "127.0.0.1", 200),
        ("", {}, "203.0.113.9", 403),
        ("", {"x-forwarded-for": "203.0.113.9"}, "127.0.0.1", 403),
        ("secret", {}, "127.0.0.1", 403),
        ("secret", {"authorization": "Bearer wrong"}, "127.0.0.1", 403),
        ("secret", {"authorization": "Bearer secret"}, "203.0.113.9", 200),
    ],
)
def test_metrics_are_closed_to_strangers(client, settings, token, headers, address, status):
    settings.METRICS_TOKEN = token
    assert client.get("/metrics", headers=headers, REMOTE_ADDR=address).status_code == status


@pytest.fixture
def written():
    """What the configured handler writes, from every logger."""
    config = configured.LOGGING["formatters"]["plain"]
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(**{k: v for k, v in config.items() if k != "()"}))
    root = logging.getLogger()
    root.addHandler(handler)
    level, _ = root.level, root.setLevel(logging.INFO)
    yield handler.stream.getvalue
    root.removeHandler(handler)
    root.setLevel(level)


def test_logs_of_an_intake_say_what_happened_and_to_nobody(client, catalogue, written):
    key = issue_key(Source.objects.get(pk="web_consult"))
    person = {"first_name": "Zebulonia", "last_name": "Quixwater", "question": "Does my knee brace matter?"}
    for body in ({**CONSULT, **person}, {**CONSULT, **person, "phone": "5125550"}, {**CONSULT, **person, "age": "x"}):
        client.post(
            "/api/v1/inquiries/",
            json.dumps(body),
            content_type="application/json",
            headers={"authorization": f"Bearer {key}"},
        )
    client.get("/u/some-secret-token/?email=alpha@example.org")
    with pytest.raises(IntegrityError), transaction.atomic():
        Address.objects.create(kind="email", value="alpha@example.org", keyed_hash="x")
    try:
        with transaction.atomic():
            Address.objects.create(kind="email", value="alpha@example.org", keyed_hash="x")
    except IntegrityError:
        logging.getLogger("django.request").exception("Broken by %s and +1 (512) 555-0101", "alpha@example.org")
    text = written()
    lines = [json.loads(line) for line in text.splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert [(line["route"], line["status"]) for line in requests][:3] == [
        ("api/v1/inquiries/", 201),
        ("api/v1/inquiries/", 400),
        ("api/v1/inquiries/", 400),
    ]
    assert len({line["request"] for line in requests}) == len(requests)
    assert "Traceback" in text
    for value in (*person.values(), "alpha@example.org", "5550101", "555-0101", key, "some-secret-token"):
        assert value not in text, value
    assert Inquiry.objects.count() == 3


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("mail a.b+c@example.org now", "mail [e-mail] now"),
        ("call +15125550142", "call [number]"),
        ("call (512) 555-0142 or 512.555.0142", "call [number] or [number]"),
        ("GET /p/abc.def:ghi/ 200", "GET [token]/ 200"),
        ("lead 0197a4de-5c1b-7c3e-9d2a-3b1f0a6c2e11 in 0.123456789s", None),
        ("2 of 200 rows at 127.0.0.1:54321", None),
    ],
)
def test_addresses_numbers_and_tokens_are_taken_out_and_ids_stay(text, kept):
    assert redacted(text) == (text if kept is None else kept)


def test_an_error_tracker_gets_where_it_broke_and_nothing_about_whom():
    event = {
        "request": {"data": "x"},
        "user": {"email": "a@example.org"},
        "breadcrumbs": {"values": [{"message": "SELECT 'Quixwater'"}]},
        "exception": {
            "values": [
                {
                    "type": "IntegrityError",
                    "value": "duplicate\nDETAIL: Key (value)=(a@example.org)",
                    "stacktrace": {"frames": [{"function": "accept", "vars": {"lead": "Quixwater"}}]},
                }
            ]
        },
    }
    sent = json.dumps(scrub_event(event))
    assert "accept" in sent
    assert "IntegrityError" in sent
    for value in ("Quixwater", "a@example.org"):
        assert value not in sent


def test_the_error_tracker_is_off_without_a_dsn():
    import sentry_sdk

    assert configured.SENTRY_DSN == ""
    assert not sentry_sdk.get_client().is_active()
    assert connection.vendor == "postgresql"
