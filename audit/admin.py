"""The auditor's question: who looked at this person, what did this user see, what happened on that day?"""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from audit import people
from audit.models import Access
from medcrm.lib.admin import ReadOnlyAdmin
from medcrm.lib.columns import badge_column, display, link_to
from medcrm.lib.filters import ChoicesDropdownFilter, DropdownFilter, RangeDateFilter, RelatedDropdownFilter

ACTIONS = (
    ("view", _("Opened")),
    ("list", _("Listed")),
    ("search", _("Searched")),
    ("pick", _("Picked from a box")),
    ("change", _("Changed")),
    ("history", _("Read the history")),
    ("export", _("Exported")),
    ("print", _("Printed")),
    ("sign_in", _("Signed in")),
    ("sign_out", _("Signed out")),
    ("second_factor", _("Gave a second factor")),
    ("factor_added", _("Added a second factor")),
    ("factor_removed", _("Removed a second factor")),
    ("factor_renewed", _("Renewed the recovery codes")),
)
SHOWN_IN_LIST = 3


class ActionFilter(DropdownFilter):
    title = _("what")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: object) -> object:
        return ACTIONS

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(action=self.value()) if self.value() in dict(ACTIONS) else queryset


@admin.register(Access)
class AccessAdmin(ReadOnlyAdmin):
    list_display = ("at", "who", "did", "subjects_shown", "query", "outcome_badge", "address")
    list_select_related = ("user",)
    list_filter = (
        ActionFilter,
        ("outcome", ChoicesDropdownFilter),
        ("user", RelatedDropdownFilter),
        ("at", RangeDateFilter),
    )
    search_fields = ("client",)
    search_help_text = _("A person by number, e-mail, name or id; or the name of a login")
    ordering = ("-pk",)
    sortable_by = ()
    fields = ("at", "who", "did", "model", "all_subjects", "query", "method", "path", "status", "outcome", "address")
    readonly_fields = ("who", "did", "all_subjects")
    outcome_badge = badge_column("outcome", _("Outcome"))
    empty_text = _("Every page that shows a person, every search, export and sign-in is logged here.")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        user = get_user_model().objects.filter(username=term).first()
        if user is not None:
            return queryset.filter(user=user), False
        return queryset.filter(subjects__overlap=people.find(term)), False

    @display(description=_("Who"))
    def who(self, obj: Access) -> str:
        if obj.user is None:
            return obj.client or _now("nobody signed in")
        return obj.user.get_full_name() or obj.user.get_username()

    @display(description=_("What"))
    def did(self, obj: Access) -> str:
        return str(dict(ACTIONS).get(obj.action, obj.action.replace("_", " ").capitalize()))

    @display(description=_("Whom"))
    def subjects_shown(self, obj: Access) -> SafeString:
        return _links(obj.subjects[:SHOWN_IN_LIST], len(obj.subjects) - SHOWN_IN_LIST)

    @display(description=_("Whom"))
    def all_subjects(self, obj: Access) -> SafeString:
        return _links(obj.subjects, 0)


def _links(subjects: list[str], more: int) -> SafeString:
    shown = format_html_join(", ", "{}", ((link_to(*subject.split(":", 1)),) for subject in subjects))
    return format_html("{} {}", shown, _now("and %(n)d more") % {"n": more}) if more > 0 else shown
