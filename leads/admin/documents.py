"""What must be held before a visit: documents, authorizations, and what is still missing."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar

from django import forms
from django.contrib import admin
from django.db.models import TextChoices
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from leads.admin.base import OfLead
from leads.models import Authorization, Document, DocumentStatus, Lead, MissingItem, Payer
from leads.services import events
from leads.vocabulary import AuthorizationState, DocumentState
from medcrm.lib.actions import ActionForm, service_action, verb_permission
from medcrm.lib.admin import ReadOnlyAdmin
from medcrm.lib.badges import badge
from medcrm.lib.columns import badge_column, display
from medcrm.lib.filters import ChoicesDropdownFilter, RangeDateFilter, RelatedDropdownFilter


class StandingForm(ActionForm):
    """Where a paper stands is chosen, never taken for granted: “not needed” opens the way to a visit."""

    STATES: ClassVar[type[TextChoices]]
    status = forms.ChoiceField(label=_("Where does it stand?"))
    expires_on = forms.DateField(label=_("Valid until"), required=False)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["status"].choices = [("", _("choose…")), *self.STATES.choices]

    def clean_expires_on(self) -> date | None:
        day = self.cleaned_data["expires_on"]
        if day and day < timezone.localdate() and self.data.get("status") != self.STATES.EXPIRED:
            raise forms.ValidationError(_("That day is already past. Choose “Expired”, or check the date."))
        return day


class DocumentForm(StandingForm):
    STATES = DocumentState


class LeadDocumentForm(DocumentForm):
    document = forms.ModelChoiceField(
        Document.objects.filter(is_active=True), label=_("Which document?"), help_text=_("Any, asked for or not.")
    )
    field_order = ("document", "status", "expires_on")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        if self.obj is not None and not self.obj.is_organisation:
            self.fields["document"].queryset = Document.objects.filter(is_active=True, is_agreement=False)


class AgreementForm(LeadDocumentForm):
    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        rows = self.fields["document"].queryset.filter(is_agreement=True)
        self.fields["document"].queryset = rows
        self.fields["document"].help_text = _("What has to be signed before we work together.")


class AuthorizationForm(StandingForm):
    STATES = AuthorizationState
    reference = forms.CharField(label=_("Payer's reference"), max_length=60, required=False)
    field_order = ("status", "reference", "expires_on")


class LeadAuthorizationForm(AuthorizationForm):
    """The authorization of the service that the lead asks for, by its own payer unless another is chosen."""

    payer = forms.ModelChoiceField(
        Payer.objects.filter(is_active=True, is_self_pay=False),
        label=_("Which payer?"),
        help_text=_("One by another payer than the lead's counts when the lead has that payer."),
    )
    field_order = ("payer", "status", "reference", "expires_on")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        if self.obj is not None:
            self.fields["payer"].initial = self.obj.payer_id

    def clean(self) -> dict[str, object]:
        if self.obj is not None and (self.obj.is_organisation or self.obj.service_id is None):
            told = _("An authorization is for a patient's visit. Correct the lead's type or its service first.")
            raise forms.ValidationError(told)
        return super().clean() or {}


class DocumentActions:
    """What the lead's page offers to who may record documents, or agreements alone."""

    @service_action(
        _("Record a document"),
        permissions=["document"],
        form=LeadDocumentForm,
        icon="task",
        text=_("A document that arrived wakes a lead that waits for it."),
        submit=_("Save"),
    )
    def record_document(
        self, request: HttpRequest, pk: int, *, at: datetime, document: Document, status: str, expires_on: date | None
    ) -> None:
        events.record_document(pk, document.pk, at=at, status=status, expires_on=expires_on, by=request.user)

    @service_action(
        _("Record an agreement"),
        permissions=["agreement"],
        form=AgreementForm,
        icon="contract",
        text=_("An agreement that came back signed wakes a lead that waits for it."),
        submit=_("Save"),
    )
    def record_agreement(
        self, request: HttpRequest, pk: int, *, at: datetime, document: Document, status: str, expires_on: date | None
    ) -> None:
        events.record_document(pk, document.pk, at=at, status=status, expires_on=expires_on, by=request.user)

    def has_agreement_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("leads.agree_documentstatus")

    @service_action(
        _("Record an authorization"),
        permissions=["authorization"],
        form=LeadAuthorizationForm,
        icon="verified_user",
        text=_("For the service the lead asks for. A payer's decision wakes a lead that waits for it."),
        submit=_("Save"),
    )
    def record_authorization(
        self,
        request: HttpRequest,
        pk: int,
        *,
        at: datetime,
        payer: Payer,
        status: str,
        reference: str,
        expires_on: date | None,
    ) -> None:
        service = Lead.objects.values_list("service", flat=True).get(pk=pk)
        said = {"payer": payer.pk, "reference": reference, "expires_on": expires_on}
        events.record_authorization(pk, service, status, at=at, by=request.user, **said)

    def has_authorization_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("leads.record_authorization")

    def has_document_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("leads.record_documentstatus")


