"""What do the events of one address amount to? A pure fold: events and an instant in, standing permission out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from consent.vocabulary import (
    AUTOMATED,
    PHONE_CHANNELS,
    EventKind,
    GrantChannel,
    Level,
    LineType,
    Purpose,
    Scope,
    Verdict,
    granted_as,
)

VOIDABLE = frozenset(
    {
        EventKind.EMAIL_HARD_BOUNCE,
        EventKind.INVALID_NUMBER,
        EventKind.WRONG_NUMBER,
        EventKind.REASSIGNED,
        EventKind.DECEASED,
        EventKind.NUMBER_CHECK,
        EventKind.LINE_TYPE,
        EventKind.INQUIRY,
        EventKind.PURCHASE,
        EventKind.LOCATION,
        EventKind.GRANT,
    }
)
"""What a correction may void. What a person asked us to stop is never corrected away [contact_rules 11]."""

ONLY = "only"
"""The fact of a withdrawal that names its channels: the person was asked for each, and left the others open."""

RESTRICTIVE = frozenset(
    {
        EventKind.REVOKE,
        EventKind.INTERNAL_DNC,
        EventKind.WRONG_NUMBER,
        EventKind.DECEASED,
        EventKind.EMAIL_UNSUB,
        EventKind.EMAIL_COMPLAINT,
        EventKind.EMAIL_HARD_BOUNCE,
        EventKind.REASSIGNED,
        EventKind.INVALID_NUMBER,
        EventKind.EBR_TERMINATED,
        EventKind.HIPAA_REVOKED,
        EventKind.ERASURE,
    }
)
"""What can only take permission away. It is heard as soon as we know of it, whatever its own clock says [11, V03]."""

BY_PHONE = frozenset({"sms", "voice"}) | PHONE_CHANNELS
BREADTH = {Scope.MARKETING: 0, Scope.ALL: 1, Scope.ALL_CONTACT: 2, Scope.EVERYTHING: 3}
STRENGTH = {Level.EMAIL_OPTIN.value: 0, Level.PEC.value: 1, Level.PEWC.value: 2}


@dataclass(frozen=True, kw_only=True)
class Event:
    """A ledger row as the rules see it. `is_intact`: what was shown and the evidence still match their hashes."""

    id: UUID
    seq: int
    kind: str
    occurred_at: datetime
    recorded_at: datetime
    effective_at: datetime | None = None
    expires_at: datetime | None = None
    channels: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    level: str = ""
    sellers: tuple[str, ...] = ()
    scope: str = ""
    verdict: str = ""
    fresh_opt_in: bool = False
    disclosure_id: int | None = None
    is_evidence_complete: bool = False
    about: UUID | None = None
    facts: dict[str, object] = field(default_factory=dict)
    is_chained: bool = True
    is_intact: bool = True

    def names(self, seller: str) -> bool:
        """A grant without a seller names nobody."""
        return seller in self.sellers

    @property
    def is_restrictive(self) -> bool:
        """Whether it takes permission away, or holds it back until a person has read what was said."""
        return self.kind in RESTRICTIVE or self.verdict in (Verdict.REVOKE, Verdict.REVIEW)

    def is_heard(self, at: datetime) -> bool:
        """Whether it counts by then: a clock that runs ahead of ours delays no wish to be left alone."""
        return self.occurred_at <= at or self.recorded_at <= at and self.is_restrictive


@dataclass(frozen=True)
class Withdrawal:
    """A request to be left alone that still stands."""

    event: UUID
    at: datetime
    scope: str
    code: str
    is_final: bool = False
    only: tuple[str, ...] = ()  # as a grant names them; blank: every channel that the scope reaches

    def blocks(self, channel: str, purpose: str) -> bool:
        """Say whether it reaches this kind of contact [contact_rules 19, V08, V09]; mail is asked of mailboxes only."""
        if self.only and granted_as(channel) not in self.only:
            return False
        if self.scope == Scope.EVERYTHING or purpose == Purpose.MARKETING:
            return True
        if channel == "email":
            return self.scope == Scope.ALL_CONTACT
        return self.scope != Scope.MARKETING and channel in AUTOMATED


@dataclass(frozen=True)
class Standing:
    """Everything that speaks against contact at an instant, and the person's own messages."""

    withdrawals: tuple[Withdrawal, ...] = ()
    to_review: tuple[UUID, ...] = ()
    to_review_since: datetime | None = None
    unsubscribed: UUID | None = None
    unsubscribed_at: datetime | None = None
    complaint: UUID | None = None
    hard_bounce: UUID | None = None
    number_check: Event | None = None
    line: Event | None = None
    invalid_number: UUID | None = None
    erasure: UUID | None = None
    last_message_at: datetime | None = None
    last_message: UUID | None = None
    is_mailbox: bool = False


