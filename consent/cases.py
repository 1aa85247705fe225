"""Do the rules still decide what compliance expects? Replays worked cases through the real tables, ledger and gate.

The form is `case_form`, in words in docs/consent.md. A fact that a case leaves out is in order, except that there is no
consent, no scrub and no header that nobody mentions. Everything is written in a transaction that is rolled back.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import DataError, transaction
from uuid_utils.compat import uuid7

from consent import addresses, fold, gate, ledger
from consent.case_form import DNC, PROOF, READINGS, check_case, kind_of, speaks_of_unencrypted
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
from consent.vocabulary import Channel, CheckResult, EventKind, GrantChannel, Scope
from medcrm.lib.errors import RuleError
from medcrm.lib.worked import Json, MalformedCase, as_instant

FAR = datetime.fromisoformat("9999-01-01T00:00:00+00:00")
FACTS = ("via", "channel", "only", "result", "zone", "state", "states_remuneration")
OF_NUMBERS = frozenset({EventKind.REVOKE, EventKind.INTERNAL_DNC, EventKind.WRONG_NUMBER})
"""What a person says of calls and texts: a ledger of a case is the person's, and these reach no mailbox …"""
OF_ALL_ADDRESSES = frozenset({Scope.ALL_CONTACT, Scope.EVERYTHING})
"""… unless they go as far as this [contact_rules 19]."""


@dataclass(frozen=True)
class Result:
    """What one case expected and what the gate said."""

    id: str
    passed: bool
    expected: Json
    got: Json


def replay(case: Json) -> Result:
    """Build the state of a case, ask the gate, roll everything back. Raise MalformedCase."""
    check_case(case)
    try:
        with transaction.atomic():
            setup = Setup(case)
            decision = gate.decide(setup.build(), at=setup.at)
            transaction.set_rollback(True)
    except (RuleError, DataError) as error:
        raise MalformedCase(case["id"], "given", str(error)) from error
    expected, got = dict(case["expect"]), _got(decision)
    return Result(str(case["id"]), _matches(expected, got), expected, got)


def _got(decision: Decision) -> Json:
    found: dict[str, Any] = {"allowed": decision.allowed, "reason": decision.code, "kind": decision.kind}
    if decision.next_allowed_at is not None:
        found["next_allowed_utc"] = decision.next_allowed_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return found


def _matches(expected: Json, got: Json) -> bool:
    """Compare the keys that are given; an instant by value, not by how it is written."""
    for key, wanted in expected.items():
        found = got.get(key)
        if key == "next_allowed_utc" and wanted and found:
            wanted, found = as_instant(wanted), datetime.fromisoformat(found)
        if found != wanted:
            return False
    return True


