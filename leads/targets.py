"""Which facts of a lead can an answer state, what may each be, and where is it kept?

A question names its target by `lead_field`; a field of a form or a call names it directly. The same check serves all
of them, so that a wrong answer gets the same clear error on a sheet, on a call and in a preference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from django.core.exceptions import ValidationError
from django.db.models import F, SmallIntegerField, TextChoices, Value
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from leads.models import CareSetting, Clinic, OrganisationType, Payer, Question, ServiceLine, Specialty, TimingWindow
from leads.vocabulary import (
    Agreement,
    AuthorizationState,
    Budget,
    ContactRole,
    DocumentState,
    ForWhom,
    Request,
    Urgency,
)
from medcrm.lib.models import Coded
from medcrm.lib.npi import check_npi

AnswerType = Question.AnswerType

YES, NO, UNKNOWN = "yes", "no", "unknown"
ZIP = re.compile(r"^\d{5}(-\d{4})?$")
HELD = (DocumentState.RECEIVED, AuthorizationState.APPROVED, AuthorizationState.NOT_NEEDED)
TEXT_LIMIT = 200  # an answer, not a story


class Kept(StrEnum):
    """Where the value lives, beside the answer itself."""

    FIELD = "field"
    PLACE = "place"
    TIMING = "timing"
    DOCUMENT = "document"
    AUTHORIZATION = "authorization"
    STAKEHOLDER = "stakeholder"


@dataclass(frozen=True)
class Target:
    """One fact: its type, its values, and what a plain yes or no says of it."""

    name: str
    type: AnswerType
    kept: Kept = Kept.FIELD
    attribute: str = ""
    words: type[TextChoices] | None = None
    rows: type[Coded] | None = None
    limit: int = TEXT_LIMIT
    validator: Callable[[str], None] | None = None
    plain: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_person(self) -> bool:
        """Whether the answer names somebody; a plain no then means that there is nobody."""
        return self.kept == Kept.STAKEHOLDER or self.name == "approver"


def _targets() -> Iterable[Target]:
    choice, number, text, yes_no = AnswerType.CHOICE, AnswerType.NUMBER, AnswerType.TEXT, AnswerType.YES_NO
    for name, rows in ROWS.items():
        yield Target(name, choice, attribute=f"{name}_id", rows=rows)
    yield Target("timing", choice, Kept.TIMING, attribute="timing_id", rows=TimingWindow)
    yield Target("zip", text, Kept.PLACE, attribute="zip")
    for name, words in (("request", Request), ("urgency", Urgency), ("for_whom", ForWhom)):
        yield Target(name, choice, attribute=name, words=words)
    yield Target("contact_role", choice, attribute="contact_role", words=ContactRole)
    yield Target("budget", choice, attribute="budget", words=Budget, plain={YES: Budget.APPROVED, NO: Budget.NONE})
    signed = {YES: Agreement.SIGNED, NO: Agreement.NONE}
    yield Target("agreement", choice, attribute="agreement", words=Agreement, plain=signed)
    # Whether somebody is old enough may be said without the age.
    yield Target("age", number, attribute="age", limit=120, plain={YES: None, NO: None})
    yield Target("clinic_size", number, attribute="clinic_size", limit=1_000_000)
    yield Target("sites", number, attribute="sites", limit=100_000)
    yield Target("npi", text, attribute="npi", limit=10, validator=check_npi)
    known = {YES: True, NO: False}
    yield Target("is_existing_patient", yes_no, attribute="is_existing_patient", plain=known)
    yield Target("is_test", yes_no, attribute="is_test", plain=known)
    for name, limit in TEXTS.items():
        yield Target(name, text, attribute=name, limit=limit)
    # A plain yes about a person means the one we speak with; that is written as its role.
    somebody = {YES: None, NO: None}
    for name in NAMES:
        yield Target(name, text, attribute=name, limit=120, plain=somebody)
    held = {YES: DocumentState.RECEIVED, NO: DocumentState.MISSING}
    yield Target("document", choice, Kept.DOCUMENT, words=DocumentState, plain=held)
    approved = {YES: AuthorizationState.APPROVED, NO: AuthorizationState.NEEDED}
    yield Target("authorization", choice, Kept.AUTHORIZATION, words=AuthorizationState, plain=approved)
    yield Target("stakeholder", text, Kept.STAKEHOLDER, limit=120, plain=somebody)


ROWS = {
    "service": ServiceLine,
    "preferred_clinic": Clinic,
    "payer": Payer,
    "organisation_type": OrganisationType,
    "specialty": Specialty,
    "care_setting": CareSetting,
}
NAMES = ("approver", "referring_provider")
TEXTS = {
    "first_name": 80,
    "last_name": 80,
    "question": 200,
    "language": 8,
    "preferred_channel": 10,
    "preferred_time": 80,
    "organisation": 120,
    "rollout": 80,
}
TARGETS: Mapping[str, Target] = {target.name: target for target in _targets()}


def choices_of(names: Collection[str], lead_type: str) -> dict[str, list[tuple[str, str]]]:
    """Fact → its values in force with their labels, in order; only services for this type of lead. One query."""
    found = {
        name: [(value, str(label)) for value, label in target.words.choices] if target.words else []
        for name, target in TARGETS.items()
        if name in names
    }
    lists = [
        target.rows.objects.filter(is_active=True, **({"audience": lead_type} if target.rows is ServiceLine else {}))
        .annotate(of=Value(name), place=F("position") if target.rows is TimingWindow else Value(0, SmallIntegerField()))
        .order_by()
        .values_list("of", "place", "name", "pk")
        for name, target in TARGETS.items()
        if name in names and target.rows
    ]
    rows = lists[0].union(*lists[1:], all=True).order_by("of", "place", "name") if lists else ()
    for name, _place, label, code in rows:
        found[name].append((code, label))
    return found


# How a question is asked under another code than its fact; the checklist says the same by `lead_field`, and these
# serve an answer to a question that no published checklist of the lead asks.
BY_CODE: Mapping[str, str] = {
    "location": "zip",
    "appointment_window": "timing",
    "age_eligible": "age",
    "practice_size": "clinic_size",
    "existing_patient": "is_existing_patient",
    "referral_letter": "document.referral_letter",
    "medical_history": "document.medical_history",
    "records": "document.records",
    "insurance_card": "document.insurance_card",
    "authorization_form": "document.authorization_form",
    "prior_authorization": "authorization",
    "decision_maker": "stakeholder.decision_maker",
    "scheduler": "stakeholder.scheduler",
    "procurement": "stakeholder.procurement",
    "clinical_lead": "stakeholder.clinical_lead",
    "may_speak_with": "stakeholder.may_be_told",
}
# The code under which a fact is kept as an answer when a form or a call names the field itself.
CODES: Mapping[str, str] = {
    "zip": "location",
    "age": "age_eligible",
    "is_existing_patient": "existing_patient",
}
# Questions that are answered by yes or no and change no field.
PLAIN = ("identity", "question_answered", "service_capacity", "pilot", "training", "implementation")
# Answered in words, kept as answers only.
WORDED = ("collaboration_type", "patient_flow", "record_exchange", "how_heard")
# What a lead's row says before anybody was asked; only an answer makes it known.
ASSUMED: Mapping[str, str] = {"urgency": Urgency.ROUTINE}


def field_of(code: str, question: Question | None = None) -> str:
    """The name of the fact that an answer to this code states, blank for an answer that is only kept."""
    if question is not None:
        return question.lead_field
    name = BY_CODE.get(code, code)
    return name if target_of(name) else ""


def target_of(name: str) -> Target | None:
    """The fact of this name; `document.…` and `stakeholder.…` name a document and a role."""
    return TARGETS.get(name.partition(".")[0])


def is_known(code: str) -> bool:
    """Whether an answer to this code can be taken without a checklist that asks it."""
    return bool(field_of(code)) or code in PLAIN or code in WORDED


def siblings(code: str, name: str) -> list[str]:
    """All codes under which the same fact is answered; the newest of them counts."""
    same = {other for other, target in BY_CODE.items() if name and target == name}
    return sorted({code, *same, *((name, CODES.get(name, name)) if name and "." not in name else ())})


def check_value(
    value: object, *, type: str, target: Target | None, choices: Sequence[object] = ()
) -> tuple[object, str]:
    """The answer in normal form, or what is wrong with it as a sentence. A person may always not know."""
    if isinstance(value, bool):
        value = YES if value else NO
    if isinstance(value, str):
        value = value.strip()
    folded = folded_plain(value)
    if folded == UNKNOWN:
        return UNKNOWN, ""
    if folded in (YES, NO) and (type == AnswerType.YES_NO or (target and folded in target.plain)):
        return folded, ""
    if type == AnswerType.CHOICE:
        return _check_choice(value, target, choices)
    if target and target.kept == Kept.PLACE:
        return (str(value)[:5], "") if ZIP.match(str(value)) else (value, _("Five digits, e.g. 78701."))
    checker = {AnswerType.YES_NO: _check_yes_no, AnswerType.DATE: _check_date, AnswerType.NUMBER: _check_number}
    return checker.get(AnswerType(type), _check_text)(value, target)


def folded_plain(value: object) -> str:
    """The plain yes, no or unknown that this is, however it is capitalised; blank for anything else."""
    folded = value.strip().casefold() if isinstance(value, str) else ""
    return folded if folded in (YES, NO, UNKNOWN) else ""


def values_of(choices: Sequence[object]) -> list[tuple[str, str]]:
    """A question's own choices as (value, label): written as pairs, or as plain codes."""
    pairs = [item if isinstance(item, list | tuple) and len(item) == 2 else (item, item) for item in choices]
    return [(str(value), str(label).replace("_", " ") if value == label else str(label)) for value, label in pairs]


