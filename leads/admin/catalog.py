"""What can be served: services, clinics, payers, offerings with their open slots, and the sources leads come from."""

from __future__ import annotations

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Min, OuterRef, QuerySet, Subquery, Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from leads.admin import asked
from leads.models import Availability, Clinic, Offering, OfferingPayer, Opening, Payer, ServiceLine, Source, SourceKey
from leads.services import catalogue, events, source_keys
from medcrm.lib.actions import ActionForm, service_action, verb_permission
from medcrm.lib.admin import CodedAdmin, ModelAdmin, ReadOnlyAdmin, ReadOnlyInline, TabularInline
from medcrm.lib.badges import badge, yes_no_badge
from medcrm.lib.columns import badge_column, display
from medcrm.lib.filters import ChoicesDropdownFilter, RangeDateFilter, RelatedDropdownFilter


class OfferingInline(ReadOnlyInline):
    """Changed on the offering's own page, which tells whoever waits for it."""

    model = Offering
    fields = readonly_fields = ("clinic", "accepts_new_patients")
    ordering = ("clinic__name",)
    show_change_link = True
    hide_title = False
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("clinic", "service")


@admin.register(ServiceLine)
class ServiceLineAdmin(CodedAdmin):
    list_display = ("name", "audience", "ages", "remote", "needs", "sensitive", "is_active")
    list_filter = (("audience", ChoicesDropdownFilter), "is_active")
    ticked = ("adjacent", "documents", "organisation_types", "specialties", "care_settings")
    fieldsets = (
        (None, {"fields": ("code", "name", "audience", "is_active")}),
        (_("Who is eligible"), {"fields": (("min_age", "max_age"), "telehealth")}),
        (_("Where it is not given"), {"fields": ("adjacent",)}),
        (
            _("For which organisations"),
            {
                "fields": ("organisation_types", "specialties", "care_settings", ("min_people", "max_people")),
                "description": _(
                    "Of a service for partners or businesses. Nothing ticked: it is for all of them. Who is none of "
                    "those that are ticked does not fit; who has not said is asked."
                ),
            },
        ),
        (_("What it needs"), {"fields": ("documents", "needs_agreement", "required_training")}),
    )
    inlines = (OfferingInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).prefetch_related("documents")

    @display(description=_("Ages"))
    def ages(self, obj: ServiceLine) -> str:
        if obj.max_age is None:
            return _("from %(min)s") % {"min": obj.min_age} if obj.min_age else _("all")
        return f"{obj.min_age}–{obj.max_age}"

    @display(description=_("Remote"))
    def remote(self, obj: ServiceLine) -> SafeString:
        return yes_no_badge(obj.telehealth)

    @display(description=_("Documents"))
    def needs(self, obj: ServiceLine) -> str:
        return ", ".join(document.name for document in obj.documents.all())

    @display(description=_("Sensitive"))
    def sensitive(self, obj: ServiceLine) -> SafeString | None:
        return badge("hold", _("trained staff only"), symbol="shield_person") if obj.is_sensitive else None


@admin.register(Clinic)
class ClinicAdmin(CodedAdmin):
    list_display = ("name", "city", "state", "zip", "timezone", "radius_miles", "is_active")
    list_filter = ("state", "is_active")
    ticked = ("documents",)


@admin.register(Payer)
class PayerAdmin(CodedAdmin):
    list_display = ("name", "code", "is_self_pay", "is_active")
    ticked = ("documents",)


class PayerTermInline(TabularInline):
    model = OfferingPayer
    fields = ("payer", "prior_authorization")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("payer", "offering__service", "offering__clinic")


class OpenDayInline(ReadOnlyInline):
    model = Availability
    fields = readonly_fields = ("date", "open_slots", "updated_at")
    verbose_name_plural = _("Open days")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).filter(date__gte=timezone.localdate()).order_by("date")


class SlotsForm(ActionForm):
    on = forms.DateField(label=_("Day"))
    slots = forms.IntegerField(label=_("Open slots"), min_value=0, max_value=500)


