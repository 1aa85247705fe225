"""Everything one lead's page shows, read in a constant number of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf.locale import LANG_INFO
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext as _

from leads.admin import panels, road
from leads.models import (
    Appointment,
    Authorization,
    DocumentStatus,
    Inquiry,
    Interaction,
    Lead,
    MissingItem,
    Qualification,
    ScoreChange,
    ScoringCategory,
    ScoringRule,
    ServiceLine,
    Stakeholder,
)
from leads.names import Names, names_in
from leads.services import merging

TIMELINE_SHOWN = 30
MOVES_SHOWN = 5


@dataclass(frozen=True)
class ScorePart:
    """One category: its points after the cap, and the rules that gave them."""

    name: str
    points: int
    cap: int | None
    rules: Sequence[ScoringRule]
    follow_up: str


@dataclass(frozen=True)
class LeadPage:
    lead: Lead
    at: datetime
    local_time: datetime | None
    contacts: Sequence[road.Contact]
    steps: Sequence[road.Step]
    score_parts: Sequence[ScorePart]
    score_changes: Sequence[ScoreChange]
    facts: Sequence[tuple[str, object]]
    missing: Sequence[MissingItem]
    documents: Sequence[DocumentStatus]
    authorizations: Sequence[Authorization]
    appointments: Sequence[Appointment]
    stakeholders: Sequence[Stakeholder]
    cycles: Sequence[Qualification]
    timeline: Sequence[Interaction]
    names: Names
    has_more: bool
    top: Sequence[tuple[panels.Panel, SafeString]]
    main: Sequence[tuple[panels.Panel, SafeString]]
    side: Sequence[tuple[panels.Panel, SafeString]]


def read(lead: Lead, request: HttpRequest, *, at: datetime) -> LeadPage:
    cycles = list(lead.qualifications.select_related("rule", "decided_by", "hold_reason", "stop_reason"))
    current = next((cycle for cycle in cycles if cycle.closed_at is None), None)
    missing = list(lead.missing_items.filter(settled_at=None).select_related("kind"))
    triggers = list(lead.triggers.filter(fired_at=None, disarmed_at=None).select_related("kind"))
    first = Inquiry.objects.filter(lead=lead).select_related("source").order_by("pk").first()
    entries = Interaction.objects.filter(lead__in=merging.family(lead)).select_related(
        "by", "disposition", "service", "addendum_to"
    )
    timeline = list(entries[: TIMELINE_SHOWN + 1])
    contacts = road.contacts_of([lead], at=at)[lead.pk]
    found = panels.panels_of(lead, request)

    def placed(place: str) -> list[tuple[panels.Panel, SafeString]]:
        return [(panel, html) for panel, html in found if panel.place == place]

    steps = road.steps_of(
        lead,
        cycle=current or (cycles[0] if cycles else None),
        first=first,
        contacts=contacts,
        missing=missing,
        triggers=triggers,
        outreach=[html for _panel, html in placed(panels.ROAD)],
    )
    return LeadPage(
        lead=lead,
        at=at,
        local_time=road.local_time(lead, at=at),
        contacts=contacts,
        steps=steps,
        score_parts=score_parts(lead),
        score_changes=list(lead.score_changes.select_related("model")[:MOVES_SHOWN]),
        facts=facts_of(lead, first),
        missing=missing,
        documents=list(lead.documents.select_related("document").order_by("document__name")),
        authorizations=list(lead.authorizations.select_related("service", "payer")),
        appointments=list(lead.appointments.select_related("service", "clinic")[:5]),
        stakeholders=list(lead.stakeholders.order_by("pk")),
        cycles=cycles,
        timeline=timeline[:TIMELINE_SHOWN],
        names=names_in(entry.facts for entry in timeline),
        has_more=len(timeline) > TIMELINE_SHOWN,
        top=placed(panels.TOP),
        main=placed(panels.MAIN),
        side=placed(panels.SIDE),
    )


def score_parts(lead: Lead) -> list[ScorePart]:
    """The score taken apart, in the version that made it: categories with their rules, most points first."""
    if lead.score_model_id is None:
        return []
    categories = ScoringCategory.objects.filter(model=lead.score_model_id)
    rules = list(ScoringRule.objects.filter(pk__in=lead.score_hits).order_by("-points", "position"))
    parts = [
        ScorePart(
            category.name,
            int(lead.score_parts.get(category.code, 0)),
            category.cap,
            [rule for rule in rules if rule.category_id == category.pk],
            category.follow_up,
        )
        for category in categories
    ]
    return sorted((part for part in parts if part.points or part.rules), key=lambda part: -part.points)


def facts_of(lead: Lead, first: Inquiry | None) -> list[tuple[str, object]]:
    """What is known, in the words of the field; blank facts are left out, so that the page stays short."""
    place = ", ".join(part for part in (lead.city, f"{lead.state} {lead.zip}".strip()) if part)
    who = {True: _("existing patient"), False: _("new patient"), None: ""}[lead.is_existing_patient]
    rows: list[tuple[str, object]] = [
        (_("Asks for"), lead.get_request_display()),
        (_("Service"), lead.service),
        (_("Its story speaks of"), _other_services(lead)),
        (_("Preferred clinic"), lead.preferred_clinic),
        (_("When"), lead.timing),
        (_("Pays with"), lead.payer),
        (_("For whom"), lead.get_for_whom_display()),
        (_("Age"), lead.age),
        (_("Patient"), who),
        (_("Place"), place),
        (_("Language"), _language(lead.language)),
        (_("Prefers"), " · ".join(part for part in (lead.preferred_channel, lead.preferred_time) if part)),
        (_("Urgency"), lead.get_urgency_display()),
        (_("Came by"), _came_by(lead)),
        (_("Campaign"), first.campaign if first else ""),
        (_("Form"), first.page_url if first else ""),
        (_("Usual next step of this source"), lead.source.expectation),
    ]
    if lead.is_organisation:
        rows += [
            (_("Organisation"), lead.organisation),
            (_("Type of organisation"), lead.organisation_type),
            (_("Specialty"), lead.specialty),
            (_("Care setting"), lead.care_setting),
            (_("NPI"), lead.npi),
            (_("Sites"), lead.sites),
            (_("Contact's role"), lead.get_contact_role_display()),
            (_("People at the site"), lead.clinic_size),
            (_("Budget"), lead.get_budget_display()),
            (_("Rollout"), lead.rollout),
            (_("Approves vendors"), lead.approver),
            (_("Agreement"), lead.get_agreement_display()),
        ]
    return [(label, value) for label, value in rows if value not in ("", None)]


def _other_services(lead: Lead) -> str:
    """What it asked for before, or a lead merged into it asks for; why only the trained may see it [R26]."""
    codes = lead.other_services
    return ", ".join(ServiceLine.objects.filter(pk__in=codes).values_list("name", flat=True)) if codes else ""


def _came_by(lead: Lead) -> str:
    """The source, and what it says of how much is meant before anything else is known [R8]."""
    told = {"source": lead.source.name, "intent": str(lead.source.get_intent_display()).lower()}
    return _("%(source)s (%(intent)s intent)") % told


def _language(code: str) -> str:
    known = LANG_INFO.get(code, {})
    return gettext(known["name"]) if "name" in known else code
