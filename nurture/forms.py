"""The public pages' forms: few fields, plain words, no script needed."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from leads.models import Clinic, Lead, Payer, TimingWindow
from leads.vocabulary import Request

REQUESTS = [
    ("", _("Nothing for now")),
    (Request.APPOINTMENT, _("Yes, I would like an appointment")),
    (Request.CALLBACK, _("Yes, please call me")),
]


class PreferencesForm(forms.Form):
    """When, where and how; what stays blank is not asked again and changes nothing."""

    request = forms.ChoiceField(label=_("Would you like to come?"), choices=REQUESTS, required=False)
    timing = forms.ChoiceField(label=_("How soon?"), required=False)
    preferred_clinic = forms.ChoiceField(label=_("Which clinic suits you?"), required=False)
    payer = forms.ChoiceField(label=_("How do you plan to pay?"), required=False)
    language = forms.ChoiceField(label=_("Your language"), choices=settings.LANGUAGES, required=False)
    stops_email = forms.BooleanField(label=_("Stop e-mails"), required=False)
    stops_texts_and_calls = forms.BooleanField(label=_("Stop texts and calls"), required=False)

    LEAD_FIELDS = ("request", "timing", "preferred_clinic", "payer", "language")

    def __init__(self, *args: object, lead: Lead, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        clinics = Clinic.objects.filter(is_active=True)
        if lead.service_id:
            clinics = clinics.filter(offerings__service=lead.service_id)
        self._offer("timing", TimingWindow.objects.filter(is_active=True))
        self._offer("preferred_clinic", clinics.distinct())
        self._offer("payer", Payer.objects.filter(is_active=True))
        self.initial.setdefault("language", lead.language)
        if lead.is_organisation:
            del self.fields["preferred_clinic"], self.fields["payer"]

    def _offer(self, name: str, rows: object) -> None:
        self.fields[name].choices = [("", _("No answer")), *((row.pk, row.name) for row in rows)]

    @property
    def news(self) -> dict[str, object]:
        """What was answered, and differs from what the page already showed."""
        answered = {name: self.cleaned_data.get(name) for name in self.LEAD_FIELDS}
        return {name: value for name, value in answered.items() if value and value != self.initial.get(name)}
