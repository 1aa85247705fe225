"""What a caller records at the end of a call, as a form; the service decides what is missing and says it by field."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from consent import addresses
from leads.models import Disposition, HoldReason, Lead, MissingKind, StopReason
from leads.outcomes import CallReport
from leads.vocabulary import ORGANISATIONS, Outcome
from medcrm.lib.errors import InvalidFields, RuleError
from routing import saying

NOTE_PARTS = (
    *("requested", "confirmed", "not_confirmed", "told", "action", "next"),
    *("contact_change", "spoken_with", "fact_source"),
)
# How the service calls a field → how the form does; a reason is asked for in the form that fits the outcome.
FIELDS = {"follow_up": "follow_up_on"}
REASON_OF = {Outcome.HOLD: "hold_reason", Outcome.DISQUALIFIED: "stop_reason"}


class Words(forms.CharField):
    """What staff write. The browser lets it grow too long and we say so: it would cut a paste without a word."""

    def widget_attrs(self, widget: forms.Widget) -> dict[str, object]:
        return {name: value for name, value in super().widget_attrs(widget).items() if name != "maxlength"}


def line(label: object, hint: object = "") -> forms.CharField:
    box = forms.TextInput(attrs={"class": "mc-input", "placeholder": hint})
    return Words(label=label, required=False, max_length=500, widget=box)


def reach(label: object, hint: object, limit: int) -> forms.CharField:
    """A number or a mailbox; the browser would fill in the caller's own."""
    box = forms.TextInput(attrs={"class": "mc-input", "placeholder": hint, "autocomplete": "off"})
    return forms.CharField(label=label, required=False, max_length=limit, widget=box)


def chips(label: object) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, required=False, widget=forms.RadioSelect)


def picked(label: object, model: type) -> forms.ModelChoiceField:
    rows = model.objects.filter(is_active=True)
    select = forms.Select(attrs={"class": "mc-input"})
    return forms.ModelChoiceField(rows, label=label, required=False, empty_label=_("choose…"), widget=select)


