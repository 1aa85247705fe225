"""The teams, staff, scripts, goals and first routing rules of an organisation, loaded from TOML.

Loading creates what is missing and changes nothing that is there, so it runs twice without harm and never overwrites
what staff edited. Rules are loaded only into an organisation that has none.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import transaction

from medcrm.lib.models import VersionStatus
from medcrm.lib.writing import create_missing, update_rows
from routing.calendar import DAYS
from routing.models import Agent, Cadence, Cursor, Goal, RouteSet, RoutingRule, Script, ScriptText, Team

DATA = Path(__file__).parent / "data"
FALLBACK = "intake"
HOURS = re.compile(r"^(\w{3})-(\w{3}) (\d\d:\d\d)-(\d\d:\d\d) (\S+)$")

Row = Mapping[str, object]


@transaction.atomic
def load(organisation: Mapping[str, object], *, at: datetime, password: str | None = None) -> None:
    """Load everything routing needs. Logins get the password given, or one that lets nobody in."""
    load_teams(organisation["team"])
    load_agents(organisation.get("agent", []), password=password)
    load_scripts()
    load_goals()
    Cadence.objects.get_or_create(team=None)
    load_rules(at=at)


def teams_named() -> set[str]:
    """The teams without which the first rules and goals cannot be loaded."""
    rows = [*_read("rules")["rule"], *_read("goals")["goal"]]
    return {FALLBACK, *(str(row["team"]) for row in rows if "team" in row)}


def load_teams(rows: Iterable[Row]) -> None:
    has_fallback = Team.objects.fallback().exists()
    teams = []
    for row in rows:
        zone, hours = read_hours(str(row["hours"]))
        teams.append(
            Team(
                code=row["code"],
                name=row["name"],
                timezone=zone,
                hours=hours,
                goal=row.get("goal", ""),
                required_training=row.get("required_training", ""),
                email=row.get("email", f"{row['code']}@example.org"),
                is_fallback=row["code"] == FALLBACK and not has_fallback,
            )
        )
    create_missing(teams, "code")
    create_missing([Cursor(team=team) for team in teams], "team_id")


def read_hours(text: str) -> tuple[str, dict[str, list[list[str]]]]:
    """Read “Mon-Fri 08:00-18:00 America/Chicago” into a zone and hours by weekday."""
    found = HOURS.match(text)
    if not found:
        raise ValidationError(f"“{text}” are no hours; write e.g. “Mon-Fri 08:00-17:00 America/Chicago”.")
    first, last, opens, closes, zone = found.groups()
    days = DAYS[DAYS.index(first.lower()) : DAYS.index(last.lower()) + 1]
    return zone, {day: [[opens, closes]] for day in days}


def load_agents(rows: Iterable[Row], *, password: str | None = None) -> None:
    """Create a login and a profile for each agent; existing ones stay as they are."""
    users, rows = get_user_model(), list(rows)
    made = create_missing([users(**_login(str(row["login"]))) for row in rows], "username")
    if password:
        for user in made:
            user.set_password(password)
        update_rows(made, ["password"])
    keys = dict(users.objects.values_list("username", "pk"))
    agents = [
        Agent(
            user_id=keys[row["login"]],
            team_id=row["team"],
            clinic_id=row.get("clinic"),
            languages=row.get("languages", []),
            trainings=row.get("trained", []),
            skills=row.get("skills", []),
            open_cap=row.get("open_cap"),
            daily_cap=row.get("daily_cap"),
        )
        for row in rows
    ]
    create_missing(agents, "user_id")


def _login(login: str) -> dict[str, object]:
    """A login that lets nobody in yet."""
    email, password = f"{login}@example.org", make_password(None)
    return {"username": login, "password": password, "is_staff": True, "email": email, **_name(login)}


def _name(login: str) -> dict[str, str]:
    """A readable name for a synthetic login: scheduling2 becomes “Scheduling Two”."""
    word, number = re.match(r"^(\D+)(\d*)$", login).groups()
    return {"first_name": word.replace("_", " ").title(), "last_name": {"1": "One", "2": "Two"}.get(number, number)}


def load_scripts() -> None:
    rows = _read("scripts")["script"]
    texts = {row["code"]: row["text"] for row in rows}
    ScriptText.objects.bulk_create(
        ScriptText(script=script, **{k: v.strip() for k, v in text.items()})
        for script in create_missing([Script(**_without(row, "text")) for row in rows], "code")
        for text in texts[script.pk]
    )


def load_goals() -> None:
    goals = []
    for row in _read("goals")["goal"]:
        values = {name: row[name] for name in ("minutes", "business_days", "on_breach") if name in row}
        goals.append(Goal(owed=row["owed"], team_id=row.get("team"), score_band=row.get("score_band", ""), **values))
    create_missing(goals, "owed", "team_id", "score_band")


def load_rules(*, at: datetime) -> None:
    if RouteSet.objects.exists():
        return
    rule_set = RouteSet.objects.create(note="The defaults.")
    rules = [
        RoutingRule(
            rule_set=rule_set,
            position=position,
            team_id=row["team"],
            script_id=row.get("script"),
            **_without(row, "team", "script"),
        )
        for position, row in enumerate(_read("rules")["rule"])
    ]
    for rule in rules:
        rule.clean_fields(exclude=["rule_set", "team", "script"])  # the database asks for these three
    RoutingRule.objects.bulk_create(rules)
    RouteSet.objects.filter(pk=rule_set.pk).update(status=VersionStatus.PUBLISHED, published_at=at)


def _without(row: Row, *names: str) -> dict[str, object]:
    return {name: value for name, value in row.items() if name not in names}


@cache
def _read(name: str) -> dict[str, list[dict[str, object]]]:
    return tomllib.loads((DATA / f"{name}.toml").read_text())
