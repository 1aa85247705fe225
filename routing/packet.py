"""What does the next person need to continue instead of starting from zero? [R28, R29]

A packet is plain JSON in stable codes with the names beside them, built for any number of leads in a constant number
of queries. It holds no “now”, so the same facts always give the same packet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from django.db.models import F, Q

from leads import capacity, qualification
from leads.models import Answer, Authorization, Inquiry, Interaction, Lead, MissingItem, Qualification, Stakeholder
from leads.vocabulary import AuthorizationState, Direction, InteractionKind, NoteFact
from routing import permission

Packet = dict[str, object]

CONFIRMING = (Answer.Origin.CALL, Answer.Origin.DOCUMENT, Answer.Origin.STAFF)
ATTEMPTS_SHOWN = 10  # the last ten tell the story; the timeline has all
NOTES_SHOWN = 5
NOTE_LENGTH = 600  # a long letter is read on the timeline

PLACE = ("zip", "city", "state")
ORGANISATION = (
    *("organisation", "npi", "sites", "contact_role", "clinic_size"),
    *("budget", "rollout", "approver", "agreement"),
)
KIND_OF_ORGANISATION = ("organisation_type", "specialty", "care_setting")

# What is added, dated, to a handoff that was accepted; the rest is the receiver's own doing.
ADDED_LATER = (
    "inquiry",
    "service",
    "clinic",
    *PLACE,
    "question",
    "request",
    "timing",
    "urgency",
    "payer",
    "referring_provider",
    *ORGANISATION,
    *KIND_OF_ORGANISATION,
    "documents_held",
    "documents_missing",
    "missing",
    "authorization",
)


def build(leads: Sequence[Lead], *, at: datetime) -> dict[int, Packet]:
    """Lead key → packet. The leads come from `routing.router.with_place`."""
    ids = [lead.pk for lead in leads]
    unknown = dict(Qualification.objects.filter(lead__in=ids, closed_at=None).values_list("lead", "unknown"))
    held = qualification.documents_held(ids, at=at)
    missing = _grouped(
        MissingItem.objects.filter(lead__in=ids, settled_at=None)
        .order_by("kind")
        .values_list("lead", "kind", "kind__document")
    )
    authorizations = _authorizations(ids)
    parts = {
        "inquiry": _latest_inquiry(ids),
        "confirmed": _confirmed(ids),
        "decision_path": _stakeholders(ids),
        **_told(ids),
        "channels": permission.channels(leads, at=at),
    }
    return {
        lead.pk: _of_lead(lead)
        | {
            "unknown": sorted(unknown.get(lead.pk, [])),
            "documents_held": sorted(held.get(lead.pk, ())),
            "documents_missing": [kind for kind, document in missing[lead.pk] if document],
            "missing": [kind for kind, _ in missing[lead.pk]],
            "authorization": authorizations.get((lead.pk, lead.service_id), ""),
        }
        | {name: values.get(lead.pk, EMPTY[name]) for name, values in parts.items()}
        for lead in leads
    }


EMPTY: dict[str, object] = {
    "inquiry": "",
    "confirmed": {},
    "decision_path": [],
    "attempts": [],
    "notes": [],
    "channels": {},
}


def news(packet: Mapping[str, object], known: Mapping[str, object]) -> Packet:
    """What a fresh packet says that an accepted one, with its additions, does not yet.

    A packet that was accepted before a part was handed over knows nothing of it; a blank part is no news to it.
    """
    return {name: packet[name] for name in ADDED_LATER if (packet.get(name) or None) != (known.get(name) or None)}


def _of_lead(lead: Lead) -> Packet:
    """What the lead's own row says."""
    clinic = clinic_of(lead)
    return {
        "service": lead.service_id or "",
        "service_name": lead.service.name if lead.service else "",
        "clinic": clinic,
        "clinic_is_preferred": bool(clinic) and clinic == lead.preferred_clinic_id,
        "question": lead.question,
        "request": lead.request,
        "timing": lead.timing_id or "",
        "window": [_iso(lead.window_opens_on), _iso(lead.window_closes_on)],
        "urgency": lead.urgency,
        "payer": lead.payer_id or "",
        "referring_provider": lead.referring_provider,
        "for_whom": lead.for_whom,
        "language": lead.language,
        "timezone": lead.timezone,
        "preferred_channel": lead.preferred_channel,
        "preferred_time": lead.preferred_time,
        **{name: getattr(lead, name) for name in (*PLACE, *ORGANISATION)},
        **{name: getattr(lead, f"{name}_id") or "" for name in KIND_OF_ORGANISATION},
        "score_band": lead.score_band,
        "readiness": lead.readiness,
        "next_step": lead.next_step,
    }