class CallForm(forms.Form):
    """Result, outcome with its reason, what is missing, and the structured note [2.11, 2.17, R37]."""

    consent_step = chips(_("Ask first"))
    disposition = chips(_("How the call ended"))
    outcome = chips(_("Outcome"))
    hold_reason = picked(_("Hold reason"), HoldReason)
    stop_reason = picked(_("Stop reason"), StopReason)
    other_provider = line(_("Which provider they chose instead"), _("As they named it"))
    override = line(_("Reason for overriding the checks"), _("A failed check needs a reason; a supervisor reviews it."))
    callback_at = forms.DateTimeField(
        label=_("Call back at"),
        required=False,
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local", "class": "mc-input"}),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
    )
    missing = forms.MultipleChoiceField(label=_("What is missing"), required=False, widget=forms.CheckboxSelectMultiple)
    follow_up_on = forms.DateField(
        label=_("Follow up on"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date", "class": "mc-input"}),
        help_text=_("For missing items: when to ask again. For a hold: when it ends; empty: the reason's usual days."),
    )
    phone = reach(_("Another number"), _("If they give one, e.g. 512-555-0142"), 40)
    email = reach(_("Another e-mail"), _("If they give one, e.g. ana@example.org"), 254)
    requested = line(_("Requested"), _("What they asked for"))
    confirmed = line(_("Confirmed"), _("Facts they confirmed"))
    not_confirmed = line(_("Not confirmed"), _("What is still open"))
    told = line(_("Told the lead"), _("What you said happens next"))
    action = line(_("Action taken"), _("What you did"))
    next = line(_("Next"), _("Who does what, by when"))
    contact_change = line(_("Change of contact preference"), _("e.g. rather by text, after 4 pm"))
    spoken_with = line(_("Spoken with"), _("The person, a caregiver, the front desk"))
    fact_source = line(_("Source of the facts"), _("Where you know it from"))
    note = Words(
        label=_("Anything else"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2, "class": "mc-input"}),
        help_text=_("Facts only: no opinions, nothing clinical."),
    )

    def __init__(self, data: object = None, *, lead: Lead, at: datetime, **kwargs: object) -> None:
        super().__init__(data, **kwargs)
        self.lead, self.at = lead, at
        self.meets = lead.lead_type in ORGANISATIONS
        fits = {"is_for_organisations": True} if self.meets else {"is_for_patients": True}
        self.dispositions = list(Disposition.objects.filter(is_active=True, **fits))
        self.fields["consent_step"].choices = saying.ANSWERS
        self.fields["disposition"].choices = [(row.pk, row.name) for row in self.dispositions]
        self.fields["outcome"].choices = [("", _("None yet")), *self._outcomes()]
        if self.meets:
            self.fields["callback_at"].label = _("Call back, or meet, at")
        self.fields["missing"].choices = MissingKind.objects.filter(is_active=True).values_list("pk", "name")

    def _outcomes(self) -> list[tuple[str, object]]:
        """What may come of it for this kind of lead: a patient's visit, or a meeting and an agreement."""
        if self.meets:
            named = {Outcome.APPOINTMENT_SET: _("Meeting agreed")}
            return [(outcome.value, named.get(outcome, outcome.label)) for outcome in Outcome]
        return [(outcome.value, outcome.label) for outcome in Outcome if outcome != Outcome.CONCLUDED]

    @property
    def zone(self) -> ZoneInfo:
        """The clock a call-back is promised on: the lead's own, or the reader's where that is unknown."""
        return ZoneInfo(self.lead.timezone) if self.lead.timezone else timezone.get_current_timezone()

    def full_clean(self) -> None:
        with timezone.override(self.zone):
            super().full_clean()

    def clean_callback_at(self) -> datetime | None:
        moment = self.cleaned_data["callback_at"]
        if moment is not None and moment <= self.at:
            raise forms.ValidationError(_("That time is already past where the lead is. Choose a later one."))
        return moment

    def clean_follow_up_on(self) -> object:
        day = self.cleaned_data["follow_up_on"]
        if day is not None and day < self.at.astimezone(self.zone).date():
            raise forms.ValidationError(_("That day is already past. Choose a later one."))
        return day

    def report(self) -> CallReport:
        said = self.cleaned_data
        chosen = said[self._reason_field(said["outcome"])]
        return CallReport(
            disposition=said["disposition"],
            outcome=said["outcome"],
            reason=str(getattr(chosen, "pk", chosen) or ""),
            missing=said["missing"],
            follow_up_on=said["follow_up_on"],
            callback_at=said["callback_at"],
            fields={kind: said[kind] for kind in addresses.KINDS if said[kind]},
            note=said["note"],
            facts={part: said[part] for part in (*NOTE_PARTS, "other_provider") if said[part]},
        )

    def show(self, error: RuleError) -> None:
        """Put what the service refused next to the field that mends it."""
        problems = error.errors if isinstance(error, InvalidFields) else {error.field: [error.message]}
        for field, sentences in problems.items():
            name = FIELDS.get(field, field)
            if name == "reason":
                name = self._reason_field(self.cleaned_data.get("outcome", ""))
            for sentence in sentences:
                self.add_error(name if name in self.fields else None, sentence)

    def _reason_field(self, outcome: str) -> str:
        """Which reason is asked for; a result that disqualifies asks for a stop reason by itself."""
        chosen = next((row for row in self.dispositions if row.pk == self.cleaned_data.get("disposition")), None)
        implied = "stop_reason" if chosen and chosen.disqualifies and not outcome else "override"
        return REASON_OF.get(outcome, implied)

    def groups(self) -> list[tuple[object, list[tuple[object, Disposition]]]]:
        """The results by group, each radio with the row whose flags say what it needs."""
        rows = {row.pk: row for row in self.dispositions}
        grouped: dict[str, list[tuple[object, Disposition]]] = {}
        for radio in self["disposition"].subwidgets:
            row = rows[str(radio.data["value"])]
            grouped.setdefault(row.group, []).append((radio, row))
        labels = dict(Disposition.Group.choices)
        return [(labels[group], grouped[group]) for group in Disposition.Group.values if group in grouped]

    def reached_anew(self) -> list[forms.BoundField]:
        return [self[kind] for kind in addresses.KINDS]

    def notes(self) -> list[forms.BoundField]:
        return [self[name] for name in NOTE_PARTS]

    def where_the_clock_is(self) -> str:
        return _now("In the lead's time.") if self.lead.timezone else _now("In your time: the lead's is unknown.")
