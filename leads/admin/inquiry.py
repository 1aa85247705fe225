"""What came in, word for word, and the queue of what could not be taken in: repaired here and replayed."""

from __future__ import annotations

import json
from typing import ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from leads.admin.base import OfLead
from leads.models import Inquiry, Interaction, Lead
from leads.search import find_leads
from leads.services import intake
from leads.submission import fields_of
from leads.visibility import names_known, visible
from medcrm.lib.access import scope_of
from medcrm.lib.actions import ActionForm, service_action, verb_permission
from medcrm.lib.admin import ReadOnlyAdmin
from medcrm.lib.badges import badge
from medcrm.lib.columns import badge_column, display
from medcrm.lib.filters import BooleanRadioFilter, ChoicesDropdownFilter, RangeDateFilter, RelatedDropdownFilter


class RepairForm(ActionForm):
    """One box per field of the submission as it came, the wrong ones first and said to be wrong."""

    def __init__(self, data: object = None, *, obj: Inquiry | None = None, request: HttpRequest) -> None:
        super().__init__(data, obj=obj, request=request)
        if obj is None:
            return
        self.sent = obj.repaired or fields_of(obj.raw_body)
        wrong = [name for name in obj.errors if name != "body"]
        for name in [*wrong, *(name for name in self.sent if name not in wrong)]:
            value = self.sent.get(name, "")
            self.fields[name] = forms.CharField(
                label=name.replace("_", " ").capitalize(),
                required=False,
                initial=_in_a_box(value),
                help_text=" ".join(obj.errors.get(name, [])),
            )
        if not self.sent:
            text = forms.Textarea(attrs={"rows": 10})
            self.fields["body"] = forms.CharField(label=_("The submission"), widget=text, initial=obj.raw_body)
        self.look()

    def clean(self) -> dict[str, object]:
        """Give lists and numbers back as what they were; the boxes hold text."""
        cleaned = super().clean() or {}
        if "body" in self.fields:
            return {"fields": intake_fields(cleaned.get("body", ""))}
        return {"fields": {name: _as_sent(value, self.sent.get(name)) for name, value in cleaned.items()}}


def intake_fields(body: str) -> dict[str, object]:
    found = fields_of(body)
    if not found:
        raise forms.ValidationError(_("This is still not readable. It must be one JSON object."))
    return found


def _in_lines(said: object) -> SafeString:
    """What was sent, as it was sent, a field a line where it is readable."""
    text = said if isinstance(said, str) else json.dumps(said, indent=1, ensure_ascii=False)
    return format_html('<pre class="mc-raw" tabindex="0">{}</pre>', text[:20_000])


def _in_a_box(value: object) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value)


def _as_sent(text: str, sent: object) -> object:
    if isinstance(sent, str) or sent is None:
        return text
    if isinstance(sent, list) and not text.startswith("["):
        return [item.strip() for item in text.split(",") if item.strip()]
    try:
        return json.loads(text)
    except ValueError:
        return text


@admin.register(Inquiry)
class InquiryAdmin(OfLead, ReadOnlyAdmin):
    list_display = ("received_at", "source", "status_badge", "of_lead", "repeat", "what_is_wrong")
    list_select_related = ("lead", "source")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("source", RelatedDropdownFilter),
        ("is_repeat", BooleanRadioFilter),
        ("received_at", RangeDateFilter),
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("source", "received_at"),
                    ("campaign", "page_url"),
                    ("status_badge", "settled_at"),
                    "of_lead",
                )
            },
        ),
        (None, {"fields": ("errors_in_words", "raw_in_lines", "repaired_in_lines")}),
        (_("Delivery"), {"fields": (("came_from", "user_agent"), "entered_by", "idempotency_key", "seal")}),
    )
    readonly_fields = (
        "status_badge", "of_lead", "errors_in_words", "raw_in_lines", "repaired_in_lines", "came_from", "entered_by",
        "seal",
    )  # fmt: skip
    fits: ClassVar = {"repair": lambda inquiry: inquiry.status == Inquiry.Status.REFUSED}
    actions_detail = ("repair",)
    empty_text = _("Inquiries appear here as forms are sent. To receive some, open a source and make a key for it.")
    status_badge = badge_column("status", _("Status"))
    has_repair_permission = verb_permission("repair")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        # Without a lead nobody can tell whose it would be: only who sees all teams repairs those. What was sent stays
        # as it was, also after a repair that names another service.
        queryset = super(OfLead, self).get_queryset(request)
        condition = Q(lead__isnull=False) & visible(request.user, "lead__")
        if scope_of(request.user).sees_all_teams:
            condition |= Q(lead__isnull=True)
        return queryset.filter(condition, names_known(request.user, "service"))

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        if not search_term.strip():
            return queryset, False
        leads = find_leads(Lead.objects.filter(visible(request.user)), search_term)
        return queryset.filter(lead__in=list(leads.order_by().values_list("pk", flat=True)[:500])), False

    @display(description=_("Repeat"))
    def repeat(self, obj: Inquiry) -> SafeString | None:
        return badge("repeat", _now("repeat"), symbol="repeat") if obj.is_repeat else None

    @display(description=_("What is wrong"))
    def what_is_wrong(self, obj: Inquiry) -> str:
        return "; ".join(f"{name.replace('_', ' ')}: {' '.join(found)}" for name, found in obj.errors.items())

    @display(description=_("What is wrong"))
    def errors_in_words(self, obj: Inquiry) -> SafeString | str:
        if not obj.errors:
            return _("Nothing.")
        rows = [(name.replace("_", " "), " ".join(found)) for name, found in obj.errors.items()]
        return format_html('<ul class="mc-list">{}</ul>', format_html_join("", "<li><b>{}</b>: {}</li>", rows))

    @display(description=_("As received"))
    def raw_in_lines(self, obj: Inquiry) -> SafeString:
        return _in_lines(fields_of(obj.raw_body) or obj.raw_body)

    @display(description=_("After repair"))
    def repaired_in_lines(self, obj: Inquiry) -> SafeString | str:
        return _in_lines(obj.repaired) if obj.repaired else _("Nobody repaired it.")

    @display(description=_("Network address"))
    def came_from(self, obj: Inquiry) -> str | None:
        return obj.remote_addr

    @display(description=_("Entered by"))
    def entered_by(self, obj: Inquiry) -> str:
        """Who typed it in while the person rang or stood there; a form and a system have no name."""
        entry = Interaction.objects.filter(inquiry=obj).exclude(by=None).select_related("by").first()
        return entry.by.get_full_name() or entry.by.get_username() if entry else ""

    @display(description=_("Seal of the text (SHA-256)"))
    def seal(self, obj: Inquiry) -> str:
        return obj.body_sha256

    @service_action(
        _("Replay after repair"),
        permissions=["repair"],
        form=RepairForm,
        icon="build",
        variant="primary",
        text=_("What came in stays as it is; the repaired copy goes through the same checks again."),
        submit=_("Replay"),
    )
    def repair(self, request: HttpRequest, pk: int, *, at, fields: dict[str, object]) -> None:
        intake.replay(pk, fields, by=request.user, at=at)
