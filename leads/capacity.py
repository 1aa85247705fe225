"""Who can be served where, and when? The catalogue as database expressions on a lead.

The facts of the rule compiler use these, so fit and capacity mean the same in a rule, on a lead page and in a report.
Distances are miles as the crow flies. A slot's date is one of its clinic's calendar; what runs out does so at the end
of a day where the lead is (`leads.timing`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    BooleanField,
    Case,
    Count,
    Exists,
    Expression,
    ExpressionWrapper,
    F,
    FloatField,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
    Value,
    When,
)
from django.db.models.functions import ASin, Coalesce, Cos, Least, Power, Radians, Sin, Sqrt

from leads import criteria, timing
from leads.models import (
    Answer,
    Authorization,
    Availability,
    Clinic,
    DocumentStatus,
    Lead,
    Offering,
    OfferingPayer,
    Payer,
    ServiceLine,
)
from leads.vocabulary import AuthorizationState, DocumentState, LeadType, Verdict

EARTH_RADIUS_MILES = 3958.8
REFERRAL_LETTER, ELIGIBILITY = "referral_letter", "eligibility"
SETTLED = (AuthorizationState.APPROVED, AuthorizationState.NOT_NEEDED)

IS_ORGANISATION = Q(lead_type__in=[LeadType.PARTNER, LeadType.B2B])
HAS_PLACE = Q(latitude__isnull=False)


def miles_between(lat1: Expression, lon1: Expression, lat2: Expression, lon2: Expression) -> Expression:
    """Great-circle distance by the haversine formula; NULL when a coordinate is unknown."""

    def square_of_half_sine(a: Expression, b: Expression) -> Expression:
        return Power(Sin((Radians(b) - Radians(a)) / Value(2.0)), Value(2.0))

    chord = square_of_half_sine(lat1, lat2) + Cos(Radians(lat1)) * Cos(Radians(lat2)) * square_of_half_sine(lon1, lon2)
    return ExpressionWrapper(
        Value(2 * EARTH_RADIUS_MILES) * ASin(Least(Value(1.0), Sqrt(chord))), output_field=FloatField()
    )


def given(rows: QuerySet, path: str = "") -> QuerySet:
    """Narrow rows to offerings of the outer lead's service; `path` leads from the rows to the offering."""
    return rows.filter(
        **{f"{path}service": OuterRef("service"), f"{path}service__is_active": True, f"{path}clinic__is_active": True}
    )


def measured(rows: QuerySet, path: str = "") -> QuerySet:
    """Narrow rows to offerings of the outer lead's service, with the miles to each; NULL where its place is unknown."""
    clinic = f"{path}clinic__"
    miles = miles_between(OuterRef("latitude"), OuterRef("longitude"), F(f"{clinic}latitude"), F(f"{clinic}longitude"))
    return given(rows, path).annotate(miles=miles)


def reached(path: str = "") -> Q:
    """Of measured rows, those the outer lead can come to, or be seen by remotely in a clinic's own state [R14]."""
    near = Q(miles__lte=F(f"{path}clinic__radius_miles"))
    return near | Q(**{f"{path}service__telehealth": True, f"{path}clinic__state": OuterRef("state")})


def within_reach(rows: QuerySet, path: str = "") -> QuerySet:
    """Narrow rows to offerings within reach of the outer lead."""
    return measured(rows, path).filter(reached(path))


def near(rows: QuerySet, path: str = "") -> QuerySet:
    """Narrow rows to offerings in whose catchment the outer lead lives."""
    return within_reach(rows, path).filter(miles__lte=F(f"{path}clinic__radius_miles"))


def taking(rows: QuerySet, path: str = "") -> QuerySet:
    """Narrow rows to offerings that take new patients, or any patient where the outer lead is already one."""
    return rows.annotate(
        known_patient=ExpressionWrapper(
            Coalesce(OuterRef("is_existing_patient"), Value(False)), output_field=BooleanField()
        )
    ).filter(Q(**{f"{path}accepts_new_patients": True}) | Q(known_patient=True))