@admin.register(Offering)
class OfferingAdmin(ModelAdmin):
    list_display = ("service", "clinic", "open_to_new", "payer_count", "next_open", "slots_ahead")
    list_select_related = ("service", "clinic")
    list_filter = (("service", RelatedDropdownFilter), ("clinic", RelatedDropdownFilter), "accepts_new_patients")
    search_fields = ("service__name", "clinic__name")
    fields = ("service", "clinic", "accepts_new_patients")
    inlines = (PayerTermInline, OpenDayInline)
    actions_detail = ("set_slots",)
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        ahead = Availability.objects.filter(offering=OuterRef("pk"), date__gte=timezone.localdate(), open_slots__gt=0)
        days = ahead.order_by().values("offering")
        terms = OfferingPayer.objects.filter(offering=OuterRef("pk")).order_by().values("offering")
        return (
            super()
            .get_queryset(request)
            .annotate(
                payer_total=Subquery(terms.annotate(n=Count("pk")).values("n")),
                first_day=Subquery(days.annotate(first=Min("date")).values("first")),
                slots=Subquery(days.annotate(n=Sum("open_slots")).values("n")),
            )
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Offering | None = None) -> tuple[str, ...]:
        return ("service", "clinic") if obj else ()

    def save_model(self, request: HttpRequest, obj: Offering, form: forms.ModelForm, change: bool) -> None:
        form.terms_before = catalogue.terms(obj.pk)
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: forms.ModelForm, formsets: list, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        catalogue.announce(form.instance.pk, form.terms_before, at=timezone.now())

    @display(description=_("New patients"))
    def open_to_new(self, obj: Offering) -> SafeString:
        return badge("pass", _("welcome")) if obj.accepts_new_patients else badge("stop", _("closed"))

    @display(description=_("Payers"))
    def payer_count(self, obj: Offering) -> int:
        return obj.payer_total or 0

    @display(description=_("First open day"))
    def next_open(self, obj: Offering) -> object:
        return obj.first_day

    @display(description=_("Open slots ahead"))
    def slots_ahead(self, obj: Offering) -> int:
        return obj.slots or 0

    @service_action(
        _("Set open slots"),
        permissions=["slots"],
        form=SlotsForm,
        icon="event_available",
        text=_("Slots that open wake the leads that wait for this service, best score first."),
        submit=_("Save"),
    )
    def set_slots(self, request: HttpRequest, pk: int, *, at, on, slots: int) -> None:
        offering = Offering.objects.get(pk=pk)
        events.set_availability(offering.service_id, offering.clinic_id, on, slots, at=at)

    def has_slots_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("leads.change_availability")

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Availability)
class AvailabilityAdmin(ReadOnlyAdmin):
    """Open slots by day; they are set on the offering, so that whoever waits for one is woken."""

    list_display = ("date", "service", "clinic", "open_slots", "updated_at")
    list_select_related = ("offering__service", "offering__clinic")
    list_filter = (
        ("date", RangeDateFilter),
        ("offering__service", RelatedDropdownFilter),
        ("offering__clinic", RelatedDropdownFilter),
    )
    ordering = ("date", "pk")
    sortable_by = ()
    empty_text = _("Open an offering and set its open slots.")

    @display(description=_("Service"))
    def service(self, obj: Availability) -> str:
        return obj.offering.service.name

    @display(description=_("Clinic"))
    def clinic(self, obj: Availability) -> str:
        return obj.offering.clinic.name


