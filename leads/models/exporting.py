"""Who took what out, why, and where the file lies until it expires. The row is the log and outlives the file."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from leads.models.importing import private_files
from medcrm.lib.moments import said


class Export(models.Model):
    class State(models.TextChoices):
        WAITING = "waiting", _("Being written")
        READY = "ready", _("Ready")
        EXPIRED = "expired", _("Expired, the file is gone")
        FAILED = "failed", _("Stopped by a problem")

    class Format(models.TextChoices):
        CSV = "csv", _("CSV")
        XLSX = "xlsx", _("Excel workbook")
        JSON = "json", _("JSON")
        FHIR = "fhir", _("FHIR R4 bundle")

    what = models.CharField(max_length=20)
    format = models.CharField(max_length=5, choices=Format.choices)
    filters = models.JSONField(default=dict, blank=True, help_text=_("What it was narrowed to."))
    lead = models.ForeignKey("leads.Lead", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.CharField(max_length=200, help_text=_("For whom and why, e.g. “audit 2026, ticket 117”."))
    is_masked = models.BooleanField(default=True, help_text=_("Phone numbers and mail addresses are shortened."))
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    file = models.FileField(upload_to="exports/%Y/%m", storage=private_files, max_length=255, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    rows = models.PositiveIntegerField(default=0)
    problem = models.CharField(max_length=300, blank=True)
    asked_at = models.DateTimeField()
    ready_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [models.CheckConstraint(name="export_has_reason", condition=~Q(reason=""))]
        indexes = [
            # read by leads.exporting.work_due and expire
            models.Index(name="export_waiting", fields=["asked_at"], condition=Q(state="waiting")),
            models.Index(name="export_expires", fields=["expires_at"], condition=Q(state="ready")),
        ]

    def __str__(self) -> str:
        return f"{self.what}.{self.format} · {said(self.asked_at)}"
