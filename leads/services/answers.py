"""What do we know now? Takes in what a lead said, on a form, a call, a sheet or by an event, and says what is news."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection
from django.db.models import F, Q

from leads import places, requalification, targets, timing
from leads.lifecycle import Stage
from leads.models import Answer, Lead, MissingItem, Question, TimingWindow
from leads.services import documents, people
from leads.services.people import DECIDER_NAMED, Person
from leads.targets import Kept, Target
from leads.vocabulary import Agreement, Budget, ContactRole, Verdict
from medcrm.lib.errors import InvalidFields
from medcrm.lib.models import VersionStatus

# What counts as news for a lead that waits or was stopped, and the trigger it fires [R40].
NEWS = {
    "service_id": "new_service_request",
    "zip": "new_location",
    "timing_id": "appointment_window_changed",
    "payer_id": "payer_changed",
    "organisation_type_id": "organisation_changed",
    "specialty_id": "organisation_changed",
    "care_setting_id": "organisation_changed",
}
# Where these facts come to stand so, what was waited for is here [2.14].
ARRIVES = {
    ("agreement", Agreement.SIGNED): "document_received",
    ("budget", Budget.APPROVED): "budget_approved",
    ("contact_role", ContactRole.DECISION_MAKER): DECIDER_NAMED,
}
REPEAT_INQUIRY = "repeat_inquiry"
ASKS_AGAIN = ("new_service_request", REPEAT_INQUIRY)  # what re-opens a lead whose road had ended well or badly
CONTACT_CHANNEL = "contact_channel"
MAY_BE_TOLD = "may_be_told"


@dataclass(frozen=True)
class Origin:
    """Where an answer came from."""

    kind: Answer.Origin
    by: AbstractBaseUser | None = None
    inquiry_id: int | None = None
    interaction_id: int | None = None


@dataclass(frozen=True)
class Given:
    """One answer, checked: its code, its value, and the fact and the question it belongs to where there is one."""

    code: str
    value: object
    field: str = ""
    question: Question | None = None

    @property
    def target(self) -> Target | None:
        return targets.target_of(self.field) if self.field else None

    @property
    def verdict(self) -> Verdict:
        """What the question itself says of the answer; the checks say more, from the facts."""
        target = self.target
        if self.value == targets.UNKNOWN:
            return Verdict.UNKNOWN
        if self.question is None and target and target.kept in (Kept.DOCUMENT, Kept.AUTHORIZATION):
            return Verdict.PASS if targets.written(self.value, target) in targets.HELD else Verdict.UNKNOWN
        fails, passes = (self.question.fails, self.question.passes) if self.question else ((), ())
        if self.value in fails:
            return Verdict.FAIL
        return Verdict.PASS if not passes or self.value in passes else Verdict.UNKNOWN


def questions_of(lead: Lead) -> dict[str, Question]:
    """Code → question of the checklists in force for this lead: its service's own come before those for its type."""
    rows = Question.objects.filter(
        Q(checklist__service=None) | Q(checklist__service=lead.service_id),
        checklist__lead_type=lead.lead_type,
        checklist__status=VersionStatus.PUBLISHED,
    ).order_by(F("checklist__service").asc(nulls_last=True), "position", "pk")
    found: dict[str, Question] = {}
    for question in rows.select_related("checklist"):
        found.setdefault(question.code, question)
    return found


def understand(lead: Lead, said: Mapping[str, object]) -> list[Given]:
    """Check what was said of this lead; blanks say nothing. Raise InvalidFields naming each answer to be mended."""
    told = {code: value for code, value in said.items() if value not in ("", None)}
    questions = questions_of(lead) if told else {}
    given, errors = [], {}
    for code, value in told.items():
        question = questions.get(targets.CODES.get(code, code))
        if question is None and not targets.is_known(code):
            errors[code] = [f"There is no question and no field called “{code}”."]
            continue
        field = targets.field_of(code, question)
        target = targets.target_of(field) if field else None
        kind = question.answer_type if question else _type_of(code, target)
        choices = question.choices if question else ()
        checked, problem = targets.check_value(value, type=kind, target=target, choices=choices)
        if problem and not field and targets.is_known(code):
            # Our question names choices; what the vocabulary takes as an answer to its code is one all the same.
            own = targets.target_of(targets.field_of(code))
            checked, problem = targets.check_value(value, type=_type_of(code, own), target=own)
        if problem:
            errors[code] = [problem]
        given.append(Given(targets.CODES.get(code, code), checked, field, question))
    if errors:
        raise InvalidFields(errors)
    return given


def _type_of(code: str, target: Target | None) -> str:
    if target:
        return target.type
    return Question.AnswerType.YES_NO if code in targets.PLAIN else Question.AnswerType.TEXT


