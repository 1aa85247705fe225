"""How is a person's data erased while the proof stays whole and the wish to be left alone stays alive? [10, 14(f)]"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from consent import addresses, ledger
from consent.models import Address, Attempt, ConsentEvent, EventValue
from consent.vocabulary import EventKind
from medcrm.lib.errors import RuleError

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


@transaction.atomic
def erase(address_id: int, *, at: datetime, by: AbstractBaseUser | None, reason: str) -> ConsentEvent:
    """Destroy the address's value and the personal values of its events. Locks the address.

    The chain keeps the commitments and stays valid; the keyed hash keeps recognising the address.
    """
    address = Address.objects.select_for_update(no_key=True).get(pk=address_id)
    event = ledger.record(address_id, EventKind.ERASURE, occurred_at=at, at=at, by=by, facts={"reason": reason[:60]})
    EventValue.objects.filter(event__address_id=address_id, event__seq__lt=event.seq).delete()
    address.value, address.erased_at = None, at
    address.save(update_fields=["value", "erased_at"])
    return event


@transaction.atomic
def readmit(kind: str, value: str, *, at: datetime, by: AbstractBaseUser | None, reason: str) -> Address:
    """Take back an erased address whose owner came to us again; what was withdrawn before stays withdrawn.

    Raise RuleError if it was not erased. Grants from before the erasure do not come back: their proof is gone.
    """
    address = addresses.find(kind, value)
    if address is None or address.value is not None:
        raise RuleError("NOT_ERASED", _("This address was not erased; there is nothing to take back."))
    address = Address.objects.select_for_update(no_key=True).get(pk=address.pk)
    ledger.record(address.pk, EventKind.READMISSION, occurred_at=at, at=at, by=by, text=reason)
    address.value = value
    address.save(update_fields=["value"])
    return address


def attempts_for(references: Iterable[str], address_ids: Iterable[int]) -> QuerySet[Attempt]:
    """Attempts to contact whoever asks under one of these references, on these addresses, which others use too."""
    return Attempt.objects.filter(address__in=list(address_ids), basis__request__reference__in=list(references))
