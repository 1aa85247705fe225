"""How does staff write down that somebody wants to be left alone? Any reasonable means counts [V02]."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from consent import addresses, fold, ledger, people
from consent.models import Address, ConsentEvent
from consent.vocabulary import AddressKind, EventKind, GrantChannel, Scope
from medcrm.lib.errors import RuleError

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


def record_withdrawal(
    address_id: int, scope: str, *, said: str, occurred_at: datetime, by: AbstractBaseUser | None, at: datetime
) -> ConsentEvent:
    """Write a withdrawal or a do-not-call request as the person put it. `scope` may be `dnc`.

    What reaches further than the address is written to the person's other addresses as well.
    """
    if not said.strip():
        raise RuleError(
            "WORDS_NEEDED", _("Write how the person said it, e.g. “on the phone: take me off”."), field="said"
        )
    address = Address.objects.get(pk=address_id)
    reached = [address, *_others(address, scope)]
    entries = [
        ledger.Entry(each.pk, kind, occurred_at=occurred_at, scope=reach, text=said, by=by, source="compliance")
        for each in reached
        for kind, reach in [_kind(each, scope)]
    ]
    return ledger.record_many(entries, at=at)[0]


def _others(address: Address, scope: str) -> list[Address]:
    """The person's other addresses that the request reaches [contact_rules 19, V02].

    No contact at all means all of them. Only a number can be called by a machine or put on a do-not-call list, so a
    mailbox that asks for that speaks for the numbers; a number never speaks for a mailbox.
    """
    if scope in (Scope.ALL_CONTACT, Scope.EVERYTHING):
        kinds = list(AddressKind.values)
    elif address.kind == AddressKind.EMAIL and scope != Scope.MARKETING:
        kinds = [AddressKind.PHONE.value]
    else:
        return []
    return list(Address.objects.filter(pk__in=people.companions(address.pk), kind__in=kinds))


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
    at: datetime,
) -> ConsentEvent:
    """Write a withdrawal for a normalised address, known or not: the wish counts before the person does."""
    # Not locked here: the ledger locks it together with the person's other addresses, in their order.
    address = addresses.find(*pair) or addresses.lock_addresses([pair])[pair]
    return record_withdrawal(address.pk, scope, said=said, occurred_at=occurred_at, by=by, at=at)


def of_number(address_id: int, channels: Collection[str], **said: Any) -> ledger.Entry:
    """The entry for a number whose holder was asked about calls and texts and closes these.

    Texts alone, or calls alone (our do-not-call list), leave the other open; both are the usual full withdrawal.
    """
    closed = set(channels) & {GrantChannel.VOICE.value, GrantChannel.SMS.value}
    if len(closed) == 1:
        said["facts"] = {**said.get("facts", {}), fold.ONLY: sorted(closed)}
    kind = EventKind.INTERNAL_DNC if closed == {GrantChannel.VOICE.value} else EventKind.REVOKE
    return ledger.Entry(address_id, kind.value, scope=Scope.ALL.value, **said)
