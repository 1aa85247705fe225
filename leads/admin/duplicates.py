"""Pairs that look like one person, side by side for somebody to judge; and merges, which can be taken back."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from leads import duplicates
from leads.lifecycle import Stage
from leads.models import DuplicateCandidate, LeadLink
from leads.services import merging
from leads.visibility import visible
from medcrm.lib import phones
from medcrm.lib.actions import service_action, verb_permission
from medcrm.lib.admin import ReadOnlyAdmin
from medcrm.lib.badges import badge
from medcrm.lib.columns import badge_column, display, link
from medcrm.lib.filters import ChoicesDropdownFilter
from medcrm.lib.moments import said

WORDS = {
    "same_phone": _("same phone"),
    "same_email": _("same e-mail"),
    "same_last_name_and_zip": _("same last name and ZIP"),
    "same_last_name": _("same last name"),
    "same_first_name": _("same first name"),
    "same_age": _("about the same age"),
    "same_organisation": _("same organisation"),
}


LABELS = {
    "email": _("E-mail"),
    "zip": _("ZIP"),
    "payer": _("Pays with"),
    "timing": _("When"),
    "created_at": _("Captured"),
}


def _shown(name: str, value: object) -> object:
    if value in (None, ""):
        return "—"
    if name == "stage":
        return Stage(value).label
    if name == "phone":
        return phones.spoken(value)
    return said(value) if name == "created_at" else value


class OfTwoLeads(ReadOnlyAdmin):
    """Rows about two leads, shown to who sees both."""

    about = ("leads.lead", "one_id", "other_id")

    list_select_related = ("one", "other")
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        rows = super().get_queryset(request)
        return rows.filter(visible(request.user, "one__"), visible(request.user, "other__"))

    @display(description=_("Lead"))
    def first(self, obj: DuplicateCandidate | LeadLink) -> object:
        return link(obj.one)

    @display(description=_("and"))
    def second(self, obj: DuplicateCandidate | LeadLink) -> object:
        return link(obj.other)


@admin.register(DuplicateCandidate)
class DuplicateCandidateAdmin(OfTwoLeads):
    list_display = ("pair", "score", "in_common", "verdict_badge", "found_at")
    list_filter = (("verdict", ChoicesDropdownFilter),)
    change_form_template = "leads/duplicate.html"
    actions_detail = ("merge", "keep_apart")
    fits: ClassVar = {name: lambda pair: pair.verdict == DuplicateCandidate.Verdict.OPEN for name in actions_detail}
    empty_text = _("No leads look like the same person. New leads are compared within minutes.")
    verdict_badge = badge_column("verdict", _("Judged"))
    has_judge_permission = verb_permission("judge")

    @display(description=_("Pair"))
    def pair(self, obj: DuplicateCandidate) -> str:
        return f"{obj.one} / {obj.other}"

    @display(description=_("In common"))
    def in_common(self, obj: DuplicateCandidate) -> str:
        return ", ".join(str(WORDS.get(reason, reason)) for reason in obj.reasons)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict | None = None
    ) -> HttpResponse:
        pair = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if pair is not None and self.has_view_permission(request, pair):
            context |= {
                "title": _("Are these one person?"),
                "pair": pair,
                "stays": merging.staying([pair.one, pair.other]).pk,
                "rows": [
                    (LABELS.get(name, capfirst(name)), _shown(name, a), _shown(name, b), a == b)
                    for name, a, b in duplicates.alternatives(pair)
                ],
                "in_common": self.in_common(pair),
                "score": badge("score", f"{pair.score} / 100", tone="info", symbol="join_inner"),
            }
        return super().change_view(request, object_id, form_url, context)

    @service_action(
        _("Merge"),
        permissions=["judge"],
        icon="merge",
        variant="primary",
        text=_("The lead being worked on is kept, else the older one; it takes over what it lacks. You can undo this."),
    )
    def merge(self, request: HttpRequest, pk: int, *, at: datetime) -> None:
        duplicates.judge(pk, is_same=True, by=request.user, at=at)

    @service_action(_("Not the same"), permissions=["judge"], icon="call_split", text=_("They are not shown again."))
    def keep_apart(self, request: HttpRequest, pk: int, *, at: datetime) -> None:
        duplicates.judge(pk, is_same=False, by=request.user, at=at)


@admin.register(LeadLink)
class LeadLinkAdmin(OfTwoLeads):
    list_display = ("first", "second", "reason", "by", "linked_at", "unlinked_at")
    list_display_links = ("linked_at",)  # links do not nest
    list_select_related = ("one", "other", "by")
    actions_detail = ("unmerge",)
    empty_text = _("No leads were merged yet. Pairs that look alike wait in “Look-alikes”.")
    has_unmerge_permission = verb_permission("unmerge")

    @service_action(
        _("Take apart"),
        permissions=["unmerge"],
        icon="call_split",
        variant="danger",
        text=_("Both leads are restored as they were; later corrections stay."),
    )
    def unmerge(self, request: HttpRequest, pk: int, *, at: datetime) -> None:
        merging.unmerge(pk, by=request.user, at=at)
