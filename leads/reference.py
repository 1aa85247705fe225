"""The vocabulary, the catalogue and the first rules of an organisation, loaded from TOML.

Loading creates what is missing and changes nothing that is there, so it runs twice without harm and never overwrites
what staff edited.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from django.db.models.fields.related_descriptors import ManyToManyDescriptor

from consent.models import Disclosure
from leads import places
from leads.models import (
    Availability,
    BandRule,
    CareSetting,
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
    OrganisationType,
    Payer,
    Question,
    ScoringCategory,
    ScoringModel,
    ScoringRule,
    ServiceLine,
    Source,
    Specialty,
    StopReason,
    TimingWindow,
    TriggerKind,
)
from leads.vocabulary import LeadType
from medcrm.lib.models import Coded, VersionStatus
from medcrm.lib.writing import create_missing

DATA = Path(__file__).parent / "data"
REFERRAL_LETTER = "referral_letter"
NAMED = ("adjacent", "organisation_types", "specialties", "care_settings")  # what a service names by code

Row = Mapping[str, object]


@cache
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
    for model, name in (
        (OrganisationType, "organisation_type"),
        (Specialty, "specialty"),
        (CareSetting, "care_setting"),
    ):
        _create(model, words[name])
    _create(MissingKind, [_by_key(row, "document") for row in words["missing_kind"]])
    _create(TriggerKind, words["trigger_kind"])
    for model, rows in ((HoldReason, words["hold_reason"]), (StopReason, words["stop_reason"])):
        made = _create(model, rows)
        _connect(model.default_triggers, {reason.pk: row.get("default_triggers", []) for reason, row in made})
    _create(Disposition, _in_order(words["disposition"]))


def load_catalogue(organisation: Mapping[str, object], *, at: datetime) -> None:
    trainings = [team["required_training"] for team in organisation["team"] if "required_training" in team]
    services = _create(
        ServiceLine, [_service(row, trainings[0] if row.get("sensitive") else "") for row in organisation["service"]]
    )
    _connect(ServiceLine.documents, {service.pk: row["needed"] for service, row in services})
    for name in NAMED:
        _connect(getattr(ServiceLine, name), {service.pk: row[name] for service, row in services})
    clinics = _create(Clinic, [row | _location(row) for row in organisation["clinic"]])
    payers = _create(Payer, [row | {"is_self_pay": row["code"] == "self"} for row in organisation["payer"]])
    for relation, rows in ((Clinic.documents, clinics), (Payer.documents, payers)):
        _connect(relation, {made.pk: row.get("documents", []) for made, row in rows})
    load_offerings(organisation["offering"], at=at)


def _service(row: Row, training: str) -> Row:
    audience = next((kind for kind in (LeadType.B2B, LeadType.PARTNER) if row.get(kind)), LeadType.PATIENT)
    letter = [REFERRAL_LETTER] if row.get("referral_required") else []
    return {
        "code": row["code"],
        "name": row["name"],
        "audience": audience,
        "min_age": row.get("min_age", 0),
        "telehealth": row.get("telehealth", False),
        "required_training": training,
        "needs_agreement": audience != LeadType.PATIENT,
        "needed": {*row.get("documents", []), *letter},
        "min_people": row.get("min_people"),
        "max_people": row.get("max_people"),
        **{name: row.get(name, []) for name in NAMED},
    }


def _location(row: Row) -> Row:
    place = places.place(str(row["zip"]))
    return {"city": place.city, "latitude": place.latitude, "longitude": place.longitude}


def load_offerings(rows: Iterable[Row], *, at: datetime) -> None:
    wanted = {(row["service"], clinic): row for row in rows for clinic in row["clinics"]}
    made = create_missing(
        [
            Offering(service_id=service, clinic_id=clinic, accepts_new_patients=not row.get("closed", False))
            for (service, clinic), row in wanted.items()
        ],
        "service_id",
        "clinic_id",
    )
    OfferingPayer.objects.bulk_create(
        OfferingPayer(
            offering=offering, payer_id=payer, prior_authorization=payer in row.get("prior_authorization", [])
        )
        for offering in made
        for row in [wanted[offering.service_id, offering.clinic_id]]
        for payer in row["payers"]
    )
    Availability.objects.bulk_create(
        [
            Availability(offering=offering, date=at.date() + timedelta(days=int(offset)), open_slots=slots)
            for offering in Offering.objects.all()
            for row in [wanted.get((offering.service_id, offering.clinic_id), {})]
            for offset, slots in row.get("slots", {}).items()
        ],
        ignore_conflicts=True,
    )


def load_sources(rows: Iterable[Row], disclosure: Disclosure) -> None:
    _create(
        Source,
        [
            {
                "code": row["code"],
                "name": row["name"],
                "kind": row["kind"],
                "intent": row["intent"],
                "expectation": row["next"],
                "questions": row.get("questions", []),
                "seller_id": disclosure.seller_id,
                "disclosure": disclosure,
            }
            for row in rows
        ],
    )


def load_scoring(*, at: datetime) -> None:
    """Publish the first scoring model of each lead type that has none."""
    for row in read("scoring")["model"]:
        if ScoringModel.objects.filter(lead_type=row["lead_type"]).exists():
            continue
        model = ScoringModel.objects.create(lead_type=row["lead_type"], note="The defaults.")
        made = ScoringCategory.objects.bulk_create(ScoringCategory(model=model, **values) for values in row["category"])
        categories = {category.code: category for category in made}
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
    fresh = [
        row
        for row in read("checklists")["checklist"]
        for service in [row.get("service")]
        if (row["lead_type"], service) not in present and (not service or service in services)
    ]
    checklists = Checklist.objects.bulk_create(
        Checklist(lead_type=row["lead_type"], service_id=row.get("service"), note="The defaults.") for row in fresh
    )
    Question.objects.bulk_create(
        Question(checklist=checklist, **question)
        for checklist, row in zip(checklists, fresh, strict=True)
        for question in _in_order(row["question"])
    )
    made = Checklist.objects.filter(pk__in=[checklist.pk for checklist in checklists])
    made.update(status=VersionStatus.PUBLISHED, published_at=at)


def publish(version: ScoringModel | NextStepSet, *, at: datetime) -> None:
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
    given = {row["code"]: row for row in rows}
    made = create_missing(
        [model(**{name: value for name, value in row.items() if name in columns}) for row in given.values()], "code"
    )
    return [(row, given[row.pk]) for row in made]


def _connect(relation: ManyToManyDescriptor, wanted: Mapping[str, Iterable[str]]) -> None:
    """Give new rows what a many-to-many field of theirs names."""
    one, other = relation.field.m2m_column_name(), relation.field.m2m_reverse_name()
    relation.through.objects.bulk_create(
        relation.through(**{one: key, other: value}) for key, values in wanted.items() for value in values
    )
