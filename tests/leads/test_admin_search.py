"""Search: every kind of term finds its lead, by an index, and never one outside the scope."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection

from consent import addresses
from leads.models import Lead
from leads.search import _by_first_name, _by_last_name, _by_organisation, find_leads
from tests.rows import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana() -> Lead:
    pairs = [("phone", "+15125550101"), ("email", "ana@example.org")]
    held = addresses.lock_addresses(pairs)
    return make(Lead, first_name="Ana", last_name="Núñez", team="intake", phone=held[pairs[0]], email=held[pairs[1]])


def found(term: str) -> list[str]:
    return list(find_leads(Lead.objects.all(), term).values_list("last_name", flat=True))


@pytest.mark.parametrize(
    "term",
    [
        *("(512) 555-0101", "512.555.0101", "+1 512 555 0101", "0101", "ANA@example.org"),
        *("núñ", "ana núñ", " Núñez ", "an", "Núñez, An", "núñez ana"),
    ],
)
def test_a_lead_is_found_by_phone_in_any_format_mail_and_name(ana, term):
    make(Lead, last_name="Other")
    assert found(term) == ["Núñez"]


def test_a_lead_is_found_by_its_public_id_and_an_organisation_by_its_name(ana):
    make(Lead, lead_type="b2b", last_name="", organisation="Travis Foods")
    assert found(str(ana.public_id)) == ["Núñez"]
    assert found("travis") == [""]


@pytest.mark.parametrize("term", ["nobody", "512 555 9999", "x@example.org", "not@mail", "99", "%", "_"])
def test_a_term_that_means_nobody_finds_nobody(ana, term):
    assert found(term) == []


@pytest.mark.parametrize(
    ("search", "index"),
    [
        (_by_last_name, "lead_last_name"),
        (_by_first_name, "lead_first_name"),
        (_by_organisation, "lead_organisation"),
    ],
)
def test_names_are_searched_by_their_index(search, index):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = search(Lead.objects.all(), "Smi").explain()
    assert index in plan


def test_last_digits_are_searched_by_their_index():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = addresses.ending_in("0101").explain()
    assert "consent_address_last4" in plan


def test_the_list_is_searched_with_a_fixed_number_of_queries(client, ana, django_assert_max_num_queries):
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    client.get("/admin/leads/lead/?q=nu")
    with django_assert_max_num_queries(25):
        assert b"Ana N" in client.get("/admin/leads/lead/?q=nú").content
