"""The teams, staff, scripts, goals and first routing rules of an organisation, loaded from TOML.

Loading creates what is missing and changes nothing that is there, so it runs twice without harm and never overwrites
what staff edited. Rules are loaded only into an organisation that has none.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import transaction

from medcrm.lib.models import VersionStatus
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
    load_agents(organisation["agent"], password=password)
    load_scripts()
    load_goals()
    Cadence.objects.get_or_create(team=None)
    load_rules(at=at)


def load_teams(rows: Iterable[Row]) -> None:
    has_fallback = Team.objects.fallback().exists()
    for row in rows:
        zone, hours = read_hours(str(row["hours"]))
        defaults = {
            "name": row["name"],
            "timezone": zone,
            "hours": hours,
            "goal": row.get("goal", ""),
            "required_training": row.get("required_training", ""),
            "email": row.get("email", f"{row['code']}@example.org"),
            "is_fallback": row["code"] == FALLBACK and not has_fallback,
        }
        team, _ = Team.objects.get_or_create(code=row["code"], defaults=defaults)
        Cursor.objects.get_or_create(team=team)


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
    users = get_user_model().objects
    for row in rows:
        user, is_new = users.get_or_create(
            username=row["login"],
            defaults={"is_staff": True, "email": f"{row['login']}@example.org", **_name(str(row["login"]))},
        )
        if is_new:
            if password:
                user.set_password(password)
            else:
                user.set_unusable_password()
            user.save(update_fields=["password"])
        defaults = {
            "team_id": row["team"],
            "clinic_id": row.get("clinic"),
            "languages": row.get("languages", []),
            "trainings": row.get("trained", []),
            "skills": row.get("skills", []),
            "open_cap": row.get("open_cap"),
            "daily_cap": row.get("daily_cap"),
        }
        Agent.objects.get_or_create(user=user, defaults=defaults)


def _name(login: str) -> dict[str, str]:
    """A readable name for a synthetic login: scheduling2 becomes “Scheduling Two”."""
    word, number = re.match(r"^(\D+)(\d*)$", login).groups()
    return {"first_name": word.replace("_", " ").title(), "last_name": {"1": "One", "2": "Two"}.get(number, number)}


def load_scripts() -> None:
    for row in _read("scripts")["script"]:
        texts = row.pop("text")
        script, is_new = Script.objects.get_or_create(code=row["code"], defaults=row)
        if is_new:
            ScriptText.objects.bulk_create(
                ScriptText(script=script, **{k: v.strip() for k, v in text.items()}) for text in texts
            )


def load_goals() -> None:
    for row in _read("goals")["goal"]:
        key = {"owed": row["owed"], "team_id": row.get("team"), "score_band": row.get("score_band", "")}
        values = {name: row[name] for name in ("minutes", "business_days", "on_breach") if name in row}
        Goal.objects.get_or_create(**key, defaults=values)


def load_rules(*, at: datetime) -> None:
    if RouteSet.objects.exists():
        return
    rule_set = RouteSet.objects.create(note="The defaults.", status=VersionStatus.PUBLISHED, published_at=at)
    rules = [
        RoutingRule(
            rule_set=rule_set,
            position=position,
            team_id=row.pop("team"),
            script_id=row.pop("script", None),
            **row,
        )
        for position, row in enumerate(_read("rules")["rule"])
    ]
    for rule in rules:
        rule.clean_fields(exclude=["rule_set"])
    RoutingRule.objects.bulk_create(rules)


def _read(name: str) -> dict[str, list[dict[str, object]]]:
    return tomllib.loads((DATA / f"{name}.toml").read_text())
