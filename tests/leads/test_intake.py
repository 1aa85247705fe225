"""Intake: kept first, matched by exact address and name, refused with every problem at once, replayable."""

import json
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError

from consent import addresses, ledger
from consent.models import ConsentEvent, Disclosure, EventValue, Seller
from leads.models import Inquiry, Lead, Source
from leads.services import intake
from leads.services.intake import BodyTooLarge, Delivery, KeyReused, StillBeingTakenIn
from leads.submission import fields_of
from medcrm.lib.errors import InvalidFields, RuleError
from tests.conftest import CONSULT


def receive(body: bytes, now, key: str = "") -> Inquiry:
    source = Source.objects.select_related("disclosure").get(pk="web_consult")
    return intake.receive(source, body, Delivery(idempotency_key=key), at=now)


def test_a_submission_becomes_a_due_lead_in_normal_form(submit, now) -> None:
    lead = submit(phone="(512) 555-0101", email=" Alpha@Example.ORG ", zip="78704-1234")
    lead.refresh_from_db()
    assert (lead.phone.value, lead.email.value) == ("+15125550101", "alpha@example.org")
    assert (lead.city, lead.state, lead.timezone) == ("Austin", "TX", "America/Chicago")
    assert lead.advance_due_at == now
    assert (lead.window_closes_on - now.date()).days == 14


def test_each_ticked_box_is_a_grant_with_the_disclosure_that_was_shown(submit) -> None:
    lead = submit(consent=["sms", "email"])
    kinds = {
        address.kind: [
            (event.kind, event.channels) for event in ConsentEvent.objects.filter(address=address).order_by("seq")
        ]
        for address in (lead.phone, lead.email)
    }
    assert kinds == {
        "phone": [("inquiry", []), ("grant", ["sms"])],
        "email": [("inquiry", []), ("grant", ["email"])],
    }
    assert ConsentEvent.objects.filter(kind="grant", disclosure__isnull=False, fresh_opt_in=True).count() == 2


@pytest.mark.parametrize(
    ("page_url", "said", "campaign", "page"),
    [
        (
            "https://example.org/knee?utm_campaign=spring%20knees&who=ana",
            "",
            "spring knees",
            "https://example.org/knee",
        ),
        ("https://example.org/knee?utm_campaign=spring#ana", "webinar", "webinar", "https://example.org/knee"),
        ("https://example.org/knee", "", "", "https://example.org/knee"),
        ("http://[knee?utm_campaign=spring", "", "", "http://[knee"),
        ("", "", "", ""),
    ],
)
def test_an_inquiry_knows_its_campaign_and_the_page_of_its_form(submit, page_url, said, campaign, page) -> None:
    lead = submit(page_url=page_url, campaign=said)
    inquiry = lead.inquiries.get()
    assert (inquiry.campaign, inquiry.page_url) == (campaign, page)
    assert lead.interactions.get().facts.get("campaign", "") == campaign
    proof = EventValue.objects.get(event__address=lead.phone, event__kind="grant")
    assert json.loads(proof.body)["evidence"]["page_url"] == page_url, "the proof keeps all of it"


def test_a_later_inquiry_has_a_campaign_of_its_own(submit, now) -> None:
    lead = submit(campaign="spring")
    submit(campaign="autumn")
    assert list(lead.inquiries.order_by("pk").values_list("campaign", flat=True)) == ["spring", "autumn"]


def test_a_purchased_list_is_no_inquiry_and_grants_nothing(submit) -> None:
    lead = submit("purchased", consent=[])
    assert set(ConsentEvent.objects.filter(address=lead.phone).values_list("kind", flat=True)) == {"purchased"}


def test_the_same_person_again_attaches(submit, now) -> None:
    first = submit()
    again = submit(at=now + timedelta(hours=2), question="Is parking free?")
    assert again.pk == first.pk
    again.refresh_from_db()
    assert again.question == "Is parking free?"
    assert list(again.inquiries.order_by("pk").values_list("is_repeat", flat=True)) == [False, True]


def test_a_shared_phone_is_a_candidate_never_a_block(submit) -> None:
    assert submit(first_name="Alpha").pk != submit(first_name="Beta", email="beta@example.org").pk


def test_the_same_delivery_twice_is_one_inquiry(submit) -> None:
    assert submit(key="k-1").pk == submit(key="k-1").pk
    assert Inquiry.objects.count() == 1


