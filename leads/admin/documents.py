"""What must be held before a visit: documents, authorizations, and what is still missing."""

from __future__ import annotations

from datetime import date, datetime

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from leads.admin.base import OfLead
from leads.models import Authorization, Document, DocumentStatus, MissingItem
from leads.services import events
from leads.vocabulary import AuthorizationState, DocumentState
from medcrm.lib.actions import ActionForm, service_action, verb_permission
from medcrm.lib.admin import ReadOnlyAdmin
from medcrm.lib.badges import badge
from medcrm.lib.columns import badge_column, display
from medcrm.lib.filters import ChoicesDropdownFilter, RangeDateFilter, RelatedDropdownFilter


class DocumentForm(ActionForm):
    status = forms.ChoiceField(label=_("Where does it stand?"), choices=DocumentState.choices)
    expires_on = forms.DateField(label=_("Valid until"), required=False)


class LeadDocumentForm(DocumentForm):
    document = forms.ModelChoiceField(
        Document.objects.filter(is_active=True), label=_("Which document?"), help_text=_("Any, asked for or not.")
    )
    field_order = ("document", "status", "expires_on")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        if self.obj is not None and not self.obj.is_organisation:
            self.fields["document"].queryset = Document.objects.filter(is_active=True, is_agreement=False)


class DocumentActions:
    """What the lead's page offers to who may record documents."""

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


class AuthorizationForm(ActionForm):
    status = forms.ChoiceField(label=_("Where does it stand?"), choices=AuthorizationState.choices)
    reference = forms.CharField(label=_("Payer's reference"), max_length=60, required=False)
    expires_on = forms.DateField(label=_("Valid until"), required=False)


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
