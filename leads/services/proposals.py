"""What do the figures propose, and what becomes of it? A person takes a proposal into a draft or says why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext as _

from leads import review
from leads.models import Lead, Proposal, ScoringModel, ScoringRule, Source
from leads.review import GroupFinding, Review, RuleFinding, Says, ThresholdFinding
from leads.services import due
from leads.vocabulary import Intent
from medcrm.lib.errors import RuleError
from medcrm.lib.models import VersionStatus
from medcrm.lib.versions import open_draft

PERCENT = "{:.1f} %"
NOTE = "From proposals of the review."  # of a draft that is started for one
LOCK = 0x9409  # advisory: one at a time compares what is wanted with what is proposed

Find = Callable[[datetime, datetime], list[Proposal]]
Change = Callable[[Proposal, str, AbstractBaseUser, datetime], None]


@dataclass(frozen=True)
class Proposer:
    """One kind of change: the right it takes, what calls for it since a moment, and how a value gets into a draft."""

    permission: str
    find: Find
    change: Change


_proposers: dict[str, Proposer] = {}


def register(kind: str, permission: str, find: Find, change: Change) -> None:
    """Make a kind of proposal known; the rooms above register theirs from their `review`."""
    _proposers[kind] = Proposer(permission, find, change)


@transaction.atomic
def propose(*, since: datetime, at: datetime) -> list[Proposal]:
    """Review everything in force; keep a proposal for each finding that calls for one.

    What is proposed already, or was rejected in this period, is not proposed again; what no longer stands is marked so.
    """
    wanted = [row for find in dict.fromkeys(p.find for p in _proposers.values()) for row in find(since, at)]
    subjects = {(row.kind, row.about) for row in wanted}
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    for row in Proposal.objects.select_for_update().filter(state=Proposal.State.OPEN):
        if (row.kind, row.about) not in subjects:
            row.state, row.decided_at = Proposal.State.OUTDATED, at
            row.save(update_fields=["state", "decided_at"])
    known = set(
        Proposal.objects.filter(
            state__in=[Proposal.State.OPEN, Proposal.State.REJECTED], made_at__gte=since
        ).values_list("kind", "about", "new_value")
    ) | set(Proposal.objects.filter(state=Proposal.State.OPEN).values_list("kind", "about", "new_value"))
    fresh = [row for row in wanted if (row.kind, row.about, row.new_value) not in known]
    Proposal.objects.filter(
        state=Proposal.State.OPEN, about__in=[row.about for row in fresh], kind__in=[row.kind for row in fresh]
    ).update(state=Proposal.State.OUTDATED, decided_at=at)
    return Proposal.objects.bulk_create(fresh)


@transaction.atomic
def accept(proposal_id: int, value: str = "", *, by: AbstractBaseUser, at: datetime) -> Proposal:
    """Write the change, or another value in its place, into a draft of its rules, or into the source.

    Raise RuleError if it is decided or moot, if the value does not fit, or if this person drafts no such rules.
    """
    row, value = _open(proposal_id), value.strip()
    proposer = _proposers[row.kind]
    if not by.has_perm(proposer.permission):
        raise RuleError("NOT_YOURS_TO_CHANGE", _("Your role does not draft such rules. Ask who does."))
    row.taken_value = value if value != row.new_value else ""
    proposer.change(row, value or row.new_value, by, at)
    return _decide(row, Proposal.State.ACCEPTED, "", by, at)


@transaction.atomic
def reject(proposal_id: int, reason: str, *, by: AbstractBaseUser, at: datetime) -> Proposal:
    """Keep why the proposal is not followed. Raise RuleError without a reason."""
    if not reason.strip():
        raise RuleError("REASON_MISSING", _("Say why not; the next review reads it."), field="reason")
    return _decide(_open(proposal_id), Proposal.State.REJECTED, reason, by, at)


def _open(proposal_id: int) -> Proposal:
    row = Proposal.objects.select_for_update().get(pk=proposal_id)
    if row.state != Proposal.State.OPEN:
        raise RuleError("DECIDED_ALREADY", _("This proposal is decided already."))
    return row


def _decide(row: Proposal, state: str, reason: str, by: AbstractBaseUser, at: datetime) -> Proposal:
    row.state, row.reason, row.decided_by, row.decided_at = state, reason, by, at
    row.save(update_fields=["state", "reason", "taken_value", "decided_by", "decided_at"])
    return row


def whole_number(value: str, *, least: int, most: int) -> int:
    """The value as a number within bounds. Raise RuleError for any other."""
    if not value.lstrip("+-").isdecimal() or not least <= int(value) <= most:
        raise RuleError(
            "UNFIT_VALUE",
            _("Write a whole number from %(least)d to %(most)d.") % {"least": least, "most": most},
            field="value",
        )
    return int(value)


def _of_models(since: datetime, at: datetime) -> list[Proposal]:
    """What the published scoring models' rules and thresholds call for."""
    models = ScoringModel.objects.filter(status=VersionStatus.PUBLISHED)
    return [row for model in models for row in _of_rules(review.review(model, since=since, at=at), at)]


def _of_sources(since: datetime, at: datetime) -> list[Proposal]:
    """One for a source, whichever kind of its leads falls short: its intent is the same for all of them."""
    short = (found for found in review.judge_sources(since=since, at=at) if found.says == Says.UNDER)
    return list({found.key: _of_source(found, at) for found in short}.values())


