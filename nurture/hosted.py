"""Which questions does a source's own form ask, and what does an answered form say? The same intake as the API's.

`Source.questions` lists fields of an inquiry in order: a name, or an object with `field` and `required`, or with
`field` and `value` for what the source knows by itself, e.g. `{"field": "lead_type", "value": "b2b"}`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from consent import addresses
from consent.addresses import InvalidAddress
from leads.models import (
    CareSetting,
    Clinic,
    Inquiry,
    OrganisationType,
    Payer,
    ServiceLine,
    Source,
    Specialty,
    TimingWindow,
)
from leads.services import intake
from leads.services.intake import Delivery
from leads.vocabulary import Agreement, Budget, ContactRole, LeadType, Request, SourceKind
from medcrm.lib.errors import RuleError
from medcrm.lib.models import Coded
from nurture.forms import TIMES, WAYS

HOSTED = (
    SourceKind.WEBSITE_FORM,
    SourceKind.LANDING_PAGE,
    SourceKind.GUIDE_DOWNLOAD,
    SourceKind.WEBINAR,
    SourceKind.ONLINE_AD,
    SourceKind.PARTNER_REFERRAL,
)
PATIENT = ("first_name", "last_name", "phone", "email", "zip", "service", "request", "timing", "question")
HONEYPOT = "website"
ADVICE = {
    "phone": _("Please check the number: ten digits with the area code, e.g. 512-555-0100."),
    "email": _("Please check the address, e.g. name@example.org."),
}
NORMALISED = {"phone": addresses.normalise_phone, "email": addresses.normalise_email}
CHANNELS = (("voice", _("Calls")), ("sms", _("Text messages")), ("email", _("E-mails")))


class Trapped(RuleError):
    """Something filled in the field that people do not see; it is kept for repair, in case it was a person."""

    def __init__(self) -> None:
        super().__init__("HONEYPOT", "A field was filled in that people do not see. Check whether a person wrote this.")


@dataclass(frozen=True)
class Asked:
    """One question of a source."""

    field: str
    required: bool = False
    value: object = None


@dataclass(frozen=True)
class Answered:
    """What somebody sent, as it reached us."""

    body: Mapping[str, object]
    is_trapped: bool
    key: str


def questions(source: Source) -> list[Asked]:
    """The questions of a source in their order; without any, those of a patient's first contact."""
    rows = source.questions or PATIENT
    return [Asked(row) if isinstance(row, str) else Asked(**row) for row in rows]


def given(source: Source) -> dict[str, object]:
    """What the source knows without asking."""
    known = {asked.field: asked.value for asked in questions(source) if asked.value is not None}
    return {"lead_type": LeadType.PATIENT.value, **known}


class HostedForm(forms.Form):
    """A source's questions, its consent boxes beside the disclosure in the reader's language, and a field that only
    programs fill in."""

    error_css_class = "wrong"

    def __init__(self, source: Source, *args: object, **kwargs: object) -> None:
        super().__init__(*args, label_suffix="", **kwargs)
        self.source = source
        self.disclosure = source.disclosure.in_language(get_language()) if source.disclosure else None
        self.initial["shown"] = self.disclosure.sha256 if self.disclosure else ""
        self.audience = given(source)["lead_type"]
        asked = [row for row in questions(source) if row.value is None and row.field in FIELDS]
        for row in asked:
            field = FIELDS[row.field](self)
            field.required = row.required
            self.fields[row.field] = field
        self.asked = [row.field for row in asked]
        if self.disclosure:
            for channel, label in CHANNELS:
                if channel in self.disclosure.channels and self._has_address(channel):
                    self.fields[f"consent_{channel}"] = forms.BooleanField(label=label, required=False)
        self.fields["shown"] = forms.CharField(required=False, widget=forms.HiddenInput)
        self.fields["key"] = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
        self.fields[HONEYPOT] = forms.CharField(required=False, label=_("Leave this empty"))

    def _has_address(self, channel: str) -> bool:
        return ("email" if channel == "email" else "phone") in self.asked

    @property
    def question_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.asked]

    @property
    def consent_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith("consent_")]

    def clean(self) -> dict[str, object]:
        """Say all that is wrong at once; refuse boxes ticked beside another text than the one that is kept as proof."""
        answers = super().clean()
        for name, normalise in NORMALISED.items():
            if value := answers.get(name):
                try:
                    normalise(value)
                except InvalidAddress as error:
                    self.show({name: [error.message]})
        ticked = [name for name in self.fields if name.startswith("consent_") and answers.get(name)]
        if ticked and answers.get("shown") != self.disclosure.sha256:
            self.data = self.data.copy()
            self.data["shown"] = self.disclosure.sha256
            for name in ticked:
                self.data.pop(name, None)
            raise forms.ValidationError(_("The text beside the boxes has changed. Please read it and tick again."))
        return answers

    def answered(self, *, page_url: str) -> Answered:
        """The answers as the body of an inquiry."""
        said = {name: self.cleaned_data.get(name) for name in self.asked}
        body = {name: value for name, value in said.items() if value not in ("", None)}
        ticked = [channel for channel, _label in CHANNELS if self.cleaned_data.get(f"consent_{channel}")]
        body = {"language": get_language(), **body, **given(self.source), "consent": ticked, "page_url": page_url}
        is_trapped = bool(self.cleaned_data.get(HONEYPOT))
        if is_trapped:
            body[HONEYPOT] = self.cleaned_data[HONEYPOT]
        key = hashlib.sha256(f"{self.cleaned_data.get('key')}\n{json.dumps(body, sort_keys=True)}".encode())
        return Answered(body, is_trapped, f"form-{key.hexdigest()}")

    def show(self, errors: Mapping[str, Iterable[str]]) -> None:
        """Put what intake refused beside its fields, in the reader's language."""
        for name, sentences in errors.items():
            for sentence in sentences:
                said = gettext(sentence)
                if said == sentence and get_language() != "en":
                    said = ADVICE.get(name, said)  # it quotes what was typed, so it cannot be looked up
                self.add_error(name if name in self.fields else None, said)


