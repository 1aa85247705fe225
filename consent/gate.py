"""May we make this contact now? `decide` advises, `reserve` is the law: it decides and writes in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection, transaction

from consent import lifecycle, loading, rules
from consent.frequency import Past
from consent.lifecycle import AttemptState
from consent.models import Attempt
from consent.request import ContactRequest, Decision, thawed
from medcrm.lib import copying
from medcrm.lib.errors import InvalidTransition, RuleError

if TYPE_CHECKING:
    from django.contrib.auth.models import User

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


def reserve(request: ContactRequest, *, at: datetime, by: User | None = None, automation: str = "") -> Attempt:
    """Decide under a lock on the address and write the attempt with its decision, allowed or not.

    Raise NotContactable after a refusal was written; a caller that lets it roll back its own transaction loses that
    record, nothing else. Contact only once the transaction has committed.
    """
    [(attempt, decision)] = reserve_many([request], at=at, by=by, automation=automation)
    if not decision.allowed:
        raise NotContactable(decision)
    return attempt


def reserve_many(
    requests: Sequence[ContactRequest], *, at: datetime, by: User | None = None, automation: str = ""
) -> list[tuple[Attempt, Decision]]:
    """Reserve any number of contacts with seven queries; refusals are written and returned, not raised.

    Two requests for one address count against each other's caps as if they had come one after the other.
    """
    made: list[tuple[Attempt, Decision]] = []
    past: dict[int, tuple[Past, ...]] = {}
    with transaction.atomic():
        lock(request.address_id for request in requests)
        for facts in loading.load(requests, at=at, is_law=True):
            request = facts.request
            earlier = past.setdefault(request.address_id, facts.past)
            current = facts if earlier is facts.past else replace(facts, past=earlier)
            decision = rules.decide(current, at=at)
            if decision.allowed:
                now_past = Past(at, request.channel, request.purpose, request.subject)
                past[request.address_id] = (*earlier, now_past)
            made.append((Attempt(**_row(request, decision), by=by, automation=automation), decision))
        copying.copy_new([attempt for attempt, _decision in made])
    return made


LOCK = "SELECT id FROM consent_address WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"


def lock(address_ids: Iterable[int]) -> None:
    """Lock addresses in key order, so that reservations of one take turns. Consent is locked before any lead."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [sorted(set(address_ids))])


def _row(request: ContactRequest, decision: Decision) -> dict[str, object]:
    """Freeze the decision and the request it answers."""
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
        "basis": {"request": _frozen(request), "decision": _frozen(decision)},
        "content_sha256": request.content.sha256,
    }


PLAIN = {str, int, bool, type(None)}


def _frozen(value: object) -> object:
    """A dataclass as plain JSON. `dataclasses.asdict` copies every leaf and took a tenth of a whole dispatch."""
    if is_dataclass(value):
        return {name: item if type(item) in PLAIN else _frozen(item) for name, item in vars(value).items()}
    if isinstance(value, tuple):
        return [_frozen(item) for item in value]
    return value if value is None or isinstance(value, str | int) else str(value)


@dataclass(frozen=True)
class HandedOver:
    """What became of an attempt at the last check: on its way, cancelled, or not reserved."""

    attempt_id: int
    state: str
    refusal: Decision | None = None
    is_on_its_way: bool = False


def hand_over(attempt_id: int, *, at: datetime) -> None:
    """Decide once more and mark the attempt as being handed to the provider. Locks the address.

    Raise NotContactable, with the attempt cancelled, if it may not be made any more: the person withdrew, the window
    closed while it waited; InvalidTransition if it is not reserved any more.
    """
    [result] = hand_over_many([attempt_id], at=at)
    if result.refusal is not None:
        raise NotContactable(result.refusal)
    if not result.is_on_its_way:
        raise InvalidTransition(_name(result.state), _name(AttemptState.HANDED_OVER))


class Reserved(NamedTuple):
    """What the last check reads of an attempt."""

    id: int
    state: str
    basis__request: dict[str, Any]


@transaction.atomic
def hand_over_many(attempt_ids: Sequence[int], *, at: datetime) -> list[HandedOver]:
    """Hand over any number of attempts, in the order of their keys; only those on their way may be sent.

    The whole gate again, as a batch may wait long for a slow provider [11]; four queries more for any number.
    """
    rows = Attempt.objects.filter(pk__in=attempt_ids).order_by("pk")
    lock(rows.values_list("address_id", flat=True))
    locked = rows.select_for_update(of=("self",)).values_list(*Reserved._fields)
    attempts = [Reserved(*row) for row in locked]
    reserved = [attempt for attempt in attempts if attempt.state == AttemptState.RESERVED]
    refusals = _refusals(reserved, at)
    _cancel(refusals, at=at)
    ours = {attempt.id for attempt in reserved} - refusals.keys()
    Attempt.objects.filter(pk__in=ours).update(state=AttemptState.HANDED_OVER)
    return [_result(attempt, refusals.get(attempt.id), attempt.id in ours) for attempt in attempts]


