"""What is still to be told to whom? Events are spread over subscriptions; a delivery is claimed, sent, recorded.

A delivery goes out at least once and carries the same `webhook-id` each time, so that a receiver can tell. Those of one
lead and subscription go out in their order: a later one waits until the earlier has ended.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils.translation import gettext as _

from gateway import keys, signing, targets
from gateway.models import Client, Delivery, OutboxEvent, Subscription, Try
from gateway.vocabulary import TOLD_WITH, DeliveryState, EventKind, ScopeCode
from leads.models import Lead
from leads.visibility import visible
from medcrm.lib import bell
from medcrm.lib.errors import RuleError

SPREAD = 500  # events made into deliveries in one transaction
CLAIM = 20  # sent one after the other by one worker, each in at most TIMEOUT_SECONDS
SLICE_SECONDS = 30  # then other work of the worker gets its turn, and the bell is rung again
BREATH = timedelta(minutes=1)  # a receiver that let us wait is asked for nothing else until then
LEASE = timedelta(minutes=5)  # longer than CLAIM slow answers; after a crash it goes out again then
# The schedule of Standard Webhooks; after the last one the delivery is given up, and can be replayed.
BACK_OFF = [timedelta(seconds=s) for s in (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600)]
KEPT = timedelta(days=30)  # how far back can be replayed
LOCK = 4_917_001  # one spreader at a time, so that deliveries are made in the order of the events
TASK = "gateway.tasks.deliver_due"
Post = Callable[[str, bytes, dict[str, str]], int]


@dataclass(frozen=True)
class Result:
    """What came of one attempt: the answer's status, or why there was none."""

    status: int | None
    code: str
    took_ms: int = 0

    @property
    def is_delivered(self) -> bool:
        """Whether the subscriber took it: any answer of the 200s."""
        return self.status is not None and 200 <= self.status < 300


@transaction.atomic
def spread(*, at: datetime) -> int:
    """Make a delivery of each new event for each subscription that wants it and may read of it; return how many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
    events = list(OutboxEvent.objects.filter(spread_at=None).order_by("pk")[:SPREAD])
    subscriptions = list(
        Subscription.objects.filter(is_active=True, client__is_active=True).select_related("client__user")
    )
    for subscription in subscriptions if events else ():
        seen = _seen(subscription, {event.lead_id for event in events})
        Delivery.objects.bulk_create(
            [
                Delivery(event=event, subscription=subscription, lead_id=event.lead_id, due_at=at)
                for event in events
                if event.kind in subscription.events and may_be_told(subscription.client, event.kind)
                if event.lead_id in seen
            ],
            ignore_conflicts=True,
        )
    OutboxEvent.objects.filter(pk__in=[event.pk for event in events]).update(spread_at=at)
    return len(events)


def may_be_told(client: Client, kind: str) -> bool:
    """Whether the client may still keep webhooks, and read what this kind of event speaks of."""
    return {ScopeCode.WEBHOOKS, TOLD_WITH[EventKind(kind)]} <= set(client.scopes)


def _seen(subscription: Subscription, lead_ids: Iterable[int]) -> set[int]:
    user = subscription.client.user
    user._medcrm_scope = keys.scope_of(subscription.client)  # type: ignore[attr-defined]
    leads = Lead.objects.filter(visible(user), keys.narrowed(subscription.client), pk__in=lead_ids)
    return set(leads.order_by().values_list("pk", flat=True))


@transaction.atomic
def claim(*, at: datetime, limit: int = CLAIM) -> list[Delivery]:
    """Take due deliveries that nothing of the same lead waits before, out of everybody's hands for a while."""
    earlier = Delivery.objects.filter(
        subscription=OuterRef("subscription"), lead=OuterRef("lead"), event__lt=OuterRef("event"), state="pending"
    )
    due = Delivery.objects.filter(state=DeliveryState.PENDING, due_at__lte=at).exclude(Exists(earlier))
    claimed = list(
        due.select_related("event__lead", "subscription__client")
        .order_by("due_at", "pk")
        .select_for_update(of=("self",), skip_locked=True)[:limit]
    )
    Delivery.objects.filter(pk__in=[row.pk for row in claimed]).update(due_at=at + LEASE, tries=F("tries") + 1)
    for row in claimed:
        row.tries += 1
    return claimed