def learn(lead: Lead, given: Sequence[Given], origin: Origin, *, cause: str, at: datetime) -> None:
    """Write what was said to the locked lead and keep each answer; what is news may wake the lead. Saves the lead."""
    if not given:
        return
    before = {
        target.attribute: getattr(lead, target.attribute) for target in targets.TARGETS.values() if target.attribute
    }
    fields = {each.field: targets.written(each.value, each.target) for each in given if each.target}
    for role in filter(None, map(_role_of_contact, given)):
        fields["contact_role"] = role
    news = write_fields(lead, fields, at=at)
    if any(each.field == "approver" and each.value == targets.NO for each in given):
        lead.approver = ""
    lead.save()
    keep_answers(lead, given, origin, at=at)
    is_about_people = any(each.target and each.target.is_person for each in given)
    deciders = people.deciders(lead) if is_about_people else set()
    for each in given:
        _write_row(lead, each, origin, at=at)
    if is_about_people and people.deciders(lead) - deciders:
        news.append(DECIDER_NAMED)
    changed = any(getattr(lead, name) != value for name, value in before.items())
    if changed or any(_decides(each) for each in given):
        requalification.reconsider([lead.pk])
        tell_news(lead, news, [each.code for each in given], cause=cause, at=at)
    lead.refresh_from_db()


def write_fields(lead: Lead, fields: Mapping[str, object], *, at: datetime, zone: str = "") -> list[str]:
    """Set what is given on the locked lead, unsaved, and return the kinds of news in it; blank changes nothing.

    Dates are counted where the lead is; where that is unknown in `zone`, or else where its seller is.
    """
    watched = (*NEWS, *(name for name, _value in ARRIVES), "approver")
    before = {name: getattr(lead, name) for name in watched}
    for name, value in sorted(fields.items(), key=_by_place):
        target = targets.TARGETS.get(name)
        if target is None or value in ("", None):
            continue
        if target.kept == Kept.PLACE:
            settle(lead, str(value)[:5])
        elif target.kept == Kept.TIMING:
            if value != targets.UNKNOWN:
                row = value if isinstance(value, TimingWindow) else TimingWindow.objects.get(pk=value)
                answer_timing(lead, row, at=at, zone=zone)
        elif target.attribute:
            setattr(lead, target.attribute, value)
    if lead.service_id != before["service_id"]:
        note_other_service(lead, before["service_id"])
    changed = {name: getattr(lead, name) for name, value in before.items() if getattr(lead, name) != value}
    news = [kind for name, kind in NEWS.items() if name in changed]
    news += [kind for (name, value), kind in ARRIVES.items() if changed.get(name) == value]
    return news + ([DECIDER_NAMED] if changed.get("approver") else [])


def note_other_service(lead: Lead, service: str | None) -> None:
    """Remember on the locked lead, unsaved, that its story speaks of this service too [R26]."""
    if service and service not in lead.other_services:
        lead.other_services = [*lead.other_services, service]


def _by_place(field: tuple[str, object]) -> bool:
    """The place comes first: it says which day it is for the lead."""
    target = targets.TARGETS.get(field[0])
    return target is None or target.kept != Kept.PLACE


def answer_timing(lead: Lead, answer: TimingWindow, *, at: datetime, zone: str = "") -> None:
    """Note when the lead wants to come, and the dates that means from now on."""
    zone = lead.timezone or zone or timing.zone_of(lead)
    window = timing.window(answer, asked_on=timing.day_at(zone, at))
    lead.timing, lead.timing_asked_at = answer, at
    lead.window_opens_on, lead.window_closes_on = window.opens_on, window.closes_on


def settle(lead: Lead, zip_code: str) -> None:
    """Note the ZIP and, where it is known, its place; an unknown ZIP leaves the location an open question."""
    lead.zip = zip_code
    place = places.place(zip_code)
    lead.city, lead.state, lead.timezone = (place.city, place.state, place.timezone) if place else ("", "", "")
    lead.latitude, lead.longitude = (place.latitude, place.longitude) if place else (None, None)


def keep_answers(lead: Lead, given: Sequence[Given], origin: Origin, *, at: datetime) -> None:
    """Store each answer with who, when and from where; it supersedes the earlier one and settles a missing item."""
    if not given:
        return
    given = list({each.field or each.code: each for each in given}.values())
    codes = {code for each in given for code in targets.siblings(each.code, each.field)}
    Answer.objects.filter(lead=lead, code__in=codes, is_current=True).update(is_current=False)
    Answer.objects.bulk_create(
        Answer(
            lead=lead,
            code=each.code,
            question=each.question,
            cycle=lead.cycle,
            value=each.value,
            verdict=each.verdict,
            origin=origin.kind,
            by=origin.by,
            inquiry_id=origin.inquiry_id,
            interaction_id=origin.interaction_id,
            answered_at=at,
            expires_at=_expiry(each.question, at),
        )
        for each in given
    )
    settled = {code for each in given if each.value != targets.UNKNOWN for code in _settles(each)}
    MissingItem.objects.filter(lead=lead, kind__in=settled, settled_at=None).update(settled_at=at)


