"""The facts about a lead that rules may ask for, with how the database computes each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import (
    Aggregate,
    BooleanField,
    Case,
    CharField,
    Count,
    DurationField,
    Exists,
    Expression,
    ExpressionWrapper,
    F,
    Func,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    TextChoices,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Extract, NullIf
from django.db.models.lookups import LessThan

from consent.models import Permission
from consent.models.ledger import PermissionState
from leads import capacity, emergencies
from leads.criteria import Entries, Fact, Kind, register
from leads.lifecycle import Stage
from leads.models import (
    Answer,
    Appointment,
    CareSetting,
    Clinic,
    Disposition,
    DocumentStatus,
    HoldReason,
    Interaction,
    Lead,
    OrganisationType,
    Payer,
    ServiceLine,
    Source,
    Specialty,
    Stakeholder,
    StopReason,
    TimingWindow,
)
from leads.vocabulary import (
    Agreement,
    AppointmentState,
    Band,
    Budget,
    Check,
    ContactRole,
    Decision,
    Direction,
    ForWhom,
    Intent,
    InteractionKind,
    LeadType,
    NextStep,
    Request,
    SourceKind,
    Urgency,
    Verdict,
)
from medcrm.lib.access import team_names

Choices = Callable[[], Iterable[tuple[str, str]]]

QUIET_SINCE_KINDS = (
    InteractionKind.FORM_SUBMISSION,
    InteractionKind.GUIDE_DOWNLOAD,
    InteractionKind.WEBINAR_ATTENDED,
    InteractionKind.PAGE_VISIT,
    InteractionKind.EMAIL_CLICK,
    InteractionKind.EMAIL_REPLY,
    InteractionKind.SMS_REPLY,
    InteractionKind.INBOUND_CALL,
)


REPLIES = (InteractionKind.EMAIL_REPLY, InteractionKind.SMS_REPLY)


def text(name: str) -> Callable[[datetime], Expression]:
    """A text column whose blank means unknown."""
    return lambda at: NullIf(F(name), Value(""))


def column(name: str) -> Callable[[datetime], Expression]:
    return lambda at: F(name)


def rows(model: type) -> Choices:
    return lambda: model.objects.values_list("pk", "name")


def words(choices: type[TextChoices]) -> Choices:
    return lambda: choices.choices


def happened(name: str, label: str, *kinds: InteractionKind) -> Fact:
    """How often the lead did one of these, counting repeated visits and opens."""

    def times(total: Expression, at: datetime) -> Expression:
        return Coalesce(total, Value(0))

    return _of_entries(name, label, kinds, Sum, "count", times)


def days_since(name: str, label: str, *kinds: InteractionKind, otherwise: str = "") -> Fact:
    """Whole days since the lead last did one of these; where it never did, since `otherwise`, or else unknown."""

    def days(since: Expression, at: datetime) -> Expression:
        start = Coalesce(since, F(otherwise)) if otherwise else since
        passed = ExpressionWrapper(Value(at) - start, output_field=DurationField())
        whole = Cast(Extract(passed, "day"), IntegerField())
        return Case(When(LessThan(whole, Value(0)), then=Value(0)), default=whole)  # GREATEST would make 0 of unknown

    return _of_entries(name, label, kinds, Max, "at", days)


def _of_entries(
    name: str,
    label: str,
    kinds: Sequence[InteractionKind],
    aggregate: type[Aggregate],
    column: str,
    finish: Callable[[Expression, datetime], Expression],
) -> Fact:
    """A number made of an aggregate over the lead's entries of these kinds, in each way there is to read it."""

    done = Interaction.objects.filter(lead=OuterRef("pk"), kind__in=kinds).order_by().values("lead")
    of_lead = done.annotate(value=aggregate(column)).values("value")
    among = aggregate(f"interactions__{column}", filter=Q(interactions__kind__in=kinds))
    return Fact(
        name,
        label,
        Kind.NUMBER,
        lambda at: finish(Subquery(of_lead), at),
        gathered=lambda at: finish(among, at),
        entries=Entries(aggregate(column, filter=Q(kind__in=kinds)), Q(kind__in=kinds), finish),
    )


