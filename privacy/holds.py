"""What must be kept because of a case? A hold covers a person's leads and addresses, those that come later too."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from consent import addresses
from consent.models import Address
from leads.models import Lead
from medcrm.lib import personal
from medcrm.lib.errors import RuleError
from privacy.models import Hold
from privacy.people import Person, addresses_of, family_of, had_before, person_of, written_as


class OnHold(RuleError):
    """A litigation hold forbids it."""

    def __init__(self, reason: str) -> None:
        sentence = _("It is on litigation hold: %(reason)s. Lift the hold first.") % {"reason": reason}
        super().__init__("LITIGATION_HOLD", sentence, field="whom")


@transaction.atomic
def place_holds(person: Person, *, reason: str, by: AbstractBaseUser | None, at: datetime) -> list[Hold]:
    """Keep everything about a person until the holds are lifted: one for each lead, or one for who has none.

    Each names the person's own addresses, so that a lead which comes later with one of them is held too.
    """
    if not reason.strip():
        raise RuleError("REASON_NEEDED", _("Say for which case, e.g. “Matter 2026-117”."), field="reason")
    person = with_address(person)
    named = _hashes(person.address_ids)
    rows = [
        Hold(lead_id=pk, addresses=named, reason=reason[:200], placed_at=at, placed_by=by)
        for pk in person.lead_ids or ([None] if named else [])
    ]
    return Hold.objects.bulk_create(rows)


def lift_hold(hold_id: int, *, by: AbstractBaseUser | None, at: datetime) -> None:
    """End a hold; lifting twice keeps the first time."""
    Hold.objects.filter(pk=hold_id, lifted_at=None).update(lifted_at=at, lifted_by=by)


def with_address(person: Person) -> Person:
    """The person; one who is known only from what was refused gets a row of the address, which keeps the wish."""
    if person.address_ids or person.lead_ids or not person.written:
        return person
    return person_of([], [held.pk for held in addresses.lock_many(addresses.named(person.written)).values()])


def refuse_held(person: Person) -> None:
    """Raise OnHold if a lead or an address of this person is on hold, also one that somebody else shares."""
    named = _hashes([*person.address_ids, *person.shared_ids])
    hold = Hold.objects.filter(Q(lead__in=person.lead_ids) | Q(addresses__overlap=named), lifted_at=None).first()
    if hold is not None:
        raise OnHold(hold.reason)


def held() -> Person:
    """Everybody on hold, as if it were one person: every lead and address of theirs, shared or not."""
    open_holds = list(Hold.objects.filter(lifted_at=None).values_list("lead", "addresses"))
    if not open_holds:
        return Person([], [])
    hashes = {each for _lead, named in open_holds for each in named}
    named = set(Address.objects.filter(keyed_hash__in=hashes).values_list("pk", flat=True))
    came_later = Lead.objects.filter(Q(phone__in=named) | Q(email__in=named)).values_list("pk", flat=True)
    leads = family_of({lead for lead, _named in open_holds if lead} | set(came_later) | had_before(named))
    used = named | addresses_of(leads)
    return Person(sorted(leads), sorted(used), written=written_as(used))


def held_runs() -> Q:
    """Imports whose file holds somebody on hold, taken in or refused."""
    return runs_of(held())


def runs_of(person: Person) -> Q:
    """Imports whose file holds this person, taken in, refused or only looked at."""
    runs, rows = (person.rows(personal.HOLDINGS[name]) for name in ("leads.importrun", "leads.importrow"))
    return Q(pk__in=runs.values("pk")) | Q(pk__in=rows.values("run"))


def _hashes(address_ids: list[int]) -> list[str]:
    return list(Address.objects.filter(pk__in=address_ids).order_by("pk").values_list("keyed_hash", flat=True))