def deliver_due(*, clock: Callable[[], datetime], post: Post = targets.post) -> int:
    """Spread what happened, then send what is due until nothing is; return how many attempts were made.

    Nobody's slow server keeps the others waiting: after one answer that did not come its other deliveries are put off.
    """
    while spread(at=clock()):
        pass
    made, began = 0, time.monotonic()
    while claimed := claim(at=clock()):
        slow: set[int] = set()
        unsent: list[int] = []
        for delivery in claimed:
            if delivery.subscription_id in slow:
                unsent.append(delivery.pk)
                continue
            result = send(delivery, clock=clock, post=post)
            record(delivery, result, at=clock())
            made += 1
            if result.code == "TIMEOUT":
                slow.add(delivery.subscription_id)
        if slow:
            _put_off(slow, unsent, until=clock() + BREATH)
        if time.monotonic() - began > SLICE_SECONDS:
            bell.ring(TASK)
            break
    return made


@transaction.atomic
def _put_off(subscriptions: set[int], unsent: Sequence[int], *, until: datetime) -> None:
    """Let these receivers take breath; what was claimed and not sent counts as not tried."""
    waiting = Delivery.objects.filter(subscription__in=subscriptions, state=DeliveryState.PENDING)
    waiting.filter(pk__in=unsent).update(due_at=until, tries=F("tries") - 1)
    waiting.filter(due_at__lt=until).update(due_at=until)


def send(delivery: Delivery, *, clock: Callable[[], datetime], post: Post = targets.post) -> Result:
    """Sign and post one delivery, outside any transaction. Never raises for what the other side does."""
    subscription = delivery.subscription
    client = subscription.client
    if not (subscription.is_active and client.is_active and may_be_told(client, delivery.event.kind)):
        return Result(None, "ENDED")
    body = payload(delivery.event)
    at = clock()
    salts = [subscription.salt]
    if subscription.old_salt and subscription.old_salt_until and subscription.old_salt_until > at:
        salts.append(subscription.old_salt)
    headers = dict(signing.headers(str(delivery.event.public_id), int(at.timestamp()), body, salts))
    began = time.monotonic()
    try:
        status = post(subscription.url, body, headers)
        code = "OK" if 200 <= status < 300 else "GONE" if status == 410 else "REJECTED"
    except RuleError as error:
        status, code = None, error.code
    except TimeoutError:
        status, code = None, "TIMEOUT"
    except OSError as error:
        status, code = None, f"NO_ANSWER_{type(error).__name__}".upper()[:40]
    return Result(status, code, int((time.monotonic() - began) * 1000))


def payload(event: OutboxEvent) -> bytes:
    """The body: kind, time, the lead's public id, and codes."""
    data = {"lead": str(event.lead.public_id), **event.data}
    message = {"type": event.kind, "timestamp": event.at.isoformat(), "data": data}
    return json.dumps(message, separators=(",", ":")).encode()


@transaction.atomic
def record(delivery: Delivery, result: Result, *, at: datetime) -> None:
    """Write what came of it: delivered, to be tried again, or given up. A receiver that is gone ends it all."""
    Try.objects.create(delivery=delivery, at=at, status=result.status, code=result.code, took_ms=result.took_ms)
    if result.is_delivered:
        _settle(delivery, DeliveryState.DELIVERED, at)
    elif result.code == "ENDED":
        _settle(delivery, DeliveryState.CANCELLED, at)
    elif result.code == "GONE":
        end_subscription(delivery.subscription_id, because="GONE", at=at)
    elif delivery.tries > len(BACK_OFF):
        _settle(delivery, DeliveryState.FAILED, at)
    else:
        Delivery.objects.filter(pk=delivery.pk, state="pending").update(due_at=at + BACK_OFF[delivery.tries - 1])


