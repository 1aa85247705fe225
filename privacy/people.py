"""Who is meant by a lead id, a phone number or an e-mail? One person with all that is theirs, or a choice to make.

An address that a lead had before is the person's as well: the history of leads keeps each one, whoever changed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from consent import addresses
from consent.addresses import InvalidAddress
from consent.models import Address
from leads.models import Lead, LeadEvent
from leads.search import find_leads
from leads.services.intake import is_same_name
from medcrm.lib import personal
from medcrm.lib.errors import RuleError
from medcrm.lib.personal import Holding


@dataclass(frozen=True)
class Person:
    """One person's leads, merged ones too, and addresses; shared ones belong to somebody else as well.

    `written` is kind and value of the addresses, by which rows are found that were refused and belong to no lead.
    """

    lead_ids: Sequence[int]
    address_ids: Sequence[int]
    shared_ids: Sequence[int] = ()
    written: Sequence[tuple[str, str]] = ()

    def rows(self, holding: Holding) -> QuerySet:
        return holding.rows(self.lead_ids, self.address_ids, self.written)


class SeveralPersons(RuleError):
    """Leads with other names have this address too; somebody must say whose they are."""

    def __init__(self, leads: Sequence[Lead]) -> None:
        named = "; ".join(f"{lead.name or lead.organisation or '—'} ({lead.public_id})" for lead in leads)
        sentence = _("Several persons are known by this: %(named)s. Choose the leads of the one it is about.")
        super().__init__("SEVERAL_PERSONS", sentence % {"named": named}, field="whom")
        self.leads = leads


def find_person(term: str, chosen: Iterable[str] = ()) -> Person:
    """The person with this lead id, phone or e-mail, lead or not; `chosen` are public ids, where several have it.

    Raise SeveralPersons where leads with other names have it and none was chosen, or RuleError when nobody is found.
    """
    leads = leads_by(term)
    picked = [lead for lead in leads if str(lead.public_id) in set(chosen)]
    if not picked and not is_one(leads):
        raise SeveralPersons(leads)
    person = person_of([lead.pk for lead in picked or leads])
    person = person if person.lead_ids else _without_lead(term)
    if not person.lead_ids and not is_known(person):
        sentence = _("Nobody is known by this. Enter a lead id, a phone number or an e-mail.")
        raise RuleError("NOT_FOUND", sentence, field="whom")
    return person


def leads_by(term: str) -> list[Lead]:
    """The leads with this id, or with this phone or e-mail now or before; a name alone is nobody in particular."""
    is_exact = "@" in term or sum(sign.isdigit() for sign in term) >= 7
    if not is_exact:
        return []
    now = find_leads(Lead.objects.all(), term).values_list("pk", flat=True)
    address = addresses.find(*pair) if (pair := _address_in(term)) else None
    return list(Lead.objects.filter(pk__in={*now, *(had_before([address.pk]) if address else ())}).order_by("pk"))


def is_one(leads: Sequence[Lead]) -> bool:
    """Whether these leads are of one person, as at intake: merged, or the same name as far as one was given."""
    stays = {lead.merged_into_id or lead.pk for lead in leads}
    apart = [lead for lead in leads if lead.pk in stays]  # those that were merged go with the one that stayed
    return all(
        is_same_name(one, {"first_name": other.first_name, "last_name": other.last_name})
        for one, other in combinations(apart, 2)
    )


def _without_lead(term: str) -> Person:
    """Whoever has this address: known from the ledger, or only from rows that were refused."""
    pair = _address_in(term)
    if pair is None:
        return Person([], [])
    known = addresses.find(*pair)
    return person_of([], [known.pk]) if known else Person([], [], written=[pair])


def _address_in(term: str) -> tuple[str, str] | None:
    """The kind and the one form of the phone number or e-mail that somebody typed."""
    for kind, normalise in addresses.KINDS.items():
        with suppress(InvalidAddress):
            return kind, normalise(term)
    return None


def person_of(lead_ids: Sequence[int], address_ids: Sequence[int] = ()) -> Person:
    """These leads, those merged into them or that they were merged into, their addresses and these.

    An address is shared if somebody else has it now: a number they gave up before is no longer theirs.
    """
    known = family_of(lead_ids)
    used = addresses_of(known) | set(address_ids)
    others = (
        Lead.objects.exclude(pk__in=known).filter(Q(phone__in=used) | Q(email__in=used)).values_list("phone", "email")
    )
    shared = {address for pair in others for address in pair if address} & used
    own = sorted(used - shared)
    return Person(sorted(known), own, sorted(shared), written_as(own))


def family_of(lead_ids: Iterable[int]) -> set[int]:
    """These leads, those merged into them and those they were merged into."""
    known: set[int] = set()
    new = set(lead_ids)
    while new:
        known |= new
        rows = Lead.objects.filter(Q(pk__in=new) | Q(merged_into__in=new)).values_list("pk", "merged_into")
        new = {pk for row in rows for pk in row if pk} - known
    return known


def addresses_of(lead_ids: Iterable[int]) -> set[int]:
    """The addresses of these leads, now or before."""
    known = list(lead_ids)
    now = Lead.objects.filter(pk__in=known).values_list("phone", "email")
    before = LeadEvent.objects.filter(pgh_obj__in=known).values_list("phone", "email").distinct()
    return {address for pair in (*now, *before) for address in pair if address}


def had_before(address_ids: Iterable[int]) -> set[int]:
    """The leads that had one of these addresses at some time, by its index in their history."""
    known = list(address_ids)
    had = LeadEvent.objects.filter(Q(phone__in=known) | Q(email__in=known))
    return set(had.order_by().values_list("pgh_obj", flat=True).distinct())


def written_as(address_ids: Iterable[int]) -> list[tuple[str, str]]:
    """Kind and value of these addresses as they were written; one that was emptied has none any more."""
    return list(Address.objects.filter(pk__in=address_ids, value__isnull=False).values_list("kind", "value"))


def is_known(person: Person) -> bool:
    """Whether any row is about this person."""
    return bool(person.address_ids) or any(person.rows(holding).exists() for holding in personal.HOLDINGS.values())