def receive(source: Source, answered: Answered, delivery: Delivery, *, at: datetime) -> Inquiry | None:
    """Take in an answered form. None where a trap was sprung: it is kept, refused, for a person to look at.

    Raise InvalidFields with what must be mended, StillBeingTakenIn for the second of two presses of the button.
    """
    raw = json.dumps(answered.body, ensure_ascii=False).encode()
    if answered.is_trapped:
        inquiry, is_new = intake.keep(source, raw, delivery, at=at)
        if is_new:
            intake.refuse(inquiry, {HONEYPOT: [Trapped().message]}, at=at)
        return None
    return intake.receive(source, raw, delivery, at=at)


# How each field of an inquiry is asked for


def _words(label: object, *, max_length: int, help_text: object = "", **attributes: str) -> Callable:
    return lambda form: forms.CharField(
        label=label, max_length=max_length, help_text=help_text, widget=forms.TextInput(attributes)
    )


def _number(label: object, **attributes: str) -> Callable:
    return lambda form: forms.IntegerField(
        label=label, min_value=0, widget=forms.NumberInput({"inputmode": "numeric", **attributes})
    )


def _rows(label: object, find: Callable[[HostedForm], QuerySet]) -> Callable:
    return lambda form: forms.ChoiceField(
        label=label, choices=[("", _("Please choose")), *((row.pk, gettext(row.name)) for row in find(form))]
    )


def _choice(label: object, choices: Iterable[tuple[str, object]]) -> Callable:
    return lambda form: forms.ChoiceField(label=label, choices=[("", _("Please choose")), *choices])


def _services(form: HostedForm) -> QuerySet:
    return ServiceLine.objects.filter(is_active=True, audience=form.audience).order_by("name")


def _all(model: type[Coded]) -> Callable[[HostedForm], QuerySet]:
    return lambda form: model.objects.filter(is_active=True)


def _email(form: HostedForm) -> forms.Field:
    # A plain text field: intake says in one voice what is wrong with an address, also for the API.
    return forms.CharField(
        label=_("E-mail"), max_length=254, widget=forms.EmailInput({"autocomplete": "email", "inputmode": "email"})
    )


