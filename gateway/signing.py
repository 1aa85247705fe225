"""How does a receiver know a webhook is ours? Standard Webhooks: HMAC-SHA256 over id, timestamp and body.

The secret of a subscription is derived from its salt with WEBHOOK_KEY, so a copy of the database signs nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence

from django.conf import settings

SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret begins with, and none itself


def new_salt() -> str:
    """A new secret's half that is stored; the secret itself is derived from it and the site's key, and kept nowhere."""
    return secrets.token_hex(32)


def secret_of(salt: str) -> str:
    """The secret as its owner is shown it."""
    return SECRET_PREFIX + base64.b64encode(_derived(salt)).decode()


def headers(message_id: str, timestamp: int, body: bytes, salts: Sequence[str]) -> Mapping[str, str]:
    """The three headers; with two salts, as while a secret is replaced, both signatures stand side by side."""
    content = b".".join((message_id.encode(), str(timestamp).encode(), body))
    signatures = [
        "v1," + base64.b64encode(hmac.new(_derived(salt), content, hashlib.sha256).digest()).decode() for salt in salts
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def _derived(salt: str) -> bytes:
    return hmac.new(settings.WEBHOOK_KEY.encode(), f"webhook:{salt}".encode(), hashlib.sha256).digest()
