"""What do we know about a person, and how is it forgotten while suppression, chain and statistics stay true?

What was found is shown first and kept as numbers. Erasing closes the person's leads, walks them down the road once, so
that nothing is owed or planned any more, erases the addresses in the ledger, then empties what every room declared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from consent import erasure as consent_erasure
from consent.models import Address, EventValue
from leads import milestones
from leads.importing import runs
from leads.models import Lead
from leads.services import forgetting
from medcrm import journey
from medcrm.lib import personal
from medcrm.lib.errors import RuleError
from privacy.holds import OnHold, held_runs, lift_hold, place_holds, refuse_held, runs_of, with_address
from privacy.models import Erasure
from privacy.people import Person, SeveralPersons, find_person, person_of

FORGOTTEN = "—"
KEPT = {
    "consent_address.keyed_hash": "recognises the address again, so that a withdrawal outlives the data",
    "consent_consentevent": "the chain of events: codes, times and the salted commitment of what was erased",
    "consent_eventvalue": "for an address that somebody else uses too: the words, the page and the browser by which"
    " permission for it was given or taken back; they go when that address is erased",
    "consent_listentry": "do-not-call lists of others, as they were published",
    "consent_checkpointhead": "keyed hashes under signed checkpoints",
    "files of imports": "one that is under way, that was only looked at, or that the litigation hold of another keeps,"
    " goes a month after its end or when the hold is lifted; that of an export after a day",
    "leads_lead": "what was asked for, when, where it came from and how it ended, under a pseudonym",
    "auth_user": "members of staff who worked on it",
}


def find(person: Person) -> Mapping[str, int]:
    """Table → how many rows are about the person; tables without any are left out."""
    found = {name: rows.count() for name, rows in sorted(_rows(person).items())}
    found["consent.address"] = len(person.address_ids)
    found["consent.eventvalue"] = EventValue.objects.filter(event__address__in=person.address_ids).count()
    found["admin.logentry"] = _titles(person).count()
    return {name: count for name, count in found.items() if count}


@transaction.atomic
def request_erasure(person: Person, *, reason: str, by: AbstractBaseUser | None, at: datetime) -> Erasure:
    """Keep what was found, as numbers, for a person to look at before anything is erased."""
    if not reason.strip():
        raise RuleError("REASON_NEEDED", _("Say why, e.g. “Request 2026-04 by e-mail”."), field="reason")
    person = with_address(person)
    return Erasure.objects.create(
        reason=reason[:200],
        leads=list(Lead.objects.filter(pk__in=person.lead_ids).order_by("pk").values_list("public_id", flat=True)),
        addresses=list(
            Address.objects.filter(pk__in=person.address_ids).order_by("pk").values_list("keyed_hash", flat=True)
        ),
        found=dict(find(person)),
        requested_at=at,
        requested_by=by,
    )


@transaction.atomic
def erase(erasure_id: int, *, by: AbstractBaseUser | None, at: datetime) -> Erasure:
    """Forget the person of a request and certify it. Locks addresses, then leads. Raise OnHold or RuleError."""
    request = Erasure.objects.select_for_update().get(pk=erasure_id)
    if request.state != Erasure.State.FOUND:
        raise RuleError("SETTLED", _("This request was settled already. Make a new one if there is more to forget."))
    # What arrived since the request belongs to the person too.
    asked = list(Lead.objects.filter(public_id__in=request.leads).values_list("pk", flat=True))
    named = Address.objects.filter(keyed_hash__in=request.addresses)
    person = person_of(asked, list(named.values_list("pk", flat=True)))
    refuse_held(person)
    done = forget(person, by=by, at=at, reason="request")
    request.leads = list(Lead.objects.filter(pk__in=person.lead_ids).order_by("pk").values_list("public_id", flat=True))
    request.done = dict(done)
    request.state, request.settled_at, request.settled_by = Erasure.State.DONE, at, by
    request.save()
    return request


def forget(person: Person, *, by: AbstractBaseUser | None, at: datetime, reason: str) -> Mapping[str, int]:
    """Erase the person's addresses and empty everything that is theirs; return table → how many rows.

    Call it inside a transaction, when no hold forbids it. Locks addresses, then leads.
    """
    done: dict[str, int] = {}
    for address_id in person.address_ids:
        consent_erasure.erase(address_id, at=at, by=by, reason=reason)
    done["consent.address"] = len(person.address_ids)
    forgetting.close_leads(person.lead_ids, at=at)
    journey.advance(person.lead_ids, at=at)
    forgetting.drop_addresses(person.lead_ids, person.shared_ids)
    titles = list(_titles(person).values_list("pk", flat=True))
    done["files of imports"] = runs.drop_files(runs_of(person), kept=held_runs())
    # All are found before any is emptied: some are known by a name that is in another.
    rows = _rows(person)
    for name, holding in personal.HOLDINGS.items():
        done[name] = holding.empty(rows[name])
    done["admin.logentry"] = LogEntry.objects.filter(pk__in=titles).update(object_repr=FORGOTTEN)
    milestones.refresh(person.lead_ids)  # its facts are empty now
    return {name: count for name, count in sorted(done.items()) if count}


def drop(erasure_id: int, *, by: AbstractBaseUser | None, at: datetime) -> None:
    """Settle a request without erasing anything."""
    dropped = Erasure.objects.filter(pk=erasure_id, state=Erasure.State.FOUND).update(
        state=Erasure.State.DROPPED, settled_at=at, settled_by=by
    )
    if not dropped:
        raise RuleError("SETTLED", _("This request was settled already."))


def certificate(request: Erasure) -> dict[str, object]:
    """What was done, for the person who asked and for whoever checks; the hash is over everything before it."""
    body: dict[str, object] = {
        "certificate": str(request.public_id),
        "state": request.state,
        "reason": request.reason,
        "requested_at": request.requested_at.isoformat(),
        "erased_at": request.settled_at.isoformat() if request.settled_at else None,
        "erased_by": str(request.settled_by or ""),
        "leads": [str(lead) for lead in request.leads],
        "addresses_as_keyed_hashes": request.addresses,
        "found": request.found,
        "emptied": request.done,
        "kept": KEPT,
    }
    return body | {"sha256": hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()}


def _rows(person: Person) -> dict[str, QuerySet]:
    """Table → its rows about the person; on an address that somebody else uses too, what was done for this one."""
    rows = {name: person.rows(holding) for name, holding in personal.HOLDINGS.items()}
    references = [str(lead) for lead in Lead.objects.filter(pk__in=person.lead_ids).values_list("public_id", flat=True)]
    rows["consent.attempt"] |= consent_erasure.attempts_for(references, person.shared_ids)
    return rows


def _titles(person: Person) -> object:
    """The admin's log entries about the person's rows; their titles may hold a name."""
    found = Q(pk__in=[])
    for name, holding in personal.HOLDINGS.items():
        ids = [str(pk) for pk in person.rows(holding).values_list("pk", flat=True)]
        if ids:
            kind = ContentType.objects.get_for_model(apps.get_model(name))
            found |= Q(content_type=kind, object_id__in=ids)
    kind = ContentType.objects.get_for_model(Address)
    found |= Q(content_type=kind, object_id__in=[str(pk) for pk in person.address_ids])
    return LogEntry.objects.filter(found)


__all__ = [
    "OnHold",
    "Person",
    "SeveralPersons",
    "certificate",
    "drop",
    "erase",
    "find",
    "find_person",
    "lift_hold",
    "person_of",
    "place_holds",
    "request_erasure",
]