PATIENT_REQUESTS = (
    (Request.APPOINTMENT, _("An appointment")),
    (Request.CALLBACK, _("A call from you")),
    (Request.AVAILABILITY, _("Which days are available")),
    (Request.PRICE, _("The price")),
    (Request.QUESTION, _("An answer to a question")),
    (Request.INFO, _("Information only, for now")),
)
PARTNER_REQUESTS = (
    (Request.REFERRAL, _("To work together on referrals")),
    (Request.CALLBACK, _("A call from you")),
    (Request.QUESTION, _("An answer to a question")),
    (Request.INFO, _("Information only, for now")),
)
BUSINESS_REQUESTS = (
    (Request.QUOTE, _("A quote")),
    (Request.DEMO, _("A demonstration")),
    (Request.CALLBACK, _("A call from you")),
    (Request.QUESTION, _("An answer to a question")),
    (Request.INFO, _("Information only, for now")),
)
REQUESTS = {LeadType.PATIENT: PATIENT_REQUESTS, LeadType.PARTNER: PARTNER_REQUESTS, LeadType.B2B: BUSINESS_REQUESTS}
URGENCY = (("routine", _("No hurry")), ("soon", _("Soon, please")), ("urgent", _("It is urgent")))
BEEN_HERE = (("yes", _("Yes, I have been a patient")), ("no", _("No, this would be the first time")))
BUDGET = (
    (Budget.APPROVED, _("Approved")),
    (Budget.PLANNED, _("Planned")),
    (Budget.NONE, _("None yet")),
    (Budget.UNKNOWN, _("I do not know")),
)
AGREEMENT = (
    (Agreement.SIGNED, _("Signed")),
    (Agreement.SENT, _("Sent, not signed yet")),
    (Agreement.NONE, _("None yet")),
    (Agreement.BLOCKED, _("Not possible at present")),
)
FOR_WHOM = (("self", _("Myself")), ("family", _("Somebody in my family")), ("other", _("Somebody else")))


def _been_here(form: HostedForm) -> forms.Field:
    return forms.TypedChoiceField(
        label=_("Have you been to one of our clinics?"),
        choices=[("", _("Please choose")), *BEEN_HERE],
        coerce=lambda said: said == "yes",
        empty_value=None,
    )


def _requests(form: HostedForm) -> forms.Field:
    choices = REQUESTS[LeadType(form.audience)]
    return forms.ChoiceField(label=_("What would you like?"), choices=[("", _("Please choose")), *choices])


FIELDS: Mapping[str, Callable[[HostedForm], forms.Field]] = {
    "first_name": _words(_("First name"), max_length=80, autocomplete="given-name"),
    "last_name": _words(_("Last name"), max_length=80, autocomplete="family-name"),
    "phone": _words(_("Phone"), max_length=40, autocomplete="tel", inputmode="tel", type="tel"),
    "email": _email,
    "zip": _words(
        _("ZIP code"), max_length=10, help_text=_("So that we can suggest a place near you."),
        autocomplete="postal-code", inputmode="numeric",
    ),
    "service": _rows(_("What is it about?"), _services),
    "preferred_clinic": _rows(
        _("Which clinic suits you?"), lambda form: Clinic.objects.filter(is_active=True).order_by("name")
    ),
    "payer": _rows(_("How do you plan to pay?"), lambda form: Payer.objects.filter(is_active=True)),
    "referring_provider": _words(_("Which doctor or practice refers you?"), max_length=120),
    "timing": _rows(_("How soon?"), lambda form: TimingWindow.objects.filter(is_active=True)),
    "request": _requests,
    "question": _words(
        _("Your question"), max_length=200, help_text=_("In one sentence. Please leave out medical details.")
    ),
    "urgency": _choice(_("How urgent is it?"), URGENCY),
    "is_existing_patient": _been_here,
    "age": _number(_("Age of the patient")),
    "for_whom": _choice(_("Who is it for?"), FOR_WHOM),
    "language": _choice(_("Your language"), settings.LANGUAGES),
    "preferred_channel": _choice(_("How would you like to hear from us?"), WAYS),
    "preferred_time": _choice(_("When is a good time to reach you?"), TIMES),
    "organisation": _words(_("Organisation"), max_length=120, autocomplete="organization"),
    "organisation_type": _rows(_("What kind of organisation is it?"), _all(OrganisationType)),
    "specialty": _rows(_("Your specialty"), _all(Specialty)),
    "care_setting": _rows(_("Where do you give care?"), _all(CareSetting)),
    "npi": _words(_("NPI of the practice"), max_length=10, inputmode="numeric"),
    "sites": _number(_("How many sites do you have?")),
    "contact_role": _choice(_("Your role"), ContactRole.choices),
    "clinic_size": _number(_("How many people work there?")),
    "rollout": _words(_("When would you like to start?"), max_length=80),
    "budget": _choice(_("Is there a budget for it?"), BUDGET),
    "approver": _words(_("Who decides?"), max_length=120),
    "agreement": _choice(_("Is there an agreement between us?"), AGREEMENT),
}  # fmt: skip
