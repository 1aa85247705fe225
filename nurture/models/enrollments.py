"""Who is in which sequence, where in it, and what was skipped or asked of staff on the way."""

from __future__ import annotations

import pghistory
import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from leads.models import Lead
from medcrm.lib.models import given, over_time
from nurture.lifecycle import ENROLLMENT_MOVES, EnrollmentState, pairs
from nurture.models.sequences import Sequence, Step
from nurture.querysets import EnrollmentQuerySet
from nurture.vocabulary import ExitCode

ACTIVE = Q(state=EnrollmentState.ACTIVE)


@pghistory.track(
    pghistory.InsertEvent(), pghistory.UpdateEvent(condition=pghistory.AnyChange("state", "sequence", "exit_note"))
)
class Enrollment(models.Model):
    """A lead in one version of a sequence, or the stored reason why it could not enter."""

    # An enrolment is a view of its lead; the proof of what was sent is the attempt, which outlives both.
    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="enrollments", db_index=False)
    sequence = models.ForeignKey(Sequence, on_delete=models.PROTECT, related_name="enrollments")
    cycle = models.PositiveSmallIntegerField(help_text=_("The lead's qualification cycle at entry."))
    state = models.CharField(max_length=8, choices=EnrollmentState.choices, default=EnrollmentState.ACTIVE)
    step = models.ForeignKey(
        Step, null=True, blank=True, on_delete=models.PROTECT, related_name="+", help_text=_("The one that comes next.")
    )
    next_due_at = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True, editable=False)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    exit_code = models.CharField(max_length=20, choices=ExitCode.choices, blank=True)
    exit_note = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    objects = EnrollmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("lead in a sequence")
        verbose_name_plural = _("leads in sequences")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(name="one_active_enrollment_per_lead", fields=["lead"], condition=ACTIVE),
            models.UniqueConstraint(
                name="one_refusal_per_cycle",
                fields=["lead", "sequence", "cycle"],
                condition=Q(state=EnrollmentState.REFUSED),
            ),
            models.CheckConstraint(name="enrollment_state_known", condition=Q(state__in=EnrollmentState.values)),
            models.CheckConstraint(
                name="enrollment_active_is_due",
                condition=Q(state="active", step__isnull=False, next_due_at__isnull=False, ended_at__isnull=True)
                | (~ACTIVE & Q(next_due_at__isnull=True, claimed_at__isnull=True, ended_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="enrollment_exit_has_code",
                condition=Q(state__in=["active", "finished"], exit_code="")
                | (Q(state__in=["exited", "refused"]) & ~Q(exit_code="")),
            ),
        ]
        indexes = [
            # read by nurture.dispatch.claim_due
            models.Index(name="enrollment_due", fields=["next_due_at"], condition=ACTIVE),
            # read by nurture.enrollment (what was done in this cycle) and the lead's page
            models.Index(name="enrollment_lead", fields=["lead", "-id"]),
            # read by the list of sequences: how many are in it
            models.Index(name="enrollment_running", fields=["sequence"], condition=ACTIVE),
            # read by the list of enrollments: why they ended
            models.Index(name="enrollment_exit", fields=["exit_code", "id"], condition=~Q(exit_code="")),
            given("enrollment", "by"),
            over_time("enrollment", "started_at"),
        ]
        triggers = [pgtrigger.FSM(name="enrollment_moves", field="state", transitions=pairs(ENROLLMENT_MOVES))]

    def __str__(self) -> str:
        return f"{self.sequence} · {self.get_state_display()}"

    @property
    def coming_step(self) -> Step:
        """The step that comes next; an active enrolment has one, by its constraint."""
        if self.step is None:
            raise ValueError(f"Enrolment {self.pk} is {self.state}: no step comes next.")
        return self.step


class Skip(models.Model):
    """A step that was not taken, or was held, with the reason; append-only."""

    class Kind(models.TextChoices):
        SKIPPED = "skipped", _("Skipped")
        HELD = "held", _("Held")

    enrollment = models.ForeignKey(Enrollment, on_delete=models.CASCADE, related_name="skips")
    step = models.ForeignKey(Step, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=7, choices=Kind.choices)
    code = models.CharField(max_length=40, help_text=_("Our own code, or the gate's."))
    sentence = models.CharField(max_length=300)
    at = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True, help_text=_("For a held step: when it is tried again."))

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            # read by the report on skipped steps
            models.Index(name="skip_code", fields=["code", "-at"]),
            over_time("skip", "at"),
        ]
        constraints = [
            models.CheckConstraint(
                name="only_a_held_step_has_an_until",
                condition=Q(kind="held", until__isnull=False) | Q(kind="skipped", until__isnull=True),
            )
        ]
        triggers = [pgtrigger.Protect(name="skips_are_append_only", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.code}"


class CallTask(models.Model):
    """A call that a sequence asks staff to make. Nobody is contacted by it: who dials asks the gate."""

    enrollment = models.ForeignKey(Enrollment, on_delete=models.CASCADE, related_name="call_tasks")
    step = models.ForeignKey(Step, on_delete=models.PROTECT, related_name="+")
    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="call_tasks")
    text = models.TextField(help_text=_("What to say or ask."))
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    is_done = models.BooleanField(default=False, help_text=_("Called; otherwise it lapsed with the sequence."))
    lapsed_code = models.CharField(
        max_length=40,
        blank=True,
        db_default="",
        help_text=_("Why nobody may call any more, as the ledger says it, e.g. REVOKED."),
    )

    class Meta:
        verbose_name = _("call to make")
        verbose_name_plural = _("calls to make")
        ordering = ["due_at"]
        constraints = [models.UniqueConstraint(name="one_call_task_per_step", fields=["enrollment", "step"])]
        indexes = [
            # read by nurture.calls.open_tasks: what staff are asked to call
            models.Index(name="call_task_open", fields=["due_at"], condition=Q(settled_at__isnull=True)),
            models.Index(name="call_task_lead", fields=["lead"], condition=Q(settled_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"Call · {self.lead}"
