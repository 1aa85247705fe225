"""What reports and the review of rules read: how far each lead got, and what was proposed because of it."""

from __future__ import annotations

from collections.abc import Sequence

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from leads.models.catalog import Clinic, HoldReason, ServiceLine, Source, StopReason
from leads.models.lead import Lead, band_field, verdict_field
from leads.vocabulary import Decision, LeadType
from medcrm.lib.moments import said, said_day

MINUTE, HOUR, DAY = 60, 3600, 86400
# Waits are read as “within” one of these steps; from two minutes to two years each is at most half as long again as the
# one before it. Seconds.
STEPS: Sequence[int] = (
    *(n * MINUTE for n in (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50)),
    *(n * HOUR // 2 for n in (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48)),
    *(n * DAY // 2 for n in (3, 4, 5, 6, 8, 10, 12, 14, 16, 20, 24, 28, 34, 42, 50, 60, 80, 100, 120, 150, 180, 240)),
    *(n * DAY for n in (180, 270, 365, 540, 730, 36500)),
)


def step_of(end: str) -> models.GeneratedField:
    """How many of the steps the wait until then lies within; NULL where it did not happen."""
    steps = ",".join(str(-step) for step in reversed(STEPS))
    wait = Func(
        F("captured_at"), F(end), arg_joiner=" - ", output_field=models.SmallIntegerField(),
        template=f"width_bucket(extract(epoch FROM (%(expressions)s))::float8, '{{{steps}}}'::float8[])",
    )  # fmt: skip
    return models.GeneratedField(expression=wait, output_field=models.SmallIntegerField(null=True), db_persist=True)


def _noting_days(name: str, operation: pgtrigger.Operation, **rows: str) -> pgtrigger.Trigger:
    """Note the days on which the written leads were captured, whatever code wrote them: their summaries are stale."""
    written = " UNION ".join(
        f"SELECT DISTINCT (captured_at AT TIME ZONE 'UTC')::date FROM {table}"  # noqa: S608 - constants of this module
        for table in rows.values()
    )
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement,
        operation=operation,
        when=pgtrigger.After,
        referencing=pgtrigger.Referencing(**rows),
        func=f"INSERT INTO leads_staleday (day) {written}; RETURN NULL;",
    )


class Milestone(models.Model):
    """How far one lead got, and when: the row that every report counts.

    Written by leads.milestones from the timeline, the cycles and the appointments, never by hand. Leads that are a
    test, a duplicate or invalid keep their row and say why they are left out.
    """

    class LeftOut(models.TextChoices):
        TEST = "test", _("Test data")
        MERGED = "merged", _("Merged into another lead")
        DUPLICATE = "duplicate", _("Duplicate")
        INVALID = "invalid", _("Invalid")

    lead = models.OneToOneField(Lead, primary_key=True, on_delete=models.CASCADE, related_name="milestone")
    left_out = models.CharField(max_length=10, choices=LeftOut.choices, blank=True)
    captured_at = models.DateTimeField()
    lead_type = models.CharField(max_length=10, choices=LeadType.choices)
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="+")
    service = models.ForeignKey(ServiceLine, null=True, on_delete=models.CASCADE, related_name="+")
    clinic = models.ForeignKey(
        Clinic, null=True, on_delete=models.CASCADE, related_name="+", help_text=_("Booked, else preferred.")
    )
    team = models.CharField(max_length=40, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")

    first_band = band_field(_("The first score's."))
    fit = band_field(_("Of the first cycle."))
    readiness = band_field(_("Of the first cycle."))
    fit_check = verdict_field()
    capacity_check = verdict_field()

    attempts = models.PositiveIntegerField(default=0, help_text=_("Outbound calls by people."))
    first_attempt_at = models.DateTimeField(null=True)
    reached_at = models.DateTimeField(null=True, help_text=_("The first call with somebody at the other end."))
    reached_on_try = models.PositiveIntegerField(null=True)
    is_qualified = models.BooleanField(default=False, help_text=_("Moved forward in any cycle."))
    booked_at = models.DateTimeField(null=True)
    attended_at = models.DateTimeField(null=True)
    is_converted = models.BooleanField(default=False)
    cycles = models.PositiveSmallIntegerField(default=1)
    stop_reason = models.ForeignKey(StopReason, null=True, on_delete=models.CASCADE, related_name="+")
    hold_reason = models.ForeignKey(HoldReason, null=True, on_delete=models.CASCADE, related_name="+")
    held_since = models.DateTimeField(null=True)
    is_overridden = models.BooleanField(default=False, help_text=_("Somebody decided against the checks."))

    has_phone = models.BooleanField(default=False)
    has_email = models.BooleanField(default=False)
    has_zip = models.BooleanField(default=False)
    may_call = models.BooleanField(default=False, help_text=_("Its number permits calls."))
    may_text = models.BooleanField(default=False, help_text=_("Its number permits text messages."))
    may_mail = models.BooleanField(default=False, help_text=_("Its mailbox permits messages."))

    attempt_step = step_of("first_attempt_at")
    contact_step = step_of("reached_at")
    booking_step = step_of("booked_at")

    class Meta:
        indexes = [
            # read by every report: the leads captured in a period
            models.Index(name="milestone_captured", fields=["captured_at"]),
            # read by reports of rows beside leads: the few whose rows are not counted
            models.Index(name="milestone_left_out", fields=["lead"], condition=~Q(left_out="")),
            # read by leads.milestones.refresh_all and the age of holds
            models.Index(name="milestone_held", fields=["held_since"], condition=Q(held_since__isnull=False)),
            # read by the report of stops and holds, without the leads themselves
            models.Index(
                name="milestone_stopped",
                fields=["captured_at"],
                include=["stop_reason", "source"],
                condition=Q(stop_reason__isnull=False),
            ),
            models.Index(
                name="milestone_waiting",
                fields=["captured_at"],
                include=["hold_reason", "source", "held_since", "left_out"],
                condition=Q(held_since__isnull=False),
            ),
        ]
        triggers = [
            _noting_days("days_inserted", pgtrigger.Insert, new="fresh"),
            _noting_days("days_updated", pgtrigger.Update, old="stood", new="fresh"),
            _noting_days("days_deleted", pgtrigger.Delete, old="stood"),
        ]

    def __str__(self) -> str:
        return str(self.lead_id)


class Summary(models.Model):
    """Leads of one day of UTC that have one or two dimensions in common: how many of them got how far.

    Written by leads.summaries from the milestones, without those that are left out. `cut` names the dimensions, `one`
    and `two` are their values, blank where not known; `tallies` are counts in the order of leads.summaries.TALLIES.
    """

    day = models.DateField()
    cut = models.CharField(max_length=40)
    one = models.CharField(max_length=40, blank=True)
    two = models.CharField(max_length=40, blank=True)
    tallies = ArrayField(models.IntegerField())

    class Meta:
        constraints = [
            # read by leads.summaries.count: one cut over a period
            models.UniqueConstraint(name="summary_cell", fields=["cut", "day", "one", "two"]),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.cut} {self.one} {self.two}"


class StaleDay(models.Model):
    """A note that milestones of this day changed since it was summed up; each writer adds its own, so none waits."""

    day = models.DateField(db_index=True)

    def __str__(self) -> str:
        return str(self.day)


class Proposal(models.Model):
    """A change of the rules that the figures suggest, with its evidence; a person accepts or rejects it."""

    class Kind(models.TextChoices):
        POINTS = "points", _("Points of a scoring rule")
        THRESHOLD = "threshold", _("Threshold of a scoring model")
        INTENT = "intent", _("Intent of a source")
        ORDER = "order", _("Order of routing rules")
        TIMING = "timing", _("Timing of a sequence")
        GOAL = "goal", _("Time goal of a service")

    class State(models.TextChoices):
        OPEN = "open", _("To be decided")
        ACCEPTED = "accepted", _("In a draft")
        REJECTED = "rejected", _("Rejected")
        OUTDATED = "outdated", _("Overtaken by a newer review")

    kind = models.CharField(max_length=10, choices=Kind.choices)
    about = models.CharField(max_length=80, help_text=_("What would change: rule, model or source, as code and key."))
    title = models.CharField(max_length=200)
    evidence = models.TextField(help_text=_("The figures in a sentence."))
    old_value = models.CharField(max_length=40)
    new_value = models.CharField(max_length=40)
    taken_value = models.CharField(
        max_length=40, blank=True, help_text=_("What went into the draft, where a person changed it.")
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    reason = models.CharField(max_length=300, blank=True, help_text=_("Why it was rejected."))
    made_at = models.DateTimeField()
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-made_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                name="one_open_proposal_per_subject", fields=["kind", "about"], condition=Q(state="open")
            ),
            models.CheckConstraint(name="rejection_says_why", condition=~Q(state="rejected") | ~Q(reason="")),
        ]

    def __str__(self) -> str:
        return self.title