def test_a_key_reused_with_another_body_is_refused(submit) -> None:
    submit(key="k-1")
    with pytest.raises(KeyReused):
        submit(key="k-1", age=46)
    assert Inquiry.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"phone": "12345"}, "phone"),
        ({"phone": 5125550101}, "phone"),
        ({"email": "no-at-sign"}, "email"),
        ({"phone": "", "email": ""}, "phone"),
        ({"service": "acupuncture"}, "service"),
        ({"timing": "someday"}, "timing"),
        ({"zip": "787"}, "zip"),
        ({"age": 400}, "age"),
        ({"age": "old"}, "age"),
        ({"lead_type": "robot"}, "lead_type"),
        ({"request": ["appointment"]}, "request"),
        ({"documents": ["passport"]}, "documents"),
        ({"documents": "referral_letter"}, "documents"),
        ({"consent": ["fax"]}, "consent"),
        ({"question": "x" * 201}, "question"),
    ],
)
def test_an_unusable_field_is_named_and_the_submission_kept(catalogue, now, change, field) -> None:
    with pytest.raises(InvalidFields) as refused:
        receive(json.dumps({**CONSULT, **change}).encode(), now)
    assert list(refused.value.errors) == [field]
    kept = Inquiry.objects.get()
    assert (kept.status, list(kept.errors), kept.lead) == (Inquiry.Status.REFUSED, [field], None)


def test_all_problems_are_named_at_once(catalogue, now) -> None:
    with pytest.raises(InvalidFields) as refused:
        receive(json.dumps({**CONSULT, "phone": "1", "email": "x", "service": "y", "age": -1}).encode(), now)
    assert set(refused.value.errors) == {"phone", "email", "service", "age"}


def test_a_blank_among_the_documents_says_nothing(submit) -> None:
    lead = submit(documents=["", "referral_letter", ""])
    assert list(lead.documents.values_list("document", flat=True)) == ["referral_letter"]


@pytest.mark.parametrize("body", [b'{"lead_type": "pat', b"", b"[]", b"7", b"\xff\xfe", b'{"a":' * 10_000, b"null"])
def test_what_is_not_one_json_object_is_kept_too(catalogue, now, body) -> None:
    with pytest.raises(InvalidFields):
        receive(body, now)
    assert Inquiry.objects.get().errors.keys() == {"body"}


def test_a_body_that_is_too_large_is_kept_and_refused(catalogue, now) -> None:
    with pytest.raises(BodyTooLarge):
        receive(b"x" * (intake.MAX_BODY_BYTES + 1), now)
    assert Inquiry.objects.get().status == Inquiry.Status.REFUSED


def test_a_refused_inquiry_is_replayed_after_repair(catalogue, now, admin_user) -> None:
    with pytest.raises(InvalidFields):
        receive(json.dumps({**CONSULT, "phone": "12345"}).encode(), now)
    kept = Inquiry.objects.get()
    replayed = intake.replay(kept.pk, CONSULT, by=admin_user, at=now + timedelta(days=1))
    kept.refresh_from_db()
    assert (kept.status, replayed.lead) == (Inquiry.Status.ACCEPTED, Lead.objects.get())
    assert json.loads(kept.raw_body)["phone"] == "12345"
    with pytest.raises(RuleError, match="taken in already"):
        intake.replay(kept.pk, CONSULT, by=admin_user, at=now)


def test_the_raw_body_cannot_be_changed(submit) -> None:
    submit()
    with pytest.raises(DatabaseError, match="never changed"):
        Inquiry.objects.update(raw_body="{}")


def test_a_submission_left_by_a_dead_process_is_taken_in_by_the_sweep(catalogue, now) -> None:
    source = Source.objects.get(pk="web_consult")
    body = json.dumps(CONSULT).encode()
    intake.keep(source, body, Delivery(idempotency_key="k-1"), at=now)
    with pytest.raises(StillBeingTakenIn):
        receive(body, now, key="k-1")
    assert intake.settle_stranded(at=now + timedelta(seconds=30)) == 0
    assert intake.settle_stranded(at=now + timedelta(minutes=2)) == 1
    assert receive(body, now, key="k-1").lead == Lead.objects.get()


def test_a_submission_that_breaks_the_sweep_holds_up_no_other(catalogue, now, monkeypatch) -> None:
    source = Source.objects.get(pk="web_consult")
    for number in (1, 2):
        intake.keep(source, json.dumps(CONSULT).encode(), Delivery(idempotency_key=f"k-{number}"), at=now)
    accept = intake.accept

    def break_down(inquiry: Inquiry, *args: object, **kwargs: object) -> Inquiry:
        if inquiry.idempotency_key == "k-1":
            raise IntegrityError
        return accept(inquiry, *args, **kwargs)

    monkeypatch.setattr(intake, "accept", break_down)
    assert intake.settle_stranded(at=now + timedelta(minutes=2)) == 2
    assert dict(Inquiry.objects.values_list("idempotency_key", "status")) == {"k-1": "received", "k-2": "accepted"}


def test_what_two_processes_take_in_becomes_one_lead(catalogue, now) -> None:
    source = Source.objects.select_related("disclosure").get(pk="web_consult")
    body = json.dumps(CONSULT).encode()
    slow, _ = intake.keep(source, body, Delivery(), at=now)
    intake.settle_stranded(at=now + timedelta(minutes=2))
    with pytest.raises(RuleError, match="by somebody else"):
        intake.take_in(slow, body, at=now)
    assert Lead.objects.count() == 1


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16", "utf-32-le"])
def test_a_submission_in_another_coding_is_kept_as_words_that_can_be_read(coding, catalogue, now) -> None:
    inquiry = receive(json.dumps({**CONSULT, "first_name": "Zoë"}, ensure_ascii=False).encode(coding), now)
    assert inquiry.lead.first_name == "Zoë"
    assert fields_of(inquiry.raw_body)["first_name"] == "Zoë"


