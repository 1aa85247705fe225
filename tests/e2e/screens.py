"""Every screen that people work with: whose it is, and where. The checks of access and the pictures go through it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from django.urls import reverse

from audit.models import Access
from consent.models import Address, Attempt, CallingRule, Checkpoint, ConsentEvent, Disclosure, Verification
from gateway.models import Client
from leads import previews
from leads.lifecycle import OPEN
from leads.models import (
    Appointment,
    BackTest,
    Checklist,
    Disposition,
    DocumentStatus,
    DuplicateCandidate,
    Export,
    ImportRun,
    Inquiry,
    Lead,
    LeadLink,
    NextStepSet,
    Offering,
    Proposal,
    Publication,
    Qualification,
    ScoringModel,
    ScoringRule,
    Source,
)
from medcrm.reports.pages import PAGES
from nurture import links
from nurture.links import Recipient
from nurture.models import Enrollment, Message, Sequence, Template, VisitReminder, Wording
from privacy.models import Erasure, Hold
from routing.models import Agent, Assignment, Goal, Handoff, RouteSet, Script, Team

LEADS = "leads_lead"


@dataclass(frozen=True)
class Screen:
    name: str
    username: str
    path: Callable[[], str]


def named(name: str, *args: object, query: str = "") -> Callable[[], str]:
    return lambda: reverse(name, args=args) + query


def listed(model: str, query: str = "") -> Callable[[], str]:
    return named(f"admin:{model}_changelist", query=query)


def added(model: str) -> Callable[[], str]:
    return named(f"admin:{model}_add")


def first_of(model: type, page: str = "change", *, query: str = "", **fields: object) -> Callable[[], str]:
    """A page of the first such row; the list of them where there is none."""

    def path() -> str:
        row = model.objects.filter(**fields).order_by("pk").first()
        meta = model._meta
        if row is None:
            return reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}", args=[row.pk]) + query

    return path


def a_lead(**fields: object) -> Lead | None:
    return Lead.objects.filter(merged_into=None, **fields).order_by("-score", "pk").first()


def workspace() -> str:
    theirs = a_lead(owner__username="scheduling1", stage="forwarded")
    lead = theirs or a_lead(team="scheduling", stage="forwarded") or a_lead(team="scheduling")
    return reverse("workspace:lead", args=[lead.pk])


def lead_page(page: str = "change") -> str:
    return reverse(f"admin:{LEADS}_{page}", args=[a_lead(team="scheduling").pk])


def of_the_lead(page: str) -> Callable[[], str]:
    return lambda: lead_page(page)


def search() -> str:
    return listed(LEADS, f"?q={a_lead(team='scheduling').last_name}")()


def preview(model: type, page: str, *, is_found: bool, **fields: object) -> Callable[[], str]:
    """The page that asks what the latest such version would do, or the one that has the answer."""

    def path() -> str:
        version = model.objects.filter(**fields).order_by("-version").first()
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"
        found = previews.of(version).filter(found_at__isnull=False)
        asked = f"?look={found.latest('pk').pk}" if is_found else ""
        return reverse(name, args=[version.pk]) + asked

    return path


scoring = partial(preview, ScoringModel, "preview", lead_type="patient", status="draft")
calendar = partial(preview, Sequence, "simulate", code="first_visit", status="published")


def wording_shown() -> str:
    page = first_of(Wording, "preview", template__medium="email", language="en")()
    return f"{page}?lead={a_lead(lead_type='patient').public_id}"


def tried() -> str:
    test = BackTest.objects.order_by("-pk").first()
    return reverse("reports:what_if_result", args=[test.pk]) if test else reverse("reports:what_if")


def public(make: Callable[[Recipient], str]) -> Callable[[], str]:
    def path() -> str:
        lead = a_lead(email__isnull=False, lead_type="patient", stage__in=OPEN)
        url = make(Recipient(lead.email_id, lead.source.seller_id, lead.pk))
        return "/" + url.split("/", 3)[3]

    return path


HOMES = [
    Screen("dashboard", "supervisor", named("admin:index")),
    Screen("home-caller", "scheduling1", named("admin:index")),
    Screen("home-compliance", "compliance", named("admin:index")),
    Screen("home-marketing", "marketing", named("admin:index")),
]

WORK = [
    Screen("my-work", "scheduling1", named("workspace:my_work")),
    Screen("my-work-empty", "supervisor", named("workspace:my_work")),
    Screen("new-lead", "scheduling1", named("workspace:new_lead")),
    Screen("workspace", "scheduling1", workspace),
    Screen("leads", "supervisor", listed(LEADS)),
    Screen("leads-found", "supervisor", search),
    Screen("leads-none", "supervisor", listed(LEADS, "?q=Nobodyatall")),
    Screen("lead", "supervisor", lead_page),
    Screen("lead-history", "supervisor", of_the_lead("history")),
    Screen("lead-correct", "supervisor", of_the_lead("correct_facts")),
    Screen("lead-type", "supervisor", of_the_lead("correct_type")),
    Screen("lead-authorization", "supervisor", of_the_lead("record_authorization")),
    Screen("lead-decide", "scheduling1", of_the_lead("decide")),
    Screen("lead-wishes", "scheduling1", of_the_lead("record_wishes")),
    Screen("lead-reassign", "supervisor", of_the_lead("reassign")),
    Screen("lead-activity", "supervisor", of_the_lead("record_activity")),
    Screen("lead-book", "scheduling1", of_the_lead("book_visit")),
    Screen("handoffs", "supervisor", listed("routing_handoff")),
    Screen("handoff", "scheduling1", first_of(Handoff, state="offered", to_team="scheduling")),
    Screen("handoff-return", "scheduling1", first_of(Handoff, "give_back", state="offered", to_team="scheduling")),
    Screen("calls-to-make", "supervisor", listed("nurture_calltask")),
    Screen("notices", "scheduling1", listed("routing_notice")),
    Screen("appointments", "supervisor", listed("leads_appointment")),
    Screen("appointment", "supervisor", first_of(Appointment, status="booked")),
    Screen("documents", "documents1", listed("leads_documentstatus")),
    Screen("document", "documents1", first_of(DocumentStatus, lead__team="documents")),
    Screen("authorizations", "documents1", listed("leads_authorization")),
    Screen("missing-items", "documents1", listed("leads_missingitem")),
]

OVERSIGHT = [
    Screen("team-board", "supervisor", named("admin:routing_team_board")),
    Screen("agent", "supervisor", first_of(Agent, user__username="scheduling1")),
    Screen("absence", "supervisor", first_of(Agent, "hand_over", user__username="scheduling1")),
    Screen("inquiries", "supervisor", listed("leads_inquiry")),
    Screen("inquiry", "supervisor", first_of(Inquiry)),
    Screen("inquiry-repair", "supervisor", first_of(Inquiry, "repair", status="refused")),
    Screen("imports", "administrator", listed("leads_importrun")),
    Screen("import", "administrator", added("leads_importrun")),
    Screen("import-mappings", "administrator", listed("leads_importmapping")),
    Screen("import-columns", "administrator", first_of(ImportRun, phase="uploaded")),
    Screen("import-checked", "administrator", first_of(ImportRun, phase="checked")),
    Screen("import-done", "administrator", first_of(ImportRun, phase="imported")),
    Screen("exports", "compliance", listed("leads_export")),
    Screen("export", "compliance", added("leads_export")),
    Screen("export-done", "compliance", first_of(Export)),
    Screen("look-alikes", "supervisor", listed("leads_duplicatecandidate")),
    Screen("look-alike", "supervisor", first_of(DuplicateCandidate, verdict="open")),
    Screen("merge", "supervisor", first_of(DuplicateCandidate, "merge", verdict="open")),
    Screen("merges", "supervisor", listed("leads_leadlink")),
    Screen("merged", "supervisor", first_of(LeadLink)),
    Screen("decisions", "supervisor", listed("leads_qualification", "?override=open")),
    Screen("decision", "supervisor", first_of(Qualification)),
    Screen("incidents", "supervisor", listed("leads_incident")),
    Screen("assignments", "supervisor", listed("routing_assignment")),
    Screen("assignment", "supervisor", first_of(Assignment)),
    Screen("clocks", "supervisor", listed("routing_clock")),
    Screen("in-sequences", "supervisor", listed("nurture_enrollment")),
    Screen("in-sequence", "supervisor", first_of(Enrollment)),
    Screen("messages", "supervisor", listed("nurture_message")),
    Screen("message", "supervisor", first_of(Message)),
]

PROOF = [
    Screen("addresses", "compliance", listed("consent_address")),
    Screen("address", "compliance", first_of(Address, kind="email")),
    Screen("permissions", "compliance", listed("consent_permission")),
    Screen("address-as-of", "compliance", first_of(Address, kind="phone", query="?at=2026-11-25T12:00:00")),
    Screen("withdrawal", "compliance", first_of(Address, "withdraw", kind="phone")),
    Screen("access-log", "compliance", listed("audit_access")),
    Screen("access", "compliance", first_of(Access)),
    Screen("consent-events", "compliance", listed("consent_consentevent")),
    Screen("consent-event", "compliance", first_of(ConsentEvent, kind="grant")),
    Screen("review-queue", "compliance", listed("consent_consentevent", "?review=waiting")),
    Screen("review", "compliance", first_of(ConsentEvent, "review", kind="inbound", verdict="review")),
    Screen("attempts", "compliance", listed("consent_attempt")),
    Screen("attempt", "compliance", first_of(Attempt)),
    Screen("disclosures", "compliance", listed("consent_disclosure")),
    Screen("disclosure", "compliance", first_of(Disclosure)),
    Screen("calling-rules", "compliance", listed("consent_callingrule")),
    Screen("calling-rule", "compliance", first_of(CallingRule)),
    Screen("emergencies", "compliance", listed("consent_emergency")),
    Screen("emergency", "compliance", added("consent_emergency")),
    Screen("emergency-phrases", "compliance", listed("leads_emergencyphrase")),
    Screen("emergency-phrase", "compliance", added("leads_emergencyphrase")),
    Screen("do-not-call-lists", "compliance", listed("consent_listsnapshot")),
    Screen("checkpoints", "compliance", listed("consent_checkpoint")),
    Screen("checkpoint", "compliance", first_of(Checkpoint)),
    Screen("verifications", "compliance", listed("consent_verification")),
    Screen("verification", "compliance", first_of(Verification)),
    Screen("evidence-files", "compliance", listed("consent_exportlog")),
    Screen("policy", "compliance", listed("consent_policysetting")),
    Screen("erasures", "compliance", listed("privacy_erasure")),
    Screen("erasure-ask", "compliance", added("privacy_erasure")),
    Screen("erasure", "compliance", first_of(Erasure, state="found")),
    Screen("erased", "compliance", first_of(Erasure, state="done")),
    Screen("holds", "compliance", listed("privacy_hold")),
    Screen("hold", "compliance", first_of(Hold)),
    Screen("retention", "compliance", listed("privacy_retentionrule")),
]

RULES = [
    Screen("proposals", "marketing", listed("leads_proposal")),
    Screen("proposal", "marketing", first_of(Proposal)),
    Screen("scorings", "marketing", listed("leads_scoringmodel")),
    Screen("scoring", "marketing", first_of(ScoringModel, lead_type="patient")),
    Screen("scoring-rule", "marketing", first_of(ScoringRule, model__status="draft")),
    Screen("scoring-preview", "marketing", scoring(is_found=False)),
    Screen("scoring-previewed", "marketing", scoring(is_found=True)),
    Screen("scoring-publish", "marketing", first_of(ScoringModel, "publish", status="draft")),
    Screen("next-steps", "administrator", first_of(NextStepSet)),
    Screen("publications", "administrator", listed("leads_publication")),
    Screen("publication", "administrator", first_of(Publication)),
    Screen("routing", "administrator", first_of(RouteSet)),
    Screen("simulator", "administrator", named("admin:routing_routeset_simulate")),
    Screen("sequences", "marketing", listed("nurture_sequence")),
    Screen("sequence", "marketing", first_of(Sequence)),
    Screen("sequence-calendar", "marketing", calendar(is_found=False)),
    Screen("sequence-walked", "marketing", calendar(is_found=True)),
    Screen("templates", "marketing", listed("nurture_template")),
    Screen("template", "marketing", first_of(Template)),
    Screen("wording", "marketing", first_of(Wording, template__medium="email", language="en")),
    Screen("wording-preview", "administrator", wording_shown),
    Screen("acknowledgements", "marketing", listed("nurture_acknowledgedsource")),
    Screen("visit-reminders", "marketing", listed("nurture_visitreminder")),
    Screen("visit-reminder", "marketing", first_of(VisitReminder)),
    Screen("limits", "compliance", listed("nurture_frequencycap")),
    Screen("time-goals", "administrator", listed("routing_goal")),
    Screen("time-goal", "administrator", first_of(Goal)),
    Screen("call-attempts", "administrator", listed("routing_cadence")),
    Screen("checklist", "supervisor", first_of(Checklist)),
    Screen("script", "supervisor", first_of(Script)),
]

REPORTS = [
    *(Screen(f"report-{slug}", "supervisor", named("reports:report", slug, query="?days=30")) for slug in PAGES),
    Screen("report-compared", "supervisor", named("reports:report", "speed", query="?days=7&compare=on")),
    Screen("try-rules", "marketing", named("reports:what_if")),
    Screen("tried-rules", "marketing", tried),
]

CATALOGUE = [
    Screen("offerings", "administrator", listed("leads_offering")),
    Screen("offering", "administrator", first_of(Offering)),
    Screen("sources", "marketing", listed("leads_source")),
    Screen("source", "administrator", first_of(Source)),
    Screen("call-results", "administrator", listed("leads_disposition")),
    Screen("call-result", "administrator", first_of(Disposition, code="do_not_call")),
    Screen("timing", "administrator", listed("leads_timingwindow")),
]

PEOPLE = [
    Screen("team", "supervisor", listed("routing_team")),
    Screen("team-hours", "supervisor", first_of(Team)),
    Screen("people", "administrator", listed("auth_user")),
    Screen("roles", "administrator", listed("auth_group")),
    Screen("api-clients", "administrator", listed("gateway_client")),
    Screen("api-client", "administrator", added(Client._meta.label_lower.replace(".", "_"))),
    Screen("webhooks", "administrator", listed("gateway_subscription")),
    Screen("outbox-events", "administrator", listed("gateway_outboxevent")),
    Screen("deliveries", "administrator", listed("gateway_delivery")),
]

RECORDS = [
    Screen("answers", "supervisor", listed("leads_answer")),
    Screen("score-changes", "supervisor", listed("leads_scorechange")),
    Screen("triggers", "supervisor", listed("leads_trigger")),
    Screen("openings", "supervisor", listed("leads_opening")),
    Screen("milestones", "supervisor", listed("leads_milestone")),
    Screen("snapshots", "supervisor", listed("leads_snapshot")),
]

ACCOUNT = [
    Screen("sign-in", "", named("admin:login")),
    Screen("second-factor", "supervisor", named("mfa_index")),
    Screen("sessions", "supervisor", named("usersessions_list")),
    Screen("password", "supervisor", named("account_change_password")),
]

PUBLIC = [
    Screen("form", "", named("nurture:form", "web_consult")),
    Screen("form-es", "", named("nurture:form", "web_consult", query="?language=es")),
    Screen("thanks", "", named("nurture:thanks", "web_consult", "appointment")),
    Screen("unsubscribe", "", public(links.unsubscribe_url)),
    Screen("preferences", "", public(links.preferences_url)),
]

DAILY = [*HOMES, *WORK, *PUBLIC]  # what people see all day, and what the public sees
SCREENS = [*HOMES, *WORK, *OVERSIGHT, *PROOF, *RULES, *REPORTS, *CATALOGUE, *PEOPLE, *RECORDS, *ACCOUNT, *PUBLIC]

# Drawn in the dark too: what has a look of our own; the rest is the theme's.
DARK = {
    "dashboard", "home-caller", "home-compliance", "home-marketing", "my-work", "workspace", "leads", "lead", "handoff",
    "team-board", "import-checked", "look-alike", "decision", "address", "attempts", "proposals", "scoring",
    "scoring-previewed", "simulator", "sequence-walked", "wording", "report-funnel", "sign-in", "form", "unsubscribe",
    "preferences",
}  # fmt: skip