def _settle(delivery: Delivery, state: DeliveryState, at: datetime) -> None:
    Delivery.objects.filter(pk=delivery.pk, state="pending").update(state=state, due_at=None, settled_at=at)


@transaction.atomic
def replay(deliveries: QuerySet[Delivery], *, at: datetime) -> int:
    """Send ended deliveries once more, in their order, with the ids they had; return how many."""
    again = deliveries.exclude(state=DeliveryState.PENDING).filter(subscription__is_active=True)
    count = Delivery.objects.filter(pk__in=list(again.values_list("pk", flat=True))).update(
        state=DeliveryState.PENDING, due_at=at, tries=0, settled_at=None
    )
    if count:
        bell.ring(TASK)
    return count


# Subscriptions


@transaction.atomic
def subscribe(client_code: str, url: str, events: Sequence[str], *, at: datetime) -> tuple[Subscription, str]:
    """Subscribe a client and return the signing secret, which is shown this once. Raise RefusedTarget or RuleError."""
    targets.check_url(url)
    _check_events(events, Client.objects.get(pk=client_code))
    row = Subscription.objects.create(
        client_id=client_code, url=url, events=sorted(set(events)), salt=signing.new_salt(), created_at=at
    )
    return row, signing.secret_of(row.salt)


@transaction.atomic
def change_subscription(
    subscription_id: int, *, at: datetime, url: str | None = None, events: Sequence[str] | None = None
) -> Subscription:
    """Change where or what a subscription is told. Raise RefusedTarget or RuleError."""
    row = Subscription.objects.select_for_update(of=("self",)).select_related("client").get(pk=subscription_id)
    if not row.is_active:
        raise RuleError("ENDED", _("This webhook has ended. Make a new one."))
    if url is not None:
        targets.check_url(url)
        row.url = url
    if events is not None:
        _check_events(events, row.client)
        row.events = sorted(set(events))
    row.save(update_fields=["url", "events"])
    return row


@transaction.atomic
def rotate_secret(subscription_id: int, *, at: datetime, overlap: timedelta = timedelta(days=1)) -> str:
    """Give a new secret; until the overlap ends both sign."""
    row = Subscription.objects.select_for_update().get(pk=subscription_id)
    row.old_salt, row.old_salt_until, row.salt = row.salt, at + overlap, signing.new_salt()
    row.save(update_fields=["salt", "old_salt", "old_salt_until"])
    return signing.secret_of(row.salt)


@transaction.atomic
def end_subscription(subscription_id: int, *, because: str, at: datetime) -> None:
    """Tell it nothing more; what still waits is cancelled. The log stays."""
    Subscription.objects.filter(pk=subscription_id, is_active=True).update(
        is_active=False, ended_at=at, ended_because=because
    )
    Delivery.objects.filter(subscription=subscription_id, state="pending").update(
        state=DeliveryState.CANCELLED, due_at=None, settled_at=at
    )


def _check_events(events: Sequence[str], client: Client) -> None:
    unknown = sorted(set(events) - set(EventKind.values))
    if unknown or not events:
        known = ", ".join(EventKind.values)
        raise RuleError("UNKNOWN_EVENT", _("Choose at least one of: %(events)s.") % {"events": known}, field="events")
    closed = sorted({TOLD_WITH[EventKind(kind)].value for kind in events} - set(client.scopes))
    if closed:
        told = _("Who is told of these events must be able to read of them. This client lacks: %(scopes)s.")
        raise RuleError("SCOPE_MISSING", told % {"scopes": ", ".join(closed)}, field="events")


def forget(*, at: datetime, kept_leads: Sequence[int] = ()) -> int:
    """Drop events that were spread and are too old to replay, with their deliveries and log.

    `kept_leads` are on litigation hold: what other systems were told about them stays.
    """
    waiting = Delivery.objects.filter(event=OuterRef("pk"), state="pending")
    old = OutboxEvent.objects.filter(at__lt=at - KEPT, spread_at__isnull=False).exclude(Exists(waiting))
    old = old.exclude(lead__in=kept_leads) if kept_leads else old
    return old.delete()[0]
