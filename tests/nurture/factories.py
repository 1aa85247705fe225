"""Leads that walk the road as far as nurture is concerned, and sequences in few words."""

from __future__ import annotations

from collections.abc import Sequence as Many
from datetime import datetime, timedelta

from django.db import transaction

from consent import ledger
from leads import contact, qualification, scoring
from leads.models import Interaction, Lead
from leads.services import due
from medcrm.lib.models import VersionStatus
from nurture import enrollment
from nurture.enrollment import PlanReport
from nurture.models import Enrollment, Sequence, Step


@transaction.atomic
def walk(ids: Many[int], *, at: datetime) -> PlanReport:
    """Score, assess, choose and plan; the lead is not due afterwards."""
    scoring.score_leads(ids, at=at)
    qualification.assess_leads(ids, at=at)
    qualification.choose_next_steps(ids, at=at)
    report = enrollment.plan(ids, at=at)
    Lead.objects.filter(pk__in=ids).update(advance_due_at=None)
    return report


def make_sequence(code: str, *templates: str, position: int = 0, **fields: object) -> Sequence:
    """A published sequence with one step a day on these templates."""
    sequence = Sequence.objects.create(code=code, name=code, position=position, **fields)
    for day, template in enumerate(templates):
        Step.objects.create(sequence=sequence, position=day + 1, delay=timedelta(days=day), template_id=template)
    sequence.status = VersionStatus.PUBLISHED
    sequence.save()
    return sequence


def stop(lead: Lead, channel: str, *, at: datetime) -> None:
    """The person texts STOP, or unsubscribes from mail."""
    if channel == "sms":
        ledger.record(lead.phone_id, "inbound", occurred_at=at, at=at, text="STOP", facts={"channel": "sms"})
    else:
        ledger.record(lead.email_id, "email_unsub", occurred_at=at, at=at)
    Lead.objects.update(advance_due_at=None)


def speak(lead: Lead, *, at: datetime) -> None:
    """Somebody of ours reaches the person, who still needs to think; nobody is reached where no call is permitted."""
    attempt = contact.reserve_call(Lead.objects.select_related("source").get(pk=lead.pk), at=at)
    if attempt is None:
        return
    Interaction.objects.create(
        lead=lead, kind="call", direction="outbound", at=at, disposition_id="needs_to_think", attempt=attempt
    )
    due.mark_due(Lead.objects.filter(pk=lead.pk), at=at)


def put_on_step(row: Enrollment, position: int, *, due_at: datetime) -> None:
    step = row.sequence.steps.get(position=position)
    Enrollment.objects.filter(pk=row.pk).update(step=step, next_due_at=due_at, started_at=due_at - step.delay)
