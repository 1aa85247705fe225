"""What must a carrier hear about permission? A STOP that reached us by another road, and a fresh yes after one.

The carrier keeps a block list of its own. What people text there comes to us by its hooks; what they told us otherwise
goes there from here, so that neither list knows less than the other [contact_rules 9].
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, QuerySet, Value

from consent.models import Permission
from consent.models.ledger import PermissionState
from nurture import channels
from nurture.channels import Consent, NotSent, Uncertain
from nurture.models import CarrierNotice
from nurture.vocabulary import Medium

log = structlog.get_logger(__name__)

BATCH = 25  # what Twilio takes at once
MINUTE = Value(timedelta(minutes=1), DurationField())
# Tried at once, after 1, 4, 9, 16 minutes and so on: soon after a short trouble, hourly on the second day, without end.
DUE_AT = ExpressionWrapper(F("said_at") + F("tries") * MINUTE * F("tries"), DateTimeField())


def note(address_ids: list[int], *, at: datetime) -> None:
    """Keep what the carrier has to hear about these numbers; where it can be told nothing, nothing is kept."""
    if not channels.channel_for(Medium.SMS).takes_consents:
        return
    rows = Permission.objects.filter(address__in=address_ids, channel="sms", address__value__isnull=False)
    now = {row.address_id: row.state == PermissionState.BLOCKED for row in rows}
    told = dict(CarrierNotice.objects.filter(address__in=now).values_list("address_id", "is_stopped"))
    # The carrier lets through whom it never heard of, so a yes is news only after a stop.
    news = [
        CarrierNotice(address_id=pk, is_stopped=is_stopped, said_at=at)
        for pk, is_stopped in now.items()
        if told.get(pk, False) != is_stopped
    ]
    CarrierNotice.objects.bulk_create(
        news,
        update_conflicts=True,
        unique_fields=["address"],
        update_fields=["is_stopped", "said_at", "told_at", "tries", "error"],
    )


def waiting() -> QuerySet[CarrierNotice]:
    """What the carrier has not heard yet, oldest word first."""
    return CarrierNotice.objects.filter(told_at=None).order_by("said_at")


def tell(*, at: datetime) -> int:
    """Tell the carrier what it has not heard yet; return how many. Saying the same twice does no harm there."""
    channel = channels.channel_for(Medium.SMS)
    told = 0
    due = waiting().annotate(due_at=DUE_AT).filter(due_at__lte=at).select_related("address")
    while channel.takes_consents and (notices := list(due[:BATCH])):
        keys = [notice.pk for notice in notices]
        said = [Consent(notice.address.value or "", notice.is_stopped, notice.said_at) for notice in notices]
        CarrierNotice.objects.filter(pk__in=keys).update(tries=F("tries") + 1)
        try:
            channel.tell_consents(said)
        except (NotSent, Uncertain) as error:
            log.warning("carrier_not_told", notices=keys, error=str(error))
            CarrierNotice.objects.filter(pk__in=keys).update(error=str(error)[:300])
            return told
        for notice in notices:  # one that changed meanwhile is told again
            CarrierNotice.objects.filter(pk=notice.pk, said_at=notice.said_at).update(told_at=at, tries=0, error="")
        told += len(notices)
    return told
