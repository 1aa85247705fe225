"""Some hundred synthetic leads in every state of the road, made by living two weeks through the real code.

Inquiries come in through intake, callers record calls, documents and slots arrive, people reply or go quiet; the clock
moves from day to day and everything due on the way runs. The seed is fixed, so every demo is the same organisation.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction

from consent.reference import note_empty_scrub
from leads import contact
from leads.lifecycle import OPEN, Stage
from leads.models import Lead, Source
from leads.services import calls, events, intake
from leads.services.calls import CallReport
from leads.services.intake import Delivery
from leads.vocabulary import Decision, InteractionKind, NextStep
from medcrm import journey
from medcrm.lib.errors import RuleError
from nurture import dispatch
from privacy import erasure

SEED = 20261124
DAYS = 14
WORKING_HOURS_UTC = (15, 20)
INQUIRIES = 5
HAPPENINGS = 5

FIRST_NAMES = """Ana Ben Carla David Elena Frank Grace Hector Irene James Karen Luis Maria Noah Olivia Paul Quinn Rosa
Sam Tara""".split()
LAST_NAMES = """Adams Brooks Castillo Diaz Evans Foster Garcia Hayes Ingram Jones Kim Lopez Moore Nguyen Ortiz Perez
Reed Silva Turner Vega""".split()
# Area code → ZIPs around a clinic, and what is mostly asked for there.
TOWNS = {
    "512": (["78704", "78745", "78759", "78664", "78613"], ["ortho", "ortho", "pt", "derm", "cardio", "mri", "bh"]),
    "915": (["79912", "79936"], ["ortho", "mri"]),
    "405": (["73102", "73120"], ["pt", "cardio", "bh"]),
    "407": (["32801", "32822"], ["derm", "cardio"]),
}
ELSEWHERE = "60614"
ORGANISATIONS = {
    "Lakeline Logistics": "employer",
    "Travis Foods": "employer",
    "Mesa Manufacturing": "employer",
    "Red River Schools": "school",
    "Orange Grove Hotels": "employer",
}
PRACTICES = {
    "Hill Country Family Practice": "family_medicine",
    "Westside Pediatrics": "pediatrics",
    "Barton Internal Medicine": "internal_medicine",
}
QUESTIONS = [
    "",
    "",
    "Is parking free?",
    "Do I need a referral?",
    "Can my daughter come along?",
    "Do you have evening hours?",
]


@dataclass
class Town:
    """The dice and the clock of the synthetic weeks."""

    dice: random.Random
    number: int = 0
    services: list[str] = field(default_factory=list)
    visits: list[tuple[int, dict[str, object]]] = field(default_factory=list)

    def person(self) -> dict[str, object]:
        """A new person with an address of their own in the fictional 555-01xx range."""
        self.number += 1
        area = self.dice.choice(["512", "512", "512", "915", "405", "407"])
        zips, self.services = TOWNS[area]
        exchange = 200 + self.number // 100
        first, last = self.dice.choice(FIRST_NAMES), self.dice.choice(LAST_NAMES)
        return {
            "first_name": first,
            "last_name": last,
            "phone": f"+1{area}{exchange}01{self.number % 100:02d}" if self.dice.random() < 0.9 else "",
            "email": f"{first}.{last}{self.number}@example.org".lower(),
            "zip": self.dice.choices([self.dice.choice(zips), ELSEWHERE, ""], [92, 4, 4])[0],
            "consent": self.dice.choice([["voice", "sms", "email"]] * 4 + [["email"], ["voice"], []]),
            "language": self.dice.choice(["en"] * 5 + ["es"]),
        }

    def inquiry(self) -> tuple[str, dict[str, object]]:
        """A source and what its form would send."""
        kind = self.dice.choices(
            [self.patient, self.guide, self.facility, self.partner, self.broken], [70, 18, 7, 4, 3]
        )[0]
        person = self.person()
        source, fields = kind()
        return source, {**person, **fields}

    def patient(self) -> tuple[str, dict[str, object]]:
        pick = self.dice.choice
        return pick(["web_consult"] * 3 + ["landing", "ads", "phone"]), {
            "lead_type": "patient",
            "service": pick(self.services),
            "timing": pick(["now", "two_weeks", "two_weeks", "month", "month", "quarter", "later", "not_sure"]),
            "request": pick(["appointment"] * 4 + ["callback", "price", "availability", "question"]),
            "payer": pick(["ppo"] * 6 + ["self", "self", "medicare", "hmo", "medicaid", ""]),
            "age": self.dice.randint(19, 84),
            "for_whom": pick(["self"] * 4 + ["family"]),
            "question": pick(QUESTIONS),
            "documents": pick([[], [], ["referral_letter"], ["referral_letter", "medical_history"]]),
        }

    def guide(self) -> tuple[str, dict[str, object]]:
        pick = self.dice.choice
        return pick(["guide", "guide", "webinar"]), {
            "lead_type": "patient",
            "service": pick(self.services),
            "timing": "not_sure",
            "request": "info",
            "for_whom": "self",
        }

    def facility(self) -> tuple[str, dict[str, object]]:
        pick = self.dice.choice
        return "facility", {
            "lead_type": "b2b",
            "service": "screening",
            "timing": pick(["month", "quarter", "next_quarter"]),
            "request": pick(["quote", "demo", "info"]),
            "organisation": (name := pick(list(ORGANISATIONS))),
            "organisation_type": ORGANISATIONS[name],
            "contact_role": pick(["office_manager", "procurement", "decision_maker"]),
            "clinic_size": self.dice.randint(20, 900),
        }

    def partner(self) -> tuple[str, dict[str, object]]:
        pick = self.dice.choice
        return "partner", {
            "lead_type": "partner",
            "service": "referral_network",
            "timing": "quarter",
            "request": "referral",
            "organisation": (name := pick(list(PRACTICES))),
            "organisation_type": "practice",
            "specialty": PRACTICES[name],
            "contact_role": pick(["decision_maker", "office_manager"]),
            "agreement": pick(["none", "sent", "signed"]),
        }

    def broken(self) -> tuple[str, dict[str, object]]:
        """What forms really send: a mistyped number, a service that is not in the catalogue."""
        wrong = self.dice.choice([{"phone": "12345"}, {"service": "acupuncture"}, {"phone": "", "email": "no-at-sign"}])
        return "landing", {"lead_type": "patient", "service": "ortho", "request": "appointment", **wrong}


@transaction.atomic
def make(*, at: datetime) -> int:
    """Live the last two weeks before `at` and return how many leads there are; does nothing where leads exist.

    One transaction: a demo that was interrupted starts anew instead of half-way.
    """
    if Lead.objects.exists():
        return 0
    town = Town(random.Random(SEED))  # noqa: S311 - a repeatable demo, not a secret
    sources = {source.pk: source for source in Source.objects.select_related("disclosure")}
    note_empty_scrub("demo", taken_at=at - timedelta(days=DAYS + 1))
    for days in range(DAYS, 0, -1):
        for hour in WORKING_HOURS_UTC:
            clock = (at - timedelta(days=days)).replace(hour=hour, minute=0, second=0, microsecond=0)
            half_a_day(town, sources, clock)
    forget(at=at)
    return Lead.objects.count()


def forget(*, at: datetime) -> None:
    """One person asks to be forgotten: their lead is lost, its row and the proof of the erasure stay."""
    lead = Lead.objects.filter(stage=Stage.HELD).order_by("pk").last()
    if lead:
        request = erasure.request_erasure(erasure.person_of([lead.pk]), reason="Asked by e-mail.", by=None, at=at)
        erasure.erase(request.pk, by=None, at=at)


def half_a_day(town: Town, sources: dict[str, Source], clock: datetime) -> None:
    """Some inquiries come in, things happen to leads that were there, and everything due runs."""
    for minute in range(INQUIRIES):
        source, fields = town.inquiry()
        submit(sources[source], fields, at=clock + timedelta(minutes=minute))
    keep_visits(town, clock)
    for _ in range(HAPPENINGS):
        live(town, at=clock + timedelta(minutes=INQUIRIES))
    journey.advance_due(at=clock + timedelta(minutes=INQUIRIES))
    dispatch.dispatch_due(at=clock + timedelta(minutes=INQUIRIES))


def keep_visits(town: Town, clock: datetime) -> None:
    """Say of the visits whose day has passed who came; of some nobody says anything."""
    past = [visit for visit in town.visits if visit[1]["on"] < clock.date()]
    town.visits = [visit for visit in town.visits if visit not in past]
    for lead, booking in past:
        if lead % 3 and Lead.objects.filter(pk=lead, stage__in=OPEN).exists():
            events.record_appointment(lead, status="attended" if lead % 4 else "no_show", **{**booking, "at": clock})


def submit(source: Source, fields: dict[str, object], *, at: datetime) -> None:
    """Send one inquiry; a refused one stays in the repair queue."""
    try:
        intake.receive(source, json.dumps(fields).encode(), Delivery(user_agent="demo"), at=at)
    except RuleError:
        return


def live(town: Town, *, at: datetime) -> None:
    """Something happens to one of the leads that are on the road."""
    leads = Lead.objects.open().filter(created_at__lt=at - timedelta(hours=6)).order_by("pk")
    count = leads.count()
    if count == 0 or town.dice.random() < 0.2:
        return
    lead = leads.select_related("owner", "source")[town.dice.randrange(count)]
    happening = choose(town, lead)
    try:
        happening(lead, at)
    except RuleError:
        return


def choose(town: Town, lead: Lead) -> Callable[[Lead, datetime], object]:
    """What could happen to a lead where it stands."""
    book = partial(booked, town)
    if lead.decision == Decision.FORWARD and lead.next_step == NextStep.APPOINTMENT:
        return town.dice.choice([book, book, book, said("needs_to_think", "hold", "timing_later"), refused, unanswered])
    if lead.next_step == NextStep.DOCUMENTS:
        return town.dice.choice([document, document, unanswered])
    if lead.next_step == NextStep.NURTURE:
        return town.dice.choice([visited, replied, decided])
    return town.dice.choice(
        [said("sent_to_team", "sent_to_team", "Agreed with the supervisor."), unanswered, refused, asked, unsure]
    )


def call(lead: Lead, report: CallReport, at: datetime) -> None:
    """Call under a reservation, as the workspace does; what the gate refuses becomes the lead's own call."""
    calls.record_call(lead.pk, report, attempt=contact.reserve_call(lead, at=at, by=lead.owner), by=lead.owner, at=at)


