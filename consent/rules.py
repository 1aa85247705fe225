"""May this contact be made at this instant? The checks of contact_rules 12 in their order, on values alone.

The first check that fails names the reason. Nothing here reads a table or a clock, so that the same code answers
for one contact, for thousands, for a replay of an old decision and for the compliance cases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from consent import fold, frequency, windows
from consent.facts import Facts
from consent.fold import Event
from consent.frequency import Cap
from consent.request import Decision, Exemption, Snapshot
from consent.sentences import sentence
from consent.vocabulary import AUTOMATED_VOICE, Channel, ContactKind, EventKind, Level, LineType, Purpose
from consent.windows import Hours
from consent.zones import zone

ALLOW, DENY, HOLD = "allow", "deny", "hold"
LOOKAHEADS = 60  # each one passes a window or a cap; more would lie beyond any horizon of a plan


@dataclass(frozen=True)
class Ruling:
    """The outcome of the checks at one instant; `retry_at` is when the failing check alone would pass."""

    kind: str
    code: str
    events: tuple[UUID, ...] = ()
    retry_at: datetime | None = None
    counted: tuple[Cap, ...] = ()


Check = Callable[[Facts, datetime], Ruling | None]


def decide(facts: Facts, *, at: datetime) -> Decision:
    """Rule on the request at `at`; where time alone is in the way, find the first instant that would do."""
    ruling = judge(facts, at)
    return Decision(
        allowed=ruling.kind == ALLOW,
        kind=ruling.kind,
        code=ruling.code,
        sentence=sentence(ruling.code),
        at=at,
        rules_version=facts.book.version,
        next_allowed_at=_next_allowed(facts, ruling),
        zones=facts.location.zones,
        states=facts.location.states,
        local_times=tuple(at.astimezone(zone(name)).isoformat() for name in facts.location.zones),
        zone_sources=facts.location.sources,
        events=ruling.events,
        lists=facts.lists.ids,
        snapshots=tuple(_snapshots(facts, at)),
        counted=tuple((cap.code, cap.count) for cap in ruling.counted),
    )


def _snapshots(facts: Facts, at: datetime) -> Iterator[Snapshot]:
    """Name the state of the ledger, the number's check and the lists that were looked into, with their ages [12]."""
    ask, check = facts.request, facts.standing.number_check
    if facts.heard:
        last = facts.heard[-1]
        yield Snapshot("ledger", last.id, _seconds(last.occurred_at, at))
    if ask.is_phone and check:
        yield Snapshot("number_check", check.id, _seconds(check.occurred_at, at))
    if ask.is_phone and ask.is_marketing:
        for state in ("", *facts.location.states):
            if version := facts.lists.versions.get(state):
                yield Snapshot(version.kind, version.id, _seconds(version.taken_at, at))


def _seconds(since: datetime, at: datetime) -> int:
    return int((at - since).total_seconds())


def _next_allowed(facts: Facts, ruling: Ruling) -> datetime | None:
    """Follow windows and caps until every check passes; None if something else would forbid it by then."""
    for _ in range(LOOKAHEADS):
        if ruling.kind == ALLOW or ruling.retry_at is None:
            return None
        moment = ruling.retry_at
        ruling = judge(facts, moment)
        if ruling.kind == ALLOW:
            return moment
    return None


def judge(facts: Facts, at: datetime) -> Ruling:
    """Run the checks in order and return the first refusal, or the permission relied on."""
    broken = check_integrity(facts)
    if broken is not None:
        return broken
    if facts.book.policy.contact_stopped:
        return Ruling(HOLD, "CONTACT_STOPPED")
    if facts.request.purpose == Purpose.OPTOUT_CONFIRMATION:
        return check_confirmation(facts, at)
    for check in CHECKS:
        ruling = check(facts, at)
        if ruling is not None:
            return ruling
    counted = tuple(caps(facts, at))
    ruling = check_frequency(counted) or check_content(facts, at) or permit(facts, at)
    return Ruling(ruling.kind, ruling.code, ruling.events, ruling.retry_at, counted)


