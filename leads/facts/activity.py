"""What did the lead do, what was done to reach it, how long ago, and what has nobody answered yet?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import (
    Aggregate,
    BooleanField,
    Case,
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
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Extract
from django.db.models.lookups import LessThan

from leads import emergencies
from leads.criteria import Entries, Fact, Kind
from leads.models import Disposition, Interaction
from leads.vocabulary import Direction, InteractionKind

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
ATTEMPTED = (InteractionKind.CALL, InteractionKind.VOICEMAIL)


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


def days_known(at: datetime) -> Expression:
    """Whole days since the first inquiry."""
    passed = ExpressionWrapper(Value(at) - F("created_at"), output_field=DurationField())
    return Cast(Extract(passed, "day"), IntegerField())