def written(value: object, target: Target) -> object:
    """What the answer means for the fact: None where it says nothing that can be written."""
    if isinstance(value, str) and value in target.plain:
        return target.plain[value]
    has_code = target.words is not None and UNKNOWN in target.words.values
    return None if value == UNKNOWN and not has_code else value


def _check_choice(value: object, target: Target | None, choices: Sequence[object]) -> tuple[object, str]:
    own = [code for code, _label in values_of(choices)]
    if not own and target and target.rows:
        if isinstance(value, str) and target.rows.objects.filter(pk=value[:40], is_active=True).exists():
            return value, ""
        return value, _("“%(value)s” is not in the catalogue; use one of its codes.") % {"value": value}
    codes = list(target.words.values) if target and target.words else []
    known = own or codes
    if isinstance(value, str) and value in (*known, *codes):
        return value, ""
    return value, _("“%(value)s” is none of the choices: %(known)s.") % {"value": value, "known": ", ".join(known)}


def _check_yes_no(value: object, target: Target | None) -> tuple[object, str]:
    return value, _("Answer with yes, no or unknown, not with “%(value)s”.") % {"value": value}


def _check_date(value: object, target: Target | None) -> tuple[object, str]:
    try:
        found = parse_date(str(value))
    except ValueError:
        found = None
    if found is None:
        return value, _("“%(value)s” is no date; write it like 2026-12-03.") % {"value": value}
    return found.isoformat(), ""


def _check_number(value: object, target: Target | None) -> tuple[object, str]:
    limit = target.limit if target and target.type == AnswerType.NUMBER else 1_000_000
    text = str(value)
    if not text.isascii() or not text.isdigit() or int(text[:12]) > limit:
        wanted = _("a whole number from 0 to %(limit)s") % {"limit": f"{limit:,}"}
        return value, _("“%(value)s” is not %(wanted)s.") % {"value": value, "wanted": wanted}
    return int(text), ""


def _check_text(value: object, target: Target | None) -> tuple[object, str]:
    limit = target.limit if target else TEXT_LIMIT
    if not isinstance(value, str):
        return value, _("Write the answer as text.")
    if len(value) > limit:
        return value, _("At most %(limit)s characters; put the rest in the note.") % {"limit": limit}
    try:
        if target and target.validator:
            target.validator(value)
    except ValidationError as error:
        return value, str(error.message)
    return value, ""
