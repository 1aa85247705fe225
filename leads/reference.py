"""The vocabulary, the catalogue and the first rules of an organisation, loaded from TOML.

Loading creates what is missing and changes nothing that is there, so it runs twice without harm and never overwrites
what staff edited.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from consent.models import Disclosure
from leads import places
from leads.models import (
    Availability,
    BandRule,
    Checklist,
    Clinic,
    Disposition,
    Document,
    HoldReason,
    MissingKind,
    NextStepRule,
    NextStepSet,
    Offering,
    OfferingPayer,
    Payer,
    Question,
    ScoringCategory,
    ScoringModel,
    ScoringRule,
    ServiceLine,
    Source,
    StopReason,
    TimingWindow,
    TriggerKind,
)
from leads.vocabulary import LeadType
from medcrm.lib.models import Coded, VersionStatus

DATA = Path(__file__).parent / "data"
REFERRAL_LETTER = "referral_letter"

Row = Mapping[str, object]


def read(name: str) -> dict[str, list[dict[str, object]]]:
    return tomllib.loads((DATA / f"{name}.toml").read_text())


def load(organisation: Mapping[str, object], disclosure: Disclosure, *, at: datetime) -> None:
    """Load vocabulary, catalogue, sources and the first published rules. Slots are days from `at`."""
    load_vocabulary()
    load_catalogue(organisation, at=at)
    load_sources(organisation["source"], disclosure)
    load_scoring(at=at)
    load_next_steps(at=at)
    load_checklists(at=at)


def load_vocabulary() -> None:
    words = read("vocabulary")
    _create(TimingWindow, _in_order(words["timing_window"]))
    _create(Document, words["document"])
    _create(MissingKind, [_by_key(row, "document") for row in words["missing_kind"]])
    _create(TriggerKind, words["trigger_kind"])
    for model, rows in ((HoldReason, words["hold_reason"]), (StopReason, words["stop_reason"])):
        for reason, row in _create(model, rows):
            reason.default_triggers.set(row.get("default_triggers", []))
    _create(Disposition, _in_order(words["disposition"]))


def load_catalogue(organisation: Mapping[str, object], *, at: datetime) -> None:
    trainings = [team["required_training"] for team in organisation["team"] if "required_training" in team]
    for row in organisation["service"]:
        _load_service(row, training=trainings[0] if row.get("sensitive") else "")
    for row in organisation["clinic"]:
        place = places.place(str(row["zip"]))
        location = {"city": place.city, "latitude": place.latitude, "longitude": place.longitude}
        _create(Clinic, [row | location])
    _create(Payer, [row | {"is_self_pay": row["code"] == "self"} for row in organisation["payer"]])
    for row in organisation["offering"]:
        for clinic in row["clinics"]:
            _load_offering(row, clinic, at=at)


def _load_service(row: Row, *, training: str) -> None:
    audience = next((kind for kind in (LeadType.B2B, LeadType.PARTNER) if row.get(kind)), LeadType.PATIENT)
    service, is_new = ServiceLine.objects.get_or_create(
        code=row["code"],
        defaults={
            "name": row["name"],
            "audience": audience,
            "min_age": row.get("min_age", 0),
            "telehealth": row.get("telehealth", False),
            "required_training": training,
            "needs_agreement": audience != LeadType.PATIENT,
        },
    )
    if is_new:
        letter = [REFERRAL_LETTER] if row.get("referral_required") else []
        service.documents.set({*row.get("documents", []), *letter})


def _load_offering(row: Row, clinic: str, *, at: datetime) -> None:
    offering, is_new = Offering.objects.get_or_create(
        service_id=row["service"], clinic_id=clinic, defaults={"accepts_new_patients": not row.get("closed", False)}
    )
    if is_new:
        asks = row.get("prior_authorization", [])
        OfferingPayer.objects.bulk_create(
            OfferingPayer(offering=offering, payer_id=payer, prior_authorization=payer in asks)
            for payer in row["payers"]
        )
    Availability.objects.bulk_create(
        [
            Availability(offering=offering, date=at.date() + timedelta(days=int(offset)), open_slots=slots)
            for offset, slots in row.get("slots", {}).items()
        ],
        ignore_conflicts=True,
    )


def load_sources(rows: Iterable[Row], disclosure: Disclosure) -> None:
    for row in rows:
        defaults = {
            "name": row["name"],
            "kind": row["kind"],
            "intent": row["intent"],
            "expectation": row["next"],
            "questions": row.get("questions", []),
            "seller_id": disclosure.seller_id,
            "disclosure": disclosure,
        }
        Source.objects.get_or_create(code=row["code"], defaults=defaults)


def load_scoring(*, at: datetime) -> None:
    """Publish the first scoring model of each lead type that has none."""
    for row in read("scoring")["model"]:
        if ScoringModel.objects.filter(lead_type=row["lead_type"]).exists():
            continue
        model = ScoringModel.objects.create(lead_type=row["lead_type"], note="The defaults.")
        categories = {c["code"]: ScoringCategory.objects.create(model=model, **c) for c in row["category"]}
        ScoringRule.objects.bulk_create(
            ScoringRule(model=model, position=position, **rule | {"category": categories[rule["category"]]})
            for position, rule in enumerate(row["rule"])
        )
        BandRule.objects.bulk_create(
            BandRule(model=model, position=position, **band) for position, band in enumerate(row["band"])
        )
        publish(model, at=at)


def load_next_steps(*, at: datetime) -> None:
    if NextStepSet.objects.exists():
        return
    rule_set = NextStepSet.objects.create(note="The defaults.")
    NextStepRule.objects.bulk_create(
        NextStepRule(rule_set=rule_set, **_by_key(row, "hold_reason", "stop_reason"))
        for row in _in_order(read("next_steps")["rule"])
    )
    publish(rule_set, at=at)


def load_checklists(*, at: datetime) -> None:
    """Publish the first checklist of each lead type, and of each service that has its own, where there is none."""
    services = set(ServiceLine.objects.values_list("pk", flat=True))
    present = set(Checklist.objects.values_list("lead_type", "service"))
    for row in read("checklists")["checklist"]:
        service = row.get("service")
        if (row["lead_type"], service) in present or (service and service not in services):
            continue
        checklist = Checklist.objects.create(lead_type=row["lead_type"], service_id=service, note="The defaults.")
        Question.objects.bulk_create(
            Question(checklist=checklist, **question) for question in _in_order(row["question"])
        )
        publish(checklist, at=at)


def publish(version: ScoringModel | NextStepSet | Checklist, *, at: datetime) -> None:
    version.status, version.published_at = VersionStatus.PUBLISHED, at
    version.save(update_fields=["status", "published_at"])


def _in_order(rows: Iterable[Row]) -> list[Row]:
    return [{"position": position, **row} for position, row in enumerate(rows)]


def _by_key(row: Row, *references: str) -> Row:
    """Say foreign keys by code, as the data files do."""
    return {f"{name}_id" if name in references else name: value for name, value in row.items()}


def _create(model: type[Coded], rows: Iterable[Row]) -> list[tuple[Coded, Row]]:
    """Create the rows whose code is not there yet and return them with what they were made from."""
    columns = {name for field in model._meta.fields for name in (field.name, field.attname)}
    present = set(model.objects.values_list("pk", flat=True))
    fresh = [row for row in rows if row["code"] not in present]
    created = model.objects.bulk_create(
        model(**{name: value for name, value in row.items() if name in columns}) for row in fresh
    )
    return list(zip(created, fresh, strict=True))
