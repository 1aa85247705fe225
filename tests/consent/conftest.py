"""The cast of the consent tests: a seller, what it shows, a person's number and mailbox, a fresh scrub."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from consent import addresses
from consent.models import Address, Disclosure, ListSnapshot, Seller
from consent.models.ledger import PEWC_ELEMENTS
from tests.consent import flush

flush.install()

NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)  # Tuesday, 11:00 in New York, 10:00 in Austin


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def seller(db: None) -> Seller:
    return Seller.objects.create(
        code="harbor",
        name="Harbor Health",
        postal_address="100 Harbor Way, Austin, TX 78701",
        help_contact="512-555-0100",
        is_sms_sender_registered=True,
    )


@pytest.fixture
def disclosure(seller: Seller) -> Disclosure:
    return Disclosure.objects.create(
        code="web",
        seller=seller,
        text="By ticking this box I agree to calls and texts from Harbor Health. Not a condition of purchase.",
        channels=["voice", "sms", "email"],
        purposes=["marketing", "informational"],
        level="PEWC",
        elements=list(PEWC_ELEMENTS),
    )


@pytest.fixture
def scrub(db: None) -> ListSnapshot:
    return ListSnapshot.objects.create(kind="national_dnc", version="fresh", taken_at=NOW - timedelta(days=1))


@pytest.fixture
def phone(db: None) -> Address:
    return make_address("phone", "+12125550123")


@pytest.fixture
def mailbox(db: None) -> Address:
    return make_address("email", "ann@example.org")


def make_address(kind: str, value: str) -> Address:
    return Address.objects.create(kind=kind, value=value, keyed_hash=addresses.keyed_hash(kind, value))
