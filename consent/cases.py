"""Do the rules still decide what compliance expects? Replays worked cases through the real tables, ledger and gate.

The form is that of docs/compliance-cases.md. A fact that a case leaves out is in order, except that there is no
consent, no scrub and no header that nobody mentions. Everything is written in a transaction that is rolled back.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from uuid_utils.compat import uuid7

from consent import addresses, gate, ledger
from consent.lifecycle import AttemptState
from consent.models import (
    Address,
    Attempt,
    Disclosure,
    Emergency,
    ListEntry,
    ListSnapshot,
    Seller,
)
from consent.models.ledger import PEWC_ELEMENTS
from consent.request import Area, ContactRequest, Content, Decision, Exemption, Health, Place
from consent.vocabulary import Channel, CheckResult, EventKind, Purpose, Verdict

Json = Mapping[str, Any]
FAR = datetime.fromisoformat("9999-01-01T00:00:00+00:00")


class MalformedCase(Exception):
    """The file is not of the form; names the case and the field."""

    def __init__(self, case: object, field: str, problem: str) -> None:
        super().__init__(f"{case}: {field}: {problem}")


@dataclass(frozen=True)
class Result:
    """What one case expected and what the gate said."""

    id: str
    passed: bool
    expected: Json
    got: Json


def replay(case: Json) -> Result:
    """Build the state of a case, ask the gate, roll everything back."""
    with transaction.atomic():
        setup = Setup(case)
        decision = gate.decide(setup.build(), at=setup.at)
        transaction.set_rollback(True)
    got = _got(decision)
    expected = dict(_mapping(case, case.get("id"), "expect"))
    return Result(str(case["id"]), _matches(expected, got, case["id"]), expected, got)


def _got(decision: Decision) -> Json:
    found: dict[str, Any] = {"allowed": decision.allowed, "reason": decision.code, "kind": decision.kind}
    if decision.next_allowed_at is not None:
        found["next_allowed_utc"] = decision.next_allowed_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return found


def _matches(expected: Json, got: Json, case: object) -> bool:
    """Compare the keys that are given; an instant by value, not by how it is written."""
    for key, wanted in expected.items():
        if key not in ("allowed", "reason", "kind", "next_allowed_utc"):
            raise MalformedCase(case, f"expect.{key}", "no such key")
        found = got.get(key)
        if key == "next_allowed_utc" and wanted and found:
            if _instant(wanted, case, f"expect.{key}") != _instant(found, case, key):
                return False
        elif found != wanted:
            return False
    return True


# Reading the form


def _mapping(parent: Json, case: object, name: str, *, default: Json | None = None) -> Json:
    value = parent.get(name, default)
    if value is None and default is not None:
        return default
    if not isinstance(value, Mapping):
        raise MalformedCase(case, name, "an object is needed here")
    return value


def _list(parent: Json, case: object, name: str) -> Sequence[Any]:
    value = parent.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise MalformedCase(case, name, "a list is needed here")
    return value


def _instant(value: object, case: object, field: str) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        raise MalformedCase(case, field, f"“{value}” is not an instant like 2026-11-24T16:00:00Z") from None
    if moment.tzinfo is None:
        raise MalformedCase(case, field, f"“{value}” lacks its zone; write Z for UTC")
    return moment


def check_form(cases: object) -> Sequence[Json]:
    """Return the cases of a parsed file, or raise MalformedCase for the first that is not one."""
    if not isinstance(cases, list):
        raise MalformedCase("file", "(top)", "a list of cases is needed")
    for place, case in enumerate(cases):
        name = case.get("id") if isinstance(case, Mapping) else None
        if not isinstance(case, Mapping) or not name:
            raise MalformedCase(f"case {place + 1}", "id", "each case is an object with an id")
        for part in ("given", "when", "expect"):
            _mapping(case, name, part)
    return cases


class Setup:
    """Writes the state that a case gives into the real tables and makes its request."""

    def __init__(self, case: Json) -> None:
        self.id = case["id"]
        self.given = _mapping(case, self.id, "given")
        self.when = _mapping(case, self.id, "when")
        self.contact = _mapping(self.given, self.id, "contact")
        self.at = _instant(self.when.get("at_utc"), self.id, "when.at_utc")
        self.channel = self._choice(self.when, "when", "channel", Channel.values)
        self.purpose = self._choice(self.when, "when", "purpose", Purpose.values)
        self.seller = str(self.when.get("seller") or "seller")

    def _choice(self, parent: Json, where: str, name: str, choices: Sequence[str]) -> str:
        value = parent.get(name)
        if value not in choices:
            raise MalformedCase(self.id, f"{where}.{name}", f"“{value}” is none of {', '.join(choices)}")
        return str(value)

    def build(self) -> ContactRequest:
        """Write everything and return the request."""
        sender = _mapping(self.given, self.id, "sender", default={})
        Seller.objects.update_or_create(
            code=self.seller,
            defaults={"name": self.seller, "is_sms_sender_registered": sender.get("a2p_registered", True) is True},
        )
        address = self._address()
        self._lists(address)
        self._ledger(address)
        self._attempts(address)
        return self._request(address)

    # The address

    def _address(self) -> Address:
        """Make an address that nobody has: a number no exchange can have, or a random mailbox.

        A chain that is said to be broken begins with links that are not there.
        """
        if self.channel == Channel.EMAIL:
            kind, value = addresses.EMAIL, f"case-{uuid7()}@example.test"
        else:
            area = str(self.contact.get("area_code") or "555")
            kind, value = addresses.PHONE, f"+1{area}1{secrets.randbelow(10**6):06}"
        is_broken = self.given.get("ledger_chain_valid", True) is False
        return Address.objects.create(
            kind=kind,
            value=value,
            keyed_hash=addresses.keyed_hash(kind, f"{value} {uuid7()}"),
            head_seq=1 if is_broken else 0,
            head_hash=secrets.token_hex(32) if is_broken else "",
        )

    # Lists and emergencies

    def _lists(self, address: Address) -> None:
        """Put away the lists and emergencies of this database and write the case's own."""
        ListSnapshot.objects.update(taken_at=FAR)
        Emergency.objects.update(starts_at=FAR, ends_at=None)
        number = int(str(address.value)[1:]) if address.kind == addresses.PHONE else None
        national = _mapping(self.given, self.id, "national_dnc", default={})
        if national.get("scrubbed_at"):
            taken_at = _instant(national["scrubbed_at"], self.id, "given.national_dnc.scrubbed_at")
            self._list("national_dnc", "", taken_at, number if national.get("registered") else None)
        if self.contact.get("state_dnc"):
            self._list("state_dnc", (self._states() or ["XX"])[0], self.at, number)
        if self.contact.get("state_emergency"):
            Emergency.objects.bulk_create(
                Emergency(state=state, starts_at=self.at - timedelta(days=1), source="case") for state in self._states()
            )

    def _list(self, kind: str, state: str, taken_at: datetime, number: int | None) -> None:
        snapshot = ListSnapshot.objects.create(kind=kind, state=state, version=str(uuid7()), taken_at=taken_at)
        if number is not None:
            ListEntry.objects.create(snapshot=snapshot, number=number)

    def _states(self) -> list[str]:
        found = (self.contact.get("address_state"), self.contact.get("area_code_state"))
        return list(dict.fromkeys(str(state) for state in found if state))

    # The ledger

    def _ledger(self, address: Address) -> None:
        entries = [
            entry
            for place, event in enumerate(_list(self.given, self.id, "ledger"))
            for entry in self._entries(address, event, f"given.ledger[{place}]")
        ]
        entries += self._number_check(address) if address.kind == addresses.PHONE else []
        entries += self._health_events(address)
        now = max([self.at, *(entry.occurred_at for entry in entries)])
        ledger.record_many(entries, now=now)

    def _entries(self, address: Address, event: object, where: str) -> Iterator[ledger.Entry]:
        if not isinstance(event, Mapping):
            raise MalformedCase(self.id, where, "an event is an object")
        at = _instant(event.get("at"), self.id, f"{where}.at")
        kind = str(event.get("type"))
        if kind == EventKind.GRANT:
            yield self._grant(address, event, at, where)
        elif kind == EventKind.INBOUND:
            yield from self._inbound(address, event, at, where)
        else:
            yield self._other(address, event, kind, at, where)

    def _grant(self, address: Address, event: Json, at: datetime, where: str) -> ledger.Entry:
        """A grant with its disclosure, whose text lacks a part or does not match what was shown if the case says so."""
        is_complete = event.get("evidence_complete", True) is True
        is_whole = event.get("evidence_hash_ok", True) is True
        disclosure = Disclosure.objects.create(
            code=f"case-{uuid7()}"[:40],
            seller_id=self.seller,
            text="The text that this person saw.",
            level=str(event.get("level", "")),
            elements=list(PEWC_ELEMENTS if is_complete else PEWC_ELEMENTS[:-1]),
        )
        instants = {
            name: _instant(event[name], self.id, f"{where}.{name}")
            for name in ("effective_at", "expires_at")
            if event.get(name)
        }
        return ledger.Entry(
            address.pk,
            EventKind.GRANT,
            occurred_at=at,
            level=self._choice(event, where, "level", ["PEC", "PEWC", "EMAIL_OPTIN"]),
            channels=_list(event, self.id, "channels"),
            purposes=_list(event, self.id, "purposes"),
            seller=_list(event, self.id, "sellers"),
            disclosure=disclosure,
            shown_sha256="" if is_whole else hashlib.sha256(b"another text").hexdigest(),
            fresh_opt_in=event.get("fresh_opt_in") is True,
            **instants,
        )

    def _inbound(self, address: Address, event: Json, at: datetime, where: str) -> Iterator[ledger.Entry]:
        message = ledger.Entry(
            address.pk,
            EventKind.INBOUND,
            occurred_at=at,
            text=str(event.get("text", "")),
            facts={"channel": event.get("channel", "sms")},
        )
        yield message
        if reviewed := event.get("reviewed"):
            verdict = Verdict.NONE if str(reviewed).startswith("not") else Verdict.REVOKE
            yield ledger.Entry(address.pk, EventKind.REVIEW, occurred_at=at, about=message.id, verdict=verdict)

    def _other(self, address: Address, event: Json, kind: str, at: datetime, where: str) -> ledger.Entry:
        scope = str(event.get("scope") or "")
        if scope == "dnc":
            kind, scope = EventKind.INTERNAL_DNC.value if kind == EventKind.REVOKE else kind, "all"
        kind = EventKind.UNENCRYPTED_ACCEPTED.value if "unencrypted" in kind else kind
        if kind not in EventKind.values:
            raise MalformedCase(self.id, f"{where}.type", f"“{kind}” is none of {', '.join(EventKind.values)}")
        if scope and scope not in ("marketing", "all", "all_contact", "everything"):
            raise MalformedCase(self.id, f"{where}.scope", f"“{scope}” is not a scope")
        facts = {"via": event["via"]} if event.get("via") else {}
        return ledger.Entry(address.pk, kind, occurred_at=at, scope=scope, text=str(event.get("text", "")), facts=facts)

    def _number_check(self, address: Address) -> list[ledger.Entry]:
        """The reassigned-numbers check; in order and fresh where the case does not mention it."""
        check = _mapping(self.given, self.id, "rnd", default={"result": "no"})
        result = self._choice(check, "given.rnd", "result", CheckResult.values)
        at = _instant(check["queried_at"], self.id, "given.rnd.queried_at") if check.get("queried_at") else self.at
        return [ledger.Entry(address.pk, EventKind.NUMBER_CHECK, occurred_at=at, facts={"result": result})]

    def _health_events(self, address: Address) -> list[ledger.Entry]:
        """The authorization and the acceptance of unencrypted messages are events like any other [H13, H20]."""
        health = _mapping(self.given, self.id, "hipaa", default={})
        entries = []
        if signed := health.get("authorization"):
            entries += self._authorization(address, _mapping(health, self.id, "authorization"))
            if not isinstance(signed, Mapping):
                raise MalformedCase(self.id, "given.hipaa.authorization", "an object is needed here")
        if any(value is True for key, value in health.items() if "unencrypted" in key or "accept" in key):
            entries.append(ledger.Entry(address.pk, EventKind.UNENCRYPTED_ACCEPTED, occurred_at=self.at))
        return entries

    def _authorization(self, address: Address, signed: Json) -> Iterator[ledger.Entry]:
        where = "given.hipaa.authorization"
        signed_at = signed.get("signed_at")
        at = _instant(signed_at, self.id, f"{where}.signed_at") if signed_at else self.at - timedelta(days=1)
        ends = signed.get("expires_at")
        yield ledger.Entry(
            address.pk,
            EventKind.HIPAA_AUTHORIZATION,
            occurred_at=at,
            expires_at=_instant(ends, self.id, f"{where}.expires_at") if ends else None,
            facts={"states_remuneration": signed.get("states_remuneration") is True},
        )
        if revoked := signed.get("revoked_at") or signed.get("revoked"):
            ended = self.at if revoked is True else _instant(revoked, self.id, f"{where}.revoked_at")
            yield ledger.Entry(address.pk, EventKind.HIPAA_REVOKED, occurred_at=ended)

    # Earlier attempts

    def _attempts(self, address: Address) -> None:
        Attempt.objects.bulk_create(
            [
                self._attempt(address, attempt, f"given.attempts[{place}]")
                for place, attempt in enumerate(_list(self.given, self.id, "attempts"))
            ]
        )

    def _attempt(self, address: Address, attempt: object, where: str) -> Attempt:
        if not isinstance(attempt, Mapping):
            raise MalformedCase(self.id, where, "an attempt is an object")
        return Attempt(
            address=address,
            seller_id=self.seller,
            at=_instant(attempt.get("at"), self.id, f"{where}.at"),
            channel=self._choice(attempt, where, "channel", Channel.values),
            purpose=self._choice(attempt, where, "purpose", Purpose.values),
            subject=str(attempt.get("subject") or ""),
            state=AttemptState.SENT,
            kind="allow",
            code="OK_PEWC",
        )

    # The request

    def _request(self, address: Address) -> ContactRequest:
        contact = self.contact
        rate = _mapping(self.given, self.id, "campaign", default={}).get("abandon_rate_30d")
        return ContactRequest(
            address_id=address.pk,
            channel=self.channel,
            purpose=self.purpose,
            seller=self.seller,
            subject=str(self.when.get("subject") or ""),
            place=Place(
                state=str(contact.get("address_state") or ""),
                zones=tuple(_list(contact, self.id, "address_tz")),
                country=str(contact.get("country") or "US"),
                area=Area(
                    str(contact.get("area_code") or ""),
                    tuple(s for s in [contact.get("area_code_state")] if s),
                    tuple(_list(contact, self.id, "area_code_tz")),
                ),
            ),
            contact_kind=str(contact.get("kind") or "consumer"),
            line_type=str(contact.get("phone_type") or "mobile"),
            content=self._content(),
            health=self._health(),
            exemption=self._exemption(),
            abandon_rate=None if rate is None else Decimal(str(rate)),
        )

    def _content(self) -> Content:
        is_so = _is_so(_mapping(self.given, self.id, "content", default={}))
        return Content(
            has_marketing=is_so("has_marketing"),
            has_postal_address=is_so("physical_address"),
            has_one_click=is_so("one_click"),
            has_signed_headers=is_so("dkim_covers_unsub"),
        )

    def _health(self) -> Health:
        is_so = _is_so(_mapping(self.given, self.id, "hipaa", default={}))
        return Health(
            is_covered_entity=is_so("covered_entity"),
            uses_phi=is_so("uses_phi"),
            has_phi_in_content=is_so("phi_in_content"),
            has_vendor_agreement=is_so("vendor_baa"),
            is_own_service=is_so("treatment_or_own_service_no_remuneration"),
            is_paid_by_third_party=is_so("third_party_remuneration"),
        )

    def _exemption(self) -> Exemption | None:
        claim = _mapping(self.given, self.id, "exempt", default={})
        if not claim:
            return None
        is_so = _is_so(claim)
        return Exemption(
            sender_is_covered=is_so("sender_is_covered_entity_or_ba"),
            number_given_by_patient=is_so("number_given_by_patient"),
            has_marketing_or_billing=claim.get("contains_marketing_or_billing", True) is not False,
            is_recipient_charged=claim.get("recipient_charged", True) is not False,
            length=claim.get("chars"),
            seconds=claim.get("seconds", 0),
            offers_opt_out=is_so("opt_out_offered"),
        )


def _is_so(facts: Json) -> Callable[[str], bool]:
    return lambda name: facts.get(name) is True
