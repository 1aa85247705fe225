"""Does every role get exactly what the matrix says, and is the drawn matrix the real one?"""

from __future__ import annotations

from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, Group, User
from django.test import RequestFactory

from leads.models import Lead, ServiceLine
from leads.visibility import visible
from medcrm import admin_site, roles
from medcrm.lib.access import Scope
from tests.rows import make

pytestmark = pytest.mark.django_db


def person(role: str, **fields: object) -> User:
    user = User.objects.create(username=f"{role}_{User.objects.count()}", is_staff=True, **fields)
    user.groups.add(Group.objects.get(name=role))
    return user


def test_groups_hold_exactly_the_permissions_of_the_matrix():
    roles.sync()
    for role in roles.ROLES:
        held = {f"{p.content_type.app_label}.{p.codename}" for p in Group.objects.get(name=role.code).permissions.all()}
        wanted = {
            f"{model.split('.')[0]}.{verb}_{model.split('.')[1]}"
            for model, verbs in role.grants.items()
            for verb in verbs
            if model.split(".")[1] in apps.all_models[model.split(".")[0]]
        }
        assert held == wanted, role.code


def test_syncing_twice_changes_nothing(django_assert_max_num_queries):
    roles.sync()
    before = {group.name: set(group.permissions.values_list("pk", flat=True)) for group in Group.objects.all()}
    roles.sync()
    assert before == {group.name: set(group.permissions.values_list("pk", flat=True)) for group in Group.objects.all()}


def test_the_drawn_matrix_is_the_real_one():
    assert (Path(settings.BASE_DIR) / "docs" / "roles.md").read_text() == roles.draw()


def test_every_model_named_in_the_matrix_exists():
    rooms_that_stand = {label for label, models in apps.all_models.items() if models}
    named = {model for role in roles.ROLES for model in role.grants if model.split(".")[0] in rooms_that_stand}
    assert {model for model in named if model.split(".")[1] not in apps.all_models[model.split(".")[0]]} == set()


def test_nobody_may_delete_a_lead_or_what_happened():
    for role in roles.ROLES:
        for model in ("leads.lead", "leads.interaction", "consent.consentevent", "consent.attempt"):
            assert not roles.allows(role, model, "delete")


@pytest.mark.parametrize("role", [role.code for role in roles.ROLES])
def test_the_sidebar_offers_only_pages_that_open(role, client):
    client.force_login(person(role))
    request = RequestFactory().get("/admin/")
    request.user = User.objects.get(groups__name=role)
    links = [item["link"] for group in admin_site.navigation(request) for item in group["items"]]
    assert len(links) > 1
    for link in links:
        assert client.get(link).status_code == 200, link


class Scoped:
    """A user whose scope is set by hand."""

    pk = 0
    is_active = True

    def __init__(self, scope: Scope) -> None:
        self._medcrm_scope = scope


def seen(scope: Scope) -> set[str]:
    return set(Lead.objects.filter(visible(Scoped(scope))).values_list("last_name", flat=True))


def test_a_team_sees_its_own_leads_and_sensitive_ones_only_with_the_training():
    bh = make(ServiceLine, code="bh", required_training="behavioral_health")
    ortho = make(ServiceLine, code="ortho")
    make(Lead, last_name="Own", team="intake", service=ortho)
    make(Lead, last_name="Unsaid", team="intake", service=None)
    make(Lead, last_name="Sensitive", team="intake", service=bh)
    make(Lead, last_name="Foreign", team="quotes", service=ortho)
    team = frozenset(["intake"])
    assert seen(Scope(teams=team)) == {"Own", "Unsaid"}
    assert seen(Scope(teams=team, trainings=frozenset(["behavioral_health"]))) == {"Own", "Unsaid", "Sensitive"}
    assert seen(Scope(sees_all_teams=True)) == {"Own", "Unsaid", "Foreign"}
    assert seen(Scope(sees_all_teams=True, sees_sensitive=True)) == {"Own", "Unsaid", "Sensitive", "Foreign"}
    assert seen(Scope()) == set()


def test_what_was_asked_for_before_stays_with_the_trained():
    bh = make(ServiceLine, code="bh", required_training="behavioral_health")
    ortho = make(ServiceLine, code="ortho")
    make(Lead, last_name="Before", team="intake", service=ortho, other_services=["pt", bh.pk])
    make(Lead, last_name="Unsaid", team="intake", service=None, other_services=[bh.pk])
    make(Lead, last_name="Plain", team="intake", service=ortho, other_services=["pt"])
    assert seen(Scope(sees_all_teams=True)) == {"Plain"}
    assert seen(Scope(sees_all_teams=True, trainings=frozenset(["behavioral_health"]))) == {"Before", "Unsaid", "Plain"}
    bh.required_training = ""
    bh.save()
    assert seen(Scope(sees_all_teams=True)) == {"Before", "Unsaid", "Plain"}, "the catalogue says what is sensitive"


def test_nobody_is_nobody():
    assert not Lead.objects.filter(visible(AnonymousUser())).exists()
