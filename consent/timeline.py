"""What is the story of one address up to a moment? Events and attempts in one line of time, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from consent import fold, history, ledger, origins, words
from consent.models import Address, Attempt, ConsentEvent, Seller
from consent.sentences import sentence
from consent.vocabulary import GrantChannel, Level

SHOWN = 200  # entries on a page; the lists of events and attempts have the rest


@dataclass(frozen=True)
class Told:
    """One entry of the story."""

    at: datetime
    title: str
    detail: str = ""
    said: str = ""
    by: str = ""
    source: str = ""
    code: str = ""
    event: ConsentEvent | None = None
    attempt: Attempt | None = None


@dataclass(frozen=True)
class ChannelTold:
    """Permission on one channel, in words, with the sentence for its reason."""

    view: fold.ChannelView
    name: str
    reason: str
    level: str
    sellers: str


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
    sellers = dict(Seller.objects.values_list("code", "name"))
    told = [_event(event, shows_words, sellers) for event in events[: SHOWN + 1]]
    told += [_attempt(attempt) for attempt in attempts[: SHOWN + 1]]
    told.sort(key=lambda entry: entry.at, reverse=True)
    views = ledger.permission(address, at=at)
    sources = origins.names(entry.source for entry in told)
    told = [replace(entry, source=" · ".join(filter(None, (entry.by, sources.get(entry.source))))) for entry in told]
    return Story(
        at=at,
        channels=[_channel(view, sellers) for view in views],
        entries=told[:SHOWN],
        is_whole=chain.is_whole,
        has_more=len(told) > SHOWN,
    )


def _channel(view: fold.ChannelView, sellers: Mapping[str, str]) -> ChannelTold:
    return ChannelTold(
        view=view,
        name=str(GrantChannel(view.channel).label),
        reason=sentence(view.code) if view.code else "",
        level=str(Level(view.level).label) if view.level else "",
        sellers=", ".join(sellers.get(code, code) for code in view.sellers),
    )


def _event(event: ConsentEvent, shows_words: bool, sellers: Mapping[str, str]) -> Told:
    late = event.recorded_at - event.occurred_at
    day = f"{event.recorded_at.astimezone(UTC):%d %b %Y, %H:%M} UTC".lstrip("0")
    noted = _("written down %(when)s") % {"when": day} if late.total_seconds() > 60 else ""
    shown = _("shown: %(text)s") % {"text": event.disclosure} if event.disclosure else ""
    return Told(
        at=event.occurred_at,
        title=words.tell(event, lambda code: sellers.get(code, code)),
        detail=" · ".join(part for part in (shown, noted) if part),
        said=words.said(event) if shows_words else "",
        by=str(event.by or ""),
        source=event.source,
        event=event,
    )


def _attempt(attempt: Attempt) -> Told:
    return Told(
        at=attempt.at,
        title=words.tell_attempt(attempt),
        detail=" · ".join(filter(None, (attempt.get_state_display(), attempt.outcome.replace("_", " ")))),
        by=str(attempt.by or _("sent by the program")),
        code=attempt.code,
        attempt=attempt,
    )