def check_integrity(facts: Facts) -> Ruling | None:
    """A record that does not hold proves nothing; who was erased is left alone."""
    if not facts.is_whole:
        return _deny("LEDGER_INTEGRITY_FAILED")
    return _deny("ERASED_SUBJECT", facts.standing.erasure) if facts.standing.erasure else None


def _deny(code: str, *events: UUID | None) -> Ruling:
    return Ruling(DENY, code, tuple(event for event in events if event))


# 2 Opt-outs [V01-V12, E04]


def check_optout(facts: Facts, at: datetime) -> Ruling | None:
    """Every withdrawal that reaches this contact, a message still to be read, the mailbox's own wishes."""
    ask, standing = facts.request, facts.standing
    for code in ("REVOKED", "INTERNAL_DNC"):
        for withdrawal in standing.withdrawals:
            if withdrawal.code == code and withdrawal.blocks(ask.channel, ask.purpose):
                if not _answers_later_message(facts, withdrawal):
                    return _deny(code, withdrawal.event)
    if ask.is_phone and standing.to_review and not facts.is_reply:
        return _deny("REVOCATION_REVIEW", *standing.to_review)
    return _check_mailbox(facts) if ask.channel == Channel.EMAIL else None


def _answers_later_message(facts: Facts, withdrawal: fold.Withdrawal) -> bool:
    """A reply to what the person wrote after withdrawing may go out [contact_rules 19]."""
    last = facts.standing.last_message_at
    return facts.is_reply and not withdrawal.is_final and last is not None and last > withdrawal.at


def _check_mailbox(facts: Facts) -> Ruling | None:
    """An unsubscribe or a complaint stops marketing, a hard bounce everything [E04]."""
    standing = facts.standing
    if facts.request.is_marketing and standing.unsubscribed:
        return _deny("EMAIL_UNSUBSCRIBED", standing.unsubscribed)
    if facts.request.is_marketing and standing.complaint:
        return _deny("EMAIL_COMPLAINT", standing.complaint)
    return _deny("EMAIL_HARD_BOUNCE", standing.hard_bounce) if standing.hard_bounce else None


def check_confirmation(facts: Facts, at: datetime) -> Ruling:
    """One text that confirms an opt-out, within five minutes, selling nothing [64.1200(a)(12), V05]."""
    event, since = _to_confirm(facts)
    if event is None or since is None:
        return _deny("NO_REVOCATION_TO_CONFIRM")
    if facts.request.content.has_marketing:
        return _deny("CONFIRMATION_HAS_MARKETING", event)
    first = min([since, *(w.at for w in facts.standing.withdrawals)])  # a second STOP is no second confirmation
    if any(p.purpose == Purpose.OPTOUT_CONFIRMATION and first <= p.at <= at for p in facts.past):
        return _deny("CONFIRMATION_ALREADY_SENT", event)
    if at - since > timedelta(minutes=facts.book.policy.confirmation_minutes):
        return _deny("CONFIRMATION_TOO_LATE", event)
    return Ruling(ALLOW, "OK_OPTOUT_CONFIRMATION", (event,))


def _to_confirm(facts: Facts) -> tuple[UUID | None, datetime | None]:
    """Return the last withdrawal that stands: of the number, or of the mailbox for a mail."""
    standing = facts.standing
    if standing.withdrawals:
        last = standing.withdrawals[-1]
        return last.event, last.at
    if facts.request.channel == Channel.EMAIL and standing.unsubscribed:
        return standing.unsubscribed, standing.unsubscribed_at
    return None, None


# 3 Number [T22]


