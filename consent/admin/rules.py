"""What compliance may change: calling rules by new versions, policy with its reason, emergencies, disclosures."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from django import forms
from django.contrib import admin
from django.db.models import JSONField, OuterRef, Q, QuerySet, Subquery, Value
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from consent import calling_rules, words
from consent.book import Policy
from consent.models import CallingRule, ConsentEvent, Disclosure, Emergency, PolicySetting, Seller
from consent.models.ledger import ELEMENTS
from consent.vocabulary import Channel, GrantChannel, Purpose
from medcrm.lib.actions import widgets
from medcrm.lib.admin import CodedAdmin, ModelAdmin
from medcrm.lib.columns import display
from medcrm.lib.filters import BooleanRadioFilter, ChoicesDropdownFilter, DropdownFilter

DAYS = ("weekday", "saturday", "sunday")


class InForce(DropdownFilter):
    title = _("version")
    parameter_name = "version"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, object]]:
        return [("all", _("Earlier versions too"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        stands = Q(retired_at=None) | Q(retired_at__gt=timezone.now())
        return queryset if self.value() == "all" else queryset.filter(stands)


class Ticks(forms.MultipleChoiceField):
    widget = widgets.UnfoldAdminCheckboxSelectMultipleWidget


class CallingRuleForm(forms.ModelForm):
    overlay_channels = Ticks(label=_("Overlay channels"), choices=Channel.choices, required=False)

    class Meta:
        model = CallingRule
        fields = "__all__"


@admin.register(CallingRule)
class CallingRuleAdmin(ModelAdmin):
    """Saving makes a new version; the old one stays readable, and decisions name the version they used."""

    form = CallingRuleForm
    list_display = ("state", "version", "weekdays", "saturdays", "sundays", "bans_holidays", "cap", "starts_at",
                    "verified_on", "needs_verification")  # fmt: skip
    list_filter = (InForce, ("needs_verification", BooleanRadioFilter), ("bans_holidays", BooleanRadioFilter))
    search_fields = ("state__exact",)
    ordering = ("state", "-version")
    sortable_by = ("state", "verified_on")
    readonly_fields = ("version", "created_at", "created_by", "retired_at")
    fieldsets = (
        (None, {"fields": (("state", "version"), "starts_at", "reason")}),
        (_("Hours, by the clock where the person is"), {
            "fields": [(f"{day}_start", f"{day}_end") for day in DAYS] + [
                "bans_holidays", "extra_holidays", "bans_in_emergency"],
        }),
        (_("Narrower hours for automated contact"), {
            "fields": ["has_overlay", "overlay_channels", *[(f"overlay_{d}_start", f"overlay_{d}_end") for d in DAYS],
                       "overlay_holiday_as_sunday"],
        }),
        (_("Limit of contacts"), {
            "fields": (("cap_count", "cap_hours"), "cap_scope", "cap_automated_only", "cap_spares_relationship"),
        }),
        (_("Consent"), {
            "fields": ("manual_needs_pewc", "mobile_sales_need_consent", "area_code_presumption", "covers_text",
                       "consent_exempts_hours"),
        }),
        (_("Where it comes from"), {
            "fields": ("source", ("verified_on", "verified_by"), "needs_verification", "notes",
                       "created_at", "created_by", "retired_at"),
        }),
    )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: CallingRule | None = None) -> Sequence[str]:
        return (*self.readonly_fields, "state") if obj else self.readonly_fields

    def has_change_permission(self, request: HttpRequest, obj: CallingRule | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.retired_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: CallingRule, form: forms.ModelForm, change: bool) -> None:
        """A change is a new version, made by the service."""
        if change:
            changes = {name: form.cleaned_data[name] for name in form.changed_data}
            made = calling_rules.amend(obj.pk, changes, by=request.user, at=timezone.now())
            obj.pk = made.pk
        else:
            obj.created_by = request.user
            super().save_model(request, obj, form, change)

    @display(description=_("Mon–Fri"))
    def weekdays(self, obj: CallingRule) -> str:
        return _window(obj, "weekday")

    @display(description=_("Sat"))
    def saturdays(self, obj: CallingRule) -> str:
        return _window(obj, "saturday")

    @display(description=_("Sun"))
    def sundays(self, obj: CallingRule) -> str:
        return _window(obj, "sunday")

    @display(description=_("Limit"))
    def cap(self, obj: CallingRule) -> str:
        return "–" if obj.cap_count is None else f"{obj.cap_count} / {obj.cap_hours} h"


def _window(obj: CallingRule, day: str) -> str:
    start, end = getattr(obj, f"{day}_start"), getattr(obj, f"{day}_end")
    return f"{start:%H:%M}–{end:%H:%M}" if start and end else str(_("closed"))


POLICIES = {
    "informational_from": _("Earliest hour of the day for calls and texts"),
    "informational_until": _("Latest hour of the day for calls and texts"),
    "marketing_cap": _("Marketing contacts per person, at most"),
    "marketing_cap_hours": _("Hours that the marketing contacts are counted over"),
    "healthcare_daily_cap": _("Exempt healthcare contacts a day, at most"),
    "healthcare_weekly_cap": _("Exempt healthcare contacts in seven days, at most"),
    "rnd_recheck_days": _("Days that a check for a reassigned number holds"),
    "rnd_required_after_days": _("Age in days of a consent from which the number is checked for reassignment"),
    "dnc_scrub_max_age_days": _("Days that a do-not-call list may be old"),
    "ebr_purchase_months": _("Months that a purchase counts as a relationship"),
    "ebr_inquiry_months": _("Months that an inquiry counts as a relationship"),
    "confirmation_minutes": _("Minutes in which an opt-out is confirmed"),
    "exempt_max_chars": _("Characters of an exempt text, at most"),
    "exempt_max_seconds": _("Seconds of an exempt call, at most"),
    "abandon_rate_max": _("Share of calls that the dialler may abandon"),
    "answer_within_days": _("Days in which a message may be answered"),
    "contact_stopped": _("Contact stopped"),
    "sms_is_automated": _("A text counts as automated"),
    "pewc_for_all_automated_marketing": _("Automated marketing needs written consent"),
    "hours_apply_with_consent": _("Hours hold for those who consented too"),
    "window_end_exclusive": _("Nothing goes out at the very end of the hours"),
    "zone_and_state_intersection": _("All zones and states that may be the person's count"),
    "unknown_tz": _("Where the time of day is not known"),
    "revocation_latency": _("Days until a stop is in force"),
    "revocation_scope_default": _("What a stop without further words covers"),
    "opt_out_expiry": _("When an opt-out ends"),
    "ebr_for_sms": _("A relationship permits texts"),
    "state_consent_exemptions": _("Exemptions of states for those who consented"),
    "ambiguous_optout": _("What may be a stop, and may not"),
    "fail_closed": _("An error or a missing fact is a no"),
    "gate_at_dispatch": _("Asked again when a message leaves"),
    "supervisor_override": _("A supervisor may lift a refusal"),
}
"""What each setting is called; its code stands beside it on its page."""


class PolicyForm(forms.ModelForm):
    """The value is typed as what it is, so that no value can be saved that the gate cannot read."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        if "value" in self.fields and hasattr(Policy, self.instance.pk or ""):
            self.fields["value"] = _value_field(self.instance.pk)


