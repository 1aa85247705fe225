"""How long does a person wait for a screen, and is it longer with a million leads than with a thousand?

    python -m benchmarks.bench_screens [--few 1000] [--many 1000000] [--visits 15] [--only 'report-*'] [--filters]
        [--keep]

Every screen that `tests/e2e/screens.py` lists, the lists of the admin that it leaves out, and what only scripts ask for
(search, choice boxes), through its real URL, signed in as who uses it; with --filters the lists under each value of
each of their filters instead. The demo's organisation on scratch databases of their own is multiplied until it has so
many leads (see `benchmarks/multiplied.py`); the same rows are looked at with few and with many, in turn, so that the
machine is the same for both. The budget: the same number of queries, and p50 with many at most 1.3 × p50 with few.

A list, and a search, draws as many rows with many leads as it has with few: what grows with the leads is the finding of
rows, and what each row costs is the same. “Full page” is its p50 with all the rows that a page holds.
“First” is the first visit with nothing in the cache, where what is kept for a minute (`medcrm.lib.counts`) is counted.
--keep leaves the databases for the next run with it.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatch
from http import HTTPStatus
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from benchmarks import two_sizes
from benchmarks.bench_routing import Counted
from benchmarks.multiplied import Multiplied
from benchmarks.two_sizes import FEW, MANY, SIZES, TwoSizes
from leads import previews
from leads.models import Lead, Preview
from medcrm import demo_data, reference
from medcrm.lib.filters import RangeDateFilter
from medcrm.workspace import searching
from tests.e2e import scenes
from tests.e2e.screens import SCREENS, Screen, a_lead
from tests.e2e.stage import give_roles, session_of

BUDGET = 1.3
ROOT = "root"
NOISE = 0.005  # seconds: what differs by less is the same to a person and to this clock
LONGEST = 6.0  # seconds for the visits of one screen; a slow one is visited less often
MEMORY = {  # what was kept is emptied at will
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "KEY_FUNCTION": two_sizes.key}
}


@dataclass(frozen=True)
class Waited:
    """What one screen took with one size: seconds of the first visit, p50 of the later ones, queries of one."""

    first: float
    p50: float
    queries: int


@dataclass(frozen=True)
class Compared:
    """A screen with few leads and with many; for a list also the p50 of a full page with many, and its rows."""

    few: Waited
    many: Waited
    full: float | None = None
    rows: int = 0

    @property
    def ratio(self) -> float:
        return self.many.p50 / self.few.p50

    @property
    def is_kept(self) -> bool:
        is_slower = self.ratio > BUDGET and self.many.p50 - self.few.p50 > NOISE
        return self.many.queries == self.few.queries and not is_slower


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--few", type=int, default=1_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--visits", type=int, default=15)
    parser.add_argument("--only", nargs="*", default=["*"], help="the screens of these names")
    parser.add_argument("--filters", action="store_true", help="the lists under each value of their filters instead")
    parser.add_argument("--keep", action="store_true", help="leave the databases, or use those left")
    options = parser.parse_args()
    logging.disable(logging.INFO)  # a line per request
    sizes = TwoSizes()
    with tempfile.TemporaryDirectory() as folder, override_settings(
        CACHES=MEMORY, MFA_REQUIRED=False, STORAGES=scenes.kept_in(Path(folder))
    ):  # fmt: skip
        call_command("collectstatic", interactive=False, verbosity=0)
        try:
            if not (options.keep and sizes.stand()):
                multiplied = Multiplied()
                sizes.build(lambda: make(multiplied, options.few), lambda: grow(multiplied, options.many))
            for size in SIZES:
                with sizes.at(size):
                    look_ahead(size)
            report(measure(sizes, options), options)
        finally:
            if not options.keep:
                sizes.drop()


def make(multiplied: Multiplied, leads: int) -> None:
    now = timezone.now()
    reference.load(at=now - timedelta(days=4))
    give_roles()
    demo_data.make(at=now)
    scenes.make(at=now, send=scenes.sender(at=now))
    get_user_model().objects.create_superuser(ROOT, f"{ROOT}@example.org")
    for screen, path in every_path(["*"]).items():
        visit(signed_in(screen.username), path)  # so that the access log has rows to multiply
    multiplied.set_aside()
    grow(multiplied, leads)


def grow(multiplied: Multiplied, leads: int) -> None:
    began = time.perf_counter()
    written = multiplied.grow(leads)
    print(f"{Lead.objects.count():,} leads, {written:,} rows copied in {time.perf_counter() - began:.0f} s", flush=True)


def look_ahead(size: str) -> None:
    """Ask again what is previewed on some screen, and say how long a worker takes."""
    for preview in Preview.objects.order_by("pk"):
        Preview.objects.filter(pk=preview.pk).update(found_at=None, begun_at=None)
        began = time.perf_counter()
        previews.look_ahead(clock=timezone.now)
        print(f"{preview} with {size} leads: {ms(time.perf_counter() - began)}", flush=True)


def every_path(patterns: Sequence[str]) -> dict[Screen, str]:
    """The screens of these names, and where each is."""
    wanted = [*SCREENS, *other_lists(), *searches()]
    return {s: s.path() for s in wanted if any(fnmatch(s.name, pattern) for pattern in patterns)}


def measure(sizes: TwoSizes, options: argparse.Namespace) -> dict[Screen, Compared]:
    with sizes.at(FEW):
        paths = every_path(options.only)
        if options.filters:
            paths = {screen: path for plain, told in paths.items() for screen, path in narrowed(plain, told)}
    clients: dict[str, dict[str, Client]] = {}
    for size in SIZES:
        with sizes.at(size):
            clients[size] = {name: signed_in(name) for name in sorted({screen.username for screen in paths})}
    return {
        screen: compare(sizes, path, {size: clients[size][screen.username] for size in SIZES}, options.visits)
        for screen, path in paths.items()
    }


def other_lists() -> list[Screen]:
    """The lists of the admin that are no screen of a role's day, seen by one who may see all."""
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
        Screen("choice-of-lead", "compliance", lambda: f"{reverse('admin:autocomplete')}?{urlencode(asked)}"),
    ]


