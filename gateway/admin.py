"""Connected systems: who may do what by machine, their keys, and what was told to whom."""

from __future__ import annotations

from django import forms
from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from gateway import keys, outbox
from gateway.models import Client, Delivery, Key, OutboxEvent, Subscription, Try
from gateway.vocabulary import EventKind, ScopeCode
from leads.models import ServiceLine
from leads.visibility import visible
from medcrm.lib import access
from medcrm.lib.actions import ActionForm, service_action, verb_permission, widgets
from medcrm.lib.admin import CodedAdmin, ReadOnlyAdmin, ReadOnlyInline
from medcrm.lib.badges import badge
from medcrm.lib.columns import badge_column, display, link
from medcrm.lib.filters import ChoicesDropdownFilter, RangeDateFilter, RelatedDropdownFilter


class ManyField(forms.MultipleChoiceField):
    widget = widgets.UnfoldAdminCheckboxSelectMultipleWidget


class ClientForm(forms.ModelForm):
    """“All” is ticked, not left out, so that none and all are never the same."""

    scopes = ManyField(label=_("May"), choices=ScopeCode.choices, required=False)
    all_teams = forms.BooleanField(
        label=_("Sees leads of all teams"), required=False, initial=True, widget=widgets.UnfoldBooleanSwitchWidget
    )
    teams = ManyField(label=_("or of these teams"), required=False)
    all_services = forms.BooleanField(
        label=_("Sees every service that is not sensitive"),
        required=False,
        initial=True,
        widget=widgets.UnfoldBooleanSwitchWidget,
    )
    services = ManyField(
        label=_("or these services"), required=False, help_text=_("A sensitive service is seen only when it is named.")
    )

    class Meta:
        model = Client
        fields = ("code", "name", "is_active", "scopes", "teams", "services", "rate_per_minute")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["teams"].choices = list(access.team_names().items())
        self.fields["services"].choices = list(ServiceLine.objects.order_by("name").values_list("pk", "name"))
        if self.instance.pk:
            self.fields["all_teams"].initial = self.instance.teams is None
            self.fields["all_services"].initial = self.instance.services is None

    def clean(self) -> dict[str, object]:
        cleaned = super().clean()
        for name in ("teams", "services"):
            cleaned[name] = None if cleaned.get(f"all_{name}") else cleaned.get(name, [])
        return cleaned


class KeyInline(ReadOnlyInline):
    model = Key
    fields = readonly_fields = ("prefix", "label", "created_at", "expires_at", "last_used_on", "revoked_at")
    verbose_name_plural = _("Keys")
    tab = True


class KeyForm(ActionForm):
    label = forms.CharField(label=_("What is it for?"), max_length=80, help_text=_("e.g. “Scheduling, production”."))
    expires_on = forms.DateTimeField(label=_("Ends at"), required=False, help_text=_("Blank: until it is revoked."))


@admin.register(Client)
class ClientAdmin(CodedAdmin):
    form = ClientForm
    list_display = ("name", "code", "what_it_may", "whose", "rate_per_minute", "is_active")
    fieldsets = (
        (None, {"fields": (("code", "name"), ("is_active", "rate_per_minute"))}),
        (_("What it may do"), {"fields": ("scopes",)}),
        (_("Whose leads it sees"), {"fields": (("all_teams", "teams"), ("all_services", "services"))}),
    )
    inlines = (KeyInline,)
    actions_detail = ("issue_key",)
    empty_text = _("Add a client for each system that reads or writes by the API, then make a key for it.")

    def save_model(self, request: HttpRequest, obj: Client, form: ClientForm, change: bool) -> None:
        keys.save_client(obj)

    @display(description=_("May"))
    def what_it_may(self, obj: Client) -> str:
        return ", ".join(obj.scopes) or _("nothing")

    @display(description=_("Leads of"))
    def whose(self, obj: Client) -> str:
        return _("all teams") if obj.teams is None else ", ".join(obj.teams) or _("nobody")

    @service_action(
        _("New key"),
        permissions=["issue_key"],
        form=KeyForm,
        icon="key",
        text=_("The key is shown once, right after this. Give it only to that system."),
        submit=_("Make the key"),
    )
    def issue_key(self, request: HttpRequest, pk: str, *, at, label: str, expires_on) -> None:
        client = Client.objects.get(pk=pk)
        key = keys.issue_key(client, label=label, expires_at=expires_on, by=request.user, at=at)
        text = _now("Copy the key now, it is not shown again:")
        messages.warning(request, format_html("{} <code>{}</code>", text, key))

    def has_issue_key_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("gateway.issue_key")


@admin.register(Key)
class KeyAdmin(ReadOnlyAdmin):
    list_display = ("client", "prefix", "label", "state", "created_at", "last_used_on", "expires_at")
    list_select_related = ("client",)
    list_filter = (("client", RelatedDropdownFilter),)
    actions = actions_detail = ("revoke",)
    sortable_by = ()
    empty_text = _("Keys are made on the page of an API client.")
    has_revoke_permission = verb_permission("revoke")

    @display(description=_("State"))
    def state(self, obj: Key) -> SafeString:
        return badge("revoked", _("revoked"), symbol="block") if obj.revoked_at else badge("open", _("in force"))

    @service_action(
        _("Revoke"),
        permissions=["revoke"],
        icon="block",
        variant="danger",
        text=_("Requests with this key are refused from now on. Other keys of the client go on working."),
    )
    def revoke(self, request: HttpRequest, pk: int, *, at) -> None:
        keys.revoke_key(pk, at=at)


