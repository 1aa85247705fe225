"""What providers told us: one row per event of theirs, so that the same one twice is one."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from consent.models import Address
from medcrm.lib.moments import said
from nurture.models.messages import Message


class CarrierNotice(models.Model):
    """What a carrier has to hear about one number, newest word; told once, again when it changes."""

    address = models.OneToOneField(Address, on_delete=models.CASCADE, related_name="+")
    is_stopped = models.BooleanField()
    said_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [
            # read by nurture.carrier.tell
            models.Index(name="carrier_notice_waits", fields=["said_at"], condition=Q(told_at__isnull=True))
        ]

    def __str__(self) -> str:
        return "stop" if self.is_stopped else "go on"


class ProviderEvent(models.Model):
    """A reply or a delivery report as received. The words of a reply live on the timeline and in the ledger."""

    provider = models.CharField(max_length=20)
    key = models.CharField(max_length=200, help_text=_("The provider's own id of the event."))
    kind = models.CharField(max_length=20, help_text=_("e.g. “reply”, “delivered”, “bounced”."))
    address = models.ForeignKey(Address, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    # The event is about the message and goes with it.
    message = models.ForeignKey(Message, null=True, blank=True, on_delete=models.CASCADE, related_name="events")
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(name="one_provider_event", fields=["provider", "key"])]

    def __str__(self) -> str:
        return f"{self.provider} {self.kind} {said(self.received_at)}"
