"""Forgetting people, keeping what a case needs, and how long the rest is kept."""

from __future__ import annotations

import json
from typing import ClassVar

from django import forms
from django.apps import apps
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from consent.models import Address
from leads.models import Lead
from medcrm.lib import reading
from medcrm.lib.actions import service_action, verb_permission, widgets
from medcrm.lib.admin import ModelAdmin, ReadOnlyAdmin
from medcrm.lib.columns import badge_column, display, link
from medcrm.lib.errors import RuleError
from medcrm.lib.filters import ChoicesDropdownFilter
from medcrm.lib.moments import said
from privacy import erasure, holds, pdf, people
from privacy.models import Erasure, Hold, RetentionRule, RetentionRun


class _ByPerson(forms.ModelForm):
    """A person is named by lead id, phone or e-mail, and what was typed is not kept."""

    whom = forms.CharField(
        label=_("Whom?"),
        max_length=254,
        help_text=_("Lead id, phone number or e-mail address, e.g. “512-555-0142”; what you type is not kept."),
        widget=widgets.UnfoldAdminTextInputWidget,
    )

    chosen = forms.MultipleChoiceField(
        label=_("Which of them?"),
        required=False,
        widget=widgets.UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("Only what is ticked, and what was merged with it, is meant. A shared address stays the others'."),
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Ask whose leads these are only where several persons have what was typed."""
        super().__init__(*args, **kwargs)
        leads = several(self.data.get("whom", ""))
        if leads:
            self.fields["chosen"].choices = [(str(lead.public_id), told(lead)) for lead in leads]
        else:
            del self.fields["chosen"]

    def clean(self) -> dict[str, object]:
        given = super().clean()
        if "whom" not in given:  # it has its own sentence already
            return given
        try:
            given["person"] = people.find_person(given.get("whom", ""), given.get("chosen", ()))
        except people.SeveralPersons:
            self.add_error("chosen", _("Several persons are known by this. Tick the leads of the one it is about."))
        except RuleError as error:
            self.add_error("whom", error.message)
        return given


def several(term: str) -> list[Lead]:
    """The leads with this address where they are not of one person; otherwise none."""
    leads = people.leads_by(term)
    return [] if people.is_one(leads) else leads


def told(lead: Lead) -> str:
    """Enough to tell two people apart: name, what the lead is, since when, and its id."""
    name = lead.name or lead.organisation or _("No name")
    return f"{name} · {lead.get_lead_type_display()} · {said(lead.created_at)} · {lead.public_id}"


class _ByPersonAdmin(ModelAdmin):
    """Adds a row about a person, who is found by what is typed and, where several are, ticked."""

    def asked(self, request: HttpRequest) -> tuple:
        leads = several(request.POST.get("whom", "")) if request.method == "POST" else []
        reading.note(request, "search", "leads.lead", [lead.pk for lead in leads])
        return ((None, {"fields": ("whom", *(["chosen"] if leads else []), "reason")}),)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, object]:
        """The address whose page led here; its value goes into the field, and never into the URL."""
        pk = request.GET.get("address", "")
        address = Address.objects.filter(pk=pk).first() if pk.isdecimal() and len(pk) < 19 else None
        if address is None or not request.user.has_perm("consent.view_address"):
            return {}
        reading.note(request, "view", "consent.address", [address.pk])
        return {"whom": address.value or ""}


class ErasureForm(_ByPerson):
    class Meta:
        model = Erasure
        fields = ("reason",)


class HoldForm(_ByPerson):
    class Meta:
        model = Hold
        fields = ("reason",)


@admin.register(Erasure)
class ErasureAdmin(_ByPersonAdmin):
    form = ErasureForm
    list_display = ("requested_at", "reason", "state_badge", "how_many", "settled_at", "settled_by")
    list_select_related = ("settled_by",)
    list_filter = (("state", ChoicesDropdownFilter),)
    sortable_by = ()
    actions_detail = ("erase", "drop")
    fits: ClassVar = {name: lambda request: request.state == Erasure.State.FOUND for name in actions_detail}
    empty_text = _("Add a request with the lead id, phone or e-mail of the person; what is known is shown first.")
    state_badge = badge_column("state", _("State"))
    has_erase_permission = verb_permission("erase")

    def get_fieldsets(self, request: HttpRequest, obj: Erasure | None = None) -> tuple:
        if obj is None:
            return self.asked(request)
        return (
            (None, {"fields": (("state_badge", "reason"), ("requested_at", "requested_by"), "certificate")}),
            (_("Known facts"), {"fields": ("of_leads", "rows_found")}),
            (_("What was done"), {"fields": (("settled_at", "settled_by"), "rows_done")}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Erasure | None = None) -> tuple[str, ...]:
        shown = ("state_badge", "certificate", "of_leads", "rows_found", "rows_done")
        dates = ("reason", "requested_at", "requested_by", "settled_at", "settled_by")
        return (*shown, *dates) if obj else ()

    def save_model(self, request: HttpRequest, obj: Erasure, form: ErasureForm, change: bool) -> None:
        given = form.cleaned_data
        made = erasure.request_erasure(given["person"], reason=given["reason"], by=request.user, at=timezone.now())
        obj.pk, obj.public_id, obj.requested_at = made.pk, made.public_id, made.requested_at

    def get_urls(self) -> list:
        wrap = self.admin_site.admin_view
        own = [path("<path:object_id>/certificate.<str:kind>", wrap(self.download), name="privacy_erasure_certificate")]
        return [*own, *super().get_urls()]

    def download(self, request: HttpRequest, object_id: str, kind: str) -> HttpResponse:
        obj = self.get_object(request, object_id)
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        if obj is None or kind not in ("json", "pdf"):
            raise Http404
        body = erasure.certificate(obj)
        content = pdf.certificate(body) if kind == "pdf" else json.dumps(body, indent=1).encode()
        name = f"erasure-{obj.public_id}.{kind}"
        return HttpResponse(
            content,
            content_type=f"application/{kind}",
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"},
        )

    @display(description=_("Rows"))
    def how_many(self, obj: Erasure) -> int:
        return sum((obj.done or obj.found).values())

    @display(description=_("Certificate"))
    def certificate(self, obj: Erasure) -> SafeString | str:
        if obj.state == Erasure.State.FOUND:
            return _("When the request is settled.")
        urls = [
            (reverse("admin:privacy_erasure_certificate", args=[obj.pk, kind]), kind.upper())
            for kind in ("pdf", "json")
        ]
        return format_html_join(" · ", '<a class="mc-link" href="{}">{}</a>', urls)

    @display(description=_("Leads"))
    def of_leads(self, obj: Erasure) -> SafeString:
        leads = Lead.objects.filter(public_id__in=obj.leads).order_by("pk")
        return format_html_join(", ", "{}", [(link(lead, lead.public_id),) for lead in leads])

    @display(description=_("Rows found"))
    def rows_found(self, obj: Erasure) -> SafeString | str:
        return _table(obj.found)

    @display(description=_("Rows emptied or deleted"))
    def rows_done(self, obj: Erasure) -> SafeString | str:
        return _table(obj.done)

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    @service_action(
        _("Erase now"),
        permissions=["erase"],
        icon="delete_forever",
        variant="danger",
        text=_("This cannot be undone. The wish to be left alone, the chain and the statistics stay."),
    )
    def erase(self, request: HttpRequest, pk: int, *, at) -> None:
        erasure.erase(pk, by=request.user, at=at)

    @service_action(
        _("Drop the request"),
        permissions=["erase"],
        icon="block",
        text=_("Nothing is erased; the request stays on file."),
    )
    def drop(self, request: HttpRequest, pk: int, *, at) -> None:
        erasure.drop(pk, by=request.user, at=at)


@admin.register(Hold)
class HoldAdmin(_ByPersonAdmin):
    about = ("leads.lead", "lead_id")
    form = HoldForm
    list_display = ("placed_at", "reason", "of_lead", "placed_by", "lifted_at")
    list_select_related = ("lead", "placed_by")
    sortable_by = ()
    actions_detail = ("lift",)
    fits: ClassVar = {"lift": lambda hold: hold.lifted_at is None}
    empty_text = _("While a lead is on hold nothing about it is erased and nothing expires.")
    has_lift_permission = verb_permission("lift")

    def get_fieldsets(self, request: HttpRequest, obj: Hold | None = None) -> tuple:
        if obj is None:
            return self.asked(request)
        return ((None, {"fields": (("of_lead", "reason"), ("placed_at", "placed_by"), ("lifted_at", "lifted_by"))}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Hold | None = None) -> tuple[str, ...]:
        return ("of_lead", "reason", "placed_at", "placed_by", "lifted_at", "lifted_by") if obj else ()

    def save_model(self, request: HttpRequest, obj: Hold, form: HoldForm, change: bool) -> None:
        given, at = form.cleaned_data, timezone.now()
        for made in holds.place_holds(given["person"], reason=given["reason"], by=request.user, at=at):
            obj.pk, obj.lead_id = made.pk, made.lead_id

    @display(description=_("Lead"))
    def of_lead(self, obj: Hold) -> str:
        return link(obj.lead, obj.lead.public_id) if obj.lead else _("An address without a lead")

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    @service_action(
        _("Lift the hold"),
        permissions=["lift"],
        icon="lock_open",
        text=_("What is due may be erased again from now on."),
    )
    def lift(self, request: HttpRequest, pk: int, *, at) -> None:
        holds.lift_hold(pk, by=request.user, at=at)


@admin.register(RetentionRule)
class RetentionRuleAdmin(ModelAdmin):
    list_display = ("name", "kept_for", "basis", "note")
    fields = ("name", "days", "basis", "note")
    readonly_fields = ("name",)
    sortable_by = ()
    empty_text = _("An operator makes a rule for each kind of data: manage.py load_reference.")

    @display(description=_("Kept for"))
    def kept_for(self, obj: RetentionRule) -> str:
        if obj.days is None:
            return _("for ever")
        return ngettext("%(n)d day", "%(n)d days", obj.days) % {"n": obj.days}

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(RetentionRun)
class RetentionRunAdmin(ReadOnlyAdmin):
    list_display = ("at", "is_dry", "in_words")
    fields = ("at", "is_dry", "in_words")
    readonly_fields = ("in_words",)
    sortable_by = ()
    empty_text = _(
        "The retention rules are applied every night, and what went appears here. An operator can count first: "
        "manage.py apply_retention --dry-run."
    )

    @display(description=_("By rule"))
    def in_words(self, obj: RetentionRun) -> SafeString | str:
        rows = [(code, r["done"], r["due"], r["on_hold"]) for code, r in obj.results.items()]
        return format_html_join(", ", "{}: {} of {} ({} on hold)", rows) or _("No rule has days yet.")


def _table(rows: dict[str, int]) -> SafeString | str:
    if not rows:
        return _("None.")
    named = sorted((_called(label), n) for label, n in rows.items())
    items = format_html_join("", "<li><b>{}</b>: {}</li>", named)
    return format_html('<ul class="mc-list">{}</ul>', items)


def _called(label: str) -> str:
    """What a certificate counts by, in words: rows of a table, or files."""
    return capfirst(str(apps.get_model(label)._meta.verbose_name_plural)) if "." in label else _("Files of imports")
