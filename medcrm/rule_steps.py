"""How does a case publish a changed rule? By the road staff take: a draft of the version in force, edited, published.

A rule step has `kind` (scoring, threshold, next_step, routing, enrolment), `change` (add, remove, set) and the fields
of the rule. A rule is found by its name, a sequence by its code. An added rule comes first unless it has a position.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models
from django.db.models import F

from leads.models import NextStepRule, NextStepSet, ScoringCategory, ScoringModel, ScoringRule
from leads.services import versions
from medcrm.lib.errors import InvalidFields
from medcrm.lib.models import VersionStatus
from medcrm.lib.versions import start_draft
from nurture import publishing
from nurture.models import Sequence as Outreach
from nurture.models import Step
from routing import versions as route_versions
from routing.models import RouteSet, RoutingRule

CHANGES = ("add", "remove", "set")
THRESHOLDS = {"high": "high_from", "medium": "medium_from"}
# How a condition may be written down in a case, beside the compiler's own words.
OPERATORS = {"=": "is", "==": "is", "eq": "is", "!=": "is_not", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}

Fields = Mapping[str, object]


def apply_change(step: Fields, *, at: datetime) -> None:
    """Publish the change. Raise ValueError for a step that is not in form, RuleError for a bad rule."""
    kind, change = str(step.get("kind", "")), str(step.get("change", ""))
    if kind not in KINDS:
        raise ValueError(f"“{kind}” is no kind of rule; known are {', '.join(KINDS)}")
    if change not in CHANGES:
        raise ValueError(f"“{change}” is no change; known are {', '.join(CHANGES)}")
    fields = {name: value for name, value in step.items() if name not in ("kind", "change")}
    if "criteria" in fields:
        fields["criteria"] = groups(fields["criteria"])
    try:
        KINDS[kind](change, fields, at)
    except ValidationError as error:
        raise InvalidFields(error.message_dict if hasattr(error, "error_dict") else {"rule": error.messages}) from error


def groups(written: object) -> list[list[dict[str, object]]]:
    """Criteria as groups of conditions; one condition, or one flat list of them, is a group too."""
    if isinstance(written, Mapping):
        written = [written]
    if not isinstance(written, list):
        raise ValueError("criteria are a list of groups of conditions")
    if any(isinstance(item, Mapping) for item in written):
        written = [written]
    return [[_condition(term) for term in group] for group in written]


def _condition(term: object) -> dict[str, object]:
    if not isinstance(term, Mapping):
        raise ValueError("a condition has a fact, an operator and a value")
    operator = str(term.get("op", term.get("operator", "is")))
    found = {"fact": term.get("fact", term.get("field")), "op": OPERATORS.get(operator, operator)}
    return found | ({"value": term["value"]} if "value" in term else {})


def change_scoring(change: str, fields: Fields, at: datetime) -> None:
    for draft in _scoring_drafts(fields):
        values = {name: value for name, value in fields.items() if name != "lead_type"}
        if change == "add":
            values = {"axis": "readiness", "category": "other", **values}
        if "category" in values:
            values["category"] = _category(draft, str(values["category"]))
        _change_row(ScoringRule, change, {"model": draft}, values)
        versions.publish(ScoringModel, draft.pk, by=None, at=at)


def _category(draft: ScoringModel, code: str) -> ScoringCategory:
    return ScoringCategory.objects.get_or_create(model=draft, code=code, defaults={"name": code})[0]


def change_threshold(change: str, fields: Fields, at: datetime) -> None:
    """Set from which score on a lead is high or medium, for one lead type or for all."""
    values = {THRESHOLDS.get(name, name): value for name, value in fields.items() if name != "lead_type"}
    if "band" in values:
        band = str(values.pop("band"))
        values = {THRESHOLDS.get(band, band): next(iter(values.values()), None)}
    for draft in _scoring_drafts(fields):
        _set_fields(draft, values)
        versions.publish(ScoringModel, draft.pk, by=None, at=at)


def change_next_step(change: str, fields: Fields, at: datetime) -> None:
    NextStepSet.objects.filter(status=VersionStatus.DRAFT).delete()
    source = NextStepSet.objects.get(status=VersionStatus.PUBLISHED)
    draft = start_draft(NextStepSet, source.pk)
    _change_row(
        NextStepRule, change, {"rule_set": draft}, {"next_step": "none", **fields} if change == "add" else fields
    )
    versions.publish(NextStepSet, draft.pk, by=None, at=at)


def change_routing(change: str, fields: Fields, at: datetime) -> None:
    RouteSet.objects.filter(status=VersionStatus.DRAFT).delete()
    draft = start_draft(RouteSet, RouteSet.objects.get(status=VersionStatus.PUBLISHED).pk)
    _change_row(RoutingRule, change, {"rule_set": draft}, fields)
    route_versions.publish(draft.pk, by=None, at=at)


def change_enrolment(change: str, fields: Fields, at: datetime) -> None:
    """Who enters a sequence: `set` changes it, `remove` takes it out of force, `add` makes one with its steps."""
    code = str(fields.get("code") or fields.get("sequence") or fields.get("name") or "")
    values = {name: value for name, value in fields.items() if name not in ("code", "sequence", "step", "steps")}
    Outreach.objects.filter(code=code, status=VersionStatus.DRAFT).delete()
    if change == "add":
        draft = Outreach(code=code)
        _set_fields(draft, {"name": code, "position": 0, **values})
        _add_steps(draft, fields.get("steps") or fields.get("step") or [])
    else:
        source = Outreach.objects.filter(code=code, status=VersionStatus.PUBLISHED).first()
        if source is None:
            raise ValueError(f"there is no sequence “{code}” in force")
        draft = start_draft(Outreach, source.pk)
        _set_fields(draft, {"is_active": False} if change == "remove" else values)
    publishing.publish_sequence(draft.pk, at=at)


def _add_steps(draft: Outreach, steps: object) -> None:
    for position, step in enumerate(steps if isinstance(steps, list) else [steps]):
        if not isinstance(step, Mapping):
            raise ValueError("a step of a sequence has a template and a day or minutes")
        delay = timedelta(days=float(step.get("day", 0)), minutes=float(step.get("minutes", 0)))
        Step.objects.create(sequence=draft, position=position, delay=delay, template_id=step["template"])


KINDS = {
    "scoring": change_scoring,
    "threshold": change_threshold,
    "next_step": change_next_step,
    "routing": change_routing,
    "enrolment": change_enrolment,
}


def _scoring_drafts(fields: Fields) -> Sequence[ScoringModel]:
    """A fresh draft of each scoring model in force that the change concerns."""
    published = ScoringModel.objects.filter(status=VersionStatus.PUBLISHED)
    if fields.get("lead_type"):
        published = published.filter(lead_type=fields["lead_type"])
    found = []
    for source in published.order_by("pk"):
        ScoringModel.objects.filter(lead_type=source.lead_type, status=VersionStatus.DRAFT).delete()
        found.append(start_draft(ScoringModel, source.pk))
    if not found:
        raise ValueError(f"there is no scoring model for “{fields.get('lead_type')}” in force")
    return found


def _change_row(model: type[models.Model], change: str, scope: Mapping[str, models.Model], fields: Fields) -> None:
    """Add a rule to the draft, or find it by its name and set or remove it."""
    name = str(fields.get("name") or fields.get("rule") or "")
    values = {key: value for key, value in fields.items() if key != "rule"}
    rows = model.objects.filter(**scope)
    if change == "add":
        if "position" not in values:
            rows.update(position=F("position") + 1)
            values["position"] = 0
        _set_fields(model(**scope), {"name": "Added", **values})
        return
    found = list(rows.filter(name=name))
    if not found:
        raise ValueError(f"there is no rule called “{name}” in force")
    for row in found:
        row.delete() if change == "remove" else _set_fields(row, values)


def _set_fields(row: models.Model, values: Fields) -> None:
    """Set the fields, keys to other rows by their code, and save what is valid. Raise ValidationError."""
    for name, value in values.items():
        try:
            field = row._meta.get_field(name)
        except FieldDoesNotExist:
            raise ValueError(f"a {row._meta.verbose_name} has no field “{name}”") from None
        is_key = isinstance(field, models.ForeignKey) and not isinstance(value, models.Model)
        setattr(row, field.attname if is_key else name, value)
    row.full_clean()
    row.save()