def _value_field(code: str) -> forms.Field:
    """Yes or no, a time of day, a share or a whole number; empty only where that means no limit."""
    match getattr(Policy, code):
        case bool():
            return forms.BooleanField(label=_("Value"), required=False, widget=widgets.UnfoldBooleanSwitchWidget())
        case str():
            clock = widgets.UnfoldAdminTextInputWidget()
            wrong = _("Write a time of day such as 08:00.")
            return forms.RegexField(
                r"^([01]\d|2[0-3]):[0-5]\d$", label=_("Value"), widget=clock, error_messages={"invalid": wrong}
            )
        case Decimal():
            share = widgets.UnfoldAdminDecimalFieldWidget(attrs={"step": "any"})
            return forms.FloatField(
                label=_("Value"), min_value=0, max_value=1, widget=share, help_text=_("A share, e.g. 0.03 for 3 %.")
            )
    may_be_empty = "None" in Policy.__annotations__[code]
    return forms.IntegerField(
        label=_("Value"),
        min_value=0,
        required=not may_be_empty,
        widget=widgets.UnfoldAdminIntegerFieldWidget(),
        help_text=_("Empty: no limit. 0: none at all.") if may_be_empty else "",
    )


@admin.register(PolicySetting)
class PolicySettingAdmin(ModelAdmin):
    """Our own choices, each with who answers for it and why; every change is kept."""

    form = PolicyForm
    list_display = ("name", "says", "owner", "reason", "is_fixed", "changed_at")
    list_filter = (("is_fixed", BooleanRadioFilter),)
    search_fields = ("code",)
    fields = ("code", "value", "owner", "reason", "is_fixed", "changed_at")
    readonly_fields = ("code", "is_fixed", "changed_at")

    @display(description=_("Setting"))
    def name(self, obj: PolicySetting) -> str:
        return str(POLICIES.get(obj.code) or words.spaced(obj.code))

    @display(description=_("Value"))
    def says(self, obj: PolicySetting) -> str:
        if isinstance(obj.value, bool):
            return _("yes") if obj.value else _("no")
        return _("none") if obj.value is None else str(obj.value)

    def render_change_form(self, request: HttpRequest, context: dict[str, object], **kwargs: object) -> HttpResponse:
        return super().render_change_form(request, context | {"row_title": self.name(kwargs["obj"])}, **kwargs)

    def save_model(self, request: HttpRequest, obj: PolicySetting, form: forms.ModelForm, change: bool) -> None:
        if obj.value is None:
            obj.value = Value(None, JSONField())  # “no limit” is a value; a bare None would be no value at all
        super().save_model(request, obj, form, change)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: PolicySetting | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or not obj.is_fixed)


