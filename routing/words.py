"""How does a packet read to a person? Packets are frozen in codes; people read the names that the codes have today."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from leads.models import Clinic, Disposition, Document, MissingKind, Payer, Question, TimingWindow
from leads.vocabulary import AuthorizationState, ContactRole
from routing.models import Handoff

NAMED = {"clinic": Clinic, "payer": Payer, "timing": TimingWindow}
LISTS = {"documents_held": Document, "documents_missing": Document}


def readable(packet: Mapping[str, object]) -> dict[str, object]:
    """A packet, or what was added to one, with names for codes; an unknown code is shown with spaces."""
    read = dict(packet)
    for field, model in NAMED.items():
        read[field] = next(iter(_names(model, [packet.get(field)])), "")
    for field, model in LISTS.items():
        read[field] = _names(model, packet.get(field, []))
    read["unknown"] = _questions(packet.get("unknown", []))
    confirmed = dict(packet.get("confirmed", {}))
    read["confirmed"] = dict(zip(_questions(confirmed), confirmed.values(), strict=True))
    read["authorization"] = _label(AuthorizationState, packet.get("authorization"))
    read["decision_path"] = [
        {**person, "role": _label(ContactRole, person["role"])} for person in packet.get("decision_path", [])
    ]
    tries = list(packet.get("attempts", []))
    ends = _names(Disposition, [attempt.get("disposition") for attempt in tries], keep_blank=True)
    read["attempts"] = [{**attempt, "disposition": end} for attempt, end in zip(tries, ends, strict=True)]
    return {field: read[field] for field in packet}


def packet_of(handoff: Handoff) -> dict[str, object]:
    """What templates show of a handoff: the packet in words, and what was added since."""
    added = [{**addition, "facts": readable(addition["facts"])} for addition in handoff.additions]
    return {"packet": readable(handoff.packet), "additions": added}


def _questions(codes: Iterable[str]) -> list[str]:
    """Question codes as what they ask for; the missing kinds have the shortest words for it."""
    codes = list(codes)
    words = dict(Question.objects.filter(code__in=codes).values_list("code", "words")) if codes else {}
    words |= dict(MissingKind.objects.filter(pk__in=codes).values_list("pk", "name")) if codes else {}
    return [words.get(code, _spaced(code)) for code in codes]


def _names(model: type, codes: Iterable[object], *, keep_blank: bool = False) -> list[str]:
    codes = [str(code or "") for code in codes]
    names = dict(model.objects.filter(pk__in=[code for code in codes if code]).values_list("pk", "name"))
    return [names.get(code, _spaced(code)) for code in codes if code or keep_blank]


def _label(choices: type, code: object) -> str:
    return str(dict(choices.choices).get(code, _spaced(str(code or ""))))


def _spaced(code: str) -> str:
    return code.replace("_", " ").capitalize()
