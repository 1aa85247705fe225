"""What providers told us: one row per event of theirs, so that the same one twice is one."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from consent.models import Address
from nurture.models.messages import Message


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
        return f"{self.provider} {self.kind} {self.received_at:%Y-%m-%d %H:%M}"
