"""How do a clinic's people come in from a file? As logins without a password, with their team and role."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from django.contrib.auth.models import Group, User
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from leads.importing import cells, kinds, releasing
from leads.importing.kinds import Field, Kind, Outcome, Row
from leads.importing.reading_leads import words
from leads.importing.small import parse
from leads.models import Clinic, ImportRun
from routing.models import Agent, Team
from routing.vocabulary import AssignedBecause as Because

# What the router makes of a lead that is released; a person's act among it means that somebody worked.
releasing.MACHINE_MADE |= {
    "routing.assignment": releasing.MachineMade(
        Q(by__isnull=False) | Q(because__in=[Because.REASSIGNED, Because.RETURNED, Because.CLAIMED]),
        guards=["routing.Assignment:assignments_are_append_only"],
    ),
    "routing.handoff": releasing.MachineMade(Q(accepted_at__isnull=False) | Q(returned_at__isnull=False)),
    "routing.clock": releasing.MachineMade(Q(met_at__isnull=False) | Q(cause__isnull=False)),
}

PERSON = ("first_name", "last_name", "email")
PROFILE = ("open_cap", "daily_cap", "languages", "trainings", "skills")


def take_staff(run: ImportRun, rows: list[Row], at: datetime, is_dry: bool) -> Outcome:
    """Make or update logins and profiles; a new login has no password until its owner sets one.

    Roles that see the whole organisation are handed out by a person, never by a file.
    """
    clinics = words(Clinic.objects.values_list("pk", "name"))
    parsers = {
        "username": partial(cells.text_of, limit=150),
        "first_name": partial(cells.text_of, limit=150),
        "last_name": partial(cells.text_of, limit=150),
        "email": cells.email,
        "team": partial(cells.code, known=words(Team.objects.values_list("pk", "name")), what="teams"),
        "role": partial(cells.choice, known=words((name, name) for name in ROLES)),
        "clinic": partial(cells.code, known=clinics, what="clinics"),
        "open_cap": partial(cells.number, high=30_000),
        "daily_cap": partial(cells.number, high=30_000),
        "languages": cells.several,
        "trainings": cells.several,
        "skills": cells.several,
    }
    outcome = Outcome()
    for row in rows:
        found = parse(row, parsers)
        if row.problems:
            continue
        user = User.objects.filter(username=found["username"]).first()
        if user is not None and (user.is_superuser or user.groups.exclude(name__in=ROLES).exists()):
            row.refuse("NOT_BY_FILE", "username", "This login has wider rights; change it on its own page.")
            continue
        outcome.counts["updated" if user else "created"] += 1
        if not is_dry:
            _write(user, found)
    return outcome


ROLES = ("caller", "scheduler", "documents", "sales")


def _write(user: User | None, found: dict[str, object]) -> None:
    if user is None:
        user = User(username=str(found["username"]), is_staff=True)
        user.set_unusable_password()
    for name in PERSON:
        setattr(user, name, found.get(name) or getattr(user, name))
    user.save()
    if found.get("role"):
        user.groups.set(Group.objects.filter(name=found["role"]))
    values = {name: found[name] for name in PROFILE if name in found}
    if found.get("clinic"):
        values["clinic_id"] = found["clinic"]
    Agent.objects.update_or_create(user=user, defaults={"team_id": found["team"], **values})


kinds.register(
    Kind(
        "staff",
        _("Staff"),
        (
            Field("username", _("Login"), ("user", "user name", "user id"), is_required=True),
            Field("first_name", _("First name"), ("given name",)),
            Field("last_name", _("Last name"), ("surname",)),
            Field("email", _("E-mail"), ("email address", "mail")),
            Field("team", _("Team"), ("department",), is_required=True),
            Field("role", _("Role"), ()),
            Field("clinic", _("Clinic"), ("location",)),
            Field("languages", _("Languages"), ("language",)),
            Field("trainings", _("Trainings"), ("training",)),
            Field("skills", _("Skills"), ("skill",)),
            Field("open_cap", _("Most open leads"), ("cap",)),
            Field("daily_cap", _("Most leads a day"), ()),
        ),
        take_staff,
    )
)
