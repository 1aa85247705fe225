"""What does an organisation start with? Its catalogue, people, rules and sequences, from one TOML file.

Loading twice does no harm: what is missing is created, what is there, and what staff edited, stays as it is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from django.db import transaction

import consent.reference
import leads.reference
import nurture.reference
import routing.reference
from medcrm.lib.errors import RuleError
from privacy import retention

ORGANISATION = Path(__file__).parent / "data" / "organisation.toml"
PARTS = ("seller", "postal_address", "timezone", "sms_sender_registered")
LISTS = ("service", "clinic", "payer", "offering", "team", "source")


@transaction.atomic
def load(path: Path = ORGANISATION, *, at: datetime, with_scrub: bool = True, with_people: bool = True) -> None:
    """Load every room's part, lowest room first. Slots and scrub ages in the file count from `at`.

    Raise RuleError for a file that is not of the form.
    """
    organisation = read(path)
    if not with_people:
        organisation = {**organisation, "agent": []}
    disclosure = consent.reference.load(organisation, at=at, with_scrub=with_scrub)
    leads.reference.load(organisation, disclosure, at=at)
    routing.reference.load(organisation, at=at)
    nurture.reference.load(organisation)
    retention.load_rules()


def read(path: Path) -> Mapping[str, object]:
    """The organisation that a file tells of. Raise RuleError naming what it lacks."""
    try:
        organisation = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise RuleError("NOT_OF_THE_FORM", f"{path} is no TOML: {error}.") from error
    lacking = [name for name in (*PARTS, *LISTS) if name not in organisation]
    if lacking:
        raise RuleError("NOT_OF_THE_FORM", f"{path} does not say: {', '.join(lacking)}. Compare {ORGANISATION}.")
    teams = routing.reference.teams_named() - {team["code"] for team in organisation["team"]}
    if teams:
        words = f"{path} has no team {', '.join(sorted(teams))}; the first rules send leads there."
        raise RuleError("NOT_OF_THE_FORM", f"{words} Keep the codes, with names of your own.")
    return organisation
