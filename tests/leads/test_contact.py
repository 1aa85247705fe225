"""How the gate is asked about a lead: the same request for the page, the button, the API and the road."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from consent import gate, ledger
from consent.models import Attempt
from leads import contact
from leads.models import Lead, Source
from leads.services import calls
from leads.services.calls import CallReport
from medcrm.lib.errors import RuleError

CHANNELS = ("voice", "sms", "email")


def codes(lead: Lead, at: datetime) -> set[str]:
    return {gate.decide(contact.request_for(lead, channel), at=at).code for channel in CHANNELS}


def test_a_bought_address_is_contacted_by_nobody_before_its_proof_is_on_file(submit, now) -> None:
    """By hand and by mail too: the road, the page, the button and the API ask this one question."""
    lead = submit("purchased", consent=["voice", "sms", "email"])
    assert lead.hold_reason_id is None  # the road has not walked yet
    assert codes(lead, now) == {"NO_CONSENT"}
    shown = Source.objects.get(pk="web_consult").disclosure
    for address, channels in ((lead.phone_id, ["voice", "sms"]), (lead.email_id, ["email"])):
        ledger.record(address, "grant", occurred_at=now, at=now, disclosure=shown, channels=channels)
    assert codes(lead, now) == {"OK_PEC", "OK_PEWC", "OK_EMAIL_OPTIN"}


def test_whoever_asked_us_is_not_only_bought(submit, now) -> None:
    submit(consent=[])
    lead = submit("purchased", at=now + timedelta(days=1))
    assert codes(lead, now + timedelta(days=1)) == {"OK_MANUAL_NOT_ON_DNC", "NO_CONSENT", "OK_EMAIL_OPTOUT_REGIME"}


def test_a_lead_that_waits_for_permission_is_not_contacted(submit, now) -> None:
    lead = submit(consent=[])
    assert contact.may_contact(lead, "voice", at=now)
    lead.hold_reason_id = contact.CONSENT_NEEDED
    assert codes(lead, now) == {"NO_CONSENT"}
    assert contact.reserve_call(lead, at=now) is None
    kept = Attempt.objects.get()
    assert (kept.code, kept.basis["request"]["reference"]) == ("NO_CONSENT", str(lead.public_id))


def test_what_is_said_on_a_call_is_about_the_number_that_was_called(submit, now) -> None:
    lead = submit()
    old, attempt = lead.phone, contact.reserve_call(lead, at=now)
    again = submit(phone="512-555-0177", at=now + timedelta(minutes=1))
    assert (again.pk, again.phone_id != old.pk) == (lead.pk, True)
    attempt = contact.find_reservation(again, attempt.pk, at=now + timedelta(minutes=2))
    calls.record_call(lead.pk, CallReport("wrong_number"), at=now + timedelta(minutes=3), attempt=attempt)
    assert ledger.permission(old, at=now + timedelta(hours=1))[0].code == "REVOKED"
    assert ledger.permission(again.phone, at=now + timedelta(hours=1))[0].code == ""
    assert not lead.missing_items.filter(settled_at=None, kind="contact_channel").exists()


@pytest.mark.parametrize(
    ("age", "state", "code"),
    [
        (timedelta(hours=5), "reserved", "RESERVATION_EXPIRED"),
        (timedelta(hours=1), "sent", "NOT_RESERVED"),
        (timedelta(hours=1), "unknown", None),
    ],
)
def test_a_reservation_is_good_for_one_call_of_the_last_hours(age, state, code, submit, now) -> None:
    lead = submit()
    attempt = contact.reserve_call(lead, at=now)
    if state != "reserved":
        Attempt.objects.filter(pk=attempt.pk).update(state=state)
    if code is None:
        assert contact.find_reservation(lead, attempt.pk, at=now + age) == attempt
        return
    with pytest.raises(RuleError) as refused:
        contact.find_reservation(lead, attempt.pk, at=now + age)
    assert refused.value.code == code
