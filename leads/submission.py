"""What does a submission say? Its body read, every field checked, everything brought into normal form.

All problems are named at once, field by field, so that a form or a person can mend them in one go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.db.models import F, SmallIntegerField, Value

from consent import addresses
from consent.addresses import InvalidAddress
from leads import targets
from leads.models import Document, TimingWindow
from leads.serializers import InquirySerializer
from medcrm.lib.errors import InvalidFields

PHONE, EMAIL = "phone", "email"


@dataclass(frozen=True)
class Submission:
    """A valid submission in normal form: E.164 phone, lower-cased e-mail, catalogue codes that exist."""

    fields: Mapping[str, object]
    phone: str
    email: str
    documents: Sequence[str]
    channels: Sequence[str]
    page_url: str
    campaign: str

    @property
    def addresses(self) -> list[tuple[str, str]]:
        """The addresses given, as (kind, value)."""
        return [(kind, value) for kind, value in ((PHONE, self.phone), (EMAIL, self.email)) if value]


def parse(raw: bytes) -> dict[str, object]:
    """Read the body as one JSON object. Raise InvalidFields on the field `body`."""
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InvalidFields({"body": [f"This is not JSON: {error}. Send one JSON object."]}) from None
    if not isinstance(fields, dict):
        raise InvalidFields({"body": ["Send one JSON object with the fields of one inquiry."]})
    return fields


def fields_of(body: str) -> dict[str, object]:
    """The fields of a body that is kept, none where it is not readable or its time was up."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def normalise(fields: Mapping[str, object]) -> Submission:
    """Check every field and bring it into normal form. Raise InvalidFields with all problems at once."""
    serializer = InquirySerializer(data=fields)
    valid = serializer.is_valid()
    errors = {name: [str(message) for message in _flat(found)] for name, found in serializer.errors.items()}
    data = dict(serializer.validated_data) if valid else {n: _plain(v) for n, v in fields.items() if n not in errors}
    phone = _address(PHONE, data.get("phone"), errors)
    email = _address(EMAIL, data.get("email"), errors)
    if not phone and not email and PHONE not in errors and EMAIL not in errors:
        errors[PHONE] = ["Give a phone number or an e-mail address, so that somebody can answer."]
    timing = _check_codes(data, errors)
    if errors:
        raise InvalidFields({_plain(name): _plain(told) for name, told in errors.items()})
    data["timing"] = timing
    for name in targets.NAMES:
        if targets.no_name(data.get(name)):
            data[name] = ""  # the answer that there is none, or none known, is no name
    page_url = data.pop("page_url", "")
    return Submission(
        fields=data,
        phone=phone,
        email=email,
        documents=[code for code in data.pop("documents", []) if code],  # a blank says nothing, as in any field
        channels=data.pop("consent", []),
        page_url=page_url,
        campaign=data.pop("campaign", "") or campaign_of(page_url),
    )


def campaign_of(page_url: str) -> str:
    """What the address of a form says of the campaign that led to it; blank where it says nothing."""
    try:
        said = parse_qs(urlsplit(page_url).query, max_num_fields=100)
    except ValueError:
        return ""
    return said.get("utm_campaign", [""])[0].replace("\x00", "").strip()[:120]


def page_of(page_url: str) -> str:
    """The address of a page alone. What follows “?” or “#” tells of the visitor and stays with the proof of consent."""
    return re.split("[?#]", page_url, maxsplit=1)[0]


CATALOGUE = {**targets.ROWS, "documents": Document, "timing": TimingWindow}


def _check_codes(data: Mapping[str, object], errors: dict[str, list[str]]) -> TimingWindow | None:
    """Check that every code is in the catalogue, in one query; return what the timing means."""
    asked = {name: codes for name in CATALOGUE if name not in errors and (codes := _codes(data.get(name)))}
    found = _find_codes(asked)
    for name, codes in asked.items():
        unknown = [code for code in codes if (name, code) not in found]
        if unknown:
            errors[name] = [f"“{code}” is not in the catalogue; use one of its codes." for code in unknown]
    for code in asked.get("timing", []):
        kind, days = found.get(("timing", code), ("", None))
        return TimingWindow(code=code, kind=kind, days=days)
    return None


def _find_codes(asked: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], tuple[str, int | None]]:
    """(field, code) of the codes that are in force → for timings their kind and days."""
    nothing = {"kind_": Value(""), "days_": Value(0, SmallIntegerField())}
    queries = [
        CATALOGUE[name]
        .objects.filter(pk__in=codes, is_active=True)
        .annotate(field_=Value(name), **({"kind_": F("kind"), "days_": F("days")} if name == "timing" else nothing))
        .order_by()
        .values_list("field_", "pk", "kind_", "days_")
        for name, codes in asked.items()
    ]
    rows = queries[0].union(*queries[1:], all=True) if queries else []
    return {(name, code): (kind, days) for name, code, kind, days in rows}


def _codes(value: object) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str) and item]


def _plain(value: Any) -> Any:
    """A text, or a list of some, without what the database holds in none: NUL and halves of surrogate pairs."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.replace("\x00", "").encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _flat(found: object) -> list[str]:
    """DRF nests the errors of list items by index; a person wants one list."""
    if isinstance(found, Mapping):
        return [f"item {index + 1}: {message}" for index, inner in found.items() for message in _flat(inner)]
    return [str(message) for message in found] if isinstance(found, list) else [str(found)]


def _address(kind: str, value: object, errors: dict[str, list[str]]) -> str:
    if kind in errors or not isinstance(value, str) or not value.strip():
        return ""
    try:
        return addresses.normalise_phone(value) if kind == PHONE else addresses.normalise_email(value)
    except InvalidAddress as error:
        errors[kind] = [error.message]
        return ""


def check_facts(fields: Mapping[str, object]) -> dict[str, object]:
    """Check facts that come outside an inquiry, as a correction or with a call. Raise InvalidFields."""
    errors: dict[str, list[str]] = {}
    facts = dict(fields)
    timing = _check_codes(facts, errors)
    if errors:
        raise InvalidFields(errors)
    return facts | ({"timing": timing.code} if timing else {})
