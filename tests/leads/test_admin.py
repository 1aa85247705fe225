"""Every registered page: who may open it, what it costs, and that nothing changes by a link."""

from __future__ import annotations

from functools import partial

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from medcrm import roles
from tests.rows import make, make_rows

pytestmark = pytest.mark.django_db
ROOMS = ("leads", "routing", "nurture", "consent", "gateway", "privacy", "auth")
PAGES = {
    model._meta.label_lower: page for model, page in admin.site._registry.items() if model._meta.app_label in ROOMS
}
LABELS = sorted(PAGES)


def url(label: str, page: str, *keys: object) -> str:
    return reverse(f"admin:{label.replace('.', '_')}_{page}", args=[quote(key) for key in keys])


def person(role: str) -> User:
    user = User.objects.create(username=f"a_{role}", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


@pytest.fixture
def root() -> User:
    return User.objects.create(username="root", is_staff=True, is_superuser=True)


def rows_of(label: str, count: int) -> list:
    return make_rows(PAGES[label].model, count)


def test_every_model_of_leads_is_registered():
    named = {model._meta.label_lower for model in apps.get_app_config("leads").get_models()}
    history = {label for label in named if label.endswith("event")}
    through = {"leads.offeringpayer"}  # edited on its offering
    # Rows of a run or a merge, shown on the page of what they belong to.
    through |= {"leads.mergedfacts", "leads.importrow", "leads.duplicatesearch"}
    through |= {"leads.decay"}  # when points halve next: due work, which the lead's score shows when it is done
    through |= {"leads.preview"}  # shown on the page of the version that was looked at
    # What reports are read from, and the review that their page *Rules* shows.
    through |= {"leads.summary", "leads.staleday", "leads.rulereview"}
    assert named - history - through - set(LABELS) == set()


@pytest.mark.parametrize("role", [role.code for role in roles.ROLES])
def test_lists_and_add_pages_open_as_the_matrix_says(role, client, root):
    """What is refused is asked for over HTTP; what is allowed is asked of the page, and opened once in other tests."""
    user = person(role)
    client.force_login(user)
    request, of_root = RequestFactory().get("/"), RequestFactory().get("/")
    request.user, of_root.user = user, root
    wrong = {}
    for label in LABELS:
        page, may = PAGES[label], partial(roles.allows, roles.BY_CODE[role], label)
        sees = may("view") or may("change")
        adds = may("add") and page.has_add_permission(of_root)
        got = page.has_view_permission(request), page.has_add_permission(request)
        refused = [name for name, allowed in (("changelist", sees), ("add", adds)) if not allowed]
        opened = [name for name in refused if client.get(url(label, name)).status_code != 403]
        if got != (sees, adds) or opened:
            wrong[label] = got, opened
    assert wrong == {}


@pytest.mark.parametrize("label", LABELS)
def test_change_page_opens_for_who_sees_the_model_and_for_nobody_else(label, client, root):
    row = rows_of(label, 1)[0]
    client.force_login(root)
    request = RequestFactory().get("/")
    request.user = root
    is_shown = PAGES[label].get_queryset(request).filter(pk=row.pk).exists()  # a notice is shown to its addressee only
    assert client.get(url(label, "change", row.pk)).status_code == (200 if is_shown else 302)
    without = next((role.code for role in roles.ROLES if not any(role.grants.get(label, ()))), None)
    if without:
        client.force_login(person(without))
        assert client.get(url(label, "change", row.pk)).status_code == 403


@pytest.mark.parametrize("label", LABELS)
def test_a_list_costs_the_same_for_3_and_for_30_rows(label, client, root):
    client.force_login(root)
    rows_of(label, 3)
    client.get(url(label, "changelist"))  # content types and the session are cached now
    with CaptureQueriesContext(
        connection,
    ) as few:
        assert client.get(url(label, "changelist")).status_code == 200
    rows_of(label, 27)
    with CaptureQueriesContext(connection) as many:
        assert client.get(url(label, "changelist")).status_code == 200
    assert len(many) <= len(few), "\n".join(query["sql"][:200] for query in many)


def actions() -> list[tuple[str, str]]:
    found = []
    for label, page in PAGES.items():
        names = {
            *(page.actions or ()),
            *page._extract_action_names(page.actions_detail),
            *page._extract_action_names(page.actions_row),
        }
        found += [(label, name) for name in names if isinstance(name, str)]
    return sorted(found)


@pytest.mark.parametrize(("label", "name"), actions())
def test_an_action_names_its_permission(label, name):
    assert getattr(getattr(PAGES[label], name), "allowed_permissions", ())


def detail_actions() -> list[tuple[str, str]]:
    """Those with an address of their own; what acts on many rows Django runs by POST only."""
    return [
        (label, name)
        for label, name in actions()
        if name in PAGES[label]._extract_action_names(PAGES[label].actions_detail)
    ]


@pytest.mark.parametrize(("label", "name"), detail_actions())
def test_an_action_changes_nothing_by_a_link_and_nothing_without_permission(label, name, client, root):
    page = PAGES[label]
    action = getattr(page, name)
    row = rows_of(label, 1)[0]
    address = url(label, name, row.pk)
    client.force_login(root)
    if (label, name) == ("leads.lead", "decide_exhausted"):  # offered only where that decision is owed
        assert client.get(address).status_code == client.post(address).status_code == 403
        return
    before = type(row).objects.filter(pk=row.pk).values().get()
    assert client.get(address).status_code == 200  # asks, does not act
    assert type(row).objects.filter(pk=row.pk).values().get() == before
    assert getattr(action, "is_service_action", False)
    people = [role for role in roles.ROLES if role.code != "api_client"]
    least = min(people, key=lambda role: len(tuple(role.grants.get(label, ()))))
    client.force_login(person(least.code))
    for answer in (client.get(address), client.post(address)):
        assert answer.status_code in (403, 404)


def test_many_rows_are_acted_on_only_by_who_may(client, root):
    key = make(apps.get_model("leads.sourcekey"), key_hash="x")
    chosen = {"action": "revoke", "_selected_action": [key.pk]}
    client.force_login(person("caller"))
    assert client.post(url("leads.sourcekey", "changelist"), {**chosen, "_confirmed": "1"}).status_code == 403
    client.force_login(root)
    asked = client.post(url("leads.sourcekey", "changelist"), chosen)
    assert asked.status_code == 200
    key.refresh_from_db()
    assert key.revoked_at is None
    client.post(url("leads.sourcekey", "changelist"), {**chosen, "_confirmed": "1"})
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_a_ledger_is_closed_even_to_a_superuser(client, root):
    client.force_login(root)
    row = make(apps.get_model("leads.interaction"))
    assert client.get(url("leads.interaction", "add")).status_code == 403
    assert client.post(url("leads.interaction", "change", row.pk), {"text": "x"}).status_code == 403
    assert client.get(url("leads.interaction", "delete", row.pk)).status_code == 403