def clinic_of(lead: Lead) -> str:
    """Where the lead would come: the clinic it prefers if it is offered that, else the nearest that it is [R27]."""
    is_wanted = lead.is_given_there or not lead.nearest_clinic
    return (lead.preferred_clinic_id if is_wanted else None) or lead.nearest_clinic or ""


def _iso(day: date | None) -> str:
    return day.isoformat() if day else ""


def _grouped(rows: Iterable[Sequence[object]]) -> Mapping[object, list[Sequence[object]]]:
    groups: dict[object, list[Sequence[object]]] = defaultdict(list)
    for lead, *rest in rows:
        groups[lead].append(rest)
    return groups


def _latest_inquiry(ids: Sequence[int]) -> dict[int, str]:
    rows = (
        Inquiry.objects.filter(lead__in=ids, status=Inquiry.Status.ACCEPTED)
        .order_by("lead_id", "-received_at", "-pk")
        .distinct("lead_id")
        .values_list("lead", "public_id")
    )
    return {lead: str(public_id) for lead, public_id in rows}


def _confirmed(ids: Sequence[int]) -> dict[int, dict[str, object]]:
    """Facts that a person or a document confirmed, as opposed to what a form said."""
    rows = Answer.objects.filter(lead__in=ids, is_current=True, stale_since=None, origin__in=CONFIRMING)
    groups = _grouped(rows.order_by("code").values_list("lead", "code", "value"))
    return {lead: {str(code): value for code, value in pairs} for lead, pairs in groups.items()}  # type: ignore[misc]


def _authorizations(ids: Sequence[int]) -> dict[tuple[int, str], str]:
    """What the payer that the lead has now said to a service [R16]."""
    rows = Authorization.objects.filter(capacity.by_payer(F("lead__payer")), lead__in=ids)
    rows = rows.exclude(status=AuthorizationState.NOT_NEEDED)
    return {(lead, service): status for lead, service, status in rows.values_list("lead", "service", "status")}


def _stakeholders(ids: Sequence[int]) -> dict[int, list[dict[str, object]]]:
    columns = ("name", "role", "other_roles", "can_approve", "can_block", "may_be_told")
    groups = _grouped(Stakeholder.objects.filter(lead__in=ids).order_by("pk").values_list("lead", *columns))
    return {lead: [dict(zip(columns, row, strict=True)) for row in rows] for lead, rows in groups.items()}  # type: ignore[misc]


def _told(ids: Sequence[int]) -> dict[str, dict[int, list[dict[str, object]]]]:
    """The last calls to and from each lead, and what was noted on them or beside them, both newest first."""
    spoken = Q(kind__in=[InteractionKind.CALL, InteractionKind.VOICEMAIL], direction=Direction.OUTBOUND)
    rows = (
        Interaction.objects.filter(
            spoken | Q(kind__in=[InteractionKind.INBOUND_CALL, InteractionKind.NOTE]), lead__in=ids
        )
        .order_by("lead_id", F("at").desc(), "-pk")
        .values("lead", "at", "kind", "disposition", "by__username", "text", "facts", "addendum_to__at")
    )
    attempts, notes = defaultdict(list), defaultdict(list)
    for row in rows:
        if row["kind"] != InteractionKind.NOTE and len(attempts[row["lead"]]) < ATTEMPTS_SHOWN:
            attempts[row["lead"]].append(_entry(row) | {"disposition": row["disposition"] or ""})
        said = {name: row["facts"][name] for name in NoteFact.values if row["facts"].get(name)}
        if (row["text"] or said) and len(notes[row["lead"]]) < NOTES_SHOWN:
            corrected = row["addendum_to__at"]
            told = {"text": _shortened(row["text"]), "facts": said}
            notes[row["lead"]].append(_entry(row) | told | {"corrects": corrected.isoformat() if corrected else ""})
    return {"attempts": attempts, "notes": notes}


def _entry(row: Mapping[str, object]) -> dict[str, object]:
    return {"at": row["at"].isoformat(), "kind": row["kind"], "by": row["by__username"] or ""}


def _shortened(text: str) -> str:
    return text if len(text) <= NOTE_LENGTH else f"{text[:NOTE_LENGTH].rstrip()}…"
