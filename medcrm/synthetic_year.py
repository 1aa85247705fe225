"""A year of leads whose true conversion is known: what a review of rules must find out, and what it must not invent.

Seeded; the truth stands in TRUTH and in `PLANTED` and is read by nobody but tests and benchmarks.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.db.models import Max

from leads import milestones, scoring
from leads.models import Appointment, Lead, ScoringCategory, ScoringModel, ScoringRule
from medcrm.lib.models import VersionStatus

SEED = 20251124
DAYS = 365
BATCH = 2000

# What the rules of the planted model ask for, their points, and what they truly add to conversion.
Term = Mapping[str, object]
PLANTED: Mapping[str, tuple[int, list[list[Term]], str]] = {
    "Asks for an appointment or a call": (
        25, [[{"fact": "request", "op": "in", "value": ["appointment", "callback"]}]], "works",
    ),
    "Wants to come within two weeks": (
        20, [[{"fact": "timing", "op": "in", "value": ["now", "two_weeks"]}]], "works",
    ),
    "Window closes within two weeks": (
        5, [[{"fact": "timing", "op": "is", "value": "now"}], [{"fact": "timing", "op": "is", "value": "two_weeks"}]],
        "works",
    ),
    "Lives in Florida": (-15, [[{"fact": "state", "op": "is", "value": "FL"}]], "works"),
    "Speaks Spanish": (5, [[{"fact": "language", "op": "is", "value": "es"}]], "useless"),
    "Asks for somebody else": (10, [[{"fact": "for_whom", "op": "is", "value": "family"}]], "harmful"),
    "Older than a hundred": (5, [[{"fact": "age", "op": "gte", "value": 100}]], "never"),
    "Is a patient": (5, [[{"fact": "lead_type", "op": "is", "value": "patient"}]], "always"),
}  # fmt: skip
SAME_THING = {"Wants to come within two weeks", "Window closes within two weeks"}
FAILING_SOURCE, SLOW_SERVICE = "landing", "cardio"

SOURCES = ("web_consult", "landing", "guide", "webinar", "ads", "partner", "phone", "facility")
SERVICES = ("ortho", "pt", "derm", "cardio", "mri")


def chance(lead: Lead) -> float:
    """The true probability that this lead converts."""
    p = 0.16
    p += 0.14 if lead.request in ("appointment", "callback") else 0.0
    p += 0.10 if lead.timing_id in ("now", "two_weeks") else 0.0
    p -= 0.08 if lead.state == "FL" else 0.0
    p -= 0.08 if lead.for_whom == "family" else 0.0
    p -= 0.10 if lead.source_id == FAILING_SOURCE else 0.0
    return max(p, 0.01)


@transaction.atomic
def make(count: int, *, at: datetime) -> ScoringModel:
    """Make so many patients over the year before `at`, score and count them, and return the model with planted rules.

    Needs the reference organisation; its own patient model retires.
    """
    dice = random.Random(SEED)  # noqa: S311 - repeatable on purpose
    model = _model(at)
    start = at - timedelta(days=DAYS)
    made = 0
    while made < count:
        leads = list(_leads(dice, min(BATCH, count - made), start))
        chances = [chance(lead) for lead in leads]
        outcomes = [_outcome(dice, lead, p) for lead, p in zip(leads, chances, strict=True)]
        for lead, (_booked, attended) in zip(leads, outcomes, strict=True):
            lead.stage = "converted" if attended else "working"
        Lead.objects.bulk_create(leads)
        Appointment.objects.bulk_create(
            _visit(lead, booked, attended)
            for lead, (booked, attended) in zip(leads, outcomes, strict=True)
            if booked is not None
        )
        made += len(leads)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE leads_lead, leads_appointment")  # the planner must not think that they are empty
    scoring.write_scores(scoring.scale(model), list(Lead.objects.values_list("pk", flat=True)), at=at)
    milestones.refresh_all()
    return model


def _model(at: datetime) -> ScoringModel:
    patients = ScoringModel.objects.filter(lead_type="patient")
    patients.filter(status=VersionStatus.PUBLISHED).update(status=VersionStatus.RETIRED)
    version = (patients.aggregate(last=Max("version"))["last"] or 0) + 1
    model = ScoringModel.objects.create(lead_type="patient", version=version, note="Planted rules.")
    category = ScoringCategory.objects.create(model=model, code="planted", name="Planted")
    ScoringRule.objects.bulk_create(
        ScoringRule(model=model, category=category, axis="readiness", name=name, points=points, criteria=criteria)
        for name, (points, criteria, _truth) in PLANTED.items()
    )
    model.status, model.published_at = VersionStatus.PUBLISHED, at
    model.save(update_fields=["status", "published_at"])
    return model


def _leads(dice: random.Random, count: int, start: datetime) -> Iterator[Lead]:
    for _ in range(count):
        captured = start + timedelta(seconds=dice.randrange(DAYS * 86400))
        yield Lead(
            lead_type="patient", source_id=dice.choice(SOURCES), service_id=dice.choice(SERVICES),
            first_name="Synthetic", last_name=f"Person{dice.randrange(10**6)}",
            language="es" if dice.random() < 0.3 else "en", for_whom="family" if dice.random() < 0.3 else "self",
            age=dice.randint(18, 90), state=dice.choice(["TX", "TX", "OK", "FL"]),
            request=dice.choice(["appointment", "callback", "price", "question", "info"]),
            timing_id=dice.choice(["now", "two_weeks", "month", "quarter", "not_sure"]),
            timing_asked_at=captured, preferred_clinic_id="aus", stage="working", created_at=captured,
        )  # fmt: skip


def _outcome(dice: random.Random, lead: Lead, p: float) -> tuple[datetime | None, bool]:
    """When it was booked, if it was, and whether the person came; who does not convert is booked now and then."""
    attended = dice.random() < p
    if not attended and dice.random() > 0.1:
        return None, False
    days = dice.randint(10, 45) if lead.service_id == SLOW_SERVICE else dice.randint(0, 16)
    return lead.created_at + timedelta(days=days, hours=dice.randrange(24)), attended


def _visit(lead: Lead, booked: datetime, attended: bool) -> Appointment:
    on: date = (booked + timedelta(days=3)).date()
    return Appointment(
        lead=lead, service_id=lead.service_id, clinic_id="aus", date=on, status="attended" if attended else "no_show",
        created_at=booked, changed_at=booked + timedelta(days=3),
    )  # fmt: skip
