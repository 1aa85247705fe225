"""Who connects by machine, with what key, and what it is told: clients, keys, answers given, subscriptions, outbox."""

from __future__ import annotations

from uuid import uuid4

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from consent.models import ConsentEvent
from gateway.triggers import CONSENT_TRIGGER, INTERACTION_TRIGGER, LEAD_TRIGGERS
from gateway.vocabulary import DeliveryState, EventKind, ScopeCode
from leads.models import Interaction, Lead
from medcrm.lib.models import Coded
from medcrm.lib.moments import said

DEFAULT_RATE = 600


def codes(choices: type[models.TextChoices] | None = None, **kwargs: object) -> ArrayField:
    size = {"choices": choices.choices} if choices else {}
    return ArrayField(models.CharField(max_length=40, **size), **kwargs)


@pghistory.track()
class Client(Coded):
    """A system that uses the API. It acts as a user of its own in the role `api_client`, narrowed to these scopes."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="api_client",
        editable=False,
        help_text=_("As whom its acts are written down; it cannot sign in."),
    )
    scopes = codes(ScopeCode, default=list, blank=True, help_text=_("What it may do."))
    teams = codes(
        null=True, blank=True, help_text=_("Codes of the teams whose leads it sees; unset: all teams; none: no lead.")
    )
    services = codes(
        null=True,
        blank=True,
        help_text=_("Services whose leads it sees; unset: all but sensitive ones; a sensitive one must be named."),
    )
    rate_per_minute = models.PositiveIntegerField(
        null=True, blank=True, default=DEFAULT_RATE, help_text=_("Requests per minute; blank: no limit; 0: none.")
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(Coded.Meta):
        verbose_name = _("API client")


class Key(models.Model):
    """A secret of a client, shown once and stored as a hash; several may be in force while one replaces another."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="keys")
    prefix = models.CharField(max_length=12, help_text=_("The first characters, to recognise a key by."))
    key_hash = models.CharField(max_length=64, unique=True, editable=False)
    label = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    expires_at = models.DateTimeField(null=True, blank=True, help_text=_("Blank: until it is revoked."))
    last_used_on = models.DateField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("API key")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.client}: {self.prefix}…"


class Answered(models.Model):
    """What was answered to a POST with an Idempotency-Key, so that the same request again does nothing again."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    request_sha256 = models.CharField(max_length=64, help_text=_("Of method, path and body."))
    status = models.PositiveSmallIntegerField(default=0)
    body = models.JSONField(default=dict, help_text=_("Ids and codes; no answer to a POST holds anything personal."))
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(name="gateway_one_answer_per_key", fields=["client", "key"])]
        # read by gateway.idempotency.forget
        indexes = [models.Index(name="gateway_answered_at", fields=["at"])]

    def __str__(self) -> str:
        return f"{self.client_id} {self.key[:20]}"


@pghistory.track(
    exclude=["salt", "old_salt"],
    obj_field=pghistory.ObjForeignKey(related_name="history"),  # its own field is called events
)
class Subscription(models.Model):
    """Where a client wants to be told of what. The signing secret is derived from the salt and never stored."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="subscriptions")
    url = models.URLField(max_length=500, help_text=_("https only, reachable from the internet."))
    events = codes(EventKind, help_text=_("What it is told of."))
    is_active = models.BooleanField(default=True)
    salt = models.CharField(max_length=64, editable=False)
    old_salt = models.CharField(max_length=64, blank=True, editable=False, help_text=_("Signs too, until it ends."))
    old_salt_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)
    ended_because = models.CharField(max_length=40, blank=True, editable=False, help_text=_("e.g. GONE."))

    class Meta:
        verbose_name = _("webhook")
        ordering = ["-pk"]
        # read by the triggers that fill the outbox
        indexes = [models.Index(name="gateway_subscribed", fields=["id"], condition=Q(is_active=True))]

    def __str__(self) -> str:
        return self.url


class OutboxEvent(models.Model):
    """Something that happened to a lead, written by triggers in the transaction in which it happened (triggers.py)."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=40, choices=EventKind.choices)
    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="+")
    data = models.JSONField(default=dict, help_text=_("Codes and ids only."))
    at = models.DateTimeField()
    spread_at = models.DateTimeField(null=True, blank=True, help_text=_("When its deliveries were made."))

    class Meta:
        ordering = ["-pk"]
        indexes = [
            # read by gateway.outbox.spread
            models.Index(name="gateway_outbox_due", fields=["id"], condition=Q(spread_at__isnull=True)),
            # read by gateway.outbox.forget
            models.Index(name="gateway_outbox_at", fields=["at"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {said(self.at)}"


class Delivery(models.Model):
    """One event for one subscription; those of one lead go out in their order, one after the other."""

    event = models.ForeignKey(OutboxEvent, on_delete=models.CASCADE, related_name="deliveries")
    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="deliveries")
    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.PENDING)
    due_at = models.DateTimeField(null=True, blank=True, help_text=_("When to try next; blank once it has ended."))
    tries = models.PositiveSmallIntegerField(default=0)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = _("deliveries")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(name="gateway_one_delivery", fields=["subscription", "event"]),
            models.CheckConstraint(
                name="gateway_pending_is_due",
                condition=Q(state="pending", due_at__isnull=False) | (~Q(state="pending") & Q(due_at__isnull=True)),
            ),
        ]
        indexes = [
            # read by gateway.outbox.claim
            models.Index(name="gateway_delivery_due", fields=["due_at"], condition=Q(state="pending")),
            models.Index(
                name="gateway_delivery_lane", fields=["subscription", "lead", "event"], condition=Q(state="pending")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} → {self.subscription.url}"


class Try(models.Model):
    """One attempt to deliver and what came of it."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="log")
    at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text=_("Blank: no answer."))
    code = models.CharField(max_length=40, help_text=_("e.g. OK, TIMEOUT, REFUSED_TARGET."))
    took_ms = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = _("tries")
        ordering = ["-pk"]
        triggers = [pgtrigger.Protect(name="tries_are_append_only", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"{said(self.at)} {self.code}"


class WatchedLead(Lead):
    """The lead as the outbox watches it: its triggers fill the outbox, whatever code moved the lead."""

    class Meta:
        proxy = True
        triggers = LEAD_TRIGGERS


class WatchedInteraction(Interaction):
    class Meta:
        proxy = True
        triggers = [INTERACTION_TRIGGER]


class WatchedConsentEvent(ConsentEvent):
    class Meta:
        proxy = True
        triggers = [CONSENT_TRIGGER]
