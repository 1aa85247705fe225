"""What does an organisation start with? Its catalogue, people, rules and sequences, from one TOML file.

Loading twice does no harm: what is missing is created, what is there, and what staff edited, stays as it is.
"""

from __future__ import annotations

import tomllib
from datetime import datetime
from pathlib import Path

from django.db import transaction

import consent.reference
import leads.reference
import nurture.reference
import routing.reference
from privacy import retention

ORGANISATION = Path(__file__).parent / "data" / "organisation.toml"


@transaction.atomic
def load(path: Path = ORGANISATION, *, at: datetime, with_scrub: bool = True) -> None:
    """Load every room's part, lowest room first. Slots and scrub ages in the file count from `at`."""
    organisation = tomllib.loads(path.read_text())
    disclosure = consent.reference.load(organisation, at=at, with_scrub=with_scrub)
    leads.reference.load(organisation, disclosure, at=at)
    routing.reference.load(organisation, at=at)
    nurture.reference.load(organisation)
    retention.load_rules()
