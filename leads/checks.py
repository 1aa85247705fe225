"""What do the four checks say of a lead, and why? Facts in, verdicts with reasons out; no database, no clock.

Unknown is never fail: it becomes a question. A clear fit fail ends early, and the later checks are not asked [R2, R4].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from leads.vocabulary import Agreement, Band, Budget, Check, ContactRole, ForWhom, LeadType, Request, Verdict

ASKS = (
    Request.APPOINTMENT,
    Request.CALLBACK,
    Request.PRICE,
    Request.AVAILABILITY,
    Request.QUOTE,
    Request.DEMO,
    Request.REFERRAL,
    Request.QUESTION,
)


@dataclass(frozen=True)
class FailedAnswer:
    """A question of the checklist that no fact stands behind, and whose answer fails its check."""

    check: str
    code: str
    words: str
    answer: str


@dataclass(frozen=True)
class Facts:
    """What is known of a lead at one moment; None or blank is unknown."""

    lead_type: str
    service_status: str | None = None
    location_status: str | None = None
    payer_status: str | None = None
    age_status: str | None = None
    type_status: str | None = "any"  # of the organisation; what was kept before it was asked says nothing of it
    specialty_status: str | None = "any"
    setting_status: str | None = "any"
    size_status: str | None = "any"
    first_open_on: date | None = None
    next_open_on: date | None = None  # after the window, where nothing is open inside it
    has_timing: bool = False
    timing_is_open: bool = False
    documents_missing: Sequence[str] = ()
    authorization_missing: bool | None = None
    language_spoken: bool | None = None
    readiness: str = ""
    request: str = ""
    has_question: bool = False
    for_whom: str = ""
    age: int | None = None
    contact_role: str = ""
    approver: str = ""
    budget: str = ""
    rollout: str = ""
    organisation: str = ""
    clinic_size: int | None = None
    agreement: str = ""
    needs_agreement: bool = False
    may_speak_with_someone: bool = False
    decider_named: bool = False
    failed_answers: Sequence[FailedAnswer] = ()
    near_services: Sequence[str] = ()  # by name, where the service itself is not given

    @property
    def is_adjacent(self) -> bool:
        return self.service_status == "adjacent"

    @property
    def is_organisation(self) -> bool:
        return self.lead_type != LeadType.PATIENT


@dataclass(frozen=True)
class Reason:
    """Why, as a code and a sentence, and which question it is about where it is about one."""

    code: str
    sentence: str
    question: str = ""


@dataclass(frozen=True)
class Finding:
    """One check's verdict, its reasons, and the questions that would settle what is unknown."""

    verdict: Verdict
    reasons: Sequence[Reason] = ()
    unknown: Sequence[str] = ()


FULL_AGE = 18  # below it a guardian decides about a visit [2.12]
AGREEMENT_BLOCKED = Reason("agreement_blocked", "Legal or compliance blocks the agreement.", "agreement")
NOT_ASKED = Finding(Verdict.UNKNOWN, [Reason("not_asked", "Not asked, because fit already failed.")])


@dataclass(frozen=True)
class Assessment:
    """What the four checks found, and the codes of the items that are missing."""

    findings: dict[Check, Finding]
    missing: Sequence[str] = field(default=())

    def verdict(self, check: Check) -> Verdict:
        return self.findings[check].verdict

    @property
    def unknown(self) -> list[str]:
        """Codes of the open questions, each once, in the order of the checks."""
        return list(dict.fromkeys(code for finding in self.findings.values() for code in finding.unknown))


def assess(facts: Facts) -> Assessment:
    """Run the four checks in their order; a failed fit leaves the rest unasked."""
    fit = _with_answers(Check.FIT, check_fit(facts), facts)
    if fit.verdict == Verdict.FAIL:
        rest = (Check.CAPACITY, Check.READINESS, Check.DECISION_PATH)
        return Assessment({Check.FIT: fit, **dict.fromkeys(rest, NOT_ASKED)})
    findings = {
        Check.FIT: fit,
        Check.CAPACITY: _with_answers(Check.CAPACITY, check_capacity(facts), facts),
        Check.READINESS: _with_answers(Check.READINESS, check_readiness(facts), facts),
        Check.DECISION_PATH: _with_answers(Check.DECISION_PATH, check_decision_path(facts), facts),
    }
    return Assessment(findings, missing_items(facts))


