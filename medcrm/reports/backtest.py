"""What would other rules have decided about the leads of a past period, by what was known then?

Each snapshot is decided again by the very code that decides living leads: the scale adds points to the frozen facts,
the four checks judge the frozen inputs, the next-step rules are matched by the same compiler, and who is owed something
goes to the team that `routing.router` finds for it. What became of the lead since is only read to say how those who
would have been decided otherwise fared, and how soon they would have been tried (`outlook`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from leads import checks, criteria, qualification, scoring, snapshots
from leads.measures import Period
from leads.models import Appointment, BackTest, Milestone, NextStepRule, ScoringModel, Snapshot
from leads.scoring import Scale
from leads.snapshots import Frozen
from leads.vocabulary import Decision, NextStep
from medcrm.lib.models import VersionStatus
from medcrm.reports import outlook
from routing import owed, router
from routing.clocks import LIVE_VISIT
from routing.models import RouteSet, Team
from routing.router import Debt, RuleBook

BATCH = 2000  # snapshots decided in one transaction: a few seconds, a few megabytes
SHOWN = 50  # leads named for each change; the rest is counted
FOLLOWED_EVERY = timedelta(days=1)


@dataclass(frozen=True)
class Rules:
    """The versions that decide: drafts where they are tried, else what is in force."""

    scales: Mapping[str, Scale]
    next_steps: Mapping[int, NextStepRule]
    book: RuleBook


@dataclass(frozen=True)
class Verdict:
    """What rules make of one snapshot."""

    score: int | None
    band: str
    decision: str
    next_step: str
    hold_reason: str
    stop_reason: str
    team: str  # blank where nobody is owed anything

    @property
    def step(self) -> str:
        """Decision and next step as one word."""
        return f"{self.decision}:{self.next_step}"

    @property
    def group(self) -> str:
        return outlook.group(self.team, self.band, self.step)


def rules_of(test: BackTest | None = None) -> Rules:
    """The rules of a back-test, or those in force."""
    models = ScoringModel.objects.filter(status=VersionStatus.PUBLISHED).prefetch_related(
        "categories", "rules", "bands"
    )
    scales = {model.lead_type: scoring.scale(model) for model in models}
    if test and test.scoring_model:
        scales[test.scoring_model.lead_type] = scoring.scale(test.scoring_model)
    next_steps = qualification.published_rules()
    if test and test.next_step_set:
        drafted = test.next_step_set.rules.filter(is_active=True).order_by("position", "pk")
        next_steps = {rule.pk: rule for rule in drafted}
    draft = RouteSet.objects.filter(pk=test.route_set).first() if test and test.route_set else None
    return Rules(scales, next_steps, router.rule_book(rule_set=draft))


def decide(rows: Sequence[Snapshot], rules: Rules) -> list[Verdict]:
    """Decide frozen facts: score, checks, next step, team; a handful of queries for any number. Reads only."""
    frozen = {row.pk: dict(row.facts) for row in rows}
    scored = _score(rows, frozen, rules)
    for row in rows:
        score, band, fit, readiness = scored[row.pk]
        assessment = checks.assess(replace(snapshots.inputs_of(row), readiness=readiness))
        verdicts = {column: str(assessment.verdict(check)) for check, column in qualification.VERDICT_COLUMNS.items()}
        frozen[row.pk] |= {"score": score, "score_band": band, "fit": fit, "readiness": readiness, **verdicts}
    steps = _first(frozen, list(rules.next_steps.values()))
    chosen = {pk: rules.next_steps.get(steps.get(pk, 0)) for pk in frozen}
    for pk, rule in chosen.items():
        decision, step = (rule.decision, rule.next_step) if rule else (Decision.REVIEW, NextStep.NONE)
        frozen[pk] |= {
            "decision": decision,
            "next_step": step,
            "hold_reason": rule.hold_reason_id if rule else None,
            "stop_reason": rule.stop_reason_id if rule else None,
            "stage": qualification.stage_for(decision, step),
        }
    debts = _debts(rows, frozen)
    owing = {pk: frozen[pk] for pk in debts}
    rules.book.place(snapshots.source(owing)(rules.book.asks, ()), debts)
    return [_verdict(frozen[row.pk], rules.book.team(row.pk) if row.pk in debts else None) for row in rows]


def _debts(rows: Sequence[Snapshot], frozen: Frozen) -> dict[int, Debt]:
    """What each decision makes somebody owe, by the bookings of that moment; the others need nobody."""
    booked = _booked(rows)
    steps = {
        row.pk: owed.step_owed(
            str(frozen[row.pk]["decision"]), str(frozen[row.pk]["next_step"]), str(frozen[row.pk]["stage"]),
            is_booked=row.pk in booked,
        )
        for row in rows
    }  # fmt: skip
    return {row.pk: Debt(row.lead_id, step, row.cycle, row.at) for row in rows if (step := steps[row.pk])}


def _booked(rows: Sequence[Snapshot]) -> set[int]:
    """The snapshots of leads that had an appointment then; one that was called off later stood until it was."""
    visits: dict[tuple[int, int], list[Appointment]] = defaultdict(list)
    for visit in Appointment.objects.filter(lead__in={row.lead_id for row in rows}):
        visits[visit.lead_id, visit.cycle].append(visit)
    return {
        row.pk
        for row in rows
        for visit in visits[row.lead_id, row.cycle]
        if visit.created_at <= row.at and (visit.status in LIVE_VISIT or visit.changed_at > row.at)
    }


def _score(rows: Sequence[Snapshot], frozen: Frozen, rules: Rules) -> dict[int, tuple[int | None, str, str, str]]:
    """Score and bands by the scales; a kind of lead without one keeps what it had."""
    scored = {row.pk: (row.score, row.score_band, row.fit, row.readiness) for row in rows}
    for lead_type, scale in rules.scales.items():
        mine = {row.pk: frozen[row.pk] for row in rows if row.facts["lead_type"] == lead_type}
        if mine:
            scored |= scoring.score_frozen(scale, snapshots.source(mine), at=rows[0].at)
    return scored


def _first(frozen: Frozen, rules: Sequence[criteria.SupportsCriteria]) -> dict[int, int]:
    """Snapshot → the first rule that holds."""
    facts = snapshots.source(frozen)(criteria.names(rule.criteria for rule in rules), ())
    return criteria.first_match(facts, rules)


def _verdict(facts: Mapping[str, object], team: Team | None) -> Verdict:
    return Verdict(
        score=facts["score"], band=str(facts["score_band"] or ""), decision=str(facts["decision"]),
        next_step=str(facts["next_step"]), hold_reason=str(facts["hold_reason"] or ""),
        stop_reason=str(facts["stop_reason"] or ""), team=team.pk if team else "",
    )  # fmt: skip


# Runs


def ask(
    period: Period, *, by: object, at: datetime, scoring_model: int | None = None, next_step_set: int | None = None,
    route_set: int | None = None,
) -> BackTest:  # fmt: skip
    """Keep that somebody wants these drafts tried on this period; a worker takes it up."""
    return BackTest.objects.create(
        first=period.first, last=period.last, scoring_model_id=scoring_model, next_step_set_id=next_step_set,
        route_set=route_set, asked_at=at, asked_by=by, total=_rows(period).count(),
    )  # fmt: skip


def run_waiting(*, at: datetime) -> int:
    """Work through every back-test that waits; return how many batches were tried."""
    batches = 0
    while _run_batch(at=at):
        batches += 1
    return batches


@transaction.atomic
def _run_batch(*, at: datetime) -> bool:
    """Try the next snapshots of the oldest back-test that nobody works on, and add up what came of it."""
    waiting = BackTest.objects.filter(finished_at=None).order_by("pk").select_for_update(of=("self",), skip_locked=True)
    test = waiting.first()
    if test is None:
        return False
    rows = list(_rows(Period(test.first, test.last)).filter(pk__gt=test.position).order_by("pk")[:BATCH])
    if rows:
        test.result = _add(test.result, rows, test)
        test.position, test.done = rows[-1].pk, test.done + len(rows)
    else:
        test.finished_at, test.total = at, test.done
    test.save(update_fields=["result", "position", "done", "total", "finished_at"])
    return True


def _rows(period: Period) -> QuerySet[Snapshot]:
    """What can be decided again; of people who were forgotten nothing is known any more."""
    return Snapshot.objects.filter(period.during("at")).exclude(facts={})


def _add(result: Mapping[str, object], rows: Sequence[Snapshot], test: BackTest) -> dict[str, object]:
    """The result with these snapshots added: how many stay, what moves, who carries it, what came of it."""
    in_force = rules_of()
    tried, today = decide(rows, rules_of(test)), decide(rows, in_force)
    really = _really_owed(rows)
    came = outlook.gather(rows, really)
    converted = set(
        Milestone.objects.filter(lead__in=[row.lead_id for row in rows], is_converted=True).values_list("pk", flat=True)
    )
    counts = {
        name: Counter(result.get(name, {})) for name in ("was", "would", "bands", "teams_now", "teams_then", "foretold")
    }
    moves: dict[str, dict] = {key: dict(value) for key, value in result.get("moves", {}).items()}
    cases, same, kept = result.get("cases", 0), result.get("same", 0), result.get("reproduced", 0)
    for row, new, now in zip(rows, tried, today, strict=True):
        was = f"{row.decision}:{row.next_step}"
        counts["was"][was] += 1
        counts["would"][new.step] += 1
        counts["foretold"][new.group] += 1
        counts["bands"][f"{row.score_band or '-'}>{new.band or '-'}"] += 1
        if new.team:
            counts["teams_then"][new.team] += 1
        if now.team:
            counts["teams_now"][now.team] += 1
        cases, same, kept = cases + 1, same + (was == new.step), kept + (was == now.step)
        if was != new.step:
            move = moves.setdefault(f"{was}>{new.step}", {"n": 0, "converted": 0, "leads": []})
            move["n"] += 1
            move["converted"] += row.lead_id in converted
            if len(move["leads"]) < SHOWN and row.lead_id not in move["leads"]:
                move["leads"].append(row.lead_id)
    plain = {name: dict(counter) for name, counter in counts.items()}
    groups = outlook.merged(result.get("groups", {}), came)
    return {**plain, "moves": moves, "cases": cases, "same": same, "reproduced": kept, "groups": groups}


def _really_owed(rows: Sequence[Snapshot]) -> dict[int, bool]:
    """Whether the decision that was made made somebody owe the lead something."""
    made = {row.pk: {"decision": row.decision, "next_step": row.next_step, "stage": _stage(row)} for row in rows}
    debts = _debts(rows, made)
    return {row.pk: row.pk in debts for row in rows}


def _stage(row: Snapshot) -> str:
    return qualification.stage_for(row.decision, row.next_step) if row.decision else ""


# After publishing


def follow_published(*, at: datetime) -> int:
    """Count anew, once a day, what really came of tried drafts since they were published; return how many."""
    followed = 0
    for test in BackTest.objects.exclude(finished_at=None).select_related("scoring_model", "next_step_set"):
        since = in_force_since(test)
        if since is None or not _is_stale(test, at):
            continue
        test.result["since"] = _since(test, since) | {"at": at.isoformat()}
        test.save(update_fields=["result"])
        followed += 1
    return followed


def in_force_since(test: BackTest) -> datetime | None:
    """When the last of its drafts came into force after the try; None where one has not, or nothing was tried."""
    routes = RouteSet.objects.filter(pk=test.route_set).first() if test.route_set else None
    versions = [version for version in (test.scoring_model, test.next_step_set, routes) if version is not None]
    if not versions or any(v.published_at is None or v.published_at < test.asked_at for v in versions):
        return None
    return max(version.published_at for version in versions)


def _is_stale(test: BackTest, at: datetime) -> bool:
    seen = test.result.get("since", {}).get("at")
    return seen is None or at - datetime.fromisoformat(seen) >= FOLLOWED_EVERY


def _since(test: BackTest, since: datetime) -> dict[str, object]:
    """Decisions, loads, speed and conversion of as many days as were tried, by the versions that were tried."""
    until = since + timedelta(days=Period(test.first, test.last).days)
    versions = {"scoring_model": test.scoring_model, "next_step_set": test.next_step_set}
    mine = Snapshot.objects.filter(at__gte=since, at__lt=until, **{k: v for k, v in versions.items() if v})
    if test.route_set:
        successor = RouteSet.objects.filter(published_at__gt=since).order_by("published_at").first()
        mine = mine.filter(at__lt=successor.published_at) if successor else mine
    real: Counter[str] = Counter()
    groups: dict[str, dict[str, object]] = {}
    last = 0
    while rows := list(mine.filter(pk__gt=last).order_by("pk")[:BATCH]):
        real.update(f"{row.decision}:{row.next_step}" for row in rows)
        groups = outlook.merged(groups, outlook.gather(rows, _really_owed(rows)))
        last = rows[-1].pk
    return {"real": dict(real), "groups": groups}
