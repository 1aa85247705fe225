"""Every URL of the admin, every action and every endpoint, asked as every role and as nobody, against docs/roles.md.

Pages are asked of their views, below the middleware and without drawing them, so that thousands of questions take
seconds; what is drawn is looked at in the second half, for whatever the reader may not see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.models import AnonymousUser, Group, User
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import connection, transaction
from django.http import Http404, HttpResponse
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, resolve, reverse

from consent import addresses
from leads.models import Lead, ServiceLine
from medcrm import roles
from routing.models import Agent, Team
from tests.rows import make

pytestmark = pytest.mark.django_db

SITE = admin.site
PAGES = {model._meta.label_lower: page for model, page in SITE._registry.items()}
NAMES = {str(role.name): role.code for role in roles.ROLES}
NUMBER, MAILBOX = "+15125550142", "quentin.zz@example.org"
SECRET = "Zq7 of"  # with a space, which no random token of a page has by chance
DOC = Path(settings.BASE_DIR) / "docs" / "roles.md"

# What a permission of an action asks of the matrix, where it is not the model's verb of the same name.
ASKS = {
    ("leads.lead", "correct"): ("leads.lead", "change"),
    ("leads.lead", "book"): ("leads.appointment", "book"),
    ("leads.lead", "document"): ("leads.documentstatus", "record"),
    ("leads.lead", "agreement"): ("leads.documentstatus", "agree"),
    ("leads.lead", "authorization"): ("leads.authorization", "record"),
    ("leads.offering", "slots"): ("leads.availability", "change"),
    ("leads.source", "issue_key"): ("leads.sourcekey", "issue"),
    ("routing.agent", "hand_over"): ("leads.lead", "reassign"),
    ("gateway.client", "issue_key"): ("gateway.key", "issue"),
    ("consent.consentevent", "review"): ("consent.address", "revoke"),
}


def drawn() -> dict[str, dict[str, set[str]]]:
    """The table of docs/roles.md: model → role → verbs."""
    text = DOC.read_text().split("## Model by model")[1].split("## Field by field")[0]
    rows = [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in text.splitlines() if line[:1] == "|"]
    codes = [NAMES[name] for name in rows[0][1:]]
    return {row[0]: dict(zip(codes, map(_verbs, row[1:]), strict=True)) for row in rows[2:]}


def _verbs(cell: str) -> set[str]:
    letters = (re.match(r"[VACD]*(?= |$)", cell) or [""])[0]
    words = cell.removeprefix(letters).strip()
    own = {word.strip().replace(" ", "_") for word in words.split(",")} - {""}
    return {verb for verb in roles.MODEL_VERBS if verb[0].upper() in letters} | own


MATRIX = drawn()


@dataclass(frozen=True)
class Cast:
    """One login per role, the teams' own lead, another team's, and one of a sensitive service."""

    people: dict[str, User]
    own: Lead
    foreign: Lead
    sensitive: Lead

    def sees(self, role: str, lead: Lead) -> bool:
        verbs = MATRIX["leads.lead"][role]
        if "view" not in verbs or (lead == self.sensitive and roles.SEE_SENSITIVE not in verbs):
            return False
        return lead.team == "intake" or roles.SEE_ALL_TEAMS in verbs


@pytest.fixture
def cast(db) -> Cast:
    team, other = make(Team, code="intake"), make(Team, code="others")
    people = {"nobody": AnonymousUser(), "root": User.objects.create_superuser("root")}
    for role in NAMES.values():
        people[role] = User.objects.create(username=f"a_{role}", is_staff=True)
        people[role].groups.add(Group.objects.get(name=role))
        make(Agent, user=people[role], team=team)
    knees = make(ServiceLine, code="knees")
    quiet = make(ServiceLine, code="quiet", required_training="behavioral_health")
    pairs = [("phone", NUMBER), ("email", MAILBOX)]
    phone, email = (addresses.lock_addresses(pairs)[pair] for pair in pairs)
    reach = {"phone": phone, "email": email}
    return Cast(
        people,
        make(Lead, last_name="Ownerby", team=team.pk, service=knees, **reach),
        make(Lead, last_name="Hiddenby", question=f"{SECRET} others", team=other.pk, service=knees, **reach),
        make(Lead, last_name="Sensitiveby", question=f"{SECRET} sensitive", team=team.pk, service=quiet, **reach),
    )


def row_of(label: str, lead: Lead) -> object | None:
    """A row of this model that belongs to the lead; None where rows are not about leads."""
    model, about = PAGES[label].model, getattr(PAGES[label], "about", None)
    if model is Lead:
        return lead
    if about == ("leads.lead", "lead_id"):
        return make(model, lead=lead)
    if about == ("leads.lead", "enrollment.lead_id"):
        return make(model, enrollment=make(apps.get_model("nurture.enrollment"), lead=lead))
    if about == ("leads.lead", "one_id", "other_id"):
        return make(model, one=lead, other=make(Lead, team=lead.team, service=lead.service))
    return None


def ask(user: object, path: str, method: str = "get", **data: object) -> int:
    """The status that this person gets from this URL, without middleware and without drawing the page."""
    request = getattr(RequestFactory(), method)(path, data)
    request.user, request.session, request.resolver_match = user, SessionStore(), resolve(path)
    request._messages, request._dont_enforce_csrf_checks = CookieStorage(request), True
    match = request.resolver_match
    try:
        with transaction.atomic():
            return match.func(request, *match.args, **match.kwargs).status_code
    except PermissionDenied:
        return 403
    except Http404:
        return 404
    except SuspiciousOperation:
        return 400


def url(label: str, page: str, *keys: object) -> str:
    return reverse(f"admin:{label.replace('.', '_')}_{page}", args=[quote(key) for key in keys])


def wanted(label: str, verb: str, role: str) -> bool:
    model, verb = ASKS.get((label, verb), (label, "add" if verb == "draft" else verb))
    return role == "root" or verb in MATRIX.get(model, {}).get(role, set())


def may_read(label: str, role: str) -> bool:
    return wanted(label, "view", role) or wanted(label, "change", role)


def detail_actions(page: admin.ModelAdmin) -> list[str]:
    return sorted({*page._extract_action_names(page.actions_detail), *page._extract_action_names(page.actions_row)})


LABELS = sorted(label for label in PAGES if label.split(".")[0] in apps.app_configs and label in MATRIX)
ROLES = [*NAMES.values(), "nobody"]


def test_every_page_stands_in_the_matrix():
    ours = {label for label, page in PAGES.items() if page.__module__.split(".")[0] in OUR_ROOMS}
    assert ours - set(MATRIX) == set()


OUR_ROOMS = {config.name for config in apps.get_app_configs() if Path(config.path).parent == Path(settings.BASE_DIR)}


@pytest.mark.parametrize("role", ROLES)
def test_lists_and_new_rows_open_as_the_matrix_says(role, cast):
    user, root = cast.people[role], RequestFactory().get("/")
    root.user = cast.people["root"]
    wrong = {}
    for label in LABELS:
        adds = wanted(label, "add", role) and PAGES[label].has_add_permission(root)
        for page, allowed in (("changelist", may_read(label, role)), ("add", adds)):
            status = ask(user, url(label, page))
            expected = 302 if role == "nobody" else 200 if allowed else 403
            if status != expected:
                wrong[label, page] = status, expected
    assert wrong == {}


@pytest.mark.parametrize("role", ROLES)
def test_rows_about_people_open_only_in_scope_whatever_number_is_guessed(role, cast):
    user, wrong = cast.people[role], {}
    for label in LABELS:
        for lead in (cast.own, cast.foreign, cast.sensitive):
            row = row_of(label, lead)
            if row is None:
                continue
            is_open = may_read(label, role) and cast.sees(role, lead)
            for page in ("change", "history", *detail_actions(PAGES[label])):
                status = ask(user, url(label, page, row.pk))
                shut = {302} if role == "nobody" else {302, 403, 404}
                if page in ("change", "history"):
                    is_right = status == 200 if is_open else status in shut
                else:
                    asked = getattr(PAGES[label], page).allowed_permissions
                    may = is_open and all(wanted(label, verb, role) for verb in asked)
                    is_right = status == 200 if may else status in shut
                if not is_right:
                    wrong[label, lead.last_name, page] = status
    assert wrong == {}


@pytest.mark.parametrize("role", ROLES)
def test_rows_of_rules_and_words_open_change_and_go_as_the_matrix_says(role, cast):
    user, wrong = cast.people[role], {}
    root = RequestFactory().get("/")
    root.user = cast.people["root"]
    for label in LABELS:
        page = PAGES[label]
        if getattr(page, "about", None) or label.startswith("auth."):
            continue
        row = page.model._default_manager.first() or make(page.model)
        if not page.get_queryset(root).filter(pk=row.pk).exists():
            continue  # shown to its addressee alone
        shut = {302} if role == "nobody" else {403, 404}
        pages = {"change": may_read(label, role), "history": may_read(label, role)}
        pages["delete"] = wanted(label, "delete", role) and page.has_delete_permission(root, row)
        for name in detail_actions(page):
            pages[name] = all(wanted(label, verb, role) for verb in getattr(page, name).allowed_permissions)
        for name, allowed in pages.items():
            status = ask(user, url(label, name, row.pk))
            if (status == 200) != allowed or (not allowed and status not in shut):
                wrong[label, name] = status, allowed
        if not (wanted(label, "change", role) and page.has_change_permission(root, row)):
            status = ask(user, url(label, "change", row.pk), "post", name="changed")
            if status not in shut:
                wrong[label, "change by post"] = status
    assert wrong == {}


@pytest.mark.parametrize("role", ROLES)
def test_what_acts_on_many_rows_is_offered_and_run_as_the_matrix_says(role, cast):
    user, wrong = cast.people[role], {}
    for label in LABELS:
        page = PAGES[label]
        request = RequestFactory().get("/")
        request.user = user
        for name in [each for each in page.actions or () if isinstance(each, str)]:
            verbs = getattr(page, name).allowed_permissions
            may = may_read(label, role) and all(wanted(label, verb, role) for verb in verbs)
            row = row_of(label, cast.own) or make(page.model)
            chosen = {"action": name, "_selected_action": [str(row.pk)], "_confirmed": "1"}
            if role == "nobody":
                assert ask(user, url(label, "changelist"), "post", **chosen) == 302
                continue
            if (name in page.get_actions(request)) != may:
                wrong[label, name] = "offered", may
            if not may:
                before = type(row)._base_manager.filter(pk=row.pk).values().get()
                ask(user, url(label, "changelist"), "post", **chosen)
                if type(row)._base_manager.filter(pk=row.pk).values().get() != before:
                    wrong[label, name] = "ran"
    assert wrong == {}


def every_path(patterns: list, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from every_path(pattern.url_patterns, prefix + str(pattern.pattern))
        else:
            yield prefix + str(pattern.pattern), pattern


def filled(route: str) -> str:
    """An example of a route: numbers are 1, ids are zero, words are “x”."""
    route = re.sub(r"\(\?P<\w+>(?:[^()]|\([^()]*\))*\)", "1", route)
    route = re.sub(r"<uuid:\w+>", "00000000-0000-0000-0000-000000000000", route)
    route = re.sub(r"<(?:int:)?(\w+)>", "1", re.sub(r"<(?:str|path|slug):\w+>", "x", route))
    return "/" + re.sub(r"[\^$\\]|\?$", "", route)


# Who is not signed in gets these, and nothing else: signing in, the pages of a signed link, words for scripts.
FOR_EVERYBODY = re.compile(
    r"^/$|^/admin/(login|logout|jsi18n|password_change)/|^/admin/account/"
    r"|^/(u|p|hooks|f|forms|c|i|static)/|^/api/v1/$|^/api/v1/(schema|docs|openapi)|^/(live|ready|health|healthz|metrics|status)"
)


def test_nobody_gets_nothing_from_any_url_by_any_method(client):
    open_to_all = {}
    paths = {filled(route) for route, _pattern in every_path(get_resolver().url_patterns)}
    assert len(paths) > 300
    for path in sorted(paths):
        if FOR_EVERYBODY.match(path):
            continue
        for method in ("get", "post", "put", "patch", "delete"):
            status = getattr(client, method)(path).status_code
            if status not in (301, 302, 401, 403, 404, 405):
                open_to_all[path, method] = status
    assert open_to_all == {}


@pytest.mark.parametrize("role", list(NAMES.values()))
def test_a_person_signed_in_is_nobody_to_the_api(role, cast, client):
    """The API knows keys, not sessions: a page in a browser cannot be made to call it."""
    client.force_login(cast.people[role])
    for route, _pattern in every_path(get_resolver().url_patterns):
        path = filled(route)
        if path.startswith("/api/") and not FOR_EVERYBODY.match(path):
            for method in ("get", "post"):
                assert getattr(client, method)(path).status_code in (401, 403, 404, 405), (method, path)


def test_no_page_of_the_admin_changes_anything_when_it_is_only_asked_for(cast):
    root, wrote = cast.people["root"], {}
    for label in LABELS:
        page = PAGES[label]
        row = row_of(label, cast.own) or page.model._default_manager.first()
        keys = [("changelist",), ("add",)]
        keys += [(name, row.pk) for name in ("change", "history", "delete", *detail_actions(page))] if row else []
        for name, *key in keys:
            with CaptureQueriesContext(connection) as captured:
                ask(root, url(label, name, *key))
            writes = [q["sql"] for q in captured if re.match(r"(INSERT|UPDATE|DELETE)\b", q["sql"])]
            if writes:
                wrote[label, name] = writes
    assert wrote == {}


# What is drawn


def drawn_for(client, path: str, **query: str) -> str:
    answer = client.get(path, query)
    return answer.content.decode() if answer.status_code == 200 else ""


PEOPLE = [label for label in LABELS if (getattr(PAGES[label], "about", None) or ("",))[0] == "leads.lead"]


@pytest.mark.parametrize("role", ["caller", "supervisor"])
def test_no_search_filter_order_or_box_tells_of_a_lead_out_of_sight(role, cast, client):
    client.force_login(cast.people[role])
    hidden = [lead for lead in (cast.foreign, cast.sensitive) if not cast.sees(role, lead)]
    for label in PEOPLE:
        for lead in hidden:
            row_of(label, lead)
    guesses = [{}, {"q": "hiddenby"}, {"q": "sensitiveby"}, {"q": NUMBER}, {"q": MAILBOX}, {"o": "1"}]
    guesses += [{"q": str(lead.public_id)} for lead in hidden]
    told = []
    assert ">Ownerby" in drawn_for(client, url("leads.lead", "changelist"))
    for label in PEOPLE:
        for query in guesses if label == "leads.lead" else guesses[:2]:
            page = drawn_for(client, url(label, "changelist"), **query)
            told += [
                (label, query, lead.last_name) for lead in hidden if f">{lead.last_name}" in page or SECRET in page
            ]
    for lead in hidden:
        box = {"app_label": "leads", "model_name": "stakeholder", "field_name": "lead", "term": lead.last_name}
        assert client.get("/admin/autocomplete/", box).json()["results"] == []
    assert told == []


@pytest.mark.parametrize(
    "guess",
    [
        {"phone__value__startswith": "+1512"},
        {"last_name__startswith": "Own"},
        {"question__contains": "z"},
        {"owner__password__startswith": "md5"},
        {"email__value__contains": "quentin"},
    ],
)
def test_no_field_is_guessed_letter_by_letter_through_a_filter(guess, cast, client):
    client.force_login(cast.people["caller"])
    assert client.get("/admin/leads/lead/", guess).status_code == 400


def test_who_may_not_see_numbers_sees_them_on_the_leads_own_page_alone(cast, client):
    """Lists, pages of other rows, boxes and histories show at most a masked number or mailbox."""
    client.force_login(cast.people["caller"])
    own = client.get(f"/admin/leads/lead/{cast.own.pk}/change/").content.decode()
    assert "(512) 555-0142" in own
    Lead.objects.filter(pk=cast.own.pk).update(phone=None)  # the history now holds the number
    full = re.compile(r"555-?0142|quentin\.zz@")
    shown = []
    for label in PEOPLE:
        row = row_of(label, cast.own)
        paths = [url(label, "changelist"), url(label, "history", row.pk)]
        paths += [url(label, "change", row.pk)] if label != "leads.lead" else []
        shown += [path for path in paths if full.search(drawn_for(client, path))]
    assert shown == []
    box = {"app_label": "leads", "model_name": "lead", "field_name": "phone", "term": "512"}
    assert client.get("/admin/autocomplete/", box).status_code == 403
    history = drawn_for(client, f"/admin/leads/lead/{cast.own.pk}/history/")
    assert "(512) •••-0142" in history


@pytest.mark.parametrize("role", ["caller", "scheduler", "documents", "sales", "marketing"])
def test_who_may_not_export_gets_no_file(role, cast, client):
    """No page that this role can open answers with a file."""
    client.force_login(cast.people[role])
    for route, _pattern in every_path(get_resolver().url_patterns):
        if "export" in route and route.startswith("admin/"):
            for method in ("get", "post"):
                answer: HttpResponse = getattr(client, method)(filled(route))
                assert answer.status_code in (302, 403, 404, 405), route
