"""What was sent: one message per step and reservation, with the words as they went out."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import Q

from consent.models import Attempt
from medcrm.lib.models import over_time
from nurture.lifecycle import MESSAGE_MOVES, MessageState, pairs
from nurture.models.enrollments import Enrollment
from nurture.models.sequences import Step
from nurture.models.templates import Wording
from nurture.querysets import MessageQuerySet


class Message(models.Model):
    """A rendered message and what became of it. Without its attempt it cannot exist: no contact without permission.

    The address is the attempt's, so that an erasure of the address reaches every message to it.
    """

    attempt = models.OneToOneField(Attempt, on_delete=models.PROTECT, related_name="message")
    enrollment = models.ForeignKey(Enrollment, on_delete=models.CASCADE, related_name="messages")
    step = models.ForeignKey(Step, on_delete=models.PROTECT, related_name="+", db_index=False)
    wording = models.ForeignKey(Wording, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=9, choices=MessageState.choices, default=MessageState.RESERVED)
    subject = models.CharField(max_length=200, blank=True)
    body = models.TextField()
    content_sha256 = models.CharField(max_length=64)
    provider = models.CharField(max_length=20, blank=True)
    provider_id = models.CharField(max_length=120, blank=True)
    error = models.CharField(max_length=300, blank=True)
    reserved_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            # A step that certainly did not leave may be tried again under a new reservation; anything else never.
            models.UniqueConstraint(
                name="one_message_per_step",
                fields=["enrollment", "step"],
                condition=~Q(state=MessageState.FAILED),
            ),
            models.UniqueConstraint(
                name="one_message_per_provider_id", fields=["provider", "provider_id"], condition=~Q(provider_id="")
            ),
            models.CheckConstraint(name="message_state_known", condition=Q(state__in=MessageState.values)),
        ]
        indexes = [
            # read by nurture.dispatch.sweep_forgotten
            models.Index(name="message_forgotten", fields=["reserved_at"], condition=Q(state=MessageState.RESERVED)),
            # read by the list of messages: in a state (most are delivered), and by medium, which its step says
            models.Index(
                name="message_in_state", fields=["state", "id"], condition=~Q(state__in=["reserved", "delivered"])
            ),
            over_time("message", "reserved_at"),
            models.Index(name="message_step", fields=["step", "id"]),
        ]
        triggers = [
            pgtrigger.FSM(name="message_moves", field="state", transitions=pairs(MESSAGE_MOVES)),
            pgtrigger.Protect(
                name="messages_begin_reserved",
                operation=pgtrigger.Insert,
                condition=pgtrigger.Q(new__state__df=MessageState.RESERVED.value),
            ),
            pgtrigger.Protect(
                name="message_reservation_is_frozen",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("attempt", "enrollment", "step", "wording", "content_sha256"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step} · {self.get_state_display()}"
