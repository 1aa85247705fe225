"""What does one batch of claimed enrolments need to know? Gathered once for all of them, in a few queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import QuerySet

from consent.models import Permission
from consent.models.ledger import PermissionState
from leads import criteria
from leads.models import Lead
from medcrm.lib.models import VersionStatus
from nurture import calls
from nurture.models import Enrollment, FrequencyCap, Wording
from nurture.vocabulary import Medium

DEFAULT_LANGUAGE = "en"
WRITTEN = (Medium.EMAIL, Medium.SMS)


@dataclass(frozen=True)
class Batch:
    """Claimed enrolments with what their steps rest on."""

    enrollments: Sequence[Enrollment]
    unmet: frozenset[int]  # enrolments whose step's conditions do not hold
    quiet: frozenset[int]  # enrolments whose lead was quiet for longer than the sequence bears
    wordings: Mapping[tuple[str, str], Wording]  # template, language
    caps: Sequence[FrequencyCap]
    refused_calls: Mapping[int, str] = field(default_factory=dict)  # lead → the ledger's reason
    prefer_other: frozenset[int] = frozenset()  # enrolments whose lead chose another way that is open in the sequence

    def wording(self, enrollment: Enrollment) -> Wording | None:
        """The published words in the lead's language, or in English."""
        template = enrollment.step.template_id
        spoken = self.wordings.get((template, enrollment.lead.language))
        return spoken or self.wordings.get((template, DEFAULT_LANGUAGE))


# What a step reads of its enrolment and its lead, of whose seventy columns it needs few; anything else costs a query.
READ = [f.name for f in Enrollment._meta.concrete_fields] + [
    f"lead__{name}"
    for name in (
        "source", "lead_type", "stage", "merged_into", "first_name", "organisation", "language", "timezone", "zip",
        "state", "service", "preferred_clinic", "preferred_channel", "phone__value", "email__value", "hold_reason",
        "public_id", "next_action_due_at",
    )
]  # fmt: skip


def load(ids: Sequence[int], *, at: datetime) -> Batch:
    """The claimed enrolments, the longest due first, with what their steps rest on."""
    rows = with_lead(Enrollment.objects.filter(pk__in=ids)).only(*READ)
    return gather(sorted(rows, key=lambda row: (row.next_due_at, row.pk)), at=at)


def with_lead(rows: QuerySet[Enrollment]) -> QuerySet[Enrollment]:
    """Enrolments with everything a step reads of its lead; what many of them share is one object, read once."""
    return rows.select_related("lead__phone", "lead__email").prefetch_related(
        "sequence__steps__template", "step__template", "lead__source__seller", "lead__service", "lead__preferred_clinic"
    )


def gather(enrollments: Sequence[Enrollment], *, at: datetime) -> Batch:
    """What these enrolments' present steps rest on at an instant; a plan asks it of instants to come."""
    templates = {row.step.template_id for row in enrollments}
    words = Wording.objects.filter(template__in=templates, status=VersionStatus.PUBLISHED)
    return Batch(
        enrollments,
        _unmet(enrollments, at),
        _quiet(enrollments, at),
        {(row.template_id, row.language): row for row in words},
        list(FrequencyCap.objects.all()),
        _refused_calls(enrollments),
        _prefer_other(enrollments),
    )


def _unmet(enrollments: Sequence[Enrollment], at: datetime) -> frozenset[int]:
    """One query for each distinct step that has conditions."""
    by_step: dict[int, list[Enrollment]] = defaultdict(list)
    for row in enrollments:
        if row.step.conditions:
            by_step[row.step_id].append(row)
    unmet: set[int] = set()
    for rows in by_step.values():
        met = _meeting(rows, rows[0].step.conditions, at)
        unmet |= {row.pk for row in rows if row.lead_id not in met}
    return frozenset(unmet)


def _quiet(enrollments: Sequence[Enrollment], at: datetime) -> frozenset[int]:
    """One query for each distinct length of silence that ends a sequence."""
    by_days: dict[int, list[Enrollment]] = defaultdict(list)
    for row in enrollments:
        if row.sequence.quiet_days is not None:
            by_days[row.sequence.quiet_days].append(row)
    quiet: set[int] = set()
    for days, rows in by_days.items():
        met = _meeting(rows, [[{"fact": "quiet_days", "op": "gte", "value": days}]], at)
        quiet |= {row.pk for row in rows if row.lead_id in met}
    return frozenset(quiet)


def _refused_calls(enrollments: Sequence[Enrollment]) -> Mapping[int, str]:
    """Whom nobody may call, among those whose step asks staff to."""
    leads = [row.lead_id for row in enrollments if row.step.template.medium == Medium.CALL]
    return calls.refused(leads) if leads else {}


def _prefer_other(enrollments: Sequence[Enrollment]) -> frozenset[int]:
    """Enrolments whose step goes another way than the one the lead chose, which the sequence uses and which is open.

    Who likes to be called may be written to all the same: a call that nobody answers says nothing.
    """
    asked = [row for row in enrollments if _has_other_way(row)]
    if not asked:
        return frozenset()
    held = {pk for row in asked for pk in (row.lead.phone_id, row.lead.email_id) if pk}
    states = {
        (address, channel): state
        for address, channel, state in Permission.objects.filter(address__in=held).values_list(
            "address", "channel", "state"
        )
    }
    return frozenset(row.pk for row in asked if _is_open(row, states))


def _has_other_way(row: Enrollment) -> bool:
    wish = row.lead.preferred_channel
    if wish not in WRITTEN or row.step.template.medium == wish:
        return False
    return any(step.template.medium == wish for step in row.sequence.steps.all())


def _is_open(row: Enrollment, states: Mapping[tuple[int | None, str], str]) -> bool:
    """Mail is open until it is withdrawn; a text needs permission."""
    if row.lead.preferred_channel == Medium.SMS:
        return states.get((row.lead.phone_id, "sms")) == PermissionState.GRANTED
    return row.lead.email_id is not None and states.get((row.lead.email_id, "email")) != PermissionState.BLOCKED


def _meeting(rows: Sequence[Enrollment], conditions: criteria.Criteria, at: datetime) -> set[int]:
    leads = Lead.objects.filter(pk__in=[row.lead_id for row in rows])
    return {lead for lead, [holds] in criteria.holding(leads, [conditions], at=at).items() if holds}
