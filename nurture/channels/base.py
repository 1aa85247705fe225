"""What does a provider have to do? Take one parcel, and say for certain what became of it or that it cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Attachment:
    """A file that a mail brings along."""

    name: str
    content: bytes
    kind: str  # e.g. “text/calendar”


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """One message on its way out; `key` is the same for every try of it, for providers that know idempotency keys."""

    key: str
    to: str
    body: str
    subject: str = ""
    sender: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    attachment: Attachment | None = None


@dataclass(frozen=True)
class Receipt:
    """The provider took it; `is_delivered` only where it knows at once that it arrived."""

    provider: str
    provider_id: str = ""
    is_delivered: bool = False


class NotSent(Exception):
    """It certainly did not leave; `may_retry` when the reason may pass, `is_opted_out` when the carrier says so."""

    def __init__(self, reason: str, *, may_retry: bool = False, is_opted_out: bool = False) -> None:
        super().__init__(reason)
        self.may_retry = may_retry
        self.is_opted_out = is_opted_out


class Uncertain(Exception):
    """It may have left: the line broke after the hand-over. Never sent again by itself."""


@dataclass(frozen=True)
class Consent:
    """What a carrier hears about one number."""

    to: str
    is_stopped: bool
    said_at: datetime


class Channel(Protocol):
    """A way to a provider; nothing above it knows which one it is."""

    name: str
    takes_consents: bool = False  # keeps a block list that we can tell
    signs_headers: bool  # the transport signs List-Unsubscribe with DKIM [E03]
    group: int  # how many are handed over together: one, where a call takes time in which a person may withdraw

    def send(self, parcel: Parcel) -> Receipt:
        """Hand the parcel to the provider. Raise NotSent or Uncertain, nothing else, for what providers do."""
        ...

    def tell_consents(self, consents: Sequence[Consent]) -> None:
        """Tell the provider who stopped, or may be written to again. Raise NotSent or Uncertain."""
        raise NotImplementedError