def check_number(facts: Facts, at: datetime) -> Ruling | None:
    """A number that changed hands is nobody we know; without a good answer no automated contact."""
    if not facts.request.is_phone:
        return None
    check, policy = facts.standing.number_check, facts.book.policy
    if facts.standing.invalid_number:
        return _deny("NUMBER_INVALID", facts.standing.invalid_number)
    result = fold.reassigned(check) if check else ""
    if check and result == "yes":
        return _deny("NUMBER_REASSIGNED", check.id)
    if not facts.request.is_automated:
        return None
    if check and result == "no_data":
        return _deny("RND_NO_DATA", check.id)
    if check and result != "no":
        return _deny("RND_CHECK_REQUIRED", check.id)
    given = [g.occurred_at for g in facts.grants if g.names(facts.request.seller) and g.occurred_at <= at]
    if facts.is_reply or not given or at - max(given) <= timedelta(days=policy.rnd_required_after_days):
        return None
    if check and at - check.occurred_at <= timedelta(days=policy.rnd_recheck_days):
        return None
    return _deny("RND_CHECK_REQUIRED", check.id if check else None)


# 4 HIPAA [H10-H20]


def check_health(facts: Facts, at: datetime) -> Ruling | None:
    """Protected content needs a vendor agreement and the person's acceptance; paid marketing an authorization."""
    ask, health = facts.request, facts.request.health
    if health.has_phi_in_content:
        if not health.has_vendor_agreement:
            return _deny("NO_BAA")
        accepted = any(e.kind == EventKind.UNENCRYPTED_ACCEPTED for e in facts.heard)
        if ask.channel in (Channel.SMS, Channel.EMAIL) and not accepted:
            return _deny("PHI_IN_CONTENT")
    if not (ask.is_marketing and health.is_covered_entity and health.uses_phi):
        return None
    if health.is_own_service and not health.is_paid_by_third_party:
        return None
    return _check_authorization(facts, at)


def _check_authorization(facts: Facts, at: datetime) -> Ruling | None:
    """A signed authorization that was not revoked, has not ended and names the payment [164.508]."""
    steps = [e for e in facts.heard if e.kind in (EventKind.HIPAA_AUTHORIZATION, EventKind.HIPAA_REVOKED)]
    last = steps[-1] if steps else None
    if last is None or last.kind == EventKind.HIPAA_REVOKED:
        return _deny("HIPAA_AUTH_REQUIRED", last.id if last else None)
    if last.expires_at is not None and last.expires_at <= at:
        return _deny("HIPAA_AUTH_EXPIRED", last.id)
    if facts.request.health.is_paid_by_third_party and last.facts.get("states_remuneration") is not True:
        return _deny("HIPAA_AUTH_INCOMPLETE", last.id)
    return None


# 5 Consent [T01-T06, H01]


def check_consent(facts: Facts, at: datetime) -> Ruling | None:
    """The level this contact needs, or the claims of the healthcare exemption."""
    ask = facts.request
    if ask.purpose == Purpose.HEALTHCARE_EXEMPT and ask.is_automated:
        code = exemption_gap(ask.exemption, ask.channel, facts)
        return _deny(code) if code else None
    if not facts.level:
        return None
    found = facts.grant(facts.level, at)
    return None if found.grant else _deny(found.code)


def exemption_gap(claim: Exemption | None, channel: str, facts: Facts) -> str:
    """Return the first condition of the exemption that is not met [64.1200(a)(9)(iv)]."""
    if claim is None or not claim.sender_is_covered:
        return "EXEMPTION_NOT_ELIGIBLE"
    policy = facts.book.policy
    size, limit = (
        (claim.length, policy.exempt_max_chars)
        if channel == Channel.SMS
        else (claim.seconds, policy.exempt_max_seconds)
    )
    gaps = (
        (not claim.number_given_by_patient, "EXEMPTION_NUMBER_NOT_PROVIDED"),
        (claim.has_marketing_or_billing, "EXEMPTION_CONTENT"),
        (claim.is_recipient_charged, "EXEMPTION_RECIPIENT_CHARGED"),
        (size is None or size > limit, "EXEMPTION_TOO_LONG"),
        (not claim.offers_opt_out, "EXEMPTION_NO_OPTOUT"),
    )
    return next((code for is_gap, code in gaps if is_gap), "")


# 6 Lists [T11-T15, T20, T21, NJ]


