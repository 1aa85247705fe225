"""Whatever it is a version of: a draft is a copy, what does nothing is not put in force, and one can go back [R60]."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from leads.models import BandRule, Checklist, NextStepRule, NextStepSet, ScoringCategory, ScoringModel, ScoringRule
from leads.services import versions
from medcrm.lib.errors import RuleError
from medcrm.lib.models import VersionedSet
from medcrm.lib.versions import start_draft
from nurture.models import Sequence, Wording
from routing import versions as route_versions
from routing.models import RouteSet, RoutingRule
from tests.rows import make

KINDS = [ScoringModel, NextStepSet, Checklist, RouteSet, Sequence, Wording]


def in_force(kind: type[VersionedSet]) -> VersionedSet:
    return kind.objects.filter(status="published").order_by("pk").first()


def content(version: VersionedSet) -> list[dict[str, object]]:
    """What its rows say; a category by its code and model."""
    found = []
    for part in version.PARTS:
        for row in getattr(version, part).order_by("pk"):
            left_out = ("id", "category", getattr(version, part).field.name)
            fields = [field for field in row._meta.concrete_fields if field.name not in left_out]
            said = {field.attname: getattr(row, field.attname) for field in fields}
            if isinstance(row, ScoringRule):
                said["category"] = (row.category.code, row.category.model_id)
            found.append(said)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drafted_published_and_taken_back_alike(
    organisation: None, client: Client, admin_user: User, kind: type[VersionedSet]
) -> None:
    client.force_login(admin_user)

    def page(version: VersionedSet, action: str) -> str:
        return reverse(f"admin:{version._meta.app_label}_{version._meta.model_name}_{action}", args=[version.pk])

    def act(version: VersionedSet, action: str, **typed: str) -> bytes:
        return client.post(page(version, action), typed).content

    def statuses() -> list[str]:
        return list(first.all_versions().order_by("version").values_list("status", flat=True))

    first = in_force(kind)
    assert b"no earlier version" in act(first, "go_back")
    made = client.post(page(first, "start_draft"), {"note": "Try it."})
    draft = first.all_versions().get(status="draft")
    assert made.url == page(draft, "change"), "one goes on in the draft"
    assert (draft.version, draft.note, draft.published_at) == (first.version + 1, "Try it.", None)
    assert b"There is already a draft" in act(first, "start_draft", note="Once more.")
    act(draft, "publish")
    assert statuses() == ["retired", "published"]
    assert b"Only a draft" in act(draft, "publish")
    act(draft, "go_back")
    assert statuses() == ["published", "retired"]
    draft.refresh_from_db()
    assert draft.published_by == admin_user


@pytest.mark.parametrize("kind", KINDS)
def test_a_draft_says_what_its_source_says_by_rows_of_its_own(organisation: None, kind: type[VersionedSet]) -> None:
    source = in_force(kind)
    draft = start_draft(kind, source.pk, note="Try it.")
    copied = content(draft)
    own = [row.pop("category") for row in copied if "category" in row]
    given = content(source)
    theirs = [row.pop("category") for row in given if "category" in row]
    assert copied == given
    assert own == [(code, draft.pk) for code, _model in theirs]
    assert bool(copied) == bool(kind.PARTS)
    told = {"id", "version", "status", "note", "created_at", "published_at", "published_by"}
    for field in kind._meta.concrete_fields:
        assert field.name in told or getattr(draft, field.attname) == getattr(source, field.attname), field.name


@pytest.mark.parametrize("kind", [ScoringModel, NextStepSet, Checklist, RouteSet])
def test_a_draft_without_an_active_rule_is_not_published(organisation: None, now: datetime, admin_user: User, kind):
    draft = make(kind, version=9)
    if kind is ScoringModel:
        make(ScoringCategory, model=draft)
        make(BandRule, model=draft)
        make(ScoringRule, model=draft, is_active=False)
    elif kind is not Checklist:
        make(RoutingRule if kind is RouteSet else NextStepRule, rule_set=draft, is_active=False)
    with pytest.raises(RuleError) as refused:
        if kind is RouteSet:
            route_versions.publish(draft.pk, by=admin_user, at=now)
        else:
            versions.publish(kind, draft.pk, by=admin_user, at=now)
    draft.refresh_from_db()
    assert (refused.value.code, draft.status) == ("NO_RULES", "draft")


@pytest.mark.parametrize(
    ("kind", "rows"), [(ScoringModel, "rules"), (NextStepSet, "rules"), (RouteSet, "rules")], ids=lambda v: str(v)
)
def test_the_page_of_a_draft_leads_to_its_rules_and_to_a_new_one(
    organisation: None, client: Client, admin_user: User, kind: type[VersionedSet], rows: str
) -> None:
    client.force_login(admin_user)
    draft = start_draft(kind, in_force(kind).pk, note="Try it.")

    def shown(version: VersionedSet) -> str:
        name = f"admin:{kind._meta.app_label}_{kind._meta.model_name}_change"
        return client.get(reverse(name, args=[version.pk])).content.decode()

    rule = getattr(draft, rows).first()
    own = f"admin:{rule._meta.app_label}_{rule._meta.model_name}"
    page = shown(draft)
    assert f'href="{reverse(f"{own}_change", args=[rule.pk])}">{rule.name}</a>' in page
    [add] = re.findall(rf'href="({re.escape(reverse(f"{own}_add"))}[^"]+)"', page)
    assert client.get(add).context["adminform"].form.initial[getattr(kind, rows).field.name] == str(draft.pk)
    assert reverse(f"{own}_add") not in shown(in_force(kind)), "what is in force is changed by a draft"


def test_a_rule_that_was_saved_leads_back_to_its_draft(organisation: None, client: Client, admin_user: User) -> None:
    client.force_login(admin_user)
    draft = start_draft(RouteSet, in_force(RouteSet).pk, note="Try it.")
    rule = draft.rules.first()
    page = reverse("admin:routing_routingrule_change", args=[rule.pk])
    form = client.get(page).context["adminform"].form
    typed = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    saved = client.post(page, {**typed, "name": "Another name"})
    assert (saved.status_code, saved.url) == (302, reverse("admin:routing_routeset_change", args=[draft.pk]))
    assert draft.rules.get(pk=rule.pk).name == "Another name"
