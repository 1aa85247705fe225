"""Was this request answered before? The answer is kept in the transaction of what was done, so both are or neither."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction

from gateway.models import Answered, Client
from medcrm.lib.errors import InvalidFields, RuleError

KEPT = timedelta(days=3)  # far longer than any caller retries
LIMIT = 200


class Reply(NamedTuple):
    """What a request was answered, for the first time or again."""

    status: int
    body: object
    is_replayed: bool = False


class KeyReused(RuleError):
    """The key was used before for another request."""

    def __init__(self) -> None:
        super().__init__(
            "IDEMPOTENCY_KEY_REUSED",
            "This Idempotency-Key was used before with another request. Send each new request with a new key.",
        )


def check_key(key: str) -> None:
    """Raise InvalidFields for a key that cannot be kept whole."""
    if len(key) > LIMIT:
        raise InvalidFields(
            {"Idempotency-Key": [f"At most {LIMIT} characters; this has {len(key)}. Send a shorter one."]}
        )


def digest(method: str, path: str, body: bytes) -> str:
    """What makes two requests the same: method, path and body, byte for byte."""
    return hashlib.sha256(b"\n".join((method.encode(), path.encode(), body))).hexdigest()


@transaction.atomic
def once(client: Client, key: str, request_sha256: str, act: Callable[[], Reply], *, at: datetime) -> Reply:
    """Do it, or answer as the first time. A second request with the key waits for the first one to end.

    Only what was done is kept: a refusal changed nothing, so the same request may be tried again. Raise KeyReused, or
    InvalidFields for a key that is too long: cut, it could be another one.
    """
    check_key(key)
    row = Answered(client=client, key=key, request_sha256=request_sha256, at=at)
    Answered.objects.bulk_create([row], ignore_conflicts=True)
    kept = Answered.objects.select_for_update().get(client=client, key=row.key)
    if kept.request_sha256 != request_sha256:
        raise KeyReused
    if kept.status:
        return Reply(kept.status, kept.body, is_replayed=True)
    reply = act()
    kept.status, kept.body = reply.status, reply.body
    kept.save(update_fields=["status", "body"])
    return reply


def forget(*, at: datetime) -> int:
    """Drop answers that nobody can be waiting for any more."""
    return Answered.objects.filter(at__lt=at - KEPT).delete()[0]