ATTEMPTED = (InteractionKind.CALL, InteractionKind.VOICEMAIL)


def unanswered_attempts(at: datetime) -> Expression:
    """Outbound calls that reached nobody since the lead was last reached or last got in touch, that moment included."""
    last_contact = (
        Interaction.objects.filter(lead=OuterRef("lead"))
        .filter(Q(direction=Direction.INBOUND) | Q(disposition__makes_contact=True))
        .order_by("-at")
        .values("at")[:1]
    )
    tries = (
        Interaction.objects.filter(lead=OuterRef("pk"), direction=Direction.OUTBOUND, kind__in=ATTEMPTED)
        .filter(Q(disposition=None) | Q(disposition__makes_contact=False))
        .annotate(last_contact=Subquery(last_contact))
        .filter(Q(last_contact__isnull=True) | Q(at__gte=F("last_contact")))
        .order_by()
        .values("lead")
        .annotate(n=Count("pk"))
        .values("n")
    )
    return Coalesce(Subquery(tries, output_field=IntegerField()), Value(0))


class CountSince(Func):
    """How many of the first argument's instants lie at or after the second; all where there is no second."""

    template = "(SELECT count(*)::int FROM unnest(%(expressions)s, '-infinity'))"
    arg_joiner = ") AS tried (at) WHERE tried.at >= COALESCE("
    output_field = IntegerField()


def unanswered_together(at: datetime) -> Expression:
    """The same, from all entries of a lead read at once."""
    # Among the codes, which are looked up once, instead of by a join, which is made for each lead.
    contacts, silent = (Disposition.objects.filter(makes_contact=made).values("pk") for made in (True, False))
    tried = Q(interactions__direction=Direction.OUTBOUND, interactions__kind__in=ATTEMPTED)
    in_vain = Q(interactions__disposition=None) | Q(interactions__disposition__in=silent)
    reached = Q(interactions__direction=Direction.INBOUND) | Q(interactions__disposition__in=contacts)
    return CountSince(ArrayAgg("interactions__at", filter=tried & in_vain), Max("interactions__at", filter=reached))


def reply_waits(at: datetime) -> Expression:
    """Whether the lead wrote back, other than to withdraw, and nobody has spoken with it since."""
    replies = Interaction.objects.filter(lead=OuterRef("pk"), kind__in=REPLIES, direction=Direction.INBOUND)
    return _unanswered(replies.exclude(facts__has_key="withdraws"))


def emergency_waits(at: datetime) -> Expression:
    """Whether the lead wrote of an emergency, and nobody has spoken with it since."""
    said = Interaction.objects.filter(lead=OuterRef("pk"), direction=Direction.INBOUND)
    return _unanswered(said.filter(facts__has_key=emergencies.FACT))


def _unanswered(said: QuerySet[Interaction]) -> Expression:
    spoken = Interaction.objects.filter(
        Q(disposition__makes_contact=True) | Q(kind=InteractionKind.INBOUND_CALL), lead=OuterRef("lead")
    )
    said = said.annotate(spoken_at=Subquery(spoken.order_by("-at").values("at")[:1]))
    return ExpressionWrapper(
        Exists(said.filter(Q(spoken_at__isnull=True) | Q(at__gt=F("spoken_at")))), output_field=BooleanField()
    )


def days_until_slot(at: datetime) -> Expression:
    days = ExpressionWrapper(capacity.first_open_date(at=at) - capacity.today(at=at), output_field=DurationField())
    return Cast(Extract(days, "day"), IntegerField())


def documents_held(at: datetime) -> Expression:
    held = DocumentStatus.objects.filter(capacity.held_documents(at=at, path="", of=OuterRef), lead=OuterRef("pk"))
    return _counted(held)


def no_shows(at: datetime) -> Expression:
    return _counted(Appointment.objects.filter(lead=OuterRef("pk"), status=AppointmentState.NO_SHOW))


def days_known(at: datetime) -> Expression:
    passed = ExpressionWrapper(Value(at) - F("created_at"), output_field=DurationField())
    return Cast(Extract(passed, "day"), IntegerField())


