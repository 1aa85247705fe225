"""What people say to staff about calls, texts and e-mail, channel by channel."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from consent import gate, ledger
from consent.models import ConsentEvent
from leads import contact
from leads.models import Interaction, Lead
from leads.services import wishes
from medcrm.lib.errors import InvalidFields

INFORM = "informational"


@pytest.fixture
def caller(db) -> User:
    return User.objects.create_user("caller1")


@pytest.fixture
def silent(submit) -> Lead:
    """Somebody who ticked nothing."""
    return submit(consent=[])


def may(lead: Lead, channel: str, now, purpose: str = "marketing") -> bool:
    request = contact.request_for(Lead.objects.select_related("source").get(pk=lead.pk), channel, purpose=purpose)
    return gate.decide(request, at=now).allowed


def test_a_spoken_yes_permits_information_by_text_and_never_marketing(silent, caller, now) -> None:
    assert not may(silent, "sms", now, INFORM)
    wishes.record_wishes(silent.pk, {"sms": "yes", "voice": ""}, said="Texts are fine.", by=caller, at=now)
    assert may(silent, "sms", now, INFORM)
    assert not may(silent, "sms", now)
    grant = ConsentEvent.objects.get(kind="grant")
    assert (grant.level, grant.channels, grant.purposes, grant.by) == ("PEC", ["sms"], ["informational"], caller)
    assert (grant.fresh_opt_in, grant.sellers) == (False, [silent.source.seller_id])
    assert wishes.QUESTION in grant.values.body
    entry = Interaction.objects.get(kind="consent_change")
    assert (entry.by, entry.text, entry.facts) == (caller, "Texts are fine.", {"permission": {"sms": "yes"}})
    assert Lead.objects.get().advance_due_at == now


def test_no_more_e_mails_said_on_the_telephone_ends_marketing_mail_and_nothing_else(submit, caller, now) -> None:
    lead = submit()
    wishes.record_wishes(lead.pk, {"email": "no"}, said="No more mails please.", by=caller, at=now)
    assert not may(lead, "email", now)
    assert may(lead, "voice", now) and may(lead, "sms", now)


@pytest.mark.parametrize(
    ("closed", "kinds", "open_after"),
    [
        ({"sms": "no"}, ["revoke"], {"voice": True, "sms": False}),
        ({"voice": "no"}, ["internal_dnc"], {"voice": False, "sms": True}),
        ({"voice": "no", "sms": "no"}, ["revoke"], {"voice": False, "sms": False}),
    ],
)
def test_texts_and_calls_are_withdrawn_each_by_itself(submit, caller, now, closed, kinds, open_after) -> None:
    lead = submit()
    wishes.record_wishes(lead.pk, closed, said="So they said.", by=caller, at=now)
    assert {channel: may(lead, channel, now) for channel in open_after} == open_after
    states = {view.channel: view.state for view in ledger.permission(lead.phone, at=now)}
    assert states == {channel: "granted" if is_open else "blocked" for channel, is_open in open_after.items()}
    assert (
        list(ConsentEvent.objects.filter(kind__in=["revoke", "internal_dnc"]).values_list("kind", flat=True)) == kinds
    )


def test_stop_by_text_after_that_still_means_everything(submit, caller, now) -> None:
    lead = submit()
    wishes.record_wishes(lead.pk, {"sms": "no"}, said="No texts.", by=caller, at=now)
    ledger.record(lead.phone_id, "inbound", occurred_at=now, at=now, text="STOP")
    assert not may(lead, "voice", now)


@pytest.mark.parametrize("channel", ["sms", "email"])
def test_a_spoken_yes_lifts_no_withdrawal(submit, caller, now, channel) -> None:
    lead = submit()
    wishes.record_wishes(lead.pk, {channel: "no"}, said="Stop that.", by=caller, at=now)
    with pytest.raises(InvalidFields) as refused:
        wishes.record_wishes(lead.pk, {channel: "yes"}, said="Again please.", by=caller, at=now)
    assert refused.value.field == channel
    assert not may(lead, channel, now)


@pytest.mark.parametrize(
    ("answers", "said", "field"),
    [({"sms": "yes"}, " ", "said"), ({}, "Hm.", "voice"), ({"email": "yes"}, "Yes.", "email")],
)
def test_what_cannot_be_written_down_is_refused_at_its_field(submit, caller, now, answers, said, field) -> None:
    lead = submit(email="", consent=["voice"])
    with pytest.raises(InvalidFields) as refused:
        wishes.record_wishes(lead.pk, answers, said=said, by=caller, at=now)
    assert refused.value.field == field
    assert not Interaction.objects.filter(kind="consent_change").exists()


def test_accepting_unencrypted_messages_is_kept_with_the_warning(submit, caller, now) -> None:
    lead = submit()
    wishes.record_wishes(lead.pk, {}, said="Yes, go ahead.", accepts_unencrypted=True, by=caller, at=now)
    events = ConsentEvent.objects.filter(kind="unencrypted_accepted")
    assert {event.address_id for event in events} == {lead.phone_id, lead.email_id}
    assert all(wishes.WARNING in event.values.body and event.by == caller for event in events)
