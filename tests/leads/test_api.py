"""`POST /api/v1/inquiries/`: every bad input is a clear 4xx, nothing is lost, few queries."""

import json

import pytest
from django.test import Client
from django.utils import timezone

from leads.models import Inquiry, Lead, Source, SourceKey
from leads.services.source_keys import issue_key, revoke_key
from tests.conftest import CONSULT

URL = "/api/v1/inquiries/"


@pytest.fixture
def key(catalogue) -> str:
    return issue_key(Source.objects.get(pk="web_consult"))


@pytest.fixture
def post(client: Client, key: str):
    """Post a body with the source's key; keywords go into the headers."""

    def send(body: object, **headers: str):
        raw = body if isinstance(body, bytes | str) else json.dumps(body)
        headers = {"authorization": f"Bearer {key}"} | headers
        return client.post(URL, raw, content_type="application/json", headers=headers)

    return send


def test_an_inquiry_is_answered_with_the_leads_public_id(post) -> None:
    answer = post(CONSULT)
    assert answer.status_code == 201
    lead = Lead.objects.get()
    assert answer.json()["lead"] == str(lead.public_id)
    assert answer.json()["status_url"].endswith(f"/api/v1/leads/{lead.public_id}/status/")
    assert lead.public_id.version == 7


@pytest.mark.parametrize(
    "change", [{}, {"documents": ["referral_letter"]}, {"lead_type": "b2b", "service": "screening"}]
)
def test_a_new_inquiry_takes_at_most_15_queries(post, django_assert_max_num_queries, change) -> None:
    # A test runs inside a transaction, so the request's own one shows as a savepoint and its release: two more.
    with django_assert_max_num_queries(15 + 2):
        assert post({**CONSULT, **change}, **{"idempotency-key": "k-1"}).status_code == 201


def test_a_repeat_inquiry_takes_at_most_15_queries(post, django_assert_max_num_queries) -> None:
    post(CONSULT)
    with django_assert_max_num_queries(15 + 2):
        assert post({**CONSULT, "question": "Is parking free?"}).json()["is_repeat"] is True


def test_the_same_idempotency_key_answers_the_same(post) -> None:
    first, second = (post(CONSULT, **{"idempotency-key": "k-1"}) for _ in range(2))
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert Inquiry.objects.count() == 1


def test_a_key_reused_with_another_body_is_a_409(post) -> None:
    post(CONSULT, **{"idempotency-key": "k-1"})
    answer = post({**CONSULT, "age": 46}, **{"idempotency-key": "k-1"})
    assert (answer.status_code, answer.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")


def test_a_refused_delivery_is_refused_the_same_way_again(post) -> None:
    bad = {**CONSULT, "phone": "12345"}
    first, second = (post(bad, **{"idempotency-key": "k-1"}) for _ in range(2))
    assert first.status_code == second.status_code == 400
    assert first.json() == second.json()
    assert Inquiry.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ('{"lead_type": "patient", "first_', 400, "body"),
        ("", 400, "body"),
        ("[]", 400, "body"),
        (b"\xff\xfe\x00", 400, "body"),
        ({**CONSULT, "phone": {"number": 1}}, 400, "phone"),
        ({**CONSULT, "consent": "sms"}, 400, "consent"),
        ({**CONSULT, "service": "acupuncture"}, 400, "service"),
        ({**CONSULT, "phone": "+1 (512) 555"}, 400, "phone"),
        ({**CONSULT, "phone": "", "email": ""}, 400, "phone"),
        ({**CONSULT, "first_name": "x\x00y"}, 201, None),
        ("x" * 1_000_000, 413, "detail"),
        ("x" * 3_000_000, 413, "detail"),
    ],
)
def test_bad_input_is_a_clear_answer_and_nothing_is_lost(post, body, status, field) -> None:
    answer = post(body)
    assert answer.status_code == status
    if field:
        assert answer.json()["errors"].get(field) or answer.json()[field]
        assert Inquiry.objects.get().status == Inquiry.Status.REFUSED


@pytest.mark.parametrize(
    "header", [{"authorization": ""}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic eA=="}]
)
def test_without_a_known_key_it_is_a_401(post, header) -> None:
    answer = post(CONSULT, **header)
    assert (answer.status_code, Inquiry.objects.count()) == (401, 0)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_key_is_a_401_and_another_key_still_works(post, client, key) -> None:
    other = issue_key(Source.objects.get(pk="web_consult"))
    revoke_key(SourceKey.objects.order_by("pk").first().pk, at=timezone.now())
    assert post(CONSULT).status_code == 401
    assert post(CONSULT, authorization=f"Bearer {other}").status_code == 201


def test_a_retired_source_is_a_401(post) -> None:
    Source.objects.update(is_active=False)
    assert post(CONSULT).status_code == 401


def test_only_the_hash_of_a_key_is_stored(key) -> None:
    row = SourceKey.objects.get()
    assert key not in (row.key_hash, row.prefix)
    assert key.startswith(row.prefix)


def test_a_source_sees_the_status_of_its_own_leads_only(post, client) -> None:
    url = post(CONSULT).json()["status_url"]
    stranger = issue_key(Source.objects.get(pk="guide"))
    assert client.get(url, headers={"authorization": f"Bearer {stranger}"}).status_code == 404
    assert client.get(url).status_code == 401


def test_the_key_of_a_source_is_no_oracle_on_people_that_came_from_elsewhere(post, client, submit) -> None:
    """Somebody types the number of a person whose lead went to the team of a sensitive service."""
    known = submit("web_consult", service="bh")
    Lead.objects.update(team="sensitive", stage="forwarded", decision="forward", next_step="appointment")
    headers = {"authorization": f"Bearer {issue_key(Source.objects.get(pk='guide'))}"}
    told = post({"lead_type": "patient", "phone": CONSULT["phone"]}, **headers).json()
    inquiry = Inquiry.objects.get(source="guide")
    assert (inquiry.lead, inquiry.is_repeat) == (known, True)
    assert (told["is_repeat"], told["lead"], told["inquiry"]) == (False, str(inquiry.public_id), told["lead"])
    status = client.get(told["status_url"], headers=headers).json()
    expected = {"lead": told["lead"], "stage": "new", "team": "", "decision": "", "next_step": "", "sequence": None}
    assert {name: status[name] for name in expected} == expected
    assert client.get(f"/api/v1/leads/{known.public_id}/status/", headers=headers).status_code == 404
    again = post({"lead_type": "patient", "phone": CONSULT["phone"]}, **headers).json()
    assert (again["is_repeat"], str(known.public_id) in str(again)) == (False, False)
