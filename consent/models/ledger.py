"""What was shown and what was said: disclosures, the append-only chain of events, and the projection of it."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from consent.models.addresses import Address, Seller
from consent.vocabulary import WITHDRAWN, EventKind, GrantChannel, Level, Purpose, Scope, Verdict
from medcrm.lib.models import given
from medcrm.lib.moments import said

ELEMENTS = [
    ("written", _("A written agreement the person can keep")),
    ("signature", _("Signed: a tick, a button, a key press, a recorded voice")),
    ("names_seller", _("Names the seller")),
    ("authorizes_automated", _("Authorises marketing by an autodialler or an artificial voice")),
    ("names_number", _("Names the number it is for")),
    ("not_a_condition", _("Says that consent is not a condition of purchase")),
]
PEWC_ELEMENTS = tuple(code for code, _label in ELEMENTS)
"""The six parts of prior express written consent [64.1200(f)(9)]; all six make the evidence complete."""


OWN_LANGUAGE = "en"


class Disclosure(models.Model):
    """The exact text a person saw. A new wording is a new version; a used one is frozen by trigger.

    The same version in another language is a row of its own: it says the same, and is proof of what was shown.
    """

    code = models.SlugField(max_length=40)
    version = models.PositiveIntegerField(default=1)
    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, related_name="disclosures")
    text = models.TextField(help_text=_("Word for word as shown, including the label of the box or button."))
    sha256 = models.CharField(max_length=64, editable=False, help_text=_("Of the text; computed by the database."))
    language = models.CharField(
        max_length=10,
        default=OWN_LANGUAGE,
        help_text=_("A translation has the code and version of the text that it says in another language, e.g. “es”."),
    )
    channels = ArrayField(models.CharField(max_length=10, choices=GrantChannel.choices), default=list)
    purposes = ArrayField(models.CharField(max_length=20, choices=Purpose.choices), default=list)
    level = models.CharField(max_length=12, choices=Level.choices)
    elements = ArrayField(
        models.CharField(max_length=24, choices=ELEMENTS),
        default=list,
        blank=True,
        help_text=_("What the text and the form around it contain; all six are needed for written consent."),
    )
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["code", "-version", "language"]
        constraints = [
            models.UniqueConstraint(fields=["code", "version", "language"], name="consent_disclosure_language"),
            models.CheckConstraint(condition=Q(level__in=Level.values), name="consent_disclosure_level"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="hash_text",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="NEW.sha256 := encode(sha256(convert_to(NEW.text, 'UTF8')), 'hex'); RETURN NEW;",
            ),
            pgtrigger.Trigger(
                name="frozen_once_used",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func="""
                IF EXISTS (SELECT 1 FROM consent_consentevent WHERE disclosure_id = OLD.id)
                   AND (TG_OP = 'DELETE'
                        OR (to_jsonb(NEW) - 'retired_at') IS DISTINCT FROM (to_jsonb(OLD) - 'retired_at')) THEN
                    RAISE EXCEPTION 'This disclosure was shown to people and is frozen; make a new version instead'
                        USING ERRCODE = 'integrity_constraint_violation';
                END IF;
                IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
                RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.named + ("" if self.language == OWN_LANGUAGE else f" ({self.language})")

    @property
    def named(self) -> str:
        """Its name in whatever language."""
        return f"{self.code} v{self.version}"

    def in_language(self, language: str) -> Disclosure:
        """The same text as it is shown to readers of that language; this one where it has no translation in force."""
        if language == self.language:
            return self
        same = {"code": self.code, "version": self.version, "seller": self.seller_id, "level": self.level}
        return Disclosure.objects.filter(**same, language=language, retired_at=None).first() or self


