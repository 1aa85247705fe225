"""What does a worked case look like? Its form, field by field; what is not in it is named, never passed in silence.

The form knows no rule: what the fields mean is in `cases.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from consent import rules, zones
from consent.lifecycle import AttemptState
from consent.models.ledger import PEWC_ELEMENTS
from consent.sentences import SENTENCES
from consent.vocabulary import (
    Channel,
    CheckResult,
    ContactKind,
    EventKind,
    GrantChannel,
    Level,
    LineType,
    Purpose,
    Scope,
    Verdict,
)
from medcrm.lib.worked import (
    Json,
    MalformedCase,
    Reader,
    Wrong,
    anything,
    count,
    demand,
    each,
    flag,
    instant,
    one_of,
    part,
    share,
    text,
)


def check_case(case: Json) -> None:
    """Raise MalformedCase for the first field that is missing, not known or of another kind than it should be."""
    try:
        CASE(case, "")
        _check_references(case["given"].get("ledger") or ())
    except Wrong as error:
        raise MalformedCase(case.get("id"), error.field, error.problem) from None


def kind_of(event: Json) -> str:
    """The code of an event; some are written more freely, e.g. a withdrawal with the scope `dnc`."""
    kind = str(event["type"])
    if "unencrypted" in kind:
        return EventKind.UNENCRYPTED_ACCEPTED.value
    if kind == EventKind.REVOKE and event.get("scope") == DNC:
        return EventKind.INTERNAL_DNC.value
    return kind


def _check_references(ledger: Sequence[Json]) -> None:
    """What an event is about is another event of the case, by its id."""
    names = [event["id"] for event in ledger if event.get("id")]
    for place, event in enumerate(ledger):
        where = f"given.ledger[{place}]"
        if event.get("id") and names.count(event["id"]) > 1:
            raise Wrong(f"{where}.id", f"“{event['id']}” is the id of another event too")
        if event.get("about") and event["about"] not in names:
            raise Wrong(f"{where}.about", f"no event of this ledger has the id “{event['about']}”")


# Kinds of values


def _flag_or_instant(value: object, field: str) -> None:
    """Whether it happened, or when."""
    if not isinstance(value, bool):
        instant(value, field)


def _zone(value: object, field: str) -> None:
    if not isinstance(value, str) or not zones.is_zone(value):
        raise Wrong(field, f"“{value}” is no time zone like America/New_York")


def _area_code(value: object, field: str) -> None:
    if not (isinstance(value, str) and len(value) == 3 and value.isascii() and value.isdigit()):
        raise Wrong(field, f"three digits in quotes are needed, not {value!r}")


def _health(value: object, field: str) -> None:
    """That unencrypted messages were accepted may be said in any words that speak of it."""
    names = value if isinstance(value, Mapping) else ()
    part(HEALTH | {name: _flag_or_instant for name in names if speaks_of_unencrypted(name)}, is_open=True)(value, field)


def speaks_of_unencrypted(name: str) -> bool:
    return "unencrypted" in name or "accept" in name


def _event(value: object, field: str) -> None:
    """An event of the ledger: what all of them may say, and what its kind says."""
    if not isinstance(value, Mapping):
        raise Wrong(field, "an event is an object")
    demand(value, ("type", "at"), field)
    text()(value["type"], f"{field}.type")
    kind = kind_of(value)
    one_of(EventKind.values)(kind, f"{field}.type")
    more, needs = EVENTS.get(kind, ({}, ()))
    part(EVENT | more, needs=needs, is_open=True)(value, field)
    if kind == EventKind.LOCATION and not (value.get("zone") or value.get("state")):
        raise Wrong(f"{field}.zone", "say the zone, the state or both")


# The form

DNC = "dnc"
SAID = text()
STATES = frozenset(zones.STATES.values()) | {"AS", "GU", "MP", "VI"}
STATE, CODE = one_of(STATES), text(40)
SCOPES = frozenset({*Scope.values, DNC})
READINGS = {
    "not_opt_out": Verdict.NONE,
    "none": Verdict.NONE,
    "opt_out": Verdict.REVOKE,
    "revoke": Verdict.REVOKE,
}
"""What a person read in a message."""

EVENT: Mapping[str, Reader] = {
    "type": SAID,
    "at": instant,
    "id": CODE,
    "via": SAID,
    "channel": SAID,  # any reasonable means [V02]
    "text": SAID,
    "source": text(60),
    "note": SAID,
    "seller": CODE,
    "sellers": each(CODE),
}
PROOF = (
    *("captured_by", "certificate_url", "disclosure_version", "form", "import_batch", "ip", "language"),
    *("page_url", "signature_type", "user_agent", "vendor", "verified_by"),
)
"""What a case may tell of the proof of a grant [contact_rules 13]; it is kept as its evidence."""
GRANT: Mapping[str, Reader] = {
    **dict.fromkeys(PROOF, SAID),
    "level": one_of(Level.values),
    "channels": each(one_of(GrantChannel.values), is_needed=True),
    "purposes": each(one_of(Purpose.values), is_needed=True),
    "effective_at": instant,
    "expires_at": instant,
    "fresh_opt_in": flag,
    "elements": each(one_of(PEWC_ELEMENTS)),
    "evidence_complete": flag,
    "evidence_hash_ok": flag,
}
WITHDRAWAL: Mapping[str, Reader] = {
    "scope": one_of(SCOPES),
    "only": each(one_of(GrantChannel.values), is_needed=True),
}
EVENTS: Mapping[str, tuple[Mapping[str, Reader], Sequence[str]]] = {
    EventKind.GRANT: (GRANT, ("level", "channels", "purposes")),
    EventKind.INBOUND: ({"reviewed": one_of(READINGS), "scope": one_of(SCOPES)}, ()),
    EventKind.REVIEW: ({"about": CODE, "verdict": one_of(READINGS)}, ("about", "verdict")),
    EventKind.CORRECTION: ({"about": CODE}, ("about",)),
    EventKind.REVOKE: (WITHDRAWAL, ()),
    EventKind.INTERNAL_DNC: (WITHDRAWAL, ()),
    EventKind.CLARIFY: ({"scope": one_of(Scope.values)}, ()),
    EventKind.NUMBER_CHECK: ({"result": one_of(CheckResult.values)}, ("result",)),
    EventKind.LOCATION: ({"zone": _zone, "state": STATE}, ()),
    EventKind.HIPAA_AUTHORIZATION: ({"expires_at": instant, "states_remuneration": flag}, ()),
}
"""What each kind of event says beside what all of them may say, and what it must say."""

CONTACT: Mapping[str, Reader] = {
    "kind": one_of(ContactKind.values),
    "phone_type": one_of(LineType.values),
    "address_state": STATE,
    "address_tz": each(_zone),
    "area_code": _area_code,
    "area_code_state": STATE,
    "area_code_tz": each(_zone),
    "country": text(2),
    "email": SAID,
    "state_dnc": flag,
    "state_emergency": flag,
}
ATTEMPT: Mapping[str, Reader] = {
    "at": instant,
    "channel": one_of(Channel.values),
    "purpose": one_of(Purpose.values),
    "subject": text(60),
    "state": one_of(AttemptState.values),
}
AUTHORIZATION: Mapping[str, Reader] = {
    "signed_at": instant,
    "expires_at": instant,
    "states_remuneration": flag,
    "revoked_at": instant,
    "revoked": _flag_or_instant,
}
HEALTH: Mapping[str, Reader] = {
    "covered_entity": flag,
    "uses_phi": flag,
    "phi_in_content": flag,
    "vendor_baa": flag,
    "treatment_or_own_service_no_remuneration": flag,
    "third_party_remuneration": flag,
    "authorization": part(AUTHORIZATION, is_open=True),
}
EXEMPTION: Mapping[str, Reader] = {
    "sender_is_covered_entity_or_ba": flag,
    "number_given_by_patient": flag,
    "contains_marketing_or_billing": flag,
    "recipient_charged": flag,
    "chars": count,
    "seconds": count,
    "opt_out_offered": flag,
}
CONTENT: Mapping[str, Reader] = dict.fromkeys(
    ("has_marketing", "physical_address", "one_click", "dkim_covers_unsub"), flag
)
GIVEN: Mapping[str, Reader] = {
    "contact": part(CONTACT, is_open=True),
    "ledger": each(_event),
    "ledger_chain_valid": flag,
    "national_dnc": part({"registered": flag, "scrubbed_at": instant}, is_open=True),
    "attempts": each(part(ATTEMPT, needs=("at", "channel", "purpose"), is_open=True)),
    "rnd": part({"result": one_of(CheckResult.values), "queried_at": instant}, needs=("result",), is_open=True),
    "hipaa": _health,
    "exempt": part(EXEMPTION, is_open=True),
    "content": part(
        dict.fromkeys(("has_marketing", "physical_address", "one_click", "dkim_covers_unsub"), flag), is_open=True
    ),
    "sender": part({"a2p_registered": flag}, is_open=True),
    "campaign": part({"abandon_rate_30d": share}, is_open=True),
}
# The last four help whoever reads the case: the local time and place, and when what is sent was queued.
WHEN: Mapping[str, Reader] = {
    "channel": one_of(Channel.values),
    "purpose": one_of(Purpose.values),
    "seller": CODE,
    "subject": text(60),
    "at_utc": instant,
    "at_local": SAID,
    "recipient_state": STATE,
    "recipient_tz": _zone,
    "queued_at_utc": instant,
}
EXPECT: Mapping[str, Reader] = {
    "allowed": flag,
    "reason": one_of(SENTENCES),
    "kind": one_of((rules.ALLOW, rules.DENY, rules.HOLD)),
    "next_allowed_utc": instant,
}
CASE_FIELDS: Mapping[str, Reader] = {
    "id": SAID,
    **dict.fromkeys(("title", "basis", "source", "note", "why"), anything),  # for whoever reads the case
    "given": part(GIVEN, needs=("contact",)),
    "when": part(WHEN, needs=("channel", "purpose", "at_utc"), is_open=True),
    "expect": part(EXPECT),
}
CASE = part(CASE_FIELDS, needs=("given", "when", "expect"), is_open=True)