def _counted(of_lead: QuerySet) -> Expression:
    counted = of_lead.order_by().values("lead").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), Value(0))


def has_grant(at: datetime) -> Expression:
    """Whether any address of the lead holds a permission in force; the gate still decides each contact."""
    granted = Permission.objects.filter(state=PermissionState.GRANTED)
    by_phone, by_email = (Exists(granted.filter(address=OuterRef(name))) for name in ("phone", "email"))
    return Case(When(by_phone | by_email, then=Value(True)), default=Value(False))


def ways_open(at: datetime) -> Expression:
    """How many of calls, texts and e-mail the person leaves open: an address we hold, and nothing withdrawn.

    No grant is asked for: a hand-dialled call needs none. The gate still decides each contact.
    """
    closed = Permission.objects.filter(state=PermissionState.BLOCKED)
    ways = (("voice", "phone"), ("sms", "phone"), ("email", "email"))
    return sum(
        (
            Case(
                When(
                    Q(**{f"{address}__isnull": False})
                    & ~Exists(closed.filter(address=OuterRef(address), channel=channel)),
                    then=1,
                ),
                default=0,
            )
            for channel, address in ways
        ),
        start=Value(0),
    )


def visit_ahead(at: datetime) -> Expression:
    """Whether an appointment stands."""
    return ExpressionWrapper(Exists(_coming(at)), output_field=BooleanField())


def visit_for_service(at: datetime) -> Expression:
    """Whether an appointment stands for what the lead asks for now: another service is another visit."""
    return ExpressionWrapper(Exists(_coming(at).filter(service=OuterRef("service"))), output_field=BooleanField())


def _coming(at: datetime) -> QuerySet[Appointment]:
    return Appointment.objects.ahead(at).filter(lead=OuterRef("pk"))


def contact_points(at: datetime) -> Expression:
    """How many of phone and e-mail we hold."""
    return Case(When(phone__isnull=False, then=1), default=0) + Case(When(email__isnull=False, then=1), default=0)


def complete_fields(at: datetime) -> Expression:
    """How many of phone, e-mail, service and location are given (0 to 4)."""
    located = Case(When(latitude__isnull=False, then=1), default=0)
    served = Case(When(service__isnull=False, then=1), default=0)
    return contact_points(at) + located + served


class InText(Func):
    """A plain value that is kept as JSON, as text."""

    template = "(%(expressions)s #>> '{}')"
    output_field = TextField()


def answer_to(code: str) -> Callable[[datetime], Expression]:
    """What an organisation answered to a question that no field stands behind [R32, R34]; unknown until asked."""

    def answer(at: datetime) -> Expression:
        said = Answer.objects.in_force(at).filter(lead=OuterRef("pk"), code=code).exclude(value="unknown")
        told = said.annotate(told=InText(F("value"))).values("told")[:1]
        return Case(When(capacity.IS_ORGANISATION, then=Subquery(told)), output_field=TextField())

    return answer


def service_training(at: datetime) -> Expression:
    """The training that the service asks for, or else one of the other services that the lead's story speaks of."""
    first = Subquery(other_trainings(OuterRef("other_services"))[:1])
    other = Case(When(~Q(other_services=[]), then=first), default=None, output_field=CharField())
    return Coalesce(NullIf(F("service__required_training"), Value("")), other)


def other_trainings(services: Expression) -> QuerySet:
    """The trainings that these services of a lead, an array of codes, ask for."""
    told = ExpressionWrapper(services, output_field=Lead._meta.get_field("other_services"))
    rows = ServiceLine.objects.alias(told=told).filter(told__contains=[F("pk")]).exclude(required_training="")
    return rows.order_by("pk").values("required_training")


def scheduler_named(at: datetime) -> Expression:
    """Whether somebody is known who arranges visits or referrals [R20]."""
    has_role = Q(role=ContactRole.SCHEDULER) | Q(other_roles__contains=[ContactRole.SCHEDULER])
    people = Stakeholder.objects.filter(has_role, lead=OuterRef("pk"))
    return Case(When(Q(contact_role=ContactRole.SCHEDULER) | Exists(people), then=Value(True)), default=Value(False))


