"""A year of all sequences in simulated time, with people who reply, book and withdraw; judged by the attempts alone."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db.models import F

from consent import ledger
from consent.lifecycle import COUNTED
from consent.models import Address, Attempt
from leads.models import Lead, Source
from leads.services import events
from leads.vocabulary import InteractionKind
from medcrm import journey, reference
from nurture import dispatch, enrollment
from nurture.models import Enrollment, Message
from tests.nurture.factories import speak

BEGIN = datetime(2026, 12, 1, 6, tzinfo=UTC)
TICK = timedelta(hours=3)
DAY = timedelta(days=1)
PAUSE = timedelta(days=14)
LIMITS = ((1, 1), (7, 3), (30, 5))  # days, marketing contacts [2.15]
PLACES = (  # ZIP, state, zone, first and last hour for texts on weekdays and on Sundays [contact_rules 4]
    ("78704", "TX", "America/Chicago", (9, 21), (12, 21)),
    ("79901", "TX", "America/Denver", (9, 21), (12, 21)),
    ("32801", "FL", "America/New_York", (8, 20), (8, 20)),
    ("73102", "OK", "America/Chicago", (8, 20), (8, 20)),
)
SERVICES = ("ortho", "derm", "pt")
# What a person does on a day, and in how many of ten thousand days.
DEEDS = {"reply": 8, "text_reply": 4, "book": 4, "unsubscribe": 4, "stop": 4}


@dataclass
class Life:
    """What one person did, by the calendar of the simulation."""

    lead: Lead
    replied: list[datetime] = field(default_factory=list)
    stopped: dict[str, datetime] = field(default_factory=dict)  # channel → since when
    visits: list[tuple[datetime, datetime]] = field(default_factory=list)  # booked, and until when
    unanswered: bool = False


def people(count: int, chance: random.Random) -> list[Life]:
    """Leads that asked for a guide and may be written to; some have no mailbox, some no number."""
    source = Source.objects.select_related("disclosure").get(pk="guide")
    leads, entries = [], []
    for number in range(count):
        zip_code, state, zone, *_hours = chance.choice(PLACES)
        has = chance.choice([("email", "phone"), ("email", "phone"), ("email",), ("phone",)])
        held = {
            kind: Address(kind=kind, value=value, keyed_hash=f"{kind}{number:056}")
            for kind, value in (("email", f"p{number}@example.org"), ("phone", f"+1512{number:07}"))
            if kind in has
        }
        leads.append(
            Lead(source=source, lead_type="patient", zip=zip_code, state=state, timezone=zone, created_at=BEGIN,
                 service_id=chance.choice(SERVICES), request="info", timing_id="not_sure", advance_due_at=BEGIN, **held)
        )  # fmt: skip
        entries += [(address, ["email"] if kind == "email" else ["voice", "sms"]) for kind, address in held.items()]
    Address.objects.bulk_create([address for address, _channels in entries])
    for start in range(0, len(entries), 1000):
        ledger.record_many(
            [
                ledger.Entry(address.pk, "grant", occurred_at=BEGIN, disclosure=source.disclosure, channels=channels,
                             seller=source.seller_id, fresh_opt_in=True, evidence={"remote_addr": "::1"})
                for address, channels in entries[start : start + 1000]
            ],
            at=BEGIN,
        )  # fmt: skip
    Lead.objects.bulk_create(leads)
    return [Life(lead) for lead in leads]


def live(lives: list[Life], *, days: int, chance: random.Random) -> None:
    """Let the days pass: people act, then whatever falls due on the way is done."""
    for number in range(days):
        day = BEGIN + number * DAY
        for hours in range(0, 24, int(TICK / timedelta(hours=1))):
            at = day + timedelta(hours=hours)
            if hours == 12:
                for life in lives:
                    act(life, chance, at)
            journey.advance_due(at=at)
            dispatch.dispatch_due(at=at)
        enrollment.revisit(at=day + DAY)


def act(life: Life, chance: random.Random, at: datetime) -> None:
    """What this person does today, if anything; who wrote yesterday is called back."""
    if life.unanswered:
        life.unanswered = False
        speak(life.lead, at=at)
    lot = chance.randrange(10_000)
    for deed, share in DEEDS.items():
        if lot < share:
            return do(deed, life, at)
        lot -= share
    return None


def do(deed: str, life: Life, at: datetime) -> None:
    lead = life.lead
    if deed == "book":
        on = (at + timedelta(days=5)).date()
        events.record_appointment(lead.pk, service="ortho", clinic="aus", on=on, status="booked", at=at)
        life.visits.append((at, at + timedelta(days=5)))
    elif deed in ("reply", "unsubscribe") and lead.email_id:
        if deed == "unsubscribe":
            ledger.record(lead.email_id, "email_unsub", occurred_at=at, at=at)
            life.stopped.setdefault("email", at)
        else:
            events.record_activity(lead.pk, InteractionKind.EMAIL_REPLY, at=at, text="Thanks, still thinking.")
            life.replied.append(at)
            life.unanswered = True
    elif deed in ("text_reply", "stop") and lead.phone_id:
        text = "STOP" if deed == "stop" else "Not yet, thank you"
        events.record_activity(lead.pk, InteractionKind.SMS_REPLY, at=at, text=text)
        life.replied.append(at)
        life.unanswered = deed != "stop"
        if deed == "stop":
            life.stopped.setdefault("sms", at)


def judge(lives: list[Life]) -> int:
    """Hold each attempt against what its person had done by then; return how many there were."""
    made = defaultdict(list)
    rows = Attempt.objects.filter(state__in=COUNTED).order_by("at", "pk")
    for address_id, channel, purpose, at in rows.values_list("address_id", "channel", "purpose", "at"):
        made[address_id].append((at, channel, purpose))
    for life in lives:
        attempts = sorted(made[life.lead.email_id] + made[life.lead.phone_id])
        keep_limits(life, attempts)
        for at, channel, purpose in attempts:
            if channel == "voice_manual":
                continue
            keep_hours(life, at, channel)
            keep_wishes(life, at, channel, purpose)
    return sum(map(len, made.values()))


def keep_limits(life: Life, attempts: list[tuple[datetime, str, str]]) -> None:
    """No message goes out where it, and the calls of people with it, would be one too many."""
    marketing = [(at, channel) for at, channel, purpose in attempts if purpose == "marketing"]
    for days, limit in LIMITS:
        for last, channel in marketing:
            count = sum(last - timedelta(days=days) < at <= last for at, _channel in marketing)
            assert channel == "voice_manual" or count <= limit, f"{life.lead.pk}: {count} in {days} days up to {last}"


def keep_hours(life: Life, at: datetime, channel: str) -> None:
    _zip, _state, zone, weekdays, sundays = next(p for p in PLACES if p[0] == life.lead.zip)
    local = at.astimezone(ZoneInfo(zone))
    first, last = sundays if local.weekday() == 6 and channel == "sms" else weekdays
    if channel == "email":
        first, last = 8, 20  # the steps' own hours
    is_inside = time(first) <= local.time() and local.time() < (time(last) if last < 24 else time.max)
    assert is_inside, f"{life.lead.pk}: {channel} at {local}"


def keep_wishes(life: Life, at: datetime, channel: str, purpose: str) -> None:
    who = f"{life.lead.pk}: {channel} at {at}"
    assert at < life.stopped.get(channel, datetime.max.replace(tzinfo=UTC)), f"{who}, after a stop"
    talking = [said for said in life.replied if said <= at < said + PAUSE]
    assert purpose != "marketing" or not talking, f"{who}, in conversation since {talking}"
    booked = [since for since, until in life.visits if since <= at < until]
    assert not booked, f"{who}, although booked at {booked}"


def simulate(count: int, *, days: int, seed: int) -> None:
    reference.load(at=BEGIN)
    chance = random.Random(seed)
    lives = people(count, chance)
    live(lives, days=days, chance=chance)
    assert judge(lives) > count
    assert not Message.objects.exclude(attempt__state="sent").exists()
    strays = Message.objects.filter(enrollment__ended_at__isnull=False, attempt__at__gt=F("enrollment__ended_at"))
    assert not strays.exists(), "sent by an enrolment that had ended"
    reached = Message.objects.values_list("enrollment__sequence__code", flat=True).distinct()
    assert {"first_visit", "education"} <= set(reached)
    exits = set(Enrollment.objects.values_list("exit_code", flat=True))
    assert {"replied", "booked", ""} <= exits


@pytest.mark.long
@pytest.mark.django_db
def test_ten_weeks_of_a_hundred_people_keep_limits_hours_and_wishes() -> None:
    simulate(100, days=70, seed=1)


@pytest.mark.long
@pytest.mark.django_db(transaction=True)  # in one transaction of a year nothing dead could be cleared away
def test_a_year_of_ten_thousand_people_keeps_limits_hours_and_wishes() -> None:
    simulate(10_000, days=365, seed=2)
