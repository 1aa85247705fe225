"""How do two leads become one, and two again? People say which are the same; everything else follows from that.

The state is a function of the links in force and of each lead's stage and visits: leads that hang together are one
person, one of them stays (`staying`), the others point to it, and each fact and paper it lacks comes from the oldest
that has it. So the order of merging changes nothing, merging twice is merging once, and taking a link back gives the
state without it. No row of history is moved: the page of the lead that stays shows the timeline of all of them.
Permission is by address and is not touched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from leads.lifecycle import OPEN, Stage
from leads.models import Appointment, Interaction, Lead, LeadLink, MergedFacts
from leads.services import documents, due, merged_papers
from leads.vocabulary import Direction, InteractionKind
from medcrm.lib.errors import RuleError
from medcrm.lib.writing import update_rows

# Facts a merge may bring along; those in one group come from one lead together, decided by the first of them.
GROUPS: tuple[tuple[str, ...], ...] = (
    ("phone_id",),
    ("email_id",),
    ("first_name",),
    ("last_name",),
    ("zip", "city", "state", "timezone", "latitude", "longitude"),
    ("service_id",),
    ("preferred_clinic_id",),
    ("request",),
    ("question",),
    ("timing_id", "timing_asked_at", "window_opens_on", "window_closes_on"),
    ("payer_id",),
    ("referring_provider",),
    ("age",),
    ("is_existing_patient",),
    ("preferred_channel",),
    ("preferred_time",),
    ("for_whom",),
    ("organisation",),
    ("organisation_type_id",),
    ("specialty_id",),
    ("care_setting_id",),
    ("npi",),
    ("sites",),
    ("contact_role",),
    ("clinic_size",),
    ("budget",),
    ("rollout",),
    ("approver",),
    ("agreement",),
)
FACTS = tuple(name for group in GROUPS for name in group)
OTHER_SERVICES = "other_services"  # of all of them together: whoever reads the lead that stays reads about each
BLANK = ("", None)


@transaction.atomic
def merge(one_id: int, other_id: int, *, by: AbstractBaseUser | None, at: datetime, reason: str = "") -> Lead:
    """Say that two leads are one person and return the one that stays. Locks both families of leads.

    Raise RuleError for a lead and itself, or leads of different types.
    """
    first, second = sorted((one_id, other_id))
    if first == second:
        raise RuleError("SAME_LEAD", _("A lead cannot be merged with itself. Choose another one."))
    leads = _lock_families([first, second])
    if leads[first].lead_type != leads[second].lead_type:
        raise RuleError(
            "DIFFERENT_TYPES",
            _("One is a patient, the other an organisation, or of two kinds. Correct the type first, then merge."),
        )
    if root_of(leads[first]) == root_of(leads[second]):
        return leads[root_of(leads[first])]
    LeadLink.objects.create(one_id=first, other_id=second, by=by, linked_at=at, reason=reason[:200])
    _settle(leads, at=at)
    _note(leads, [first, second], {"merged": [first, second]}, by, at)
    return leads[root_of(leads[first])]


@transaction.atomic
def unmerge(link_id: int, *, by: AbstractBaseUser | None, at: datetime) -> LeadLink:
    """Take a link back: both sides are again what they were without it. Locks the family."""
    link = LeadLink.objects.get(pk=link_id)
    leads = _lock_families([link.one_id, link.other_id])
    link = LeadLink.objects.select_for_update().get(pk=link_id)
    if link.unlinked_at is not None:
        raise RuleError("NOT_MERGED", _("This merge was taken back already."))
    link.unlinked_at, link.unlinked_by = at, by
    link.save(update_fields=["unlinked_at", "unlinked_by"])
    _settle(leads, at=at)
    _note(leads, [link.one_id, link.other_id], {"taken apart": [link.one_id, link.other_id]}, by, at)
    return link


def root_of(lead: Lead) -> int:
    """The lead that stays for this one."""
    return lead.merged_into_id or lead.pk


def staying(leads: Iterable[Lead]) -> Lead:
    """Which of the leads of one person stays: the oldest that is being worked on, then the oldest that was won.

    An old lead that was stopped does not swallow what the person asks for now, and of those worked on the one with a
    booked visit stays: it is reminded, moved and attended there. One query.
    """
    several = list(leads)
    booked = set(Appointment.objects.live().filter(lead__in=several).values_list("lead", flat=True))
    return min(
        several,
        key=lambda lead: (lead.stage not in OPEN, lead.pk not in booked, lead.stage != Stage.CONVERTED, lead.pk),
    )


def family(lead: Lead) -> list[int]:
    """The lead and all that were merged into it. One query."""
    return [lead.pk, *Lead.objects.filter(merged_into=lead.pk).order_by("pk").values_list("pk", flat=True)]


def _lock_families(ids: Sequence[int]) -> dict[int, Lead]:
    """Everyone who hangs together with these leads, locked in key order."""
    roots = {root or pk for pk, root in Lead.objects.filter(pk__in=ids).values_list("pk", "merged_into")}
    rows = Lead.objects.filter(Q(pk__in=roots) | Q(merged_into__in=roots)).lock()
    found = {lead.pk: lead for lead in rows}
    if not set(ids) <= set(found):  # merged by somebody else between the two reads
        raise RuleError("MOVED_ON", _("Somebody has merged one of these leads meanwhile. Look again."))
    return found


def _settle(leads: Mapping[int, Lead], *, at: datetime) -> None:
    """Make pointers and facts of these locked leads what the links in force say."""
    links = LeadLink.objects.filter(one__in=leads, other__in=leads, unlinked_at=None)
    groups = components(leads, links.values_list("one", "other"))
    filled = dict(MergedFacts.objects.filter(lead__in=leads).values_list("lead", "filled"))
    told = _told_of(filled)
    for lead in leads.values():
        _empty(lead, filled.get(lead.pk, {}), told.get(lead.pk, ()))
        merged_papers.take_back(lead.pk, filled.get(lead.pk, {}))
    MergedFacts.objects.filter(lead__in=leads).delete()
    kept, here = [], []
    for members in groups:
        root = staying([leads[pk] for pk in members])
        others = [leads[pk] for pk in members if pk != root.pk]
        root.merged_into_id = None
        for other in others:
            other.merged_into_id = root.pk
        papers, came = merged_papers.bring(root, others)
        here += [(root, paper) for paper in came]
        brought = _fill(root, others) | papers
        if brought:
            kept.append(MergedFacts(lead=root, filled=brought))
    names = [*(_field(name).name for name in FACTS), OTHER_SERVICES, "merged_into"]
    update_rows(leads.values(), names, batch_size=200)
    MergedFacts.objects.bulk_create(kept)
    for root, paper in here:
        documents.arrived(root, paper, at=at)
    due.mark_due(Lead.objects.filter(pk__in=leads), at=at)


def components(ids: Iterable[int], pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """The groups that hang together by these pairs, each in key order."""
    group = {pk: {pk} for pk in ids}
    for one, other in pairs:
        if group[one] is not group[other]:
            joined = group[one] | group[other]
            for pk in joined:
                group[pk] = joined
    return sorted({tuple(sorted(members)) for members in group.values()})  # type: ignore[arg-type]


def _field(name: str) -> models.Field:
    return next(field for field in Lead._meta.concrete_fields if field.attname == name)


def _fill(root: Lead, others: Sequence[Lead]) -> dict[str, object]:
    """Give the root each fact it lacks, from the oldest that knows it; return what was brought, as JSON."""
    brought: dict[str, object] = {}
    own = {root.service_id, *root.other_services}
    added = {service for other in others for service in (other.service_id, *other.other_services)} - own - {None}
    if added:
        brought[OTHER_SERVICES] = sorted(added)
        root.other_services = [*root.other_services, *sorted(added)]
    for group in GROUPS:
        if getattr(root, group[0]) not in BLANK:
            continue
        giver = next((other for other in others if getattr(other, group[0]) not in BLANK), None)
        for name in group if giver else ():
            setattr(root, name, getattr(giver, name))
            brought[name] = _field(name).value_to_string(root)
    return brought


def _told_of(filled: Mapping[int, Mapping[str, object]]) -> dict[int, set[str]]:
    """Lead → the services that its own inquiries named, for those that a merge brought others to."""
    roots = [pk for pk, facts in filled.items() if OTHER_SERVICES in facts]
    told: dict[int, set[str]] = defaultdict(set)
    if roots:
        entries = Interaction.objects.filter(lead__in=roots, inquiry__isnull=False, service__isnull=False).order_by()
        for pk, service in entries.values_list("lead", "service").distinct():
            told[pk].add(service)
    return told


def _empty(lead: Lead, filled: Mapping[str, object], told: Collection[str]) -> None:
    """Take back what a merge had brought, group by group, unless it was corrected since.

    A service that the lead's own inquiries named was asked for by this lead too, so it stays among the others.
    """
    gone = set(filled.get(OTHER_SERVICES, ())) - set(told)  # type: ignore[call-overload]
    lead.other_services = [service for service in lead.other_services if service not in gone]
    for group in GROUPS:
        head = group[0]
        if head in filled and _field(head).value_to_string(lead) == filled[head]:
            for name in group:
                setattr(lead, name, None if _field(name).null else "")


def _note(
    leads: Mapping[int, Lead], ids: Sequence[int], facts: dict[str, object], by: AbstractBaseUser | None, at: datetime
) -> None:
    Interaction.objects.bulk_create(
        Interaction(
            lead=leads[pk], kind=InteractionKind.SYSTEM, direction=Direction.INTERNAL, at=at, by=by, facts=facts
        )
        for pk in ids
    )
