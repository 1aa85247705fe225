"""What routing adds to the lead's own pages: the handoff on top, why it is where it is, and reassigning."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from leads.admin import panels
from leads.admin.lead import LeadAdmin
from leads.models import Lead
from medcrm.lib import history
from medcrm.lib.actions import ActionForm, service_action
from medcrm.lib.errors import RuleError
from medcrm.lib.filters import DropdownFilter
from routing import assignment, exhausted, explain, neglected, words
from routing.admin.people import Colleagues
from routing.models import Agent, Assignment, Handoff, HandoffState, ScriptText, Team
from routing.neglected import Neglect


class ReassignForm(ActionForm):
    team = forms.ChoiceField(label=_("Team"), required=False, help_text=_("Its members take turns."))
    to = Colleagues(
        label=_("Or these people"),
        required=False,
        help_text=_("All on one team; whoever has the least work comes first. Beside each: open leads / most."),
    )
    reason = forms.CharField(label=_("Why"), max_length=300, help_text=_("It is kept in the history."))

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].choices = [("", "—"), *Team.objects.active().values_list("pk", "name")]
        self.fields["to"].offer(Agent.objects.active(), at=timezone.now(), says_team=True)
        self.look()


class VerdictForm(ActionForm):
    verdict = forms.ChoiceField(label=_("What now?"), choices=exhausted.Verdict.choices)
    until = forms.DateField(label=_("Until"), required=False, help_text=_("For a wait."))
    note = forms.CharField(label=_("Note"), max_length=200, required=False)


class NeglectFilter(DropdownFilter):
    title = _("needs attention")
    parameter_name = "neglect"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, object]]:
        return list(Neglect.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() not in Neglect.values:
            return queryset
        return queryset.filter(neglected.condition(self.value(), at=timezone.now()))


admin.site.unregister(Lead)


@admin.register(Lead)
class RoutedLeadAdmin(LeadAdmin):
    actions = (*(LeadAdmin.actions or ()), "reassign")
    actions_detail = ("decide_exhausted", "reassign", *LeadAdmin.actions_detail)
    list_filter = (*LeadAdmin.list_filter, NeglectFilter)

    def more_history(self, obj: Lead) -> list[history.Entry]:
        """Each change of owner and team, from the assignments, which nothing can change."""
        rows = obj.assignments.select_related("from_team", "to_team", "from_owner", "to_owner", "by")
        return [_entry(row) for row in rows.order_by("-pk")[: history.SHOWN]]

    @service_action(
        _("Reassign"),
        permissions=["reassign"],
        form=ReassignForm,
        icon="swap_horiz",
        text=_("Due times stay the same within a team. The rules leave your choice alone until the next step."),
        submit=_("Reassign"),
        at_once=True,
    )
    def reassign(
        self, request: HttpRequest, pks: list[int], *, at: datetime, team: str, to: list[int], reason: str
    ) -> Mapping[int, str]:
        report = assignment.reassign_all(pks, to=to, team=team, reason=reason, by=request.user, at=at)
        for code in report.refused.values() if len(pks) == 1 else ():
            raise RuleError(code.upper(), str(REFUSALS[code]), field="to")
        return report.refused

    @service_action(
        _("Decide after the last attempt"),
        permissions=["decide"],
        form=VerdictForm,
        icon="gavel",
        text=_("All attempts are used up. Nothing is closed until you decide."),
        submit=_("Decide"),
    )
    def decide_exhausted(
        self, request: HttpRequest, pk: int, *, at: datetime, verdict: str, until: date | None, note: str
    ) -> None:
        exhausted.decide(pk, verdict, by=request.user, at=at, note=note, until=until)

    def has_decide_permission(self, request: HttpRequest, obj: Lead | str | None = None) -> bool:
        """Only where a decision is owed; a page asks with the key, an action with the row."""
        if obj is None or not self.has_reassign_permission(request):
            return False
        return exhausted.open_decision(obj.pk if isinstance(obj, Lead) else int(obj)) is not None

    def has_reassign_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("leads.reassign_lead")


def _entry(row: Assignment) -> history.Entry:
    pairs = [(_("Owner"), row.from_owner, row.to_owner), (_("Team"), row.from_team, row.to_team)]
    changes = [history.Change(str(name), str(old or "–"), str(new or "–")) for name, old, new in pairs if old != new]
    who = str(row.by) if row.by else _now("the system")
    return history.Entry(row.at, who, row.get_because_display(), row.note, _now("Assigned"), changes)


REFUSALS = {
    "untrained": _(
        "None of these people has the training this service asks for. Choose somebody who has it, or only the team."
    ),
    "unchanged": _("The lead is already there. Choose another team or another person."),
    "no_script": _(
        "This service may only be spoken about with its documented script, and there is none in force. "
        "Write it under “Scripts”, name it in a routing rule, and try again."
    ),
}


@panels.register
def handoff_panel(lead: Lead, request: HttpRequest) -> panels.Panel | None:
    """The open handoff on top of the page, with its script and what was added since [R29]."""
    row = (
        Handoff.objects.open().filter(lead=lead).select_related("to_team", "to_owner", "script", "accepted_by").first()
    )
    if row is None:
        return None
    texts = {text.language: text for text in ScriptText.objects.filter(script=row.script)} if row.script_id else {}
    context = {
        "handoff": row,
        **words.packet_of(row),
        "may_accept": row.state == HandoffState.OFFERED and request.user.has_perm("routing.accept_handoff"),
        "may_return": request.user.has_perm("routing.return_handoff"),
        "text": texts.get(lead.language) or texts.get("en"),
    }
    return panels.Panel(_("Handoff"), "routing/handoff_panel.html", context, place=panels.TOP)


@panels.register
def path_panel(lead: Lead, request: HttpRequest) -> panels.Panel | None:
    """Why the lead is where it is: the last assignments, the newest with its path."""
    rows = list(lead.assignments.select_related("to_team", "to_owner", "rule", "by")[:5])
    if not rows:
        return None
    context = {"rows": rows, "told": explain.explain(rows[0]), "lead": lead}
    return panels.Panel(_("Why here"), "routing/path_panel.html", context)
