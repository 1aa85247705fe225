"""One form per address, the fictional range is valid, and rows are made and locked in two queries."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from consent import addresses
from consent.addresses import InvalidAddress


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("(212) 555-0123", "+12125550123"),
        ("+1 512.555.0100", "+15125550100"),
        ("1-850-555-0199", "+18505550199"),
        ("+44 20 7946 0958", "+442079460958"),
        (" 5125550101 ", "+15125550101"),
    ],
)
def test_a_number_has_one_form(raw: str, value: str) -> None:
    assert addresses.normalise_phone(raw) == value


@pytest.mark.parametrize(
    "raw", ["", "   ", "none", "555-0123", "12345", "+1 112 555 0123", "911", "+1 211 555 0123", "212-155-0123",
            "+1 212 555 0123 ext. 4", "+49 1", "1" * 60, "٠١٢", None]
)  # fmt: skip
def test_an_unusable_number_is_refused_with_advice(raw: str) -> None:
    with pytest.raises(InvalidAddress, match=r"Enter|Check") as refusal:
        addresses.normalise_phone(raw)
    assert refusal.value.field == "phone"


def test_a_mailbox_is_lower_case() -> None:
    assert addresses.normalise_email(" Ann.Lee@Example.ORG ") == "ann.lee@example.org"


@pytest.mark.parametrize("raw", ["", "ann", "ann@", "@example.org", "a b@example.org", "ann@exam\u0440le.org", None])
def test_an_unusable_mailbox_is_refused_with_advice(raw: str) -> None:
    with pytest.raises(InvalidAddress, match="Enter"):
        addresses.normalise_email(raw)


@pytest.mark.django_db
def test_rows_are_made_once_and_locked_in_two_queries() -> None:
    pairs = [("phone", "+12125550123"), ("email", "ann@example.org"), ("phone", "+12125550123")]
    with transaction.atomic():
        with CaptureQueriesContext(connection) as queries:
            first = addresses.lock_addresses(pairs)
        again = addresses.lock_addresses(pairs)
    assert len(queries) == 2 and "FOR NO KEY UPDATE" in queries.captured_queries[1]["sql"]
    assert set(first) == set(pairs) and {k: v.pk for k, v in first.items()} == {k: v.pk for k, v in again.items()}
    assert addresses.lock_addresses([]) == {}
