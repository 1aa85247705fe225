"""Rules as rows: what scores a lead, how bands are given, and which next step follows."""

from __future__ import annotations

import pghistory
from django.db import models
from django.db.models import F, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from leads import criteria
from leads.fields import CriteriaField
from leads.models.catalog import HoldReason, StopReason
from leads.vocabulary import Band, Decision, LeadType, NextStep
from medcrm.lib.models import FrozenOncePublished, FrozenWithItsSet, VersionedSet, refuse


class Rule(models.Model):
    """A row that says: when these criteria hold, this follows. The base of every rule table in every app."""

    name = models.CharField(max_length=120, help_text=_("For people, e.g. “Wants to come within two weeks”."))
    position = models.PositiveSmallIntegerField(default=100, help_text=_("Lower comes first."))
    is_active = models.BooleanField(default=True)
    criteria = CriteriaField(help_text=_("AND inside a group, OR between groups; empty: always."))

    class Meta:
        abstract = True
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def sentence(self) -> str:
        """The criteria as an English sentence, as shown wherever the rule is explained."""
        return criteria.sentence(self.criteria)


@pghistory.track()
class ScoringModel(VersionedSet):
    """How leads of one type are ranked and banded: scoring rules with points, and band rules for fit and readiness."""

    lead_type = models.CharField(max_length=10, choices=LeadType.choices)
    high_from = models.PositiveSmallIntegerField(default=60, help_text=_("Scores from here on are high."))  # [R22]
    medium_from = models.PositiveSmallIntegerField(default=30)

    PARTS = ("categories", "bands", "rules")

    class Meta:
        ordering = ["lead_type", "-version"]
        constraints = [
            models.UniqueConstraint(name="one_scoring_version", fields=["lead_type", "version"]),
            models.UniqueConstraint(
                name="one_published_scoring_model", fields=["lead_type"], condition=VersionedSet.PUBLISHED
            ),
            models.CheckConstraint(
                name="scoring_thresholds_in_order", condition=Q(medium_from__lt=F("high_from"), high_from__lte=100)
            ),
        ]
        triggers = [FrozenOncePublished("lead_type", "version", "high_from", "medium_from")]

    def clean(self) -> None:
        super().clean()
        high, medium = self.high_from, self.medium_from
        refuse(
            [
                (high is not None and high > 100, "high_from", _("A score is at most 100.")),
                (
                    None not in (high, medium) and medium >= high,
                    "medium_from",
                    _("Medium must begin below high."),
                ),
            ]
        )

    def __str__(self) -> str:
        return f"{self.get_lead_type_display()} scoring v{self.version} ({self.get_status_display()})"


@pghistory.track()
class ScoringCategory(models.Model):
    """A group of scoring rules that share a cap, so that one kind of signal can never decide alone [R13]."""

    model = models.ForeignKey(ScoringModel, on_delete=models.CASCADE, related_name="categories")
    code = models.CharField(max_length=40)
    name = models.CharField(max_length=80)
    cap = models.SmallIntegerField(
        null=True, blank=True, help_text=_("At most this many points; blank: no cap; 0: none.")
    )
    half_life_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text=_("Points halve after this many quiet days, and again after as many; blank: never."),
    )
    follow_up = models.CharField(
        max_length=120,
        blank=True,
        default="",
        db_default="",
        help_text=_("What its points lead to, e.g. “The team it goes to”; shown beside them."),
    )

    class Meta:
        verbose_name_plural = _("scoring categories")
        constraints = [models.UniqueConstraint(name="one_category_per_model", fields=["model", "code"])]
        triggers = [FrozenWithItsSet("model")]

    def __str__(self) -> str:
        return self.name


class Axis(models.TextChoices):
    FIT = "fit", _("Fit")
    READINESS = "readiness", _("Readiness")
    ENGAGEMENT = "engagement", _("Engagement")
    PENALTY = "penalty", _("Penalty")


