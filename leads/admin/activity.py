"""How does staff note what a lead did where no system tells us? A talk attended, a visit, an answer by private mail."""

from __future__ import annotations

from datetime import datetime

from django import forms
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from leads.models import Lead, ServiceLine
from leads.services import events
from leads.services.events import REPLIES
from leads.vocabulary import InteractionKind
from medcrm.lib.actions import ActionForm, service_action, verb_permission

ALONE = (
    (InteractionKind.EMAIL_REPLY, _("Answered by e-mail")),
    (InteractionKind.SMS_REPLY, _("Answered by text")),
)
NOTED = (
    (InteractionKind.WEBINAR_ATTENDED, _("Attended a webinar or an event")),
    (InteractionKind.PAGE_VISIT, _("Visited our pages")),
    (InteractionKind.GUIDE_DOWNLOAD, _("Took a guide")),
)


class ActivityForm(ActionForm):
    kind = forms.ChoiceField(label=_("What did they do?"), choices=NOTED)
    happened_at = forms.DateTimeField(
        label=_("When"),
        required=False,
        widget=forms.DateTimeInput(),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        help_text=_("Empty: just now."),
    )
    service = forms.ModelChoiceField(
        ServiceLine.objects.filter(is_active=True), label=_("About"), required=False, empty_label=_("nothing special")
    )
    text = forms.CharField(
        label=_("In their words, or which event"),
        max_length=1000,
        required=False,
        help_text=_("An answer is read for a “stop”, which holds at once."),
    )

    def __init__(self, data: object = None, *, obj: Lead | None = None, request: HttpRequest) -> None:
        super().__init__(data, obj=obj, request=request)
        if obj is not None:  # what somebody wrote, only they wrote
            self.fields["kind"].choices = [*NOTED, *ALONE]

    def clean(self) -> dict[str, object]:
        said = super().clean() or {}
        if said.get("kind") in REPLIES and not said.get("text"):
            self.add_error("text", _("Write what they answered: it may say “stop”."))
        if said.get("happened_at") and said["happened_at"] > timezone.now():
            self.add_error("happened_at", _("This is still to come. Enter when it happened."))
        return said


class ActivityActions:
    """The action of the lead's page, and of the list for all who attended one event."""

    has_enter_permission = verb_permission("enter")

    @service_action(
        _("Record an activity"),
        permissions=["enter"],
        form=ActivityForm,
        icon="event_note",
        text=_("It goes on the timeline and counts for the score. Activity alone never qualifies."),
        submit=_("Record"),
    )
    def record_activity(
        self,
        request: HttpRequest,
        pk: int,
        *,
        at: datetime,
        kind: str,
        happened_at: datetime | None,
        service: ServiceLine | None,
        text: str,
    ) -> None:
        events.record_activity(
            pk,
            InteractionKind(kind),
            at=at,
            service=service.pk if service else "",
            text=text,
            happened_at=happened_at,
            by=request.user,
        )
