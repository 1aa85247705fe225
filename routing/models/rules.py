"""Rules as rows: which team gets a lead, with which words, and how soon it must act."""

from __future__ import annotations

import pghistory
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from leads.models import Carried, Rule
from leads.vocabulary import Band
from medcrm.lib.models import Coded, FrozenWithItsSet, VersionedSet, refuse
from medcrm.lib.moments import said
from routing import scripts
from routing.models.teams import Team, codes
from routing.vocabulary import Owed, Strategy

# A working year: with a longer goal nobody would be held to anything.
MOST_BUSINESS_DAYS, MOST_MINUTES = 250, 250 * 8 * 60
MOST_REST = 24 * 60  # minutes; who is not to be called for longer waits for a date of their own


def too_long(minutes: int | None, business_days: int | None, prefix: str = "") -> list[tuple[bool, str, Promise]]:
    """What is wrong with a goal that lies further than a working year ahead, by field."""
    days, told = _("At most 250 business days."), _("At most 120,000 working minutes, which is 250 days.")
    return [
        (business_days is not None and business_days > MOST_BUSINESS_DAYS, f"{prefix}business_days", days),
        (minutes is not None and minutes > MOST_MINUTES, f"{prefix}minutes", told),
    ]


@pghistory.track()
class Script(Coded):
    """What to say, chosen by the rule that routed the lead [R25]."""

    requires_consent_step = models.BooleanField(
        default=False,
        help_text=_("The caller must read the consent step and record the answer first."),  # [R26]
    )
    required_training = models.CharField(max_length=40, blank=True, help_text=_("Only agents with this training."))


@pghistory.track()
class ScriptText(models.Model):
    """A script in one language."""

    script = models.ForeignKey(Script, on_delete=models.CASCADE, related_name="texts")
    language = models.CharField(max_length=8, default="en")
    words = models.TextField(help_text=_("What to say, in short lines."))
    consent_step = models.TextField(blank=True, help_text=_("What to ask before anything else, word for word."))

    class Meta:
        constraints = [models.UniqueConstraint(name="one_script_text_per_language", fields=["script", "language"])]

    def __str__(self) -> str:
        return f"{self.script} ({self.language})"

    def clean(self) -> None:
        if unknown := scripts.unknown_places(self.words):
            names = ", ".join(f"{{{name}}}" for name in unknown)
            told = _("Nothing fills in %(names)s. %(places)s") % {"names": names, "places": scripts.places_in_words()}
            raise ValidationError({"words": told})


@pghistory.track()
class RouteSet(VersionedSet):
    """The ordered routing rules, as one version."""

    class Meta:
        verbose_name = _("version of the routing rules")
        verbose_name_plural = _("versions of the routing rules")
        constraints = [
            models.UniqueConstraint(name="one_route_set_version", fields=["version"]),
            models.UniqueConstraint(
                name="one_published_route_set", fields=["status"], condition=VersionedSet.PUBLISHED
            ),
        ]

    def __str__(self) -> str:
        return f"Routing v{self.version} ({self.get_status_display()})"


class Rerouting(Carried):
    """One coming into force of routing rules on the way to the leads that somebody owes something."""

    rule_set = models.ForeignKey(RouteSet, on_delete=models.PROTECT, related_name="reroutings")

    class Meta(Carried.Meta):
        indexes = [
            # read by routing.versions.route_again_batch
            models.Index(name="rerouting_under_way", fields=["id"], condition=Q(finished_at__isnull=True)),
        ]
        constraints = [
            models.CheckConstraint(
                name="rerouting_cut_short_is_finished", condition=Q(is_cut_short=False) | Q(finished_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_set} · {said(self.at)}"


@pghistory.track()
class RoutingRule(Rule):
    """First match wins: which team, how the lead is dealt out in it, and what the caller says."""

    rule_set = models.ForeignKey(RouteSet, on_delete=models.CASCADE, related_name="rules")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="rules")
    strategy = models.CharField(max_length=15, choices=Strategy.choices, default=Strategy.ROUND_ROBIN)
    script = models.ForeignKey(Script, null=True, blank=True, on_delete=models.PROTECT, related_name="rules")
    required_skills = codes(_("Skills the agent must have."))
    goal_minutes = models.PositiveIntegerField(
        null=True, blank=True, help_text=_("Working minutes; blank: as the page “Time goals” says.")
    )
    goal_business_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=_("End of that many business days on; 0: the same day.")
    )

    class Meta(Rule.Meta):
        constraints = [
            models.CheckConstraint(
                name="routing_rule_has_one_goal",
                condition=Q(goal_minutes__isnull=True) | Q(goal_business_days__isnull=True),
            ),
            models.CheckConstraint(name="routing_strategy_known", condition=Q(strategy__in=Strategy.values)),
        ]
        triggers = [FrozenWithItsSet("rule_set")]

    def clean(self) -> None:
        is_both = None not in (self.goal_minutes, self.goal_business_days)
        both = (is_both, "goal_business_days", _("Give minutes or business days, not both."))
        refuse([*too_long(self.goal_minutes, self.goal_business_days, "goal_"), both])


