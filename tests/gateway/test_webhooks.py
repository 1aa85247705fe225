"""What happens is told to who subscribed: signed, in order, at least once, and never into the private network."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.db import connection, transaction
from django.utils import timezone

from gateway import outbox, signing, targets
from gateway.models import Client, Delivery, OutboxEvent, Subscription, Try
from gateway.outbox import Result
from gateway.targets import RefusedTarget
from gateway.vocabulary import TOLD_WITH, EventKind, ScopeCode
from leads.models import Lead
from leads.services import events
from leads.vocabulary import InteractionKind
from medcrm.lib.errors import RuleError

pytestmark = pytest.mark.django_db
EVERY = ["lead.created", "lead.stage_changed", "lead.assigned", "activity.recorded", "consent.changed"]


class Receiver:
    """A server on the loopback that keeps what it is sent and answers with the next of `answers`, else 204."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
                status = receiver.answers.pop(0) if receiver.answers else 204
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://169.254.169.254/latest/")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                return

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks?x=1"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def bodies(self) -> list[dict[str, object]]:
        return [json.loads(body) for _headers, body in self.got]


@pytest.fixture
def receiver(settings) -> Iterator[Receiver]:
    settings.WEBHOOK_ALLOW_LOOPBACK = True
    found = Receiver()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def subscribed(system, receiver, now) -> Subscription:
    return outbox.subscribe(system.pk, receiver.url, EVERY, at=now)[0]


def deliver(at: datetime | None = None) -> int:
    at = at or timezone.now() + timedelta(seconds=1)
    return outbox.deliver_due(clock=lambda: at)


def test_an_intake_is_told_once_with_codes_only_and_a_true_signature(system, receiver, subscribed, submit):
    lead = submit()
    assert deliver() == Delivery.objects.count() > 2
    assert {body["type"] for body in receiver.bodies} == {"lead.created", "activity.recorded", "consent.changed"}
    assert {body["data"]["lead"] for body in receiver.bodies} == {str(lead.public_id)}
    text = b"".join(body for _headers, body in receiver.got).decode()
    for personal in ("Alpha", "5550101", "alpha@example.org", "78704"):
        assert personal not in text
    headers, body = receiver.got[0]
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(signing.secret_of(subscribed.salt).removeprefix("whsec_"))
    expected = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == expected
    assert deliver() == 0


def test_what_is_rolled_back_is_not_told(subscribed, submit):
    submit()
    before = OutboxEvent.objects.count()
    with transaction.atomic():
        Lead.objects.update(stage="working")
        assert OutboxEvent.objects.count() == before + 1
        transaction.set_rollback(True)
    assert OutboxEvent.objects.count() == before


def test_raw_sql_is_told_too_and_a_change_of_nothing_is_not(subscribed, submit):
    lead = submit()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE leads_lead SET stage = 'working', team = team WHERE id = %s", [lead.pk])
    event = OutboxEvent.objects.get(kind="lead.stage_changed")
    assert event.data == {"from": "new", "to": "working"}
    assert not OutboxEvent.objects.filter(kind="lead.assigned").exists()


def test_nothing_is_written_while_nobody_listens(system, submit, receiver, now):
    lead = submit()
    events.record_document(lead.pk, "referral_letter", at=now)
    assert not OutboxEvent.objects.exists()


def test_a_client_is_told_of_leads_it_sees_only(system, subscribed, submit):
    type(system).objects.filter(pk=system.pk).update(teams=["intake"])
    submit()
    deliver()
    assert not Delivery.objects.exists()
    assert not OutboxEvent.objects.filter(spread_at=None).exists()


def test_a_client_is_told_only_of_what_it_may_read(system, subscribed, submit, now, call):
    may = [ScopeCode.WEBHOOKS, ScopeCode.LEADS_READ]
    Client.objects.filter(pk=system.pk).update(scopes=may)
    submit()
    deliver()
    assert set(Delivery.objects.values_list("event__kind", flat=True)) == {"lead.created"}
    asked = {"url": "https://example.org/hooks", "events": ["lead.created", "consent.changed", "appointment.changed"]}
    refused = call("POST", "webhooks/", asked)
    assert (refused.status_code, refused.json()["code"]) == (400, "SCOPE_MISSING")
    assert list(refused.json()["errors"]) == ["events"]
    assert call("POST", "webhooks/", {**asked, "events": ["lead.merged"]}).status_code == 201
    with pytest.raises(RuleError, match="documents:read"):
        outbox.change_subscription(subscribed.pk, events=["document.changed"], at=now)


@pytest.mark.parametrize("left", [[], [ScopeCode.WEBHOOKS], [s for s in ScopeCode.values if s != ScopeCode.WEBHOOKS]])
def test_what_still_waits_is_not_told_once_the_scope_is_taken_away(system, receiver, subscribed, submit, now, left):
    submit()
    while outbox.spread(at=now):
        pass
    Client.objects.filter(pk=system.pk).update(scopes=left)
    deliver(now + timedelta(minutes=1))
    assert receiver.got == []
    assert set(Delivery.objects.values_list("state", flat=True)) == {"cancelled"}
    waiting = Delivery.objects.count()
    submit(last_name="Beta", phone="+15125550202", email="beta@example.org")
    deliver()
    assert Delivery.objects.count() == waiting


