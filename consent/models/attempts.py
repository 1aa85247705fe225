"""Every reservation of a contact with the decision it rests on, allowed or not."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from consent.lifecycle import COUNTED, TRANSITIONS, AttemptState
from consent.models.addresses import Address, Seller
from consent.vocabulary import Channel, Purpose
from medcrm.lib.models import given
from medcrm.lib.moments import said

# What nearly all attempts are; the others are indexed, so that a list of them need not read them all.
USUAL = {
    "state": ["reserved", "sent", "refused"],
    "channel": ["voice_manual", "sms", "email"],
    "purpose": ["marketing", "informational"],
}


class DecisionKind(models.TextChoices):
    ALLOW = "allow", _("Allowed")
    DENY = "deny", _("Refused")
    HOLD = "hold", _("Not now")


class Attempt(models.Model):
    """A reserved contact: decided under a lock on the address, in the transaction that wrote this row.

    A message or an outbound call points here with a NOT NULL one-to-one key, so nothing goes out without one. The
    decision is frozen by trigger; only state and outcome move.
    """

    address = models.ForeignKey(Address, on_delete=models.PROTECT, related_name="attempts")
    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, related_name="+", db_index=False)
    channel = models.CharField(max_length=20, choices=Channel.choices)
    purpose = models.CharField(max_length=20, choices=Purpose.choices)
    subject = models.CharField(max_length=60, blank=True, help_text=_("What it is about; state caps count by it."))
    at = models.DateTimeField(help_text=_("The instant it was decided for."))
    state = models.CharField(max_length=12, choices=AttemptState.choices, default=AttemptState.RESERVED)
    kind = models.CharField(max_length=5, choices=DecisionKind.choices)
    code = models.CharField(max_length=40)
    sentence = models.CharField(max_length=300)
    next_allowed_at = models.DateTimeField(null=True, blank=True)
    rules_version = models.CharField(max_length=40)
    events = ArrayField(models.UUIDField(), default=list, blank=True, help_text=_("Ledger events relied on."))
    lists = ArrayField(models.BigIntegerField(), default=list, blank=True, help_text=_("List versions looked into."))
    basis = models.JSONField(default=dict, help_text=_("Request, zones and local times, ages, caps counted."))
    content_sha256 = models.CharField(max_length=64, blank=True, help_text=_("Of the words sent or the script read."))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    automation = models.CharField(max_length=60, blank=True, help_text=_("The program that asked, if no person did."))
    settled_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=40, blank=True, help_text=_("Code, e.g. “delivered”, “no_answer”."))
    provider_id = models.CharField(max_length=120, blank=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = _("contact attempt")
        verbose_name_plural = _("contact attempts")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=AttemptState.values), name="consent_attempt_state"),
            models.CheckConstraint(
                condition=Q(kind="allow") | Q(state=AttemptState.REFUSED), name="consent_attempt_denied_is_refused"
            ),
        ]
        indexes = [
            # read by consent.loading: what counts against the caps
            models.Index(
                fields=["address", "-at"],
                condition=Q(state__in=[s.value for s in COUNTED]),
                name="consent_attempt_counted",
            ),
            # read by consent.gate.sweep_reserved
            models.Index(
                fields=["at"], condition=Q(state__in=["reserved", "handed_over"]), name="consent_attempt_open"
            ),
            models.Index(fields=["-at"], name="consent_attempt_recent"),
            # read by the list of attempts: what few of them are
            *(
                models.Index(
                    fields=[name, "-at"], condition=~Q(**{f"{name}__in": usual}), name=f"attempt_seldom_{name}"
                )
                for name, usual in USUAL.items()
            ),
            given("consent_attempt", "by"),
        ]
        triggers = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="decision_frozen",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange(
                    "address",
                    "seller",
                    "channel",
                    "purpose",
                    "subject",
                    "at",
                    "kind",
                    "code",
                    "sentence",
                    "next_allowed_at",
                    "rules_version",
                    "events",
                    "lists",
                    "basis",
                    "content_sha256",
                    "by",
                    "automation",
                ),
            ),
            pgtrigger.FSM(name="states", field="state", transitions=list(TRANSITIONS)),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} {said(self.at)}"
