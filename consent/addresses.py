"""What is the one form of an address, and how is its row found, made and locked?"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import phonenumbers
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Right

from consent.models import Address
from consent.vocabulary import AddressKind
from medcrm.lib.errors import InvalidFields, RuleError

PHONE = AddressKind.PHONE.value
EMAIL = AddressKind.EMAIL.value
Pair = tuple[str, str]

# As most people type a number. Such a one needs no parser, which costs a hundred times as much.
PLAIN = re.compile(r"^(?:\+?1[ .-]?)?\(?([2-9]\d{2})\)?[ .-]?([2-9]\d{2})[ .-]?(\d{4})$", re.ASCII)
NANP = re.compile(r"^\+1[2-9]\d{2}[2-9]\d{6}$")
NOT_AN_AREA = re.compile(r"^\+1(?:[2-9]11|[2-9]9\d)")  # service codes and codes kept for expansion
_is_email = EmailValidator()


class InvalidAddress(RuleError):
    """The phone number or e-mail address cannot be used as typed; the message says what to do."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__("INVALID_ADDRESS", message, field=field)


def normalise_phone(raw: str, region: str = "US") -> str:
    """Return the number in E.164.

    North American numbers are checked by their shape, so that the fictional 555-01xx range counts as valid; others
    by libphonenumber's own plan.
    """
    text = str(raw or "").strip()
    if not text:
        raise InvalidAddress("Enter a phone number with its area code, e.g. 512-555-0100.", field=PHONE)
    plain = PLAIN.match(text) if region == "US" else None
    if plain and not NOT_AN_AREA.match(value := "+1" + "".join(plain.groups())):
        return value
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        raise InvalidAddress(
            f"“{text[:40]}” is not a phone number. Enter ten digits with the area code, e.g. 512-555-0100.",
            field=PHONE,
        ) from None
    value = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if number.extension:
        raise InvalidAddress("Enter the number without its extension and put the extension in a note.", field=PHONE)
    if not _is_dialable(number, value):
        raise InvalidAddress(
            f"“{text[:40]}” cannot be dialled. Check the area code and that the number has ten digits.", field=PHONE
        )
    return value


def _is_dialable(number: phonenumbers.PhoneNumber, value: str) -> bool:
    if number.country_code == 1:
        return bool(NANP.match(value)) and not NOT_AN_AREA.match(value)
    return phonenumbers.is_valid_number(number)


def normalise_email(raw: str) -> str:
    """Return the address trimmed and in lower case."""
    value = str(raw or "").strip().lower()
    try:
        _is_email(value)
        value.encode("ascii")
    except (ValidationError, UnicodeEncodeError):
        raise InvalidAddress(
            f"“{value[:60]}” is not an e-mail address. Enter it like name@example.org.", field=EMAIL
        ) from None
    if len(value) > 254:
        raise InvalidAddress("An e-mail address has at most 254 characters. Check for a pasted text.", field=EMAIL)
    return value


KINDS = {PHONE: normalise_phone, EMAIL: normalise_email}


def pairs_said(said: Mapping[str, object]) -> list[Pair]:
    """The number and the mailbox said, by kind, in their one form. Raise InvalidFields naming what cannot be used."""
    pairs: list[Pair] = []
    errors: dict[str, list[str]] = {}
    for kind, normalise in KINDS.items():
        if value := said.get(kind):
            try:
                pairs.append((kind, normalise(str(value))))
            except InvalidAddress as error:
                errors[kind] = [error.message]
    if errors:
        raise InvalidFields(errors)
    return pairs


def keyed_hash(kind: str, value: str) -> str:
    """Return the hash that names an address after its value was erased; useless without EVIDENCE_KEY."""
    return hmac.digest(settings.EVIDENCE_KEY.encode(), f"{kind}:{value}".encode(), "sha256").hex()


def named(pairs: Iterable[Pair]) -> dict[str, Pair]:
    """The addresses by their keyed hash. Asks the database nothing."""
    return {keyed_hash(kind, value): (kind, value) for kind, value in pairs}


def lock_addresses(pairs: Iterable[Pair], *, also: Collection[int] = ()) -> dict[Pair, Address]:
    """Return the rows of these normalised addresses, made where missing, locked in one order. Two queries.

    Rows that are known, `also`, are locked in the same order and not returned. Call it inside a transaction; the locks
    end with it. Consent is locked before any lead.
    """
    wanted = named(pairs)
    if not wanted and not also:
        return {}
    if wanted:
        _make(wanted)
    found = Address.objects.filter(Q(keyed_hash__in=wanted) | Q(pk__in=also))
    rows = found.select_for_update(no_key=True).order_by("pk")
    return {wanted[row.keyed_hash]: row for row in rows if row.keyed_hash in wanted}


class Held(NamedTuple):
    """What a bulk writer needs to know of an address it has locked."""

    pk: int
    kind: str
    value: str | None


def lock_many(wanted: Mapping[str, Pair]) -> dict[Pair, Held]:
    """Do as `lock_addresses` does for the thousands of `named` addresses of a file, without an instance for each."""
    _make(wanted)
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [json.dumps(list(wanted))])
        return {wanted[digest]: Held(*row) for digest, *row in cursor.fetchall()}


def _make(wanted: Mapping[str, Pair]) -> None:
    """Make the rows that are missing."""
    with connection.cursor() as cursor:
        cursor.execute(MAKE, [json.dumps([[digest, *wanted[digest]] for digest in sorted(wanted)])])


# One document for two addresses or ten thousand: the driver quotes the members of an array one by one.
MAKE = """
INSERT INTO consent_address (kind, value, keyed_hash, created_at)
SELECT a->>1, a->>2, a->>0, now() FROM json_array_elements(%s) AS a
ON CONFLICT DO NOTHING
"""
LOCK = """
SELECT keyed_hash, id, kind, value FROM consent_address
WHERE keyed_hash = ANY(ARRAY(SELECT json_array_elements_text(%s))) ORDER BY id FOR NO KEY UPDATE
"""


def find(kind: str, value: str) -> Address | None:
    """Return the row of a normalised address, erased or not, if there is one."""
    return Address.objects.filter(keyed_hash=keyed_hash(kind, value)).first()


def ending_in(digits: str) -> QuerySet[Address]:
    """The phone numbers with these last four digits, by their index."""
    return Address.objects.alias(last4=Right("value", 4)).filter(kind=PHONE, last4=digits)