FIT_FAILS = {
    ("service_status", "not_offered"): Reason(
        "service_not_offered", "No clinic offers this service to new patients.", "service"
    ),
    ("service_status", "other_audience"): Reason(
        "service_for_others", "The service is not one for this kind of organisation.", "service"
    ),
    ("location_status", "outside"): Reason("outside_area", "No clinic that offers it is within reach.", "location"),
    ("payer_status", "not_accepted"): Reason("payer_not_accepted", "The payer is not accepted within reach.", "payer"),
    ("age_status", "not_eligible"): Reason("not_eligible", "The age is outside the service's limits.", "age_eligible"),
    ("type_status", "not_meant"): Reason(
        "wrong_organisation_type", "The service is not meant for this type of organisation.", "organisation_type"
    ),
    ("specialty_status", "not_meant"): Reason(
        "wrong_specialty", "The service is not meant for this specialty.", "specialty"
    ),
    ("setting_status", "not_meant"): Reason(
        "wrong_care_setting", "The service is not meant for this care setting.", "care_setting"
    ),
    ("size_status", "not_meant"): Reason(
        "wrong_size", "The service is meant for fewer or for more people.", "clinic_size"
    ),
}
FIT_QUESTIONS = {
    "service_status": "service",
    "location_status": "location",
    "payer_status": "payer",
    "age_status": "age_eligible",
}
ORGANISATION_QUESTIONS = {
    "type_status": "organisation_type",
    "specialty_status": "specialty",
    "setting_status": "care_setting",
    "size_status": "clinic_size",
}


def check_fit(facts: Facts) -> Finding:
    """Service, location, payer and eligibility, or what kind of organisation it is, from the catalogue [R14].

    Where only another service is given, the rest is asked of that one, once the lead wants it.
    """
    if facts.is_adjacent:
        return _offer_instead(facts)
    fails = [reason for (name, value), reason in FIT_FAILS.items() if getattr(facts, name) == value]
    if fails:
        return Finding(Verdict.FAIL, fails)
    unknown = [code for name, code in FIT_QUESTIONS.items() if getattr(facts, name) is None]
    if facts.is_organisation:
        unknown += [] if facts.organisation else ["organisation"]
        unknown += [code for name, code in ORGANISATION_QUESTIONS.items() if getattr(facts, name) is None]
    return _open_or_pass(unknown, "We offer this service nearby, for this payer and this person.")


def check_capacity(facts: Facts) -> Finding:
    """An open slot inside the window, somebody who speaks the language, and the papers it takes [R15, R16]."""
    if facts.is_organisation:
        return Finding(Verdict.PASS, [Reason("not_applicable", "Organisation services have no appointment slots.")])
    if facts.is_adjacent:
        return _offer_instead(facts)
    fails = [
        Reason(f"document_{code}", f"Missing: {code.replace('_', ' ')}.", code) for code in facts.documents_missing
    ]
    if facts.authorization_missing:
        fails.append(Reason("prior_authorization", "The payer wants prior authorization first.", "prior_authorization"))
    if facts.language_spoken is False:
        fails.append(Reason("language", "Nobody who can take this lead speaks their language.", "language"))
    unknown = [code for name, code in FIT_QUESTIONS.items() if name != "age_status" and getattr(facts, name) is None]
    if facts.first_open_on is None and not unknown:
        fails.append(_no_slot(facts.next_open_on))
    if fails:
        return Finding(Verdict.FAIL, fails, unknown)
    if not facts.has_timing:
        unknown.append("timing")
    day = facts.first_open_on
    return _open_or_pass(unknown, f"A slot is open on {_said(day)}." if day else "")


def _offer_instead(facts: Facts) -> Finding:
    names = ", ".join(facts.near_services)
    sentence = f"No clinic offers this service to new patients. Offer instead: {names}."
    return Finding(Verdict.UNKNOWN, [Reason("service_adjacent", sentence, "service")], ["service"])


def _no_slot(next_open_on: date | None) -> Reason:
    """Nothing is open when the lead wants to come, and which day it may be offered instead [2.4]."""
    instead = f" The next one is on {_said(next_open_on)}." if next_open_on else ""
    return Reason("no_slot", f"No slot is open inside the wanted dates.{instead}", "appointment_window")


