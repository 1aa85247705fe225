"""What are the facts behind these requests? Four queries for one request or ten thousand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q

from consent import book as books
from consent import fold, history, zones
from consent.book import Book
from consent.facts import Facts, Lists, ListVersion
from consent.frequency import Past
from consent.history import Chain
from consent.lifecycle import COUNTED
from consent.models import Attempt
from consent.request import ContactRequest
from consent.vocabulary import Purpose

WEEK_HOURS = 7 * 24


def load(
    requests: Sequence[ContactRequest], *, at: datetime, is_law: bool = False, own: Sequence[int | None] = ()
) -> list[Facts]:
    """Gather the facts of each request for an instant, in their order.

    `is_law` says that the contact is about to be made, so every wish in the ledger counts; `own` is the attempt that
    each request has already, which does not stand in its own way.
    """
    address_ids = {request.address_id for request in requests}
    chains = history.chains(address_ids)
    book = books.load({request.seller for request in requests}, at=at)
    past = _past(address_ids, book, at)
    lists = _lists(chains, at)
    found = [
        _facts(request, chains[request.address_id], past.get(request.address_id, ()), lists, book, at, is_law)
        for request in requests
    ]
    return [_without(facts, attempt_id) for facts, attempt_id in zip(found, own, strict=True)] if own else found


def _without(facts: Facts, attempt_id: int | None) -> Facts:
    return replace(facts, past=tuple(p for p in facts.past if p.attempt_id != attempt_id))


def _facts(
    request: ContactRequest,
    chain: Chain,
    past: tuple[Past, ...],
    lists: Mapping[int | None, Lists],
    book: Book,
    at: datetime,
    is_law: bool,
) -> Facts:
    heard = tuple(fold.in_order(chain.events, at, is_law=is_law))
    standing = fold.stand(chain.events, at=at, seller=request.seller, kind=chain.kind, is_law=is_law)
    number = _number(chain)
    return Facts(
        request=request,
        heard=heard,
        grants=tuple(fold.grants(chain.events, at)),
        standing=standing,
        past=past,
        lists=lists.get(number) or lists[None],
        location=zones.locate(request.place, phone=chain.value, stated=zones.stated_place(heard)),
        book=book,
        is_whole=chain.is_whole,
        line_type=request.line_type or fold.line_type(standing),
    )


def _past(address_ids: set[int], book: Book, at: datetime) -> Mapping[int, tuple[Past, ...]]:
    """Read the attempts that can still count against a cap, and every confirmation of an opt-out."""
    longest = max([WEEK_HOURS, book.policy.marketing_cap_hours, *(r.cap_hours or 0 for r in book.rules.values())])
    recent = Q(at__gt=at - timedelta(hours=longest + 1)) | Q(purpose=Purpose.OPTOUT_CONFIRMATION)
    rows = Attempt.objects.filter(recent, address_id__in=address_ids, state__in=COUNTED)
    found: dict[int, list[Past]] = defaultdict(list)
    for address_id, *fields in rows.values_list("address_id", "at", "channel", "purpose", "subject", "pk"):
        found[address_id].append(Past(*fields))
    return {address_id: tuple(past) for address_id, past in found.items()}


LATEST = """
WITH latest AS (
  SELECT DISTINCT ON (kind, state) id, kind, state, taken_at FROM consent_listsnapshot
  WHERE taken_at <= %(at)s ORDER BY kind, state, sha256 = '', taken_at DESC, id DESC
)
SELECT l.id, l.kind, l.state, l.taken_at,
       (SELECT array_agg(e.number) FROM consent_listentry e
        WHERE e.snapshot_id = l.id AND e.number = ANY(%(numbers)s::bigint[]))
FROM latest l
"""


def _lists(chains: Mapping[int, Chain], at: datetime) -> Mapping[int | None, Lists]:
    """Look every number up in the newest version of each list; None stands for a number on none.

    A scrub that was only noted, without a file, never goes before a list that was loaded.
    """
    numbers = sorted({number for chain in chains.values() if (number := _number(chain))})
    with connection.cursor() as cursor:
        cursor.execute(LATEST, {"at": at, "numbers": numbers})
        rows = cursor.fetchall()
    taken_at = next((row[3] for row in rows if row[1] == "national_dnc"), None)
    states = tuple((row[2], row[3]) for row in rows if row[1] == "state_dnc")
    versions = {state: ListVersion(pk, kind, day) for pk, kind, state, day, _found in rows}
    common = {"ids": tuple(row[0] for row in rows), "versions": versions}
    on: dict[str, set[int]] = defaultdict(set)
    for _id, kind, _state, _taken_at, found in rows:
        on[kind].update(found or ())
    listed = {n: Lists(taken_at, states, n in on["national_dnc"], n in on["state_dnc"], **common) for n in numbers}
    return {None: Lists(taken_at, states, **common), **listed}


def _number(chain: Chain) -> int | None:
    if chain.kind != "phone" or not chain.value:
        return None
    digits = chain.value.removeprefix("+")
    return int(digits) if digits.isdigit() else None
