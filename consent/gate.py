"""May we make this contact now? `decide` advises, `reserve` is the law: it decides and writes in one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from consent import lifecycle, loading, rules
from consent.lifecycle import AttemptState
from consent.models import Address, Attempt
from consent.request import ContactRequest, Content, Decision
from consent.sentences import sentence
from medcrm.lib.errors import RuleError

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

FORGOTTEN_AFTER = timedelta(minutes=15)  # longer than any provider call; a worker that died in between left it


class NotContactable(RuleError):
    """The gate refused; `decision` says why and, for a hold, when it would not."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.code, decision.sentence)
        self.decision = decision


def decide(request: ContactRequest, *, at: datetime) -> Decision:
    """Say whether this contact may be made at `at`, and why. Reads only."""
    return decide_many([request], at=at)[0]


def decide_many(requests: Sequence[ContactRequest], *, at: datetime) -> list[Decision]:
    """Decide any number of requests with four queries, in their order. Reads only."""
    if not requests:
        return []
    return [rules.decide(facts, at=at) for facts in loading.load(requests, at=at)]


def reserve(
    request: ContactRequest, *, at: datetime, by: AbstractBaseUser | None = None, automation: str = ""
) -> Attempt:
    """Decide under a lock on the address and write the attempt with its decision, allowed or not.

    Raise NotContactable after a refusal was written; a caller that lets it roll back its own transaction loses that
    record, nothing else. Contact only once the transaction has committed.
    """
    with transaction.atomic():
        lock(request.address_id)
        decision = decide(request, at=at)
        attempt = Attempt.objects.create(**_row(request, decision), by=by, automation=automation)
    if not decision.allowed:
        raise NotContactable(decision)
    return attempt


def lock(address_id: int) -> Address:
    """Lock the address, so that two reservations of it take turns. Locked before any lead."""
    return Address.objects.select_for_update(no_key=True).get(pk=address_id)


def _row(request: ContactRequest, decision: Decision) -> dict[str, object]:
    """Freeze the decision and the request it answers."""
    basis = {"request": asdict(request), "decision": asdict(decision)}
    return {
        "address_id": request.address_id,
        "seller_id": request.seller,
        "channel": request.channel,
        "purpose": request.purpose,
        "subject": request.subject,
        "at": decision.at,
        "state": AttemptState.RESERVED if decision.allowed else AttemptState.REFUSED,
        "kind": decision.kind,
        "code": decision.code,
        "sentence": decision.sentence,
        "next_allowed_at": decision.next_allowed_at,
        "rules_version": decision.rules_version,
        "events": list(decision.events),
        "lists": list(decision.lists),
        "basis": json.loads(json.dumps(basis, default=str)),
        "content_sha256": request.content.sha256,
    }


@transaction.atomic
def _recheck(attempt_id: int, at: datetime) -> tuple[Attempt, rules.Ruling | None]:
    attempt = Attempt.objects.get(pk=attempt_id)
    lock(attempt.address_id)
    attempt = Attempt.objects.select_for_update(of=("self",)).get(pk=attempt_id)
    lifecycle.check(attempt.state, AttemptState.HANDED_OVER)
    ask = ContactRequest(
        address_id=attempt.address_id, channel=attempt.channel, purpose=attempt.purpose, seller=attempt.seller_id
    )
    refusal = rules.wishes(loading.load([ask], at=at)[0], at)
    attempt.state = AttemptState.CANCELLED if refusal else AttemptState.HANDED_OVER
    attempt.outcome, attempt.settled_at = (refusal.code, at) if refusal else ("", None)
    attempt.save(update_fields=["state", "outcome", "settled_at"])
    return attempt, refusal


def hand_over(attempt_id: int, *, at: datetime) -> Attempt:
    """Check the person's wishes once more and mark the attempt as being handed to the provider. Locks the address.

    Raise NotContactable, with the attempt cancelled, if the person withdrew since it was reserved; InvalidTransition
    if it is not reserved any more.
    """
    attempt, refusal = _recheck(attempt_id, at)
    if refusal is None:
        return attempt
    raise NotContactable(
        Decision(
            allowed=False,
            kind=refusal.kind,
            code=refusal.code,
            sentence=sentence(refusal.code),
            at=at,
            rules_version=attempt.rules_version,
            events=refusal.events,
        )
    )


@transaction.atomic
def settle(
    attempt_id: int, state: str, *, now: datetime, outcome: str = "", provider_id: str = "", error: str = ""
) -> Attempt:
    """Write how the contact ended: sent, unknown, failed or cancelled; saying the same twice does no harm.

    Raise InvalidTransition if it had ended otherwise.
    """
    attempt = Attempt.objects.select_for_update(of=("self",)).get(pk=attempt_id)
    if attempt.state != state:
        lifecycle.check(attempt.state, state)
    attempt.state, attempt.settled_at, attempt.outcome = state, now, outcome or attempt.outcome
    attempt.provider_id, attempt.error = provider_id or attempt.provider_id, error[:300]
    attempt.save(update_fields=["state", "settled_at", "outcome", "provider_id", "error"])
    return attempt


def settle_forgotten(*, now: datetime) -> int:
    """Mark as unknown what was reserved and never settled: it may have left, so it is never made again blindly."""
    open_states = (AttemptState.RESERVED, AttemptState.HANDED_OVER)
    forgotten = Attempt.objects.filter(state__in=open_states, at__lt=now - FORGOTTEN_AFTER)
    return forgotten.update(state=AttemptState.UNKNOWN, settled_at=now, outcome="not_settled")


__all__ = ["Content", "ContactRequest", "Decision", "NotContactable", "decide", "decide_many", "reserve", "settle"]
