"""How does a submission become a lead? Keep it raw first, then normalise, match or open, record consent, mark due.

A refused submission stays as an inquiry with its errors; after repair it is replayed through the same code. Nothing
that reached us is lost, and the same delivery twice is one inquiry.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import TypeVar

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from consent import addresses, erasure, ledger, noting
from consent.addresses import Pair
from consent.models import Address
from leads import emergencies, requalification
from leads.lifecycle import OPEN
from leads.models import (
    DocumentStatus,
    Inquiry,
    Interaction,
    Lead,
    ServiceLine,
    Source,
)
from leads.services import answers
from leads.submission import EMAIL, PHONE, Submission, fields_of, normalise, page_of, parse
from leads.vocabulary import FIRST_HAND, Direction, DocumentState, InteractionKind, SourceKind
from medcrm.lib import bell
from medcrm.lib.errors import InvalidFields, RuleError

log = structlog.get_logger(__name__)
L = TypeVar("L")  # a lead, or what will be one

MAX_BODY_BYTES = 64 * 1024  # a form is a few kilobytes; more is a mistake or an attack
STRANDED_AFTER = timedelta(minutes=1)  # far longer than any request lives
VOICE_AND_TEXT = ("voice", "sms")


class KeyReused(RuleError):
    """The idempotency key was used before with another body."""

    def __init__(self) -> None:
        super().__init__(
            "IDEMPOTENCY_KEY_REUSED",
            "This Idempotency-Key was used before with another body. Send a new key with a new submission.",
            field="Idempotency-Key",
        )


class StillBeingTakenIn(RuleError):
    """The same delivery is being processed at this moment, or its process died and the sweep will take it in."""

    def __init__(self) -> None:
        super().__init__("STILL_BEING_TAKEN_IN", "This submission is being taken in. Send it again in a minute.")


class BodyTooLarge(RuleError):
    def __init__(self, size: int) -> None:
        super().__init__(
            "BODY_TOO_LARGE", f"The body has {size:,} bytes; at most {MAX_BODY_BYTES:,} are read. Send one inquiry."
        )


@dataclass(frozen=True)
class Delivery:
    """What came with the body."""

    idempotency_key: str = ""
    remote_addr: str | None = None
    user_agent: str = ""


@dataclass(frozen=True)
class Heard:
    """By whom the inquiry was typed in, and what the person said to them about being contacted: channels and words."""

    by: AbstractBaseUser
    channels: Sequence[str] = ()
    words: str = ""


def receive(source: Source, raw: bytes, delivery: Delivery, *, at: datetime, heard: Heard | None = None) -> Inquiry:
    """Keep the raw body, then turn it into a lead. Return the inquiry; a repeated delivery returns the first one.

    Raise InvalidFields (kept as refused), KeyReused, StillBeingTakenIn or BodyTooLarge.
    """
    inquiry, is_new = keep(source, raw, delivery, at=at)
    if not is_new:
        return answer_again(inquiry)
    if len(raw) > MAX_BODY_BYTES:
        error = BodyTooLarge(len(raw))
        refuse(inquiry, {"body": [error.message]}, at=at)
        raise error
    return take_in(inquiry, raw, at=at, heard=heard)


def note_unread(source: Source, size: int, delivery: Delivery, *, at: datetime) -> Inquiry:
    """Keep that somebody sent a body too large to be read at all, so that the sender can be asked for it."""
    inquiry, _ = keep(source, f"({size} bytes, not read)".encode(), delivery, at=at)
    refuse(inquiry, {"body": [BodyTooLarge(size).message]}, at=at)
    return inquiry


def answer_again(inquiry: Inquiry) -> Inquiry:
    """Answer a repeated delivery as the first one was answered."""
    if inquiry.status == Inquiry.Status.RECEIVED:
        raise StillBeingTakenIn
    if inquiry.lead is None:
        raise InvalidFields(inquiry.errors)
    return inquiry


def take_in(inquiry: Inquiry, body: bytes | dict[str, object], *, at: datetime, heard: Heard | None = None) -> Inquiry:
    """Accept a kept submission, or keep why it was refused and raise InvalidFields."""
    try:
        submission = normalise(body if isinstance(body, dict) else parse(body))
    except InvalidFields as error:
        refuse(inquiry, error.errors, at=at)
        raise
    return accept(inquiry, submission, at=at, heard=heard)


def keep(source: Source, raw: bytes, delivery: Delivery, *, at: datetime) -> tuple[Inquiry, bool]:
    """Store the submission as it came, before anything is done with it; say whether it is new. Raise KeyReused."""
    inquiry = Inquiry(
        source=source,
        idempotency_key=delivery.idempotency_key[:200],
        raw_body=raw.decode(json.detect_encoding(raw), errors="backslashreplace").replace("\x00", "\\x00"),
        body_sha256=hashlib.sha256(raw).hexdigest(),
        remote_addr=delivery.remote_addr,
        user_agent=delivery.user_agent[:300],
        received_at=at,
        disclosure_id=source.disclosure_id,
    )
    # Insert without raising, so that this also works inside a caller's transaction (journeys, tests).
    Inquiry.objects.bulk_create([inquiry], ignore_conflicts=True)
    stored = Inquiry.objects.select_related("lead").filter(public_id=inquiry.public_id).first()
    if stored is not None:
        stored.source, stored.disclosure = source, source.disclosure
        return stored, True
    earlier = Inquiry.objects.select_related("lead").get(source=source, idempotency_key=inquiry.idempotency_key)
    if earlier.body_sha256 != inquiry.body_sha256:
        raise KeyReused
    return earlier, False


def refuse(inquiry: Inquiry, errors: Mapping[str, Sequence[str]], *, at: datetime) -> None:
    """Keep why the submission was not usable, for the repair queue, and what it is about, for who may read it [R26]."""
    inquiry.status, inquiry.errors, inquiry.settled_at = Inquiry.Status.REFUSED, dict(errors), at
    inquiry.service = service_named(inquiry.raw_body) or service_named(json.dumps(inquiry.repaired or {}))
    inquiry.save(update_fields=["status", "errors", "settled_at", "service"])


NAMES_SERVICE = re.compile(r'"service"\s*:\s*"([^"]*)"')


def service_named(body: str) -> ServiceLine | None:
    """The service that a submission names, however it is written: by code or by name, retired, or in broken JSON."""
    found = NAMES_SERVICE.search(body)
    said = str(fields_of(body).get("service") or (found[1] if found else "")).strip()[:120]
    return ServiceLine.objects.filter(Q(pk__iexact=said) | Q(name__iexact=said)).first() if said else None


def replay(inquiry_id: int, fields: dict[str, object], *, by: AbstractBaseUser, at: datetime) -> Inquiry:
    """Take a refused inquiry in again with repaired fields; the raw body stays. Raise InvalidFields or RuleError.

    A repair is no act of the person: what they agreed to counts from when it came in, and none is added to it [V10].
    """
    inquiry = Inquiry.objects.select_related("source", "disclosure").get(pk=inquiry_id)
    if inquiry.status != Inquiry.Status.REFUSED:
        raise RuleError("NOT_REFUSED", _("Only a refused inquiry can be replayed; this one was taken in already."))
    refuse_added_consent(inquiry, fields)
    inquiry.repaired = fields
    inquiry.save(update_fields=["repaired"])
    return take_in(inquiry, fields, at=at)


def refuse_added_consent(inquiry: Inquiry, fields: Mapping[str, object]) -> None:
    """Raise InvalidFields where a repair ticks a box that the person did not tick, as far as can be read."""
    try:
        ticked = parse(inquiry.raw_body.encode()).get("consent")
    except InvalidFields:
        ticked = None
    added = set(_names(fields.get("consent"))) - set(_names(ticked))
    if added:
        said = ", ".join(sorted(added))
        sentence = f"The submission did not tick {said}. A repair may take a box away, never add one."
        raise InvalidFields({"consent": [sentence]})


def _names(ticked: object) -> list[str]:
    return [str(name) for name in ticked] if isinstance(ticked, list) else []


@transaction.atomic
def accept(inquiry: Inquiry, submission: Submission, *, at: datetime, heard: Heard | None = None) -> Inquiry:
    """Match or open the lead, record consent and the timeline entry, mark the lead due. Locks addresses, then the lead.

    The inquiry is accepted in the same transaction as everything that follows from it.
    """
    held = _readmitted(addresses.lock_addresses(submission.addresses), inquiry, at=at)
    phone, email = held.get((PHONE, submission.phone)), held.get((EMAIL, submission.email))
    lead = match(submission, phone, email)
    inquiry.is_repeat = lead is not None
    if lead is None:
        lead = open_lead(inquiry.source, submission, phone, email, at=at)
    else:
        attach(lead, inquiry, submission, phone, email, at=at)
    record_consent(inquiry, submission, [address for address in (phone, email) if address], at=at, heard=heard)
    _record_documents(lead, submission.documents, at=at)
    inquiry.campaign, inquiry.page_url = submission.campaign, page_of(submission.page_url)
    _settle(inquiry, lead, at=at)
    if inquiry.is_repeat and emergencies.found_in(_question(submission)):
        requalification.hear_emergency(lead.pk, at=at)
    _write_timeline(lead, inquiry, submission, at=at, by=heard.by if heard else None)
    bell.ring()
    return inquiry


def _readmitted(held: dict[Pair, Address], inquiry: Inquiry, *, at: datetime) -> dict[Pair, Address]:
    """Take back erased addresses whose owner comes to us anew; what was withdrawn stays withdrawn [design 1.3]."""
    if inquiry.source.kind not in FIRST_HAND:
        return held
    reason = f"Came again by {inquiry.source.pk}."
    for pair, address in held.items():
        if address.value is None:
            held[pair] = erasure.readmit(*pair, now=at, by=None, reason=reason)
    return held


def _settle(inquiry: Inquiry, lead: Lead, *, at: datetime) -> None:
    """Mark the inquiry accepted, unless somebody else took it in meanwhile: then everything here is undone."""
    before = inquiry.status
    inquiry.lead, inquiry.status, inquiry.settled_at, inquiry.errors = lead, Inquiry.Status.ACCEPTED, at, {}
    written = ("lead", "status", "settled_at", "is_repeat", "errors", "campaign", "page_url")
    values = {name: getattr(inquiry, name) for name in written}
    if not Inquiry.objects.filter(pk=inquiry.pk, status=before).update(**values):
        raise RuleError("ALREADY_TAKEN_IN", _("This submission was taken in by somebody else meanwhile."))


def settle_stranded(*, at: datetime, limit: int = 100) -> int:
    """Take in submissions that were kept and then left by a process that died; return how many were looked at.

    One that breaks is logged and looked at again; those behind it do not wait for it.
    """
    stranded = Inquiry.objects.filter(status=Inquiry.Status.RECEIVED, received_at__lt=at - STRANDED_AFTER)
    inquiries = list(stranded.select_related("source", "disclosure").order_by("received_at")[:limit])
    for inquiry in inquiries:
        try:
            take_in(inquiry, inquiry.raw_body.encode(), at=at)
        except RuleError as error:
            log.info("stranded_inquiry_refused", inquiry=str(inquiry.public_id), code=error.code)
        except SoftTimeLimitExceeded:
            raise
        except Exception:  # noqa: BLE001 - people behind a broken submission must not wait for it
            log.exception("stranded_inquiry_broken", inquiry=str(inquiry.public_id))
    return len(inquiries)


def match(submission: Submission, phone: Address | None, email: Address | None) -> Lead | None:
    """The lead this person already is, locked: the same address and no other name [2.21].

    A family may share a phone, so a shared address alone is a candidate, never the same person.
    """
    shared = Q(pk__in=[])
    if phone:
        shared |= Q(phone=phone)
    if email:
        shared |= Q(email=email)
    candidates = Lead.objects.filter(shared, merged_into=None, lead_type=submission.fields["lead_type"])
    return the_same(candidates.lock(), submission.fields)


def the_same(
    candidates: Iterable[L], fields: Mapping[str, object], newest: Callable[[L], object] = attrgetter("pk")
) -> L | None:
    """Which of the leads that share an address is meant: of this type and name, an open one first, then the newest."""
    same = [lead for lead in candidates if lead.lead_type == fields["lead_type"] and is_same_name(lead, fields)]
    return max(same, key=lambda lead: (lead.stage in OPEN, newest(lead)), default=None)


def open_lead(
    source: Source, submission: Submission, phone: Address | None, email: Address | None, *, at: datetime
) -> Lead:
    """Create a new lead from the submission and mark it due."""
    lead_type = submission.fields["lead_type"]
    lead = Lead(source=source, lead_type=lead_type, phone=phone, email=email, created_at=at, advance_due_at=at)
    answers.write_fields(lead, submission.fields, at=at)
    lead.save(force_insert=True)
    return lead


def attach(
    lead: Lead,
    inquiry: Inquiry,
    submission: Submission,
    phone: Address | None,
    email: Address | None,
    *,
    at: datetime,
) -> None:
    """Add a repeat inquiry to a known lead: newer answers win, the owner stays, a sleeping lead may wake [R40]."""
    # By key: reading the old addresses would cost two queries.
    reached_anew = any(new and new.pk != old for new, old in ((phone, lead.phone_id), (email, lead.email_id)))
    lead.phone, lead.email = phone or lead.phone, email or lead.email
    news = answers.write_fields(lead, submission.fields, at=at)
    lead.advance_due_at = at
    lead.save()
    told = [name for name, value in submission.fields.items() if value not in ("", None)]
    told += [answers.CONTACT_CHANNEL] if reached_anew else []
    answers.supersede(lead, told, at=at)
    answers.tell_news(lead, [*news, answers.REPEAT_INQUIRY], told, cause=f"New inquiry from {inquiry.source}.", at=at)


def record_consent(
    inquiry: Inquiry,
    submission: Submission,
    held: Sequence[Address],
    *,
    at: datetime,
    heard: Heard | None = None,
) -> None:
    """Write what the person did to the ledger, as of when it came in: the inquiry itself, a grant for each box ticked,
    as far as the text beside it speaks of that channel and for whom it speaks [T03], and what was said aloud.

    A purchased list is no act of the person, so it establishes no relationship and grants nothing [2.2]. Where
    somebody else speaks for the person, the grant is no fresh act and lifts nothing that was withdrawn [V10].
    """
    source, shown = inquiry.source, inquiry.disclosure
    purchased = source.kind == SourceKind.PURCHASED_LIST
    common = {
        "occurred_at": inquiry.received_at,
        "source": source.pk,
        "by": heard.by if heard else None,
        "evidence": {
            "inquiry": str(inquiry.public_id),
            "page_url": submission.page_url,
            "remote_addr": inquiry.remote_addr or "",
            "user_agent": inquiry.user_agent,
        },
    }
    entries = []
    for address in held:
        kind = "purchased" if purchased else "inquiry"
        entries.append(ledger.Entry(address.pk, kind, seller=source.seller_id, **common))
        ticked = [
            channel
            for channel in submission.channels
            if (channel in VOICE_AND_TEXT) == (address.kind == PHONE) and shown and channel in shown.channels
        ]
        if ticked and not purchased:
            grant = {"channels": ticked, "disclosure": shown, "seller": shown.seller_id}
            is_fresh = source.kind in FIRST_HAND and heard is None
            entries.append(ledger.Entry(address.pk, "grant", fresh_opt_in=is_fresh, **grant, **common))
        said = [c for c in heard.channels if (c in VOICE_AND_TEXT) == (address.kind == PHONE)] if heard else []
        if said:
            aloud = {"words": heard.words, "seller": source.seller_id}
            entries.append(noting.spoken_permission(address.pk, said, **aloud, **common))
    ledger.record_many(entries, now=at)


def is_same_name(lead: Lead, fields: Mapping[str, object]) -> bool:
    """No name given, or the same one, whatever the case."""
    pairs = ((lead.first_name, fields.get("first_name")), (lead.last_name, fields.get("last_name")))
    return all(not old or not new or old.casefold() == str(new).casefold() for old, new in pairs)


def _record_documents(lead: Lead, codes: Sequence[str], *, at: datetime) -> None:
    """Note the documents the person says to hold; existing statuses are brought up to date."""
    rows = [
        DocumentStatus(lead=lead, document_id=code, status=DocumentState.RECEIVED, changed_at=at)
        for code in dict.fromkeys(codes)
    ]
    DocumentStatus.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["lead", "document"], update_fields=["status", "changed_at"]
    )


TIMELINE_KINDS = {
    SourceKind.GUIDE_DOWNLOAD: InteractionKind.GUIDE_DOWNLOAD,
    SourceKind.INBOUND_CALL: InteractionKind.INBOUND_CALL,
}


def _write_timeline(
    lead: Lead, inquiry: Inquiry, submission: Submission, *, at: datetime, by: AbstractBaseUser | None = None
) -> None:
    Interaction.objects.create(
        lead=lead,
        kind=TIMELINE_KINDS.get(SourceKind(inquiry.source.kind), InteractionKind.FORM_SUBMISSION),
        direction=Direction.INBOUND,
        at=at,
        by=by,
        inquiry=inquiry,
        service_id=submission.fields.get("service") or None,
        text=_question(submission),
        facts=emergencies.noted(_question(submission)) | ({"campaign": inquiry.campaign} if inquiry.campaign else {}),
    )


def _question(submission: Submission) -> str:
    return str(submission.fields.get("question", ""))
