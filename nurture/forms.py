"""The preference page's form: few questions, plain words, no script needed."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from leads.models import Clinic, Lead, Payer, TimingWindow
from leads.vocabulary import Request
from medcrm.lib.models import VersionStatus
from nurture.models import Sequence

REQUESTS = [
    ("", _("Nothing for now")),
    (Request.APPOINTMENT, _("Yes, I would like an appointment")),
    (Request.CALLBACK, _("Yes, please call me")),
]
NO_ANSWER = ("", _("No answer"))
TIMES = (("morning", _("In the morning")), ("afternoon", _("In the afternoon")), ("evening", _("In the early evening")))
WAYS = (("email", _("By e-mail")), ("sms", _("By text message")), ("voice", _("By phone")))


class PreferencesForm(forms.Form):
    """When, where and how; what stays blank is not asked again and changes nothing."""

    request = forms.ChoiceField(label=_("Would you like an appointment or a call?"), choices=REQUESTS, required=False)
    timing = forms.ChoiceField(label=_("How soon?"), required=False)
    preferred_clinic = forms.ChoiceField(label=_("Which clinic suits you?"), required=False)
    payer = forms.ChoiceField(label=_("How do you plan to pay?"), required=False)
    preferred_channel = forms.ChoiceField(
        label=_("How would you like to hear from us?"), choices=[NO_ANSWER, *WAYS], required=False
    )
    preferred_time = forms.ChoiceField(
        label=_("When is a good time to reach you?"), choices=[NO_ANSWER, *TIMES], required=False
    )
    language = forms.ChoiceField(label=_("Your language"), choices=settings.LANGUAGES, required=False)
    stops_email = forms.BooleanField(label=_("No more e-mails"), required=False)
    stops_texts = forms.BooleanField(label=_("No more texts"), required=False)
    stops_calls = forms.BooleanField(label=_("No more calls"), required=False)
    accepts_unencrypted = forms.BooleanField(
        label=_("You may write about my health by e-mail and text"),
        help_text=_("E-mail and texts are not encrypted: somebody else might read them."),
        required=False,
    )

    TICKS = ("stops_email", "stops_texts", "stops_calls", "accepts_unencrypted")
    STOPS: ClassVar = {"email": "stops_email", "sms": "stops_texts", "voice": "stops_calls"}
    LEAD_FIELDS = (
        "request",
        "timing",
        "preferred_clinic",
        "payer",
        "preferred_channel",
        "preferred_time",
        "language",
    )

    def __init__(self, *args: object, lead: Lead, muted: Collection[str] = (), **kwargs: object) -> None:
        super().__init__(*args, label_suffix="", **kwargs)
        clinics = Clinic.objects.filter(is_active=True)
        if lead.service_id:
            clinics = clinics.filter(offerings__service=lead.service_id)
        self._offer("timing", TimingWindow.objects.filter(is_active=True))
        self._offer("preferred_clinic", clinics.distinct())
        self._offer("payer", Payer.objects.filter(is_active=True))
        for name in ("language", "preferred_channel"):
            self.initial.setdefault(name, getattr(lead, name))
        if lead.is_organisation:
            del self.fields["preferred_clinic"], self.fields["payer"]
        self.topics = dict(topics())
        for code, topic in self.topics.items():
            self.fields[f"topic_{code}"] = forms.BooleanField(
                label=gettext(topic), required=False, initial=code not in muted
            )

    def _offer(self, name: str, rows: QuerySet) -> None:
        self.fields[name].choices = [NO_ANSWER, *((row.pk, gettext(row.name)) for row in rows)]

    @property
    def question_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.LEAD_FIELDS if name in self.fields]

    @property
    def topic_fields(self) -> list[forms.BoundField]:
        return [self[f"topic_{code}"] for code in self.topics]

    def stops_of(self, channels: Collection[str]) -> list[str]:
        """What was chosen to close these channels, in the words of its box."""
        return [str(self.fields[name].label) for channel, name in self.STOPS.items() if channel in channels]

    @property
    def unwanted(self) -> list[str]:
        """The topics whose box was left, or made, empty."""
        return [code for code in self.topics if not self.cleaned_data[f"topic_{code}"]]

    @property
    def news(self) -> dict[str, object]:
        """What was answered, and differs from what the page already showed."""
        answered = {name: self.cleaned_data.get(name) for name in self.LEAD_FIELDS}
        return {name: value for name, value in answered.items() if value and value != self.initial.get(name)}


def topics() -> list[tuple[str, str]]:
    """What people may choose to hear about: the published sequences that say so."""
    offered = Sequence.objects.filter(status=VersionStatus.PUBLISHED, is_active=True).exclude(topic="")
    return list(offered.values_list("code", "topic"))
