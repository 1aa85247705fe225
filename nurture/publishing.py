"""How does an edited sequence or wording come into force? Only if it is fit; leads it means are planned again."""

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
from medcrm.lib.versions import put_in_force, take_draft, take_previous
from nurture import windows
from nurture.models import Enrollment, Sequence, Wording
from nurture.vocabulary import NOTICES


@transaction.atomic
def publish_sequence(
    sequence_id: int, *, at: datetime, by: AbstractBaseUser | None = None, moves_leads: bool = False
) -> Sequence:
    """Put a draft in force in place of the version before. Leads finish the version they are on unless moved.

    Raise RuleError for what cannot be published.
    """
    sequence = _plan_again(take_draft(Sequence, sequence_id), by=by, at=at)
    if moves_leads:
        _move_leads(sequence, at=at)
    return sequence


@transaction.atomic
def go_back_sequence(sequence_id: int, *, at: datetime, by: AbstractBaseUser) -> Sequence:
    """Put the version before this one back in force, as it was. Leads finish the version they are on."""
    return _plan_again(take_previous(Sequence, sequence_id), by=by, at=at)


@transaction.atomic
def publish_wording(wording_id: int, *, at: datetime, by: AbstractBaseUser | None = None) -> Wording:
    """Put a draft's words in force. Raise RuleError with everything that is wrong with them."""
    return _say(take_draft(Wording, wording_id), by=by, at=at)


@transaction.atomic
def go_back_wording(wording_id: int, *, at: datetime, by: AbstractBaseUser) -> Wording:
    """Put the words that were in force before these back in force. Raise RuleError where they would not do today."""
    return _say(take_previous(Wording, wording_id), by=by, at=at)


def _plan_again(sequence: Sequence, *, by: AbstractBaseUser | None, at: datetime) -> Sequence:
    _refuse_unready(sequence)
    put_in_force(sequence, by=by, at=at)
    if sequence.code in NOTICES:
        return sequence  # for what happens from now on
    meant = Lead.objects.open().filter(criteria.condition(sequence.criteria, at=at)).order_by().values("pk")
    due.mark_due(Lead.objects.filter(pk__in=meant), at=at)
    return sequence


def _say(wording: Wording, *, by: AbstractBaseUser | None, at: datetime) -> Wording:
    if problems := wording.problems():
        raise RuleError("UNFIT_WORDING", " ".join(problems), field="body")
    put_in_force(wording, by=by, at=at)
    return wording


def _refuse_unready(sequence: Sequence) -> None:
    steps = list(sequence.steps.select_related("template"))
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
