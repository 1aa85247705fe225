"""How long does a person wait for a screen, and is it longer with a million leads than with a thousand?

    python -m benchmarks.bench_screens [--few 1000] [--many 1000000] [--visits 9] [--only 'report-*'] [--filters]

Every screen that `tests/e2e/screens.py` lists, the lists of the admin that it leaves out, and what only scripts ask for
(search, choice boxes), through its real URL, signed in as who uses it; with --filters the lists under each value of
each of their filters instead. The demo's organisation on a scratch database of its own is multiplied until it has so
many leads (see `benchmarks/multiplied.py`); the same rows are looked at with few and with many. The budget: the same
number of queries, and p50 with many at most 1.3 × p50 with few.

“First” is the first visit with nothing in the cache, where what is kept for a minute (`medcrm.lib.counts`) is counted.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatch
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from benchmarks.bench_routing import Counted
from benchmarks.multiplied import Multiplied
from leads.models import Lead
from medcrm import demo_data, reference
from medcrm.lib.filters import RangeDateFilter
from tests.e2e import scenes, screens
from tests.e2e.screens import SCREENS, Screen, a_lead
from tests.e2e.stage import give_roles, session_of

BUDGET = 1.3
ROOT = "root"
NOISE = 0.005  # seconds: what differs by less is the same to a person and to this clock
LONGEST = 6.0  # seconds for the visits of one screen; a slow one is visited less often
MEMORY = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}  # what was kept is emptied at will


@dataclass(frozen=True)
class Waited:
    """What one screen took: seconds of the first visit, p50 of the later ones, queries of one."""

    first: float
    p50: float
    queries: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--few", type=int, default=1_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--visits", type=int, default=9)
    parser.add_argument("--only", nargs="*", default=["*"], help="the screens of these names")
    parser.add_argument("--filters", action="store_true", help="the lists under each value of their filters instead")
    options = parser.parse_args()
    logging.disable(logging.INFO)  # a line per request
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        with tempfile.TemporaryDirectory() as folder, override_settings(
            CACHES=MEMORY, MFA_REQUIRED=False, STORAGES=scenes.kept_in(Path(folder))
        ):  # fmt: skip
            measure(options)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def measure(options: argparse.Namespace) -> None:
    call_command("collectstatic", interactive=False, verbosity=0)
    now = timezone.now()
    reference.load(at=now - timedelta(days=4))
    give_roles()
    demo_data.make(at=now)
    scenes.make(at=now, send=scenes.sender(at=now))
    wanted = [screen for screen in [*SCREENS, *other_lists(), *searches()] if named(screen, options.only)]
    paths = {screen: screen.path() for screen in wanted}
    if options.filters:
        paths = {screen: path for plain, told in paths.items() for screen, path in narrowed(plain, told)}
    for screen, path in paths.items():
        visit(signed_in(screen.username), path)  # so that the access log has rows to multiply
    multiplied, sizes = Multiplied(), []
    for leads in (options.few, options.many):
        began = time.perf_counter()
        written = multiplied.grow(leads)
        took = time.perf_counter() - began
        print(f"{Lead.objects.count():,} leads, {written:,} rows copied in {took:.0f} s", flush=True)
        sizes.append({screen: wait(screen, path, options.visits) for screen, path in paths.items()})
    report(*sizes, options)


def named(screen: Screen, patterns: Sequence[str]) -> bool:
    return any(fnmatch(screen.name, pattern) for pattern in patterns)


def other_lists() -> list[Screen]:
    """The lists of the admin that are no screen of a role's day, seen by one who may see all."""
    get_user_model().objects.create_superuser(ROOT, f"{ROOT}@example.org")
    known = {screen.path().partition("?")[0] for screen in SCREENS}
    paths = {
        f"all-{model._meta.model_name}": reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
    }
    return [Screen(name, ROOT, lambda path=path: path) for name, path in paths.items() if path not in known]


def narrowed(screen: Screen, path: str) -> Iterator[tuple[Screen, str]]:
    """The list of this screen under each value of each filter; nothing for what is no list."""
    answer = signed_in(screen.username).get(path, secure=True)
    page = (getattr(answer, "context_data", None) or {}).get("cl")
    for each in page.filter_specs if page and "?" not in path else ():
        for name, value in choices_of(each):
            query = urlencode({name: value})
            yield Screen(f"{screen.name}?{query}", screen.username, screen.path), f"{path}?{query}"


