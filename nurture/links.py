"""Which public page belongs to this person and mailbox? Signed links that need no login and name nobody."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings
from django.core.signing import BadSignature, Signer

UNSUBSCRIBE = Signer(salt="nurture.unsubscribe")
PREFERENCES = Signer(salt="nurture.preferences")


@dataclass(frozen=True)
class Recipient:
    """The mailbox or number a link was sent to, for whom, and the lead it was about."""

    address_id: int
    seller: str
    lead_id: int


def unsubscribe_url(recipient: Recipient) -> str:
    """The page on which one press ends marketing to the address that was written to [E01, E03]."""
    return f"{settings.PUBLIC_URL}/u/{_token(UNSUBSCRIBE, recipient)}/"


def preferences_url(recipient: Recipient) -> str:
    """The page on which the person chooses topics and ways."""
    return f"{settings.PUBLIC_URL}/p/{_token(PREFERENCES, recipient)}/"


def read(signer: Signer, token: str) -> Recipient | None:
    """The recipient a token was made for; None when it is not one of ours. Links do not expire [E01: 30 days]."""
    try:
        return Recipient(*signer.unsign_object(token))
    except (BadSignature, TypeError, ValueError):
        return None


@lru_cache(maxsize=2048)  # asked for again by the footer and the headers of the same batch
def _token(signer: Signer, recipient: Recipient) -> str:
    return signer.sign_object([recipient.address_id, recipient.seller, recipient.lead_id], compress=False)