class Snapshot(models.Model):
    """What was known of a lead at the moment the rules decided it, so that other rules can be tried on it later.

    Facts are frozen as the rules read them: a back-test cannot look ahead.
    """

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="snapshots")
    at = models.DateTimeField()
    cycle = models.PositiveSmallIntegerField()
    facts = models.JSONField(help_text=_("Every fact that a rule may ask for, before the decision."))
    inputs = models.JSONField(help_text=_("What the four checks were given."))
    score = models.SmallIntegerField(null=True)
    score_band = band_field("")
    fit = band_field("")
    readiness = band_field("")
    scoring_model = models.ForeignKey("leads.ScoringModel", null=True, on_delete=models.CASCADE, related_name="+")
    next_step_set = models.ForeignKey("leads.NextStepSet", null=True, on_delete=models.CASCADE, related_name="+")
    decision = models.CharField(max_length=8, choices=Decision.choices, blank=True)
    next_step = models.CharField(max_length=12, blank=True)
    hold_reason = models.CharField(max_length=40, blank=True)
    stop_reason = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            # read by leads.snapshots.keep: the last one of a lead
            models.Index(name="snapshot_lead", fields=["lead", "-at"]),
            # read by back-tests: a past period
            models.Index(name="snapshot_period", fields=["at"]),
        ]

    def __str__(self) -> str:
        return f"{self.lead_id} · {said(self.at)}"