def _said(day: date) -> str:
    return f"{day:%b} {day.day}, {day.year}"


def check_readiness(facts: Facts) -> Finding:
    """The readiness band by its own rules; web activity alone never passes [R13, R18]."""
    asks = facts.request in ASKS or (facts.has_question and not facts.request)
    if facts.readiness == Band.HIGH or (facts.readiness == Band.MEDIUM and asks):
        return Finding(Verdict.PASS, [Reason("asks", "Asks for a next step.")])
    unknown = [] if facts.request else ["request"]
    if not facts.has_timing or facts.timing_is_open:
        unknown.append("timing")
    if unknown:
        return Finding(Verdict.UNKNOWN, [Reason("undecided", "Has not said what should happen, or when.")], unknown)
    return Finding(Verdict.FAIL, [Reason("asks_nothing", "Asks for nothing yet.")])


def check_decision_path(facts: Facts) -> Finding:
    """Who decides, who may be spoken with [R19, R20], and that nothing forbids an agreement [R33]."""
    if facts.is_organisation:
        unknown = _open_organisation_questions(facts)
        if facts.agreement == Agreement.BLOCKED:
            return Finding(Verdict.FAIL, [AGREEMENT_BLOCKED], unknown)
        decides = facts.contact_role == ContactRole.DECISION_MAKER or bool(facts.approver) or facts.decider_named
        if decides:
            return Finding(Verdict.PASS, [Reason("decider_known", "Who approves is known.")], unknown)
        first = "approver" if facts.lead_type == LeadType.B2B else "decision_maker"
        return Finding(Verdict.UNKNOWN, [Reason("decider_unknown", "Who approves is not known.")], [first, *unknown])
    is_minor = facts.for_whom == ForWhom.SELF and facts.age is not None and facts.age < FULL_AGE
    decides_alone = facts.for_whom == ForWhom.SELF and not is_minor
    if decides_alone or (facts.for_whom and (facts.may_speak_with_someone or facts.decider_named)):
        return Finding(Verdict.PASS, [Reason("decider_known", "Who decides is known.")])
    if is_minor:
        return Finding(
            Verdict.UNKNOWN, [Reason("guardian_unknown", "Is under 18: a guardian decides.")], ["decision_maker"]
        )
    first = "may_speak_with" if facts.for_whom else "for_whom"
    return Finding(Verdict.UNKNOWN, [Reason("decider_unknown", "Who decides is not known yet.")], [first])


def missing_items(facts: Facts) -> list[str]:
    """What must still arrive before the lead can move; open questions are not missing items."""
    missing = [] if facts.is_adjacent else list(facts.documents_missing)
    if facts.authorization_missing:
        missing.append("prior_authorization")
    if facts.needs_agreement and facts.agreement != Agreement.SIGNED:
        missing.append("agreement")
    return missing


def _with_answers(check: Check, finding: Finding, facts: Facts) -> Finding:
    """An answer that fails its question fails the check, whatever the facts say otherwise."""
    fails = [
        Reason(f"answer_{each.code}", f"{each.words} {each.answer}.", each.code)
        for each in facts.failed_answers
        if each.check == check
    ]
    if not fails:
        return finding
    others = finding.reasons if finding.verdict == Verdict.FAIL else ()
    return Finding(Verdict.FAIL, [*others, *fails], finding.unknown)


def _open_organisation_questions(facts: Facts) -> list[str]:
    unknown = []
    if facts.lead_type == LeadType.B2B and facts.budget in ("", Budget.UNKNOWN):
        unknown.append("budget")
    if facts.lead_type == LeadType.B2B and not facts.rollout:
        unknown.append("rollout")
    if facts.clinic_size is None:
        unknown.append("clinic_size")
    return unknown


def _open_or_pass(unknown: Sequence[str], sentence: str) -> Finding:
    if not unknown:
        return Finding(Verdict.PASS, [Reason("passed", sentence)])
    open_questions = ", ".join(code.replace("_", " ") for code in unknown)
    return Finding(Verdict.UNKNOWN, [Reason("open_questions", f"Still to ask: {open_questions}.")], unknown)
