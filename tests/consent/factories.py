"""Requests and ledger entries in few words."""

from __future__ import annotations

from datetime import datetime, timedelta

from consent import ledger
from consent.models import Address, ConsentEvent, Disclosure
from consent.request import ContactRequest, Content, Place

NEW_YORK = Place(state="NY", zones=("America/New_York",))
GOOD_MAIL = Content(has_postal_address=True, has_one_click=True, has_signed_headers=True)


def ask(address: Address, channel: str = "sms", purpose: str = "marketing", **fields: object) -> ContactRequest:
    content = GOOD_MAIL if channel == "email" else Content()
    given = {"place": NEW_YORK, "seller": "harbor", "subject": "consult", "content": content, **fields}
    return ContactRequest(address_id=address.pk, channel=channel, purpose=purpose, **given)


def grant(
    address: Address, disclosure: Disclosure, *, now: datetime, days_ago: int = 10, **fields: object
) -> ConsentEvent:
    given = {"disclosure": disclosure, "fresh_opt_in": True, **fields}
    return ledger.record(address.pk, "grant", occurred_at=now - timedelta(days=days_ago), at=now, **given)


def say(address: Address, text: str, *, now: datetime) -> ConsentEvent:
    return ledger.record(address.pk, "inbound", occurred_at=now, at=now, text=text, facts={"channel": "sms"})
