"""Who is kept warm with what, and when: sequences of steps, and how often is enough."""

from __future__ import annotations

from datetime import timedelta

import pghistory
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from consent.vocabulary import Purpose
from leads.fields import CriteriaField
from leads.models import Rule
from medcrm.lib.models import FrozenWithItsSet, VersionedSet, code_format, ends, refuse
from nurture.models.templates import PURPOSES, Template


@pghistory.track()
class Sequence(Rule, VersionedSet):
    """A row of steps for the leads its criteria mean; the first published one that matches takes the lead.

    Leads finish the version they entered. A step that a lead already passed is never repeated.
    """

    code = models.CharField(max_length=40, validators=[code_format], help_text=_("Stable, e.g. “first_visit”."))
    topic = models.CharField(
        max_length=80,
        blank=True,
        help_text=_("What it is about, as people read it on their preference page; blank: not offered there."),
    )
    stay_criteria = CriteriaField(
        null=True, default=None, help_text=_("Who stays; blank: whoever the entry criteria still mean.")
    )
    exits_on_reply = models.BooleanField(default=True)
    exits_on_booking = models.BooleanField(default=True)
    quiet_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=_("Ends after so many days without a sign of life; blank: never.")
    )
    pause_after_reply_days = models.PositiveSmallIntegerField(
        default=14, help_text=_("Not entered while people talk: so many days after a reply; 0: at once.")
    )
    ends_on = models.DateField(null=True, blank=True, help_text=_("Last day of the sequence for everybody."))

    PARTS = ("steps",)
    EMPTY_CODE = "NO_STEPS"

    class Meta:
        ordering = ["position", "code", "-version"]
        constraints = [
            models.UniqueConstraint(name="one_sequence_version", fields=["code", "version"]),
            models.UniqueConstraint(name="one_published_sequence", fields=["code"], condition=VersionedSet.PUBLISHED),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


@pghistory.track()
class Step(models.Model):
    """One contact of a sequence: so long after entry, on its template's channel, within its hours, if it still fits."""

    sequence = models.ForeignKey(Sequence, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()
    delay = models.DurationField(
        default=timedelta(0),
        help_text=_("After entry, e.g. “4 00:00:00” for four days, “02:30:00” for two and a half hours."),
    )
    template = models.ForeignKey(Template, on_delete=models.PROTECT, related_name="steps")
    conditions = CriteriaField(help_text=_("Only for leads that meet these then; empty: for all."))
    window_start = models.TimeField(
        null=True, blank=True, help_text=_("Lead's own clock; blank: any time the law allows.")
    )
    window_end = models.TimeField(null=True, blank=True)
    is_weekdays_only = models.BooleanField(default=False)
    cutoff = models.DurationField(
        default=timedelta(days=2),
        help_text=_("Skipped when it could not go out this long after it fell due, e.g. “2 00:00:00” for two days."),
    )

    class Meta:
        ordering = ["sequence", "position"]
        constraints = [
            models.UniqueConstraint(name="one_step_per_position", fields=["sequence", "position"]),
            models.CheckConstraint(name="step_delay_not_negative", condition=Q(delay__gte=timedelta(0))),
            models.CheckConstraint(name="step_cutoff_positive", condition=Q(cutoff__gt=timedelta(0))),
            models.CheckConstraint(
                name="step_window_whole",
                condition=Q(window_start__isnull=True, window_end__isnull=True)
                | Q(window_start__isnull=False, window_end__isnull=False, window_start__lt=F("window_end")),
            ),
        ]
        triggers = [FrozenWithItsSet("sequence")]

    def clean(self) -> None:
        delay, cutoff = self.delay, self.cutoff
        refuse(
            [
                (delay is not None and delay < timedelta(0), "delay", _("Not before the entry: 0 or later.")),
                (cutoff is not None and cutoff <= timedelta(0), "cutoff", _("More than nothing, e.g. “2 00:00:00”.")),
                *ends(self.window_start, self.window_end, "window_end"),
            ]
        )

    def __str__(self) -> str:
        return f"{self.sequence.name} {self.position}: {self.template.name}"


@pghistory.track()
class FrequencyCap(models.Model):
    """How many contacts a lead gets at most in a rolling span, over all sequences, people and channels [R44]."""

    name = models.CharField(max_length=60, help_text=_("e.g. “Marketing per week”."))
    purpose = models.CharField(max_length=20, choices=PURPOSES, default=Purpose.MARKETING)
    days = models.PositiveSmallIntegerField(help_text=_("A contact exactly this many days old no longer counts."))
    limit = models.PositiveSmallIntegerField(null=True, blank=True, help_text=_("Blank: no limit. 0: none at all."))
    counts_calls = models.BooleanField(default=True, help_text=_("Calls by people count too."))

    class Meta:
        verbose_name = _("limit of contact")
        verbose_name_plural = _("limits of contact")
        ordering = ["purpose", "days"]
        constraints = [
            models.UniqueConstraint(name="one_cap_per_span", fields=["purpose", "days"]),
            models.CheckConstraint(name="cap_span_positive", condition=Q(days__gt=0)),
        ]

    def clean(self) -> None:
        refuse([(self.days == 0, "days", _("At least one day."))])

    def __str__(self) -> str:
        return self.name