@admin.register(DocumentStatus)
class DocumentStatusAdmin(OfLead, ReadOnlyAdmin):
    list_display = ("document", "of_lead", "status_badge", "changed_at", "expires_on")
    list_select_related = ("lead", "document")
    list_filter = (("status", ChoicesDropdownFilter), ("document", RelatedDropdownFilter))
    actions = actions_detail = ("record",)
    empty_text = _("Documents appear here when somebody asks for one or records one on a lead's page.")
    status_badge = badge_column("status", _("Status"))
    has_record_permission = verb_permission("record")

    @service_action(
        _("Record where it stands"),
        permissions=["record"],
        form=DocumentForm,
        icon="task",
        text=_("A document that arrived wakes a lead that waits for it."),
        submit=_("Save"),
    )
    def record(self, request: HttpRequest, pk: int, *, at, status: str, expires_on) -> None:
        row = DocumentStatus.objects.get(pk=pk)
        events.record_document(
            row.lead_id, row.document_id, at=at, status=status, expires_on=expires_on, by=request.user
        )


@admin.register(Authorization)
class AuthorizationAdmin(OfLead, ReadOnlyAdmin):
    list_display = ("service", "of_lead", "payer", "status_badge", "reference", "changed_at", "expires_on")
    list_select_related = ("lead", "service", "payer")
    list_filter = (("status", ChoicesDropdownFilter), ("payer", RelatedDropdownFilter))
    actions = actions_detail = ("record",)
    empty_text = _("Authorizations appear here when a payer asks for one.")
    status_badge = badge_column("status", _("Status"))
    has_record_permission = verb_permission("record")

    @service_action(
        _("Record where it stands"),
        permissions=["record"],
        form=AuthorizationForm,
        icon="task",
        text=_(
            "A payer's decision wakes a lead that waits for it. Where the payer was asked again and has not decided,"
            " record “Submitted” once more: the next asking counts from now."
        ),
        submit=_("Save"),
    )
    def record(self, request: HttpRequest, pk: int, *, at, status: str, reference: str, expires_on) -> None:
        row = Authorization.objects.get(pk=pk)
        events.record_authorization(
            row.lead_id,
            row.service_id,
            status,
            at=at,
            expires_on=expires_on,
            reference=reference,
            by=request.user,
        )


@admin.register(MissingItem)
class MissingItemAdmin(OfLead, ReadOnlyAdmin):
    list_display = ("kind", "of_lead", "state", "origin", "opened_at", "follow_up_on", "settled_at")
    list_select_related = ("lead", "kind")
    list_filter = (
        ("kind", RelatedDropdownFilter),
        ("origin", ChoicesDropdownFilter),
        ("follow_up_on", RangeDateFilter),
    )
    empty_text = _("Nothing is missing.")

    @display(description=_("State"))
    def state(self, obj: MissingItem) -> str:
        return badge("received", _("settled"), symbol="check_circle") if obj.settled_at else badge("missing", _("open"))
