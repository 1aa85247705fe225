"""What does a member of staff correct on a lead, outside a call? The facts change, the checks run again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.translation import gettext as _

from consent import addresses
from consent.models import Address
from leads import requalification
from leads.models import Answer, Lead
from leads.services import answers, due, reaching
from leads.services.answers import Origin
from leads.services.documents import write_entry
from leads.vocabulary import InteractionKind
from medcrm.lib.errors import RuleError


@transaction.atomic
def correct_facts(lead_id: int, fields: Mapping[str, object], *, by: AbstractBaseUser, at: datetime) -> Lead:
    """Set the facts given, its number and mailbox among them, note who did it, let the lead walk again.

    Locks the addresses, then the lead; blank changes nothing. What a person decided is open to the rules again.
    """
    given = {name: value for name, value in fields.items() if value not in ("", None)}
    if not given:
        raise RuleError("NOTHING_TO_CORRECT", _("Fill in what is to be corrected."))
    reached = reaching.lock_addresses(lead_id, given)
    lead = Lead.objects.lock().get(pk=lead_id)
    facts = {name: value for name, value in given.items() if name not in addresses.KINDS}
    understood = answers.understand(lead, facts)
    write_entry(lead, InteractionKind.SYSTEM, {"corrected": sorted(given)}, by=by, at=at)
    if reached:
        _reach_anew(lead, reached, at=at)
    answers.learn(lead, understood, Origin(Answer.Origin.STAFF, by=by), cause="Corrected by staff.", at=at)
    due.mark_due(Lead.objects.filter(pk=lead.pk), at=at)
    return lead


def _reach_anew(lead: Lead, reached: Mapping[str, Address], *, at: datetime) -> None:
    fresh = reaching.set_addresses(lead, reached, at=at)
    lead.save()
    if fresh:
        requalification.reconsider([lead.pk])
    reaching.look_for_others(lead, fresh, at=at)