class OnBreach(models.TextChoices):
    NOTIFY = "notify", _("Tell the owner, or the team where nobody has it")
    REASSIGN = "reassign", _("Give it to somebody else of the team")
    ESCALATE = "escalate", _("Give it to the fallback team")


@pghistory.track()
class Goal(models.Model):
    """How soon what is owed must be done. A row of team and band stands alone; else the earlier of the team's and the
    band's counts; a row of neither where there is none of them."""

    owed = models.CharField(max_length=15, choices=Owed.choices)
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.CASCADE, related_name="goals", help_text=_("Blank: any.")
    )
    score_band = models.CharField(max_length=6, choices=Band.choices, blank=True, help_text=_("Blank: any."))
    minutes = models.PositiveIntegerField(null=True, blank=True, help_text=_("Working minutes of the team."))
    business_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=_("End of that many business days on; 0: the same business day.")
    )
    warn_percent = models.PositiveSmallIntegerField(default=75, help_text=_("Warn when so much of it is used up."))
    on_breach = models.CharField(max_length=10, choices=OnBreach.choices, default=OnBreach.NOTIFY)
    marks_away = models.BooleanField(
        default=False, help_text=_("A breach marks the silent agent away until a supervisor says otherwise.")
    )

    class Meta:
        verbose_name = _("time goal")
        verbose_name_plural = _("time goals")
        ordering = ["owed", "team", "score_band"]
        constraints = [
            models.UniqueConstraint(name="one_goal", fields=["owed", "team", "score_band"], nulls_distinct=False),
            models.CheckConstraint(
                name="goal_is_minutes_or_days",
                condition=Q(minutes__isnull=False, business_days__isnull=True)
                | Q(minutes__isnull=True, business_days__isnull=False),
            ),
            models.CheckConstraint(name="goal_warns_in_time", condition=Q(warn_percent__range=(1, 100))),
        ]

    def clean(self) -> None:
        given = [value for value in (self.minutes, self.business_days) if value is not None]
        percent = self.warn_percent
        refuse(
            [
                *too_long(self.minutes, self.business_days),
                (not given, "minutes", _("Give minutes or business days.")),
                (len(given) > 1, "business_days", _("Give minutes or business days, not both.")),
                (percent is not None and not 1 <= percent <= 100, "warn_percent", _("From 1 to 100.")),
            ]
        )

    def __str__(self) -> str:
        where = " · ".join(str(part) for part in (self.team, self.get_score_band_display()) if part)
        return f"{self.get_owed_display()}{f' ({where})' if where else ''}"


@pghistory.track()
class Cadence(models.Model):
    """How often and when to try to reach a lead before a supervisor decides, and how soon after a talk again
    [2.11, X60]."""

    team = models.OneToOneField(
        Team, null=True, blank=True, on_delete=models.CASCADE, related_name="cadence", help_text=_("Blank: any other.")
    )
    max_attempts = models.PositiveSmallIntegerField(
        null=True, blank=True, default=6, help_text=_("Unanswered tries. Blank: no limit; 0: none at all.")
    )
    min_spacing_minutes = models.PositiveIntegerField(default=120, help_text=_("At least so long between two tries."))
    varies_time_of_day = models.BooleanField(
        default=True, help_text=_("The next try falls in another part of the lead's day: morning, afternoon, late day.")
    )
    rest_after_talk_minutes = models.PositiveSmallIntegerField(
        default=30,
        db_default=30,
        validators=[MaxValueValidator(MOST_REST)],
        help_text=_("So long “Call next” leaves out whom the caller spoke with, unless a promise is due."),
    )

    class Meta:
        verbose_name = _("plan of call attempts")
        verbose_name_plural = _("plans of call attempts")
        constraints = [
            models.UniqueConstraint(name="one_cadence_for_the_rest", fields=["team"], nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return str(self.team or _("Every other team"))
