"""How is a call recorded from the workspace? Under its reservation, once, and the lead is free for others again."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.translation import gettext as _

from consent import gate
from consent.lifecycle import AttemptState
from leads.models import Interaction, Lead
from leads.services import calls
from leads.services.calls import CallReport
from medcrm.lib.errors import InvalidFields, RuleError
from medcrm.workspace import drafts
from routing import saying, worklist


@transaction.atomic
def record(
    lead_id: int, report: CallReport, *, by: AbstractBaseUser, at: datetime, consent_step: str = ""
) -> Interaction:
    """Record how the call ended, settle its reservation, drop the draft and end the lease. Locks draft, then lead.

    Raise InvalidFields for what is missing, RuleError when nobody has called yet; nothing is written then.
    """
    draft = drafts.of(lead_id, by, lock=True)
    if draft is None or not draft.has_spoken:
        raise RuleError(
            "NOT_CALLED",
            _("Press Call first, so that the call is allowed and counted; or say that they called us."),
            field="disposition",
        )
    lead = Lead.objects.get(pk=lead_id)
    if gaps := calls.misfits(lead, report):
        raise InvalidFields(gaps)
    report = saying.with_consent_step(lead, report, consent_step)
    if draft.attempt is not None:
        gate.settle(draft.attempt.pk, AttemptState.SENT, now=at, outcome=report.disposition)
    call = calls.record_call(lead_id, report, at=at, by=by, attempt=draft.attempt)
    draft.delete()
    for held in {lead_id, draft.lead_id}:
        worklist.release(held, by.pk)
    return call


def is_recorded(lead_id: int, by: AbstractBaseUser, *, since: datetime) -> bool:
    """Whether this person has recorded a call on the lead after that moment, when they opened its page."""
    return Interaction.objects.filter(lead=lead_id, by=by, disposition__isnull=False, recorded_at__gte=since).exists()