@admin.register(Emergency)
class EmergencyAdmin(ModelAdmin):
    empty_text = _("No state of emergency is on record. Louisiana and New York bar sales contact while one lasts.")
    list_display = ("state", "starts_at", "ends_at", "source")
    search_fields = ("state__exact",)
    ordering = ("-starts_at",)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class DisclosureForm(forms.ModelForm):
    """What the text covers is ticked, so that nobody has to know the codes."""

    channels = Ticks(label=_("Channels"), choices=GrantChannel.choices)
    purposes = Ticks(label=_("Purposes"), choices=Purpose.choices)
    elements = Ticks(
        label=_("What it says"), choices=ELEMENTS, required=False,
        help_text=_("The text and the form around it; all six are needed for written consent."),
    )  # fmt: skip

    class Meta:
        model = Disclosure
        fields = "__all__"

    def add_prefix(self, field_name: str) -> str:
        """An input named “elements” would hide the form's own list of inputs from the scripts of the page."""
        return super().add_prefix("said" if field_name == "elements" else field_name)


@admin.register(Disclosure)
class DisclosureAdmin(ModelAdmin):
    """A text that people have seen cannot be changed; write the next version instead."""

    form = DisclosureForm
    list_display = ("code", "version", "seller", "level", "language", "is_used", "created_at", "retired_at")
    list_filter = (("level", ChoicesDropdownFilter),)
    list_select_related = ("seller",)
    search_fields = ("code",)
    ordering = ("code", "-version", "language")
    readonly_fields = ("sha256", "created_at")
    fields = ("code", "version", "seller", "text", "language", "channels", "purposes", "level", "elements", "sha256",
              "created_at", "retired_at")  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        # As the first of a range and not as one that is equal: for a text that nobody saw PostgreSQL would read all
        # events, because most texts are found on the first page.
        events = ConsentEvent.objects.filter(disclosure__gte=OuterRef("pk"), disclosure__lte=OuterRef("pk"))
        first = Subquery(events.order_by("disclosure").values("disclosure")[:1])
        return super().get_queryset(request).annotate(shown_as=first)

    def get_readonly_fields(self, request: HttpRequest, obj: Disclosure | None = None) -> Sequence[str]:
        if obj is None or obj.shown_as is None:
            return self.readonly_fields
        return [name for name in self.fields if name != "retired_at"]

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    @display(description=_("Was shown"), boolean=True)
    def is_used(self, obj: Disclosure) -> bool:
        return obj.shown_as is not None


@admin.register(Seller)
class SellerAdmin(CodedAdmin):
    list_display = ("name", "code", "is_sms_sender_registered", "is_covered_entity", "is_active")
