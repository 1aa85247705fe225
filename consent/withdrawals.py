"""How does staff write down that somebody wants to be left alone? Any reasonable means counts [V02]."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from consent import addresses, ledger
from consent.models import Address, ConsentEvent
from consent.vocabulary import AddressKind, EventKind, Scope
from medcrm.lib.errors import RuleError

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


def record_withdrawal(
    address_id: int, scope: str, *, said: str, occurred_at: datetime, by: AbstractBaseUser | None, now: datetime
) -> ConsentEvent:
    """Write a withdrawal or a do-not-call request as the person put it. `scope` may be `dnc`."""
    if not said.strip():
        raise RuleError("WORDS_NEEDED", "Write how the person said it, e.g. “on the phone: take me off”.", field="said")
    address = Address.objects.get(pk=address_id)
    kind, reach = _kind(address, scope)
    return ledger.record(
        address_id, kind, occurred_at=occurred_at, now=now, scope=reach, text=said, by=by, source="compliance"
    )


def _kind(address: Address, scope: str) -> tuple[str, str]:
    """A mailbox is unsubscribed from marketing; anything wider, and every request about a number, is a withdrawal."""
    if scope == "dnc":
        return EventKind.INTERNAL_DNC.value, Scope.ALL.value
    if address.kind == AddressKind.EMAIL and scope in (Scope.MARKETING, Scope.ALL):
        return EventKind.EMAIL_UNSUB.value, ""
    return EventKind.REVOKE.value, scope


@transaction.atomic
def withdraw(
    pair: tuple[str, str],
    scope: str,
    *,
    said: str,
    occurred_at: datetime,
    by: AbstractBaseUser | None,
    now: datetime,
) -> ConsentEvent:
    """Write a withdrawal for a normalised address, known or not: the wish counts before the person does."""
    [address] = addresses.lock_addresses([pair]).values()
    return record_withdrawal(address.pk, scope, said=said, occurred_at=occurred_at, by=by, now=now)
