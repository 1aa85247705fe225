"""Our ledger and the carrier's block list know the same: words that reached us otherwise are told, once."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from consent import ledger
from medcrm import queues
from nurture import carrier, channels
from nurture.channels import Consent, NotSent
from nurture.channels.twilio_sms import TwilioSms
from nurture.models import CarrierNotice, Enrollment
from tests.nurture.factories import stop
from tests.nurture.test_channels import Exchange, exchange  # noqa: F401 - the fixture


@pytest.fixture
def twilio(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> Exchange:  # noqa: F811
    channel = TwilioSms()
    monkeypatch.setattr(channels, "channel_for", lambda medium: channel)
    exchange.body = {"items": []}
    return exchange


def test_stop_that_reached_us_is_told_to_twilio_once(enrolled: Enrollment, twilio: Exchange, now: datetime) -> None:
    stop(enrolled.lead, "sms", at=now)
    assert [carrier.tell(at=now), carrier.tell(at=now)] == [1, 0]
    [asked] = twilio.asked
    assert asked["path"] == ["/v1/Consents/Bulk"]
    said = json.loads(asked["Items"][0])
    assert (said["contact_id"], said["status"], said["sender_id"]) == ("+15125550001", "opt-out", "+15125550199")


def test_fresh_yes_after_a_stop_is_told_and_a_first_yes_is_not(enrolled, twilio, now: datetime) -> None:
    assert carrier.tell(at=now) == 0
    stop(enrolled.lead, "sms", at=now)
    carrier.tell(at=now)
    later = now + timedelta(days=1)
    source = enrolled.lead.source
    ledger.record(
        enrolled.lead.phone_id, "grant", occurred_at=later, at=later, channels=["voice", "sms"],
        disclosure=source.disclosure, seller=source.seller_id, fresh_opt_in=True,
    )  # fmt: skip
    assert carrier.tell(at=later) == 1
    assert json.loads(twilio.asked[-1]["Items"][0])["status"] == "opt-in"


def test_carrier_in_trouble_is_told_again_later(enrolled: Enrollment, twilio: Exchange, now: datetime) -> None:
    stop(enrolled.lead, "sms", at=now)
    twilio.status, twilio.body = 429, {"code": 20429, "message": "slow down", "status": 429}
    assert carrier.tell(at=now) == 0
    notice = CarrierNotice.objects.get()
    assert (notice.told_at, notice.tries) == (None, 1)
    assert "20429" in notice.error
    twilio.status, twilio.body = 201, {"items": []}
    assert carrier.tell(at=now) == 0
    assert carrier.tell(at=now + timedelta(minutes=1)) == 1


def test_carrier_that_was_away_for_a_day_hears_the_stop_and_the_next_one(enrolled, twilio, now: datetime) -> None:
    stop(enrolled.lead, "sms", at=now)
    twilio.status, twilio.body = 429, {"code": 20429, "message": "slow down", "status": 429}
    for minute in range(24 * 60):
        carrier.tell(at=now + timedelta(minutes=minute))
    later = now + timedelta(days=1)
    assert [row.tries for row in carrier.waiting()] == [38]
    [late] = [backlog for backlog in queues.backlogs(at=later) if backlog.queue.name == "carrier"]
    assert (late.count, late.is_late) == (1, True)
    ledger.record(
        enrolled.lead.phone_id, "grant", occurred_at=later, at=later, channels=["voice", "sms"],
        disclosure=enrolled.lead.source.disclosure, seller=enrolled.lead.source.seller_id, fresh_opt_in=True,
    )  # fmt: skip
    stop(enrolled.lead, "sms", at=later)
    twilio.status, twilio.body = 201, {"items": []}
    assert carrier.tell(at=later) == 1
    assert CarrierNotice.objects.get().is_stopped


def test_channel_without_a_block_list_is_told_nothing(enrolled: Enrollment, now: datetime) -> None:
    stop(enrolled.lead, "sms", at=now)
    assert not CarrierNotice.objects.exists()


def test_no_of_the_carrier_is_a_clear_no(exchange: Exchange, now: datetime) -> None:  # noqa: F811
    exchange.status, exchange.body = 400, {"code": 20001, "message": "no", "status": 400}
    with pytest.raises(NotSent):
        TwilioSms().tell_consents([Consent("+15125550001", True, now)])
