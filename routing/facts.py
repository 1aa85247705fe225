"""What may routing rules ask besides the lead's own facts? Who may be contacted how, and what time it is [2.8]."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Exists,
    Expression,
    ExpressionWrapper,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    Subquery,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, NullIf

from consent.models import Permission
from consent.models.ledger import PermissionState
from leads.criteria import Fact, Kind, register
from leads.facts.services import other_trainings
from medcrm.lib.later import told
from routing.calendar import is_open
from routing.models import Agent, Team


def permission(channel: str, address: str) -> Callable[[datetime], Expression]:
    """What the ledger says of the channel; unknown without an address. Advice: the gate decides each contact."""

    def expression(at: datetime) -> Expression:
        has_lapsed = Q(state=PermissionState.GRANTED, expires_at__lte=at)
        said = Case(
            When(has_lapsed, then=Value(PermissionState.NONE.value)), default=F("state"), output_field=TextField()
        )
        rows = Permission.objects.filter(address=OuterRef(address), channel=channel).annotate(said=said)
        state = Coalesce(Subquery(rows.values("said")[:1], output_field=TextField()), Value(PermissionState.NONE.value))
        return Case(When(**{f"{address}__isnull": False}, then=state), default=None, output_field=TextField())

    return expression


def local_hour(at: datetime) -> Expression:
    """The hour of the day where the lead is, 0 to 23; unknown without a zone."""
    there = Func(NullIf(F("timezone"), Value("")), Value(at), function="timezone")
    return Func(there, template="EXTRACT(HOUR FROM %(expressions)s)::int", output_field=IntegerField())


def language_spoken(at: datetime) -> Expression:
    """Whether any agent speaks the lead's language and has the trainings its services ask for; none named speaks all.

    Of the whole organisation, not of the team it is with now: else a lead would be passed on for it, and then back.
    Unknown where there are no agents, or no language.
    """
    agents, training = Agent.objects.active(), "service__required_training"
    asks = ExpressionWrapper(OuterRef(training), output_field=CharField())
    trained = Q(asks__isnull=True) | Q(asks="") | Q(trainings__contains=[OuterRef(training)])
    trained &= Q(trainings__contains=ArraySubquery(other_trainings(OuterRef(OuterRef("other_services")))))
    speak = Q(languages=[]) | Q(languages__contains=[OuterRef("language")])
    able = agents.annotate(asks=asks).filter(trained, speak)
    return Case(
        When(Q(language=""), then=None),
        When(Exists(able), then=Value(True)),
        When(Exists(agents), then=Value(False)),
        default=None,
        output_field=BooleanField(),
    )


def office_is_open(at: datetime) -> Expression:
    """Whether the fallback team is at work; unknown without one."""
    return Cast(Value(told(at, _is_open)), BooleanField())


def _is_open(at: datetime) -> bool | None:
    team = Team.objects.fallback().first()
    return None if team is None else is_open(at, team.calendar)


def states() -> list[tuple[str, str]]:
    return [(str(code), str(label)) for code, label in PermissionState.choices]


register(
    Fact("voice_permission", "permission for calls", Kind.CODE, permission("voice", "phone"), states),
    Fact("sms_permission", "permission for texts", Kind.CODE, permission("sms", "phone"), states),
    Fact("email_permission", "permission for e-mail", Kind.CODE, permission("email", "email"), states),
    Fact(
        "language_spoken",
        "somebody speaks the language",
        Kind.YES_NO,
        language_spoken,
        per=("language", "service_id", "other_services"),
    ),
    Fact("local_hour", "hour where the lead is", Kind.NUMBER, local_hour),
    Fact("office_open", "office is open", Kind.YES_NO, office_is_open),
)
