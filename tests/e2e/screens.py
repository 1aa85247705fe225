"""Every screen that people work with: whose it is, and where. The checks of access and the pictures go through it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.urls import reverse

from consent.models import Address
from leads.models import Inquiry, Lead, ScoringModel
from nurture import links
from nurture.links import Recipient
from nurture.models import Sequence


@dataclass(frozen=True)
class Screen:
    name: str
    username: str
    path: Callable[[], str]


def listed(model: str, query: str = "") -> Callable[[], str]:
    return lambda: reverse(f"admin:{model}_changelist") + query


def first_of(model: type, **fields: object) -> Callable[[], str]:
    def path() -> str:
        row = model.objects.filter(**fields).order_by("pk").first()
        meta = model._meta
        if row is None:
            return reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])

    return path


def a_lead(**fields: object) -> Lead | None:
    return Lead.objects.filter(**fields).order_by("-score", "pk").first()


def workspace() -> str:
    theirs = a_lead(owner__username="scheduling1", stage="forwarded")
    lead = theirs or a_lead(team="scheduling", stage="forwarded") or a_lead(team="scheduling")
    return reverse("workspace:lead", args=[lead.pk])


def lead_page() -> str:
    return reverse("admin:leads_lead_change", args=[a_lead(team="scheduling").pk])


def preview() -> str:
    model = ScoringModel.objects.filter(lead_type="patient").order_by("-version").first()
    return reverse("admin:leads_scoringmodel_preview", args=[model.pk])


def public(make: Callable[[Recipient], str]) -> Callable[[], str]:
    def path() -> str:
        lead = Lead.objects.filter(email__isnull=False, lead_type="patient").select_related("source").first()
        url = make(Recipient(lead.email_id, lead.source.seller_id, lead.pk))
        return "/" + url.split("/", 3)[3]

    return path


SCREENS = [
    Screen("dashboard", "supervisor", lambda: reverse("admin:index")),
    Screen("home-caller", "scheduling1", lambda: reverse("admin:index")),
    Screen("home-compliance", "compliance", lambda: reverse("admin:index")),
    Screen("home-marketing", "marketing", lambda: reverse("admin:index")),
    Screen("my-work", "scheduling1", lambda: reverse("workspace:my_work")),
    Screen("my-work-empty", "supervisor", lambda: reverse("workspace:my_work")),
    Screen("workspace", "scheduling1", workspace),
    Screen("leads", "supervisor", listed("leads_lead")),
    Screen("lead", "supervisor", lead_page),
    Screen("handoffs", "supervisor", listed("routing_handoff")),
    Screen("inquiries", "supervisor", listed("leads_inquiry")),
    Screen("inquiry", "supervisor", first_of(Inquiry)),
    Screen("team-board", "supervisor", lambda: reverse("admin:routing_team_board")),
    Screen("team", "supervisor", listed("routing_team")),
    Screen("appointments", "supervisor", listed("leads_appointment")),
    Screen("funnel", "supervisor", lambda: reverse("reports:report", args=["funnel"])),
    Screen("simulator", "administrator", lambda: reverse("admin:routing_routeset_simulate")),
    Screen("import", "administrator", lambda: reverse("admin:leads_importrun_add")),
    Screen("addresses", "compliance", listed("consent_address")),
    Screen("address", "compliance", first_of(Address, kind="email")),
    Screen("attempts", "compliance", listed("consent_attempt")),
    Screen("calling-rules", "compliance", listed("consent_callingrule")),
    Screen("scoring", "marketing", first_of(ScoringModel, lead_type="patient")),
    Screen("scoring-preview", "marketing", preview),
    Screen("sequence", "marketing", first_of(Sequence)),
    Screen("sources", "marketing", listed("leads_source")),
    Screen("offerings", "administrator", listed("leads_offering")),
    Screen("people", "administrator", listed("auth_user")),
    Screen("second-factor", "supervisor", lambda: reverse("mfa_index")),
    Screen("form", "", lambda: reverse("nurture:form", args=["web_consult"])),
    Screen("sign-in", "", lambda: reverse("admin:login")),
    Screen("unsubscribe", "", public(links.unsubscribe_url)),
    Screen("preferences", "", public(links.preferences_url)),
]
