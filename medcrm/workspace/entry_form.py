"""What is asked of a person who rings or walks in, as a form of one page: little is needed, the call asks the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from leads.models import Clinic, OrganisationType, Payer, ServiceLine, Source, TimingWindow
from leads.serializers import CHANNELS
from leads.vocabulary import ContactRole, ForWhom, LeadType, Request, SourceKind, Urgency
from medcrm.lib.errors import InvalidFields, RuleError
from medcrm.workspace.entering import BY_STAFF, Entry
from nurture.forms import TIMES

INPUT = {"class": "mc-input"}
PERMISSION = (("voice", _("Calls")), ("sms", _("Texts")), ("email", _("E-mail")))
WHO = ("first_name", "last_name", "phone", "email", "zip", "language")
WISH = (
    "service",
    "request",
    "timing",
    "question",
    "preferred_clinic",
    "payer",
    "referring_provider",
    "for_whom",
    "urgency",
    "preferred_time",
)
ORGANISATION = ("organisation", "organisation_type", "contact_role", "clinic_size")
KNOWN_BY = ("phone", "email", "first_name", "last_name")  # what tells whether we know the person already


def text_box(label: object, *, most: int, hint: object = "", **attributes: str) -> forms.CharField:
    box = forms.TextInput(attrs={**INPUT, "autocomplete": "off", **attributes})
    return forms.CharField(label=label, required=False, max_length=most, help_text=hint, widget=box)


def choice(label: object, choices: Iterable[tuple[str, object]]) -> forms.ChoiceField:
    offered = [("", _("not said")), *choices]
    return forms.ChoiceField(label=label, required=False, choices=offered, widget=forms.Select(attrs=INPUT))


def row(label: object, model: type) -> forms.ModelChoiceField:
    select = forms.Select(attrs=INPUT)
    rows = model.objects.filter(is_active=True)
    return forms.ModelChoiceField(rows, label=label, required=False, empty_label=_("not said"), widget=select)


class EntryForm(forms.Form):
    """The inquiry of somebody who rang, came in, or was named by a partner on the phone."""

    source = forms.ModelChoiceField(
        Source.objects.filter(is_active=True, kind__in=BY_STAFF).order_by("name"),
        label=_("How did they reach us?"),
        empty_label=None,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose how they reached us: it decides how soon they need an answer.")},
    )
    is_here = forms.BooleanField(
        label=_("I am talking with the person now"),
        required=False,
        help_text=_("Untick it for a missed call, a voicemail, or somebody named by a partner."),
    )
    lead_type = forms.ChoiceField(label=_("Who is it?"), choices=LeadType.choices, widget=forms.RadioSelect)
    phone = text_box(_("Phone"), most=40, type="tel", inputmode="tel")
    email = text_box(_("E-mail"), most=254, inputmode="email")
    first_name = text_box(_("First name"), most=80)
    last_name = text_box(_("Last name"), most=80)
    zip = text_box(_("ZIP"), most=10, inputmode="numeric", hint=_("Finds the nearest clinic and their local time."))
    language = choice(_("Language"), settings.LANGUAGES)
    service = row(_("What is it about?"), ServiceLine)
    request = choice(_("What would they like?"), Request.choices)
    timing = row(_("How soon?"), TimingWindow)
    question = text_box(_("Their question"), most=200, hint=_("One sentence, no medical detail."))
    preferred_clinic = row(_("Preferred clinic"), Clinic)
    payer = row(_("Pays with"), Payer)
    referring_provider = text_box(_("Referred by"), most=120, hint=_("The doctor or practice, if any."))
    for_whom = choice(_("For whom"), ForWhom.choices)
    urgency = choice(_("Urgency"), Urgency.choices)
    preferred_time = choice(_("Good time to reach them"), TIMES)
    organisation = text_box(_("Organisation"), most=120)
    organisation_type = row(_("Type of organisation"), OrganisationType)
    contact_role = choice(_("Contact's role"), ContactRole.choices)
    clinic_size = forms.IntegerField(
        label=_("People at the site"),
        required=False,
        min_value=0,
        max_value=1_000_000,
        widget=forms.NumberInput(attrs=INPUT),
    )
    permitted = forms.MultipleChoiceField(
        label=_("They said we may inform them by"),
        required=False,
        choices=PERMISSION,
        widget=forms.CheckboxSelectMultiple,
    )
    words = text_box(_("In their words"), most=300, hint=_("e.g. “Yes, text me about the appointment.”"))
    key = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def clean(self) -> dict[str, object]:
        said = super().clean() or {}
        source, permitted = said.get("source"), said.get("permitted")
        if permitted and (not said.get("is_here") or (source and source.kind == SourceKind.PARTNER_REFERRAL)):
            self.add_error("permitted", _("Only the person can permit it. Talk with them first, then record it."))
        elif permitted and not said.get("words"):
            self.add_error("words", _("Write what they said: it is the proof of a spoken permission."))
        return said

    def entry(self) -> Entry:
        said = self.cleaned_data
        asked = (*WHO, *WISH, *(ORGANISATION if said["lead_type"] != LeadType.PATIENT else ()))
        fields = {name: getattr(said[name], "pk", said[name]) for name in asked}
        return Entry(
            source=said["source"],
            fields={"lead_type": said["lead_type"], **fields},
            is_here=said["is_here"],
            permitted=[channel for channel in CHANNELS if channel in said["permitted"]],
            words=said["words"],
            key=said["key"],
        )

    def show(self, error: RuleError) -> None:
        """Put what the intake refused next to the field that mends it."""
        problems = error.errors if isinstance(error, InvalidFields) else {error.field: [error.message]}
        for name, sentences in problems.items():
            for sentence in sentences:
                self.add_error(name if name in self.fields else None, _now(sentence))

    def who(self) -> list[forms.BoundField]:
        return [self[name] for name in WHO if name not in KNOWN_BY]

    def known_by(self) -> list[forms.BoundField]:
        return [self[name] for name in KNOWN_BY]

    def wish(self) -> list[forms.BoundField]:
        return [self[name] for name in WISH]

    def about_organisation(self) -> list[forms.BoundField]:
        return [self[name] for name in ORGANISATION]


def typed(data: Mapping[str, str]) -> dict[str, str]:
    """What tells whether the person is known, as typed so far."""
    fields = {name: data.get(name, "").strip() for name in (*KNOWN_BY, "lead_type")}
    return fields | {"lead_type": fields["lead_type"] or LeadType.PATIENT.value}


def first_source() -> Source | None:
    """What most entries are: a call."""
    offered = Source.objects.filter(is_active=True, kind=SourceKind.INBOUND_CALL)
    return offered.order_by("name").first()