class Setup:
    """Writes the state that a case, whose form was checked, gives into the real tables and makes its request."""

    def __init__(self, case: Json) -> None:
        self.given, self.when = _said(case["given"]), _said(case["when"])
        self.contact = _said(self.given["contact"])
        self.at = as_instant(self.when["at_utc"])
        self.channel, self.purpose = self.when["channel"], self.when["purpose"]
        self.seller = str(self.when.get("seller") or "seller")

    def build(self) -> ContactRequest:
        """Write everything and return the request."""
        sender = _said(self.given.get("sender"))
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
        national = _said(self.given.get("national_dnc"))
        if "scrubbed_at" in national:
            taken_at = as_instant(national["scrubbed_at"])
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
        events = [_said(event) for event in self.given.get("ledger", ())]
        self.ids = {event["id"]: uuid7() for event in events if "id" in event}
        entries = [entry for event in events for entry in self._entries(address, event)]
        entries += self._number_check(address, events) if address.kind == addresses.PHONE else []
        entries += self._health_events(address)
        now = max([self.at, *(entry.occurred_at for entry in entries)])
        ledger.record_many(entries, at=now)

    def _entries(self, address: Address, event: Json) -> Iterator[ledger.Entry]:
        """The entries of one event: what every kind says, then what its own says."""
        kind = kind_of(event)
        common: dict[str, Any] = {
            "id": self.ids.get(event.get("id")) or uuid7(),
            "occurred_at": as_instant(event["at"]),
            "text": event.get("text", ""),
            "source": event.get("source", ""),
            "seller": self._sellers(event),
            "about": self.ids.get(event.get("about")),
            "expires_at": _instant_of(event, "expires_at"),
        }
        if kind == EventKind.GRANT:
            yield self._grant(address, event, **common)
        elif kind == EventKind.INBOUND:
            yield from self._inbound(address, event, **common)
        else:
            scope = "all" if event.get("scope") == DNC else event.get("scope", "")
            verdict = READINGS[event["verdict"]] if "verdict" in event else ""
            facts = {name: event[name] for name in FACTS if name in event}
            if address.kind == addresses.EMAIL and kind in OF_NUMBERS and scope not in OF_ALL_ADDRESSES:
                facts.setdefault(fold.ONLY, [GrantChannel.VOICE.value, GrantChannel.SMS.value])
            yield ledger.Entry(address.pk, kind, scope=scope, verdict=verdict, facts=facts, **common)

    def _sellers(self, event: Json) -> Sequence[str]:
        """Who is named; a grant that does not say names who asks, one that says “none” (`[]`) names nobody."""
        if "seller" in event:
            return [event["seller"]]
        if "sellers" in event:
            return event["sellers"] or [""]
        return [self.seller] if event["type"] == EventKind.GRANT else []

    def _grant(self, address: Address, event: Json, **common: Any) -> ledger.Entry:
        """A grant with its disclosure, whose text lacks a part or does not match what was shown if the case says so."""
        lacks = event.get("evidence_complete") is False
        is_whole = event.get("evidence_hash_ok", True)
        elements = event.get("elements", PEWC_ELEMENTS)
        disclosure = Disclosure.objects.create(
            code=f"case-{uuid7()}"[:40],
            seller_id=self.seller,
            text="The text that this person saw.",
            level=event["level"],
            elements=[name for name in elements if not (lacks and name == PEWC_ELEMENTS[-1])],
        )
        return ledger.Entry(
            address.pk,
            EventKind.GRANT,
            level=event["level"],
            channels=event["channels"],
            purposes=event["purposes"],
            disclosure=disclosure,
            shown_sha256="" if is_whole else hashlib.sha256(b"another text").hexdigest(),
            fresh_opt_in=event.get("fresh_opt_in", False),
            effective_at=_instant_of(event, "effective_at"),
            evidence={name: event[name] for name in PROOF if name in event},
            **common,
        )

    def _inbound(self, address: Address, event: Json, **common: Any) -> Iterator[ledger.Entry]:
        """A message, what a person read in it, and what it says of the person's other addresses."""
        scope = "all" if event.get("scope") == DNC else event.get("scope", "")
        facts = {"channel": "sms", **{name: event[name] for name in ("channel", "via") if name in event}}
        yield ledger.Entry(address.pk, EventKind.INBOUND, scope=scope, facts=facts, **common)
        later = {"occurred_at": common["occurred_at"]}
        if "reviewed" in event:
            verdict = READINGS[event["reviewed"]]
            yield ledger.Entry(address.pk, EventKind.REVIEW, about=common["id"], verdict=verdict, **later)
        if address.kind == addresses.EMAIL and scope in OF_ALL_ADDRESSES:
            yield ledger.Entry(address.pk, EventKind.REVOKE, scope=scope, **later)

    def _number_check(self, address: Address, events: Sequence[Json]) -> list[ledger.Entry]:
        """The reassigned-numbers check; in order and fresh where the case tells of none."""
        told = {kind_of(event) for event in events}
        if "rnd" not in self.given and told & {EventKind.NUMBER_CHECK.value, EventKind.REASSIGNED.value}:
            return []
        check = _said(self.given.get("rnd")) or {"result": CheckResult.NO.value}
        at, facts = _instant_of(check, "queried_at") or self.at, {"result": check["result"]}
        return [ledger.Entry(address.pk, EventKind.NUMBER_CHECK, occurred_at=at, facts=facts)]

    def _health_events(self, address: Address) -> Iterator[ledger.Entry]:
        """The authorization and the acceptance of unencrypted messages are events like any other [H13, H20]."""
        health = _said(self.given.get("hipaa"))
        if "authorization" in health:
            yield from self._authorization(address, _said(health["authorization"]))
        for name, said in health.items():
            if speaks_of_unencrypted(name) and said:
                at = self.at if said is True else as_instant(said)
                yield ledger.Entry(address.pk, EventKind.UNENCRYPTED_ACCEPTED, occurred_at=at)

    def _authorization(self, address: Address, signed: Json) -> Iterator[ledger.Entry]:
        yield ledger.Entry(
            address.pk,
            EventKind.HIPAA_AUTHORIZATION,
            occurred_at=_instant_of(signed, "signed_at") or self.at - timedelta(days=1),
            expires_at=_instant_of(signed, "expires_at"),
            facts={"states_remuneration": signed.get("states_remuneration", False)},
        )
        if revoked := signed.get("revoked_at") or signed.get("revoked"):
            ended = self.at if revoked is True else as_instant(revoked)
            yield ledger.Entry(address.pk, EventKind.HIPAA_REVOKED, occurred_at=ended)

    # Earlier attempts

    def _attempts(self, address: Address) -> None:
        Attempt.objects.bulk_create(self._attempt(address, _said(each)) for each in self.given.get("attempts", ()))

    def _attempt(self, address: Address, attempt: Json) -> Attempt:
        state = attempt.get("state", AttemptState.SENT)
        return Attempt(
            address=address,
            seller_id=self.seller,
            at=as_instant(attempt["at"]),
            channel=attempt["channel"],
            purpose=attempt["purpose"],
            subject=attempt.get("subject", ""),
            state=state,
            kind="deny" if state == AttemptState.REFUSED else "allow",
            code="OK_PEWC",
        )

    # The request

    def _request(self, address: Address) -> ContactRequest:
        contact = self.contact
        rate = _said(self.given.get("campaign")).get("abandon_rate_30d")
        return ContactRequest(
            address_id=address.pk,
            channel=self.channel,
            purpose=self.purpose,
            seller=self.seller,
            subject=str(self.when.get("subject") or ""),
            place=Place(
                state=str(contact.get("address_state") or ""),
                zones=tuple(contact.get("address_tz", ())),
                country=str(contact.get("country") or "US"),
                area=Area(
                    str(contact.get("area_code") or ""),
                    tuple(s for s in [contact.get("area_code_state")] if s),
                    tuple(contact.get("area_code_tz", ())),
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
        is_so = _is_so(_said(self.given.get("content")))
        return Content(
            has_marketing=is_so("has_marketing"),
            has_postal_address=is_so("physical_address"),
            has_one_click=is_so("one_click"),
            has_signed_headers=is_so("dkim_covers_unsub"),
        )

    def _health(self) -> Health:
        is_so = _is_so(_said(self.given.get("hipaa")))
        return Health(
            is_covered_entity=is_so("covered_entity"),
            uses_phi=is_so("uses_phi"),
            has_phi_in_content=is_so("phi_in_content"),
            has_vendor_agreement=is_so("vendor_baa"),
            is_own_service=is_so("treatment_or_own_service_no_remuneration"),
            is_paid_by_third_party=is_so("third_party_remuneration"),
        )

    def _exemption(self) -> Exemption | None:
        claim = _said(self.given.get("exempt"))
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


def _said(part: Json | None) -> Json:
    """What a part of the case says; null is as good as left out."""
    return {name: value for name, value in (part or {}).items() if value is not None}


def _instant_of(part: Json, name: str) -> datetime | None:
    return as_instant(part[name]) if name in part else None


def _is_so(facts: Json) -> Callable[[str], bool]:
    return lambda name: facts.get(name) is True
