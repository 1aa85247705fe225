"""What is asked of the gate, and what does it answer? Plain values, so that one code serves one, many and replays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from consent.vocabulary import AUTOMATED, PHONE_CHANNELS, REPLIES, Channel, ContactKind, Purpose

CHANNELS, PURPOSES = frozenset(Channel.values), frozenset(Purpose.values)  # the enums make their lists at every look


@dataclass(frozen=True)
class Area:
    """What a number's area code says about place; derived from the number unless the caller knows better."""

    code: str = ""
    states: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the person lives as far as the caller knows; zones and state are derived from the ZIP when left out."""

    zip: str = ""
    state: str = ""
    zones: tuple[str, ...] = ()
    country: str = "US"
    area: Area | None = None


@dataclass(frozen=True, kw_only=True)
class Content:
    """The message itself. Unknown is not good enough: what is not stated counts as missing."""

    sha256: str = ""
    template: str = ""
    has_marketing: bool = False
    has_postal_address: bool = False
    has_one_click: bool = False
    has_signed_headers: bool = False


@dataclass(frozen=True, kw_only=True)
class Health:
    """What HIPAA asks about this contact [H10, H11, H19, H20]. The authorization itself is in the ledger."""

    is_covered_entity: bool = False
    uses_phi: bool = False
    has_phi_in_content: bool = False
    has_vendor_agreement: bool = False
    is_own_service: bool = False
    is_paid_by_third_party: bool = False


@dataclass(frozen=True, kw_only=True)
class Exemption:
    """The claims behind an exempt healthcare call or text [64.1200(a)(9)(iv), H01]."""

    sender_is_covered: bool = False
    number_given_by_patient: bool = False
    has_marketing_or_billing: bool = True
    is_recipient_charged: bool = True
    length: int | None = None
    seconds: int | None = None
    offers_opt_out: bool = False


@dataclass(frozen=True, kw_only=True)
class ContactRequest:
    """One contact that somebody would like to make. `seller` is a code; `subject` what it is about."""

    address_id: int
    channel: str
    purpose: str
    seller: str
    subject: str = ""
    place: Place = field(default_factory=Place)
    contact_kind: str = ContactKind.CONSUMER.value
    line_type: str = ""
    content: Content = field(default_factory=Content)
    health: Health = field(default_factory=Health)
    exemption: Exemption | None = None
    abandon_rate: Decimal | None = None
    awaits_permission: bool = False
    """The room above waits for the person's permission: until it is on file, nothing goes out on any channel."""
    reference: str = ""
    """What the room above calls the person, e.g. the id of a lead; kept with the decision, never looked at."""

    def __post_init__(self) -> None:
        if self.channel not in CHANNELS or self.purpose not in PURPOSES:
            raise ValueError(f"no such contact: {self.channel!r} for {self.purpose!r}")

    @property
    def is_phone(self) -> bool:
        return self.channel in PHONE_CHANNELS

    @property
    def is_automated(self) -> bool:
        """Whether a machine places it, which asks for more consent than a call dialled by hand."""
        return self.channel in AUTOMATED

    @property
    def is_marketing(self) -> bool:
        return self.purpose == Purpose.MARKETING

    @property
    def is_reply(self) -> bool:
        """Whether it claims to answer a message of the person's; the gate asks for that message."""
        return self.purpose in REPLIES

    @property
    def is_consumer(self) -> bool:
        return self.contact_kind == ContactKind.CONSUMER


def thawed(frozen: Mapping[str, Any]) -> ContactRequest:
    """Build the request of an attempt again from what was frozen with it."""
    return _made(ContactRequest, frozen)


PARTS: Mapping[str, type] = {"place": Place, "area": Area, "content": Content, "health": Health, "exemption": Exemption}


def _made(kind: type, frozen: Mapping[str, Any]) -> Any:
    known = {each.name for each in fields(kind)}
    return kind(**{name: _value(name, value) for name, value in frozen.items() if name in known})


def _value(name: str, value: object) -> object:
    if isinstance(value, Mapping):
        return _made(PARTS[name], value)
    if isinstance(value, list):
        return tuple(value)
    return Decimal(str(value)) if name == "abandon_rate" and value is not None else value


class Snapshot(NamedTuple):
    """What was looked into, and how old it was at the instant asked about."""

    kind: str
    id: UUID | int
    age_seconds: int


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The gate's answer with everything it rests on."""

    allowed: bool
    kind: str
    code: str
    sentence: str
    at: datetime
    rules_version: str
    next_allowed_at: datetime | None = None
    zones: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    local_times: tuple[str, ...] = ()
    zone_sources: tuple[str, ...] = ()
    events: tuple[UUID, ...] = ()
    lists: tuple[int, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    counted: tuple[tuple[str, int], ...] = ()
