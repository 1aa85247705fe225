"""How are leads narrowed down? By what is due, whose they are and what they wait for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from leads.lifecycle import OPEN
from leads.measures import Figure
from leads.services import due
from medcrm.lib.access import scope_of, team_names
from medcrm.lib.filters import DropdownFilter

Choices = Iterable[tuple[str, object]]


def start_of_day(at: datetime) -> datetime:
    """Midnight that begins the reader's day."""
    return timezone.localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)


def due_condition(due: str, *, at: datetime) -> Q:
    """What “overdue”, “today”, “week” and “undated” mean for open leads."""
    today = start_of_day(at)
    spans = {
        "overdue": Q(next_action_due_at__lt=at),
        "today": Q(next_action_due_at__gte=at, next_action_due_at__lt=today + timedelta(days=1)),
        "week": Q(next_action_due_at__gte=today, next_action_due_at__lt=today + timedelta(days=7)),
        "undated": Q(next_action_due_at__isnull=True),
    }
    return spans[due] & Q(stage__in=OPEN)


class DueFilter(DropdownFilter):
    title = _("due")
    parameter_name = "due"

    def lookups(self, request: HttpRequest, model_admin: object) -> Choices:
        return [
            ("overdue", _("Overdue")),
            ("today", _("Still due today")),
            ("week", _("Within seven days")),
            ("undated", _("No date set")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        known = {code for code, _label in self.lookups(request, None)}
        return queryset.filter(due_condition(self.value(), at=timezone.now())) if self.value() in known else queryset


class OpenFilter(DropdownFilter):
    title = _("open or closed")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> Choices:
        return [("open", _("Open")), ("closed", _("Closed")), ("put_off", _("Next step could not be determined"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "put_off":
            return queryset.filter(pk__in=due.put_off_leads(at=timezone.now()).values("pk"))
        if self.value() == "open":
            return queryset.filter(stage__in=OPEN)
        return queryset.exclude(stage__in=OPEN) if self.value() == "closed" else queryset


class OwnerFilter(DropdownFilter):
    title = _("owner")
    parameter_name = "whose"

    def lookups(self, request: HttpRequest, model_admin: object) -> Choices:
        choices: list[tuple[str, object]] = [
            ("me", _("Mine")),
            ("queue", _("In a team queue")),
            ("nobody", _("Nobody")),
        ]
        if scope_of(request.user).sees_all_teams:
            staff = get_user_model().objects.filter(is_active=True, is_staff=True).order_by("username")
            choices += [(str(pk), name) for pk, name in staff.values_list("pk", "username")]
        return choices

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = self.value() or ""
        if value == "me":
            return queryset.filter(owner=request.user)
        if value == "queue":
            # A team may keep leads to whom nothing is owed: those wait for nobody.
            return queryset.filter(owner__isnull=True, next_action_due_at__isnull=False).exclude(team="")
        if value == "nobody":
            return queryset.filter(owner__isnull=True)
        return queryset.filter(owner=int(value)) if value.isdecimal() else queryset


class TeamFilter(DropdownFilter):
    title = _("team")
    parameter_name = "team"

    def lookups(self, request: HttpRequest, model_admin: object) -> Choices:
        scope = scope_of(request.user)
        names = team_names()
        return [(code, name) for code, name in names.items() if scope.sees_all_teams or code in scope.teams]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(team=self.value()) if self.value() else queryset


class BehindFilter(DropdownFilter):
    """The leads behind a figure of a report; only a link fills it, so it offers nothing to choose."""

    title = _("figure of a report")
    parameter_name = "behind"

    def lookups(self, request: HttpRequest, model_admin: object) -> Choices:
        figure = Figure.parse(request.GET.get(self.parameter_name, ""))
        return [(str(figure), figure.label)] if figure else []

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        figure = Figure.parse(self.value() or "")
        return queryset.filter(pk__in=figure.rows().values("lead")) if figure else queryset


class CapturedFilter(DropdownFilter):
    title = _("captured")
    parameter_name = "captured"

    def lookups(self, request: HttpRequest, model_admin: object) -> Choices:
        return [("1", _("Today")), ("7", _("In the last 7 days")), ("30", _("In the last 30 days"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() not in ("1", "7", "30"):
            return queryset
        since = start_of_day(timezone.now()) - timedelta(days=int(self.value()) - 1)
        return queryset.filter(created_at__gte=since)
