"""What does a decision rest on? The facts of one request, gathered once for the instant asked about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from consent import grants
from consent.book import Book, StateRule
from consent.fold import Event, Standing
from consent.frequency import Past
from consent.request import ContactRequest
from consent.vocabulary import Channel, EventKind, Level, LineType, Purpose
from consent.zones import Location

OWN_ACTS = frozenset({EventKind.INQUIRY.value, EventKind.PURCHASE.value})


class ListVersion(NamedTuple):
    """The newest version of a do-not-call list."""

    id: int
    kind: str
    taken_at: datetime


@dataclass(frozen=True)
class Lists:
    """What the do-not-call lists say of a number. No national version at all is as bad as an old one."""

    national_taken_at: datetime | None = None
    states_taken_at: tuple[tuple[str, datetime], ...] = ()
    on_national: bool = False
    on_state: bool = False
    ids: tuple[int, ...] = ()
    versions: Mapping[str, ListVersion] = field(default_factory=dict)  # by state; the national list is of none


@dataclass(frozen=True)
class Facts:
    """Everything a decision rests on, gathered once for the instant asked about."""

    request: ContactRequest
    standing: Standing
    is_whole: bool
    heard: tuple[Event, ...]
    grants: tuple[Event, ...]
    past: tuple[Past, ...]
    lists: Lists
    location: Location
    book: Book
    line_type: str = LineType.UNKNOWN.value

    @property
    def is_reply(self) -> bool:
        """A reply answers something; without a message of the person it is information like any other."""
        return self.request.is_reply and self.standing.last_message_at is not None

    @property
    def rules(self) -> list[StateRule]:
        """The rows of every state involved; where none is known, the strictest of all."""
        return [self.book.rule(state) for state in self.location.states] or [self.book.strictest]

    @property
    def is_consumer_marketing(self) -> bool:
        """A call or text that sells to a consumer: what the do-not-call lists and the states' limits are about."""
        return self.request.is_marketing and self.request.is_phone and self.request.is_consumer

    @property
    def is_only_bought(self) -> bool:
        """A vendor sold us the address, and the person never came to us: nothing is known but the vendor's word."""
        kinds = {event.kind for event in self.heard}
        return EventKind.PURCHASED in kinds and not kinds & OWN_ACTS

    @property
    def level(self) -> str:
        """The level of permission this contact needs, or nothing [T01, T02, CT, 8, qualification 13]."""
        ask = self.request
        if self.is_reply or (ask.purpose == Purpose.HEALTHCARE_EXEMPT and ask.is_automated):
            return ""
        if ask.is_automated:
            return Level.PEWC.value if ask.is_marketing else Level.PEC.value
        if self.is_consumer_marketing and any(rule.manual_needs_pewc for rule in self.rules):
            return Level.PEWC.value
        if ask.channel == Channel.EMAIL and ask.is_marketing and ask.place.country not in ("", "US"):
            return Level.EMAIL_OPTIN.value
        if ask.awaits_permission or self.is_only_bought:  # proof before the first contact, by hand too
            return Level.EMAIL_OPTIN.value if ask.channel == Channel.EMAIL else Level.PEC.value
        return ""

    def relationship(self, at: datetime, *kinds: str) -> Event | None:
        """Find the relationship with the seller of the request; of one kind only, where a rule says so."""
        policy, zones = self.book.policy, self.location.zones
        return grants.relationship(
            self.heard, seller=self.request.seller, policy=policy, zones=zones, at=at, kinds=kinds or grants.RELATIONS
        )

    def grant(self, level: str, at: datetime) -> grants.Found:
        """Find the grant that gives this level for the request."""
        ask = self.request
        return grants.find(self.grants, seller=ask.seller, channel=ask.channel, purpose=ask.purpose, level=level, at=at)