def offered(rows: QuerySet, path: str = "") -> QuerySet:
    """Narrow rows to what is offered to the outer lead: within its reach or at the clinic it asks for, to new patients
    or to one it is known to, on terms with its payer as far as that is known [R16, R27]."""
    terms = OfferingPayer.objects.filter(offering=OuterRef(f"{path}pk"), payer=OuterRef(OuterRef("payer")))
    return (
        taking(measured(rows, path), path)
        .annotate(asked_payer=ExpressionWrapper(OuterRef("payer"), output_field=TextField()))
        .filter(
            reached(path) | Q(**{f"{path}clinic": OuterRef("preferred_clinic")}),
            Q(asked_payer__isnull=True) | Exists(terms),
        )
    )


def offered_to(lead_id: int) -> list[int]:
    """The offerings that are offered to this lead; one query."""
    ids = ArraySubquery(offered(Offering.objects.all()).order_by("pk").values("pk"))
    return Lead.objects.values_list(ids, flat=True).get(pk=lead_id)


def near_offerings() -> QuerySet[Offering]:
    """Offerings to the outer lead of what its service names as offered instead."""
    there = Offering.objects.filter(service__is_active=True, clinic__is_active=True)
    return taking(there.filter(service__adjacent_to=OuterRef("service")))


def service_status() -> Expression:
    """`offered`, `not_offered` (nowhere, or closed everywhere) or then `adjacent` where what it names as offered
    instead is given; `organisation`, or `other_audience` where an organisation names a service that is not for its
    kind; unknown without a service."""
    theirs = ServiceLine.objects.filter(pk=OuterRef("service"), audience=OuterRef("lead_type"), is_active=True)
    return _status(
        When(service__isnull=True, then=None),
        When(IS_ORGANISATION & Exists(theirs), then=Value("organisation")),
        When(IS_ORGANISATION, then=Value("other_audience")),
        When(Exists(taking(given(Offering.objects.all()))), then=Value("offered")),
        When(Exists(near_offerings()), then=Value("adjacent")),
        default="not_offered",
    )


MEANT_FOR = {
    "organisation_type": (ServiceLine.organisation_types.through, "organisationtype"),
    "specialty": (ServiceLine.specialties.through, "specialty"),
    "care_setting": (ServiceLine.care_settings.through, "caresetting"),
}
"""Field of an organisation → where a service says for which of them it is, and the column that names them there."""


def meant_status(name: str) -> Expression:
    """Whether the service is meant for an organisation of this type, specialty or care setting: `any` where it names
    none, and for patients; `meant` or `not_meant`; unknown where it names some and the lead has not said [2.3]."""
    through, column = MEANT_FOR[name]
    named = through.objects.filter(serviceline=OuterRef("service"))
    return _status(
        When(Q(lead_type=LeadType.PATIENT) | ~Exists(named), then=Value("any")),
        When(Q(**{f"{name}__isnull": True}), then=None),
        When(Exists(named.filter(**{column: OuterRef(name)})), then=Value("meant")),
        default="not_meant",
    )


def size_status() -> Expression:
    """The same of how many people work at the site or practice, within the limits of the service."""
    fewest, most = F("service__min_people"), F("service__max_people")
    without_limits = Q(service__min_people__isnull=True, service__max_people__isnull=True)  # or without a service
    return _status(
        When(Q(lead_type=LeadType.PATIENT) | without_limits, then=Value("any")),
        When(clinic_size__isnull=True, then=None),
        When(Q(clinic_size__lt=fewest) | Q(clinic_size__gt=most), then=Value("not_meant")),
        default="meant",
    )


def location_status() -> Expression:
    """`in_catchment`, `telehealth`, `outside` or `not_applicable`; unknown without a place or a service."""
    return _status(
        When(IS_ORGANISATION, then=Value("not_applicable")),
        When(~HAS_PLACE | Q(service__isnull=True), then=None),
        When(Exists(near(Offering.objects.all())), then=Value("in_catchment")),
        When(Exists(within_reach(Offering.objects.all())), then=Value("telehealth")),
        default="outside",
    )


def payer_status() -> Expression:
    """`accepted`, `self_pay`, `not_accepted` or `not_applicable`, within reach; unknown without a payer."""
    terms = OfferingPayer.objects.filter(payer=OuterRef("payer"))
    accepted = Exists(within_reach(terms, "offering__"))
    return _status(
        When(IS_ORGANISATION, then=Value("not_applicable")),
        When(Q(payer__isnull=True) | Q(service__isnull=True) | ~HAS_PLACE, then=None),
        When(Q(payer__is_self_pay=True) & accepted, then=Value("self_pay")),
        When(accepted, then=Value("accepted")),
        default="not_accepted",
    )