class ConsentEvent(models.Model):
    """One thing that happened to the permission of one address, linked to the one before it.

    The database numbers the link (`seq`) and computes `prev_hash` and `hash` on insert, so raw SQL is chained too;
    UPDATE, DELETE and TRUNCATE are refused by triggers (migration 0002). Personal values live in EventValue; the
    row holds only their salted commitment, so an erasure keeps the chain valid [contact_rules 14(f)].
    """

    id = models.UUIDField(primary_key=True, help_text=_("Version 7: ordered by time."))
    # consent_event_seq begins with the address, so another index would only cost every insert
    address = models.ForeignKey(Address, on_delete=models.PROTECT, related_name="events", db_index=False)
    seq = models.PositiveIntegerField(editable=False, help_text=_("Position in the address's own chain, from 1."))
    kind = models.CharField(max_length=24, choices=EventKind.choices)
    occurred_at = models.DateTimeField(help_text=_("When the person did it."))
    recorded_at = models.DateTimeField(help_text=_("When we wrote it down."))
    effective_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    channels = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    purposes = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    level = models.CharField(max_length=12, blank=True, choices=Level.choices)
    sellers = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    scope = models.CharField(max_length=12, blank=True, choices=Scope.choices)
    verdict = models.CharField(max_length=8, blank=True, choices=Verdict.choices)
    fresh_opt_in = models.BooleanField(default=False, help_text=_("An act of the person at that moment."))
    disclosure = models.ForeignKey(
        Disclosure, null=True, blank=True, on_delete=models.PROTECT, related_name="events", db_index=False
    )
    shown_sha256 = models.CharField(max_length=64, blank=True, help_text=_("Hash of the text as it was shown."))
    is_evidence_complete = models.BooleanField(default=False, help_text=_("All six parts of written consent."))
    about = models.UUIDField(null=True, blank=True, help_text=_("The earlier event this one reviews or corrects."))
    facts = models.JSONField(default=dict, blank=True, help_text=_("Coded facts, nothing personal."))
    source = models.CharField(max_length=60, blank=True, help_text=_("Where it came from, e.g. “web_consult”."))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    commitment = models.CharField(max_length=64, help_text=_("SHA-256 of salt and personal values."))
    prev_hash = models.CharField(max_length=64, editable=False)
    hash = models.CharField(max_length=64, editable=False)

    class Meta:
        ordering = ["address_id", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["address", "seq"], name="consent_event_seq"),
            models.CheckConstraint(condition=Q(kind__in=EventKind.values), name="consent_event_kind"),
            models.CheckConstraint(
                condition=~Q(kind="grant") | (~Q(level="") & ~Q(channels=[]) & ~Q(purposes=[])),
                name="consent_grant_says_what",
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=["revoke", "internal_dnc"]) | ~Q(scope=""), name="consent_revoke_says_how_far"
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=["inbound", "review"]) | ~Q(verdict=""), name="consent_inbound_has_verdict"
            ),
        ]
        indexes = [
            # read by consent.inbound.queue
            models.Index(
                fields=["recorded_at"], condition=Q(kind="inbound", verdict="review"), name="consent_event_to_review"
            ),
            # read by consent.inbound.queue
            models.Index(fields=["about"], condition=Q(about__isnull=False), name="consent_event_about"),
            # read by the report on permission: how fast withdrawals took effect
            models.Index(fields=["recorded_at"], condition=Q(kind__in=WITHDRAWN), name="consent_event_withdrawn"),
            # read by the list of events: the kinds that no form or message brings every minute
            models.Index(
                fields=["kind", "-id"],
                condition=~Q(kind__in=["inquiry", "grant", "inbound"]),
                name="consent_event_seldom",
            ),
            *(given("consent_event", key) for key in ("disclosure", "by")),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {said(self.occurred_at)}"


class EventValue(models.Model):
    """The personal values of an event: free text and evidence, with the salt of their commitment.

    Deleted by `ledger.erase`; never changed (migration 0002).
    """

    event = models.OneToOneField(ConsentEvent, primary_key=True, on_delete=models.PROTECT, related_name="values")
    salt = models.CharField(max_length=32)
    body = models.TextField(help_text=_("JSON with sorted keys: text and evidence."))

    def __str__(self) -> str:
        return str(self.event_id)


class PermissionState(models.TextChoices):
    GRANTED = "granted", _("Permitted")
    NONE = "none", _("No permission on file")
    REVIEW = "review", _("A message must be read first")
    BLOCKED = "blocked", _("Withdrawn")


class Permission(models.Model):
    """The fold of the ledger for lists: one row per address and channel. The gate never reads it."""

    address = models.ForeignKey(Address, on_delete=models.CASCADE, related_name="permissions", db_index=False)
    channel = models.CharField(max_length=10, choices=GrantChannel.choices)
    state = models.CharField(max_length=8, choices=PermissionState.choices)
    code = models.CharField(max_length=40, blank=True, help_text=_("Why it is blocked, e.g. REVOKED."))
    level = models.CharField(max_length=12, blank=True, choices=Level.choices)
    purposes = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    sellers = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    since = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    event = models.UUIDField(null=True, blank=True, help_text=_("The event that decided it."))
    seq = models.PositiveIntegerField(help_text=_("Length of the chain it was folded from."))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["address", "channel"], name="consent_permission_once"),
            models.CheckConstraint(condition=Q(state__in=PermissionState.values), name="consent_permission_state"),
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.get_state_display()}"
