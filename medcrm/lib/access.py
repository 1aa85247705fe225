"""Which leads may this person see? The scope of a user, worked out by the layer above and asked for by every list.

The leaf library knows neither team nor role: whoever composes the project says how a scope is found (`use`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser


@dataclass(frozen=True)
class Scope:
    """The teams whose leads a person sees, and the trainings that open sensitive services to it."""

    teams: frozenset[str] = frozenset()
    trainings: frozenset[str] = frozenset()
    sees_all_teams: bool = False
    sees_sensitive: bool = False
    sees_contacts: bool = False  # numbers and mailboxes in full also outside a lead's own page


NOTHING = Scope()
_finder: Callable[[AbstractBaseUser], Scope] | None = None
_team_names: Callable[[], dict[str, str]] | None = None


def use(finder: Callable[[AbstractBaseUser], Scope], team_names: Callable[[], dict[str, str]]) -> None:
    """Say how scopes and the names of teams are found; called once when the apps are ready."""
    global _finder, _team_names
    _finder, _team_names = finder, team_names


def team_names() -> dict[str, str]:
    """Team code → name."""
    return _team_names() if _team_names else {}


def scope_of(user: AbstractBaseUser) -> Scope:
    """The user's scope, found once per request (the user object lives as long as it)."""
    if not getattr(user, "is_active", False):
        return NOTHING
    found = getattr(user, "_medcrm_scope", None)
    if found is None:
        found = _finder(user) if _finder else NOTHING
        user._medcrm_scope = found  # type: ignore[attr-defined]
    return found
