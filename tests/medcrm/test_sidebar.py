"""The sidebar leads to every page that a role may see, and the pages speak its words."""

from __future__ import annotations

import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User

from medcrm import admin_site, roles
from medcrm.embedded import BASE_DIR
from medcrm.workspace import searching

ROOMS = ("consent", "leads", "routing", "nurture", "gateway", "privacy", "audit", "medcrm", "templates")
PAGES = {model._meta.label_lower: page for model, page in admin.site._registry.items()}
SEEN = {model for role in roles.ROLES for model, verbs in role.grants.items() if "view" in verbs} & PAGES.keys()
LISTED = {entry.model for entry in admin_site.ENTRIES}
INLINE = {inline.model._meta.label_lower for page in PAGES.values() for inline in page.inlines}
LED_TO_BY_ITS_ROW = {"leads.backtest"}  # the page of the version that was tried lists its tries (leads.admin.rules)


def linked() -> set[str]:
    """Models whose pages are named by their address somewhere in our pages."""
    files = [path for room in ROOMS for path in (BASE_DIR / room).rglob("*") if path.suffix in (".py", ".html")]
    named = {name for path in files for name in re.findall(r"admin:([a-z]+_[a-z]+)_", path.read_text())}
    return {name.replace("_", ".", 1) for name in named}


def test_every_page_that_a_role_may_see_is_led_to():
    assert len(SEEN) > 50
    assert sorted(SEEN - LISTED - INLINE - linked() - LED_TO_BY_ITS_ROW) == []


def test_every_entry_has_a_page():
    assert sorted(LISTED - PAGES.keys()) == []


@pytest.mark.parametrize("entry", [e for e in admin_site.ENTRIES if not e.page], ids=lambda e: str(e.title))
def test_a_page_speaks_the_words_of_its_entry(entry):
    """Buttons, counts and messages say what the sidebar says; an entry may narrow a list, or name a row's versions."""
    meta = apps.get_model(entry.model)._meta
    title, one, many = (str(words).casefold() for words in (entry.title, meta.verbose_name, meta.verbose_name_plural))
    assert title in many or many in title, f"“{title}” leads to “{many}”"
    assert {word[:4] for word in one.split()} & {word[:4] for word in many.split()}, f"one “{one}”, many “{many}”"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("role", "term", "path"),
    [
        ("compliance", "emergency", "/admin/consent/emergency/"),
        ("compliance", "evidence", "/admin/consent/exportlog/"),
        ("administrator", "time goals", "/admin/routing/goal/"),
    ],
)
def test_search_finds_what_the_law_and_the_clocks_rest_on(rf, role, term, path):
    request = rf.get("/")
    request.user = User.objects.create(username=role, is_staff=True)
    request.user.groups.add(Group.objects.get(name=role))
    assert path in [hit.link for hit in searching.find(request, term)]