class RuleReview(models.Model):
    """One review of the rules by what became of the leads of a period: asked for, then made by a worker, then shown.

    It waits until it is made or has a problem; a worker that dies leaves it waiting.
    """

    first = models.DateField()
    last = models.DateField()
    asked_at = models.DateTimeField()
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    is_proposing = models.BooleanField(default=False, help_text=_("What calls for a change becomes a proposal."))
    made_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=300, blank=True, help_text=_("Why it could not be made."))
    proposed = models.PositiveIntegerField(null=True, help_text=_("New proposals that came of it."))
    found = models.JSONField(default=dict, help_text=_("Codes, names and counts of medcrm.reports.reviewing.find."))

    class Meta:
        ordering = ["-pk"]
        constraints = [
            # read by medcrm.reports.reviewing.make_waiting
            models.UniqueConstraint(
                name="one_waiting_review_of_a_period", fields=["first", "last", "is_proposing"],
                condition=Q(made_at__isnull=True, problem=""),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{said_day(self.first)} – {said_day(self.last)}"


class BackTest(models.Model):
    """A draft of rules tried on the decisions of a past period, with what would have been different.

    A row waits, is worked through in batches of snapshots that move `position`, and is done; a worker that dies leaves
    it where it was.
    """

    first = models.DateField()
    last = models.DateField()
    scoring_model = models.ForeignKey(
        "leads.ScoringModel", null=True, blank=True, on_delete=models.CASCADE, related_name="back_tests",
        help_text=_("Blank: what is in force."),
    )  # fmt: skip
    next_step_set = models.ForeignKey(
        "leads.NextStepSet", null=True, blank=True, on_delete=models.CASCADE, related_name="back_tests",
        help_text=_("Blank: what is in force."),
    )  # fmt: skip
    # The key of a routing.RouteSet: routing stands above leads.
    route_set = models.IntegerField(null=True, blank=True, help_text=_("Blank: what is in force."))
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    position = models.BigIntegerField(default=0, help_text=_("The last snapshot that was tried."))
    result = models.JSONField(default=dict)
    asked_at = models.DateTimeField()
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("back-test")
        verbose_name_plural = _("back-tests")
        ordering = ["-pk"]
        indexes = [
            # read by medcrm.reports.backtest.run_waiting
            models.Index(name="back_test_waiting", fields=["id"], condition=Q(finished_at__isnull=True))
        ]

    def __str__(self) -> str:
        return f"{said_day(self.first)} – {said_day(self.last)}"