def test_a_repair_counts_from_when_it_came_in_with_the_text_shown_then(catalogue, now, admin_user) -> None:
    with pytest.raises(InvalidFields):
        receive(json.dumps({**CONSULT, "zip": "787", "consent": ["sms"]}).encode(), now)
    kept, shown = Inquiry.objects.get(), Source.objects.get(pk="web_consult").disclosure
    [phone] = addresses.lock_addresses([("phone", addresses.normalise_phone(CONSULT["phone"]))]).values()
    stopped = now + timedelta(days=2)
    ledger.record(phone.pk, "inbound", occurred_at=stopped, at=stopped, text="STOP")
    shown.pk, shown.version = None, shown.version + 1
    shown.save(force_insert=True)
    Source.objects.filter(pk="web_consult").update(disclosure=shown)
    later = now + timedelta(days=4)
    intake.replay(kept.pk, {**CONSULT, "consent": ["sms"]}, by=admin_user, at=later)
    inquired, grant = ConsentEvent.objects.filter(address=phone, kind__in=["inquiry", "grant"]).order_by("seq")
    assert (inquired.occurred_at, grant.occurred_at, grant.recorded_at) == (now, now, later)
    assert grant.disclosure_id == kept.disclosure_id != shown.pk
    assert {view.code for view in ledger.permission(phone, at=later)} == {"REVOKED"}


@pytest.mark.parametrize("body", [{**CONSULT, "zip": "787", "consent": ["sms"]}, "no JSON"])
def test_a_repair_adds_no_box_that_was_not_ticked(catalogue, now, admin_user, body) -> None:
    with pytest.raises(InvalidFields):
        receive(json.dumps(body).encode(), now)
    kept = Inquiry.objects.get()
    with pytest.raises(InvalidFields) as refused:
        intake.replay(kept.pk, {**CONSULT, "consent": ["sms", "email"]}, by=admin_user, at=now)
    assert list(refused.value.errors) == ["consent"]
    intake.replay(kept.pk, {**CONSULT, "consent": []}, by=admin_user, at=now)
    assert not ConsentEvent.objects.filter(kind="grant").exists()


def test_a_vendors_boxes_grant_nothing(submit) -> None:
    submit("purchased", consent=["voice", "sms", "email"])
    assert set(ConsentEvent.objects.values_list("kind", flat=True)) == {"purchased"}


def test_what_a_partner_ticks_is_no_fresh_act_of_the_person(submit, now) -> None:
    lead = submit(consent=["sms"])
    ledger.record(lead.phone_id, "revoke", occurred_at=now, at=now, scope="all")
    later = now + timedelta(days=1)
    submit("partner", consent=["voice", "sms"], at=later)
    assert {view.state for view in ledger.permission(lead.phone, at=later)} == {"blocked"}
    submit(consent=["voice", "sms"], at=later)
    assert {view.state for view in ledger.permission(lead.phone, at=later)} == {"granted"}


def test_a_box_beyond_its_text_grants_nothing(submit, now) -> None:
    source = Source.objects.get(pk="web_consult")
    Disclosure.objects.filter(pk=source.disclosure_id).update(channels=["email"])
    submit(consent=["sms", "email"])
    assert [event.channels for event in ConsentEvent.objects.filter(kind="grant")] == [["email"]]


def test_a_source_shows_no_text_of_another_company(catalogue) -> None:
    source = Source.objects.get(pk="web_consult")
    source.disclosure.seller = Seller.objects.create(pk="other", name="Other Health")
    with pytest.raises(ValidationError) as refused:
        source.full_clean()
    assert list(refused.value.message_dict) == ["disclosure"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"phone": "51\x002-555", "npi": "x"},
        {"payer": "pp\x00o", "age": "old"},
        {"payer": "\ud83d", "phone": "\ud83d", "age": "old"},
        {"documents": ["\x00", "\ud83d"], "age": "old"},
        {"na\x00me": "x", "\ud83d": "x", "age": "old"},
    ],
)
def test_what_no_database_can_hold_is_refused_like_anything_else_that_is_wrong(organisation, now, wrong) -> None:
    """Found by the long search of the API's description: the refusal itself could not be kept, which was a 500."""
    body = json.dumps({"lead_type": "patient", "phone": "512-555-0142", **wrong}).encode()
    with pytest.raises(InvalidFields):
        intake.receive(Source.objects.get(pk="web_consult"), body, Delivery(), at=now)
    kept = Inquiry.objects.get()
    assert kept.status == "refused" and kept.errors