def _result(attempt: Reserved, refusal: Decision | None, is_ours: bool) -> HandedOver:
    state = AttemptState.CANCELLED if refusal else AttemptState.HANDED_OVER if is_ours else attempt.state
    return HandedOver(attempt.id, state, refusal, is_ours)


def _cancel(refusals: Mapping[int, Decision], *, at: datetime) -> None:
    """End the attempts that may not be made any more, each with its reason."""
    by_code: dict[str, list[int]] = defaultdict(list)
    for attempt_id, refusal in refusals.items():
        by_code[refusal.code].append(attempt_id)
    for code, ids in by_code.items():
        Attempt.objects.filter(pk__in=ids).update(state=AttemptState.CANCELLED, outcome=code, settled_at=at)


def _refusals(attempts: Sequence[Reserved], at: datetime) -> dict[int, Decision]:
    """Map the attempts that may not be made any more to the reason."""
    if not attempts:
        return {}
    asked = [thawed(attempt.basis__request) for attempt in attempts]
    loaded = loading.load(asked, at=at, is_law=True, own=[attempt.id for attempt in attempts])
    decided = ((attempt.id, rules.decide(facts, at=at)) for attempt, facts in zip(attempts, loaded, strict=True))
    return {attempt_id: decision for attempt_id, decision in decided if not decision.allowed}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one contact ended."""

    attempt_id: int
    state: str
    code: str = ""
    provider_id: str = ""
    error: str = ""


def settle(
    attempt_id: int, state: str, *, at: datetime, outcome: str = "", provider_id: str = "", error: str = ""
) -> Attempt:
    """Write how the contact ended: sent, unknown, failed or cancelled; saying the same twice does no harm.

    Raise InvalidTransition if it had ended otherwise.
    """
    said = Outcome(attempt_id=attempt_id, state=state, code=outcome, provider_id=provider_id, error=error)
    settled = settle_many([said], at=at)
    attempt = Attempt.objects.get(pk=attempt_id)
    if not settled and attempt.state != state:
        raise InvalidTransition(_name(attempt.state), _name(state))
    return attempt


SETTLE = """
UPDATE consent_attempt a SET state = o.state, settled_at = %(at)s, outcome = COALESCE(NULLIF(o.code, ''), a.outcome),
  provider_id = COALESCE(NULLIF(o.provider_id, ''), a.provider_id), error = o.error
FROM unnest(%(ids)s::bigint[], %(states)s::text[], %(codes)s::text[], %(providers)s::text[], %(errors)s::text[])
  AS o(id, state, code, provider_id, error)
WHERE a.id = o.id AND a.state || ':' || o.state = ANY(%(moves)s::text[])
RETURNING a.id
"""


def settle_many(outcomes: Sequence[Outcome], *, at: datetime) -> set[int]:
    """Write many outcomes with one query and return the attempts that moved; others had ended before."""
    with connection.cursor() as cursor:
        cursor.execute(
            SETTLE,
            {
                "at": at,
                "ids": [o.attempt_id for o in outcomes],
                "states": [str(o.state) for o in outcomes],
                "codes": [o.code for o in outcomes],
                "providers": [o.provider_id for o in outcomes],
                "errors": [o.error[:300] for o in outcomes],
                "moves": [f"{old}:{new}" for old, new in lifecycle.TRANSITIONS],
            },
        )
        return {row[0] for row in cursor.fetchall()}


@transaction.atomic
def give_back(attempt_ids: Sequence[int], *, at: datetime) -> set[int]:
    """End those of these reservations that were never handed over, and return them: they certainly did not leave."""
    rows = Attempt.objects.filter(pk__in=attempt_ids, state=AttemptState.RESERVED).order_by("pk")
    ids = set(rows.select_for_update(of=("self",)).values_list("pk", flat=True))
    Attempt.objects.filter(pk__in=ids).update(state=AttemptState.FAILED, settled_at=at, outcome="not_handed_over")
    return ids


def _name(state: str) -> str:
    return str(AttemptState(state).label)


def settle_forgotten(*, at: datetime, after: timedelta = FORGOTTEN_AFTER) -> int:
    """Mark as unknown what was reserved and never settled: it may have left, so it is never made again blindly."""
    open_states = (AttemptState.RESERVED, AttemptState.HANDED_OVER)
    forgotten = Attempt.objects.filter(state__in=open_states, at__lt=at - after)
    return forgotten.update(state=AttemptState.UNKNOWN, settled_at=at, outcome="not_settled")