def check_lists(facts: Facts, at: datetime) -> Ruling | None:
    """Fresh scrub first; then each list asks for written consent or, hand-dialled, a relationship."""
    ask, lists = facts.request, facts.lists
    if not (ask.is_phone and ask.is_marketing):
        return None
    is_business_line = ask.contact_kind == ContactKind.BUSINESS and facts.line_type == LineType.LANDLINE
    if is_business_line and not lists.on_state:
        return None
    oldest = timedelta(days=facts.book.policy.dnc_scrub_max_age_days + 1)  # whole days
    concerned = [taken_at for state, taken_at in lists.states_taken_at if state in facts.location.states]
    if any(taken_at is None or at - taken_at >= oldest for taken_at in (lists.national_taken_at, *concerned)):
        return _deny("DNC_SCRUB_STALE")
    if listed_permission(facts, at) is not None:
        return None
    if lists.on_national:
        return _deny("NATIONAL_DNC")
    if lists.on_state:
        return _deny("STATE_DNC")
    if bars_mobile_sales(facts) and facts.grant(Level.PEC.value, at).grant is None:
        return _deny("STATE_CELL_SALES_BAN")
    return None


def bars_mobile_sales(facts: Facts) -> bool:
    """Say whether a state bars this hand-dialled call to a mobile without consent, of any level, or a relationship."""
    is_manual_to_mobile = facts.request.channel == Channel.VOICE_MANUAL and facts.line_type != LineType.LANDLINE
    return is_manual_to_mobile and any(rule.mobile_sales_need_consent for rule in facts.rules)


def listed_permission(facts: Facts, at: datetime) -> Event | None:
    """Return the written consent or, hand-dialled only, the relationship that outweighs a list [T12, T13]."""
    written = facts.grant(Level.PEWC.value, at).grant
    if written is not None or facts.request.channel != Channel.VOICE_MANUAL:
        return written
    return facts.relationship(at)


# 7 Time [T10, 4, 5]


def check_hours(facts: Facts, at: datetime) -> Ruling | None:
    """Every zone inside every window; a declared emergency has no end we know."""
    if not facts.request.is_phone or facts.is_reply:
        return None
    if not facts.location.zones:
        return _deny("TZ_UNKNOWN")
    for hours in _hours(facts):
        if isinstance(hours, str):
            return _deny(hours)
        code = hours.refusal(at)
        if code:
            every = [h for h in _hours(facts) if isinstance(h, Hours)]
            return Ruling(HOLD, code, retry_at=windows.first_open(every, at))
    return None


def _hours(facts: Facts) -> Iterator[Hours | str]:
    """Yield the windows in the order in which they are checked, and the code of an emergency where it stands."""
    ask, zones = facts.request, facts.location.zones
    if facts.is_consumer_marketing:
        yield from windows.base_hours(zones, code="QUIET_HOURS_FEDERAL")
    else:
        yield from windows.base_hours(zones, week=facts.book.policy.informational_week, code="QUIET_HOURS_POLICY")
        return
    for rule in facts.rules:
        if rule.bans_in_emergency and (
            rule.state in facts.book.emergencies or not rule.state and facts.book.emergencies
        ):
            yield "STATE_EMERGENCY_BAN"
        yield from windows.state_hours(rule, zones, ask.channel)


# 8 Frequency


def check_frequency(counted: Sequence[Cap]) -> Ruling | None:
    """The first cap that is reached, if any."""
    full = next((cap for cap in counted if cap.clears_at), None)
    return Ruling(DENY, full.code, retry_at=full.clears_at) if full else None


def caps(facts: Facts, at: datetime) -> Iterator[Cap]:
    """Yield every cap on this contact in the order of the checks: of states, our own, of the exemption."""
    ask, policy = facts.request, facts.book.policy
    if facts.is_consumer_marketing:
        for rule in facts.rules:
            if rule.cap_spares_relationship and facts.relationship(at, EventKind.PURCHASE):  # OR: a transaction
                continue
            cap = frequency.state_cap(rule, facts.past, channel=ask.channel, subject=ask.subject, at=at)
            if cap:
                yield cap
    if ask.is_marketing and ask.is_phone:
        cap = frequency.policy_cap(policy, facts.past, at=at)
        if cap:
            yield cap
    if ask.purpose == Purpose.HEALTHCARE_EXEMPT and ask.is_automated:
        yield from frequency.healthcare_caps(policy, facts.past, zones=facts.location.zones, at=at)


