"""What is asked of this lead, what was answered, and what do the four checks say of it at this moment?

`sheet` reads, `answer_question` writes one answer, `assess_now` lets the caller see at once what it means. The rest of
the road (team, owner, outreach) follows by itself, because the lead is marked due.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from leads import capacity, checks, qualification, scoring, targets
from leads.checks import Assessment, Reason
from leads.models import Answer, Authorization, DocumentStatus, Inquiry, Lead, Question, Stakeholder
from leads.services import answers, due
from leads.services.answers import MAY_BE_TOLD, Origin
from leads.submission import fields_of
from leads.targets import AnswerType, Kept
from leads.vocabulary import Check, Verdict
from medcrm.lib.errors import InvalidFields

NOBODY = (targets.NO, _lazy("Nobody"))
NOT_KNOWN = (targets.UNKNOWN, _lazy("Doesn't know"))
YES_NO = [(targets.YES, _lazy("Yes")), (targets.NO, _lazy("No")), (targets.UNKNOWN, _lazy("Unknown"))]


@dataclass(frozen=True)
class Said:
    """The answer that counts now; `origin` is blank where the fact is known but nobody is on record for it."""

    value: object
    label: str
    origin: str = ""
    origin_label: str = ""
    by: str = ""
    at: datetime | None = None
    is_stale: bool = False


@dataclass(frozen=True)
class Asked:
    """One question of the sheet. Open means that it should be asked: no answer, or one that no longer counts.

    `plain` are the answers beside its own: that there is nobody, or that the person does not know.
    """

    code: str
    words: str
    answer_type: str
    choices: Sequence[tuple[str, str]]
    verdict: Verdict
    is_open: bool
    settles: bool
    said: Said | None = None
    reasons: Sequence[Reason] = ()
    plain: Sequence[tuple[str, str]] = ()

    @property
    def typed(self) -> object:
        """What stands in the question's field; an answer that a button gives stands on the button."""
        if self.said is None or self.said.is_stale or self.said.value in dict(self.plain):
            return ""
        return self.said.value


@dataclass(frozen=True)
class Part:
    """One of the four checks with its live verdict, its reasons and its questions, open ones first."""

    check: Check
    verdict: Verdict
    reasons: Sequence[Reason]
    is_asked: bool
    questions: Sequence[Asked]

    @property
    def open_questions(self) -> list[Asked]:
        return [question for question in self.questions if question.is_open]


@dataclass(frozen=True)
class Sheet:
    """The checklist of one lead as it stands; decision and next step are those the road last gave."""

    lead: Lead
    at: datetime
    parts: Sequence[Part]
    missing: Sequence[str]
    suggested_outcome: str
    next_question: Asked | None
    is_settled: bool

    @property
    def ends_early(self) -> bool:
        """A clear fit fail: the later parts are not asked [R4]."""
        return not all(part.is_asked for part in self.parts)


def sheet(lead: Lead, *, at: datetime) -> Sheet:
    """The checklists in force for this lead, filled in, with what the checks say now. A constant number of queries."""
    asked_of, assessment = qualification.assess_one(lead.pk, at=at)
    known = _Known.read(asked_of, at=at)
    open_codes = [targets.field_of(code) or code for code in assessment.unknown]
    parts = [_part(check, assessment, known, open_codes) for check in Check]
    settling = (question for part in parts for question in part.questions if question.is_open and question.settles)
    return Sheet(
        lead=asked_of,
        at=at,
        parts=parts,
        missing=assessment.missing,
        suggested_outcome=qualification.suggested_outcome(asked_of.decision, asked_of.next_step)
        if asked_of.decision
        else "",
        next_question=next(settling, None),
        is_settled=asked_of.advance_due_at is None,
    )


@transaction.atomic
def answer_question(
    lead_id: int,
    code: str,
    value: object,
    *,
    by: AbstractBaseUser | None,
    at: datetime,
    origin: str = Answer.Origin.STAFF,
    interaction_id: int | None = None,
) -> Answer:
    """Keep one answer, write the fact it states, and put the lead back on the road. Locks the lead.

    Raise InvalidFields naming the code when the answer does not fit the question.
    """
    lead = Lead.objects.lock().get(pk=lead_id)
    given = answers.understand(lead, {code: value})
    if not given:
        raise InvalidFields({code: [_("Give an answer, or say that it is unknown.")]})
    source = Origin(Answer.Origin(origin), by=by, interaction_id=interaction_id)
    answers.learn(lead, given, source, cause=_("Answered on the checklist."), at=at)
    due.mark_due(Lead.objects.filter(pk=lead_id), at=at)
    return Answer.objects.get(lead=lead_id, code=given[0].code, is_current=True)


