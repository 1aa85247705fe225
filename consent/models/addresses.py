"""Whom may be contacted for whom: the seller that a consent names, and the address it is about."""

from __future__ import annotations

import pghistory
from django.db import models
from django.db.models import Q
from django.db.models.functions import Right
from django.utils.translation import gettext_lazy as _

from consent.vocabulary import AddressKind
from medcrm.lib.models import Coded
from medcrm.lib.zones import valid_zone


@pghistory.track()
class Seller(Coded):
    """The legal entity that a consent names and that every message must identify [T03, E01]."""

    postal_address = models.CharField(
        max_length=200, blank=True, help_text=_("Printed in marketing mail, e.g. “100 Harbor Way, Austin, TX 78701”.")
    )
    timezone = models.CharField(
        max_length=40, default="America/Chicago", validators=[valid_zone], help_text=_("e.g. “America/Chicago”.")
    )
    help_contact = models.CharField(
        max_length=120, blank=True, help_text=_("Named in the answer to HELP, e.g. “512-555-0100”.")
    )
    is_sms_sender_registered = models.BooleanField(
        default=False, help_text=_("Brand and campaign are registered with the carriers (10DLC). Without it no text.")
    )
    is_covered_entity = models.BooleanField(
        default=True, help_text=_("A provider or plan under HIPAA, or a business associate of one.")
    )

    class Meta(Coded.Meta):
        db_table = "consent_seller"


class Address(models.Model):
    """A phone number or an e-mail address, once for everyone who uses it.

    The keyed hash recognises the address again after its value was erased, so that a suppression outlives the data.
    `head_seq` and `head_hash` are kept by the trigger that chains the ledger; nothing else writes them.
    """

    kind = models.CharField(max_length=5, choices=AddressKind.choices)
    value = models.CharField(
        max_length=254, null=True, blank=True, help_text=_("E.164 or lower-cased e-mail; empty once erased.")
    )
    keyed_hash = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)
    broken_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text=_("When a verification found its chain broken; no contact.")
    )
    head_seq = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    head_hash = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    sealed_seq = models.PositiveIntegerField(
        default=0, db_default=0, editable=False, help_text=_("The last link that a signed checkpoint covers.")
    )

    class Meta:
        verbose_name_plural = "addresses"
        constraints = [
            # a constraint, as `unique=True` would add an index for LIKE, which no hash is searched by
            models.UniqueConstraint(fields=["keyed_hash"], name="consent_address_hash"),
            models.UniqueConstraint(fields=["kind", "value"], name="consent_address_once"),
            models.CheckConstraint(condition=Q(kind__in=AddressKind.values), name="consent_address_kind"),
            models.CheckConstraint(
                condition=Q(value__isnull=False) | Q(erased_at__isnull=False), name="consent_address_value_or_erased"
            ),
        ]
        indexes = [
            # read by consent.addresses.ending_in: a number by its last four digits
            models.Index(Right("value", 4), name="consent_address_last4", condition=Q(kind="phone")),
            # read by consent.checkpoints.seal
            models.Index(fields=["id"], condition=Q(head_seq__gt=models.F("sealed_seq")), name="consent_unsealed"),
        ]

    def __str__(self) -> str:
        return self.value or f"erased {self.kind} {self.keyed_hash[:8]}"
