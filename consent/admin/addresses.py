"""Search a number, a mailbox or a person; see permission as of any moment; record a withdrawal; hand out proof."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from consent import addresses, bundle, fhir, noting, people, timeline
from consent.addresses import InvalidAddress
from consent.models import Address, Permission
from consent.vocabulary import AddressKind
from consent.withdrawals import record_withdrawal
from medcrm.lib import phones
from medcrm.lib.actions import ActionForm, service_action, verb_permission
from medcrm.lib.admin import ReadOnlyAdmin
from medcrm.lib.badges import badge
from medcrm.lib.columns import display
from medcrm.lib.errors import RuleError
from medcrm.lib.filters import ChoicesDropdownFilter

LOOKS = {
    "granted": ("good", "check_circle"),
    "none": ("quiet", "remove"),
    "review": ("warn", "person_search"),
    "blocked": ("bad", "block"),
}
FORGET = "privacy.add_erasure"
SCOPES = [
    ("all", _("Stop marketing, and anything automated (the usual meaning)")),
    ("marketing", _("Stop marketing only; they said so")),
    ("dnc", _("Put on our do-not-call list")),
    ("all_contact", _("Stop calls, texts and mail")),
    ("everything", _("Never contact again, not by hand either")),
]


def find_addresses(term: str) -> list[int]:
    """Find addresses by number in any format, by mailbox, or by the name of a person; each by an index."""
    for kind, normalise in (("email", addresses.normalise_email), ("phone", addresses.normalise_phone)):
        try:
            found = addresses.find(kind, normalise(term))
        except InvalidAddress:
            continue
        if found:
            return [found.pk]
    return people.find(term)


class ByAddress:
    """Search of a list whose rows belong to an address, or are addresses."""

    search_help_text = _("Number in any format, e-mail address, or a person's name")
    address_lookup = "address__in"
    about = ("consent.address", "address_id")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(**{self.address_lookup: find_addresses(search_term)}), False


class WithdrawalForm(ActionForm):
    scope = forms.ChoiceField(label=_("What they want"), choices=SCOPES)
    said = forms.CharField(
        label=_("How they said it"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("In their words, and by which means: “letter of 3 May: please no more calls”."),
    )
    occurred_at = forms.DateTimeField(
        label=_("When"), required=False, help_text=_("On the clock of your team. Empty means now.")
    )


class NumberCheckForm(ActionForm):
    result = forms.ChoiceField(
        label=_("Does the number belong to someone else now?"),
        choices=[(each.value, each.label) for each in noting.ANSWERS],
    )
    checked_at = forms.DateTimeField(
        label=_("When it was looked up"), required=False, help_text=_("On the clock of your team. Empty means now.")
    )
    note = forms.CharField(
        label=_("Note"), max_length=200, required=False, help_text=_("e.g. the number of the query or its file.")
    )


class LineForm(ActionForm):
    line_type = forms.ChoiceField(label=_("Kind of line"), choices=[(each.value, each.label) for each in noting.LINES])
    reason = forms.CharField(
        label=_("How you know"),
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("e.g. “carrier lookup 117” or “the switchboard of their practice answers”."),
    )


class SaidForm(ActionForm):
    kind = forms.ChoiceField(
        label=_("What they said or signed"), choices=[(each.value, each.label) for each in noting.SAID]
    )
    said = forms.CharField(
        label=_("How, or where the paper is"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("In their words, or where the signed form is kept: “said on the call: I live in Phoenix now”."),
    )
    occurred_at = forms.DateTimeField(
        label=_("When"), required=False, help_text=_("On the clock of your team. Empty means now.")
    )
    state = forms.CharField(
        label=_("State"), max_length=2, required=False, help_text=_("Where they are, in two letters: AZ.")
    )
    expires_at = forms.DateTimeField(
        label=_("Ends"), required=False, help_text=_("When a HIPAA authorization ends, as it says.")
    )
    states_payment = forms.BooleanField(label=_("The authorization names the payment by a third party"), required=False)


class ReasonForm(ActionForm):
    reason = forms.CharField(label=_("Why"), max_length=60, help_text=_("e.g. “request of 3 May, ticket 117”."))


@admin.register(Address)
class AddressAdmin(ByAddress, ReadOnlyAdmin):
    """One page per address: the permission, the story, the proof."""

    empty_text = _("Addresses appear with the first inquiry, import or message.")
    change_form_template = "consent/address.html"
    list_display = ("named", "kind", "permission", "links", "erased_at")
    list_filter = (("kind", ChoicesDropdownFilter),)
    search_fields = ("value",)
    address_lookup = "pk__in"
    about = ("consent.address", "pk")
    ordering = ("-pk",)
    sortable_by = ()
    actions_detail = ("withdraw", "number_check", "line", "said")
    fits: ClassVar = dict.fromkeys(("number_check", "line"), lambda address: address.kind == AddressKind.PHONE)
    fields = ("kind", "value", "erased_at", "broken_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).prefetch_related("permissions")

    @display(description=_("Address"))
    def named(self, obj: Address) -> str:
        return phones.spoken(obj.value) if obj.kind == "phone" and obj.value else str(obj)

    @display(description=_("Permission"))
    def permission(self, obj: Address) -> SafeString:
        said = ((p.get_channel_display(), _state_badge(p.state)) for p in _sorted(obj))
        return format_html('<span class="mc-sentence">{}</span>', format_html_join(" ", "{} {}", said))

    @display(description=_("Events"))
    def links(self, obj: Address) -> int:
        return obj.head_seq

    @service_action(
        _("Record a withdrawal"),
        permissions=["revoke"],
        form=WithdrawalForm,
        icon="block",
        variant="primary",
        text=_("Takes effect at once, for every lead with this address. It cannot be taken back here."),
    )
    def withdraw(
        self, request: HttpRequest, pk: int, *, at: datetime, scope: str, said: str, occurred_at: datetime | None
    ) -> None:
        record_withdrawal(pk, scope, said=said, occurred_at=occurred_at or at, by=request.user, at=at)

    @service_action(
        _("Looked up"),
        permissions=["revoke"],
        form=NumberCheckForm,
        icon="fact_check",
        text=_("What the Reassigned Numbers Database answered. Texts need a fresh one; “reassigned” ends all contact."),
    )
    def number_check(
        self, request: HttpRequest, pk: int, *, at: datetime, result: str, checked_at: datetime | None, note: str
    ) -> None:
        noting.note_number_check(pk, result, checked_at=checked_at or at, by=request.user, at=at, note=note)

    @service_action(
        _("Kind of line"),
        permissions=["revoke"],
        form=LineForm,
        icon="phone_enabled",
        text=_("What is not known counts as a mobile. The national list does not bar calls to a business's landline."),
    )
    def line(self, request: HttpRequest, pk: int, *, at: datetime, line_type: str, reason: str) -> None:
        noting.note_line_type(pk, line_type, reason=reason, by=request.user, at=at)

    @service_action(
        _("Record a statement"),
        permissions=["revoke"],
        form=SaidForm,
        icon="edit_note",
        text=_("Takes effect at once, for every lead with this address."),
    )
    def said(
        self, request: HttpRequest, pk: int, *, at: datetime, kind: str, occurred_at: datetime | None, **told: object
    ) -> None:
        noting.note_said(pk, kind, occurred_at=occurred_at or at, by=request.user, at=at, **told)

    def get_urls(self) -> list[URLPattern]:
        def named(view: Callable[..., HttpResponse], part: str) -> URLPattern:
            guarded = self.admin_site.admin_view(require_POST(view))
            return path(f"<int:pk>/{part}/", guarded, name=f"consent_address_{part}")

        return [named(self.evidence_view, "evidence"), named(self.fhir_view, "fhir"), *super().get_urls()]

    def evidence_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Hand out the bundle as of the moment on the page; the export is logged."""
        address, at, reason = self._to_export(request, pk)
        try:
            made = bundle.export(address, as_of=at, at=timezone.now(), by=request.user, reason=reason)
        except RuleError as error:
            return self._back(request, pk, error)
        return download(made.content, made.name, "application/zip")

    def fhir_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Hand out the permission as FHIR R4; the export is logged."""
        address, at, reason = self._to_export(request, pk)
        try:
            text = fhir.export(address, as_of=at, at=timezone.now(), by=request.user, reason=reason)
        except RuleError as error:
            return self._back(request, pk, error)
        return download(text.encode(), f"consent-{address.pk}.json", "application/fhir+json")

    def _back(self, request: HttpRequest, pk: int, error: RuleError) -> HttpResponse:
        self.message_user(request, error.message, messages.ERROR)
        return HttpResponseRedirect(reverse("admin:consent_address_change", args=[pk]))

    def _to_export(self, request: HttpRequest, pk: int) -> tuple[Address, datetime, str]:
        address = self.get_object(request, str(pk))
        if address is None:
            raise Http404
        if not self.has_export_permission(request):
            raise PermissionDenied
        return address, as_of(request.POST.get("at", "")), request.POST.get("reason", "")

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict | None = None
    ) -> HttpResponse:
        address = self.get_object(request, object_id) if object_id else None
        context = dict(extra_context or {})
        if address is not None and request.method == "GET":
            at = as_of(request.GET.get("at", ""))
            shows_words = request.user.has_perm("consent.view_consentevent")
            context["story"] = timeline.read(address, at=at, shows_words=shows_words)
            context["channels"] = [(told, _state_badge(told.view.state)) for told in context["story"].channels]
            context["is_now"] = "at" not in request.GET
            context["may_export"] = self.has_export_permission(request)
            # One road to forgetting: by request, which shows first whom it concerns and asks the litigation holds.
            if address.value and request.user.has_perm(FORGET):
                context["forget_url"] = f"{reverse('admin:privacy_erasure_add')}?address={address.pk}"
            context["title"] = _t("Permission to contact %(address)s") % {"address": address}
        return super().changeform_view(request, object_id, form_url, context)

    has_revoke_permission = verb_permission("revoke")
    has_export_permission = verb_permission("export")


def as_of(text: str) -> datetime:
    """Read the moment of an as-of field, which is asked for in UTC; now if it is empty, unreadable or still to come."""
    try:
        moment = parse_datetime(text.strip().replace(" ", "T")) if text.strip() else None
    except ValueError:
        moment = None
    now = timezone.now()
    if moment is None:
        return now
    return min(now, moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _sorted(address: Address) -> list[Permission]:
    return sorted(address.permissions.all(), key=lambda permission: permission.channel, reverse=True)


def _state_badge(state: str) -> SafeString:
    tone, symbol = LOOKS[state]
    return badge(state, Permission(state=state).get_state_display(), tone=tone, symbol=symbol)


def download(content: bytes, name: str, kind: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return HttpResponse(content, content_type=kind, headers=headers)