@admin.register(Opening)
class OpeningAdmin(ReadOnlyAdmin):
    """What opened, and how many leads it has woken so far; it is made by editing an offering."""

    list_display = ("at", "offering", "what", "woken", "state")
    list_select_related = ("kind", "payer", "offering__service", "offering__clinic")
    list_filter = (("kind", RelatedDropdownFilter), ("at", RangeDateFilter))
    fields = ("offering", "kind", "payer", ("at", "done_at"), "woken")
    sortable_by = ()
    empty_text = _("When an offering accepts another payer or takes new patients again, who waits for it is woken.")

    @display(description=_("What opened"))
    def what(self, obj: Opening) -> str:
        return _now("%(payer)s accepted") % {"payer": obj.payer} if obj.payer else _now("takes new patients")

    @display(description=_("State"))
    def state(self, obj: Opening) -> SafeString:
        return badge("accepted", _("all woken")) if obj.done_at else badge("active", _("waking leads"))


class KeyInline(ReadOnlyInline):
    model = SourceKey
    fields = readonly_fields = ("prefix", "label", "created_at", "revoked_at")
    verbose_name_plural = _("Keys")
    tab = True


class KeyForm(ActionForm):
    label = forms.CharField(label=_("What is it for?"), max_length=80, help_text=_("e.g. “Website, spring campaign”."))


class SourceForm(forms.ModelForm):
    """A source whose form asks only what an inquiry can hold."""

    questions = asked.QuestionsField(
        label=_("Questions"),
        required=False,
        help_text=_(
            "The form asks in the order of the places; write 15 to put one between 10 and 20. "
            "Nothing asked: the usual questions of a first contact."
        ),
    )


@admin.register(Source)
class SourceAdmin(CodedAdmin):
    form = SourceForm
    list_display = ("name", "kind", "intent_badge", "expectation", "disclosure", "is_active")
    list_select_related = ("disclosure",)
    list_filter = (("kind", ChoicesDropdownFilter), ("intent", ChoicesDropdownFilter), "is_active")
    inlines = (KeyInline,)
    actions_detail = ("issue_key",)
    intent_badge = badge_column("intent", _("Intent"))

    def get_fields(self, request: HttpRequest, obj: Source | None = None) -> list[str]:
        is_changed = obj is None or self.has_change_permission(request, obj)
        left_out = "asked_in_words" if is_changed else "questions"
        return [name for name in super().get_fields(request, obj) if name != left_out]

    def get_readonly_fields(self, request: HttpRequest, obj: Source | None = None) -> tuple[str, ...]:
        return (*super().get_readonly_fields(request, obj), "asked_in_words")

    @display(description=_("Questions"))
    def asked_in_words(self, obj: Source) -> SafeString | str:
        return asked.in_words(obj.questions)

    @service_action(
        _("New key"),
        permissions=["issue_key"],
        form=KeyForm,
        icon="key",
        text=_("The key is shown once, right after this. Give it only to the form or system that posts inquiries."),
        submit=_("Make the key"),
    )
    def issue_key(self, request: HttpRequest, pk: str, *, at, label: str) -> None:
        key = source_keys.issue_key(Source.objects.get(pk=pk), label=label)
        text = _now("Copy the key now, it is not shown again:")
        messages.warning(request, format_html("{} <code>{}</code>", text, key))

    def has_issue_key_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("leads.issue_sourcekey")


@admin.register(SourceKey)
class SourceKeyAdmin(ReadOnlyAdmin):
    list_display = ("source", "prefix", "label", "state", "created_at", "revoked_at")
    list_select_related = ("source",)
    list_filter = (("source", RelatedDropdownFilter),)
    actions = actions_detail = ("revoke",)
    sortable_by = ()
    empty_text = _("Open a source and make a key for it.")
    has_revoke_permission = verb_permission("revoke")

    @display(description=_("State"))
    def state(self, obj: SourceKey) -> SafeString:
        return badge("stop", _("revoked")) if obj.revoked_at else badge("active", _("in use"))

    @service_action(
        _("Revoke"),
        permissions=["revoke"],
        icon="key_off",
        variant="danger",
        text=_("Inquiries sent with this key are refused from now on. This cannot be undone."),
    )
    def revoke(self, request: HttpRequest, pk: int, *, at) -> None:
        source_keys.revoke_key(pk, at=at)
