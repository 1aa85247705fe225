"""How does an edited sequence or wording come into force? Drafts are edited, a published one is frozen and replaced."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from leads import criteria
from leads.models import Lead
from leads.services import due
from leads.timing import zone_of
from medcrm.lib.errors import RuleError
from medcrm.lib.models import VersionStatus
from nurture import windows
from nurture.models import Enrollment, Sequence, Step, Wording


@transaction.atomic
def draft_sequence(sequence_id: int, *, note: str = "") -> Sequence:
    """Copy a sequence with its steps into a new draft version, or return the draft that is there."""
    old = Sequence.objects.select_for_update(of=("self",)).get(pk=sequence_id)
    if draft := old.all_versions().filter(status=VersionStatus.DRAFT).first():
        return draft
    steps = list(old.steps.all())
    new = Sequence.objects.get(pk=old.pk)
    new.pk, new._state.adding = None, True
    new.version = old.next_number()
    new.status, new.published_at, new.published_by, new.note = VersionStatus.DRAFT, None, None, note
    new.save()
    for step in steps:
        step.pk, step._state.adding, step.sequence = None, True, new
    Step.objects.bulk_create(steps)
    return new


@transaction.atomic
def publish_sequence(
    sequence_id: int, *, at: datetime, by: AbstractBaseUser | None = None, moves_leads: bool = False
) -> Sequence:
    """Put a draft in force in place of the version before. Leads finish the version they are on unless moved.

    Raise RuleError for what cannot be published.
    """
    sequence = Sequence.objects.select_for_update(of=("self",)).get(pk=sequence_id)
    _refuse_unready(sequence)
    Sequence.objects.filter(code=sequence.code, status=VersionStatus.PUBLISHED).update(status=VersionStatus.RETIRED)
    sequence.status, sequence.published_at, sequence.published_by = VersionStatus.PUBLISHED, at, by
    sequence.save(update_fields=["status", "published_at", "published_by"])
    meant = Lead.objects.open().filter(criteria.condition(sequence.criteria, at=at)).order_by().values("pk")
    due.mark_due(Lead.objects.filter(pk__in=meant), at=at)
    if moves_leads:
        _move_leads(sequence, at=at)
    return sequence


@transaction.atomic
def draft_wording(wording_id: int, *, note: str = "") -> Wording:
    """Copy a wording into a new draft version, or return the draft that is there."""
    old = Wording.objects.get(pk=wording_id)
    versions = Wording.objects.select_for_update(of=("self",)).filter(template=old.template_id, language=old.language)
    if draft := next((row for row in versions if row.status == VersionStatus.DRAFT), None):
        return draft
    return Wording.objects.create(
        template_id=old.template_id,
        language=old.language,
        version=max(row.version for row in versions) + 1,
        subject=old.subject,
        body=old.body,
        note=note,
    )


@transaction.atomic
def publish_wording(wording_id: int, *, at: datetime, by: AbstractBaseUser | None = None) -> Wording:
    """Put a draft's words in force. Raise RuleError with everything that is wrong with them."""
    wording = Wording.objects.select_for_update(of=("self",)).select_related("template").get(pk=wording_id)
    if wording.status != VersionStatus.DRAFT:
        raise RuleError("NOT_A_DRAFT", _("Only a draft can be published; make a new version."))
    if problems := wording.problems():
        raise RuleError("UNFIT_WORDING", " ".join(problems), field="body")
    rivals = Wording.objects.filter(template=wording.template_id, language=wording.language)
    rivals.filter(status=VersionStatus.PUBLISHED).update(status=VersionStatus.RETIRED)
    wording.status, wording.published_at, wording.published_by = VersionStatus.PUBLISHED, at, by
    wording.save(update_fields=["status", "published_at", "published_by"])
    return wording


def _refuse_unready(sequence: Sequence) -> None:
    if sequence.status != VersionStatus.DRAFT:
        raise RuleError("NOT_A_DRAFT", _("Only a draft can be published; make a new version."))
    steps = list(sequence.steps.select_related("template"))
    if not steps:
        raise RuleError("NO_STEPS", _("A sequence needs at least one step."))
    try:
        for rules in (sequence.criteria, sequence.stay_criteria or [], *(step.conditions for step in steps)):
            criteria.validate(rules)
    except ValidationError as error:
        raise RuleError("UNFIT_CRITERIA", " ".join(error.messages)) from error
    spoken = set(Wording.objects.filter(status=VersionStatus.PUBLISHED).values_list("template", flat=True))
    if silent := sorted({step.template.name for step in steps if step.template_id not in spoken}):
        raise RuleError(
            "NO_WORDING", _("These templates have no published wording: %(names)s.") % {"names": ", ".join(silent)}
        )


def _move_leads(sequence: Sequence, *, at: datetime) -> None:
    """Put leads on older versions onto this one, at the first step later than what they already passed."""
    steps = list(sequence.steps.all())
    older = Enrollment.objects.active().filter(sequence__code=sequence.code).exclude(sequence=sequence)
    for row in older.select_related("lead__source__seller", "step").lock():
        following = next((step for step in steps if step.delay >= row.step.delay), None)
        if following is None:
            continue  # it is past the new version's last step: it finishes the one it is on
        row.sequence, row.step, row.claimed_at = sequence, following, None
        zone = zone_of(row.lead)
        row.next_due_at = windows.due_at(following, entered_at=row.started_at, not_before=at, zone=zone)
        row.save(update_fields=["sequence", "step", "next_due_at", "claimed_at"])
