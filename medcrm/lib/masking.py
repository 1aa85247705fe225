"""How is a number or a mailbox shown to whoever may not see it in full? Enough to tell two people apart, no more.

In lists, boxes and histories; a lead's own page shows in full what its reader works with.
"""

from __future__ import annotations

import re

from django.contrib.auth.models import AbstractBaseUser

from medcrm.lib.access import scope_of

NUMBER = re.compile(r"\+\d[\d\s().-]{7,}\d|(?<![\d-])(?:\(\d{3}\)|\d{3})[\s.-]?\d{3}[\s.-]?\d{4}(?![\d-])")
MASKED = "•••"  # what stands for the part that is not shown
MAILBOX = re.compile(r"[\w.+%-]+@[\w-]+(\.[\w-]+)+")


def contact(value: object, reader: AbstractBaseUser) -> str:
    """A phone number or an e-mail address as this person may see it outside the lead's own page."""
    text = "" if value is None else str(value)
    return text if scope_of(reader).sees_contacts else mask(text)


def mask(text: str) -> str:
    """Mask every phone number and e-mail address in a text: “(512) •••-0142”, “a•••@example.org”."""
    return MAILBOX.sub(lambda found: mask_email(found[0]), NUMBER.sub(lambda found: mask_phone(found[0]), text))


def mask_phone(number: str) -> str:
    digits = re.sub(r"\D", "", number)
    if len(digits) == 11 and digits.startswith("1"):
        digits = digits[1:]
    if len(digits) == 10:
        return f"({digits[:3]}) {MASKED}-{digits[-4:]}"
    return f"{MASKED}-{digits[-4:]}" if len(digits) >= 10 else number


def mask_email(mailbox: str) -> str:
    name, _at, domain = mailbox.partition("@")
    return f"{name[:1]}{MASKED}@{domain}"