@pghistory.track()
class ScoringRule(Rule):
    """So many points when the criteria hold, each tied to a follow-up that it drives [R21]."""

    model = models.ForeignKey(ScoringModel, on_delete=models.CASCADE, related_name="rules")
    category = models.ForeignKey(ScoringCategory, on_delete=models.CASCADE, related_name="rules")
    axis = models.CharField(max_length=10, choices=Axis.choices)
    points = models.SmallIntegerField()

    class Meta(Rule.Meta):
        constraints = [models.CheckConstraint(name="scoring_points_in_range", condition=Q(points__range=(-100, 100)))]
        triggers = [FrozenWithItsSet("model")]

    def clean(self) -> None:
        is_elsewhere = self.category_id is not None and self.category.model_id != self.model_id
        refuse([(is_elsewhere, "category", _("Choose a category of the same scoring model."))])


@pghistory.track()
class BandRule(Rule):
    """Gives fit or readiness its band; the first rule that holds wins, low when none does."""

    class Target(models.TextChoices):
        FIT = "fit", _("Fit")
        READINESS = "readiness", _("Readiness")

    model = models.ForeignKey(ScoringModel, on_delete=models.CASCADE, related_name="bands")
    target = models.CharField(max_length=10, choices=Target.choices)
    band = models.CharField(max_length=6, choices=Band.choices)

    class Meta(Rule.Meta):
        triggers = [FrozenWithItsSet("model")]


SENT_ON = (NextStep.APPOINTMENT, NextStep.QUOTE, NextStep.DISCOVERY, NextStep.PARTNERSHIP, NextStep.CALLBACK)
"""The steps that a team takes a lead over for."""


def _first_step(name: Promise, default: NextStep) -> models.CharField:
    return models.CharField(
        name,
        max_length=12,
        choices=[(step.value, step.label) for step in SENT_ON],
        default=default.value,
        db_default=default.value,
    )


@pghistory.track()
class NextStepSet(VersionedSet):
    """The ordered rules that turn verdicts and bands into a decision and a next step."""

    patient_step = _first_step(_("a patient's first step"), NextStep.CALLBACK)
    partner_step = _first_step(_("a partner's first step"), NextStep.PARTNERSHIP)
    b2b_step = _first_step(_("a business's first step"), NextStep.DISCOVERY)

    class Meta:
        verbose_name = _("version of the next steps")
        verbose_name_plural = _("versions of the next steps")
        constraints = [
            models.UniqueConstraint(name="one_next_step_version", fields=["version"]),
            models.UniqueConstraint(
                name="one_published_next_step_set", fields=["status"], condition=VersionedSet.PUBLISHED
            ),
        ]

    def __str__(self) -> str:
        return f"Next steps v{self.version} ({self.get_status_display()})"

    def first_step(self, lead_type: str) -> NextStep:
        """The step of a lead of this type that is sent on without a rule that says which."""
        return NextStep(getattr(self, f"{LeadType(lead_type)}_step"))


@pghistory.track()
class NextStepRule(Rule):
    """First match wins. The destination follows from type, verdicts, readiness and fit, never from the score alone."""

    rule_set = models.ForeignKey(NextStepSet, on_delete=models.CASCADE, related_name="rules")
    decision = models.CharField(max_length=8, choices=Decision.choices)
    next_step = models.CharField(max_length=12, choices=NextStep.choices)
    hold_reason = models.ForeignKey(HoldReason, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    stop_reason = models.ForeignKey(StopReason, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta(Rule.Meta):
        constraints = [
            models.CheckConstraint(
                name="only_a_hold_has_a_hold_reason", condition=Q(hold_reason__isnull=True) | Q(decision="hold")
            ),
            models.CheckConstraint(
                name="only_a_stop_has_a_stop_reason", condition=Q(stop_reason__isnull=True) | Q(decision="stop")
            ),
            models.CheckConstraint(
                name="a_stop_has_a_stop_reason", condition=~Q(decision="stop") | Q(stop_reason__isnull=False)
            ),
        ]
        triggers = [FrozenWithItsSet("rule_set")]

    def clean(self) -> None:
        needless = _("Leave it empty, or choose the decision it belongs to.")
        refuse(
            [
                (self.hold_reason_id is not None and self.decision != Decision.HOLD, "hold_reason", needless),
                (self.stop_reason_id is not None and self.decision != Decision.STOP, "stop_reason", needless),
                (
                    self.stop_reason_id is None and self.decision == Decision.STOP,
                    "stop_reason",
                    _("A stop says why. Choose its reason."),
                ),
            ]
        )
