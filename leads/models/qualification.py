"""One cycle of qualification: what was asked and answered, what was decided and why, and what wakes the lead again."""

from __future__ import annotations

import pghistory
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from leads.models.catalog import HoldReason, MissingKind, Offering, Payer, ServiceLine, StopReason, TriggerKind
from leads.models.journal import Inquiry, Interaction
from leads.models.lead import Lead, band_field, verdict_field
from leads.models.rules import NextStepRule, ScoringModel
from leads.querysets import AnswerQuerySet
from leads.vocabulary import Check, Decision, LeadType, NextStep, Outcome, Verdict
from medcrm.lib.models import FrozenWithItsSet, VersionedSet, over_time


@pghistory.track()
class Checklist(VersionedSet):
    """The questions for one lead type, or for one service of it [R55]."""

    lead_type = models.CharField(max_length=10, choices=LeadType.choices)
    service = models.ForeignKey(
        ServiceLine,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="checklists",
        help_text=_("Blank: all."),
    )

    PARTS = ("questions",)

    class Meta:
        ordering = ["lead_type", "-version"]
        constraints = [
            models.UniqueConstraint(
                name="one_checklist_version", fields=["lead_type", "service", "version"], nulls_distinct=False
            ),
            models.UniqueConstraint(
                name="one_published_checklist",
                fields=["lead_type", "service"],
                condition=VersionedSet.PUBLISHED,
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        scope = self.service.name if self.service else _("all services")
        return f"{self.get_lead_type_display()} checklist, {scope}, v{self.version}"


@pghistory.track()
class Question(models.Model):
    """One question with the words to say, and which answers pass, fail or stay unknown."""

    class AnswerType(models.TextChoices):
        CHOICE = "choice", _("Choice")
        YES_NO = "yes_no", _("Yes / no / unknown")
        DATE = "date", _("Date")
        NUMBER = "number", _("Number")
        TEXT = "text", _("Text")

    checklist = models.ForeignKey(Checklist, on_delete=models.CASCADE, related_name="questions")
    code = models.CharField(max_length=40)
    part = models.CharField(max_length=15, choices=Check.choices)
    position = models.PositiveSmallIntegerField(default=100)
    words = models.CharField(max_length=300, help_text=_("What to say, e.g. “Which clinic is easiest for you?”"))
    answer_type = models.CharField(max_length=10, choices=AnswerType.choices)
    choices = models.JSONField(default=list, blank=True)
    passes = models.JSONField(default=list, blank=True, help_text=_("Answers that pass; empty: any answer does."))
    fails = models.JSONField(default=list, blank=True, help_text=_("Answers that fail."))
    lead_field = models.CharField(max_length=40, blank=True, help_text=_("The lead's field it reads and writes."))
    expires_after_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=_("Blank: never goes stale.")
    )

    def clean(self) -> None:
        """Refuse answers that nobody could give: each of passes and fails is one of the choices."""
        for name in ("choices", "passes", "fails"):
            if not isinstance(getattr(self, name), list):
                raise ValidationError({name: _("Write a list, e.g. [“yes”, “no”].")})
        both = [value for value in self.passes if value in self.fails]
        if both:
            raise ValidationError({"fails": _("“%(value)s” cannot pass and fail.") % {"value": both[0]}})

    class Meta:
        ordering = ["part", "position"]
        constraints = [models.UniqueConstraint(name="one_question_per_code", fields=["checklist", "code"])]
        triggers = [FrozenWithItsSet("checklist")]

    def __str__(self) -> str:
        return self.words


class Qualification(models.Model):
    """One cycle. The old ones stay readable when a trigger opens the next [R41]."""

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="qualifications")
    cycle = models.PositiveSmallIntegerField()
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    fit_check = verdict_field()
    capacity_check = verdict_field()
    readiness_check = verdict_field()
    decision_path_check = verdict_field()
    explanation = models.JSONField(default=dict, help_text=_("Check → reasons as code and sentence."))
    unknown = ArrayField(
        models.CharField(max_length=40), default=list, blank=True, help_text=_("Open questions, by code.")
    )
    score = models.SmallIntegerField(null=True, blank=True)
    scoring_model = models.ForeignKey(ScoringModel, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    fit = band_field("")
    readiness = band_field("")
    decision = models.CharField(max_length=8, choices=Decision.choices, blank=True)
    next_step = models.CharField(max_length=12, choices=NextStep.choices, blank=True)
    rule = models.ForeignKey(NextStepRule, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(
        max_length=20, choices=Outcome.choices, blank=True, help_text=_("What the caller recorded.")
    )
    hold_reason = models.ForeignKey(HoldReason, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    stop_reason = models.ForeignKey(StopReason, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    suggested_outcome = models.CharField(max_length=20, choices=Outcome.choices, blank=True)
    outreach = models.JSONField(
        default=list,
        blank=True,
        help_text=_("How the outreach plan changed, oldest first: when, what, which sequence, why."),  # [R47]
    )
    override_reason = models.CharField(
        max_length=300,
        blank=True,
        help_text=_("Why the caller decided otherwise."),  # [R5]
    )
    override_reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    override_reviewed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        ordering = ["-cycle"]
        constraints = [
            models.UniqueConstraint(name="one_qualification_per_cycle", fields=["lead", "cycle"]),
            models.UniqueConstraint(
                name="one_open_qualification", fields=["lead"], condition=Q(closed_at__isnull=True)
            ),
            models.CheckConstraint(
                name="stop_outcome_has_reason", condition=~Q(outcome="disqualified") | Q(stop_reason__isnull=False)
            ),
            models.CheckConstraint(
                name="hold_outcome_has_reason", condition=~Q(outcome="hold") | Q(hold_reason__isnull=False)
            ),
        ]
        indexes = [
            # read by the supervisor's override queue
            models.Index(
                name="qualification_override",
                fields=["decided_at"],
                condition=~Q(override_reason="") & Q(override_reviewed_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.lead}: cycle {self.cycle}"


class Answer(models.Model):
    """What was answered to one question, by whom, when, and from where; newer answers supersede, none is rewritten."""

    class Origin(models.TextChoices):
        FORM = "form", _("Form")
        CALL = "call", _("Call")
        DOCUMENT = "document", _("Document")
        EVENT = "event", _("Event")
        STAFF = "staff", _("Staff")

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="answers")
    code = models.CharField(max_length=40, help_text=_("The question's code."))
    question = models.ForeignKey(Question, null=True, blank=True, on_delete=models.PROTECT, related_name="answers")
    cycle = models.PositiveSmallIntegerField()
    value = models.JSONField()
    verdict = models.CharField(max_length=7, choices=Verdict.choices, default=Verdict.UNKNOWN)
    origin = models.CharField(max_length=10, choices=Origin.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    inquiry = models.ForeignKey(Inquiry, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    interaction = models.ForeignKey(Interaction, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    answered_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    stale_since = models.DateTimeField(null=True, blank=True, help_text=_("Unknown again since then."))
    is_current = models.BooleanField(default=True)

    objects = AnswerQuerySet.as_manager()

    class Meta:
        ordering = ["-answered_at", "-pk"]
        constraints = [
            models.UniqueConstraint(name="one_current_answer", fields=["lead", "code"], condition=Q(is_current=True))
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.value}"


class MissingItem(models.Model):
    """Something that must still arrive before the lead can move: asked for on a call, or found by the checks."""

    class Origin(models.TextChoices):
        CHECK = "check", _("Found by a check")
        CALL = "call", _("Recorded on a call")

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="missing_items")
    kind = models.ForeignKey(MissingKind, on_delete=models.PROTECT, related_name="+")
    origin = models.CharField(max_length=10, choices=Origin.choices)
    follow_up_on = models.DateField(
        null=True, blank=True, help_text=_("When to ask again; mandatory on a call.")
    )  # [R37]
    opened_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_open_missing_item", fields=["lead", "kind"], condition=Q(settled_at__isnull=True)
            ),
            models.CheckConstraint(
                name="missing_on_call_has_date", condition=~Q(origin="call") | Q(follow_up_on__isnull=False)
            ),
        ]
        indexes = [over_time("missing", "opened_at")]

    def __str__(self) -> str:
        return str(self.kind)


class Trigger(models.Model):
    """What wakes a held or stopped lead; fires once and says what fired it."""

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="triggers")
    qualification = models.ForeignKey(Qualification, on_delete=models.CASCADE, related_name="triggers")
    kind = models.ForeignKey(TriggerKind, on_delete=models.PROTECT, related_name="+")
    due_at = models.DateTimeField(null=True, blank=True, help_text=_("For dated triggers."))
    is_named = models.BooleanField(default=False, db_default=False, help_text=_("A person named the date."))
    armed_at = models.DateTimeField()
    fired_at = models.DateTimeField(null=True, blank=True)
    fired_by = models.JSONField(default=dict, blank=True, help_text=_("What happened, and which answers went stale."))
    disarmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_armed_trigger_per_kind",
                fields=["lead", "kind"],
                condition=Q(fired_at__isnull=True, disarmed_at__isnull=True),
            )
        ]
        indexes = [
            # read by leads.requalification.fire_dated
            models.Index(
                name="trigger_due",
                fields=["due_at"],
                condition=Q(due_at__isnull=False, fired_at__isnull=True, disarmed_at__isnull=True),
            ),
            # read by leads.requalification.fire
            models.Index(
                name="trigger_armed",
                fields=["kind", "lead"],
                condition=Q(fired_at__isnull=True, disarmed_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} · {self.lead}"


class Opening(models.Model):
    """Something opened that many leads may wait for: a payer is accepted now, or an offering takes new patients.

    A due row: whoever waits is woken batch by batch, however many they are, until nobody is left.
    """

    kind = models.ForeignKey(TriggerKind, on_delete=models.PROTECT, related_name="+")
    offering = models.ForeignKey(Offering, on_delete=models.CASCADE, related_name="openings")
    payer = models.ForeignKey(Payer, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(help_text=_("Who was waiting by then is woken."))
    woken = models.PositiveIntegerField(default=0)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            # read by leads.requalification.fire_openings
            models.Index(name="opening_due", fields=["at"], condition=Q(done_at__isnull=True))
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.offering}" + (f", {self.payer}" if self.payer else "")