def age_status(*, at: datetime) -> Expression:
    """`eligible` or `not_eligible` for the service; unknown where it has a limit and neither age nor yes was given."""
    return _status(
        When(service__isnull=True, then=None),
        When(Q(age__isnull=True) & answered("age_eligible", "no", at=at), then=Value("not_eligible")),
        When(IS_ORGANISATION | Q(service__min_age=0, service__max_age__isnull=True), then=Value("eligible")),
        When(Q(age__isnull=True) & answered("age_eligible", "yes", at=at), then=Value("eligible")),
        When(age__isnull=True, then=None),
        When(Q(age__lt=F("service__min_age")) | Q(age__gt=F("service__max_age")), then=Value("not_eligible")),
        default="eligible",
    )


def first_open_date(*, at: datetime) -> Expression:
    """The first date with an open slot for this lead inside its window, where it is offered one."""
    days = _offered_days(at=at)
    inside = days.filter(Q(closes_on__isnull=True) | Q(date__lte=F("closes_on")))
    return Case(When(IS_ORGANISATION, then=None), default=Subquery(inside.values("date")[:1]))


def next_open_date(*, at: datetime) -> Expression:
    """The first date with an open slot for this patient from the day its window opens, however late [2.4]."""
    return Subquery(_offered_days(at=at).values("date")[:1])


def _offered_days(*, at: datetime) -> QuerySet[Availability]:
    """Days with an open slot where the outer lead is offered one, from the day its window opens, the first first."""
    day = Availability._meta.get_field("date")
    return (
        offered(open_days(at=at), "offering__")
        .annotate(
            opens_on=ExpressionWrapper(OuterRef("window_opens_on"), output_field=day),
            closes_on=ExpressionWrapper(OuterRef("window_closes_on"), output_field=day),
        )
        .filter(Q(opens_on__isnull=True) | Q(date__gte=F("opens_on")))
        .order_by("date")
    )


def open_days(*, at: datetime) -> QuerySet[Availability]:
    """Days with an open slot that are not over on their clinic's calendar."""
    days = Availability.objects.filter(open_slots__gt=0, date__gte=at.date() - timedelta(days=1))  # for the index
    return days.filter(date__gte=timing.day_in(F("offering__clinic__timezone"), at))


def language_spoken(*, at: datetime) -> Expression:
    """Whether anybody may speak with the lead in its language: a fact of the room above, which knows the people."""
    return criteria.fact("language_spoken").expression(at)


def today(*, at: datetime, path: str = "", of: Callable[[str], F] = F) -> Expression:
    """The date where the lead is; `path` leads to it from the rows, `of` is OuterRef where it is the outer lead."""
    return timing.day_in(timing.zone_in(path, of), at)


def _still_valid(at: datetime, path: str, of: Callable[[str], F]) -> Q:
    return Q(expires_on__isnull=True) | Q(expires_on__gte=today(at=at, path=path, of=of))


def run_out(rows: QuerySet, *, at: datetime) -> QuerySet:
    """Narrow documents or authorizations to those whose last day is over where their lead is."""
    soon = rows.filter(expires_on__lt=at.date() + timedelta(days=1))  # for the index: nowhere is it later than that
    return soon.filter(expires_on__lt=today(at=at, path="lead__"))


def held_documents(*, at: datetime, path: str = "lead__", of: Callable[[str], F] = F) -> Q:
    """Document statuses that count: received, and not expired on that day."""
    return Q(status=DocumentState.RECEIVED) & _still_valid(at, path, of)


ASKING = (
    (ServiceLine.documents.through, "serviceline", "service"),
    (Payer.documents.through, "payer", "payer"),
    (Clinic.documents.through, "clinic", "preferred_clinic"),
)
"""Who asks for documents: its rows, the column that names it there, and the lead's field that names it. A payer and the
clinic that is asked for do so of a patient who wants a service [R16]."""
IS_VISIT = Q(lead_type=LeadType.PATIENT, service__isnull=False)