def said(disposition: str, outcome: str = "", reason: str = "") -> Callable[[Lead, datetime], object]:
    return lambda lead, at: call(lead, CallReport(disposition, outcome=outcome, reason=reason), at)


def refused(lead: Lead, at: datetime) -> None:
    call(lead, CallReport("not_interested", outcome="disqualified", reason="not_interested"), at)


def unanswered(lead: Lead, at: datetime) -> None:
    call(lead, CallReport("no_answer"), at)


def unsure(lead: Lead, at: datetime) -> None:
    call(lead, CallReport("needs_to_think", outcome="review", note="Says two different things about the payer."), at)


def asked(lead: Lead, at: datetime) -> None:
    report = CallReport("missing_information", missing=["payer"], follow_up_on=(at + timedelta(days=2)).date())
    call(lead, report, at)


def booked(town: Town, lead: Lead, at: datetime) -> None:
    """Book the first open day."""
    call(lead, CallReport("appointment_set", outcome="appointment_set", reason="As asked."), at)
    clinic = lead.preferred_clinic_id or "aus"
    on = (at + timedelta(days=2)).date()
    booking = {"service": str(lead.service_id), "clinic": clinic, "on": on, "at": at}
    events.record_appointment(lead.pk, status="booked", **booking)
    town.visits.append((lead.pk, booking))


def document(lead: Lead, at: datetime) -> None:
    for item in lead.missing_items.filter(settled_at=None)[:1]:
        if item.kind_id == "prior_authorization":
            events.record_authorization(lead.pk, str(lead.service_id), "approved", at=at)
        elif item.kind.document_id:
            events.record_document(lead.pk, item.kind.document_id, at=at)


def visited(lead: Lead, at: datetime) -> None:
    events.record_activity(lead.pk, InteractionKind.PAGE_VISIT, at=at, count=4)


def replied(lead: Lead, at: datetime) -> None:
    events.record_activity(lead.pk, InteractionKind.EMAIL_REPLY, at=at, text="Thank you, I am still thinking.")


def decided(lead: Lead, at: datetime) -> None:
    events.record_preference(lead.pk, {"timing": "two_weeks", "request": "appointment", "payer": "ppo"}, at=at)
