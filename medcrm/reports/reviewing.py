"""When are rules reviewed, and what is kept of it? Every night or when somebody asks, by a worker.

A review reads every lead of its period, so what it found is kept as codes, names and counts; `medcrm.reports.rules`
shows the last one in the reader's words.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from leads import criteria, review
from leads.measures import Period
from leads.models import RuleReview, ScoringModel
from leads.review import GroupFinding
from leads.services import proposals
from leads.vocabulary import LeadType
from medcrm.lib import bell
from medcrm.lib.models import VersionStatus
from medcrm.lib.stats import Share
from nurture import review as timing
from routing import review as order

log = structlog.get_logger(__name__)

WORK = "medcrm.reports.tasks.make_reviews"
USUAL_DAYS = 365  # leads must be old enough to be judged, so a month would show nothing
ABOUT = ("source", "service")
"""What a finding can be about, beside its kind."""
WAITING = {"made_at": None, "problem": ""}


def ask_for(period: Period, *, by: AbstractBaseUser | None, at: datetime, is_proposing: bool = False) -> RuleReview:
    """Keep that a review of a period, or proposals from it, are wanted; what waits already is not asked for twice."""
    row, _is_new = RuleReview.objects.get_or_create(
        first=period.first, last=period.last, is_proposing=is_proposing, **WAITING,
        defaults={"asked_by": by, "asked_at": at},
    )  # fmt: skip
    bell.ring(WORK)
    return row


def ask_as_usual(*, at: datetime, is_proposing: bool = False) -> RuleReview:
    """Ask for the review of every night."""
    today = timezone.localtime(at).date()
    period = Period(today - timedelta(days=USUAL_DAYS - 1), today)
    return ask_for(period, by=None, at=at, is_proposing=is_proposing)


def ask_first(*, at: datetime) -> None:
    """Ask for a review and its proposals where none was ever asked for."""
    if not RuleReview.objects.exists():
        ask_as_usual(at=at, is_proposing=True)


def make_waiting(*, at: datetime) -> int:
    """Make every review that waits and that nobody is at; return how many were made or failed."""
    made = 0
    while _make_one(at=at):
        made += 1
    return made


@transaction.atomic
def _make_one(*, at: datetime) -> bool:
    row = RuleReview.objects.filter(**WAITING).order_by("pk").select_for_update(skip_locked=True).first()
    if row is None:
        return False
    try:
        with transaction.atomic():
            _make(row, at)
    except Exception as error:  # noqa: BLE001 - who asked must read why, and reviews behind it must not wait
        log.exception("review_failed", review=row.pk)
        row.problem = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        row.save(update_fields=["problem"])
    return True


def _make(row: RuleReview, at: datetime) -> None:
    since = Period(row.first, row.last).bounds()[0]
    row.found = find(since=since, at=at)
    if row.is_proposing:
        row.proposed = len(proposals.propose(since=since, at=at))
    row.made_at = at
    row.save(update_fields=["found", "proposed", "made_at"])


def latest() -> RuleReview | None:
    """The last one that was made."""
    return RuleReview.objects.exclude(made_at=None).order_by("-made_at", "-pk").first()


def asked_since(kept: RuleReview | None) -> RuleReview | None:
    """The last one asked for after this one: under way, or failed and why."""
    rows = RuleReview.objects.filter(made_at=None, pk__gt=kept.pk if kept else 0)
    return rows.select_related("asked_by").first()


# Finding: codes, names and counts, as they are kept


def find(*, since: datetime, at: datetime) -> dict[str, object]:
    """Each published scoring model's rules and thresholds, sources, services, routing order and timing. Reads only."""
    models = ScoringModel.objects.filter(status=VersionStatus.PUBLISHED).order_by("lead_type")
    return {
        "models": [_model(model, since, at) for model in models],
        "sources": [
            _group(f) | {"label": f"{f.name} · {LeadType(f.lead_type).label}", "source": [f.key]}
            for f in review.judge_sources(since=since, at=at)
        ],
        "services": [_group(f) | {"service": [f.key]} for f in review.judge_services(since=since, at=at)],
        "order": [
            {
                "label": f"{f.first.name} → {f.second.name}", "both": _pair(f.both), "other": _pair(f.other),
                "went": f.went,
            } | _said(f) | _about(f.first.criteria, f.second.criteria)
            for f in order.judge_order(since=since, at=at)
        ],
        "timing": [
            {
                "label": f"{f.step.sequence.name} {f.step.position}: {f.step.template.name}", "what": f.what,
                "planned": f.planned, "usual": _pair(f.usual), "other": f.other, "best": _pair(f.best),
            } | _said(f) | _about(f.step.sequence.criteria)
            for f in timing.judge_timing(since=since, at=at)
            if f.usual.of or f.best.of
        ],
    }  # fmt: skip


def _model(model: ScoringModel, since: datetime, at: datetime) -> dict[str, object]:
    found = review.review(model, since=since, at=at)
    return {
        "title": str(model),
        "cases": found.cases,
        "rules": [
            {"label": f"{f.rule.name} ({f.rule.points:+d})", "fired": _pair(f.fired), "other": _pair(f.other)}
            | _said(f)
            | _about(f.rule.criteria)
            for f in found.rules
        ],
        "pairs": [
            {"label": f"{p.one.name} · {p.other.name}", "together": p.together, "agreement": p.agreement}
            | _about(p.one.criteria, p.other.criteria)
            for p in found.pairs
        ],
        "cuts": [
            {"name": t.name, "at": t.at, "above": _pair(t.above), "below": _pair(t.below)} | _said(t)
            for t in found.thresholds
        ],
    }


def _about(*rules: criteria.Criteria) -> dict[str, list[str]]:
    """The sources and services that the criteria name."""
    return {name: criteria.values(rules, name) for name in ABOUT}


def _group(found: GroupFinding) -> dict[str, object]:
    return {"label": found.name, "share": _pair(found.share), "expected": _pair(found.expected)} | _said(found)


def _pair(part: Share) -> list[int]:
    return [part.hits, part.of]


def _said(found: object) -> dict[str, object]:
    return {"gap": [found.gap.low, found.gap.high], "says": str(found.says), "missing": found.missing}
