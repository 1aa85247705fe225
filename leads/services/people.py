"""Who is on a lead's decision path, in which roles, how is each reached and may they be told? Written here, whoever
said it: the checklist, a page of staff or a connected system [R19, R34]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from consent import addresses
from consent.models import Address
from leads import requalification, targets
from leads.models import Lead, Stakeholder
from leads.services import due
from leads.vocabulary import ContactRole
from medcrm.lib.errors import InvalidFields

DECIDER_NAMED = "decider_named"


@dataclass(frozen=True)
class Person:
    """What is said of somebody; None and blank say nothing."""

    name: str
    roles: Sequence[str] = ()
    can_approve: bool | None = None
    can_block: bool | None = None
    may_be_told: bool | None = None
    phone: str = ""
    email: str = ""


@transaction.atomic
def note_person(lead_id: int, person: Person, *, at: datetime, instead_of: int | None = None) -> Stakeholder:
    """Note somebody of this lead, or say anew who one of them is, and put the lead back on the road.

    Who is known by that name keeps the roles they have and gains these; `instead_of` names a row whose roles and
    flags become what is said. Locks the addresses, then the lead. Raise InvalidFields for a name or an address that
    cannot be used.
    """
    if not person.name.strip() or targets.no_name(person.name):
        raise InvalidFields({"name": [_("Say the name, as it was said to you; who is not known is not noted.")]})
    reached = _addresses(person)
    lead = Lead.objects.lock().get(pk=lead_id)
    decided = deciders(lead)
    row = Stakeholder.objects.get(pk=instead_of, lead=lead) if instead_of else None
    row = write_person(lead, person, reached=reached, row=row)
    requalification.reconsider([lead_id])
    if is_another(decided, deciders(lead)):
        requalification.fire(DECIDER_NAMED, [lead_id], cause="Somebody who decides was noted.", at=at)
    due.mark_due(Lead.objects.filter(pk=lead_id), at=at)
    return row


def write_person(
    lead: Lead, person: Person, *, reached: Mapping[str, Address] | None = None, row: Stakeholder | None = None
) -> Stakeholder:
    """Write somebody of a locked lead: a row per name, however many roles they have."""
    is_anew = row is not None
    row = row or lead.stakeholders.filter(name__iexact=person.name).first() or Stakeholder(lead=lead)
    roles = list(dict.fromkeys([*([] if is_anew or not row.pk else row.roles), *person.roles]))
    row.name = person.name if is_anew or not row.pk else row.name
    row.role, *row.other_roles = roles or [ContactRole.UNKNOWN]
    for flag in ("can_approve", "can_block", "may_be_told"):
        said = getattr(person, flag)
        if said is not None or (is_anew and flag != "may_be_told"):
            setattr(row, flag, said)
    if row.can_approve is None and ContactRole.DECISION_MAKER in roles:
        row.can_approve = True
    if row.can_block is None and ContactRole.IT_SECURITY in roles:
        row.can_block = True
    for kind, address in (reached or {}).items():
        setattr(row, kind, address)
    row.save()
    return row


def take_role_back(lead: Lead, role: str) -> None:
    """Nobody of this locked lead has the role any more; who had it stays known."""
    for row in lead.stakeholders.all():
        if role in row.roles:
            left = [other for other in row.roles if other != role]
            row.role, *row.other_roles = left or [ContactRole.UNKNOWN]
            row.can_approve = None if role == ContactRole.DECISION_MAKER else row.can_approve
            row.can_block = None if role == ContactRole.IT_SECURITY else row.can_block
            row.save()


def deciders(lead: Lead) -> dict[int, str]:
    """The people of this lead who may approve, by name."""
    return dict(lead.stakeholders.filter(can_approve=True).values_list("pk", "name"))


def is_another(before: Mapping[int, str], now: Mapping[int, str]) -> bool:
    """Whether somebody decides who did not before, also in the place of who did [2.14]. A name that keeps one of its
    words was only corrected."""
    return any(pk not in before or _words(before[pk]).isdisjoint(_words(name)) for pk, name in now.items())


def _words(name: str) -> set[str]:
    return set(name.casefold().split())


def _addresses(person: Person) -> dict[str, Address]:
    """The rows of the number and the mailbox said, locked before the lead."""
    pairs = addresses.pairs_said({"phone": person.phone, "email": person.email})
    return {kind: address for (kind, _value), address in addresses.lock_addresses(pairs).items()}
