"""The sequences of the reference organisation, and a lead that asked for a guide."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

import nurture.reference
from leads.models import Lead
from nurture.models import Enrollment
from tests import kept
from tests.conftest import ORGANISATION, load_catalogue
from tests.consent import flush
from tests.nurture.factories import walk

flush.install()


@pytest.fixture
def catalogue(db: None, now: datetime) -> None:
    """As everywhere, and the sequences."""

    def load() -> None:
        load_catalogue(now)
        nurture.reference.load(ORGANISATION)

    kept.rows_of(("nurture", now), load)


@pytest.fixture
def sequences(catalogue: None) -> None:
    """A part of the catalogue here."""


@pytest.fixture
def guide(sequences: None, submit: Callable[..., Lead], now: datetime) -> Callable[..., Lead]:
    """A lead that asks for information only and may be written to; keywords replace fields of the form."""

    def send(number: int = 1, **fields: object) -> Lead:
        given = {
            "phone": f"+1512555{number:04d}",
            "email": f"alpha{number}@example.org",
            "timing": "not_sure",
            "request": "info",
            "payer": "",
            "question": "",
            "preferred_clinic": "",
        }
        return submit("guide", **{**given, **fields})

    return send


@pytest.fixture
def enrolled(guide: Callable[..., Lead], now: datetime) -> Enrollment:
    """A lead on the first step of the first-visit sequence, with calls, texts and mail allowed."""
    lead = guide()
    walk([lead.pk], at=now)
    return Enrollment.objects.active().get(lead=lead)