@dataclass(frozen=True)
class ChannelView:
    """Permission on one channel in a form for lists."""

    channel: str
    state: str
    code: str = ""
    level: str = ""
    purposes: tuple[str, ...] = ()
    sellers: tuple[str, ...] = ()
    since: datetime | None = None
    expires_at: datetime | None = None
    event: UUID | None = None


def in_order(events: Iterable[Event], at: datetime | None, *, is_law: bool = False) -> list[Event]:
    """Return the events up to an instant in the order in which they happened, voided ones left out.

    `is_law`: what is about to happen obeys every wish in the ledger, also one that came while we waited for our turn.
    """
    known = sorted(events, key=lambda e: (e.occurred_at, e.seq))
    heard = known if at is None else [e for e in known if e.is_heard(at) or is_law and e.is_restrictive]
    voided = {e.about for e in heard if e.kind == EventKind.CORRECTION}
    return [e for e in heard if e.id not in voided or e.kind not in VOIDABLE]


def stand(
    events: Sequence[Event], *, at: datetime | None, seller: str = "", kind: str = "phone", is_law: bool = False
) -> Standing:
    """Fold the events of a phone or e-mail address up to `at`.

    With a seller, only a fresh grant that names it lifts a withdrawal [V10].
    """
    heard = in_order(events, at, is_law=is_law)
    verdicts = _reviews(heard)
    state = Standing(is_mailbox=kind == "email")
    for event in heard:
        step = STEPS.get(event.kind)
        if step is not None:
            state = step(state, event, verdicts, seller)
    return state


def _reviews(heard: Sequence[Event]) -> dict[UUID, str]:
    """Map each reviewed message to what was found; where readers differ, the stricter reading stands."""
    found: dict[UUID, str] = {}
    for event in heard:
        if event.kind == EventKind.REVIEW and event.about and found.get(event.about) != Verdict.REVOKE:
            found[event.about] = event.verdict
    return found


def _withdraw(state: Standing, event: Event, scope: str, code: str, *, is_final: bool = False) -> Standing:
    only = tuple(event.facts.get(ONLY) or ())  # type: ignore[arg-type]
    made = Withdrawal(event.id, event.occurred_at, scope or Scope.ALL.value, code, is_final, only)
    return replace(state, withdrawals=(*state.withdrawals, made))


def _on_revoke(state: Standing, event: Event, verdicts: dict[UUID, str], seller: str) -> Standing:
    return _withdraw(state, event, event.scope, "REVOKED")


def _on_dnc(state: Standing, event: Event, verdicts: dict[UUID, str], seller: str) -> Standing:
    return _withdraw(state, event, event.scope, "INTERNAL_DNC")


def _on_wrong_number(state: Standing, event: Event, verdicts: dict[UUID, str], seller: str) -> Standing:
    return _withdraw(state, event, Scope.EVERYTHING.value, "REVOKED")


def _on_deceased(state: Standing, event: Event, verdicts: dict[UUID, str], seller: str) -> Standing:
    return _withdraw(state, event, Scope.EVERYTHING.value, "REVOKED", is_final=True)


def _on_clarify(state: Standing, event: Event, verdicts: dict[UUID, str], seller: str) -> Standing:
    """The person said what the last withdrawal meant; without a clear scope it keeps meaning everything [V06]."""
    if not state.withdrawals or not event.scope or state.withdrawals[-1].is_final:
        return state
    last = replace(state.withdrawals[-1], scope=event.scope)
    return replace(state, withdrawals=(*state.withdrawals[:-1], last))


def _on_inbound(state: Standing, event: Event, verdicts: dict[UUID, str], seller: str) -> Standing:
    """A message by phone says nothing about a mailbox; one said elsewhere (`about`) is no message to this address."""
    verdict = event.verdict
    if state.is_mailbox and event.facts.get("channel") in BY_PHONE:
        verdict = Verdict.NONE.value
    if verdict == Verdict.REVIEW:
        verdict = verdicts.get(event.id, verdict)
    if verdict == Verdict.REVOKE and state.is_mailbox:
        return _on_unsub(state, event, verdicts, seller)
    if verdict == Verdict.REVOKE:
        return _withdraw(state, event, event.scope, "REVOKED")
    if verdict == Verdict.REVIEW:
        state = replace(state, to_review=(*state.to_review, event.id), to_review_since=event.occurred_at)
    elif verdict == Verdict.START:
        state = _lift(state, event, only_texts=True)
    if event.about is not None:
        return state
    return replace(state, last_message_at=event.occurred_at, last_message=event.id)


