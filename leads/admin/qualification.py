"""What was decided in each cycle and why, with the answers it rests on and what wakes the lead again."""

from __future__ import annotations

from typing import ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from consent import addresses
from consent.words import spaced
from leads.admin.base import OfLead
from leads.models import Answer, Qualification, Stakeholder, Trigger
from leads.services import people, reviews
from leads.services.people import Person
from leads.vocabulary import Check, ContactRole
from medcrm.lib import masking
from medcrm.lib.actions import service_action, verb_permission, widgets
from medcrm.lib.admin import ModelAdmin, ReadOnlyAdmin
from medcrm.lib.badges import badge
from medcrm.lib.columns import badge_column, display
from medcrm.lib.errors import InvalidFields
from medcrm.lib.filters import (
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateFilter,
    RelatedDropdownFilter,
)

ANSWERS_SHOWN = 100  # far more than a cycle of calls has


class OverrideFilter(DropdownFilter):
    title = _("override")
    parameter_name = "override"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, object]]:
        return [("open", _("To be reviewed")), ("done", _("Reviewed"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() not in ("open", "done"):
            return queryset
        overridden = queryset.exclude(override_reason="")
        return overridden.filter(override_reviewed_at__isnull=self.value() == "open")


@admin.register(Qualification)
class QualificationAdmin(OfLead, ReadOnlyAdmin):
    list_display = (
        "of_lead",
        "fit_verdict",
        "capacity_verdict",
        "readiness_verdict",
        "path_verdict",
        "decision_badge",
        "next_step",
        "outcome_and_who",
    )
    list_select_related = ("lead", "decided_by")
    list_filter = (
        OverrideFilter,
        ("decision", ChoicesDropdownFilter),
        ("outcome", ChoicesDropdownFilter),
        ("hold_reason", RelatedDropdownFilter),
        ("stop_reason", RelatedDropdownFilter),
        ("opened_at", RangeDateFilter),
    )
    fieldsets = (
        (None, {"fields": (("lead", "cycle"), ("opened_at", "closed_at"))}),
        (_("Checks"), {"fields": ("reasons", "open_questions")}),
        (_("Decision"), {"fields": (("decision_badge", "next_step"), ("hold_reason", "stop_reason"), "rule_in_words")}),
        (_("Outcome"), {"fields": (("outcome", "suggested_outcome"), ("decided_by", "decided_at"), "override_reason")}),
        (_("Review"), {"fields": (("override_reviewed_by", "override_reviewed_at"),)}),
        (_("What it rests on"), {"fields": ("answers_given", "woken_by")}),
    )
    readonly_fields = ("reasons", "open_questions", "rule_in_words", "decision_badge", "answers_given", "woken_by")
    actions = actions_detail = ("review_override",)
    fits: ClassVar = {"review_override": lambda row: bool(row.override_reason) and row.override_reviewed_at is None}
    empty_text = _("A cycle opens when a lead comes in.")
    fit_verdict = badge_column("fit_check", _("Fit"))
    capacity_verdict = badge_column("capacity_check", _("Capacity"))
    readiness_verdict = badge_column("readiness_check", _("Readiness"))
    path_verdict = badge_column("decision_path_check", _("Decision path"))
    decision_badge = badge_column("decision", _("Decision"))
    has_review_permission = verb_permission("review")

    @display(description=_("Outcome"))
    def outcome_and_who(self, obj: Qualification) -> str:
        who = [str(part) for part in (obj.get_outcome_display(), obj.decided_by) if part]
        return " · ".join(who)

    @display(description=_("Why"))
    def reasons(self, obj: Qualification) -> SafeString:
        rows = [
            (
                check.label,
                badge(getattr(obj, f"{check}_check")),
                " ".join(reason["sentence"] for reason in obj.explanation.get(check, [])),
            )
            for check in Check
        ]
        return format_html('<dl class="mc-facts">{}</dl>', format_html_join("", "<dt>{}</dt><dd>{} {}</dd>", rows))

    @display(description=_("Open questions"))
    def open_questions(self, obj: Qualification) -> str:
        return ", ".join(code.replace("_", " ") for code in obj.unknown)

    @display(description=_("Rule"))
    def rule_in_words(self, obj: Qualification) -> str:
        return f"{obj.rule.name}: {obj.rule.sentence}" if obj.rule else _("Decided by a person.")

    @display(description=_("Answers in this cycle"))
    def answers_given(self, obj: Qualification) -> SafeString | str:
        rows = (
            Answer.objects.filter(lead=obj.lead_id, cycle=obj.cycle)
            .select_related("by", "question")
            .order_by("answered_at", "pk")
        )
        said = [
            (
                _asked(row),
                _told(row),
                row.get_origin_display(),
                date_format(timezone.localtime(row.answered_at), "M j, Y, g:i A"),
                (row.by.get_full_name() or row.by.get_username()) if row.by else "",
            )
            for row in rows[:ANSWERS_SHOWN]
        ]
        if not said:
            return _now("None beside what the inquiry says.")
        return format_html(
            '<dl class="mc-facts">{}</dl>',
            format_html_join("", '<dt>{}</dt><dd>{} <span class="mc-quiet">{}, {} {}</span></dd>', said),
        )

    @display(description=_("What wakes the lead, and what did"))
    def woken_by(self, obj: Qualification) -> SafeString | str:
        rows = obj.triggers.select_related("kind").order_by("pk")
        said = [(str(row.kind), _state_of(row), _fired_words(row)) for row in rows]
        if not said:
            return _now("Nothing was to be waited for.")
        return format_html('<dl class="mc-facts">{}</dl>', format_html_join("", "<dt>{}</dt><dd>{} {}</dd>", said))

    @service_action(
        _("Mark override as reviewed"),
        permissions=["review"],
        icon="rate_review",
        text=_("Somebody overrode a failed check and said why. Marking it records that you have reviewed it."),
        submit=_("Reviewed"),
    )
    def review_override(self, request: HttpRequest, pk: int, *, at) -> None:
        reviews.review_override(pk, by=request.user, at=at)


@admin.register(Answer)
class AnswerAdmin(OfLead, ReadOnlyAdmin):
    list_display = ("of_lead", "asked", "told", "verdict_badge", "origin", "by", "answered_at", "is_current")
    list_select_related = ("lead", "by", "question")
    list_filter = (
        ("verdict", ChoicesDropdownFilter),
        ("origin", ChoicesDropdownFilter),
        ("is_current", BooleanRadioFilter),
    )
    verdict_badge = badge_column("verdict", _("Verdict"))
    empty_text = _("Answers appear here when forms are sent and calls are recorded.")

    @display(description=_("Question"))
    def asked(self, obj: Answer) -> str:
        return _asked(obj)

    @display(description=_("Answer"))
    def told(self, obj: Answer) -> str:
        return _told(obj)


def _asked(answer: Answer) -> str:
    """The question as it was put; what no checklist asked, by its code."""
    return answer.question.words if answer.question else spaced(answer.code)


def _told(answer: Answer) -> str:
    """The answer in words: a code without its underscores, what somebody wrote as it is."""
    if isinstance(answer.value, bool):
        return str(_("Yes") if answer.value else _("No"))
    said = answer.value if isinstance(answer.value, list) else [answer.value]
    words = [str(each) for each in said if each not in (None, "")]
    return ", ".join(each if " " in each else spaced(each) for each in words)


@admin.register(Trigger)
class TriggerAdmin(OfLead, ReadOnlyAdmin):
    list_display = ("of_lead", "kind", "state", "due_at", "armed_at", "fired_at")
    list_select_related = ("lead", "kind", "qualification__lead")
    list_filter = (("kind", RelatedDropdownFilter), ("due_at", RangeDateFilter))
    empty_text = _("What wakes a waiting lead appears here when it is put on hold.")

    @display(description=_("State"))
    def state(self, obj: Trigger) -> SafeString:
        return _state_of(obj)


def _state_of(trigger: Trigger) -> SafeString:
    if trigger.fired_at:
        return badge("accepted", _("woke the lead"), symbol="notifications_active")
    if trigger.disarmed_at:
        return badge("cancelled", _("no longer needed"), symbol="notifications_off")
    return badge("planned", _("waiting"), symbol="notifications")


def _fired_words(trigger: Trigger) -> str:
    """What fired it and which answers went stale then, or the date it waits for."""
    if trigger.fired_at is None:
        return date_format(timezone.localtime(trigger.due_at), "M j, Y") if trigger.due_at else ""
    cause, stale = trigger.fired_by.get("cause", ""), trigger.fired_by.get("stale") or ()
    words = ", ".join(str(code).replace("_", " ") for code in stale)
    return f"{cause} {_now('To be asked again: %(what)s.') % {'what': words}}" if words else str(cause)


class StakeholderForm(forms.ModelForm):
    """Somebody on the decision path; what is left empty of phone and e-mail stays as it was noted."""

    other_roles = forms.MultipleChoiceField(
        label=_("Also"),
        choices=ContactRole.choices,
        required=False,
        widget=widgets.UnfoldAdminCheckboxSelectMultipleWidget,
    )
    new_phone = forms.CharField(
        label=_("New phone"), required=False, max_length=40, widget=widgets.UnfoldAdminTextInputWidget
    )
    new_email = forms.CharField(
        label=_("New e-mail"), required=False, max_length=254, widget=widgets.UnfoldAdminTextInputWidget
    )

    class Meta:
        model = Stakeholder
        fields = ("lead", "name", "role", "other_roles", "can_approve", "can_block", "may_be_told")

    def clean(self) -> dict[str, object]:
        said = super().clean()
        try:
            addresses.pairs_said({kind: said.get(f"new_{kind}") for kind in addresses.KINDS})
        except InvalidFields as refused:
            for kind, told in refused.errors.items():
                self.add_error(f"new_{kind}", told)
        return said

    def person(self) -> Person:
        said = self.cleaned_data
        return Person(
            said["name"],
            [said["role"], *said["other_roles"]],
            said["can_approve"],
            said["can_block"],
            said["may_be_told"],
            said["new_phone"],
            said["new_email"],
        )


@admin.register(Stakeholder)
class StakeholderAdmin(OfLead, ModelAdmin):
    form = StakeholderForm
    list_display = ("name", "of_lead", "roles_in_words", "approves", "blocks", "may_be_told")
    list_filter = (("role", ChoicesDropdownFilter),)
    fields = (
        "lead",
        "name",
        ("role", "other_roles"),
        ("can_approve", "can_block", "may_be_told"),
        "reached_by",
        ("new_phone", "new_email"),
    )
    empty_text = _("Note here who decides, who arranges visits and whom we may speak with.")

    def get_readonly_fields(self, request: HttpRequest, obj: Stakeholder | None = None) -> tuple[str, ...]:
        if obj is None:
            return ("reached_by",)
        obj.reader = request.user
        return ("lead", "reached_by")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("lead", "phone", "email")

    def save_model(self, request: HttpRequest, obj: Stakeholder, form: StakeholderForm, change: bool) -> None:
        instead_of = obj.pk if change else None
        obj.pk = people.note_person(obj.lead_id, form.person(), at=timezone.now(), instead_of=instead_of).pk

    @display(description=_("Phone and e-mail"))
    def reached_by(self, obj: Stakeholder) -> str:
        held = [masking.contact(address.value, obj.reader) for address in (obj.phone, obj.email) if address]
        return " · ".join(held) or "—"

    @display(description=_("Roles"))
    def roles_in_words(self, obj: Stakeholder) -> str:
        return obj.roles_in_words

    @display(description=_("Approves"), boolean=True)
    def approves(self, obj: Stakeholder) -> bool | None:
        return obj.can_approve

    @display(description=_("Can block"), boolean=True)
    def blocks(self, obj: Stakeholder) -> bool | None:
        return obj.can_block