def choices_of(each: object) -> Iterator[tuple[str, object]]:
    """The parameters by which a filter narrows a list: each of its values, yes and no, or since yesterday."""
    match each:
        case RangeDateFilter():
            yield f"{each.parameter_name}_from", timezone.localdate() - timedelta(days=1)
        case admin.BooleanFieldListFilter():
            yield from ((each.lookup_kwarg, value) for value in "10")
        case admin.SimpleListFilter():
            yield from ((each.parameter_name, value) for value, _label in each.lookup_choices)
        case admin.RelatedFieldListFilter():
            yield from ((each.lookup_kwarg, value) for value, _label in each.lookup_choices)
        case admin.ChoicesFieldListFilter():
            yield from ((each.lookup_kwarg, value) for value, _label in each.field.flatchoices)


def searches() -> list[Screen]:
    """What the head of every page and the choice boxes ask for while somebody types."""
    lead = a_lead(team="scheduling", phone__isnull=False, email__isnull=False)
    terms = {
        "name": lead.last_name,
        "phone": lead.phone.value,
        "last-four": lead.phone.value[-4:],
        "e-mail": lead.email.value,
        "id": str(lead.public_id),
    }
    found = [
        Screen(
            f"search-{name}", "supervisor", lambda term=term: f"{reverse('workspace:search')}?{urlencode({'s': term})}"
        )
        for name, term in terms.items()
    ]
    asked = {"app_label": "privacy", "model_name": "hold", "field_name": "lead", "term": lead.last_name}
    return [
        *found,
        Screen("scoring-preview-whole", "marketing", lambda: f"{screens.preview()}?whole=1"),
        Screen("sequence-calendar-whole", "marketing", lambda: f"{screens.calendar()}?whole=1"),
        Screen("choice-of-lead", "compliance", lambda: f"{reverse('admin:autocomplete')}?{urlencode(asked)}"),
    ]


def wait(screen: Screen, path: str, visits: int) -> Waited:
    """Visit it with an empty cache, then again and again."""
    client = signed_in(screen.username)
    cache.clear()
    first, _queries = visit(client, path)
    taken, queries = [], 0
    while len(taken) < visits and (len(taken) < 3 or sum(taken) < LONGEST):
        spent, queries = visit(client, path)
        taken.append(spent)
    return Waited(first, statistics.median(taken), queries)


def signed_in(username: str) -> Client:
    client = Client(SERVER_NAME="localhost")
    if username:
        client.cookies["sessionid"] = session_of(username)
    return client


def visit(client: Client, path: str) -> tuple[float, int]:
    counted = Counted()
    with connection.execute_wrapper(counted):
        began = time.perf_counter()
        answer = client.get(path, secure=True)
        spent = time.perf_counter() - began
    if answer.status_code != HTTPStatus.OK:
        raise SystemExit(f"{path} answers {answer.status_code}, so nobody sees this screen.")
    return spent, counted.queries


def report(few: dict[Screen, Waited], many: dict[Screen, Waited], options: argparse.Namespace) -> None:
    """One line per screen, those that miss the budget first."""
    lines = []
    for screen, before in few.items():
        after = many[screen]
        ratio = after.p50 / before.p50
        is_missed = after.queries != before.queries or (ratio > BUDGET and after.p50 - before.p50 > NOISE)
        lines.append((not is_missed, -ratio, screen, before, after, ratio))
    lines.sort(key=lambda line: line[:2])
    print(f"\n| screen | as | queries | p50 {options.few:,} | p50 {options.many:,} | ratio | first {options.many:,} |")
    print("|---|---|---|---|---|---|---|")
    for is_kept, _order, screen, before, after, ratio in lines:
        queries = before.queries if before.queries == after.queries else f"{before.queries} → {after.queries}"
        times = " | ".join(f"{1000 * spent:,.0f} ms" for spent in (before.p50, after.p50))
        said = f"{ratio:.2f}" if is_kept else f"**{ratio:.2f}**"
        print(f"| {screen.name} | {screen.username} | {queries} | {times} | {said} | {1000 * after.first:,.0f} ms |")
    missed = sum(not is_kept for is_kept, *_ in lines)
    print(f"\n{len(lines)} screens, {missed} beyond the budget of {BUDGET} × and the same queries.")


if __name__ == "__main__":
    main()
