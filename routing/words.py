"""How does a packet read to a person? Packets are frozen in codes; people read the names that the codes have today."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from consent.models.ledger import PermissionState
from consent.vocabulary import GrantChannel
from leads.models import (
    CareSetting,
    Clinic,
    Disposition,
    Document,
    MissingKind,
    OrganisationType,
    Payer,
    Question,
    ServiceLine,
    Specialty,
    TimingWindow,
)
from leads.vocabulary import (
    Agreement,
    AuthorizationState,
    Budget,
    ContactRole,
    ForWhom,
    InteractionKind,
    NoteFact,
    Request,
    Urgency,
)
from routing import permission
from routing.models import Handoff

NAMED = {
    "clinic": Clinic,
    "payer": Payer,
    "timing": TimingWindow,
    "organisation_type": OrganisationType,
    "specialty": Specialty,
    "care_setting": CareSetting,
}
LISTS = {"documents_held": Document, "documents_missing": Document, "missing": MissingKind}
CHOICES = {
    "authorization": AuthorizationState,
    "request": Request,
    "urgency": Urgency,
    "for_whom": ForWhom,
    "contact_role": ContactRole,
    "budget": Budget,
    "agreement": Agreement,
    "preferred_channel": GrantChannel,
}
CHANNEL_STATES = {**dict(PermissionState.choices), permission.EXPIRED: _("Expired")}

# What was added to an accepted packet is read one by one, so each part needs its word.
ADDED = {
    "inquiry": _("New inquiry"),
    "service": _("Service"),
    "clinic": _("Clinic"),
    "zip": _("ZIP"),
    "city": _("City"),
    "state": _("State"),
    "question": _("Asks"),
    "request": _("Asks for"),
    "timing": _("When"),
    "urgency": _("Urgency"),
    "payer": _("Pays with"),
    "referring_provider": _("Referred by"),
    "organisation": _("Organisation"),
    "organisation_type": _("Type of organisation"),
    "specialty": _("Specialty"),
    "care_setting": _("Care setting"),
    "npi": _("NPI"),
    "sites": _("Sites"),
    "contact_role": _("Contact's role"),
    "clinic_size": _("People at the site"),
    "budget": _("Budget"),
    "rollout": _("Rollout"),
    "approver": _("Who approves vendors"),
    "agreement": _("Agreement"),
    "documents_held": _("Documents received"),
    "documents_missing": _("Documents missing"),
    "missing": _("Still missing"),
    "authorization": _("Authorization"),
}


def readable(packet: Mapping[str, object]) -> dict[str, object]:
    """A packet, or what was added to one, with names for codes; an unknown code is shown with spaces."""
    read = dict(packet)
    for field, model in NAMED.items():
        read[field] = next(iter(_names(model, [packet.get(field)])), "")
    for field, model in LISTS.items():
        read[field] = _names(model, packet.get(field, []))
    for field, choices in CHOICES.items():
        read[field] = _label(choices, packet.get(field))
    read["unknown"] = _questions(packet.get("unknown", []))
    confirmed = dict(packet.get("confirmed", {}))
    read["confirmed"] = dict(zip(_questions(confirmed), confirmed.values(), strict=True))
    read["decision_path"] = [
        {**person, "role": ", ".join(_label(ContactRole, role) for role in _roles(person))}
        for person in packet.get("decision_path", [])
    ]
    tries = list(packet.get("attempts", []))
    ends = _names(Disposition, [attempt.get("disposition") for attempt in tries], keep_blank=True)
    read["attempts"] = [{**attempt, "disposition": end} for attempt, end in zip(tries, ends, strict=True)]
    read["notes"] = [_note(note) for note in packet.get("notes", [])]
    read["channels"] = {
        _label(GrantChannel, channel): str(CHANNEL_STATES.get(state, _spaced(state)))
        for channel, state in dict(packet.get("channels", {})).items()
    }
    return {field: read[field] for field in packet}


def packet_of(handoff: Handoff) -> dict[str, object]:
    """What templates show of a handoff: the packet in words, and what was added since."""
    added = [{**addition, "parts": _added(addition["facts"])} for addition in handoff.additions]
    documents = set(handoff.packet.get("documents_missing", []))
    others = [code for code in handoff.packet.get("missing", []) if code not in documents]
    return {"packet": readable({**handoff.packet, "missing": others}), "additions": added}


def _added(facts: Mapping[str, object]) -> list[tuple[str, str]]:
    """What was added as (word, words); an inquiry is named, and read where inquiries are."""
    read = readable(facts)
    if "service" in read:
        read["service"] = _names(ServiceLine, [read["service"]], keep_blank=True)[0]
    return [
        (str(ADDED.get(name, _spaced(name))), "" if name == "inquiry" else _value(value))
        for name, value in read.items()
    ]


def _roles(person: Mapping[str, object]) -> list[str]:
    return [person["role"], *person.get("other_roles", ())]


def _value(value: object) -> str:
    words = ", ".join(str(each) for each in value) if isinstance(value, list) else str(value or "")
    return words or _now("none any more")


def _note(note: Mapping[str, object]) -> dict[str, object]:
    facts = {_label(NoteFact, part): words for part, words in dict(note.get("facts", {})).items()}
    return {**note, "kind": _label(InteractionKind, note.get("kind")), "facts": facts}


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
