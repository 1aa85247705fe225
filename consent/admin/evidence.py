"""The ledgers themselves: events with the review queue, attempts with their decisions, checkpoints, verifications."""

from __future__ import annotations

import json
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from consent import bundle, checkpoints, inbound, noting, words
from consent.admin.addresses import ByAddress, ReasonForm, download
from consent.fold import VOIDABLE
from consent.models import (
    Attempt,
    Checkpoint,
    ConsentEvent,
    ExportLog,
    ListSnapshot,
    Permission,
    Verification,
)
from consent.vocabulary import EventKind, Verdict
from medcrm.lib import bell, phones
from medcrm.lib.actions import ActionForm, service_action, verb_permission
from medcrm.lib.admin import ReadOnlyAdmin
from medcrm.lib.badges import badge, field_badge
from medcrm.lib.columns import badge_column, display, link
from medcrm.lib.errors import RuleError
from medcrm.lib.filters import ChoicesDropdownFilter, DropdownFilter, RangeDateFilter

WAITING = "waiting"
VERIFY = "consent.tasks.verify_ledger"


class ToReview(DropdownFilter):
    """The review queue: messages that may be a request to stop and that nobody has read yet."""

    title = _("review")
    parameter_name = "review"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, object]]:
        return [(WAITING, _("Waiting for a person"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return inbound.unread(queryset) if self.value() == WAITING else queryset


class ReviewForm(ActionForm):
    verdict = forms.ChoiceField(
        label=_("Does the person want us to stop?"),
        choices=[(Verdict.REVOKE, _("Yes, stop")), (Verdict.NONE, _("No, it is about something else"))],
    )
    note = forms.CharField(label=_("Note"), required=False, widget=forms.Textarea(attrs={"rows": 2}))


def _to_read(event: ConsentEvent | QuerySet | None) -> SafeString | Promise:
    """The very words of the message, for whoever has to say what they mean."""
    waits = _("Until somebody has read it, the person gets no calls or texts.")
    if not isinstance(event, ConsentEvent):
        return waits
    return format_html('<q class="mc-quote">{}</q> {}', words.said(event), waits)


@admin.register(ConsentEvent)
class ConsentEventAdmin(ByAddress, ReadOnlyAdmin):
    """Every link of every chain, newest first; what waits to be read, oldest first."""

    empty_text = _("Nothing has happened yet. Forms, messages and calls write here.")
    list_display = ("occurred_at", "of_address", "told", "words_said", "came_by", "recorded_at")
    list_filter = (ToReview, ("kind", ChoicesDropdownFilter), ("occurred_at", RangeDateFilter))
    list_select_related = ("address", "values")
    search_fields = ("source",)
    ordering = ("-id",)
    sortable_by = ()
    actions = ("review",)
    actions_detail = ("review", "correct")
    fits: ClassVar = {
        "review": lambda event: (
            event.kind == EventKind.INBOUND and event.verdict == Verdict.REVIEW and event.about is None
        ),
        "correct": lambda event: event.kind in VOIDABLE,
    }

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("recorded_at",) if request.GET.get(ToReview.parameter_name) == WAITING else self.ordering

    def get_fields(self, request: HttpRequest, obj: object = None) -> list[str]:
        return ["told", "words_said", "evidence", *(f.name for f in ConsentEvent._meta.concrete_fields)]

    def get_readonly_fields(self, request: HttpRequest, obj: object = None) -> list[str]:
        return self.get_fields(request, obj)

    @display(description=_("Address"))
    def of_address(self, obj: ConsentEvent) -> str:
        return link(obj.address, phones.spoken(obj.address))

    @display(description=_("What happened"))
    def told(self, obj: ConsentEvent) -> str:
        return words.tell(obj, words.spaced)

    @display(description=_("Source"))
    def came_by(self, obj: ConsentEvent) -> str:
        return words.spaced(obj.source)

    @display(description=_("In their words"))
    def words_said(self, obj: ConsentEvent) -> str:
        return words.said(obj)[:200]

    @display(description=_("Evidence"))
    def evidence(self, obj: ConsentEvent) -> SafeString:
        return _as_code(words.evidence(obj))

    @service_action(
        _("Read the message"),
        permissions=["review"],
        form=ReviewForm,
        icon="mark_email_read",
        text=_to_read,
        submit=_("Save the answer"),
    )
    def review(self, request: HttpRequest, pk: UUID, *, at: datetime, verdict: str, note: str) -> None:
        inbound.review(pk, verdict, by=request.user, at=at, note=note)

    @service_action(
        _("Entered by mistake"),
        permissions=["correct"],
        form=ReasonForm,
        icon="undo",
        text=_("The entry stays readable and counts no more, for every lead with this address."),
    )
    def correct(self, request: HttpRequest, pk: UUID, *, at: datetime, reason: str) -> None:
        noting.correct(pk, reason=reason, by=request.user, at=at)

    def has_correct_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self.has_review_permission(request, obj)

    def has_review_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self.has_view_permission(request, obj) and request.user.has_perm("consent.revoke_address")


@admin.register(Attempt)
class AttemptAdmin(ByAddress, ReadOnlyAdmin):
    """Every attempt at contact, refused ones too, with the decision it rested on."""

    empty_text = _("No contact was attempted yet.")
    list_display = ("at", "of_address", "what_for", "decided", "state_badge", "who")
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        ("state", ChoicesDropdownFilter),
        ("channel", ChoicesDropdownFilter),
        ("purpose", ChoicesDropdownFilter),
        ("at", RangeDateFilter),
    )
    list_select_related = ("address", "by")
    search_fields = ("code",)
    ordering = ("-at",)
    sortable_by = ("at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("address", "seller", "by")

    def get_fields(self, request: HttpRequest, obj: object = None) -> list[str]:
        names = [f.name for f in Attempt._meta.concrete_fields if f.name not in ("id", "basis", "events")]
        return [*names, "relied_on", "decision"]

    def get_readonly_fields(self, request: HttpRequest, obj: object = None) -> list[str]:
        return self.get_fields(request, obj)

    @display(description=_("What"))
    def what_for(self, obj: Attempt) -> str:
        return f"{obj.get_channel_display()}, {obj.get_purpose_display().lower()}"

    @display(description=_("Decision"))
    def decided(self, obj: Attempt) -> SafeString:
        return format_html(
            '{} <span class="mc-reason" title="{}">{}</span>', field_badge(obj, "kind"), obj.code, obj.sentence
        )

    state_badge = badge_column("state", _("Result"))

    @display(description=_("Address"))
    def of_address(self, obj: Attempt) -> str:
        return link(obj.address, phones.spoken(obj.address))

    @display(description=_("Who"))
    def who(self, obj: Attempt) -> str:
        return str(obj.by or _("automatic"))

    @display(description=_("Events relied on"))
    def relied_on(self, obj: Attempt) -> SafeString | str:
        events = ConsentEvent.objects.filter(pk__in=obj.events)
        return _lines([link(event, words.tell(event, words.spaced)) for event in events])

    @display(description=_("Request and decision"))
    def decision(self, obj: Attempt) -> SafeString:
        return _as_code(obj.basis)


@admin.register(Permission)
class PermissionAdmin(ByAddress, ReadOnlyAdmin):
    """What is permitted now, folded from the ledger, for lists and counts."""

    empty_text = _("Permissions appear with the first event of an address.")
    list_display = ("of_address", "channel", "state", "code", "level", "since", "expires_at")
    list_display_links = ("channel",)  # the address is a link of its own, and links do not nest
    list_filter = (("state", ChoicesDropdownFilter), ("channel", ChoicesDropdownFilter))
    list_select_related = ("address",)
    search_fields = ("code",)
    ordering = ("-pk",)
    sortable_by = ()

    @display(description=_("Address"))
    def of_address(self, obj: Permission) -> str:
        return link(obj.address, phones.spoken(obj.address))


@admin.register(ListSnapshot)
class ListSnapshotAdmin(ReadOnlyAdmin):
    empty_text = _(
        "Without a fresh list no sales call is permitted. "
        "An operator loads one: manage.py import_dnc FILE --taken-at DATE."
    )
    list_display = ("version", "kind", "state", "taken_at", "entries_count", "loaded_at", "by")
    list_filter = (("kind", ChoicesDropdownFilter),)
    list_select_related = ("by",)
    ordering = ("-taken_at",)
    sortable_by = ()


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    empty_text = _(
        "The ledger is sealed every hour, and each seal appears here; its page hands it out. An operator can seal at "
        "once and take all seals out of the house: manage.py checkpoint_ledger --export FOLDER."
    )
    change_form_outer_after_template = "consent/checkpoint_file.html"
    list_display = ("id", "taken_at", "heads_count", "events_count", "digest")
    ordering = ("-id",)
    sortable_by = ()
    has_export_permission = verb_permission("export")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.file_view))
        return [path("<int:pk>/file/", view, name="consent_checkpoint_file"), *super().get_urls()]

    def file_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Hand out the seal with its heads, to be kept where nobody who runs the database can reach it."""
        checkpoint = self.get_object(request, str(pk))
        if checkpoint is None:
            raise Http404
        if not self.has_export_permission(request, checkpoint):
            raise PermissionDenied
        reason = request.POST.get("reason", "")
        try:
            bundle.demand_reason(reason)
        except RuleError as error:
            self.message_user(request, error.message, messages.ERROR)
            return HttpResponseRedirect(reverse("admin:consent_checkpoint_change", args=[pk]))
        content = checkpoints.take_out(checkpoint, reason=reason, by=request.user, at=timezone.now())
        return download(content, checkpoints.file_name(checkpoint), "application/json")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        context = {**(extra_context or {}), "may_export": self.has_export_permission(request)}
        return super().change_view(request, object_id, form_url, context)


@admin.register(Verification)
class VerificationAdmin(ReadOnlyAdmin):
    empty_text = _(
        "The ledger is checked every night, and what was found appears here. Compliance starts a check above; an "
        "operator by manage.py verify_ledger."
    )
    list_before_template = "consent/verify_now.html"
    list_display = ("ran_at", "outcome", "events_count", "chains_count", "checkpoints_count", "took_ms")
    ordering = ("-id",)
    sortable_by = ()

    @display(description=_("Outcome"))
    def outcome(self, obj: Verification) -> SafeString:
        if not obj.breaks_count:
            return badge("whole", _("Whole"), tone="good", symbol="verified")
        return badge("broken", _("%(n)d breaks") % {"n": obj.breaks_count}, tone="bad", symbol="error")

    has_run_permission = verb_permission("run")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.start_view))
        return [path("start/", view, name="consent_verification_start"), *super().get_urls()]

    def start_view(self, request: HttpRequest) -> HttpResponse:
        """Have a worker check the whole ledger now; millions of events take it minutes."""
        if not self.has_run_permission(request):
            raise PermissionDenied
        bell.ring(VERIFY)
        told = _("The check is asked for. What it finds appears here; look again in some minutes.")
        self.message_user(request, told, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:consent_verification_changelist"))


@admin.register(ExportLog)
class ExportLogAdmin(ByAddress, ReadOnlyAdmin):
    empty_text = _("Nobody has taken evidence out yet.")
    list_display = ("at", "by", "kind", "address", "as_of", "reason", "sha256")
    list_filter = (("kind", ChoicesDropdownFilter), ("at", RangeDateFilter))
    list_select_related = ("by", "address")
    search_fields = ("reason",)
    ordering = ("-at",)
    sortable_by = ()


def _as_code(data: object) -> SafeString:
    return format_html('<pre class="mc-raw">{}</pre>', json.dumps(data, indent=1, ensure_ascii=False, default=str))


def _lines(items: list[object]) -> SafeString | str:
    if not items:
        return "–"
    return format_html("{}" + "<br>{}" * (len(items) - 1), *items)