def test_every_event_has_the_scope_that_reads_it():
    assert set(TOLD_WITH) == set(EventKind)


def test_a_failure_is_tried_again_later_and_holds_back_what_follows_for_that_lead_alone(subscribed, receiver, submit):
    first = submit()
    deliver()
    receiver.got.clear()
    other = submit(last_name="Beta", phone="+15125550202", email="beta@example.org")
    deliver()
    receiver.got.clear()
    at = timezone.now() + timedelta(minutes=1)
    for kind in (InteractionKind.PAGE_VISIT, InteractionKind.EMAIL_OPEN):
        for lead in (first, other):
            events.record_activity(lead.pk, kind, at=at)
    receiver.answers = [500]
    assert deliver(at) == 3
    assert [body["data"]["lead"] for body in receiver.bodies].count(str(other.public_id)) == 2
    waiting = Delivery.objects.filter(state="pending").order_by("event_id")
    assert [row.lead_id for row in waiting] == [first.pk, first.pk]
    assert waiting[0].due_at == at + outbox.BACK_OFF[0]
    deliver(at + outbox.BACK_OFF[0])
    told = [b["data"]["kind"] for b in receiver.bodies if b["data"]["lead"] == str(first.public_id)]
    assert told == ["page_visit", "page_visit", "email_open"]
    ids = [headers["webhook-id"] for headers, body in receiver.got if b"page_visit" in body]
    assert len(ids) == 3
    assert len(set(ids)) == 2


def test_a_crash_between_send_and_record_sends_again_with_the_same_id(subscribed, receiver, submit, now):
    submit()
    while outbox.spread(at=now):
        pass
    [claimed, *_] = outbox.claim(at=now, limit=1)
    assert outbox.send(claimed, clock=lambda: now).is_delivered
    # Here the worker dies: nothing is recorded, and nobody else takes it before the lease has ended.
    sent = receiver.got[0][0]["webhook-id"]
    assert claimed.pk not in [row.pk for row in outbox.claim(at=now + timedelta(seconds=30))]
    receiver.got.clear()
    deliver(now + 2 * outbox.LEASE)
    assert receiver.got[0][0]["webhook-id"] == sent
    assert not Delivery.objects.exclude(state="delivered").exists()


def test_after_the_last_try_it_is_given_up_the_next_goes_out_and_it_can_be_replayed(subscribed, submit, now):
    lead = submit()
    Delivery.objects.all().delete()
    OutboxEvent.objects.all().delete()
    events.record_activity(lead.pk, InteractionKind.PAGE_VISIT, at=now)
    events.record_activity(lead.pk, InteractionKind.EMAIL_OPEN, at=now)
    at, tried = timezone.now() + timedelta(seconds=1), 0
    while Delivery.objects.filter(state="failed").count() < 1:
        outbox.deliver_due(clock=lambda: at, post=lambda *_: 503)  # noqa: B023 - called at once
        at, tried = Delivery.objects.filter(state="pending").order_by("event_id").first().due_at, tried + 1
        assert tried < 20
    first, second = Delivery.objects.order_by("event_id")
    assert (first.state, first.tries, first.due_at) == ("failed", len(outbox.BACK_OFF) + 1, None)
    assert second.state == "pending"
    deliver(at + timedelta(days=2))
    assert outbox.replay(Delivery.objects.filter(state="failed"), at=at) == 1
    deliver(at + timedelta(days=2))
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    assert Try.objects.filter(delivery=first).count() == len(outbox.BACK_OFF) + 2


def test_a_receiver_that_is_gone_ends_its_webhook(subscribed, receiver, submit):
    receiver.answers = [410]
    submit()
    deliver()
    subscribed.refresh_from_db()
    assert (subscribed.is_active, subscribed.ended_because) == (False, "GONE")
    assert set(Delivery.objects.values_list("state", flat=True)) == {"cancelled"}


def test_a_redirect_is_not_followed(subscribed, receiver, submit):
    receiver.answers = [302] * 20
    submit()
    deliver()
    assert set(Try.objects.values_list("status", "code")) == {(302, "REJECTED")}


def test_a_new_secret_signs_beside_the_old_one_for_a_day(subscribed, receiver, submit, now):
    old = signing.secret_of(subscribed.salt)
    new = outbox.rotate_secret(subscribed.pk, at=timezone.now())
    assert new != old
    submit()
    deliver()
    assert len(receiver.got[0][0]["webhook-signature"].split(" ")) == 2
    receiver.got.clear()
    events.record_activity(Lead.objects.get().pk, InteractionKind.PAGE_VISIT, at=now)
    deliver(timezone.now() + timedelta(days=2))
    assert len(receiver.got[0][0]["webhook-signature"].split(" ")) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hooks",
        "https://127.0.0.1/",
        "https://10.0.0.5/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[fd00::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://0.0.0.0/",
        "https://100.64.0.1/",
        "https://224.0.0.1/",
        "https://user:secret@example.org/",
        "https:///nowhere",
        "ftp://example.org/",
        "https://exa mple.org/",
        "https://example.org:99999/",
        "not a url",
    ],
)
def test_a_private_or_odd_target_is_refused_when_it_is_named(url, system, now):
    with pytest.raises(RefusedTarget):
        outbox.subscribe(system.pk, url, ["lead.created"], at=now)


