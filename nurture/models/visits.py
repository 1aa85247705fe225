"""Who is told what of a booked visit: how long before it they are reminded, and each notice on its way."""

from __future__ import annotations

import pghistory
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from leads.models import Appointment, Clinic, Lead
from nurture.models.enrollments import Enrollment
from nurture.models.notices import IS_DUE, Notice
from nurture.vocabulary import SkipCode, VisitNoticeKind

SHORTEST = 2  # hours: it must go out an hour before at the latest (nurture.visits)
LONGEST = 60 * 24  # hours: whoever is reminded earlier has forgotten it again


@pghistory.track()
class VisitReminder(models.Model):
    """So long before a visit the person is reminded of it; without an active row nobody is."""

    hours_before = models.PositiveSmallIntegerField(
        unique=True,
        validators=[MinValueValidator(SHORTEST), MaxValueValidator(LONGEST)],
        help_text=_(
            "Counted back from its beginning, or from noon while no time was agreed; e.g. 24 for the day before."
        ),
    )
    is_active = models.BooleanField(
        _("reminds"), default=True, help_text=_("Untick: nobody is reminded so long before, nor by what is planned.")
    )

    class Meta:
        verbose_name = _("visit reminder")
        verbose_name_plural = _("visit reminders")
        ordering = ["-hours_before"]
        constraints = [
            models.CheckConstraint(name="visit_reminder_before_the_visit", condition=Q(hours_before__gte=SHORTEST))
        ]

    def __str__(self) -> str:
        return _("%(n)d hours before") % {"n": self.hours_before}


class VisitNotice(Notice):
    """What is told about a visit: that it is booked, moved or cancelled, or a reminder. Due until it went out or ended
    with a reason; `starts_at` and `clinic` are those it tells of, so that a change is told again."""

    Kind = VisitNoticeKind
    WRITTEN = (*Notice.WRITTEN, "code", "why")

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="visit_notices")
    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=9, choices=Kind.choices)
    hours_before = models.PositiveSmallIntegerField(null=True, help_text=_("Of a reminder."))
    starts_at = models.DateTimeField(null=True, help_text=_("Blank: no time was agreed."))
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+", db_index=False)
    planned_at = models.DateTimeField()
    # Entered when it falls due: until then its lead may be merged, and its sequence published anew.
    enrollment = models.OneToOneField(Enrollment, null=True, on_delete=models.CASCADE, related_name="visitnotice")
    code = models.CharField(
        max_length=40, blank=True, help_text=_("Why nothing went out: our own code, or the gate's.")
    )
    why = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                name="one_planned_notice_per_visit",
                fields=["appointment", "kind", "hours_before"],
                condition=IS_DUE,
                nulls_distinct=False,
            ),
            models.CheckConstraint(name="visit_notice_kind_known", condition=Q(kind__in=VisitNoticeKind.values)),
            models.CheckConstraint(
                name="visit_notice_ended_is_not_due",
                condition=Q(code="") | Q(due_at__isnull=True, claimed_at__isnull=True),
            ),
            models.CheckConstraint(
                name="visit_reminder_says_how_long_before",
                condition=Q(kind="reminder", hours_before__isnull=False)
                | (~Q(kind="reminder") & Q(hours_before__isnull=True)),
            ),
        ]
        indexes = [
            # read by nurture.visits.claim_due
            models.Index(name="visit_notice_due", fields=["due_at"], condition=IS_DUE)
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.appointment}"

    def give_up(self, code: str, why: str) -> None:
        self.due_at, self.claimed_at, self.code, self.why = None, None, code, why[:300]

    def end(self, code: SkipCode) -> None:
        """Nothing more is planned for it, and why."""
        self.give_up(code.value, f"{code.label}.")
