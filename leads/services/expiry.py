"""What has run out? A document or an authorization whose last day is over is due work, like a date that was reached."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils.translation import gettext as _

from leads import capacity, requalification
from leads.lifecycle import Stage
from leads.models import Appointment, Authorization, DocumentStatus, Interaction, Lead
from leads.services import due
from leads.vocabulary import AuthorizationState, Direction, DocumentState, InteractionKind
from medcrm.lib.writing import update_rows

BATCH = 200


@transaction.atomic
def lapse(*, at: datetime, limit: int = BATCH) -> int:
    """Note up to `limit` documents and as many authorizations that ran out as expired; return how many there were.

    Their open leads walk again. A lead that somebody else has in hand is left to the next tick. Locks the leads.
    """
    documents = DocumentStatus.objects.filter(status=DocumentState.RECEIVED)
    return _lapse(documents, DocumentState.EXPIRED, at, limit) + _lapse(
        Authorization.objects.filter(status__in=capacity.SETTLED), AuthorizationState.EXPIRED, at, limit
    )


def _lapse(held: QuerySet, expired: str, at: datetime, limit: int) -> int:
    """The day is that of `capacity`, so that nothing counts as held and as expired at once."""
    over = capacity.run_out(held, at=at)
    ids = set(over.order_by("expires_on").values_list("lead", flat=True)[:limit])
    if not ids:
        return 0
    leads = Lead.objects.filter(pk__in=ids).select_for_update(of=("self",), no_key=True, skip_locked=True)
    rows = list(over.filter(lead__in=list(leads.order_by("pk").values_list("pk", flat=True)))[:limit])
    undone = _undone(over.filter(pk__in=[row.pk for row in rows]))
    for row in rows:
        row.status, row.changed_at = expired, at
    update_rows(rows, ["status", "changed_at"])
    Interaction.objects.bulk_create(_entry(row, at) for row in rows)
    requalification.reconsider(undone)
    due.mark_due(Lead.objects.open().filter(pk__in={row.lead_id for row in rows}), at=at)
    return len(rows)


def _undone(over: QuerySet) -> list[int]:
    """Leads that a person sent on with what has run out, unless the visit was no later than its last day."""
    service = "document__services" if over.model is DocumentStatus else "service"
    visits = Appointment.objects.live().filter(lead=OuterRef("lead"), date__lte=OuterRef("expires_on"))
    sent_on = over.filter(~Exists(visits), lead__stage=Stage.FORWARDED, **{service: F("lead__service")})
    return list(sent_on.values_list("lead", flat=True))


def _entry(row: DocumentStatus | Authorization, at: datetime) -> Interaction:
    about = {"document": row.document_id} if isinstance(row, DocumentStatus) else {"authorization": row.service_id}
    return Interaction(
        lead_id=row.lead_id,
        kind=InteractionKind.DOCUMENT,
        direction=Direction.INTERNAL,
        at=at,
        facts={**about, "status": row.status, "expires_on": str(row.expires_on)},
    )


def runs_out(lead: Lead, service: str, *, on: date, at: datetime) -> Iterable[tuple[str, date]]:
    """What the service asks for and is held now, but will have run out on that day: name and last day."""
    documents = DocumentStatus.objects.filter(
        capacity.held_documents(at=at), lead=lead, document__services=service, expires_on__lt=on
    )
    yield from documents.order_by("expires_on").values_list("document__name", "expires_on")
    granted = Authorization.objects.filter(
        capacity.held_authorizations(at=at), lead=lead, service=service, expires_on__lt=on
    )
    for row in granted.filter(capacity.by_payer(lead.payer_id)):
        yield _("Prior authorization"), row.expires_on