def test_a_name_that_leads_to_a_private_address_is_refused_when_it_is_dialled(monkeypatch, system, now):
    row, _secret = outbox.subscribe(system.pk, "https://rebinding.example.org/", ["lead.created"], at=now)
    answers = [(None, None, None, "", ("8.8.8.8", 443)), (None, None, None, "", ("10.0.0.1", 443))]
    monkeypatch.setattr(targets.socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(RefusedTarget):
        targets.post(row.url, b"{}", {})


def test_the_loopback_stays_closed_without_the_setting(receiver, settings):
    settings.WEBHOOK_ALLOW_LOOPBACK = False
    with pytest.raises(RefusedTarget):
        targets.post(receiver.url, b"{}", {})


def test_an_answer_that_never_comes_is_a_reason_not_an_error(subscribed, submit, now):
    submit()
    while outbox.spread(at=now):
        pass
    [claimed, *_] = outbox.claim(at=now, limit=1)

    def never(*_: object) -> int:
        raise TimeoutError

    assert outbox.send(claimed, clock=lambda: now, post=never) == Result(None, "TIMEOUT", 0)


def test_who_lets_us_wait_is_asked_once_and_keeps_nobody_else_waiting(subscribed, system, submit, now):
    outbox.subscribe(system.pk, "https://hangs.example.org/", ["lead.created"], at=now)
    for number in range(5):
        submit(phone=f"+1512555020{number}", email="", last_name=f"Alpha{number}")
    at, asked = timezone.now() + timedelta(seconds=1), []

    def post(url: str, *_: object) -> int:
        asked.append(url)
        if "hangs" in url:
            raise TimeoutError
        return 204

    outbox.deliver_due(clock=lambda: at, post=post)
    assert asked.count("https://hangs.example.org/") == 1
    hanging = Delivery.objects.filter(subscription__url="https://hangs.example.org/")
    assert sorted(hanging.values_list("tries", flat=True)) == [0, 0, 0, 0, 1]
    assert set(hanging.values_list("state", "due_at")) == {("pending", at + outbox.BREATH)}
    assert not Delivery.objects.filter(subscription=subscribed).exclude(state="delivered").exists()


def test_an_answer_that_drips_in_is_waited_for_no_longer_than_any(settings, monkeypatch):
    settings.WEBHOOK_ALLOW_LOOPBACK = True
    monkeypatch.setattr(targets, "TIMEOUT_SECONDS", 0.5)
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            conversation, _address = server.accept()
            with conversation, contextlib.suppress(OSError):
                conversation.recv(10_000)
                while not done.wait(0.05):
                    conversation.sendall(b"H")

        dripping = threading.Thread(target=drip)
        dripping.start()
        with pytest.raises(TimeoutError):
            targets.post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}", {})
        done.set()
        dripping.join()


def test_old_events_are_forgotten_but_not_while_they_wait(subscribed, submit, now):
    submit()
    deliver()
    later = timezone.now() + outbox.KEPT + timedelta(days=1)
    events.record_activity(Lead.objects.get().pk, InteractionKind.PAGE_VISIT, at=now)
    while outbox.spread(at=now):
        pass
    outbox.forget(at=later)
    assert list(OutboxEvent.objects.values_list("kind", flat=True)) == ["activity.recorded"]


def test_a_client_keeps_its_own_webhooks_by_the_api(call, settings, system):
    settings.WEBHOOK_ALLOW_LOOPBACK = True
    body = {"url": "http://127.0.0.1:9/hooks", "events": ["lead.created"]}
    first = call("POST", "webhooks/", body, idempotency_key="w").json()
    assert first["secret"].startswith("whsec_")
    assert call("POST", "webhooks/", body, idempotency_key="w").json() == {**first, "secret": ""}
    path = f"webhooks/{first['webhook']}/"
    assert call("PATCH", path, {"events": ["consent.changed"]}).json()["events"] == ["consent.changed"]
    assert call("PATCH", path, {"url": "https://10.0.0.1/"}).json()["errors"]["url"]
    assert call("POST", f"{path}secret/").json()["secret"] != first["secret"]
    assert call("GET", f"{path}deliveries/").json()["results"] == []
    assert call("POST", f"{path}replay/", {"since": "2026-01-01T00:00:00Z"}).json() == {"count": 0}
    assert call("DELETE", path).status_code == 204
    assert call("GET", path).json()["is_active"] is False
    assert call("PATCH", path, {"events": ["lead.created"]}).json()["code"] == "ENDED"
