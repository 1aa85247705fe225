"""Does this lead move forward, wait or stop, why, and what happens next?

Two steps of the road: `assess_leads` writes the four verdicts with their reasons, `choose_next_steps` lets the
published rules turn verdicts and bands into a decision. What a person decided stays decided until a fact changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, TypedDict, cast

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import Exists, Expression, OuterRef, Q, QuerySet, Value

from leads import capacity, checks, requalification
from leads.checks import Assessment, Facts, FailedAnswer
from leads.criteria import match_leads
from leads.lifecycle import Stage
from leads.models import (
    Answer,
    DocumentStatus,
    Lead,
    MissingItem,
    NextStepRule,
    NextStepSet,
    Qualification,
    Stakeholder,
)
from leads.targets import YES
from leads.vocabulary import Check, Decision, LeadType, NextStep, Outcome, Verdict
from medcrm.lib.later import MOMENT, Param, bind
from medcrm.lib.models import VersionStatus
from medcrm.lib.writing import update_rows

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    class Asked(TypedDict):
        """What the checks ask of a lead beside its own fields."""

        service_status: str | None
        location_status: str | None
        payer_status: str | None
        age_status: str | None
        type_status: str | None
        specialty_status: str | None
        setting_status: str | None
        size_status: str | None
        first_open_on: date | None
        next_open_on: date | None
        authorization_missing: bool | None
        language_spoken: bool | None
        may_speak_with_someone: bool
        decider_named: bool
        near_services: Sequence[str]

    AskedLead = WithAnnotations[Lead, Asked]

BATCH = 500  # one INSERT or UPDATE of this many rows stays well under PostgreSQL's parameter limit

VERDICT_COLUMNS = {check: f"{check.value}_check" for check in Check}


def assess_leads(lead_ids: Sequence[int], *, at: datetime) -> Mapping[int, Facts]:
    """Write the four verdicts, their reasons, the open questions and the missing items of these locked leads.

    Return what the checks were given.
    """
    leads = with_facts(lead_ids, at)
    cycles = open_cycles(leads.values(), at=at)
    facts = facts_for(leads, at=at)
    changed_leads, changed_cycles, missing = [], [], {}
    for lead in leads.values():
        assessment = checks.assess(facts[lead.pk])
        missing[lead.pk] = assessment.missing
        if _write_verdicts(lead, assessment):
            changed_leads.append(lead)
        if _write_cycle(cycles[lead.pk], lead, assessment):
            changed_cycles.append(cycles[lead.pk])
    update_rows(changed_leads, list(VERDICT_COLUMNS.values()), batch_size=BATCH)
    update_rows(changed_cycles, CYCLE_COLUMNS, batch_size=BATCH)
    sync_missing(missing, at=at)
    return facts


def choose_next_steps(lead_ids: Sequence[int], *, at: datetime) -> None:
    """Let the first published rule that holds decide each lead that no person has decided; no rule means review."""
    requalification.reconsider_unreachable(lead_ids, at=at)
    leads = {lead.pk: lead for lead in undecided(lead_ids)}
    if leads:
        rules = published_rules()
        matches = match_leads(Lead.objects.filter(pk__in=leads), list(rules.values()), at=at)
        changed = [lead for lead in leads.values() if _decide(lead, rules.get(matches.get(lead.pk, 0)))]
        update_rows(changed, DECISION_COLUMNS, batch_size=BATCH)
        _record_decisions(leads, rules, matches)
    requalification.sync_triggers(lead_ids, at=at)


CYCLE_COLUMNS = [
    *VERDICT_COLUMNS.values(),
    "explanation",
    "unknown",
    "score",
    "scoring_model",
    "fit",
    "readiness",
]
DECISION_COLUMNS = ["stage", "decision", "next_step", "hold_reason", "stop_reason"]


def undecided(lead_ids: Sequence[int]) -> QuerySet[Lead]:
    """Leads on the road whose open cycle no person has decided; a closed lead re-opens by a trigger only."""
    decided = Qualification.objects.filter(lead=OuterRef("pk"), closed_at=None, decided_at__isnull=False)
    return Lead.objects.open().filter(~Exists(decided), pk__in=lead_ids)


def published_rules() -> dict[int, NextStepRule]:
    """The next-step rules in force, in their order."""
    rules = NextStepRule.objects.filter(rule_set__status=VersionStatus.PUBLISHED, is_active=True)
    return {rule.pk: rule for rule in rules.order_by("position", "pk")}


def rule_for(lead_id: int, *, at: datetime) -> NextStepRule | None:
    """The rule that would decide this lead by its facts as they are written now."""
    rules = published_rules()
    matches = match_leads(Lead.objects.filter(pk=lead_id), list(rules.values()), at=at)
    return rules.get(matches.get(lead_id, 0))


def first_step(lead_type: str) -> NextStep:
    """Where a lead of this type is sent on that no rule sends on; without rules in force, as rules begin."""
    in_force = NextStepSet.objects.filter(status=VersionStatus.PUBLISHED).first()
    return (in_force or NextStepSet()).first_step(lead_type)


def assess_one(lead_id: int, *, at: datetime) -> tuple[AskedLead, Assessment]:
    """What the checks would say of this lead now; nothing is written."""
    [lead] = with_facts([lead_id], at).values()
    return lead, checks.assess(facts_for({lead_id: lead}, at=at)[lead_id])


def facts_for(leads: Mapping[int, AskedLead], *, at: datetime) -> dict[int, Facts]:
    """What the four checks are given for these leads, which `with_facts` read; four queries."""
    held = documents_held(leads, at=at)
    required = documents_required(leads.values())
    failed = failed_answers(leads, at=at)
    return {
        pk: facts_of(lead, [code for code in required[pk] if code not in held[pk]], failed[pk])
        for pk, lead in leads.items()
    }


def failed_answers(leads: Iterable[int], *, at: datetime) -> Mapping[int, Sequence[FailedAnswer]]:
    """Lead → answers in force that fail a question which no field of the lead stands behind."""
    rows = Answer.objects.in_force(at).filter(lead__in=leads, verdict=Verdict.FAIL, question__lead_field="")
    failed: dict[int, list[FailedAnswer]] = defaultdict(list)
    for lead, part, code, words, value in rows.order_by("pk").values_list(
        "lead", "question__part", "code", "question__words", "value"
    ):
        failed[lead].append(FailedAnswer(part, code, words, str(value)))
    return failed


def facts_of(lead: AskedLead, documents_missing: Sequence[str], failed: Sequence[FailedAnswer] = ()) -> Facts:
    """The plain facts of a lead that `with_facts` read."""
    return Facts(
        lead_type=lead.lead_type,
        service_status=lead.service_status,
        location_status=lead.location_status,
        payer_status=lead.payer_status,
        age_status=lead.age_status,
        type_status=lead.type_status,
        specialty_status=lead.specialty_status,
        setting_status=lead.setting_status,
        size_status=lead.size_status,
        first_open_on=lead.first_open_on,
        next_open_on=lead.next_open_on,
        has_timing=lead.timing_id is not None,
        timing_is_open=lead.timing is not None and lead.timing.kind == lead.timing.Kind.OPEN,
        documents_missing=documents_missing,
        authorization_missing=lead.authorization_missing,
        language_spoken=lead.language_spoken,
        readiness=lead.readiness,
        request=lead.request,
        has_question=bool(lead.question),
        for_whom=lead.for_whom,
        age=lead.age,
        contact_role=lead.contact_role,
        approver=lead.approver,
        budget=lead.budget,
        rollout=lead.rollout,
        organisation=lead.organisation,
        clinic_size=lead.clinic_size,
        agreement=lead.agreement,
        needs_agreement=lead.service is not None and lead.service.needs_agreement,
        may_speak_with_someone=lead.may_speak_with_someone,
        decider_named=lead.decider_named,
        failed_answers=failed,
        near_services=lead.near_services,
    )


def open_cycles(leads: Iterable[Lead], *, at: datetime) -> dict[int, Qualification]:
    """The open cycle of each lead, opened now where there is none."""
    leads = list(leads)
    cycles = {row.lead_id: row for row in Qualification.objects.filter(lead__in=leads, closed_at=None)}
    fresh = [
        Qualification(lead=lead, cycle=lead.cycle, opened_at=lead.created_at if lead.cycle == 1 else at)
        for lead in leads
        if lead.pk not in cycles
    ]
    Qualification.objects.bulk_create(fresh, batch_size=BATCH)
    return cycles | {row.lead_id: row for row in fresh}


def documents_required(leads: Iterable[Lead]) -> Mapping[int, Sequence[str]]:
    """Lead → codes of the documents that its service asks for, and of a patient its payer and clinic too; one query."""
    leads = list(leads)
    named = {
        lead.pk: {field: getattr(lead, f"{field}_id") for _rows, _column, field in capacity.ASKING} for lead in leads
    }
    queries = [
        through.objects.filter(**{f"{column}__in": {codes[field] for codes in named.values()} - {None}})
        .annotate(by=Value(field))
        .order_by()
        .values_list("by", column, "document")
        for through, column, field in capacity.ASKING
    ]
    asked: dict[tuple[str, str], set[str]] = defaultdict(set)
    for field, code, document in queries[0].union(*queries[1:], all=True):
        asked[field, code].add(document)
    return {
        lead.pk: sorted(
            {
                document
                for field, code in named[lead.pk].items()
                if field == "service" or (lead.service_id and not lead.is_organisation)
                for document in asked.get((field, code), ())
            }
        )
        for lead in leads
    }


def documents_held(leads: Iterable[int], *, at: datetime) -> Mapping[int, set[str]]:
    """Lead → codes of the documents that are here and valid."""
    rows = DocumentStatus.objects.filter(capacity.held_documents(at=at), lead__in=leads)
    held: dict[int, set[str]] = defaultdict(set)
    for lead, document in rows.values_list("lead", "document"):
        held[lead].add(document)
    return held


def sync_missing(missing: Mapping[int, Sequence[str]], *, at: datetime) -> None:
    """Open an item for what the checks miss, settle what arrived; items recorded on a call stay until answered."""
    open_items = list(MissingItem.objects.filter(lead__in=missing, settled_at=None))
    known = {(item.lead_id, item.kind_id) for item in open_items}
    gone = [
        item.pk
        for item in open_items
        if item.origin == MissingItem.Origin.CHECK and item.kind_id not in missing[item.lead_id]
    ]
    if gone:
        MissingItem.objects.filter(pk__in=gone).update(settled_at=at)
    fresh = [
        MissingItem(lead_id=lead, kind_id=code, origin=MissingItem.Origin.CHECK, opened_at=at)
        for lead, codes in missing.items()
        for code in codes
        if (lead, code) not in known
    ]
    MissingItem.objects.bulk_create(fresh, batch_size=BATCH)


ASKED: Mapping[str, Callable[[datetime], Expression | Q]] = {
    "service_status": lambda at: capacity.service_status(),
    "location_status": lambda at: capacity.location_status(),
    "payer_status": lambda at: capacity.payer_status(),
    "age_status": lambda at: capacity.age_status(at=at),
    "first_open_on": lambda at: capacity.first_open_date(at=at),
    "authorization_missing": lambda at: capacity.needs_authorization(at=at),
    "language_spoken": lambda at: capacity.language_spoken(at=at),
    "may_speak_with_someone": lambda at: _knows_who("may_be_told") | capacity.answered("may_speak_with", YES, at=at),
    "decider_named": lambda at: _knows_who("can_approve") | capacity.answered("decision_maker", at=at),
}
"""What the checks ask of a lead, as the database computes it."""
ASKED_OF_ORGANISATIONS: Mapping[str, Callable[[datetime], Expression | Q]] = {
    "type_status": lambda at: capacity.meant_status("organisation_type"),
    "specialty_status": lambda at: capacity.meant_status("specialty"),
    "setting_status": lambda at: capacity.meant_status("care_setting"),
    "size_status": lambda at: capacity.size_status(),
}
"""What is asked of partners and businesses only: PostgreSQL would plan it for every patient too."""


def _knows_who(quality: str) -> Exists:
    return Exists(Stakeholder.objects.filter(lead=OuterRef("pk"), **{quality: True}))


def with_facts(lead_ids: Sequence[int], at: datetime) -> dict[int, AskedLead]:
    """These leads with what the checks ask of each as attributes; two queries, and one each for organisations, where
    dates are too narrow, and where only another service is given."""
    leads = cast("dict[int, AskedLead]", Lead.objects.select_related("timing", "service").in_bulk(lead_ids))
    _ask(leads, lead_ids, ASKED, at)
    for lead in leads.values():
        lead.type_status = lead.specialty_status = lead.setting_status = lead.size_status = "any"
    organisations = [pk for pk, lead in leads.items() if lead.is_organisation]
    if organisations:
        _ask(leads, organisations, ASKED_OF_ORGANISATIONS, at)
    _look_further(leads, at)
    return leads


def _ask(
    leads: Mapping[int, AskedLead],
    ids: Sequence[int],
    asked: Mapping[str, Callable[[datetime], Expression | Q]],
    at: datetime,
) -> None:
    """Set what is asked of these leads as attributes; one query."""
    sql, params = _asked(tuple(asked))
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} WHERE leads_lead.id = ANY(%s)", [*bind(params, at), list(ids)])
        for pk, *values in cursor.fetchall():
            for name, value in zip(asked, values, strict=True):
                setattr(leads[pk], name, value)


def _look_further(leads: Mapping[int, AskedLead], at: datetime) -> None:
    """Note the next open day of those that find none inside their dates, and what is given instead of a service that is
    not; few need it, so it is not asked for everybody."""
    for lead in leads.values():
        lead.next_open_on, lead.near_services = None, []
    without = [pk for pk, lead in leads.items() if lead.service_status == "adjacent"]
    if without:
        names = ArraySubquery(capacity.near_offerings().order_by("service__name").values("service__name").distinct())
        for pk, near in Lead.objects.filter(pk__in=without).values_list("pk", names):
            leads[pk].near_services = near
    narrow = [pk for pk, lead in leads.items() if lead.window_closes_on and lead.first_open_on is None]
    patients = [pk for pk in narrow if leads[pk].lead_type == LeadType.PATIENT]
    if patients:
        found = Lead.objects.filter(pk__in=patients).annotate(day=capacity.next_open_date(at=at))
        for pk, day in found.values_list("pk", "day"):
            leads[pk].next_open_on = day


@cache
def _asked(names: tuple[str, ...]) -> tuple[str, Sequence[Param]]:
    """The question without the leads it is about; Django takes longer to make it than PostgreSQL to answer it."""
    makes = {**ASKED, **ASKED_OF_ORGANISATIONS}
    columns = {name: makes[name](MOMENT) for name in names}
    return Lead.objects.order_by().values("pk", **columns).query.sql_with_params()


def _write_verdicts(lead: Lead, assessment: Assessment) -> bool:
    return _set(lead, {column: assessment.verdict(check) for check, column in VERDICT_COLUMNS.items()})


def _write_cycle(cycle: Qualification, lead: Lead, assessment: Assessment) -> bool:
    values: dict[str, object] = {column: getattr(lead, column) for column in VERDICT_COLUMNS.values()}
    values["explanation"] = {
        check.value: [{"code": reason.code, "sentence": reason.sentence} for reason in finding.reasons]
        for check, finding in assessment.findings.items()
    }
    values["unknown"] = assessment.unknown
    values |= {"score": lead.score, "scoring_model_id": lead.score_model_id}
    values |= {"fit": lead.fit, "readiness": lead.readiness}
    return _set(cycle, values)


def _decide(lead: Lead, rule: NextStepRule | None) -> bool:
    decision = rule.decision if rule else Decision.REVIEW
    next_step = rule.next_step if rule else NextStep.NONE
    return _set(
        lead,
        {
            "stage": stage_for(decision, next_step),
            "decision": decision,
            "next_step": next_step,
            "hold_reason_id": rule.hold_reason_id if rule else None,
            "stop_reason_id": rule.stop_reason_id if rule else None,
        },
    )


def stage_for(decision: str, next_step: str) -> Stage:
    """Where a decision puts the lead; a hold that is nurtured is in nurture, a review is being worked."""
    if decision == Decision.HOLD:
        return Stage.NURTURING if next_step == NextStep.NURTURE else Stage.HELD
    return {Decision.FORWARD: Stage.FORWARDED, Decision.STOP: Stage.STOPPED}.get(Decision(decision), Stage.WORKING)


def suggested_outcome(decision: str, next_step: str) -> Outcome:
    """The outcome a caller would record if nothing contradicts it."""
    if decision == Decision.FORWARD:
        return Outcome.SENT_TO_TEAM
    if decision == Decision.HOLD:
        by_step = {NextStep.NURTURE: Outcome.NURTURE, NextStep.DOCUMENTS: Outcome.DOCUMENTS_REQUESTED}
        return by_step.get(NextStep(next_step), Outcome.HOLD)
    return Outcome.DISQUALIFIED if decision == Decision.STOP else Outcome.REVIEW


def _record_decisions(leads: Mapping[int, Lead], rules: Mapping[int, NextStepRule], matches: Mapping[int, int]) -> None:
    """Keep the decision, and the rule that made it, on the open cycle."""
    changed = []
    for cycle in Qualification.objects.filter(lead__in=leads, closed_at=None):
        lead, rule = leads[cycle.lead_id], rules.get(matches.get(cycle.lead_id, 0))
        values = {
            "decision": lead.decision,
            "next_step": lead.next_step,
            "hold_reason_id": lead.hold_reason_id,
            "stop_reason_id": lead.stop_reason_id,
            "rule_id": rule.pk if rule else None,
            "suggested_outcome": suggested_outcome(lead.decision, lead.next_step),
        }
        if _set(cycle, values):
            changed.append(cycle)
    columns = ["decision", "next_step", "hold_reason", "stop_reason", "rule", "suggested_outcome"]
    update_rows(changed, columns, batch_size=BATCH)


def _set(row: Lead | Qualification, values: Mapping[str, object]) -> bool:
    """Set attributes and say whether any was different, so that an unchanged row is not written."""
    changed = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in changed.items():
        setattr(row, name, value)
    return bool(changed)
