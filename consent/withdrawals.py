"""How does staff write down that somebody wants to be left alone? Any reasonable means counts [V02]."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction

from consent import addresses, fold, ledger
from consent.models import Address, ConsentEvent
from consent.vocabulary import AddressKind, EventKind, GrantChannel, Scope
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


def of_number(address_id: int, channels: Collection[str], **said: Any) -> ledger.Entry:
    """The entry for a number whose holder was asked about calls and texts and closes these.

    Texts alone, or calls alone (our do-not-call list), leave the other open; both are the usual full withdrawal.
    """
    closed = set(channels) & {GrantChannel.VOICE.value, GrantChannel.SMS.value}
    if len(closed) == 1:
        said["facts"] = {**said.get("facts", {}), fold.ONLY: sorted(closed)}
    kind = EventKind.INTERNAL_DNC if closed == {GrantChannel.VOICE.value} else EventKind.REVOKE
    return ledger.Entry(address_id, kind.value, scope=Scope.ALL.value, **said)