# 9 Content and sender [E01-E03, 9, T16]


def check_content(facts: Facts, at: datetime) -> Ruling | None:
    """What the message must carry and who may send it."""
    ask, content = facts.request, facts.request.content
    if ask.channel == Channel.EMAIL and ask.is_marketing:
        if not content.has_postal_address:
            return _deny("MISSING_PHYSICAL_ADDRESS")
        if not content.has_one_click:
            return _deny("MISSING_ONE_CLICK_UNSUB")
        if not content.has_signed_headers:
            return _deny("UNSUB_HEADERS_NOT_SIGNED")
    if ask.channel == Channel.SMS and not facts.book.seller(ask.seller).is_sms_sender_registered:
        return _deny("SENDER_NOT_REGISTERED")
    if ask.channel in AUTOMATED_VOICE and ask.is_marketing and ask.abandon_rate is not None:
        if ask.abandon_rate > facts.book.policy.abandon_rate_max:
            return _deny("ABANDON_RATE_EXCEEDED")
    return None


CHECKS: Sequence[Check] = (
    check_optout,
    check_number,
    check_health,
    check_consent,
    check_lists,
    check_hours,
)
"""The checks 2 to 7; frequency and content come after them, see `judge`."""


# Permission


def permit(facts: Facts, at: datetime) -> Ruling:
    """Name the permission relied on, with the events behind it; a phone contact relies on its number's check too."""
    ruling = _permit(facts, at)
    check = facts.standing.number_check if facts.request.is_phone else None
    return Ruling(ALLOW, ruling.code, (*ruling.events, check.id)) if check else ruling


def _permit(facts: Facts, at: datetime) -> Ruling:
    """The codes of contact_rules 19."""
    ask = facts.request
    if facts.is_reply:
        return Ruling(ALLOW, "OK_REPLY", _ids(facts.standing.last_message))
    if ask.purpose == Purpose.HEALTHCARE_EXEMPT and ask.is_automated:
        return Ruling(ALLOW, "OK_HEALTHCARE_EXEMPT")
    if facts.level:
        grant = facts.grant(facts.level, at).grant
        return Ruling(ALLOW, f"OK_{facts.level}", _ids(grant.id if grant else None))
    if ask.channel == Channel.EMAIL:
        return Ruling(ALLOW, "OK_EMAIL_OPTOUT_REGIME" if ask.is_marketing else "OK_TRANSACTIONAL")
    if not ask.is_marketing:
        return Ruling(ALLOW, "OK_MANUAL_INFORMATIONAL")
    return _permit_manual_sale(facts, at)


def _permit_manual_sale(facts: Facts, at: datetime) -> Ruling:
    """A person dials to sell: to a business, by written consent, by relationship, or because no list forbids it."""
    relied = listed_permission(facts, at)
    if relied is None and bars_mobile_sales(facts):
        relied = facts.grant(Level.PEC.value, at).grant
    events = _ids(relied.id if relied else None)
    if facts.request.contact_kind == ContactKind.BUSINESS:
        line = facts.standing.line if facts.line_type == LineType.LANDLINE else None
        return Ruling(ALLOW, "OK_B2B_MANUAL", (*events, *_ids(line.id if line else None)))
    if relied is not None and relied.kind == EventKind.GRANT and (facts.lists.on_national or facts.lists.on_state):
        return Ruling(ALLOW, "OK_PEWC", events)
    if relied is not None and facts.lists.on_national:
        return Ruling(ALLOW, "OK_EBR", events)
    return Ruling(ALLOW, "OK_MANUAL_NOT_ON_DNC", events)


def _ids(*events: UUID | None) -> tuple[UUID, ...]:
    return tuple(event for event in events if event)
