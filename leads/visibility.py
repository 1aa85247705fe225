"""Which leads does this person see? The scope of a user as a condition on leads, or on rows that point to one."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Q

from leads.models import ServiceLine
from medcrm.lib.access import scope_of


def visible(user: AbstractBaseUser, path: str = "") -> Q:
    """The condition for leads, or for rows whose lead is at `path` (“lead__”). At most one small query per request."""
    scope = scope_of(user)
    condition = Q()
    if not scope.sees_all_teams:
        # A team's index serves its members; who is in no team sees only what is owned in person.
        condition &= Q(**{f"{path}team__in": scope.teams}) if scope.teams else Q(**{f"{path}owner": user.pk})
    return condition & trained_for(user, path)


def trained_for(user: AbstractBaseUser, path: str = "") -> Q:
    """The condition for leads of any team whose services this person may know of: the one asked for now, and those that
    its story speaks of, asked for before or by a lead merged into it."""
    hidden = _hidden_services(user)
    return names_known(user, f"{path}service") & ~Q(**{f"{path}other_services__overlap": hidden}) if hidden else Q()


def names_known(user: AbstractBaseUser, service: str) -> Q:
    """The condition for rows whose key `service` names none, or one that this person may know of."""
    hidden = _hidden_services(user)
    return Q(**{f"{service}__isnull": True}) | ~Q(**{f"{service}__in": hidden}) if hidden else Q()


def _hidden_services(user: AbstractBaseUser) -> list[str]:
    """Sensitive services that the user's trainings do not open."""
    scope = scope_of(user)
    if scope.sees_sensitive:
        return []
    found = getattr(user, "_hidden_services", None)
    if found is None:
        sensitive = ServiceLine.objects.exclude(required_training="").exclude(required_training__in=scope.trainings)
        found = list(sensitive.order_by().values_list("pk", flat=True))
        user._hidden_services = found  # type: ignore[attr-defined]
    return found
