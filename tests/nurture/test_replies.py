"""Replies, delivery reports and the pages without a login."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from twilio.request_validator import RequestValidator

from consent import addresses
from consent import inbound as consent_inbound
from consent.models import Attempt, ConsentEvent, Permission
from leads import contact
from leads.models import Interaction, Lead
from medcrm.lib.errors import RuleError
from nurture import dispatch, links
from nurture.channels import NotSent
from nurture.channels.email import message_id
from nurture.channels.sandbox import Sandbox
from nurture.inbound import Reply, Report, receive_reply, receive_report
from nurture.links import Recipient
from nurture.models import Enrollment, FrequencyCap, Message, ProviderEvent
from nurture.personal import write
from tests.nurture.factories import walk
from tests.rows import make

DAY = timedelta(days=1)


def recipient(row: Enrollment, address: str = "email") -> Recipient:
    return Recipient(getattr(row.lead, f"{address}_id"), row.lead.source.seller_id, row.lead_id)


@pytest.fixture
def sent(enrolled: Enrollment, now: datetime) -> Message:
    dispatch.dispatch_due(at=now)
    return Message.objects.get()


def answer(text: str, *, key: str = "m1", **fields: object) -> Reply:
    given = {"provider": "email", "channel": "email", "sender": "Alpha1@example.org", **fields}
    return Reply(key=key, text=text, **given)


def test_reply_stops_the_sequence_and_the_same_one_twice_is_one(sent: Message, now: datetime) -> None:
    later = now + timedelta(hours=2)
    for _ in range(2):
        receive_reply(answer("When can I come?"), at=later)
    sent.refresh_from_db()
    assert sent.state == "replied"
    assert Interaction.objects.get(kind="email_reply").text == "When can I come?"
    lead = Lead.objects.get()
    assert lead.advance_due_at == later
    walk([lead.pk], at=later)
    assert Enrollment.objects.get(pk=sent.enrollment_id).exit_code == "replied"


def test_a_reply_to_what_a_merged_lead_was_sent_is_heard_for_the_one_that_stays(sent: Message, guide, now) -> None:
    merged = sent.enrollment.lead
    old = make(Lead, lead_type="patient", source_id="guide", created_at=now - DAY)
    Lead.objects.filter(pk=merged.pk).update(merged_into=old)
    receive_reply(answer("When can I come?"), at=now + timedelta(hours=2))
    assert Interaction.objects.get(kind="email_reply").lead == old


def test_stop_by_text_goes_to_the_ledger_first(sent: Message, now: datetime) -> None:
    receive_reply(answer("Stop", provider="twilio", channel="sms", sender="+15125550001"), at=now)
    assert not contact.may_contact(Lead.objects.select_related("source").get(), "sms", at=now)


def test_stop_is_about_the_address_that_sent_it_whatever_the_lead_has_now(sent: Message, guide, now: datetime) -> None:
    old = Lead.objects.get().email
    guide(email="new1@example.org", at=now + timedelta(minutes=1))
    lead = Lead.objects.get()
    assert (lead.pk, lead.email.value) == (sent.enrollment.lead_id, "new1@example.org")
    receive_reply(answer("Stop", sender=old.value), at=now + timedelta(hours=1))
    heard = ConsentEvent.objects.get(kind="inbound")
    assert (heard.address, heard.facts["key"]) == (old, "m1")
    assert ConsentEvent.objects.get(kind="email_unsub").address == old
    assert ConsentEvent.objects.get(kind="revoke").address == lead.phone
    assert Interaction.objects.get(kind="email_reply").facts == {"withdraws": True}


def test_words_of_a_stranger_reach_the_ledger_all_the_same(sequences, now: datetime) -> None:
    receive_reply(answer("STOP", provider="twilio", channel="sms", sender="+15125559999"), at=now)
    assert ConsentEvent.objects.filter(kind="inbound", verdict="revoke").count() == 1


def test_stop_speaks_for_the_number_it_came_from_not_for_the_one_the_lead_has_now(sent: Message, now) -> None:
    lead = Lead.objects.get()
    old, pair = lead.phone, (addresses.PHONE, "+15125550177")
    lead.phone = addresses.lock_addresses([pair])[pair]
    lead.save()
    receive_reply(answer("STOP", provider="twilio", channel="sms", sender=old.value), at=now)
    assert Permission.objects.get(address=old, channel="sms").state == "blocked"
    assert not ConsentEvent.objects.filter(address=lead.phone, kind="inbound").exists()


@pytest.mark.parametrize("way", ["{}", "<{}@mail.example.net>", "<other@example.net> <{}>"])
def test_an_answer_from_another_mailbox_stands_on_the_lead_it_was_written_to(sent: Message, now, way) -> None:
    named = way.format(sent.provider_id)
    later = now + timedelta(hours=2)
    receive_reply(answer("Yes, Tuesday please", sender="other@example.net", in_reply_to=named), at=later)
    assert Interaction.objects.get(kind="email_reply").lead_id == sent.enrollment.lead_id
    walk([sent.enrollment.lead_id], at=later)
    assert Enrollment.objects.get(pk=sent.enrollment_id).exit_code == "replied"


def test_a_stop_from_another_mailbox_stops_the_one_we_wrote_to_and_its_number(sent: Message, now) -> None:
    named = message_id(str(sent.attempt_id), "example.org")
    receive_reply(answer("Please stop e-mailing me", sender="other@example.net", in_reply_to=named), at=now)
    lead = Lead.objects.select_related("source").get()
    assert not any(contact.may_contact(lead, channel, at=now) for channel in ("email", "sms"))
    unsubscribed = ConsentEvent.objects.filter(kind="email_unsub").values_list("address__value", flat=True)
    assert sorted(unsubscribed) == ["alpha1@example.org", "other@example.net"]
    walk([lead.pk], at=now)
    assert Enrollment.objects.get(pk=sent.enrollment_id).exit_code


def test_doubtful_words_from_another_mailbox_are_read_once_for_both(sent: Message, now) -> None:
    receive_reply(answer("please cancel this", sender="other@example.net", in_reply_to=sent.provider_id), at=now)
    lead = Lead.objects.select_related("source").get()
    assert Permission.objects.get(address=lead.phone, channel="sms").state == "review"
    [waiting] = consent_inbound.queue()
    consent_inbound.review(waiting.pk, "revoke", by=None, at=now)
    assert {row.state for row in Permission.objects.filter(address__in=[lead.email, lead.phone])} == {"blocked"}


def test_a_telephone_in_a_car_answers_for_nobody(sent: Message, now: datetime) -> None:
    lead = Lead.objects.get()
    text(lead, "I’m driving with Do Not Disturb While Driving turned on.", at=now + timedelta(minutes=1))
    assert Interaction.objects.get(facts__answered_by_itself="sms").lead == lead
    walk([lead.pk], at=now + timedelta(minutes=2))
    assert Enrollment.objects.get(pk=sent.enrollment_id).state == "active"
    receive_reply(answer("Out of office", key="m2", sender="nobody@example.net"), at=now)
    assert not ConsentEvent.objects.filter(kind="inbound").exists()


def test_a_forged_message_id_names_nobody(sent: Message, now) -> None:
    named = f"<medcrm.{sent.attempt_id}.{'0' * 24}@example.org>"
    receive_reply(answer("STOP", sender="other@example.net", in_reply_to=named), at=now)
    assert not ConsentEvent.objects.filter(address=Lead.objects.get().email, kind="email_unsub").exists()


def test_an_answer_to_words_of_staff_from_another_mailbox_finds_the_lead(enrolled, django_user_model, now) -> None:
    by = django_user_model.objects.create_user("caller1")
    entry = write(enrolled.lead_id, "email", subject="Your visit", body="See you.", by=by, clock=lambda: now)
    named = message_id(str(entry.attempt_id), "example.org")
    receive_reply(answer("Thank you", sender="other@example.net", in_reply_to=named), at=now)
    assert Interaction.objects.get(kind="email_reply").lead_id == enrolled.lead_id


def test_a_stop_by_mail_reaches_the_numbers_of_all_who_share_the_mailbox(sent: Message, guide, now) -> None:
    older = Lead.objects.get()
    guide(2, email="alpha1@example.org", first_name="Ben", last_name="Other")
    receive_reply(answer("Please stop calling and texting me"), at=now)
    numbers = Permission.objects.filter(address__kind="phone", channel="sms")
    assert [row.state for row in numbers] == ["blocked", "blocked"]
    assert Permission.objects.get(address=older.phone, channel="voice").state == "blocked"


def test_what_comes_of_words_of_staff_is_heard_too(enrolled: Enrollment, django_user_model, now) -> None:
    by = django_user_model.objects.create_user("caller1")
    entry = write(enrolled.lead_id, "sms", body="See you at nine.", by=by, clock=lambda: now)
    report = Report(provider="twilio", key="a", kind="failed", attempt_id=entry.attempt_id, error="21610")
    receive_report(report, at=now)
    complaint = Report(provider="email", key="b", kind="complained", provider_id="?", recipient="Alpha1@example.org")
    receive_report(complaint, at=now)
    kinds = ConsentEvent.objects.exclude(kind__in=["grant", "inquiry"]).values_list("kind", flat=True)
    assert sorted(kinds) == ["email_complaint", "revoke"]


def test_messages_of_staff_keep_the_limits_too_unless_they_answer(sent: Message, django_user_model, now) -> None:
    by = django_user_model.objects.create_user("caller1")
    later = now + timedelta(hours=1)
    words = {"subject": "Your visit", "body": "See you then.", "by": by, "clock": lambda: later}
    with pytest.raises(RuleError) as refused:
        write(sent.enrollment.lead_id, "email", **words)
    assert refused.value.code == "FREQUENCY_LIMIT"
    assert not Interaction.objects.filter(kind="note").exists()
    receive_reply(answer("When can I come?"), at=now + timedelta(minutes=30))
    entry = write(sent.enrollment.lead_id, "email", **words)
    assert Attempt.objects.get(pk=entry.attempt_id).state == "sent"
    with pytest.raises(RuleError):
        write(sent.enrollment.lead_id, "email", **words)  # answered already


def text(lead: Lead, words: str, *, at: datetime, key: str = "t1") -> None:
    receive_reply(answer(words, key=key, provider="twilio", channel="sms", sender=lead.phone.value), at=at)


@pytest.mark.parametrize(
    ("before", "after", "waited", "outcome"),
    [
        ((), (), timedelta(hours=14), ("conversational_reply", "OK_REPLY")),  # at night: hours do not bind an answer
        (("STOP",), (), DAY, ("conversational_reply", "OK_REPLY")),  # who stops and then asks is answered
        ((), ("STOP",), DAY, ("conversational_reply", "REVOKED")),
        ((), (), timedelta(days=31), ("marketing", "NO_CONSENT")),  # no conversation any more
    ],
)
def test_a_question_by_text_is_answered_without_consent(
    before, after, waited, outcome, guide, admin_user, now: datetime
) -> None:
    lead = guide(consent=[])
    for number, said in enumerate([*before, "What is the price?", *after]):
        text(lead, said, at=now + timedelta(minutes=number), key=f"t{number}")
    try:
        write(lead.pk, "sms", body="From 300 dollars.", by=admin_user, clock=lambda: now + waited)
    except RuleError:
        assert outcome[1] != "OK_REPLY"
    attempt = Attempt.objects.latest("pk")
    assert (attempt.purpose, attempt.code) == outcome


def test_an_answer_is_to_the_channel_and_the_address_that_asked(guide, admin_user, now: datetime) -> None:
    lead, later = guide(consent=[]), now + timedelta(minutes=5)
    receive_reply(answer("What is the price?", sender=lead.email.value), at=now)
    with pytest.raises(RuleError) as refused:
        write(lead.pk, "sms", body="From 300 dollars.", by=admin_user, clock=lambda: later)
    assert refused.value.code == "NO_CONSENT"
    write(lead.pk, "email", subject="Prices", body="From 300 dollars.", by=admin_user, clock=lambda: later)
    assert Attempt.objects.get(channel="email").purpose == "conversational_reply"


def test_what_did_not_leave_answered_nothing(guide, admin_user, now: datetime, monkeypatch) -> None:
    lead, later = guide(consent=[]), now + timedelta(minutes=5)
    text(lead, "What is the price?", at=now)

    def refuse(channel: object, parcel: object) -> None:
        raise NotSent("the provider is away")

    with monkeypatch.context() as broken, pytest.raises(RuleError):
        broken.setattr(Sandbox, "send", refuse)
        write(lead.pk, "sms", body="From 300 dollars.", by=admin_user, clock=lambda: later)
    write(lead.pk, "sms", body="From 300 dollars.", by=admin_user, clock=lambda: later)
    with pytest.raises(RuleError) as refused:
        write(lead.pk, "sms", body="And there is an offer.", by=admin_user, clock=lambda: later)
    assert refused.value.code == "NO_CONSENT"
    assert list(Attempt.objects.order_by("pk").values_list("purpose", "state")) == [
        ("conversational_reply", "failed"),
        ("conversational_reply", "sent"),
        ("marketing", "refused"),
    ]


def test_bounce_and_complaint_go_to_the_ledger(sent: Message, now: datetime) -> None:
    for kind in ("bounced", "complained"):
        receive_report(Report(provider="sandbox", key=kind, kind=kind, provider_id=sent.provider_id), at=now)
    sent.refresh_from_db()
    assert sent.state == "bounced"
    kinds = set(ConsentEvent.objects.values_list("kind", flat=True))
    assert {"email_hard_bounce", "email_complaint"} <= kinds


def test_report_about_a_message_of_nobody_is_kept_and_harmless(sequences, now: datetime) -> None:
    receive_report(Report(provider="email", key="x", kind="delivered", provider_id="gone"), at=now)
    assert ProviderEvent.objects.get().message is None


@pytest.fixture
def personal(guide, admin_user, now: datetime) -> Attempt:
    """A text and a mail written by staff; no sequence, so no message."""
    lead = guide()
    FrequencyCap.objects.all().delete()  # two in one minute
    for medium in ("email", "sms"):
        entry = write(
            lead.pk, medium, subject="Your visit", body="Ana will call you.", by=admin_user, clock=lambda: now
        )
    return entry.attempt


def test_what_becomes_of_the_words_of_staff_is_heard_too(personal: Attempt, now: datetime) -> None:
    for kind in ("bounced", "complained", "unsubscribed"):
        told = Report(provider="email", key=kind, kind=kind, provider_id="unknown", recipient="Alpha1@example.org")
        receive_report(told, at=now)
        receive_report(told, at=now)
    kinds = set(ConsentEvent.objects.filter(address__kind="email").values_list("kind", flat=True))
    assert {"email_hard_bounce", "email_complaint", "email_unsub"} <= kinds
    assert ConsentEvent.objects.filter(kind="email_complaint").count() == 1


def test_a_carriers_block_is_taken_over_from_its_report(personal: Attempt, now: datetime) -> None:
    receive_report(
        Report(provider="twilio", key="SM1:failed", kind="failed", attempt_id=personal.pk, error="21610"), at=now
    )
    assert ConsentEvent.objects.get(kind="revoke").address == personal.address


def test_a_carriers_block_met_by_staff_is_taken_over(guide, admin_user, now: datetime, monkeypatch) -> None:
    def refuse(channel: object, parcel: object) -> None:
        raise NotSent("21610 blocked", is_opted_out=True)

    monkeypatch.setattr(Sandbox, "send", refuse)
    lead = guide()
    with pytest.raises(RuleError):
        write(lead.pk, "sms", body="Ana will call you.", by=admin_user, clock=lambda: now)
    assert ConsentEvent.objects.get(kind="revoke").address == lead.phone


def signed(client: Client, path: str, **fields: str) -> object:
    url = f"https://crm.example.org{path}"
    signature = RequestValidator("secret").compute_signature(url, fields)
    return client.post(path, fields, headers={"X-Twilio-Signature": signature})


@pytest.fixture
def twilio(settings: object) -> None:
    settings.TWILIO_AUTH_TOKEN, settings.PUBLIC_URL = "secret", "https://crm.example.org"
    settings.SECURE_SSL_REDIRECT = False


def test_twilio_hooks_check_the_signature(sent: Message, client: Client, twilio: None) -> None:
    path = reverse("nurture:twilio-inbound")
    fields = {"MessageSid": "SM9", "From": "+15125550001", "Body": "When can I come?"}
    assert client.post(path, fields, headers={"X-Twilio-Signature": "forged"}).status_code == 403
    assert client.get(path).status_code == 405
    assert not Interaction.objects.filter(kind="sms_reply").exists()
    assert signed(client, path, **fields).status_code == 200
    assert signed(client, path, **fields).status_code == 200
    assert Interaction.objects.filter(kind="sms_reply").count() == 1


def test_twilio_status_settles_a_message(sent: Message, client: Client, twilio: None) -> None:
    Message.objects.filter(pk=sent.pk)
    path = reverse("nurture:twilio-status", args=[sent.attempt_id])
    assert signed(client, path, MessageSid="SM9", MessageStatus="delivered").status_code == 204
    assert ProviderEvent.objects.get().message == sent


def test_unsubscribe_by_get_changes_nothing_and_one_click_post_does(enrolled, client, settings) -> None:
    settings.SECURE_SSL_REDIRECT = False
    path = links.unsubscribe_url(recipient(enrolled)).removeprefix(settings.PUBLIC_URL)
    page = client.get(path)
    assert page.status_code == 200
    assert "Unsubscribe" in page.content.decode()
    assert not ConsentEvent.objects.filter(kind="email_unsub").exists()
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert ConsentEvent.objects.filter(kind="email_unsub").count() == 1
    lead = Lead.objects.select_related("source").get()
    assert not contact.may_contact(lead, "email", at=timezone.now())


@pytest.mark.parametrize("path", ["/u/forged/", "/p/forged/"])
def test_forged_link_is_not_found(sequences, client: Client, settings: object, path: str) -> None:
    settings.SECURE_SSL_REDIRECT = False
    assert client.get(path).status_code == 404


def test_preference_page_takes_answers_and_the_lead_moves_on(enrolled, client, settings, now) -> None:
    settings.SECURE_SSL_REDIRECT = False
    path = links.preferences_url(recipient(enrolled)).removeprefix(settings.PUBLIC_URL)
    assert client.get(path).status_code == 200
    assert not Interaction.objects.filter(facts__has_key="preference").exists()
    fields = {"request": "appointment", "timing": "two_weeks", "preferred_clinic": "rrk", "payer": "ppo"}
    assert client.post(path, {**fields, "stops_texts": "on", "stops_calls": "on"}).status_code == 200
    lead = Lead.objects.select_related("source").get()
    assert (lead.request, lead.timing_id, lead.preferred_clinic_id) == ("appointment", "two_weeks", "rrk")
    assert not contact.may_contact(lead, "sms", at=timezone.now())


@pytest.mark.parametrize(
    ("ticked", "kind", "only"), [("stops_texts", "revoke", "sms"), ("stops_calls", "internal_dnc", "voice")]
)
def test_preference_page_asks_for_texts_and_calls_apart(enrolled, client, settings, ticked, kind, only) -> None:
    settings.SECURE_SSL_REDIRECT = False
    path = links.preferences_url(recipient(enrolled)).removeprefix(settings.PUBLIC_URL)
    assert client.post(path, {ticked: "on"}).status_code == 200
    event = ConsentEvent.objects.get(address=enrolled.lead.phone_id, source="preference_page")
    assert (event.kind, event.scope, event.facts) == (kind, "all", {"only": [only]})


def test_preference_page_keeps_that_unencrypted_words_are_accepted(enrolled, client, settings) -> None:
    settings.SECURE_SSL_REDIRECT = False
    path = links.preferences_url(recipient(enrolled)).removeprefix(settings.PUBLIC_URL)
    assert "not encrypted" in client.get(path).content.decode()
    client.post(path, {"accepts_unencrypted": "on"})
    assert ConsentEvent.objects.filter(kind="unencrypted_accepted", source="preference_page").count() == 2


def test_preference_page_refuses_what_it_did_not_offer(enrolled, client, settings) -> None:
    settings.SECURE_SSL_REDIRECT = False
    path = links.preferences_url(recipient(enrolled)).removeprefix(settings.PUBLIC_URL)
    page = client.post(path, {"timing": "yesterday"})
    assert "check the marked answers" in page.content.decode()
    assert Lead.objects.get().timing_id == "not_sure"


def test_link_to_an_address_the_lead_no_longer_has_opens_nothing(enrolled, client, settings) -> None:
    settings.SECURE_SSL_REDIRECT = False
    path = links.preferences_url(recipient(enrolled)).removeprefix(settings.PUBLIC_URL)
    Lead.objects.update(email=None)
    assert client.get(path).status_code == 404
