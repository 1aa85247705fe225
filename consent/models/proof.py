"""What proves the ledger whole: signed checkpoints over all chain heads, and the log of every export."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from consent.models.addresses import Address
from consent.vocabulary import ExportKind
from medcrm.lib.moments import said


class Checkpoint(models.Model):
    """A signed statement of every chain head that moved since the checkpoint before [contact_rules 14(c)].

    A chain alone does not stop someone who rewrites a whole tail; a checkpoint kept elsewhere does.
    """

    taken_at = models.DateTimeField()
    heads_count = models.PositiveIntegerField(help_text=_("Chains that moved since the checkpoint before."))
    events_count = models.PositiveBigIntegerField(help_text=_("Events in all sealed chains together."))
    prev_digest = models.CharField(max_length=64, blank=True)
    digest = models.CharField(max_length=64)
    signature = models.CharField(max_length=64, help_text=_("HMAC-SHA-256 with the key from the environment."))

    class Meta:
        ordering = ["-id"]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"#{self.pk} {said(self.taken_at)}"


class CheckpointHead(models.Model):
    """The head of one chain as a checkpoint sealed it. The keyed hash names the chain even if its row is gone."""

    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.PROTECT, related_name="heads", db_index=False)
    keyed_hash = models.CharField(max_length=64)
    seq = models.PositiveIntegerField()
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["checkpoint", "keyed_hash"], name="consent_checkpoint_head_once")
        ]
        indexes = [models.Index(fields=["keyed_hash"], name="consent_checkpoint_head")]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.keyed_hash[:8]} {self.seq}"


class Verification(models.Model):
    """One run over the whole ledger and what it found."""

    ran_at = models.DateTimeField()
    took_ms = models.PositiveIntegerField()
    chains_count = models.PositiveBigIntegerField()
    events_count = models.PositiveBigIntegerField()
    checkpoints_count = models.PositiveIntegerField()
    breaks_count = models.PositiveIntegerField()
    breaks = models.JSONField(default=list, help_text=_("The first hundred, in the order of the chains."))

    class Meta:
        ordering = ["-id"]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{said(self.ran_at)}: {self.breaks_count or 'no'} breaks"


class ExportLog(models.Model):
    """Who took evidence out, of whom, as of when, and what exactly the file was."""

    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=ExportKind.choices)
    address = models.ForeignKey(Address, null=True, blank=True, on_delete=models.PROTECT, related_name="exports")
    as_of = models.DateTimeField(null=True, blank=True)
    sha256 = models.CharField(max_length=64)
    reason = models.CharField(max_length=200, blank=True, help_text=_("e.g. “Complaint 2026-117”."))

    class Meta:
        verbose_name = _("evidence file")
        verbose_name_plural = _("evidence files")
        ordering = ["-at"]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {said(self.at)}"
