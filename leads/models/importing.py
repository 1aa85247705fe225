"""One file on its way in: how far it is, what became of its rows, and how its columns are read."""

from __future__ import annotations

from django.conf import settings
from django.core.files.storage import Storage, storages
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from medcrm.lib.moments import said


def private_files() -> Storage:
    """Where files with personal data lie; nothing serves this folder."""
    return storages["private"]


class ImportPhase(models.TextChoices):
    UPLOADED = "uploaded", _("Uploaded, columns to be confirmed")
    CHECKING = "checking", _("Being checked")
    CHECKED = "checked", _("Checked, nothing written yet")
    IMPORTING = "importing", _("Being imported")
    IMPORTED = "imported", _("Imported")
    RELEASING = "releasing", _("Being released")
    RELEASED = "released", _("Released to the teams")
    UNDOING = "undoing", _("Being undone")
    UNDONE = "undone", _("Undone")
    CANCELLED = "cancelled", _("Cancelled")
    FAILED = "failed", _("Stopped by a problem")


class ImportRun(models.Model):
    """A file and how far it is. Each chunk of rows moves `position` in its own transaction, so a crash repeats none."""

    kind = models.CharField(max_length=20)
    file = models.FileField(upload_to="imports/%Y/%m", storage=private_files, max_length=255)
    file_name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    reading = models.JSONField(default=dict, help_text=_("Format, encoding, delimiter and header as found."))
    mapping = models.JSONField(default=dict, blank=True, help_text=_("Column → field."))
    options = models.JSONField(default=dict, blank=True, help_text=_("Choices that hold for every row."))
    phase = models.CharField(max_length=10, choices=ImportPhase.choices, default=ImportPhase.UPLOADED)
    due_at = models.DateTimeField(null=True, blank=True, help_text=_("Blank: nothing is to be done now."))
    position = models.PositiveBigIntegerField(default=0)
    row = models.PositiveIntegerField(default=0, help_text=_("The last row that is done."))
    rows_total = models.PositiveIntegerField(null=True, blank=True)
    counts = models.JSONField(default=dict)
    undo_counts = models.JSONField(default=dict)
    preview = models.JSONField(default=list)
    problem = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("import")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(name="import_phase_known", condition=Q(phase__in=ImportPhase.values)),
        ]
        indexes = [
            # read by leads.importing.runs.work_due
            models.Index(name="import_due", fields=["due_at"], condition=Q(due_at__isnull=False)),
            # read by leads.importing.runs.start: was this very file imported before?
            models.Index(name="import_same_file", fields=["sha256", "kind"]),
        ]

    def __str__(self) -> str:
        return f"{self.file_name} · {said(self.created_at)}"


class ImportRow(models.Model):
    """A row that was not taken, or that an undo kept, with the reason; rows that went in are not repeated here."""

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="rows")
    phase = models.CharField(max_length=10, choices=ImportPhase.choices)
    row = models.PositiveIntegerField()
    cells = models.JSONField(default=list, help_text=_("As in the file, in the order of its columns."))
    problems = models.JSONField(default=list, help_text=_("Code, field and sentence of each."))
    lead = models.ForeignKey("leads.Lead", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        verbose_name = _("row not imported")
        verbose_name_plural = _("rows not imported")
        ordering = ["run", "row"]
        indexes = [models.Index(name="import_row_of_run", fields=["run", "phase", "row"])]

    def __str__(self) -> str:
        return f"{self.run}: {self.row}"


class ImportMapping(models.Model):
    """How the columns of one supplier's files are read, kept under a name."""

    kind = models.CharField(max_length=20)
    name = models.CharField(max_length=80, help_text=_("e.g. “Austin referral list”."))
    columns = models.JSONField(default=dict, help_text=_("Column → field."))
    options = models.JSONField(default=dict, blank=True)
    saved_at = models.DateTimeField()

    class Meta:
        ordering = ["kind", "name"]
        constraints = [models.UniqueConstraint(name="one_mapping_per_name", fields=["kind", "name"])]

    def __str__(self) -> str:
        return self.name
