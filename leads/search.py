"""Which leads are meant by these words? Every kind of term goes to the index that answers it; none scans the table."""

from __future__ import annotations

import re
from uuid import UUID

from django.db.models import Q, QuerySet

from consent import addresses
from consent.addresses import InvalidAddress
from leads.models import Lead

LIMIT = 200  # of a name or of last digits; whoever gets more types one more letter, or the whole number
LAST_DIGITS = re.compile(r"^\d{4}$")
PHONE = re.compile(r"^[\d\s()+.\-/]{7,}$")


def find_leads(leads: QuerySet[Lead], term: str) -> QuerySet[Lead]:
    """Leads of `leads` with this public id, phone in any format or its last four digits, e-mail, or name prefix (of a
    person or organisation).

    Two words are taken as first and last name, or the other way round as in “Reed, Ana”. A term that can be nothing of
    this finds nothing.
    """
    term = " ".join(term.split())
    if not term:
        return leads
    exact = _by_identifier(term)
    if exact is not None:
        return leads.filter(exact)
    found = list(_by_last_name(leads, term)[:LIMIT])
    found += _by_first_name(leads, term)[:LIMIT]
    found += _by_organisation(leads, term)[:LIMIT]
    return leads.filter(pk__in=found)


def _by_identifier(term: str) -> Q | None:
    """The condition for an id, an e-mail or a phone; None when the term looks like a name."""
    try:
        return Q(public_id=UUID(term))
    except ValueError:
        pass
    if "@" in term:
        return _by_address(addresses.EMAIL, addresses.normalise_email, term, "email")
    if LAST_DIGITS.match(term):
        # By key, so that the index of the phone is read, and not the newest leads until enough of them end so.
        return Q(phone__in=list(addresses.ending_in(term).values_list("pk", flat=True)[:LIMIT]))
    if PHONE.match(term):
        return _by_address(addresses.PHONE, addresses.normalise_phone, term, "phone")
    return None


def _by_address(kind: str, normalise, term: str, field: str) -> Q:
    try:
        address = addresses.find(kind, normalise(term))
    except InvalidAddress:
        address = None
    return Q(**{f"{field}_id": address.pk}) if address else Q(pk__in=[])


def _by_last_name(leads: QuerySet[Lead], term: str) -> QuerySet:
    one, _, other = (part.strip() for part in term.rpartition("," if "," in term else " "))
    names = Q(last_name__istartswith=term)
    if one:
        names |= Q(last_name__istartswith=other, first_name__istartswith=one)
        names |= Q(last_name__istartswith=one, first_name__istartswith=other)
    return leads.filter(names).order_by().values_list("pk", flat=True)


def _by_first_name(leads: QuerySet[Lead], term: str) -> QuerySet:
    return leads.filter(first_name__istartswith=term).order_by().values_list("pk", flat=True)


def _by_organisation(leads: QuerySet[Lead], term: str) -> QuerySet:
    # The index leaves out the blank ones, and is used only where the query does too.
    named = leads.exclude(organisation="").filter(organisation__istartswith=term)
    return named.order_by().values_list("pk", flat=True)