@transaction.atomic
def assess_now(lead_id: int, *, at: datetime) -> Sheet:
    """Score, check and decide this lead at once, with the road's own steps, and return its sheet. Locks the lead.

    The lead stays due, so that team, owner and outreach follow on the road.
    """
    lead = Lead.objects.lock().get(pk=lead_id)
    scoring.score_leads([lead_id], at=at)
    qualification.assess_leads([lead_id], at=at)
    qualification.choose_next_steps([lead_id], at=at)
    return sheet(lead, at=at)


@dataclass(frozen=True)
class FormAnswer:
    """What an inquiry said; the raw submission is kept, so it needs no row of its own."""

    value: object
    at: datetime
    source: str


INQUIRIES_READ = 20  # the newest; what older ones said was said again since


def form_answers(lead: Lead) -> dict[str, FormAnswer]:
    """Field → what the newest inquiry that names it said."""
    rows = Inquiry.objects.filter(lead=lead, status=Inquiry.Status.ACCEPTED).order_by("-received_at", "-pk")
    found: dict[str, FormAnswer] = {}
    for body, repaired, at, source in rows.values_list("raw_body", "repaired", "received_at", "source__name")[
        :INQUIRIES_READ
    ]:
        fields = repaired or fields_of(body)
        for name, value in fields.items():
            if value not in ("", None):
                found.setdefault(name, FormAnswer(value, at, source))
        for document in fields.get("documents") or ():
            found.setdefault(f"document.{document}", FormAnswer(targets.YES, at, source))
    return found


@dataclass(frozen=True)
class _Known:
    """What is on record for the lead, read once for all questions."""

    lead: Lead
    at: datetime
    questions: Sequence[Question]
    answers: Mapping[str, Answer]
    documents: Mapping[str, str]
    required: Sequence[str]
    authorization: str
    people: Sequence[Stakeholder]
    choices: Mapping[str, Sequence[tuple[str, str]]]
    forms: Mapping[str, FormAnswer]

    @classmethod
    def read(cls, lead: Lead, *, at: datetime) -> _Known:
        questions = list(answers.questions_of(lead).values())
        used = {question.lead_field for question in questions}
        return cls(
            lead=lead,
            at=at,
            questions=_once(questions),
            answers=_newest(Answer.objects.filter(lead=lead, is_current=True).select_related("by", "question")),
            documents=dict(DocumentStatus.objects.filter(lead=lead).values_list("document", "status")),
            required=qualification.documents_required([lead])[lead.pk],
            authorization=Authorization.objects.filter(
                capacity.by_payer(lead.payer_id), lead=lead, service=lead.service_id
            )
            .values_list("status", flat=True)
            .first()
            or "",
            people=list(Stakeholder.objects.filter(lead=lead).order_by("pk")),
            choices=targets.choices_of(used, lead.lead_type),
            forms=form_answers(lead),
        )

    def applies(self, question: Question) -> bool:
        """Documents, authorizations and who refers are asked for only where this service and payer want them."""
        target, detail = targets.target_of(question.lead_field), question.lead_field.partition(".")[2]
        if target and target.kept == Kept.DOCUMENT:
            return detail in self.required or detail in self.documents
        if target and target.kept == Kept.AUTHORIZATION:
            return self.lead.authorization_missing is not False or bool(self.authorization)
        if question.lead_field == "referring_provider":
            return bool(self.lead.referring_provider) or capacity.REFERRAL_LETTER in (*self.required, *self.documents)
        return True

    def value(self, question: Question) -> object:
        """What the lead's own record says, None where it says nothing."""
        target, detail = targets.target_of(question.lead_field), question.lead_field.partition(".")[2]
        if target is None:
            return None
        if target.kept == Kept.DOCUMENT:
            return self.documents.get(detail)
        if target.kept == Kept.AUTHORIZATION:
            return self.authorization or None
        if target.kept == Kept.STAKEHOLDER:
            named = [person.name for person in self.people if _is_named(person, detail)]
            return ", ".join(named) or None
        value = getattr(self.lead, target.attribute)
        return None if value == "" else value

    def answer(self, question: Question) -> Answer | None:
        return self.answers.get(question.lead_field or question.code)

    def label(self, question: Question, value: object) -> str:
        target = targets.target_of(question.lead_field)
        words = target.words.choices if target and target.words else ()
        labels = {**dict(YES_NO), **{str(code): str(word) for code, word in words}}
        labels |= {**dict(self.plain_of(question)), **dict(self.choices_of(question))}
        if isinstance(value, bool):
            value = targets.YES if value else targets.NO
        return str(labels.get(str(value), value))

    def choices_of(self, question: Question) -> Sequence[tuple[str, str]]:
        if question.choices:
            return targets.values_of(question.choices)
        if question.answer_type == AnswerType.YES_NO:
            return [(value, str(label)) for value, label in YES_NO]
        return self.choices.get(question.lead_field, ())

    def plain_of(self, question: Question) -> Sequence[tuple[str, str]]:
        """Nobody, where a person is asked for, and not to know, where no answer of the question's own says so."""
        target = targets.target_of(question.lead_field)
        own = dict(self.choices_of(question))
        has_own = question.answer_type == AnswerType.YES_NO or targets.UNKNOWN in own
        if has_own or (target and target.kept == Kept.TIMING):  # “not sure yet” is one of the windows
            return ()
        return [(value, str(label)) for value, label in ([NOBODY] if target and target.is_person else []) + [NOT_KNOWN]]


