"""Who can sign in to the demo? One login for each role, with a password made for this checkout alone."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from gateway import keys
from medcrm import embedded, roles
from routing.models import Agent

ROLE_OF_TEAM = {
    "scheduling": "scheduler",
    "documents": "documents",
    "quotes": "sales",
    "discovery": "sales",
    "partnerships": "sales",
}
WITHOUT_TEAM = ("supervisor", "compliance", "marketing", "administrator")
SHOWN = {"caller": "qualification1", "scheduler": "scheduling1", "documents": "documents1", "sales": "discovery1"}


@dataclass(frozen=True)
class Login:
    role: str
    purpose: str
    username: str


def make() -> list[Login]:
    """Give every agent its role's group and the demo's password, and add the roles that work in no team."""
    users, groups, password = get_user_model().objects, {group.name: group for group in Group.objects.all()}, key()
    for role in WITHOUT_TEAM:
        users.get_or_create(username=role, defaults={"is_staff": True, "first_name": role.title(), "last_name": "Demo"})
    members = {agent.user: ROLE_OF_TEAM.get(agent.team_id, "caller") for agent in Agent.objects.select_related("user")}
    members |= {users.get(username=role): role for role in WITHOUT_TEAM}
    for user, role in members.items():
        user.groups.add(groups[role])
        if not user.check_password(password):
            user.set_password(password)
            user.save(update_fields=["password"])
    people = [role for role in roles.ROLES if role.code != keys.ROLE]
    return [Login(role.code, str(role.purpose), SHOWN.get(role.code, role.code)) for role in people]


def key() -> str:
    """The password of all demo logins, made once for this checkout and kept beside its data."""
    path = embedded.home() / "demo_password"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(9))
    return path.read_text()