def contradictions(at: datetime) -> Expression:
    """Answers in force that fail their question though the facts pass its check: somebody must look at both."""
    passed = Q()
    for check in Check:
        passed |= Q(question__part=check, **{f"lead__{check}_check": Verdict.PASS})
    against = Answer.objects.in_force(at).filter(passed, lead=OuterRef("pk"), verdict=Verdict.FAIL)
    counted = against.order_by().values("lead").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), Value(0))


NOT_FOR_ORGANISATIONS = ("not_applicable", "not applicable")
SERVED = [
    ("offered", "offered"),
    ("not_offered", "not offered"),
    ("adjacent", "not offered, but one near it is"),
    ("organisation", "for organisations"),
    ("other_audience", "not for this kind of organisation"),
]
PLACE = [("in_catchment", "in catchment"), ("telehealth", "telehealth"), ("outside", "outside"), NOT_FOR_ORGANISATIONS]
PAYING = [
    ("accepted", "accepted"),
    ("self_pay", "self-pay"),
    ("not_accepted", "not accepted"),
    NOT_FOR_ORGANISATIONS,
]
SAID = [("yes", "yes"), ("no", "no")]
ANSWERS: Mapping[str, tuple[str, Sequence[tuple[str, str]]]] = {
    "service_capacity": ("room for patients this quarter", SAID),
    "patient_flow": ("patients a month", [("few", "fewer than 5"), ("some", "5 to 20"), ("many", "more than 20")]),
    "record_exchange": (
        "exchange of records today",
        [("interface", "an interface"), ("portal", "a portal"), ("fax", "fax or mail"), ("none", "none")],
    ),
    "collaboration_type": (
        "type of collaboration",
        [
            ("refer_to_us", "refers patients to us"),
            ("refer_to_them", "receives patients from us"),
            ("both_ways", "referrals both ways"),
            ("programme", "a shared programme"),
            ("integration", "exchange of records"),
        ],
    ),
    "pilot": ("starts with a pilot", SAID),
    "training": ("needs training", SAID),
    "implementation": ("needs help to put it in place", SAID),
}
ELIGIBLE = [("eligible", "eligible"), ("not_eligible", "not eligible")]
MEANT = [("any", "for any"), ("meant", "meant for it"), ("not_meant", "not meant for it")]

