"""Who may post inquiries for a source? Keys shown once, stored as hashes, revoked without touching the others."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from leads.models import Source, SourceKey

PREFIX_LENGTH = 10


def issue_key(source: Source, *, label: str = "") -> str:
    """Create a key for the source and return it; it cannot be read again."""
    key = f"mcs_{secrets.token_urlsafe(32)}"
    SourceKey.objects.create(source=source, label=label, prefix=key[:PREFIX_LENGTH], key_hash=hashed(key))
    return key


def revoke_key(key_id: int, *, at: datetime) -> None:
    """Refuse the key from now on; revoking twice keeps the first time."""
    SourceKey.objects.filter(pk=key_id, revoked_at=None).update(revoked_at=at)


def find_key(key: str) -> SourceKey | None:
    """The key's row with its source and disclosure, revoked or not; None when we never issued it."""
    return SourceKey.objects.select_related("source__disclosure").filter(key_hash=hashed(key)).first()


def hashed(key: str) -> str:
    # The key is 256 random bits, so a plain hash cannot be guessed backwards; a slow one would only slow intake down.
    return hashlib.sha256(key.encode()).hexdigest()