def _on_grant(state: Standing, event: Event, verdicts: dict[UUID, str], seller: str) -> Standing:
    """Only a fresh act of the person lifts what was withdrawn; old proof, however strong, never does [V10].

    An unsubscribed mailbox needs one that includes mail [contact_rules 19].
    """
    if not event.fresh_opt_in or not event.is_intact or (seller and not event.names(seller)):
        return state
    state = _lift(state, event)
    if "email" in event.channels:
        if state.unsubscribed_at and state.unsubscribed_at < event.occurred_at:
            state = replace(state, unsubscribed=None, unsubscribed_at=None, complaint=None)
    return state


def _lift(state: Standing, event: Event, *, only_texts: bool = False) -> Standing:
    """Drop withdrawals older than the act, whatever its channels [contact_rules 19].

    START by text lifts no do-not-call request, nothing wider and nothing of a mailbox.
    """
    if state.is_mailbox and only_texts:
        return state

    def stays(w: Withdrawal) -> bool:
        if w.is_final or w.at >= event.occurred_at:
            return True
        return only_texts and (w.code != "REVOKED" or BREADTH.get(Scope(w.scope), 3) > BREADTH[Scope.ALL])

    if not state.withdrawals and not state.to_review:
        return state
    kept = tuple(w for w in state.withdrawals if stays(w))
    waits = only_texts or (state.to_review_since is not None and state.to_review_since >= event.occurred_at)
    return replace(state, withdrawals=kept, to_review=state.to_review if waits else ())


def _on_unsub(state: Standing, event: Event, verdicts: dict[UUID, str], seller: str) -> Standing:
    return replace(state, unsubscribed=event.id, unsubscribed_at=event.occurred_at)


def _on_complaint(state: Standing, event: Event, verdicts: dict[UUID, str], seller: str) -> Standing:
    """A complaint counts as an unsubscribe and keeps its own name [E04]."""
    return replace(state, complaint=event.id, unsubscribed_at=event.occurred_at)


def _on_bounce(state: Standing, event: Event, verdicts: dict[UUID, str], seller: str) -> Standing:
    return replace(state, hard_bounce=event.id)


def _on_check(state: Standing, event: Event, verdicts: dict[UUID, str], seller: str) -> Standing:
    return replace(state, number_check=event)


def _on_line(state: Standing, event: Event, verdicts: dict[UUID, str], seller: str) -> Standing:
    return replace(state, line=event)


def _on_invalid(state: Standing, event: Event, verdicts: dict[UUID, str], seller: str) -> Standing:
    return replace(state, invalid_number=event.id)


def _on_erasure(state: Standing, event: Event, verdicts: dict[UUID, str], seller: str) -> Standing:
    return replace(state, erasure=event.id)


def _on_readmission(state: Standing, event: Event, verdicts: dict[UUID, str], seller: str) -> Standing:
    return replace(state, erasure=None)


STEPS = {
    EventKind.REVOKE: _on_revoke,
    EventKind.INTERNAL_DNC: _on_dnc,
    EventKind.WRONG_NUMBER: _on_wrong_number,
    EventKind.DECEASED: _on_deceased,
    EventKind.CLARIFY: _on_clarify,
    EventKind.INBOUND: _on_inbound,
    EventKind.GRANT: _on_grant,
    EventKind.EMAIL_UNSUB: _on_unsub,
    EventKind.EMAIL_COMPLAINT: _on_complaint,
    EventKind.EMAIL_HARD_BOUNCE: _on_bounce,
    EventKind.NUMBER_CHECK: _on_check,
    EventKind.REASSIGNED: _on_check,
    EventKind.LINE_TYPE: _on_line,
    EventKind.INVALID_NUMBER: _on_invalid,
    EventKind.ERASURE: _on_erasure,
    EventKind.READMISSION: _on_readmission,
}


def grants(events: Sequence[Event], at: datetime | None = None) -> list[Event]:
    """Return every grant that was not voided by `at`, also those that begin later; an erasure took older proof."""
    known = sorted(events, key=lambda e: (e.occurred_at, e.seq))
    heard = known if at is None else [e for e in known if e.kind == EventKind.GRANT or e.is_heard(at)]
    voided = {e.about for e in heard if e.kind == EventKind.CORRECTION}
    found: list[Event] = []
    for event in heard:
        if event.kind == EventKind.ERASURE:
            found = []
        elif event.kind == EventKind.GRANT and event.id not in voided:
            found.append(event)
    return found


def begins_at(grant: Event) -> datetime:
    """A grant holds from its effective date, and never before the act itself."""
    return max(grant.effective_at or grant.occurred_at, grant.occurred_at)


