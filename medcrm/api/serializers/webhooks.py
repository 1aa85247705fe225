"""How the API shows and takes in subscriptions and what was delivered."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from gateway.vocabulary import EventKind
from medcrm.api.fields import Instant, Text
from medcrm.api.serializers.shown import example


class SubscriptionSerializer(serializers.Serializer):
    webhook = serializers.UUIDField(source="public_id")
    url = serializers.CharField()
    events = serializers.ListField(child=serializers.ChoiceField(EventKind.choices))
    is_active = serializers.BooleanField()
    ended_because = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()


@extend_schema_serializer(
    examples=example({"url": "https://example.org/hooks/medcrm", "events": ["lead.stage_changed"]}, request=True)
)
class SubscribeSerializer(serializers.Serializer):
    """Where to post what. Bodies hold ids and codes; read the rest with the API."""

    url = Text(max_length=500)
    events = serializers.ListField(child=serializers.ChoiceField(EventKind.choices), allow_empty=False, max_length=20)


class ResubscribeSerializer(SubscribeSerializer):
    url = Text(max_length=500, required=False)
    events = serializers.ListField(
        child=serializers.ChoiceField(EventKind.choices), allow_empty=False, max_length=20, required=False
    )


class SecretSerializer(serializers.Serializer):
    """The signing secret, shown this once; signatures follow Standard Webhooks."""

    webhook = serializers.UUIDField()
    secret = serializers.CharField()


class DeliverySerializer(serializers.Serializer):
    delivery = serializers.IntegerField(source="pk")
    event = serializers.UUIDField(source="event.public_id", help_text="The webhook-id of every attempt.")
    kind = serializers.CharField(source="event.kind")
    lead = serializers.UUIDField(source="lead.public_id")
    happened_at = serializers.DateTimeField(source="event.at")
    state = serializers.CharField()
    tries = serializers.IntegerField()
    due_at = serializers.DateTimeField(allow_null=True)
    settled_at = serializers.DateTimeField(allow_null=True)
    last_status = serializers.IntegerField(allow_null=True)
    last_code = serializers.CharField(allow_null=True)


@extend_schema_serializer(examples=example({"since": "2026-12-01T00:00:00Z"}, request=True))
class ReplaySerializer(serializers.Serializer):
    """Send again what ended since a moment, in order and with the ids it had."""

    since = Instant()
    only_failed = serializers.BooleanField(default=False)
