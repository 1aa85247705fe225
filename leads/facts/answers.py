"""What was answered to the questions of the checklist?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from django.db.models import (
    Case,
    Expression,
    F,
    Func,
    OuterRef,
    Q,
    Subquery,
    TextField,
    When,
)

from leads import capacity
from leads.facts.reading import counted
from leads.models import Answer
from leads.vocabulary import Check, Verdict

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


def contradictions(at: datetime) -> Expression:
    """Answers in force that fail their question though the facts pass its check: somebody must look at both."""
    passed = Q()
    for check in Check:
        passed |= Q(question__part=check, **{f"lead__{check}_check": Verdict.PASS})
    against = Answer.objects.in_force(at).filter(passed, lead=OuterRef("pk"), verdict=Verdict.FAIL)
    return counted(against)
