"""What would other rules have decided about the leads of a past period, by what was known then?

Each snapshot is decided again by the very code that decides living leads: the scale adds points to the frozen facts,
the four checks judge the frozen inputs, the next-step rules and the routing rules are matched by the same compiler.
What became of the lead since is only read to say how those who would have been decided otherwise fared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from leads import checks, criteria, qualification, scoring, snapshots
from leads.measures import Period
from leads.models import BackTest, Milestone, NextStepRule, ScoringModel, Snapshot
from leads.scoring import Scale
from leads.snapshots import Frozen
from leads.vocabulary import Decision, NextStep
from medcrm.lib.models import VersionStatus
from routing import router
from routing.models import RouteSet, RoutingRule

BATCH = 2000  # snapshots decided in one transaction: a few seconds, a few megabytes
SHOWN = 50  # leads named for each change; the rest is counted


@dataclass(frozen=True)
class Rules:
    """The versions that decide: drafts where they are tried, else what is in force."""

    scales: Mapping[str, Scale]
    next_steps: Mapping[int, NextStepRule]
    routes: Mapping[int, RoutingRule]
    fallback: str


@dataclass(frozen=True)
class Verdict:
    """What rules make of one snapshot."""

    score: int | None
    band: str
    decision: str
    next_step: str
    hold_reason: str
    stop_reason: str
    team: str

    @property
    def step(self) -> str:
        """Decision and next step as one word."""
        return f"{self.decision}:{self.next_step}"


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
    book = router.rule_book(at=timezone.now(), rule_set=draft)
    return Rules(scales, next_steps, book.rules, book.fallback.pk if book.fallback else "")


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
    routed = _first(frozen, list(rules.routes.values()))
    return [_verdict(frozen[row.pk], rules.routes.get(routed.get(row.pk, 0)), rules.fallback) for row in rows]


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


def _verdict(facts: Mapping[str, object], route: RoutingRule | None, fallback: str) -> Verdict:
    team = (route.team_id if route else fallback) if facts["decision"] == Decision.FORWARD else ""
    return Verdict(
        score=facts["score"], band=str(facts["score_band"] or ""), decision=str(facts["decision"]),
        next_step=str(facts["next_step"]), hold_reason=str(facts["hold_reason"] or ""),
        stop_reason=str(facts["stop_reason"] or ""), team=team,
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


def _rows(period: Period):  # noqa: ANN202
    """What was known at the decisions of a period; of who was forgotten nothing is known any more."""
    return Snapshot.objects.filter(period.during("at")).exclude(facts={})


def _add(result: Mapping[str, object], rows: Sequence[Snapshot], test: BackTest) -> dict[str, object]:
    """The result so far with these snapshots added: how many stay, what moves where, who carries it."""
    tried, today = decide(rows, rules_of(test)), decide(rows, rules_of())
    converted = set(
        Milestone.objects.filter(lead__in=[row.lead_id for row in rows], is_converted=True).values_list("pk", flat=True)
    )
    counts = {name: Counter(result.get(name, {})) for name in ("was", "would", "bands", "teams_now", "teams_then")}
    moves: dict[str, dict] = {key: dict(value) for key, value in result.get("moves", {}).items()}
    cases, same, kept = result.get("cases", 0), result.get("same", 0), result.get("reproduced", 0)
    for row, new, now in zip(rows, tried, today, strict=True):
        was = f"{row.decision}:{row.next_step}"
        counts["was"][was] += 1
        counts["would"][new.step] += 1
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
    return {**plain, "moves": moves, "cases": cases, "same": same, "reproduced": kept}


def decided_since(**version: object) -> dict[str, int]:
    """Decision and next step → how often this version really decided so."""
    rows = Snapshot.objects.filter(**version).values_list("decision", "next_step").annotate(n=Count("pk")).order_by()
    return {f"{decision}:{step}": n for decision, step, n in rows}
