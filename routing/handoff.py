"""Does the next person have everything to continue, and did they take it?

Offered when responsibility moves, re-issued while nobody accepted it, frozen on acceptance, then only added to. The
lead rows are locked by the caller of the bulk verbs; `accept` locks its lead itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.translation import gettext as _

from leads.models import Lead
from medcrm.lib.errors import RuleError
from medcrm.lib.writing import update_rows
from routing import packet
from routing.models import Handoff, HandoffState, ReturnReason
from routing.packet import Packet

BATCH = 500


@dataclass(frozen=True)
class Offer:
    """Who should hold the handoff of a lead now, from whom, and what it says."""

    lead_id: int
    from_team: str | None
    from_owner: int | None
    to_team: str
    to_owner: int | None
    packet: Packet
    rule_id: int | None = None
    script_id: str | None = None


def sync(offers: Sequence[Offer], done_with: Sequence[int], *, at: datetime) -> None:
    """Bring the open handoffs of these leads up to date; close those of leads that need nobody. Idempotent."""
    ids = [offer.lead_id for offer in offers]
    present = {row.lead_id: row for row in Handoff.objects.open().filter(lead__in=[*ids, *done_with])}
    fresh, closed, changed = [], [present[lead] for lead in done_with if lead in present], []
    for offer in offers:
        row = present.get(offer.lead_id)
        if row is None or _moved_on(row, offer):
            if row is not None:
                closed.append(row)
            fresh.append(_offer(offer, at))
        elif _update(row, offer, at):
            changed.append(row)
    _close(closed, at)
    update_rows(changed, UPDATED, batch_size=BATCH)
    Handoff.objects.bulk_create(fresh, batch_size=BATCH)


UPDATED = ["packet", "issue", "issued_at", "additions", "to_owner", "rule", "script"]


def _moved_on(row: Handoff, offer: Offer) -> bool:
    """Another team, or another owner after somebody had accepted: that is a handoff of its own."""
    if row.to_team_id != offer.to_team:
        return True
    return row.state == HandoffState.ACCEPTED and offer.to_owner is not None and row.to_owner_id != offer.to_owner


def _update(row: Handoff, offer: Offer, at: datetime) -> bool:
    """Re-issue an offered packet, or add what is new to an accepted one; say whether anything changed."""
    if row.state == HandoffState.ACCEPTED:
        said = packet.news(offer.packet, row.current_packet())
        if said:
            row.additions = [*row.additions, {"at": at.isoformat(), "facts": said}]
        return bool(said)
    values = {"to_owner_id": offer.to_owner, "rule_id": offer.rule_id, "script_id": offer.script_id}
    is_changed = any(getattr(row, name) != value for name, value in values.items())
    for name, value in values.items():
        setattr(row, name, value)
    if row.packet != offer.packet:
        row.packet, row.issue, row.issued_at, is_changed = offer.packet, row.issue + 1, at, True
    return is_changed


def _offer(offer: Offer, at: datetime) -> Handoff:
    return Handoff(
        lead_id=offer.lead_id,
        from_team_id=offer.from_team,
        from_owner_id=offer.from_owner,
        to_team_id=offer.to_team,
        to_owner_id=offer.to_owner,
        rule_id=offer.rule_id,
        script_id=offer.script_id,
        packet=offer.packet,
        offered_at=at,
        issued_at=at,
    )


def _close(rows: Sequence[Handoff], at: datetime) -> None:
    for row in rows:
        row.state, row.closed_at = HandoffState.CLOSED, at
    update_rows(rows, ["state", "closed_at"], batch_size=BATCH)


class NotOffered(RuleError):
    """There is nothing to accept or return: somebody was quicker, or the lead moved on."""

    def __init__(self) -> None:
        super().__init__("HANDOFF_NOT_OPEN", "This handoff is no longer open. Reload the lead to see where it is now.")


@transaction.atomic
def accept(lead_id: int, *, by: AbstractBaseUser, at: datetime) -> Handoff:
    """Take responsibility: the packet is frozen as it is read. Locks the lead. Raise NotOffered."""
    Lead.objects.lock().get(pk=lead_id)
    row = Handoff.objects.offered().filter(lead=lead_id).first()
    if row is None:
        raise NotOffered
    row.state, row.accepted_at, row.accepted_by, row.to_owner = HandoffState.ACCEPTED, at, by, row.to_owner or by
    row.save(update_fields=["state", "accepted_at", "accepted_by", "to_owner"])
    return row


@transaction.atomic
def mark_returned(lead_id: int, reason: str, note: str, *, by: AbstractBaseUser, at: datetime) -> Handoff:
    """Write that the receiver does not take it, and why. Raise NotOffered; the caller moves the locked lead."""
    if reason not in ReturnReason.values:
        raise RuleError("RETURN_REASON_MISSING", _("Choose why you return it."), field="reason")
    if reason == ReturnReason.OTHER and not note.strip():
        raise RuleError("NOTE_MISSING", _("Say in the note why you return it."), field="note")
    row = Handoff.objects.open().filter(lead=lead_id).first()
    if row is None:
        raise NotOffered
    row.state, row.returned_at, row.returned_by, row.return_reason, row.note = (
        HandoffState.RETURNED,
        at,
        by,
        reason,
        note[:300],
    )
    row.save(update_fields=["state", "returned_at", "returned_by", "return_reason", "note"])
    return row
