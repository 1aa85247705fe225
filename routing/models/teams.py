"""Who works, when, and with how much: teams, their agents, and whose turn it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import pghistory
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from leads.models import Clinic
from medcrm.lib.models import Coded, refuse
from medcrm.lib.zones import valid_zone
from routing import calendar
from routing.calendar import WorkingCalendar
from routing.querysets import AgentQuerySet, TeamQuerySet

EVERY_WEEKDAY = {day: [["08:00", "17:00"]] for day in calendar.DAYS[:5]}


def valid_hours(value: object) -> None:
    try:
        calendar.parse_week(value)  # type: ignore[arg-type]
    except (ValueError, AttributeError, TypeError) as error:
        raise ValidationError(str(error) or _("Hours are a mapping of weekdays to windows.")) from error


def weekday_hours() -> dict[str, list[list[str]]]:
    return {day: list(windows) for day, windows in EVERY_WEEKDAY.items()}


def codes(help_text: str) -> ArrayField:
    return ArrayField(models.CharField(max_length=40), default=list, blank=True, help_text=help_text)


@pghistory.track()
class Team(Coded):
    """A group of agents that owes one kind of work, in its own hours."""

    timezone = models.CharField(
        max_length=40, default="America/Chicago", validators=[valid_zone], help_text=_("IANA name.")
    )
    hours = models.JSONField(
        default=weekday_hours,
        validators=[valid_hours],
        help_text=_("Weekday → windows, e.g. {“mon”: [[“08:00”, “17:00”]]}. A day left out is a day off."),
    )
    observes_federal_holidays = models.BooleanField(default=True)
    closed_on = ArrayField(models.DateField(), default=list, blank=True, help_text=_("The team's own days off."))
    open_on = ArrayField(models.DateField(), default=list, blank=True, help_text=_("Holidays that it works."))
    goal = models.CharField(max_length=200, blank=True, help_text=_("In words, e.g. “booked within 4 working hours”."))
    required_training = models.CharField(max_length=40, blank=True, help_text=_("Only trained agents get its leads."))
    email = models.EmailField(blank=True, help_text=_("Where notices to the whole team go."))
    is_fallback = models.BooleanField(default=False, help_text=_("Gets the leads that no rule claims."))

    objects = TeamQuerySet.as_manager()

    class Meta(Coded.Meta):
        constraints = [
            models.UniqueConstraint(name="one_fallback_team", fields=["is_fallback"], condition=Q(is_fallback=True)),
            models.CheckConstraint(name="fallback_team_is_active", condition=Q(is_fallback=False) | Q(is_active=True)),
        ]

    def clean(self) -> None:
        is_retired = self.is_fallback and not self.is_active
        refuse([(is_retired, "is_active", _("It gets the leads that no rule claims. Make another team that first."))])

    @property
    def calendar(self) -> WorkingCalendar:
        return working_calendar(self, self.hours)


@pghistory.track()
class Agent(models.Model):
    """A member of staff as routing sees them. Caps: blank is no limit, 0 is nothing at all."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="agent")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="agents")
    clinic = models.ForeignKey(
        Clinic,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="agents",
        help_text=_("Blank: works for all."),
    )
    languages = codes(_("Codes, e.g. en, es."))
    trainings = codes(_("Trainings held, e.g. behavioral_health."))
    skills = codes(_("Skills a rule may ask for, e.g. workers_comp."))
    weight = models.PositiveSmallIntegerField(
        default=1, help_text=_("Share under the weighted strategy; 0 gets nothing by it.")
    )
    open_cap = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=_("Most leads worked at once. Blank: no limit; 0: none.")
    )
    daily_cap = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=_("Most leads given in one day of the team. Blank: no limit; 0: none.")
    )
    hours = models.JSONField(
        null=True, blank=True, validators=[valid_hours], help_text=_("Own hours; blank: the team's.")
    )
    days_off = ArrayField(
        models.DateField(), default=list, blank=True, help_text=_("Own holidays, besides the team's, e.g. 2026-12-28.")
    )
    away_from = models.DateTimeField(null=True, blank=True)
    away_until = models.DateTimeField(null=True, blank=True, help_text=_("Blank: until further notice."))
    stand_in = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="stands_in_for")

    objects = AgentQuerySet.as_manager()

    class Meta:
        ordering = ["team", "pk"]
        indexes = [
            # read by the team board and routing.absence: who is away now
            models.Index(name="agent_away", fields=["away_from"], condition=Q(away_from__isnull=False))
        ]
        constraints = [
            models.CheckConstraint(
                name="agent_away_in_order",
                condition=Q(away_until__isnull=True) | Q(away_from__isnull=False, away_until__gt=F("away_from")),
            ),
            models.CheckConstraint(
                name="agent_no_own_stand_in", condition=Q(stand_in__isnull=True) | ~Q(stand_in=F("id"))
            ),
        ]

    def clean(self) -> None:
        start, end = self.away_from, self.away_until
        is_own = self.pk is not None and self.stand_in_id == self.pk
        refuse(
            [
                (end is not None and start is None, "away_from", _("Say from when, or leave the end empty too.")),
                (None not in (start, end) and end <= start, "away_until", _("The end must be later than the start.")),
                (is_own, "stand_in", _("Nobody stands in for themselves. Choose a colleague.")),
            ]
        )

    def __str__(self) -> str:
        return self.user.get_full_name() or self.user.get_username()

    @property
    def calendar(self) -> WorkingCalendar:
        return working_calendar(self.team, self.hours if self.hours is not None else self.team.hours, self.days_off)

    def is_away(self, at: datetime) -> bool:
        return self.away_from is not None and self.away_from <= at and (self.away_until is None or at < self.away_until)


class Cursor(models.Model):
    """Whose turn it is in a team. Whoever deals out the team's work locks this row first, and who claims a lead of its
    queue shares that lock, so that turns and caps hold under any number of workers."""

    team = models.OneToOneField(Team, primary_key=True, on_delete=models.CASCADE, related_name="cursor")
    turn = models.PositiveBigIntegerField(default=0)
    turns = models.JSONField(default=dict, help_text=_("Agent → the last turn taken and the credit under weights."))

    def __str__(self) -> str:
        return f"{self.team}: turn {self.turn}"


def working_calendar(
    team: Team, hours: Mapping[str, Sequence[Sequence[str]]], days_off: Sequence[date] = ()
) -> WorkingCalendar:
    return WorkingCalendar(
        zone=team.timezone,
        week=calendar.parse_week(hours),
        observes_federal_holidays=team.observes_federal_holidays,
        closed_on=_dates(team.closed_on) | _dates(days_off),
        open_on=_dates(team.open_on),
    )


def _dates(days: Sequence[date]) -> frozenset[date]:
    return frozenset(days)