def missing_documents(*, at: datetime) -> Expression:
    """How many of the documents that the lead's service, its payer or its clinic asks for are not here and valid."""
    by_service, by_payer, by_clinic = (_missing(place, at) for place in range(len(ASKING)))
    beside = Case(When(IS_VISIT, then=by_payer + by_clinic), default=Value(0))
    return ExpressionWrapper(by_service + beside, output_field=IntegerField())


def _missing(place: int, at: datetime) -> Expression:
    """How many documents one of `ASKING` wants that are not here, and that none before it wants too."""
    through, column, field = ASKING[place]
    held = DocumentStatus.objects.filter(
        held_documents(at=at, path="", of=lambda name: OuterRef(OuterRef(name))),
        lead=OuterRef(OuterRef("pk")),
        document=OuterRef("document"),
    )
    wanted = through.objects.filter(~Exists(held), **{column: OuterRef(field)})
    for other, its_column, its_field in ASKING[:place]:
        same = other.objects.filter(document=OuterRef("document"), **{its_column: OuterRef(OuterRef(its_field))})
        wanted = wanted.filter(~Exists(same))
    return _count(wanted, column)


def lacks(document: str, *, at: datetime) -> Expression:
    """Whether the lead's service, its payer or its clinic asks for this document, and it is not here and valid."""
    by_service, by_payer, by_clinic = (
        Exists(through.objects.filter(document=document, **{column: OuterRef(field)}))
        for through, column, field in ASKING
    )
    required = by_service | (IS_VISIT & (by_payer | by_clinic))
    return Case(When(required & ~holds(document, at=at), then=Value(True)), default=Value(False))


def holds(document: str, *, at: datetime) -> Exists:
    """Whether this document of the lead is here and valid."""
    valid = held_documents(at=at, path="", of=OuterRef)
    return Exists(DocumentStatus.objects.filter(valid, lead=OuterRef("pk"), document=document))


def held_authorizations(*, at: datetime, path: str = "lead__", of: Callable[[str], F] = F) -> Q:
    """Authorizations that count: given or not needed, and not expired on that day."""
    return Q(status__in=SETTLED) & _still_valid(at, path, of)


def by_payer(payer: object) -> Q:
    """Authorizations of this payer; one recorded while the payer was not known counts for any [R16]."""
    return Q(payer__isnull=True) | Q(payer=payer)


def needs_authorization(*, at: datetime) -> Expression:
    """Whether the payer wants prior authorization within reach and gave none; unknown without a payer."""
    terms = OfferingPayer.objects.filter(prior_authorization=True)
    anybody_wants = Exists(given(terms, "offering__"))
    wanted = within_reach(terms.filter(payer=OuterRef("payer")), "offering__")
    approved = Authorization.objects.filter(
        held_authorizations(at=at, path="", of=OuterRef),
        by_payer(OuterRef("payer")),
        lead=OuterRef("pk"),
        service=OuterRef("service"),
    )
    return Case(
        When(IS_ORGANISATION, then=Value(False)),
        When(~anybody_wants, then=Value(False)),
        When(Q(payer__isnull=True), then=None),
        When(Exists(wanted) & ~Exists(approved), then=Value(True)),
        default=Value(False),
        output_field=BooleanField(),
    )


def miles_to_clinic() -> Expression:
    """Miles to the nearest clinic that gives the lead's service; unknown without a place."""
    clinics = given(Offering.objects.all()).annotate(
        miles=miles_between(OuterRef("latitude"), OuterRef("longitude"), F("clinic__latitude"), F("clinic__longitude"))
    )
    return Subquery(clinics.order_by("miles").values("miles")[:1], output_field=FloatField())


def answered(code: str, value: str = "", *, at: datetime) -> Exists:
    """Whether the outer lead's answer in force to this question passes, or is this very value."""
    answers = Answer.objects.in_force(at).filter(lead=OuterRef("pk"), code=code)
    return Exists(answers.filter(value=value) if value else answers.filter(verdict=Verdict.PASS).exclude(value="no"))


def _count(rows: QuerySet, by: str) -> Expression:
    counted = rows.order_by().values(by).annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), Value(0))


def _status(*whens: When, default: str) -> Expression:
    return Case(*whens, default=Value(default), output_field=TextField())