register(
    Fact("lead_type", "lead type", Kind.CODE, column("lead_type"), words(LeadType)),
    Fact("source", "source", Kind.CODE, column("source_id"), rows(Source)),
    Fact("source_kind", "source kind", Kind.CODE, column("source__kind"), words(SourceKind)),
    Fact("source_intent", "source's intent", Kind.CODE, column("source__intent"), words(Intent)),
    Fact("language", "language", Kind.CODE, text("language")),
    Fact("for_whom", "for whom", Kind.CODE, text("for_whom"), words(ForWhom)),
    Fact("age", "age", Kind.NUMBER, column("age")),
    Fact("is_existing_patient", "existing patient", Kind.YES_NO, column("is_existing_patient")),
    Fact("zip", "ZIP", Kind.CODE, text("zip")),
    Fact("state", "state", Kind.CODE, text("state")),
    Fact("service", "service", Kind.CODE, column("service_id"), rows(ServiceLine), is_phi=True),
    Fact("service_training", "training the service asks for", Kind.CODE, service_training),
    Fact("service_by_video", "service may be given by video", Kind.YES_NO, column("service__telehealth")),
    Fact("preferred_clinic", "preferred clinic", Kind.CODE, column("preferred_clinic_id"), rows(Clinic)),
    Fact("request", "request", Kind.CODE, text("request"), words(Request)),
    Fact("question", "specific question", Kind.CODE, text("question"), is_phi=True),
    Fact("timing", "timing", Kind.CODE, column("timing_id"), rows(TimingWindow)),
    Fact("timing_kind", "kind of timing", Kind.CODE, column("timing__kind"), words(TimingWindow.Kind)),
    Fact("urgency", "urgency", Kind.CODE, text("urgency"), words(Urgency)),
    Fact("payer", "payer", Kind.CODE, column("payer_id"), rows(Payer), is_phi=True),
    Fact("referring_provider", "referring provider", Kind.CODE, text("referring_provider"), is_phi=True),
    Fact("organisation", "organisation", Kind.CODE, text("organisation")),
    Fact(
        "organisation_type", "type of organisation", Kind.CODE, column("organisation_type_id"), rows(OrganisationType)
    ),
    Fact("specialty", "specialty", Kind.CODE, column("specialty_id"), rows(Specialty)),
    Fact("care_setting", "care setting", Kind.CODE, column("care_setting_id"), rows(CareSetting)),
    Fact("npi", "NPI", Kind.CODE, text("npi")),
    Fact("sites", "number of sites", Kind.NUMBER, column("sites")),
    Fact("contact_role", "contact's role", Kind.CODE, text("contact_role"), words(ContactRole)),
    Fact("clinic_size", "size of the clinic or site", Kind.NUMBER, column("clinic_size")),
    Fact("budget", "budget", Kind.CODE, text("budget"), words(Budget)),
    Fact("rollout", "rollout", Kind.CODE, text("rollout")),
    Fact("approver", "approver", Kind.CODE, text("approver")),
    Fact("agreement", "agreement", Kind.CODE, text("agreement"), words(Agreement)),
    Fact("score", "score", Kind.NUMBER, column("score")),
    Fact("score_band", "score band", Kind.CODE, text("score_band"), words(Band)),
    Fact("fit", "fit", Kind.CODE, text("fit"), words(Band)),
    Fact("readiness", "readiness", Kind.CODE, text("readiness"), words(Band)),
    Fact("fit_check", "fit check", Kind.CODE, column("fit_check"), words(Verdict)),
    Fact("capacity_check", "capacity check", Kind.CODE, column("capacity_check"), words(Verdict)),
    Fact("readiness_check", "readiness check", Kind.CODE, column("readiness_check"), words(Verdict)),
    Fact("decision_path_check", "decision path check", Kind.CODE, column("decision_path_check"), words(Verdict)),
    Fact("decision", "decision", Kind.CODE, text("decision"), words(Decision)),
    Fact("next_step", "next step", Kind.CODE, text("next_step"), words(NextStep)),
    Fact("stage", "stage", Kind.CODE, column("stage"), words(Stage)),
    Fact("cycle", "cycle", Kind.NUMBER, column("cycle")),
    Fact("team", "team", Kind.CODE, text("team"), lambda: team_names().items()),
    Fact("hold_reason", "hold reason", Kind.CODE, column("hold_reason_id"), rows(HoldReason)),
    Fact("stop_reason", "stop reason", Kind.CODE, column("stop_reason_id"), rows(StopReason)),
    Fact(
        "service_status",
        "service status",
        Kind.CODE,
        lambda at: capacity.service_status(),
        lambda: SERVED,
        per=("lead_type", "service_id", "is_existing_patient"),
    ),
    Fact(
        "location_status",
        "location",
        Kind.CODE,
        lambda at: capacity.location_status(),
        lambda: PLACE,
        per=("lead_type", "service_id", "state", "latitude", "longitude"),
    ),
    Fact(
        "payer_status",
        "payer acceptance",
        Kind.CODE,
        lambda at: capacity.payer_status(),
        lambda: PAYING,
        per=("lead_type", "service_id", "payer_id", "state", "latitude", "longitude"),
    ),
    Fact("age_status", "age for the service", Kind.CODE, lambda at: capacity.age_status(at=at), lambda: ELIGIBLE),
    *(
        Fact(
            f"{short}_status",
            f"service and {label}",
            Kind.CODE,
            lambda at, name=name: capacity.meant_status(name),
            lambda: MEANT,
            per=("lead_type", "service_id", f"{name}_id"),
        )
        for short, name, label in (
            ("type", "organisation_type", "type of organisation"),
            ("specialty", "specialty", "specialty"),
            ("setting", "care_setting", "care setting"),
        )
    ),
    Fact("size_status", "service and size", Kind.CODE, lambda at: capacity.size_status(), lambda: MEANT),
    Fact(
        "miles_to_clinic",
        "miles to the nearest clinic",
        Kind.NUMBER,
        lambda at: capacity.miles_to_clinic(),
        per=("service_id", "latitude", "longitude"),
    ),
    Fact("days_until_slot", "days until the first open slot", Kind.NUMBER, days_until_slot),
    Fact(
        "referral_missing",
        "referral letter missing",
        Kind.YES_NO,
        lambda at: capacity.lacks(capacity.REFERRAL_LETTER, at=at),
    ),
    Fact(
        "referral_held", "referral letter held", Kind.YES_NO, lambda at: capacity.holds(capacity.REFERRAL_LETTER, at=at)
    ),
    Fact(
        "eligibility_missing",
        "benefits not verified yet",
        Kind.YES_NO,
        lambda at: capacity.lacks(capacity.ELIGIBILITY, at=at),
    ),
    Fact("documents_missing", "missing documents", Kind.NUMBER, lambda at: capacity.missing_documents(at=at)),
    Fact(
        "authorization_missing",
        "prior authorization missing",
        Kind.YES_NO,
        lambda at: capacity.needs_authorization(at=at),
    ),
    Fact("contradictions", "answers against the checks", Kind.NUMBER, contradictions),
    Fact("contact_points", "phone and e-mail held", Kind.NUMBER, contact_points),
    Fact("complete_fields", "of phone, e-mail, service and location given", Kind.NUMBER, complete_fields),
    Fact("has_grant", "permission granted", Kind.YES_NO, has_grant),
    Fact("ways_open", "of calls, texts and e-mail not withdrawn", Kind.NUMBER, ways_open),
    Fact("visit_ahead", "visit booked", Kind.YES_NO, visit_ahead),
    Fact("visit_for_service", "visit booked for the service asked for", Kind.YES_NO, visit_for_service),
    Fact("documents_held", "documents held", Kind.NUMBER, documents_held),
    Fact("days_known", "days since the first inquiry", Kind.NUMBER, days_known),
    Fact("no_shows", "appointments missed", Kind.NUMBER, no_shows),
    happened("inquiries", "forms sent", InteractionKind.FORM_SUBMISSION),
    happened("replies", "replies", *REPLIES),
    happened("webinars", "webinars attended", InteractionKind.WEBINAR_ATTENDED),
    happened("downloads", "guides downloaded", InteractionKind.GUIDE_DOWNLOAD),
    happened("page_visits", "page visits", InteractionKind.PAGE_VISIT),
    happened("email_opens", "e-mails opened", InteractionKind.EMAIL_OPEN),
    happened("email_clicks", "links in e-mails clicked", InteractionKind.EMAIL_CLICK),
    happened("calls_in", "calls from the lead", InteractionKind.INBOUND_CALL),
    happened("calls_out", "calls to the lead", *ATTEMPTED),
    days_since("days_since_inquiry", "days since the last form", InteractionKind.FORM_SUBMISSION),
    days_since("days_since_reply", "days since the last reply", *REPLIES),
    days_since("days_since_call", "days since the last call to the lead", *ATTEMPTED),
    days_since("quiet_days", "quiet days", *QUIET_SINCE_KINDS, otherwise="created_at"),
    Fact(
        "unanswered_attempts",
        "unanswered attempts",
        Kind.NUMBER,
        unanswered_attempts,
        gathered=unanswered_together,
    ),
    Fact("reply_waits", "reply that waits for an answer", Kind.YES_NO, reply_waits),
    Fact("emergency_waits", "words of an emergency that wait for a person", Kind.YES_NO, emergency_waits),
    Fact("scheduler_named", "who arranges visits is known", Kind.YES_NO, scheduler_named),
    *(
        Fact(f"answer_{code}", f"answer: {label}", Kind.CODE, answer_to(code), (lambda codes=codes: codes))
        for code, (label, codes) in ANSWERS.items()
    ),
)
