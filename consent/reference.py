"""The organisation's own part of consent: its legal entity, what its forms show, and the list it scrubbed against."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from consent.models import Disclosure, ListSnapshot, Seller
from consent.models.ledger import PEWC_ELEMENTS
from consent.vocabulary import GrantChannel, Level, ListKind, Purpose

# The six parts of prior express written consent [64.1200(f)(9)] in one paragraph beside the boxes of a form.
FORM_TEXT = (
    "☐ Calls ☐ Texts ☐ E-mail — By ticking a box and pressing “Send” I sign electronically and agree that {seller} may "
    "contact me at the phone number and e-mail address I gave, with information about my request and with marketing, "
    "also by an automatic telephone dialling system, by texts and by artificial or prerecorded voice. This consent is "
    "not a condition of any purchase or treatment. Message and data rates may apply; message frequency varies. Reply "
    "STOP to end texts, HELP for help. I can withdraw at any time by any reasonable means."
)


def load(organisation: Mapping[str, object], *, at: datetime, with_scrub: bool = True) -> Disclosure:
    """Create the seller and its form disclosure, and return that.

    `with_scrub` also notes the scrub that the file says was made, which is true of worked cases and demonstrations
    only: an organisation that works loads the registry's file.
    """
    name = str(organisation["seller"])
    seller, _ = Seller.objects.get_or_create(
        code=name.lower().replace(" ", "_"),
        defaults={
            "name": name,
            "postal_address": organisation["postal_address"],
            "timezone": organisation["timezone"],
            "is_sms_sender_registered": organisation["sms_sender_registered"],
        },
    )
    disclosure, _ = Disclosure.objects.get_or_create(
        code="form",
        version=1,
        defaults={
            "seller": seller,
            "text": FORM_TEXT.format(seller=name),
            "channels": GrantChannel.values,
            "purposes": [Purpose.MARKETING, Purpose.INFORMATIONAL],
            "level": Level.PEWC,
            "elements": list(PEWC_ELEMENTS),
        },
    )
    if with_scrub:
        days = int(organisation["national_dnc"]["scrubbed_days_ago"])
        note_empty_scrub("reference", taken_at=at - timedelta(days=days))
    return disclosure


def note_empty_scrub(version: str, *, taken_at: datetime) -> None:
    """Note a scrub against the national list that found none of our numbers, as a reference organisation has."""
    ListSnapshot.objects.get_or_create(kind=ListKind.NATIONAL_DNC, version=version, defaults={"taken_at": taken_at})