def _expiry(question: Question | None, at: datetime) -> datetime | None:
    days = question.expires_after_days if question else None
    return None if days is None else at + timedelta(days=days)


def _settles(given: Given) -> list[str]:
    """The missing items this answer brings; saying that a document is not here brings nothing."""
    target = given.target
    if target and target.kept in (Kept.DOCUMENT, Kept.AUTHORIZATION):
        return []  # the checks settle these, by what is held
    return targets.siblings(given.code, given.field)


def _write_row(lead: Lead, given: Given, origin: Origin, *, at: datetime) -> None:
    """Documents, authorizations and people on the decision path are rows of their own."""
    target = given.target
    if target is None:
        return
    detail, value = given.field.partition(".")[2], targets.written(given.value, target)
    if target.is_person:
        _write_person(lead, detail or ContactRole.DECISION_MAKER, given.value)
    elif target.kept == Kept.DOCUMENT and value:
        documents.write_document(lead, detail, str(value), by=origin.by, at=at)
    elif target.kept == Kept.AUTHORIZATION and value and lead.service_id:
        documents.write_authorization(lead, lead.service_id, str(value), by=origin.by, at=at)


def _role_of_contact(given: Given) -> str:
    """The role of the one we speak with, where a plain yes says that it is they; blank otherwise."""
    if given.value != targets.YES or not (given.target and given.target.is_person):
        return ""
    role = given.field.partition(".")[2] or ContactRole.DECISION_MAKER
    return role if role in (ContactRole.DECISION_MAKER, ContactRole.CLINICAL_LEAD, ContactRole.PROCUREMENT) else ""


def _write_person(lead: Lead, role: str, said: object) -> None:
    """Note a person by name; a no means nobody, whoever was named before."""
    is_told = role == MAY_BE_TOLD
    if said == targets.NO and is_told:
        lead.stakeholders.filter(may_be_told=True).update(may_be_told=False)
    elif said == targets.NO:
        people.take_role_back(lead, role)
    elif said not in (targets.YES, targets.UNKNOWN):
        is_known = lead.stakeholders.filter(name__iexact=str(said)).exists()
        roles = [] if is_told and is_known else [ContactRole.CAREGIVER if is_told else role]
        people.write_person(lead, Person(str(said), roles, may_be_told=True if is_told else None))


def _decides(given: Given) -> bool:
    """Whether the answer may change a verdict though no field of the lead changed."""
    return given.verdict == Verdict.FAIL or bool(given.target and not given.target.attribute)


def tell_news(lead: Lead, news: Sequence[str], fresh: Sequence[str], *, cause: str, at: datetime) -> None:
    """Fire the first trigger that this news pulls; what was said just now, by code or field, stays in force."""
    fresh = [targets.CODES.get(name, name) for name in fresh]
    waiting = lead.stage in (Stage.HELD, Stage.STOPPED)
    for kind in news if waiting else ():
        if requalification.fire(kind, [lead.pk], cause=cause, at=at, fresh=fresh):
            return
    again = next((kind for kind in news if kind in ASKS_AGAIN), None)
    if again and lead.stage in (Stage.CONVERTED, Stage.LOST):
        requalification.reopen(lead, again, cause=cause, at=at)


# One statement, because an inquiry is answered while the person waits. As in `requalification.reconsider`, a person's
# decision to wait stands.
SUPERSEDE = """
WITH undecided AS (
    UPDATE leads_qualification SET decided_at = NULL
     WHERE lead_id = %(lead)s AND closed_at IS NULL AND decided_at IS NOT NULL AND outcome <> 'hold'
), settled AS (
    UPDATE leads_missingitem SET settled_at = %(at)s
     WHERE lead_id = %(lead)s AND kind_id = ANY(%(codes)s) AND settled_at IS NULL
)
UPDATE leads_answer SET is_current = false WHERE lead_id = %(lead)s AND code = ANY(%(codes)s) AND is_current
"""


def supersede(lead: Lead, told: Sequence[str], *, at: datetime) -> None:
    """A form says it anew: earlier answers no longer count, what was missing is here, the decision is open again unless
    it was to wait.

    What the form said stays in its inquiry; the checklist reads it there.
    """
    codes = sorted({code for name in told for code in targets.siblings(targets.CODES.get(name, name), name)})
    with connection.cursor() as cursor:
        cursor.execute(SUPERSEDE, {"lead": lead.pk, "at": at, "codes": codes})