def _of_rules(found: Review, at: datetime) -> list[Proposal]:
    """Points to nothing for a rule that misleads, makes no difference or repeats another one."""
    rows = {f.rule.pk: _points(f, at) for f in found.rules if f.says in (Says.HARMFUL, Says.USELESS) and f.rule.points}
    for pair in found.pairs:
        weaker = min((pair.one, pair.other), key=lambda rule: (abs(rule.points), -rule.pk))
        stronger = pair.other if weaker is pair.one else pair.one
        if weaker.points and weaker.pk not in rows and stronger.pk not in rows:
            evidence = (
                f"It fires together with “{stronger.name}” {pair.together:,} times; the two agree by"
                f" {pair.agreement:.2f} of 1, so a lead is given points twice for one thing."
            )
            rows[weaker.pk] = _row(Proposal.Kind.POINTS, weaker, f"“{weaker.name}” gives no points", evidence, 0, at)
    return [*rows.values(), *(_threshold(f, at) for f in found.thresholds if f.better is not None)]


def _threshold(found: ThresholdFinding, at: datetime) -> Proposal:
    above, below = (PERCENT.format(100 * (share.rate or 0)) for share in (found.above, found.below))
    word = "High" if found.name == "high_from" else "Medium"
    evidence = (
        f"{above} of {found.above.of:,} leads just above it converted, {below} of {found.below.of:,} just below:"
        f" it tells nobody apart. {found.better} would tell best who converts."
    )
    return Proposal(
        kind=Proposal.Kind.THRESHOLD, about=f"{found.model.pk}:{found.name}", evidence=evidence, made_at=at,
        title=f"{word} from {found.better}, not {found.at} ({found.model})", old_value=str(found.at),
        new_value=str(found.better),
    )  # fmt: skip


def _points(found: RuleFinding, at: datetime) -> Proposal:
    rule = found.rule
    with_it, without = PERCENT.format(100 * (found.fired.rate or 0)), PERCENT.format(100 * (found.other.rate or 0))
    low, high = 100 * found.gap.low, 100 * found.gap.high
    effect = "points the wrong way" if found.says == Says.HARMFUL else "makes no difference"
    evidence = (
        f"It {effect}: {with_it} of {found.fired.of:,} leads with it converted, {without} of {found.other.of:,} without"
        f" it ({review.CONFIDENCE:.0%} sure that the gap is between {low:+.1f} and {high:+.1f} points)."
    )
    return _row(Proposal.Kind.POINTS, rule, f"“{rule.name}” gives no points", evidence, 0, at)


def _row(kind: str, rule: ScoringRule, title: str, evidence: str, value: int, at: datetime) -> Proposal:
    return Proposal(
        kind=kind, about=str(rule.pk), title=title, evidence=evidence, old_value=str(rule.points),
        new_value=str(value), made_at=at,
    )  # fmt: skip


def _of_source(found: GroupFinding, at: datetime) -> Proposal:
    evidence = (
        f"{PERCENT.format(100 * (found.share.rate or 0))} of {found.share.of:,} {found.lead_type} leads converted,"
        f" {PERCENT.format(100 * (found.expected.rate or 0))} of {found.expected.of:,} of its peers."
        " Ask other questions on its form, or expect less of it."
    )
    return Proposal(
        kind=Proposal.Kind.INTENT, about=found.key, title=f"Expect less of “{found.name}”", evidence=evidence,
        old_value=found.intent, new_value=review.lower(found.intent), made_at=at,
    )  # fmt: skip


def _change_points(row: Proposal, value: str, by: AbstractBaseUser, at: datetime) -> None:
    rule = ScoringRule.objects.select_related("category").get(pk=int(row.about))
    draft = open_draft(ScoringModel, rule.model_id, note=NOTE)
    copies = ScoringRule.objects.filter(model=draft, name=rule.name, category__code=rule.category.code)
    if not copies.update(points=whole_number(value, least=-100, most=100)):
        raise RuleError("NOT_IN_DRAFT", _("The open draft has no such rule any more; change it there by hand."))


def _change_threshold(row: Proposal, value: str, by: AbstractBaseUser, at: datetime) -> None:
    pk, _sep, name = row.about.partition(":")
    draft = open_draft(ScoringModel, int(pk), note=NOTE)
    setattr(draft, name, whole_number(value, least=1, most=100))
    try:
        draft.full_clean()
    except ValidationError as error:
        raise RuleError("UNFIT_VALUE", " ".join(error.messages), field="value") from error
    draft.save(update_fields=[name])


def _change_intent(row: Proposal, value: str, by: AbstractBaseUser, at: datetime) -> None:
    if value not in Intent.values:
        raise RuleError(
            "UNFIT_VALUE", _("Write one of: %(values)s.") % {"values": ", ".join(Intent.values)}, field="value"
        )
    Source.objects.filter(pk=row.about).update(intent=value)
    due.mark_due(Lead.objects.open().filter(source=row.about), at=at)


register(Proposal.Kind.POINTS, "leads.add_scoringmodel", _of_models, _change_points)
register(Proposal.Kind.THRESHOLD, "leads.add_scoringmodel", _of_models, _change_threshold)
register(Proposal.Kind.INTENT, "leads.change_source", _of_sources, _change_intent)
