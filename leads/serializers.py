"""What a submission may say: the fields of an inquiry, their types and limits, for the API, replay and import alike."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from leads.vocabulary import Agreement, Budget, ContactRole, ForWhom, LeadType, Request, Urgency
from medcrm.lib.npi import check_npi

CHANNELS = ("voice", "sms", "email")


class StrictCharField(serializers.CharField):
    """Text that is text: DRF would quietly turn a number into one."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**({"required": False, "allow_blank": True} | kwargs))

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data.replace("\x00", ""))


def choice(choices: type, **kwargs: object) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices=choices.choices, **({"required": False, "allow_blank": True} | kwargs))


class InquirySerializer(serializers.Serializer):
    """One inquiry. Codes of services, clinics, payers, documents and organisations are those of the catalogue."""

    lead_type = choice(LeadType, required=True, allow_blank=False)
    first_name = StrictCharField(max_length=80)
    last_name = StrictCharField(max_length=80)
    phone = StrictCharField(max_length=40, help_text=_("In any usual form; numbers without country code are US."))
    email = StrictCharField(max_length=254)
    zip = serializers.RegexField(
        r"^\d{5}(-\d{4})?$",
        required=False,
        allow_blank=True,
        error_messages={"invalid": _("Five digits, e.g. 78701.")},
    )
    service = StrictCharField(max_length=40)
    preferred_clinic = StrictCharField(max_length=40)
    timing = StrictCharField(max_length=40, help_text=_("When the person wants to come, e.g. “two_weeks”."))
    request = choice(Request)
    question = StrictCharField(max_length=200, help_text=_("One specific question; no medical detail, please."))
    urgency = choice(Urgency)
    payer = StrictCharField(max_length=40)
    referring_provider = StrictCharField(max_length=120, help_text=_("The doctor or practice that refers them."))
    age = serializers.IntegerField(min_value=0, max_value=120, required=False, allow_null=True)
    is_existing_patient = serializers.BooleanField(required=False, allow_null=True)
    language = StrictCharField(max_length=8)
    preferred_channel = serializers.ChoiceField(choices=CHANNELS, required=False, allow_blank=True)
    preferred_time = StrictCharField(max_length=80)
    for_whom = choice(ForWhom)
    organisation = StrictCharField(max_length=120)
    organisation_type = StrictCharField(max_length=40)
    specialty = StrictCharField(max_length=40)
    care_setting = StrictCharField(max_length=40)
    npi = StrictCharField(max_length=10, validators=[check_npi], help_text=_("National Provider Identifier."))
    sites = serializers.IntegerField(min_value=0, max_value=100_000, required=False, allow_null=True)
    contact_role = choice(ContactRole)
    clinic_size = serializers.IntegerField(min_value=0, max_value=1_000_000, required=False, allow_null=True)
    budget = choice(Budget)
    rollout = StrictCharField(max_length=80)
    approver = StrictCharField(max_length=120)
    agreement = choice(Agreement)
    documents = serializers.ListField(child=StrictCharField(max_length=40), required=False, max_length=20)
    consent = serializers.ListField(
        child=serializers.ChoiceField(choices=CHANNELS),
        required=False,
        help_text=_("Channels whose box the person ticked beside the source's own disclosure."),
    )
    campaign = StrictCharField(max_length=120, help_text=_("Left out: the utm_campaign of `page_url`, if it has one."))
    page_url = StrictCharField(max_length=500, help_text=_("The page the form stood on, kept as proof."))
    is_test = serializers.BooleanField(required=False)
