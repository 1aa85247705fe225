"""What does a person find in the sidebar? Entries by what people do; each shows only where its page would open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from django.apps import apps
from django.contrib import admin
from django.db.models.options import Options
from django.http import HttpRequest
from django.urls import get_script_prefix, reverse
from django.utils.functional import Promise, SimpleLazyObject
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from routing import notices

BADGE_BOUND = 99  # beyond it nobody counts


class Site(UnfoldAdminSite):
    """The admin; the list of all models is made for the page that shows it, where Django makes it for every page."""

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> SimpleLazyObject:
        make = super().get_app_list
        return SimpleLazyObject(lambda: make(request, app_label))


def unread_notices(request: HttpRequest) -> int:
    return notices.of(request.user).filter(read_at=None)[:BADGE_BOUND].count()


@dataclass(frozen=True, eq=False)
class Entry:
    title: Promise
    icon: str
    model: str
    query: str = ""
    verb: str = "view"
    page: str = ""  # a page of its own beside the model's list
    count: Callable[[HttpRequest], int] | None = None  # shown beside the title when it is not 0


@dataclass(frozen=True)
class Section:
    title: Promise
    entries: Sequence[Entry]
    is_folded: bool = False


SECTIONS: Sequence[Section] = (
    Section(
        _("Work"),
        (
            Entry(_("My leads"), "person_check", "leads.lead", "whose=me&state=open", "change"),
            Entry(_("Leads"), "groups", "leads.lead"),
            Entry(_("New lead"), "person_add", "leads.lead", verb="enter", page="workspace:new_lead"),
            Entry(_("Handoffs"), "move_up", "routing.handoff"),
            Entry(_("Calls to make"), "call", "nurture.calltask"),
            Entry(_("Notices"), "notifications", "routing.notice", count=unread_notices),
            Entry(_("Appointments"), "event", "leads.appointment"),
            Entry(_("Documents"), "description", "leads.documentstatus"),
            Entry(_("Authorizations"), "verified_user", "leads.authorization"),
            Entry(_("Missing items"), "rule", "leads.missingitem"),
        ),
    ),
    Section(
        _("Oversight"),
        (
            Entry(_("Team board"), "space_dashboard", "routing.team", page="admin:routing_team_board"),
            Entry(_("Inquiries to repair"), "build", "leads.inquiry", "status__exact=refused", "repair"),
            Entry(_("Inquiries"), "inbox", "leads.inquiry"),
            Entry(_("Imports"), "upload_file", "leads.importrun"),
            Entry(_("Import mappings"), "table_view", "leads.importmapping"),
            Entry(_("Exports"), "download", "leads.export"),
            Entry(_("Look-alikes"), "join_inner", "leads.duplicatecandidate", "verdict__exact=open"),
            Entry(_("Merges"), "merge", "leads.leadlink"),
            Entry(_("Decisions to review"), "rate_review", "leads.qualification", "override=open", "review"),
            Entry(_("Incidents"), "emergency", "leads.incident", "review=open", "view"),
            Entry(_("Assignments"), "assignment_ind", "routing.assignment", "", "view"),
            Entry(_("Clocks"), "timer", "routing.clock"),
            Entry(_("In sequences"), "spa", "nurture.enrollment"),
            Entry(_("Messages"), "forum", "nurture.message"),
        ),
    ),
    Section(
        _("Permission and proof"),
        (
            Entry(_("Addresses"), "contact_phone", "consent.address"),
            Entry(_("Permissions"), "how_to_reg", "consent.permission"),
            Entry(_("Access log"), "policy_alert", "audit.access"),
            Entry(_("Consent events"), "history_edu", "consent.consentevent"),
            Entry(_("Contact attempts"), "call_made", "consent.attempt"),
            Entry(_("Disclosures"), "article", "consent.disclosure"),
            Entry(_("Calling rules"), "gavel", "consent.callingrule"),
            Entry(_("States of emergency"), "crisis_alert", "consent.emergency"),
            Entry(_("Emergency phrases"), "sos", "leads.emergencyphrase"),
            Entry(_("Do-not-call lists"), "do_not_disturb", "consent.listsnapshot"),
            Entry(_("Checkpoints"), "fact_check", "consent.checkpoint"),
            Entry(_("Verifications"), "verified", "consent.verification"),
            Entry(_("Evidence files"), "folder_zip", "consent.exportlog"),
            Entry(_("Policy settings"), "policy", "consent.policysetting"),
            Entry(_("Erasures"), "delete_forever", "privacy.erasure"),
            Entry(_("Litigation holds"), "lock", "privacy.hold"),
            Entry(_("Retention rules"), "auto_delete", "privacy.retentionrule"),
            Entry(_("Retention runs"), "history", "privacy.retentionrun"),
            Entry(_("Sellers"), "store", "consent.seller"),
        ),
    ),
    Section(
        _("Rules"),
        (
            Entry(_("Proposals"), "lightbulb", "leads.proposal"),
            Entry(_("Scoring models"), "leaderboard", "leads.scoringmodel"),
            Entry(_("Next steps"), "alt_route", "leads.nextstepset"),
            Entry(_("Publications"), "published_with_changes", "leads.publication"),
            Entry(_("Routing rules"), "call_split", "routing.routeset"),
            Entry(_("Routing simulator"), "alt_route", "routing.routeset", page="admin:routing_routeset_simulate"),
            Entry(_("Sequences"), "mail", "nurture.sequence"),
            Entry(_("Message templates"), "draft", "nurture.template"),
            Entry(_("Acknowledgements"), "mark_email_read", "nurture.acknowledgedsource"),
            Entry(_("Visit reminders"), "notifications_active", "nurture.visitreminder"),
            Entry(_("Limits of contact"), "speed", "nurture.frequencycap", "", "change"),
            Entry(_("Time goals"), "hourglass_bottom", "routing.goal"),
            Entry(_("Call attempts"), "repeat", "routing.cadence", "", "change"),
            Entry(_("Checklists"), "checklist", "leads.checklist"),
            Entry(_("Scripts"), "record_voice_over", "routing.script"),
        ),
    ),
    Section(
        _("Catalogue"),
        (
            Entry(_("Offerings and slots"), "event_available", "leads.offering"),
            Entry(_("Services"), "medical_services", "leads.serviceline"),
            Entry(_("Clinics"), "local_hospital", "leads.clinic"),
            Entry(_("Payers"), "payments", "leads.payer"),
            Entry(_("Sources"), "input", "leads.source", "", "change"),
        ),
        is_folded=True,
    ),
    Section(
        _("Words and reasons"),
        (
            Entry(_("Call results"), "call_end", "leads.disposition", "", "change"),
            Entry(_("Hold reasons"), "pause_circle", "leads.holdreason", "", "change"),
            Entry(_("Stop reasons"), "do_not_disturb_on", "leads.stopreason", "", "change"),
            Entry(_("Kinds of document"), "folder", "leads.document", "", "change"),
            Entry(_("Missing things"), "help", "leads.missingkind", "", "change"),
            Entry(_("Types of organisation"), "domain", "leads.organisationtype", "", "change"),
            Entry(_("Specialties"), "stethoscope", "leads.specialty", "", "change"),
            Entry(_("Care settings"), "home_health", "leads.caresetting", "", "change"),
            Entry(_("Timing answers"), "schedule", "leads.timingwindow", "", "change"),
            Entry(_("Reasons to wake a lead"), "notifications", "leads.triggerkind", "", "change"),
        ),
        is_folded=True,
    ),
    Section(
        _("People"),
        (
            Entry(_("Teams"), "diversity_3", "routing.team"),
            Entry(_("Agents"), "support_agent", "routing.agent"),
            Entry(_("Logins"), "badge", "auth.user", "", "change"),
            Entry(_("Roles"), "admin_panel_settings", "auth.group"),
        ),
    ),
    Section(
        _("Connected systems"),
        (
            Entry(_("API clients"), "api", "gateway.client"),
            Entry(_("API keys"), "key", "gateway.key"),
            Entry(_("Webhooks"), "webhook", "gateway.subscription"),
            Entry(_("Outbox events"), "bolt", "gateway.outboxevent"),
            Entry(_("Deliveries"), "outbox", "gateway.delivery"),
        ),
        is_folded=True,
    ),
    Section(
        _("Single records"),
        (
            Entry(_("Answers"), "question_answer", "leads.answer"),
            Entry(_("Score changes"), "trending_up", "leads.scorechange"),
            Entry(_("Triggers"), "alarm", "leads.trigger"),
            Entry(_("Openings"), "door_open", "leads.opening"),
            Entry(_("Milestones"), "flag", "leads.milestone"),
            Entry(_("Snapshots"), "photo_camera", "leads.snapshot"),
        ),
        is_folded=True,
    ),
)
ENTRIES = tuple(entry for section in SECTIONS for entry in section.entries)


def navigation(request: HttpRequest) -> list[dict[str, object]]:
    """The sidebar of this person."""
    home = {"title": _("Dashboard"), "icon": "home", "link": reverse("admin:index")}
    groups: list[dict[str, object]] = [{"items": [home]}]
    if request.user.has_perm("leads.change_lead"):
        groups[0]["items"].append(
            {"title": _("My work"), "icon": "format_list_numbered", "link": reverse("workspace:my_work")}
        )
    reports, tries = reverse("reports:home"), reverse("reports:what_if")
    is_trying = request.path.startswith(tries)
    if request.user.has_perm("leads.report_milestone"):
        is_here = request.path.startswith(reports) and not is_trying
        funnel = reverse("reports:report", args=["funnel"])
        groups[0]["items"].append({"title": _("Reports"), "icon": "monitoring", "link": funnel, "active": is_here})
    if request.user.has_perm("leads.try_backtest"):
        groups[0]["items"].append({"title": _("Try rules"), "icon": "science", "link": tries, "active": is_trying})
    for section in SECTIONS:
        items = [_item(request, entry) for entry in section.entries if may_open(request, entry)]
        if items:
            groups.append({"title": section.title, "items": items, "collapsible": section.is_folded})
    return groups


def may_open(request: HttpRequest, entry: Entry) -> bool:
    """Whether the page exists and the person has the verb the entry is for, besides seeing it."""
    app_label, name = entry.model.split(".")
    model = apps.all_models[app_label].get(name)
    page = admin.site._registry.get(model) if model else None
    if page is None or not page.has_view_permission(request):
        return False
    return entry.verb == "view" or request.user.has_perm(f"{app_label}.{entry.verb}_{name}")


def path_of(entry: Entry) -> str:
    return _path(entry, get_script_prefix())


@cache
def _path(entry: Entry, _prefix: str) -> str:
    return reverse(entry.page or f"admin:{entry.model.replace('.', '_')}_changelist")


def link_of(entry: Entry) -> str:
    return f"{path_of(entry)}?{entry.query}" if entry.query else path_of(entry)


def name_of_list(opts: Options, request: HttpRequest) -> Promise | str:
    """What the sidebar calls this list, as it is narrowed now; the model's plural where it is not there."""
    entries = [e for e in ENTRIES if e.model == opts.label_lower and not e.page]
    narrowed = [e for e in entries if e.query and request.path == path_of(e) and _is_narrowed(request, e)]
    named = [*narrowed, *(e for e in entries if not e.query), *entries]
    return named[0].title if named else capfirst(str(opts.verbose_name_plural))


def _is_narrowed(request: HttpRequest, entry: Entry) -> bool:
    wanted = dict(pair.split("=") for pair in entry.query.split("&")) if entry.query else {}
    return all(request.GET.get(name) == value for name, value in wanted.items())


def _item(request: HttpRequest, entry: Entry) -> dict[str, object]:
    path = path_of(entry)
    is_same = _is_narrowed(request, entry)
    others = [e.query for e in ENTRIES if e.model == entry.model and e.query]
    taken = not entry.query and any(request.GET.get(q.split("=")[0]) == q.split("&")[0].split("=")[1] for q in others)
    pages = [path_of(e) for e in ENTRIES if e.page and e is not entry]
    is_active = request.path.startswith(path) and is_same and not taken and request.path not in pages
    item = {"title": entry.title, "icon": entry.icon, "link": link_of(entry), "active": is_active}
    count = entry.count(request) if entry.count else 0
    return item | ({"badge": count} if count else {})
