"""What does a worked journey look like? Its form, step by step; what is not in it is named, never passed over.

What a step does is refused by the real code, which names the field (`expect_error`): so the values of a submission, an
event, a call or a rule are read here only as far as nobody else reads them.
"""

from __future__ import annotations

from collections.abc import Mapping

from leads import contact
from leads.lifecycle import Stage
from leads.serializers import InquirySerializer
from leads.vocabulary import Band, Check, Decision, InteractionKind, NextStep, Outcome, Verdict
from medcrm.lib.worked import (
    Json,
    MalformedCase,
    Reader,
    Wrong,
    anything,
    count,
    day,
    demand,
    each,
    flag,
    instant,
    one_of,
    part,
    text,
)

SAID, CODE = text(), text(80)


def check_case(case: Json) -> None:
    """Raise MalformedCase for the first field that is missing, not known or of another kind than it should be."""
    try:
        CASE(case, "")
    except Wrong as error:
        raise MalformedCase(case.get("id", "without id"), error.field, error.problem) from None


def _step(value: object, field: str) -> None:
    """One thing that happens, and the field for which it must be refused."""
    part({**STEPS, "expect_error": CODE})(value, field)
    found = [name for name in STEPS if isinstance(value, Mapping) and value.get(name) is not None]
    if len(found) != 1:
        raise Wrong(field, f"a step has one of {', '.join(STEPS)}, not {' and '.join(found) or 'none'}")


def _event(value: object, field: str) -> None:
    if not isinstance(value, Mapping):
        raise Wrong(field, "an object is needed here")
    demand(value, ("kind",), field)
    one_of(EVENTS)(value["kind"], f"{field}.kind")
    fields, needs = EVENTS[value["kind"]]
    part({"kind": CODE, "lead": _lead, **fields}, needs=needs)(value, field)


def _lead(value: object, field: str) -> None:
    count(value, field)
    if value == 0:
        raise Wrong(field, "leads are counted from 1")


def _object(value: object, field: str) -> None:
    """Named by whoever reads it: the questions of a checklist, the fields of a lead, of a rule or of a packet."""
    if not isinstance(value, Mapping):
        raise Wrong(field, "an object is needed here")


def _clock(value: object, field: str) -> None:
    """A span such as P3D, or an instant."""
    if not isinstance(value, str):
        raise Wrong(field, f"a span like P3D or an instant is needed, not {value!r}")
    if not value.startswith("P"):
        instant(value, field)


# The form

FACTS: Mapping[str, Reader] = dict.fromkeys(InquirySerializer().fields, anything)
SUBMIT: Mapping[str, Reader] = {**FACTS, "source": CODE, "idempotency_key": CODE}

ACTIVITY: Mapping[str, Reader] = {"service": CODE, "count": count, "text": SAID}
EVENTS: Mapping[str, tuple[Mapping[str, Reader], tuple[str, ...]]] = {
    **{
        kind.value: (ACTIVITY, ())
        for kind in InteractionKind
        if kind not in (InteractionKind.CALL, InteractionKind.APPOINTMENT)
    },
    "document_received": ({"document": CODE, "status": CODE}, ("document",)),
    "authorization": ({"service": CODE, "status": CODE, "expires": day}, ("status",)),
    "availability": (
        {"service": CODE, "clinic": CODE, "date": day, "slots": count},
        ("service", "clinic", "date", "slots"),
    ),
    "appointment": (
        {"service": CODE, "clinic": CODE, "date": day, "time": CODE, "status": CODE},
        ("date", "status"),
    ),
    "preference": ({**FACTS, "channels": each(CODE)}, ()),
}
"""What each kind of event says, and what it must say."""

CALL: Mapping[str, Reader] = {
    "lead": _lead,
    "disposition": CODE,
    "answers": _object,
    "set": _object,
    "callback_at": instant,
    "missing": each(CODE),
    "follow_up": day,
    "outcome": CODE,
    "reason": SAID,
    "note": SAID,
}
EXPECT: Mapping[str, Reader] = {
    "lead": _lead,
    "stage": one_of(Stage.values),
    "score_band": one_of(Band.values),
    "fit": one_of(Band.values),
    "readiness": one_of(Band.values),
    "checks": part(dict.fromkeys(Check.values, one_of(Verdict.values))),
    "decision": one_of(Decision.values),
    "next_step": one_of(NextStep.values),
    "outcome": one_of(Outcome.values),
    "hold_reason": CODE,
    "stop_reason": CODE,
    "wakes_on": each(CODE),
    "team": CODE,
    "has_owner": flag,
    "sequence": CODE,
    "messages": count,
    "may_contact": part(dict.fromkeys(contact.CHANNELS, flag)),
    "missing": each(CODE),
    "due_by": instant,
    "handoff": _object,
    "cycle": count,
    "leads": count,
    "inquiries": count,
}
STEPS: Mapping[str, Reader] = {
    "submit": part(SUBMIT, needs=("source",)),
    "event": _event,
    "call": part(CALL, needs=("disposition",)),
    "clock": _clock,
    "rule": _object,
    "expect": part(EXPECT),
}
CASE_FIELDS: Mapping[str, Reader] = {"id": SAID, "title": SAID, "why": SAID, "now": instant, "steps": each(_step)}
CASE = part(CASE_FIELDS, needs=("now", "steps"))
