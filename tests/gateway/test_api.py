"""`/api/v1/`: what a connected system reads and writes, and everything it is refused."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import Access
from consent import origins
from consent.models import Attempt, ConsentEvent
from gateway import idempotency, keys
from gateway.models import Answered, Client, Key
from gateway.vocabulary import ScopeCode
from leads.models import (
    Appointment,
    Authorization,
    Availability,
    DocumentStatus,
    Interaction,
    Lead,
    ServiceLine,
    Source,
)
from leads.services import merging
from leads.services.source_keys import issue_key
from medcrm.api import authentication
from medcrm.api.authentication import PERMISSIONS
from medcrm.api.description import describe
from medcrm.lib import masking

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache")]


@pytest.fixture
def lead(submit, system) -> Lead:
    return submit(at=timezone.now())


def test_a_lead_is_read_with_its_etag_and_not_sent_twice(call, lead):
    answer = call("GET", f"leads/{lead.public_id}/")
    assert answer.status_code == 200
    assert (answer.json()["lead"], answer.json()["phone"]) == (str(lead.public_id), "+15125550101")
    again = call("GET", f"leads/{lead.public_id}/", if_none_match=answer["ETag"])
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("path", "most"), [("leads/", 12), ("inquiries/", 12), ("leads/{lead}/events/", 12), ("appointments/", 12)]
)
def test_a_list_costs_the_same_for_one_and_for_many(call, submit, lead, path, most):
    path = path.format(lead=lead.public_id)
    call("GET", path)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert call("GET", path).status_code == 200
        return len(captured)

    few = queries()
    for number in range(5):
        submit(last_name=f"Beta{number}", phone=f"+151255501{number + 10}", email=f"b{number}@example.org")
        Interaction.objects.create(lead=lead, kind="note", direction="internal", at=timezone.now())
    assert queries() == few <= most


def test_pages_follow_each_other_and_hold_every_lead_once(call, submit, lead):
    for number in range(4):
        submit(last_name=f"Beta{number}", phone=f"+151255501{number + 10}", email=f"b{number}@example.org")
    seen, path = [], "leads/?limit=2"
    while path:
        page = call("GET", path).json()
        seen += [row["lead"] for row in page["results"]]
        path = page["next"] and page["next"].replace("http://testserver", "")
    assert seen == [str(row) for row in Lead.objects.order_by("-pk").values_list("public_id", flat=True)]


def test_what_is_written_to_an_old_id_goes_to_the_lead_that_stays(call, submit, now):
    one = submit()
    other = submit(last_name="Beta", phone="+15125550177", email="beta@example.org")
    stays = merging.merge(one.pk, other.pk, by=None, at=now)
    old = other if stays.pk == one.pk else one
    body = {"kind": "page_visit", "text": "/prices"}
    assert call("POST", f"leads/{old.public_id}/events/", body).status_code == 201
    assert Interaction.objects.get(kind="page_visit").lead == stays
    assert call("GET", f"leads/{old.public_id}/").json()["lead"] == str(old.public_id)


def test_a_guessed_id_is_noted_in_the_access_log(call, lead):
    path = f"leads/{uuid4()}/"
    assert call("GET", path).status_code == 404
    row = Access.objects.order_by("pk").last()
    assert (row.path, row.outcome, row.subjects) == (f"/api/v1/{path}", "refused", [])


def test_filters_narrow_and_wrong_ones_are_named(call, lead):
    assert len(call("GET", "leads/?stage=new").json()["results"]) == 1
    assert call("GET", "leads/?stage=lost").json()["results"] == []
    wrong = call("GET", "leads/?stage=nonsense&created_since=yesterday")
    assert (wrong.status_code, sorted(wrong.json()["errors"])) == (400, ["created_since", "stage"])
    assert call("GET", "leads/?cursor=%00").status_code == 400


def test_a_client_sees_its_teams_and_services_only_and_sensitive_ones_when_named(call, submit):
    ServiceLine.objects.filter(pk="ortho").update(required_training="behavioral_health")
    lead = submit()
    Lead.objects.update(team="scheduling")
    every, path = ScopeCode.values, f"leads/{lead.public_id}/"
    assert call("GET", path).status_code == 404
    named = keys.make_client("named", "Named", scopes=every, services=["ortho"])
    assert call("GET", path, of=named).status_code == 200
    other = keys.make_client("other", "Other", scopes=every, services=["ortho"], teams=["intake"])
    assert call("GET", path, of=other).status_code == 404
    nobody = keys.make_client("nobody", "Nobody", scopes=every, services=["ortho"], teams=[])
    assert call("GET", "leads/", of=nobody).json()["results"] == []
    ours = keys.make_client("ours", "Ours", scopes=every, services=["ortho"], teams=["scheduling"])
    assert len(call("GET", "leads/", of=ours).json()["results"]) == 1


def test_a_lead_that_asked_for_a_sensitive_service_before_is_seen_only_by_who_was_given_it(call, submit):
    lead = submit(service="bh", question="Panic attacks")
    path = f"leads/{lead.public_id}/"
    assert submit(service="ortho").pk == lead.pk
    assert call("GET", path).status_code == 404
    assert call("GET", f"{path}events/").status_code == 404
    named = keys.make_client("named", "Named", scopes=ScopeCode.values, services=["ortho", "bh"])
    assert call("GET", f"{path}events/", of=named).status_code == 200


def test_numbers_and_mailboxes_are_masked_in_every_answer_without_the_scope_for_them(call, lead):
    Lead.objects.update(
        question="Call my wife on 512-555-0177", approver="boss@example.net", rollout="ask 512-555-0179"
    )
    call("POST", f"leads/{lead.public_id}/events/", {"kind": "sms_reply", "text": "Or 512-555-0178, ann@example.org"})
    blind = keys.make_client("blind", "Blind", scopes=set(ScopeCode.values) - {ScopeCode.CONTACTS_READ})
    path = f"leads/{lead.public_id}/"
    one = call("GET", path, of=blind)
    shown = one.json()
    assert (shown["phone"], shown["email"]) == ("(512) •••-0101", masking.mask_email(lead.email.value))
    corrected = call("PATCH", path, {"payer": "ppo"}, of=blind, if_match=one["ETag"])
    assert corrected.status_code == 200
    masked = call("PATCH", path, {"question": shown["question"]}, of=blind, if_match=corrected["ETag"])
    assert masked.status_code == 400
    assert "question" in masked.content.decode()
    answers = [one, corrected, call("GET", "leads/", of=blind), call("GET", f"{path}events/", of=blind)]
    for secret in ("5550101", lead.email.value, "555-0177", "555-0178", "555-0179", "ann@", "boss@"):
        assert [a for a in answers if secret in a.content.decode()] == [], secret
    full = call("GET", path).json()
    assert (full["phone"], full["email"], full["question"][-8:]) == ("+15125550101", lead.email.value, "555-0177")
    assert "512-555-0178" in call("GET", f"{path}events/").content.decode()


def test_without_the_scope_every_endpoint_is_closed(call, lead, system):
    Client.objects.filter(pk=system.pk).update(scopes=[])
    closed = 0
    for path, operations in describe()["paths"].items():
        for method, operation in operations.items():
            if {"clientKey": []} not in operation.get("security", []):
                continue
            filled = path.format(
                lead=lead.public_id,
                inquiry=lead.public_id,
                webhook=lead.public_id,
                document="referral_letter",
                service="ortho",
                clinic="aus",
                date="2026-12-09",
                appointment=1,
            )
            answer = call(method.upper(), filled, {})
            assert (answer.status_code, answer.json()["code"]) == (403, "NOT_PERMITTED"), (method, path)
            if method == "get":
                assert call("HEAD", filled).status_code == 403, path
            closed += 1
    assert closed >= 25


def test_the_role_holds_every_permission_that_the_screens_ask_for(system):
    assert [p for p in PERMISSIONS.values() if not system.user.has_perm(p)] == []
    system.user.groups.clear()
    fresh = type(system.user).objects.get(pk=system.user.pk)
    assert not any(fresh.has_perm(p) for p in PERMISSIONS.values())


def test_a_key_is_shown_once_and_ends_when_it_is_revoked_expired_or_its_client_retired(system, client):
    at = timezone.now()
    key = keys.issue_key(system, at=at, expires_at=at + timedelta(hours=1))
    row = Key.objects.get()
    assert key not in (row.key_hash, row.prefix)

    def status() -> int:
        return client.get("/api/v1/leads/", headers={"authorization": f"Bearer {key}"}).status_code

    assert status() == 200
    row.refresh_from_db()
    assert row.last_used_on == at.date()
    Key.objects.update(expires_at=at - timedelta(seconds=1))
    assert status() == 401
    Key.objects.update(expires_at=None)
    Client.objects.filter(pk=system.pk).update(is_active=False)
    assert status() == 401
    Client.objects.filter(pk=system.pk).update(is_active=True)
    keys.revoke_key(row.pk, at=at)
    assert status() == 401
    assert client.get("/api/v1/leads/").json()["code"] == "NOT_AUTHENTICATED"


def test_the_user_of_a_client_cannot_sign_in(system, client):
    assert not system.user.has_usable_password()
    assert not client.login(username=system.user.username, password="")
    client.force_login(system.user)
    assert client.get("/admin/").status_code == 302


@pytest.mark.parametrize(("rate", "answers"), [(2, [200, 200, 429]), (0, [429]), (None, [200] * 4)])
def test_too_many_requests_say_when_to_come_back(call, system, rate, answers, monkeypatch):
    monkeypatch.setattr(authentication, "time", SimpleNamespace(time=lambda: 90.0))  # no minute ends between the calls
    Client.objects.filter(pk=system.pk).update(rate_per_minute=rate)
    got = [call("GET", "leads/") for _ in answers]
    assert [answer.status_code for answer in got] == answers
    if 429 in answers:
        assert 1 <= int(got[-1]["Retry-After"]) <= 60
        assert got[-1].json()["code"] == "TOO_MANY_REQUESTS"


@pytest.mark.parametrize(
    ("since", "found"),
    [
        ("2000-01-01T00:00:00+20:28", 1),  # further from Greenwich than PostgreSQL reads
        ("2100-01-01T00:00:00Z", 0),
        ("0001-01-01T00:00:00+05:00", None),
        ("yesterday", None),
    ],
)
def test_a_list_since_any_instant_is_read_in_utc_or_refused_by_field(call, lead, since, found):
    answer = call("GET", f"leads/?{urlencode({'created_since': since})}")
    if found is None:
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["created_since"])
    else:
        assert (answer.status_code, len(answer.json()["results"])) == (200, found)


@pytest.mark.parametrize("path", ["leads/", "availability/ortho/aus/2026-12-01/", "leads/{lead}/documents/insurance/"])
def test_options_is_no_method_here(call, lead, path):
    answer = call("OPTIONS", path.format(lead=lead.public_id))
    assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")


def test_facts_are_corrected_only_as_they_were_read(call, lead):
    path = f"leads/{lead.public_id}/"
    etag = call("GET", path)["ETag"]
    changed = call("PATCH", path, {"age": 46}, if_match=etag)
    assert (changed.status_code, changed.json()["age"]) == (200, 46)
    stale = call("PATCH", path, {"age": 47}, if_match=etag)
    assert (stale.status_code, stale.json()["code"]) == (412, "STALE")
    assert call("PATCH", path, {"age": 47}, if_match=changed["ETag"]).status_code == 200
    lead.refresh_from_db()
    assert (lead.age, lead.advance_due_at is not None) == (47, True)
    assert lead.interactions.filter(by__username="api:ehr").count() == 2


def test_the_kind_of_an_organisation_is_read_and_corrected(call, submit):
    lead = submit("facility", lead_type="b2b", service="screening", organisation_type="hospital", npi="1234567893")
    path = f"leads/{lead.public_id}/"
    one = call("GET", path)
    assert (one.json()["organisation_type"], one.json()["npi"], one.json()["sites"]) == ("hospital", "1234567893", None)
    fresh = call("PATCH", path, {"organisation_type": "employer", "sites": 3}, if_match=one["ETag"])
    assert (fresh.json()["organisation_type"], fresh.json()["sites"]) == ("employer", 3)
    refused = call("PATCH", path, {"npi": "1234567890"}, if_match=fresh["ETag"])
    assert (refused.status_code, set(refused.json()["errors"])) == (400, {"npi"})


def test_an_inquiry_tells_its_campaign_and_the_page_of_its_form(call, submit):
    submit(at=timezone.now(), page_url="https://example.org/knee?utm_campaign=spring")
    [row] = call("GET", "inquiries/").json()["results"]
    assert (row["campaign"], row["page_url"]) == ("spring", "https://example.org/knee")


def test_a_number_is_corrected_and_one_that_was_read_masked_never_takes_its_place(call, lead):
    path = f"leads/{lead.public_id}/"
    masked = call("PATCH", path, {"phone": "(512) •••-0101"})
    assert (masked.status_code, list(masked.json()["errors"])) == (400, ["phone"])
    assert call("PATCH", path, {"phone": "512"}).json()["errors"]["phone"]
    changed = call("PATCH", path, {"phone": "512-555-0188", "age": 46})
    assert (changed.status_code, changed.json()["phone"], changed.json()["age"]) == (200, "+15125550188", 46)
    report = {"disposition": "gatekeeper", "facts": {"email": "new@example.org"}}
    assert call("POST", f"leads/{lead.public_id}/calls/", report).status_code == 201
    assert call("GET", path).json()["email"] == "new@example.org"


@pytest.mark.parametrize(
    ("body", "field"),
    [({"age": "old"}, "age"), ({"service": "acupuncture"}, "service"), ({"timing": 5}, "timing"), (b"{", "body")],
)
def test_wrong_facts_are_named_and_change_nothing(call, lead, body, field):
    answer = call("PATCH", f"leads/{lead.public_id}/", body)
    assert answer.status_code == 400
    assert field in answer.json()["errors"] or answer.json()["code"] == "UNREADABLE"
    assert lead.interactions.count() == 1


def test_a_post_with_an_idempotency_key_acts_once(call, lead):
    path, body = f"leads/{lead.public_id}/events/", {"kind": "page_visit", "count": 2}
    first, second = (call("POST", path, body, idempotency_key="k-1") for _ in range(2))
    assert (first.status_code, first.json()) == (second.status_code, second.json()) == (201, first.json())
    assert second["Idempotent-Replayed"] == "true"
    assert lead.interactions.filter(kind="page_visit").count() == 1
    other = call("POST", path, {"kind": "page_visit", "count": 3}, idempotency_key="k-1")
    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    call("POST", path, body, idempotency_key="k-2")
    assert lead.interactions.filter(kind="page_visit").count() == 2


def test_a_refusal_is_not_kept_so_that_the_same_request_may_succeed_later(call, lead):
    path, body = f"leads/{lead.public_id}/calls/", {"disposition": "no_such"}
    assert call("POST", path, body, idempotency_key="k-1").status_code == 400
    assert not Answered.objects.exists()
    assert idempotency.forget(at=timezone.now()) == 0


def test_a_reply_is_heard_by_the_ledger_before_anything_else(call, lead):
    call("POST", f"leads/{lead.public_id}/events/", {"kind": "sms_reply", "text": "STOP"})
    assert ConsentEvent.objects.filter(address=lead.phone, kind="inbound", verdict="revoke").exists()
    permissions = call("GET", f"leads/{lead.public_id}/consent/").json()["permissions"]
    assert {row["state"] for row in permissions if row["channel"] == "sms"} == {"blocked"}


def test_a_reply_that_a_system_tells_of_names_it_and_counts_from_when_it_was_written(call, lead, system):
    said_at = (timezone.now() - timedelta(hours=3)).replace(microsecond=0)
    told = {"kind": "sms_reply", "text": "STOP", "at": said_at.isoformat(), "message_id": "SM1"}
    assert call("POST", f"leads/{lead.public_id}/events/", told).status_code == 201
    entry = lead.interactions.get(kind="sms_reply")
    event = ConsentEvent.objects.get(address=lead.phone, kind="inbound")
    assert (entry.by, entry.at) == (system.user, said_at)
    assert (event.by, event.source, event.occurred_at, event.facts["key"]) == (system.user, "api:ehr", said_at, "SM1")
    assert origins.names(["api:ehr"]) == {"api:ehr": "Scheduling system"}
    to_come = {**told, "at": (timezone.now() + timedelta(hours=1)).isoformat()}
    refused = call("POST", f"leads/{lead.public_id}/events/", to_come)
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["at"])


def test_a_start_lifts_a_stop_only_as_the_carrier_brought_it_and_by_a_client_that_may_pass_it_on(call, submit, system):
    now = timezone.now()
    lead = submit(at=now - timedelta(days=1))
    path = f"leads/{lead.public_id}/events/"
    proof = {"at": now.isoformat(), "message_id": "SM2"}
    start, early = {"kind": "sms_reply", "text": "START"}, (now - timedelta(hours=2)).isoformat()

    def sms() -> str:
        shown = call("GET", f"leads/{lead.public_id}/consent/").json()["permissions"]
        return next(row["state"] for row in shown if row["channel"] == "sms")

    stop = {"kind": "sms_reply", "text": "STOP", "at": (now - timedelta(hours=1)).isoformat()}
    writer = keys.make_client("crm", "Another CRM", scopes=set(ScopeCode.values) - {ScopeCode.CONSENT_RESTART})
    assert call("POST", path, stop, of=writer).status_code == 201
    unproven = [{}, {"at": proof["at"]}, {"message_id": "SM2"}]
    for refused in (call("POST", path, start | proof, of=writer), *(call("POST", path, start | p) for p in unproven)):
        assert (refused.status_code, refused.json()["code"]) == (400, "NOT_HEARSAY")
        assert list(refused.json()["errors"]) == ["text"]
    assert sms() == "blocked"
    assert call("POST", path, {**start, "at": early, "message_id": "SM0"}).status_code == 201
    assert sms() == "blocked"  # an old START that is told late
    assert call("POST", path, start | proof).status_code == 201
    assert sms() == "granted"


def test_a_stop_is_heard_also_under_an_id_that_was_used_before(call, lead):
    path = f"leads/{lead.public_id}/events/"
    for text in ("Thanks", "STOP", "STOP"):
        assert call("POST", path, {"kind": "sms_reply", "text": text, "message_id": "1"}).status_code == 201
    assert list(ConsentEvent.objects.filter(kind="inbound").order_by("seq").values_list("verdict", flat=True)) == [
        "none",
        "revoke",
    ]


def test_an_outbound_call_needs_its_reservation_and_uses_it_once(call, lead, time_machine_at_ten):
    path = f"leads/{lead.public_id}/"
    reserved = call("POST", f"{path}call-reservations/").json()
    assert reserved["is_allowed"], reserved
    body = {"disposition": "no_answer", "attempt": reserved["attempt"]}
    assert call("POST", f"{path}calls/", body).status_code == 201
    assert reserved["dial_before"]
    made = Interaction.objects.get(kind="call").attempt
    assert (made.pk, made.state, made.outcome) == (reserved["attempt"], "sent", "no_answer")
    again = call("POST", f"{path}calls/", body)
    assert (again.status_code, again.json()["code"]) == (400, "NOT_RESERVED")
    assert call("POST", f"{path}calls/", {**body, "attempt": 99}).json()["code"] == "NO_RESERVATION"


def test_a_call_told_twice_with_one_key_is_answered_as_the_first_time(call, lead, time_machine_at_ten):
    path = f"leads/{lead.public_id}/"
    attempt = call("POST", f"{path}call-reservations/").json()["attempt"]
    wrong = {"disposition": "no_answer", "attempt": attempt, "outcome": "hold"}
    assert call("POST", f"{path}calls/", wrong).status_code == 400  # and the reservation is still good
    body = {"disposition": "no_answer", "attempt": attempt}
    first, again = (call("POST", f"{path}calls/", body, idempotency_key="c-1") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert (again.json(), again["Idempotent-Replayed"]) == (first.json(), "true")
    assert Interaction.objects.filter(kind="call").count() == 1


def test_what_a_sensitive_script_asks_first_is_demanded_of_a_system_too(call, lead, system):
    Client.objects.filter(pk=system.pk).update(services=["bh"])
    Lead.objects.update(service="bh")
    path, body = f"leads/{lead.public_id}/calls/", {"disposition": "sent_to_team", "outcome": "sent_to_team"}
    for answer in ({}, {"consent_step": ""}, {"consent_step": "no"}):
        refused = call("POST", path, body | answer | {"reason": "They asked for it."})
        assert (refused.status_code, list(refused.json()["errors"])) == (400, ["consent_step"]), answer
    assert not Interaction.objects.filter(disposition__isnull=False).exists()
    made = call("POST", path, body | {"consent_step": "yes", "reason": "They asked for it."})
    assert made.status_code == 201
    assert Interaction.objects.get(pk=made.json()["event"]).facts["consent_step"] == "yes"


def test_a_refused_reservation_is_kept_with_its_reason_and_cannot_be_used(call, lead, time_machine_at_ten):
    path = f"leads/{lead.public_id}/"
    call("POST", "consent/revocations/", {"phone": "512-555-0101", "scope": "everything", "said": "Leave me alone."})
    refused = call("POST", f"{path}call-reservations/").json()
    assert not refused["is_allowed"]
    assert refused["code"]
    used = call("POST", f"{path}calls/", {"disposition": "no_answer", "attempt": refused["attempt"]})
    assert (used.status_code, used.json()["code"]) == (400, "NOT_RESERVED")


def test_a_call_about_the_persons_own_request_is_reserved_as_such_where_selling_is_refused(
    call, lead, time_machine_at_ten
):
    path = f"leads/{lead.public_id}/call-reservations/"
    call("POST", "consent/revocations/", {"phone": "512-555-0101", "scope": "all", "said": "Stop calling me."})
    sells = call("POST", path).json()
    assert (sells["is_allowed"], sells["code"], sells["purpose"]) == (False, "REVOKED", "marketing")
    informs = call("POST", path, {"purpose": "informational"}).json()
    assert (informs["is_allowed"], informs["code"]) == (True, "OK_MANUAL_INFORMATIONAL")
    assert Attempt.objects.get(pk=informs["attempt"]).purpose == "informational"
    Lead.objects.update(request="")
    nothing = call("POST", path, {"purpose": "informational"})
    assert (nothing.status_code, nothing.json()["code"]) == (400, "NOTHING_PENDING")
    assert call("POST", path, {"purpose": "conversational_reply"}).status_code == 400


@pytest.fixture
def time_machine_at_ten():
    """Ten in the morning in Austin, when calls are allowed."""
    import time_machine

    with time_machine.travel("2026-12-01T16:00:00Z", tick=True):
        yield


def test_a_document_and_an_authorization_are_recorded_and_wake_who_waits(call, lead):
    path = f"leads/{lead.public_id}/"
    Lead.objects.update(advance_due_at=None)
    answer = call("PUT", f"{path}documents/referral_letter/", {"status": "received"})
    assert (answer.status_code, DocumentStatus.objects.get().status) == (200, "received")
    assert Lead.objects.get().advance_due_at is not None
    gone = call("PUT", f"{path}documents/referral_letter/", {"status": "rejected"}, if_match='"other"')
    assert gone.status_code == 412
    assert call("PUT", f"{path}documents/horoscope/", {"status": "received"}).status_code == 404
    done = call("PUT", f"{path}authorizations/ortho/", {"status": "approved", "reference": "PA-1"})
    assert (done.status_code, Authorization.objects.get().reference) == (200, "PA-1")
    assert len(call("GET", f"{path}documents/").json()) == len(call("GET", f"{path}authorizations/").json()) == 1


def test_somebody_on_the_decision_path_is_noted_and_shown_masked_without_the_scope(call, lead):
    path = f"leads/{lead.public_id}/people/"
    Lead.objects.update(advance_due_at=None)
    said = {"name": "Pat Reed", "roles": ["decision_maker", "finance"], "phone": "512-555-0177"}
    made = call("POST", path, said)
    shown = {**said, "can_approve": True, "can_block": None, "may_be_told": False, "phone": "+15125550177"}
    assert (made.status_code, made.json()) == (201, {**shown, "email": None})
    assert Lead.objects.get().advance_due_at is not None
    again = call("POST", path, {"name": "pat reed", "roles": ["it_security"], "may_be_told": True})
    assert again.json()["roles"] == ["decision_maker", "finance", "it_security"]
    blind = keys.make_client("blind", "Blind", scopes=set(ScopeCode.values) - {ScopeCode.CONTACTS_READ})
    [masked] = call("GET", path, of=blind).json()
    assert (masked["phone"], masked["may_be_told"], masked["can_block"]) == ("(512) •••-0177", True, True)
    for body, field in (({**said, "phone": "12"}, "phone"), ({**said, "roles": ["king"]}, "roles.0")):
        refused = call("POST", path, body)
        assert (refused.status_code, list(refused.json()["errors"])) == (400, [field])


def test_open_slots_are_set_one_day_or_many(call):
    day = (timezone.now() + timedelta(days=400)).date()
    path = f"availability/ortho/aus/{day}/"
    assert call("PUT", path, {"open_slots": 3}).json()["open_slots"] == 3
    assert call("PUT", path, {"open_slots": -1}).json()["errors"]["open_slots"]
    rows = [
        {"service": "ortho", "clinic": "aus", "date": str(day + timedelta(days=n)), "open_slots": n} for n in range(3)
    ]
    assert call("POST", "availability/", {"days": rows}).json() == {"count": 3}
    assert Availability.objects.get(offering__service="ortho", offering__clinic="aus", date=day).open_slots == 0
    wrong = call("POST", "availability/", {"days": [*rows, {**rows[0], "clinic": "nowhere"}]})
    assert (wrong.status_code, list(wrong.json()["errors"])) == (400, ["days.3.service"])
    found = call("GET", f"availability/?service=ortho&clinic=aus&date_from={day}").json()["results"]
    assert [row["open_slots"] for row in found] == [2, 1, 0]


def test_a_booking_is_noted_and_settled(call, lead):
    path = f"leads/{lead.public_id}/appointments/"
    day = str((timezone.now() + timedelta(days=5)).date())
    booked = call("POST", path, {"service": "ortho", "clinic": "aus", "date": day}).json()
    assert booked["status"] == "booked"
    settle = f"appointments/{booked['appointment']}/"
    assert call("PATCH", settle, {"status": "confirmed"}).json()["status"] == "confirmed"
    assert call("PATCH", settle, {"status": "cancelled"}).status_code == 200
    again = call("PATCH", settle, {"status": "attended"})
    assert (again.status_code, again.json()["code"]) == (409, "INVALID_TRANSITION")
    assert Appointment.objects.get().status == "cancelled"
    assert call("POST", path, {"service": "ortho", "clinic": "no_such", "date": day}).status_code == 400


def test_permission_is_read_as_of_a_moment_and_withdrawn_for_good(call, lead):
    before = timezone.now()
    asked = {"phone": "512-555-0101"}
    said = call("POST", "consent/revocations/", {**asked, "scope": "all_contact", "said": "Called: no more."})
    assert said.status_code == 201

    def states(**more: str) -> set[str]:
        return {row["state"] for row in call("POST", "consent/lookup/", {**asked, **more}).json()["permissions"]}

    assert states() == {"blocked"}
    assert "granted" in states(at=before.isoformat())
    assert call("POST", "consent/lookup/", {"phone": "512-555-0199"}).status_code == 404
    assert call("POST", "consent/lookup/", {"phone": "12"}).json()["errors"]["phone"]
    stranger = call("POST", "consent/revocations/", {"email": "Nobody@Example.org", "said": "Wrote to us."})
    assert stranger.status_code == 201
    narrow = keys.make_client("narrow", "Narrow", scopes=ScopeCode.values, teams=["intake"])
    assert call("POST", "consent/lookup/", asked, of=narrow).status_code == 403


@pytest.mark.parametrize(
    ("services", "found"), [(["ortho"], 404), (None, 404), (["bh"], 200), (["bh", "ortho"], 200), ([], 404)]
)
def test_a_lookup_answers_only_about_people_whose_lead_the_client_sees(call, lead, services, found):
    Lead.objects.update(service="bh")
    asks = keys.make_client("asks", "Asks", scopes=ScopeCode.values, services=services)
    assert call("GET", f"leads/{lead.public_id}/consent/", of=asks).status_code == found
    assert call("POST", "consent/lookup/", {"phone": "512-555-0101"}, of=asks).status_code == found
    stranger = {"phone": "512-555-0198"}
    assert call("POST", "consent/revocations/", {**stranger, "said": "No more."}, of=asks).status_code == 201
    assert call("POST", "consent/lookup/", stranger, of=asks).status_code == 200  # no lead has it


def test_what_a_client_is_refused_looks_up_and_withdraws_is_in_the_access_log(call, lead, system):
    asked = {"phone": "512-555-0101"}
    nothing = keys.make_client("nothing", "Nothing", scopes=[])
    narrow = keys.make_client("narrow", "Narrow", scopes=ScopeCode.values, teams=["intake"])

    def logged(status: int, path: str, body: dict[str, str] | None = None, of: Client = system) -> Access:
        before = Access.objects.count()
        assert call("POST" if body else "GET", path, body, of=of).status_code == status
        assert Access.objects.count() == before + 1, path
        row = Access.objects.latest("pk")
        assert (row.path, row.client) == (f"/api/v1/{path}", str(of))
        return row

    address = f"consent.address:{lead.phone_id}"
    for path in ("leads/", f"leads/{lead.public_id}/", "consent/lookup/", "consent/revocations/"):
        body = {**asked, "said": "No more."} if "consent" in path else None
        row = logged(403, path, body, nothing)
        assert (row.outcome, row.subjects) == ("refused", [])
    assert logged(403, "consent/lookup/", asked, narrow).outcome == "refused"
    assert logged(404, "consent/lookup/", {"phone": "512-555-0199"}).outcome == "refused"
    assert logged(200, "consent/lookup/", asked).subjects == [address]
    assert logged(201, "consent/revocations/", {**asked, "said": "Called: no more."}).subjects == [address]


def test_the_description_is_31_with_examples_and_every_operation_says_its_refusals(client):
    described = client.get("/api/v1/schema/").json()
    assert described["openapi"].startswith("3.1")
    operations = [o for path in described["paths"].values() for o in path.values()]
    assert len(operations) >= 30
    for operation in operations:
        assert operation["summary"].endswith((".", "!"))
        assert {"401", "403", "429"} <= set(operation["responses"])
    bodies = [o["requestBody"]["content"]["application/json"] for o in operations if "requestBody" in o]
    assert all(body.get("examples") for body in bodies), [b for b in bodies if not b.get("examples")]


def test_the_page_of_the_api_needs_nothing_from_elsewhere(client):
    page = client.get("/api/v1/docs/").content.decode()
    assert "/api/v1/leads/{lead}/events/" in page
    assert "<script" not in page
    assert 'src="http' not in page


def test_a_body_too_large_and_another_content_type_are_refused(call, lead, client):
    answer = call("POST", f"leads/{lead.public_id}/events/", b"x" * 3_000_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")


@pytest.mark.parametrize(
    "path", ["nowhere/", "leads/not-a-uuid/", "availability/ortho/aus/2026-13-99/", "appointments/0/"]
)
def test_a_path_that_leads_nowhere_is_refused_in_the_same_shape(call, path):
    answer = call("GET", path)
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("path", ["webhooks/", "inquiries/"])
def test_a_key_that_is_too_long_to_be_kept_whole_is_refused(call, client, path):
    key = "k" * 201
    if path == "inquiries/":
        headers = {"Authorization": f"Bearer {issue_key(Source.objects.get(pk='web_consult'))}", "Idempotency-Key": key}
        answer = client.post("/api/v1/inquiries/", "{}", content_type="application/json", headers=headers)
    else:
        answer = call("POST", path, {"url": "https://x.example.org", "events": ["lead.created"]}, idempotency_key=key)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["Idempotency-Key"])
    assert not Answered.objects.exists()
