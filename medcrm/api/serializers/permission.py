"""How the API shows permission as of a moment, and takes in what ends it."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from consent.vocabulary import Scope
from medcrm.api.fields import Instant, Text
from medcrm.api.serializers.shown import example


class PermissionSerializer(serializers.Serializer):
    """Permission on one channel as of the moment asked for, folded from the ledger."""

    address = serializers.ChoiceField(["phone", "email"])
    channel = serializers.CharField()
    state = serializers.CharField(help_text="granted, none, review or blocked.")
    code = serializers.CharField(
        help_text="Why it is blocked or does not count, e.g. REVOKED, CONSENT_EXPIRED.", allow_blank=True
    )
    level = serializers.CharField(allow_blank=True)
    purposes = serializers.ListField(child=serializers.CharField())
    sellers = serializers.ListField(child=serializers.CharField())
    since = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)


@extend_schema_serializer(
    examples=example(
        {
            "at": "2026-12-01T16:00:00Z",
            "permissions": [
                {
                    "address": "phone",
                    "channel": "sms",
                    "state": "granted",
                    "code": "",
                    "level": "PEWC",
                    "purposes": ["marketing"],
                    "sellers": ["harbor"],
                    "since": "2026-11-30T15:12:00Z",
                    "expires_at": None,
                }
            ],
        }
    )
)
class PermissionsSerializer(serializers.Serializer):
    at = serializers.DateTimeField()
    permissions = PermissionSerializer(many=True)


class AddressSerializer(serializers.Serializer):
    """One address: a phone number in any usual form, or an e-mail address."""

    phone = Text(max_length=40, required=False)
    email = Text(max_length=254, required=False)

    def validate(self, data: dict[str, object]) -> dict[str, object]:
        if len([name for name in ("phone", "email") if data.get(name)]) != 1:
            raise serializers.ValidationError("Give either phone or email.")
        return data


@extend_schema_serializer(examples=example({"phone": "512-555-0142", "at": "2026-12-01T16:00:00Z"}, request=True))
class LookupSerializer(AddressSerializer):
    """Sent in a body, so that no address stands in a URL or its log."""

    at = Instant(required=False, help_text="As of when; left out: now.")


@extend_schema_serializer(
    examples=example(
        {"phone": "512-555-0142", "scope": "all_contact", "said": "Wrote to the front desk: no more calls."},
        request=True,
    )
)
class RevocationSerializer(AddressSerializer):
    """The person wants to be left alone; any reasonable means counts, and it holds from this moment.

    all_contact and everything reach the person's other addresses too; all and dnc, said of a mailbox, their numbers.
    """

    scope = serializers.ChoiceField([*Scope.choices, ("dnc", "Do not call")], default="all_contact")
    said = Text(max_length=1000, help_text="How the person said it, as proof.")
    occurred_at = Instant(required=False, help_text="When the person said it; left out: now.")


class RevocationReceiptSerializer(serializers.Serializer):
    event = serializers.UUIDField(source="pk")
    kind = serializers.CharField()
    recorded_at = serializers.DateTimeField()
