"""What happened: the timeline and the moves of the score. Nobody rewrites either."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from leads.admin.base import OfLead
from leads.models import Interaction, ScoreChange
from leads.services import notes
from leads.vocabulary import NoteFact
from medcrm.lib.actions import ActionForm, service_action, verb_permission
from medcrm.lib.admin import ReadOnlyAdmin
from medcrm.lib.badges import field_badge
from medcrm.lib.columns import badge_column, display
from medcrm.lib.filters import ChoicesDropdownFilter, RangeDateFilter, RelatedDropdownFilter


class AddendumForm(ActionForm):
    text = forms.CharField(
        label=_("What is right?"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("e.g. “The referral is from Dr. Lee, not from Dr. Li.”"),
    )


class NoteForm(ActionForm):
    """The template of a note [2.17]; author and time are noted by themselves."""

    HINTS: ClassVar = {
        NoteFact.REQUESTED: _("What they asked for"),
        NoteFact.CONFIRMED: _("Facts they confirmed"),
        NoteFact.NOT_CONFIRMED: _("What is still open"),
        NoteFact.TOLD: _("What you said happens next"),
        NoteFact.ACTION: _("What you did"),
        NoteFact.NEXT: _("Who does what, by when"),
        NoteFact.CONTACT_CHANGE: _("e.g. rather by text, after 4 pm"),
        NoteFact.SPOKEN_WITH: _("e.g. the person, a caregiver, the front desk"),
        NoteFact.FACT_SOURCE: _("e.g. their letter of Nov 3, the referring practice"),
        NoteFact.OTHER_PROVIDER: _("Whom they chose, as they named it"),
    }

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        for part, hint in self.HINTS.items():
            box = forms.TextInput(attrs={"placeholder": hint})
            self.fields[part.value] = forms.CharField(
                label=part.label, required=False, max_length=notes.FACT_LIMIT, widget=box
            )
        self.fields["text"] = forms.CharField(
            label=_("Anything else"),
            required=False,
            max_length=2000,
            widget=forms.Textarea(attrs={"rows": 2}),
            help_text=_("Facts only: no opinions, nothing clinical."),
        )
        self.look()

    def clean(self) -> dict[str, object]:
        said = super().clean() or {}
        return {"text": said.pop("text", ""), "facts": said}


class NoteActions:
    """What the lead's page offers to who may change the lead."""

    @service_action(
        _("Add a note"),
        permissions=["correct"],
        form=NoteForm,
        icon="note_add",
        text=_("What was learned or done without a call: a letter, a visit at the desk, a word with a colleague."),
        submit=_("Add"),
    )
    def add_note(self, request: HttpRequest, pk: int, *, at: datetime, facts: dict[str, str], text: str) -> None:
        notes.add_note(pk, facts, by=request.user, at=at, text=text)


@admin.register(Interaction)
class InteractionAdmin(OfLead, ReadOnlyAdmin):
    list_display = ("at", "kind", "of_lead", "direction", "disposition", "by", "excerpt")
    list_select_related = ("lead", "disposition", "by")
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        ("direction", ChoicesDropdownFilter),
        ("disposition", RelatedDropdownFilter),
        ("at", RangeDateFilter),
    )
    actions_detail = ("amend",)
    empty_text = _("Everything that happens with a lead is recorded here.")
    has_amend_permission = verb_permission("amend")

    @service_action(
        _("Add a correction"),
        permissions=["amend"],
        form=AddendumForm,
        icon="edit_note",
        text=_("The entry stays as it is; your correction stands beside it with your name and the time."),
        submit=_("Add"),
    )
    def amend(self, request: HttpRequest, pk: int, *, at: datetime, text: str) -> None:
        notes.add_addendum(pk, text, by=request.user, at=at)

    @display(description=_("Text"))
    def excerpt(self, obj: Interaction) -> str:
        return obj.text if len(obj.text) <= 80 else obj.text[:79] + "…"


@admin.register(ScoreChange)
class ScoreChangeAdmin(OfLead, ReadOnlyAdmin):
    list_display = ("at", "of_lead", "old_score", "new_score", "old_badge", "new_badge", "model")
    list_select_related = ("lead", "model")
    list_filter = (("new_band", ChoicesDropdownFilter), ("at", RangeDateFilter))
    new_badge = badge_column("new_band", _("To"))
    empty_text = _("Moves of a score appear here when facts or rules change.")

    @display(description=_("From"))
    def old_badge(self, obj: ScoreChange) -> SafeString | None:
        return field_badge(obj, "old_band")
