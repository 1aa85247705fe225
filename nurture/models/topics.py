"""What a person does not want to hear about. Permission is the ledger's matter; this is taste, and may change."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from consent.models import Address


class MutedTopic(models.Model):
    """A topic that nobody is to write about to this address; it belongs to the address, whatever lead holds it."""

    address = models.ForeignKey(Address, on_delete=models.CASCADE, related_name="+")
    topic = models.CharField(max_length=40, help_text=_("The code of a sequence."))
    muted_at = models.DateTimeField()

    class Meta:
        ordering = ["address", "topic"]
        constraints = [models.UniqueConstraint(name="one_muted_topic", fields=["address", "topic"])]

    def __str__(self) -> str:
        return self.topic
