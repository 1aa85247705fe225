"""What is the story of one address up to a moment? Events and attempts in one line of time, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from consent import fold, history, ledger, words
from consent.models import Address, Attempt, ConsentEvent
from consent.sentences import sentence

SHOWN = 200  # entries on a page; the lists of events and attempts have the rest


@dataclass(frozen=True)
class Told:
    """One entry of the story."""

    at: datetime
    title: str
    detail: str = ""
    said: str = ""
    source: str = ""
    code: str = ""
    event: ConsentEvent | None = None
    attempt: Attempt | None = None


@dataclass(frozen=True)
class ChannelTold:
    """Permission on one channel with the sentence for its reason."""

    view: fold.ChannelView
    reason: str


@dataclass(frozen=True)
class Story:
    """Everything the page of an address shows."""

    at: datetime
    channels: Sequence[ChannelTold]
    entries: Sequence[Told]
    is_whole: bool
    has_more: bool


def read(address: Address, *, at: datetime, shows_words: bool) -> Story:
    """Read the story of an address as of a moment; the person's own words only for those who may read evidence."""
    chain = history.chains([address.pk])[address.pk]
    events = address.events.filter(occurred_at__lte=at).select_related("by", "disclosure", "values").order_by("-seq")
    attempts = address.attempts.filter(at__lte=at).select_related("by").defer("basis").order_by("-at", "-pk")
    told = [_event(event, shows_words) for event in events[: SHOWN + 1]]
    told += [_attempt(attempt) for attempt in attempts[: SHOWN + 1]]
    told.sort(key=lambda entry: entry.at, reverse=True)
    views = ledger.permission(address, at=at)
    return Story(
        at=at,
        channels=[ChannelTold(view, sentence(view.code) if view.code else "") for view in views],
        entries=told[:SHOWN],
        is_whole=chain.is_whole,
        has_more=len(told) > SHOWN,
    )


def _event(event: ConsentEvent, shows_words: bool) -> Told:
    late = event.recorded_at - event.occurred_at
    noted = f"written down {event.recorded_at:%Y-%m-%d %H:%M} UTC" if late.total_seconds() > 60 else ""
    shown = f"shown: {event.disclosure}" if event.disclosure else ""
    return Told(
        at=event.occurred_at,
        title=words.tell(event),
        detail=" · ".join(part for part in (shown, noted) if part),
        said=words.said(event) if shows_words else "",
        source=" · ".join(str(part) for part in (event.by, event.source) if part),
        event=event,
    )


def _attempt(attempt: Attempt) -> Told:
    return Told(
        at=attempt.at,
        title=words.tell_attempt(attempt),
        detail=f"{attempt.get_state_display()} {attempt.outcome}".strip(),
        source=str(attempt.by or attempt.automation),
        code=attempt.code,
        attempt=attempt,
    )