class SubscribeForm(ActionForm):
    url = forms.CharField(label=_("URL"), max_length=500, help_text=_("e.g. https://example.org/hooks/medcrm"))
    events = ManyField(label=_("Tell it when"), choices=EventKind.choices)


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    list_display = ("client", "url", "what", "state", "created_at")
    list_select_related = ("client",)
    list_filter = (("client", RelatedDropdownFilter),)
    fields = ("client", "url", "what", "state", "created_at", "ended_at", "ended_because", "old_salt_until")
    actions_detail = ("change_it", "rotate", "end", "replay_failed")
    empty_text = _("Webhooks are made by the systems themselves, with POST /api/v1/webhooks/.")
    has_operate_permission = verb_permission("operate")

    @display(description=_("Tells"))
    def what(self, obj: Subscription) -> str:
        return ", ".join(obj.events)

    @display(description=_("State"))
    def state(self, obj: Subscription) -> SafeString:
        return badge("open", _("active")) if obj.is_active else badge("revoked", _("ended"), symbol="block")

    @service_action(
        _("Change"),
        permissions=["operate"],
        form=SubscribeForm,
        icon="edit",
        text=_("What happens from now on goes there; what waits already goes to the new URL too."),
    )
    def change_it(self, request: HttpRequest, pk: int, *, at, url: str, events: list[str]) -> None:
        outbox.change_subscription(pk, url=url, events=events, at=at)

    @service_action(
        _("New secret"),
        permissions=["operate"],
        icon="key",
        text=_("The secret is shown once, right after this. For a day messages are signed with both."),
        submit=_("Make the secret"),
    )
    def rotate(self, request: HttpRequest, pk: int, *, at) -> None:
        secret = outbox.rotate_secret(pk, at=at)
        text = _now("Copy the secret now, it is not shown again:")
        messages.warning(request, format_html("{} <code>{}</code>", text, secret))

    @service_action(
        _("End"),
        permissions=["operate"],
        icon="block",
        variant="danger",
        text=_("Nothing more is sent, and what waits is dropped. The log stays."),
    )
    def end(self, request: HttpRequest, pk: int, *, at) -> None:
        outbox.end_subscription(pk, because="BY_STAFF", at=at)

    @service_action(
        _("Send again what failed"),
        permissions=["operate"],
        icon="replay",
        text=_("Everything that was given up goes out once more, in order, with the ids it had."),
    )
    def replay_failed(self, request: HttpRequest, pk: int, *, at) -> None:
        outbox.replay(Delivery.objects.filter(subscription=pk, state="failed"), at=at)


class TryInline(ReadOnlyInline):
    model = Try
    fields = readonly_fields = ("at", "status", "code", "took_ms")
    verbose_name_plural = _("Attempts")


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    about = ("leads.lead", "lead_id")
    list_display = ("happened_at", "kind", "of_lead", "subscription", "state_badge", "tries", "last_code", "due_at")
    list_select_related = ("event", "subscription__client", "lead")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("subscription", RelatedDropdownFilter),
        ("settled_at", RangeDateFilter),
    )
    fields = ("kind", "happened_at", "of_lead", "subscription", "state_badge", "tries", "due_at", "settled_at", "body")
    readonly_fields = ("kind", "happened_at", "of_lead", "state_badge", "body")
    inlines = (TryInline,)
    actions = actions_detail = ("replay",)
    sortable_by = ()
    empty_text = _("What was told to other systems appears here, attempt by attempt.")
    state_badge = badge_column("state", _("State"))
    has_replay_permission = verb_permission("replay")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        last = Try.objects.filter(delivery=OuterRef("pk")).order_by("-pk").values("code")[:1]
        rows = super().get_queryset(request).filter(visible(request.user, "lead__"))
        return rows.annotate(last=Subquery(last))

    @display(description=_("Happened at"))
    def happened_at(self, obj: Delivery) -> object:
        return obj.event.at

    @display(description=_("What"))
    def kind(self, obj: Delivery) -> str:
        return obj.event.get_kind_display()

    @display(description=_("Lead"))
    def of_lead(self, obj: Delivery) -> str:
        return link(obj.lead, obj.lead.public_id)

    @display(description=_("Last answer"))
    def last_code(self, obj: Delivery) -> str | None:
        return obj.last

    @display(description=_("Body"))
    def body(self, obj: Delivery) -> SafeString:
        return format_html('<pre class="mc-raw" tabindex="0">{}</pre>', outbox.payload(obj.event).decode())

    @service_action(
        _("Send again"),
        permissions=["replay"],
        icon="replay",
        text=_("It goes out once more with the id it had, so that the receiver can tell."),
    )
    def replay(self, request: HttpRequest, pk: int, *, at) -> None:
        outbox.replay(Delivery.objects.filter(pk=pk), at=at)


@admin.register(OutboxEvent)
class OutboxEventAdmin(ReadOnlyAdmin):
    about = ("leads.lead", "lead_id")
    list_display = ("at", "kind", "public_id", "spread_at")
    list_filter = (("kind", ChoicesDropdownFilter), ("at", RangeDateFilter))
    sortable_by = ()
    empty_text = _("What happens is noted here as soon as a system subscribes to it.")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).filter(visible(request.user, "lead__"))
