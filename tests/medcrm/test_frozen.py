"""What is or was in force is never edited: the database keeps its rows, and pages offer drafts alone [R60]."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, models, transaction
from django.test import Client
from django.urls import reverse

from leads.models import BandRule, NextStepRule, Question, ScoringCategory, ScoringModel, ScoringRule
from medcrm.lib.models import VersionedSet
from nurture.models import Step
from routing.models import RoutingRule
from tests.rows import make

KEYS = {
    ScoringRule: "model", ScoringCategory: "model", BandRule: "model", NextStepRule: "rule_set",
    Question: "checklist", RoutingRule: "rule_set",
}  # fmt: skip
ROWS = pytest.mark.parametrize("model", KEYS, ids=lambda model: model.__name__)


def in_force(model: type[models.Model]) -> models.Model:
    return model.objects.filter(**{f"{KEYS[model]}__status": "published"}).order_by("pk").first()


def drafted(model: type[models.Model]) -> models.Model:
    """A row of a draft that stands alone."""
    row = make(model)
    assert getattr(row, KEYS[model]).status == "draft"
    return row


def kept(model: type[models.Model]) -> list[dict[str, object]]:
    return list(model.objects.order_by("pk").values())


@ROWS
@pytest.mark.parametrize("end", ["published", "retired"])
def test_rows_of_what_was_published_neither_come_nor_change_nor_go(organisation: None, model, end: str) -> None:
    key = KEYS[model]
    row, other = in_force(model), drafted(model)
    version, draft = getattr(row, key), getattr(other, key)
    type(version).objects.filter(pk=version.pk).update(status=end)
    before = kept(model)
    shown = "code" if model in (ScoringCategory, Question) else "name"
    tried = [
        lambda: make(model, **{key: version}),
        lambda: model.objects.filter(pk=row.pk).update(**{shown: "other"}),
        lambda: model.objects.filter(pk=row.pk).update(**{key: draft}),  # moved out
        lambda: model.objects.filter(pk=other.pk).update(**{key: version}),  # moved in
        lambda: model.objects.filter(pk=row.pk)._raw_delete("default"),
    ]
    for act in tried:
        with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
            act()
    assert kept(model) == before


@pytest.mark.parametrize("end", ["published", "retired"])
@pytest.mark.parametrize("change", [{"high_from": 61}, {"medium_from": 29}, {"lead_type": "b2b"}, {"status": "draft"}])
def test_the_thresholds_of_what_was_published_do_not_change(organisation: None, end: str, change) -> None:
    model = ScoringModel.objects.filter(lead_type="patient")
    draft = make(ScoringModel, lead_type="partner", version=9)
    ScoringModel.objects.filter(pk=draft.pk).update(high_from=61)
    model.update(status=end, note="Read again.")
    before = model.values().get()
    with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
        model.update(**change)
    draft.refresh_from_db()
    assert (model.values().get(), draft.high_from) == (before, 61)


@ROWS
def test_a_draft_is_edited_and_thrown_away_with_its_rows(organisation: None, model) -> None:
    before = kept(model)
    row = drafted(model)
    version: VersionedSet = getattr(row, KEYS[model])
    model.objects.filter(pk=row.pk).update(**{"code" if model in (ScoringCategory, Question) else "name": "other"})
    version.delete()
    ScoringModel.objects.filter(status="draft").delete()  # of the category that a scoring rule was made with
    assert kept(model) == before


@pytest.mark.parametrize("model", [*KEYS, Step], ids=lambda model: model.__name__)
def test_pages_offer_drafts_alone(organisation: None, client: Client, admin_user: User, model) -> None:
    key = KEYS.get(model, "sequence")
    draft = getattr(make(model), key)
    client.force_login(admin_user)
    form = client.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")).context["adminform"].form
    assert list(form.fields[key].queryset.filter(status="draft")) == list(form.fields[key].queryset)
    assert draft in form.fields[key].queryset


def test_a_rule_posted_into_the_version_in_force_is_refused(organisation: None, client: Client, admin_user) -> None:
    client.force_login(admin_user)
    version = ScoringModel.objects.get(lead_type="patient", status="published")
    category = version.categories.first()
    typed = {
        "model": version.pk, "category": category.pk, "name": "Slipped in", "criteria": "[]", "points": 5,
        "axis": "fit", "position": 1, "is_active": "on",
    }  # fmt: skip
    answer = client.post(reverse("admin:leads_scoringrule_add"), typed)
    assert set(answer.context["adminform"].form.errors) == {"model", "category"}
    assert not ScoringRule.objects.filter(name="Slipped in").exists()


def test_a_rule_counts_in_a_category_of_its_own_model(organisation: None, client: Client, admin_user) -> None:
    client.force_login(admin_user)
    draft, other = make(ScoringModel, version=8), make(ScoringModel, version=9)
    mine, theirs = make(ScoringCategory, model=draft), make(ScoringCategory, model=other)
    typed = {
        "model": draft.pk, "name": "Drafted", "criteria": "[]", "points": 5, "axis": "fit", "position": 1,
        "is_active": "on",
    }  # fmt: skip
    answer = client.post(reverse("admin:leads_scoringrule_add"), typed | {"category": theirs.pk})
    assert set(answer.context["adminform"].form.errors) == {"category"}
    client.post(reverse("admin:leads_scoringrule_add"), typed | {"category": mine.pk})
    assert ScoringRule.objects.get(name="Drafted").category == mine