def compare(sizes: TwoSizes, path: str, clients: Mapping[str, Client], visits: int) -> Compared:
    """Visit it with empty caches, then in turn with few and many again and again, a list with the rows of the few."""
    cache.clear()
    firsts, pages = {}, {}
    for size in SIZES:
        with sizes.at(size):
            answer, firsts[size], _queries = visit(clients[size], path)
            pages[size] = Rows.of(answer)
    rows, full = pages[FEW], None
    if rows.count != pages[MANY].count:
        with sizes.at(MANY):
            full = statistics.median(again(clients[MANY], path, visits))
    with rows.at_most():
        waited = in_turn(sizes, path, clients, visits)
    return Compared(*(Waited(firsts[size], *waited[size]) for size in SIZES), full, rows.count)


def again(client: Client, path: str, visits: int) -> list[float]:
    return [visit(client, path)[1] for _number in range(visits)]


def in_turn(
    sizes: TwoSizes, path: str, clients: Mapping[str, Client], visits: int
) -> dict[str, tuple[float, int]]:  # fmt: skip
    """p50 and queries by size; who is first changes from turn to turn."""
    taken: dict[str, list[float]] = {size: [] for size in SIZES}
    queries: dict[str, int] = {}
    while len(taken[FEW]) < visits and (len(taken[FEW]) < 3 or sum(map(sum, taken.values())) < LONGEST):
        for size in SIZES if len(taken[FEW]) % 2 else reversed(SIZES):
            with sizes.at(size):
                _answer, spent, queries[size] = visit(clients[size], path)
                taken[size].append(spent)
    return {size: (statistics.median(spent), queries[size]) for size, spent in taken.items()}


@dataclass(frozen=True)
class Rows:
    """How many rows a list or a search has drawn, and whose attribute says how many it draws at most."""

    count: int = 0
    page: object = None
    limit: str = ""

    @classmethod
    def of(cls, answer: HttpResponse) -> Rows:
        shown = getattr(answer, "context_data", None) or {}
        if "cl" in shown:
            return cls(len(shown["cl"].result_list), shown["cl"].model_admin, "list_per_page")
        if "results" in shown:
            return cls(len(shown["results"].object_list), searching, "SHOWN")
        return cls()

    def at_most(self) -> AbstractContextManager:
        """Draw no more rows than these meanwhile."""
        return patch.object(self.page, self.limit, max(self.count, 1)) if self.page else nullcontext()


def signed_in(username: str) -> Client:
    client = Client(SERVER_NAME="localhost")
    if username:
        client.cookies["sessionid"] = session_of(username)
    return client


def visit(client: Client, path: str) -> tuple[HttpResponse, float, int]:
    counted = Counted()
    with connection.execute_wrapper(counted):
        began = time.perf_counter()
        answer = client.get(path, secure=True)
        spent = time.perf_counter() - began
    if answer.status_code != HTTPStatus.OK:
        raise SystemExit(f"{path} answers {answer.status_code}, so nobody sees this screen.")
    return answer, spent, counted.queries


def report(compared: Mapping[Screen, Compared], options: argparse.Namespace) -> None:
    """One line per screen, those that miss the budget first."""
    few, many = f"p50 {options.few:,}", f"p50 {options.many:,}"
    print(f"\n| screen | as | queries | {few} | {many} | ratio | rows | full page | first {options.many:,} |")
    print("|---|---|---|---|---|---|---|---|---|")
    for screen, found in sorted(compared.items(), key=lambda pair: (pair[1].is_kept, -pair[1].ratio)):
        asked = dict.fromkeys((found.few.queries, found.many.queries))
        ratio = f"{found.ratio:.2f}" if found.is_kept else f"**{found.ratio:.2f}**"
        rows, full = (found.rows, ms(found.full)) if found.full else ("", "")
        cells = [ms(found.few.p50), ms(found.many.p50), ratio, rows, full, ms(found.many.first)]
        print(f"| {screen.name} | {screen.username} | {' → '.join(map(str, asked))} | {' | '.join(map(str, cells))} |")
    ratios = [found.ratio for found in compared.values()]
    missed = sum(not found.is_kept for found in compared.values())
    print(f"\n{len(ratios)} screens, {missed} beyond the budget of {BUDGET} × and the same queries; ", end="")
    print(f"ratio: median {statistics.median(ratios):.2f}, greatest {max(ratios):.2f}.")


def ms(seconds: float) -> str:
    return f"{1000 * seconds:,.0f} ms"


if __name__ == "__main__":
    main()