def views(events: Sequence[Event], *, kind: str, at: datetime | None = None) -> tuple[ChannelView, ...]:
    """Return the permission per channel of a phone or e-mail address for lists; marketing is what is asked about.

    Without an instant, the rows that lists show: those keep `since` and `expires_at` for whoever asks about a day.
    """
    channels = (GrantChannel.EMAIL,) if kind == "email" else (GrantChannel.VOICE, GrantChannel.SMS)
    if not any(event.kind in STEPS for event in events):  # as for most of an imported list
        return tuple(ChannelView(channel.value, "none") for channel in channels)
    standing = stand(events, at=at, kind=kind)
    given = [g for g in grants(events, at) if at is None or g.occurred_at <= at]
    return tuple(_view(channel.value, standing, given, at) for channel in channels)


def barred(kind: str, code: str) -> tuple[ChannelView, ...]:
    """The permission of an address about which nothing can be believed."""
    channels = (GrantChannel.EMAIL,) if kind == "email" else (GrantChannel.VOICE, GrantChannel.SMS)
    return tuple(ChannelView(channel.value, "blocked", code=code) for channel in channels)


def _view(channel: str, standing: Standing, given: Sequence[Event], at: datetime | None) -> ChannelView:
    mine = [g for g in given if channel in g.channels]
    holding = [g for g in mine if not _flaw(g, at)]
    best = max(
        holding or mine,
        key=lambda g: (STRENGTH.get(_good_for(g, channel), 0), g.occurred_at, g.seq),
        default=None,
    )
    code, event = _obstacle(channel, standing)
    if code:
        state = "review" if code == "REVOCATION_REVIEW" else "blocked"
        return ChannelView(channel, state, code=code, level=_good_for(best, channel) if best else "", event=event)
    if best is None:
        return ChannelView(channel, "none")
    return ChannelView(
        channel,
        "granted" if holding else "none",
        code=_flaw(best, at) or ("CONSENT_EVIDENCE_INCOMPLETE" if _is_lacking(best, channel) else ""),
        level=_good_for(best, channel),
        purposes=tuple(sorted({p for g in holding or mine for p in g.purposes})),
        sellers=tuple(sorted({s for g in holding or mine for s in g.sellers})),
        since=begins_at(best),
        expires_at=best.expires_at,
        event=best.id,
    )


def _flaw(grant: Event, at: datetime | None) -> str:
    """Name what keeps a grant from holding at all."""
    if at is not None and begins_at(grant) > at:
        return "CONSENT_NOT_YET_EFFECTIVE"
    if at is not None and grant.expires_at is not None and grant.expires_at <= at:
        return "CONSENT_EXPIRED"
    return "" if grant.is_intact else "CONSENT_EVIDENCE_TAMPERED"


def _good_for(grant: Event, channel: str) -> str:
    return Level.PEC.value if _is_lacking(grant, channel) else grant.level


def _is_lacking(grant: Event, channel: str) -> bool:
    """A written consent to calls or texts without its six parts is good for information only [T03]."""
    return channel != "email" and grant.level == Level.PEWC and not grant.is_evidence_complete


def _obstacle(channel: str, standing: Standing) -> tuple[str, UUID | None]:
    """Name what stands in the way of marketing on this channel, first the strongest."""
    probe = "voice_autodial" if channel == "voice" else channel
    if standing.erasure:
        return "ERASED_SUBJECT", standing.erasure
    for code in ("REVOKED", "INTERNAL_DNC"):
        for withdrawal in standing.withdrawals:
            if withdrawal.code == code and withdrawal.blocks(probe, Purpose.MARKETING):
                return code, withdrawal.event
    if channel == "email":
        return _mail_obstacle(standing)
    if standing.to_review:
        return "REVOCATION_REVIEW", standing.to_review[-1]
    if standing.number_check and reassigned(standing.number_check) == "yes":
        return "NUMBER_REASSIGNED", standing.number_check.id
    if standing.invalid_number:
        return "NUMBER_INVALID", standing.invalid_number
    return "", None


def _mail_obstacle(standing: Standing) -> tuple[str, UUID | None]:
    if standing.unsubscribed:
        return "EMAIL_UNSUBSCRIBED", standing.unsubscribed
    if standing.complaint:
        return "EMAIL_COMPLAINT", standing.complaint
    if standing.hard_bounce:
        return "EMAIL_HARD_BOUNCE", standing.hard_bounce
    return "", None


def line_type(standing: Standing) -> str:
    """Return the kind of line as far as somebody found it out; what is not known counts as a mobile [T20]."""
    known = standing.line.facts.get("line_type") if standing.line else None
    return str(known or LineType.UNKNOWN.value)


def reassigned(event: Event) -> str:
    """Return the answer of a reassigned-numbers check; an observed change of holder is a yes."""
    return "yes" if event.kind == EventKind.REASSIGNED else str(event.facts.get("result", "not_checked"))


__all__ = ["ChannelView", "Event", "Standing", "Withdrawal", "begins_at", "granted_as", "grants", "stand", "views"]