def _once(questions: Iterable[Question]) -> list[Question]:
    """Each fact is asked once, in the first part that needs it."""
    order = {check.value: position for position, check in enumerate(Check)}
    asked: dict[str, Question] = {}
    for question in sorted(questions, key=lambda each: (order[each.part], each.position, each.pk)):
        asked.setdefault(question.lead_field or question.code, question)
    return list(asked.values())


def _newest(rows: Iterable[Answer]) -> dict[str, Answer]:
    """Fact, or code where no fact stands behind it → the newest answer to it, under whatever code it was asked."""
    newest: dict[str, Answer] = {}
    for row in sorted(rows, key=lambda each: (each.answered_at, each.pk)):
        newest[targets.field_of(row.code, row.question) or row.code] = row
        newest.setdefault(row.code, row)
    return newest


def _is_named(person: Stakeholder, role: str) -> bool:
    return person.may_be_told if role == MAY_BE_TOLD else role in person.roles


def _part(check: Check, assessment: Assessment, known: _Known, open_facts: Sequence[str]) -> Part:
    finding = assessment.findings[check]
    rows = [question for question in known.questions if question.part == check and known.applies(question)]
    asked = [_asked(question, known, assessment, open_facts) for question in rows]
    is_asked = finding is not checks.NOT_ASKED
    return Part(
        check=check,
        verdict=finding.verdict,
        reasons=finding.reasons,
        is_asked=is_asked,
        questions=sorted(asked, key=lambda each: (not each.is_open, not each.settles, each.verdict != Verdict.FAIL)),
    )


def _asked(question: Question, known: _Known, assessment: Assessment, open_facts: Sequence[str]) -> Asked:
    said = _said(question, known)
    fact = question.lead_field or question.code
    reasons = [
        reason
        for finding in assessment.findings.values()
        if finding.verdict == Verdict.FAIL
        for reason in finding.reasons
        if reason.question and fact == (targets.field_of(reason.question) or reason.question)
    ]
    settles = fact in open_facts
    is_unknown = said is None or said.is_stale or said.value in (targets.UNKNOWN, None)
    return Asked(
        code=question.code,
        words=question.words,
        answer_type=question.answer_type,
        choices=known.choices_of(question),
        verdict=_verdict(question, known, said, is_unknown, reasons, settles),
        is_open=is_unknown or settles,
        settles=settles,
        said=said,
        reasons=reasons,
        plain=known.plain_of(question),
    )


def _verdict(
    question: Question,
    known: _Known,
    said: Said | None,
    is_unknown: bool,
    reasons: Sequence[Reason],
    settles: bool,
) -> Verdict:
    """The facts speak first; where none stands behind the question, the answer's own verdict does."""
    if reasons:
        return Verdict.FAIL
    if is_unknown or settles:
        return Verdict.UNKNOWN
    target = targets.target_of(question.lead_field)
    if target and target.kept in (Kept.DOCUMENT, Kept.AUTHORIZATION):
        return Verdict.PASS if known.value(question) in targets.HELD else Verdict.UNKNOWN
    answer = known.answer(question)
    return Verdict(answer.verdict) if answer and said and said.at == answer.answered_at else Verdict.PASS


def _said(question: Question, known: _Known) -> Said | None:
    """The newest of what a form said and what was answered since; a field that was emptied makes it stale."""
    value, answer, form = known.value(question), known.answer(question), known.forms.get(question.lead_field)
    if answer is not None and (form is None or answer.answered_at >= form.at):
        shown = answer.value if value is None else value
        return Said(
            value=shown,
            label=known.label(question, shown),
            origin=answer.origin,
            origin_label=str(answer.get_origin_display()),
            by=(answer.by.get_full_name() or answer.by.get_username()) if answer.by else "",
            at=answer.answered_at,
            is_stale=answer.stale_since is not None or _ran_out(question, answer.answered_at, known.at),
        )
    if form is not None:
        shown = form.value if value is None else value
        return Said(
            value=shown,
            label=known.label(question, shown),
            origin=Answer.Origin.FORM,
            origin_label=str(Answer.Origin.FORM.label),
            by=form.source,
            at=form.at,
            is_stale=value is None or _ran_out(question, form.at, known.at),
        )
    if value is None or value == targets.ASSUMED.get(question.lead_field):
        return None
    return Said(value, known.label(question, value))


def _ran_out(question: Question, said_at: datetime, now: datetime) -> bool:
    days = question.expires_after_days
    return days is not None and said_at + timedelta(days=days) <= now
